#include "tm_s8.h"
/* begin */
/* The largest number of each square. */
TM_KERNEL void tm_max_pool_s8(const uint8_t *x, uint8_t *y, int in_width, int channels, int out_height, int out_width,
        int size, int in_flip)
{
    int i, j, a, b, c;
    for (i = 0; i < out_height; i++) {
        for (j = 0; j < out_width; j++) {
            const uint8_t *const square = x + (i * in_width + j) * size * channels;
            for (c = 0; c < channels; c++) {
                uint8_t best = 0;
                for (a = 0; a < size; a++) {
                    for (b = 0; b < size; b++) {
                        const uint8_t value = (uint8_t)(square[(a * in_width + b) * channels + c] ^ in_flip);
                        best = value > best ? value : best;
                    }
                }
                *y++ = best;
            }
        }
    }
}
/* end */
