#include "tm_float.h"

#include "lines.c"
#include "relu.c"
/* begin */
/* The innermost step: two pixels of four channels, up to three neighbouring taps. The lines that are read have, for
   each four channels, their numbers column by column, so that a row of taps is contiguous; so have the weights. */
typedef struct {
    float a, b, c, d, e, f, g, h; /* pixel 1 with channel 1 to 4, then pixel 2 */
} tm_channel_sums;

typedef struct {
    const float *p, *q, *w;
} tm_channel_place;

#if TM_VFP
#define TM_SCALE4(x0, x1, x2, x3, w0, w1, w2, w3)                                                                  \
    "vmul.f32 " x0 ", " x0 ", " w0 "\n\tvmul.f32 " x1 ", " x1 ", " w1 "\n\t"                                       \
    "vmul.f32 " x2 ", " x2 ", " w2 "\n\tvmul.f32 " x3 ", " x3 ", " w3 "\n\t"
#define TM_ADD4(x0, x1, x2, x3)                                                                                    \
    "vadd.f32 s20, s20, " x0 "\n\tvadd.f32 s21, s21, " x1 "\n\t"                                                   \
    "vadd.f32 s22, s22, " x2 "\n\tvadd.f32 s23, s23, " x3 "\n\t"
#define TM_TAPS4_1 TM_SCALE4("s20", "s21", "s22", "s23", "s8", "s9", "s10", "s11")
#define TM_TAPS4_2                                                                                                 \
    TM_TAPS4_1 TM_SCALE4("s24", "s25", "s26", "s27", "s12", "s13", "s14", "s15") TM_ADD4("s24", "s25", "s26", "s27")
#define TM_TAPS4_3                                                                                                 \
    TM_TAPS4_2 TM_SCALE4("s28", "s29", "s30", "s31", "s16", "s17", "s18", "s19") TM_ADD4("s28", "s29", "s30", "s31")
#define TM_PIXEL4(p, a, b, c, d, x, taps)                                                                          \
    "vldmia %[" p "]!, {" x "}\n\t" taps "vadd.f32 %[" a "], %[" a "], s20\n\tvadd.f32 %[" b "], %[" b "], s21\n\t" \
    "vadd.f32 %[" c "], %[" c "], s22\n\tvadd.f32 %[" d "], %[" d "], s23\n\t"
#define TM_CHANNEL_STEP(weights, x, taps)                                                                          \
    __asm__ volatile("vldmia %[w]!, {" weights "}\n\t" TM_PIXEL4("p", "a", "b", "c", "d", x, taps)                 \
                             TM_PIXEL4("q", "e", "f", "g", "h", x, taps)                                           \
                     : [p] "+r"(at->p), [q] "+r"(at->q), [w] "+r"(at->w), [a] "+t"(to->a), [b] "+t"(to->b),        \
                     [c] "+t"(to->c), [d] "+t"(to->d), [e] "+t"(to->e), [f] "+t"(to->f), [g] "+t"(to->g),          \
                     [h] "+t"(to->h)                                                                               \
                     :                                                                                             \
                     : "s8", "s9", "s10", "s11", "s12", "s13", "s14", "s15", "s16", "s17", "s18", "s19", "s20",    \
                     "s21", "s22", "s23", "s24", "s25", "s26", "s27", "s28", "s29", "s30", "s31", "memory")

TM_KERNEL void tm_channel_step(tm_channel_sums *to, tm_channel_place *at, int taps)
{
    switch (taps) {
    case 1: TM_CHANNEL_STEP("s8-s11", "s20-s23", TM_TAPS4_1); break;
    case 2: TM_CHANNEL_STEP("s8-s15", "s20-s27", TM_TAPS4_2); break;
    default: TM_CHANNEL_STEP("s8-s19", "s20-s31", TM_TAPS4_3); break;
    }
}
#else
TM_KERNEL float tm_channel_products(const float *x, const float *w, int taps)
{
    float sum = x[0] * TM_GET(w);
    int i;
    for (i = 1; i < taps; i++) {
        sum += x[4 * i] * TM_GET(w + 4 * i);
    }
    return sum;
}

TM_KERNEL void tm_channel_step(tm_channel_sums *to, tm_channel_place *at, int taps)
{
    to->a += tm_channel_products(at->p, at->w, taps);
    to->b += tm_channel_products(at->p + 1, at->w + 1, taps);
    to->c += tm_channel_products(at->p + 2, at->w + 2, taps);
    to->d += tm_channel_products(at->p + 3, at->w + 3, taps);
    to->e += tm_channel_products(at->q, at->w, taps);
    to->f += tm_channel_products(at->q + 1, at->w + 1, taps);
    to->g += tm_channel_products(at->q + 2, at->w + 2, taps);
    to->h += tm_channel_products(at->q + 3, at->w + 3, taps);
    at->p += 4 * taps;
    at->q += 4 * taps;
    at->w += 4 * taps;
}
#endif

