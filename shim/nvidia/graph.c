// SPDX-License-Identifier: Apache-2.0
/*
 * Graphs. A launch is held whole, and its CUgraphExec is pinned until it is issued. It is put off
 * only if the driver would surely accept it; a graph with memory nodes may be refused (its memory
 * of the last launch was not freed), so it is launched in turn. What a graph has is looked up when
 * it is instantiated: of an executable graph the driver tells nothing.
 */
#include <stdlib.h>

#include "shim/nvidia/nvidia.h"
#include "shim/nvidia/trace.h"

enum { MOST_DEPTH = 16 };

/* Whether it allocates or frees, or cannot be looked at. */
static bool has_memory(cu_word graph, unsigned depth)
{
    size_t count = 0;
    if (!cu.cuGraphGetNodes || !cu.cuGraphNodeGetType || depth > MOST_DEPTH ||
        cu.cuGraphGetNodes(graph, 0, cu_out(count)) != CUDA_SUCCESS)
        return true;
    cu_word *nodes = calloc(count + 1, sizeof(*nodes));
    bool found = !nodes || (count && cu.cuGraphGetNodes(graph, (cu_word)(uintptr_t)nodes,
                                                        cu_out(count)) != CUDA_SUCCESS);
    for (size_t i = 0; i < count && !found; i++) {
        int type = CU_NODE_MEM_ALLOC;
        cu_word child = 0;
        cu.cuGraphNodeGetType(nodes[i], cu_out(type));
        found = type == CU_NODE_MEM_ALLOC || type == CU_NODE_MEM_FREE;
        if (type == CU_NODE_GRAPH)
            found = !cu.cuGraphChildGraphNodeGetGraph ||
                    cu.cuGraphChildGraphNodeGetGraph(nodes[i], cu_out(child)) != CUDA_SUCCESS ||
                    has_memory(child, depth + 1);
    }
    free(nodes);
    return found;
}

/* (exec, graph, ...): upload may be part of it, so it has its turn where it may be. */
cu_result cu_graph_instantiate(struct cu_api *api, cu_word *a)
{
    if (api->kind == CU_KIND_INSTANTIATE_TURN)
        cu_take_turn(NULL, false);
    cu_result result = cu_call(cu_real(api), a, api->arguments);
    const cu_word *exec = cu_pointer(a[0]);
    if (result != CUDA_SUCCESS || !exec || cu_is_rt())
        return result;
    bool in_turn = has_memory(a[1], 0);
    pthread_mutex_lock(&reef_cuda.lock);
    struct reef_object *o = cu_object_locked(*exec, in_turn);
    if (o)
        cu_object_keep_locked(o, &o->in_turn, in_turn);
    pthread_mutex_unlock(&reef_cuda.lock);
    return result;
}

static bool launched_in_turn(cu_word exec)
{
    pthread_mutex_lock(&reef_cuda.lock);
    const struct reef_object *o = cu_object_locked(exec, false);
    bool in_turn = o && o->in_turn;
    pthread_mutex_unlock(&reef_cuda.lock);
    return in_turn;
}

static struct reef_op *copy_launch(struct reef_call *call)
{
    uint64_t flags;
    cu_word exec = call->a[0];
    if (!cu.cuGraphExecGetFlags || cu.cuGraphExecGetFlags(exec, cu_out(flags)) != CUDA_SUCCESS ||
        launched_in_turn(exec))
        return NULL;
    return cu_op_new(call, 0);
}

cu_result cu_graph_launch(struct cu_api *api, cu_word *a, struct reef_stream *s)
{
    struct reef_call call = {
        .api = api,
        .a = a,
        .stream = s,
        .key = api->kind == CU_KIND_GRAPH_LAUNCH ? a[0] : 0,
        .objects = {a[0]},
        .copy = copy_launch,
        /* It may wait for an event whose record is held: which events it waits for is not asked. */
        .fence = atomic_load_explicit(&reef_cuda.records, memory_order_acquire) > 0,
    };
    if (cu_tracing() && call.key)
        cu_trace_graph(&call.traced, a[0]);
    return cu_submit(&call);
}

cu_result cu_graph_exec_destroy(struct cu_api *api, cu_word *a)
{
    pthread_mutex_lock(&reef_cuda.lock);
    struct reef_object *o = cu_object_locked(a[0], false);
    bool pending = o && o->pending > 0;
    pthread_mutex_unlock(&reef_cuda.lock);
    if (pending && cu_put_off(api, a))
        return CUDA_SUCCESS;
    if (o) {
        pthread_mutex_lock(&reef_cuda.lock);
        cu_object_forget_locked(a[0]);
        pthread_mutex_unlock(&reef_cuda.lock);
    }
    return cu_call(cu_real(api), a, api->arguments);
}
