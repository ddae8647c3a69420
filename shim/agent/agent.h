// SPDX-License-Identifier: Apache-2.0
/*
 * The agent: the one thread a process gets per GPU, started with its first scheduled queue. It
 * sleeps on the board's bell and calls its step function: when the bell rang, when it was rung by
 * its own process, and when the time passed that the last step asked for.
 *
 * It blocks all signals (the host program's handlers never run in it) and asks for exact timers.
 */
#pragma once

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

#include <pthread.h>

#include "shim/board/board.h"

struct reef_agent {
    pthread_t thread;
    struct reef_board *board;        /* borrowed */
    uint64_t (*step)(void *arg);     /* returns after how many ns to be called at the latest */
    bool (*anything_new)(void *arg); /* looked at between going to sleep and sleeping */
    void *arg;
    _Atomic bool stop;
    _Atomic bool asleep; /* sleeps for long: a launching thread must ring */
    bool started;
    /* The thread must not push the program's own threads off their CPU when it wakes: in an RT
     * process, where nothing it does is urgent. */
    bool background;
};

/** Longer sleeps than this need reef_agent_notify() to be cut short by new work. */
#define REEF_AGENT_DOZE_NS 1000000u

/** 0 or a negative errno. */
int reef_agent_start(struct reef_agent *agent);
/** Stops the thread and waits for it, at most two seconds. False if it did not end in time. */
bool reef_agent_stop(struct reef_agent *agent);

/** New work was published (before this call): wakes the agent if it is in a long sleep. No syscall
 *  otherwise. */
static inline void reef_agent_notify(struct reef_agent *agent)
{
    /* Pairs with the fence in the agent's loop: either it sees the work, or we see it asleep. */
    atomic_thread_fence(memory_order_seq_cst);
    if (atomic_load_explicit(&agent->asleep, memory_order_relaxed))
        reef_board_ring_self(agent->board);
}

/** The same for who holds a lock that anything_new() takes too: that orders it, no fence is needed.
 */
static inline void reef_agent_notify_locked(struct reef_agent *agent)
{
    if (atomic_load_explicit(&agent->asleep, memory_order_relaxed))
        reef_board_ring_self(agent->board);
}
