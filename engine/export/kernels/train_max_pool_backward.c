#include "tm.h"
/* begin */
/* The gradient of each square goes to the number that was the largest. */
TM_KERNEL void tm_train_max_pool_backward(float *dx, const float *dy, int in_size, int in_width, int channels,
        int out_height, int out_width, int size, const uint8_t *kept)
{
    int row, column, c, i;
    for (i = 0; i < in_size; i++) {
        dx[i] = 0.0f;
    }
    for (row = 0; row < out_height; row++) {
        for (column = 0; column < out_width; column++) {
            float *corner = dx + (row * size * in_width + column * size) * channels;
            for (c = 0; c < channels; c++, corner++, dy++, kept++) {
                corner[(*kept % size * in_width + *kept / size) * channels] = *dy;
            }
        }
    }
}
