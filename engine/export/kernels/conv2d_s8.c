#include "tm_s8.h"

#include "conv2d_dot_s8.c"
#include "requantize_s8.c"
/* begin */
/* Convolution over a buffer of int16 in *strips*: column after column of the padded image, of each the `rows` rows
   that one row of windows sees. There the windows of neighbouring places overlap and each of them stands in one
   piece: no copying into columns, one loop for all products. One row of windows further down, all of the buffer
   but one row of each strip is the same again, only shifted by a row: so its start moves on by a row and the new
   row is written over what is no longer needed. Every row of the image is read once, in order.

   A pixel has `depth` numbers there, less the zero point, so that padding is 0; what `rows` and `depth` have more
   than the kernel and the image meets weights of 0. With two `phases` (one input channel, where pairs of numbers
   are pairs of rows) a strip holds the windows of two rows; both filters of a pair are then the same one,
   shifted by a row.

   Pooling: maximum of bytes; rescaling keeps the order. Sums are doubled, by the weights or afterwards. */

/* One pixel: its bytes less the zero point. */
TM_KERNEL void tm_conv2d_pixel(tm_int16 *to, const uint8_t *from, int channels, int in_flip, int in_zero)
{
    int c = 0;
#if TM_DSP
    for (; c + 4 <= channels; c += 4) {
        const uint32_t four = tm_four(from + c) ^ 0x01010101u * (uint32_t)in_flip;
        const uint32_t less = 0x10001u * (uint32_t)(-in_zero & 0xffff);
        const uint32_t even = tm_even_added(less, four), odd = tm_odd_added(less, four);
        tm_word *const pairs = (tm_word *)(void *)(to + c);
        pairs[0] = tm_low_halves(even, odd);
        pairs[1] = tm_high_halves(even, odd);
    }
#endif
    for (; c < channels; c++) {
        to[c] = (int16_t)((from[c] ^ in_flip) - in_zero);
    }
}

/* `count` pixels of padding; returns where the next one stands. */
TM_KERNEL tm_int16 *tm_conv2d_padding(tm_int16 *to, int count, int pitch, int channels)
{
    int c;
    for (; count > 0; count--, to += pitch) {
        for (c = 0; c < channels; c++) {
            to[c] = 0;
        }
    }
    return to;
}

/* One row of the image, or of padding, in all strips; `from` is 0 for padding. */
TM_KERNEL void tm_conv2d_row(tm_int16 *to, const uint8_t *from, int columns, int pitch, int in_width, int in_channels,
        int left, int in_flip, int in_zero)
{
    const int inside = columns - left < in_width ? columns - left : in_width;
    const uint8_t *const end = from ? from + inside * in_channels : from;
    if (!from) {
        tm_conv2d_padding(to, columns, pitch, in_channels);
        return;
    }
    to = tm_conv2d_padding(to, left, pitch, in_channels);
    for (; from != end; from += in_channels, to += pitch) {
        tm_conv2d_pixel(to, from, in_channels, in_flip, in_zero);
    }
    tm_conv2d_padding(to, columns - left - inside, pitch, in_channels);
}

TM_KERNEL int32_t tm_larger(int32_t a, int32_t b)
{
    return a > b ? a : b;
}

TM_KERNEL void tm_merge(uint8_t *y, int32_t q)
{
    *y = (uint8_t)(q > *y ? q : *y);
}

/* The zero of bytes and their limits. */
typedef struct {
    int zero, low, high;
} tm_range;

/* The byte of a sum; `scaling` has by filter twice the bias, the multiplier and the shift less one. */
TM_KERNEL int32_t tm_conv2d_byte(int32_t sum, const int32_t *scaling, const tm_range *r)
{
    return tm_requantize_twice(sum, TM_GET_S32(scaling + 1), (int)TM_GET_S32(scaling + 2), r->zero, r->low, r->high);
}

/* Four sums without pooling: place 1 is `beside` bytes behind place 0, filter or row b is `other` behind a; 0 for
   what there is not. */
TM_KERNEL void tm_conv2d_store(uint8_t *y, const tm_sums *sum, int beside, int other, const int32_t *a,
        const int32_t *b, const tm_range *r)
{
    y[0] = (uint8_t)tm_conv2d_byte(sum->a0, a, r);
    if (beside) {
        y[beside] = (uint8_t)tm_conv2d_byte(sum->a1, a, r);
    }
    if (other) {
        y[other] = (uint8_t)tm_conv2d_byte(sum->b0, b, r);
    }
    if (other && beside) {
        y[other + beside] = (uint8_t)tm_conv2d_byte(sum->b1, b, r);
    }
}

