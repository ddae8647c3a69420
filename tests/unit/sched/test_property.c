// SPDX-License-Identifier: Apache-2.0
/*
 * Random sequences of events with a fake device, every action checked against model.h: completions
 * in random order, resets that find some commands complete, failing resets, RT that comes and goes
 * at any moment, timers early and late, queues opened and closed. Then RT goes idle and everything
 * must complete.
 *
 *   test_sched_property [SEED [RUNS]]     default: a fixed seed
 */
#include "tests/unit/sched/model.h"

enum { STEPS = 400 };

static struct reef_core_config random_config(struct model *m)
{
    static const char *const policies[] = {"reef", "reef", "reef", "reef-n", "wait", "streams"};
    return (struct reef_core_config){
        .policy = policies[model_random(m, 6)],
        .depth_ns = (model_random(m, 20) + 1) * 100000,
        .depth_count = (uint32_t)model_random(m, 8) + 1,
        .unknown_ns = (model_random(m, 10) + 1) * 50000,
        .linger_ns = model_chance(m, 25) ? 0 : model_random(m, 300) * 1000 + 1,
        .kill_limit = (uint32_t)model_random(m, 5),
        .reset = model_chance(m, 85),
        .evict = model_chance(m, 85),
    };
}

static bool start(struct model *m, uint64_t seed)
{
    memset(m, 0, sizeof(*m));
    m->seed = seed;
    m->random = seed * 0x9e3779b97f4a7c15ull + 1;
    m->now_ns = 1000;
    m->config = random_config(m);
    m->holds = strcmp(m->config.policy, "streams") != 0;
    m->core = reef_core_create(&m->config);
    return m->core != NULL;
}

/* A random command in the DQ of @q, or UINT64_MAX. Devices mostly complete in order. */
static uint64_t pick_running(struct model *m, const struct model_queue *q)
{
    uint64_t picked = UINT64_MAX;
    for (uint64_t seq = 0; seq < q->fresh; seq++)
        if (q->commands[seq].in_dq && (picked == UINT64_MAX || model_chance(m, 20)))
            picked = seq;
    return picked;
}

static void complete_one(struct model *m, uint32_t number)
{
    uint64_t seq = pick_running(m, &m->queues[number]);
    if (seq != UINT64_MAX)
        model_complete(m, number, seq);
}

/* A reset is answered: what completed meanwhile is reported first. */
static void answer_reset(struct model *m, uint32_t number)
{
    while (model_chance(m, 30))
        complete_one(m, number);
    if (model_chance(m, 15))
        model_reset_failed(m, number);
    else
        model_stopped(m, number);
}

static void pass_time(struct model *m)
{
    m->now_ns += model_random(m, 200000);
    if (m->timer_ns && (m->now_ns >= m->timer_ns || model_chance(m, 10)))
        model_timer(m);
}

static void random_event(struct model *m)
{
    uint32_t number = (uint32_t)model_random(m, MODEL_QUEUES);
    struct model_queue *q = &m->queues[number];
    unsigned what = (unsigned)model_random(m, 100);
    if (what < 4) {
        model_open(m);
    } else if (what < 12) {
        model_rt(m, model_chance(m, 50));
    } else if (what < 25) {
        pass_time(m);
    } else if (!q->open) {
        return;
    } else if (what < 26) {
        model_close(m, number);
    } else if (what < 45 && q->reset_asked) {
        answer_reset(m, number);
    } else if (what < 65) {
        complete_one(m, number);
    } else {
        uint64_t key = model_chance(m, 30) ? 0 : model_random(m, MODEL_KEYS) + 1;
        model_enqueue(m, number, key, model_chance(m, 92));
    }
}

/* RT is idle for good: no queue may starve. */
static void finish(struct model *m)
{
    model_rt(m, false);
    while (m->timer_ns) {
        m->now_ns = m->timer_ns;
        model_timer(m);
    }
    for (uint32_t i = 0; i < MODEL_QUEUES; i++) {
        struct model_queue *q = &m->queues[i];
        if (!q->open)
            continue;
        if (q->reset_asked)
            answer_reset(m, i);
        for (uint64_t left = model_outstanding(q); left > 0; left--)
            complete_one(m, i);
        MODEL_CHECK(m, model_outstanding(q) == 0);
        MODEL_CHECK(m, reef_core_queue_state(m->core, i) == REEF_QUEUE_OPEN);
    }
}

