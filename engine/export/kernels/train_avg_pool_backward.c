#include "tm.h"
/* begin */
/* The gradient of each rectangle is shared out among its pixels. */
TM_KERNEL void tm_train_avg_pool_backward(float *dx, const float *dy, int in_size, int in_width, int channels,
        int out_height, int out_width, int window_height, int window_width)
{
    const float share = 1.0f / (float)(window_height * window_width);
    int row, column, i, j, c;
    for (i = 0; i < in_size; i++) {
        dx[i] = 0.0f;
    }
    for (row = 0; row < out_height; row++) {
        for (column = 0; column < out_width; column++, dy += channels) {
            float *pixel = dx + (row * window_height * in_width + column * window_width) * channels;
            for (i = 0; i < window_height; i++, pixel += (in_width - window_width) * channels) {
                for (j = 0; j < window_width; j++, pixel += channels) {
                    for (c = 0; c < channels; c++) {
                        pixel[c] = dy[c] * share;
                    }
                }
            }
        }
    }
}
