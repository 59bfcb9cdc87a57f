#include "tm_s8.h"
/* begin */
/* Each pixel becomes a square of `factor` by `factor` pixels. */
TM_KERNEL void tm_upsample_s8(const uint8_t *x, uint8_t *y, int in_width, int channels, int out_height, int out_width,
        int factor, int in_flip)
{
    int row, column, c;
    for (row = 0; row < out_height; row++) {
        for (column = 0; column < out_width; column++) {
            const uint8_t *pixel = x + (row / factor * in_width + column / factor) * channels;
            for (c = 0; c < channels; c++) {
                *y++ = (uint8_t)(pixel[c] ^ in_flip);
            }
        }
    }
}
/* end */
