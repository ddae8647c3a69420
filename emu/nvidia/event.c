// SPDX-License-Identifier: Apache-2.0
/*
 * Events. An event names its latest record: waits and queries look at that one, also when it is
 * recorded anew later. Times are device time, with the half microsecond of CUDA's resolution.
 */
#include "driver.h"

#include <stdlib.h>
#include <time.h>

enum { RESOLUTION_NS = 500 };

struct nv_event *nv_event_of(CUevent handle)
{
    return nv_object(handle, NV_EVENT);
}

void nv_event_release(struct nv_event *event)
{
    if (--event->refs > 0)
        return;
    nv_command_release(event->record);
    free(event->captured);
    nv_shared_free(event->shared);
    free(event);
}

void nv_event_set_record(struct nv_event *event, struct nv_command *command)
{
    nv_command_release(event->record);
    event->record = nv_command_retain(command);
    event->version++;
}

void nv_event_record_op(struct nv_event *event, struct nv_op *op)
{
    *op = (struct nv_op){.kind = NV_OP_RECORD, .record = {.event = event}};
    if (event->shared)
        op->record.version = nv_shared_ask(event->shared);
    event->refs++;
}

bool nv_event_wait_op(struct nv_event *event, struct nv_op *op)
{
    uint64_t version = event->shared ? nv_shared_latest(event->shared) : 0;

    if (version == 0 || nv_shared_ready(event->shared, version))
        return false;
    *op = (struct nv_op){.kind = NV_OP_WAIT_SHARED, .record = {event, version}};
    event->refs++;
    return true;
}

/* The latest record is done; anybody's, of a shared event. */
static bool is_ready(const struct nv_event *event)
{
    if (event->shared)
        return nv_shared_ready(event->shared, nv_shared_latest(event->shared));
    return !event->record || event->record->done;
}

/* Another process's record: nobody wakes us. */
static void wait_shared(struct nv_event *event)
{
    static const struct timespec pause = {.tv_nsec = 50000};
    uint64_t version = nv_shared_latest(event->shared);

    event->refs++;
    while (!nv_shared_ready(event->shared, version) && event->ctx->sticky == CUDA_SUCCESS) {
        nv_unlock();
        nanosleep(&pause, NULL);
        nv_lock();
    }
    nv_event_release(event);
}

struct nv_event *nv_event_new(struct nv_context *ctx, unsigned flags)
{
    struct nv_event *event = calloc(1, sizeof(*event));

    if (!event || !(event->handle = nv_handle_new(NV_EVENT, event))) {
        free(event);
        return NULL;
    }
    event->refs = 1;
    event->ctx = ctx;
    event->flags = flags;
    return event;
}

CUresult cuEventCreate(CUevent *phEvent, unsigned int Flags)
{
    const unsigned known = CU_EVENT_BLOCKING_SYNC | CU_EVENT_DISABLE_TIMING | CU_EVENT_INTERPROCESS;
    struct nv_context *ctx;
    struct nv_event *event;
    CUresult rc = nv_enter(&ctx);

    if (rc != CUDA_SUCCESS)
        return rc;
    if (!phEvent || (Flags & ~known) ||
        ((Flags & CU_EVENT_INTERPROCESS) && !(Flags & CU_EVENT_DISABLE_TIMING)))
        return nv_leave(CUDA_ERROR_INVALID_VALUE);
    event = nv_event_new(ctx, Flags);
    if (event && (Flags & CU_EVENT_INTERPROCESS) && !(event->shared = nv_shared_new())) {
        nv_handle_free(event->handle);
        nv_event_release(event);
        event = NULL;
    }
    if (!event)
        return nv_leave(CUDA_ERROR_OUT_OF_MEMORY);
    *phEvent = event->handle;
    return nv_leave(CUDA_SUCCESS);
}

/* What waits for its latest record goes on waiting. */
CUresult cuEventDestroy(CUevent hEvent)
{
    struct nv_context *ctx;
    struct nv_event *event;
    CUresult rc = nv_enter_any(&ctx);

    if (rc != CUDA_SUCCESS)
        return rc;
    event = nv_event_of(hEvent);
    if (!event)
        return nv_leave(CUDA_ERROR_INVALID_HANDLE);
    nv_handle_free(event->handle);
    event->destroyed = true;
    nv_event_release(event);
    return nv_leave(CUDA_SUCCESS);
}

