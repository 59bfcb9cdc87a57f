#include "tm.h"
/* begin */
TM_KERNEL float tm_train_slope_leaky_relu(float y)
{
    return y < 0.0f ? 0.01f : 1.0f;
}
