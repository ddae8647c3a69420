// SPDX-License-Identifier: Apache-2.0
/*
 * The streams the process uses. Records are found by the driver's handle without a lock (a hash
 * table of records that are recycled and never freed) and changed with cuda->lock held.
 *
 * The per-thread default stream exists only for the thread it belongs to: the agent could not issue
 * on it, nor ask whether it is idle. So a stream of ours, made once per thread and context, stands
 * for it. It is an ordinary blocking stream, and that is all CUDA says of the per-thread default
 * stream ("a regular stream that synchronizes with the legacy default stream", CUDA API, "Stream
 * synchronization behavior").
 */
#include <sched.h>
#include <stdlib.h>
#include <string.h>

#include "shim/nvidia/guard.h"
#include "shim/nvidia/nvidia.h"
#include "shim/preload/log.h"
#include "shim/trace/trace.h"

static _Atomic(struct reef_stream *) buckets[REEF_STREAM_BUCKETS];

static unsigned bucket_of(cu_word key)
{
    return (unsigned)((key * 0x9e3779b97f4a7c15ull) >> 54) % REEF_STREAM_BUCKETS;
}

/* Lock-free. A record that is recycled meanwhile makes a search end early, so a miss is searched
 * for again under the lock. */
static struct reef_stream *find(cu_word key)
{
    struct reef_stream *s = atomic_load_explicit(&buckets[bucket_of(key)], memory_order_acquire);
    while (s && atomic_load_explicit(&s->key, memory_order_acquire) != key)
        s = atomic_load_explicit(&s->next, memory_order_acquire);
    return s;
}

static struct reef_stream *unused(void)
{
    struct reef_stream *s = reef_cuda.streams;
    while (s && (s->key || s->querying || s->waited))
        s = s->all_next;
    if (s)
        return s;
    s = aligned_alloc(64, sizeof(*s));
    if (s) {
        memset(s, 0, sizeof(*s));
        s->core_queue = -1;
        s->all_next = reef_cuda.streams;
        __atomic_store_n(&reef_cuda.streams, s, __ATOMIC_RELEASE);
    }
    return s;
}

/* A record is used again. It stays where it is in the list of all, which is walked without the
 * lock, and its key, which is looked at without it, is 0 already. */
static void reset(struct reef_stream *s)
{
    memset((char *)s + offsetof(struct reef_stream, core_queue), 0,
           sizeof(*s) - offsetof(struct reef_stream, core_queue));
    s->core_queue = -1;
    s->idle_at = atomic_load(&s->arrivals); /* these are the old stream's */
}

static struct reef_stream *add(cu_word key, cu_word handle, struct reef_context *context)
{
    struct reef_cuda *cuda = &reef_cuda;
    struct reef_stream *s;
    pthread_mutex_lock(&cuda->lock);
    while ((s = find(key)) && s->context != context && atomic_load(&s->context->paused)) {
        pthread_mutex_unlock(&cuda->lock); /* a stream that goes with its context just now */
        sched_yield();
        pthread_mutex_lock(&cuda->lock);
    }
    if (!s && (s = unused())) {
        reset(s);
        s->handle = handle;
        s->context = context;
        s->legacy = (key & 1) != 0;
        s->number = cuda->streams_made++;
        if (cuda->core)
            s->core_queue = reef_core_queue_open(cuda->core, REEF_STREAM_OPS);
        if (s->core_queue < 0)
            s->core_queue = -1;
        REEF_TRACE_EVENT(REEF_TRACE_QUEUE, s->number, cu_is_rt() ? REEF_TRACE_RT : REEF_TRACE_BE, 0,
                         0, 0);
        atomic_store(&s->key, key);
        _Atomic(struct reef_stream *) *bucket = &buckets[bucket_of(key)];
        atomic_store(&s->next, atomic_load(bucket));
        atomic_store_explicit(bucket, s, memory_order_release);
    }
    pthread_mutex_unlock(&cuda->lock);
    return s;
}

void cu_stream_forget_locked(struct reef_stream *s)
{
    _Atomic(struct reef_stream *) *at = &buckets[bucket_of(s->key)];
    while (atomic_load(at) && atomic_load(at) != s)
        at = &atomic_load(at)->next;
    if (atomic_load(at))
        atomic_store(at, atomic_load(&s->next));
    if (s->core_queue >= 0)
        reef_core_queue_close(reef_cuda.core, (uint32_t)s->core_queue);
    if (atomic_exchange(&s->capturing, false))
        atomic_fetch_sub(&reef_cuda.captures, 1);
    cu_guard_close_line_locked(s);
    if (cu_is_rt() && atomic_load(&s->arrivals) != s->idle_at)
        atomic_fetch_add(&reef_cuda.unseen, 1);
    s->core_queue = -1;
    s->mark_count = 0;
    atomic_store(&s->key, 0);
}

bool cu_stream_ask_locked(struct reef_stream *s)
{
    if (!s->key || s->querying || s->context->paused)
        return false;
    s->querying++;
    s->context->asking++;
    return true;
}

void cu_stream_asked_locked(struct reef_stream *s)
{
    s->querying--;
    s->context->asking--;
}

struct reef_stream *cu_stream_legacy(struct reef_context *context)
{
    struct reef_stream *s = find(context->handle | 1);
    return s ? s : add(context->handle | 1, 0, context);
}

