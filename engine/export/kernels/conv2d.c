#include "tm.h"

#include "dot.c"
/* begin */
/* Adds to `rows` sums (4 or 1) the window whose corner is at (row, column) of the image. What lies outside is
   zero and skipped; a window's row is contiguous in the image and in the weights. */
TM_KERNEL void tm_conv2d_window(float *sum, int rows, const float *x, const float *weight, int row, int column,
        int in_height, int in_width, int in_channels, int kernel)
{
    const int top = row < 0 ? -row : 0, bottom = in_height - row < kernel ? in_height - row : kernel;
    const int left = column < 0 ? -column : 0, right = in_width - column < kernel ? in_width - column : kernel;
    int i;
    for (i = top; i < bottom; i++) {
        const float *pixels = x + ((row + i) * in_width + column + left) * in_channels;
        const float *w = weight + (i * kernel + left) * in_channels * rows;
        if (rows == 4) {
            tm_dot4(sum, pixels, w, (right - left) * in_channels);
        } else {
            tm_dot1(sum, pixels, w, (right - left) * in_channels);
        }
    }
}

/* One pixel of `rows` output channels: the largest of pool * pool windows, then bias and function. */
TM_KERNEL void tm_conv2d_pixel(float *y, int rows, const float *x, const float *weight, const float *bias,
        tm_function function, int row, int column, int in_height, int in_width,
        int in_channels, int kernel, int stride, int pool)
{
    float best[4] = {0.0f, 0.0f, 0.0f, 0.0f};
    int i, j, k;
    for (i = 0; i < pool; i++) {
        for (j = 0; j < pool; j++) {
            float sum[4] = {0.0f, 0.0f, 0.0f, 0.0f};
            tm_conv2d_window(sum, rows, x, weight, row + i * stride, column + j * stride, in_height, in_width,
                    in_channels, kernel);
            for (k = 0; k < rows; k++) {
                best[k] = (i == 0 && j == 0) || sum[k] > best[k] ? sum[k] : best[k];
            }
        }
    }
    for (k = 0; k < rows; k++) {
        y[k] = function(best[k] + bias[k]);
    }
}

/* Convolution, max pooling (pool = 1: none), bias and function in one pass: the full feature map never exists. */
TM_KERNEL void tm_conv2d(const float *x, float *y, int in_height, int in_width, int in_channels, int out_height,
        int out_width, int out_channels, int kernel, int stride, int top, int left, int pool,
        const float *weight, const float *bias, tm_function function)
{
    const int taps = kernel * kernel * in_channels, in_fours = out_channels / 4 * 4;
    int i, j, k;
    for (i = 0; i < out_height; i++) {
        for (j = 0; j < out_width; j++, y += out_channels) {
            const int row = i * pool * stride - top, column = j * pool * stride - left;
            for (k = 0; k < in_fours; k += 4) {
                tm_conv2d_pixel(y + k, 4, x, weight + k * taps, bias + k, function, row, column, in_height,
                        in_width, in_channels, kernel, stride, pool);
            }
            for (k = in_fours; k < out_channels; k++) {
                tm_conv2d_pixel(y + k, 1, x, weight + k * taps, bias + k, function, row, column, in_height,
                        in_width, in_channels, kernel, stride, pool);
            }
        }
    }
}
