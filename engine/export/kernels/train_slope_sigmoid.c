#include "tm.h"
/* begin */
TM_KERNEL float tm_train_slope_sigmoid(float y)
{
    return y * (1.0f - y);
}
