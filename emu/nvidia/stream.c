// SPDX-License-Identifier: Apache-2.0
/*
 * Streams. What orders them: each command behind the one before it in its stream; one of the legacy
 * stream behind everything in the context's blocking streams, and what comes later in those behind
 * it (CUDA Driver API, "Stream synchronization behavior"). A thread's default stream is a blocking
 * one.
 */
#include "driver.h"

#include <stdlib.h>
#include <string.h>

__thread unsigned nv_per_thread_default;

enum { PRIORITY_LEAST = 0, PRIORITY_GREATEST = -5 };

static unsigned long long ids;

static pthread_key_t exit_key;
static pthread_once_t exit_once = PTHREAD_ONCE_INIT;

/* The thread's default streams go when it does; what is in them still runs. */
static void thread_ends(void *unused)
{
    nv_lock();
    for (struct nv_context *ctx = nv_contexts; ctx; ctx = ctx->next) {
        for (struct nv_stream *s = ctx->streams, *next; s; s = next) {
            next = s->next;
            if (s->per_thread && !s->destroyed && pthread_equal(s->owner, pthread_self())) {
                s->destroyed = true;
                nv_stream_release(s);
            }
        }
    }
    nv_unlock();
}

static void make_key(void)
{
    pthread_key_create(&exit_key, thread_ends);
}

struct nv_stream *nv_stream_create(struct nv_context *ctx)
{
    struct nv_stream *stream = calloc(1, sizeof(*stream)), **link = &ctx->streams;

    if (!stream)
        return NULL;
    stream->refs = 1;
    stream->ctx = ctx;
    stream->id = ++ids;
    while (*link)
        link = &(*link)->next;
    *link = stream;
    return stream;
}

void nv_stream_release(struct nv_stream *stream)
{
    struct nv_stream **link = &stream->ctx->streams;

    if (--stream->refs > 0)
        return;
    while (*link && *link != stream)
        link = &(*link)->next;
    if (*link)
        *link = stream->next;
    nv_command_release(stream->last);
    free(stream);
}

static struct nv_stream *per_thread(struct nv_context *ctx)
{
    struct nv_stream *s;

    for (s = ctx->streams; s; s = s->next) {
        if (s->per_thread && !s->destroyed && pthread_equal(s->owner, pthread_self()))
            return s;
    }
    pthread_once(&exit_once, make_key);
    pthread_setspecific(exit_key, ctx);
    s = nv_stream_create(ctx);
    if (s) {
        s->per_thread = true;
        s->owner = pthread_self();
    }
    return s;
}

CUresult nv_stream_of(struct nv_context *ctx, CUstream handle, struct nv_stream **stream)
{
    if (handle == NULL)
        handle = nv_per_thread_default ? CU_STREAM_PER_THREAD : CU_STREAM_LEGACY;
    if (handle == CU_STREAM_LEGACY)
        *stream = ctx ? ctx->legacy : NULL;
    else if (handle == CU_STREAM_PER_THREAD)
        *stream = ctx ? per_thread(ctx) : NULL;
    else if (!(*stream = nv_object(handle, NV_STREAM)))
        return CUDA_ERROR_INVALID_HANDLE;
    if (!*stream)
        return ctx ? CUDA_ERROR_OUT_OF_MEMORY : CUDA_ERROR_INVALID_CONTEXT;
    return (*stream)->ctx->sticky;
}

bool nv_stream_order(struct nv_stream *stream, struct nv_command *command)
{
    struct nv_context *ctx = stream->ctx;

    if (!nv_command_after(command, stream->last) || !nv_command_after(command, ctx->waits))
        return false;
    if (!stream->legacy)
        return stream->non_blocking || nv_command_after(command, ctx->legacy->last);
    for (struct nv_stream *s = ctx->streams; s; s = s->next) {
        if (!s->non_blocking && s != stream && !nv_command_after(command, s->last))
            return false;
    }
    return true;
}

static bool is_default(CUstream handle)
{
    return handle == NULL || handle == CU_STREAM_LEGACY || handle == CU_STREAM_PER_THREAD;
}

