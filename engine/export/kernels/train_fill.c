#include "tm.h"

#include "train_random.c"
/* begin */
/* Fills an array with random numbers, evenly distributed around `mean` with standard deviation `spread`. */
TM_KERNEL void tm_train_fill(float *weights, int32_t count, float mean, float spread, uint32_t *generator)
{
    const float width = spread * 3.46410162f; /* the square root of 12 */
    int32_t i;
    for (i = 0; i < count; i++) {
        const float share = (float)(tm_train_random(generator) >> 8) * (1.0f / 16777216.0f);
        weights[i] = mean + width * (share - 0.5f);
    }
}
