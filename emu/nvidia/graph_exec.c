// SPDX-License-Identifier: Apache-2.0
/*
 * Executable graphs: made from a graph, changed, launched. Launches of one executable graph run one
 * after another. What a launch does is what the plan was when it was launched.
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
    if (rc == CUDA_SUCCESS && !nv_graph_memory_claim(exec->plan, true)) {
        nv_exec_release(exec->plan);
        rc = CUDA_ERROR_NOT_SUPPORTED; /* a graph with memory is instantiated once at a time */
    }
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
    const struct exec_object *exec;
    struct nv_context *ctx;
    CUresult rc = nv_enter_any(&ctx);

    if (rc != CUDA_SUCCESS)
        return rc;
    exec = nv_object(handle, NV_EXEC);
    if (!exec || !flags)
        return nv_leave(CUDA_ERROR_INVALID_VALUE);
    *flags = exec->flags;
    return nv_leave(CUDA_SUCCESS);
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
    nv_graph_memory_claim(exec->plan, false);
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
    if (!launch)
        return nv_leave(nv_submit(stream, &op, NULL));
    if (stream->capture) { /* so does driver 580 */
        nv_capture_invalidate(stream);
        return nv_leave(CUDA_ERROR_STREAM_CAPTURE_UNSUPPORTED);
    }
    rc = nv_graph_memory_launch(exec->plan,
                                exec->flags & CUDA_GRAPH_INSTANTIATE_FLAG_AUTO_FREE_ON_LAUNCH);
    if (rc != CUDA_SUCCESS)
        return nv_leave(rc);
    op.exec = exec->plan;
    nv_exec_retain(exec->plan);
    rc = nv_submit_after(stream, &op, exec->last, &command);
    if (rc == CUDA_SUCCESS) {
        if (!nv_plan_launch(exec->plan, command))
            nv_context_break(stream->ctx, CUDA_ERROR_OUT_OF_MEMORY);
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
        struct nv_exec *copy = nv_plan_copy(exec->plan);

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

/* The steps of a child graph, by those of a graph of the same form. */
static CUresult change_child(struct nv_step *step, const struct nv_graph *child)
{
    struct nv_exec *new;
    CUresult rc = nv_plan_make(child, &new);

    if (rc != CUDA_SUCCESS)
        return rc;
    if (new->count + 1 != step->inner)
        rc = CUDA_ERROR_INVALID_VALUE;
    for (unsigned i = 0; i < new->count &&rc == CUDA_SUCCESS; i++) {
        if (new->steps[i].type != step[1 + i].type)
            rc = CUDA_ERROR_INVALID_VALUE;
    }
    for (unsigned i = 0; i < new->count &&rc == CUDA_SUCCESS; i++) {
        struct nv_op op = step[1 + i].op;

        step[1 + i].op = new->steps[i].op; /* what it was goes with the new plan */
        new->steps[i].op = op;
    }
    nv_exec_release(new);
    return rc;
}

CUresult cuGraphExecNodeSetParams(CUgraphExec exec, CUgraphNode hNode, CUgraphNodeParams *p)
{
    struct nv_context *ctx;
    struct nv_node *node;
    struct nv_step *step;
    struct nv_spec spec;
    CUresult rc = nv_enter(&ctx);

    if (rc != CUDA_SUCCESS)
        return rc;
    node = nv_object(hNode, NV_NODE);
    if (!node || !p)
        return nv_leave(CUDA_ERROR_INVALID_VALUE);
    rc = own_step(exec, hNode, p->type, &step);
    if (rc == CUDA_SUCCESS)
        rc = nv_spec_make(ctx, node->graph, p, false, &spec);
    if (rc != CUDA_SUCCESS)
        return nv_leave(rc);
    if (spec.child) {
        rc = change_child(step, spec.child);
        nv_spec_clear(&spec);
        return nv_leave(rc);
    }
    if (p->type == CU_GRAPH_NODE_TYPE_EXT_SEMAS_SIGNAL ||
        p->type == CU_GRAPH_NODE_TYPE_EXT_SEMAS_WAIT) {
        if (spec.op.semaphores.count != step->op.semaphores.count) {
            nv_spec_clear(&spec);
            return nv_leave(CUDA_ERROR_INVALID_VALUE);
        }
    }
    spec.op.ctx = ctx;
    nv_op_clear(&step->op);
    step->op = spec.op;
    return nv_leave(CUDA_SUCCESS);
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
    outcome = nv_plan_compare(exec->plan, plan);
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
