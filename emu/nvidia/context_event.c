// SPDX-License-Identifier: Apache-2.0
/* Events of a whole context: a record behind all that was submitted to it, and waits of all to
 * come. */
#include "driver.h"

/* Streams that are captured: the call breaks their captures. */
static CUresult check_captures(const struct nv_context *ctx)
{
    CUresult rc = CUDA_SUCCESS;

    for (struct nv_stream *s = ctx->streams; s; s = s->next) {
        if (!s->capture)
            continue;
        nv_capture_invalidate(s);
        rc = CUDA_ERROR_STREAM_CAPTURE_UNSUPPORTED;
    }
    return rc;
}

CUresult nv_context_record(struct nv_context *ctx, struct nv_event *event)
{
    struct nv_command *command;
    struct nv_op op;
    CUresult rc = check_captures(ctx);

    if (rc != CUDA_SUCCESS)
        return rc;
    if (nv_base(event->ctx) != nv_base(ctx))
        return CUDA_ERROR_INVALID_HANDLE;
    nv_event_record_op(event, &op);
    event->capture = NULL;
    command = nv_command_new(ctx, &op);
    if (!command)
        return CUDA_ERROR_OUT_OF_MEMORY;
    for (struct nv_stream *s = ctx->streams; s; s = s->next)
        nv_command_after(command, s->last);
    nv_command_after(command, ctx->waits);
    nv_event_set_record(event, command);
    nv_command_submit(command);
    return CUDA_SUCCESS;
}

CUresult nv_context_wait_event(struct nv_context *ctx, struct nv_event *event)
{
    struct nv_op op = {.kind = NV_OP_EMPTY};
    struct nv_command *command;
    CUresult rc = check_captures(ctx);

    if (rc != CUDA_SUCCESS)
        return rc;
    if (event->capture) {
        nv_capture_break(event->capture);
        return CUDA_ERROR_STREAM_CAPTURE_UNSUPPORTED;
    }
    nv_event_wait_op(event, &op);
    command = nv_command_new(ctx, &op);
    if (!command)
        return CUDA_ERROR_OUT_OF_MEMORY;
    nv_command_after(command, event->record);
    nv_command_after(command, ctx->waits);
    nv_command_release(ctx->waits);
    ctx->waits = nv_command_retain(command);
    nv_command_submit(command);
    return CUDA_SUCCESS;
}

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
    return (*ctx)->sticky ? nv_leave((*ctx)->sticky) : CUDA_SUCCESS;
}

CUresult cuCtxRecordEvent(CUcontext hCtx, CUevent hEvent)
{
    struct nv_context *ctx;
    struct nv_event *event;
    CUresult rc = enter(hCtx, hEvent, &ctx, &event);

    return rc == CUDA_SUCCESS ? nv_leave(nv_context_record(ctx, event)) : rc;
}

CUresult cuCtxWaitEvent(CUcontext hCtx, CUevent hEvent)
{
    struct nv_context *ctx;
    struct nv_event *event;
    CUresult rc = enter(hCtx, hEvent, &ctx, &event);

    return rc == CUDA_SUCCESS ? nv_leave(nv_context_wait_event(ctx, event)) : rc;
}
