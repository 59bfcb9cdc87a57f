#include "tm.h"
/* begin */
/* The mean of (y - target)^2, target 1 for the label and 0 elsewhere, and its gradient. */
TM_KERNEL float tm_train_mse(const float *y, float *dy, int out_size, int label)
{
    float sum = 0.0f;
    int i;
    for (i = 0; i < out_size; i++) {
        const float error = y[i] - (i == label ? 1.0f : 0.0f);
        sum += error * error;
        dy[i] = 2.0f / (float)out_size * error;
    }
    return sum / (float)out_size;
}
