#include "tm.h"
/* begin */
/* e^v to 2 units in the last place between -87 and 88, clamped beyond: v = n ln 2 + r with |r| <= ln 2 / 2
   (ln 2 in two parts, Cody and Waite), e^r by the polynomial of Cephes' expf, 2^n by its bits. */
TM_KERNEL float tm_exp(float v)
{
    union {
        uint32_t bits;
        float value;
    } power;
    int32_t n;
    float r, p;
    if (!(v > -87.0f)) {
        v = -87.0f;
    }
    if (v > 88.0f) {
        v = 88.0f;
    }
    n = (int32_t)(v * 1.44269504f + (v < 0.0f ? -0.5f : 0.5f));
    r = v - (float)n * 0.693359375f;
    r = r + (float)n * 2.12194440e-4f;
    p = 1.9875691500e-4f;
    p = p * r + 1.3981999507e-3f;
    p = p * r + 8.3334519073e-3f;
    p = p * r + 4.1665795894e-2f;
    p = p * r + 1.6666665459e-1f;
    p = p * r + 5.0000001201e-1f;
    p = p * (r * r) + r + 1.0f;
    power.bits = (uint32_t)(n + 127) << 23;
    return p * power.value;
}
