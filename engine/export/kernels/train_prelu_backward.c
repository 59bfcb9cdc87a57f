#include "tm.h"
/* begin */
/* A step of each channel's slope against its gradient; the gradient of x is written to dx, which may be dy, unless
   that is null. */
TM_KERNEL void tm_train_prelu_backward(const float *x, float *dx, const float *dy, int in_size, int channels,
        float *slope, float rate)
{
    int c, i;
    for (c = 0; c < channels; c++) {
        float along = 0.0f;
        for (i = c; i < in_size; i += channels) {
            const float gradient = dy[i];
            along += x[i] > 0.0f ? 0.0f : gradient * x[i];
            if (dx) {
                dx[i] = x[i] > 0.0f ? gradient : gradient * slope[c];
            }
        }
        slope[c] -= rate * along;
    }
}
/* end */
