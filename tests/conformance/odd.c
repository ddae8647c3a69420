// SPDX-License-Identifier: Apache-2.0
/*
 * Odd arguments: what a call says to them does not depend on whether its stream has work to come.
 * Each call is made twice, into an idle stream and behind work that stands or is held, and has to
 * return the same. What it returns is not said here: much of it is the driver's to decide.
 */
#include "conformance.h"

struct odd {
    CUstream s;
    CUdeviceptr at, managed;
    uint32_t *host, pageable[4];
    CUevent e, never, untimed;
    CUfunction count, affine;
    CUcontext ctx;
    CUarray array;
    CUgraphExec exec;
    void *args[3];
    void *buffer[5];
    size_t size;
    float ms;
    int number;
};

static void CUDA_CB nothing(void *arg) {}

static void CUDA_CB called(CUstream s, CUresult status, void *arg) {}

#define BAD ((void *)0x1230)

static CUresult launch(struct odd *o, CUfunction f, unsigned grid, unsigned block, unsigned shared,
                       void *args, void *extra)
{
    return cuLaunchKernel(f, grid, 1, 1, block, 1, 1, shared, o->s, args, extra);
}

static CUresult launch_ex(struct odd *o, unsigned count, CUlaunchAttribute a)
{
    CUlaunchConfig config = {.gridDimX = 4,
                             .gridDimY = 1,
                             .gridDimZ = 1,
                             .blockDimX = 1,
                             .blockDimY = 1,
                             .blockDimZ = 1,
                             .hStream = o->s,
                             .attrs = count ? &a : NULL,
                             .numAttrs = count > 1 ? 1 : count};

    if (count == 2) {
        config.attrs = NULL;
        config.numAttrs = 1;
    }
    return cuLaunchKernelEx(&config, o->count, o->args, NULL);
}

static CUresult copy_2d(struct odd *o, size_t width, size_t height, size_t pitch, CUmemorytype type)
{
    CUDA_MEMCPY2D c = {.srcMemoryType = type,
                       .srcDevice = o->at,
                       .srcHost = o->host,
                       .srcPitch = pitch,
                       .dstMemoryType = CU_MEMORYTYPE_DEVICE,
                       .dstDevice = o->at + 128,
                       .dstPitch = pitch,
                       .WidthInBytes = width,
                       .Height = height};

    return cuMemcpy2DAsync(&c, o->s);
}

static CUresult copy_3d(struct odd *o, size_t width, size_t height, size_t depth, size_t z)
{
    CUDA_MEMCPY3D c = {.srcMemoryType = CU_MEMORYTYPE_DEVICE,
                       .srcDevice = o->at,
                       .srcPitch = 8,
                       .srcHeight = 2,
                       .srcZ = z,
                       .dstMemoryType = CU_MEMORYTYPE_DEVICE,
                       .dstDevice = o->at + 128,
                       .dstPitch = 8,
                       .dstHeight = 2,
                       .WidthInBytes = width,
                       .Height = height,
                       .Depth = depth};

    return cuMemcpy3DAsync(&c, o->s);
}

static CUresult prefetch(struct odd *o, CUdeviceptr at, size_t bytes, CUmemLocationType type,
                         int id)
{
    CUmemLocation where = {type, id};

    return cuMemPrefetchAsync(at, bytes, where, 0, o->s);
}

