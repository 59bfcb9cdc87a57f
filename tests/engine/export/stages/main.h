/* What all programs of tables do: read the table that the first argument names, and write to the second. */
#ifndef MAIN_H
#define MAIN_H
#include "table.h"

/* What a program does with the next network of the table; it writes what it finds. */
static void each_network(FILE *to);

int main(int argc, char **argv)
{
    FILE *to = argc == 3 ? fopen(argv[2], "wb") : 0;
    int32_t networks;
    if (!to) {
        return 2;
    }
    for (networks = open_table(argv[1]); networks > 0; networks--) {
        each_network(to);
    }
    return fclose(to) ? 2 : 0;
}
#endif