/* Adds `rows` rows of the kernel (more than 0), three taps at a time; `line` leads from one row to the next. */
TM_KERNEL void tm_channel_window(tm_channel_sums *to, tm_channel_place *at, int rows, int kernel, int line)
{
    const int rest = kernel % 3, next = line - 4 * kernel;
    do {
        int n;
        for (n = kernel / 3; n > 0; n--) {
            tm_channel_step(to, at, 3);
        }
        if (rest) {
            tm_channel_step(to, at, rest);
        }
        at->p += next;
        at->q += next;
    } while (--rows);
}

/* Brings one row of the image, floats or bytes, into a line: four channels after the other, zeros at both ends. */
TM_KERNEL void tm_channel_line(float *to, const void *x, int bytes, int row, int in_height, int in_width, int channels,
        int left, int width)
{
    const int used = in_width < width - left ? in_width : width - left;
    int c, j, k;
    for (c = 0; c < channels; c += 4, to += 4 * width) {
        if (row < 0 || row >= in_height) {
            tm_zeros(to, 4 * width);
            continue;
        }
        tm_zeros(to, 4 * left);
        tm_zeros(to + 4 * (left + used), 4 * (width - left - used));
        for (j = 0; j < used; j++) {
            const int first = (row * in_width + j) * channels + c;
            float *const pixel = to + 4 * (left + j);
            for (k = 0; k < 4; k++) {
                if (channels % 4 && c + k >= channels) {
                    pixel[k] = 0.0f;
                } else if (bytes) {
                    pixel[k] = (float)((const uint8_t *)x)[first + k] * TM_PIXEL_SCALE;
                } else {
                    pixel[k] = ((const float *)x)[first + k];
                }
            }
        }
    }
}

TM_KERNEL void tm_channel_outputs(float *y, float a, float b, float c, float d, int count, tm_function function)
{
    y[0] = function(a);
    if (count > 1) {
        y[1] = function(b);
    }
    if (count > 2) {
        y[2] = function(c);
    }
    if (count > 3) {
        y[3] = function(d);
    }
}

/* Two neighbouring pixels of four channels, of which `count` are there. */
TM_KERNEL void tm_depthwise_pixels(float *y, const float *p, const float *q, const float *w, int from, int rows,
        int kernel, int line, int channels, int count, int has_second, tm_function function)
{
    tm_channel_sums sums;
    tm_channel_place place;
    sums.a = sums.e = TM_GET(w);
    sums.b = sums.f = TM_GET(w + 1);
    sums.c = sums.g = TM_GET(w + 2);
    sums.d = sums.h = TM_GET(w + 3);
    place.p = p;
    place.q = q;
    place.w = w + 4 + 4 * from * kernel;
    tm_channel_window(&sums, &place, rows, kernel, line);
    tm_channel_outputs(y, sums.a, sums.b, sums.c, sums.d, count, function);
    if (has_second) {
        tm_channel_outputs(y + channels, sums.e, sums.f, sums.g, sums.h, count, function);
    }
}

/* Each channel with a filter of its own. `scratch` holds the rows of the image that a row of the output needs, with
   zeros around them, so y may overlap what has been read of x. `weight` has, for each four channels (filled up with
   zeros), the biases and then the kernel. */
TM_KERNEL void tm_depthwise_conv2d(const void *x, float *y, int bytes, int in_height, int in_width, int channels,
        int out_height, int out_width, int kernel, int stride, int top, int left, const float *weight,
        tm_function function, float *scratch)
{
    const int width = (out_width - 1) * stride + kernel, plane = 4 * width, line = (channels + 3) / 4 * plane;
    const int kept = kernel > stride ? kernel - stride : 0;
    int i, j, c, r;
    for (i = 0; i < out_height; i++, y += out_width * channels) {
        const int first = i * stride - top, from = first < 0 ? -first : 0;
        const int to = in_height - first < kernel ? in_height - first : kernel;
        if (i > 0 && kept > 0) {
            tm_copy(scratch, scratch + stride * line, kept * line);
        }
        for (r = i > 0 ? kept : 0; r < kernel; r++) {
            tm_channel_line(scratch + r * line, x, bytes, first + r, in_height, in_width, channels, left, width);
        }
        for (c = 0; c < channels; c += 4) {
            const float *const plane_start = scratch + from * line + c / 4 * plane;
            const float *const w = weight + c / 4 * (4 * kernel * kernel + 4);
            const int count = channels - c < 4 ? channels - c : 4;
            for (j = 0; j < out_width; j += 2) {
                const int has_second = j + 1 < out_width;
                const float *const p = plane_start + 4 * j * stride, *const q = has_second ? p + 4 * stride : p;
                tm_depthwise_pixels(y + j * channels + c, p, q, w, from, to - from, kernel, line, channels,
                        channels % 4 ? count : 4, out_width % 2 ? has_second : 1, function);
            }
        }
    }
}
