// SPDX-License-Identifier: Apache-2.0
/*
 * What nodes of graphs were told. Arrays that a node has are returned as copies that belong to the
 * calling thread and stay until its next question.
 */
#include "graph.h"

#include <stdlib.h>
#include <string.h>

/* With the lock; NULL and without it: @rc says why. */
static struct nv_node *enter_node(CUgraphNode handle, CUgraphNodeType type, const void *out,
                                  CUresult *rc)
{
    struct nv_context *ctx;
    struct nv_node *node;

    *rc = nv_enter(&ctx);
    if (*rc != CUDA_SUCCESS)
        return NULL;
    node = nv_object(handle, NV_NODE);
    if (node && node->type == type && out)
        return node;
    *rc = nv_leave(CUDA_ERROR_INVALID_VALUE);
    return NULL;
}

/* The parameters' addresses are those of the node's own copy. */
CUresult cuGraphKernelNodeGetParams(CUgraphNode hNode, CUDA_KERNEL_NODE_PARAMS *p)
{
    static __thread void *addresses[256];
    const struct ptx_function *ptx;
    CUresult rc;
    struct nv_node *node = enter_node(hNode, CU_GRAPH_NODE_TYPE_KERNEL, p, &rc);

    if (!node)
        return rc;
    ptx = node->op.kernel.function->ptx;
    memset(p, 0, sizeof(*p));
    p->func = node->function;
    memcpy(&p->gridDimX, node->op.kernel.grid, sizeof(node->op.kernel.grid));
    memcpy(&p->blockDimX, node->op.kernel.block, sizeof(node->op.kernel.block));
    p->sharedMemBytes = node->op.kernel.shared_bytes;
    for (uint32_t i = 0; i < ptx->param_count && i < 256; i++)
        addresses[i] = node->op.kernel.params + ptx->params[i].offset;
    p->kernelParams = addresses;
    return nv_leave(CUDA_SUCCESS);
}

CUresult cuGraphMemsetNodeGetParams(CUgraphNode hNode, CUDA_MEMSET_NODE_PARAMS *p)
{
    CUresult rc;
    struct nv_node *node = enter_node(hNode, CU_GRAPH_NODE_TYPE_MEMSET, p, &rc);

    if (!node)
        return rc;
    *p = (CUDA_MEMSET_NODE_PARAMS){node->op.fill.va,    node->op.fill.pitch, node->op.fill.value,
                                   node->op.fill.bytes, node->op.fill.width, node->op.fill.height};
    return nv_leave(CUDA_SUCCESS);
}

CUresult cuGraphMemcpyNodeGetParams(CUgraphNode hNode, CUDA_MEMCPY3D *p)
{
    CUresult rc;
    struct nv_node *node = enter_node(hNode, CU_GRAPH_NODE_TYPE_MEMCPY, p, &rc);

    if (!node)
        return rc;
    *p = node->memcpy3d;
    return nv_leave(CUDA_SUCCESS);
}

CUresult cuGraphHostNodeGetParams(CUgraphNode hNode, CUDA_HOST_NODE_PARAMS *p)
{
    CUresult rc;
    struct nv_node *node = enter_node(hNode, CU_GRAPH_NODE_TYPE_HOST, p, &rc);

    if (!node)
        return rc;
    *p = (CUDA_HOST_NODE_PARAMS){node->op.host.fn, node->op.host.data};
    return nv_leave(CUDA_SUCCESS);
}

static CUresult get_event(CUgraphNode hNode, CUgraphNodeType type, CUevent *out)
{
    CUresult rc;
    struct nv_node *node = enter_node(hNode, type, out, &rc);

    if (!node)
        return rc;
    *out = node->op.record.event->handle;
    return nv_leave(CUDA_SUCCESS);
}

CUresult cuGraphEventRecordNodeGetEvent(CUgraphNode hNode, CUevent *event_out)
{
    return get_event(hNode, CU_GRAPH_NODE_TYPE_EVENT_RECORD, event_out);
}

