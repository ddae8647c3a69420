// SPDX-License-Identifier: Apache-2.0
/*
 * A second, naive model of one process, its BE queues and the device, against which every action of
 * the core is checked. It keeps all commands for ever and looks at each, so that it is obvious; the
 * core is fast, so that it is not. A broken rule ends the test with the seed and the step.
 */
#pragma once

#include <stdarg.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "sched/core.h"

enum { MODEL_QUEUES = 12, MODEL_COMMANDS = 512, MODEL_KEYS = 6 };

struct model_command {
    uint64_t key;
    bool restartable, in_dq, done, submitted_once;
    unsigned kills;       /* as the oldest kernel */
    unsigned kills_max;   /* as was decided when it entered the DQ */
    uint64_t estimate_ns; /* when it entered the DQ */
};

struct model_queue {
    bool open, reset_asked, evicts; /* asked: to reset or to evict */
    uint32_t capacity;
    uint64_t enqueued, fresh; /* fresh: first command never submitted */
    struct model_command commands[MODEL_COMMANDS];
};

struct model {
    struct reef_core *core;
    struct reef_core_config config;
    uint64_t seed, random, step, now_ns, timer_ns; /* timer_ns 0: not armed */
    bool rt, lingering, holds;                     /* holds: the policy does */
    uint64_t linger_end_ns;
    uint64_t known_ns[MODEL_KEYS + 1]; /* what the estimator was taught; 0: nothing */
    uint64_t gaps[8], gap_since_ns;    /* BE was let run for so long lately; since then, 0: held */
    unsigned gap_count;
    uint32_t touched; /* queue of the last event */
    struct reef_core_stats stats;
    struct model_queue queues[MODEL_QUEUES];
};

