// SPDX-License-Identifier: Apache-2.0
/*
 * The variants that take the null stream for the calling thread's own (..._ptsz, ..._ptds): each of
 * them, while a blocking stream stands, so that whatever went to the legacy stream instead would
 * stand as well.
 */
#include "conformance.h"

#include <sys/mman.h>
#include <unistd.h>

static void *per_thread(const char *name)
{
    CUdriverProcAddressQueryResult status;
    void *plain = NULL, *variant = NULL;

    OK(cuGetProcAddress(name, &variant, CUDA_VERSION, CU_GET_PROC_ADDRESS_PER_THREAD_DEFAULT_STREAM,
                        &status));
    OK(cuGetProcAddress(name, &plain, CUDA_VERSION, 0, &status));
    if (!variant)
        conf_fail(__FILE__, __LINE__, "%s is not there", name);
    if (variant == plain)
        conf_fail(__FILE__, __LINE__, "%s has no variant of its own", name);
    return variant;
}

/* The variant of a function, by the name without suffix and version. */
#define PT(name) ((__typeof__(&(name)))per_thread(#name))

/* The stream stands at a word and not in a host function: on a GPU host functions of other streams
 * wait for one that runs, and so does what the driver does in one, prefetches of managed memory. */
struct scene {
    uint32_t *gate;
    CUstream s; /* stands */
    CUdeviceptr at;
    uint32_t *host;
};

static struct scene scene(void)
{
    struct scene c = {.s = stream(), .at = words(64), .host = pinned(64), .gate = pinned(1)};

    return c;
}

static void stand(struct scene *c)
{
    hold_here();
    OK(cuStreamWaitValue32(c->s, (CUdeviceptr)(uintptr_t)c->gate, 1, CU_STREAM_WAIT_VALUE_EQ));
}

static void done(struct scene *c)
{
    OK(PT(cuStreamSynchronize)(NULL)); /* returns, though the blocking stream stands */
    OK(PT(cuStreamQuery)(NULL));
    __atomic_store_n(c->gate, 1, __ATOMIC_SEQ_CST);
    hold_end();
    OK(cuStreamSynchronize(c->s));
}

static void CUDA_CB add_one(void *arg)
{
    ++*(uint32_t *)arg;
}

static void CUDA_CB called(CUstream s, CUresult status, void *arg)
{
    *(uint32_t *)arg += status == CUDA_SUCCESS ? 10 : 1000;
}

CASE(suffixed_launches, "launches and host functions in the per-thread stream by a suffixed name")
{
    struct scene c = scene();
    uint32_t a = 1, b = 2, zero = 0;
    CUdeviceptr meet = c.at + 8, out = c.at + 12;
    void *args[] = {&c.at, &a, &b}, *meeting[] = {&meet, &out};
    CUlaunchConfig config = {.gridDimX = 1,
                             .gridDimY = 1,
                             .gridDimZ = 1,
                             .blockDimX = 1,
                             .blockDimY = 1,
                             .blockDimZ = 1};
    CUfunction f = fn("affine"), g = fn("meet");

    (void)zero;
    stand(&c);
    OK(PT(cuLaunchKernel)(f, 1, 1, 1, 1, 1, 1, 0, NULL, args, NULL));
    OK(PT(cuLaunchKernelEx)(&config, f, args, NULL));
    OK(PT(cuLaunchCooperativeKernel)(g, 2, 1, 1, 32, 1, 1, 0, NULL, meeting));
    OK(PT(cuLaunchHostFunc)(NULL, add_one, c.host));
    OK(PT(cuStreamAddCallback)(NULL, called, c.host, 0));
    done(&c);
    EQUAL(peek(c.at), 4);
    EQUAL(peek(out), 64);
    EQUAL(c.host[0], 11);
}

