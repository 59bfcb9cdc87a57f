#include "tm_s8.h"

#include "lines_s8.c"
/* begin */
/* The larger of each of four bytes. */
TM_KERNEL uint32_t tm_four_larger(uint32_t a, uint32_t b)
{
#if TM_FOUR_LARGER
    uint32_t more;
    __asm__("uqsub8 %0, %1, %2" : "=r"(more) : "r"(b), "r"(a)); /* how much larger b is, or 0 */
    return a + more;
#else
    (void)b;
    return a;
#endif
}

/* The largest number of each square; the output may begin where the input does. */
TM_KERNEL void tm_max_pool_s8(const uint8_t *x, uint8_t *y, int in_width, int channels, int out_height, int out_width,
        int size, int in_flip)
{
    int i, j, a, b, c;
    for (i = 0; i < out_height; i++) {
        for (j = 0; j < out_width; j++, y += channels) {
            const uint8_t *const square = x + (i * in_width + j) * size * channels;
            c = 0;
            for (; TM_FOUR_LARGER && c + 4 <= channels; c += 4) {
                uint32_t best = 0;
                for (a = 0; a < size; a++) {
                    for (b = 0; b < size; b++) {
                        const uint32_t four = tm_load_four(square + (a * in_width + b) * channels + c);
                        best = tm_four_larger(best, four ^ (uint32_t)in_flip * 0x01010101u);
                    }
                }
                tm_store_four(y + c, best);
            }
            for (; c < channels; c++) {
                uint8_t best = 0;
                for (a = 0; a < size; a++) {
                    for (b = 0; b < size; b++) {
                        const uint8_t value = (uint8_t)(square[(a * in_width + b) * channels + c] ^ in_flip);
                        best = value > best ? value : best;
                    }
                }
                y[c] = best;
            }
        }
    }
}
/* end */
