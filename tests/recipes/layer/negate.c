#include "tm.h"
/* begin */
/* y = -x; y may be x. */
TM_KERNEL void tm_negate(const float *x, float *y, int in_size)
{
    int i;
    for (i = 0; i < in_size; i++) {
        y[i] = -x[i];
    }
}
/* end */
