#include "tm_s8.h"

#include "lines_s8.c"
/* begin */
/* The mean of `count` bytes, halves away from zero, which is the byte 128. */
TM_KERNEL uint8_t tm_mean(uint32_t sum, uint32_t count)
{
    return (uint8_t)((sum + count / 2 - (count % 2 == 0 && sum < 128 * count)) / count);
}

/* The means of four channels of a window, summed up two by two in halves of words: up to 257 bytes fit. */
TM_KERNEL void tm_four_means(const uint8_t *x, uint8_t *y, int in_width, int channels, int height, int width,
        int in_flip)
{
    const uint32_t count = (uint32_t)height * (uint32_t)width, flips = (uint32_t)in_flip * 0x01010101u;
    uint32_t even = 0, odd = 0;
    int a, b;
    for (a = 0; a < height; a++, x += (in_width - width) * channels) {
        for (b = 0; b < width; b++, x += channels) {
            const uint32_t four = tm_load_four(x) ^ flips;
            even += four & 0x00ff00ffu;
            odd += (four >> 8) & 0x00ff00ffu;
        }
    }
    y[0] = tm_mean(even & 0xffffu, count);
    y[1] = tm_mean(odd & 0xffffu, count);
    y[2] = tm_mean(even >> 16, count);
    y[3] = tm_mean(odd >> 16, count);
}

/* The mean of each window; the output may begin where the input does. */
TM_KERNEL void tm_avg_pool_s8(const uint8_t *x, uint8_t *y, int in_width, int channels, int out_height, int out_width,
        int window_height, int window_width, int in_flip)
{
    const uint32_t count = (uint32_t)window_height * (uint32_t)window_width;
    int i, j, a, b, c;
    for (i = 0; i < out_height; i++) {
        for (j = 0; j < out_width; j++, y += channels) {
            const uint8_t *const window = x + (i * window_height * in_width + j * window_width) * channels;
            c = 0;
            for (; TM_FAST_WORDS && count <= 257 && c + 4 <= channels; c += 4) {
                tm_four_means(window + c, y + c, in_width, channels, window_height, window_width, in_flip);
            }
            for (; c < channels; c++) {
                uint32_t sum = 0;
                for (a = 0; a < window_height; a++) {
                    for (b = 0; b < window_width; b++) {
                        sum += (uint32_t)(window[(a * in_width + b) * channels + c] ^ in_flip);
                    }
                }
                y[c] = tm_mean(sum, count);
            }
        }
    }
}
/* end */
