#include "tm_float.h"

#include "lines.c"
#include "relu.c"
#include "taps.c"
/* begin */
/* What of a kernel meets the image: its first and its last + 1 row or column, for windows that begin at `first`...
   `last`. */
TM_KERNEL int tm_from_tap(int last)
{
    return last < 0 ? -last : 0;
}

TM_KERNEL int tm_to_tap(int first, int size, int kernel)
{
    return size - first < kernel ? size - first : kernel;
}

TM_KERNEL float tm_larger(float a, float b)
{
    return b > a ? b : a;
}

TM_KERNEL int32_t tm_larger_bits(int32_t a, int32_t b)
{
    return b > a ? b : a;
}

/* The function of the largest of four numbers and `best`, the largest of those before; before relu, their bits can be
   compared instead. */
typedef struct {
    float value;
    int32_t bits;
} tm_best;

TM_KERNEL void tm_compare(tm_best *best, int is_first, float a, float b, float c, float d, tm_function function)
{
    if (function == tm_relu) {
        const int32_t e = tm_larger_bits(tm_larger_bits(tm_bits_of(a), tm_bits_of(b)),
                tm_larger_bits(tm_bits_of(c), tm_bits_of(d)));
        best->bits = is_first ? e : tm_larger_bits(best->bits, e);
    } else {
        const float e = tm_larger(tm_larger(a, b), tm_larger(c, d));
        best->value = is_first ? e : tm_larger(best->value, e);
    }
}

TM_KERNEL float tm_outcome(tm_best best, tm_function function)
{
    return function == tm_relu ? tm_relu_of_bits(best.bits) : function(best.value);
}

/* Sums up pixels number n to n + 3 of a square of pool * pool, whose first window is at `at`; what is beyond its
   end is its last one again. */
TM_KERNEL void tm_conv2d_square(tm_sums *sums, const float *at, const float *weight, int filters, int n, int pool,
        int column, int row, int rows, int taps, int block, int whole, int shared, int line, int weight_line)
{
    const int end = pool * pool - 1;
    const int o = n + 1 < end ? n + 1 : end, p = n + 2 < end ? n + 2 : end, q = n + 3 < end ? n + 3 : end;
    tm_place place;
    place.p = at + n / pool * row + n % pool * column;
    place.q = at + o / pool * row + o % pool * column;
    place.r = at + p / pool * row + p % pool * column;
    place.s = at + q / pool * row + q % pool * column;
    place.w = weight;
    tm_window(sums, &place, filters, rows, taps, block, whole, shared, line, weight_line);
}

TM_KERNEL void tm_start(tm_sums *sums, const float *bias, int filters)
{
    sums->a = sums->c = sums->e = sums->g = TM_GET(bias);
    sums->b = sums->d = sums->f = sums->h = filters > 1 ? TM_GET(bias + 1) : 0.0f;
}

/* One pixel of one or two output channels: the largest of pool * pool windows. */
TM_KERNEL void tm_conv2d_pooled(float *y, const float *at, const float *weight, const float *bias, int filters,
        int pool, int column, int row, int rows, int taps, int block, int whole, int shared, int line, int weight_line, tm_function function)
{
    tm_sums sums;
    tm_best one = {0.0f, 0}, two = {0.0f, 0};
    int n;
    for (n = 0; n < pool * pool; n += 4) {
        tm_start(&sums, bias, filters);
        tm_conv2d_square(&sums, at, weight, filters, n, pool, column, row, rows, taps, block, whole, shared, line, weight_line);
        tm_compare(&one, n == 0, sums.a, sums.c, sums.e, sums.g, function);
        if (filters > 1) {
            tm_compare(&two, n == 0, sums.b, sums.d, sums.f, sums.h, function);
        }
    }
    y[0] = tm_outcome(one, function);
    if (filters > 1) {
        y[1] = tm_outcome(two, function);
    }
}

/* Four neighbouring pixels of one or two output channels; y and `at` lead to the first, `more` says how many the
   others are behind it. */
