#include "tm.h"
/* begin */
/* dx = -dy; dx may be dy. */
TM_KERNEL void tm_train_negate_backward(float *dx, const float *dy, int in_size)
{
    int i;
    for (i = 0; i < in_size; i++) {
        dx[i] = -dy[i];
    }
}
/* end */
