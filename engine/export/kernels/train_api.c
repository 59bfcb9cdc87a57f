#include "train.h"

#include "scores_as_they_are.c"
#include "train_finite.c"
void tm_load(const uint8_t *image);
void tm_load_float(const float *input);
/* begin */
void tm_reset(void)
{
    int32_t i;
    for (i = 0; i < TM_WEIGHT_COUNT; i++) {
        tm_weights[i] = TM_GET_START(tm_start + i);
    }
    tm_generator = 1;
    tm_ready = 1;
}

void tm_init_random(uint32_t seed)
{
    tm_reset();
    tm_generator = seed ? seed : 1;
    tm_start_random();
}

static void tm_forward_ready(int training)
{
    if (!tm_ready) {
        tm_reset();
    }
    tm_forward(training);
}

float tm_train_step(const uint8_t *image, int label, float learning_rate)
{
    float loss;
    if (label < 0 || label >= TM_CLASS_COUNT || !tm_is_finite(learning_rate) || learning_rate < 0.0f) {
        return -1.0f;
    }
    tm_load(image);
    tm_forward_ready(1);
    loss = tm_loss(tm_arena + TM_ARENA_OUTPUT, tm_arena + TM_ARENA_GRADIENT, label);
    if (tm_is_finite(loss)) {
        tm_backward(learning_rate);
    }
    return loss;
}

void tm_run_float(const float *input, float *output)
{
    tm_load_float(input);
    tm_forward_ready(0);
    tm_finish(tm_arena + TM_ARENA_OUTPUT, output);
}

int tm_predict(const uint8_t *image, float *probabilities)
{
    float *const output = tm_arena + TM_ARENA_OUTPUT;
    int i, best = 0;
    tm_load(image);
    tm_forward_ready(0);
    for (i = 1; i < TM_CLASS_COUNT; i++) {
        best = output[i] > output[best] ? i : best;
    }
    if (probabilities) {
        tm_finish(output, output);
        tm_scores(output, probabilities);
    }
    return best;
}
