#include "tm_float.h"
/* begin */
typedef union {
    float value;
    int32_t bits;
} tm_bits;

/* A float as a whole number: those that are not negative are in the same order, and negative ones are negative. */
TM_KERNEL int32_t tm_bits_of(float v)
{
#if defined(TM_VFP) && TM_VFP /* code that learns has no such thing */
    int32_t bits; /* said in so many words, compilers keep v where it is */
    __asm__("vmov %0, %1" : "=r"(bits) : "t"(v));
    return bits;
#else
    tm_bits b;
    b.value = v;
    return b.bits;
#endif
}

/* By its bits: that is fewer instructions, and many fewer where there is no floating-point unit. */
TM_KERNEL float tm_relu_of_bits(int32_t bits)
{
    tm_bits b;
    b.bits = bits < 0 ? 0 : bits;
    return b.value;
}

TM_KERNEL float tm_relu(float v)
{
    return tm_relu_of_bits(tm_bits_of(v));
}
