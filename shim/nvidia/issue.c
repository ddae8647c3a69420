// SPDX-License-Identifier: Apache-2.0
/*
 * The agent's part of a BE process: it tells the core of RT work and of completed commands, and
 * issues held operations when the core allows, oldest call first.
 *
 * Guarded launches (guard.h) stay where they are when they are issued, until it is known what
 * became of them. What was ended is issued again when the core says so, before anything behind it.
 */
#include <sched.h>
#include <stdlib.h>
#include <string.h>

#include "shim/nvidia/guard.h"
#include "shim/nvidia/trace.h"
#include "shim/preload/log.h"

enum {
    POLL_MIN_NS = 20000,
    POLL_MAX_NS = 100000,    /* a device queue that runs dry costs throughput */
    HELD_POLL_NS = 10000000, /* a lease ends without a bell */
    GROUP_NS = 10000,        /* with work waiting, shorter groups: so it can follow sooner */
};

static void act(struct reef_stream *s, const struct reef_action *action)
{
    switch (action->type) {
    case REEF_ACTION_RESUBMIT:
        if (action->first < s->resolved)
            s->resolved = s->issued = action->first;
        s->allowed = action->first + action->count;
        break;
    case REEF_ACTION_SUBMIT:
        s->allowed = action->first + action->count;
        break;
    case REEF_ACTION_EVICT:
        s->flags_wanted = true;
        break;
    case REEF_ACTION_ALLOW:
        s->flags_wanted = false;
        break;
    default: /* nothing is ever killed here */
        break;
    }
}

void cu_actions_locked(void)
{
    struct reef_cuda *cuda = &reef_cuda;
    struct reef_action action;
    while (reef_core_next(cuda->core, &action)) {
        if (action.type == REEF_ACTION_ARM_TIMER) {
            cuda->timer_ns = action.at_ns;
            continue;
        }
        for (struct reef_stream *s = cuda->streams; s; s = s->all_next)
            if (s->core_queue == (int)action.queue)
                act(s, &action);
    }
}

static uint32_t command_flags(const struct reef_op *op)
{
    if (!op->guard)
        return 0;
    return REEF_COMMAND_GUARDED |
           (op->guard->restartable ? REEF_COMMAND_RESTARTABLE | REEF_COMMAND_EVICTABLE : 0);
}

/* A fence comes behind everything before it, and before everything behind it: but for its own
 * stream, which keeps its order by itself. */
static bool may_announce(const struct reef_op *op)
{
    const struct reef_cuda *cuda = &reef_cuda;
    if (op->fence && cuda->announced > (op->stream ? op->stream->announced : 0))
        return false;
    return cuda->fences_announced == 0 || (op->stream && op->stream == cuda->fence_stream);
}

static void count_announced(struct reef_op *op)
{
    struct reef_cuda *cuda = &reef_cuda;
    op->announced = true;
    cuda->announced++;
    if (op->stream)
        op->stream->announced++;
    if (op->fence) {
        cuda->fences_announced++;
        cuda->fence_stream = op->stream;
    }
}

void cu_announce_locked(void)
{
    struct reef_cuda *cuda = &reef_cuda;
    for (struct reef_op *op; (op = cuda->unannounced) && may_announce(op);) {
        if (op->stream) {
            const struct reef_command command = {.key = op->key, .flags = command_flags(op)};
            struct reef_stream *s = op->stream;
            uint64_t number = reef_core_enqueued(cuda->core, (uint32_t)s->core_queue, &command, 0);
            if (number == REEF_CORE_FULL)
                return;
            op->command = number;
            s->enqueued = number + 1;
        }
        count_announced(op);
        cuda->unannounced = op->call_next;
        cu_actions_locked();
    }
}

uint64_t cu_issued_locked(const struct reef_stream *s)
{
    return s->resolved == s->issued ? s->done : s->issued;
}

/* Before something is issued the flags of its stream are to be down, on the device too; unless
 * nothing that follows looks at them (guard_repeat.c). */
static bool flags_are_down(const struct reef_stream *s)
{
    return !s->flags_wanted && (s->left || (!s->flags_are_up && !s->chain_is_up));
}

/* The oldest operation that may be issued now, or NULL. */
static struct reef_op *pick_locked(uint64_t now_ns)
{
    struct reef_cuda *cuda = &reef_cuda;
    struct reef_op *oldest = NULL;
    cu_announce_locked();
    if (!cuda->first)
        return NULL;
    if (!cuda->first->stream) /* administration: no work for the GPU */
        return cuda->first->announced ? cuda->first : NULL;
    if (cu_held_locked(now_ns))
        return NULL;
    for (struct reef_stream *s = cuda->streams; s; s = s->all_next) {
        struct reef_op *op = s->waiting;
        if (op && op->announced && op->command < s->allowed && flags_are_down(s) &&
            (!oldest || op->seq < oldest->seq))
            oldest = op;
    }
    return oldest;
}

