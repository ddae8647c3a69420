// SPDX-License-Identifier: Apache-2.0
/*
 * Nodes of graphs: adding them, asking for and changing what they do. The calls for one kind of
 * node are those for any kind with a part of the union (graph_params.c) filled in.
 */
#include "graph.h"

#include <stdlib.h>
#include <string.h>

/* ---- adding ---- */

static bool make_bodies(struct nv_node *node, const struct nv_spec *spec)
{
    node->bodies = calloc(spec->bodies, sizeof(struct nv_graph *));
    node->body_handles = calloc(spec->bodies, sizeof(*node->body_handles));
    for (unsigned i = 0; node->bodies && node->body_handles && i < spec->bodies; i++) {
        struct nv_graph *body = nv_graph_new();

        if (!body)
            return false;
        node->bodies[node->body_count++] = body;
        node->body_handles[i] = body->handle;
    }
    return node->body_count == spec->bodies;
}

/* With the lock. */
static CUresult add_node(struct nv_context *ctx, struct nv_graph *graph,
                         const CUgraphNode *dependencies, size_t count, CUgraphNodeParams *p,
                         struct nv_node **out)
{
    struct nv_node **before = calloc(count + 1, sizeof(struct nv_node *)), *node = NULL;
    struct nv_spec spec = {0};
    CUresult rc = before ? CUDA_SUCCESS : CUDA_ERROR_OUT_OF_MEMORY;

    for (size_t i = 0; i < count && rc == CUDA_SUCCESS; i++) {
        before[i] = nv_object(dependencies[i], NV_NODE);
        if (!before[i] || before[i]->graph != graph)
            rc = CUDA_ERROR_INVALID_VALUE;
    }
    if (rc == CUDA_SUCCESS)
        rc = nv_spec_make(ctx, graph, p, true, &spec);
    if (rc == CUDA_SUCCESS) {
        spec.op.ctx = ctx;
        node = nv_node_add(graph, spec.type, &spec.op, before, (unsigned)count);
        if (!node || (spec.bodies && !make_bodies(node, &spec)))
            rc = CUDA_ERROR_OUT_OF_MEMORY;
        if (!node)
            nv_spec_clear(&spec);
    }
    free(before);
    if (rc != CUDA_SUCCESS)
        return rc;
    node->function = spec.function;
    node->memcpy3d = spec.memcpy3d;
    node->child = spec.child;
    if (node->body_count)
        p->conditional.phGraph_out = node->body_handles;
    *out = node;
    return CUDA_SUCCESS;
}

static CUresult add(CUgraphNode *out, CUgraph hGraph, const CUgraphNode *dependencies, size_t count,
                    CUgraphNodeParams *p)
{
    struct nv_context *ctx;
    struct nv_graph *graph;
    struct nv_node *node;
    CUresult rc = nv_enter(&ctx);

    if (rc != CUDA_SUCCESS)
        return rc;
    graph = nv_object(hGraph, NV_GRAPH);
    if (!out || !graph || !p || (count && !dependencies))
        return nv_leave(CUDA_ERROR_INVALID_VALUE);
    rc = add_node(ctx, graph, dependencies, count, p, &node);
    if (rc == CUDA_SUCCESS)
        *out = node->handle;
    return nv_leave(rc);
}

#undef cuGraphAddNode
NV_EXPORT CUresult cuGraphAddNode_v2(CUgraphNode *out, CUgraph graph, const CUgraphNode *deps,
                                     const CUgraphEdgeData *data, size_t count,
                                     CUgraphNodeParams *p);
CUresult cuGraphAddNode_v2(CUgraphNode *out, CUgraph graph, const CUgraphNode *deps,
                           const CUgraphEdgeData *data, size_t count, CUgraphNodeParams *p)
{
    return add(out, graph, deps, count, p);
}
NV_EXPORT CUresult cuGraphAddNode(CUgraphNode *out, CUgraph graph, const CUgraphNode *deps,
                                  size_t count, CUgraphNodeParams *p);