/* A stream of any context, or a default stream of the current one; with the lock. */
static CUresult enter_stream(CUstream handle, struct nv_context **ctx, struct nv_stream **stream)
{
    CUresult rc = is_default(handle) ? nv_enter(ctx) : nv_enter_any(ctx);

    if (rc != CUDA_SUCCESS)
        return rc;
    rc = nv_stream_of(*ctx, handle, stream);
    return rc == CUDA_SUCCESS ? rc : nv_leave(rc);
}

/* ---- creation ---- */

CUresult nv_stream_make(struct nv_context *ctx, unsigned flags, int priority, CUstream *handle)
{
    struct nv_stream *stream = nv_stream_create(ctx);

    if (!stream || !(stream->handle = nv_handle_new(NV_STREAM, stream)))
        return CUDA_ERROR_OUT_OF_MEMORY;
    stream->flags = flags;
    stream->non_blocking = flags & CU_STREAM_NON_BLOCKING;
    stream->priority = priority > PRIORITY_LEAST      ? PRIORITY_LEAST
                       : priority < PRIORITY_GREATEST ? PRIORITY_GREATEST
                                                      : priority;
    *handle = stream->handle;
    return CUDA_SUCCESS;
}

CUresult cuStreamCreateWithPriority(CUstream *phStream, unsigned int flags, int priority)
{
    struct nv_context *ctx;
    CUresult rc = nv_enter(&ctx);

    if (rc != CUDA_SUCCESS)
        return rc;
    if (!phStream || (flags & ~CU_STREAM_NON_BLOCKING))
        return nv_leave(CUDA_ERROR_INVALID_VALUE);
    return nv_leave(nv_stream_make(ctx, flags, priority, phStream));
}

CUresult cuStreamCreate(CUstream *phStream, unsigned int flags)
{
    return cuStreamCreateWithPriority(phStream, flags, 0);
}

CUresult cuCtxGetStreamPriorityRange(int *leastPriority, int *greatestPriority)
{
    struct nv_context *ctx;
    CUresult rc = nv_enter(&ctx);

    if (rc != CUDA_SUCCESS)
        return rc;
    if (leastPriority)
        *leastPriority = PRIORITY_LEAST;
    if (greatestPriority)
        *greatestPriority = PRIORITY_GREATEST;
    return nv_leave(CUDA_SUCCESS);
}

/* What is in it still runs. */
CUresult cuStreamDestroy(CUstream hStream)
{
    struct nv_context *ctx;
    struct nv_stream *stream;
    CUresult rc = nv_enter_any(&ctx);

    if (rc != CUDA_SUCCESS)
        return rc;
    stream = is_default(hStream) ? NULL : nv_object(hStream, NV_STREAM);
    if (!stream)
        return nv_leave(CUDA_ERROR_INVALID_HANDLE);
    nv_capture_forget_stream(stream);
    stream->destroyed = true;
    nv_handle_free(stream->handle);
    nv_stream_release(stream);
    return nv_leave(CUDA_SUCCESS);
}

/* ---- waiting ---- */

void nv_stream_wait(struct nv_stream *stream)
{
    if (stream->legacy) /* blocking streams' work is ordered before what comes next in this one */
        nv_blocking_wait(stream->ctx);
    else if (stream->last)
        nv_command_wait(stream->last);
}

CUresult cuStreamSynchronize(CUstream hStream)
{
    struct nv_context *ctx;
    struct nv_stream *stream;
    CUresult rc = enter_stream(hStream, &ctx, &stream);

    if (rc != CUDA_SUCCESS)
        return rc;
    if (stream->capture) {
        nv_capture_invalidate(stream);
        return nv_leave(CUDA_ERROR_STREAM_CAPTURE_UNSUPPORTED);
    }
    if (stream->legacy && (rc = nv_capture_check_legacy(ctx)) != CUDA_SUCCESS)
        return nv_leave(rc);
    ctx = stream->ctx;
    stream->refs++;
    nv_stream_wait(stream);
    nv_stream_release(stream);
    return nv_leave(ctx->sticky);
}

static bool stream_idle(const struct nv_stream *stream)
{
    if (stream->last && !stream->last->done)
        return false;
    if (stream->legacy) {
        for (const struct nv_stream *s = stream->ctx->streams; s; s = s->next) {
            if (!s->non_blocking && s->last && !s->last->done)
                return false;
        }
    }
    return true;
}

