/* What training on a device needs, besides tm.h. */
#ifndef TM_TRAIN_BASE_H
#define TM_TRAIN_BASE_H
/* begin */
/* A function that its callers know nothing about. gcc 12 draws wrong conclusions from functions that read bytes of a
   float array and write floats to it: at -O1 and -O2 it leaves out their calls. */
#if defined(__GNUC__) && !defined(__clang__) && __GNUC__ >= 8
#define TM_APART static __attribute__((noipa))
#elif defined(__GNUC__)
#define TM_APART static __attribute__((noinline))
#else
#define TM_APART static
#endif

/* The weights that learning begins with, and how to read them. */
#define TM_START TM_FLASH
#if defined(__AVR__)
#include <avr/pgmspace.h>
#define TM_GET_START(p) pgm_read_float(p)
#else
#define TM_GET_START(p) (*(p))
#endif
/* end */
#endif
