#include "tm.h"
/* begin */
/* Each channel with a filter of its own; sums are kept in y so that all loops run along the channels. */
TM_KERNEL void tm_train_depthwise_conv2d(const float *x, float *y, int in_height, int in_width, int channels,
        int out_height, int out_width, int kernel, int stride, int top, int left, const float *weight,
        const float *bias, tm_function function)
{
    int i, j, a, b, c;
    for (i = 0; i < out_height; i++) {
        for (j = 0; j < out_width; j++, y += channels) {
            for (c = 0; c < channels; c++) {
                y[c] = 0.0f;
            }
            for (a = 0; a < kernel; a++) {
                const int row = i * stride - top + a;
                if (row < 0 || row >= in_height) {
                    continue;
                }
                for (b = 0; b < kernel; b++) {
                    const int column = j * stride - left + b;
                    const float *pixel, *w = weight + (a * kernel + b) * channels;
                    if (column < 0 || column >= in_width) {
                        continue;
                    }
                    pixel = x + (row * in_width + column) * channels;
                    for (c = 0; c < channels; c++) {
                        y[c] += pixel[c] * w[c];
                    }
                }
            }
            for (c = 0; c < channels; c++) {
                y[c] = function(y[c] + bias[c]);
            }
        }
    }
}
