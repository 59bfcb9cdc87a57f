#include "tm_s8.h"

#include "dot_small_s8.c"
#include "requantize_s8.c"
/* begin */
/* Each output is a sum over all inputs, in the fewest bytes of code. */
TM_KERNEL void tm_dense_small_s8(const uint8_t *x, uint8_t *y, int in_size, int out_size, int in_flip,
        const int8_t *weight, const int32_t *bias, const int32_t *multiplier, const uint8_t *shift, int zero, int low,
        int high, const uint8_t *table)
{
    int o;
    for (o = 0; o < out_size; o++, weight += in_size) {
        const int32_t sum = tm_dot_small(TM_GET_S32(bias + o), x, weight, in_size, in_flip, 0);
        const uint8_t q = tm_requantize(sum, TM_GET_S32(multiplier + o), TM_GET_U8(shift + o), zero, low, high);
        y[o] = table ? TM_GET_U8(table + q) : q;
    }
}
/* end */