CUresult cuStreamQuery(CUstream hStream)
{
    struct nv_context *ctx;
    struct nv_stream *stream;
    CUresult rc = enter_stream(hStream, &ctx, &stream);

    if (rc != CUDA_SUCCESS)
        return rc;
    if (stream->capture) {
        nv_capture_invalidate(stream);
        return nv_leave(CUDA_ERROR_STREAM_CAPTURE_UNSUPPORTED);
    }
    if (stream->legacy && (rc = nv_capture_check_legacy(ctx)) != CUDA_SUCCESS)
        return nv_leave(rc);
    return nv_leave(stream_idle(stream) ? CUDA_SUCCESS : CUDA_ERROR_NOT_READY);
}

CUresult cuStreamWaitEvent(CUstream hStream, CUevent hEvent, unsigned int Flags)
{
    struct nv_context *ctx;
    struct nv_stream *stream;
    struct nv_event *event;
    struct nv_op op = {.kind = NV_OP_EMPTY};
    bool handled;
    CUresult rc = enter_stream(hStream, &ctx, &stream);

    if (rc != CUDA_SUCCESS)
        return rc;
    event = nv_event_of(hEvent);
    if (!event)
        return nv_leave(CUDA_ERROR_INVALID_HANDLE);
    if (Flags & ~CU_EVENT_WAIT_EXTERNAL)
        return nv_leave(CUDA_ERROR_INVALID_VALUE);
    if (stream->capture && (Flags & CU_EVENT_WAIT_EXTERNAL)) {
        op.kind = NV_OP_WAIT_EVENT;
        op.record.event = event;
        event->refs++;
        return nv_leave(nv_capture_add(stream, &op));
    }
    if (stream->capture && !event->capture && !event->record)
        return nv_leave(CUDA_SUCCESS); /* never recorded: as driver 580, nothing to wait for */
    rc = nv_capture_wait(stream, event, &handled);
    if (handled)
        return nv_leave(rc);
    if (!nv_event_wait_op(event, &op) && (!event->record || event->record->done))
        return nv_leave(CUDA_SUCCESS); /* nothing to wait for */
    return nv_leave(nv_submit_after(stream, &op, event->record, NULL));
}

/* ---- questions ---- */

CUresult cuStreamGetPriority(CUstream hStream, int *priority)
{
    struct nv_context *ctx;
    struct nv_stream *stream;
    CUresult rc = enter_stream(hStream, &ctx, &stream);

    if (rc != CUDA_SUCCESS)
        return rc;
    if (!priority)
        return nv_leave(CUDA_ERROR_INVALID_VALUE);
    *priority = stream->priority;
    return nv_leave(CUDA_SUCCESS);
}

CUresult cuStreamGetFlags(CUstream hStream, unsigned int *flags)
{
    struct nv_context *ctx;
    struct nv_stream *stream;
    CUresult rc = enter_stream(hStream, &ctx, &stream);

    if (rc != CUDA_SUCCESS)
        return rc;
    if (!flags)
        return nv_leave(CUDA_ERROR_INVALID_VALUE);
    *flags = stream->flags;
    return nv_leave(CUDA_SUCCESS);
}

CUresult cuStreamGetId(CUstream hStream, unsigned long long *streamId)
{
    struct nv_context *ctx;
    struct nv_stream *stream;
    CUresult rc = enter_stream(hStream, &ctx, &stream);

    if (rc != CUDA_SUCCESS)
        return rc;
    if (!streamId)
        return nv_leave(CUDA_ERROR_INVALID_VALUE);
    *streamId = stream->id;
    return nv_leave(CUDA_SUCCESS);
}

#undef cuStreamGetCtx
CUresult cuStreamGetCtx(CUstream hStream, CUcontext *pctx);
CUresult cuStreamGetCtx(CUstream hStream, CUcontext *pctx)
{
    struct nv_context *ctx;
    struct nv_stream *stream;
    CUresult rc = enter_stream(hStream, &ctx, &stream);

    if (rc != CUDA_SUCCESS)
        return rc;
    if (!pctx)
        return nv_leave(CUDA_ERROR_INVALID_VALUE);
    *pctx = stream->ctx->handle;
    return nv_leave(CUDA_SUCCESS);
}

