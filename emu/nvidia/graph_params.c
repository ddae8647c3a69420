// SPDX-License-Identifier: Apache-2.0
/*
 * What a program says of a graph's node, as an operation. The parameters of every kind of node come
 * as the union of cuGraphAddNode; the calls for one kind alone (graph_nodes.c) fill it. Source:
 * CUDA Driver API, "Graph Management".
 */
#include "array.h"
#include "graph.h"

#include <stdlib.h>
#include <string.h>

static CUresult kernel(struct nv_context *ctx, const CUDA_KERNEL_NODE_PARAMS_v3 *p,
                       struct nv_spec *spec)
{
    struct nv_kernel_args args = {
        .grid = {p->gridDimX, p->gridDimY, p->gridDimZ},
        .block = {p->blockDimX, p->blockDimY, p->blockDimZ},
        .shared_bytes = p->sharedMemBytes,
    };

    spec->function = p->func ? p->func : (CUfunction)p->kern;
    return nv_kernel_op(ctx, spec->function, &args, p->kernelParams, p->extra, &spec->op);
}

static CUresult fill(const CUDA_MEMSET_NODE_PARAMS_v2 *p, struct nv_op *op)
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

static CUresult copy(const CUDA_MEMCPY3D *p, struct nv_spec *spec)
{
    struct nv_copy copy = {.width = p->WidthInBytes, .height = p->Height, .depth = p->Depth};
    CUresult rc = side(p->srcMemoryType, p->srcHost, p->srcDevice, p->srcArray, p->srcXInBytes,
                       p->srcY, p->srcZ, p->srcPitch, p->srcHeight, &copy, &copy.from);

    if (rc == CUDA_SUCCESS)
        rc = side(p->dstMemoryType, p->dstHost, p->dstDevice, p->dstArray, p->dstXInBytes, p->dstY,
                  p->dstZ, p->dstPitch, p->dstHeight, &copy, &copy.to);
    spec->memcpy3d = *p;
    spec->op = (struct nv_op){.kind = NV_OP_COPY, .copy = copy};
    return rc;
}

static CUresult host(const CUDA_HOST_NODE_PARAMS_v2 *p, struct nv_op *op)
{
    *op = (struct nv_op){.kind = NV_OP_HOST, .host = {.fn = p->fn, .data = p->userData}};
    return p->fn ? CUDA_SUCCESS : CUDA_ERROR_INVALID_VALUE;
}

static CUresult event(CUevent handle, enum nv_op_kind kind, struct nv_op *op)
{
    struct nv_event *event = nv_event_of(handle);

    if (!event)
        return CUDA_ERROR_INVALID_HANDLE;
    *op = (struct nv_op){.kind = kind, .record = {.event = event}};
    event->refs++;
    return CUDA_SUCCESS;
}

/* A graph with memory or conditions cannot be copied, but given away. */
static CUresult child(const CUDA_CHILD_GRAPH_NODE_PARAMS *p, struct nv_spec *spec)
{
    struct nv_graph *graph = nv_object(p->graph, NV_GRAPH);

    if (!graph)
        return CUDA_ERROR_INVALID_VALUE;
    spec->op = (struct nv_op){.kind = NV_OP_EMPTY};
    if (p->ownership == CU_GRAPH_CHILD_GRAPH_OWNERSHIP_MOVE)
        spec->child = graph;
    else if (nv_graph_is_fixed(graph))
        return CUDA_ERROR_NOT_SUPPORTED;
    else
        spec->child = nv_graph_clone(graph);
    return spec->child ? CUDA_SUCCESS : CUDA_ERROR_OUT_OF_MEMORY;
}

static CUresult allocation(CUDA_MEM_ALLOC_NODE_PARAMS_v2 *p, struct nv_op *op)
{
    uint64_t va;
    CUresult rc;

    if (p->poolProps.allocType != CU_MEM_ALLOCATION_TYPE_PINNED ||
        p->poolProps.handleTypes != CU_MEM_HANDLE_TYPE_NONE || p->bytesize == 0)
        return CUDA_ERROR_INVALID_VALUE;
    if (p->poolProps.location.type != CU_MEM_LOCATION_TYPE_DEVICE)
        return CUDA_ERROR_NOT_SUPPORTED;
    if (p->poolProps.location.id != 0 || p->accessDescCount > 1)
        return CUDA_ERROR_INVALID_VALUE;
    rc = nv_graph_alloc_op(p->bytesize, &va, op);
    if (rc == CUDA_SUCCESS)
        p->dptr = va;
    return rc;
}

