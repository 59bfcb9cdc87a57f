#include "tm.h"

#include "softmax.c"
/* begin */
static void tm_scores(const float *output, float *probabilities)
{
    tm_softmax(output, probabilities, TM_CLASS_COUNT, TM_CLASS_COUNT);
}
