// SPDX-License-Identifier: Apache-2.0
/* Copies and fills: order, what the host may do when they return, boxes and arrays. */
#include "conformance.h"

/* After a busy chain in a blocking stream: the copy sees all of it. */
#define AFTER_CHAIN(at)                                                                            \
    CUstream s = stream();                                                                         \
    CUdeviceptr at = words(4);                                                                     \
    chain(s, at)

CASE(copy_dtoh_sync, "a synchronous copy to the host does not overtake blocking streams")
{
    uint32_t value = 0;
    AFTER_CHAIN(at);

    OK(cuMemcpyDtoH(&value, at, 4));
    EQUAL(value, CHAIN);
}

CASE(copy_htod_sync, "a synchronous copy to the device does not overtake blocking streams")
{
    uint32_t value = 1000;
    AFTER_CHAIN(at);

    OK(cuMemcpyHtoD(at, &value, 4));
    EQUAL(word(at), 1000);
}

CASE(copy_dtod_sync, "a copy within the device is ordered in the legacy stream")
{
    AFTER_CHAIN(at);

    OK(cuMemcpyDtoD(at + 4, at, 4));
    EQUAL(word(at + 4), CHAIN);
}

CASE(copy_generic_sync, "cuMemcpy finds the direction by the addresses and keeps the order")
{
    uint32_t value = 0;
    AFTER_CHAIN(at);

    OK(cuMemcpy((CUdeviceptr)(uintptr_t)&value, at, 4));
    EQUAL(value, CHAIN);
}

CASE(copy_2d_sync, "a synchronous 2D copy is ordered in the legacy stream")
{
    uint32_t value[2] = {0};
    AFTER_CHAIN(at);
    CUDA_MEMCPY2D p = {.srcMemoryType = CU_MEMORYTYPE_DEVICE,
                       .srcDevice = at,
                       .srcPitch = 8,
                       .dstMemoryType = CU_MEMORYTYPE_HOST,
                       .dstHost = value,
                       .dstPitch = 4,
                       .WidthInBytes = 4,
                       .Height = 2};

    OK(cuMemcpy2D(&p));
    EQUAL(value[0], CHAIN);
    EQUAL(value[1], 0);
}

CASE(copy_3d_sync, "a synchronous 3D copy is ordered in the legacy stream")
{
    uint32_t value = 0;
    AFTER_CHAIN(at);
    CUDA_MEMCPY3D p = {.srcMemoryType = CU_MEMORYTYPE_DEVICE,
                       .srcDevice = at,
                       .dstMemoryType = CU_MEMORYTYPE_HOST,
                       .dstHost = &value,
                       .WidthInBytes = 4,
                       .Height = 1,
                       .Depth = 1};

    OK(cuMemcpy3D(&p));
    EQUAL(value, CHAIN);
}

CASE(copy_peer_sync, "a copy between contexts' memory is ordered in the legacy stream")
{
    CUcontext ctx;
    AFTER_CHAIN(at);

    OK(cuCtxGetCurrent(&ctx));
    OK(cuMemcpyPeer(at + 4, ctx, at, ctx, 4));
    EQUAL(word(at + 4), CHAIN);
}

CASE(memset_sync, "a synchronous fill does not overtake blocking streams")
{
    AFTER_CHAIN(at);

    OK(cuMemsetD32(at, 1000, 1));
    EQUAL(word(at), 1000);
}

CASE(memset_sync_between, "a fill is a barrier between blocking streams, as any legacy work")
{
    CUstream b;
    AFTER_CHAIN(at);

    b = stream();
    OK(cuMemsetD32(at, 1000, 1));
    affine(b, at, 1, 1);
    EQUAL(word(at), 1001);
}

CASE(copy_generic_async, "cuMemcpyAsync keeps its place in its stream")
{
    uint32_t *value = pinned(1);
    AFTER_CHAIN(at);

    OK(cuMemcpyAsync((CUdeviceptr)(uintptr_t)value, at, 4, s));
    affine(s, at, 0, 0);
    OK(cuStreamSynchronize(s));
    EQUAL(*value, CHAIN);
}

