// SPDX-License-Identifier: Apache-2.0
/*
 * The part of the CUDA driver API that the fake driver (fakes/fake_cuda.c) has and the tests use,
 * under its exported names. Written by hand: these tests run where no CUDA toolkit is.
 */
#pragma once

#include <stdatomic.h>
#include <stddef.h>
#include <stdint.h>

typedef int CUresult, CUdevice;
typedef struct fake_context *CUcontext;
typedef struct fake_stream *CUstream;
typedef struct fake_event *CUevent;
typedef struct fake_function *CUfunction;
typedef struct fake_module *CUmodule;
typedef struct fake_graph *CUgraph, *CUgraphExec;
typedef uint64_t CUdeviceptr;
typedef void (*CUhostFn)(void *data);
typedef void (*CUstreamCallback)(CUstream stream, CUresult status, void *data);

enum {
    OK = 0,
    INVALID_VALUE = 1,
    NOT_READY = 600,
    INVALID_CONTEXT = 201,
    INVALID_HANDLE = 400,
    NOT_FOUND = 500,
    NOT_SUPPORTED = 801,
};
#define STREAM_LEGACY     ((CUstream)1)
#define STREAM_PER_THREAD ((CUstream)2)

typedef struct {
    unsigned gridDimX, gridDimY, gridDimZ, blockDimX, blockDimY, blockDimZ, sharedMemBytes;
    CUstream hStream;
    void *attrs;
    unsigned numAttrs;
} CUlaunchConfig;

#define LAUNCH_ARGUMENTS                                                                           \
    CUfunction f, unsigned gx, unsigned gy, unsigned gz, unsigned bx, unsigned by, unsigned bz,    \
        unsigned shared, CUstream stream, void **params, void **extra

