#include "tm.h"
/* begin */
/* The gradient of what was kept, scaled alike; dx may be dy. */
TM_KERNEL void tm_train_dropout_backward(float *dx, const float *dy, int in_size, int32_t threshold, const uint8_t *kept)
{
    const float scale = 16777216.0f / (float)(16777216 - threshold);
    int i;
    for (i = 0; i < in_size; i++) {
        dx[i] = kept[i] ? dy[i] * scale : 0.0f;
    }
}
