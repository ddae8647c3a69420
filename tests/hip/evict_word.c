// SPDX-License-Identifier: Apache-2.0
/*
 * A real-time process without work that keeps the board's word for the GPU up, not its bit for
 * agents, until it is killed: to best-effort processes it is one whose work came just before each
 * look of a kernel at the word, and went before each look of an agent at the board.
 */
#include <sched.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>

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
    for (;;) { /* agents lower it, who see no bit */
        atomic_store((_Atomic uint32_t *)reef_board_evict_word(board), 1);
        sched_yield();
    }
}
