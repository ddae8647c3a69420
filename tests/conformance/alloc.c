// SPDX-License-Identifier: Apache-2.0
/* Memory of every kind, and what freeing it waits for. */
#include "conformance.h"

#define NEEDS_POOLS()                                                                              \
    do {                                                                                           \
        if (!attribute(CU_DEVICE_ATTRIBUTE_MEMORY_POOLS_SUPPORTED))                                \
            conf_skip("the device has no memory pools");                                           \
    } while (0)

CASE(alloc_async_pointer,
     "cuMemAllocAsync's pointer is there when it returns, also in a busy stream")
{
    CUstream s = stream();
    CUdeviceptr at = 0xdead;
    struct gate gate;

    NEEDS_POOLS();
    gate_close(&gate, s);
    OK(cuMemAllocAsync(&at, 4096, s));
    CHECK(at != 0xdead && at != 0);
    OK(cuMemsetD32Async(at, 3, 1024, s));
    affine(s, at, 10, 1);
    gate_open(&gate);
    OK(cuStreamSynchronize(s));
    EQUAL(peek(at), 31);
    OK(cuMemFreeAsync(at, s));
    OK(cuStreamSynchronize(s));
}

CASE(alloc_async_distinct, "live allocations do not overlap")
{
    CUstream s = stream();
    CUdeviceptr at[16];

    NEEDS_POOLS();
    for (int i = 0; i < 16; i++)
        OK(cuMemAllocAsync(&at[i], 1000, s));
    for (int i = 0; i < 16; i++) {
        for (int k = 0; k < i; k++)
            CHECK(at[i] >= at[k] + 1000 || at[k] >= at[i] + 1000);
        OK(cuMemsetD32Async(at[i], (unsigned)i, 250, s));
    }
    OK(cuStreamSynchronize(s));
    for (int i = 0; i < 16; i++)
        EQUAL(peek(at[i]), i);
    for (int i = 0; i < 16; i++)
        OK(cuMemFreeAsync(at[i], s));
    OK(cuStreamSynchronize(s));
}

CASE(free_async_order, "cuMemFreeAsync keeps its place: what is before it may use the memory")
{
    CUstream s = stream();
    CUdeviceptr at, out = words(1);
    struct gate gate;

    NEEDS_POOLS();
    OK(cuMemAllocAsync(&at, 4, s));
    gate_close(&gate, s);
    OK(cuMemsetD32Async(at, 5, 1, s));
    affine(s, at, 2, 1);
    OK(cuMemcpyDtoDAsync(out, at, 4, s));
    OK(cuMemFreeAsync(at, s));
    gate_open(&gate);
    EQUAL(word(out), 11);
}

CASE(free_async_then_alloc, "a later allocation in the stream may come before the free has run")
{
    CUstream s = stream();
    CUdeviceptr a, b, out = words(2);
    struct gate gate;

    NEEDS_POOLS();
    OK(cuMemAllocAsync(&a, 4, s));
    gate_close(&gate, s);
    OK(cuMemsetD32Async(a, 5, 1, s));
    OK(cuMemcpyDtoDAsync(out, a, 4, s));
    OK(cuMemFreeAsync(a, s));
    OK(cuMemAllocAsync(&b, 4, s));
    OK(cuMemsetD32Async(b, 6, 1, s));
    OK(cuMemcpyDtoDAsync(out + 4, b, 4, s));
    OK(cuMemFreeAsync(b, s));
    gate_open(&gate);
    EQUAL(word(out), 5);
    EQUAL(word(out + 4), 6);
}

CASE(alloc_from_pool, "a pool gives memory, counts it, and may be destroyed with memory in use")
{
    CUmemPoolProps props = {.allocType = CU_MEM_ALLOCATION_TYPE_PINNED,
                            .location = {.type = CU_MEM_LOCATION_TYPE_DEVICE}};
    CUstream s = stream();
    CUmemoryPool pool;
    CUdeviceptr at;
    cuuint64_t used;

    NEEDS_POOLS();
    OK(cuMemPoolCreate(&pool, &props));
    OK(cuMemAllocFromPoolAsync(&at, 4096, pool, s));
    OK(cuMemPoolGetAttribute(pool, CU_MEMPOOL_ATTR_USED_MEM_CURRENT, &used));
    CHECK(used >= 4096);
    OK(cuMemsetD32Async(at, 8, 1, s));
    OK(cuMemPoolDestroy(pool));
    affine(s, at, 2, 0);
    OK(cuStreamSynchronize(s));
    EQUAL(peek(at), 16);
    OK(cuMemFreeAsync(at, s));
    OK(cuStreamSynchronize(s));
}

