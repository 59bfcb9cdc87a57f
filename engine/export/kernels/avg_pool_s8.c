#include "tm_s8.h"
/* begin */
/* The mean of each window, halves away from zero, which is the byte 128. */
TM_KERNEL void tm_avg_pool_s8(const uint8_t *x, uint8_t *y, int in_width, int channels, int out_height, int out_width,
        int window_height, int window_width, int in_flip)
{
    const uint32_t count = (uint32_t)window_height * (uint32_t)window_width;
    int i, j, a, b, c;
    for (i = 0; i < out_height; i++) {
        for (j = 0; j < out_width; j++) {
            const uint8_t *const window = x + (i * window_height * in_width + j * window_width) * channels;
            for (c = 0; c < channels; c++) {
                uint32_t sum = 0;
                for (a = 0; a < window_height; a++) {
                    for (b = 0; b < window_width; b++) {
                        sum += (uint32_t)(window[(a * in_width + b) * channels + c] ^ in_flip);
                    }
                }
                *y++ = (uint8_t)((sum + count / 2 - (count % 2 == 0 && sum < 128 * count)) / count);
            }
        }
    }
}
/* end */
