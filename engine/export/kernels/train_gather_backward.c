#include "tm.h"
/* begin */
/* Each number's gradient goes back to where the number came from. */
TM_KERNEL void tm_train_gather_backward(float *dx, const float *dy, int out_size, const int32_t *order)
{
    int i;
    for (i = 0; i < out_size; i++) {
        dx[order[i]] = dy[i];
    }
}
