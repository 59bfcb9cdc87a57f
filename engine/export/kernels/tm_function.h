/* What kernels need that apply a function to floats, besides tm.h. */
#ifndef TM_FUNCTION_H
#define TM_FUNCTION_H
/* begin */
typedef float (*tm_function)(float); /* applied to each output; a constant argument, so inlined too */
/* end */
#endif