CASE(pool_attributes, "a pool's threshold is what was set; trimming is allowed")
{
    CUmemoryPool pool;
    cuuint64_t value = 1 << 20, got = 0;

    NEEDS_POOLS();
    OK(cuDeviceGetDefaultMemPool(&pool, dev));
    OK(cuMemPoolSetAttribute(pool, CU_MEMPOOL_ATTR_RELEASE_THRESHOLD, &value));
    OK(cuMemPoolGetAttribute(pool, CU_MEMPOOL_ATTR_RELEASE_THRESHOLD, &got));
    EQUAL(got, 1 << 20);
    OK(cuMemPoolTrimTo(pool, 0));
}

CASE(free_of_async, "cuMemFree may free what cuMemAllocAsync gave, when its users are done")
{
    CUstream s = stream();
    CUdeviceptr at, out = words(1);

    NEEDS_POOLS();
    OK(cuMemAllocAsync(&at, 4, s));
    OK(cuMemsetD32Async(at, 0, 1, s));
    chain(s, at);
    OK(cuMemcpyDtoDAsync(out, at, 4, s));
    OK(cuStreamSynchronize(s)); /* driver 580 does not wait for them */
    OK(cuMemFree(at));
    EQUAL(word(out), CHAIN);
}

CASE(free_busy, "cuMemFree of memory in use waits for its users")
{
    CUstream s = stream();
    CUdeviceptr at, out = words(1);

    OK(cuMemAlloc(&at, 4));
    OK(cuMemsetD32(at, 0, 1));
    chain(s, at);
    OK(cuMemcpyDtoDAsync(out, at, 4, s));
    OK(cuMemFree(at));
    EQUAL(word(out), CHAIN);
}

CASE(free_host_busy, "cuMemFreeHost of memory in use waits for its users")
{
    uint32_t *host = pinned(1);
    CUstream s = stream();
    CUdeviceptr at = words(2);

    *host = 7;
    chain(s, at);
    OK(cuMemcpyHtoDAsync(at + 4, host, 4, s));
    OK(cuMemFreeHost(host));
    OK(cuStreamSynchronize(s));
    EQUAL(peek(at + 4), 7);
}

CASE(unregister_busy, "cuMemHostUnregister of memory in use waits for its users")
{
    static uint32_t memory[1024] __attribute__((aligned(4096)));
    CUstream s = stream();
    CUdeviceptr at = words(2);

    memory[0] = 7;
    OK(cuMemHostRegister(memory, sizeof(memory), CU_MEMHOSTREGISTER_DEVICEMAP));
    chain(s, at);
    OK(cuMemcpyHtoDAsync(at + 4, memory, 4, s));
    OK(cuMemHostUnregister(memory));
    EQUAL(word(at + 4), 7);
}

CASE(alloc_invalid, "allocations of nothing and to nowhere are refused; freeing 0 is allowed")
{
    CUdeviceptr at;

    IS(cuMemAlloc(&at, 0), CUDA_ERROR_INVALID_VALUE);
    IS(cuMemAlloc(NULL, 4), CUDA_ERROR_INVALID_VALUE);
    IS(cuMemAlloc(&at, (size_t)1 << 60), CUDA_ERROR_OUT_OF_MEMORY);
    OK(cuMemFree(0));
    OK(cuMemAlloc(&at, 4));
    OK(cuMemFree(at));
    IS(cuMemFree(at), CUDA_ERROR_INVALID_VALUE);
}

CASE(alloc_pitch, "a pitch holds a row")
{
    CUdeviceptr at;
    size_t pitch;

    OK(cuMemAllocPitch(&at, &pitch, 100, 10, 4));
    CHECK(pitch >= 100);
    OK(cuMemsetD2D8(at, pitch, 1, 100, 10));
    OK(cuCtxSynchronize());
    OK(cuMemFree(at));
}

CASE(mem_info, "free memory falls by what is allocated and is no more than the total")
{
    enum { TRIES = 20 }; /* other processes may take and give memory meanwhile */
    size_t before, after, total;
    bool seen = false;
    CUdeviceptr at;

    for (int i = 0; i < TRIES && !seen; i++) {
        OK(cuMemGetInfo(&before, &total));
        CHECK(before <= total);
        OK(cuMemAlloc(&at, 64 << 20));
        OK(cuMemGetInfo(&after, &total));
        seen = after < before;
        OK(cuMemFree(at));
    }
    CHECK(seen);
}

