#ifndef TM_MULTIPLY_S8
#define TM_MULTIPLY_S8
#include "tm_s8.h"
/* begin */
/* Instructions that C has no words for, where the processor has them: Cortex-M4, M7, M33 with DSP extension. */
#if defined(__GNUC__) && defined(__ARM_FEATURE_DSP) && defined(__thumb__) && !defined(__ARM_BIG_ENDIAN)
#define TM_DSP 1
#else
#define TM_DSP 0
#endif

/* Whole inner loops in assembly, for the three instruction sets of Cortex-M; -D TM_NO_ASM leaves them to the compiler.
   They need an optimizing one, which keeps registers free. They are volatile, or GCC's scheduler may put them where
   the registers that they use hold the arguments of a call. */
#define TM_ASM_DSP 1    /* M4, M7, M33: two products at once */
#define TM_ASM_THUMB2 2 /* M3: product and sum at once */
#define TM_ASM_THUMB1 3 /* M0, M0+, M23: eight registers, products that overwrite a factor */
#if !defined(__GNUC__) || !defined(__thumb__) || !defined(__OPTIMIZE__) || defined(__ARM_BIG_ENDIAN) \
        || defined(TM_NO_ASM) || !defined(__ARM_ARCH) || __ARM_ARCH < 6 /* which cannot widen numbers */
#define TM_ASM 0
#elif TM_DSP
#define TM_ASM TM_ASM_DSP
#elif defined(__thumb2__)
#define TM_ASM TM_ASM_THUMB2
#elif defined(__OPTIMIZE_SIZE__) && !defined(__clang__)
#define TM_ASM 0 /* GCC leaves high registers alone there */
#else
#define TM_ASM TM_ASM_THUMB1
#endif

/* Makes a compiler forget what it knows about a pointer: knowing that one row of numbers is part of another, GCC keeps
   numbers that were read for later, in registers that sums need. */
#if defined(__GNUC__)
#define TM_FORGET(pointer) __asm__("" : "+r"(pointer))
#else
#define TM_FORGET(pointer) (void)(pointer)
#endif

#if TM_DSP
/* Four bytes as they stand in memory, of any alignment. */
TM_KERNEL uint32_t tm_four(const uint8_t *x)
{
#if defined(__ARM_FEATURE_UNALIGNED)
    uint32_t four;
    __builtin_memcpy(&four, x, 4);
    return four;
#else
    return (uint32_t)x[0] | (uint32_t)x[1] << 8 | (uint32_t)x[2] << 16 | (uint32_t)x[3] << 24;
#endif
}

/* Two words from *from on, which moves on by two. */
TM_KERNEL void tm_load_two(uint32_t *first, uint32_t *second, const tm_word **from)
{
    const tm_word *at = *from;
    uint32_t a, b;
    __asm__("ldrd %0, %1, [%2], #8" : "=r"(a), "=r"(b), "+r"(at) : "m"(*(const tm_word(*)[2])at));
    *first = a;
    *second = b;
    *from = at;
}

/* sum + both products of the halves of a and b. */
TM_KERNEL int32_t tm_smlad(uint32_t a, uint32_t b, int32_t sum)
{
    int32_t result;
    __asm__("smlad %0, %1, %2, %3" : "=r"(result) : "r"(a), "r"(b), "r"(sum));
    return result;
}

/* Bytes 0 and 2 as two signed numbers of 16 bits. */
TM_KERNEL uint32_t tm_even_signed(uint32_t bytes)
{
    uint32_t result;
    __asm__("sxtb16 %0, %1" : "=r"(result) : "r"(bytes));
    return result;
}

/* Bytes 0 and 2, or 1 and 3, without sign. */
TM_KERNEL uint32_t tm_even(uint32_t bytes)
{
    uint32_t result;
    __asm__("uxtb16 %0, %1" : "=r"(result) : "r"(bytes));
    return result;
}

TM_KERNEL uint32_t tm_odd(uint32_t bytes)
{
    uint32_t result;
    __asm__("uxtb16 %0, %1, ror #8" : "=r"(result) : "r"(bytes));
    return result;
}

/* Bytes 0 and 2 without sign, each added to a half of `to`; bytes 1 and 3. */
TM_KERNEL uint32_t tm_even_added(uint32_t to, uint32_t bytes)
{
    uint32_t result;
    __asm__("uxtab16 %0, %1, %2" : "=r"(result) : "r"(to), "r"(bytes));
    return result;
}

TM_KERNEL uint32_t tm_odd_added(uint32_t to, uint32_t bytes)
{
    uint32_t result;
    __asm__("uxtab16 %0, %1, %2, ror #8" : "=r"(result) : "r"(to), "r"(bytes));
    return result;
}

/* Low halves of a (below) and b; high halves of a (below) and b. */
TM_KERNEL uint32_t tm_low_halves(uint32_t a, uint32_t b)
{
    uint32_t result;
    __asm__("pkhbt %0, %1, %2, lsl #16" : "=r"(result) : "r"(a), "r"(b));
    return result;
}

TM_KERNEL uint32_t tm_high_halves(uint32_t a, uint32_t b)
{
    uint32_t result;
    __asm__("pkhtb %0, %1, %2, asr #16" : "=r"(result) : "r"(b), "r"(a));
    return result;
}
#endif

/* sum + x * weight, without regard to overflow. */
TM_KERNEL int32_t tm_added(int32_t sum, int32_t x, int32_t weight)
{
    return (int32_t)((uint32_t)sum + (uint32_t)(x * weight));
}

/* twice * multiplier / 2^32, rounded to nearest, halves up, for a multiplier in 0 .. 2^31 - 1: the product of half of
   `twice` in steps of 2^31, as requantization wants it. */
TM_KERNEL int32_t tm_high_multiply(int32_t twice, int32_t multiplier)
{
#if TM_DSP
    int32_t result;
    __asm__("smmulr %0, %1, %2" : "=r"(result) : "r"(twice), "r"(multiplier));
    return result;
#elif defined(__AVR__) || (defined(__thumb__) && !defined(__thumb2__) && !defined(__ARM_FEATURE_DSP))
    /* Without a long multiplication: four short ones. */
    const int32_t a = twice >> 16;
    const uint32_t b = (uint32_t)twice & 0xffff, c = (uint32_t)multiplier >> 16, d = (uint32_t)multiplier & 0xffff;
    const int32_t middle = a * (int32_t)d + (int32_t)(b * d >> 16);
    return a * (int32_t)c + (middle >> 16) + (int32_t)((b * c + ((uint32_t)middle & 0xffff) + 0x8000) >> 16);
#else
    return (int32_t)(((int64_t)twice * multiplier + ((int64_t)1 << 31)) >> 32);
#endif
}
/* end */
#endif
