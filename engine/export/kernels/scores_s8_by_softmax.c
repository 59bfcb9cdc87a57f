#include "tm_s8.h"

#include "softmax.c"
/* begin */
TM_STAGE tm_scores(const uint8_t *output, float *probabilities)
{
    int i;
    for (i = 0; i < TM_CLASS_COUNT; i++) {
        probabilities[i] = TM_OUTPUT_SCALE * (float)((int)output[i] - 128 - TM_OUTPUT_ZERO_POINT);
    }
    tm_softmax(probabilities, probabilities, TM_CLASS_COUNT, TM_CLASS_COUNT);
}
/* end */