struct reef_stream *cu_stream(cu_word handle)
{
    if (handle <= CU_STREAM_LEGACY_HANDLE) {
        struct reef_context *context = cu_context();
        return context ? cu_stream_legacy(context) : NULL;
    }
    struct reef_stream *s = find(handle);
    if (reef_likely(s != NULL))
        return s;
    pthread_mutex_lock(&reef_cuda.lock);
    s = find(handle);
    pthread_mutex_unlock(&reef_cuda.lock);
    if (s)
        return s;
    /* One that was made before we were started, or in a way that we do not see. */
    return cu_stream_created(handle);
}

struct reef_stream *cu_stream_created(cu_word handle)
{
    cu_word context = 0;
    if (cu.cuStreamGetCtx(handle, cu_out(context)) != CUDA_SUCCESS)
        return NULL;
    struct reef_context *c = cu_context_of(context);
    return c ? add(handle, handle, c) : NULL;
}

/* --- the per-thread default stream --- */

struct own {
    struct own *next;
    struct reef_stream *stream;
    uint32_t number; /* of the stream: its record and its handle are used again */
    cu_word context, handle;
    cu_word event; /* between the two streams; 0: not made yet */
};
static pthread_key_t own_key;
static pthread_once_t own_once = PTHREAD_ONCE_INIT;
static bool own_key_made;
static _Thread_local struct own *own_last; /* the one used last */

/* Whether the stream is still there: it goes with its context. */
static bool is_there(const struct own *own)
{
    return own->stream->key == own->handle && own->stream->number == own->number;
}

/* The thread ends: as the driver does with its own, the streams go when their work is done. */
static void thread_ends(void *list)
{
    struct own *own = list;
    own_last = NULL;
    while (own) {
        struct own *next = own->next;
        bool there = !atomic_load(&reef_state.forked) && is_there(own);
        if (there) {
            cu_word a[] = {own->handle};
            cu_enter(&cu_api[CU_cuStreamDestroy_v2], a);
        }
        if (own->event && there)
            cu.cuEventDestroy_v2(own->event);
        free(own);
        own = next;
    }
}

static void make_key(void)
{
    own_key_made = pthread_key_create(&own_key, thread_ends) == 0;
}

struct reef_stream *cu_stream_per_thread(void)
{
    cu_word context = cu_current_context(), handle = 0;
    struct own *own = own_last;
    if (reef_likely(own && own->context == context && is_there(own)))
        return own->stream;
    pthread_once(&own_once, make_key);
    if (!own_key_made || !context)
        return NULL;
    for (own = pthread_getspecific(own_key); own; own = own->next)
        if (own->context == context && is_there(own))
            return (own_last = own)->stream;
    struct reef_context *c = cu_context();
    int priority = c && cu_is_rt() ? c->greatest_priority : 0;
    if (!c || !(own = calloc(1, sizeof(*own))))
        return NULL;
    if (cu.cuStreamCreateWithPriority(cu_out(handle), 0, (cu_word)(int64_t)priority) !=
        CUDA_SUCCESS) {
        free(own);
        return NULL;
    }
    own->stream = add(handle, handle, c);
    if (!own->stream) {
        cu.cuStreamDestroy_v2(handle);
        free(own);
        return NULL;
    }
    own->stream->changed_priority = true;
    own->number = own->stream->number;
    own->context = context;
    own->handle = handle;
    own->next = pthread_getspecific(own_key);
    pthread_setspecific(own_key, own);
    return (own_last = own)->stream;
}

/* Synchronous copies have no stream argument: their _ptds variants are ordered in the driver's own
 * per-thread stream. So that is put behind ours before the call, and ours behind it afterwards. */
cu_result cu_per_thread_call(struct cu_api *api, const cu_word *a)
{
    enum { DISABLE_TIMING = 2 };
    struct reef_stream *s = cu_stream_per_thread();
    struct own *own = own_last;
    if (!s || (!own->event && cu.cuEventCreate(cu_out(own->event), DISABLE_TIMING) != CUDA_SUCCESS))
        return cu_call(cu_real(api), a, api->arguments);
    if (cu_stream_captured(s))
        return cu.cuStreamQuery(s->handle); /* not allowed, and the driver says so */
    cu.cuEventRecord(own->event, s->handle);
    cu.cuStreamWaitEvent(CU_STREAM_PER_THREAD_HANDLE, own->event, 0);
    cu_result result = cu_call(cu_real(api), a, api->arguments);
    cu.cuEventRecord(own->event, CU_STREAM_PER_THREAD_HANDLE);
    cu.cuStreamWaitEvent(s->handle, own->event, 0);
    return result;
}

bool cu_stream_substitute(const struct cu_api *api, cu_word *word)
{
    if (reef_likely(*word > CU_STREAM_PER_THREAD_HANDLE))
        return true;
    if (*word == CU_STREAM_PER_THREAD_HANDLE || (*word == 0 && api->per_thread)) {
        struct reef_stream *s = cu_stream_per_thread();
        if (!s)
            return false;
        *word = s->handle;
    }
    return true;
}

/* --- capture --- */

bool cu_stream_captured(struct reef_stream *s)
{
    int status = CU_CAPTURE_STATUS_NONE;
    if (reef_likely(atomic_load_explicit(&reef_cuda.captures, memory_order_acquire) == 0))
        return false;
    if (s->legacy)
        return false; /* it cannot be captured, and asking could disturb captures */
    return cu.cuStreamIsCapturing(s->handle, cu_out(status)) == CUDA_SUCCESS &&
           status != CU_CAPTURE_STATUS_NONE;
}
