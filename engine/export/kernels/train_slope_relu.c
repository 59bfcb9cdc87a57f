#include "tm.h"
/* begin */
TM_KERNEL float tm_train_slope_relu(float y)
{
    return y > 0.0f ? 1.0f : 0.0f;
}
