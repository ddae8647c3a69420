// SPDX-License-Identifier: Apache-2.0
/*
 * How it is known what the device queue of a stream has completed, and how long kernels take:
 * events of ours in the stream, one for a group of commands (a *mark*). A group is closed when it
 * is thought to take a quarter of the depth, or is 32 commands long; so on the way of short kernels
 * there is an event for every 32 of them. A kernel that was never seen, and one command in 64, is
 * put between two events and its time learned.
 *
 * Events are recorded by the thread that issues the command, in the stream's own context; where
 * that is not current the mark is FAILED, and the stream is asked instead. Never in a stream that
 * is captured.
 */
#include "shim/nvidia/guard.h"
#include "shim/nvidia/nvidia.h"

#include <string.h>

#include "shim/nvidia/trace.h"

enum { GROUP_COMMANDS = 32, SAMPLE_MASK = 63 };
/* The resolution of events is about half a microsecond (cuda.h, cuEventElapsedTime). */
enum { LEAST_KERNEL_NS = 500 };

static struct reef_mark *new_mark(struct reef_stream *s, uint64_t last, uint64_t timed_key)
{
    if (s->mark_count == REEF_MARKS)
        return NULL;
    struct reef_mark *m = &s->marks[(s->mark_head + s->mark_count) % REEF_MARKS];
    s->mark_count++;
    m->last = last;
    m->timed = timed_key != 0;
    m->key = timed_key;
    atomic_store_explicit(&m->state, REEF_MARK_PENDING, memory_order_relaxed);
    return m;
}

void cu_marks_plan_locked(struct reef_stream *s, uint64_t command, uint64_t key, bool close_now,
                          struct reef_mark_plan *plan)
{
    const struct reef_cuda *cuda = &reef_cuda;
    uint64_t ns = reef_estimator_get(&cuda->estimator, key).typical_ns;
    bool unknown = ns == cuda->estimator.unknown_ns;
    *plan = (struct reef_mark_plan){0};
    bool sample = unknown || cu_tracing() || (++s->samples & SAMPLE_MASK) == 0;
    if (key && sample && s->mark_count + 2 <= REEF_MARKS) {
        if (s->group_count > 0)
            plan->close = new_mark(s, command - 1, 0);
        plan->start = plan->end = new_mark(s, command, key);
        s->group_count = 0;
        s->group_ns = 0;
        return;
    }
    s->group_count++;
    s->group_ns += ns;
    bool full = s->group_count >= GROUP_COMMANDS ||
                s->group_ns >= atomic_load_explicit(&cuda->depth_ns, memory_order_relaxed) / 4;
    if ((full || close_now) && (plan->end = new_mark(s, command, 0))) {
        s->group_count = 0;
        s->group_ns = 0;
    }
}

static bool record(struct reef_stream *s, cu_word *event)
{
    if (!*event && cu.cuEventCreate(cu_out(*event), 0) != CUDA_SUCCESS) {
        *event = 0;
        return false;
    }
    return cu.cuEventRecord(*event, s->handle) == CUDA_SUCCESS;
}

static void finish(struct reef_mark *m, bool recorded)
{
    atomic_store_explicit(&m->state, recorded ? REEF_MARK_RECORDED : REEF_MARK_FAILED,
                          memory_order_release);
}

void cu_marks_before(struct reef_stream *s, struct reef_mark_plan *plan)
{
    bool current = cu_current_context() == s->context->handle;
    if (plan->close)
        finish(plan->close, current && record(s, &plan->close->end));
    if (plan->start && !(current && record(s, &plan->start->start)))
        plan->start->timed = false;
}

void cu_marks_after(struct reef_stream *s, struct reef_mark_plan *plan)
{
    if (plan->end)
        finish(plan->end, cu_current_context() == s->context->handle && record(s, &plan->end->end));
}

/* The launch in flight that is command @number, or NULL: it was none, or cannot be ended any more.
 */
static struct reef_op *in_flight_locked(const struct reef_stream *s, uint64_t number)
{
    struct reef_op *op = s->in_flight > 0 ? s->head : NULL;
    while (op && op->command < number)
        op = op->next;
    return op && op->in_flight && op->command == number ? op : NULL;
}

