// SPDX-License-Identifier: Apache-2.0
/*
 * First versions of functions whose later ones differ little: old programs, and cuGetProcAddress
 * for an old version, come to these names. What they do is what the later version does with what it
 * took for granted. (The 32-bit interface of CUDA 2 is not there.)
 *
 * Source: cudaTypedefs.h.
 */
#define __CUDA_API_VERSION_INTERNAL
#include "graph.h"

#include <string.h>

/* OLDER(function, its parameters, the later version with its arguments) */
#define OLDER(name, parameters, call)                                                              \
    NV_EXPORT CUresult name parameters;                                                            \
    CUresult name parameters                                                                       \
    {                                                                                              \
        return call;                                                                               \
    }

OLDER(cuCtxDestroy, (CUcontext ctx), cuCtxDestroy_v2(ctx))
OLDER(cuCtxPopCurrent, (CUcontext * ctx), cuCtxPopCurrent_v2(ctx))
OLDER(cuCtxPushCurrent, (CUcontext ctx), cuCtxPushCurrent_v2(ctx))

/* A context of CUDA 2 has addresses of 32 bits; the device has none of its own for it (seen on
 * driver 580). */
static CUresult no_context(const CUcontext *ctx, CUdevice dev)
{
    struct nv_context *current;
    CUresult rc = nv_enter_any(&current);

    if (rc != CUDA_SUCCESS)
        return rc;
    if (dev != 0)
        return nv_leave(CUDA_ERROR_INVALID_DEVICE);
    return nv_leave(ctx ? CUDA_ERROR_OUT_OF_MEMORY : CUDA_ERROR_INVALID_VALUE);
}

OLDER(cuCtxCreate, (CUcontext * ctx, unsigned flags, CUdevice dev), no_context(ctx, dev))
OLDER(cuDevicePrimaryCtxRelease, (CUdevice dev), cuDevicePrimaryCtxRelease_v2(dev))
OLDER(cuDevicePrimaryCtxReset, (CUdevice dev), cuDevicePrimaryCtxReset_v2(dev))
OLDER(cuDevicePrimaryCtxSetFlags, (CUdevice dev, unsigned flags),
      cuDevicePrimaryCtxSetFlags_v2(dev, flags))
OLDER(cuEventDestroy, (CUevent event), cuEventDestroy_v2(event))
OLDER(cuStreamDestroy, (CUstream stream), cuStreamDestroy_v2(stream))
/* CUDA 10.0 had no modes, and prohibited nothing (seen on driver 580). */
OLDER(cuStreamBeginCapture, (CUstream stream),
      cuStreamBeginCapture_v2(stream, CU_STREAM_CAPTURE_MODE_RELAXED))
OLDER(cuMemHostRegister, (void *p, size_t bytes, unsigned flags),
      cuMemHostRegister_v2(p, bytes, flags))
OLDER(cuLinkCreate, (unsigned count, CUjit_option *options, void **values, CUlinkState *state),
      cuLinkCreate_v2(count, options, values, state))
OLDER(cuLinkAddData,
      (CUlinkState state, CUjitInputType type, void *data, size_t size, const char *name,
       unsigned count, CUjit_option *options, void **values),
      cuLinkAddData_v2(state, type, data, size, name, count, options, values))
OLDER(cuLinkAddFile,
      (CUlinkState state, CUjitInputType type, const char *path, unsigned count,
       CUjit_option *options, void **values),
      cuLinkAddFile_v2(state, type, path, count, options, values))

/* ---- graphs: without data of edges, kernels without a CUkernel ---- */

OLDER(cuGraphInstantiate,
      (CUgraphExec * exec, CUgraph graph, CUgraphNode *error, char *log, size_t size),
      cuGraphInstantiate_v2(exec, graph, error, log, size))
OLDER(cuGraphAddDependencies,
      (CUgraph graph, const CUgraphNode *from, const CUgraphNode *to, size_t count),
      cuGraphAddDependencies_v2(graph, from, to, NULL, count))
