#include "tm_s8.h"

#include "multiply_s8.c"
/* begin */
/* Sums of four outputs a, b, c, d, or of two, over runs of inputs.

   A number of `weight` is 256 b + a: two outputs' weights for one input. Multiplied as it stands it adds up to
   256 B + A, and its low byte, taken as a number with sign, to A; so only half of the weights are ever taken apart.
   B is the difference / 256, exact while B is below 2^23: the exporter chooses runs that are short enough, and
   nearly always one run is the whole row. The input's bytes 0 and 2 come before 1 and 3, which is how pairs of
   them are taken from a word. With the DSP instructions, four inputs and four outputs are 16 instructions:
   2 loads (four pairs of weights at once), 2 + 4 to widen bytes, 8 double multiplications. Registers: 4 sums,
   4 weights, 2 of inputs and 2 pointers. */
typedef struct {
    int32_t a, b, c, d; /* b and d with 256 times their own and once their neighbour's sum */
} tm_dense_sums;

#if TM_ASM == TM_ASM_DSP
#define TM_PAIR_OF_INPUTS(x, ab, cd)                                                                        \
    "smlad %[b], %[" x "], " ab ", %[b]\n\tsxtb16 " ab ", " ab "\n\tsmlad %[a], %[" x "], " ab ", %[a]\n\t" \
    "smlad %[d], %[" x "], " cd ", %[d]\n\tsxtb16 " cd ", " cd "\n\tsmlad %[c], %[" x "], " cd ", %[c]\n\t"
#define TM_FOUR_INPUTS(flip)                                                                                \
    "ldr %[u], [%[x]], #4\n\tldmia %[w]!, {r4, r8, r10, r12}\n\t" flip                                        \
    "uxtb16 %[v], %[u], ror #8\n\tuxtb16 %[u], %[u]\n\t"                                                    \
    TM_PAIR_OF_INPUTS("u", "r4", "r8") TM_PAIR_OF_INPUTS("v", "r10", "r12")
#define TM_FLIP "eor %[u], %[u], #0x80808080\n\t"
#define TM_INPUTS(inputs)                                                                                   \
    __asm__ volatile(inputs : [a] "+r"(a), [b] "+r"(b), [c] "+r"(c), [d] "+r"(d), [w] "+r"(w), [x] "+r"(x),          \
            [u] "=&r"(u), [v] "=&r"(v) : : "r4", "r8", "r10", "r12", "memory")
#elif TM_ASM == TM_ASM_THUMB2
/* 4 + 8 loads, 8 to widen low bytes, 16 multiplications with sum. */
#define TM_HALF(low, both, at)                                                                              \
    "ldrsh %[u], [%[w], #" at "]\n\tsxtb %[v], %[u]\n\tmla %[" both "], %[u], r4, %[" both "]\n\t"          \
    "mla %[" low "], %[v], r4, %[" low "]\n\t"
#define TM_ONE_INPUT(load, flip, ab, cd) load flip TM_HALF("a", "b", ab) TM_HALF("c", "d", cd)
#define TM_FOUR_INPUTS(flip)                                                                                \
    TM_ONE_INPUT("ldrb r4, [%[x], #2]\n\t", flip, "2", "6") TM_ONE_INPUT("ldrb r4, [%[x], #1]\n\t", flip, "8", "12") \
    TM_ONE_INPUT("ldrb r4, [%[x], #3]\n\t", flip, "10", "14") TM_ONE_INPUT("ldrb r4, [%[x]], #4\n\t", flip, "0", "4") \
    "add %[w], #16\n\t"
#define TM_FLIP "eor r4, r4, #128\n\t"
#define TM_INPUTS(inputs)                                                                                   \
    __asm__ volatile(inputs : [a] "+r"(a), [b] "+r"(b), [c] "+r"(c), [d] "+r"(d), [w] "+r"(w), [x] "+r"(x),          \
            [u] "=&r"(u), [v] "=&r"(v) : : "r4", "cc", "memory")
#elif TM_ASM == TM_ASM_THUMB1
/* 2 + 4 loads and 48 more; sums live in the high registers, which can add. Low halves first: taking high ones leaves
   nothing of a word. */
#define TM_HALF(half, low, both)                                                                            \
    "sxtb %[u], " half "\n\tmuls " half ", r2, " half "\n\tadd %[" both "], " half "\n\t"                     \
    "muls %[u], r2, %[u]\n\tadd %[" low "], %[u]\n\t"
#define TM_TWO_INPUTS(first, second, flip)                                                                  \
    "ldmia %[w]!, {r0, r1}\n\tldrb r2, [%[x], #" first "]\n\t" flip                                         \
    "sxth r3, r0\n\t" TM_HALF("r3", "a", "b") "sxth r3, r1\n\t" TM_HALF("r3", "c", "d")                      \
    "ldrb r2, [%[x], #" second "]\n\t" flip                                                                 \
    "asrs r0, r0, #16\n\t" TM_HALF("r0", "a", "b") "asrs r1, r1, #16\n\t" TM_HALF("r1", "c", "d")
#define TM_FOUR_INPUTS(flip)                                                                                \
    ".syntax unified\n\t" TM_TWO_INPUTS("0", "2", flip) TM_TWO_INPUTS("1", "3", flip) "adds %[x], #4\n\t"
#define TM_FLIP "sxtb r2, r2\n\tadds r2, #128\n\t"
#define TM_INPUTS(inputs)                                                                                   \
    __asm__ volatile(inputs : [a] "+h"(a), [b] "+h"(b), [c] "+h"(c), [d] "+h"(d), [w] "+l"(w), [x] "+l"(x),          \
            [u] "=&l"(u) : : "r0", "r1", "r2", "r3", "cc", "memory")