CASE(copy_dtoh_async, "an asynchronous copy to pinned memory keeps its place and returns at once")
{
    uint32_t *value = pinned(1);
    CUstream s = stream();
    CUdeviceptr at = words(1);
    struct gate gate;

    gate_close(&gate, s);
    affine(s, at, 1, 6);
    OK(cuMemcpyDtoHAsync(value, at, 4, s));
    affine(s, at, 0, 0);
    EQUAL(*value, 0);
    gate_open(&gate);
    OK(cuStreamSynchronize(s));
    EQUAL(*value, 6);
}

CASE(copy_htod_async, "an asynchronous copy from pinned memory reads it in stream order")
{
    uint32_t *value = pinned(1);
    CUstream s = stream();
    CUdeviceptr at = words(1);
    struct gate gate;

    *value = 1;
    gate_close(&gate, s);
    OK(cuMemcpyHtoDAsync(at, value, 4, s));
    affine(s, at, 10, 0);
    gate_begun(&gate);
    *value = 7; /* pinned memory is read when the copy runs */
    gate_open(&gate);
    EQUAL(word(at), 70);
}

CASE(copy_htod_pageable, "pageable memory may be changed when an asynchronous copy has returned")
{
    CUstream s = stream();
    CUdeviceptr at = words(1);
    uint32_t value = 3;

    chain(s, at);
    OK(cuMemcpyHtoDAsync(at, &value, 4, s));
    value = 99;
    affine(s, at, 10, 0);
    EQUAL(word(at), 30);
}

CASE(copy_dtoh_pageable, "an asynchronous copy to pageable memory has arrived when it returns")
{
    uint32_t value = 0;
    AFTER_CHAIN(at);

    OK(cuMemcpyDtoHAsync(&value, at, 4, s));
    EQUAL(value, CHAIN);
}

CASE(copy_registered, "registered memory is pinned: a copy to it returns at once")
{
    static uint32_t memory[2048] __attribute__((aligned(4096)));
    CUstream s = stream();
    CUdeviceptr at = words(1);
    struct gate gate;

    OK(cuMemHostRegister(memory, sizeof(memory), 0));
    gate_close(&gate, s);
    affine(s, at, 1, 6);
    OK(cuMemcpyDtoHAsync(memory, at, 4, s));
    EQUAL(memory[0], 0);
    gate_open(&gate);
    OK(cuStreamSynchronize(s));
    EQUAL(memory[0], 6);
    OK(cuMemHostUnregister(memory));
    IS(cuMemHostUnregister(memory), CUDA_ERROR_HOST_MEMORY_NOT_REGISTERED);
}

CASE(copy_2d_async, "the parameters of a 2D copy may be changed when it has returned")
{
    CUstream s = stream();
    CUdeviceptr at = words(16);
    uint32_t *host = pinned(16);
    CUDA_MEMCPY2D p = {.srcMemoryType = CU_MEMORYTYPE_HOST,
                       .srcHost = host,
                       .srcPitch = 16,
                       .dstMemoryType = CU_MEMORYTYPE_DEVICE,
                       .dstDevice = at,
                       .dstPitch = 8,
                       .WidthInBytes = 8,
                       .Height = 4};
    struct gate gate;

    for (uint32_t i = 0; i < 16; i++)
        host[i] = i;
    gate_close(&gate, s);
    OK(cuMemcpy2DAsync(&p, s));
    memset(&p, 0, sizeof(p));
    gate_open(&gate);
    OK(cuStreamSynchronize(s));
    EQUAL(word(at + 4 * 1), 1);
    EQUAL(word(at + 4 * 2), 4);
    EQUAL(word(at + 4 * 7), 13);
}

CASE(copy_3d_async, "a 3D copy takes a box out of a box, in stream order")
{
    CUstream s = stream();
    CUdeviceptr at = words(64);
    uint32_t *host = pinned(8);
    CUDA_MEMCPY3D p = {.srcMemoryType = CU_MEMORYTYPE_DEVICE,
                       .srcDevice = at,
                       .srcPitch = 16,
                       .srcHeight = 4,
                       .srcXInBytes = 4,
                       .srcY = 1,
                       .srcZ = 2,
                       .dstMemoryType = CU_MEMORYTYPE_HOST,
                       .dstHost = host,
                       .dstPitch = 8,
                       .dstHeight = 2,
                       .WidthInBytes = 8,
                       .Height = 2,
                       .Depth = 2};
    uint32_t all[64];
    struct gate gate;

    for (uint32_t i = 0; i < 64; i++)
        all[i] = i;
    gate_close(&gate, s);
    OK(cuMemcpyHtoDAsync(at, all, sizeof(all), s));
    OK(cuMemcpy3DAsync(&p, s));
    memset(&p, 0, sizeof(p));
    gate_open(&gate);
    OK(cuStreamSynchronize(s));
    EQUAL(host[0], 2 * 16 + 4 + 1);
    EQUAL(host[3], 2 * 16 + 8 + 2);
    EQUAL(host[7], 3 * 16 + 8 + 2);
}

