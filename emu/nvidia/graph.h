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
    struct nv_op op;         /* owned */
    CUfunction function;     /* kernel: as the program gave it */
    CUDA_MEMCPY3D memcpy3d;  /* memcpy: as the program gave it */
    struct nv_graph *child;  /* owned; child graphs */
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
CUgraphNodeType nv_node_type(const struct nv_op *op);
bool nv_node_depends(const struct nv_node *node, const struct nv_node *on);
CUresult nv_plan_make(const struct nv_graph *graph, struct nv_exec **plan);
CUresult nv_kernel_op(struct nv_context *ctx, CUfunction handle, const struct nv_kernel_args *args,
                      void **params, void **extra, struct nv_op *op);
/* Parameters of nodes as operations */
CUresult nv_kernel_params_op(struct nv_context *ctx, const CUDA_KERNEL_NODE_PARAMS *p,
                             struct nv_op *op);
CUresult nv_memset_params_op(const CUDA_MEMSET_NODE_PARAMS *p, struct nv_op *op);
CUresult nv_memcpy_params_op(const CUDA_MEMCPY3D *p, struct nv_op *op);
/** Either @signals or @waits is NULL. */
CUresult nv_semaphores_op(const CUexternalSemaphore *handles,
                          const CUDA_EXTERNAL_SEMAPHORE_SIGNAL_PARAMS *signals,
                          const CUDA_EXTERNAL_SEMAPHORE_WAIT_PARAMS *waits, unsigned count,
                          struct nv_op *op);
CUresult nv_batch_op(unsigned count, const CUstreamBatchMemOpParams *params, unsigned flags,
                     struct nv_op *op);
