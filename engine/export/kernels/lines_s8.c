#include "tm_s8.h"
/* begin */
/* Hides from the compiler what a value is: loops that copy or fill memory then stay loops, where it would call the
   C library's memcpy and memset, which a program may not have. */
#if defined(__GNUC__)
#define TM_OPAQUE(value) __asm__("" : "+r"(value))
#else
#define TM_OPAQUE(value)
#endif

/* Whether the processor reads words of any alignment, the first byte lowest: four bytes then cost what one does. */
#if defined(__GNUC__) && __BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__ \
        && (defined(__ARM_FEATURE_UNALIGNED) || defined(__x86_64__) || defined(__i386__) || defined(__aarch64__))
#define TM_FAST_WORDS 1
#else
#define TM_FAST_WORDS 0
#endif
#if TM_FAST_WORDS && defined(__ARM_FEATURE_DSP) && defined(__thumb__)
#define TM_FOUR_LARGER 1
#else
#define TM_FOUR_LARGER 0
#endif

/* Four bytes at once, of any alignment. */
TM_KERNEL uint32_t tm_load_four(const uint8_t *x)
{
#if TM_FAST_WORDS
    uint32_t four;
    __builtin_memcpy(&four, x, 4);
    return four;
#else
    return (uint32_t)x[0] | (uint32_t)x[1] << 8 | (uint32_t)x[2] << 16 | (uint32_t)x[3] << 24;
#endif
}

TM_KERNEL void tm_store_four(uint8_t *y, uint32_t four)
{
#if TM_FAST_WORDS
    __builtin_memcpy(y, &four, 4);
#else
    y[0] = (uint8_t)four;
    y[1] = (uint8_t)(four >> 8);
    y[2] = (uint8_t)(four >> 16);
    y[3] = (uint8_t)(four >> 24);
#endif
}

/* Copies `size` bytes, flipping the bits `flip` of each. */
TM_KERNEL void tm_copy_s8(const uint8_t *x, uint8_t *y, int size, int flip)
{
    const uint32_t flips = (uint32_t)flip * 0x01010101u;
    const uint8_t *const end = x + size;
    for (; end - x >= 4; x += 4, y += 4) {
        uint32_t four = tm_load_four(x) ^ flips;
        TM_OPAQUE(four);
        tm_store_four(y, four);
    }
    for (; x != end; x++, y++) {
        uint8_t one = (uint8_t)(*x ^ flip);
        TM_OPAQUE(one);
        *y = one;
    }
}

TM_KERNEL void tm_fill_s8(uint8_t *y, int size, int value)
{
    const uint8_t *const end = y + size;
    for (; end - y >= 4; y += 4) {
        uint32_t four = (uint32_t)value * 0x01010101u;
        TM_OPAQUE(four);
        tm_store_four(y, four);
    }
    for (; y != end; y++) {
        uint8_t one = (uint8_t)value;
        TM_OPAQUE(one);
        *y = one;
    }
}

/* One line of an image, `row` may be outside, as `width` pixels from `left` pixels before its begin; what is outside
   is `zero`. */
TM_KERNEL void tm_line_s8(const uint8_t *x, uint8_t *line, int row, int in_height, int in_width, int channels, int left,
        int width, int in_flip, int zero)
{
    const int inside = in_width < width - left ? in_width : width - left;
    if (row < 0 || row >= in_height) {
        tm_fill_s8(line, width * channels, zero);
        return;
    }
    tm_fill_s8(line, left * channels, zero);
    tm_copy_s8(x + row * in_width * channels, line + left * channels, inside * channels, in_flip);
    tm_fill_s8(line + (left + inside) * channels, (width - left - inside) * channels, zero);
}
/* end */
