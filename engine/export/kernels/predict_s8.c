#include "tm_s8.h"

#include "scores_s8_as_they_are.c"
/* begin */
int tm_predict(const uint8_t *image, float *probabilities)
{
    const uint8_t *const output = (const uint8_t *)tm_arena + TM_ARENA_OUTPUT;
    int i, best = 0;
    tm_stage_1(image);
    tm_other_stages();
    for (i = 1; i < TM_CLASS_COUNT; i++) {
        best = output[i] > output[best] ? i : best;
    }
#ifdef TM_NO_PROBABILITIES
    (void)probabilities;
#else
    if (probabilities) {
        tm_scores(output, probabilities);
    }
#endif
#ifdef TM_REJECTED
    best = output[best] >= TM_GET_U8(tm_least_outputs + best) ? best : TM_REJECTED;
#endif
    return best;
}

void tm_run_int8(const int8_t *input, int8_t *output)
{
    const uint8_t *const bytes = (const uint8_t *)tm_arena + TM_ARENA_OUTPUT;
    int i;
    tm_stage_1_int8((const uint8_t *)input);
    tm_other_stages();
    for (i = 0; i < TM_CLASS_COUNT; i++) {
        output[i] = (int8_t)(bytes[i] - 128);
    }
}
/* end */