OLDER(cuGraphRemoveDependencies,
      (CUgraph graph, const CUgraphNode *from, const CUgraphNode *to, size_t count),
      cuGraphRemoveDependencies_v2(graph, from, to, NULL, count))
OLDER(cuGraphGetEdges, (CUgraph graph, CUgraphNode *from, CUgraphNode *to, size_t *count),
      cuGraphGetEdges_v2(graph, from, to, NULL, count))
OLDER(cuGraphNodeGetDependencies, (CUgraphNode node, CUgraphNode *nodes, size_t *count),
      cuGraphNodeGetDependencies_v2(node, nodes, NULL, count))
OLDER(cuGraphNodeGetDependentNodes, (CUgraphNode node, CUgraphNode *nodes, size_t *count),
      cuGraphNodeGetDependentNodes_v2(node, nodes, NULL, count))

static CUDA_KERNEL_NODE_PARAMS_v2 wider(const CUDA_KERNEL_NODE_PARAMS_v1 *p)
{
    CUDA_KERNEL_NODE_PARAMS_v2 wide = {0};

    if (p) /* begins alike; without parameters the grid of nothing is refused */
        memcpy(&wide, p, sizeof(*p));
    return wide;
}

NV_EXPORT CUresult cuGraphAddKernelNode(CUgraphNode *node, CUgraph graph, const CUgraphNode *before,
                                        size_t count, const CUDA_KERNEL_NODE_PARAMS_v1 *p);
CUresult cuGraphAddKernelNode(CUgraphNode *node, CUgraph graph, const CUgraphNode *before,
                              size_t count, const CUDA_KERNEL_NODE_PARAMS_v1 *p)
{
    const CUDA_KERNEL_NODE_PARAMS_v2 wide = wider(p);

    return cuGraphAddKernelNode_v2(node, graph, before, count, &wide);
}

NV_EXPORT CUresult cuGraphKernelNodeSetParams(CUgraphNode node,
                                              const CUDA_KERNEL_NODE_PARAMS_v1 *p);
CUresult cuGraphKernelNodeSetParams(CUgraphNode node, const CUDA_KERNEL_NODE_PARAMS_v1 *p)
{
    const CUDA_KERNEL_NODE_PARAMS_v2 wide = wider(p);

    return cuGraphKernelNodeSetParams_v2(node, &wide);
}

NV_EXPORT CUresult cuGraphExecKernelNodeSetParams(CUgraphExec exec, CUgraphNode node,
                                                  const CUDA_KERNEL_NODE_PARAMS_v1 *p);
CUresult cuGraphExecKernelNodeSetParams(CUgraphExec exec, CUgraphNode node,
                                        const CUDA_KERNEL_NODE_PARAMS_v1 *p)
{
    const CUDA_KERNEL_NODE_PARAMS_v2 wide = wider(p);

    return cuGraphExecKernelNodeSetParams_v2(exec, node, &wide);
}

NV_EXPORT CUresult cuGraphKernelNodeGetParams(CUgraphNode node, CUDA_KERNEL_NODE_PARAMS_v1 *p);
CUresult cuGraphKernelNodeGetParams(CUgraphNode node, CUDA_KERNEL_NODE_PARAMS_v1 *p)
{
    CUDA_KERNEL_NODE_PARAMS_v2 wide;
    CUresult rc = p ? cuGraphKernelNodeGetParams_v2(node, &wide) : CUDA_ERROR_INVALID_VALUE;

    if (rc == CUDA_SUCCESS)
        memcpy(p, &wide, sizeof(*p));
    return rc;
}

NV_EXPORT CUresult cuGraphExecUpdate(CUgraphExec exec, CUgraph graph, CUgraphNode *error,
                                     CUgraphExecUpdateResult *result);
CUresult cuGraphExecUpdate(CUgraphExec exec, CUgraph graph, CUgraphNode *error,
                           CUgraphExecUpdateResult *result)
{
    CUgraphExecUpdateResultInfo info = {0};
    CUresult rc = cuGraphExecUpdate_v2(exec, graph, &info);

    if (error)
        *error = info.errorNode;
    if (result)
        *result = info.result;
    return rc;
}
