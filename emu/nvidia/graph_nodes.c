// SPDX-License-Identifier: Apache-2.0
/* Nodes of graphs by their parameters: adding, asking, changing. See graph.h. */
#include "graph.h"

#include "array.h"

#include <stdlib.h>
#include <string.h>

/* ---- parameters as operations ---- */

CUresult nv_kernel_params_op(struct nv_context *ctx, const CUDA_KERNEL_NODE_PARAMS *p,
                             struct nv_op *op)
{
    struct nv_kernel_args args = {
        .grid = {p->gridDimX, p->gridDimY, p->gridDimZ},
        .block = {p->blockDimX, p->blockDimY, p->blockDimZ},
        .shared_bytes = p->sharedMemBytes,
    };

    return nv_kernel_op(ctx, p->func ? p->func : (CUfunction)p->kern, &args, p->kernelParams,
                        p->extra, op);
}

CUresult nv_memset_params_op(const CUDA_MEMSET_NODE_PARAMS *p, struct nv_op *op)
{
    if ((p->elementSize != 1 && p->elementSize != 2 && p->elementSize != 4) || !p->width ||
        !p->height ||
        !nv_memory_host(p->dst, (p->height - 1) * p->pitch + p->width * p->elementSize))
        return CUDA_ERROR_INVALID_VALUE;
    *op = (struct nv_op){.kind = NV_OP_FILL,
                         .fill = {p->dst, p->pitch, p->width, p->height, p->elementSize, p->value}};
    return CUDA_SUCCESS;
}

static CUresult side(CUmemorytype type, const void *host, CUdeviceptr va, CUarray array, size_t x,
                     size_t y, size_t z, size_t pitch, size_t height, const struct nv_copy *copy,
                     struct nv_place *place)
{
    place->pitch = pitch ? pitch : copy->width;
    place->height = height ? height : copy->height;
    if (type == CU_MEMORYTYPE_ARRAY)
        return nv_array_place(array, x, y, z, copy, place);
    va = type == CU_MEMORYTYPE_HOST ? (uintptr_t)host : va;
    va += (z * place->height + y) * place->pitch + x;
    if (nv_memory_find(va))
        place->va = va;
    else if (type == CU_MEMORYTYPE_DEVICE)
        return CUDA_ERROR_INVALID_VALUE;
    else
        place->host = (uint8_t *)(uintptr_t)va;
    return CUDA_SUCCESS;
}

CUresult nv_memcpy_params_op(const CUDA_MEMCPY3D *p, struct nv_op *op)
{
    struct nv_copy copy = {.width = p->WidthInBytes, .height = p->Height, .depth = p->Depth};
    CUresult rc = side(p->srcMemoryType, p->srcHost, p->srcDevice, p->srcArray, p->srcXInBytes,
                       p->srcY, p->srcZ, p->srcPitch, p->srcHeight, &copy, &copy.from);

    if (rc == CUDA_SUCCESS)
        rc = side(p->dstMemoryType, p->dstHost, p->dstDevice, p->dstArray, p->dstXInBytes, p->dstY,
                  p->dstZ, p->dstPitch, p->dstHeight, &copy, &copy.to);
    if (rc == CUDA_SUCCESS)
        *op = (struct nv_op){.kind = NV_OP_COPY, .copy = copy};
    return rc;
}

/* ---- adding ---- */

/* The lock is held, and given back; @op is taken over. */
static CUresult add(CUgraphNode *out, CUgraph hGraph, const CUgraphNode *dependencies, size_t count,
                    struct nv_context *ctx, CUgraphNodeType type, struct nv_op *op,
                    struct nv_node **made)
{
    struct nv_graph *graph = nv_object(hGraph, NV_GRAPH);
    struct nv_node **before = calloc(count + 1, sizeof(*before)), *node = NULL;
    CUresult rc = graph && out && before && (!count || dependencies) ? CUDA_SUCCESS
                                                                     : CUDA_ERROR_INVALID_VALUE;

    for (size_t i = 0; i < count && rc == CUDA_SUCCESS; i++) {
        before[i] = nv_object(dependencies[i], NV_NODE);
        if (!before[i] || before[i]->graph != graph)
            rc = CUDA_ERROR_INVALID_VALUE;
    }
    op->ctx = ctx;
    if (rc == CUDA_SUCCESS && !(node = nv_node_add(graph, type, op, before, (unsigned)count)))
        rc = CUDA_ERROR_OUT_OF_MEMORY;
    free(before);
    if (rc != CUDA_SUCCESS) {
        nv_op_clear(op);
        return nv_leave(rc);
    }
    *out = node->handle;
    if (made)
        *made = node;
    return rc; /* still locked */
}

