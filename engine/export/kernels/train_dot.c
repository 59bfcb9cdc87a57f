#include "tm.h"
/* begin */
/* Adds to `sum` the products of n numbers with `rows` rows (4 or 1) of a matrix, `next` numbers apart: an input that is
   read serves them all. Long rows are added up in runs of 64, so that rounding errors do not build up. */
TM_KERNEL void tm_train_dot(float *sum, int rows, const float *x, const float *w, int next, int n)
{
    while (n > 0) {
        const float *const end = x + (n < 64 ? n : 64);
        float a = 0.0f, b = 0.0f, c = 0.0f, d = 0.0f;
        n -= 64;
        for (; x != end; x++, w++) {
            const float v = *x;
            a += v * w[0];
            if (rows == 4) {
                b += v * w[next];
                c += v * w[2 * next];
                d += v * w[3 * next];
            }
        }
        sum[0] += a;
        if (rows == 4) {
            sum[1] += b;
            sum[2] += c;
            sum[3] += d;
        }
    }
}
