#include "tm.h"
/* begin */
/* Each pixel becomes a square of `factor` by `factor` pixels. */
TM_KERNEL void tm_upsample(const float *x, float *y, int in_width, int channels, int out_height, int out_width,
        int factor)
{
    int row, column, c;
    for (row = 0; row < out_height; row++) {
        for (column = 0; column < out_width; column++) {
            const float *pixel = x + (row / factor * in_width + column / factor) * channels;
            for (c = 0; c < channels; c++) {
                *y++ = pixel[c];
            }
        }
    }
}
/* end */
