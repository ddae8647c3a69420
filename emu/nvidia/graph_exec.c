// SPDX-License-Identifier: Apache-2.0
/*
 * Executable graphs: made from a graph, changed, launched. A launch is one command of its stream;
 * when its turn comes, each step becomes a command of its own. Launches of one executable graph run
 * one after another. What a launch does is what the plan was when it was launched.
 */
#include "graph.h"

#include <stdlib.h>
#include <string.h>

struct exec_object {
    void *handle;
    struct nv_context *ctx;
    struct nv_exec *plan;
    struct nv_command *last; /* launch; retained */
    unsigned long long flags;
};

/* ---- plans ---- */

void nv_exec_retain(struct nv_exec *plan)
{
    plan->refs++;
}

void nv_exec_release(struct nv_exec *plan)
{
    if (--plan->refs > 0)
        return;
    for (unsigned i = 0; i < plan->count; i++) {
        nv_op_clear(&plan->steps[i].op);
        free(plan->steps[i].before);
    }
    free(plan->steps);
    free(plan);
}

static struct nv_step *add_step(struct nv_exec *plan, const struct nv_node *node,
                                const struct nv_op *op)
{
    struct nv_step *larger = realloc(plan->steps, (plan->count + 1) * sizeof(*larger)), *step;

    if (!larger)
        return NULL;
    plan->steps = larger;
    step = &plan->steps[plan->count];
    *step = (struct nv_step){.origin = node,
                             .number = node ? node->number : 0,
                             .type = node ? node->type : CU_GRAPH_NODE_TYPE_EMPTY};
    if (!nv_op_copy(&step->op, op))
        return NULL;
    plan->count++;
    return step;
}

static bool step_after(struct nv_step *step, unsigned index)
{
    unsigned *larger = realloc(step->before, (step->before_count + 1) * sizeof(*larger));

    if (!larger)
        return false;
    step->before = larger;
    step->before[step->before_count++] = index;
    return true;
}

/* Appends a graph's nodes in an order that their edges allow. Its roots come after step @entry (or
 * nothing, if that is UINT32_MAX). A child graph is an empty step, its nodes, and an empty step
 * behind them. */
static bool flatten(struct nv_exec *plan, const struct nv_graph *graph, unsigned entry,
                    unsigned depth)
{
    static const struct nv_op empty = {.kind = NV_OP_EMPTY};
    unsigned total = 0, *step_of;

    for (const struct nv_node *n = graph->nodes; n; n = n->next)
        total = n->number + 1 > total ? n->number + 1 : total;
    step_of = malloc((total + 1) * sizeof(*step_of));
    if (!step_of || depth > 32) {
        free(step_of);
        return false;
    }
    memset(step_of, 0xff, (total + 1) * sizeof(*step_of));
    for (bool progress = true; progress;) {
        progress = false;
        for (const struct nv_node *n = graph->nodes; n; n = n->next) {
            bool ready = step_of[n->number] == UINT32_MAX;
            unsigned first, last;

            for (unsigned i = 0; i < n->before_count && ready; i++)
                ready = step_of[n->before[i]->number] != UINT32_MAX;
            if (!ready)
                continue;
            first = last = plan->count;
            if (!add_step(plan, n, &n->op))
                goto fail;
            for (unsigned i = 0; i < n->before_count; i++) {
                if (!step_after(&plan->steps[first], step_of[n->before[i]->number]))
                    goto fail;
            }
            if (n->before_count == 0 && entry != UINT32_MAX &&
                !step_after(&plan->steps[first], entry))
                goto fail;
            if (n->child) {
                if (!flatten(plan, n->child, first, depth + 1))
                    goto fail;
                last = plan->count;
                if (!add_step(plan, NULL, &empty))
                    goto fail;
                for (unsigned i = first; i < last; i++) {
                    if (!step_after(&plan->steps[last], i))
                        goto fail;
                }
            }
            step_of[n->number] = last;
            progress = true;
        }
    }
    free(step_of);
    return true;
fail:
    free(step_of);
    return false;
}

CUresult nv_plan_make(const struct nv_graph *graph, struct nv_exec **out)
{
    struct nv_exec *plan = calloc(1, sizeof(*plan));

    if (!plan)
        return CUDA_ERROR_OUT_OF_MEMORY;
    plan->refs = 1;
    if (!flatten(plan, graph, UINT32_MAX, 0)) {
        nv_exec_release(plan);
        return CUDA_ERROR_OUT_OF_MEMORY;
    }
    *out = plan;
    return CUDA_SUCCESS;
}

