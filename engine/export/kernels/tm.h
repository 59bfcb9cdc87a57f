/* What every kernel needs. The exporter reads these files as text, keeps what stands between the two marks and
   renames tm_ and TM_ to the model's name, so that several models fit into one program. */
#ifndef TM_H
#define TM_H
#include <stdint.h>

#include "tm_function.h"
/* Placeholders with which an editor can check the files here; the exporter writes those of the model. */
#define TM_INPUT_SIZE 1
#define TM_CLASS_COUNT 2
#define TM_ARENA_INPUT 0
#define TM_ARENA_OUTPUT 1
#define TM_DRAWING_SIDE 1
#define TM_PIXEL_SCALE 0.00392156886f
#define TM_TEST_COUNT 1
#define TM_TEST_TOLERANCE 1e-5f
static float tm_arena[4];
static const uint8_t tm_test_images[1];
static const float tm_test_outputs[2];
void tm_network(const float *input, float *output);
int tm_predict(const uint8_t *image, float *probabilities);
void tm_run_float(const float *input, float *output);
int tm_preprocess(const uint8_t *canvas, int width, int height, uint8_t *image);
/* begin */
/* Kernels are written for any shape and called with constant ones: inlined, they become code for just these. */
#if defined(__GNUC__) && defined(__OPTIMIZE__)
#define TM_KERNEL static inline __attribute__((always_inline, unused))
#elif defined(__GNUC__)
#define TM_KERNEL static inline __attribute__((unused))
#else
#define TM_KERNEL static inline
#endif

/* Each stage of the network is a function of its own, so that what it executes can be counted. */
#if defined(__GNUC__)
#define TM_STAGE static __attribute__((noinline)) void
#else
#define TM_STAGE static void
#endif

/* Where constants are: on AVR in flash, on large chips first there, because 16 bits reach no more than 64 KB. */
#if defined(__AVR_HAVE_ELPM__)
#define TM_FLASH __attribute__((section(".progmem.gcc_weights")))
#elif defined(__AVR__)
#define TM_FLASH PROGMEM
#else
#define TM_FLASH
#endif

/* Called behind each stage with its number, its output and the count of numbers in it; does nothing by itself. */
#ifndef TM_TRACE
#define TM_TRACE(stage, output, count)
#endif
/* end */
#endif
