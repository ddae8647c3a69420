// SPDX-License-Identifier: Apache-2.0
/*
 * Graphs. A launch is held whole, and its CUgraphExec is pinned until it is issued. It is put off
 * only if the driver would surely accept it; a graph with memory nodes may be refused (its memory
 * of the last launch was not freed), so it is launched in turn. So is one with nodes of events,
 * behind everything called before it: a launch records them, and which ones they are is not known
 * here, nor which the program destroys or asks about next. What a graph has is looked up when it is
 * instantiated: of an executable graph the driver tells nothing.
 */
#include <stdlib.h>

#include "shim/nvidia/nvidia.h"
#include "shim/nvidia/trace.h"

enum { MOST_DEPTH = 16 };

enum { IN_TURN = 1, WAITS = 2 };

static unsigned traits_of_node(cu_word node, unsigned depth);

/* Whether it is to be launched in turn, or waits; if it cannot be looked at, it is all of that. */
static unsigned traits_of(cu_word graph, unsigned depth)
{
    size_t count = 0;
    if (!cu.cuGraphGetNodes || !cu.cuGraphNodeGetType || depth > MOST_DEPTH ||
        cu.cuGraphGetNodes(graph, 0, cu_out(count)) != CUDA_SUCCESS)
        return IN_TURN | WAITS;
    cu_word *nodes = calloc(count + 1, sizeof(*nodes));
    unsigned traits = 0;
    if (!nodes || (count && cu.cuGraphGetNodes(graph, (cu_word)(uintptr_t)nodes, cu_out(count)) !=
                                CUDA_SUCCESS))
        traits = IN_TURN | WAITS;
    for (size_t i = 0; nodes && i < count; i++)
        traits |= traits_of_node(nodes[i], depth);
    free(nodes);
    return traits;
}

static unsigned traits_of_node(cu_word node, unsigned depth)
{
    int type = CU_NODE_MEM_ALLOC;
    cu_word child = 0;
    cu.cuGraphNodeGetType(node, cu_out(type));
    if (type == CU_NODE_MEM_ALLOC || type == CU_NODE_MEM_FREE)
        return IN_TURN;
    if (type == CU_NODE_WAIT_EVENT || type == CU_NODE_EVENT_RECORD)
        return IN_TURN | WAITS;
    if (type == CU_NODE_WAIT_SEMAPHORES || type == CU_NODE_BATCH_MEM_OP)
        return WAITS;
    if (type != CU_NODE_GRAPH)
        return 0;
    if (!cu.cuGraphChildGraphNodeGetGraph ||
        cu.cuGraphChildGraphNodeGetGraph(node, cu_out(child)) != CUDA_SUCCESS)
        return IN_TURN | WAITS;
    return traits_of(child, depth + 1);
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
    unsigned traits = traits_of(a[1], 0);
    pthread_mutex_lock(&reef_cuda.lock);
    struct reef_object *o = cu_object_locked(*exec, traits != 0);
    if (o) {
        cu_object_keep_locked(o, &o->in_turn, traits & IN_TURN);
        cu_object_keep_locked(o, &o->waits, traits & WAITS);
    }
    pthread_mutex_unlock(&reef_cuda.lock);
    return result;
}

static unsigned traits_of_exec(cu_word exec)
{
    if (atomic_load_explicit(&reef_cuda.objects_kept, memory_order_relaxed) == 0)
        return 0;
    pthread_mutex_lock(&reef_cuda.lock);
    const struct reef_object *o = cu_object_locked(exec, false);
    unsigned traits = o ? (o->in_turn ? IN_TURN : 0) | (o->waits ? WAITS : 0) : 0;
    pthread_mutex_unlock(&reef_cuda.lock);
    return traits;
}

static struct reef_op *copy_launch(struct reef_call *call)
{
    uint64_t flags;
    cu_word exec = call->a[0];
    if (!cu.cuGraphExecGetFlags || cu.cuGraphExecGetFlags(exec, cu_out(flags)) != CUDA_SUCCESS ||
        (traits_of_exec(exec) & IN_TURN))
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
        .fence = atomic_load_explicit(&reef_cuda.records, memory_order_acquire) > 0 ||
                 (traits_of_exec(a[0]) & WAITS),
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