CUresult nv_spec_make(struct nv_context *ctx, struct nv_graph *graph, CUgraphNodeParams *p,
                      bool add, struct nv_spec *spec)
{
    *spec = (struct nv_spec){.type = p->type};
    if (!add &&
        (p->type == CU_GRAPH_NODE_TYPE_MEM_ALLOC || p->type == CU_GRAPH_NODE_TYPE_MEM_FREE ||
         p->type == CU_GRAPH_NODE_TYPE_CONDITIONAL))
        return CUDA_ERROR_NOT_SUPPORTED;
    switch (p->type) {
    case CU_GRAPH_NODE_TYPE_KERNEL:
        return kernel(ctx, &p->kernel, spec);
    case CU_GRAPH_NODE_TYPE_MEMCPY:
        return copy(&p->memcpy.copyParams, spec);
    case CU_GRAPH_NODE_TYPE_MEMSET:
        return fill(&p->memset, &spec->op);
    case CU_GRAPH_NODE_TYPE_HOST:
        return host(&p->host, &spec->op);
    case CU_GRAPH_NODE_TYPE_GRAPH:
        return child(&p->graph, spec);
    case CU_GRAPH_NODE_TYPE_EMPTY:
        spec->op = (struct nv_op){.kind = NV_OP_EMPTY};
        return CUDA_SUCCESS;
    case CU_GRAPH_NODE_TYPE_WAIT_EVENT:
        return event(p->eventWait.event, NV_OP_WAIT_EVENT, &spec->op);
    case CU_GRAPH_NODE_TYPE_EVENT_RECORD:
        return event(p->eventRecord.event, NV_OP_RECORD, &spec->op);
    case CU_GRAPH_NODE_TYPE_EXT_SEMAS_SIGNAL:
        return nv_semaphores_op(p->extSemSignal.extSemArray, p->extSemSignal.paramsArray, NULL,
                                p->extSemSignal.numExtSems, &spec->op);
    case CU_GRAPH_NODE_TYPE_EXT_SEMAS_WAIT:
        return nv_semaphores_op(p->extSemWait.extSemArray, NULL, p->extSemWait.paramsArray,
                                p->extSemWait.numExtSems, &spec->op);
    case CU_GRAPH_NODE_TYPE_MEM_ALLOC:
        return allocation(&p->alloc, &spec->op);
    case CU_GRAPH_NODE_TYPE_MEM_FREE:
        return nv_graph_free_op(graph, p->free.dptr, &spec->op);
    case CU_GRAPH_NODE_TYPE_BATCH_MEM_OP:
        return nv_batch_op(p->memOp.count, p->memOp.paramArray, p->memOp.flags, &spec->op);
    case CU_GRAPH_NODE_TYPE_CONDITIONAL:
        spec->bodies = p->conditional.size;
        return nv_condition_op(graph, &p->conditional, &spec->op);
    default:
        return CUDA_ERROR_INVALID_VALUE;
    }
}

void nv_spec_clear(struct nv_spec *spec)
{
    nv_op_clear(&spec->op);
    if (spec->child)
        nv_graph_free(spec->child);
}

void nv_spec_apply(struct nv_spec *spec, struct nv_node *node)
{
    bool kept = node->op.kind == NV_OP_KERNEL && spec->op.kind == NV_OP_KERNEL;
    int priority = kept ? node->op.kernel.priority : 0;
    bool own = kept && node->op.kernel.own_priority;

    nv_op_clear(&node->op);
    node->op = spec->op;
    if (own) { /* an attribute, which parameters do not change */
        node->op.kernel.priority = priority;
        node->op.kernel.own_priority = true;
    }
    node->function = spec->function;
    node->memcpy3d = spec->memcpy3d;
    if (node->child)
        nv_graph_free(node->child);
    node->child = spec->child;
}
