#include "train.h"
/* begin */
TM_APART void tm_load(const uint8_t *image)
{
    float *const input = tm_arena + TM_ARENA_INPUT;
    int i;
    for (i = 0; i < TM_INPUT_SIZE; i++) {
        input[i] = (float)image[i] * TM_PIXEL_SCALE;
    }
}

TM_APART void tm_load_float(const float *input)
{
    int i;
    for (i = 0; i < TM_INPUT_SIZE; i++) {
        tm_arena[TM_ARENA_INPUT + i] = input[i];
    }
}
