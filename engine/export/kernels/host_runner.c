/* Runs the inputs of one file and writes class, scores and outputs of each to another file. An input is the image,
   followed by the input of the bare network. If TM_TRACED is defined, the output of each stage goes to a third
   file. */
#include "tm.h"
#define TM_TRIED_VALUE float
#define TM_TRIED tm_run_float
/* begin */
#include <stdio.h>

static uint8_t image[TM_INPUT_SIZE];
static TM_TRIED_VALUE input[TM_INPUT_SIZE], outputs[TM_CLASS_COUNT];
static float scores[TM_CLASS_COUNT];

#ifdef TM_TRACED
static FILE *traced;

static void tm_trace(int stage, const void *output, unsigned long size)
{
    const int32_t head[2] = {(int32_t)stage, (int32_t)size};
    if (fwrite(head, sizeof head, 1, traced) != 1 || fwrite(output, 1, size, traced) != size) {
        perror("trace");
    }
}
#endif

static int run(FILE *source, FILE *target)
{
    while (fread(image, 1, sizeof image, source) == sizeof image) {
        const int32_t best = tm_predict(image, scores);
        if (fread(input, sizeof input, 1, source) != 1) {
            return 1;
        }
        TM_TRIED(input, outputs);
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
    if (argc != 4) {
        return 2;
    }
    source = fopen(argv[1], "rb");
    target = fopen(argv[2], "wb");
#ifdef TM_TRACED
    traced = fopen(argv[3], "wb");
    if (!traced) {
        return 2;
    }
#endif
    if (!source || !target) {
        return 2;
    }
    failed = run(source, target);
#ifdef TM_TRACED
    failed |= fclose(traced);
#endif
    fclose(source);
    return fclose(target) || failed ? 1 : 0;
}
/* end */