CUresult cuEventRecordWithFlags(CUevent hEvent, CUstream hStream, unsigned int flags)
{
    struct nv_context *ctx;
    struct nv_stream *stream;
    struct nv_event *event;
    struct nv_command *command;
    struct nv_op op;
    CUresult rc = nv_enter_any(&ctx);

    if (rc != CUDA_SUCCESS)
        return rc;
    event = nv_event_of(hEvent);
    if (!event)
        return nv_leave(CUDA_ERROR_INVALID_HANDLE);
    rc = nv_stream_of(ctx, hStream, &stream);
    if (rc != CUDA_SUCCESS)
        return nv_leave(rc);
    if (flags & ~CU_EVENT_RECORD_EXTERNAL)
        return nv_leave(CUDA_ERROR_INVALID_VALUE);
    if (nv_base(event->ctx) != nv_base(stream->ctx))
        return nv_leave(CUDA_ERROR_INVALID_HANDLE);
    if (stream->legacy && (rc = nv_capture_check_legacy(stream->ctx)) != CUDA_SUCCESS)
        return nv_leave(rc);
    if (stream->capture && !(flags & CU_EVENT_RECORD_EXTERNAL))
        return nv_leave(nv_capture_record(stream, event));
    nv_event_record_op(event, &op);
    event->capture = NULL;
    rc = nv_submit(stream, &op, &command);
    if (rc == CUDA_SUCCESS && command) {
        nv_event_set_record(event, command);
        nv_command_release(command);
    }
    return nv_leave(rc);
}

CUresult cuEventRecord(CUevent hEvent, CUstream hStream)
{
    return cuEventRecordWithFlags(hEvent, hStream, 0);
}

CUresult cuEventQuery(CUevent hEvent)
{
    struct nv_context *ctx;
    struct nv_event *event;
    CUresult rc = nv_enter_any(&ctx);

    if (rc != CUDA_SUCCESS)
        return rc;
    event = nv_event_of(hEvent);
    if (!event)
        return nv_leave(CUDA_ERROR_INVALID_HANDLE);
    if (event->capture) {
        nv_capture_break(event->capture);
        return nv_leave(CUDA_ERROR_CAPTURED_EVENT);
    }
    if (event->ctx->sticky != CUDA_SUCCESS)
        return nv_leave(event->ctx->sticky);
    rc = nv_capture_check_unsafe();
    if (rc != CUDA_SUCCESS)
        return nv_leave(rc);
    return nv_leave(is_ready(event) ? CUDA_SUCCESS : CUDA_ERROR_NOT_READY);
}

CUresult cuEventSynchronize(CUevent hEvent)
{
    struct nv_context *ctx;
    struct nv_event *event;
    CUresult rc = nv_enter_any(&ctx);

    if (rc != CUDA_SUCCESS)
        return rc;
    event = nv_event_of(hEvent);
    if (!event)
        return nv_leave(CUDA_ERROR_INVALID_HANDLE);
    if (event->capture) {
        nv_capture_break(event->capture);
        return nv_leave(CUDA_ERROR_CAPTURED_EVENT);
    }
    ctx = event->ctx;
    if (event->shared)
        wait_shared(event);
    else if (event->record)
        nv_command_wait(event->record);
    return nv_leave(ctx->sticky);
}

static uint64_t rounded(uint64_t ns)
{
    return ns / RESOLUTION_NS * RESOLUTION_NS;
}

#undef cuEventElapsedTime
static CUresult elapsed(float *pMilliseconds, CUevent hStart, CUevent hEnd)
{
    struct nv_context *ctx;
    struct nv_event *start, *end;
    CUresult rc = nv_enter_any(&ctx);

    if (rc != CUDA_SUCCESS)
        return rc;
    start = nv_event_of(hStart);
    end = nv_event_of(hEnd);
    if (!start || !end)
        return nv_leave(CUDA_ERROR_INVALID_HANDLE);
    if (!pMilliseconds)
        return nv_leave(CUDA_ERROR_INVALID_VALUE);
    if (((start->flags | end->flags) & CU_EVENT_DISABLE_TIMING) || !start->record || !end->record)
        return nv_leave(CUDA_ERROR_INVALID_HANDLE);
    if (start->ctx->sticky != CUDA_SUCCESS)
        return nv_leave(start->ctx->sticky);
    if (!start->record->done || !end->record->done)
        return nv_leave(CUDA_ERROR_NOT_READY);
    *pMilliseconds =
        (float)((double)(int64_t)(rounded(end->time_ns) - rounded(start->time_ns)) / 1e6);
    return nv_leave(CUDA_SUCCESS);
}

NV_EXPORT CUresult cuEventElapsedTime(float *pMilliseconds, CUevent hStart, CUevent hEnd);
CUresult cuEventElapsedTime(float *pMilliseconds, CUevent hStart, CUevent hEnd)
{
    return elapsed(pMilliseconds, hStart, hEnd);
}

NV_EXPORT CUresult cuEventElapsedTime_v2(float *pMilliseconds, CUevent hStart, CUevent hEnd);
CUresult cuEventElapsedTime_v2(float *pMilliseconds, CUevent hStart, CUevent hEnd)
{
    return elapsed(pMilliseconds, hStart, hEnd);
}