static struct nv_exec *copy_plan(const struct nv_exec *plan)
{
    struct nv_exec *copy = calloc(1, sizeof(*copy));

    if (!copy)
        return NULL;
    copy->refs = 1;
    for (unsigned i = 0; i < plan->count; i++) {
        const struct nv_step *from = &plan->steps[i];
        struct nv_step *to = add_step(copy, NULL, &from->op);

        if (!to)
            return NULL;
        to->origin = from->origin;
        to->number = from->number;
        to->type = from->type;
        to->disabled = from->disabled;
        for (unsigned k = 0; k < from->before_count; k++)
            step_after(to, from->before[k]);
    }
    return copy;
}

/* A launch has begun: its steps become commands. */
void nv_exec_start(struct nv_command *launch, uint64_t now)
{
    const struct nv_exec *plan = launch->op.exec;
    struct nv_command **commands = calloc(plan->count + 1, sizeof(*commands));

    if (!commands) {
        nv_context_break(launch->op.ctx, CUDA_ERROR_OUT_OF_MEMORY);
        nv_command_done(launch, now);
        return;
    }
    launch->children = plan->count + 1;
    for (unsigned i = 0; i < plan->count; i++) {
        const struct nv_step *step = &plan->steps[i];
        struct nv_op op = {.kind = NV_OP_EMPTY};

        if (!step->disabled)
            nv_op_copy(&op, &step->op);
        if (op.kind == NV_OP_RECORD && op.record.event->shared)
            op.record.version = nv_shared_ask(op.record.event->shared);
        if (op.kind == NV_OP_WAIT_EVENT && nv_event_wait_op(op.record.event, &op))
            nv_event_release(op.record.event); /* the copy's reference; the wait has its own */
        commands[i] = nv_command_new(launch->op.ctx, &op);
        if (op.kind == NV_OP_KERNEL)
            commands[i]->op.kernel.priority = launch->priority;
        if (op.kind == NV_OP_WAIT_EVENT)
            nv_command_after(commands[i], op.record.event->record);
        if (op.kind == NV_OP_RECORD)
            nv_event_set_record(op.record.event, commands[i]);
        commands[i]->parent = nv_command_retain(launch);
        for (unsigned k = 0; k < step->before_count; k++)
            nv_command_after(commands[i], commands[step->before[k]]);
    }
    for (unsigned i = 0; i < plan->count; i++)
        nv_command_submit(commands[i]);
    free(commands);
    if (--launch->children == 0)
        nv_command_done(launch, now);
}

/* ---- the interface ---- */

static CUresult instantiate(CUgraphExec *out, CUgraph hGraph, unsigned long long flags)
{
    struct exec_object *exec;
    struct nv_context *ctx;
    struct nv_graph *graph;
    CUresult rc = nv_enter(&ctx);

    if (rc != CUDA_SUCCESS)
        return rc;
    graph = nv_object(hGraph, NV_GRAPH);
    if (!graph || !out)
        return nv_leave(CUDA_ERROR_INVALID_VALUE);
    if (flags & CUDA_GRAPH_INSTANTIATE_FLAG_DEVICE_LAUNCH)
        return nv_leave(CUDA_ERROR_NOT_SUPPORTED);
    exec = calloc(1, sizeof(*exec));
    if (!exec)
        return nv_leave(CUDA_ERROR_OUT_OF_MEMORY);
    exec->ctx = ctx;
    exec->flags = flags;
    rc = nv_plan_make(graph, &exec->plan);
    if (rc == CUDA_SUCCESS && !(exec->handle = nv_handle_new(NV_EXEC, exec)))
        rc = CUDA_ERROR_OUT_OF_MEMORY;
    if (rc != CUDA_SUCCESS) {
        free(exec);
        return nv_leave(rc);
    }
    *out = exec->handle;
    return nv_leave(rc);
}

CUresult cuGraphInstantiateWithFlags(CUgraphExec *out, CUgraph graph, unsigned long long flags)
{
    return instantiate(out, graph, flags);
}

#undef cuGraphInstantiate
NV_EXPORT CUresult cuGraphInstantiate_v2(CUgraphExec *out, CUgraph graph, CUgraphNode *errorNode,
                                         char *log, size_t size);
