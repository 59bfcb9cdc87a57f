#include "tm.h"
/* begin */
/* The gradients of a square of pixels add up to that of the pixel which it was made from. */
TM_KERNEL void tm_train_upsample_backward(float *dx, const float *dy, int in_height, int in_width, int channels,
        int out_width, int factor)
{
    int row, column, i, j, c;
    for (row = 0; row < in_height; row++) {
        for (column = 0; column < in_width; column++) {
            const float *corner = dy + (row * out_width + column) * factor * channels;
            for (c = 0; c < channels; c++, corner++) {
                float sum = 0.0f;
                for (i = 0; i < factor; i++) {
                    for (j = 0; j < factor; j++) {
                        sum += corner[(i * out_width + j) * channels];
                    }
                }
                *dx++ = sum;
            }
        }
    }
}
/* end */
