#include "tm_s8.h"

#include "requantize_s8.c"
/* begin */
/* The sum of one filter at one place of the image. */
TM_KERNEL int32_t tm_window_s8(const uint8_t *x, int in_height, int in_width, int in_channels, int row, int column,
        int kernel, int in_flip, int in_zero, const int8_t *weight)
{
    int32_t sum = 0;
    int a, b, c;
    for (a = 0; a < kernel; a++) {
        for (b = 0; b < kernel; b++, weight += in_channels) {
            const int h = row + a, w = column + b;
            if (h >= 0 && h < in_height && w >= 0 && w < in_width) {
                const uint8_t *pixel = x + (h * in_width + w) * in_channels;
                for (c = 0; c < in_channels; c++) {
                    sum += (int32_t)((pixel[c] ^ in_flip) - in_zero) * TM_GET_S8(weight + c);
                }
            }
        }
    }
    return sum;
}

/* Convolution; of every square of side `pool` the largest sum is taken. */
TM_KERNEL void tm_conv2d_s8(const uint8_t *x, uint8_t *y, int in_height, int in_width, int in_channels, int out_height,
        int out_width, int out_channels, int kernel, int stride, int top, int left, int pool, int in_flip, int in_zero,
        const int8_t *weight, const int32_t *bias, const int32_t *multiplier, const uint8_t *shift, int zero, int low,
        int high, const uint8_t *table)
{
    int i, j, o, p;
    for (i = 0; i < out_height; i++) {
        for (j = 0; j < out_width; j++) {
            for (o = 0; o < out_channels; o++) {
                int32_t best = INT32_MIN;
                uint8_t q;
                for (p = 0; p < pool * pool; p++) {
                    const int row = (i * pool + p / pool) * stride - top, column = (j * pool + p % pool) * stride - left;
                    const int32_t sum = tm_window_s8(x, in_height, in_width, in_channels, row, column, kernel, in_flip,
                            in_zero, weight + o * kernel * kernel * in_channels);
                    best = sum > best ? sum : best;
                }
                q = tm_requantize(best + TM_GET_S32(bias + o), TM_GET_S32(multiplier + o), TM_GET_U8(shift + o), zero,
                        low, high);
                *y++ = table ? TM_GET_U8(table + q) : q;
            }
        }
    }
}
/* end */
