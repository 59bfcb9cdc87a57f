#include "tm.h"

#include "exp.c"
/* begin */
/* Near 0 the polynomial of Cephes' tanhf, where 1 - 2 / (e^2v + 1) would cancel. */
TM_KERNEL float tm_tanh(float v)
{
    const float size = v < 0.0f ? -v : v;
    const float z = v * v;
    float p;
    if (size < 0.625f) {
        p = -5.70498872745e-3f;
        p = p * z + 2.06390887954e-2f;
        p = p * z - 5.37397155531e-2f;
        p = p * z + 1.33314422036e-1f;
        p = p * z - 3.33332819422e-1f;
        return p * z * v + v;
    }
    p = 1.0f - 2.0f / (tm_exp(2.0f * size) + 1.0f);
    return v < 0.0f ? -p : p;
}
