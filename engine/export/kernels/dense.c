#include "tm_float.h"

#include "from_bytes.c"
#include "linear.c"
#include "map.c"
#include "relu.c"
/* begin */
/* y = function(weight x + bias). Four outputs are summed up at a time; the inputs that are multiplied come in blocks
   of 2 or 4, whose products are added up first, and the blocks in runs, so that rounding errors do not build up.
   `weight` has, for four outputs, their biases, then the numbers of each input in turn; then the same for each
   output that is left over; then, if the inputs are no multiple of a block, the columns of those left over. */
#define TM_RUN(block) ((block) * 32)

#if TM_VFP
#if defined(TM_FUSED) && defined(__ARM_FEATURE_FMA)
#define TM_TIMES(x, a, b, c, d)                                                                                    \
    "vfma.f32 s0, " x ", " a "\n\tvfma.f32 s1, " x ", " b "\n\t"                                                   \
    "vfma.f32 s2, " x ", " c "\n\tvfma.f32 s3, " x ", " d "\n\t"
#define TM_PLUS(a, b, c, d, e, f, g, h)
#else
#define TM_TIMES(x, a, b, c, d)                                                                                    \
    "vmul.f32 " a ", " x ", " a "\n\tvmul.f32 " b ", " x ", " b "\n\t"                                             \
    "vmul.f32 " c ", " x ", " c "\n\tvmul.f32 " d ", " x ", " d "\n\t"
#define TM_PLUS(a, b, c, d, e, f, g, h)                                                                            \
    "vadd.f32 " a ", " a ", " e "\n\tvadd.f32 " b ", " b ", " f "\n\t"                                             \
    "vadd.f32 " c ", " c ", " g "\n\tvadd.f32 " d ", " d ", " h "\n\t"
#endif
#define TM_BLOCK2                                                                                                  \
    "vldmia %[w]!, {s4-s11}\n\tvldmia %[x]!, {s12-s13}\n\t" TM_TIMES("s12", "s4", "s5", "s6", "s7")                \
            TM_TIMES("s13", "s8", "s9", "s10", "s11") TM_PLUS("s4", "s5", "s6", "s7", "s8", "s9", "s10", "s11")    \
                    TM_PLUS("s0", "s1", "s2", "s3", "s4", "s5", "s6", "s7")
#define TM_BLOCK4                                                                                                  \
    "vldmia %[w]!, {s4-s19}\n\tvldmia %[x]!, {s20-s23}\n\t" TM_TIMES("s20", "s4", "s5", "s6", "s7")                \
            TM_TIMES("s21", "s8", "s9", "s10", "s11") TM_TIMES("s22", "s12", "s13", "s14", "s15")                  \
                    TM_TIMES("s23", "s16", "s17", "s18", "s19")                                                    \
                            TM_PLUS("s4", "s5", "s6", "s7", "s8", "s9", "s10", "s11")                              \
                                    TM_PLUS("s12", "s13", "s14", "s15", "s16", "s17", "s18", "s19")                \
                                            TM_PLUS("s4", "s5", "s6", "s7", "s12", "s13", "s14", "s15")            \
                                                    TM_PLUS("s0", "s1", "s2", "s3", "s4", "s5", "s6", "s7")
#define TM_USED2                                                                                                   \
    "s0", "s1", "s2", "s3", "s4", "s5", "s6", "s7", "s8", "s9", "s10", "s11", "s12", "s13", "cc", "memory"
#define TM_USED4 TM_USED2, "s14", "s15", "s16", "s17", "s18", "s19", "s20", "s21", "s22", "s23"

#define TM_CLEAR(zero)                                                                                             \
    "vmov s0, s1, %[" zero "], %[" zero "]\n\tvmov s2, s3, %[" zero "], %[" zero "]\n\t"
/* y += weight x for a run of i inputs and four outputs. */
#define TM_LOOP2 "2:\n\t" TM_BLOCK2 "subs %[i], #2\n\tbne 2b\n\t"
#define TM_LOOP4                                                                                                   \
    "tst %[i], #4\n\tbeq 2f\n\tadds %[i], #4\n\tb 3f\n"                                                           \
    "2:\n\t" TM_BLOCK4 "3:\n\t" TM_BLOCK4 "subs %[i], #8\n\tbne 2b\n\t"
#define TM_SUM_RUN(loop)                                                                                           \
    loop "vldmia %[y], {s4-s7}\n\t"                                                                                     \
    "vadd.f32 s0, s0, s4\n\tvadd.f32 s1, s1, s5\n\tvadd.f32 s2, s2, s6\n\tvadd.f32 s3, s3, s7\n\t"                 \
    "vstmia %[y], {s0-s3}\n\t"

