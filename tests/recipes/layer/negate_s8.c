#include "tm_s8.h"
/* begin */
/* All bits of each byte turned; y may be x. */
TM_KERNEL void tm_negate_s8(const uint8_t *x, uint8_t *y, int in_size, int in_flip)
{
    int i;
    for (i = 0; i < in_size; i++) {
        y[i] = (uint8_t)(255 - (x[i] ^ in_flip));
    }
}
/* end */