CASE(suffixed_copies, "asynchronous copies in the per-thread stream by a suffixed name")
{
    struct scene c = scene();
    CUDA_ARRAY_DESCRIPTOR d = {.Width = 8, .Format = CU_AD_FORMAT_UNSIGNED_INT32, .NumChannels = 1};
    CUDA_MEMCPY2D flat = {.srcMemoryType = CU_MEMORYTYPE_DEVICE,
                          .srcDevice = c.at,
                          .srcPitch = 4,
                          .dstMemoryType = CU_MEMORYTYPE_DEVICE,
                          .dstDevice = c.at + 16,
                          .dstPitch = 4,
                          .WidthInBytes = 4,
                          .Height = 1};
    CUDA_MEMCPY3D deep = {.srcMemoryType = CU_MEMORYTYPE_DEVICE,
                          .srcDevice = c.at,
                          .dstMemoryType = CU_MEMORYTYPE_DEVICE,
                          .dstDevice = c.at + 20,
                          .WidthInBytes = 4,
                          .Height = 1,
                          .Depth = 1};
    CUDA_MEMCPY3D_PEER peer = {.srcMemoryType = CU_MEMORYTYPE_DEVICE,
                               .srcDevice = c.at,
                               .dstMemoryType = CU_MEMORYTYPE_DEVICE,
                               .dstDevice = c.at + 24,
                               .WidthInBytes = 4,
                               .Height = 1,
                               .Depth = 1};
    CUmemcpyAttributes order = {.srcAccessOrder = CU_MEMCPY_SRC_ACCESS_ORDER_STREAM};
    CUDA_MEMCPY3D_BATCH_OP op = {.srcAccessOrder = CU_MEMCPY_SRC_ACCESS_ORDER_STREAM};
    CUdeviceptr from = c.at, to = c.at + 28;
    size_t bytes = 4, first = 0;
    CUstream s = free_stream();
    CUcontext ctx;
    CUarray array;
    CUresult rc;

    OK(cuCtxGetCurrent(&ctx));
    OK(cuArrayCreate(&array, &d));
    peer.srcContext = peer.dstContext = ctx;
    op.src.type = op.dst.type = CU_MEMCPY_OPERAND_TYPE_POINTER;
    op.src.op.ptr.ptr = c.at;
    op.dst.op.ptr.ptr = c.at + 32;
    op.src.op.ptr.rowLength = op.dst.op.ptr.rowLength = 4;
    op.src.op.ptr.layerHeight = op.dst.op.ptr.layerHeight = 1;
    op.src.op.ptr.locHint.type = op.dst.op.ptr.locHint.type = CU_MEM_LOCATION_TYPE_DEVICE;
    op.extent = (CUextent3D){4, 1, 1};
    c.host[0] = 77;
    stand(&c);
    OK(PT(cuMemcpyHtoDAsync)(c.at, c.host, 4, NULL));
    OK(PT(cuMemcpyDtoDAsync)(c.at + 4, c.at, 4, NULL));
    OK(PT(cuMemcpyAsync)(c.at + 8, c.at + 4, 4, NULL));
    OK(PT(cuMemcpyPeerAsync)(c.at + 12, ctx, c.at + 8, ctx, 4, NULL));
    OK(PT(cuMemcpy2DAsync)(&flat, NULL));
    OK(PT(cuMemcpy3DAsync)(&deep, NULL));
    OK(PT(cuMemcpy3DPeerAsync)(&peer, NULL));
    OK(PT(cuMemcpyHtoAAsync)(array, 4, c.host, 4, NULL));
    OK(PT(cuMemcpyAtoHAsync)(c.host + 1, array, 4, 4, NULL));
    OK(PT(cuMemcpyDtoHAsync)(c.host + 2, c.at + 12, 4, NULL));
    OK(PT(cuStreamSynchronize)(NULL));
    /* Batches are not for the null stream; some drivers count the per-thread one as that. */
    rc = PT(cuMemcpyBatchAsync)(&to, &from, &bytes, 1, &order, &first, 1, NULL);
    CHECK(rc == CUDA_SUCCESS || rc == CUDA_ERROR_INVALID_VALUE);
    if (rc != CUDA_SUCCESS)
        OK(PT(cuMemcpyBatchAsync)(&to, &from, &bytes, 1, &order, &first, 1, s));
    rc = PT(cuMemcpy3DBatchAsync)(1, &op, 0, NULL);
    CHECK(rc == CUDA_SUCCESS || rc == CUDA_ERROR_INVALID_VALUE);
    if (rc != CUDA_SUCCESS)
        OK(PT(cuMemcpy3DBatchAsync)(1, &op, 0, s));
    OK(cuStreamSynchronize(s));
    done(&c);
    EQUAL(c.host[1], 77);
    EQUAL(c.host[2], 77);
    for (unsigned i = 3; i <= 8; i++)
        EQUAL(peek(c.at + 4 * i), 77);
}

