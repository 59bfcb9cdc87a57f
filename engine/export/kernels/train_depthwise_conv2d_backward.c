#include "tm.h"
/* begin */
/* The gradient of one number of a channel's filter, tap (a, b), over all positions; on the way its share of the
   gradient of x is added to dx unless that is null. */
TM_KERNEL float tm_train_tap_backward(const float *x, float *dx, const float *dy, float weight, int a, int b,
        int in_height, int in_width, int channels, int out_height, int out_width, int stride, int top, int left)
{
    float total = 0.0f;
    int i, j;
    for (i = 0; i < out_height; i++) {
        const int row = i * stride - top + a;
        float sum = 0.0f;
        if (row < 0 || row >= in_height) {
            continue;
        }
        for (j = 0; j < out_width; j++) {
            const int column = j * stride - left + b, place = (row * in_width + column) * channels;
            if (column >= 0 && column < in_width) {
                const float slope = dy[(i * out_width + j) * channels];
                sum += slope * x[place];
                if (dx) {
                    dx[place] += slope * weight;
                }
            }
        }
        total += sum;
    }
    return total;
}

/* A step of weight and bias against their gradient; the gradient of x is written to dx unless that is null. */
TM_KERNEL void tm_train_depthwise_conv2d_backward(const float *x, float *dx, const float *dy, int in_height,
        int in_width, int in_size, int channels, int out_height, int out_width, int kernel, int stride, int top,
        int left, float *weight, float *bias, float rate)
{
    int c, i;
    if (dx) {
        for (i = 0; i < in_size; i++) {
            dx[i] = 0.0f;
        }
    }
    for (c = 0; c < channels; c++) {
        for (i = 0; i < kernel * kernel; i++) {
            float *const w = weight + i * channels + c;
            *w -= rate * tm_train_tap_backward(x + c, dx ? dx + c : dx, dy + c, *w, i / kernel, i % kernel, in_height,
                    in_width, channels, out_height, out_width, stride, top, left);
        }
        if (bias) {
            float level = 0.0f;
            for (i = 0; i < out_height * out_width; i++) {
                level += dy[i * channels + c];
            }
            bias[c] -= rate * level;
        }
    }
}
