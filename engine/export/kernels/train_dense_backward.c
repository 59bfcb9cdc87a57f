#include "tm.h"
/* begin */
/* A step of weight and bias against their gradient; before, that of x is written to dx unless that is null. */
TM_KERNEL void tm_train_dense_backward(const float *x, float *dx, const float *dy, int in_size, int out_size,
        float *weight, float *bias, float rate)
{
    int row, i;
    if (dx) {
        for (i = 0; i < in_size; i++) {
            dx[i] = 0.0f;
        }
    }
    for (row = 0; row < out_size; row++, weight += in_size) {
        const float slope = dy[row], step = rate * slope;
        if (slope == 0.0f) {
            continue; /* a rectifier that is off */
        }
        if (dx) {
            for (i = 0; i < in_size; i++) {
                dx[i] += slope * weight[i];
            }
        }
        for (i = 0; i < in_size; i++) {
            weight[i] -= step * x[i];
        }
        if (bias) {
            bias[row] -= step;
        }
    }
}