CASE(copy_peer_async, "a peer copy keeps its place in its stream")
{
    CUcontext ctx;
    AFTER_CHAIN(at);

    OK(cuCtxGetCurrent(&ctx));
    OK(cuMemcpyPeerAsync(at + 4, ctx, at, ctx, 4, s));
    affine(s, at, 0, 0);
    EQUAL(word(at + 4), CHAIN);
}

CASE(copy_3d_peer_async, "a 3D peer copy keeps its place in its stream")
{
    CUcontext ctx;
    AFTER_CHAIN(at);
    CUDA_MEMCPY3D_PEER p = {.srcMemoryType = CU_MEMORYTYPE_DEVICE,
                            .srcDevice = at,
                            .dstMemoryType = CU_MEMORYTYPE_DEVICE,
                            .dstDevice = at + 4,
                            .WidthInBytes = 4,
                            .Height = 1,
                            .Depth = 1};

    OK(cuCtxGetCurrent(&ctx));
    p.srcContext = p.dstContext = ctx;
    OK(cuMemcpy3DPeerAsync(&p, s));
    memset(&p, 0, sizeof(p));
    affine(s, at, 0, 0);
    EQUAL(word(at + 4), CHAIN);
}

CASE(copy_batch, "a batch of copies keeps its place, and its arrays may be changed")
{
    AFTER_CHAIN(at);
    CUdeviceptr to[2] = {at + 4, at + 8}, from[2] = {at, at};
    size_t sizes[2] = {4, 4}, first = 0;
    CUmemcpyAttributes a = {.srcAccessOrder = CU_MEMCPY_SRC_ACCESS_ORDER_STREAM};

    OK(cuMemcpyBatchAsync(to, from, sizes, 2, &a, &first, 1, s));
    memset(to, 0, sizeof(to));
    memset(from, 0, sizeof(from));
    memset(sizes, 0, sizeof(sizes));
    affine(s, at, 0, 0);
    EQUAL(word(at + 4), CHAIN);
    EQUAL(word(at + 8), CHAIN);
}

CASE(copy_3d_batch, "a batch of 3D copies keeps its place, and its list may be changed")
{
    CUDA_MEMCPY3D_BATCH_OP op = {.srcAccessOrder = CU_MEMCPY_SRC_ACCESS_ORDER_STREAM};
    CUresult rc;
    AFTER_CHAIN(at);

    op.src.type = op.dst.type = CU_MEMCPY_OPERAND_TYPE_POINTER;
    op.src.op.ptr.ptr = at;
    op.dst.op.ptr.ptr = at + 8;
    op.src.op.ptr.rowLength = op.dst.op.ptr.rowLength = 8;
    op.src.op.ptr.layerHeight = op.dst.op.ptr.layerHeight = 1;
    op.src.op.ptr.locHint.type = op.dst.op.ptr.locHint.type = CU_MEM_LOCATION_TYPE_DEVICE;
    op.extent = (CUextent3D){8, 1, 1};
    rc = cuMemcpy3DBatchAsync(1, &op, 0, s);
    if (rc == CUDA_ERROR_NOT_SUPPORTED)
        conf_skip("no batches of 3D copies");
    OK(rc);
    memset(&op, 0, sizeof(op));
    affine(s, at, 0, 0);
    EQUAL(word(at + 8), CHAIN);
    EQUAL(word(at), 0);
}

