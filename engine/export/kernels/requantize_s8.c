#include "tm_s8.h"

#include "multiply_s8.c"
/* begin */
/* The byte q + 128 of a sum that is given twice: times multiplier / 2^31 / 2^(shift + 1), both times rounded to
   nearest, first halves up, then halves away from zero; plus zero, within low .. high.
   Rounding in two steps of shifting takes no constant. Where a rectifier follows (low >= zero), halves below
   zero may be rounded either way; with zero = 0 one saturating shift does the rest: four instructions in all. */
TM_KERNEL int32_t tm_requantize_twice(int32_t twice, int32_t multiplier, int shift, int32_t zero, int32_t low,
        int32_t high)
{
    int32_t v = tm_high_multiply(twice, multiplier);
    if (low < zero) {
        v -= v < 0;
    }
    v = (v >> shift) + 1;
#if TM_DSP
    if (low <= 0 && high >= 255) {
        if (zero == 0) {
            __asm__("usat %0, #8, %1, asr #1" : "=r"(v) : "r"(v));
        } else {
            v = (v >> 1) + zero;
            __asm__("usat %0, #8, %1" : "=r"(v) : "r"(v));
        }
        return v;
    }
#endif
    v = (v >> 1) + zero;
    v = v < low ? low : v;
    return v > high ? high : v;
}

/* The same of a sum below 2^30. */
TM_KERNEL uint8_t tm_requantize(int32_t sum, int32_t multiplier, int shift, int32_t zero, int32_t low, int32_t high)
{
    return (uint8_t)tm_requantize_twice(sum * 2, multiplier, shift, zero, low, high);
}
/* end */
