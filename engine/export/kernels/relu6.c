#include "tm.h"
/* begin */
TM_KERNEL float tm_relu6(float v)
{
    return v < 0.0f ? 0.0f : v > 6.0f ? 6.0f : v;
}
