#include "tm_s8.h"
/* begin */
/* Softmax over the channels of each pixel, in whole numbers: exponentials[i] stands for e^-i; y may be x. */
TM_KERNEL void tm_softmax_s8(const uint8_t *x, uint8_t *y, int in_size, int channels, int in_flip,
        const uint32_t *exponentials)
{
    int i, c;
    for (i = 0; i < in_size; i += channels) {
        int largest = 0;
        uint32_t total = 0;
        for (c = 0; c < channels; c++) {
            const int value = x[i + c] ^ in_flip;
            largest = value > largest ? value : largest;
        }
        for (c = 0; c < channels; c++) {
            total += TM_GET_U32(exponentials + (largest - (x[i + c] ^ in_flip)));
        }
        for (c = 0; c < channels; c++) {
            const uint32_t e = TM_GET_U32(exponentials + (largest - (x[i + c] ^ in_flip)));
            const uint32_t q = (256 * e + total / 2) / total;
            y[i + c] = (uint8_t)(q > 255 ? 255 : q);
        }
    }
}
/* end */
