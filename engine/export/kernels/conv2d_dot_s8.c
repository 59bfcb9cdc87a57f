#include "tm_s8.h"

#include "multiply_s8.c"
/* begin */
/* Four sums of products at once: two places x two filters, so that each number that is read serves twice. At both
   places the numbers stand in a row, `words` pairs of int16, the second place `pitch` bytes behind the first.

   Weights are int16 in the order in which they are read: a pair of filter a, a pair of b, and so
   on. Two pairs at a time need three loads for eight double multiplications (four weights at once, two pairs at
   each place): 11 instructions for 16 products. Registers: 4 sums, 4 weights, 2 pairs and 2 pointers are 12 of
   the 14 that there are, which leaves one for a frame pointer and one for a loop.

   With a pitch of 0 there is only the first place, as the last one of an odd number: 6 instructions for 8 products.

   `packed`, the compact variant, has both filters in one number, 256 b + a, in half the space: what is added up for b
   is 256 times its own and once its neighbour's sum, see dense_dot_s8.c. That is 13 instructions for 16 products. */
typedef struct {
    int32_t a0, a1, b0, b1; /* filters a and b, places 0 and 1 */
} tm_sums;

#define TM_PITCH_MAX 1016 /* what an offset in ldrd reaches, less a pair */

#if TM_DSP
/* One pair of each. */
TM_KERNEL void tm_pair(tm_sums *sum, uint32_t p, uint32_t q, uint32_t a, uint32_t b, int pitch)
{
    sum->a0 = tm_smlad(p, a, sum->a0);
    sum->b0 = tm_smlad(p, b, sum->b0);
    if (pitch) {
        sum->a1 = tm_smlad(q, a, sum->a1);
        sum->b1 = tm_smlad(q, b, sum->b1);
    }
}

/* Two pairs of each; the pointers move on. */
TM_KERNEL void tm_two_pairs(tm_sums *sum, const tm_word **x, const tm_word **second, const tm_word **w, int pitch,
        int packed)
{
    uint32_t p, next_p, q = 0, next_q = 0, a, b;
    tm_load_two(&p, &next_p, x);
    if (pitch) {
        tm_load_two(&q, &next_q, second);
    }
    tm_load_two(&a, &b, w);
    if (packed) {
        tm_pair(sum, p, q, tm_even_signed(a), a, pitch);
        tm_pair(sum, next_p, next_q, tm_even_signed(b), b, pitch);
    } else {
        tm_pair(sum, p, q, a, b, pitch);
        tm_load_two(&a, &b, w);
        tm_pair(sum, next_p, next_q, a, b, pitch);
    }
}
#endif

#if TM_ASM == TM_ASM_DSP
#define TM_FOUR_PRODUCTS(n)                                                                       \
    "smlad %[a" n "], %[p], r4, %[a" n "]\n\tsmlad %[b" n "], %[p], r8, %[b" n "]\n\t"            \
    "smlad %[a" n "], %[q], r10, %[a" n "]\n\tsmlad %[b" n "], %[q], r12, %[b" n "]\n\t"
#define TM_FIRST_PLACE "ldrd %[p], %[q], [%[x]], #8\n\t" TM_FOUR_PRODUCTS("0")
#define TM_BOTH_PLACES "ldrd %[p], %[q], [%[x], %[pitch]]\n\t" TM_FOUR_PRODUCTS("1") TM_FIRST_PLACE
#define TM_WEIGHTS "ldmia %[w]!, {r4, r8, r10, r12}\n\t"
#define TM_PACKED_WEIGHTS "ldrd r8, r12, [%[w]], #8\n\tsxtb16 r4, r8\n\tsxtb16 r10, r12\n\t"
#define TM_PAIRS(pairs)                                                                                     \
    __asm__ volatile(pairs : [a0] "+r"(a0), [a1] "+r"(a1), [b0] "+r"(b0), [b1] "+r"(b1), [w] "+r"(w),       \
            [x] "+r"(x), [p] "=&r"(p), [q] "=&r"(q) : [pitch] "i"(pitch) : "r4", "r8", "r10", "r12", "memory")

