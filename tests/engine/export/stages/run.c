/* Runs the networks of a table in arenas of exactly the planned size, and writes the output for each image. Compiled
   with sanitizers, it ends when anything is read or written outside. */
#include "main.h"

#define MOST_STAGES 64

static void each_network(FILE *to)
{
    const network n = next_network();
    uint8_t *const arena = (uint8_t *)malloc((size_t)n.arena_bytes);
    stage stages[MOST_STAGES];
    int32_t i, image;
    for (i = 0; i < n.stages; i++) {
        stages[i] = next_stage();
    }
    memset(arena, 0x77, (size_t)n.arena_bytes);
    for (image = 0; image < n.images; image++) {
        uint8_t *const given = (uint8_t *)malloc((size_t)n.in_bytes);
        memcpy(n.in_place == NOWHERE ? given : arena + n.in_place, bytes(n.in_bytes), (size_t)n.in_bytes);
        for (i = 0; i < n.stages; i++) {
            const stage *const s = stages + i;
            s->run(s->source_place == NOWHERE ? given : arena + s->source_place, arena + s->target_place,
                    s->scratch_place == NOWHERE ? 0 : arena + s->scratch_place, s->sizes, s->array);
        }
        fwrite(arena + n.out_place, 1, (size_t)n.out_bytes, to);
        free(given);
    }
    free(arena);
}
