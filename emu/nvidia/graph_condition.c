// SPDX-License-Identifier: Apache-2.0
/*
 * Conditional nodes of graphs: a value that kernels set (cudaGraphSetConditional of the device
 * runtime) says which body graph runs, or whether it runs again. Source: CUDA Driver API, "Graph
 * Management" (CUDA_CONDITIONAL_NODE_PARAMS); CUDA C++ Programming Guide, "Conditional Graph
 * Nodes".
 *
 * Values are never freed, so that kernels may set them without a lock.
 */
#include "engine.h"
#include "graph.h"

#include <stdatomic.h>
#include <stdlib.h>
#include <string.h>

enum { MOST_VALUES = 4096 };
#define HANDLE_MARK 0x5245454600000000ull

struct nv_condition {
    _Atomic uint32_t value;
    const struct nv_graph *graph; /* only compared */
    uint32_t first;               /* at the beginning of a launch */
    bool assigned, in_node;
};

static struct nv_condition values[MOST_VALUES];
static _Atomic uint32_t value_count;

static struct nv_condition *condition_of(uint64_t handle)
{
    uint64_t index = handle - HANDLE_MARK;

    return index < atomic_load(&value_count) ? &values[index] : NULL;
}

void nv_condition_set(void *unused, uint64_t handle, uint32_t value)
{
    struct nv_condition *condition = condition_of(handle);

    if (condition)
        atomic_store(&condition->value, value);
}

CUresult cuGraphConditionalHandleCreate(CUgraphConditionalHandle *pHandle_out, CUgraph hGraph,
                                        CUcontext hCtx, unsigned int defaultLaunchValue,
                                        unsigned int flags)
{
    struct nv_context *ctx;
    struct nv_graph *graph;
    uint32_t index;
    CUresult rc = nv_enter(&ctx);

    if (rc != CUDA_SUCCESS)
        return rc;
    graph = nv_object(hGraph, NV_GRAPH);
    if (!pHandle_out || !graph || (hCtx && !nv_object(hCtx, NV_CONTEXT)) ||
        (flags & ~CU_GRAPH_COND_ASSIGN_DEFAULT))
        return nv_leave(CUDA_ERROR_INVALID_VALUE);
    index = atomic_load(&value_count);
    if (index == MOST_VALUES)
        return nv_leave(CUDA_ERROR_OUT_OF_MEMORY);
    values[index].graph = graph;
    values[index].first = defaultLaunchValue;
    values[index].assigned = flags & CU_GRAPH_COND_ASSIGN_DEFAULT;
    atomic_store(&value_count, index + 1);
    *pHandle_out = HANDLE_MARK + index;
    return nv_leave(CUDA_SUCCESS);
}

CUresult nv_condition_op(const struct nv_graph *graph, const CUDA_CONDITIONAL_NODE_PARAMS *p,
                         struct nv_op *op)
{
    struct nv_condition *value = condition_of(p->handle);
    unsigned most = p->type == CU_GRAPH_COND_TYPE_WHILE ? 1
                    : p->type == CU_GRAPH_COND_TYPE_IF  ? 2
                                                        : 256;

    if (!value || value->in_node || p->size == 0 || p->size > most ||
        p->type > CU_GRAPH_COND_TYPE_SWITCH)
        return CUDA_ERROR_INVALID_VALUE;
    value->in_node = true;
    *op = (struct nv_op){.kind = NV_OP_CONDITION,
                         .condition = {.value = value, .type = p->type, .size = p->size}};
    return CUDA_SUCCESS;
}

bool nv_condition_copy(struct nv_op *op)
{
    struct nv_exec **bodies = op->condition.bodies;

    if (!bodies)
        return true;
    op->condition.bodies = malloc(op->condition.size * sizeof(*bodies));
    if (!op->condition.bodies)
        return false;
    memcpy(op->condition.bodies, bodies, op->condition.size * sizeof(*bodies));
    for (unsigned i = 0; i < op->condition.size; i++)
        nv_exec_retain(bodies[i]);
    return true;
}

void nv_condition_clear(struct nv_op *op)
{
    for (unsigned i = 0; op->condition.bodies && i < op->condition.size; i++)
        nv_exec_release(op->condition.bodies[i]);
    free(op->condition.bodies);
}

void nv_condition_defaults(const struct nv_exec *plan)
{
    for (unsigned i = 0; i < plan->count; i++) {
        const struct nv_op *op = &plan->steps[i].op;

        if (op->kind != NV_OP_CONDITION)
            continue;
        if (op->condition.value->assigned)
            atomic_store(&op->condition.value->value, op->condition.value->first);
        for (unsigned b = 0; op->condition.bodies && b < op->condition.size; b++)
            nv_condition_defaults(op->condition.bodies[b]);
    }
}

/* The body that the value chooses, or NULL. */
static const struct nv_exec *choose(const struct nv_op *op)
{
    uint32_t value = atomic_load(&op->condition.value->value);
    unsigned which = value;

    if (op->condition.type == CU_GRAPH_COND_TYPE_WHILE)
        which = value ? 0 : UINT32_MAX;
    else if (op->condition.type == CU_GRAPH_COND_TYPE_IF)
        which = value ? 0 : 1;
    return which < op->condition.size ? op->condition.bodies[which] : NULL;
}

void nv_condition_start(struct nv_command *command, uint64_t now)
{
    const struct nv_exec *body = choose(&command->op);

    if (!body) {
        nv_command_done(command, now);
        return;
    }
    command->children = 1; /* it is not done while its body is being started */
    if (!nv_plan_start(body, command, now))
        nv_context_break(command->op.ctx, CUDA_ERROR_OUT_OF_MEMORY);
    if (--command->children == 0)
        nv_condition_again(command, now);
}

/* A loop looks again a little later: one that does nothing takes time all the same. */
void nv_condition_again(struct nv_command *command, uint64_t now)
{
    if (command->op.condition.type == CU_GRAPH_COND_TYPE_WHILE &&
        command->op.ctx->sticky == CUDA_SUCCESS)
        nv_schedule(now + HANDOVER_NS, EMU_DUE_QUEUE, command);
    else
        nv_command_done(command, now);
}
