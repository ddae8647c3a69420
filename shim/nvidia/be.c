// SPDX-License-Identifier: Apache-2.0
/*
 * The agent's step of a BE process: it tells the core of RT work and of completed commands, issues
 * what may be issued (issue.c), and says when it is to be called again.
 */
#include "shim/nvidia/guard.h"
#include "shim/nvidia/trace.h"
#include "shim/preload/log.h"

enum {
    POLL_MIN_NS = 20000,
    POLL_MAX_NS = 100000,    /* a device queue that runs dry costs throughput */
    HELD_POLL_NS = 10000000, /* a lease ends without a bell */
    GROUP_NS = 10000,        /* with work waiting, shorter groups: so it can follow sooner */
};

/* What the core is told of the world, and what follows for those that wait. True while BE is held.
 */
static bool look_at_rt(uint64_t now_ns)
{
    struct reef_cuda *cuda = &reef_cuda;
    bool active = false;
    int count = atomic_load(&cuda->gpu_count);
    for (int i = 0; i < count && !active; i++)
        active = !reef_disabled() && reef_board_rt_active(cuda->gpus[i].board, now_ns);
    atomic_store(&cuda->rt_seen, active);
    pthread_mutex_lock(&cuda->lock);
    reef_core_rt(cuda->core, active, now_ns);
    if (cuda->timer_ns && now_ns >= cuda->timer_ns) {
        cuda->timer_ns = 0;
        reef_core_timer(cuda->core, now_ns);
    }
    cu_actions_locked();
    bool held = cu_held_locked(now_ns);
    if (held != atomic_load(&cuda->was_held)) {
        reef_debug("best-effort work is %s, %u operations wait", held ? "held" : "released",
                   atomic_load(&cuda->pending));
        atomic_store(&cuda->was_held, held);
        REEF_TRACE_EVENT(held ? REEF_TRACE_HOLD : REEF_TRACE_RELEASE, 0, 0, 0, 0, 0);
        cu_stall_held_locked(held, now_ns);
        pthread_cond_broadcast(&cuda->turn);
    }
    pthread_mutex_unlock(&cuda->lock);
    return held;
}

static void report(void)
{
    struct reef_cuda *cuda = &reef_cuda;
    struct reef_core_stats core;
    if (atomic_load(&cuda->gpu_count) == 0)
        return;
    struct reef_board_stats *stats = reef_board_stats(cuda->gpus[0].board);
    pthread_mutex_lock(&cuda->lock);
    reef_core_stats(cuda->core, &core);
    pthread_mutex_unlock(&cuda->lock);
    atomic_store(&stats->launches_be, atomic_load(&cuda->arrivals));
    atomic_store(&stats->be_completed, core.completed);
    atomic_store(&stats->preemptions, core.preemptions);
    atomic_store(&stats->drains, core.drains);
    atomic_store(&stats->evictions, core.evictions);
    atomic_store(&stats->evicted, core.evicted);
}

/* Streams with work waiting: what they have completed, and when to look again. */
static uint64_t look_at_streams(uint64_t now_ns)
{
    struct reef_cuda *cuda = &reef_cuda;
    uint64_t next_ns = POLL_MAX_NS;
    for (struct reef_stream *s = __atomic_load_n(&cuda->streams, __ATOMIC_ACQUIRE); s;
         s = s->all_next) {
        pthread_mutex_lock(&cuda->lock);
        bool waits = s->key && s->head && s->core_queue >= 0;
        uint64_t backlog_ns = waits ? reef_core_backlog_ns(cuda->core, (uint32_t)s->core_queue) : 0;
        struct reef_context *context = s->context;
        pthread_mutex_unlock(&cuda->lock);
        if (!waits || (s->legacy && !cu_context_enter(context)))
            continue;
        bool moved = cu_marks_reap(s, true);
        if (s->legacy)
            cu_context_leave(context);
        if (moved) {
            pthread_mutex_lock(&cuda->lock);
            cu_moved_locked(s, now_ns);
            pthread_mutex_unlock(&cuda->lock);
        }
        if (backlog_ns / 8 < next_ns)
            next_ns = backlog_ns / 8;
    }
    return next_ns < POLL_MIN_NS ? POLL_MIN_NS : next_ns;
}

