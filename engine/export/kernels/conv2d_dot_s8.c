#include "tm_s8.h"

#include "multiply_s8.c"
/* begin */
/* Four sums of products at once: two places x two filters, so that each number that is read serves twice. At both
   places the numbers stand in a row, `words` pairs of int16, the second place `pitch` bytes behind the first.
   Weights come in the order in which they are read: a pair of the first filter, one of the second, and so on.

   Two pairs at a time need three loads for eight double multiplications (four weights at once, two pairs at each
   place): 11 instructions for 16 products. Registers: 4 sums, 4 weights, 2 pairs and 2 pointers are 12 of the
   14 that there are, which leaves one for a frame pointer and one for a loop. */
typedef struct {
    int32_t a0, a1, b0, b1; /* filters a and b, places 0 and 1 */
} tm_sums;

#define TM_PITCH_MAX 1016 /* what an offset in ldrd reaches, less a pair */

#if TM_DSP
/* One pair of each. */
TM_KERNEL void tm_pair(tm_sums *sum, uint32_t p, uint32_t q, uint32_t a, uint32_t b)
{
    sum->a0 = tm_smlad(p, a, sum->a0);
    sum->b0 = tm_smlad(p, b, sum->b0);
    sum->a1 = tm_smlad(q, a, sum->a1);
    sum->b1 = tm_smlad(q, b, sum->b1);
}

/* Two pairs of each; the pointers move on. */
TM_KERNEL void tm_two_pairs(tm_sums *sum, const tm_word **x, const tm_word **second, const tm_word **w)
{
    uint32_t p, next_p, q, next_q, a, b;
    tm_load_two(&p, &next_p, x);
    tm_load_two(&q, &next_q, second);
    tm_load_two(&a, &b, w);
    tm_pair(sum, p, q, a, b);
    tm_load_two(&a, &b, w);
    tm_pair(sum, next_p, next_q, a, b);
}
#endif

#if TM_ASM == TM_ASM_DSP
#define TM_TWO_PAIRS                                                      \
    "ldmia %[w]!, {r4, r5, r6, r8}\n\tldrd %[p], %[q], [%[x], %[pitch]]\n\t" \
    "smlad %[a1], %[p], r4, %[a1]\n\tsmlad %[b1], %[p], r5, %[b1]\n\t"    \
    "smlad %[a1], %[q], r6, %[a1]\n\tsmlad %[b1], %[q], r8, %[b1]\n\t"    \
    "ldrd %[p], %[q], [%[x]], #8\n\t"                                     \
    "smlad %[a0], %[p], r4, %[a0]\n\tsmlad %[b0], %[p], r5, %[b0]\n\t"    \
    "smlad %[a0], %[q], r6, %[a0]\n\tsmlad %[b0], %[q], r8, %[b0]\n\t"
#define TM_PAIRS(pairs)                                                                                       \
    __asm__(pairs : [a0] "+r"(a0), [a1] "+r"(a1), [b0] "+r"(b0), [b1] "+r"(b1), [w] "+r"(w), [x] "+r"(x),     \
            [p] "=&r"(p), [q] "=&r"(q) : [pitch] "i"(pitch) : "r4", "r5", "r6", "r8", "memory")

