#include "tm.h"
/* begin */
/* The largest number of each square of pixels, channel by channel. */
TM_KERNEL void tm_max_pool(const float *x, float *y, int in_width, int channels, int out_height, int out_width,
        int size)
{
    int row, column, i, c;
    for (row = 0; row < out_height; row++) {
        for (column = 0; column < out_width; column++, y += channels) {
            const float *corner = x + (row * size * in_width + column * size) * channels;
            for (c = 0; c < channels; c++) {
                y[c] = corner[c];
            }
            for (i = 1; i < size * size; i++) {
                const float *pixel = corner + (i / size * in_width + i % size) * channels;
                for (c = 0; c < channels; c++) {
                    y[c] = pixel[c] > y[c] ? pixel[c] : y[c];
                }
            }
        }
    }
}
