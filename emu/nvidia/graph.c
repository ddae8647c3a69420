// SPDX-License-Identifier: Apache-2.0
/* Graphs: nodes, edges, copies. See graph.h. */
#include "graph.h"

#include <stdlib.h>
#include <string.h>

struct nv_graph *nv_graph_new(void)
{
    struct nv_graph *graph = calloc(1, sizeof(*graph));

    if (!graph)
        return NULL;
    graph->last = &graph->nodes;
    graph->handle = nv_handle_new(NV_GRAPH, graph);
    return graph;
}

static void free_node(struct nv_node *node)
{
    nv_op_clear(&node->op);
    if (node->child)
        nv_graph_free(node->child);
    for (unsigned i = 0; i < node->body_count; i++)
        nv_graph_free(node->bodies[i]);
    free(node->bodies);
    free(node->body_handles);
    nv_handle_free(node->handle);
    free(node->before);
    free(node);
}

void nv_graph_free(struct nv_graph *graph)
{
    while (graph->nodes) {
        struct nv_node *next = graph->nodes->next;

        free_node(graph->nodes);
        graph->nodes = next;
    }
    nv_handle_free(graph->handle);
    free(graph);
}

CUgraphNodeType nv_node_type(const struct nv_op *op)
{
    switch (op->kind) {
    case NV_OP_KERNEL:
        return CU_GRAPH_NODE_TYPE_KERNEL;
    case NV_OP_COPY:
        return CU_GRAPH_NODE_TYPE_MEMCPY;
    case NV_OP_FILL:
        return CU_GRAPH_NODE_TYPE_MEMSET;
    case NV_OP_HOST:
        return CU_GRAPH_NODE_TYPE_HOST;
    case NV_OP_RECORD:
        return CU_GRAPH_NODE_TYPE_EVENT_RECORD;
    case NV_OP_WAIT_EVENT:
        return CU_GRAPH_NODE_TYPE_WAIT_EVENT;
    case NV_OP_WAIT_VALUE:
    case NV_OP_WRITE_VALUE:
    case NV_OP_BATCH:
        return CU_GRAPH_NODE_TYPE_BATCH_MEM_OP;
    case NV_OP_SEMAPHORES:
        return op->semaphores.ops->wait ? CU_GRAPH_NODE_TYPE_EXT_SEMAS_WAIT
                                        : CU_GRAPH_NODE_TYPE_EXT_SEMAS_SIGNAL;
    case NV_OP_GRAPH_ALLOC:
        return CU_GRAPH_NODE_TYPE_MEM_ALLOC;
    case NV_OP_GRAPH_FREE:
        return CU_GRAPH_NODE_TYPE_MEM_FREE;
    case NV_OP_CONDITION:
        return CU_GRAPH_NODE_TYPE_CONDITIONAL;
    default:
        return CU_GRAPH_NODE_TYPE_EMPTY;
    }
}

static bool add_before(struct nv_node *node, struct nv_node *before)
{
    struct nv_node **larger;

    for (unsigned i = 0; i < node->before_count; i++) {
        if (node->before[i] == before)
            return true;
    }
    larger = realloc(node->before, (node->before_count + 1) * sizeof(*larger));
    if (!larger)
        return false;
    node->before = larger;
    node->before[node->before_count++] = before;
    return true;
}

struct nv_node *nv_node_add(struct nv_graph *graph, CUgraphNodeType type, struct nv_op *op,
                            struct nv_node *const *before, unsigned count)
{
    struct nv_node *node = calloc(1, sizeof(*node));

    if (!node || !(node->handle = nv_handle_new(NV_NODE, node))) {
        free(node);
        return NULL;
    }
    node->graph = graph;
    node->type = type;
    node->op = *op;
    node->number = graph->count++;
    for (unsigned i = 0; i < count; i++) {
        if (!add_before(node, before[i]))
            return NULL;
    }
    *graph->last = node;
    graph->last = &node->next;
    return node;
}

/* By the number of edges at most: graphs have no cycles. */
bool nv_node_depends(const struct nv_node *node, const struct nv_node *on)
{
    if (node == on)
        return true;
    for (unsigned i = 0; i < node->before_count; i++) {
        if (nv_node_depends(node->before[i], on))
            return true;
    }
    return false;
}

