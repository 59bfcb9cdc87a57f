#include "tm.h"
/* begin */
/* Rows of a weight matrix come in fours whose numbers take turns (row 0, 1, 2, 3, row 0, ...): one input that is
   read serves four sums, and memory is read in order. Rows that are left over follow one by one. */
TM_KERNEL void tm_dot4(float *sum, const float *x, const float *w, int n)
{
    float a = sum[0], b = sum[1], c = sum[2], d = sum[3];
    int i;
    for (i = 0; i < n; i++) {
        const float v = x[i];
        a += v * w[0];
        b += v * w[1];
        c += v * w[2];
        d += v * w[3];
        w += 4;
    }
    sum[0] = a;
    sum[1] = b;
    sum[2] = c;
    sum[3] = d;
}

TM_KERNEL void tm_dot1(float *sum, const float *x, const float *w, int n)
{
    float a = sum[0];
    int i;
    for (i = 0; i < n; i++) {
        a += x[i] * w[i];
    }
    sum[0] = a;
}
