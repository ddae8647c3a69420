// SPDX-License-Identifier: Apache-2.0
/*
 * How the agent of a BE process issues held operations: the oldest call first of those that the
 * core allows.
 *
 * Guarded launches (guard.h) stay where they are when they are issued, until it is known what
 * became of them. What was ended is issued again when the core says so, before anything behind it.
 */
#include <sched.h>
#include <stdlib.h>

#include "shim/nvidia/guard.h"
#include "shim/preload/log.h"

/* With work waiting, groups of commands are shorter: so it can follow sooner. */
enum { GROUP_NS = 10000 };

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
    cu_unpin_locked(op);
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

bool cu_issue_one(uint64_t now_ns)
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
