// SPDX-License-Identifier: Apache-2.0
/*
 * A real-time process without work that keeps the board's word for the GPU up, not its bit for
 * agents, until it is killed: to best-effort processes it is one whose work came just before each
 * look of a kernel at the word, and went before each look of an agent at the board. Agents lower it
 * at each look; it looks twice as often as they do, and rests in between: that is a microsecond or
 * two of the emulated device's time, and leaves the processor to it.
 */
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/prctl.h>
#include <time.h>

#include "shim/board/board.h"

int main(int argc, char **argv)
{
    const char *dir = getenv("REEF_BOARD_DIR");
    char why[160];
    struct reef_board *board;
    if (argc != 2 || reef_board_open(&board, dir, argv[1], why, sizeof(why)) != 0) {
        fprintf(stderr, "%s\n", argc == 2 ? why : "evict_word GPU");
        return 1;
    }
    reef_board_set_class(board, REEF_BOARD_RT);
    _Atomic uint32_t *word = (_Atomic uint32_t *)reef_board_evict_word(board);
    const struct timespec rest = {.tv_nsec = 10000};
    prctl(PR_SET_TIMERSLACK, 1UL);
    for (;;) {
        atomic_store(word, 1);
        nanosleep(&rest, NULL);
    }
}
