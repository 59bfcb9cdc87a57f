#include "tm_float.h"
/* begin */
static void tm_network_of_bytes(const uint8_t *input, float *output)
{
    float *const floats = tm_arena + TM_ARENA_INPUT;
    int i;
    for (i = 0; i < TM_INPUT_SIZE; i++) {
        floats[i] = (float)input[i] * TM_PIXEL_SCALE;
    }
    tm_network(floats, output);
}