/* clang-format off */
#define ODD(X)                                                                                     \
    /* fills */                                                                                    \
    X(cuMemsetD8Async(o->at, 1, 0, o->s)) X(cuMemsetD8Async(0, 1, 0, o->s))                        \
    X(cuMemsetD8Async(0, 1, 4, o->s)) X(cuMemsetD8Async(o->at, 1, 1 << 20, o->s))                  \
    X(cuMemsetD8Async((CUdeviceptr)(uintptr_t)o->pageable, 1, 4, o->s))                            \
    X(cuMemsetD16Async(o->at + 1, 1, 1, o->s)) X(cuMemsetD32Async(o->at + 2, 1, 1, o->s))          \
    X(cuMemsetD32Async(o->at, 1, SIZE_MAX / 2, o->s))                                              \
    X(cuMemsetD2D8Async(o->at, 8, 1, 0, 2, o->s)) X(cuMemsetD2D8Async(o->at, 8, 1, 4, 0, o->s))    \
    X(cuMemsetD2D8Async(o->at, 2, 1, 4, 2, o->s)) X(cuMemsetD2D8Async(o->at, 0, 1, 4, 1, o->s))    \
    X(cuMemsetD2D8Async(o->at, 0, 1, 4, 2, o->s)) X(cuMemsetD2D32Async(o->at, 6, 1, 1, 2, o->s))   \
    /* copies */                                                                                   \
    X(cuMemcpyAsync(o->at, o->at + 64, 0, o->s)) X(cuMemcpyAsync(0, 0, 0, o->s))                   \
    X(cuMemcpyAsync(o->at, 0, 4, o->s)) X(cuMemcpyAsync(o->at, o->at, 4, o->s))                    \
    X(cuMemcpyAsync(o->at, o->at + 2, 8, o->s)) X(cuMemcpyHtoDAsync(o->at, NULL, 4, o->s))         \
    X(cuMemcpyHtoDAsync(o->at, NULL, 0, o->s)) X(cuMemcpyDtoHAsync(NULL, o->at, 4, o->s))          \
    X(cuMemcpyDtoHAsync(o->pageable, o->at, 0, o->s)) X(cuMemcpyDtoDAsync(o->at, 4, 4, o->s))      \
    X(cuMemcpyDtoDAsync(o->at, (CUdeviceptr)(uintptr_t)o->host, 4, o->s))                          \
    X(cuMemcpyHtoDAsync((CUdeviceptr)(uintptr_t)o->host, o->pageable, 4, o->s))                    \
    X(cuMemcpyPeerAsync(o->at, NULL, o->at + 64, o->ctx, 4, o->s))                                 \
    X(cuMemcpyPeerAsync(o->at, BAD, o->at + 64, o->ctx, 4, o->s))                                  \
    X(cuMemcpyPeerAsync(o->at, o->ctx, o->at + 64, o->ctx, 0, o->s))                               \
    X(cuMemcpyHtoAAsync(NULL, 0, o->host, 4, o->s)) X(cuMemcpyHtoAAsync(o->array, 0, o->host, 0, o->s)) \
    X(cuMemcpyHtoAAsync(o->array, 2, o->host, 4, o->s))                                            \
    X(cuMemcpyAtoHAsync(o->host, o->array, 1 << 20, 4, o->s)) X(cuMemcpy2DAsync(NULL, o->s))       \
    X(copy_2d(o, 0, 2, 8, CU_MEMORYTYPE_DEVICE)) X(copy_2d(o, 4, 0, 8, CU_MEMORYTYPE_DEVICE))      \
    X(copy_2d(o, 8, 2, 4, CU_MEMORYTYPE_DEVICE)) X(copy_2d(o, 4, 2, 0, CU_MEMORYTYPE_DEVICE))      \
    X(copy_2d(o, 4, 1, 0, CU_MEMORYTYPE_DEVICE)) X(copy_2d(o, 4, 2, 8, CU_MEMORYTYPE_UNIFIED))     \
    X(copy_2d(o, 4, 2, 8, 0)) X(copy_2d(o, 4, 2, 8, 77)) X(copy_2d(o, 4, 2, 8, CU_MEMORYTYPE_ARRAY)) \
    X(cuMemcpy3DAsync(NULL, o->s)) X(copy_3d(o, 0, 1, 1, 0)) X(copy_3d(o, 4, 3, 2, 0))             \
    X(copy_3d(o, 4, 2, 0, 0)) X(copy_3d(o, 4, 2, 2, 1000))                                         \
    /* launches */                                                                                 \
    X(launch(o, o->count, 0, 1, 0, o->args, NULL)) X(launch(o, o->count, 1, 0, 0, o->args, NULL))  \
    X(launch(o, o->count, 1, 1025, 0, o->args, NULL)) X(launch(o, o->count, 1, 1, 49153, o->args, NULL)) \
    X(launch(o, o->count, 1, 1, 49152, o->args, NULL)) X(launch(o, o->count, 1, 1, 0, NULL, NULL)) \
    X(launch(o, o->affine, 1, 1, 0, NULL, NULL)) X(launch(o, NULL, 1, 1, 0, o->args, NULL))        \
    X(launch(o, BAD, 1, 1, 0, o->args, NULL)) X(launch(o, o->count, 1, 1, 0, o->args, o->buffer))  \
    X(launch(o, o->count, 1, 1, 0, NULL, o->buffer))                                               \
                                    \
    X((o->size = 64, launch(o, o->count, 1, 1, 0, NULL, o->buffer)))                               \
    X(cuLaunchKernelEx(NULL, o->count, o->args, NULL))                                             \
    X(launch_ex(o, 0, (CUlaunchAttribute){0})) X(launch_ex(o, 2, (CUlaunchAttribute){0}))          \
    X(launch_ex(o, 1, (CUlaunchAttribute){.id = CU_LAUNCH_ATTRIBUTE_IGNORE}))                      \
    X(launch_ex(o, 1, (CUlaunchAttribute){.id = 999}))                                             \
    X(launch_ex(o, 1, (CUlaunchAttribute){.id = CU_LAUNCH_ATTRIBUTE_PRIORITY, .value.priority = 77})) \
    X(launch_ex(o, 1, (CUlaunchAttribute){.id = CU_LAUNCH_ATTRIBUTE_PRIORITY, .value.priority = -77})) \
    X(launch_ex(o, 1, (CUlaunchAttribute){.id = CU_LAUNCH_ATTRIBUTE_COOPERATIVE, .value.cooperative = 1})) \
    X(launch_ex(o, 1, (CUlaunchAttribute){.id = CU_LAUNCH_ATTRIBUTE_COOPERATIVE, .value.cooperative = 7})) \
    X(launch_ex(o, 1, (CUlaunchAttribute){.id = CU_LAUNCH_ATTRIBUTE_SYNCHRONIZATION_POLICY, .value.syncPolicy = 99})) \
    X(launch_ex(o, 1, (CUlaunchAttribute){.id = CU_LAUNCH_ATTRIBUTE_MEM_SYNC_DOMAIN, .value.memSyncDomain = 9})) \
    X(launch_ex(o, 1, (CUlaunchAttribute){.id = CU_LAUNCH_ATTRIBUTE_CLUSTER_DIMENSION}))           \
    X(launch_ex(o, 1, (CUlaunchAttribute){.id = CU_LAUNCH_ATTRIBUTE_CLUSTER_DIMENSION, .value.clusterDim = {3, 1, 1}})) \
    X(launch_ex(o, 1, (CUlaunchAttribute){.id = CU_LAUNCH_ATTRIBUTE_CLUSTER_SCHEDULING_POLICY_PREFERENCE, .value.clusterSchedulingPolicyPreference = 9})) \
    X(launch_ex(o, 1, (CUlaunchAttribute){.id = CU_LAUNCH_ATTRIBUTE_PREFERRED_SHARED_MEMORY_CARVEOUT, .value.sharedMemCarveout = 777})) \
    X(launch_ex(o, 1, (CUlaunchAttribute){.id = CU_LAUNCH_ATTRIBUTE_PROGRAMMATIC_EVENT}))          \
    X(launch_ex(o, 1, (CUlaunchAttribute){.id = CU_LAUNCH_ATTRIBUTE_LAUNCH_COMPLETION_EVENT}))     \
    X(launch_ex(o, 1, (CUlaunchAttribute){.id = CU_LAUNCH_ATTRIBUTE_DEVICE_UPDATABLE_KERNEL_NODE, .value.deviceUpdatableKernelNode = {1, NULL}})) \
    X(cuLaunchCooperativeKernel(o->count, 1 << 20, 1, 1, 32, 1, 1, 0, o->s, o->args))              \
    /* host functions, events */                                                                   \
    X(cuLaunchHostFunc(o->s, NULL, NULL)) X(cuLaunchHostFunc(o->s, nothing, NULL))                 \
    X(cuStreamAddCallback(o->s, NULL, NULL, 0)) X(cuStreamAddCallback(o->s, called, NULL, 1))      \
    X(cuEventRecord(NULL, o->s)) X(cuEventRecord(BAD, o->s)) X(cuEventRecordWithFlags(o->e, o->s, 1)) \
    X(cuEventRecordWithFlags(o->e, o->s, 2)) X(cuStreamWaitEvent(o->s, NULL, 0))                   \
    X(cuStreamWaitEvent(o->s, BAD, 0)) X(cuStreamWaitEvent(o->s, o->never, 0))                     \
    X(cuStreamWaitEvent(o->s, o->never, 1)) X(cuStreamWaitEvent(o->s, o->never, 2))                \
    X(cuEventQuery(NULL)) X(cuEventQuery(BAD)) X(cuEventQuery(o->never)) X(cuEventSynchronize(NULL)) \
    X(cuEventSynchronize(o->never)) X(cuEventElapsedTime(&o->ms, o->never, o->never))              \
    X(cuEventElapsedTime(NULL, o->never, o->never)) X(cuEventElapsedTime(&o->ms, o->untimed, o->untimed)) \
    X(cuEventDestroy(NULL)) X(cuEventDestroy(BAD)) \
    /* memory operations, hints */                                                                 \
    X(cuStreamWriteValue32(o->s, o->at, 1, 1)) X(cuStreamWriteValue32(o->s, o->at, 1, 2))          \
    X(cuStreamWriteValue32(o->s, 0, 1, 0)) X(cuStreamWriteValue32(o->s, (CUdeviceptr)(uintptr_t)o->pageable, 1, 0)) \
    X(cuStreamWriteValue64(o->s, o->at + 4, 1, 0)) X(cuStreamWaitValue32(o->s, o->at, 0, 4))       \
    X(cuStreamWaitValue32(o->s, o->at, 0, 1u << 30)) X(cuStreamWaitValue32(o->s, o->managed, 0, 0)) \
    X(cuStreamBatchMemOp(o->s, 0, NULL, 0)) X(cuStreamBatchMemOp(o->s, 1, NULL, 0))                \
    X(cuStreamAttachMemAsync(o->s, o->managed, 0, 3)) X(cuStreamAttachMemAsync(o->s, o->managed, 0, 0)) \
    X(cuStreamAttachMemAsync(o->s, o->managed, 2048, CU_MEM_ATTACH_GLOBAL))                        \
    X(cuStreamAttachMemAsync(o->s, o->managed + 16, 0, CU_MEM_ATTACH_GLOBAL))                      \
    X(cuStreamAttachMemAsync(o->s, 0, 0, CU_MEM_ATTACH_GLOBAL))                                    \
    X(prefetch(o, o->managed, 0, CU_MEM_LOCATION_TYPE_DEVICE, 0))                                  \
    X(prefetch(o, o->managed, 4096, CU_MEM_LOCATION_TYPE_HOST, 0))                                 \
    X(prefetch(o, o->managed, 4096, CU_MEM_LOCATION_TYPE_HOST, 7))                                 \
    X(prefetch(o, o->managed, 4096, CU_MEM_LOCATION_TYPE_DEVICE, 7))                               \
    X(prefetch(o, o->managed, 4096, 0, 0)) X(prefetch(o, o->managed + 8, 16, CU_MEM_LOCATION_TYPE_DEVICE, 0)) \
    X(prefetch(o, o->at, 4, CU_MEM_LOCATION_TYPE_DEVICE, 0))                                       \
    /* memory */                                                                                   \
    X(cuMemAllocAsync(NULL, 16, o->s)) X(cuMemFreeAsync(0, o->s)) X(cuMemFreeAsync(o->at + 4, o->s)) \
    X(cuMemFree((CUdeviceptr)0x1230)) X(cuMemFreeHost(BAD)) X(cuMemHostUnregister(o->pageable))    \
    X(cuArrayDestroy(NULL)) X(cuTexObjectDestroy(0)) X(cuMemPoolDestroy(NULL)) X(cuMemPoolTrimTo(NULL, 0)) \
    X(cuMemUnmap(0, 0)) X(cuMemRelease(0)) X(cuMemAddressFree(0, 0))                               \
    /* graphs, captures */                                                                         \
    X(cuGraphLaunch(NULL, o->s)) X(cuGraphLaunch(BAD, o->s)) X(cuGraphUpload(NULL, o->s))          \
    X(cuGraphExecDestroy(NULL)) X(cuGraphExecDestroy(BAD)) X(cuStreamEndCapture(o->s, NULL))       \
    X(cuStreamBeginCapture(o->s, 77))                                                              \
    /* streams, contexts, code */                                                                  \
    X(cuStreamQuery(BAD)) X(cuStreamSynchronize(BAD)) X(cuStreamDestroy(NULL)) X(cuStreamDestroy(BAD)) \
    X(cuStreamDestroy(CU_STREAM_LEGACY)) X(cuStreamGetPriority(o->s, NULL)) X(cuStreamGetPriority(BAD, &o->number)) \
    X(cuStreamCopyAttributes(o->s, BAD)) X(cuStreamCreate(NULL, 0)) X(cuStreamCreateWithPriority(NULL, 77, 0)) \
    X(cuCtxDestroy(NULL)) X(cuDevicePrimaryCtxRelease(77)) X(cuDevicePrimaryCtxReset(77)) \
    X(cuModuleUnload(NULL)) X(cuModuleUnload(BAD)) X(cuLibraryUnload(NULL)) X(cuFuncSetAttribute(o->count, 77, 1))
