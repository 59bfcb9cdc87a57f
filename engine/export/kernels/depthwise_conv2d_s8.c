#include "tm_s8.h"

#include "requantize_s8.c"
/* begin */
/* Each channel with a filter of its own. */
TM_KERNEL void tm_depthwise_conv2d_s8(const uint8_t *x, uint8_t *y, int in_height, int in_width, int channels,
        int out_height, int out_width, int kernel, int stride, int top, int left, int in_flip, int in_zero,
        const int8_t *weight, const int32_t *bias, const int32_t *multiplier, const uint8_t *shift, int zero, int low,
        int high, const uint8_t *table)
{
    int i, j, a, b, c;
    for (i = 0; i < out_height; i++) {
        for (j = 0; j < out_width; j++) {
            for (c = 0; c < channels; c++) {
                int32_t sum = TM_GET_S32(bias + c);
                uint8_t q;
                for (a = 0; a < kernel; a++) {
                    for (b = 0; b < kernel; b++) {
                        const int h = i * stride - top + a, w = j * stride - left + b;
                        if (h >= 0 && h < in_height && w >= 0 && w < in_width) {
                            sum += (int32_t)((x[(h * in_width + w) * channels + c] ^ in_flip) - in_zero)
                                    * TM_GET_S8(weight + (a * kernel + b) * channels + c);
                        }
                    }
                }
                q = tm_requantize(sum, TM_GET_S32(multiplier + c), TM_GET_U8(shift + c), zero, low, high);
                *y++ = table ? TM_GET_U8(table + q) : q;
            }
        }
    }
}
/* end */
