#include "tm_s8.h"
/* begin */
/* x * multiplier / 2^31, rounded to nearest, halves up; |x| < 2^30. */
TM_KERNEL int32_t tm_high_multiply(int32_t x, int32_t multiplier)
{
#if defined(__GNUC__) && defined(__ARM_FEATURE_DSP) && defined(__OPTIMIZE__)
    int32_t result;
    __asm__("smmulr %0, %1, %2" : "=r"(result) : "r"(x * 2), "r"(multiplier));
    return result;
#else
    return (int32_t)(((int64_t)x * multiplier + ((int32_t)1 << 30)) >> 31);
#endif
}

/* The byte q + 128 of a sum: times multiplier / 2^31 / 2^shift, both times rounded, plus zero, within low .. high. */
TM_KERNEL uint8_t tm_requantize(int32_t sum, int32_t multiplier, int shift, int32_t zero, int32_t low, int32_t high)
{
    const int32_t scaled = tm_high_multiply(sum, multiplier);
    const int32_t half = (int32_t)1 << (shift - 1);
    int32_t q = ((scaled + half - (scaled < 0)) >> shift) + zero;
    q = q < low ? low : q;
    return (uint8_t)(q > high ? high : q);
}
/* end */
