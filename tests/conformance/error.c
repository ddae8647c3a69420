// SPDX-License-Identifier: Apache-2.0
/*
 * Errors come from the call that makes them, also into a busy stream: nothing of the call happens,
 * what is before it and behind it in the stream does, and nobody is told later.
 */
#include "conformance.h"

/* A busy stream and two words; the call, which has to fail; and then all is as if it had not been.
 */
struct busy {
    CUstream s;
    CUdeviceptr at;
    struct gate gate;
};

static struct busy busy(void)
{
    struct busy b = {.s = stream(), .at = words(2)};

    return b;
}

static void begin(struct busy *b)
{
    hold_here();
    gate_close(&b->gate, b->s);
    affine(b->s, b->at, 1, 4);
}

static void end(struct busy *b)
{
    affine(b->s, b->at, 10, 1);
    gate_open(&b->gate);
    OK(cuStreamSynchronize(b->s));
    OK(cuCtxSynchronize());
    EQUAL(peek(b->at), 41);
}

#define REFUSED(call) CHECK((call) != CUDA_SUCCESS)

CASE(error_graph, "a launch of a graph that is none")
{
    struct busy b = busy();

    begin(&b);
    REFUSED(cuGraphLaunch(NULL, b.s));
    REFUSED(cuGraphUpload(NULL, b.s));
    end(&b);
}

CASE(error_memset, "a fill that leaves its allocation, or at an odd address")
{
    struct busy b = busy();

    begin(&b);
    REFUSED(cuMemsetD32Async(b.at, 1, (size_t)1 << 28, b.s));
    REFUSED(cuMemsetD16Async(b.at + 1, 1, 1, b.s));
    REFUSED(cuMemsetD2D32Async(b.at, 4, 1, 8, 2, b.s)); /* rows longer than the pitch */
    end(&b);
}

CASE(error_copy, "a copy that leaves an allocation on either side")
{
    struct busy b = busy();
    uint32_t *host = pinned(4);

    begin(&b);
    REFUSED(cuMemcpyDtoHAsync(host, b.at, (size_t)1 << 28, b.s));
    REFUSED(cuMemcpyDtoDAsync(b.at, b.at + ((size_t)1 << 40), 4, b.s));
    REFUSED(cuMemcpyHtoDAsync(0x100, host, 4, b.s));
    end(&b);
}

CASE(error_copy_2d, "a 2D copy that begins inside its allocations and ends outside")
{
    struct busy b = busy();
    uint32_t *host = pinned(1024);
    CUDA_MEMCPY2D p = {.srcMemoryType = CU_MEMORYTYPE_HOST,
                       .srcHost = host,
                       .srcPitch = 64,
                       .dstMemoryType = CU_MEMORYTYPE_DEVICE,
                       .dstDevice = b.at,
                       .dstPitch = 1 << 24,
                       .WidthInBytes = 64,
                       .Height = 64};

    begin(&b);
    REFUSED(cuMemcpy2DAsync(&p, b.s));
    p.dstPitch = 8; /* less than a row */
    REFUSED(cuMemcpy2DAsync(&p, b.s));
    end(&b);
}

CASE(error_copy_3d, "a 3D copy that begins inside its allocations and ends outside")
{
    struct busy b = busy();
    uint32_t *host = pinned(1024);
    CUDA_MEMCPY3D p = {.srcMemoryType = CU_MEMORYTYPE_DEVICE,
                       .srcDevice = b.at,
                       .srcPitch = 4,
                       .srcHeight = 1 << 24,
                       .dstMemoryType = CU_MEMORYTYPE_HOST,
                       .dstHost = host,
                       .WidthInBytes = 4,
                       .Height = 1,
                       .Depth = 64};

    begin(&b);
    REFUSED(cuMemcpy3DAsync(&p, b.s));
    end(&b);
}