/* An even number of pairs, 12 twos in a round; what is left over is straight code. */
#define TM_TWOS(two)                                \
    for (rounds = twos / 12; rounds > 0; rounds--) { \
        TM_PAIRS(two two two two two two);          \
        TM_PAIRS(two two two two two two);          \
    }                                               \
    if (twos % 12 & 8) {                            \
        TM_PAIRS(two two two two);                  \
        TM_PAIRS(two two two two);                  \
    }                                               \
    if (twos % 12 & 4) {                            \
        TM_PAIRS(two two two two);                  \
    }                                               \
    if (twos % 12 & 2) {                            \
        TM_PAIRS(two two);                          \
    }                                               \
    if (twos % 12 & 1) {                            \
        TM_PAIRS(two);                              \
    }

/* The pointers move on. */
TM_KERNEL void tm_pairs(tm_sums *sum, const tm_word **from, const int pitch, const tm_word **weight, const int twos,
        const int packed)
{
    int32_t a0 = sum->a0, a1 = sum->a1, b0 = sum->b0, b1 = sum->b1;
    uint32_t p, q;
    const tm_word *x = *from, *w = *weight;
    int rounds;
    if (pitch && packed) {
        TM_TWOS(TM_PACKED_WEIGHTS TM_BOTH_PLACES)
    } else if (pitch) {
        TM_TWOS(TM_WEIGHTS TM_BOTH_PLACES)
    } else if (packed) {
        TM_TWOS(TM_PACKED_WEIGHTS TM_FIRST_PLACE)
    } else {
        TM_TWOS(TM_WEIGHTS TM_FIRST_PLACE)
    }
    sum->a0 = a0;
    sum->a1 = a1;
    sum->b0 = b0;
    sum->b1 = b1;
    *from = x;
    *weight = w;
}
#endif

#if TM_ASM == TM_ASM_THUMB2
/* Two products of each: 8 loads, or 6 and 2 to widen, and 8 multiplications with sum. */
#define TM_ONE_OF_EACH(a, b)                                                                                \
    "ldrsh %[p], [%[x]], #2\n\tldrsh %[q], [%[second]], #2\n\t" b "\n\t" a "\n\t"                            \
    "mla %[a0], %[p], %[a], %[a0]\n\tmla %[b0], %[p], %[b], %[b0]\n\t"                                      \
    "mla %[a1], %[q], %[a], %[a1]\n\tmla %[b1], %[q], %[b], %[b1]\n\t"
#define TM_ONE_PLACE(a, b)                                                                                  \
    "ldrsh %[p], [%[x]], #2\n\t" b "\n\t" a "\n\tmla %[a0], %[p], %[a], %[a0]\n\tmla %[b0], %[p], %[b], %[b0]\n\t"
#define TM_OF_BOTH(each)                                                                                    \
    each("ldrsh %[a], [%[w]], #8", "ldrsh %[b], [%[w], #4]")                                                \
    each("ldrsh %[a], [%[w], #-6]", "ldrsh %[b], [%[w], #-2]")
#define TM_OF_PACKED(each)                                                                                  \
    each("sxtb %[a], %[b]", "ldrsh %[b], [%[w]], #2") each("sxtb %[a], %[b]", "ldrsh %[b], [%[w]], #2")
#define TM_PAIRS(pairs)                                                                                     \
    __asm__ volatile(pairs : [a0] "+r"(a0), [a1] "+r"(a1), [b0] "+r"(b0), [b1] "+r"(b1), [w] "+r"(w), [x] "+r"(x),   \
            [second] "+r"(second), [p] "=&r"(p), [q] "=&r"(q), [a] "=&r"(a), [b] "=&r"(b) : : "memory")