CUresult cuGraphInstantiate_v2(CUgraphExec *out, CUgraph graph, CUgraphNode *errorNode, char *log,
                               size_t size)
{
    return instantiate(out, graph, 0);
}

CUresult cuGraphInstantiateWithParams(CUgraphExec *out, CUgraph graph,
                                      CUDA_GRAPH_INSTANTIATE_PARAMS *params)
{
    CUresult rc;

    if (!params)
        return CUDA_ERROR_INVALID_VALUE;
    rc = instantiate(out, graph, params->flags);
    params->hErrNode_out = NULL;
    params->result_out =
        rc == CUDA_SUCCESS ? CUDA_GRAPH_INSTANTIATE_SUCCESS : CUDA_GRAPH_INSTANTIATE_ERROR;
    if (rc == CUDA_SUCCESS && (params->flags & CUDA_GRAPH_INSTANTIATE_FLAG_UPLOAD))
        rc = cuGraphUpload(*out, params->hUploadStream);
    return rc;
}

CUresult cuGraphExecGetFlags(CUgraphExec handle, cuuint64_t *flags)
{
    struct exec_object *exec = nv_object(handle, NV_EXEC);

    if (!exec || !flags)
        return CUDA_ERROR_INVALID_VALUE;
    *flags = exec->flags;
    return CUDA_SUCCESS;
}

/* Launches go on. */
CUresult cuGraphExecDestroy(CUgraphExec handle)
{
    struct exec_object *exec;
    struct nv_context *ctx;
    CUresult rc = nv_enter_any(&ctx);

    if (rc != CUDA_SUCCESS)
        return rc;
    exec = nv_object(handle, NV_EXEC);
    if (!exec)
        return nv_leave(CUDA_ERROR_INVALID_VALUE);
    nv_handle_free(exec->handle);
    nv_exec_release(exec->plan);
    nv_command_release(exec->last);
    free(exec);
    return nv_leave(CUDA_SUCCESS);
}

static CUresult enqueue(CUgraphExec handle, CUstream hStream, bool launch)
{
    struct nv_op op = {.kind = launch ? NV_OP_GRAPH : NV_OP_EMPTY};
    struct nv_command *command;
    struct exec_object *exec;
    struct nv_context *ctx;
    struct nv_stream *stream;
    CUresult rc = nv_enter(&ctx);

    if (rc != CUDA_SUCCESS)
        return rc;
    exec = nv_object(handle, NV_EXEC);
    if (!exec)
        return nv_leave(CUDA_ERROR_INVALID_VALUE);
    rc = nv_stream_of(ctx, hStream, &stream);
    if (rc == CUDA_SUCCESS && stream->legacy)
        rc = nv_capture_check_legacy(stream->ctx);
    if (rc != CUDA_SUCCESS)
        return nv_leave(rc);
    if (stream->capture && launch) {
        emu_missing("cuGraphLaunch while its stream is captured");
        return nv_leave(CUDA_ERROR_NOT_SUPPORTED);
    }
    if (!launch)
        return nv_leave(nv_submit(stream, &op, NULL));
    op.exec = exec->plan;
    nv_exec_retain(exec->plan);
    rc = nv_submit_after(stream, &op, exec->last, &command);
    if (rc == CUDA_SUCCESS) {
        nv_command_release(exec->last);
        exec->last = command;
    }
    return nv_leave(rc);
}

CUresult cuGraphLaunch(CUgraphExec hGraphExec, CUstream hStream)
{
    return enqueue(hGraphExec, hStream, true);
}

CUresult cuGraphUpload(CUgraphExec hGraphExec, CUstream hStream)
{
    return enqueue(hGraphExec, hStream, false);
}

/* ---- changing an executable graph ---- */

/* The plan, no longer shared with launches that were made before; and the node's step in it. */
static CUresult own_step(CUgraphExec handle, CUgraphNode hNode, CUgraphNodeType type,
                         struct nv_step **out)
{
    struct exec_object *exec = nv_object(handle, NV_EXEC);
    struct nv_node *node = nv_object(hNode, NV_NODE);

