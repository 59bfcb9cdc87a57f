#include "tm.h"
/* begin */
/* What a WebAssembly module gives to the page around it: where its memory holds what, and what it computes. */
#if defined(__wasm__)
#define TM_EXPORT(name) __attribute__((export_name(name)))
#else
#define TM_EXPORT(name)
#endif

static uint8_t tm_drawing[TM_DRAWING_SIDE * TM_DRAWING_SIDE], tm_image_read[TM_INPUT_SIZE];
static float tm_probabilities[TM_CLASS_COUNT];

TM_EXPORT("drawing") uint8_t *tm_where_drawing(void)
{
    return tm_drawing;
}

TM_EXPORT("image") uint8_t *tm_where_image(void)
{
    return tm_image_read;
}

TM_EXPORT("output") uint8_t *tm_where_output(void)
{
    return (uint8_t *)tm_arena + TM_ARENA_OUTPUT;
}

TM_EXPORT("probabilities") float *tm_where_probabilities(void)
{
    return tm_probabilities;
}

TM_EXPORT("preprocess") int tm_preprocess_drawing(int width, int height)
{
    return tm_preprocess(tm_drawing, width, height, tm_image_read);
}

TM_EXPORT("predict") int tm_predict_image(void)
{
    return tm_predict(tm_image_read, tm_probabilities);
}
/* end */
