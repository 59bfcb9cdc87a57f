#include "tm.h"
/* begin */
/* The sum of n products, in runs of 64 so that rounding errors do not build up. */
TM_KERNEL float tm_train_dot(const float *x, const float *w, int n)
{
    float total = 0.0f;
    while (n > 0) {
        const float *const end = x + (n < 64 ? n : 64);
        float sum = 0.0f;
        n -= 64;
        for (; x != end; x++, w++) {
            sum += *x * *w;
        }
        total += sum;
    }
    return total;
}
