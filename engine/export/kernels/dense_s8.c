#include "tm_s8.h"

#include "dense_dot_s8.c"
#include "requantize_s8.c"
/* begin */
/* Twice the sums of `outputs` (2 or 4) without their biases, as requantization wants them. */
TM_KERNEL void tm_dense_twice(tm_dense_sums *twice, const uint8_t *x, int in_size, int outputs, int run, int unroll,
        int in_flip, int in_given, const int16_t *weight)
{
    tm_dense_sums sum;
    int i;
    twice->a = twice->b = twice->c = twice->d = 0; /* one by one, as in tm_dense_run */
    for (i = 0; i < in_size; i += run, weight += run * outputs / 2) {
        tm_dense_run(&sum, x + i, weight, in_size - i < run ? in_size - i : run, outputs, unroll, in_flip,
                in_given);
        twice->a += 2 * sum.a;
        twice->b += (int32_t)((uint32_t)sum.b - (uint32_t)sum.a) >> 7;
        twice->c += 2 * sum.c;
        twice->d += (int32_t)((uint32_t)sum.d - (uint32_t)sum.c) >> 7;
    }
}

/* Each output is a sum over all inputs: four outputs at a time, then `left` (2 or 0) of which one may be a dummy. By
   output, `scaling` is twice the bias, with the input's zero point in it, and the multiplier. The four sums move up
   one by one, which takes less code and memory than an array of them. */
TM_KERNEL void tm_dense_s8(const uint8_t *x, uint8_t *y, int in_size, int out_size, int left, int run, int unroll,
        int in_flip, int in_given, const int16_t *weight, const int32_t *scaling, const uint8_t *shift, int zero,
        int low, int high, const uint8_t *table)
{
    uint8_t *const end = y + out_size;
    int i;
    while (y != end) {
        tm_dense_sums sum;
        if (left && end - y < 4) {
            tm_dense_twice(&sum, x, in_size, left, run, unroll, in_flip, in_given, weight);
        } else {
            tm_dense_twice(&sum, x, in_size, 4, run, unroll, in_flip, in_given, weight);
        }
        weight += (in_size + 3) / 4 * 8;
        for (i = 4; i > 0 && y != end; i--, scaling += 2) {
            const int32_t q = tm_requantize_twice(sum.a + TM_GET_S32(scaling), TM_GET_S32(scaling + 1),
                    TM_GET_U8(shift++), zero, low, high);
            *y++ = table ? TM_GET_U8(table + q) : (uint8_t)q;
            sum.a = sum.b;
            sum.b = sum.c;
            sum.c = sum.d;
        }
    }
}
/* end */
