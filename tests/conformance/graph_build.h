// SPDX-License-Identifier: Apache-2.0
/* What the cases of graphs that are built by hand share. */
#pragma once

#include "conformance.h"

static inline CUgraph graph_new(void)
{
    CUgraph graph;

    OK(cuGraphCreate(&graph, 0));
    return graph;
}

static inline CUgraphExec instantiate(CUgraph graph)
{
    CUgraphExec exec;

    OK(cuGraphInstantiate(&exec, graph, 0));
    return exec;
}

static inline CUcontext current(void)
{
    CUcontext ctx;

    OK(cuCtxGetCurrent(&ctx));
    return ctx;
}

/* A node with one thread: x = x * a + b. */
static inline CUgraphNode add_affine(CUgraph graph, CUgraphNode before, CUdeviceptr at, uint32_t a,
                                     uint32_t b)
{
    void *args[] = {&at, &a, &b};
    CUDA_KERNEL_NODE_PARAMS p = {.func = fn("affine"),
                                 .gridDimX = 1,
                                 .gridDimY = 1,
                                 .gridDimZ = 1,
                                 .blockDimX = 1,
                                 .blockDimY = 1,
                                 .blockDimZ = 1,
                                 .kernelParams = args};
    CUgraphNode node;

    OK(cuGraphAddKernelNode(&node, graph, before ? &before : NULL, before != NULL, &p));
    return node;
}