CASE(error_copy_array, "a copy that is longer than its array")
{
    CUDA_ARRAY_DESCRIPTOR d = {.Width = 8, .Format = CU_AD_FORMAT_UNSIGNED_INT32, .NumChannels = 1};
    struct busy b = busy();
    uint32_t *host = pinned(64);
    CUarray array;

    OK(cuArrayCreate(&array, &d));
    begin(&b);
    REFUSED(cuMemcpyHtoAAsync(array, 16, host, 32, b.s));
    REFUSED(cuMemcpyAtoHAsync(host, array, 0, 64, b.s));
    OK(cuMemcpyHtoAAsync(array, 0, host, 32, b.s));
    end(&b);
}

CASE(error_free_async, "freeing what was not allocated, or its middle")
{
    struct busy b = busy();
    uint32_t *host = pinned(4);
    CUdeviceptr at;

    if (!attribute(CU_DEVICE_ATTRIBUTE_MEMORY_POOLS_SUPPORTED))
        conf_skip("no memory pools");
    OK(cuMemAllocAsync(&at, 4096, b.s));
    begin(&b);
    REFUSED(cuMemFreeAsync((CUdeviceptr)(uintptr_t)host, b.s));
    REFUSED(cuMemFreeAsync(at + 512, b.s));
    REFUSED(cuMemFreeAsync(0x1000, b.s));
    OK(cuMemFreeAsync(at, b.s));
    end(&b);
}

CASE(error_free_twice, "freeing twice, also if the first is still to come")
{
    struct busy b = busy();
    CUdeviceptr at;

    if (!attribute(CU_DEVICE_ATTRIBUTE_MEMORY_POOLS_SUPPORTED))
        conf_skip("no memory pools");
    OK(cuMemAllocAsync(&at, 4096, b.s));
    begin(&b);
    OK(cuMemFreeAsync(at, b.s));
    REFUSED(cuMemFreeAsync(at, b.s));
    end(&b);
}

CASE(error_prefetch, "prefetching and attaching what is not managed, or with flags that are none")
{
    CUmemLocation here = {CU_MEM_LOCATION_TYPE_DEVICE, dev};
    struct busy b = busy();
    CUdeviceptr at;

    if (!attribute(CU_DEVICE_ATTRIBUTE_CONCURRENT_MANAGED_ACCESS))
        conf_skip("no prefetch");
    OK(cuMemAllocManaged(&at, 4096, CU_MEM_ATTACH_GLOBAL));
    begin(&b);
    REFUSED(cuMemPrefetchAsync(b.at, 4, here, 0, b.s));
    REFUSED(cuMemPrefetchAsync(at, 4096, here, 1, b.s));
    REFUSED(cuMemPrefetchAsync(at, (size_t)1 << 30, here, 0, b.s));
    here.id = 1000;
    REFUSED(cuMemPrefetchAsync(at, 4096, here, 0, b.s));
    REFUSED(cuStreamAttachMemAsync(b.s, at, 0, 0x80));
    REFUSED(cuStreamAttachMemAsync(b.s, b.at, 0, CU_MEM_ATTACH_GLOBAL));
    end(&b);
}

CASE(error_memop, "memory operations at odd addresses, on managed memory, with flags that are none")
{
    struct busy b = busy();
    CUdeviceptr at;

    OK(cuMemAllocManaged(&at, 4096, CU_MEM_ATTACH_GLOBAL));
    begin(&b);
    REFUSED(cuStreamWriteValue32(b.s, b.at + 2, 1, 0));
    REFUSED(cuStreamWriteValue64(b.s, b.at + 4, 1, 0));
    REFUSED(cuStreamWaitValue32(b.s, b.at, 1, 0x100));
    REFUSED(cuStreamWriteValue32(b.s, 0x1000, 1, 0));
    end(&b);
}

CASE(error_event, "recording and waiting for an event that is none, or with flags that are none")
{
    struct busy b = busy();
    CUevent e = event();

    begin(&b);
    REFUSED(cuEventRecord(NULL, b.s));
    REFUSED(cuEventRecordWithFlags(e, b.s, 0x40));
    REFUSED(cuStreamWaitEvent(b.s, NULL, 0));
    REFUSED(cuStreamWaitEvent(b.s, e, 0x40));
    end(&b);
    OK(cuEventQuery(e));
}

