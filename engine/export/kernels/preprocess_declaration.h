#include "tm.h"
/* begin */
#ifdef __cplusplus
extern "C" {
#endif

/* Turns a drawing of any size up to 16384 x 16384 pixels, ink bright on black, row by row, into the
   TM_INPUT_SIZE bytes that tm_predict() reads; 0 when nothing is drawn, 1 otherwise. */
int tm_preprocess(const uint8_t *canvas, int width, int height, uint8_t *image);

#ifdef __cplusplus
}
#endif