static struct nv_node *nth(const struct nv_graph *graph, unsigned number)
{
    for (struct nv_node *node = graph->nodes; node; node = node->next) {
        if (node->number == number)
            return node;
    }
    return NULL;
}

/* Graphs with memory or conditions can neither be cloned nor lose nodes. */
bool nv_graph_is_fixed(const struct nv_graph *graph)
{
    for (const struct nv_node *n = graph->nodes; n; n = n->next) {
        if (n->type == CU_GRAPH_NODE_TYPE_MEM_ALLOC || n->type == CU_GRAPH_NODE_TYPE_MEM_FREE ||
            n->type == CU_GRAPH_NODE_TYPE_CONDITIONAL || (n->child && nv_graph_is_fixed(n->child)))
            return true;
    }
    return false;
}

struct nv_graph *nv_graph_clone(const struct nv_graph *graph)
{
    struct nv_graph *copy = nv_graph_new();

    for (const struct nv_node *node = graph->nodes; copy && node; node = node->next) {
        struct nv_node *made;
        struct nv_op op;

        if (!nv_op_copy(&op, &node->op) || !(made = nv_node_add(copy, node->type, &op, NULL, 0)))
            return NULL;
        made->number = node->number;
        made->function = node->function;
        made->memcpy3d = node->memcpy3d;
        if (node->child && !(made->child = nv_graph_clone(node->child)))
            return NULL;
    }
    /* A dependency may have been added on a node that was made later. */
    for (const struct nv_node *node = graph->nodes; copy && node; node = node->next) {
        for (unsigned i = 0; i < node->before_count; i++)
            add_before(nth(copy, node->number), nth(copy, node->before[i]->number));
    }
    if (copy)
        copy->count = graph->count;
    return copy;
}

CUresult cuGraphCreate(CUgraph *phGraph, unsigned int flags)
{
    struct nv_context *ctx;
    struct nv_graph *graph;
    CUresult rc = nv_enter_any(&ctx);

    if (rc != CUDA_SUCCESS)
        return rc;
    if (!phGraph || flags)
        return nv_leave(CUDA_ERROR_INVALID_VALUE);
    graph = nv_graph_new();
    if (!graph)
        return nv_leave(CUDA_ERROR_OUT_OF_MEMORY);
    *phGraph = graph->handle;
    return nv_leave(CUDA_SUCCESS);
}

CUresult cuGraphDestroy(CUgraph handle)
{
    struct nv_context *ctx;
    struct nv_graph *graph;
    CUresult rc = nv_enter_any(&ctx);

    if (rc != CUDA_SUCCESS)
        return rc;
    graph = nv_object(handle, NV_GRAPH);
    if (!graph)
        return nv_leave(CUDA_ERROR_INVALID_VALUE);
    nv_graph_free(graph);
    return nv_leave(CUDA_SUCCESS);
}

CUresult cuGraphClone(CUgraph *out, CUgraph original)
{
    struct nv_context *ctx;
    struct nv_graph *graph;
    CUresult rc = nv_enter_any(&ctx);

    if (rc != CUDA_SUCCESS)
        return rc;
    graph = nv_object(original, NV_GRAPH);
    if (!graph || !out)
        return nv_leave(CUDA_ERROR_INVALID_VALUE);
    if (nv_graph_is_fixed(graph))
        return nv_leave(CUDA_ERROR_NOT_SUPPORTED);
    graph = nv_graph_clone(graph);
    if (!graph)
        return nv_leave(CUDA_ERROR_OUT_OF_MEMORY);
    *out = graph->handle;
    return nv_leave(CUDA_SUCCESS);
}

CUresult cuGraphNodeFindInClone(CUgraphNode *out, CUgraphNode original, CUgraph clone)
{
    struct nv_context *ctx;
    struct nv_node *node, *found;
    struct nv_graph *graph;
    CUresult rc = nv_enter_any(&ctx);

    if (rc != CUDA_SUCCESS)
        return rc;
    node = nv_object(original, NV_NODE);
    graph = nv_object(clone, NV_GRAPH);
    found = node && graph ? nth(graph, node->number) : NULL;
    if (!found || !out)
        return nv_leave(CUDA_ERROR_INVALID_VALUE);
    *out = found->handle;
    return nv_leave(CUDA_SUCCESS);
}