CUresult cuGraphAddKernelNode(CUgraphNode *out, CUgraph graph, const CUgraphNode *deps,
                              size_t count, const CUDA_KERNEL_NODE_PARAMS *p)
{
    struct nv_context *ctx;
    struct nv_node *node;
    struct nv_op op;
    CUresult rc = nv_enter(&ctx);

    if (rc != CUDA_SUCCESS)
        return rc;
    rc = p ? nv_kernel_params_op(ctx, p, &op) : CUDA_ERROR_INVALID_VALUE;
    if (rc != CUDA_SUCCESS)
        return nv_leave(rc);
    rc = add(out, graph, deps, count, ctx, CU_GRAPH_NODE_TYPE_KERNEL, &op, &node);
    if (rc != CUDA_SUCCESS)
        return rc;
    node->function = p->func;
    return nv_leave(rc);
}

CUresult cuGraphAddMemcpyNode(CUgraphNode *out, CUgraph graph, const CUgraphNode *deps,
                              size_t count, const CUDA_MEMCPY3D *p, CUcontext hctx)
{
    struct nv_context *ctx;
    struct nv_node *node;
    struct nv_op op;
    CUresult rc = nv_enter(&ctx);

    if (rc != CUDA_SUCCESS)
        return rc;
    rc = p ? nv_memcpy_params_op(p, &op) : CUDA_ERROR_INVALID_VALUE;
    if (rc != CUDA_SUCCESS)
        return nv_leave(rc);
    rc = add(out, graph, deps, count, ctx, CU_GRAPH_NODE_TYPE_MEMCPY, &op, &node);
    if (rc != CUDA_SUCCESS)
        return rc;
    node->memcpy3d = *p;
    return nv_leave(rc);
}

CUresult cuGraphAddMemsetNode(CUgraphNode *out, CUgraph graph, const CUgraphNode *deps,
                              size_t count, const CUDA_MEMSET_NODE_PARAMS *p, CUcontext hctx)
{
    struct nv_context *ctx;
    struct nv_op op;
    CUresult rc = nv_enter(&ctx);

    if (rc != CUDA_SUCCESS)
        return rc;
    rc = p ? nv_memset_params_op(p, &op) : CUDA_ERROR_INVALID_VALUE;
    if (rc != CUDA_SUCCESS)
        return nv_leave(rc);
    rc = add(out, graph, deps, count, ctx, CU_GRAPH_NODE_TYPE_MEMSET, &op, NULL);
    return rc == CUDA_SUCCESS ? nv_leave(rc) : rc;
}

CUresult cuGraphAddHostNode(CUgraphNode *out, CUgraph graph, const CUgraphNode *deps, size_t count,
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
    rc = add(out, graph, deps, count, ctx, CU_GRAPH_NODE_TYPE_HOST, &op, NULL);
    return rc == CUDA_SUCCESS ? nv_leave(rc) : rc;
}

CUresult cuGraphAddEmptyNode(CUgraphNode *out, CUgraph graph, const CUgraphNode *deps, size_t count)
{
    struct nv_op op = {.kind = NV_OP_EMPTY};
    struct nv_context *ctx;
    CUresult rc = nv_enter(&ctx);

    if (rc != CUDA_SUCCESS)
        return rc;
    rc = add(out, graph, deps, count, ctx, CU_GRAPH_NODE_TYPE_EMPTY, &op, NULL);
    return rc == CUDA_SUCCESS ? nv_leave(rc) : rc;
}

static CUresult add_event(CUgraphNode *out, CUgraph graph, const CUgraphNode *deps, size_t count,
                          CUevent handle, bool record)
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
    rc = add(out, graph, deps, count, ctx,
             record ? CU_GRAPH_NODE_TYPE_EVENT_RECORD : CU_GRAPH_NODE_TYPE_WAIT_EVENT, &op, NULL);
    return rc == CUDA_SUCCESS ? nv_leave(rc) : rc;
}

