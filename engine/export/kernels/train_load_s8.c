#include "train.h"
/* begin */
/* The layers that do not learn, in int8, fill the input of those that do. */
TM_APART void tm_load(const uint8_t *image)
{
    tm_body(image);
}

TM_APART void tm_load_float(const float *input)
{
    uint8_t *const image = (uint8_t *)tm_arena + TM_ARENA_IMAGE;
    int i;
    for (i = 0; i < TM_INPUT_SIZE; i++) {
        const float v = input[i] * 255.0f + 0.5f;
        image[i] = v < 0.0f ? 0 : v > 255.0f ? 255 : (uint8_t)v;
    }
    tm_body(image);
}
