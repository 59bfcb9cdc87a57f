#include "tm.h"

#include "exp.c"
/* begin */
TM_KERNEL float tm_sigmoid(float v)
{
    return 1.0f / (1.0f + tm_exp(-v));
}