/* An even number of pairs, 12 twos in a round; what is left over is straight code. The pointers move on. */
TM_KERNEL void tm_pairs(tm_sums *sum, const tm_word **from, const int pitch, const tm_word **weight, const int twos)
{
    int32_t a0 = sum->a0, a1 = sum->a1, b0 = sum->b0, b1 = sum->b1;
    uint32_t p, q;
    const tm_word *x = *from, *w = *weight;
    int round;
    for (round = twos / 12; round > 0; round--) {
        TM_PAIRS(TM_TWO_PAIRS TM_TWO_PAIRS TM_TWO_PAIRS TM_TWO_PAIRS TM_TWO_PAIRS TM_TWO_PAIRS TM_TWO_PAIRS
                TM_TWO_PAIRS TM_TWO_PAIRS TM_TWO_PAIRS TM_TWO_PAIRS TM_TWO_PAIRS);
    }
    if (twos % 12 & 8) {
        TM_PAIRS(TM_TWO_PAIRS TM_TWO_PAIRS TM_TWO_PAIRS TM_TWO_PAIRS TM_TWO_PAIRS TM_TWO_PAIRS TM_TWO_PAIRS
                TM_TWO_PAIRS);
    }
    if (twos % 12 & 4) {
        TM_PAIRS(TM_TWO_PAIRS TM_TWO_PAIRS TM_TWO_PAIRS TM_TWO_PAIRS);
    }
    if (twos % 12 & 2) {
        TM_PAIRS(TM_TWO_PAIRS TM_TWO_PAIRS);
    }
    if (twos % 12 & 1) {
        TM_PAIRS(TM_TWO_PAIRS);
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
/* Two products of each: 8 loads and 8 multiplications with sum, 16 instructions for 8 products. */
#define TM_ONE_OF_EACH(a, b)                                                                     \
    "ldrsh %[p], [%[x]], #2\n\tldrsh %[q], [%[second]], #2\n\t" b "\n\t" a "\n\t"                 \
    "mla %[a0], %[p], %[a], %[a0]\n\tmla %[b0], %[p], %[b], %[b0]\n\t"                          \
    "mla %[a1], %[q], %[a], %[a1]\n\tmla %[b1], %[q], %[b], %[b1]\n\t"
#define TM_PAIR_OF_EACH                                                     \
    TM_ONE_OF_EACH("ldrsh %[a], [%[w]], #8", "ldrsh %[b], [%[w], #4]")      \
    TM_ONE_OF_EACH("ldrsh %[a], [%[w], #-6]", "ldrsh %[b], [%[w], #-2]")
#define TM_PAIRS(pairs)                                                                                         \
    __asm__(pairs : [a0] "+r"(a0), [a1] "+r"(a1), [b0] "+r"(b0), [b1] "+r"(b1), [w] "+r"(w), [x] "+r"(x),       \
            [second] "+r"(second), [p] "=&r"(p), [q] "=&r"(q), [a] "=&r"(a), [b] "=&r"(b) : : "memory")

TM_KERNEL const int16_t *tm_pairs(tm_sums *sum, const tm_int16 *x, int pitch, const int16_t *w, int words)
{
    int32_t a0 = sum->a0, a1 = sum->a1, b0 = sum->b0, b1 = sum->b1, p, q, a, b;
    const tm_int16 *second = x + pitch / 2, *end = x + words / 4 * 8;
    while (x != end) {
        TM_PAIRS(TM_PAIR_OF_EACH TM_PAIR_OF_EACH TM_PAIR_OF_EACH TM_PAIR_OF_EACH);
    }
    for (end += words % 4 * 2; x != end;) {
        TM_PAIRS(TM_PAIR_OF_EACH);
    }
    sum->a0 = a0;
    sum->a1 = a1;
    sum->b0 = b0;
    sum->b1 = b1;
    return w;
}
#endif

#if TM_ASM == TM_ASM_THUMB1
/* One place: two products for two filters. Weights are taken from their word just before they are overwritten by
   the product, high halves first; sums live in the high registers, which can add. 16 instructions for 4 products. */
#define TM_PAIR_OF_EACH                                                                          \
    "ldmia %[w]!, {r0, r1}\n\tldmia %[x]!, {r2}\n\t"                                             \
    "asrs %[p], r2, #16\n\tasrs r3, r0, #16\n\tmuls r3, %[p], r3\n\tadd %[a], r3\n\t"            \
    "asrs r3, r1, #16\n\tmuls r3, %[p], r3\n\tadd %[b], r3\n\t"                                 \
    "sxth r2, r2\n\tsxth r0, r0\n\tmuls r0, r2, r0\n\tadd %[a], r0\n\t"                        \
    "sxth r1, r1\n\tmuls r1, r2, r1\n\tadd %[b], r1\n\t"
#define TM_PAIRS(pairs)                                                                       \
    __asm__(".syntax unified\n\t" pairs : [a] "+h"(a), [b] "+h"(b), [w] "+l"(w), [x] "+l"(x), \
            [p] "=&l"(p) : : "r0", "r1", "r2", "r3", "cc", "memory")

TM_KERNEL const int16_t *tm_place(int32_t *sum_a, int32_t *sum_b, const tm_int16 *x, const int16_t *w, int words)
{
    int32_t a = *sum_a, b = *sum_b, p;
    const tm_int16 *end = x + words / 4 * 8;
    while (x != end) {
        TM_PAIRS(TM_PAIR_OF_EACH TM_PAIR_OF_EACH TM_PAIR_OF_EACH TM_PAIR_OF_EACH);
    }
    for (end += words % 4 * 2; x != end;) {
        TM_PAIRS(TM_PAIR_OF_EACH);
    }
    *sum_a = a;
    *sum_b = b;
    return w;
}

TM_KERNEL const int16_t *tm_pairs(tm_sums *sum, const tm_int16 *x, int pitch, const int16_t *w, int words)
{
    tm_place(&sum->a0, &sum->b0, x, w, words);
    return tm_place(&sum->a1, &sum->b1, x + pitch / 2, w, words);
}
#endif

/* Adds the products to the sums; returns where the weights go on. */
TM_KERNEL const int16_t *tm_conv2d_dot(tm_sums *sum, const tm_int16 *x, int pitch, const int16_t *weight, int words)
{
#if TM_DSP
    const tm_word *from = (const tm_word *)(const void *)x, *w = (const tm_word *)(const void *)weight, *second;
#if TM_ASM
    if (pitch <= TM_PITCH_MAX) {
        tm_pairs(sum, &from, pitch, &w, words / 2);
        words %= 2;
    }
#endif
    second = from + pitch / 4;
    for (; words >= 8; words -= 8) {
        tm_two_pairs(sum, &from, &second, &w);
        tm_two_pairs(sum, &from, &second, &w);
        tm_two_pairs(sum, &from, &second, &w);
        tm_two_pairs(sum, &from, &second, &w);
    }
    for (; words >= 2; words -= 2) {
        tm_two_pairs(sum, &from, &second, &w);
    }
    if (words & 1) {
        uint32_t a, b;
        tm_load_two(&a, &b, &w);
        tm_pair(sum, *from, *second, a, b);
    }
    return (const int16_t *)(const void *)w;
#elif TM_ASM
    return tm_pairs(sum, x, pitch, weight, words);
#else
    const tm_int16 *const end = x + 2 * words, *second = x + pitch / 2;
    TM_FORGET(second);
    for (; x != end; x += 2, second += 2, weight += 4) {
        int32_t p = x[0], q = second[0], a = TM_GET_S16(weight), b = TM_GET_S16(weight + 2);
        sum->a0 += p * a;
        sum->b0 += p * b;
        sum->a1 += q * a;
        sum->b1 += q * b;
        p = x[1], q = second[1], a = TM_GET_S16(weight + 1), b = TM_GET_S16(weight + 3);
        sum->a0 += p * a;
        sum->b0 += p * b;
        sum->a1 += q * a;
        sum->b1 += q * b;
    }
    return weight;
#endif
}
/* end */
