#include "tm_float.h"
/* begin */
/* The innermost step of convolutions: four pixels times two filters (or one). The products of a block of up to 6
   taps are added up before they go to the sums, which keeps chains of roundings short. The numbers of the two
   filters take turns in memory. */
typedef struct {
    float a, b, c, d, e, f, g, h; /* pixel 1 with filter 1 and 2, pixel 2 with filter 1 and 2, ... */
} tm_sums;

typedef struct {
    const float *p, *q, *r, *s, *w; /* where each pixel's window is read, and the weights */
} tm_place;

#if TM_VFP
/* s8... hold weights, s20... a pixel's taps, s26... sums of a block. */
#if defined(TM_FUSED) && defined(__ARM_FEATURE_FMA)
#define TM_FIRST2(a, b, x) "vfma.f32 %[" a "], " x ", s8\n\tvfma.f32 %[" b "], " x ", s9\n\t"
#define TM_NEXT2(a, b, x, v, w) "vfma.f32 %[" a "], " x ", " v "\n\tvfma.f32 %[" b "], " x ", " w "\n\t"
#define TM_LAST2(a, b)
#define TM_FIRST1(a) "vfma.f32 %[" a "], s20, s8\n\t"
#define TM_NEXT1(a, x, v) "vfma.f32 %[" a "], " x ", " v "\n\t"
#define TM_LAST1(a)
#else
#define TM_FIRST2(a, b, x) "vmul.f32 s26, " x ", s8\n\tvmul.f32 s27, " x ", s9\n\t"
#define TM_NEXT2(a, b, x, v, w)                                                                                    \
    "vmul.f32 s28, " x ", " v "\n\tvmul.f32 s29, " x ", " w "\n\t"                                                 \
    "vadd.f32 s26, s26, s28\n\tvadd.f32 s27, s27, s29\n\t"
#define TM_LAST2(a, b) "vadd.f32 %[" a "], %[" a "], s26\n\tvadd.f32 %[" b "], %[" b "], s27\n\t"
#define TM_FIRST1(a) "vmul.f32 s26, s20, s8\n\t"
#define TM_NEXT1(a, x, v) "vmul.f32 s28, " x ", " v "\n\tvadd.f32 s26, s26, s28\n\t"
#define TM_LAST1(a) "vadd.f32 %[" a "], %[" a "], s26\n\t"
#endif

#define TM_MORE2_1(a, b)
#define TM_MORE2_2(a, b) TM_NEXT2(a, b, "s21", "s10", "s11")
#define TM_MORE2_3(a, b) TM_MORE2_2(a, b) TM_NEXT2(a, b, "s22", "s12", "s13")
#define TM_MORE2_4(a, b) TM_MORE2_3(a, b) TM_NEXT2(a, b, "s23", "s14", "s15")
#define TM_MORE2_5(a, b) TM_MORE2_4(a, b) TM_NEXT2(a, b, "s24", "s16", "s17")
#define TM_MORE2_6(a, b) TM_MORE2_5(a, b) TM_NEXT2(a, b, "s25", "s18", "s19")
#define TM_BEHIND_1(a, b)
#define TM_BEHIND_2(a, b) TM_NEXT2(a, b, "s22", "s10", "s11")
#define TM_BEHIND_3(a, b) TM_BEHIND_2(a, b) TM_NEXT2(a, b, "s23", "s12", "s13")
#define TM_BEHIND_4(a, b) TM_BEHIND_3(a, b) TM_NEXT2(a, b, "s24", "s14", "s15")
#define TM_BEHIND_5(a, b) TM_BEHIND_4(a, b) TM_NEXT2(a, b, "s25", "s16", "s17")
#define TM_MORE1_1(a)
#define TM_MORE1_2(a) TM_NEXT1(a, "s21", "s9")
#define TM_MORE1_3(a) TM_MORE1_2(a) TM_NEXT1(a, "s22", "s10")
#define TM_MORE1_4(a) TM_MORE1_3(a) TM_NEXT1(a, "s23", "s11")
#define TM_MORE1_5(a) TM_MORE1_4(a) TM_NEXT1(a, "s24", "s12")
#define TM_MORE1_6(a) TM_MORE1_5(a) TM_NEXT1(a, "s25", "s13")

