#include "tm_float.h"

#include "from_bytes.c"
/* begin */
/* Copies forwards; the two may overlap when `to` comes first. */
TM_SHARED void tm_copy(float *to, const float *from, int n)
{
#if TM_VFP
    for (; n >= 8; n -= 8) {
        __asm__ volatile("vldmia %[from]!, {s0-s7}\n\tvstmia %[to]!, {s0-s7}"
                         : [to] "+r"(to), [from] "+r"(from)
                         :
                         : "s0", "s1", "s2", "s3", "s4", "s5", "s6", "s7", "memory");
    }
#endif
    for (; n > 0; n--) {
        *to++ = *from++;
    }
}

TM_SHARED void tm_zeros(float *to, int n)
{
    for (; n > 0; n--) {
#if TM_VFP
        __asm__ volatile("str %[zero], [%[to]], #4" : [to] "+r"(to) : [zero] "r"(0) : "memory");
#else
        *to++ = 0.0f;
#endif
    }
}

/* Writes row `row` of an image, floats or bytes: `width` pixels from column -left on, zeros where there are none.
   `has_ends`: the zeros at both ends are there already. */
TM_KERNEL void tm_line(float *to, const void *x, int bytes, int row, int has_ends, int in_height, int in_width,
        int channels, int left, int width)
{
    const int used = in_width < width - left ? in_width : width - left;
    if (row < 0 || row >= in_height) {
        tm_zeros(to, width * channels);
        return;
    }
    if (left > 0 && !has_ends) {
        tm_zeros(to, left * channels);
    }
    to += left * channels;
    if (bytes) {
        tm_from_bytes(to, (const uint8_t *)x + row * in_width * channels, used * channels);
    } else {
        tm_copy(to, (const float *)x + row * in_width * channels, used * channels);
    }
    if (width > left + used && !has_ends) {
        tm_zeros(to + used * channels, (width - left - used) * channels);
    }
}

/* Brings the `rows` lines from row `first` of the image on; all but `advance` of them may be there already. */
TM_KERNEL void tm_lines(float *lines, const void *x, int bytes, int first, int is_first, int rows, int advance,
        int in_height, int in_width, int channels, int left, int width)
{
    const int line = width * channels, kept = rows > advance ? rows - advance : 0;
    int i = 0;
    if (!is_first && kept > 0) {
        tm_copy(lines, lines + advance * line, kept * line);
        i = kept;
    }
    for (; i < rows; i++) {
        tm_line(lines + i * line, x, bytes, first + i, !is_first, in_height, in_width, channels, left, width);
    }
}
