#include "tm.h"
/* begin */
/* y = function(scale * x + shift) with a scale and a shift for each channel; y may be x. */
TM_KERNEL void tm_scale_shift(const float *x, float *y, int in_size, int channels, const float *scale,
        const float *shift, tm_function function)
{
    int i, c;
    for (i = 0; i < in_size; i += channels) {
        for (c = 0; c < channels; c++) {
            y[i + c] = function(x[i + c] * scale[c] + shift[c]);
        }
    }
}