CUresult cuGraphEventWaitNodeGetEvent(CUgraphNode hNode, CUevent *event_out)
{
    return get_event(hNode, CU_GRAPH_NODE_TYPE_WAIT_EVENT, event_out);
}

CUresult cuGraphChildGraphNodeGetGraph(CUgraphNode hNode, CUgraph *phGraph)
{
    CUresult rc;
    struct nv_node *node = enter_node(hNode, CU_GRAPH_NODE_TYPE_GRAPH, phGraph, &rc);

    if (!node)
        return rc;
    if (!node->child) { /* a launch that was captured: what it launched is only a plan */
        emu_missing("cuGraphChildGraphNodeGetGraph of a captured launch");
        return nv_leave(CUDA_ERROR_NOT_SUPPORTED);
    }
    *phGraph = node->child->handle;
    return nv_leave(CUDA_SUCCESS);
}

CUresult cuGraphMemAllocNodeGetParams(CUgraphNode hNode, CUDA_MEM_ALLOC_NODE_PARAMS *p)
{
    CUresult rc;
    struct nv_node *node = enter_node(hNode, CU_GRAPH_NODE_TYPE_MEM_ALLOC, p, &rc);
    uint64_t bytes;

    if (!node)
        return rc;
    memset(p, 0, sizeof(*p));
    p->poolProps.allocType = CU_MEM_ALLOCATION_TYPE_PINNED;
    p->poolProps.location.type = CU_MEM_LOCATION_TYPE_DEVICE;
    p->dptr = nv_graph_memory_va(node->op.memory, &bytes);
    p->bytesize = bytes;
    return nv_leave(CUDA_SUCCESS);
}

CUresult cuGraphMemFreeNodeGetParams(CUgraphNode hNode, CUdeviceptr *dptr_out)
{
    CUresult rc;
    struct nv_node *node = enter_node(hNode, CU_GRAPH_NODE_TYPE_MEM_FREE, dptr_out, &rc);
    uint64_t bytes;

    if (!node)
        return rc;
    *dptr_out = nv_graph_memory_va(node->op.memory, &bytes);
    return nv_leave(CUDA_SUCCESS);
}

CUresult cuGraphBatchMemOpNodeGetParams(CUgraphNode hNode, CUDA_BATCH_MEM_OP_NODE_PARAMS *p)
{
    static __thread CUstreamBatchMemOpParams array[256];
    CUresult rc;
    struct nv_node *node = enter_node(hNode, CU_GRAPH_NODE_TYPE_BATCH_MEM_OP, p, &rc);

    if (!node)
        return rc;
    nv_batch_params(&node->op, array);
    *p = (CUDA_BATCH_MEM_OP_NODE_PARAMS){
        .ctx = node->op.ctx->handle, .count = node->op.batch.count, .paramArray = array};
    return nv_leave(CUDA_SUCCESS);
}

/* ---- semaphores ---- */

enum { MOST_SEMAPHORES = 64 }; /* of a node that can be asked */
static __thread CUexternalSemaphore semaphores[MOST_SEMAPHORES];

static unsigned list_semaphores(const struct nv_node *node)
{
    unsigned count = node->op.semaphores.count;

    count = count < MOST_SEMAPHORES ? count : MOST_SEMAPHORES;
    for (unsigned i = 0; i < count; i++)
        semaphores[i] = nv_semaphore_handle(node->op.semaphores.ops[i].semaphore);
    return count;
}

CUresult cuGraphExternalSemaphoresSignalNodeGetParams(CUgraphNode hNode,
                                                      CUDA_EXT_SEM_SIGNAL_NODE_PARAMS *p)
{
    static __thread CUDA_EXTERNAL_SEMAPHORE_SIGNAL_PARAMS array[MOST_SEMAPHORES];
    CUresult rc;
    struct nv_node *node = enter_node(hNode, CU_GRAPH_NODE_TYPE_EXT_SEMAS_SIGNAL, p, &rc);

    if (!node)
        return rc;
    *p = (CUDA_EXT_SEM_SIGNAL_NODE_PARAMS){semaphores, array, list_semaphores(node)};
    memset(array, 0, sizeof(array));
    for (unsigned i = 0; i < p->numExtSems; i++)
        array[i].params.fence.value = node->op.semaphores.ops[i].value;
    return nv_leave(CUDA_SUCCESS);
}