CUresult cuGraphAddEventRecordNode(CUgraphNode *out, CUgraph graph, const CUgraphNode *deps,
                                   size_t count, CUevent event)
{
    return add_event(out, graph, deps, count, event, true);
}

CUresult cuGraphAddEventWaitNode(CUgraphNode *out, CUgraph graph, const CUgraphNode *deps,
                                 size_t count, CUevent event)
{
    return add_event(out, graph, deps, count, event, false);
}

CUresult cuGraphAddChildGraphNode(CUgraphNode *out, CUgraph graph, const CUgraphNode *deps,
                                  size_t count, CUgraph childGraph)
{
    struct nv_op op = {.kind = NV_OP_EMPTY};
    struct nv_graph *child;
    struct nv_context *ctx;
    struct nv_node *node;
    CUresult rc = nv_enter(&ctx);

    if (rc != CUDA_SUCCESS)
        return rc;
    child = nv_object(childGraph, NV_GRAPH);
    child = child ? nv_graph_clone(child) : NULL;
    if (!child)
        return nv_leave(CUDA_ERROR_INVALID_VALUE);
    rc = add(out, graph, deps, count, ctx, CU_GRAPH_NODE_TYPE_GRAPH, &op, &node);
    if (rc != CUDA_SUCCESS)
        return rc;
    node->child = child;
    return nv_leave(rc);
}

CUresult cuGraphChildGraphNodeGetGraph(CUgraphNode hNode, CUgraph *phGraph)
{
    struct nv_context *ctx;
    struct nv_node *node;
    CUresult rc = nv_enter_any(&ctx);

    if (rc != CUDA_SUCCESS)
        return rc;
    node = nv_object(hNode, NV_NODE);
    if (!node || !node->child || !phGraph)
        return nv_leave(CUDA_ERROR_INVALID_VALUE);
    *phGraph = node->child->handle;
    return nv_leave(CUDA_SUCCESS);
}

/* ---- asking and changing ---- */

static CUresult enter_node(CUgraphNode handle, CUgraphNodeType type, struct nv_context **ctx,
                           struct nv_node **node)
{
    CUresult rc = nv_enter(ctx);

    if (rc != CUDA_SUCCESS)
        return rc;
    *node = nv_object(handle, NV_NODE);
    return *node && (*node)->type == type ? CUDA_SUCCESS : nv_leave(CUDA_ERROR_INVALID_VALUE);
}

/* The parameters' addresses are those of the node's own copy. */
CUresult cuGraphKernelNodeGetParams(CUgraphNode hNode, CUDA_KERNEL_NODE_PARAMS *p)
{
    static __thread void *addresses[256];
    const struct ptx_function *ptx;
    struct nv_context *ctx;
    struct nv_node *node;
    CUresult rc = enter_node(hNode, CU_GRAPH_NODE_TYPE_KERNEL, &ctx, &node);

    if (rc != CUDA_SUCCESS)
        return rc;
    if (!p)
        return nv_leave(CUDA_ERROR_INVALID_VALUE);
    ptx = node->op.kernel.function->ptx;
    memset(p, 0, sizeof(*p));
    p->func = node->function;
    p->gridDimX = node->op.kernel.grid[0];
    p->gridDimY = node->op.kernel.grid[1];
    p->gridDimZ = node->op.kernel.grid[2];
    p->blockDimX = node->op.kernel.block[0];
    p->blockDimY = node->op.kernel.block[1];
    p->blockDimZ = node->op.kernel.block[2];
    p->sharedMemBytes = node->op.kernel.shared_bytes;
    for (uint32_t i = 0; i < ptx->param_count && i < 256; i++)
        addresses[i] = node->op.kernel.params + ptx->params[i].offset;
    p->kernelParams = addresses;
    return nv_leave(CUDA_SUCCESS);
}

static CUresult replace(struct nv_node *node, struct nv_op *op, struct nv_context *ctx)
{
    nv_op_clear(&node->op);
    node->op = *op;
    node->op.ctx = ctx;
    return nv_leave(CUDA_SUCCESS);
}

