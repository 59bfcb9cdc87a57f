#include "tm.h"

#include "exp.c"
/* begin */
/* Softmax over the channels of each pixel; y may be x. */
TM_KERNEL void tm_softmax(const float *x, float *y, int in_size, int channels)
{
    int i, c;
#if defined(__clang__)
#pragma clang loop vectorize(disable) /* clang 14 -O3 gets several pixels at once wrong */
#endif
    for (i = 0; i < in_size; i += channels) {
        float largest = x[i], total = 0.0f;
        for (c = 1; c < channels; c++) {
            largest = x[i + c] > largest ? x[i + c] : largest;
        }
        for (c = 0; c < channels; c++) {
            y[i + c] = tm_exp(x[i + c] - largest);
            total += y[i + c];
        }
        for (c = 0; c < channels; c++) {
            y[i + c] /= total;
        }
    }
}