CASE(suffixed_copies_sync, "synchronous copies in the per-thread stream by a suffixed name")
{
    struct scene c = scene();
    CUDA_ARRAY_DESCRIPTOR d = {.Width = 8, .Format = CU_AD_FORMAT_UNSIGNED_INT32, .NumChannels = 1};
    CUDA_MEMCPY2D flat = {.srcMemoryType = CU_MEMORYTYPE_DEVICE,
                          .srcDevice = c.at,
                          .srcPitch = 4,
                          .dstMemoryType = CU_MEMORYTYPE_DEVICE,
                          .dstDevice = c.at + 16,
                          .dstPitch = 4,
                          .WidthInBytes = 4,
                          .Height = 1};
    CUDA_MEMCPY3D deep = {.srcMemoryType = CU_MEMORYTYPE_DEVICE,
                          .srcDevice = c.at,
                          .dstMemoryType = CU_MEMORYTYPE_DEVICE,
                          .dstDevice = c.at + 20,
                          .WidthInBytes = 4,
                          .Height = 1,
                          .Depth = 1};
    CUDA_MEMCPY3D_PEER peer = {.srcMemoryType = CU_MEMORYTYPE_DEVICE,
                               .srcDevice = c.at,
                               .dstMemoryType = CU_MEMORYTYPE_DEVICE,
                               .dstDevice = c.at + 24,
                               .WidthInBytes = 4,
                               .Height = 1,
                               .Depth = 1};
    uint32_t value = 55, back[3] = {0};
    CUarray array, other;
    CUcontext ctx;

    OK(cuCtxGetCurrent(&ctx));
    OK(cuArrayCreate(&array, &d));
    OK(cuArrayCreate(&other, &d));
    peer.srcContext = peer.dstContext = ctx;
    stand(&c);
    OK(PT(cuMemcpyHtoD)(c.at, &value, 4));
    OK(PT(cuMemcpyDtoD)(c.at + 4, c.at, 4));
    OK(PT(cuMemcpy)(c.at + 8, c.at + 4, 4));
    OK(PT(cuMemcpyPeer)(c.at + 12, ctx, c.at + 8, ctx, 4));
    OK(PT(cuMemcpy2D)(&flat));
    flat.dstDevice = c.at + 28;
    OK(PT(cuMemcpy2DUnaligned)(&flat));
    OK(PT(cuMemcpy3D)(&deep));
    OK(PT(cuMemcpy3DPeer)(&peer));
    OK(PT(cuMemcpyDtoA)(array, 0, c.at, 4));
    OK(PT(cuMemcpyAtoA)(other, 4, array, 0, 4));
    OK(PT(cuMemcpyAtoD)(c.at + 32, other, 4, 4));
    OK(PT(cuMemcpyAtoH)(&back[0], other, 4, 4));
    OK(PT(cuMemcpyHtoA)(array, 8, &value, 4));
    OK(PT(cuMemcpyAtoH)(&back[1], array, 8, 4));
    OK(PT(cuMemcpyDtoH)(&back[2], c.at + 12, 4));
    done(&c);
    for (unsigned i = 0; i < 3; i++)
        EQUAL(back[i], 55);
    for (unsigned i = 4; i <= 8; i++)
        EQUAL(peek(c.at + 4 * i), 55);
}

