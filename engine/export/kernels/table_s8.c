#include "tm_s8.h"
/* begin */
/* y = table[x], number by number; y may be x. */
TM_KERNEL void tm_table_s8(const uint8_t *x, uint8_t *y, int in_size, int in_flip, const uint8_t *table)
{
    int i;
    for (i = 0; i < in_size; i++) {
        y[i] = TM_GET_U8(table + (x[i] ^ in_flip));
    }
}
/* end */
