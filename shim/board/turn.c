// SPDX-License-Identifier: Apache-2.0
/*
 * The words of the board by which best-effort programs take turns. What they mean is
 * sched/turns.h's business; here they are read and changed, and whom it concerns is rung.
 */
#include "shim/board/layout.h"

void reef_board_turn_read(const struct reef_board *board, struct reef_board_turn *turn)
{
    turn->token = atomic_load(&board->map->turn);
    turn->waiters = atomic_load(&board->map->turn_waiters);
    turn->renewed_ns = atomic_load(&board->map->turn_renewed_ns);
}

bool reef_board_turn_change(struct reef_board *board, uint64_t seen, uint64_t token, int ring)
{
    if (!atomic_compare_exchange_strong(&board->map->turn, &seen, token))
        return false;
    uint64_t whom =
        ring >= 0 ? 1ull << (ring % REEF_BOARD_SLOTS) : atomic_load(&board->map->turn_waiters);
    for (whom &= ~(1ull << board->slot); whom; whom &= whom - 1)
        reef_board_ring(board, (unsigned)__builtin_ctzll(whom));
    return true;
}

void reef_board_turn_renew(struct reef_board *board, uint64_t now_ns)
{
    atomic_store(&board->map->turn_renewed_ns, now_ns);
}

void reef_board_turn_wait(struct reef_board *board, bool wait, int holder)
{
    const uint64_t bit = 1ull << board->slot;

    if (!wait) {
        atomic_fetch_and(&board->map->turn_waiters, ~bit);
        return;
    }
    if (!(atomic_fetch_or(&board->map->turn_waiters, bit) & bit) && holder >= 0)
        reef_board_ring(board, (unsigned)(holder % REEF_BOARD_SLOTS));
}

void reef_board_turn_forget(struct reef_board *board, uint64_t waiters)
{
    atomic_fetch_and(&board->map->turn_waiters, ~waiters);
}

unsigned reef_board_slot(const struct reef_board *board)
{
    return board->slot;
}