/* clang-format on */

static const char *const calls[] = {
#define X(call) #call,
    ODD(X)
#undef X
};

static CUresult make_call(unsigned number, struct odd *o)
{
    unsigned n = 0;

    o->size = sizeof(o->at);
#define X(call)                                                                                    \
    if (n++ == number)                                                                             \
        return call;
    ODD(X)
#undef X
    return CUDA_SUCCESS;
}

static void set_up(struct odd *o)
{
    CUDA_ARRAY_DESCRIPTOR d = {4, 1, CU_AD_FORMAT_UNSIGNED_INT32, 1};
    CUgraph graph;

    *o = (struct odd){.s = stream(),
                      .at = words(64),
                      .host = pinned(64),
                      .e = event(),
                      .never = event(),
                      .count = fn("count"),
                      .affine = fn("affine"),
                      .size = sizeof(o->at)};
    OK(cuEventCreate(&o->untimed, CU_EVENT_DISABLE_TIMING));
    OK(cuCtxGetCurrent(&o->ctx));
    OK(cuArrayCreate(&o->array, &d));
    OK(cuMemAllocManaged(&o->managed, 1 << 16, CU_MEM_ATTACH_GLOBAL));
    OK(cuGraphCreate(&graph, 0));
    OK(cuGraphInstantiate(&o->exec, graph, 0));
    o->args[0] = &o->at;
    o->buffer[0] = CU_LAUNCH_PARAM_BUFFER_POINTER;
    o->buffer[1] = &o->at;
    o->buffer[2] = CU_LAUNCH_PARAM_BUFFER_SIZE;
    o->buffer[3] = &o->size;
    o->buffer[4] = CU_LAUNCH_PARAM_END;
}

CASE(odd_arguments, "what a call says to odd arguments is the same whether work is to come or not")
{
    enum { CALLS = sizeof(calls) / sizeof(calls[0]) };
    CUresult idle[CALLS];
    unsigned different = 0;
    struct odd o;

    if (!handles_are_checked())
        conf_skip("hardware may read anything");

    set_up(&o);
    hold_end();
    for (unsigned i = 0; i < CALLS; i++) {
        idle[i] = make_call(i, &o);
        OK(cuStreamSynchronize(o.s));
    }
    for (unsigned i = 0; i < CALLS; i++) {
        CUresult busy;
        hold_here();
        OK(cuMemsetD32Async(o.at + 64, i, 1, o.s));
        busy = make_call(i, &o);
        if (busy == idle[i])
            continue;
        printf("# %s returned %d, and %d behind work to come\n", calls[i], idle[i], busy);
        different++;
    }
    hold_end();
    OK(cuCtxSynchronize());
    EQUAL(different, 0);
}
