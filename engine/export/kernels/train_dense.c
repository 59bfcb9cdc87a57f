#include "tm.h"

#include "train_dot.c"
/* begin */
/* y = function(weight x + bias), the rows of the weight one after the other. */
TM_KERNEL void tm_train_dense(const float *x, float *y, int in_size, int out_size, const float *weight,
        const float *bias, tm_function function)
{
    const int in_fours = out_size / 4 * 4;
    int row, i;
    for (row = 0; row < in_fours; row += 4) {
        float sum[4] = {0.0f, 0.0f, 0.0f, 0.0f};
        tm_train_dot(sum, 4, x, weight + row * in_size, in_size, in_size);
        for (i = 0; i < 4; i++) {
            y[row + i] = function(sum[i] + bias[row + i]);
        }
    }
    for (row = in_fours; row < out_size; row++) {
        float sum = 0.0f;
        tm_train_dot(&sum, 1, x, weight + row * in_size, in_size, in_size);
        y[row] = function(sum + bias[row]);
    }
}
