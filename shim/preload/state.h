// SPDX-License-Identifier: Apache-2.0
/*
 * What all of libreef.so shares: the options, and whether it still acts. Everything starts at the
 * first GPU call of the process (reef_start), never in a constructor.
 */
#pragma once

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <time.h>

#include "shim/preload/config.h"

#define REEF_EXPORT      __attribute__((visibility("default")))
#define reef_likely(x)   __builtin_expect(!!(x), 1)
#define reef_unlikely(x) __builtin_expect(!!(x), 0)

struct reef_state {
    /* New queues are handed out untouched: REEF_DISABLE, REEF_PRIORITY=off, reef_disable(), fork.
     */
    _Alignas(64) _Atomic bool passive;
    /* Nothing of ours may be touched any more: the child of a fork. */
    _Atomic bool forked;
    struct reef_config config; /* the priority first: every launch looks at it, and at passive */
};
extern struct reef_state reef_state;

/** Reads the options and registers the fork handler; once. Any thread; cheap afterwards. */
void reef_start(void);

/**
 * Fail open (DESIGN section 10): from now on new queues are real ones, and existing virtual queues
 * are never held again. Logs @reason the first time. Any thread, any lock may be held.
 */
void reef_disable(const char *reason);
bool reef_disabled(void);

/** CLOCK_MONOTONIC, as the board uses it. */
static inline uint64_t reef_now_ns(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

/* fork.c */
void reef_fork_register(void);
/** Called in the forked child: the platforms forget what they have. */
void reef_amd_forked(void);
void reef_cuda_forked(void);
