#include "tm_s8.h"

#include "dense_dot_s8.c"
#include "requantize_s8.c"
/* begin */
/* `outputs` sums (2 or 4) with their biases, doubled as requantization wants them. */
TM_KERNEL void tm_dense_sum(uint32_t *twice, const uint8_t *x, int in_size, int outputs, int run, int in_flip,
        const int16_t *weight, const int32_t *bias)
{
    int i;
    for (i = 0; i < outputs; i++) {
        twice[i] = (uint32_t)TM_GET_S32(bias + i);
    }
    for (i = 0; i < in_size; i += run, weight += run * outputs / 2) {
        const int size = in_size - i < run ? in_size - i : run;
        const tm_dense_sums sum = tm_dense_run(x + i, weight, size, outputs, in_flip);
        twice[0] += 2 * sum.a;
        twice[1] += (uint32_t)((int32_t)(sum.b - sum.a) >> 7);
        if (outputs > 2) {
            twice[2] += 2 * sum.c;
            twice[3] += (uint32_t)((int32_t)(sum.d - sum.c) >> 7);
        }
    }
}

/* Each output is a sum over all inputs: four outputs at a time, then `left` (2 or 0) of which one may be a dummy. The
   input's zero point is in the biases. */
TM_KERNEL void tm_dense_s8(const uint8_t *x, uint8_t *y, int in_size, int out_size, int left, int run, int in_flip,
        const int16_t *weight, const int32_t *bias, const int32_t *multiplier, const uint8_t *shift, int zero, int low,
        int high, const uint8_t *table)
{
    uint32_t twice[4];
    int first, i;
    for (first = 0; first < out_size; first += 4, weight += (in_size + 3) / 4 * 8) {
        if (left && first + 4 > out_size) {
            tm_dense_sum(twice, x, in_size, left, run, in_flip, weight, bias + first);
        } else {
            tm_dense_sum(twice, x, in_size, 4, run, in_flip, weight, bias + first);
        }
        for (i = 0; i < 4 && first + i < out_size; i++) {
            const int32_t q = tm_requantize_twice((int32_t)twice[i], TM_GET_S32(multiplier + first + i),
                    TM_GET_U8(shift + first + i), zero, low, high);
            y[first + i] = table ? TM_GET_U8(table + q) : (uint8_t)q;
        }
    }
}
/* end */