CASE(suffixed_fills, "fills in the per-thread stream by a suffixed name")
{
    struct scene c = scene();
    uint32_t got[12];

    stand(&c);
    OK(PT(cuMemsetD8Async)(c.at, 1, 4, NULL));
    OK(PT(cuMemsetD16Async)(c.at + 4, 2, 2, NULL));
    OK(PT(cuMemsetD32Async)(c.at + 8, 3, 1, NULL));
    OK(PT(cuMemsetD2D8Async)(c.at + 12, 4, 4, 4, 1, NULL));
    OK(PT(cuMemsetD2D16Async)(c.at + 16, 4, 5, 2, 1, NULL));
    OK(PT(cuMemsetD2D32Async)(c.at + 20, 4, 6, 1, 1, NULL));
    OK(PT(cuMemsetD8)(c.at + 24, 7, 4));
    OK(PT(cuMemsetD16)(c.at + 28, 8, 2));
    OK(PT(cuMemsetD32)(c.at + 32, 9, 1));
    OK(PT(cuMemsetD2D8)(c.at + 36, 4, 10, 4, 1));
    OK(PT(cuMemsetD2D16)(c.at + 40, 4, 11, 2, 1));
    OK(PT(cuMemsetD2D32)(c.at + 44, 4, 12, 1, 1));
    OK(PT(cuMemcpyDtoH)(got, c.at, sizeof(got)));
    done(&c);
    for (uint32_t i = 0; i < 12; i++)
        EQUAL(got[i], (i + 1) * (i % 3 == 0 ? 0x01010101 : i % 3 == 1 ? 0x00010001 : 1));
}

CASE(suffixed_memops, "memory operations and events in the per-thread stream by a suffixed name")
{
    struct scene c = scene();
    CUdeviceptr host = (CUdeviceptr)(uintptr_t)c.host;
    CUstreamBatchMemOpParams op = {0};
    CUevent e = event(), f = event();

    op.writeValue.operation = CU_STREAM_MEM_OP_WRITE_VALUE_32;
    op.writeValue.address = host + 24;
    op.writeValue.value = 5;
    stand(&c);
    OK(PT(cuStreamWriteValue32)(NULL, host, 3, 0));
    OK(PT(cuStreamWaitValue32)(NULL, host, 3, CU_STREAM_WAIT_VALUE_EQ));
    OK(PT(cuStreamWriteValue64)(NULL, host + 8, 4, 0));
    OK(PT(cuStreamWaitValue64)(NULL, host + 8, 4, CU_STREAM_WAIT_VALUE_EQ));
    OK(PT(cuStreamBatchMemOp)(NULL, 1, &op, 0));
    OK(PT(cuEventRecord)(e, NULL));
    OK(PT(cuEventRecordWithFlags)(f, NULL, 0));
    OK(PT(cuStreamWaitEvent)(NULL, f, 0));
    OK(cuEventSynchronize(e));
    OK(cuEventSynchronize(f));
    done(&c);
    EQUAL(c.host[0], 3);
    EQUAL(c.host[2], 4);
    EQUAL(c.host[6], 5);
}

