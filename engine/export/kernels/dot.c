#include "tm.h"
/* begin */
/* Rows of a weight matrix come in fours whose numbers take turns (row 0, 1, 2, 3, row 0, ...): one input that is
   read serves four sums, and memory is read in order. Rows that are left over follow one by one. Long rows are
   added up in runs of TM_RUN, so that rounding errors do not build up. */
#define TM_RUN 64

TM_KERNEL void tm_dot4(float *sum, const float *x, const float *w, int n)
{
    while (n > 0) {
        const float *const end = x + (n < TM_RUN ? n : TM_RUN);
        float a = 0.0f, b = 0.0f, c = 0.0f, d = 0.0f;
        n -= TM_RUN;
        for (; x != end; x++, w += 4) {
            const float v = *x;
            a += v * w[0];
            b += v * w[1];
            c += v * w[2];
            d += v * w[3];
        }
        sum[0] += a;
        sum[1] += b;
        sum[2] += c;
        sum[3] += d;
    }
}

TM_KERNEL void tm_dot1(float *sum, const float *x, const float *w, int n)
{
    while (n > 0) {
        const float *const end = x + (n < TM_RUN ? n : TM_RUN);
        float a = 0.0f;
        n -= TM_RUN;
        for (; x != end; x++, w++) {
            a += *x * *w;
        }
        *sum += a;
    }
}