CUresult cuStreamGetCtx_v2(CUstream hStream, CUcontext *pCtx, CUgreenCtx *pGreenCtx);
CUresult cuStreamGetCtx_v2(CUstream hStream, CUcontext *pCtx, CUgreenCtx *pGreenCtx)
{
    struct nv_context *ctx;
    struct nv_stream *stream;
    CUresult rc = enter_stream(hStream, &ctx, &stream);

    if (rc != CUDA_SUCCESS)
        return rc;
    if (pCtx)
        *pCtx = nv_base(stream->ctx)->handle;
    if (pGreenCtx)
        *pGreenCtx = nv_green_handle(stream->ctx);
    return nv_leave(CUDA_SUCCESS);
}

CUresult cuStreamGetGreenCtx(CUstream hStream, CUgreenCtx *phCtx)
{
    return phCtx ? cuStreamGetCtx_v2(hStream, NULL, phCtx) : CUDA_ERROR_INVALID_VALUE;
}

CUresult cuStreamGetDevice(CUstream hStream, CUdevice *device)
{
    struct nv_context *ctx;
    struct nv_stream *stream;
    CUresult rc = enter_stream(hStream, &ctx, &stream);

    if (rc != CUDA_SUCCESS)
        return rc;
    if (!device)
        return nv_leave(CUDA_ERROR_INVALID_VALUE);
    *device = 0;
    return nv_leave(CUDA_SUCCESS);
}

CUresult cuStreamGetAttribute(CUstream hStream, CUstreamAttrID attr, CUstreamAttrValue *value_out)
{
    struct nv_context *ctx;
    struct nv_stream *stream;
    CUresult rc = enter_stream(hStream, &ctx, &stream);

    if (rc != CUDA_SUCCESS)
        return rc;
    if (!value_out)
        return nv_leave(CUDA_ERROR_INVALID_VALUE);
    memset(value_out, 0, sizeof(*value_out));
    if (attr == CU_LAUNCH_ATTRIBUTE_SYNCHRONIZATION_POLICY)
        value_out->syncPolicy = stream->sync_policy ? stream->sync_policy : CU_SYNC_POLICY_AUTO;
    else if (attr == CU_LAUNCH_ATTRIBUTE_PRIORITY)
        value_out->priority = stream->priority;
    else if (attr != CU_LAUNCH_ATTRIBUTE_ACCESS_POLICY_WINDOW &&
             attr != CU_LAUNCH_ATTRIBUTE_MEM_SYNC_DOMAIN &&
             attr != CU_LAUNCH_ATTRIBUTE_MEM_SYNC_DOMAIN_MAP)
        return nv_leave(CUDA_ERROR_INVALID_VALUE);
    return nv_leave(CUDA_SUCCESS);
}

CUresult cuStreamSetAttribute(CUstream hStream, CUstreamAttrID attr, const CUstreamAttrValue *value)
{
    struct nv_context *ctx;
    struct nv_stream *stream;
    CUresult rc = enter_stream(hStream, &ctx, &stream);

    if (rc != CUDA_SUCCESS)
        return rc;
    if (!value)
        return nv_leave(CUDA_ERROR_INVALID_VALUE);
    if (attr == CU_LAUNCH_ATTRIBUTE_SYNCHRONIZATION_POLICY)
        stream->sync_policy = value->syncPolicy;
    else if (attr == CU_LAUNCH_ATTRIBUTE_PRIORITY)
        stream->priority = value->priority > PRIORITY_LEAST      ? PRIORITY_LEAST
                           : value->priority < PRIORITY_GREATEST ? PRIORITY_GREATEST
                                                                 : value->priority;
    else if (attr != CU_LAUNCH_ATTRIBUTE_ACCESS_POLICY_WINDOW &&
             attr != CU_LAUNCH_ATTRIBUTE_MEM_SYNC_DOMAIN &&
             attr != CU_LAUNCH_ATTRIBUTE_MEM_SYNC_DOMAIN_MAP)
        return nv_leave(CUDA_ERROR_INVALID_VALUE);
    return nv_leave(CUDA_SUCCESS);
}

CUresult cuStreamCopyAttributes(CUstream dst, CUstream src)
{
    struct nv_context *ctx;
    struct nv_stream *from, *to;
    CUresult rc = enter_stream(src, &ctx, &from);

    if (rc != CUDA_SUCCESS)
        return rc;
    rc = nv_stream_of(ctx, dst, &to);
    if (rc == CUDA_SUCCESS)
        to->sync_policy = from->sync_policy;
    return nv_leave(rc);
}
