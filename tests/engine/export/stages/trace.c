/* Watches every byte that kernels read and write. They are compiled with -fsanitize=thread, which calls a function at
   each access to memory; here are these functions, in place of the sanitizer's library.

   Each stage runs with its input, output and scratch memory *apart*, so an address says which of them is meant. Where
   they would be in the arena is only computed: for each byte of the arena, its owner is the stage that wrote it last,
   and which byte of that stage's output it is. So a byte of the input that has another owner was overwritten before it
   was read. Beside the plan, `needed` tells what each kernel needs: its output must begin at least so many bytes before
   its input. */
#include "main.h"

#define GAP 64
#define BEHIND 3 /* bytes behind an input in the arena that may be read */
#define MOST_BUFFERS 64
#define LOWEST (-(1 << 30))

enum { NOTHING, STALE, READS_OUTSIDE, WRITES_OUTSIDE, WRITES_INPUT, READS_UNWRITTEN, ELSEWHERE, UNWRITTEN };

/* Memory that a stage is given, with a gap on both sides. */
typedef struct {
    uint8_t *start, *block;
    int32_t size;
} memory;

typedef struct {
    int32_t needed, fault, at; /* the first fault and the byte that it is about */
} finding;

static memory input, output, scratch;
static uint64_t *owners;          /* of each byte of the arena */
static uint64_t writer[MOST_BUFFERS]; /* of each buffer: who wrote it last */
static uint64_t now;              /* the stage that runs; 1 is the caller, who writes the input */
static const stage *running;      /* 0: nothing is watched */
static int32_t arena_bytes, highest;
static uint8_t *scratch_written, *stack;
static finding found;

static uint64_t owner_of(uint64_t who, int in_scratch, int32_t byte)
{
    return who << 32 | (uint64_t)in_scratch << 31 | (uint32_t)byte;
}

static void fault(int kind, int32_t at)
{
    if (!found.fault) {
        found.fault = kind;
        found.at = at;
    }
}

static void at_input(int32_t i, int writes)
{
    const stage *const s = running;
    const int32_t behind = s->source_place == NOWHERE ? 0 : BEHIND;
    if (writes) {
        fault(WRITES_INPUT, i);
    } else if (i < 0 || i >= input.size + behind || (behind && s->source_place + i >= arena_bytes)) {
        fault(READS_OUTSIDE, i);
    } else if (i < input.size) {
        found.needed = highest - i + 1 > found.needed ? highest - i + 1 : found.needed;
        if (behind && owners[s->source_place + i] != owner_of(writer[s->source], 0, i)) {
            fault(STALE, i);
        }
    }
}

static void at_output(int32_t i, int writes)
{
    if (i < 0 || i >= output.size) {
        fault(writes ? WRITES_OUTSIDE : READS_OUTSIDE, i);
    } else if (writes) {
        owners[running->target_place + i] = owner_of(now, 0, i);
        highest = i > highest ? i : highest;
    } else if (owners[running->target_place + i] != owner_of(now, 0, i)) {
        fault(READS_UNWRITTEN, i);
    }
}

/* Scratch memory may be read before it is written: what stands there meets weights of zero. */
static void at_scratch(int32_t i, int writes)
{
    if (i < 0 || i >= scratch.size) {
        fault(writes ? WRITES_OUTSIDE : READS_OUTSIDE, i);
    } else if (writes) {
        owners[running->scratch_place + i] = owner_of(now, 1, i);
        scratch_written[i] = 1;
    } else if (scratch_written[i] && owners[running->scratch_place + i] != owner_of(now, 1, i)) {
        fault(STALE, i);
    }
}

static int is_near(const memory *m, const uint8_t *at)
{
    return m->size && at >= m->start - GAP && at < m->start + m->size + GAP;
}

static int is_in(const uint8_t *at, const void *start, unsigned long size)
{
    return start && at >= (const uint8_t *)start && at < (const uint8_t *)start + size;
}

static int is_constant(const uint8_t *at)
{
    int32_t i;
    for (i = 0; i < running->arrays; i++) {
        if (is_in(at, running->array[i], (unsigned long)running->array_bytes[i])) {
            return 1;
        }
    }
    return is_in(at, running->sizes, 4 * (unsigned long)running->size_count) || is_in(at, running->array, sizeof running->array)
        || is_in(at, functions_start, functions_bytes);
}

