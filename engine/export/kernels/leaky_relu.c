#include "tm.h"
/* begin */
TM_KERNEL float tm_leaky_relu(float v)
{
    return v > 0.0f ? v : 0.01f * v;
}
