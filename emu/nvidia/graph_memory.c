// SPDX-License-Identifier: Apache-2.0
/*
 * Memory of graphs. An allocation node's address is fixed when the node is made, and its memory is
 * there from then on until the graph, its executable graphs and the program are done with it; so
 * allocating and freeing are names for what may be used when. Whether it is allocated is kept in
 * the order of the calls. Source: CUDA Driver API, "Graph Management" (cuGraphAddMemAllocNode,
 * cuGraphAddMemFreeNode); CUDA C++ Programming Guide, "Graph Memory Nodes".
 */
#include "graph.h"

#include <stdlib.h>
#include <string.h>

struct nv_graph_memory {
    unsigned refs; /* of nodes, plans, commands; and one while it is allocated */
    uint64_t va, bytes;
    bool allocated;
    bool claimed;                 /* an executable graph uses it */
    bool used;                    /* it is counted as such */
    const struct nv_graph *freed; /* the graph that has a node which frees it; only compared */
};

static uint64_t used, used_high, reserved, reserved_high;

static void count(uint64_t *sum, uint64_t *high, int64_t bytes)
{
    *sum += (uint64_t)bytes;
    if (*sum > *high)
        *high = *sum;
}

void nv_graph_memory_retain(struct nv_graph_memory *memory)
{
    memory->refs++;
}

void nv_graph_memory_release(struct nv_graph_memory *memory)
{
    if (--memory->refs > 0)
        return;
    count(&reserved, &reserved_high, -(int64_t)memory->bytes);
    nv_memory_free(memory->va);
    free(memory);
}

uint64_t nv_graph_memory_va(const struct nv_graph_memory *memory, uint64_t *bytes)
{
    *bytes = memory->bytes;
    return memory->va;
}

/* It is from the first launch on, until it is free and no executable graph has it (driver 580
 * counts it also when it was freed). */
static void count_used(struct nv_graph_memory *memory)
{
    bool is = memory->allocated || (memory->used && memory->claimed);

    if (memory->used != is)
        count(&used, &used_high, is ? (int64_t)memory->bytes : -(int64_t)memory->bytes);
    memory->used = is;
}

static void set_allocated(struct nv_graph_memory *memory, bool allocated)
{
    if (memory->allocated == allocated)
        return;
    memory->allocated = allocated;
    count_used(memory);
    if (allocated)
        nv_graph_memory_retain(memory);
    else
        nv_graph_memory_release(memory); /* the caller has another reference */
}

CUresult nv_graph_alloc_op(uint64_t bytes, uint64_t *va, struct nv_op *op)
{
    struct nv_graph_memory *memory = calloc(1, sizeof(*memory));
    CUresult rc;

    if (!memory)
        return CUDA_ERROR_OUT_OF_MEMORY;
    rc = nv_memory_alloc(NULL, bytes, va);
    if (rc != CUDA_SUCCESS) {
        free(memory);
        return rc;
    }
    nv_memory_set_graph(*va, memory);
    memory->refs = 1;
    memory->va = *va;
    memory->bytes = bytes;
    count(&reserved, &reserved_high, (int64_t)bytes);
    *op = (struct nv_op){.kind = NV_OP_GRAPH_ALLOC, .memory = memory};
    return CUDA_SUCCESS;
}

static bool allocates(const struct nv_graph *graph, const struct nv_graph_memory *memory)
{
    for (const struct nv_node *n = graph->nodes; n; n = n->next) {
        if (n->op.kind == NV_OP_GRAPH_ALLOC && n->op.memory == memory)
            return true;
        if (n->child && allocates(n->child, memory))
            return true;
    }
    return false;
}

/* Once in a graph; and either in its own graph or in others. */
CUresult nv_graph_free_op(struct nv_graph *graph, uint64_t va, struct nv_op *op)
{
    const struct nv_memory *found = nv_memory_find(va);
    struct nv_graph_memory *memory = found && found->range.base == va ? found->graph : NULL;

    if (!memory || memory->freed == graph)
        return CUDA_ERROR_INVALID_VALUE;
    if (memory->freed && (allocates(memory->freed, memory) || allocates(graph, memory)))
        return CUDA_ERROR_INVALID_VALUE;
    memory->freed = graph;
    *op = (struct nv_op){.kind = NV_OP_GRAPH_FREE, .memory = memory};
    nv_graph_memory_retain(memory);
    return CUDA_SUCCESS;
}

CUresult nv_graph_memory_free(struct nv_graph_memory *memory, struct nv_op *op)
{
    if (!memory->allocated)
        return CUDA_ERROR_INVALID_VALUE;
    *op = (struct nv_op){.kind = NV_OP_GRAPH_FREE, .memory = memory};
    nv_graph_memory_retain(memory);
    set_allocated(memory, false);
    return CUDA_SUCCESS;
}

