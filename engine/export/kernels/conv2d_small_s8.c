#include "tm_s8.h"

#include "requantize_s8.c"
/* begin */
/* The sum of one filter at one place of the image; what is outside stands for 0. */
TM_KERNEL int32_t tm_window_small_s8(const uint8_t *x, int in_height, int in_width, int in_channels, int row,
        int column, int kernel, int in_flip, int in_zero, const int8_t *weight)
{
    int32_t sum = 0;
    int a, b, c;
    for (a = row; a < row + kernel; a++) {
        for (b = column; b < column + kernel; b++) {
            if (a >= 0 && a < in_height && b >= 0 && b < in_width) {
                const uint8_t *const pixel = x + (a * in_width + b) * in_channels;
                for (c = 0; c < in_channels; c++) {
                    sum += ((pixel[c] ^ in_flip) - in_zero) * TM_GET_S8(weight + c); /* within 16 bits */
                }
            }
            weight += in_channels;
        }
    }
    return sum;
}

/* Convolution in the fewest bytes of code and weights; of every square of side `pool` the largest sum is taken. */
TM_KERNEL void tm_conv2d_small_s8(const uint8_t *x, uint8_t *y, int in_height, int in_width, int in_channels,
        int out_height, int out_width, int out_channels, int kernel, int stride, int top, int left, int pool, int in_flip,
        int in_zero, const int8_t *weight, const int32_t *bias, const int32_t *multiplier, const uint8_t *shift, int zero,
        int low, int high, const uint8_t *table)
{
    int i, j, o, a, b;
    for (i = -top; i < out_height * pool * stride - top; i += pool * stride) {
        for (j = -left; j < out_width * pool * stride - left; j += pool * stride) {
            for (o = 0; o < out_channels; o++) {
                int32_t best = INT32_MIN;
                uint8_t q;
                for (a = 0; a < pool; a++) {
                    for (b = 0; b < pool; b++) {
                        const int32_t sum = tm_window_small_s8(x, in_height, in_width, in_channels, i + a * stride,
                                j + b * stride, kernel, in_flip, in_zero, weight + o * kernel * kernel * in_channels);
                        best = sum > best ? sum : best;
                    }
                }
                q = tm_requantize(best + TM_GET_S32(bias + o), TM_GET_S32(multiplier + o), TM_GET_U8(shift + o), zero, low,
                        high);
                *y++ = table ? TM_GET_U8(table + q) : q;
            }
        }
    }
}
/* end */