CUresult cuGraphKernelNodeSetParams(CUgraphNode hNode, const CUDA_KERNEL_NODE_PARAMS *p)
{
    struct nv_context *ctx;
    struct nv_node *node;
    struct nv_op op;
    CUresult rc = enter_node(hNode, CU_GRAPH_NODE_TYPE_KERNEL, &ctx, &node);

    if (rc != CUDA_SUCCESS)
        return rc;
    rc = p ? nv_kernel_params_op(ctx, p, &op) : CUDA_ERROR_INVALID_VALUE;
    if (rc != CUDA_SUCCESS)
        return nv_leave(rc);
    node->function = p->func;
    return replace(node, &op, ctx);
}

CUresult cuGraphMemsetNodeSetParams(CUgraphNode hNode, const CUDA_MEMSET_NODE_PARAMS *p)
{
    struct nv_context *ctx;
    struct nv_node *node;
    struct nv_op op;
    CUresult rc = enter_node(hNode, CU_GRAPH_NODE_TYPE_MEMSET, &ctx, &node);

    if (rc != CUDA_SUCCESS)
        return rc;
    rc = p ? nv_memset_params_op(p, &op) : CUDA_ERROR_INVALID_VALUE;
    return rc == CUDA_SUCCESS ? replace(node, &op, ctx) : nv_leave(rc);
}

CUresult cuGraphMemsetNodeGetParams(CUgraphNode hNode, CUDA_MEMSET_NODE_PARAMS *p)
{
    struct nv_context *ctx;
    struct nv_node *node;
    CUresult rc = enter_node(hNode, CU_GRAPH_NODE_TYPE_MEMSET, &ctx, &node);

    if (rc != CUDA_SUCCESS)
        return rc;
    if (!p)
        return nv_leave(CUDA_ERROR_INVALID_VALUE);
    *p = (CUDA_MEMSET_NODE_PARAMS){node->op.fill.va,    node->op.fill.pitch, node->op.fill.value,
                                   node->op.fill.bytes, node->op.fill.width, node->op.fill.height};
    return nv_leave(CUDA_SUCCESS);
}

CUresult cuGraphMemcpyNodeGetParams(CUgraphNode hNode, CUDA_MEMCPY3D *p)
{
    struct nv_context *ctx;
    struct nv_node *node;
    CUresult rc = enter_node(hNode, CU_GRAPH_NODE_TYPE_MEMCPY, &ctx, &node);

    if (rc != CUDA_SUCCESS)
        return rc;
    if (!p)
        return nv_leave(CUDA_ERROR_INVALID_VALUE);
    *p = node->memcpy3d;
    return nv_leave(CUDA_SUCCESS);
}

CUresult cuGraphMemcpyNodeSetParams(CUgraphNode hNode, const CUDA_MEMCPY3D *p)
{
    struct nv_context *ctx;
    struct nv_node *node;
    struct nv_op op;
    CUresult rc = enter_node(hNode, CU_GRAPH_NODE_TYPE_MEMCPY, &ctx, &node);

    if (rc != CUDA_SUCCESS)
        return rc;
    rc = p ? nv_memcpy_params_op(p, &op) : CUDA_ERROR_INVALID_VALUE;
    if (rc != CUDA_SUCCESS)
        return nv_leave(rc);
    node->memcpy3d = *p;
    return replace(node, &op, ctx);
}

CUresult cuGraphHostNodeGetParams(CUgraphNode hNode, CUDA_HOST_NODE_PARAMS *p)
{
    struct nv_context *ctx;
    struct nv_node *node;
    CUresult rc = enter_node(hNode, CU_GRAPH_NODE_TYPE_HOST, &ctx, &node);

    if (rc != CUDA_SUCCESS)
        return rc;
    if (!p)
        return nv_leave(CUDA_ERROR_INVALID_VALUE);
    *p = (CUDA_HOST_NODE_PARAMS){node->op.host.fn, node->op.host.data};
    return nv_leave(CUDA_SUCCESS);
}

CUresult cuGraphHostNodeSetParams(CUgraphNode hNode, const CUDA_HOST_NODE_PARAMS *p)
{
    struct nv_context *ctx;
    struct nv_node *node;
    struct nv_op op = {.kind = NV_OP_HOST};
    CUresult rc = enter_node(hNode, CU_GRAPH_NODE_TYPE_HOST, &ctx, &node);

    if (rc != CUDA_SUCCESS)
        return rc;
    if (!p || !p->fn)
        return nv_leave(CUDA_ERROR_INVALID_VALUE);
    op.host.fn = p->fn;
    op.host.data = p->userData;
    return replace(node, &op, ctx);
}
