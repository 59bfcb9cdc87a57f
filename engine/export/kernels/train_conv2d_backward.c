#include "tm.h"
/* begin */
/* What one output's gradient, `slope`, adds to the gradients of its filter and, unless dx is null, of its window. */
TM_KERNEL void tm_train_window_backward(const float *x, float *dx, float slope, const float *filter, float *gradient,
        int row, int column, int in_height, int in_width, int in_channels, int kernel)
{
    const int top = row < 0 ? -row : 0, bottom = in_height - row < kernel ? in_height - row : kernel;
    const int left = column < 0 ? -column : 0, right = in_width - column < kernel ? in_width - column : kernel;
    int i, n;
    for (i = top; i < bottom; i++) {
        const int from = ((row + i) * in_width + column + left) * in_channels;
        const int tap = (i * kernel + left) * in_channels;
        for (n = 0; n < (right - left) * in_channels; n++) {
            gradient[tap + n] += slope * x[from + n];
        }
        if (dx) {
            for (n = 0; n < (right - left) * in_channels; n++) {
                dx[from + n] += slope * filter[tap + n];
            }
        }
    }
}

/* A step of weight and bias against their gradient; the gradient of x is written to dx unless that is null. Only the
   largest window of each pooled square has a gradient, which makes pooled convolutions cheap. `scratch` holds the
   gradient of one filter. */
TM_KERNEL void tm_train_conv2d_backward(const float *x, float *dx, const float *dy, int in_height, int in_width,
        int in_channels, int in_size, int out_height, int out_width, int out_channels, int kernel, int stride,
        int top, int left, int pool, const uint8_t *kept, float *scratch, float *weight, float *bias, float rate)
{
    const int taps = kernel * kernel * in_channels;
    int i, j, k;
    if (dx) {
        for (i = 0; i < in_size; i++) {
            dx[i] = 0.0f;
        }
    }
    for (k = 0; k < out_channels; k++, weight += taps) {
        float level = 0.0f;
        for (i = 0; i < taps; i++) {
            scratch[i] = 0.0f;
        }
        for (i = 0; i < out_height; i++) {
            for (j = 0; j < out_width; j++) {
                const int place = (i * out_width + j) * out_channels + k;
                const int winner = pool > 1 ? kept[place] : 0;
                const float slope = dy[place];
                if (slope == 0.0f) {
                    continue;
                }
                level += slope;
                tm_train_window_backward(x, dx, slope, weight, scratch, (i * pool + winner % pool) * stride - top,
                        (j * pool + winner / pool) * stride - left, in_height, in_width, in_channels, kernel);
            }
        }
        for (i = 0; i < taps; i++) {
            weight[i] -= rate * scratch[i];
        }
        if (bias) {
            bias[k] -= rate * level;
        }
    }
}
