#ifndef TM_DOT_SMALL_S8
#define TM_DOT_SMALL_S8
#include "tm_s8.h"
/* begin */
/* Adds up n products of numbers that stand next to each other. Each fits into 16 bits, an int on every chip. */
TM_KERNEL int32_t tm_dot_small(int32_t sum, const uint8_t *x, const int8_t *weight, int n, int in_flip, int in_zero)
{
    const uint8_t *const end = x + n;
    while (x != end) {
        sum += ((*x++ ^ in_flip) - in_zero) * TM_GET_S8(weight);
        weight++;
    }
    return sum;
}
/* end */
#endif
