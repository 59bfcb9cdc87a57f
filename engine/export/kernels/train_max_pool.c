#include "tm.h"
/* begin */
/* The largest number of each square of pixels, channel by channel; `kept` remembers which, column * size + row, unless
   it is null. */
TM_KERNEL void tm_train_max_pool(const float *x, float *y, int in_width, int channels, int out_height, int out_width,
        int size, uint8_t *kept)
{
    int row, column, c, n;
    for (row = 0; row < out_height; row++) {
        for (column = 0; column < out_width; column++) {
            const float *corner = x + (row * size * in_width + column * size) * channels;
            for (c = 0; c < channels; c++, corner++, y++) {
                int winner = 0;
                *y = *corner;
                for (n = 1; n < size * size; n++) {
                    const float v = corner[(n % size * in_width + n / size) * channels];
                    if (v > *y) {
                        *y = v;
                        winner = n;
                    }
                }
                if (kept) {
                    *kept++ = (uint8_t)winner;
                }
            }
        }
    }
}