TM_KERNEL void tm_conv2d_pool(uint8_t *y, const tm_sums *sum, int phases, int beside, int other, const int32_t *a,
        const int32_t *b, const tm_range *r)
{
    const int32_t first = beside ? tm_larger(sum->a0, sum->a1) : sum->a0;
    const int32_t second = beside ? tm_larger(sum->b0, sum->b1) : sum->b0;
    if (phases > 1) {
        *y = (uint8_t)tm_conv2d_byte(tm_larger(first, second), a, r);
    } else {
        tm_merge(y, tm_conv2d_byte(first, a, r));
        if (other) {
            tm_merge(y + other, tm_conv2d_byte(second, b, r));
        }
    }
}

/* Four sums with their biases: b's are taken from what `packed` weights gave. */
TM_KERNEL const int16_t *tm_conv2d_sums(tm_sums *sum, const tm_int16 *x, int pitch, const int16_t *weight, int words,
        int packed, int32_t a, int32_t b)
{
    sum->a0 = sum->a1 = packed ? 0 : a;
    sum->b0 = sum->b1 = packed ? 0 : b;
    weight = tm_conv2d_dot(sum, x, pitch, weight, words, packed);
    if (packed) {
        sum->b0 = b + ((int32_t)((uint32_t)sum->b0 - (uint32_t)sum->a0) >> 7);
        sum->b1 = b + ((int32_t)((uint32_t)sum->b1 - (uint32_t)sum->a1) >> 7);
        sum->a0 = a + 2 * sum->a0;
        sum->a1 = a + 2 * sum->a1;
    }
    return weight;
}

/* All filters at two places, or at one if `pitch` is 0; `below` is how far behind the second row of two phases is, 0 if
   it is not wanted. */
TM_KERNEL void tm_conv2d_places(uint8_t *y, const tm_int16 *x, int pitch, const int16_t *weight, int words, int packed,
        int filters, int phases, int below, int pool, const int32_t *scaling, const tm_range *r)
{
    const int together = phases > 1 ? 1 : 2;
    uint8_t *const end = y + (filters + together - 1) / together * together;
    for (; y != end; y += together, scaling += 3 * together) {
        const int single = filters % 2 && y + 1 == end - 1;
        const int other = phases > 1 ? below : !single;
        const int32_t *const b = scaling + (phases > 1 || single ? 0 : 3);
        tm_sums sum;
        weight = tm_conv2d_sums(&sum, x, pitch, weight, words, packed, TM_GET_S32(scaling), TM_GET_S32(b));
        if (pool > 1) {
            tm_conv2d_pool(y, &sum, phases, pitch, other, scaling, b, r);
        } else {
            tm_conv2d_store(y, &sum, pitch ? filters : 0, other, scaling, b, r);
        }
    }
}

TM_KERNEL void tm_conv2d_s8(const uint8_t *x, uint8_t *y, int in_height, int in_width, int in_channels, int out_height,
        int out_width, int out_channels, int kernel, int stride, int top, int left, int pool, int rows, int depth,
        int phases, int packed, int in_flip, int in_zero, uint8_t *scratch, const int16_t *weight,
        const int32_t *scaling, int zero, int low, int high, const uint8_t *table)
{
    const tm_range r = {zero, low, high};
    const int height = out_height * pool, width = out_width * pool; /* of the map before pooling */
    const int needed = kernel + (phases - 1) * stride, fresh = phases * stride < needed ? phases * stride : needed;
    const int words = kernel * rows * depth / 2, pitch = stride * rows * depth, line = out_width * out_channels;
    const int group = pool > 1 ? pool : width; /* places whose windows are next to each other */
    tm_int16 *base = (tm_int16 *)(void *)scratch;
    int step, row, i, j;
    for (step = 0; step < height; step += phases) {
        for (row = step ? needed - fresh : 0; row < needed; row++) {
            const int h = step * stride - top + row;
            tm_conv2d_row(base + row * depth, h >= 0 && h < in_height ? x + h * in_width * in_channels : 0,
                    (width - 1) * stride + kernel, rows * depth, in_width, in_channels, left, in_flip, in_zero);
        }
        if (pool > phases && step % pool == 0) {
            for (i = 0; i < line; i++) {
                y[i] = 0;
            }
        }
        for (i = 0; i < width; i += group) {
            uint8_t *const to = y + i / pool * out_channels; /* without pooling, of the first place */
            const tm_int16 *const from = base + i * pitch;
            const int below = step + 1 < height ? line : 0, next = pool > 1 ? 0 : out_channels;
            for (j = 0; j + 2 <= group; j += 2) {
                tm_conv2d_places(to + j * next, from + j * pitch, 2 * pitch, weight, words, packed, out_channels,
                        phases, below, pool, scaling, &r);
            }
            if (group % 2) {
                tm_conv2d_places(to + j * next, from + j * pitch, 0, weight, words, packed, out_channels, phases,
                        below, pool, scaling, &r);
            }
        }
        if ((step + phases) % pool == 0) {
            const int done = pool == 1 && step + phases <= height ? phases * line : line;
            for (i = 0; table && i < done; i++) {
                y[i] = TM_GET_U8(table + y[i]);
            }
            y += done;
        }
        base += fresh < needed ? fresh * depth : 0;
    }
}
/* end */
