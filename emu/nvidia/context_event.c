// SPDX-License-Identifier: Apache-2.0
/* Events of a whole context: a record behind all that was submitted to it, and waits of all to
 * come. */
#include "driver.h"

static CUresult enter(CUcontext hCtx, CUevent hEvent, struct nv_context **ctx,
                      struct nv_event **event)
{
    struct nv_context *current;
    CUresult rc = nv_enter_any(&current);

    if (rc != CUDA_SUCCESS)
        return rc;
    *ctx = hCtx ? nv_object(hCtx, NV_CONTEXT) : current;
    *event = nv_event_of(hEvent);
    if (!*ctx || (*ctx)->destroyed)
        return nv_leave(CUDA_ERROR_INVALID_CONTEXT);
    if (!*event)
        return nv_leave(CUDA_ERROR_INVALID_HANDLE);
    for (const struct nv_stream *s = (*ctx)->streams; s; s = s->next) {
        if (s->capture)
            return nv_leave(CUDA_ERROR_STREAM_CAPTURE_UNSUPPORTED);
    }
    return (*ctx)->sticky ? nv_leave((*ctx)->sticky) : CUDA_SUCCESS;
}

CUresult cuCtxRecordEvent(CUcontext hCtx, CUevent hEvent)
{
    struct nv_op op = {.kind = NV_OP_RECORD};
    struct nv_command *command;
    struct nv_context *ctx;
    struct nv_event *event;
    CUresult rc = enter(hCtx, hEvent, &ctx, &event);

    if (rc != CUDA_SUCCESS)
        return rc;
    if (event->ctx != ctx)
        return nv_leave(CUDA_ERROR_INVALID_HANDLE);
    op.record.event = event;
    event->refs++;
    command = nv_command_new(ctx, &op);
    if (!command)
        return nv_leave(CUDA_ERROR_OUT_OF_MEMORY);
    for (struct nv_stream *s = ctx->streams; s; s = s->next)
        nv_command_after(command, s->last);
    nv_command_after(command, ctx->waits);
    nv_event_set_record(event, command);
    nv_command_submit(command);
    return nv_leave(CUDA_SUCCESS);
}

CUresult cuCtxWaitEvent(CUcontext hCtx, CUevent hEvent)
{
    static const struct nv_op op = {.kind = NV_OP_EMPTY};
    struct nv_command *command;
    struct nv_context *ctx;
    struct nv_event *event;
    CUresult rc = enter(hCtx, hEvent, &ctx, &event);

    if (rc != CUDA_SUCCESS)
        return rc;
    command = nv_command_new(ctx, &op);
    if (!command)
        return nv_leave(CUDA_ERROR_OUT_OF_MEMORY);
    nv_command_after(command, event->record);
    nv_command_after(command, ctx->waits);
    nv_command_release(ctx->waits);
    ctx->waits = nv_command_retain(command);
    nv_command_submit(command);
    return nv_leave(CUDA_SUCCESS);
}