CASE(pinned_kernel, "a kernel reads and writes pinned memory at its address")
{
    uint32_t *host = pinned(2);
    CUdeviceptr at;

    host[0] = 20;
    OK(cuMemHostGetDevicePointer(&at, host, 0));
    affine(NULL, at, 2, 2);
    OK(cuCtxSynchronize());
    EQUAL(host[0], 42);
}

CASE(managed_kernel, "managed memory is the same on both sides")
{
    CUstream s = stream();
    CUdeviceptr at;

    if (!attribute(CU_DEVICE_ATTRIBUTE_MANAGED_MEMORY))
        conf_skip("no managed memory");
    OK(cuMemAllocManaged(&at, 4096, CU_MEM_ATTACH_GLOBAL));
    *(uint32_t *)(uintptr_t)at = 20;
    affine(s, at, 2, 2);
    OK(cuStreamSynchronize(s));
    EQUAL(*(uint32_t *)(uintptr_t)at, 42);
    OK(cuMemFree(at));
}

CASE(managed_hints, "prefetch and attach keep their place in the stream")
{
    CUstream s = stream();
    CUmemLocation here = {.type = CU_MEM_LOCATION_TYPE_DEVICE, .id = dev};
    CUdeviceptr at;
    struct gate gate;

    if (!attribute(CU_DEVICE_ATTRIBUTE_CONCURRENT_MANAGED_ACCESS))
        conf_skip("no prefetch");
    OK(cuMemAllocManaged(&at, 4096, CU_MEM_ATTACH_GLOBAL));
    *(uint32_t *)(uintptr_t)at = 1;
    gate_close(&gate, s);
    OK(cuMemPrefetchAsync(at, 4096, here, 0, s));
    OK(cuStreamAttachMemAsync(s, at, 0, CU_MEM_ATTACH_GLOBAL));
    affine(s, at, 5, 0);
    IS(cuStreamQuery(s), CUDA_ERROR_NOT_READY);
    gate_open(&gate);
    OK(cuStreamSynchronize(s));
    EQUAL(*(uint32_t *)(uintptr_t)at, 5);
}

CASE(managed_prefetch_batch, "a batch of prefetches keeps its place in the stream")
{
    CUmemLocation here = {.type = CU_MEM_LOCATION_TYPE_DEVICE, .id = dev};
    CUstream s = stream();
    size_t size = 4096, first = 0;
    CUdeviceptr at;
    struct gate gate;
    CUresult rc;

    if (!attribute(CU_DEVICE_ATTRIBUTE_CONCURRENT_MANAGED_ACCESS))
        conf_skip("no prefetch");
    OK(cuMemAllocManaged(&at, 4096, CU_MEM_ATTACH_GLOBAL));
    *(uint32_t *)(uintptr_t)at = 1;
    gate_close(&gate, s);
    rc = cuMemPrefetchBatchAsync(&at, &size, 1, &here, &first, 1, 0, s);
    if (rc == CUDA_SUCCESS)
        affine(s, at, 5, 0);
    gate_open(&gate);
    if (rc == CUDA_ERROR_NOT_SUPPORTED)
        conf_skip("no batches of prefetches");
    OK(rc);
    OK(cuStreamSynchronize(s));
    EQUAL(*(uint32_t *)(uintptr_t)at, 5);
}

/* What is discarded is written before it is read. And prefetched before it is written: driver 580 on
 * an H100 loses what is written otherwise, now and then (0 is read, 398 of 16 000 times with eight
 * programs at once), although writing undoes a discard by cuda.h. */