#endif

#if TM_ASM
#define TM_ONCE(flip) TM_INPUTS(TM_FOUR_INPUTS(flip))
#define TM_TWICE(flip) TM_INPUTS(TM_FOUR_INPUTS(flip) TM_FOUR_INPUTS(flip))
#define TM_FOUR_TIMES(flip) \
    TM_TWICE(flip);         \
    TM_TWICE(flip)

/* `unroll` fours in a round of the loop, 4 or 2; one that is left over. */
TM_KERNEL void tm_dense_fours(tm_dense_sums *sum, const uint8_t *x, const int16_t *w, int fours, int unroll,
        const int flip)
{
    int32_t a = sum->a, b = sum->b, c = sum->c, d = sum->d, u, v;
    const uint8_t *const end = x + fours / 2 * 8;
    while (x != end) {
        if (unroll == 4 && flip) {
            TM_FOUR_TIMES(TM_FLIP);
        } else if (unroll == 4) {
            TM_FOUR_TIMES("");
        } else if (flip) {
            TM_TWICE(TM_FLIP);
        } else {
            TM_TWICE("");
        }
    }
    if (fours % 2 && flip) {
        TM_ONCE(TM_FLIP);
    } else if (fours % 2) {
        TM_ONCE("");
    }
    (void)v;
    sum->a = a;
    sum->b = b;
    sum->c = c;
    sum->d = d;
}
#endif

#if TM_DSP
/* Two inputs x and their weights for two outputs, whose sums are a and b. */
TM_KERNEL void tm_dense_pair(int32_t *a, int32_t *b, uint32_t x, uint32_t weights)
{
    *b = tm_smlad(x, weights, *b);
    *a = tm_smlad(x, tm_even_signed(weights), *a);
}

/* Four inputs x for four outputs, or two. */
TM_KERNEL void tm_dense_word(tm_dense_sums *sum, uint32_t x, const tm_word **weight, int outputs)
{
    uint32_t first, second;
    tm_load_two(&first, &second, weight);
    tm_dense_pair(&sum->a, &sum->b, tm_even(x), first);
    if (outputs > 2) {
        tm_dense_pair(&sum->c, &sum->d, tm_even(x), second);
        tm_load_two(&first, &second, weight);
        tm_dense_pair(&sum->a, &sum->b, tm_odd(x), first);
        tm_dense_pair(&sum->c, &sum->d, tm_odd(x), second);
    } else {
        tm_dense_pair(&sum->a, &sum->b, tm_odd(x), second);
    }
}
#endif

/* One input and its two or four weights. */
TM_KERNEL void tm_dense_input(tm_dense_sums *sum, int32_t x, const int16_t *weight, int outputs)
{
    const int32_t ab = TM_GET_S16(weight);
    sum->b = tm_added(sum->b, x, ab);
    sum->a += x * (int8_t)ab;
    if (outputs > 2) {
        const int32_t cd = TM_GET_S16(weight + 2);
        sum->d = tm_added(sum->d, x, cd);
        sum->c += x * (int8_t)cd;
    }
}

/* Whether assembly may read words from x. With -mno-unaligned-access it must not, unless they are aligned, as all are
   that are not a caller's. */
#if TM_ASM == TM_ASM_DSP && !defined(__ARM_FEATURE_UNALIGNED)
#define TM_IN_WORDS(x, in_given) (!(in_given) || ((uintptr_t)(x) & 3) == 0)
#else
#define TM_IN_WORDS(x, in_given) 1
#endif

/* Sums over `size` inputs, of which a last four may be incomplete; `unroll` fours in a round of an assembly loop. */
TM_KERNEL void tm_dense_run(tm_dense_sums *sum, const uint8_t *x, const int16_t *weight, int size, int outputs,
        int unroll, int in_flip, int in_given)
{
    int i = 0;
    sum->a = sum->b = sum->c = sum->d = 0; /* one by one: without optimization a list of zeros becomes memset */
    (void)unroll;
    (void)in_given;
#if TM_ASM
    if (outputs == 4 && TM_IN_WORDS(x, in_given)) {
        tm_dense_fours(sum, x, weight, size / 4, unroll, in_flip);
        i = size / 4 * 4;
    }
#endif
#if TM_DSP
    {
        const tm_word *from = (const tm_word *)(const void *)(weight + i * outputs / 2);
        for (; i + 4 <= size; i += 4) {
            tm_dense_word(sum, tm_four(x + i) ^ 0x01010101u * (uint32_t)in_flip, &from, outputs);
        }
    }
#else
    {
        const int16_t *w = weight + i * outputs / 2;
        for (; i + 4 <= size; i += 4, w += 2 * outputs) {
            tm_dense_input(sum, x[i] ^ in_flip, w, outputs);
            tm_dense_input(sum, x[i + 2] ^ in_flip, w + 1, outputs);
            tm_dense_input(sum, x[i + 1] ^ in_flip, w + outputs, outputs);
            tm_dense_input(sum, x[i + 3] ^ in_flip, w + outputs + 1, outputs);
        }
    }
#endif
    for (; i < size; i++) { /* at most three */
        const int place = (i & 1) * outputs + (i >> 1 & 1);
        tm_dense_input(sum, x[i] ^ in_flip, weight + (size & ~3) * outputs / 2 + place, outputs);
    }
}
/* end */