CUresult cuGraphExternalSemaphoresWaitNodeGetParams(CUgraphNode hNode,
                                                    CUDA_EXT_SEM_WAIT_NODE_PARAMS *p)
{
    static __thread CUDA_EXTERNAL_SEMAPHORE_WAIT_PARAMS array[MOST_SEMAPHORES];
    CUresult rc;
    struct nv_node *node = enter_node(hNode, CU_GRAPH_NODE_TYPE_EXT_SEMAS_WAIT, p, &rc);

    if (!node)
        return rc;
    *p = (CUDA_EXT_SEM_WAIT_NODE_PARAMS){semaphores, array, list_semaphores(node)};
    memset(array, 0, sizeof(array));
    for (unsigned i = 0; i < p->numExtSems; i++)
        array[i].params.fence.value = node->op.semaphores.ops[i].value;
    return nv_leave(CUDA_SUCCESS);
}

/* ---- attributes of kernels ---- */

CUresult cuGraphKernelNodeGetAttribute(CUgraphNode hNode, CUkernelNodeAttrID attr,
                                       CUkernelNodeAttrValue *value_out)
{
    CUresult rc;
    struct nv_node *node = enter_node(hNode, CU_GRAPH_NODE_TYPE_KERNEL, value_out, &rc);

    if (!node)
        return rc;
    memset(value_out, 0, sizeof(*value_out));
    if (attr == CU_LAUNCH_ATTRIBUTE_PRIORITY)
        value_out->priority = node->op.kernel.priority;
    else if (attr == CU_LAUNCH_ATTRIBUTE_COOPERATIVE)
        value_out->cooperative = node->op.kernel.cooperative;
    else if (attr != CU_LAUNCH_ATTRIBUTE_ACCESS_POLICY_WINDOW)
        return nv_leave(CUDA_ERROR_INVALID_VALUE);
    return nv_leave(CUDA_SUCCESS);
}

CUresult cuGraphKernelNodeSetAttribute(CUgraphNode hNode, CUkernelNodeAttrID attr,
                                       const CUkernelNodeAttrValue *value)
{
    CUresult rc;
    struct nv_node *node = enter_node(hNode, CU_GRAPH_NODE_TYPE_KERNEL, value, &rc);

    if (!node)
        return rc;
    if (attr == CU_LAUNCH_ATTRIBUTE_PRIORITY) {
        node->op.kernel.priority = value->priority;
        node->op.kernel.own_priority = true;
    } else if (attr == CU_LAUNCH_ATTRIBUTE_COOPERATIVE) {
        node->op.kernel.cooperative = value->cooperative != 0;
    } else if (attr == CU_LAUNCH_ATTRIBUTE_CLUSTER_DIMENSION) {
        if (value->clusterDim.x != 1 || value->clusterDim.y != 1 || value->clusterDim.z != 1)
            return nv_leave(CUDA_ERROR_NOT_SUPPORTED);
    } else if (attr != CU_LAUNCH_ATTRIBUTE_ACCESS_POLICY_WINDOW) {
        return nv_leave(CUDA_ERROR_INVALID_VALUE);
    }
    return nv_leave(CUDA_SUCCESS);
}

CUresult cuGraphKernelNodeCopyAttributes(CUgraphNode dst, CUgraphNode src)
{
    CUresult rc;
    struct nv_node *from = enter_node(src, CU_GRAPH_NODE_TYPE_KERNEL, dst, &rc), *to;

    if (!from)
        return rc;
    to = nv_object(dst, NV_NODE);
    if (!to || to->type != CU_GRAPH_NODE_TYPE_KERNEL)
        return nv_leave(CUDA_ERROR_INVALID_VALUE);
    to->op.kernel.priority = from->op.kernel.priority;
    to->op.kernel.own_priority = from->op.kernel.own_priority;
    to->op.kernel.cooperative = from->op.kernel.cooperative;
    return nv_leave(CUDA_SUCCESS);
}
