#include "tm.h"

#include "train_dot.c"
/* begin */
/* Adds to `sum` the products of `filters` filters (4 or 1) with the window whose corner is at (row, column). What lies
   outside is zero and skipped; a window's row is contiguous in the image and in the filters. */
TM_KERNEL void tm_train_window(float *sum, int filters, const float *x, const float *weight, int row, int column,
        int in_height, int in_width, int in_channels, int kernel)
{
    const int top = row < 0 ? -row : 0, bottom = in_height - row < kernel ? in_height - row : kernel;
    const int left = column < 0 ? -column : 0, right = in_width - column < kernel ? in_width - column : kernel;
    int i;
    for (i = top; i < bottom; i++) {
        tm_train_dot(sum, filters, x + ((row + i) * in_width + column + left) * in_channels,
                weight + (i * kernel + left) * in_channels, kernel * kernel * in_channels,
                (right - left) * in_channels);
    }
}

/* One pixel of `filters` channels: the largest of pool * pool windows, then bias and function. `kept` remembers which
   window it was, column * pool + row, unless it is null. */
TM_KERNEL void tm_train_pixel(float *y, int filters, const float *x, const float *weight, const float *bias,
        tm_function function, uint8_t *kept, int row, int column, int in_height, int in_width,
        int in_channels, int kernel, int stride, int pool)
{
    float best[4] = {0.0f, 0.0f, 0.0f, 0.0f};
    int winner[4] = {0, 0, 0, 0};
    int k, n;
    for (n = 0; n < pool * pool; n++) {
        float sum[4] = {0.0f, 0.0f, 0.0f, 0.0f};
        tm_train_window(sum, filters, x, weight, row + n % pool * stride, column + n / pool * stride, in_height,
                in_width, in_channels, kernel);
        for (k = 0; k < filters; k++) {
            if (n == 0 || sum[k] > best[k]) {
                best[k] = sum[k];
                winner[k] = n;
            }
        }
    }
    for (k = 0; k < filters; k++) {
        y[k] = function(best[k] + bias[k]);
        if (kept) {
            kept[k] = (uint8_t)winner[k];
        }
    }
}

/* Convolution, max pooling (pool = 1: none), bias and function in one pass: the full feature map never exists. */
TM_KERNEL void tm_train_conv2d(const float *x, float *y, int in_height, int in_width, int in_channels, int out_height,
        int out_width, int out_channels, int kernel, int stride, int top, int left, int pool, uint8_t *kept,
        const float *weight, const float *bias, tm_function function)
{
    const int taps = kernel * kernel * in_channels, in_fours = out_channels / 4 * 4;
    int i, j, k;
    for (i = 0; i < out_height; i++) {
        for (j = 0; j < out_width; j++, y += out_channels, kept = kept ? kept + out_channels : kept) {
            const int row = i * pool * stride - top, column = j * pool * stride - left;
            for (k = 0; k < in_fours; k += 4) {
                tm_train_pixel(y + k, 4, x, weight + k * taps, bias + k, function, kept ? kept + k : kept, row, column,
                        in_height, in_width, in_channels, kernel, stride, pool);
            }
            for (k = in_fours; k < out_channels; k++) {
                tm_train_pixel(y + k, 1, x, weight + k * taps, bias + k, function, kept ? kept + k : kept, row, column,
                        in_height, in_width, in_channels, kernel, stride, pool);
            }
        }
    }
}
