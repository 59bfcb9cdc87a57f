#include "tm_s8.h"

#include "dot_small_s8.c"
#include "requantize_s8.c"
/* begin */
/* The sum of one filter at one place of the image. What is outside of it stands for 0, so only the part inside is
   read: the rest of a row of the window is one run of numbers, in the image and among the weights. */
TM_KERNEL int32_t tm_window_small(const uint8_t *x, int in_height, int in_width, int in_channels, int row, int column,
        int kernel, int in_flip, int in_zero, const int8_t *weight)
{
    const int first = column < 0 ? -column : 0;
    const int last = column + kernel > in_width ? in_width - column : kernel;
    int32_t sum = 0;
    int a;
    for (a = 0; a < kernel; a++) {
        if (row + a >= 0 && row + a < in_height && first < last) {
            sum = tm_dot_small(sum, x + ((row + a) * in_width + column + first) * in_channels,
                    weight + (a * kernel + first) * in_channels, (last - first) * in_channels, in_flip, in_zero);
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
                for (a = i; a < i + pool * stride; a += stride) {
                    for (b = j; b < j + pool * stride; b += stride) {
                        const int32_t sum = tm_window_small(x, in_height, in_width, in_channels, a, b, kernel, in_flip,
                                in_zero, weight + o * kernel * kernel * in_channels);
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
