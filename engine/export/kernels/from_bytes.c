#include "tm_float.h"
/* begin */
/* An image's bytes as the numbers that the network reads. */
TM_SHARED void tm_from_bytes(float *to, const uint8_t *from, int n)
{
    for (; n > 0; n--) {
        *to++ = (float)*from++ * TM_PIXEL_SCALE;
    }
}
