// SPDX-License-Identifier: Apache-2.0
/* What the tests of the scheduling core share: cmocka, and a core with the time and the actions in
 * words, so that a scenario reads as a list of events and what follows from them. */
#pragma once

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "sched/core.h"

enum {
    US = 1000,
    DEPTH = 4,
    DEPTH_NS = 1000 * US,
    UNKNOWN_NS = 300 * US,
    LINGER_NS = 200 * US,
    KILL_LIMIT = 3,
    CAPACITY = 64,
};

struct rig {
    struct reef_core *core;
    uint64_t now_ns;
};

static inline struct reef_core_config default_config(void)
{
    return (struct reef_core_config){
        .policy = "reef",
        .depth_ns = DEPTH_NS,
        .depth_count = DEPTH,
        .unknown_ns = UNKNOWN_NS,
        .linger_ns = LINGER_NS,
        .kill_limit = KILL_LIMIT,
        .reset = true,
    };
}

static inline struct rig rig_with(const struct reef_core_config *config)
{
    struct rig rig = {.core = reef_core_create(config), .now_ns = 1000000};
    assert_non_null(rig.core);
    return rig;
}

static inline struct rig rig_default(void)
{
    struct reef_core_config config = default_config();
    return rig_with(&config);
}

static inline uint32_t open_queue(struct rig *rig)
{
    int number = reef_core_queue_open(rig->core, CAPACITY);
    assert_true(number >= 0);
    return (uint32_t)number;
}

/* --- events --- */

static inline uint64_t put(struct rig *rig, uint32_t queue, uint64_t key, uint32_t flags)
{
    struct reef_command command = {.key = key, .flags = flags};
    return reef_core_enqueued(rig->core, queue, &command, rig->now_ns);
}

/** @count kernels that may be run again. */
static inline void kernels(struct rig *rig, uint32_t queue, uint64_t key, unsigned count)
{
    for (unsigned i = 0; i < count; i++)
        assert_true(put(rig, queue, key, REEF_COMMAND_RESTARTABLE) != REEF_CORE_FULL);
}

static inline void barriers(struct rig *rig, uint32_t queue, unsigned count)
{
    kernels(rig, queue, 0, count);
}

static inline void done(struct rig *rig, uint32_t queue, uint64_t seq)
{
    reef_core_completed(rig->core, queue, seq, 0, rig->now_ns);
}

static inline void done_after(struct rig *rig, uint32_t queue, uint64_t seq, uint64_t duration_ns)
{
    rig->now_ns += duration_ns;
    reef_core_completed(rig->core, queue, seq, duration_ns, rig->now_ns);
}

static inline void rt(struct rig *rig, bool active)
{
    reef_core_rt(rig->core, active, rig->now_ns);
}

static inline void stopped(struct rig *rig, uint32_t queue)
{
    reef_core_stopped(rig->core, queue, rig->now_ns);
}

/** Lets @ns pass and calls the timer. */
static inline void pass(struct rig *rig, uint64_t ns)
{
    rig->now_ns += ns;
    reef_core_timer(rig->core, rig->now_ns);
}

/* --- what follows --- */

static inline void expect_action(struct rig *rig, enum reef_action_type type, uint32_t queue,
                                 uint64_t first, uint32_t count)
{
    struct reef_action action;
    assert_true(reef_core_next(rig->core, &action));
    assert_int_equal(action.type, type);
    assert_int_equal(action.queue, queue);
    assert_int_equal(action.first, first);
    assert_int_equal(action.count, count);
}

static inline void expect_nothing(struct rig *rig)
{
    struct reef_action action;
    assert_false(reef_core_next(rig->core, &action));
}

static inline void expect_submit(struct rig *rig, uint32_t queue, uint64_t first, uint32_t count)
{
    expect_action(rig, REEF_ACTION_SUBMIT, queue, first, count);
}

static inline void expect_resubmit(struct rig *rig, uint32_t queue, uint64_t first, uint32_t count)
{
    expect_action(rig, REEF_ACTION_RESUBMIT, queue, first, count);
}

static inline void expect_reset(struct rig *rig, uint32_t queue)
{
    expect_action(rig, REEF_ACTION_RESET, queue, 0, 0);
}

static inline void expect_timer(struct rig *rig, uint64_t at_ns)
{
    struct reef_action action;
    assert_true(reef_core_next(rig->core, &action));
    assert_int_equal(action.type, REEF_ACTION_ARM_TIMER);
    assert_int_equal(action.at_ns, at_ns);
}

static inline void expect_state(const struct rig *rig, uint32_t queue, enum reef_queue_state state)
{
    assert_int_equal(reef_core_queue_state(rig->core, queue), state);
}

static inline struct reef_core_stats stats_of(const struct rig *rig)
{
    struct reef_core_stats stats;
    reef_core_stats(rig->core, &stats);
    return stats;
}

/** RT goes idle and BE comes back. Takes the timer's action. */
static inline void rt_over(struct rig *rig)
{
    rt(rig, false);
    expect_timer(rig, rig->now_ns + LINGER_NS);
    pass(rig, LINGER_NS);
}
