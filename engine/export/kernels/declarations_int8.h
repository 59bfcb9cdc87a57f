/* The interface of a model that is exported as int8. */
#include "tm_s8.h"
/* begin */
#ifdef __cplusplus
extern "C" {
#endif

/* What each output stands for, UTF-8. */
extern const char *const tm_class_names[TM_CLASS_COUNT];

/* Classifies an image of TM_INPUT_SIZE bytes, ink bright (0 = paper, 255 = ink). Writes TM_CLASS_COUNT scores in
   [0, 1] to `probabilities` unless that is a null pointer; returns the class, an index into tm_class_names,
   or TM_REJECTED where that is defined and the image is like none of the classes.
   Where TM_NO_PROBABILITIES is defined nothing is written, and no floating-point code is needed. */
int tm_predict(const uint8_t *image, float *probabilities);

/* The bare network: TM_INPUT_SIZE numbers in, TM_CLASS_COUNT out. A number q stands for
   TM_INPUT_SCALE * (q - TM_INPUT_ZERO_POINT), an output for TM_OUTPUT_SCALE * (q - TM_OUTPUT_ZERO_POINT). */
void tm_run_int8(const int8_t *input, int8_t *output);

#ifdef __cplusplus
}
#endif
/* end */