/* ---- questions ---- */

CUresult cuGraphGetNodes(CUgraph hGraph, CUgraphNode *nodes, size_t *numNodes)
{
    struct nv_context *ctx;
    struct nv_graph *graph;
    size_t n = 0;
    CUresult rc = nv_enter_any(&ctx);

    if (rc != CUDA_SUCCESS)
        return rc;
    graph = nv_object(hGraph, NV_GRAPH);
    if (!graph || !numNodes)
        return nv_leave(CUDA_ERROR_INVALID_VALUE);
    for (struct nv_node *node = graph->nodes; node; node = node->next, n++) {
        if (nodes && n < *numNodes)
            nodes[n] = node->handle;
    }
    for (size_t i = n; nodes && i < *numNodes; i++)
        nodes[i] = NULL;
    if (!nodes || n < *numNodes)
        *numNodes = n;
    return nv_leave(CUDA_SUCCESS);
}

CUresult cuGraphGetRootNodes(CUgraph hGraph, CUgraphNode *nodes, size_t *numNodes)
{
    struct nv_context *ctx;
    struct nv_graph *graph;
    size_t n = 0;
    CUresult rc = nv_enter_any(&ctx);

    if (rc != CUDA_SUCCESS)
        return rc;
    graph = nv_object(hGraph, NV_GRAPH);
    if (!graph || !numNodes)
        return nv_leave(CUDA_ERROR_INVALID_VALUE);
    for (struct nv_node *node = graph->nodes; node; node = node->next) {
        if (node->before_count)
            continue;
        if (nodes && n < *numNodes)
            nodes[n] = node->handle;
        n++;
    }
    *numNodes = n;
    return nv_leave(CUDA_SUCCESS);
}

CUresult cuGraphGetEdges(CUgraph hGraph, CUgraphNode *from, CUgraphNode *to, CUgraphEdgeData *data,
                         size_t *numEdges)
{
    struct nv_context *ctx;
    struct nv_graph *graph;
    size_t n = 0;
    CUresult rc = nv_enter_any(&ctx);

    if (rc != CUDA_SUCCESS)
        return rc;
    graph = nv_object(hGraph, NV_GRAPH);
    if (!graph || !numEdges)
        return nv_leave(CUDA_ERROR_INVALID_VALUE);
    for (struct nv_node *node = graph->nodes; node; node = node->next) {
        for (unsigned i = 0; i < node->before_count; i++, n++) {
            if (!from || !to || n >= *numEdges)
                continue;
            from[n] = node->before[i]->handle;
            to[n] = node->handle;
            if (data)
                memset(&data[n], 0, sizeof(data[n]));
        }
    }
    *numEdges = n;
    return nv_leave(CUDA_SUCCESS);
}

CUresult cuGraphNodeGetType(CUgraphNode hNode, CUgraphNodeType *type)
{
    struct nv_context *ctx;
    struct nv_node *node;
    CUresult rc = nv_enter_any(&ctx);

    if (rc != CUDA_SUCCESS)
        return rc;
    node = nv_object(hNode, NV_NODE);
    if (!node || !type)
        return nv_leave(CUDA_ERROR_INVALID_VALUE);
    *type = node->type;
    return nv_leave(CUDA_SUCCESS);
}

CUresult cuGraphNodeGetDependencies(CUgraphNode hNode, CUgraphNode *dependencies,
                                    CUgraphEdgeData *edgeData, size_t *numDependencies)
{
    struct nv_context *ctx;
    struct nv_node *node;
    CUresult rc = nv_enter_any(&ctx);

    if (rc != CUDA_SUCCESS)
        return rc;
    node = nv_object(hNode, NV_NODE);
    if (!node || !numDependencies)
        return nv_leave(CUDA_ERROR_INVALID_VALUE);
    for (unsigned i = 0; dependencies && i < node->before_count && i < *numDependencies; i++)
        dependencies[i] = node->before[i]->handle;
    *numDependencies = node->before_count;
    return nv_leave(CUDA_SUCCESS);
}