CASE(error_event_context, "recording an event of another context than the stream's")
{
    CUcontext primary, created;
    CUevent other;
    struct busy b;

    OK(cuCtxGetCurrent(&primary));
    OK(cuCtxCreate(&created, NULL, 0, dev));
    other = event();
    OK(cuCtxSetCurrent(primary));
    b = busy();
    begin(&b);
    IS(cuEventRecord(other, b.s), CUDA_ERROR_INVALID_HANDLE);
    end(&b);
}

CASE(error_host, "host functions and callbacks that are none")
{
    struct busy b = busy();

    begin(&b);
    REFUSED(cuLaunchHostFunc(b.s, NULL, NULL));
    REFUSED(cuStreamAddCallback(b.s, NULL, NULL, 0));
    end(&b);
}

CASE(error_launch,
     "launches with a bad shape, no arguments, too much shared memory, a bad function")
{
    struct busy b = busy();
    void *args[] = {&b.at};
    CUfunction f = fn("count");

    begin(&b);
    REFUSED(cuLaunchKernel(f, 1, 1, 1, 1, 1, 65, 0, b.s, args, NULL));
    REFUSED(cuLaunchKernel(f, 1, 1 << 17, 1, 1, 1, 1, 0, b.s, args, NULL));
    REFUSED(cuLaunchKernel(f, 1, 1, 1, 1, 1, 1, 1 << 28, b.s, args, NULL));
    REFUSED(cuLaunchKernel(f, 1, 1, 1, 1, 1, 1, 0, b.s, NULL, NULL));
    REFUSED(cuLaunchKernel(NULL, 1, 1, 1, 1, 1, 1, 0, b.s, NULL, NULL));
    REFUSED(cuLaunchKernel(fn("fixed"), 1, 1, 1, 64, 1, 1, 0, b.s, NULL, NULL));
    end(&b);
}

CASE(error_launch_context, "a function of another context than the stream's")
{
    CUcontext primary, created;
    CUfunction other;
    CUmodule m;
    struct busy b;

    OK(cuCtxGetCurrent(&primary));
    OK(cuCtxCreate(&created, NULL, 0, dev));
    OK(cuModuleLoadData(&m, conf_ptx));
    OK(cuModuleGetFunction(&other, m, "nothing"));
    OK(cuCtxSetCurrent(primary));
    b = busy();
    begin(&b);
    REFUSED(cuLaunchKernel(other, 1, 1, 1, 1, 1, 1, 0, b.s, NULL, NULL));
    end(&b);
}

CASE(error_launch_ex, "attributes that are none, or out of range")
{
    CUlaunchAttribute a = {.id = CU_LAUNCH_ATTRIBUTE_CLUSTER_DIMENSION};
    struct busy b = busy();
    CUlaunchConfig config = {.gridDimX = 3,
                             .gridDimY = 1,
                             .gridDimZ = 1,
                             .blockDimX = 1,
                             .blockDimY = 1,
                             .blockDimZ = 1,
                             .hStream = b.s,
                             .attrs = &a,
                             .numAttrs = 1};
    void *args[] = {&b.at};

    begin(&b);
    a.value.clusterDim.x = 2; /* does not divide the grid */
    a.value.clusterDim.y = a.value.clusterDim.z = 1;
    REFUSED(cuLaunchKernelEx(&config, fn("count"), args, NULL));
    config.attrs = NULL;
    REFUSED(cuLaunchKernelEx(&config, fn("count"), args, NULL));
    REFUSED(cuLaunchKernelEx(NULL, fn("count"), args, NULL));
    end(&b);
}

CASE(error_stream, "a stream that is none")
{
    CUdeviceptr at = words(1);
    CUstream gone = stream();
    CUevent e = event();

    OK(cuStreamSynchronize(gone));
    OK(cuEventRecord(e, NULL));
    OK(cuCtxSynchronize());
    OK(cuMemsetD32Async(at, 3, 1, NULL));
    EQUAL(word(at), 3);
    OK(cuStreamDestroy(gone));
}