CASE(copy_array, "arrays hold what was copied into them, in stream order")
{
    CUDA_ARRAY_DESCRIPTOR d = {
        .Width = 8, .Height = 0, .Format = CU_AD_FORMAT_UNSIGNED_INT32, .NumChannels = 1};
    uint32_t *in = pinned(8), *out = pinned(8);
    CUstream s = stream();
    struct gate gate;
    CUarray array;

    OK(cuArrayCreate(&array, &d));
    for (uint32_t i = 0; i < 8; i++)
        in[i] = 100 + i;
    gate_close(&gate, s);
    OK(cuMemcpyHtoAAsync(array, 0, in, 32, s));
    OK(cuMemcpyAtoHAsync(out, array, 8, 16, s));
    EQUAL(out[0], 0);
    gate_open(&gate);
    OK(cuStreamSynchronize(s));
    EQUAL(out[0], 102);
    EQUAL(out[3], 105);
    OK(cuArrayDestroy(array));
}

CASE(copy_array_sync, "synchronous copies between arrays and memory are in legacy order")
{
    CUDA_ARRAY_DESCRIPTOR d = {
        .Width = 8, .Height = 0, .Format = CU_AD_FORMAT_UNSIGNED_INT32, .NumChannels = 1};
    uint32_t value = 0;
    CUarray array;
    AFTER_CHAIN(at);

    OK(cuArrayCreate(&array, &d));
    OK(cuMemcpyDtoA(array, 4, at, 4));
    OK(cuMemcpyAtoD(at + 4, array, 4, 4));
    OK(cuMemcpyAtoH(&value, array, 4, 4));
    EQUAL(value, CHAIN);
    EQUAL(word(at + 4), CHAIN);
}

CASE(memset_async_widths, "fills of all widths keep their place and touch nothing else")
{
    CUstream s = stream();
    CUdeviceptr at = words(4);
    uint32_t host[4];
    struct gate gate;

    gate_close(&gate, s);
    OK(cuMemsetD32Async(at, 0x01020304, 4, s));
    OK(cuMemsetD8Async(at + 1, 0xaa, 2, s));
    OK(cuMemsetD16Async(at + 6, 0xbbcc, 1, s));
    gate_open(&gate);
    OK(cuStreamSynchronize(s));
    OK(cuMemcpyDtoH(host, at, 16));
    EQUAL(host[0], 0x01aaaa04);
    EQUAL(host[1], 0xbbcc0304);
    EQUAL(host[2], 0x01020304);
}

CASE(memset_2d_async, "a 2D fill leaves what lies between its rows")
{
    CUstream s = stream();
    CUdeviceptr at = words(16);
    uint32_t host[16];

    OK(cuMemsetD2D32Async(at, 16, 7, 2, 3, s));
    OK(cuMemsetD2D8Async(at + 48, 16, 1, 4, 1, s));
    OK(cuMemsetD2D16Async(at + 56, 16, 2, 2, 1, s));
    OK(cuStreamSynchronize(s));
    OK(cuMemcpyDtoH(host, at, 64));
    EQUAL(host[1], 7);
    EQUAL(host[2], 0);
    EQUAL(host[9], 7);
    EQUAL(host[12], 0x01010101);
    EQUAL(host[13], 0);
    EQUAL(host[14], 0x00020002);
}

CASE(memset_2d_sync, "synchronous 2D fills are ordered in the legacy stream")
{
    AFTER_CHAIN(at);

    OK(cuMemsetD2D32(at, 8, 500, 1, 2));
    EQUAL(word(at), 500);
    EQUAL(word(at + 4), 0);
    EQUAL(word(at + 8), 500);
}

CASE(memset_unaligned, "a fill at an address that its width does not divide is refused")
{
    CUdeviceptr at = words(2);

    IS(cuMemsetD32(at + 2, 1, 1), CUDA_ERROR_INVALID_VALUE);
    IS(cuMemsetD16(at + 1, 1, 1), CUDA_ERROR_INVALID_VALUE);
    EQUAL(word(at), 0);
}

CASE(copy_bad_address, "a copy that leaves its allocation is refused and the context lives on")
{
    CUdeviceptr at = words(1);
    uint32_t value = 0;

    CHECK(cuMemcpyDtoH(&value, 0x1000, 4) != CUDA_SUCCESS);
    CHECK(cuMemcpyHtoD(0, &value, 4) != CUDA_SUCCESS);
    OK(cuMemcpyDtoH(&value, at, 4));
}

CASE(copy_zero, "a copy of no bytes does nothing")
{
    CUdeviceptr at = words(1);

    OK(cuMemcpyDtoD(at, at, 0));
    OK(cuMemcpyHtoD(at, NULL, 0));
    EQUAL(word(at), 0);
}

