/* Networks as a table of 32-bit numbers, so that one compiled program can run any number of them. The table is written
   by stages.py, which also writes the wrappers of kernels, all of one type. */
#ifndef TABLE_H
#define TABLE_H
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MOST_ARRAYS 6
#define NOWHERE (-1)

/* The sizes and the functions of a kernel, and its constant arrays, in the order of its parameters. */
typedef void (*kernel)(const void *x, void *y, void *scratch, const int32_t *sizes, const void *const *arrays);
extern const kernel kernels[];
extern const void *const functions_start; /* the table of functions that kernels are given; 0 if there is none */
extern const unsigned long functions_bytes;

/* Places are offsets in the arena; `source_place` is NOWHERE if the input is the caller's. */
typedef struct {
    kernel run;
    int32_t source, target, source_place, target_place, scratch_place, in_bytes, out_bytes, scratch_bytes, size_count, arrays;
    const int32_t *sizes;
    const void *array[MOST_ARRAYS];
    int32_t array_bytes[MOST_ARRAYS];
} stage;

typedef struct {
    int32_t stages, buffers, arena_bytes, in_place, in_bytes, out_place, out_bytes, images;
} network;

static int32_t *table;
static const int32_t *next;

static int32_t number(void)
{
    return *next++;
}

static const void *bytes(int32_t count)
{
    const void *found = next;
    next += (count + 3) / 4;
    return found;
}

static network next_network(void)
{
    network n;
    n.stages = number();
    n.buffers = number();
    n.arena_bytes = number();
    n.in_place = number();
    n.in_bytes = number();
    n.out_place = number();
    n.out_bytes = number();
    n.images = number();
    return n;
}

static stage next_stage(void)
{
    stage s;
    int32_t i;
    memset(&s, 0, sizeof s);
    s.run = kernels[number()];
    s.source = number();
    s.target = number();
    s.source_place = number();
    s.target_place = number();
    s.scratch_place = number();
    s.in_bytes = number();
    s.out_bytes = number();
    s.scratch_bytes = number();
    s.size_count = number();
    s.sizes = (const int32_t *)bytes(4 * s.size_count);
    s.arrays = number();
    for (i = 0; i < s.arrays; i++) {
        s.array_bytes[i] = number();
        s.array[i] = s.array_bytes[i] ? bytes(s.array_bytes[i]) : 0;
    }
    return s;
}

/* Reads the whole table, which stays in memory; its first number is how many networks follow. */
static int32_t open_table(const char *path)
{
    FILE *file = fopen(path, "rb");
    long size;
    if (!file || fseek(file, 0, SEEK_END) || (size = ftell(file)) < 4) {
        exit(2);
    }
    table = (int32_t *)malloc((size_t)size);
    rewind(file);
    if (!table || fread(table, 1, (size_t)size, file) != (size_t)size) {
        exit(2);
    }
    fclose(file);
    next = table;
    return number();
}
#endif
