// SPDX-License-Identifier: Apache-2.0
/*
 * Commands: what was submitted, with edges to what waits for it. Streams, events, legacy-stream
 * barriers and graphs are nothing but edges; the device thread starts a command when none of those
 * it waits for is left.
 */
#include "driver.h"

#include <stdlib.h>
#include <string.h>

enum {
    MOST_IN_FLIGHT = 16384
}; /* of a context: then a submitting thread waits, as for a full queue */

static uint64_t numbers;

bool nv_op_copy(struct nv_op *to, const struct nv_op *from)
{
    *to = *from;
    if (from->kind == NV_OP_KERNEL) {
        size_t bytes = from->kernel.function->ptx->param_bytes;

        to->kernel.bindings = NULL;
        to->kernel.params = malloc(bytes + 1);
        if (!to->kernel.params)
            return false;
        memcpy(to->kernel.params, from->kernel.params, bytes);
        if (to->kernel.event)
            to->kernel.event->refs++;
        to->kernel.function->module->refs++;
    } else if (from->kind == NV_OP_BATCH) {
        to->batch.ops = malloc(from->batch.count * sizeof(*to->batch.ops) + 1);
        if (!to->batch.ops)
            return false;
        memcpy(to->batch.ops, from->batch.ops, from->batch.count * sizeof(*to->batch.ops));
    } else if (from->kind == NV_OP_SEMAPHORES) {
        to->semaphores.ops = malloc(from->semaphores.count * sizeof(*to->semaphores.ops) + 1);
        if (!to->semaphores.ops)
            return false;
        memcpy(to->semaphores.ops, from->semaphores.ops,
               from->semaphores.count * sizeof(*to->semaphores.ops));
        nv_semaphores_retain(to->semaphores.ops, to->semaphores.count);
    } else if (from->kind == NV_OP_RECORD || from->kind == NV_OP_WAIT_EVENT ||
               from->kind == NV_OP_WAIT_SHARED) {
        to->record.event->refs++;
    } else if (from->kind == NV_OP_GRAPH_ALLOC || from->kind == NV_OP_GRAPH_FREE) {
        nv_graph_memory_retain(to->memory);
    } else if (from->kind == NV_OP_CONDITION) {
        return nv_condition_copy(to);
    } else if (from->kind == NV_OP_COPY) {
        to->copy.staged = NULL; /* of a graph: never staged */
    }
    return true;
}

void nv_op_clear(struct nv_op *op)
{
    switch (op->kind) {
    case NV_OP_KERNEL:
        free(op->kernel.params);
        nv_bindings_release(op->kernel.bindings);
        if (op->kernel.event)
            nv_event_release(op->kernel.event);
        nv_module_release(op->kernel.function->module);
        break;
    case NV_OP_COPY:
        free(op->copy.staged);
        break;
    case NV_OP_BATCH:
        free(op->batch.ops);
        break;
    case NV_OP_SEMAPHORES:
        nv_semaphores_clear(op->semaphores.ops, op->semaphores.count);
        break;
    case NV_OP_RECORD:
    case NV_OP_WAIT_EVENT:
    case NV_OP_WAIT_SHARED:
        nv_event_release(op->record.event);
        break;
    case NV_OP_GRAPH:
        nv_exec_release(op->exec);
        break;
    case NV_OP_GRAPH_ALLOC:
    case NV_OP_GRAPH_FREE:
        nv_graph_memory_release(op->memory);
        break;
    case NV_OP_CONDITION:
        nv_condition_clear(op);
        break;
    default:
        break;
    }
    op->kind = NV_OP_EMPTY;
}

struct nv_command *nv_command_new(struct nv_context *ctx, const struct nv_op *op)
{
    struct nv_command *command = calloc(1, sizeof(*command));

    if (!command)
        return NULL;
    command->refs = 1; /* until it is done */
    command->number = ++numbers;
    command->op = *op;
    command->op.ctx = ctx;
    command->waits = 1; /* until nv_command_submit */
    command->stack_bytes = (uint32_t)ctx->limits[CU_LIMIT_STACK_SIZE];
    ctx->in_flight++;
    return command;
}

void nv_command_release(struct nv_command *command)
{
    if (!command || --command->refs > 0)
        return;
    if (command->stream)
        nv_stream_release(command->stream);
    free(command);
}

bool nv_command_after(struct nv_command *command, struct nv_command *before)
{
    struct nv_edge *edge;

    if (!before || before->done)
        return true;
    edge = malloc(sizeof(*edge));
    if (!edge)
        return false;
    *edge = (struct nv_edge){command, before->followers};
    before->followers = edge;
    command->waits++;
    return true;
}

