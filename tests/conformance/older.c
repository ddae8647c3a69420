// SPDX-License-Identifier: Apache-2.0
/* What a program of an older CUDA gets under the same names. */
#include "conformance.h"

static void *at_version(const char *name, int version)
{
    CUdriverProcAddressQueryResult status;
    void *function = NULL;

    OK(cuGetProcAddress(name, &function, version, 0, &status));
    if (!function)
        conf_fail(__FILE__, __LINE__, "%s is not there at version %d", name, version);
    return function;
}

/* A function as it was at a version. */
#define OLD(name, version, type) ((type)at_version(#name, version))

typedef CUresult one_handle(void *);

CASE(older_destroy,
     "streams, events and contexts go by their first names as well, after their work")
{
    CUcontext primary, created;
    CUdeviceptr at = words(1);
    CUstream s = stream();
    CUevent e = event();

    OK(cuCtxGetCurrent(&primary));
    chain(s, at);
    OK(cuEventRecord(e, s));
    OK(OLD(cuEventDestroy, 2000, one_handle *)(e));
    OK(OLD(cuStreamDestroy, 2000, one_handle *)(s));
    OK(cuCtxCreate(&created, NULL, 0, dev));
    OK(OLD(cuCtxDestroy, 2000, one_handle *)(created));
    OK(cuCtxSetCurrent(primary));
    EQUAL(word(at), CHAIN);
}

/* Its addresses have 32 bits (cuCtxGetApiVersion: 3010): drivers of today have no memory for it. */
CASE(older_context, "a context of CUDA 2 is one of version 3.1, or there is no memory for it")
{
    CUcontext primary, created;
    CUdeviceptr at = words(1);
    unsigned version;
    CUresult rc;

    OK(cuCtxGetCurrent(&primary));
    rc = OLD(cuCtxCreate, 2000, CUresult(*)(CUcontext *, unsigned, CUdevice))(&created, 0, dev);
    if (rc == CUDA_SUCCESS) {
        OK(cuCtxGetApiVersion(created, &version));
        EQUAL(version, 3010);
        OK(OLD(cuCtxDestroy, 2000, one_handle *)(created));
    } else {
        IS(rc, CUDA_ERROR_OUT_OF_MEMORY);
    }
    OK(cuCtxSetCurrent(primary));
    affine(NULL, at, 1, 3);
    EQUAL(word(at), 3);
}

CASE(older_primary, "the primary context is released by the first name as well")
{
    unsigned flags;
    CUcontext ctx;
    int active;

    OK(cuDevicePrimaryCtxRetain(&ctx, dev));
    OK(OLD(cuDevicePrimaryCtxRelease, 7000, CUresult(*)(CUdevice))(dev));
    OK(cuDevicePrimaryCtxGetState(dev, &flags, &active));
    EQUAL(active, 1);
}

/* CUDA 10.0 had no modes. */
CASE(older_capture, "a capture of the first kind is a relaxed one")
{
    CUdeviceptr at = words(1), other;
    CUgraphExec exec;
    CUstream s = stream();
    CUgraph graph;

    fn("affine");
    OK(OLD(cuStreamBeginCapture, 10000, one_handle *)(s));
    affine(s, at, 1, 3);
    OK(cuMemAlloc(&other, 4));
    OK(cuStreamEndCapture(s, &graph));
    EQUAL(word(at), 0);
    OK(cuGraphInstantiate(&exec, graph, 0));
    OK(cuGraphLaunch(exec, s));
    EQUAL(word(at), 3);
}

CASE(older_graph, "graphs are instantiated and updated as in CUDA 10 and 11, behind held launches")
{
    typedef CUresult instantiate(CUgraphExec *, CUgraph, CUgraphNode *, char *, size_t);
    typedef CUresult update(CUgraphExec, CUgraph, CUgraphNode *, CUgraphExecUpdateResult *);
    CUgraphExecUpdateResult result;
    CUdeviceptr at = words(2);
    CUstream s = stream();
    CUgraph graph[2];
    CUgraphExec exec, second;
    CUgraphNode node;
    struct gate gate;

    fn("affine");
    for (int i = 0; i < 2; i++) {
        OK(cuStreamBeginCapture(s, CU_STREAM_CAPTURE_MODE_RELAXED));
        affine(s, at + 4 * (unsigned)i, 1, 3);
        OK(cuStreamEndCapture(s, &graph[i]));
    }
    OK(OLD(cuGraphInstantiate, 10000, instantiate *)(&exec, graph[0], &node, NULL, 0));
    OK(OLD(cuGraphInstantiate, 11000, instantiate *)(&second, graph[0], &node, NULL, 0));
    gate_close(&gate, s);
    OK(cuGraphLaunch(exec, s));
    OK(cuGraphLaunch(second, s));
    gate_begun(&gate);
    gate_open(&gate); /* the update may wait for its turn */
    OK(OLD(cuGraphExecUpdate, 10020, update *)(exec, graph[1], &node, &result));
    OK(cuGraphLaunch(exec, s));
    EQUAL(word(at), 6);
    EQUAL(word(at + 4), 3);
}
