// SPDX-License-Identifier: Apache-2.0
/* rt_bit GPU: a real-time process that has work all the time, until it is killed. It says "late" if
 * it got no processor for so long that others may have seen its lease run out. */
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "shim/board/board.h"

int main(int argc, char **argv)
{
    char why[160];
    struct reef_board *board;
    if (argc != 2 ||
        reef_board_open(&board, getenv("REEF_BOARD_DIR"), argv[1], why, sizeof(why)) != 0) {
        fprintf(stderr, "%s\n", argc == 2 ? why : "rt_bit GPU");
        return 1;
    }
    reef_board_set_class(board, REEF_BOARD_RT);
    for (uint64_t before = 0;;) {
        struct timespec t;
        reef_board_rt_raise(board);
        clock_gettime(CLOCK_MONOTONIC, &t);
        uint64_t now = (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
        reef_board_rt_renew(board, now);
        if (before && now - before > REEF_BOARD_LEASE_NS / 2) {
            puts("late");
            fflush(stdout);
        }
        before = now;
        t = (struct timespec){.tv_nsec = REEF_BOARD_LEASE_NS / 8};
        nanosleep(&t, NULL);
    }
}
