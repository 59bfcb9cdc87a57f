#include "tm.h"
/* begin */
static void tm_scores(const float *output, float *probabilities)
{
    int i;
    for (i = 0; i < TM_CLASS_COUNT; i++) {
        probabilities[i] = output[i];
    }
}