/* Four pairs in a round, then one by one. */
#define TM_WORDS(pair)                      \
    while (x != end) {                      \
        TM_PAIRS(pair pair pair pair);      \
    }                                       \
    for (end += words % 4 * 2; x != end;) { \
        TM_PAIRS(pair);                     \
    }

TM_KERNEL const int16_t *tm_pairs(tm_sums *sum, const tm_int16 *x, int pitch, const int16_t *w, int words, int packed)
{
    int32_t a0 = sum->a0, a1 = sum->a1, b0 = sum->b0, b1 = sum->b1, p, q, a, b;
    const tm_int16 *second = x + pitch / 2, *end = x + words / 4 * 8;
    if (pitch && packed) {
        TM_WORDS(TM_OF_PACKED(TM_ONE_OF_EACH))
    } else if (pitch) {
        TM_WORDS(TM_OF_BOTH(TM_ONE_OF_EACH))
    } else if (packed) {
        TM_WORDS(TM_OF_PACKED(TM_ONE_PLACE))
    } else {
        TM_WORDS(TM_OF_BOTH(TM_ONE_PLACE))
    }
    sum->a0 = a0;
    sum->a1 = a1;
    sum->b0 = b0;
    sum->b1 = b1;
    return w;
}
#endif

#if TM_ASM == TM_ASM_THUMB1
/* One place: two products for two filters, 16 instructions for 4 products. Weights are taken from their word just
   before they are overwritten by the product, high halves first; sums live in the high registers, which can add. */
#define TM_PAIR_OF_EACH                                                                                     \
    "ldmia %[w]!, {r0, r1}\n\tldmia %[x]!, {r2}\n\t"                                                        \
    "asrs %[p], r2, #16\n\tasrs r3, r0, #16\n\tmuls r3, %[p], r3\n\tadd %[a], r3\n\t"                       \
    "asrs r3, r1, #16\n\tmuls r3, %[p], r3\n\tadd %[b], r3\n\t"                                            \
    "sxth r2, r2\n\tsxth r0, r0\n\tmuls r0, r2, r0\n\tadd %[a], r0\n\t"                                   \
    "sxth r1, r1\n\tmuls r1, r2, r1\n\tadd %[b], r1\n\t"
#define TM_PACKED_PAIR                                                                                      \
    "ldmia %[w]!, {r0}\n\tldmia %[x]!, {r2}\n\t"                                                            \
    "asrs %[p], r2, #16\n\tasrs r1, r0, #16\n\tsxtb r3, r1\n\tmuls r3, %[p], r3\n\tadd %[a], r3\n\t"         \
    "muls r1, %[p], r1\n\tadd %[b], r1\n\t"                                                                \
    "sxth r2, r2\n\tsxth r0, r0\n\tsxtb r3, r0\n\tmuls r3, r2, r3\n\tadd %[a], r3\n\t"                      \
    "muls r0, r2, r0\n\tadd %[b], r0\n\t"
#define TM_PAIRS(pairs)                                                                                     \
    __asm__ volatile(".syntax unified\n\t" pairs : [a] "+h"(a), [b] "+h"(b), [w] "+l"(w), [x] "+l"(x),               \
            [p] "=&l"(p) : : "r0", "r1", "r2", "r3", "cc", "memory")

TM_KERNEL const int16_t *tm_place(int32_t *sum_a, int32_t *sum_b, const tm_int16 *x, const int16_t *w, int words,
        int packed)
{
    int32_t a = *sum_a, b = *sum_b, p;
    const tm_int16 *end = x + words / 4 * 8;
    while (x != end) {
        if (packed) {
            TM_PAIRS(TM_PACKED_PAIR TM_PACKED_PAIR TM_PACKED_PAIR TM_PACKED_PAIR);
        } else {
            TM_PAIRS(TM_PAIR_OF_EACH TM_PAIR_OF_EACH TM_PAIR_OF_EACH TM_PAIR_OF_EACH);
        }
    }
    for (end += words % 4 * 2; x != end;) {
        if (packed) {
            TM_PAIRS(TM_PACKED_PAIR);
        } else {
            TM_PAIRS(TM_PAIR_OF_EACH);
        }
    }
    *sum_a = a;
    *sum_b = b;
    return w;
}