#define TM_PIXEL2(p, a, b, x, more) "vldmia %[" p "]!, {" x "}\n\t" TM_FIRST2(a, b, "s20") more(a, b) TM_LAST2(a, b)
#define TM_PAIR2(p, a, b, c, d, x, more, behind)                                                                   \
    TM_PIXEL2(p, a, b, x, more) TM_FIRST2(c, d, "s21") behind(c, d) TM_LAST2(c, d)
#define TM_PIXEL1(p, a, x, more) "vldmia %[" p "]!, {" x "}\n\t" TM_FIRST1(a) more(a) TM_LAST1(a)
#define TM_SCRATCH                                                                                                 \
    "s8", "s9", "s10", "s11", "s12", "s13", "s14", "s15", "s16", "s17", "s18", "s19", "s20", "s21", "s22", "s23",  \
            "s24", "s25", "s26", "s27", "s28", "s29", "memory"

#define TM_STEP2(weights, x, more)                                                                                 \
    __asm__ volatile("vldmia %[w]!, {" weights "}\n\t" TM_PIXEL2("p", "a", "b", x, more)                           \
                             TM_PIXEL2("q", "c", "d", x, more) TM_PIXEL2("r", "e", "f", x, more)                   \
                                     TM_PIXEL2("s", "g", "h", x, more)                                             \
                     : [p] "+r"(at->p), [q] "+r"(at->q), [r] "+r"(at->r), [s] "+r"(at->s), [w] "+r"(at->w),        \
                     [a] "+t"(to->a), [b] "+t"(to->b), [c] "+t"(to->c), [d] "+t"(to->d), [e] "+t"(to->e),          \
                     [f] "+t"(to->f), [g] "+t"(to->g), [h] "+t"(to->h)                                             \
                     :                                                                                             \
                     : TM_SCRATCH)
/* Images with one channel: the window of the second and fourth pixel is one number behind that of the one before,
   so one reading serves both. The windows stay where they are. */
#define TM_STEP_SHARED(weights, x, more, behind)                                                             \
    __asm__ volatile("vldmia %[w]!, {" weights "}\n\t" TM_PAIR2("p", "a", "b", "c", "d", x, more, behind)          \
                             TM_PAIR2("r", "e", "f", "g", "h", x, more, behind)                                    \
                     : [p] "+r"(at->p), [r] "+r"(at->r), [w] "+r"(at->w), [a] "+t"(to->a), [b] "+t"(to->b),        \
                     [c] "+t"(to->c), [d] "+t"(to->d), [e] "+t"(to->e), [f] "+t"(to->f), [g] "+t"(to->g),          \
                     [h] "+t"(to->h)                                                                               \
                     :                                                                                             \
                     : TM_SCRATCH)
#define TM_STEP1(weights, x, more)                                                                                 \
    __asm__ volatile("vldmia %[w]!, {" weights "}\n\t" TM_PIXEL1("p", "a", x, more) TM_PIXEL1("q", "c", x, more)   \
                             TM_PIXEL1("r", "e", x, more) TM_PIXEL1("s", "g", x, more)                             \
                     : [p] "+r"(at->p), [q] "+r"(at->q), [r] "+r"(at->r), [s] "+r"(at->s), [w] "+r"(at->w),        \
                     [a] "+t"(to->a), [c] "+t"(to->c), [e] "+t"(to->e), [g] "+t"(to->g)                            \
                     :                                                                                             \
                     : TM_SCRATCH)

