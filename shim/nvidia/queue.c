// SPDX-License-Identifier: Apache-2.0
/*
 * The virtual host queues: how a call is let through, held, or made in turn. See nvidia.h for the
 * rules of order. The hot path is cu_submit() down to the driver's call.
 */
#include <stdlib.h>
#include <string.h>

#include "shim/nvidia/nvidia.h"
#include "shim/nvidia/trace.h"
#include "shim/preload/log.h"

/* --- hold --- */

bool cu_board_active(uint64_t now_ns)
{
    int count = atomic_load_explicit(&reef_cuda.gpu_count, memory_order_acquire);
    for (int i = 0; i < count; i++)
        if (reef_unlikely(reef_board_rt_any(reef_cuda.gpus[i].board)) &&
            reef_board_rt_active(reef_cuda.gpus[i].board, now_ns ? now_ns : reef_now_ns()))
            return true;
    return false;
}

/* Tells the core if RT work has come (that it is gone, only the agent says). Whether BE is held. */
bool cu_held_locked(uint64_t now_ns)
{
    struct reef_cuda *cuda = &reef_cuda;
    if (!cuda->core || reef_disabled())
        return false;
    if (reef_unlikely(cu_board_active(now_ns)))
        reef_core_rt(cuda->core, true, now_ns ? now_ns : reef_now_ns());
    return atomic_load_explicit(&cuda->closed, memory_order_relaxed) ||
           reef_core_queue_state(cuda->core, (uint32_t)cuda->probe) != REEF_QUEUE_OPEN;
}

/* --- operations --- */

struct reef_op *cu_op_new(const struct reef_call *call, size_t payload)
{
    unsigned count = call->api->arguments;
    size_t bytes = sizeof(struct reef_op) + count * sizeof(cu_word) + payload;
    if (bytes > REEF_HELD_BYTES / 4)
        return NULL;
    cu_word context = cu_current_context();
    /* Without one, or in a host function of the driver's, only the driver knows what is to be said.
     */
    struct reef_op *op = context || !call->stream ? malloc(bytes) : NULL;
    if (!op)
        return NULL;
    *op = (struct reef_op){
        .api = call->api,
        .stream = call->stream,
        .key = call->key,
        .fence = call->fence,
        .bytes = (uint32_t)bytes,
        .context = context,
    };
    memcpy(op->a, call->a, count * sizeof(cu_word));
    return op;
}

static void append_locked(struct reef_op *op)
{
    struct reef_cuda *cuda = &reef_cuda;
    cu_fast_end_locked(); /* or the next launch would overtake it */
    op->seq = cuda->next_seq++;
    op->call_prev = cuda->last;
    if (!cuda->last || (op->stream && !op->stream->head))
        cu_moved_locked(op->stream, reef_now_ns());
    *(cuda->last ? &cuda->last->call_next : &cuda->first) = op;
    cuda->last = op;
    if (!cuda->unannounced)
        cuda->unannounced = op;
    if (op->stream) {
        if (op->stream->tail)
            op->stream->tail->next = op;
        else
            op->stream->head = op;
        op->stream->tail = op;
        if (!op->stream->waiting)
            op->stream->waiting = op;
    }
    cuda->fences += op->fence;
    cuda->held_bytes += op->bytes;
    atomic_fetch_add(&cuda->pending, 1);
}

/* Whether the operation fits; else the caller waits, as a full queue of the driver makes it wait.
 */
static bool room_locked(const struct reef_op *op)
{
    const struct reef_stream *s = op->stream;
    return reef_cuda.held_bytes + op->bytes <= REEF_HELD_BYTES &&
           atomic_load(&reef_cuda.pending) < REEF_STREAM_OPS &&
           (!s || s->enqueued - s->done < REEF_STREAM_OPS - 1);
}

static void count_launch_locked(bool work)
{
    struct reef_cuda *cuda = &reef_cuda;
    if (work)
        atomic_fetch_add_explicit(&cuda->arrivals, 1, memory_order_relaxed);
    if (reef_unlikely(atomic_load_explicit(&cuda->timeslice_wanted, memory_order_relaxed)))
        cu_notify_agent();
}

