// SPDX-License-Identifier: Apache-2.0
/*
 * Where every hooked function of the driver API comes in, and what is done for its kind
 * (kinds.def).
 */
#include <sched.h>
#include <string.h>

#include "shim/nvidia/guard.h"
#include "shim/nvidia/trace.h"
#include "shim/preload/log.h"

static cu_result pass(struct cu_api *api, const cu_word *a)
{
    return cu_call(cu_real(api), a, api->arguments);
}

/* Of any kind, whoever it is called by. */
static cu_result pass_any(const struct cu_api *api, void *real, const cu_word *a)
{
    return reef_unlikely(api->floats) ? cu_call_floats(real, a) : cu_call(real, a, api->arguments);
}

/* --- captures --- */

static cu_result capture_begin(struct cu_api *api, cu_word *a, struct reef_stream *s)
{
    struct reef_cuda *cuda = &reef_cuda;
    cu_take_turn(s->legacy ? NULL : s, false);
    /* From here on the agent and other threads ask about no stream: asking may break a capture,
     * also about another stream (the legacy one). */
    atomic_fetch_add(&cuda->captures, 1);
    for (bool asking = true; asking;) {
        pthread_mutex_lock(&cuda->lock);
        asking = cuda->asking > 0;
        pthread_mutex_unlock(&cuda->lock);
        if (asking)
            sched_yield();
    }
    cu_result result = pass(api, a);
    if (result != CUDA_SUCCESS || atomic_exchange(&s->capturing, true))
        atomic_fetch_sub(&cuda->captures, 1);
    return result;
}

static cu_result capture_end(struct cu_api *api, cu_word *a, struct reef_stream *s)
{
    int status = CU_CAPTURE_STATUS_NONE;
    cu_result result = pass(api, a);
    /* After an error it may still be capturing (another thread's capture): then nothing changes. */
    bool over = cu.cuStreamIsCapturing(s->handle, cu_out(status)) != CUDA_SUCCESS ||
                status == CU_CAPTURE_STATUS_NONE;
    if (over && atomic_exchange(&s->capturing, false))
        atomic_fetch_sub(&reef_cuda.captures, 1);
    return result;
}

/* --- streams --- */

static cu_result stream_create(struct cu_api *api, cu_word *a)
{
    const cu_word *made = cu_pointer(a[0]);
    struct reef_context *context = NULL;
    bool raise = api->kind == CU_KIND_STREAM_CREATE && cu_is_rt() && made &&
                 (context = cu_context()) && context->greatest_priority < 0;
    cu_result result = raise ? cu.cuStreamCreateWithPriority(
                                   a[0], a[1], (cu_word)(int64_t)context->greatest_priority)
                             : pass(api, a);
    struct reef_stream *s = result == CUDA_SUCCESS && made ? cu_stream_created(*made) : NULL;
    if (s && raise)
        s->changed_priority = true; /* shown as 0, the default */
    return result;
}

static cu_result stream_destroy(struct cu_api *api, cu_word *a)
{
    struct reef_stream *s = a[0] > CU_STREAM_PER_THREAD_HANDLE ? cu_stream(a[0]) : NULL;
    if (!s)
        return pass(api, a);
    pthread_mutex_lock(&reef_cuda.lock);
    bool waits = s->head != NULL;
    pthread_mutex_unlock(&reef_cuda.lock);
    if (waits && cu_put_off(api, a))
        return CUDA_SUCCESS;
    cu_take_turn(s, false);
    return cu_stream_destroy_now(s, api, a);
}

static cu_result stream_get_priority(struct cu_api *api, cu_word *a)
{
    struct reef_stream *s = cu_stream(a[0]);
    cu_result result = pass(api, a);
    int *priority = cu_pointer(a[1]);
    if (result == CUDA_SUCCESS && priority && s && s->changed_priority)
        *priority = s->shown_priority;
    return result;
}

/* --- waiting and asking --- */

static cu_result current_late_error(void)
{
    if (reef_likely(atomic_load_explicit(&reef_cuda.late_errors, memory_order_relaxed) == 0))
        return CUDA_SUCCESS;
    return cu_late_error(cu_context());
}

static cu_result after_wait(struct cu_api *api, const cu_word *a)
{
    cu_result result = pass(api, a);
    cu_result late = current_late_error();
    return result != CUDA_SUCCESS ? result : late;
}

