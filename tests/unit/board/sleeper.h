// SPDX-License-Identifier: Apache-2.0
/* A thread that sleeps on a board as an agent does, and counts how often it is woken. Whether it is
 * asleep is asked of the system, so what a test finds does not depend on time. */
#pragma once

#include "tests/unit/board/board_test.h"

#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>

#include <sys/syscall.h>

struct sleeper {
    struct reef_board *board; /* borrowed */
    pthread_t thread;
    _Atomic int tid;
    _Atomic unsigned woken;
    _Atomic bool stop;
};

static inline void *sleeper_run(void *arg)
{
    struct sleeper *sleeper = arg;
    atomic_store(&sleeper->tid, (int)syscall(SYS_gettid));
    for (;;) {
        uint32_t bell = reef_board_bell(sleeper->board);
        if (atomic_load(&sleeper->stop))
            return NULL;
        reef_board_sleep(sleeper->board, bell, UINT64_MAX);
        atomic_fetch_add(&sleeper->woken, 1);
    }
}

static inline char thread_state(int tid)
{
    char path[64], text[256] = "";
    snprintf(path, sizeof(path), "/proc/self/task/%d/stat", tid);
    int fd = open(path, O_RDONLY);
    ssize_t length = fd < 0 ? -1 : read(fd, text, sizeof(text) - 1);
    if (fd >= 0)
        close(fd);
    const char *end = length > 0 ? strrchr(text, ')') : NULL;
    return end ? end[2] : '?';
}

/** Waits until it sleeps; then returns how often it has been woken. */
static inline unsigned sleeper_settled(struct sleeper *sleeper)
{
    unsigned woken;
    do {
        sched_yield();
        woken = atomic_load(&sleeper->woken);
    } while (atomic_load(&sleeper->tid) == 0 || thread_state(sleeper->tid) != 'S' ||
             atomic_load(&sleeper->woken) != woken);
    return woken;
}

static inline void sleeper_start(struct sleeper *sleeper, struct reef_board *board)
{
    *sleeper = (struct sleeper){.board = board};
    assert_int_equal(pthread_create(&sleeper->thread, NULL, sleeper_run, sleeper), 0);
    assert_int_equal(sleeper_settled(sleeper), 0);
}

/** Waits until it has been woken that often, and sleeps again. */
static inline void sleeper_await(struct sleeper *sleeper, unsigned woken)
{
    while (atomic_load(&sleeper->woken) != woken)
        sched_yield();
    assert_int_equal(sleeper_settled(sleeper), woken);
}

static inline void sleeper_end(struct sleeper *sleeper)
{
    atomic_store(&sleeper->stop, true);
    reef_board_ring_self(sleeper->board);
    pthread_join(sleeper->thread, NULL);
}