static bool hold(struct reef_call *call)
{
    struct reef_cuda *cuda = &reef_cuda;
    struct reef_op *op = call->copy ? call->copy(call) : cu_op_new(call, 0);
    if (!op)
        return false;
    pthread_mutex_lock(&cuda->lock);
    while (!room_locked(op))
        cu_wait_locked(false);
    if (!cu_pin_locked(op, call)) {
        pthread_mutex_unlock(&cuda->lock);
        free(op);
        return false;
    }
    /* What uses an object that a held operation uses keeps the order of the calls: a record may not
     * overtake an older record of the same event in another stream. */
    op->fence = op->fence || (op->pins[0] && op->pins[0]->pending > 1) ||
                (op->pins[1] && op->pins[1]->pending > 1);
    append_locked(op);
    count_launch_locked(call->key != 0);
    if (cu_tracing())
        cu_trace_command(call->stream, call->stream->traced++, &call->traced);
    cu_announce_locked();
    bool held = cu_held_locked(0); /* then the end of the hold wakes the agent */
    pthread_mutex_unlock(&cuda->lock);
    if (!held || !atomic_load(&cuda->was_held) || cu_turns_unasked())
        cu_notify_agent();
    return true;
}

bool cu_put_off(struct cu_api *api, const cu_word *a)
{
    struct reef_cuda *cuda = &reef_cuda;
    const struct reef_call call = {.api = api, .a = (cu_word *)a, .fence = true};
    if (atomic_load_explicit(&cuda->pending, memory_order_acquire) == 0)
        return false;
    struct reef_op *op = cu_op_new(&call, 0);
    if (!op)
        return false;
    pthread_mutex_lock(&cuda->lock);
    struct reef_object *o = cu_object_locked(a[0], true);
    if (o) {
        cu_object_keep_locked(o, &o->gone, true);
        atomic_fetch_add(&cuda->objects_gone, 1);
    }
    append_locked(op);
    cu_announce_locked();
    pthread_mutex_unlock(&cuda->lock);
    cu_notify_agent();
    return true;
}

void cu_drop_all(void)
{
    struct reef_cuda *cuda = &reef_cuda;
    pthread_mutex_lock(&cuda->lock);
    struct reef_op *op = cuda->first;
    unsigned dropped = 0;
    for (struct reef_op *next; op; op = next, dropped++) {
        next = op->call_next;
        op->seq = UINT64_MAX; /* the agent may be in the driver with it: it sees it here */
        if (!op->stream)
            continue;
        op->stream->head = op->stream->tail = op->stream->waiting = NULL;
        op->stream->announced = op->stream->in_flight = 0;
    }
    cuda->announced = cuda->fences_announced = cuda->in_flight = 0;
    cuda->first = cuda->last = cuda->unannounced = NULL; /* not freed: the process ends */
    cuda->fences = 0;
    cuda->held_bytes = 0;
    atomic_store(&cuda->pending, 0);
    pthread_cond_broadcast(&cuda->turn);
    pthread_mutex_unlock(&cuda->lock);
    if (dropped)
        reef_debug("%u held operations end with the process", dropped);
}

/*
 * An operation may fail although its call was answered with success. If that broke the context the
 * driver repeats the error in every later call; else it is told once, by the next call that would
 * have told it.
 */
cu_result cu_late_error(struct reef_context *context)
{
    if (!context)
        return CUDA_SUCCESS;
    cu_result late = atomic_load_explicit(&context->late_error, memory_order_relaxed);
    if (reef_likely(late == CUDA_SUCCESS) || cu_is_sticky(late)) /* told again and again */
        return late;
    return atomic_exchange(&context->late_error, CUDA_SUCCESS);
}

void cu_note_error(struct reef_context *context, cu_result error)
{
    atomic_store(&context->late_error, error);
    atomic_fetch_add(&reef_cuda.late_errors, 1);
}

/* --- the way in --- */

/* Whether nothing that was held before stands in the way of the call. */
static bool way_is_free_locked(const struct reef_call *call)
{
    const struct reef_cuda *cuda = &reef_cuda;
    if (reef_likely(atomic_load_explicit(&cuda->pending, memory_order_relaxed) == 0))
        return true;
    return !call->stream->head && cuda->fences == 0 && !call->fence &&
           !cu_object_pending_locked(call->objects[0]) &&
           !cu_object_pending_locked(call->objects[1]);
}