static void land_locked(struct reef_stream *s, struct reef_op *op)
{
    cu_guard_give_locked(s, op->guard->record);
    op->in_flight = false;
    s->in_flight--;
    reef_cuda.in_flight--;
}

/* The launch was ended by its guard, or did not begin because of what was before it. */
static void ended_locked(struct reef_stream *s, struct reef_op *op)
{
    land_locked(s, op);
    s->chain_is_up = true;
    if (!s->waiting || !s->waiting->announced || s->waiting->command > op->command)
        s->waiting = op;
    reef_core_evicted(reef_cuda.core, (uint32_t)s->core_queue, op->command, reef_now_ns());
}

/* What has nothing before it that may be ended will run to its end. */
static void settle_locked(struct reef_stream *s)
{
    while (s->head && s->head->in_flight && !s->head->evictable) {
        struct reef_op *op = s->head;
        land_locked(s, op);
        cu_unlink_locked(op);
    }
}

/* Commands up to @last are over. Returns whether @last is complete. */
static bool complete_locked(struct reef_stream *s, uint64_t last, uint64_t last_ns)
{
    struct reef_cuda *cuda = &reef_cuda;
    uint64_t from = s->done;
    for (; s->resolved <= last && s->resolved < s->enqueued; s->resolved++) {
        struct reef_op *op = in_flight_locked(s, s->resolved);
        if (op && (s->resolved > s->done || cu_guard_ended(s, op->guard->record))) {
            ended_locked(s, op);
            continue;
        }
        if (op) {
            land_locked(s, op);
            cu_unlink_locked(op);
        }
        reef_core_completed(cuda->core, (uint32_t)s->core_queue, s->resolved,
                            s->resolved == last ? last_ns : 0, 0);
        s->done += s->done == s->resolved;
    }
    settle_locked(s);
    bool complete = s->done > last;
    if (cu_tracing() && s->done > 0)
        cu_trace_completed(s, complete ? last : s->done - 1, complete ? last_ns : 0);
    atomic_fetch_add_explicit(&cuda->completed, s->done - from, memory_order_relaxed);
    cu_actions_locked();
    if (cuda->waiters > 0 && s->done > from)
        pthread_cond_broadcast(&cuda->turn);
    return complete;
}

/* Whether the stream has nothing to do. It is being asked about (cu_stream_ask_locked). */
static cu_result query(struct reef_stream *s)
{
    struct reef_cuda *cuda = &reef_cuda;
    if (s->legacy && cu_current_context() != s->context->handle)
        return CUDA_ERROR_NOT_READY;
    pthread_mutex_lock(&cuda->lock);
    bool may = atomic_load(&cuda->captures) == 0;
    cuda->asking += may;
    pthread_mutex_unlock(&cuda->lock);
    if (!may)
        return CUDA_ERROR_NOT_READY;
    cu_result result = cu.cuStreamQuery(s->handle);
    pthread_mutex_lock(&cuda->lock);
    cuda->asking--;
    pthread_mutex_unlock(&cuda->lock);
    return result;
}

bool cu_stream_is_idle(struct reef_stream *s)
{
    struct reef_cuda *cuda = &reef_cuda;
    pthread_mutex_lock(&cuda->lock);
    bool may = cu_stream_ask_locked(s);
    pthread_mutex_unlock(&cuda->lock);
    if (!may)
        return false;
    cu_result result = query(s);
    pthread_mutex_lock(&cuda->lock);
    cu_stream_asked_locked(s);
    pthread_mutex_unlock(&cuda->lock);
    return result != CUDA_ERROR_NOT_READY;
}

static bool reap_tail(struct reef_stream *s)
{
    struct reef_cuda *cuda = &reef_cuda;
    pthread_mutex_lock(&cuda->lock);
    uint64_t issued = s->issued;
    bool any =
        s->mark_count == 0 && (s->resolved < issued || (cu_tracing() && s->traced_done < s->done));
    pthread_mutex_unlock(&cuda->lock);
    if (!any || !cu_stream_is_idle(s))
        return false;
    pthread_mutex_lock(&cuda->lock);
    if (s->key && s->core_queue >= 0 && issued > 0)
        complete_locked(s, issued - 1, 0);
    pthread_mutex_unlock(&cuda->lock);
    return true;
}