static cu_result query_stream(struct cu_api *api, cu_word *a, struct reef_stream *s)
{
    struct reef_cuda *cuda = &reef_cuda;
    if (atomic_load_explicit(&cuda->pending, memory_order_acquire) > 0) {
        pthread_mutex_lock(&cuda->lock);
        bool waits = s->legacy ? cuda->first != NULL : s->head != NULL;
        if (waits && cuda->in_flight > s->in_flight)
            cuda->asked_ns = reef_now_ns();
        pthread_mutex_unlock(&cuda->lock);
        if (waits)
            return CUDA_ERROR_NOT_READY;
    }
    return after_wait(api, a);
}

/* A real-time program waits for a stream, or for all of a context. */
static cu_result rt_wait(struct cu_api *api, const cu_word *a, struct reef_stream *s,
                         struct reef_context *context)
{
    struct cu_rt_wait wait;
    unsigned unseen = atomic_load(&reef_cuda.unseen);
    cu_rt_wait_begin(&wait, s, context);
    cu_result result = pass(api, a);
    cu_rt_wait_end(&wait, result);
    if (context && result == CUDA_SUCCESS)
        atomic_store(&context->unseen_over, unseen);
    return result;
}

/* The context that the call waits for all of, if it does just that. */
static struct reef_context *synchronized(const struct cu_api *api, const cu_word *a)
{
    if (api == &cu_api[CU_cuCtxSynchronize_v2])
        return cu_context_known(a[0]) ? cu_context_of(a[0]) : NULL;
    return api == &cu_api[CU_cuCtxSynchronize] ? cu_context() : NULL;
}

static cu_result sync_all(struct cu_api *api, cu_word *a)
{
    struct reef_context *context = synchronized(api, a);
    bool unload = api == &cu_api[CU_cuModuleUnload] || api == &cu_api[CU_cuLibraryUnload];
    if (reef_unlikely(unload && atomic_load(&reef_cuda.exiting)))
        cu_drop_all();
    /* All later work of a context will wait, and so would an anchor, which could not be told to end
     * and would have others wait. */
    if (cu_is_rt() && (api == &cu_api[CU_cuCtxWaitEvent] || api == &cu_api[CU_cuGreenCtxWaitEvent]))
        cu_anchor_no_more("a context waits for an event");
    if (context && cu_is_rt())
        return rt_wait(api, a, NULL, context);
    if (context && !cu_many_contexts())
        cu_take_turn_to_wait(NULL);
    else
        cu_take_turn(NULL, false);
    if (unload) {
        cu_launch_forget_functions();
        cu_guard_forget(a[0]);
    }
    return after_wait(api, a);
}

/* Driver 580 takes no null stream for a batch of copies, not the per-thread one either. So it is
 * asked with just that; and what another driver takes is in order. */
static cu_result null_batch(struct cu_api *api, const cu_word *a)
{
    struct reef_stream *s = cu_stream_per_thread();
    if (cu_is_rt())
        cu_rt_arrive(s);
    else
        cu_take_turn(s, true);
    cu_result result = cu_per_thread_call(api, a);
    if (cu_is_rt())
        cu_rt_returned(s);
    return result;
}

static bool is_null_batch(const struct cu_api *api, cu_word handle)
{
    return handle == 0 && (api == &cu_api[CU_cuMemcpyBatchAsync_ptsz] ||
                           api == &cu_api[CU_cuMemcpyBatchAsync_v2_ptsz]);
}

/* Stream-ordered memory. What uses it is called later, so it comes behind all that is held; and a
 * program that waits for itself (a host function) is not to wait here. Frees that are held may be
 * what is missing. */
static cu_result allocate(struct cu_api *api, const cu_word *a, struct reef_stream *s)
{
    cu_result result = after_wait(api, a);
    if (reef_likely(result != CUDA_ERROR_OUT_OF_MEMORY) || cu_stream_captured(s))
        return result;
    cu_take_turn(NULL, false);
    return after_wait(api, a);
}

/* --- dispatch --- */