CUresult cuGraphNodeGetDependentNodes(CUgraphNode hNode, CUgraphNode *dependents,
                                      CUgraphEdgeData *edgeData, size_t *numDependents)
{
    struct nv_context *ctx;
    struct nv_node *node;
    size_t n = 0;
    CUresult rc = nv_enter_any(&ctx);

    if (rc != CUDA_SUCCESS)
        return rc;
    node = nv_object(hNode, NV_NODE);
    if (!node || !numDependents)
        return nv_leave(CUDA_ERROR_INVALID_VALUE);
    for (struct nv_node *other = node->graph->nodes; other; other = other->next) {
        for (unsigned i = 0; i < other->before_count; i++) {
            if (other->before[i] != node)
                continue;
            if (dependents && n < *numDependents)
                dependents[n] = other->handle;
            n++;
        }
    }
    *numDependents = n;
    return nv_leave(CUDA_SUCCESS);
}

CUresult cuGraphAddDependencies(CUgraph hGraph, const CUgraphNode *from, const CUgraphNode *to,
                                const CUgraphEdgeData *edgeData, size_t numDependencies)
{
    struct nv_context *ctx;
    CUresult rc = nv_enter_any(&ctx);

    if (rc != CUDA_SUCCESS)
        return rc;
    for (size_t i = 0; i < numDependencies && rc == CUDA_SUCCESS; i++) {
        struct nv_node *a = nv_object(from[i], NV_NODE), *b = nv_object(to[i], NV_NODE);

        if (!a || !b || a->graph != b->graph || nv_node_depends(a, b))
            rc = CUDA_ERROR_INVALID_VALUE;
        else if (!add_before(b, a))
            rc = CUDA_ERROR_OUT_OF_MEMORY;
    }
    return nv_leave(rc);
}

static void remove_before(struct nv_node *node, const struct nv_node *before)
{
    for (unsigned i = 0; i < node->before_count;) {
        if (node->before[i] == before)
            node->before[i] = node->before[--node->before_count];
        else
            i++;
    }
}

CUresult cuGraphRemoveDependencies(CUgraph hGraph, const CUgraphNode *from, const CUgraphNode *to,
                                   const CUgraphEdgeData *edgeData, size_t numDependencies)
{
    struct nv_context *ctx;
    struct nv_graph *graph;
    CUresult rc = nv_enter_any(&ctx);

    if (rc != CUDA_SUCCESS)
        return rc;
    graph = nv_object(hGraph, NV_GRAPH);
    if (!graph || (numDependencies && (!from || !to)))
        return nv_leave(CUDA_ERROR_INVALID_VALUE);
    if (nv_graph_is_fixed(graph))
        return nv_leave(CUDA_ERROR_NOT_SUPPORTED);
    for (size_t i = 0; i < numDependencies; i++) {
        struct nv_node *a = nv_object(from[i], NV_NODE), *b = nv_object(to[i], NV_NODE);
        unsigned before = b ? b->before_count : 0;

        if (a && b)
            remove_before(b, a);
        if (!a || !b || a->graph != graph || b->before_count == before)
            return nv_leave(CUDA_ERROR_INVALID_VALUE); /* no such edge */
    }
    return nv_leave(CUDA_SUCCESS);
}

CUresult cuGraphDestroyNode(CUgraphNode hNode)
{
    struct nv_context *ctx;
    struct nv_node *node;
    CUresult rc = nv_enter_any(&ctx);

    if (rc != CUDA_SUCCESS)
        return rc;
    node = nv_object(hNode, NV_NODE);
    if (!node)
        return nv_leave(CUDA_ERROR_INVALID_VALUE);
    if (nv_graph_is_fixed(node->graph))
        return nv_leave(CUDA_ERROR_NOT_SUPPORTED);
    for (struct nv_node *n = node->graph->nodes; n; n = n->next)
        remove_before(n, node);
    for (struct nv_node **link = &node->graph->nodes; *link; link = &(*link)->next) {
        if (*link != node)
            continue;
        *link = node->next;
        if (!*link)
            node->graph->last = link;
        break;
    }
    free_node(node);
    return nv_leave(CUDA_SUCCESS);
}