/* A whole layer in one function for all stages, few registers and no calls: little code and 12 bytes of stack.
   `shape` has from the lowest bit on: outputs (13 bits), inputs (18), whether negative outputs become 0. */
#define TM_WHOLE(loop, run, used)                                                                           \
    int c, i, left, n;                                                                                             \
    __asm__ volatile("ubfx %[n], %[shape], #13, #18\n\t"                                                           \
                     "movs %[i], #0\n\t"                                                                           \
                     "ubfx %[c], %[shape], #2, #11\n\t"                                                            \
                     "cmp %[c], #0\n\t"                                                                            \
                     "beq 5f\n"                                                                                   \
                     "0:\n\t"                                                                                      \
                     "vldmia %[w]!, {s0-s3}\n\t"                                                                   \
                     "vstmia %[y], {s0-s3}\n\t"                                                                    \
                     "mov %[left], %[n]\n"                                                                         \
                     "1:\n\t"                                                                                      \
                     TM_CLEAR("i") "movs %[i], #" run "\n\t"                                                                     \
                     "cmp %[left], %[i]\n\t"                                                                       \
                     "it lt\n\t"                                                                                   \
                     "movlt %[i], %[left]\n\t"                                                                     \
                     "subs %[left], %[left], %[i]\n" TM_SUM_RUN(loop) "cmp %[left], #0\n\t"                 \
                     "bne 1b\n\t"                                                                                  \
                     "sub %[x], %[x], %[n], lsl #2\n\t"                                                            \
                     "adds %[y], #16\n\t"                                                                          \
                     "subs %[c], #1\n\t"                                                                           \
                     "bne 0b\n"                                                                                    \
                     "5:\n\t"                                                                                      \
                     "ands %[c], %[shape], #3\n\t"                                                                 \
                     "beq 7f\n"                                                                                    \
                     "6:\n\t"                                                                                      \
                     "vldmia %[w]!, {s0}\n\t"                                                                      \
                     "mov %[i], %[n]\n"                                                                            \
                     "8:\n\t"                                                                                      \
                     "vldmia %[w]!, {s4-s5}\n\t"                                                                   \
                     "vldmia %[x]!, {s6-s7}\n\t"                                                                   \
                     "vmul.f32 s4, s6, s4\n\t"                                                                     \
                     "vmul.f32 s5, s7, s5\n\t"                                                                     \
                     "vadd.f32 s4, s4, s5\n\t"                                                                     \
                     "vadd.f32 s0, s0, s4\n\t"                                                                     \
                     "subs %[i], #2\n\t"                                                                           \
                     "bne 8b\n\t"                                                                                  \
                     "vstmia %[y]!, {s0}\n\t"                                                                      \
                     "sub %[x], %[x], %[n], lsl #2\n\t"                                                            \
                     "subs %[c], #1\n\t"                                                                           \
                     "bne 6b\n"                                                                                    \
                     "7:\n\t"                                                                                      \
                     "cmp %[shape], #0\n\t"                                                                        \
                     "bge 9f\n\t"                                                                                  \
                     "ubfx %[c], %[shape], #0, #13\n"                                                              \
                     "4:\n\t"                                                                                      \
                     "ldr %[i], [%[y], #-4]!\n\t"                                                                  \
                     "bic %[i], %[i], %[i], asr #31\n\t"                                                           \
                     "str %[i], [%[y]]\n\t"                                                                        \
                     "subs %[c], #1\n\t"                                                                           \
                     "bne 4b\n"                                                                                    \
                     "9:"                                                                                          \
                     : [x] "+l"(x), [y] "+l"(y), [w] "+l"(w), [c] "=&l"(c), [i] "=&l"(i), [left] "=&l"(left),      \
                     [n] "=&r"(n)                                                                                  \
                     : [shape] "r"(shape)                                                                          \
                     : used)

TM_SHARED void tm_dense_by_2(const float *x, float *y, const float *w, uint32_t shape)
{
    TM_WHOLE(TM_LOOP2, "64", TM_USED2);
}

TM_SHARED void tm_dense_by_4(const float *x, float *y, const float *w, uint32_t shape)
{
    TM_WHOLE(TM_LOOP4, "128", TM_USED4);
}
#endif

/* The sum of a block's products; `step` leads from one input's weight to the next one's. */
TM_KERNEL float tm_products(const float *x, const float *w, int step, int block)
{
    float sum = x[0] * TM_GET(w) + x[1] * TM_GET(w + step);
    if (block == 4) {
        const float more = x[2] * TM_GET(w + 2 * step) + x[3] * TM_GET(w + 3 * step);
        sum = sum + more;
    }
    return sum;
}