    if (!exec || !node || (type != CU_GRAPH_NODE_TYPE_CONDITIONAL && node->type != type))
        return CUDA_ERROR_INVALID_VALUE;
    if (exec->plan->refs > 1) {
        struct nv_exec *copy = copy_plan(exec->plan);

        if (!copy)
            return CUDA_ERROR_OUT_OF_MEMORY;
        nv_exec_release(exec->plan);
        exec->plan = copy;
    }
    for (unsigned i = 0; i < exec->plan->count; i++) {
        if (exec->plan->steps[i].origin == node) {
            *out = &exec->plan->steps[i];
            return CUDA_SUCCESS;
        }
    }
    return CUDA_ERROR_INVALID_VALUE;
}

static CUresult change(CUgraphExec exec, CUgraphNode node, CUgraphNodeType type,
                       struct nv_context *ctx, struct nv_op *op)
{
    struct nv_step *step;
    CUresult rc = own_step(exec, node, type, &step);

    if (rc != CUDA_SUCCESS) {
        nv_op_clear(op);
        return nv_leave(rc);
    }
    op->ctx = ctx;
    nv_op_clear(&step->op);
    step->op = *op;
    return nv_leave(CUDA_SUCCESS);
}

CUresult cuGraphExecKernelNodeSetParams(CUgraphExec exec, CUgraphNode node,
                                        const CUDA_KERNEL_NODE_PARAMS *p)
{
    struct nv_context *ctx;
    struct nv_op op;
    CUresult rc = nv_enter(&ctx);

    if (rc != CUDA_SUCCESS)
        return rc;
    rc = p ? nv_kernel_params_op(ctx, p, &op) : CUDA_ERROR_INVALID_VALUE;
    return rc == CUDA_SUCCESS ? change(exec, node, CU_GRAPH_NODE_TYPE_KERNEL, ctx, &op)
                              : nv_leave(rc);
}

CUresult cuGraphExecMemcpyNodeSetParams(CUgraphExec exec, CUgraphNode node, const CUDA_MEMCPY3D *p,
                                        CUcontext hctx)
{
    struct nv_context *ctx;
    struct nv_op op;
    CUresult rc = nv_enter(&ctx);

    if (rc != CUDA_SUCCESS)
        return rc;
    rc = p ? nv_memcpy_params_op(p, &op) : CUDA_ERROR_INVALID_VALUE;
    return rc == CUDA_SUCCESS ? change(exec, node, CU_GRAPH_NODE_TYPE_MEMCPY, ctx, &op)
                              : nv_leave(rc);
}

CUresult cuGraphExecMemsetNodeSetParams(CUgraphExec exec, CUgraphNode node,
                                        const CUDA_MEMSET_NODE_PARAMS *p, CUcontext hctx)
{
    struct nv_context *ctx;
    struct nv_op op;
    CUresult rc = nv_enter(&ctx);

    if (rc != CUDA_SUCCESS)
        return rc;
    rc = p ? nv_memset_params_op(p, &op) : CUDA_ERROR_INVALID_VALUE;
    return rc == CUDA_SUCCESS ? change(exec, node, CU_GRAPH_NODE_TYPE_MEMSET, ctx, &op)
                              : nv_leave(rc);
}

CUresult cuGraphExecHostNodeSetParams(CUgraphExec exec, CUgraphNode node,
                                      const CUDA_HOST_NODE_PARAMS *p)
{
    struct nv_op op = {.kind = NV_OP_HOST};
    struct nv_context *ctx;
    CUresult rc = nv_enter(&ctx);

    if (rc != CUDA_SUCCESS)
        return rc;
    if (!p || !p->fn)
        return nv_leave(CUDA_ERROR_INVALID_VALUE);
    op.host.fn = p->fn;
    op.host.data = p->userData;
    return change(exec, node, CU_GRAPH_NODE_TYPE_HOST, ctx, &op);
}

static CUresult change_event(CUgraphExec exec, CUgraphNode node, CUevent handle, bool record)
{
    struct nv_op op = {.kind = record ? NV_OP_RECORD : NV_OP_WAIT_EVENT};
    struct nv_event *event;
    struct nv_context *ctx;
    CUresult rc = nv_enter(&ctx);

    if (rc != CUDA_SUCCESS)
        return rc;
    event = nv_event_of(handle);
    if (!event)
        return nv_leave(CUDA_ERROR_INVALID_HANDLE);
    op.record.event = event;
    event->refs++;
    return change(exec, node,
                  record ? CU_GRAPH_NODE_TYPE_EVENT_RECORD : CU_GRAPH_NODE_TYPE_WAIT_EVENT, ctx,
                  &op);
}