bool cu_event_is_one(cu_word event)
{
    struct reef_cuda *cuda = &reef_cuda;
    pthread_mutex_lock(&cuda->lock);
    bool may = atomic_load(&cuda->captures) == 0;
    cuda->asking += may;
    pthread_mutex_unlock(&cuda->lock);
    if (!may)
        return true;
    cu_result result = cu.cuEventQuery(event);
    pthread_mutex_lock(&cuda->lock);
    cuda->asking--;
    pthread_mutex_unlock(&cuda->lock);
    return result == CUDA_SUCCESS || result == CUDA_ERROR_NOT_READY;
}

/* The oldest mark of a stream, as it was when the driver was to be asked about it. */
struct oldest {
    struct reef_mark *mark;
    cu_word start, end;
    uint64_t last;
    bool timed;
    uint8_t state;
};

/* False: the driver may not be asked. @agent: whose questions disturb no capture (process.c). */
static bool take_oldest_locked(struct reef_stream *s, struct oldest *o, bool agent)
{
    struct reef_mark *m = &s->marks[s->mark_head];
    uint8_t state = atomic_load(&m->state); /* the rest is there once it is not pending */
    if (state == REEF_MARK_PENDING || (!agent && atomic_load(&reef_cuda.captures) > 0) ||
        !cu_stream_ask_locked(s))
        return false;
    *o = (struct oldest){m, m->start, m->end, m->last, m->timed, state};
    reef_cuda.asking += !agent;
    return true;
}

/* NOT_READY: what it closes is not over. @ns: what its only command took; 0: that is not known. */
static cu_result ask_mark(struct reef_stream *s, const struct oldest *o, bool query_stream,
                          uint64_t *ns)
{
    bool recorded = o->state == REEF_MARK_RECORDED;
    cu_result result = recorded       ? cu.cuEventQuery(o->end)
                       : query_stream ? query(s)
                                      : CUDA_ERROR_NOT_READY;
    float ms = 0;
    *ns = 0;
    if (o->timed && recorded && result == CUDA_SUCCESS &&
        cu.cuEventElapsedTime(cu_out(ms), o->start, o->end) == CUDA_SUCCESS && ms >= 0)
        *ns = (uint64_t)(ms * 1e6f) < LEAST_KERNEL_NS ? LEAST_KERNEL_NS : (uint64_t)(ms * 1e6f);
    return result;
}

/* Its mark is over: what it closed is complete. */
static void settle_oldest_locked(struct reef_stream *s, const struct oldest *o, uint64_t ns)
{
    if (complete_locked(s, o->last, ns) && ns)
        reef_estimator_learn(&reef_cuda.estimator, o->mark->key, ns);
    atomic_store(&o->mark->state, REEF_MARK_FREE);
    s->mark_head = (s->mark_head + 1) % REEF_MARKS;
    s->mark_count--;
}

bool cu_marks_reap(struct reef_stream *s, bool query_stream)
{
    struct reef_cuda *cuda = &reef_cuda;
    bool any = false;
    for (;;) {
        struct oldest oldest;
        uint64_t ns;
        pthread_mutex_lock(&cuda->lock);
        bool there = s->key && s->mark_count > 0;
        /* What became of launches in flight the agent finds out: it may be issuing one. */
        bool mine = query_stream || s->in_flight == 0;
        bool asking = there && mine && take_oldest_locked(s, &oldest, query_stream);
        pthread_mutex_unlock(&cuda->lock);
        if (!there && mine)
            return (query_stream && reap_tail(s)) || any;
        if (!asking)
            return any;
        cu_result result = ask_mark(s, &oldest, query_stream, &ns);
        pthread_mutex_lock(&cuda->lock);
        cu_stream_asked_locked(s);
        cuda->asking -= !query_stream;
        if (result != CUDA_ERROR_NOT_READY)
            settle_oldest_locked(s, &oldest, ns);
        pthread_mutex_unlock(&cuda->lock);
        if (result == CUDA_ERROR_NOT_READY)
            return any;
        any = true;
    }
}