CASE(copy_large, "a large copy there and back is bit for bit the same")
{
    size_t count = 1 << 20;
    uint32_t *out = malloc(count * 4), *back = malloc(count * 4);
    CUdeviceptr at;

    OK(cuMemAlloc(&at, count * 4));
    for (size_t i = 0; i < count; i++)
        out[i] = (uint32_t)i * 2654435761u;
    OK(cuMemcpyHtoD(at, out, count * 4));
    OK(cuMemcpyDtoH(back, at, count * 4));
    CHECK(memcmp(out, back, count * 4) == 0);
}

/* ---- what the cases above leave out ---- */

CASE(copy_2d_unaligned, "a 2D copy of whatever pitch is ordered in the legacy stream")
{
    uint32_t value[2] = {0};
    AFTER_CHAIN(at);
    CUDA_MEMCPY2D p = {.srcMemoryType = CU_MEMORYTYPE_DEVICE,
                       .srcDevice = at,
                       .srcPitch = 5,
                       .dstMemoryType = CU_MEMORYTYPE_HOST,
                       .dstHost = value,
                       .dstPitch = 4,
                       .WidthInBytes = 4,
                       .Height = 2};

    OK(cuMemcpy2DUnaligned(&p));
    EQUAL(value[0], CHAIN);
}

CASE(copy_3d_peer_sync, "a synchronous 3D peer copy is ordered in the legacy stream")
{
    CUcontext ctx;
    AFTER_CHAIN(at);
    CUDA_MEMCPY3D_PEER p = {.srcMemoryType = CU_MEMORYTYPE_DEVICE,
                            .srcDevice = at,
                            .dstMemoryType = CU_MEMORYTYPE_DEVICE,
                            .dstDevice = at + 4,
                            .WidthInBytes = 4,
                            .Height = 1,
                            .Depth = 1};

    OK(cuCtxGetCurrent(&ctx));
    p.srcContext = p.dstContext = ctx;
    OK(cuMemcpy3DPeer(&p));
    EQUAL(word(at + 4), CHAIN);
}

CASE(copy_array_array, "a copy between arrays is in legacy order, and so is one from the host")
{
    CUDA_ARRAY_DESCRIPTOR d = {
        .Width = 8, .Height = 0, .Format = CU_AD_FORMAT_UNSIGNED_INT32, .NumChannels = 1};
    uint32_t value = 3, back[2] = {0};
    CUarray from, to;
    AFTER_CHAIN(at);

    OK(cuArrayCreate(&from, &d));
    OK(cuArrayCreate(&to, &d));
    OK(cuMemcpyDtoA(from, 0, at, 4));
    OK(cuMemcpyHtoA(from, 4, &value, 4));
    OK(cuMemcpyAtoA(to, 8, from, 0, 8));
    OK(cuMemcpyAtoH(back, to, 8, 8));
    EQUAL(back[0], CHAIN);
    EQUAL(back[1], 3);
}

CASE(copy_array_destroy_busy, "an array is destroyed after the copies from it")
{
    CUDA_ARRAY_DESCRIPTOR d = {
        .Width = 8, .Height = 0, .Format = CU_AD_FORMAT_UNSIGNED_INT32, .NumChannels = 1};
    uint32_t *host = pinned(2);
    CUarray array;
    AFTER_CHAIN(at);

    host[0] = 9;
    OK(cuArrayCreate(&array, &d));
    OK(cuMemcpyHtoAAsync(array, 0, host, 4, s));
    OK(cuMemcpyAtoHAsync(host + 1, array, 0, 4, s));
    OK(cuArrayDestroy(array));
    OK(cuStreamSynchronize(s));
    EQUAL(host[1], 9);
    EQUAL(peek(at), CHAIN);
}

CASE(memset_sync_widths, "synchronous fills of all widths are ordered in the legacy stream")
{
    AFTER_CHAIN(at);

    OK(cuMemsetD8(at, 1, 4));
    OK(cuMemsetD16(at + 4, 2, 2));
    OK(cuMemsetD2D8(at + 8, 4, 3, 4, 1));
    OK(cuMemsetD2D16(at + 12, 4, 4, 2, 1));
    EQUAL(word(at), 0x01010101);
    EQUAL(word(at + 4), 0x00020002);
    EQUAL(word(at + 8), 0x03030303);
    EQUAL(word(at + 12), 0x00040004);
}
