#include "tm.h"

#include "train_dot.c"
/* begin */
/* y = function(weight x + bias), the rows of the weight one after the other. */
TM_KERNEL void tm_train_dense(const float *x, float *y, int in_size, int out_size, const float *weight,
        const float *bias, tm_function function)
{
    int row;
    for (row = 0; row < out_size; row++, weight += in_size) {
        y[row] = function(tm_train_dot(x, weight, in_size) + bias[row]);
    }
}