enum way { WAY_DIRECT, WAY_FULL, WAY_HELD };

/* Takes the call into the device queue if it may go there now. */
static enum way try_direct_locked(const struct reef_call *call, struct reef_mark_plan *plan)
{
    struct reef_cuda *cuda = &reef_cuda;
    struct reef_stream *s = call->stream;
    uint32_t queue = (uint32_t)s->core_queue;
    if (reef_unlikely(cu_held_locked(0)) || !way_is_free_locked(call))
        return WAY_HELD;
    if (!atomic_load_explicit(&cuda->bounded, memory_order_relaxed)) {
        s->uncounted = true;
        count_launch_locked(call->key != 0);
        return WAY_DIRECT;
    }
    if (reef_unlikely(call->guarded != NULL))
        return WAY_HELD; /* with a copy of its arguments: it may be run again */
    if (reef_unlikely(!reef_core_would_submit(cuda->core, queue, call->key)))
        return WAY_FULL;
    const struct reef_command command = {.key = call->key};
    uint64_t number = reef_core_enqueued(cuda->core, queue, &command, 0);
    if (reef_unlikely(number == REEF_CORE_FULL))
        return WAY_FULL;
    s->enqueued = s->issued = number + 1;
    count_launch_locked(call->key != 0);
    if (cu_tracing()) {
        cu_trace_command(s, number, &call->traced);
        s->traced = number + 1;
    }
    cu_actions_locked(); /* it says: submit this one */
    cu_marks_plan_locked(s, number, call->key, false, plan);
    return WAY_DIRECT;
}

static cu_result go_direct(const struct reef_call *call, struct reef_mark_plan *plan)
{
    struct reef_stream *s = call->stream;
    void *real = cu_real(call->api);
    if (reef_likely(!plan->close && !plan->start && !plan->end))
        return cu_call(real, call->a, call->api->arguments);
    cu_marks_before(s, plan);
    cu_result result = cu_call(real, call->a, call->api->arguments);
    cu_marks_after(s, plan);
    if (plan->end && atomic_load_explicit(&reef_cuda.captures, memory_order_relaxed) == 0)
        cu_marks_reap(s, false);
    return result;
}

/* In turn: everything before it was issued, and BE is not held. */
static cu_result go_in_turn(const struct reef_call *call)
{
    struct reef_stream *scope = call->fence ? NULL : call->stream;
    for (unsigned i = 0; i < 2 && call->objects[i]; i++)
        cu_take_turn_behind(call->objects[i], false);
    cu_take_turn(scope, true);
    return cu_call(cu_real(call->api), call->a, call->api->arguments);
}

cu_result cu_submit(struct reef_call *call)
{
    struct reef_cuda *cuda = &reef_cuda;
    struct reef_stream *s = call->stream;
    struct reef_mark_plan plan = {0};
    if (reef_unlikely(s->core_queue < 0))
        return go_in_turn(call);
    if (reef_unlikely(cu_stream_captured(s)))
        return cu_call(cu_real(call->api), call->a, call->api->arguments);
    call->fence = call->fence || s->legacy;
    for (bool reaped = false;; reaped = true) {
        pthread_mutex_lock(&cuda->lock);
        enum way way = try_direct_locked(call, &plan);
        pthread_mutex_unlock(&cuda->lock);
        if (reef_likely(way == WAY_DIRECT))
            return go_direct(call, &plan);
        bool may_ask = atomic_load_explicit(&cuda->captures, memory_order_relaxed) == 0;
        if (way != WAY_FULL || reaped || !may_ask || !cu_marks_reap(s, false))
            break;
    }
    cu_result late = cu_late_error(s->context);
    if (reef_unlikely(late != CUDA_SUCCESS))
        return late;
    /* Work on the legacy stream during a capture is an error, and only the driver knows. */
    bool forbidden = s->legacy && atomic_load(&cuda->captures) > 0;
    if (!forbidden && hold(call))
        return CUDA_SUCCESS;
    return call->refused ? call->refused : go_in_turn(call);
}
