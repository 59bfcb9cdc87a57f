#include "tm.h"

#include "train_random.c"
/* begin */
/* Drops each number with probability threshold / 2^24 and scales the others, so that their mean stays; `kept`
   remembers which were kept, unless it is null. Without training it only copies. y may be x. */
TM_KERNEL void tm_train_dropout(const float *x, float *y, int in_size, int32_t threshold, uint8_t *kept,
        uint32_t *generator, int training)
{
    const float scale = 16777216.0f / (float)(16777216 - threshold);
    int i;
    for (i = 0; i < in_size; i++) {
        const int stays = !training || (int32_t)(tm_train_random(generator) >> 8) >= threshold;
        if (kept) {
            kept[i] = (uint8_t)stays;
        }
        y[i] = !stays ? 0.0f : training ? x[i] * scale : x[i];
    }
}
