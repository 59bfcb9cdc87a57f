#include "tm.h"
/* begin */
/* A step of each channel's scale and shift against their gradient; the gradient of x is written to dx, which may be
   dy, unless that is null. */
TM_KERNEL void tm_train_scale_shift_backward(const float *x, float *dx, const float *dy, int in_size, int channels,
        float *scale, float *shift, float rate)
{
    int c, i;
    for (c = 0; c < channels; c++) {
        float along = 0.0f, level = 0.0f;
        for (i = c; i < in_size; i += channels) {
            along += dy[i] * x[i];
            level += dy[i];
            if (dx) {
                dx[i] = dy[i] * scale[c];
            }
        }
        scale[c] -= rate * along;
        shift[c] -= rate * level;
    }
}