/* Work of a BE process, and what depends on it. @s: the stream, if the function has one. */
static cu_result enter_be(struct cu_api *api, cu_word *a, struct reef_stream *s)
{
    switch (api->kind) {
    case CU_KIND_LAUNCH:
    case CU_KIND_LAUNCH_COOPERATIVE:
        return cu_launch(api, a);
    case CU_KIND_GRAPH_LAUNCH:
    case CU_KIND_GRAPH_UPLOAD:
        return cu_graph_launch(api, a, s);
    case CU_KIND_COPY:
    case CU_KIND_COPY_PEER:
    case CU_KIND_COPY_HTOA:
    case CU_KIND_COPY_ATOH:
    case CU_KIND_COPY_2D:
    case CU_KIND_COPY_3D:
    case CU_KIND_COPY_3D_PEER:
        return cu_copy(api, a, s);
    case CU_KIND_MEMSET:
    case CU_KIND_MEM_FREE:
    case CU_KIND_WAIT_VALUE:
    case CU_KIND_DEFER: {
        struct reef_call call = {.api = api, .a = a, .stream = s, .copy = cu_copy_checked};
        if (api->kind == CU_KIND_MEM_FREE)
            call.objects[0] = a[0]; /* so that it is known to be freed */
        if (api->kind == CU_KIND_MEMSET)
            call.key = 1 + ((uint64_t)(api - cu_api) << 8);
        call.fence = api->kind == CU_KIND_WAIT_VALUE;
        return cu_submit(&call);
    }
    case CU_KIND_EVENT_RECORD:
        return cu_event_record(api, a, s);
    case CU_KIND_EVENT_WAIT:
        return cu_event_wait(api, a, s);
    case CU_KIND_CAPTURE_BEGIN:
        return capture_begin(api, a, s);
    case CU_KIND_CAPTURE_END:
        return capture_end(api, a, s);
    case CU_KIND_TURN_ALL: /* one that has a stream */
        if (!cu_stream_captured(s))
            cu_take_turn(NULL, true);
        return after_wait(api, a);
    case CU_KIND_MEM_ALLOC:
        return allocate(api, a, s);
    case CU_KIND_SYNC_STREAM:
        if (!cu_stream_captured(s) && !s->legacy)
            cu_take_turn_to_wait(s);
        else if (s->legacy) /* it does not wait for all of them */
            cu_take_turn(NULL, false);
        return after_wait(api, a);
    case CU_KIND_TURN_STREAM:
        if (!cu_stream_captured(s))
            cu_take_turn(s->legacy ? NULL : s, false);
        return after_wait(api, a);
    case CU_KIND_TURN_STREAM_WORK:
        if (!cu_stream_captured(s))
            cu_take_turn(s->legacy ? NULL : s, true);
        return after_wait(api, a);
    case CU_KIND_QUERY_STREAM:
        return query_stream(api, a, s);
    default:
        return pass(api, a);
    }
}

/* Functions without a stream argument. */
static cu_result enter_other(struct cu_api *api, cu_word *a)
{
    switch (api->kind) {
    case CU_KIND_EXEC_CHANGE:
        cu_take_turn_behind(a[0], false);
        return pass(api, a);
    case CU_KIND_EXEC_DESTROY:
        return cu_graph_exec_destroy(api, a);
    case CU_KIND_SYNC_COPY:
        cu_take_turn(api->per_thread ? cu_stream_per_thread() : NULL, true);
        return api->per_thread ? cu_per_thread_call(api, a) : after_wait(api, a);
    case CU_KIND_TURN_ALL:
        cu_take_turn(NULL, true);
        return after_wait(api, a);
    case CU_KIND_TURN_STREAM:
        cu_take_turn(NULL, false);
        return pass(api, a);
    case CU_KIND_INSTANTIATE:
    case CU_KIND_INSTANTIATE_TURN:
        return cu_graph_instantiate(api, a);
    case CU_KIND_CTX_CREATE:
        return cu_context_create(api, a);
    case CU_KIND_SYNC_ALL:
        return sync_all(api, a);
    case CU_KIND_CHANGE_STATE:
    case CU_KIND_CHANGE_ACCESS:
    case CU_KIND_CHANGE_REFERENCE:
        cu_change_before(api, a);
        return pass_any(api, cu_real(api), a);
    case CU_KIND_CTX_DESTROY:
        return cu_context_destroy(api, a);
    case CU_KIND_EVENT_CREATE:
        return cu_event_create(api, a);
    case CU_KIND_EVENT_QUERY:
        return cu_event_pending(a[0]) ? CUDA_ERROR_NOT_READY : after_wait(api, a);
    case CU_KIND_EVENT_SYNC:
        cu_take_turn_to_wait_for(a[0]);
        return after_wait(api, a);
    case CU_KIND_EVENT_ELAPSED:
        return cu_event_elapsed(api, a);
    case CU_KIND_EVENT_DESTROY:
        return cu_event_destroy(api, a);
    case CU_KIND_EVENT_EXPORT:
        return cu_event_export(api, a);
    default:
        return pass(api, a);
    }
}