/* It was idle after the calls began to be counted: what is there now is counted. */
static void forget_uncounted(struct reef_stream *s)
{
    pthread_mutex_lock(&reef_cuda.lock);
    s->uncounted = s->uncounted && !atomic_load(&reef_cuda.bounded);
    pthread_mutex_unlock(&reef_cuda.lock);
}

void cu_look_at_all(void)
{
    struct reef_cuda *cuda = &reef_cuda;
    if (atomic_load(&cuda->captures) > 0)
        return;
    for (struct reef_stream *s = __atomic_load_n(&cuda->streams, __ATOMIC_ACQUIRE); s;
         s = s->all_next) {
        pthread_mutex_lock(&cuda->lock);
        uint64_t done = cu_tracing() ? s->traced_done : s->done;
        bool runs = s->key && s->core_queue >= 0 && done < s->enqueued;
        bool uncounted = s->key && s->uncounted;
        struct reef_context *context = s->context;
        pthread_mutex_unlock(&cuda->lock);
        if ((!runs && !uncounted) || !cu_context_enter(context))
            continue;
        if (runs)
            cu_marks_reap(s, true);
        if (uncounted && atomic_load(&cuda->bounded) && cu_stream_is_idle(s))
            forget_uncounted(s);
        cu_context_leave(context);
    }
}

/* Of a stream that is being evicted: what the core allowed to be issued, and was not, is as good as
 * ended. Behind what is in flight, so that it is told in order. */
static void withdraw(void)
{
    struct reef_cuda *cuda = &reef_cuda;
    pthread_mutex_lock(&cuda->lock);
    for (struct reef_stream *s = cuda->streams; s; s = s->all_next) {
        struct reef_op *op = s->key && s->flags_wanted && s->in_flight == 0 ? s->waiting : NULL;
        uint64_t allowed = s->allowed;
        if (op && op->announced && op->command < allowed)
            s->allowed = op->command;
        for (; op && op->announced && op->command < allowed; op = op->next)
            reef_core_evicted(cuda->core, (uint32_t)s->core_queue, op->command, reef_now_ns());
    }
    cu_actions_locked();
    pthread_mutex_unlock(&cuda->lock);
}

uint64_t cu_be_step(uint64_t now_ns)
{
    struct reef_cuda *cuda = &reef_cuda;
    uint64_t peers_ns = cu_peers_look(now_ns, !atomic_load(&cuda->bounded));
    cu_depth_step();
    bool held = look_at_rt(now_ns), guards = atomic_load(&cuda->any_guarded);
    uint64_t poll_ns = UINT64_MAX;
    if (guards) {
        withdraw();
        cu_guards_step();
    }
    if (atomic_load(&cuda->pending) > 0) {
        if (!held || cuda->in_flight > 0)
            poll_ns = look_at_streams(now_ns);
        if (guards) {
            withdraw();
            cu_guards_step();
        }
        for (unsigned n = 0; n < REEF_STREAM_OPS && cu_issue_one(reef_now_ns()); n++)
            if (n % 16 == 15)
                look_at_streams(now_ns);
        if (!held && atomic_load(&cuda->pending) > 0)
            cu_unstall(reef_now_ns());
    }
    report();
    cu_fast_step();
    if (cuda->in_flight > 0)
        return poll_ns < POLL_MAX_NS ? poll_ns : POLL_MIN_NS;
    if (atomic_load(&cuda->was_held)) {
        uint64_t timer_ns = cuda->timer_ns > now_ns ? cuda->timer_ns - now_ns : HELD_POLL_NS;
        return timer_ns < HELD_POLL_NS ? timer_ns : HELD_POLL_NS;
    }
    return atomic_load(&cuda->pending) > 0 ? poll_ns : peers_ns;
}
