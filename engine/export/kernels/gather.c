#include "tm.h"
/* begin */
/* y[i] = x[order[i]]: the order in which other programs expect the numbers of an image. */
TM_KERNEL void tm_gather(const float *x, float *y, int out_size, const int32_t *order)
{
    int i;
    for (i = 0; i < out_size; i++) {
        y[i] = x[order[i]];
    }
}
