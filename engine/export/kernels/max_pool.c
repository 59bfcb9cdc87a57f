#include "tm.h"
/* begin */
/* The largest number of each square of pixels, channel by channel. y may be x: each square is read before its place is
   written, and what is written has been read. */
TM_KERNEL void tm_max_pool(const float *x, float *y, int in_width, int channels, int out_height, int out_width,
        int size)
{
    int row, column, i, j, c;
    for (row = 0; row < out_height; row++) {
        for (column = 0; column < out_width; column++) {
            const float *corner = x + (row * size * in_width + column * size) * channels;
            for (c = 0; c < channels; c++, corner++) {
                const float *pixel = corner;
                float best = *corner;
                for (i = 0; i < size; i++, pixel += (in_width - size) * channels) {
                    for (j = 0; j < size; j++, pixel += channels) {
                        best = *pixel > best ? *pixel : best;
                    }
                }
                *y++ = best;
            }
        }
    }
}