static void random_runs(struct model *m, uint64_t seed, unsigned runs)
{
    for (unsigned run = 0; run < runs; run++) {
        if (!start(m, seed + run))
            model_fail(m, "no core");
        unsigned queues = (unsigned)model_random(m, MODEL_QUEUES) + 1;
        for (unsigned i = 0; i < queues; i++)
            model_open(m);
        for (unsigned i = 0; i < STEPS; i++)
            random_event(m);
        finish(m);
        reef_core_destroy(m->core);
    }
}

/* --- progress: kernels longer than the pauses between RT work --- */

/* RT comes back before the one long kernel of each queue can end. The device gives every queue
 * @gap_ns per round, kept only if it is not killed. Returns after how many rounds all is complete.
 */
static unsigned rounds_to_finish(struct model *m, unsigned kernels, uint64_t gap_ns)
{
    uint64_t progress_ns[MODEL_QUEUES] = {0};
    for (unsigned i = 0; i < 3; i++)
        for (unsigned k = 0; k < kernels; k++)
            model_enqueue(m, i, 6, true);
    for (unsigned round = 1; round < 10000; round++) {
        uint64_t left = 0;
        m->now_ns += gap_ns;
        for (uint32_t i = 0; i < 3; i++)
            progress_ns[i] += gap_ns;
        model_rt(m, true);
        for (uint32_t i = 0; i < 3; i++) {
            uint64_t running = pick_running(m, &m->queues[i]);
            if (m->queues[i].reset_asked) {
                model_stopped(m, i);
                progress_ns[i] = 0;
            } else if (running != UINT64_MAX) { /* drains: RT has to wait for this one */
                model_complete(m, i, running);
                MODEL_CHECK(m, model_dq(m, &m->queues[i]).kernels == 0);
                progress_ns[i] = 0;
            }
            left += model_outstanding(&m->queues[i]);
        }
        model_rt(m, false);
        while (m->timer_ns) {
            m->now_ns = m->timer_ns;
            model_timer(m);
        }
        if (left == 0)
            return round;
    }
    return UINT32_MAX;
}

static void progress_under_periodic_rt(struct model *m)
{
    for (uint32_t limit = 1; limit <= 5; limit++) {
        enum { KERNELS = 20 };
        memset(m, 0, sizeof(*m));
        m->seed = limit;
        m->random = limit;
        m->holds = true;
        m->config = (struct reef_core_config){
            .policy = "reef",
            .depth_ns = 20000000,
            .depth_count = 4,
            .unknown_ns = 500000,
            .linger_ns = 200000,
            .kill_limit = limit,
            .reset = true,
        };
        m->core = reef_core_create(&m->config);
        for (unsigned i = 0; i < 3; i++) {
            while (!m->queues[i].open || m->queues[i].capacity < KERNELS) {
                if (m->queues[i].open)
                    model_close(m, i);
                model_open(m);
            }
        }
        unsigned rounds = rounds_to_finish(m, KERNELS, 1000000);
        printf("kill limit %u: %d kernels that never fit a gap took %u rounds\n", limit, KERNELS,
               rounds);
        /* The first is killed `limit` times, then drained. From then on they are known to be longer
         * than the gaps, and are killed once. */
        MODEL_CHECK(m, rounds == limit + 1 + (KERNELS - 1) * 2);
        reef_core_destroy(m->core);
    }
}

int main(int argc, char **argv)
{
    uint64_t seed = argc > 1 ? strtoull(argv[1], NULL, 0) : 20220711;
    unsigned runs = argc > 2 ? (unsigned)strtoul(argv[2], NULL, 0) : 3000;
    struct model *m = malloc(sizeof(*m));
    if (!m)
        return 1;
    printf("seeds %llu to %llu, %d events each\n", (unsigned long long)seed,
           (unsigned long long)(seed + runs - 1), STEPS);
    random_runs(m, seed, runs);
    progress_under_periodic_rt(m);
    free(m);
    return 0;
}
