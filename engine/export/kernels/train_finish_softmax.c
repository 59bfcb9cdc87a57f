#include "tm.h"

#include "softmax.c"
/* begin */
/* The network's last function, which the loss does by itself. */
static void tm_finish(const float *output, float *target)
{
    tm_softmax(output, target, TM_CLASS_COUNT, TM_CLASS_COUNT);
}
