/* Runs images from one file through a model and writes, for each, class, scores and outputs to another file. */
#include "tm.h"
/* begin */
#include <stdio.h>

static uint8_t image[TM_INPUT_SIZE];
static float input[TM_INPUT_SIZE], scores[TM_CLASS_COUNT], outputs[TM_CLASS_COUNT];

static int run(FILE *source, FILE *target)
{
    while (fread(image, 1, TM_INPUT_SIZE, source) == TM_INPUT_SIZE) {
        const int32_t best = tm_predict(image, scores);
        int i;
        for (i = 0; i < TM_INPUT_SIZE; i++) {
            input[i] = (float)image[i] * TM_PIXEL_SCALE;
        }
        tm_run_float(input, outputs);
        if (tm_predict(image, 0) != best || fwrite(&best, sizeof best, 1, target) != 1
                || fwrite(scores, sizeof scores, 1, target) != 1 || fwrite(outputs, sizeof outputs, 1, target) != 1) {
            return 1;
        }
    }
    return ferror(source);
}

int main(int argc, char **argv)
{
    FILE *source, *target;
    int failed;
    if (argc != 3) {
        return 2;
    }
    source = fopen(argv[1], "rb");
    target = fopen(argv[2], "wb");
    if (!source || !target) {
        return 2;
    }
    failed = run(source, target);
    fclose(source);
    return fclose(target) || failed ? 1 : 0;
}
