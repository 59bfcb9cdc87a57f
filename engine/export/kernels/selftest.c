#include "tm.h"
/* begin */
#ifdef TM_SELFTEST_PRINT
#include <stdio.h>
#endif

int tm_selftest(void);

/* Whether `found` is far from what is expected, or no number; that is seen by its bits, because with -Ofast a compiler
   takes for granted that there are only numbers. */
static int tm_differs(float found, float expected)
{
    const float size = expected < 0.0f ? -expected : expected;
    const float limit = TM_TEST_TOLERANCE * (size > 1.0f ? size : 1.0f);
    union {
        float value;
        uint32_t bits;
    } number;
    number.value = found;
    return (number.bits >> 23 & 255) == 255 || found - expected > limit || expected - found > limit;
}

#ifdef TM_REJECTED
/* Whether the class may not win with its expected output, or may not be rejected with it; at the limit it may both. */
static int tm_misjudges(int best, int is_rejected, const float *expected)
{
    const float least = tm_least_outputs[best];
    return is_rejected != !(expected[best] >= least) && tm_differs(expected[best], least);
}
#endif

/* Whether predict() names a class that is not the best one of the expected outputs; equals may win. */
static int tm_misclassifies(const uint8_t *image, const float *expected)
{
    int found = tm_predict(image, 0);
    int i;
#ifdef TM_REJECTED
    const int is_rejected = found == TM_REJECTED;
    if (is_rejected) {
        for (i = 1, found = 0; i < TM_CLASS_COUNT; i++) {
            found = expected[i] > expected[found] ? i : found;
        }
    }
    if (tm_misjudges(found, is_rejected, expected)) {
        return 1;
    }
#endif
    for (i = 0; i < TM_CLASS_COUNT; i++) {
        if (expected[i] > expected[found] && tm_differs(expected[found], expected[i])) {
            return 1;
        }
    }
    return 0;
}

int tm_selftest(void)
{
    static float input[TM_INPUT_SIZE], output[TM_CLASS_COUNT];
    int n, i, mismatches = 0;
    for (n = 0; n < TM_TEST_COUNT; n++) {
        const uint8_t *image = tm_test_images + (long)n * TM_INPUT_SIZE;
        const float *expected = tm_test_outputs + (long)n * TM_CLASS_COUNT;
        int wrong = tm_misclassifies(image, expected);
        for (i = 0; i < TM_INPUT_SIZE; i++) {
            input[i] = (float)image[i] * TM_PIXEL_SCALE;
        }
        tm_run_float(input, output);
        for (i = 0; i < TM_CLASS_COUNT; i++) {
            wrong |= tm_differs(output[i], expected[i]);
        }
        mismatches += wrong;
    }
    return mismatches;
}

#ifndef TM_SELFTEST_NO_MAIN
int main(void)
{
    const int mismatches = tm_selftest();
#ifdef TM_SELFTEST_PRINT
    printf("%d of %d test vectors differ\n", mismatches, TM_TEST_COUNT);
#endif
    return mismatches > 255 ? 255 : mismatches;
}
#endif