/* Whether a step before step @end of the plan has allocated it, and none has freed it. */
static bool allocated_before(const struct nv_exec *plan, unsigned end,
                             const struct nv_graph_memory *memory, bool now)
{
    for (unsigned i = 0; i < end; i++) {
        const struct nv_op *op = &plan->steps[i].op;

        if (op->kind == NV_OP_GRAPH_ALLOC && op->memory == memory)
            now = true;
        else if (op->kind == NV_OP_GRAPH_FREE && op->memory == memory)
            now = false;
    }
    return now;
}

CUresult nv_graph_memory_launch(const struct nv_exec *plan, bool auto_free)
{
    for (unsigned i = 0; i < plan->count; i++) {
        const struct nv_op *op = &plan->steps[i].op;

        if (op->kind == NV_OP_GRAPH_ALLOC && op->memory->allocated && !auto_free)
            return CUDA_ERROR_INVALID_VALUE; /* of the launch before, and not freed since */
        if (op->kind == NV_OP_GRAPH_FREE &&
            !allocated_before(plan, i, op->memory, op->memory->allocated))
            return CUDA_ERROR_INVALID_VALUE;
    }
    for (unsigned i = 0; i < plan->count; i++) {
        const struct nv_op *op = &plan->steps[i].op;

        if (op->kind == NV_OP_GRAPH_ALLOC || op->kind == NV_OP_GRAPH_FREE)
            set_allocated(op->memory, op->kind == NV_OP_GRAPH_ALLOC);
    }
    return CUDA_SUCCESS;
}

bool nv_graph_memory_claim(const struct nv_exec *plan, bool claim)
{
    for (unsigned i = 0; claim && i < plan->count; i++) {
        const struct nv_op *op = &plan->steps[i].op;

        if (op->kind == NV_OP_GRAPH_ALLOC && op->memory->claimed)
            return false;
    }
    for (unsigned i = 0; i < plan->count; i++) {
        if (plan->steps[i].op.kind != NV_OP_GRAPH_ALLOC)
            continue;
        plan->steps[i].op.memory->claimed = claim;
        count_used(plan->steps[i].op.memory);
    }
    return true;
}

/* ---- the device's ---- */

static uint64_t *attribute(CUgraphMem_attribute attr, bool set)
{
    switch (attr) {
    case CU_GRAPH_MEM_ATTR_USED_MEM_CURRENT:
        return set ? NULL : &used;
    case CU_GRAPH_MEM_ATTR_USED_MEM_HIGH:
        return &used_high;
    case CU_GRAPH_MEM_ATTR_RESERVED_MEM_CURRENT:
        return set ? NULL : &reserved;
    case CU_GRAPH_MEM_ATTR_RESERVED_MEM_HIGH:
        return &reserved_high;
    default:
        return NULL;
    }
}

static CUresult enter_attribute(CUdevice device, CUgraphMem_attribute attr, void *value, bool set,
                                uint64_t **counter)
{
    struct nv_context *ctx;
    CUresult rc = nv_enter_any(&ctx);

    if (rc != CUDA_SUCCESS)
        return rc;
    *counter = attribute(attr, set);
    if (device != 0)
        return nv_leave(CUDA_ERROR_INVALID_DEVICE);
    return *counter && value ? CUDA_SUCCESS : nv_leave(CUDA_ERROR_INVALID_VALUE);
}

CUresult cuDeviceGetGraphMemAttribute(CUdevice device, CUgraphMem_attribute attr, void *value)
{
    uint64_t *counter;
    CUresult rc = enter_attribute(device, attr, value, false, &counter);

    if (rc != CUDA_SUCCESS)
        return rc;
    *(cuuint64_t *)value = *counter;
    return nv_leave(CUDA_SUCCESS);
}

/* The high marks, to 0 only: from then on they are of what is there now. */
CUresult cuDeviceSetGraphMemAttribute(CUdevice device, CUgraphMem_attribute attr, void *value)
{
    uint64_t *counter;
    CUresult rc = enter_attribute(device, attr, value, true, &counter);

    if (rc != CUDA_SUCCESS)
        return rc;
    if (*(const cuuint64_t *)value != 0)
        return nv_leave(CUDA_ERROR_INVALID_VALUE);
    *counter = counter == &used_high ? used : reserved;
    return nv_leave(CUDA_SUCCESS);
}

CUresult cuDeviceGraphMemTrim(CUdevice device)
{
    return device == 0 ? CUDA_SUCCESS : CUDA_ERROR_INVALID_DEVICE; /* nothing is kept unused */
}
