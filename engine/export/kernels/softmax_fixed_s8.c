#include "tm_s8.h"
/* begin */
/* a * b / 2^31, rounded to nearest, halves up. */
TM_KERNEL int32_t tm_q31_product(int32_t a, int32_t b)
{
    return (int32_t)(((int64_t)a * b + ((int64_t)1 << 30)) >> 31);
}

/* x / 2^shift for x >= 0, rounded to nearest, halves up. */
TM_KERNEL int32_t tm_q31_shifted(int32_t x, int shift)
{
    return (int32_t)(((uint32_t)x + ((uint32_t)1 << shift >> 1)) >> shift);
}

/* 1 / (1 + a) for a in [0, 1), all in steps of 2^-31: Newton's method for x = 2 / (1 + a), in steps of 2^-29. */
TM_KERNEL int32_t tm_one_over_one_plus(int32_t a)
{
    const int32_t half = (int32_t)(((uint32_t)a + 0x80000000u) / 2);
    int32_t x = 1515870810 + tm_q31_product(half, -1010580540); /* 48 / 17 - 32 / 17 * half */
    int i;
    for (i = 0; i < 3; i++) {
        const int32_t missing = 0x20000000 - tm_q31_product(half, x);
        x += tm_q31_product(x, missing) * 4;
    }
    return x > 0x3fffffff ? 0x7fffffff : x * 2;
}

/* Softmax over the channels of each pixel, as TensorFlow Lite Micro computes it: exponentials[i] is e^-i in steps of
   2^-31, sums are in steps of 2^-19; y may be x. */
TM_KERNEL void tm_softmax_fixed_s8(const uint8_t *x, uint8_t *y, int in_size, int channels, int in_flip,
        const int32_t *exponentials)
{
    int i, c;
    for (i = 0; i < in_size; i += channels) {
        int largest = 0, zeros = 0;
        uint32_t total = 0;
        int32_t scale;
        for (c = 0; c < channels; c++) {
            const int value = x[i + c] ^ in_flip;
            largest = value > largest ? value : largest;
        }
        for (c = 0; c < channels; c++) {
            total += (uint32_t)tm_q31_shifted(TM_GET_S32(exponentials + (largest - (x[i + c] ^ in_flip))), 12);
        }
        for (; total < 0x80000000u; total *= 2) {
            zeros++;
        }
        scale = tm_one_over_one_plus((int32_t)(total - 0x80000000u));
        for (c = 0; c < channels; c++) {
            const int32_t e = TM_GET_S32(exponentials + (largest - (x[i + c] ^ in_flip)));
            const int32_t q = tm_q31_shifted(tm_q31_product(scale, e), 12 - zeros + 31 - 8);
            y[i + c] = (uint8_t)(q > 255 ? 255 : q);
        }
    }
}
/* end */
