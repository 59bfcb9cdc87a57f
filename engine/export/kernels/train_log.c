#include "tm.h"
/* begin */
/* The natural logarithm of a positive number that is not denormal: v = m 2^n with m in [sqrt 1/2, sqrt 2),
   log m by the polynomial of Cephes' logf, n ln 2 added in two parts. */
TM_KERNEL float tm_train_log(float v)
{
    union {
        float value;
        uint32_t bits;
    } number;
    float z, p, n;
    number.value = v;
    n = (float)((int32_t)(number.bits >> 23) - 126);
    number.bits = (number.bits & 0x007fffffu) | 0x3f000000u;
    v = number.value; /* in [0.5, 1) */
    if (v < 0.707106781f) {
        n -= 1.0f;
        v += v;
    }
    v -= 1.0f;
    z = v * v;
    p = 7.0376836292e-2f;
    p = p * v - 1.1514610310e-1f;
    p = p * v + 1.1676998740e-1f;
    p = p * v - 1.2420140846e-1f;
    p = p * v + 1.4249322787e-1f;
    p = p * v - 1.6668057665e-1f;
    p = p * v + 2.0000714765e-1f;
    p = p * v - 2.4999993993e-1f;
    p = p * v + 3.3333331174e-1f;
    p = p * v * z;
    p = p - 2.12194440e-4f * n - 0.5f * z;
    return v + p + 0.693359375f * n;
}