static void unpin_locked(struct reef_op *op)
{
    for (unsigned i = 0; i < 2 && op->pins[i]; i++) {
        struct reef_object *o = op->pins[i];
        bool record = i == 0 && op->api->kind == CU_KIND_EVENT_RECORD;
        o->pending--;
        o->records -= record;
        atomic_fetch_sub(&reef_cuda.records, record);
        if (o->pending > 0 || cu_object_kept(o))
            continue;
        struct reef_object **at =
            &reef_cuda.objects[(o->handle * 0x9e3779b97f4a7c15ull >> 48) % REEF_OBJECT_BUCKETS];
        while (*at != o)
            at = &(*at)->next;
        *at = o->next;
        free(o);
    }
}

/* It is the first of its stream, or stands behind launches that wait for being issued again. */
static void unlink_from_stream(struct reef_op *op)
{
    struct reef_stream *s = op->stream;
    struct reef_op *before = NULL;
    for (struct reef_op *at = s->head; at != op; at = at->next)
        before = at;
    if (s->waiting == op)
        s->waiting = op->next;
    *(before ? &before->next : &s->head) = op->next;
    if (!op->next)
        s->tail = before;
    s->announced -= op->announced;
}

void cu_unlink_locked(struct reef_op *op)
{
    struct reef_cuda *cuda = &reef_cuda;
    if (op->seq == UINT64_MAX)
        return; /* dropped meanwhile */
    if (op->stream)
        unlink_from_stream(op);
    cuda->announced -= op->announced;
    if (op->call_prev)
        op->call_prev->call_next = op->call_next;
    else
        cuda->first = op->call_next;
    if (op->call_next)
        op->call_next->call_prev = op->call_prev;
    else
        cuda->last = op->call_prev;
    if (op->fence) {
        cuda->fences--;
        cuda->fences_announced -= op->announced;
    }
    cuda->held_bytes -= op->bytes;
    unpin_locked(op);
    atomic_fetch_sub(&cuda->pending, 1);
    free(op);
}

void cu_make_current(cu_word context)
{
    static _Thread_local cu_word current;
    static _Thread_local unsigned gone;
    static _Thread_local bool known;
    unsigned now_gone = atomic_load(&reef_cuda.contexts_gone);
    if (known && current == context && gone == now_gone)
        return;
    cu.cuCtxSetCurrent(context);
    current = context;
    gone = now_gone;
    known = true;
}

/* Waits for nothing: only the agent asks streams about their work while they have some. */
cu_result cu_stream_destroy_now(struct reef_stream *s, struct cu_api *api, const cu_word *a)
{
    struct reef_cuda *cuda = &reef_cuda;
    cu_word events[2 * REEF_MARKS + 1];
    unsigned count = 0;
    if (s->line && atomic_load(&cuda->captures) == 0) {
        cu_marks_reap(s, true); /* if its kernels are known to be over, others can have its line */
        cu_guard_look(s);
    }
    pthread_mutex_lock(&cuda->lock);
    while (s->querying) { /* a call of the driver that does not block */
        pthread_mutex_unlock(&cuda->lock);
        sched_yield();
        pthread_mutex_lock(&cuda->lock);
    }
    for (unsigned i = 0; i < REEF_MARKS; i++) {
        if (s->marks[i].start)
            events[count++] = s->marks[i].start;
        if (s->marks[i].end)
            events[count++] = s->marks[i].end;
    }
    if (s->left_event)
        events[count++] = s->left_event;
    if (s->key)
        cu_stream_forget_locked(s);
    pthread_mutex_unlock(&cuda->lock);
    for (unsigned i = 0; i < count; i++)
        cu.cuEventDestroy_v2(events[i]);
    return cu_call(cu_real(api), a, api->arguments);
}

static cu_result call_now(struct reef_op *op)
{
    bool stream = op->api->kind == CU_KIND_STREAM_DESTROY;
    struct reef_stream *s = stream ? cu_stream(op->a[0]) : NULL;
    if (!op->stream) { /* a destruction: its handle may mean another one from the call on */
        pthread_mutex_lock(&reef_cuda.lock);
        cu_object_forget_locked(op->a[0]);
        pthread_mutex_unlock(&reef_cuda.lock);
    }
    if (s)
        return cu_stream_destroy_now(s, op->api, op->a);
    return cu_call(cu_real(op->api), op->a, op->api->arguments);
}

/* For those who look for the cause of a late error. */
static void report_failed(const struct reef_op *op, cu_result result)
{
    const char *kernel = NULL;
    cu_word function = op->api->kind == CU_KIND_LAUNCH      ? op->a[0]
                       : op->api->kind == CU_KIND_LAUNCH_EX ? op->a[1]
                                                            : 0;
    if (function && cu.cuFuncGetName && !cu_is_sticky(result) &&
        cu.cuFuncGetName(cu_out(kernel), function) != CUDA_SUCCESS)
        kernel = NULL;
    reef_info("%s was accepted, and failed when it was given to the driver: %d%s%s",
              op->api->symbol, result, kernel ? ", of kernel " : "", kernel ? kernel : "");
}

