#include "tm_s8.h"
/* begin */
/* y[i] = x[order[i]]: the order in which other programs expect the numbers of an image. */
TM_KERNEL void tm_gather_s8(const uint8_t *x, uint8_t *y, int out_size, int in_flip, const int32_t *order)
{
    int i;
    for (i = 0; i < out_size; i++) {
        y[i] = (uint8_t)(x[TM_GET_S32(order + i)] ^ in_flip);
    }
}
/* end */
