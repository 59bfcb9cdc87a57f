#include "tm.h"
/* begin */
/* The real numbers that bytes stand for, from the last to the first: y may begin where x begins. */
TM_KERNEL void tm_train_dequantize(const uint8_t *x, float *y, int count, float scale, int zero)
{
    int i;
    for (i = count - 1; i >= 0; i--) {
        y[i] = scale * (float)((int)x[i] - zero);
    }
}
