#include "tm_s8.h"

#include "requantize_s8.c"
/* begin */
/* The mean of each channel, whose sum is requantized; `scaling` holds the multiplier and the shift less one. */
TM_KERNEL void tm_mean_s8(const uint8_t *x, uint8_t *y, int in_size, int channels, int in_flip, int in_zero, int zero,
        int low, int high, const int32_t *scaling)
{
    const int32_t multiplier = TM_GET_S32(scaling);
    const int shift = (int)TM_GET_S32(scaling + 1);
    int i, c;
    for (c = 0; c < channels; c++) {
        int32_t sum = 0;
        for (i = c; i < in_size; i += channels) {
            sum += (int32_t)(x[i] ^ in_flip) - in_zero;
        }
        y[c] = tm_requantize(sum, multiplier, shift, zero, low, high);
    }
}
/* end */