bool cu_issue_op(struct reef_op *op, struct reef_mark_plan *plan)
{
    cu_make_current(op->context);
    if (op->stream)
        cu_marks_before(op->stream, plan);
    cu_result result = call_now(op);
    if (op->stream)
        cu_marks_after(op->stream, plan);
    if (result == CUDA_SUCCESS || result == CUDA_ERROR_DEINITIALIZED)
        return result == CUDA_SUCCESS;
    report_failed(op, result);
    struct reef_context *context = op->stream ? op->stream->context : NULL;
    if (!context)
        return false;
    cu_note_error(context, result);
    return false;
}

/* Chooses between a launch's kernel and its guarded twin. False: it cannot be issued now. */
static bool prepare_locked(struct reef_op *op)
{
    struct reef_stream *s = op->stream;
    if (!op->guard)
        return true;
    uint32_t queue = (uint32_t)s->core_queue;
    bool evictable = op->guard->restartable && !s->left &&
                     reef_core_evictable(reef_cuda.core, queue, op->command);
    bool follows = s->in_flight > 0; /* only then is there something that may be ended before it */
    if ((!evictable && !follows) || !cu_guard_take_locked(s, &op->guard->record)) {
        cu_guard_disarm(op);
        if (follows)
            return false;
        reef_core_unguarded(reef_cuda.core, queue, op->command);
        cu_actions_locked();
        return true;
    }
    cu_guard_arm(op, evictable);
    op->in_flight = true;
    op->evictable = evictable;
    s->in_flight++;
    reef_cuda.in_flight++;
    return true;
}

/* It did not come about. */
static void undo_locked(struct reef_op *op)
{
    if (op->seq == UINT64_MAX || !op->in_flight)
        return;
    cu_guard_give_locked(op->stream, op->guard->record);
    op->in_flight = false;
    op->stream->in_flight--;
    reef_cuda.in_flight--;
}

static bool issue_one(uint64_t now_ns)
{
    struct reef_cuda *cuda = &reef_cuda;
    struct reef_mark_plan plan = {0};
    pthread_mutex_lock(&cuda->lock);
    struct reef_op *op = pick_locked(now_ns);
    bool guarded = false;
    if (op && op->stream && !prepare_locked(op))
        op = NULL;
    if (op && op->stream) {
        op->stream->waiting = op->next;
        op->stream->issued = op->command + 1;
        guarded = op->in_flight;
        uint64_t ns = reef_estimator_get(&cuda->estimator, op->key).typical_ns;
        bool close = op->stream->group_ns + ns >= GROUP_NS;
        cu_marks_plan_locked(op->stream, op->command, op->key, close, &plan);
    }
    pthread_mutex_unlock(&cuda->lock);
    if (!op)
        return false;
    struct reef_stream *s = op->stream;
    bool issued = cu_issue_op(op, &plan);
    pthread_mutex_lock(&cuda->lock);
    if (!issued)
        undo_locked(op);
    if (!issued || !guarded)
        cu_unlink_locked(op);
    if (!s || !s->stalled) /* going beyond the depth is no sign of life */
        cu_moved_locked(s, now_ns);
    if (cuda->waiters > 0)
        pthread_cond_broadcast(&cuda->turn);
    pthread_mutex_unlock(&cuda->lock);
    return true;
}

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
    atomic_store(&stats->launches_be, atomic_load(&cuda->launches));
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
        pthread_mutex_unlock(&cuda->lock);
        if (!waits)
            continue;
        if (s->legacy)
            cu_make_current(s->context->handle);
        if (cu_marks_reap(s, true)) {
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
        cu_word context = runs || uncounted ? s->context->handle : 0;
        pthread_mutex_unlock(&cuda->lock);
        if (!context)
            continue;
        cu_make_current(context);
        if (runs)
            cu_marks_reap(s, true);
        if (uncounted && atomic_load(&cuda->bounded) && cu_stream_is_idle(s))
            forget_uncounted(s);
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

uint64_t cu_issue(uint64_t now_ns)
{
    struct reef_cuda *cuda = &reef_cuda;
    cu_peers_look(now_ns, !atomic_load(&cuda->bounded));
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
        for (unsigned n = 0; n < REEF_STREAM_OPS && issue_one(reef_now_ns()); n++)
            if (n % 16 == 15)
                look_at_streams(now_ns);
        if (!held && atomic_load(&cuda->pending) > 0)
            cu_unstall(reef_now_ns());
    }
    report();
    if (cuda->in_flight > 0)
        return poll_ns < POLL_MAX_NS ? poll_ns : POLL_MIN_NS;
    if (atomic_load(&cuda->was_held)) {
        uint64_t timer_ns = cuda->timer_ns > now_ns ? cuda->timer_ns - now_ns : HELD_POLL_NS;
        return timer_ns < HELD_POLL_NS ? timer_ns : HELD_POLL_NS;
    }
    return atomic_load(&cuda->pending) > 0 ? poll_ns : UINT64_MAX;
}
