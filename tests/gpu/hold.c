// SPDX-License-Identifier: Apache-2.0
/*
 * hold BOARD_DIR SECONDS SEED: says at random that real-time work begins and ends, on all boards of
 * the folder, as a real-time process would; so best-effort programs are held at every place they
 * can be.
 */
#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#include "shim/board/board.h"

static uint64_t now_ns(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

int main(int argc, char **argv)
{
    char names[8][REEF_BOARD_NAME], why[160];
    struct reef_board *boards[8];
    int count = 0;
    if (argc < 4)
        return 2;
    uint64_t end_ns = now_ns() + (uint64_t)(atof(argv[2]) * 1e9);
    unsigned seed = (unsigned)atoi(argv[3]);
    while (count <= 0 && now_ns() < end_ns) { /* the program under test makes the board */
        usleep(1000);
        count = reef_board_list(argv[1], names, 8);
    }
    for (int i = 0; i < count; i++) {
        if (reef_board_open(&boards[i], argv[1], names[i], why, sizeof(why)) != 0)
            return fprintf(stderr, "%s: %s\n", names[i], why), 1;
        reef_board_set_class(boards[i], REEF_BOARD_RT);
    }
    long holds = 0;
    for (; now_ns() < end_ns; holds++) {
        for (int i = 0; i < count; i++)
            reef_board_rt_raise(boards[i]);
        usleep((unsigned)rand_r(&seed) % 2000);
        for (int i = 0; i < count; i++)
            reef_board_rt_clear(boards[i]);
        usleep((unsigned)rand_r(&seed) % 2000);
    }
    for (int i = 0; i < count; i++)
        reef_board_close(boards[i]);
    printf("{\"holds\": %ld}\n", holds);
    return count <= 0;
}
