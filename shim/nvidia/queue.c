// SPDX-License-Identifier: Apache-2.0
/*
 * The virtual host queues: how a call is let through, held, or made in turn. See nvidia.h for the
 * rules of order. The hot path is cu_submit() down to the driver's call.
 */
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "shim/nvidia/nvidia.h"
#include "shim/nvidia/trace.h"
#include "shim/preload/log.h"

/* --- hold --- */

static bool board_active(uint64_t now_ns)
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
    if (reef_unlikely(board_active(now_ns)))
        reef_core_rt(cuda->core, true, now_ns ? now_ns : reef_now_ns());
    return atomic_load_explicit(&cuda->closed, memory_order_relaxed) ||
           reef_core_queue_state(cuda->core, (uint32_t)cuda->probe) != REEF_QUEUE_OPEN;
}

/* --- objects: events and graphs that held operations use --- */

struct reef_object *cu_object_locked(cu_word handle, bool make)
{
    struct reef_object **bucket =
        &reef_cuda.objects[(handle * 0x9e3779b97f4a7c15ull >> 48) % REEF_OBJECT_BUCKETS];
    for (struct reef_object *o = *bucket; o; o = o->next)
        if (o->handle == handle)
            return o;
    struct reef_object *o = make ? calloc(1, sizeof(*o)) : NULL;
    if (o) {
        o->handle = handle;
        o->next = *bucket;
        *bucket = o;
    }
    return o;
}

void cu_object_forget_locked(cu_word handle)
{
    struct reef_object **at =
        &reef_cuda.objects[(handle * 0x9e3779b97f4a7c15ull >> 48) % REEF_OBJECT_BUCKETS];
    while (*at && (*at)->handle != handle)
        at = &(*at)->next;
    struct reef_object *o = *at;
    if (!o || o->pending > 0)
        return;
    atomic_fetch_sub(&reef_cuda.objects_kept, cu_object_kept(o));
    atomic_fetch_sub(&reef_cuda.objects_gone, o->gone);
    *at = o->next;
    free(o);
}

static bool object_pending(cu_word handle)
{
    struct reef_object *o = handle ? cu_object_locked(handle, false) : NULL;
    return o && o->pending > 0;
}

bool cu_object_pending(cu_word handle)
{
    pthread_mutex_lock(&reef_cuda.lock);
    bool pending = object_pending(handle);
    pthread_mutex_unlock(&reef_cuda.lock);
    return pending;
}

void cu_object_keep_locked(struct reef_object *o, bool *what, bool value)
{
    bool kept = cu_object_kept(o);
    *what = value;
    atomic_fetch_add(&reef_cuda.objects_kept, cu_object_kept(o) - kept);
}

bool cu_event_pending(cu_word event)
{
    if (atomic_load_explicit(&reef_cuda.pending, memory_order_acquire) == 0)
        return false;
    pthread_mutex_lock(&reef_cuda.lock);
    struct reef_object *o = cu_object_locked(event, false);
    bool pending = o && o->records > 0;
    pthread_mutex_unlock(&reef_cuda.lock);
    return pending;
}

/* --- turns --- */

/* Whether something called before @seq that matters to @stream (NULL: everything does) is held. */
static bool behind(const struct reef_stream *stream, uint64_t seq)
{
    const struct reef_cuda *cuda = &reef_cuda;
    if (!cuda->first || cuda->first->seq >= seq)
        return false;
    if (!stream || stream->legacy || cuda->fences > 0)
        return true;
    return stream->head && stream->head->seq < seq;
}

/* Waits until something changes. @for_work: the call would wait for the work's end in any case. The
 * timeout is for what nobody rings for: a lease that ends. */
static void wait_locked(bool for_work)
{
    struct timespec until;
    clock_gettime(CLOCK_REALTIME, &until);
    until.tv_nsec += 20000000;
    if (until.tv_nsec >= 1000000000) {
        until.tv_nsec -= 1000000000;
        until.tv_sec++;
    }
    reef_cuda.waiters++;
    reef_cuda.turn_waiters += !for_work;
    cu_notify_agent();
    pthread_cond_timedwait(&reef_cuda.turn, &reef_cuda.lock, &until);
    reef_cuda.turn_waiters -= !for_work;
    reef_cuda.waiters--;
}

static void take_turn(struct reef_stream *stream, bool work, bool for_work)
{
    struct reef_cuda *cuda = &reef_cuda;
    if (!cuda->core)
        return;
    if (atomic_load_explicit(&cuda->pending, memory_order_acquire) == 0 &&
        (!work || (!cuda->was_held && !board_active(0))))
        return;
    pthread_mutex_lock(&cuda->lock);
    uint64_t seq = cuda->next_seq;
    while ((behind(stream, seq) || (work && cu_held_locked(0))) &&
           !atomic_load_explicit(&reef_state.forked, memory_order_relaxed))
        wait_locked(for_work);
    pthread_mutex_unlock(&cuda->lock);
}

void cu_take_turn(struct reef_stream *stream, bool work)
{
    take_turn(stream, work, false);
}

void cu_take_turn_to_wait(struct reef_stream *stream)
{
    take_turn(stream, false, true);
}

static void take_turn_behind(cu_word handle, bool records_only, bool for_work)
{
    struct reef_cuda *cuda = &reef_cuda;
    if (atomic_load_explicit(&cuda->pending, memory_order_acquire) == 0)
        return;
    pthread_mutex_lock(&cuda->lock);
    for (;;) {
        struct reef_object *o = cu_object_locked(handle, false);
        if (!o || (records_only ? o->records : o->pending) == 0)
            break;
        wait_locked(for_work);
    }
    pthread_mutex_unlock(&cuda->lock);
}

void cu_take_turn_behind(cu_word handle, bool records_only)
{
    take_turn_behind(handle, records_only, false);
}

void cu_take_turn_to_wait_for(cu_word event)
{
    take_turn_behind(event, true, true);
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

static bool pin_locked(struct reef_op *op, const struct reef_call *call)
{
    for (unsigned i = 0; i < 2 && call->objects[i]; i++) {
        op->pins[i] = cu_object_locked(call->objects[i], true);
        if (!op->pins[i])
            return false;
    }
    for (unsigned i = 0; i < 2 && op->pins[i]; i++) {
        op->pins[i]->pending++;
        op->pins[i]->records += i == 0 && call->records;
        atomic_fetch_add(&reef_cuda.records, i == 0 && call->records);
    }
    return true;
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

/* One writer at a time; the agent reads it without the lock. */
static void count_launch_locked(bool work)
{
    struct reef_cuda *cuda = &reef_cuda;
    uint64_t launches = atomic_load_explicit(&cuda->launches, memory_order_relaxed) + work;
    atomic_store_explicit(&cuda->launches, launches, memory_order_relaxed);
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
        wait_locked(false);
    if (!pin_locked(op, call)) {
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

bool cu_is_gone(cu_word handle)
{
    pthread_mutex_lock(&reef_cuda.lock);
    struct reef_object *o = cu_object_locked(handle, false);
    bool gone = o && o->gone;
    pthread_mutex_unlock(&reef_cuda.lock);
    return gone;
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
           !object_pending(call->objects[0]) && !object_pending(call->objects[1]);
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