TM_KERNEL void tm_step(tm_sums *to, tm_place *at, int filters, int block)
{
    switch (filters * 8 + block) {
    case 8 + 1: TM_STEP1("s8", "s20", TM_MORE1_1); break;
    case 8 + 2: TM_STEP1("s8-s9", "s20-s21", TM_MORE1_2); break;
    case 8 + 3: TM_STEP1("s8-s10", "s20-s22", TM_MORE1_3); break;
    case 8 + 4: TM_STEP1("s8-s11", "s20-s23", TM_MORE1_4); break;
    case 8 + 5: TM_STEP1("s8-s12", "s20-s24", TM_MORE1_5); break;
    case 8 + 6: TM_STEP1("s8-s13", "s20-s25", TM_MORE1_6); break;
    case 24 + 2: TM_STEP_SHARED("s8-s11", "s20-s22", TM_MORE2_2, TM_BEHIND_2); break;
    case 24 + 3: TM_STEP_SHARED("s8-s13", "s20-s23", TM_MORE2_3, TM_BEHIND_3); break;
    case 24 + 4: TM_STEP_SHARED("s8-s15", "s20-s24", TM_MORE2_4, TM_BEHIND_4); break;
    case 24 + 5: TM_STEP_SHARED("s8-s17", "s20-s25", TM_MORE2_5, TM_BEHIND_5); break;
    case 16 + 1: TM_STEP2("s8-s9", "s20", TM_MORE2_1); break;
    case 16 + 2: TM_STEP2("s8-s11", "s20-s21", TM_MORE2_2); break;
    case 16 + 3: TM_STEP2("s8-s13", "s20-s22", TM_MORE2_3); break;
    case 16 + 4: TM_STEP2("s8-s15", "s20-s23", TM_MORE2_4); break;
    case 16 + 5: TM_STEP2("s8-s17", "s20-s24", TM_MORE2_5); break;
    default: TM_STEP2("s8-s19", "s20-s25", TM_MORE2_6); break;
    }
}
#else
TM_KERNEL void tm_pixel(float *a, float *b, const float **x, const float *w, int filters, int block)
{
    float one = **x * TM_GET(w), two = filters > 1 ? **x * TM_GET(w + 1) : 0.0f;
    int i;
    for (i = 1; i < block; i++) {
        one += (*x)[i] * TM_GET(w + i * filters);
        if (filters > 1) {
            two += (*x)[i] * TM_GET(w + i * 2 + 1);
        }
    }
    *x += block;
    *a += one;
    *b += two;
}

TM_KERNEL void tm_step(tm_sums *to, tm_place *at, int filters, int block)
{
    tm_pixel(&to->a, &to->b, &at->p, at->w, filters, block);
    tm_pixel(&to->c, &to->d, &at->q, at->w, filters, block);
    tm_pixel(&to->e, &to->f, &at->r, at->w, filters, block);
    tm_pixel(&to->g, &to->h, &at->s, at->w, filters, block);
    at->w += filters * block;
}
#endif

/* Adds `rows` rows of `taps` numbers each (both more than 0), in blocks and then one by one; `line` leads from one to the
   next one, `weight_line` from the end of one to the next. `whole`: blocks leave nothing over. `shared`: the row is
   one block, and the second and fourth pixel are one number behind the one before. */
TM_KERNEL void tm_window(tm_sums *to, tm_place *at, int filters, int rows, int taps, int block, int whole, int shared,
        int line, int weight_line)
{
    const int reads_pairs = TM_VFP && shared && filters > 1;
    const int next = reads_pairs ? line - block - 1 : line - taps;
    do {
        int n = taps;
        if (reads_pairs) {
            tm_step(to, at, 3, block);
            at->p += next;
            at->r += next;
            continue;
        }
        if (whole) {
            int blocks = taps / block;
            do {
                tm_step(to, at, filters, block);
            } while (--blocks);
        }
        for (; !whole && n >= block; n -= block) {
            tm_step(to, at, filters, block);
        }
        for (; !whole && n > 0; n--) {
            tm_step(to, at, filters, 1);
        }
        at->p += next;
        at->q += next;
        at->r += next;
        at->s += next;
        at->w += weight_line;
    } while (--rows);
}