void nv_command_submit(struct nv_command *command)
{
    if (--command->waits == 0)
        nv_engine_ready(command);
}

/* In the order of submission, which is the reverse of the list's. */
static void release_followers(struct nv_command *command)
{
    struct nv_edge *edge = command->followers, *reversed = NULL, *next;

    command->followers = NULL;
    for (; edge; edge = next) {
        next = edge->next;
        edge->next = reversed;
        reversed = edge;
    }
    for (edge = reversed; edge; edge = next) {
        next = edge->next;
        nv_command_submit(edge->to);
        free(edge);
    }
}

void nv_command_done(struct nv_command *command, uint64_t now)
{
    struct nv_command *parent = command->parent;

    if (command->done)
        return;
    if (command->op.kind == NV_OP_KERNEL && command->op.kernel.event &&
        !command->op.kernel.event_at_start) {
        command->op.kernel.event->time_ns = now;
        command->op.kernel.event->timed = true;
    }
    if (command->op.kind == NV_OP_RECORD && command->op.record.version)
        nv_shared_done(command->op.record.event->shared, command->op.record.version);
    command->done = true;
    command->end_ns = now;
    command->op.ctx->in_flight--;
    nv_op_clear(&command->op);
    release_followers(command);
    if (parent && --parent->children == 0 && parent->op.kind == NV_OP_CONDITION)
        nv_condition_again(parent, now);
    else if (parent && parent->children == 0)
        nv_command_done(parent, now);
    if (parent)
        nv_command_release(parent);
    nv_engine_completed();
    nv_command_release(command);
}

void nv_command_wait(struct nv_command *command)
{
    nv_command_retain(command);
    while (!command->done)
        nv_engine_wait();
    nv_command_release(command);
}

/* The last commands of many streams, as they were when the wait began: more may come behind them
 * meanwhile. */
struct lasts {
    struct nv_command **commands;
    size_t count;
};

static void gather(struct lasts *all, const struct nv_context *ctx, bool blocking_only)
{
    for (const struct nv_stream *s = ctx->streams; s; s = s->next) {
        if (!s->last || s->last->done || (blocking_only && s->non_blocking))
            continue;
        all->commands = realloc(all->commands, (all->count + 1) * sizeof(*all->commands));
        if (!all->commands) {
            emu_report("out of memory");
            abort();
        }
        all->commands[all->count++] = nv_command_retain(s->last);
    }
}

static void wait_for(struct lasts *all)
{
    for (size_t i = 0; i < all->count; i++) {
        nv_command_wait(all->commands[i]);
        nv_command_release(all->commands[i]);
    }
    free(all->commands);
}

void nv_blocking_wait(struct nv_context *ctx)
{
    struct lasts all = {0};

    gather(&all, ctx, true);
    wait_for(&all);
}

/* The green contexts of a primary one count as part of it. */
void nv_context_wait(struct nv_context *ctx)
{
    struct lasts all = {0};

    gather(&all, ctx, false);
    for (struct nv_context *c = nv_contexts; c; c = c->next) {
        if (c->base == ctx && !c->destroyed)
            gather(&all, c, false);
    }
    wait_for(&all);
}

void nv_contexts_wait(void)
{
    for (struct nv_context *ctx = nv_contexts; ctx; ctx = ctx->next) {
        if (!ctx->destroyed)
            nv_context_wait(ctx);
    }
}

CUresult nv_submit_after(struct nv_stream *stream, struct nv_op *op, struct nv_command *before,
                         struct nv_command **out)
{
    struct nv_context *ctx = stream->ctx;
    struct nv_command *command;

    if (out)
        *out = NULL;
    if (stream->capture)
        return nv_capture_add(stream, op);
    if (before)
        nv_command_retain(before);
    while (ctx->in_flight > MOST_IN_FLIGHT && !nv_engine_is_device_thread())
        nv_engine_wait();
    command = nv_command_new(ctx, op);
    if (!command || !nv_stream_order(stream, command) || !nv_command_after(command, before)) {
        emu_report("out of memory");
        abort();
    }
    if (before)
        nv_command_release(before);
    command->stream = stream;
    stream->refs++;
    command->priority = stream->priority;
    nv_command_release(stream->last);
    stream->last = nv_command_retain(command);
    if (out)
        *out = nv_command_retain(command);
    nv_command_submit(command);
    return CUDA_SUCCESS;
}

CUresult nv_submit(struct nv_stream *stream, struct nv_op *op, struct nv_command **out)
{
    return nv_submit_after(stream, op, NULL, out);
}
