/* What float kernels need, besides tm.h and tm_function.h. */
#ifndef TM_FLOAT_H
#define TM_FLOAT_H
#include "tm.h"
/* begin */
#if defined(__GNUC__)
#define TM_SHARED static __attribute__((noinline, unused)) /* one copy for all stages; or one stage, to be measured */
#else
#define TM_SHARED static
#endif

/* Constant arrays, and how to read them: plain pointers do not reach the flash of AVR. */
#ifndef TM_CONST
#define TM_CONST TM_FLASH
#endif
#if defined(__AVR__)
#include <avr/pgmspace.h>
#define TM_GET(p) pgm_read_float(p)
#define TM_GET_S32(p) ((int32_t)pgm_read_dword(p))
#else
#define TM_GET(p) (*(p))
#define TM_GET_S32(p) (*(p))
#endif

/* The floating-point unit of a Cortex-M4F, M7 or M33 reads up to 22 numbers in one instruction, which compilers
   do not use. The kernels' innermost steps are also there in its assembly language: the same sums in the same
   order, so the same bits. TM_FUSED allows fused multiply-adds, which round once instead of twice: half the
   instructions, results that agree to 1e-5. TM_NO_ASM does without assembly language. */
#if defined(__GNUC__) && defined(__OPTIMIZE__) && defined(__thumb2__) && defined(__ARM_FP) && !defined(TM_NO_ASM)
#define TM_VFP 1
#else
#define TM_VFP 0
#endif
/* end */
#endif
