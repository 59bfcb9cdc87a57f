/* The interface of an exported model that learns. */
#include "tm.h"
/* begin */
#ifdef __cplusplus
extern "C" {
#endif

/* What each output stands for, UTF-8. */
extern const char *const tm_class_names[TM_CLASS_COUNT];

/* All that learns. Copy it somewhere to keep what was learned, and copy it back after tm_reset(). */
extern float tm_weights[TM_WEIGHT_COUNT];

/* Learns from one image of TM_INPUT_SIZE bytes, ink bright (0 = paper, 255 = ink), that shows the class `label`, an
   index into tm_class_names: one step of gradient descent. Returns the loss before the step. Changes nothing and
   returns -1 when there is no such class or the rate is negative or no number; changes nothing either when the loss is
   no finite number. A rate to begin with is 0.01; where all images show the same class, the others are forgotten. */
float tm_train_step(const uint8_t *image, int label, float learning_rate);

/* Forgets: the weights are again those that were exported. Happens by itself before anything else does. */
void tm_reset(void);

/* Forgets more: random weights, the same for the same seed, to learn from scratch. */
void tm_init_random(uint32_t seed);

/* Classifies an image of TM_INPUT_SIZE bytes with what was learned. Writes TM_CLASS_COUNT scores in [0, 1] to
   `probabilities` unless that is a null pointer; returns the class, an index into tm_class_names. */
int tm_predict(const uint8_t *image, float *probabilities);

/* The bare network: TM_INPUT_SIZE numbers scaled to [0, 1] in, TM_CLASS_COUNT outputs (logits, unless the network
   ends in an activation). The two must not overlap. */
void tm_run_float(const float *input, float *output);

#ifdef __cplusplus
}
#endif
