#include "tm_s8.h"

#include "requantize_s8.c"
/* begin */
/* The distance from zero times a weight, requantized; `scaling` holds for each channel weight, multiplier and shift
   less one, first from zero on, then below it. y may be x. */
TM_KERNEL void tm_prelu_s8(const uint8_t *x, uint8_t *y, int in_size, int channels, int in_flip, int in_zero, int zero,
        int low, int high, const int32_t *scaling)
{
    int i, c;
    for (i = 0; i < in_size; i += channels) {
        for (c = 0; c < channels; c++) {
            const int32_t q = (int32_t)(x[i + c] ^ in_flip) - in_zero;
            const int32_t *const side = scaling + 6 * c + (q < 0 ? 3 : 0);
            y[i + c] = tm_requantize(q * TM_GET_S32(side), TM_GET_S32(side + 1), (int)TM_GET_S32(side + 2), zero, low,
                    high);
        }
    }
}
/* end */
