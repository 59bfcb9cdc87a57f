#include "tm_s8.h"

#include "lines_s8.c"
#include "requantize_s8.c"
/* begin */
#if defined(__GNUC__) && !defined(__clang__) && __GNUC__ >= 8 && defined(__OPTIMIZE__) && !defined(__OPTIMIZE_SIZE__)
#define TM_UNROLLED _Pragma("GCC unroll 8")
#else
#define TM_UNROLLED
#endif

#if TM_DSP
/* Bytes 0 and 2, or 1 and 3, as two numbers of 16 bits; the product of the upper ones of such pairs. */
#define TM_PAIR(extend, turn, result, bytes) __asm__(extend " %0, %1" turn : "=r"(result) : "r"(bytes))
#define TM_UPPER(sum, a, b) __asm__("smlatt %0, %1, %2, %0" : "+r"(sum) : "r"(a), "r"(b))
#endif

/* Four sums of as many channels. */
typedef struct {
    int32_t a, b, c, d;
} tm_four_sums;

/* Adds one pixel's four channels, each times its weight. */
TM_KERNEL void tm_depthwise_tap(tm_four_sums *sums, const uint8_t *x, const int8_t *weight, int in_flip)
{
#if TM_DSP
    const uint32_t four = tm_load_four(x) ^ (uint32_t)in_flip * 0x01010101u;
    const uint32_t weights = tm_load_four((const uint8_t *)weight);
    uint32_t even, odd, even_weights, odd_weights;
    TM_PAIR("uxtb16", "", even, four);
    TM_PAIR("uxtb16", ", ror #8", odd, four);
    TM_PAIR("sxtb16", "", even_weights, weights);
    TM_PAIR("sxtb16", ", ror #8", odd_weights, weights);
    sums->a += (int16_t)even * (int16_t)even_weights;
    sums->b += (int16_t)odd * (int16_t)odd_weights;
    TM_UPPER(sums->c, even, even_weights);
    TM_UPPER(sums->d, odd, odd_weights);
#else
    sums->a += (x[0] ^ in_flip) * TM_GET_S8(weight); /* within 16 bits, an int on every chip */
    sums->b += (x[1] ^ in_flip) * TM_GET_S8(weight + 1);
    sums->c += (x[2] ^ in_flip) * TM_GET_S8(weight + 2);
    sums->d += (x[3] ^ in_flip) * TM_GET_S8(weight + 3);
#endif
}

/* A byte of the output; `scaling` is multiplier and shift. */
TM_KERNEL uint8_t tm_depthwise_scaled(int32_t sum, const int32_t *scaling, int zero, int low, int high,
        const uint8_t *table)
{
    const uint8_t q = tm_requantize(sum, TM_GET_S32(scaling), (int)TM_GET_S32(scaling + 1), zero, low, high);
    return table ? TM_GET_U8(table + q) : q;
}

/* All channels of one pixel. The window's rows stand in a ring of `kernel` lines, the first one at line `first`. */
TM_KERNEL void tm_depthwise_pixel(const uint8_t *x, uint8_t *y, int channels, int kernel, int line_bytes, int first,
        int in_flip, const int8_t *weight, const int32_t *scaling, int zero, int low, int high, const uint8_t *table)
{
    int a, b, c;
    for (c = 0; c + 4 <= channels; c += 4, scaling += 12) {
        tm_four_sums sums;
        int line = first;
        sums.a = TM_GET_S32(scaling);
        sums.b = TM_GET_S32(scaling + 1);
        sums.c = TM_GET_S32(scaling + 2);
        sums.d = TM_GET_S32(scaling + 3);
        for (a = 0; a < kernel; a++) {
            const uint8_t *pixel = x + line * line_bytes + c;
            TM_UNROLLED
            for (b = 0; b < kernel; b++, pixel += channels, weight += 4) {
                tm_depthwise_tap(&sums, pixel, weight, in_flip);
            }
            line = line + 1 < kernel ? line + 1 : 0;
        }
        y[c] = tm_depthwise_scaled(sums.a, scaling + 4, zero, low, high, table);
        y[c + 1] = tm_depthwise_scaled(sums.b, scaling + 6, zero, low, high, table);
        y[c + 2] = tm_depthwise_scaled(sums.c, scaling + 8, zero, low, high, table);
        y[c + 3] = tm_depthwise_scaled(sums.d, scaling + 10, zero, low, high, table);
    }
    for (; c < channels; c++, scaling += 3) {
        int32_t sum = TM_GET_S32(scaling);
        int line = first;
        for (a = 0; a < kernel; a++) {
            const uint8_t *pixel = x + line * line_bytes + c;
            for (b = 0; b < kernel; b++, pixel += channels, weight++) {
                sum += (*pixel ^ in_flip) * TM_GET_S8(weight);
            }
            line = line + 1 < kernel ? line + 1 : 0;
        }
        y[c] = tm_depthwise_scaled(sum, scaling + 1, zero, low, high, table);
    }
}

/* Each channel with a filter of its own. With `lines` the rows of the image are first copied into a ring of lines
   with all padding, so that the output may take the place of the input; without, nothing is padded. */
TM_KERNEL void tm_depthwise_conv2d_s8(const uint8_t *x, uint8_t *y, uint8_t *scratch, int in_height, int in_width,
        int channels, int out_height, int out_width, int kernel, int stride, int top, int left, int width, int lines,
        int in_flip, int in_zero, const int8_t *weight, const int32_t *scaling, int zero, int low, int high,
        const uint8_t *table)
{
    const int line_bytes = (lines ? width : in_width) * channels, flip = lines ? 0 : in_flip;
    int i, j, row = 0, first = 0; /* the next row to copy, of the padded image; the window's first line */
    for (i = 0; i < out_height; i++) {
        const uint8_t *column = lines ? scratch : x + i * stride * line_bytes;
        for (; lines && row < i * stride + kernel; row++) {
            if (row >= i * stride) {
                tm_line_s8(x, scratch + row % kernel * line_bytes, row - top, in_height, in_width, channels, left, width,
                        in_flip, in_zero);
            }
        }
        first = lines ? i * stride % kernel : 0;
        for (j = 0; j < out_width; j++, column += stride * channels, y += channels) {
            tm_depthwise_pixel(column, y, channels, kernel, line_bytes, first, flip, weight, scaling, zero, low, high,
                    table);
        }
    }
}
/* end */
