/* The interface of an exported model. */
#include "tm.h"
/* begin */
#ifdef __cplusplus
extern "C" {
#endif

/* What each output stands for, UTF-8. */
extern const char *const tm_class_names[TM_CLASS_COUNT];

/* Classifies an image of TM_INPUT_SIZE bytes, ink bright (0 = paper, 255 = ink). Writes TM_CLASS_COUNT scores in
   [0, 1] to `probabilities` unless that is a null pointer; returns the class, an index into tm_class_names,
   or TM_REJECTED where that is defined and the image is like none of the classes. */
int tm_predict(const uint8_t *image, float *probabilities);

/* The bare network: TM_INPUT_SIZE numbers scaled to [0, 1] in, TM_CLASS_COUNT outputs (logits, unless the network
   ends in an activation). The two must not overlap. */
void tm_run_float(const float *input, float *output);

#ifdef __cplusplus
}
#endif
