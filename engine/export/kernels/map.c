#include "tm.h"
/* begin */
/* y = function(x), number by number; y may be x. */
TM_KERNEL void tm_map(const float *x, float *y, int in_size, tm_function function)
{
    int i;
    for (i = 0; i < in_size; i++) {
        y[i] = function(x[i]);
    }
}
