#include "tm.h"

#include "network_of_floats.c"
#include "scores_as_they_are.c"
/* begin */
void tm_run_float(const float *input, float *output)
{
    tm_network(input, output);
}

int tm_predict(const uint8_t *image, float *probabilities)
{
    float *const output = tm_arena + TM_ARENA_OUTPUT;
    int i, best = 0;
    tm_network_of_bytes(image, output);
    for (i = 1; i < TM_CLASS_COUNT; i++) {
        best = output[i] > output[best] ? i : best;
    }
    if (probabilities) {
        tm_scores(output, probabilities);
    }
#ifdef TM_REJECTED
    best = output[best] >= tm_least_outputs[best] ? best : TM_REJECTED;
#endif
    return best;
}
