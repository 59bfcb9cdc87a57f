#include "tm.h"

#include "dot.c"
/* begin */
/* y = function(weight x + bias). */
TM_KERNEL void tm_dense(const float *x, float *y, int in_size, int out_size, const float *weight, const float *bias,
        tm_function function)
{
    const int in_fours = out_size / 4 * 4;
    int row, k;
    for (row = 0; row < in_fours; row += 4) {
        float sum[4] = {0.0f, 0.0f, 0.0f, 0.0f};
        tm_dot4(sum, x, weight + row * in_size, in_size);
        for (k = 0; k < 4; k++) {
            y[row + k] = function(sum[k] + bias[row + k]);
        }
    }
    for (row = in_fours; row < out_size; row++) {
        float sum = 0.0f;
        tm_dot1(&sum, x, weight + row * in_size, in_size);
        y[row] = function(sum + bias[row]);
    }
}