TM_KERNEL void tm_conv2d_row(float *y, const float *at, const float *weight, const float *bias, int filters,
        const int *more, int channels, int column, int rows, int taps, int block, int whole, int shared, int line, int weight_line,
        tm_function function)
{
    tm_sums sums;
    tm_place place;
    place.p = at;
    place.q = at + more[0] * column;
    place.r = at + more[1] * column;
    place.s = at + more[2] * column;
    place.w = weight;
    tm_start(&sums, bias, filters);
    tm_window(&sums, &place, filters, rows, taps, block, whole, shared, line, weight_line);
    y[0] = function(sums.a);
    y[more[0] * channels] = function(sums.c);
    y[more[1] * channels] = function(sums.e);
    y[more[2] * channels] = function(sums.g);
    if (filters > 1) {
        y[1] = function(sums.b);
        y[more[0] * channels + 1] = function(sums.d);
        y[more[1] * channels + 1] = function(sums.f);
        y[more[2] * channels + 1] = function(sums.h);
    }
}

/* Convolution, max pooling (pool = 1: none), bias and function in one pass: the full feature map never exists.
   `scratch` holds the rows of the image that a row of the output needs, with zeros around them, so y may overlap
   what has been read of x. `weight` has for each two filters (the last may be alone) their biases, then their
   numbers in turn. Rows and columns of the kernel that meet only zeros are left out. */
TM_KERNEL void tm_conv2d(const void *x, float *y, int bytes, int in_height, int in_width, int in_channels,
        int out_height, int out_width, int out_channels, int kernel, int stride, int top, int left, int pool, int block,
        const float *weight, tm_function function, float *scratch)
{
    const int advance = pool * stride, rows = (pool - 1) * stride + kernel, across = pool > 1 ? 1 : 4;
    const int width = (out_width * pool - 1) * stride + kernel, line = width * in_channels;
    const int below = (out_height * pool - 1) * stride + kernel - top > in_height;
    const int shared = in_channels == 1 && stride == 1 && kernel == block && block > 1 && block < 6
            && (pool > 1 ? pool % 2 == 0 : out_width % 4 == 0);
    const int clips_columns = (left > 0 || width - left > in_width) && in_channels > 2;
    const int whole = clips_columns ? in_channels % block == 0 : kernel * in_channels % block == 0;
    int i, j, k;
    for (i = 0; i < out_height; i++, y += out_width * out_channels) {
        const int first = i * advance - top, last = first + (pool - 1) * stride;
        const int from = top > 0 ? tm_from_tap(last) : 0, to = below ? tm_to_tap(first, in_height, kernel) : kernel;
        tm_lines(scratch, x, bytes, first, i == 0, rows, advance, in_height, in_width, in_channels, left, width);
        for (j = 0; j < out_width; j += across) {
            const int most = out_width - 1 - j;
            const int more[3] = {most < 1 ? most : 1, most < 2 ? most : 2, most < 3 ? most : 3};
            const int column = j * advance - left, end = column + (pool > 1 ? pool - 1 : more[2]) * stride;
            const int start = clips_columns ? tm_from_tap(end) : 0;
            const int stop = clips_columns ? tm_to_tap(column, in_width, kernel) : kernel;
            const int taps = (stop - start) * in_channels, left_out = kernel * in_channels - taps;
            const float *at = scratch + from * line + (j * advance + start) * in_channels, *w = weight;
            for (k = 0; k + 1 < out_channels; k += 2, w += 2 + 2 * kernel * kernel * in_channels) {
                const float *begin = w + 2 + 2 * (from * kernel + start) * in_channels;
                if (pool > 1) {
                    tm_conv2d_pooled(y + j * out_channels + k, at, begin, w, 2, pool, stride * in_channels,
                            stride * line, to - from, taps, block, whole, shared, line, 2 * left_out, function);
                } else {
                    tm_conv2d_row(y + j * out_channels + k, at, begin, w, 2, more, out_channels, stride * in_channels,
                            to - from, taps, block, whole, shared, line, 2 * left_out, function);
                }
            }
            if (out_channels % 2) {
                const float *begin = w + 1 + (from * kernel + start) * in_channels;
                if (pool > 1) {
                    tm_conv2d_pooled(y + j * out_channels + k, at, begin, w, 1, pool, stride * in_channels,
                            stride * line, to - from, taps, block, whole, shared, line, left_out, function);
                } else {
                    tm_conv2d_row(y + j * out_channels + k, at, begin, w, 1, more, out_channels, stride * in_channels,
                            to - from, taps, block, whole, shared, line, left_out, function);
                }
            }
        }
    }
}
