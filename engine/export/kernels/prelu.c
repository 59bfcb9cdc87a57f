#include "tm.h"
/* begin */
/* y = x where x is positive, slope * x elsewhere, with a slope for each channel; y may be x. */
TM_KERNEL void tm_prelu(const float *x, float *y, int in_size, int channels, const float *slope)
{
    int i, c;
    for (i = 0; i < in_size; i += channels) {
        for (c = 0; c < channels; c++) {
            y[i + c] = x[i + c] > 0.0f ? x[i + c] : x[i + c] * slope[c];
        }
    }
}
/* end */
