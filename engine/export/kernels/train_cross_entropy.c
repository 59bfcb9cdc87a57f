#include "tm.h"

#include "exp.c"
#include "train_log.c"
/* begin */
/* -log softmax(y)[label], and its gradient. */
TM_KERNEL float tm_train_cross_entropy(const float *y, float *dy, int out_size, int label)
{
    float largest = y[0], sum = 0.0f, shifted;
    int i;
    for (i = 1; i < out_size; i++) {
        largest = y[i] > largest ? y[i] : largest;
    }
    shifted = y[label] - largest;
    for (i = 0; i < out_size; i++) {
        dy[i] = tm_exp(y[i] - largest);
        sum += dy[i];
    }
    for (i = 0; i < out_size; i++) {
        dy[i] /= sum;
    }
    dy[label] -= 1.0f;
    return tm_train_log(sum) - shifted;
}
