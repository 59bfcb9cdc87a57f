/* Placeholders with which an editor can check the files of training; the exporter writes those of the model. */
#ifndef TM_TRAIN_H
#define TM_TRAIN_H
#include "tm.h"
#include "train_base.h"
#define TM_WEIGHT_COUNT 1
#define TM_ARENA_GRADIENT 2
#define TM_ARENA_IMAGE 0
static const float tm_start[TM_WEIGHT_COUNT];
float tm_weights[TM_WEIGHT_COUNT];
void tm_forward(int training);
void tm_backward(float rate);
void tm_body(const uint8_t *image);
float tm_loss(const float *y, float *dy, int label);
void tm_start_random(void);
void tm_finish(const float *output, float *target);
float tm_train_step(const uint8_t *image, int label, float learning_rate);
void tm_reset(void);
void tm_init_random(uint32_t seed);
static uint32_t tm_generator, tm_ready;
#endif
