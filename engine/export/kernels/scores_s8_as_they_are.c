#include "tm_s8.h"
/* begin */
TM_STAGE tm_scores(const uint8_t *output, float *probabilities)
{
    int i;
    for (i = 0; i < TM_CLASS_COUNT; i++) {
        probabilities[i] = TM_OUTPUT_SCALE * (float)((int)output[i] - 128 - TM_OUTPUT_ZERO_POINT);
    }
}
/* end */