/* y[0...3] += weight x for a run of n inputs. */
TM_KERNEL void tm_sum_run(const float *x, float *y, const float *w, int n, int block)
{
#if TM_VFP
    int i = n;
    if (block == 4) {
        __asm__ volatile(TM_CLEAR("zero") TM_SUM_RUN(TM_LOOP4)
                         : [x] "+l"(x), [w] "+l"(w), [i] "+l"(i)
                         : [y] "r"(y), [zero] "r"(0)
                         : TM_USED4);
    } else {
        __asm__ volatile(TM_CLEAR("zero") TM_SUM_RUN(TM_LOOP2)
                         : [x] "+l"(x), [w] "+l"(w), [i] "+l"(i)
                         : [y] "r"(y), [zero] "r"(0)
                         : TM_USED2);
    }
#else
    float sum[4] = {0.0f, 0.0f, 0.0f, 0.0f};
    int i, k;
    for (i = 0; i < n; i += block) {
        for (k = 0; k < 4; k++) {
            sum[k] += tm_products(x + i, w + 4 * i + k, 4, block);
        }
    }
    for (k = 0; k < 4; k++) {
        y[k] += sum[k];
    }
#endif
}

TM_KERNEL void tm_biases(float *y, const float *w, int n, int out_size)
{
    int o, k;
    for (o = out_size / 4; o > 0; o--, w += 4 * n + 4) {
        for (k = 0; k < 4; k++) {
            *y++ = TM_GET(w + k);
        }
    }
    for (o = out_size % 4; o > 0; o--, w += n + 1) {
        *y++ = TM_GET(w);
    }
}

/* y += weight x for `size` of n inputs, from number `start` on. */
TM_KERNEL void tm_add_run(const float *x, float *y, const float *w, int start, int size, int n, int out_size,
        int block)
{
    int o, i;
    for (o = out_size / 4; o > 0; o--, y += 4, w += 4 * n + 4) {
        tm_sum_run(x, y, w + 4 + 4 * start, size, block);
    }
    for (o = out_size % 4; o > 0; o--, y++, w += n + 1) {
        float sum = *y;
        for (i = 0; i < size; i += 2) {
            sum += tm_products(x + i, w + 1 + start + i, 1, 2);
        }
        *y = sum;
    }
}

TM_SHARED void tm_dense_runs(const float *x, float *y, const float *w, int n, int out_size, int block)
{
    int start, size;
    tm_biases(y, w, n, out_size);
    for (start = 0; start < n; start += size) {
        size = n - start < TM_RUN(block) ? n - start : TM_RUN(block);
        tm_add_run(x + start, y, w, start, size, n, out_size, block);
    }
}

/* Bytes become floats a run at a time. */
TM_SHARED void tm_dense_bytes(const uint8_t *x, float *y, const float *w, int n, int out_size)
{
    float part[TM_RUN(2)];
    int start, size;
    tm_biases(y, w, n, out_size);
    for (start = 0; start < n; start += size) {
        size = n - start < TM_RUN(2) ? n - start : TM_RUN(2);
        tm_from_bytes(part, x + start, size);
        tm_add_run(part, y, w, start, size, n, out_size, 2);
    }
}

/* y += weight x for one input. */
TM_SHARED void tm_add_input(float v, float *y, const float *w, int out_size)
{
    int o;
    for (o = 0; o < out_size; o++) {
        y[o] += v * TM_GET(w + o);
    }
}

TM_KERNEL void tm_dense(const void *x, float *y, int bytes, int in_size, int out_size, int block, const float *weight,
        tm_function function)
{
    const int n = in_size - in_size % block;
    int i, is_floored = 0;
    if (bytes) {
        tm_dense_bytes((const uint8_t *)x, y, weight, n, out_size);
#if TM_VFP
    } else if (n > 0 && (int32_t)n < 0x40000 && out_size < 0x2000) {
        const int floors = function == tm_relu && n == in_size;
        const uint32_t shape = (uint32_t)floors << 31 | (uint32_t)n << 13 | (uint32_t)out_size;
        is_floored = floors;
        if (block == 4) {
            tm_dense_by_4((const float *)x, y, weight, shape);
        } else {
            tm_dense_by_2((const float *)x, y, weight, shape);
        }
#endif
    } else {
        tm_dense_runs((const float *)x, y, weight, n, out_size, block);
    }
    for (i = n; i < in_size; i++) {
        const float v = bytes ? (float)((const uint8_t *)x)[i] * TM_PIXEL_SCALE : ((const float *)x)[i];
        tm_add_input(v, y, weight + (n + 1) * out_size + (i - n) * out_size, out_size);
    }
    if (function != tm_linear && !is_floored) {
        tm_map(y, y, out_size, function);
    }
}
