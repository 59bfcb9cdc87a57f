#include "tm.h"
/* begin */
/* From the gradient of y = function(x) to that of x, in place: times the slope, which follows from y alone. */
TM_KERNEL void tm_train_slope(const float *y, float *dy, int out_size, tm_function slope)
{
    int i;
    for (i = 0; i < out_size; i++) {
        dy[i] *= slope(y[i]);
    }
}
