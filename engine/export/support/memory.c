/* Functions to which compilers add calls of their own accord. Zig has them; GCC's library for bare metal lacks them. */
#include <stddef.h>

void *memcpy(void *restrict target, const void *restrict source, size_t n);
void *memmove(void *target, const void *source, size_t n);
void *memset(void *target, int value, size_t n);
int memcmp(const void *a, const void *b, size_t n);

#define PLAIN __attribute__((optimize("no-tree-loop-distribute-patterns"))) /* or they would call themselves */

PLAIN void *memcpy(void *restrict target, const void *restrict source, size_t n)
{
    unsigned char *to = target;
    const unsigned char *from = source;
    while (n--) {
        *to++ = *from++;
    }
    return target;
}

PLAIN void *memmove(void *target, const void *source, size_t n)
{
    unsigned char *to = target;
    const unsigned char *from = source;
    if (to < from) {
        while (n--) {
            *to++ = *from++;
        }
    } else {
        while (n--) {
            to[n] = from[n];
        }
    }
    return target;
}

PLAIN void *memset(void *target, int value, size_t n)
{
    unsigned char *to = target;
    while (n--) {
        *to++ = (unsigned char)value;
    }
    return target;
}

PLAIN int memcmp(const void *a, const void *b, size_t n)
{
    const unsigned char *x = a, *y = b;
    for (; n--; x++, y++) {
        if (*x != *y) {
            return *x < *y ? -1 : 1;
        }
    }
    return 0;
}
