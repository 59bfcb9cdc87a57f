#include "tm.h"

#include "train_dot.c"
/* begin */
/* One filter on the window whose corner is at (row, column). What lies outside is zero and skipped; a window's
   row is contiguous in the image and in the filter. */
TM_KERNEL float tm_train_window(const float *x, const float *filter, int row, int column, int in_height, int in_width,
        int in_channels, int kernel)
{
    const int top = row < 0 ? -row : 0, bottom = in_height - row < kernel ? in_height - row : kernel;
    const int left = column < 0 ? -column : 0, right = in_width - column < kernel ? in_width - column : kernel;
    float sum = 0.0f;
    int i;
    for (i = top; i < bottom; i++) {
        sum += tm_train_dot(x + ((row + i) * in_width + column + left) * in_channels,
                filter + (i * kernel + left) * in_channels, (right - left) * in_channels);
    }
    return sum;
}

/* Convolution, max pooling (pool = 1: none), bias and function in one pass; `kept` remembers which window of each
   square was the largest, column * pool + row, unless it is null. */
TM_KERNEL void tm_train_conv2d(const float *x, float *y, int in_height, int in_width, int in_channels, int out_height,
        int out_width, int out_channels, int kernel, int stride, int top, int left, int pool, uint8_t *kept,
        const float *weight, const float *bias, tm_function function)
{
    const int taps = kernel * kernel * in_channels;
    int i, j, k, n;
    for (i = 0; i < out_height; i++) {
        for (j = 0; j < out_width; j++, y += out_channels) {
            const int row = i * pool * stride - top, column = j * pool * stride - left;
            for (k = 0; k < out_channels; k++) {
                float best = 0.0f;
                int winner = 0;
                for (n = 0; n < pool * pool; n++) {
                    const float sum = tm_train_window(x, weight + k * taps, row + n % pool * stride,
                            column + n / pool * stride, in_height, in_width, in_channels, kernel);
                    if (n == 0 || sum > best) {
                        best = sum;
                        winner = n;
                    }
                }
                y[k] = function(best + bias[k]);
                if (kept) {
                    *kept++ = (uint8_t)winner;
                }
            }
        }
    }
}
