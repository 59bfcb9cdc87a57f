#include "tm_s8.h"
/* A placeholder, as in tm.h. */
#define tm_test_outputs tm_test_bytes
static const int8_t tm_test_bytes[2];
/* begin */
#ifdef TM_SELFTEST_PRINT
#include <stdio.h>
#endif

/* On AVR the test vectors are in flash, on large chips perhaps above the 64 KB that 16 bits reach. */
#if defined(__AVR_HAVE_ELPM__)
#define TM_TEST_BYTE(array, place) pgm_read_byte_far(pgm_get_far_address(array) + (uint32_t)(place))
#elif defined(__AVR__)
#define TM_TEST_BYTE(array, place) pgm_read_byte((const uint8_t *)(array) + (place))
#else
#define TM_TEST_BYTE(array, place) (array)[place]
#endif

int tm_selftest(void);

/* Whether any output, or the class, differs for test vector n. */
static int tm_differs(int n)
{
    static uint8_t image[TM_INPUT_SIZE];
    static int8_t output[TM_CLASS_COUNT];
    const int32_t source = (int32_t)n * TM_INPUT_SIZE, expected = (int32_t)n * TM_CLASS_COUNT;
    int i, found, best = 0, wrong = 0;
    for (i = 0; i < TM_INPUT_SIZE; i++) {
        image[i] = TM_TEST_BYTE(tm_test_images, source + i);
    }
    found = tm_predict(image, 0);
    for (i = 0; i < TM_INPUT_SIZE; i++) {
        image[i] ^= 128; /* now an int8_t */
    }
    tm_run_int8((const int8_t *)image, output);
    for (i = 0; i < TM_CLASS_COUNT; i++) {
        wrong |= output[i] != (int8_t)TM_TEST_BYTE(tm_test_outputs, expected + i);
        best = output[i] > output[best] ? i : best;
    }
#ifdef TM_REJECTED
    best = (uint8_t)(output[best] + 128) >= TM_GET_U8(tm_least_outputs + best) ? best : TM_REJECTED;
#endif
    return wrong | (found != best);
}

int tm_selftest(void)
{
    int n, mismatches = 0;
    for (n = 0; n < TM_TEST_COUNT; n++) {
        mismatches += tm_differs(n);
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
/* end */