TM_KERNEL const int16_t *tm_pairs(tm_sums *sum, const tm_int16 *x, int pitch, const int16_t *w, int words, int packed)
{
    const int16_t *const next = tm_place(&sum->a0, &sum->b0, x, w, words, packed);
    if (pitch) {
        tm_place(&sum->a1, &sum->b1, x + pitch / 2, w, words, packed);
    }
    return next;
}
#endif

/* One number of a place and weights of both filters. */
TM_KERNEL void tm_conv2d_products(int32_t *sum_a, int32_t *sum_b, int32_t p, int32_t a, int32_t b, int packed)
{
    *sum_a += p * a;
    *sum_b = packed ? tm_added(*sum_b, p, b) : *sum_b + p * b;
}

/* The numbers that x and `second` point to. */
TM_KERNEL void tm_conv2d_one(tm_sums *sum, const tm_int16 *x, const tm_int16 *second, int32_t a, int32_t b, int pitch,
        int packed)
{
    tm_conv2d_products(&sum->a0, &sum->b0, *x, a, b, packed);
    if (pitch) {
        tm_conv2d_products(&sum->a1, &sum->b1, *second, a, b, packed);
    }
}

/* Adds the products to the sums; returns where the weights go on. */
TM_KERNEL const int16_t *tm_conv2d_dot(tm_sums *sum, const tm_int16 *x, int pitch, const int16_t *weight, int words,
        int packed)
{
#if TM_DSP
    const tm_word *from = (const tm_word *)(const void *)x, *w = (const tm_word *)(const void *)weight, *second;
#if TM_ASM
    if (pitch <= TM_PITCH_MAX) {
        tm_pairs(sum, &from, pitch, &w, words / 2, packed);
        words %= 2;
    }
#endif
    second = from + pitch / 4;
    for (; words >= 8; words -= 8) {
        tm_two_pairs(sum, &from, &second, &w, pitch, packed);
        tm_two_pairs(sum, &from, &second, &w, pitch, packed);
        tm_two_pairs(sum, &from, &second, &w, pitch, packed);
        tm_two_pairs(sum, &from, &second, &w, pitch, packed);
    }
    for (; words >= 2; words -= 2) {
        tm_two_pairs(sum, &from, &second, &w, pitch, packed);
    }
    if (words & 1 && packed) {
        const uint32_t both = *w++;
        tm_pair(sum, *from, *second, tm_even_signed(both), both, pitch);
    } else if (words & 1) {
        uint32_t a, b;
        tm_load_two(&a, &b, &w);
        tm_pair(sum, *from, *second, a, b, pitch);
    }
    return (const int16_t *)(const void *)w;
#elif TM_ASM
    return tm_pairs(sum, x, pitch, weight, words, packed);
#else
    const tm_int16 *const end = x + 2 * words, *second = x + pitch / 2;
    TM_FORGET(second);
    for (; x != end; x += 2, second += 2, weight += packed ? 2 : 4) {
        if (packed) {
            const int32_t first = TM_GET_S16(weight), next = TM_GET_S16(weight + 1);
            tm_conv2d_one(sum, x, second, (int8_t)first, first, pitch, packed);
            tm_conv2d_one(sum, x + 1, second + 1, (int8_t)next, next, pitch, packed);
        } else {
            tm_conv2d_one(sum, x, second, TM_GET_S16(weight), TM_GET_S16(weight + 2), pitch, packed);
            tm_conv2d_one(sum, x + 1, second + 1, TM_GET_S16(weight + 1), TM_GET_S16(weight + 3), pitch, packed);
        }
    }
    return weight;
#endif
}
/* end */
