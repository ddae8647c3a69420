// SPDX-License-Identifier: Apache-2.0
/*
 * Graphs, as their files share them. A graph is nodes with operations and with the nodes that each
 * depends on. An executable graph is a plan: a copy of all that, flat, which launches share and
 * which is copied before it is changed while one still uses it.
 */
#pragma once

#include "driver.h"

struct nv_node {
    void *handle;
    struct nv_graph *graph;
    CUgraphNodeType type;
    struct nv_op op;          /* owned */
    CUfunction function;      /* kernel: as the program gave it */
    CUDA_MEMCPY3D memcpy3d;   /* memcpy: as the program gave it */
    struct nv_graph *child;   /* owned; child graphs */
    struct nv_graph **bodies; /* owned; conditional nodes */
    CUgraph *body_handles;    /* owned; for the program */
    unsigned body_count;
    struct nv_node **before; /* owned: what it depends on */
    unsigned before_count;
    unsigned number; /* in its graph */
    struct nv_node *next;
};

struct nv_graph {
    void *handle;
    struct nv_node *nodes, **last;
    unsigned count;
};

struct nv_step {
    struct nv_op op;              /* owned */
    const struct nv_node *origin; /* what it was made from; may be gone, only compared */
    unsigned number;              /* of the origin in its graph */
    CUgraphNodeType type;
    bool disabled;
    unsigned inner;   /* of a child graph: so many steps behind this one are its */
    unsigned *before; /* owned: indices */
    unsigned before_count;
};

struct nv_exec { /* a plan */
    unsigned refs;
    struct nv_step *steps; /* owned; each after what it depends on */
    unsigned count;
};

struct nv_graph *nv_graph_new(void);
void nv_graph_free(struct nv_graph *graph);
/** Takes over @op. NULL: no memory. */
struct nv_node *nv_node_add(struct nv_graph *graph, CUgraphNodeType type, struct nv_op *op,
                            struct nv_node *const *before, unsigned count);
struct nv_graph *nv_graph_clone(const struct nv_graph *graph);
bool nv_graph_is_fixed(const struct nv_graph *graph);
CUgraphNodeType nv_node_type(const struct nv_op *op);
bool nv_node_depends(const struct nv_node *node, const struct nv_node *on);

/* graph_params.c: what the program says of a node, as an operation */
struct nv_spec {
    CUgraphNodeType type;
    struct nv_op op;        /* owned */
    CUfunction function;    /* kernels */
    CUDA_MEMCPY3D memcpy3d; /* copies */
    struct nv_graph *child; /* owned: a clone, or the one that was moved in */
    unsigned bodies;        /* conditional nodes: how many it has */
};
/** In a call of @ctx. @graph: that the node is in, or is to be in; @add: it is new. */
CUresult nv_spec_make(struct nv_context *ctx, struct nv_graph *graph, CUgraphNodeParams *p,
                      bool add, struct nv_spec *spec);
void nv_spec_clear(struct nv_spec *spec);
/** Makes the parameters the node's. */
void nv_spec_apply(struct nv_spec *spec, struct nv_node *node);
CUresult nv_kernel_op(struct nv_context *ctx, CUfunction handle, const struct nv_kernel_args *args,
                      void **params, void **extra, struct nv_op *op);
/** Either @signals or @waits is NULL. */
CUresult nv_semaphores_op(const CUexternalSemaphore *handles,
                          const CUDA_EXTERNAL_SEMAPHORE_SIGNAL_PARAMS *signals,
                          const CUDA_EXTERNAL_SEMAPHORE_WAIT_PARAMS *waits, unsigned count,
                          struct nv_op *op);
CUexternalSemaphore nv_semaphore_handle(const struct nv_semaphore *semaphore);
CUresult nv_batch_op(unsigned count, const CUstreamBatchMemOpParams *params, unsigned flags,
                     struct nv_op *op);
/** The reverse. */
void nv_batch_params(const struct nv_op *op, CUstreamBatchMemOpParams *params);

/* graph_plan.c */
CUresult nv_plan_make(const struct nv_graph *graph, struct nv_exec **plan);
/** For changes that its launches up to now are not to see. NULL: no memory. */
struct nv_exec *nv_plan_copy(const struct nv_exec *plan);
CUgraphExecUpdateResult nv_plan_compare(const struct nv_exec *old, const struct nv_exec *new);
/** The graph is launched: events that its steps record are so from now on, and it is known what is
 * waited for. False: no memory. */
bool nv_plan_launch(const struct nv_exec *plan, struct nv_command *launch);
/** Its steps become commands that @parent waits for. False: no memory. */
bool nv_plan_start(const struct nv_exec *plan, struct nv_command *parent, uint64_t now);

/* graph_condition.c */
CUresult nv_condition_op(const struct nv_graph *graph, const CUDA_CONDITIONAL_NODE_PARAMS *p,
                         struct nv_op *op);
/** A launch begins: the values that are to be set then. */
void nv_condition_defaults(const struct nv_exec *plan);

/* graph_memory.c */
/** A launch: what its nodes allocate and free. @auto_free: what is left of its last one is freed.
 */
CUresult nv_graph_memory_launch(const struct nv_exec *plan, bool auto_free);
/** Marks a graph's memory as used by an executable graph, or no longer. False: it is by another. */
bool nv_graph_memory_claim(const struct nv_exec *plan, bool claim);
uint64_t nv_graph_memory_va(const struct nv_graph_memory *memory, uint64_t *bytes);