static void at_byte(const uint8_t *at, int writes)
{
    if (is_near(&input, at)) {
        at_input((int32_t)(at - input.start), writes);
    } else if (is_near(&output, at)) {
        at_output((int32_t)(at - output.start), writes);
    } else if (is_near(&scratch, at)) {
        at_scratch((int32_t)(at - scratch.start), writes);
    } else if (!(at >= (uint8_t *)__builtin_frame_address(0) && at < stack) && (writes || !is_constant(at))) {
        fault(ELSEWHERE, 0);
    }
}

static void seen(const void *at, unsigned long size, int writes)
{
    unsigned long i;
    for (i = 0; running && i < size; i++) {
        at_byte((const uint8_t *)at + i, writes);
    }
}

#define WATCHED(kind, size)                                                                      \
    void __tsan_##kind##read##size(void *at);                                                    \
    void __tsan_##kind##write##size(void *at);                                                   \
    void __tsan_##kind##read##size(void *at) { seen(at, size, 0); }                              \
    void __tsan_##kind##write##size(void *at) { seen(at, size, 1); }
#define RANGE(name, writes)                                                                      \
    void __tsan_##name(void *at, unsigned long size);                                            \
    void __tsan_##name(void *at, unsigned long size) { seen(at, size, writes); }
#define QUIET(name, parameter)                                                                   \
    void __tsan_##name(parameter);                                                               \
    void __tsan_##name(parameter) {}

WATCHED(, 1)
WATCHED(, 2)
WATCHED(, 4)
WATCHED(, 8)
WATCHED(, 16)
WATCHED(unaligned_, 2)
WATCHED(unaligned_, 4)
WATCHED(unaligned_, 8)
WATCHED(unaligned_, 16)
RANGE(read_range, 0)
RANGE(write_range, 1)
QUIET(init, void)
QUIET(func_exit, void)
void __tsan_func_entry(void *caller);
void __tsan_func_entry(void *caller) { (void)caller; }

/* A caller's memory may have any alignment, so it gets an odd address. */
static memory made(int32_t size, int odd)
{
    memory m;
    m.block = (uint8_t *)calloc((size_t)size + 2 * GAP + 4, 1);
    m.start = m.block + GAP + odd;
    m.size = size;
    return m;
}

static finding watch(const stage *s)
{
    const finding none = {LOWEST, NOTHING, 0};
    int32_t i;
    found = none;
    input = made(s->in_bytes, s->source_place == NOWHERE);
    output = made(s->out_bytes, 0);
    scratch = made(s->scratch_bytes, 0);
    scratch_written = (uint8_t *)calloc((size_t)s->scratch_bytes + 1, 1);
    highest = LOWEST;
    now++;
    stack = (uint8_t *)__builtin_frame_address(0);
    running = s;
    s->run(input.start, output.start, scratch.start, s->sizes, s->array);
    running = 0;
    for (i = 0; i < s->out_bytes; i++) {
        if (owners[s->target_place + i] != owner_of(now, 0, i)) {
            fault(UNWRITTEN, i);
        }
    }
    writer[s->target] = now;
    free(input.block);
    free(output.block);
    free(scratch.block);
    free(scratch_written);
    return found;
}

static void each_network(FILE *to)
{
    const network n = next_network();
    finding at_end = {LOWEST, NOTHING, 0};
    int32_t i;
    arena_bytes = n.arena_bytes;
    owners = (uint64_t *)calloc((size_t)n.arena_bytes + 1, sizeof *owners);
    now = writer[0] = 1; /* 0 is nobody */
    for (i = 0; n.in_place != NOWHERE && i < n.in_bytes; i++) {
        owners[n.in_place + i] = owner_of(now, 0, i);
    }
    for (i = 0; i < n.stages; i++) {
        const stage s = next_stage();
        const finding f = watch(&s);
        fwrite(&f, sizeof f, 1, to);
    }
    for (i = 0; i < n.out_bytes; i++) { /* who reads the result */
        if (!at_end.fault && owners[n.out_place + i] != owner_of(writer[n.buffers - 1], 0, i)) {
            at_end.fault = STALE;
            at_end.at = i;
        }
    }
    fwrite(&at_end, sizeof at_end, 1, to);
    bytes((n.in_bytes + 3) / 4 * 4 * n.images);
    free(owners);
}
