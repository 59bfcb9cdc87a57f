#include "tm.h"
/* begin */
/* The next number of a xorshift generator (Marsaglia 2003); `state` is never 0. */
TM_KERNEL uint32_t tm_train_random(uint32_t *state)
{
    uint32_t v = *state;
    v ^= v << 13;
    v ^= v >> 17;
    v ^= v << 5;
    *state = v;
    return v;
}
