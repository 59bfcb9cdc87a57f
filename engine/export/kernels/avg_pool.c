#include "tm.h"
/* begin */
/* The mean of each rectangle of pixels, channel by channel. y may be x: each rectangle is read before its place is
   written, and what is written has been read. */
TM_KERNEL void tm_avg_pool(const float *x, float *y, int in_width, int channels, int out_height, int out_width,
        int window_height, int window_width)
{
    const float share = 1.0f / (float)(window_height * window_width);
    int row, column, i, j, c;
    for (row = 0; row < out_height; row++) {
        for (column = 0; column < out_width; column++) {
            const float *corner = x + (row * window_height * in_width + column * window_width) * channels;
            for (c = 0; c < channels; c++, corner++) {
                const float *pixel = corner;
                float sum = 0.0f;
                for (i = 0; i < window_height; i++, pixel += (in_width - window_width) * channels) {
                    for (j = 0; j < window_width; j++, pixel += channels) {
                        sum += *pixel;
                    }
                }
                *y++ = sum * share;
            }
        }
    }
}
