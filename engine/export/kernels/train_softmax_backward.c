#include "tm.h"
/* begin */
/* dx = (dy - sum of dy y) y over the channels of each pixel; dx may be dy. */
TM_KERNEL void tm_train_softmax_backward(const float *y, float *dx, const float *dy, int in_size, int channels)
{
    int i, c;
    for (i = 0; i < in_size; i += channels) {
        float sum = 0.0f;
        for (c = 0; c < channels; c++) {
            sum += dy[i + c] * y[i + c];
        }
        for (c = 0; c < channels; c++) {
            dx[i + c] = (dy[i + c] - sum) * y[i + c];
        }
    }
}