CASE(suffixed_memory, "stream-ordered memory in the per-thread stream by a suffixed name")
{
    struct scene c = scene();
    CUmemLocation here = {CU_MEM_LOCATION_TYPE_DEVICE, dev};
    CUdeviceptr at, other, managed;
    size_t bytes = 4096, first = 0;
    CUmemoryPool pool;
    CUresult rc;

    if (!attribute(CU_DEVICE_ATTRIBUTE_MEMORY_POOLS_SUPPORTED) ||
        !attribute(CU_DEVICE_ATTRIBUTE_CONCURRENT_MANAGED_ACCESS))
        conf_skip("no pools, or no managed memory");
    OK(cuDeviceGetDefaultMemPool(&pool, dev));
    OK(cuMemAllocManaged(&managed, 4096, CU_MEM_ATTACH_GLOBAL));
    stand(&c);
    OK(PT(cuMemAllocAsync)(&at, 4096, NULL));
    OK(PT(cuMemAllocFromPoolAsync)(&other, 4096, pool, NULL));
    OK(PT(cuMemsetD32Async)(at, 6, 1, NULL));
    OK(PT(cuMemcpyDtoDAsync)(c.at, at, 4, NULL));
    OK(PT(cuMemFreeAsync)(at, NULL));
    OK(PT(cuMemFreeAsync)(other, NULL));
    OK(PT(cuMemPrefetchAsync)(managed, 4096, here, 0, NULL));
    OK(PT(cuStreamAttachMemAsync)(NULL, managed, 0, CU_MEM_ATTACH_GLOBAL));
    rc = PT(cuMemPrefetchBatchAsync)(&managed, &bytes, 1, &here, &first, 1, 0, NULL);
    CHECK(rc == CUDA_SUCCESS || rc == CUDA_ERROR_NOT_SUPPORTED);
    rc = PT(cuMemDiscardBatchAsync)(&managed, &bytes, 1, 0, NULL);
    CHECK(rc == CUDA_SUCCESS || rc == CUDA_ERROR_NOT_SUPPORTED);
    rc = PT(cuMemDiscardAndPrefetchBatchAsync)(&managed, &bytes, 1, &here, &first, 1, 0, NULL);
    CHECK(rc == CUDA_SUCCESS || rc == CUDA_ERROR_NOT_SUPPORTED);
    done(&c);
    EQUAL(peek(c.at), 6);
}

CASE(suffixed_graphs, "captures and graphs in the per-thread stream by a suffixed name")
{
    struct scene c = scene();
    CUDA_GRAPH_INSTANTIATE_PARAMS p = {0};
    CUstreamCaptureStatus status;
    CUgraph graph, same;
    CUgraphExec exec, second;
    CUfunction f = fn("affine");
    uint32_t a = 1, b = 2;
    void *args[] = {&c.at, &a, &b};
    cuuint64_t id;

    stand(&c);
    OK(PT(cuStreamBeginCapture)(NULL, CU_STREAM_CAPTURE_MODE_RELAXED));
    OK(PT(cuStreamIsCapturing)(NULL, &status));
    EQUAL(status, CU_STREAM_CAPTURE_STATUS_ACTIVE);
    OK(PT(cuLaunchKernel)(f, 1, 1, 1, 1, 1, 1, 0, NULL, args, NULL));
    OK(PT(cuStreamGetCaptureInfo)(NULL, &status, &id, &graph, NULL, NULL, NULL));
    OK(PT(cuStreamUpdateCaptureDependencies)(NULL, NULL, NULL, 0,
                                             CU_STREAM_ADD_CAPTURE_DEPENDENCIES));
    OK(PT(cuStreamEndCapture)(NULL, &same));
    CHECK(same == graph);
    OK(PT(cuStreamBeginCaptureToGraph)(NULL, graph, NULL, NULL, 0, CU_STREAM_CAPTURE_MODE_RELAXED));
    OK(PT(cuStreamEndCapture)(NULL, &same));
    OK(PT(cuGraphInstantiateWithParams)(&exec, graph, &p));
    OK(cuGraphInstantiate(&second, graph, 0));
    OK(PT(cuGraphUpload)(exec, NULL));
    OK(PT(cuGraphLaunch)(exec, NULL));
    OK(PT(cuGraphLaunch)(second, NULL));
    done(&c);
    EQUAL(peek(c.at), 4);
}

