#include "tm.h"
/* begin */
/* Whether v is a number and not infinite, by its bits: with -Ofast a compiler takes for granted that it is. */
TM_KERNEL int tm_is_finite(float v)
{
    union {
        float value;
        uint32_t bits;
    } number;
    number.value = v;
    return (number.bits >> 23 & 255) != 255;
}
/* end */