static bool is_code(const struct cu_api *api)
{
    return api->kind >= CU_KIND_CODE_LOAD && api->kind <= CU_KIND_CODE_ATTRIBUTE;
}

/* Whether the call names something that the program has destroyed and we have not: then the driver
 * is to say so, and not before it is. */
static bool uses_gone(const struct cu_api *api, const cu_word *a)
{
    bool launch = api->kind == CU_KIND_LAUNCH || api->kind == CU_KIND_LAUNCH_COOPERATIVE;
    const struct cu_launch_config *config =
        api->kind == CU_KIND_LAUNCH_EX ? cu_pointer(a[0]) : NULL;
    if (config)
        return cu_is_gone(config->stream);
    for (unsigned i = 0; i < 3 && i < api->arguments && !launch; i++)
        if (cu_is_gone(a[i]))
            return true;
    return api->stream >= 0 && cu_is_gone(a[(int)api->stream]);
}

/* A call whose stream is not known. */
static cu_result pass_unseen(struct cu_api *api, const cu_word *a)
{
    cu_result result = pass(api, a);
    if (api->work && result == CUDA_SUCCESS && cu_is_rt())
        cu_rt_returned(NULL);
    return result;
}

/* A real-time program's work without a stream argument: legacy work, or of the per-thread stream.
 */
static cu_result rt_without_stream(struct cu_api *api, const cu_word *a)
{
    struct reef_stream *s = api->per_thread ? cu_stream_per_thread() : cu_stream(0);
    cu_rt_arrive(s);
    cu_result result = api->per_thread ? cu_per_thread_call(api, a) : pass(api, a);
    cu_rt_returned(s);
    return result;
}

/* A real-time program's launches on several devices: each names its stream. */
static cu_result rt_multi_device(struct cu_api *api, const cu_word *a)
{
    struct cu_multi_device *list = cu_pointer(a[0]);
    struct reef_stream *streams[REEF_CUDA_GPUS];
    uint32_t count = (uint32_t)a[1];
    if (!list || count > REEF_CUDA_GPUS) /* there are not so many */
        return pass_unseen(api, a);
    for (uint32_t i = 0; i < count; i++)
        cu_rt_arrive(streams[i] = cu_stream(list[i].stream));
    cu_result result = pass(api, a);
    for (uint32_t i = 0; i < count; i++)
        cu_rt_returned(streams[i]);
    return result;
}

static cu_result route(struct cu_api *api, cu_word *a)
{
    struct reef_stream *s = NULL;
    bool any_gone = atomic_load_explicit(&reef_cuda.objects_gone, memory_order_relaxed) > 0;
    if (reef_unlikely(any_gone) && uses_gone(api, a))
        cu_take_turn(NULL, false);
    if (api->kind == CU_KIND_LAUNCH_EX)
        return cu_launch_ex(api, a);
    if (is_code(api))
        return cu_guard_load(api, a);
    if (api->kind == CU_KIND_STREAM_CREATE || api->kind == CU_KIND_STREAM_CREATE_PRIORITY ||
        api->kind == CU_KIND_STREAM_CREATE_GREEN)
        return stream_create(api, a);
    if (api->kind == CU_KIND_STREAM_DESTROY)
        return stream_destroy(api, a);
    if (api->stream < 0) {
        if (!api->work || !cu_is_rt())
            return enter_other(api, a);
        return api == &cu_api[CU_cuLaunchCooperativeKernelMultiDevice] ? rt_multi_device(api, a)
                                                                       : rt_without_stream(api, a);
    }
    cu_word *handle = &a[(int)api->stream];
    if (reef_unlikely(is_null_batch(api, *handle)))
        return null_batch(api, a);
    if (reef_unlikely(!cu_stream_substitute(api, handle)))
        return pass_unseen(api, a);
    if (api == &cu_api[CU_cuStreamCopyAttributes] || api == &cu_api[CU_cuStreamCopyAttributes_ptsz])
        cu_stream_substitute(api, &a[1]);
    if (api->kind == CU_KIND_STREAM_PASS)
        return pass(api, a);
    if (api->kind == CU_KIND_STREAM_GET_PRIORITY)
        return stream_get_priority(api, a);
    if (!(s = cu_stream(*handle))) { /* not valid, or not to be scheduled: in order at least */
        cu_take_turn(NULL, api->work);
        return pass_unseen(api, a);
    }
    if (!cu_is_rt())
        return enter_be(api, a, s);
    if (api->work) {
        uint64_t number = cu_rt_arrive(s);
        if (cu_tracing())
            cu_trace_rt(api, a, s, number);
    }
    if (reef_unlikely(api->kind == CU_KIND_CAPTURE_BEGIN))
        return capture_begin(api, a, s);
    if (reef_unlikely(api->kind == CU_KIND_CAPTURE_END))
        return capture_end(api, a, s);
    if (api->kind == CU_KIND_SYNC_STREAM)
        return rt_wait(api, a, s, NULL);
    cu_result result = pass(api, a);
    if (api->work)
        cu_rt_returned(s);
    return result;
}