CUresult cuGraphAddNode(CUgraphNode *out, CUgraph graph, const CUgraphNode *deps, size_t count,
                        CUgraphNodeParams *p)
{
    return add(out, graph, deps, count, p);
}

/* ---- parameters of one kind of node as the union; a pointer that is NULL makes no kind ---- */

#define NO_KIND ((CUgraphNodeType)-1)

static CUgraphNodeParams of_kernel(const CUDA_KERNEL_NODE_PARAMS *p)
{
    CUgraphNodeParams params = {.type = p ? CU_GRAPH_NODE_TYPE_KERNEL : NO_KIND};

    _Static_assert(sizeof(params.kernel) == sizeof(*p), "the versions differ in name only");
    if (p)
        memcpy(&params.kernel, p, sizeof(*p));
    return params;
}

#define OF(name, parameter, kind, ...)                                                             \
    static CUgraphNodeParams name(parameter)                                                       \
    {                                                                                              \
        if (!p)                                                                                    \
            return (CUgraphNodeParams){.type = NO_KIND};                                           \
        return (CUgraphNodeParams){.type = CU_GRAPH_NODE_TYPE_##kind, __VA_ARGS__};                \
    }
OF(of_memcpy, const CUDA_MEMCPY3D *p, MEMCPY, .memcpy = {.copyParams = *p})
OF(of_memset, const CUDA_MEMSET_NODE_PARAMS *p, MEMSET,
   .memset = {p->dst, p->pitch, p->value, p->elementSize, p->width, p->height, NULL})
OF(of_host, const CUDA_HOST_NODE_PARAMS *p, HOST, .host = {p->fn, p->userData})
OF(of_record, CUevent p, EVENT_RECORD, .eventRecord = {p})
OF(of_wait, CUevent p, WAIT_EVENT, .eventWait = {p})
OF(of_signals, const CUDA_EXT_SEM_SIGNAL_NODE_PARAMS *p, EXT_SEMAS_SIGNAL,
   .extSemSignal = {p->extSemArray, p->paramsArray, p->numExtSems})
OF(of_waits, const CUDA_EXT_SEM_WAIT_NODE_PARAMS *p, EXT_SEMAS_WAIT,
   .extSemWait = {p->extSemArray, p->paramsArray, p->numExtSems})
OF(of_batch, const CUDA_BATCH_MEM_OP_NODE_PARAMS *p, BATCH_MEM_OP,
   .memOp = {p->ctx, p->count, p->paramArray, p->flags})
OF(of_child, CUgraph p, GRAPH, .graph = {.graph = p})
#undef OF

#define ADD_ARGUMENTS CUgraphNode *out, CUgraph graph, const CUgraphNode *deps, size_t count

/* The three calls that each kind of node has: to add one, to change it in a graph, and in an
 * executable graph. */
static CUresult add_kind(ADD_ARGUMENTS, CUgraphNodeParams params)
{
    return add(out, graph, deps, count, &params);
}

static CUresult set_kind(CUgraphNode node, CUgraphNodeParams params)
{
    return cuGraphNodeSetParams(node, &params);
}

static CUresult change_kind(CUgraphExec exec, CUgraphNode node, CUgraphNodeParams params)
{
    return cuGraphExecNodeSetParams(exec, node, &params);
}

CUresult cuGraphNodeSetParams(CUgraphNode hNode, CUgraphNodeParams *p)
{
    struct nv_context *ctx;
    struct nv_node *node;
    struct nv_spec spec;
    CUresult rc = nv_enter(&ctx);

    if (rc != CUDA_SUCCESS)
        return rc;
    node = nv_object(hNode, NV_NODE);
    if (!node || !p || node->type != p->type)
        return nv_leave(CUDA_ERROR_INVALID_VALUE);
    rc = nv_spec_make(ctx, node->graph, p, false, &spec);
    if (rc != CUDA_SUCCESS)
        return nv_leave(rc);
    spec.op.ctx = ctx;
    nv_spec_apply(&spec, node);
    return nv_leave(CUDA_SUCCESS);
}

CUresult cuGraphAddKernelNode(ADD_ARGUMENTS, const CUDA_KERNEL_NODE_PARAMS *p)
{
    return add_kind(out, graph, deps, count, of_kernel(p));
}
CUresult cuGraphKernelNodeSetParams(CUgraphNode node, const CUDA_KERNEL_NODE_PARAMS *p)
{
    return set_kind(node, of_kernel(p));
}
CUresult cuGraphExecKernelNodeSetParams(CUgraphExec exec, CUgraphNode node,
                                        const CUDA_KERNEL_NODE_PARAMS *p)
{
    return change_kind(exec, node, of_kernel(p));
}

CUresult cuGraphAddMemcpyNode(ADD_ARGUMENTS, const CUDA_MEMCPY3D *p, CUcontext ctx)
{
    return add_kind(out, graph, deps, count, of_memcpy(p));
}
CUresult cuGraphMemcpyNodeSetParams(CUgraphNode node, const CUDA_MEMCPY3D *p)
{
    return set_kind(node, of_memcpy(p));
}
CUresult cuGraphExecMemcpyNodeSetParams(CUgraphExec exec, CUgraphNode node, const CUDA_MEMCPY3D *p,
                                        CUcontext ctx)
{
    return change_kind(exec, node, of_memcpy(p));
}

CUresult cuGraphAddMemsetNode(ADD_ARGUMENTS, const CUDA_MEMSET_NODE_PARAMS *p, CUcontext ctx)
{
    return add_kind(out, graph, deps, count, of_memset(p));
}
CUresult cuGraphMemsetNodeSetParams(CUgraphNode node, const CUDA_MEMSET_NODE_PARAMS *p)
{
    return set_kind(node, of_memset(p));
}
CUresult cuGraphExecMemsetNodeSetParams(CUgraphExec exec, CUgraphNode node,
                                        const CUDA_MEMSET_NODE_PARAMS *p, CUcontext ctx)
{
    return change_kind(exec, node, of_memset(p));
}

CUresult cuGraphAddHostNode(ADD_ARGUMENTS, const CUDA_HOST_NODE_PARAMS *p)
{
    return add_kind(out, graph, deps, count, of_host(p));
}
CUresult cuGraphHostNodeSetParams(CUgraphNode node, const CUDA_HOST_NODE_PARAMS *p)
{
    return set_kind(node, of_host(p));
}
CUresult cuGraphExecHostNodeSetParams(CUgraphExec exec, CUgraphNode node,
                                      const CUDA_HOST_NODE_PARAMS *p)
{
    return change_kind(exec, node, of_host(p));
}

CUresult cuGraphAddEventRecordNode(ADD_ARGUMENTS, CUevent event)
{
    return add_kind(out, graph, deps, count, of_record(event));
}
CUresult cuGraphEventRecordNodeSetEvent(CUgraphNode node, CUevent event)
{
    return set_kind(node, of_record(event));
}
CUresult cuGraphExecEventRecordNodeSetEvent(CUgraphExec exec, CUgraphNode node, CUevent event)
{
    return change_kind(exec, node, of_record(event));
}

CUresult cuGraphAddEventWaitNode(ADD_ARGUMENTS, CUevent event)
{
    return add_kind(out, graph, deps, count, of_wait(event));
}
CUresult cuGraphEventWaitNodeSetEvent(CUgraphNode node, CUevent event)
{
    return set_kind(node, of_wait(event));
}
CUresult cuGraphExecEventWaitNodeSetEvent(CUgraphExec exec, CUgraphNode node, CUevent event)
{
    return change_kind(exec, node, of_wait(event));
}

CUresult cuGraphAddExternalSemaphoresSignalNode(ADD_ARGUMENTS,
                                                const CUDA_EXT_SEM_SIGNAL_NODE_PARAMS *p)
{
    return add_kind(out, graph, deps, count, of_signals(p));
}
CUresult cuGraphExternalSemaphoresSignalNodeSetParams(CUgraphNode node,
                                                      const CUDA_EXT_SEM_SIGNAL_NODE_PARAMS *p)
{
    return set_kind(node, of_signals(p));
}
CUresult cuGraphExecExternalSemaphoresSignalNodeSetParams(CUgraphExec exec, CUgraphNode node,
                                                          const CUDA_EXT_SEM_SIGNAL_NODE_PARAMS *p)
{
    return change_kind(exec, node, of_signals(p));
}

CUresult cuGraphAddExternalSemaphoresWaitNode(ADD_ARGUMENTS, const CUDA_EXT_SEM_WAIT_NODE_PARAMS *p)
{
    return add_kind(out, graph, deps, count, of_waits(p));
}
CUresult cuGraphExternalSemaphoresWaitNodeSetParams(CUgraphNode node,
                                                    const CUDA_EXT_SEM_WAIT_NODE_PARAMS *p)
{
    return set_kind(node, of_waits(p));
}
CUresult cuGraphExecExternalSemaphoresWaitNodeSetParams(CUgraphExec exec, CUgraphNode node,
                                                        const CUDA_EXT_SEM_WAIT_NODE_PARAMS *p)
{
    return change_kind(exec, node, of_waits(p));
}

CUresult cuGraphAddBatchMemOpNode(ADD_ARGUMENTS, const CUDA_BATCH_MEM_OP_NODE_PARAMS *p)
{
    return add_kind(out, graph, deps, count, of_batch(p));
}
CUresult cuGraphBatchMemOpNodeSetParams(CUgraphNode node, const CUDA_BATCH_MEM_OP_NODE_PARAMS *p)
{
    return set_kind(node, of_batch(p));
}
CUresult cuGraphExecBatchMemOpNodeSetParams(CUgraphExec exec, CUgraphNode node,
                                            const CUDA_BATCH_MEM_OP_NODE_PARAMS *p)
{
    return change_kind(exec, node, of_batch(p));
}

CUresult cuGraphAddChildGraphNode(ADD_ARGUMENTS, CUgraph childGraph)
{
    return add_kind(out, graph, deps, count, of_child(childGraph));
}
CUresult cuGraphExecChildGraphNodeSetParams(CUgraphExec exec, CUgraphNode node, CUgraph childGraph)
{
    return change_kind(exec, node, of_child(childGraph));
}

CUresult cuGraphAddEmptyNode(ADD_ARGUMENTS)
{
    CUgraphNodeParams params = {.type = CU_GRAPH_NODE_TYPE_EMPTY};

    return add(out, graph, deps, count, &params);
}

CUresult cuGraphAddMemAllocNode(ADD_ARGUMENTS, CUDA_MEM_ALLOC_NODE_PARAMS *p)
{
    CUgraphNodeParams params = {.type = CU_GRAPH_NODE_TYPE_MEM_ALLOC};
    CUresult rc;

    if (!p)
        return CUDA_ERROR_INVALID_VALUE;
    _Static_assert(sizeof(params.alloc) == sizeof(*p), "the versions differ in name only");
    memcpy(&params.alloc, p, sizeof(*p));
    rc = add(out, graph, deps, count, &params);
    p->dptr = params.alloc.dptr;
    return rc;
}

CUresult cuGraphAddMemFreeNode(ADD_ARGUMENTS, CUdeviceptr dptr)
{
    CUgraphNodeParams params = {.type = CU_GRAPH_NODE_TYPE_MEM_FREE, .free = {dptr}};

    return add(out, graph, deps, count, &params);
}