static void discard(bool prefetch)
{
    CUmemLocation here = {.type = CU_MEM_LOCATION_TYPE_DEVICE, .id = dev};
    CUstream s = stream();
    size_t size = 4096, first = 0;
    CUdeviceptr at, list[1];
    struct gate gate;
    CUresult rc;

    if (!attribute(CU_DEVICE_ATTRIBUTE_CONCURRENT_MANAGED_ACCESS))
        conf_skip("no managed memory");
    OK(cuMemAllocManaged(&at, 4096, CU_MEM_ATTACH_GLOBAL));
    list[0] = at;
    gate_close(&gate, s);
    affine(s, at, 1, 1);
    rc = prefetch ? cuMemDiscardAndPrefetchBatchAsync(list, &size, 1, &here, &first, 1, 0, s)
                  : cuMemDiscardBatchAsync(list, &size, 1, 0, s);
    list[0] = 0;
    size = 0;
    if (rc == CUDA_SUCCESS) {
        if (!prefetch)
            OK(cuMemPrefetchAsync(at, 4096, here, 0, s));
        OK(cuMemsetD32Async(at, 4, 1, s));
        affine(s, at, 10, 1);
        IS(cuStreamQuery(s), CUDA_ERROR_NOT_READY);
    }
    gate_open(&gate);
    if (rc == CUDA_ERROR_NOT_SUPPORTED)
        conf_skip("no batches of discards");
    OK(rc);
    OK(cuStreamSynchronize(s));
    EQUAL(*(uint32_t *)(uintptr_t)at, 41);
    size = 4096;
    CHECK(cuMemDiscardBatchAsync(&at, &size, 1, 1, s) != CUDA_SUCCESS);
    CHECK(cuMemDiscardBatchAsync(&at, &size, 0, 0, s) != CUDA_SUCCESS);
}

CASE(managed_discard, "a batch of discards keeps its place, and its arrays may be changed")
{
    discard(false);
}

CASE(managed_discard_prefetch, "a batch of discards with prefetches keeps its place")
{
    discard(true);
}

CASE(absent_sparse, "sparse arrays are refused by a device that has none")
{
    CUstream s = stream();
    CUarrayMapInfo info = {0};
    CUdeviceptr at = words(1);

    if (attribute(CU_DEVICE_ATTRIBUTE_SPARSE_CUDA_ARRAY_SUPPORTED))
        conf_skip("the device has sparse arrays");
    chain(s, at);
    CHECK(cuMemMapArrayAsync(&info, 1, s) != CUDA_SUCCESS);
    OK(cuStreamSynchronize(s));
    EQUAL(peek(at), CHAIN);
}

CASE(absent_decompress, "decompression is refused by a device that has no engine for it")
{
    CUstream s = stream();
    CUmemDecompressParams p = {0};
    CUdeviceptr at = words(1);
    size_t index = 0;

    if (attribute(CU_DEVICE_ATTRIBUTE_MEM_DECOMPRESS_ALGORITHM_MASK))
        conf_skip("the device decompresses");
    chain(s, at);
    CHECK(cuMemBatchDecompressAsync(&p, 1, 0, &index, s) != CUDA_SUCCESS);
    OK(cuStreamSynchronize(s));
    EQUAL(peek(at), CHAIN);
}

CASE(pointer_attributes, "a pointer's kind, context and range are what it was allocated with")
{
    CUdeviceptr at = words(100), base;
    uint32_t *host = pinned(4);
    CUcontext ctx, got;
    unsigned type;
    size_t size;

    OK(cuCtxGetCurrent(&ctx));
    OK(cuPointerGetAttribute(&type, CU_POINTER_ATTRIBUTE_MEMORY_TYPE, at));
    EQUAL(type, CU_MEMORYTYPE_DEVICE);
    OK(cuPointerGetAttribute(&type, CU_POINTER_ATTRIBUTE_MEMORY_TYPE,
                             (CUdeviceptr)(uintptr_t)host));
    EQUAL(type, CU_MEMORYTYPE_HOST);
    OK(cuPointerGetAttribute(&got, CU_POINTER_ATTRIBUTE_CONTEXT, at));
    CHECK(got == ctx);
    OK(cuMemGetAddressRange(&base, &size, at + 40));
    CHECK(base == at && size == 400);
    IS(cuPointerGetAttribute(&type, CU_POINTER_ATTRIBUTE_MEMORY_TYPE,
                             (CUdeviceptr)(uintptr_t)&type),
       CUDA_ERROR_INVALID_VALUE);
}

CASE(register_twice, "memory that is registered cannot be registered again")
{
    static uint32_t memory[1024] __attribute__((aligned(4096)));

    OK(cuMemHostRegister(memory, sizeof(memory), 0));
    IS(cuMemHostRegister(memory, sizeof(memory), 0), CUDA_ERROR_HOST_MEMORY_ALREADY_REGISTERED);
    OK(cuMemHostUnregister(memory));
    OK(cuMemHostRegister(memory, sizeof(memory), 0));
    OK(cuMemHostUnregister(memory));
}