#define CU_FUNCTIONS(X)                                                                            \
    X(cuInit, (unsigned flags))                                                                    \
    X(cuDriverGetVersion, (int *version))                                                          \
    X(cuDeviceGet, (CUdevice * device, int ordinal))                                               \
    X(cuDeviceGetCount, (int *count))                                                              \
    X(cuDeviceGetAttribute, (int *value, int attribute, CUdevice device))                          \
    X(cuDeviceGetUuid_v2, (void *uuid, CUdevice device))                                           \
    X(cuDevicePrimaryCtxRetain, (CUcontext * context, CUdevice device))                            \
    X(cuCtxGetCurrent, (CUcontext * context))                                                      \
    X(cuCtxSetCurrent, (CUcontext context))                                                        \
    X(cuCtxGetDevice, (CUdevice * device))                                                         \
    X(cuCtxGetStreamPriorityRange, (int *least, int *greatest))                                    \
    X(cuCtxSynchronize, (void))                                                                    \
    X(cuCtxSynchronize_v2, (CUcontext context))                                                    \
    X(cuCtxDestroy_v2, (CUcontext context))                                                        \
    X(cuStreamCreate, (CUstream * stream, unsigned flags))                                         \
    X(cuStreamCreateWithPriority, (CUstream * stream, unsigned flags, int priority))               \
    X(cuStreamGetPriority, (CUstream stream, int *priority))                                       \
    X(cuStreamDestroy_v2, (CUstream stream))                                                       \
    X(cuStreamSynchronize, (CUstream stream))                                                      \
    X(cuStreamSynchronize_ptsz, (CUstream stream))                                                 \
    X(cuStreamQuery, (CUstream stream))                                                            \
    X(cuStreamGetFlags, (CUstream stream, unsigned *flags))                                        \
    X(cuStreamGetCtx, (CUstream stream, CUcontext * context))                                      \
    X(cuStreamIsCapturing, (CUstream stream, int *status))                                         \
    X(cuStreamBeginCapture_v2, (CUstream stream, int mode))                                        \
    X(cuStreamEndCapture, (CUstream stream, CUgraph * graph))                                      \
    X(cuStreamWaitEvent, (CUstream stream, CUevent event, unsigned flags))                         \
    X(cuStreamAddCallback, (CUstream stream, CUstreamCallback fn, void *data, unsigned flags))     \
    X(cuStreamWriteValue32_v2, (CUstream stream, CUdeviceptr to, uint32_t value, unsigned flags))  \
    X(cuStreamWaitValue32_v2, (CUstream stream, CUdeviceptr at, uint32_t value, unsigned flags))   \
    X(cuThreadExchangeStreamCaptureMode, (int *mode))                                              \
    X(cuEventCreate, (CUevent * event, unsigned flags))                                            \
    X(cuEventDestroy_v2, (CUevent event))                                                          \
    X(cuEventRecord, (CUevent event, CUstream stream))                                             \
    X(cuEventRecord_ptsz, (CUevent event, CUstream stream))                                        \
    X(cuEventQuery, (CUevent event))                                                               \
    X(cuEventSynchronize, (CUevent event))                                                         \
    X(cuEventElapsedTime, (float *ms, CUevent start, CUevent end))                                 \
    X(cuModuleLoadData, (CUmodule * module, const void *image))                                    \
    X(cuModuleUnload, (CUmodule module))                                                           \
    X(cuModuleGetFunction, (CUfunction * function, CUmodule module, const char *name))             \
    X(cuFuncGetAttribute, (int *value, int attribute, CUfunction function))                        \
    X(cuFuncGetParamInfo, (CUfunction function, size_t index, size_t * offset, size_t * size))     \
    X(cuLaunchKernel, (LAUNCH_ARGUMENTS))                                                          \
    X(cuLaunchKernel_ptsz, (LAUNCH_ARGUMENTS))                                                     \
    X(cuLaunchKernelEx, (const CUlaunchConfig *config, CUfunction f, void **params, void **extra)) \
    X(cuLaunchHostFunc, (CUstream stream, CUhostFn fn, void *data))                                \
    X(cuMemAlloc_v2, (CUdeviceptr * pointer, size_t bytes))                                        \
    X(cuMemFree_v2, (CUdeviceptr pointer))                                                         \
    X(cuMemHostAlloc, (void **pointer, size_t bytes, unsigned flags))                              \
    X(cuMemFreeHost, (void *pointer))                                                              \
    X(cuMemAllocAsync, (CUdeviceptr * pointer, size_t bytes, CUstream stream))                     \
    X(cuMemFreeAsync, (CUdeviceptr pointer, CUstream stream))                                      \
    X(cuMemHostRegister_v2, (void *pointer, size_t bytes, unsigned flags))                         \
    X(cuMemHostGetDevicePointer_v2, (CUdeviceptr * device, void *pointer, unsigned flags))         \
    X(cuPointerGetAttribute, (void *value, int attribute, CUdeviceptr pointer))                    \
    X(cuMemcpyAsync, (CUdeviceptr to, CUdeviceptr from, size_t bytes, CUstream stream))            \
    X(cuMemcpyHtoDAsync_v2, (CUdeviceptr to, const void *from, size_t bytes, CUstream stream))     \
    X(cuMemcpyDtoHAsync_v2, (void *to, CUdeviceptr from, size_t bytes, CUstream stream))           \
    X(cuMemcpyHtoD_v2, (CUdeviceptr to, const void *from, size_t bytes))                           \
    X(cuMemcpyDtoH_v2, (void *to, CUdeviceptr from, size_t bytes))                                 \
    X(cuMemsetD32Async, (CUdeviceptr to, unsigned value, size_t count, CUstream stream))           \
    X(cuMemsetD32_v2, (CUdeviceptr to, unsigned value, size_t count))                              \
    X(cuGraphInstantiateWithFlags, (CUgraphExec * exec, CUgraph graph, unsigned long long flags))  \
    X(cuGraphLaunch, (CUgraphExec exec, CUstream stream))                                          \
    X(cuGraphExecDestroy, (CUgraphExec exec))                                                      \
    X(cuGraphDestroy, (CUgraph graph))                                                             \
    X(cuGetProcAddress, (const char *name, void **address, int version, uint64_t flags))           \
    X(cuGetProcAddress_v2,                                                                         \
      (const char *name, void **address, int version, uint64_t flags, int *status))

#define X(name, arguments) CUresult name arguments;
CU_FUNCTIONS(X)
#undef X

/*
 * The fake's kernels, by name; the words are the arguments.
 *   add(int64 *at, int64 value)       *at += value
 *   scale(int64 *at, int64 factor)    *at = *at * factor + 1: does not commute with itself
 *   wait(volatile int32 *flag)        until *flag is not 0
 *   none()                            nothing
 *   anchor(uint32 *words, uint32 number, uint32 limit)   as libreef's own
 * (shim/nvidia/anchor_kernel.c)
 */

/* Counters and switches of the fake, looked up with dlsym by those that want them. */
struct fake_cuda_counts {
    _Atomic uint64_t launches, calls;
    _Atomic uint64_t anchors;   /* of launches: of the kernel "anchor", not counted as such */
    _Atomic(void *) registered; /* the last page of the host's */
    _Atomic uint64_t queries;   /* cuStreamQuery */
    _Atomic int waiting;        /* threads in cuStreamSynchronize and cuCtxSynchronize */
    _Atomic uint64_t shown;     /* calls that show what kernels have printed */
    /* Called in the middle of the next cuLaunchKernel, before the stream has the kernel. @from:
     * where that was called. */
    void (*_Atomic in_launch)(void *from);
};