static cu_result enter(struct cu_api *api, cu_word *a)
{
    cu_result result = CUDA_SUCCESS;
    if (!cu_is_rt())
        return route(api, a);
    bool anchors = reef_unlikely(atomic_load_explicit(&reef_cuda.anchors, memory_order_relaxed));
    if (anchors)
        cu_anchor_waits(api);
    bool waited =
        anchors && api->kind == CU_KIND_SYNC_ALL && cu_anchor_wait_for_all(api, a, &result);
    bool in_the_way = anchors && !waited && cu_anchor_before(api, a);
    if (!waited)
        result = route(api, a);
    if (reef_unlikely(in_the_way))
        cu_anchor_passed();
    cu_anchor_after(api, result);
    return result;
}

void cu_note_broken(cu_result error)
{
    struct reef_context *context = cu_is_rt() ? NULL : cu_context();
    if (context && atomic_load(&context->late_error) != error)
        cu_note_error(context, error);
}

_Thread_local bool cu_inside __attribute__((tls_model("initial-exec")));

cu_result cu_enter(struct cu_api *api, cu_word *a)
{
    void *real = cu_real(api);
    if (reef_unlikely(!real))
        return CUDA_ERROR_NOT_INITIALIZED; /* only by calling a hook without the library */
    if (reef_unlikely(cu_inside)) /* the driver calls itself by an exported name, or we call it */
        return pass_any(api, real, a);
    if (reef_unlikely(api->kind == CU_KIND_RESOLVER)) {
        reef_start();
        return cu_resolve(api, real, a);
    }
    if (reef_unlikely(is_code(api))) { /* nothing is started for these unless they are guarded */
        reef_start();
        if (api->kind == CU_KIND_CODE_ATTRIBUTE && cu_active() && !cu_is_rt()) {
            cu_inside = true;
            cu_attribute_before(api, a);
            cu_inside = false;
        }
        if (reef_state.config.guard == REEF_GUARD_OFF) {
            bool in_the_way =
                reef_unlikely(atomic_load_explicit(&reef_cuda.anchors, memory_order_relaxed)) &&
                cu_anchor_before(api, a);
            cu_result result = cu_call(real, a, api->arguments);
            if (in_the_way)
                cu_anchor_passed();
            return result;
        }
    }
    if (reef_unlikely(!cu_active() && !is_code(api)))
        return pass_any(api, real, a);
    cu_inside = true;
    cu_result result = enter(api, a);
    if (reef_unlikely(cu_is_sticky(result)))
        cu_note_broken(result);
    cu_inside = false;
    return result;
}

cu_result cu_enter_handle(struct cu_api *api, cu_word out, const struct cu_ipc_handle *handle)
{
    typedef cu_result open_handle(cu_word, struct cu_ipc_handle);
    open_handle *real = (open_handle *)cu_real(api);
    if (reef_unlikely(!real))
        return CUDA_ERROR_NOT_INITIALIZED;
    cu_result result = real(out, *handle);
    if (result == CUDA_SUCCESS && !cu_inside && cu_active() && !cu_is_rt())
        cu_event_exported(*(const cu_word *)cu_pointer(out));
    return result;
}
