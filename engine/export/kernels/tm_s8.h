/* What every int8 kernel needs, besides tm.h. Inside a network a number q is held as the byte q + 128, so that the
   bytes of an image are the input as they are. */
#ifndef TM_S8_H
#define TM_S8_H
#include "tm.h"
/* Placeholders, as in tm.h. */
#define TM_OUTPUT_SCALE 0.5f
#define TM_OUTPUT_ZERO_POINT (-128)
void tm_stage_1(const uint8_t *x);
void tm_stage_1_int8(const uint8_t *x);
void tm_other_stages(void);
void tm_run_int8(const int8_t *input, int8_t *output);
/* begin */
#if defined(__GNUC__)
#define TM_ALIGNED __attribute__((aligned(4)))
#define TM_ALIAS __attribute__((may_alias))
#else
#define TM_ALIGNED
#define TM_ALIAS
#endif

/* Constant arrays, and how to read them: plain pointers do not reach the flash of AVR. */
#ifndef TM_CONST
#define TM_CONST TM_FLASH
#endif
#if defined(__AVR__)
#include <avr/pgmspace.h>
#define TM_GET_U8(p) pgm_read_byte(p)
#define TM_GET_S8(p) ((int8_t)pgm_read_byte(p))
#define TM_GET_S16(p) ((int16_t)pgm_read_word(p))
#define TM_GET_U16(p) pgm_read_word(p)
#define TM_GET_S32(p) ((int32_t)pgm_read_dword(p))
#define TM_GET_U32(p) pgm_read_dword(p)
#else
#define TM_GET_U8(p) (*(p))
#define TM_GET_S8(p) (*(p))
#define TM_GET_S16(p) (*(p))
#define TM_GET_U16(p) (*(p))
#define TM_GET_S32(p) (*(p))
#define TM_GET_U32(p) (*(p))
#endif

/* Scratch memory under the type that a kernel needs it in. */
typedef int16_t TM_ALIAS tm_int16;
typedef int32_t TM_ALIAS tm_int32;
typedef uint32_t TM_ALIAS tm_word;
/* end */
#endif