CUresult cuGraphExecEventRecordNodeSetEvent(CUgraphExec exec, CUgraphNode node, CUevent event)
{
    return change_event(exec, node, event, true);
}

CUresult cuGraphExecEventWaitNodeSetEvent(CUgraphExec exec, CUgraphNode node, CUevent event)
{
    return change_event(exec, node, event, false);
}

CUresult cuGraphNodeSetEnabled(CUgraphExec exec, CUgraphNode node, unsigned int isEnabled)
{
    struct nv_context *ctx;
    struct nv_step *step;
    CUresult rc = nv_enter(&ctx);

    if (rc != CUDA_SUCCESS)
        return rc;
    rc = own_step(exec, node, CU_GRAPH_NODE_TYPE_CONDITIONAL, &step);
    if (rc != CUDA_SUCCESS)
        return nv_leave(rc);
    if (step->type != CU_GRAPH_NODE_TYPE_KERNEL && step->type != CU_GRAPH_NODE_TYPE_MEMSET &&
        step->type != CU_GRAPH_NODE_TYPE_MEMCPY)
        return nv_leave(CUDA_ERROR_INVALID_VALUE);
    step->disabled = !isEnabled;
    return nv_leave(CUDA_SUCCESS);
}

CUresult cuGraphNodeGetEnabled(CUgraphExec exec, CUgraphNode node, unsigned int *isEnabled)
{
    struct nv_context *ctx;
    struct nv_step *step;
    CUresult rc = nv_enter(&ctx);

    if (rc != CUDA_SUCCESS)
        return rc;
    rc = own_step(exec, node, CU_GRAPH_NODE_TYPE_CONDITIONAL, &step);
    if (rc == CUDA_SUCCESS && isEnabled)
        *isEnabled = !step->disabled;
    return nv_leave(rc);
}

/* ---- update by another graph ---- */

static CUgraphExecUpdateResult compare(const struct nv_exec *old, const struct nv_exec *new)
{
    if (old->count != new->count)
        return CU_GRAPH_EXEC_UPDATE_ERROR_TOPOLOGY_CHANGED;
    for (unsigned i = 0; i < old->count; i++) {
        const struct nv_step *a = &old->steps[i], *b = &new->steps[i];

        if (a->type != b->type)
            return CU_GRAPH_EXEC_UPDATE_ERROR_NODE_TYPE_CHANGED;
        if (a->before_count != b->before_count ||
            (a->before_count &&
             memcmp(a->before, b->before, a->before_count * sizeof(*a->before)) != 0))
            return CU_GRAPH_EXEC_UPDATE_ERROR_TOPOLOGY_CHANGED;
        if (a->op.ctx != b->op.ctx)
            return CU_GRAPH_EXEC_UPDATE_ERROR_UNSUPPORTED_FUNCTION_CHANGE;
    }
    return CU_GRAPH_EXEC_UPDATE_SUCCESS;
}

CUresult cuGraphExecUpdate(CUgraphExec handle, CUgraph hGraph, CUgraphExecUpdateResultInfo *result)
{
    CUgraphExecUpdateResult outcome;
    struct exec_object *exec;
    struct nv_context *ctx;
    struct nv_graph *graph;
    struct nv_exec *plan;
    CUresult rc = nv_enter(&ctx);

    if (rc != CUDA_SUCCESS)
        return rc;
    exec = nv_object(handle, NV_EXEC);
    graph = nv_object(hGraph, NV_GRAPH);
    if (!exec || !graph)
        return nv_leave(CUDA_ERROR_INVALID_VALUE);
    rc = nv_plan_make(graph, &plan);
    if (rc != CUDA_SUCCESS)
        return nv_leave(rc);
    outcome = compare(exec->plan, plan);
    if (result)
        *result = (CUgraphExecUpdateResultInfo){.result = outcome};
    if (outcome != CU_GRAPH_EXEC_UPDATE_SUCCESS) {
        nv_exec_release(plan);
        return nv_leave(CUDA_ERROR_GRAPH_EXEC_UPDATE_FAILURE);
    }
    for (unsigned i = 0; i < plan->count; i++) {
        /* Nodes of the graph that it was made from stay the names of its steps. */
        plan->steps[i].origin = exec->plan->steps[i].origin;
        plan->steps[i].disabled = exec->plan->steps[i].disabled;
    }
    nv_exec_release(exec->plan);
    exec->plan = plan;
    return nv_leave(CUDA_SUCCESS);
}