CASE(suffixed_questions, "questions about the per-thread stream by a suffixed name")
{
    CUstreamAttrValue v = {.syncPolicy = CU_SYNC_POLICY_BLOCKING_SYNC}, got;
    unsigned long long own, legacy;
    struct scene c = scene();
    CUcontext ctx, current;
    CUgreenCtx green;
    unsigned flags = 99;
    int priority = 99;
    CUdevice device;

    OK(cuCtxGetCurrent(&current));
    stand(&c);
    OK(PT(cuStreamGetPriority)(NULL, &priority));
    EQUAL(priority, 0);
    OK(PT(cuStreamGetFlags)(NULL, &flags));
    EQUAL(flags, CU_STREAM_DEFAULT);
    OK(PT(cuStreamGetId)(NULL, &own));
    OK(cuStreamGetId(NULL, &legacy));
    CHECK(own != legacy);
    OK(PT(cuStreamGetDevice)(NULL, &device));
    EQUAL(device, dev);
    OK(((CUresult(*)(CUstream, CUcontext *, CUgreenCtx *))per_thread("cuStreamGetCtx"))(NULL, &ctx,
                                                                                        &green));
    CHECK(ctx == current && green == NULL);
    OK(PT(cuStreamSetAttribute)(NULL, CU_STREAM_ATTRIBUTE_SYNCHRONIZATION_POLICY, &v));
    OK(PT(cuStreamGetAttribute)(NULL, CU_STREAM_ATTRIBUTE_SYNCHRONIZATION_POLICY, &got));
    EQUAL(got.syncPolicy, CU_SYNC_POLICY_BLOCKING_SYNC);
    OK(PT(cuStreamCopyAttributes)(c.s, NULL));
    done(&c);
}

/* ---- what a device may lack ---- */

CASE(suffixed_absent, "what the device lacks is refused by a suffixed name, too")
{
    struct scene c = scene();
    CUmemDecompressParams decompress = {0};
    CUarrayMapInfo map = {0};
    size_t index;

    stand(&c);
    if (!attribute(CU_DEVICE_ATTRIBUTE_SPARSE_CUDA_ARRAY_SUPPORTED))
        CHECK(PT(cuMemMapArrayAsync)(&map, 1, NULL) != CUDA_SUCCESS);
    if (!attribute(CU_DEVICE_ATTRIBUTE_MEM_DECOMPRESS_ALGORITHM_MASK))
        CHECK(PT(cuMemBatchDecompressAsync)(&decompress, 1, 0, &index, NULL) != CUDA_SUCCESS);
    done(&c);
}

CASE(suffixed_graphics, "resources of graphics by a suffixed name: of none there are none to map")
{
    struct scene c = scene();

    stand(&c);
    PT(cuGraphicsMapResources)(0, NULL, NULL); /* what it answers is not said anywhere */
    PT(cuGraphicsUnmapResources)(0, NULL, NULL);
    done(&c);
}

CASE(suffixed_semaphores, "semaphores of other drivers in the per-thread stream by a suffixed name")
{
    CUDA_EXTERNAL_SEMAPHORE_HANDLE_DESC desc = {
        .type = CU_EXTERNAL_SEMAPHORE_HANDLE_TYPE_TIMELINE_SEMAPHORE_FD};
    CUDA_EXTERNAL_SEMAPHORE_SIGNAL_PARAMS signal = {.params = {.fence = {.value = 3}}};
    CUDA_EXTERNAL_SEMAPHORE_WAIT_PARAMS wait = {.params = {.fence = {.value = 3}}};
    struct scene c = scene();
    CUexternalSemaphore semaphore;

    desc.handle.fd = memfd_create("conformance", MFD_CLOEXEC); /* as in external.c */
    CHECK(desc.handle.fd >= 0 && ftruncate(desc.handle.fd, 4096) == 0);
    if (cuImportExternalSemaphore(&semaphore, &desc) != CUDA_SUCCESS)
        conf_skip("a semaphore cannot be made here");
    stand(&c);
    OK(PT(cuSignalExternalSemaphoresAsync)(&semaphore, &signal, 1, NULL));
    OK(PT(cuWaitExternalSemaphoresAsync)(&semaphore, &wait, 1, NULL));
    done(&c);
    OK(cuDestroyExternalSemaphore(semaphore));
}