static inline void model_fail(const struct model *m, const char *format, ...)
{
    va_list args;
    va_start(args, format);
    fprintf(stderr, "seed %llu, policy %s, step %llu: ", (unsigned long long)m->seed,
            m->config.policy, (unsigned long long)m->step);
    vfprintf(stderr, format, args);
    fputc('\n', stderr);
    va_end(args);
    exit(1);
}
#define MODEL_CHECK(m, condition)                                                                  \
    do {                                                                                           \
        if (!(condition))                                                                          \
            model_fail(m, "%s:%d: %s", __FILE__, __LINE__, #condition);                            \
    } while (0)

/* xorshift64* (Marsaglia 2003, Vigna 2016). */
static inline uint64_t model_random(struct model *m, uint64_t below)
{
    m->random ^= m->random >> 12;
    m->random ^= m->random << 25;
    m->random ^= m->random >> 27;
    return ((m->random * 0x2545f4914f6cdd1dull) >> 32) % below;
}

static inline bool model_chance(struct model *m, unsigned percent)
{
    return model_random(m, 100) < percent;
}

static inline bool model_held(const struct model *m)
{
    return m->holds && (m->rt || m->lingering);
}

/* Every kernel of one key takes the same time, so the estimate is known exactly. */
static inline uint64_t model_duration(uint64_t key)
{
    static const uint64_t us[MODEL_KEYS + 1] = {0, 5, 40, 150, 400, 900, 3500};
    return us[key] * 1000;
}

static inline uint64_t model_estimate(const struct model *m, uint64_t key)
{
    if (key == 0)
        return 0;
    return m->known_ns[key] ? m->known_ns[key] : m->config.unknown_ns;
}

/* How often a kernel may be killed in a row. One known to take longer than BE was let run at a time
 * lately: once. */
static inline unsigned model_kills_max(const struct model *m, uint64_t key)
{
    uint64_t longest_ns = 0;
    bool kills = (m->config.reset && m->config.kill_limit > 0) || m->config.evict;
    for (unsigned i = 0; i < 8; i++)
        longest_ns = m->gaps[i] > longest_ns ? m->gaps[i] : longest_ns;
    if (kills && m->gap_count >= 2 && m->known_ns[key] > longest_ns)
        return 1;
    return m->config.kill_limit ? m->config.kill_limit : UINT16_MAX;
}

static inline void model_gap_ends(struct model *m)
{
    if (m->gap_since_ns)
        m->gaps[m->gap_count++ % 8] = m->now_ns - m->gap_since_ns;
    m->gap_since_ns = 0;
}

struct model_dq {
    unsigned commands, kernels, not_restartable, spent;
    uint64_t ns, oldest_kernel;
};

static inline struct model_dq model_dq(const struct model *m, const struct model_queue *q)
{
    struct model_dq dq = {.oldest_kernel = UINT64_MAX};
    for (uint64_t seq = 0; seq < q->fresh; seq++) {
        const struct model_command *c = &q->commands[seq];
        if (!c->in_dq)
            continue;
        dq.commands++;
        dq.not_restartable += !c->restartable;
        if (c->key == 0)
            continue;
        if (dq.kernels++ == 0)
            dq.oldest_kernel = seq;
        dq.spent += c->kills >= c->kills_max;
        dq.ns += c->estimate_ns;
    }
    return dq;
}

static inline uint64_t model_outstanding(const struct model_queue *q)
{
    uint64_t n = 0;
    for (uint64_t seq = 0; q->open && seq < q->enqueued; seq++)
        n += !q->commands[seq].done;
    return n;
}

static inline uint64_t model_retired(const struct model_queue *q)
{
    uint64_t seq = 0;
    while (seq < q->enqueued && q->commands[seq].done)
        seq++;
    return seq;
}

/* Whether the rules of core.h let @c into the DQ. */
static inline bool model_fits(const struct model *m, const struct model_queue *q,
                              const struct model_command *c)
{
    struct model_dq dq = model_dq(m, q);
    if (dq.commands == 0)
        return true;
    if (dq.commands >= m->config.depth_count || dq.spent > 0)
        return false;
    if (c->key != 0 && c->kills >= model_kills_max(m, c->key) && dq.kernels > 0)
        return false;
    return !m->holds || c->key == 0 || dq.kernels == 0 ||
           dq.ns + model_estimate(m, c->key) <= m->config.depth_ns;
}

/* One command enters the DQ. */
static inline void model_submit(struct model *m, struct model_queue *q, uint64_t seq, bool again)
{
    struct model_command *c = &q->commands[seq];
    MODEL_CHECK(m, !model_held(m));
    MODEL_CHECK(m, !c->done && !c->in_dq);
    MODEL_CHECK(m, c->submitted_once == again);
    for (uint64_t before = 0; before < seq; before++) /* in order, what was killed first */
        MODEL_CHECK(m, q->commands[before].done || q->commands[before].in_dq);
    MODEL_CHECK(m, model_fits(m, q, c));
    if (!again) {
        MODEL_CHECK(m, seq == q->fresh);
        q->fresh++;
    }
    c->in_dq = c->submitted_once = true;
    c->estimate_ns = model_estimate(m, c->key);
    c->kills_max = model_kills_max(m, c->key);
    m->stats.resubmitted += again;
}

static inline void model_action(struct model *m, const struct reef_action *action)
{
    if (action->type == REEF_ACTION_ARM_TIMER) {
        MODEL_CHECK(m, m->lingering && action->at_ns == m->linger_end_ns);
        m->timer_ns = action->at_ns;
        return;
    }
    MODEL_CHECK(m, action->queue < MODEL_QUEUES && m->queues[action->queue].open);
    struct model_queue *q = &m->queues[action->queue];
    if (action->type == REEF_ACTION_EVICT) {
        struct model_dq dq = model_dq(m, q);
        MODEL_CHECK(m, m->config.evict && model_held(m) && !q->reset_asked);
        MODEL_CHECK(m, strcmp(m->config.policy, "reef-n") == 0);
        MODEL_CHECK(m, dq.commands > 0 && dq.not_restartable == 0);
        q->reset_asked = q->evicts = true;
        return;
    }
    if (action->type == REEF_ACTION_RESET) {
        struct model_dq dq = model_dq(m, q);
        MODEL_CHECK(m, m->config.reset && model_held(m) && !q->reset_asked);
        MODEL_CHECK(m, strcmp(m->config.policy, "reef") == 0);
        MODEL_CHECK(m, dq.commands > 0 && dq.not_restartable == 0 && dq.spent == 0);
        q->reset_asked = true;
        return;
    }
    MODEL_CHECK(m, action->type == REEF_ACTION_SUBMIT || action->type == REEF_ACTION_RESUBMIT);
    MODEL_CHECK(m, action->count > 0 && action->first + action->count <= q->enqueued);
    bool again = action->type == REEF_ACTION_RESUBMIT;
    for (uint64_t seq = action->first; seq < action->first + action->count; seq++)
        if (!again || !q->commands[seq].done)
            model_submit(m, q, seq, again);
}

/* The state that the rules give, where they give one. */
static inline void model_check_state(const struct model *m, uint32_t number)
{
    const struct model_queue *q = &m->queues[number];
    struct model_dq dq = model_dq(m, q);
    bool restoring = false;
    for (uint64_t seq = 0; seq < q->fresh; seq++)
        restoring = restoring || (!q->commands[seq].done && !q->commands[seq].in_dq);
    enum reef_queue_state state = reef_core_queue_state(m->core, number), want;
    if (q->reset_asked)
        want = q->evicts ? REEF_QUEUE_EVICTING : REEF_QUEUE_RESETTING;
    else if (model_held(m))
        want = dq.commands ? REEF_QUEUE_DRAINING : REEF_QUEUE_HELD;
    else
        want = restoring ? REEF_QUEUE_RESTORING : REEF_QUEUE_OPEN;
    if (state != want)
        model_fail(m, "queue %u is in state %d, not %d", number, state, want);
}

/* What must hold after every event. */
static inline void model_check(const struct model *m)
{
    struct reef_core_stats stats;
    reef_core_stats(m->core, &stats);
    MODEL_CHECK(m, memcmp(&stats, &m->stats, sizeof(stats)) == 0);
    for (uint32_t i = 0; i < MODEL_QUEUES; i++) {
        const struct model_queue *q = &m->queues[i];
        if (!q->open)
            continue;
        struct model_dq dq = model_dq(m, q);
        MODEL_CHECK(m, reef_core_in_flight(m->core, i) == dq.commands);
        MODEL_CHECK(m, dq.commands <= m->config.depth_count);
        MODEL_CHECK(m, reef_core_backlog_ns(m->core, i) == dq.ns);
        model_check_state(m, i);
        /* Work conserving: what may enter has entered. A queue is fed at its own events, so one
         * that fits only since another queue taught the estimator may wait, if something is in its
         * DQ. */
        if (model_held(m) || q->reset_asked || (dq.commands > 0 && i != m->touched))
            continue;
        uint64_t next = 0;
        while (next < q->enqueued && (q->commands[next].done || q->commands[next].in_dq))
            next++;
        MODEL_CHECK(m, next == q->enqueued || !model_fits(m, q, &q->commands[next]));
    }
}

/* Takes and checks all actions; to be called after every event. */
static inline void model_take(struct model *m)
{
    struct reef_action action;
    while (reef_core_next(m->core, &action))
        model_action(m, &action);
    model_check(m);
    m->step++;
}

/* --- events, told to the core and to the model --- */

static inline void model_open(struct model *m)
{
    uint32_t capacity = (uint32_t)model_random(m, 40) + 1;
    uint32_t free_one = 0;
    while (free_one < MODEL_QUEUES && m->queues[free_one].open)
        free_one++;
    if (free_one == MODEL_QUEUES)
        return;
    MODEL_CHECK(m, reef_core_queue_open(m->core, capacity) == (int)free_one);
    memset(&m->queues[free_one], 0, sizeof(m->queues[free_one]));
    m->queues[free_one].open = true;
    m->queues[free_one].capacity = capacity;
    model_take(m);
}

static inline void model_close(struct model *m, uint32_t number)
{
    reef_core_queue_close(m->core, number);
    m->queues[number].open = false;
    model_take(m);
}

static inline void model_enqueue(struct model *m, uint32_t number, uint64_t key, bool restartable)
{
    struct model_queue *q = &m->queues[number];
    struct reef_command command = {.key = key, .flags = restartable ? REEF_COMMAND_RESTARTABLE : 0};
    if (q->enqueued == MODEL_COMMANDS)
        return;
    bool full = q->enqueued - model_retired(q) >= q->capacity;
    bool would = reef_core_would_submit(m->core, number, key);
    struct model_command next = {.key = key};
    bool waits = false;
    for (uint64_t seq = 0; seq < q->enqueued; seq++)
        waits = waits || (!q->commands[seq].done && !q->commands[seq].in_dq);
    MODEL_CHECK(m, would == (!full && !waits && !model_held(m) && !q->reset_asked &&
                             model_fits(m, q, &next)));
    m->touched = full ? MODEL_QUEUES : number; /* a refused command is no event */
    uint64_t seq = reef_core_enqueued(m->core, number, &command, m->now_ns);
    MODEL_CHECK(m, seq == (full ? REEF_CORE_FULL : q->enqueued));
    if (!full) {
        q->commands[q->enqueued++] = (struct model_command){.key = key, .restartable = restartable};
        m->stats.enqueued++;
    }
    model_take(m);
    MODEL_CHECK(m, !would || q->commands[seq].in_dq);
}

static inline void model_complete(struct model *m, uint32_t number, uint64_t seq)
{
    struct model_command *c = &m->queues[number].commands[seq];
    uint64_t duration_ns = model_chance(m, 80) ? model_duration(c->key) : 0;
    MODEL_CHECK(m,
                c->in_dq && !c->done); /* the device runs only what it was given, once in effect */
    c->in_dq = false;
    c->done = true;
    m->stats.completed++;
    if (duration_ns > 0)
        m->known_ns[c->key] = duration_ns;
    m->touched = number;
    reef_core_completed(m->core, number, seq, duration_ns, m->now_ns);
    model_take(m);
}

static inline void model_rt(struct model *m, bool active)
{
    bool held = model_held(m), edge = active != m->rt;
    uint64_t outstanding = 0;
    for (uint32_t i = 0; i < MODEL_QUEUES; i++)
        outstanding += model_outstanding(&m->queues[i]);
    m->rt = active;
    if (edge && active) {
        m->lingering = false;
        m->stats.preemptions += m->holds && outstanding > 0;
    } else if (edge && m->holds && m->config.linger_ns > 0) {
        m->lingering = true;
        m->linger_end_ns = m->now_ns + m->config.linger_ns;
    }
    for (uint32_t i = 0; !held && model_held(m) && i < MODEL_QUEUES; i++) {
        struct model_dq dq = model_dq(m, &m->queues[i]);
        bool kills = dq.spent == 0 && m->config.reset && m->config.kill_limit > 0 &&
                     strcmp(m->config.policy, "reef") == 0;
        bool evicts = m->config.evict && strcmp(m->config.policy, "reef-n") == 0;
        bool safe = dq.not_restartable == 0 && (kills || evicts);
        if (m->queues[i].open && !m->queues[i].reset_asked && dq.commands > 0 && !safe)
            m->stats.drains++;
    }
    if (!held && model_held(m))
        model_gap_ends(m);
    if (held && !model_held(m))
        m->gap_since_ns = m->now_ns;
    reef_core_rt(m->core, active, m->now_ns);
    model_take(m);
}

static inline void model_timer(struct model *m)
{
    m->timer_ns = 0;
    if (m->lingering && m->now_ns >= m->linger_end_ns) {
        m->lingering = false;
        m->gap_since_ns = m->now_ns;
    }
    reef_core_timer(m->core, m->now_ns);
    model_take(m);
}

static inline void model_stopped(struct model *m, uint32_t number)
{
    struct model_queue *q = &m->queues[number];
    struct model_dq dq = model_dq(m, q);
    for (uint64_t seq = 0; seq < q->fresh; seq++)
        q->commands[seq].in_dq = false;
    if (dq.kernels > 0 && !q->evicts)
        q->commands[dq.oldest_kernel].kills++;
    m->stats.killed += q->evicts ? 0 : dq.commands;
    m->stats.resets += !q->evicts;
    m->stats.evictions += q->evicts;
    q->reset_asked = q->evicts = false;
    m->touched = number;
    reef_core_stopped(m->core, number, m->now_ns);
    model_take(m);
}

static inline void model_reset_failed(struct model *m, uint32_t number)
{
    struct model_queue *q = &m->queues[number];
    q->reset_asked = q->evicts = false;
    m->stats.drains += model_held(m) && model_dq(m, q).commands > 0;
    reef_core_reset_failed(m->core, number, m->now_ns);
    model_take(m);
}
