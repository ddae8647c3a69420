// SPDX-License-Identifier: Apache-2.0
/*
 * Events: records and waits are held like other work (queue.c); here is what is asked of an event
 * whose record is held, and of one that others than this process look at.
 *
 * Which events have no timing is noted when they are made: the driver says so only of one that has
 * been recorded. A handle that is used again is noted again, so what is left of a context that went
 * does no harm; it is dropped all the same.
 */
#include <stdlib.h>

#include "shim/nvidia/nvidia.h"

enum { DISABLE_TIMING = 2, UNTIMED_BUCKETS = 1024 };

static cu_result pass(struct cu_api *api, const cu_word *a)
{
    return cu_call(cu_real(api), a, api->arguments);
}

/* --- events without timing --- */

struct untimed {
    struct untimed *next;
    cu_word event, context;
};
static struct untimed *untimed[UNTIMED_BUCKETS];
static pthread_mutex_t untimed_lock = PTHREAD_MUTEX_INITIALIZER;

static struct untimed **bucket_of(cu_word event)
{
    return &untimed[(event * 0x9e3779b97f4a7c15ull >> 48) % UNTIMED_BUCKETS];
}

/* The place of @event's note in its bucket, or of the bucket's end. Lock held. */
static struct untimed **find_locked(cu_word event)
{
    struct untimed **at = bucket_of(event);
    while (*at && (*at)->event != event)
        at = &(*at)->next;
    return at;
}

static void note_untimed(cu_word event, bool is)
{
    struct untimed *made = is ? malloc(sizeof(*made)) : NULL;
    if (made)
        *made = (struct untimed){.event = event, .context = cu_current_context()};
    pthread_mutex_lock(&untimed_lock);
    struct untimed **at = find_locked(event), *old = *at;
    if (old)
        *at = old->next;
    if (made) {
        made->next = *bucket_of(event);
        *bucket_of(event) = made;
    }
    pthread_mutex_unlock(&untimed_lock);
    free(old);
}

static bool is_untimed(cu_word event)
{
    pthread_mutex_lock(&untimed_lock);
    bool is = *find_locked(event) != NULL;
    pthread_mutex_unlock(&untimed_lock);
    return is;
}

void cu_event_forget_context(cu_word context)
{
    pthread_mutex_lock(&untimed_lock);
    for (unsigned i = 0; i < UNTIMED_BUCKETS; i++)
        for (struct untimed **at = &untimed[i]; *at;) {
            struct untimed *u = *at;
            if (u->context != context) {
                at = &u->next;
                continue;
            }
            *at = u->next;
            free(u);
        }
    pthread_mutex_unlock(&untimed_lock);
}

cu_result cu_event_create(struct cu_api *api, cu_word *a)
{
    const cu_word *made = cu_pointer(a[0]);
    cu_result result = pass(api, a);
    if (result == CUDA_SUCCESS && !cu_is_rt())
        note_untimed(*made, cu_u32(a[1]) & DISABLE_TIMING);
    return result;
}

/* --- records and waits --- */

static bool event_is(cu_word event, bool *exported, bool *captured)
{
    pthread_mutex_lock(&reef_cuda.lock);
    struct reef_object *o = cu_object_locked(event, false);
    *exported = o && o->exported;
    *captured = o && o->captured;
    pthread_mutex_unlock(&reef_cuda.lock);
    return o != NULL;
}

static bool objects_kept(void)
{
    return atomic_load_explicit(&reef_cuda.objects_kept, memory_order_relaxed) > 0;
}

static void event_captured(cu_word event, bool captured)
{
    pthread_mutex_lock(&reef_cuda.lock);
    struct reef_object *o = cu_object_locked(event, captured);
    if (o)
        cu_object_keep_locked(o, &o->captured, captured);
    pthread_mutex_unlock(&reef_cuda.lock);
}

cu_result cu_event_record(struct cu_api *api, cu_word *a, struct reef_stream *s)
{
    bool exported = false, captured = false;
    if (reef_unlikely(cu_stream_captured(s))) {
        event_captured(a[0], true);
        return pass(api, a);
    }
    if (reef_unlikely(objects_kept()) && event_is(a[0], &exported, &captured)) {
        if (captured)
            event_captured(a[0], false);
        if (exported) { /* other processes look at the event, not at our queues */
            cu_take_turn_behind(a[0], false);
            cu_take_turn(s->legacy ? NULL : s, true);
            return pass(api, a);
        }
    }
    struct reef_call call = {
        .api = api, .a = a, .stream = s, .objects = {a[0]}, .records = true, .copy = cu_copy_event};
    return cu_submit(&call);
}

cu_result cu_event_wait(struct cu_api *api, cu_word *a, struct reef_stream *s)
{
    bool exported = false, captured = false;
    if (reef_unlikely(objects_kept()) && event_is(a[1], &exported, &captured) &&
        (exported || captured)) {
        /* A wait for an event that was recorded in a capture joins the stream to it. One for
         * another process's record is for the latest at the time of the call. */
        cu_take_turn(s->legacy ? NULL : s, exported && !captured);
        return pass(api, a);
    }
    if (reef_unlikely(cu_stream_captured(s))) {
        cu_take_turn_behind(a[1], true); /* whether it was recorded the driver is to know */
        return pass(api, a);
    }
    struct reef_call call = {
        .api = api, .a = a, .stream = s, .objects = {a[1]}, .copy = cu_copy_event};
    call.fence = cu_event_pending(a[1]);
    return cu_submit(&call);
}

cu_result cu_event_destroy(struct cu_api *api, cu_word *a)
{
    bool exported, captured;
    note_untimed(a[0], false);
    if (!event_is(a[0], &exported, &captured))
        return pass(api, a);
    if (cu_put_off(api, a))
        return CUDA_SUCCESS;
    pthread_mutex_lock(&reef_cuda.lock);
    cu_object_forget_locked(a[0]);
    pthread_mutex_unlock(&reef_cuda.lock);
    return pass(api, a);
}

/* Not ready while a record of either is held; but what is wrong with one is said at once. */
cu_result cu_event_elapsed(struct cu_api *api, cu_word *a)
{
    bool pending[] = {cu_event_pending(a[1]), cu_event_pending(a[2])};
    float ms;
    if (a[0] == 0 || (!pending[0] && !pending[1]))
        return pass(api, a);
    for (unsigned i = 0; i < 2; i++) {
        cu_result result;
        if (pending[i])
            result = is_untimed(a[1 + i]) ? CUDA_ERROR_INVALID_HANDLE : CUDA_SUCCESS;
        else
            result = cu.cuEventElapsedTime(cu_out(ms), a[1 + i], a[1 + i]);
        if (result != CUDA_SUCCESS)
            return result;
    }
    return CUDA_ERROR_NOT_READY;
}

void cu_event_exported(cu_word event)
{
    pthread_mutex_lock(&reef_cuda.lock);
    struct reef_object *o = cu_object_locked(event, true);
    if (o)
        cu_object_keep_locked(o, &o->exported, true);
    pthread_mutex_unlock(&reef_cuda.lock);
}

cu_result cu_event_export(struct cu_api *api, cu_word *a)
{
    cu_take_turn_behind(a[1], false);
    cu_result result = pass(api, a);
    if (result == CUDA_SUCCESS)
        cu_event_exported(a[1]);
    return result;
}
