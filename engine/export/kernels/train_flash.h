/* Where the weights stand that learning begins with, and how to read them: on AVR in flash. */
#ifndef TM_TRAIN_FLASH_H
#define TM_TRAIN_FLASH_H
/* begin */
#if defined(__AVR__)
#include <avr/pgmspace.h>
#define TM_START PROGMEM
#define TM_GET_START(p) pgm_read_float(p)
#else
#define TM_START
#define TM_GET_START(p) (*(p))
#endif
/* end */
#endif
