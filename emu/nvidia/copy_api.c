// SPDX-License-Identifier: Apache-2.0
/*
 * The entry points of copies and fills. What each promises about the host: CUDA Driver API, "API
 * synchronization behavior". A copy from pageable memory takes a snapshot, as staging does; one to
 * pageable memory returns when it is done; synchronous ones are done on return, but for copies
 * within the device and fills of device memory.
 */
#include "array.h"
#include "driver.h"

#include <stdlib.h>
#include <string.h>

/* ---- places ---- */

/* A plain address: of the host if it is not the driver's. */
static CUresult unified(uint64_t address, size_t bytes, struct nv_place *place, bool *pageable)
{
    const struct nv_memory *memory = nv_memory_find(address);

    *pageable = false;
    if (!memory) {
        place->host = (uint8_t *)(uintptr_t)address;
        *pageable = true;
        return address ? CUDA_SUCCESS : CUDA_ERROR_INVALID_VALUE;
    }
    place->va = address;
    return nv_memory_host(address, bytes) ? CUDA_SUCCESS : CUDA_ERROR_INVALID_VALUE;
}

static CUresult device(uint64_t address, size_t bytes, struct nv_place *place)
{
    place->va = address;
    return bytes == 0 || nv_memory_host(address, bytes) ? CUDA_SUCCESS : CUDA_ERROR_INVALID_VALUE;
}

/* Bytes from the first to the last of a box. */
static size_t extent(const struct nv_copy *copy, const struct nv_place *place)
{
    if (copy->width == 0 || copy->height == 0 || copy->depth == 0)
        return 0;
    return ((copy->depth - 1) * place->height + copy->height - 1) * place->pitch + copy->width;
}

/* ---- submitting ---- */

enum how { SYNC, ASYNC };

struct request {
    struct nv_copy copy;
    bool pageable_from, pageable_to;
};

static CUresult stage(struct request *r)
{
    size_t bytes = extent(&r->copy, &r->copy.from);

    r->copy.staged = malloc(bytes + 1);
    if (!r->copy.staged)
        return CUDA_ERROR_OUT_OF_MEMORY;
    memcpy(r->copy.staged, r->copy.from.host, bytes);
    r->copy.from.host = r->copy.staged;
    return CUDA_SUCCESS;
}

/* True if the memory behind the place is the device's own. */
static bool in_device(const struct nv_place *place)
{
    const struct nv_memory *memory = place->host ? NULL : nv_memory_find(place->va);

    return memory && memory->kind == NV_MEMORY_DEVICE;
}

/* The lock is held, and given back. */
static CUresult submit(struct nv_context *ctx, CUstream handle, struct request *r, enum how how)
{
    struct nv_op op = {.kind = NV_OP_COPY};
    struct nv_command *command = NULL;
    struct nv_stream *stream;
    bool wait;
    CUresult rc = nv_stream_of(ctx, handle, &stream);

    if (rc == CUDA_SUCCESS && stream->legacy)
        rc = nv_capture_check_legacy(stream->ctx);
    if (rc == CUDA_SUCCESS && stream->capture && how == SYNC) {
        nv_capture_invalidate(stream);
        rc = CUDA_ERROR_STREAM_CAPTURE_UNSUPPORTED;
    }
    if (rc != CUDA_SUCCESS)
        return nv_leave(rc);
    if (extent(&r->copy, &r->copy.from) == 0)
        return nv_leave(CUDA_SUCCESS);
    if (how == ASYNC && r->pageable_from && !r->pageable_to && !stream->capture)
        rc = stage(r);
    if (rc != CUDA_SUCCESS)
        return nv_leave(rc);
    wait = how == SYNC ? !(in_device(&r->copy.from) && in_device(&r->copy.to)) : r->pageable_to;
    op.copy = r->copy;
    ctx = stream->ctx;
    rc = nv_submit(stream, &op, wait ? &command : NULL);
    if (command) {
        nv_command_wait(command);
        nv_command_release(command);
        rc = ctx->sticky;
    }
    return nv_leave(rc);
}

static struct request linear(size_t bytes)
{
    return (struct request){.copy = {.width = bytes, .height = 1, .depth = 1}};
}

static CUresult copy_any(uint64_t to, uint64_t from, size_t bytes, CUstream stream, enum how how)
{
    struct request r = linear(bytes);
    struct nv_context *ctx;
    CUresult rc = nv_enter(&ctx);

    if (rc != CUDA_SUCCESS)
        return rc;
    if (bytes)
        rc = unified(to, bytes, &r.copy.to, &r.pageable_to);
    if (rc == CUDA_SUCCESS && bytes)
        rc = unified(from, bytes, &r.copy.from, &r.pageable_from);
    return rc == CUDA_SUCCESS ? submit(ctx, stream, &r, how) : nv_leave(rc);
}

static CUresult copy_htod(uint64_t to, const void *from, size_t bytes, CUstream s, enum how how)
{
    struct request r = linear(bytes);
    struct nv_context *ctx;
    CUresult rc = nv_enter(&ctx);

    if (rc != CUDA_SUCCESS)
        return rc;
    if (bytes)
        rc = device(to, bytes, &r.copy.to);
    if (rc == CUDA_SUCCESS && bytes)
        rc = unified((uintptr_t)from, bytes, &r.copy.from, &r.pageable_from);
    return rc == CUDA_SUCCESS ? submit(ctx, s, &r, how) : nv_leave(rc);
}

static CUresult copy_dtoh(void *to, uint64_t from, size_t bytes, CUstream s, enum how how)
{
    struct request r = linear(bytes);
    struct nv_context *ctx;
    CUresult rc = nv_enter(&ctx);

    if (rc != CUDA_SUCCESS)
        return rc;
    if (bytes)
        rc = device(from, bytes, &r.copy.from);
    if (rc == CUDA_SUCCESS && bytes)
        rc = unified((uintptr_t)to, bytes, &r.copy.to, &r.pageable_to);
    return rc == CUDA_SUCCESS ? submit(ctx, s, &r, how) : nv_leave(rc);
}

static CUresult copy_dtod(uint64_t to, uint64_t from, size_t bytes, CUstream s, enum how how)
{
    struct request r = linear(bytes);
    struct nv_context *ctx;
    CUresult rc = nv_enter(&ctx);

    if (rc != CUDA_SUCCESS)
        return rc;
    rc = device(to, bytes, &r.copy.to);
    if (rc == CUDA_SUCCESS)
        rc = device(from, bytes, &r.copy.from);
    return rc == CUDA_SUCCESS ? submit(ctx, s, &r, how) : nv_leave(rc);
}

CUresult cuMemcpy(CUdeviceptr dst, CUdeviceptr src, size_t n)
{
    return copy_any(dst, src, n, NULL, SYNC);
}
CUresult cuMemcpyAsync(CUdeviceptr dst, CUdeviceptr src, size_t n, CUstream s)
{
    return copy_any(dst, src, n, s, ASYNC);
}
CUresult cuMemcpyHtoD(CUdeviceptr dst, const void *src, size_t n)
{
    return copy_htod(dst, src, n, NULL, SYNC);
}
CUresult cuMemcpyHtoDAsync(CUdeviceptr dst, const void *src, size_t n, CUstream s)
{
    return copy_htod(dst, src, n, s, ASYNC);
}
CUresult cuMemcpyDtoH(void *dst, CUdeviceptr src, size_t n)
{
    return copy_dtoh(dst, src, n, NULL, SYNC);
}
CUresult cuMemcpyDtoHAsync(void *dst, CUdeviceptr src, size_t n, CUstream s)
{
    return copy_dtoh(dst, src, n, s, ASYNC);
}
CUresult cuMemcpyDtoD(CUdeviceptr dst, CUdeviceptr src, size_t n)
{
    return copy_dtod(dst, src, n, NULL, SYNC);
}
CUresult cuMemcpyDtoDAsync(CUdeviceptr dst, CUdeviceptr src, size_t n, CUstream s)
{
    return copy_dtod(dst, src, n, s, ASYNC);
}

/* There is one device, so peers are contexts of it. */
CUresult cuMemcpyPeer(CUdeviceptr dst, CUcontext dctx, CUdeviceptr src, CUcontext sctx, size_t n)
{
    if (!nv_object(dctx, NV_CONTEXT) || !nv_object(sctx, NV_CONTEXT))
        return CUDA_ERROR_INVALID_CONTEXT;
    return copy_dtod(dst, src, n, NULL, SYNC);
}
CUresult cuMemcpyPeerAsync(CUdeviceptr dst, CUcontext dctx, CUdeviceptr src, CUcontext sctx,
                           size_t n, CUstream s)
{
    if (!nv_object(dctx, NV_CONTEXT) || !nv_object(sctx, NV_CONTEXT))
        return CUDA_ERROR_INVALID_CONTEXT;
    return copy_dtod(dst, src, n, s, ASYNC);
}

/* ---- boxes ---- */

struct side {
    CUmemorytype type;
    const void *host;
    CUdeviceptr va;
    CUarray array;
    size_t x, y, z, pitch, height;
};

/* One side of a box. Checks that all of it is there. */
static CUresult side_place(const struct side *s, const struct nv_copy *copy, struct nv_place *place,
                           bool *pageable)
{
    size_t pitch = s->pitch ? s->pitch : copy->width, height = s->height ? s->height : copy->height;
    size_t skip = (s->z * height + s->y) * pitch + s->x;

    *pageable = false;
    if (pitch < copy->width)
        return CUDA_ERROR_INVALID_VALUE;
    place->pitch = pitch;
    place->height = height;
    switch (s->type) {
    case CU_MEMORYTYPE_HOST:
        return unified((uintptr_t)s->host + skip, extent(copy, place), place, pageable);
    case CU_MEMORYTYPE_DEVICE:
        return device(s->va + skip, extent(copy, place), place);
    case CU_MEMORYTYPE_UNIFIED:
        return unified(s->va + skip, extent(copy, place), place, pageable);
    case CU_MEMORYTYPE_ARRAY:
        return nv_array_place(s->array, s->x, s->y, s->z, copy, place);
    default:
        return CUDA_ERROR_INVALID_VALUE;
    }
}

static CUresult copy_box(const struct side *from, const struct side *to, size_t width,
                         size_t height, size_t depth, CUstream stream, enum how how)
{
    struct request r = {.copy = {.width = width, .height = height, .depth = depth}};
    struct nv_context *ctx;
    CUresult rc = nv_enter(&ctx);

    if (rc != CUDA_SUCCESS)
        return rc;
    rc = side_place(from, &r.copy, &r.copy.from, &r.pageable_from);
    if (rc == CUDA_SUCCESS)
        rc = side_place(to, &r.copy, &r.copy.to, &r.pageable_to);
    return rc == CUDA_SUCCESS ? submit(ctx, stream, &r, how) : nv_leave(rc);
}

static CUresult copy_2d(const CUDA_MEMCPY2D *p, CUstream stream, enum how how)
{
    struct side from, to;

    if (!p)
        return CUDA_ERROR_INVALID_VALUE;
    from = (struct side){
        p->srcMemoryType, p->srcHost, p->srcDevice, p->srcArray, p->srcXInBytes, p->srcY, 0,
        p->srcPitch,      0};
    to = (struct side){
        p->dstMemoryType, p->dstHost, p->dstDevice, p->dstArray, p->dstXInBytes, p->dstY, 0,
        p->dstPitch,      0};
    return copy_box(&from, &to, p->WidthInBytes, p->Height, 1, stream, how);
}

CUresult cuMemcpy2D(const CUDA_MEMCPY2D *p)
{
    return copy_2d(p, NULL, SYNC);
}
CUresult cuMemcpy2DUnaligned(const CUDA_MEMCPY2D *p)
{
    return copy_2d(p, NULL, SYNC);
}
CUresult cuMemcpy2DAsync(const CUDA_MEMCPY2D *p, CUstream s)
{
    return copy_2d(p, s, ASYNC);
}

#define SIDES_3D(p)                                                                                \
    from = (struct side){(p)->srcMemoryType, (p)->srcHost,     (p)->srcDevice,                     \
                         (p)->srcArray,      (p)->srcXInBytes, (p)->srcY,                          \
                         (p)->srcZ,          (p)->srcPitch,    (p)->srcHeight};                    \
    to = (struct side)                                                                             \
    {                                                                                              \
        (p)->dstMemoryType, (p)->dstHost, (p)->dstDevice, (p)->dstArray, (p)->dstXInBytes,         \
            (p)->dstY, (p)->dstZ, (p)->dstPitch, (p)->dstHeight                                    \
    }

static CUresult copy_3d(const CUDA_MEMCPY3D *p, CUstream stream, enum how how)
{
    struct side from, to;

    if (!p)
        return CUDA_ERROR_INVALID_VALUE;
    SIDES_3D(p);
    return copy_box(&from, &to, p->WidthInBytes, p->Height, p->Depth, stream, how);
}

static CUresult copy_3d_peer(const CUDA_MEMCPY3D_PEER *p, CUstream stream, enum how how)
{
    struct side from, to;

    if (!p)
        return CUDA_ERROR_INVALID_VALUE;
    SIDES_3D(p);
    return copy_box(&from, &to, p->WidthInBytes, p->Height, p->Depth, stream, how);
}

CUresult cuMemcpy3D(const CUDA_MEMCPY3D *p)
{
    return copy_3d(p, NULL, SYNC);
}
CUresult cuMemcpy3DAsync(const CUDA_MEMCPY3D *p, CUstream s)
{
    return copy_3d(p, s, ASYNC);
}
CUresult cuMemcpy3DPeer(const CUDA_MEMCPY3D_PEER *p)
{
    return copy_3d_peer(p, NULL, SYNC);
}
CUresult cuMemcpy3DPeerAsync(const CUDA_MEMCPY3D_PEER *p, CUstream s)
{
    return copy_3d_peer(p, s, ASYNC);
}

/* ---- arrays and linear memory ---- */

static CUresult with_array(CUarray to, size_t to_at, CUarray from, size_t from_at,
                           uint64_t linear_va, const void *host, size_t bytes, CUstream stream,
                           enum how how)
{
    struct side a = {.type = CU_MEMORYTYPE_ARRAY, .array = from, .x = from_at};
    struct side b = {.type = CU_MEMORYTYPE_ARRAY, .array = to, .x = to_at};
    struct side *other = from ? &b : &a;

    if (!(from && to)) {
        other->type = host ? CU_MEMORYTYPE_HOST : CU_MEMORYTYPE_DEVICE;
        other->host = host;
        other->va = linear_va;
        other->x = 0;
    }
    return copy_box(&a, &b, bytes, 1, 1, stream, how);
}

CUresult cuMemcpyHtoA(CUarray dst, size_t at, const void *src, size_t n)
{
    return with_array(dst, at, NULL, 0, 0, src, n, NULL, SYNC);
}
CUresult cuMemcpyHtoAAsync(CUarray dst, size_t at, const void *src, size_t n, CUstream s)
{
    return with_array(dst, at, NULL, 0, 0, src, n, s, ASYNC);
}
CUresult cuMemcpyAtoH(void *dst, CUarray src, size_t at, size_t n)
{
    return with_array(NULL, 0, src, at, 0, dst, n, NULL, SYNC);
}
CUresult cuMemcpyAtoHAsync(void *dst, CUarray src, size_t at, size_t n, CUstream s)
{
    return with_array(NULL, 0, src, at, 0, dst, n, s, ASYNC);
}
CUresult cuMemcpyDtoA(CUarray dst, size_t at, CUdeviceptr src, size_t n)
{
    return with_array(dst, at, NULL, 0, src, NULL, n, NULL, SYNC);
}
CUresult cuMemcpyAtoD(CUdeviceptr dst, CUarray src, size_t at, size_t n)
{
    return with_array(NULL, 0, src, at, dst, NULL, n, NULL, SYNC);
}
CUresult cuMemcpyAtoA(CUarray dst, size_t dat, CUarray src, size_t sat, size_t n)
{
    return with_array(dst, dat, src, sat, 0, NULL, n, NULL, SYNC);
}

/* ---- batches: independent copies; in stream order as one ---- */

static CUresult batch(CUdeviceptr *dsts, CUdeviceptr *srcs, size_t *sizes, size_t count,
                      CUmemcpyAttributes *attrs, size_t *attrsIdxs, size_t numAttrs,
                      CUstream stream)
{
    /* Driver 580 takes the per-thread stream for the legacy one where it is null. */
    if (!dsts || !srcs || !sizes || count == 0 || numAttrs > count || (numAttrs && !attrs) ||
        !stream || nv_is_legacy(stream))
        return CUDA_ERROR_INVALID_VALUE;
    for (size_t i = 0; i < count; i++) {
        CUresult rc = copy_any(dsts[i], srcs[i], sizes[i], stream, ASYNC);

        if (rc != CUDA_SUCCESS)
            return rc;
    }
    return CUDA_SUCCESS;
}

#undef cuMemcpyBatchAsync
NV_EXPORT CUresult cuMemcpyBatchAsync(CUdeviceptr *dsts, CUdeviceptr *srcs, size_t *sizes,
                                      size_t count, CUmemcpyAttributes *attrs, size_t *attrsIdxs,
                                      size_t numAttrs, size_t *failIdx, CUstream hStream);
CUresult cuMemcpyBatchAsync(CUdeviceptr *dsts, CUdeviceptr *srcs, size_t *sizes, size_t count,
                            CUmemcpyAttributes *attrs, size_t *attrsIdxs, size_t numAttrs,
                            size_t *failIdx, CUstream hStream)
{
    if (failIdx)
        *failIdx = SIZE_MAX;
    return batch(dsts, srcs, sizes, count, attrs, attrsIdxs, numAttrs, hStream);
}

NV_EXPORT CUresult cuMemcpyBatchAsync_v2(CUdeviceptr *dsts, CUdeviceptr *srcs, size_t *sizes,
                                         size_t count, CUmemcpyAttributes *attrs, size_t *attrsIdxs,
                                         size_t numAttrs, CUstream hStream);
CUresult cuMemcpyBatchAsync_v2(CUdeviceptr *dsts, CUdeviceptr *srcs, size_t *sizes, size_t count,
                               CUmemcpyAttributes *attrs, size_t *attrsIdxs, size_t numAttrs,
                               CUstream hStream)
{
    return batch(dsts, srcs, sizes, count, attrs, attrsIdxs, numAttrs, hStream);
}

static struct side operand(const CUmemcpy3DOperand *o, size_t element)
{
    if (o->type == CU_MEMCPY_OPERAND_TYPE_ARRAY)
        return (struct side){.type = CU_MEMORYTYPE_ARRAY,
                             .array = o->op.array.array,
                             .x = o->op.array.offset.x * element,
                             .y = o->op.array.offset.y,
                             .z = o->op.array.offset.z};
    return (struct side){.type = CU_MEMORYTYPE_UNIFIED,
                         .va = o->op.ptr.ptr,
                         .pitch = o->op.ptr.rowLength * element,
                         .height = o->op.ptr.layerHeight};
}

/* Extents are in elements if an array is among the operands, else in bytes. */
static CUresult batch_3d(size_t count, const CUDA_MEMCPY3D_BATCH_OP *ops, CUstream stream)
{
    if (!ops || count == 0 || nv_is_legacy(stream))
        return CUDA_ERROR_INVALID_VALUE;
    for (size_t i = 0; i < count; i++) {
        const CUextent3D *extent = &ops[i].extent;
        size_t element = 1;
        struct side from, to;
        CUresult rc;

        if (ops[i].src.type == CU_MEMCPY_OPERAND_TYPE_ARRAY)
            element = nv_array_element(ops[i].src.op.array.array);
        else if (ops[i].dst.type == CU_MEMCPY_OPERAND_TYPE_ARRAY)
            element = nv_array_element(ops[i].dst.op.array.array);
        if (element == 0 || !extent->width || !extent->height || !extent->depth)
            return CUDA_ERROR_INVALID_VALUE;
        from = operand(&ops[i].src, element);
        to = operand(&ops[i].dst, element);
        rc = copy_box(&from, &to, extent->width * element, extent->height, extent->depth, stream,
                      ASYNC);
        if (rc != CUDA_SUCCESS)
            return rc;
    }
    return CUDA_SUCCESS;
}

#undef cuMemcpy3DBatchAsync
NV_EXPORT CUresult cuMemcpy3DBatchAsync(size_t numOps, CUDA_MEMCPY3D_BATCH_OP *opList,
                                        size_t *failIdx, unsigned long long flags, CUstream s);
CUresult cuMemcpy3DBatchAsync(size_t numOps, CUDA_MEMCPY3D_BATCH_OP *opList, size_t *failIdx,
                              unsigned long long flags, CUstream s)
{
    if (failIdx)
        *failIdx = SIZE_MAX;
    return flags ? CUDA_ERROR_INVALID_VALUE : batch_3d(numOps, opList, s);
}

NV_EXPORT CUresult cuMemcpy3DBatchAsync_v2(size_t numOps, CUDA_MEMCPY3D_BATCH_OP *opList,
                                           unsigned long long flags, CUstream s);
CUresult cuMemcpy3DBatchAsync_v2(size_t numOps, CUDA_MEMCPY3D_BATCH_OP *opList,
                                 unsigned long long flags, CUstream s)
{
    return flags ? CUDA_ERROR_INVALID_VALUE : batch_3d(numOps, opList, s);
}

/* ---- fills ---- */

static CUresult fill(struct nv_fill fill, CUstream handle, enum how how)
{
    struct nv_op op = {.kind = NV_OP_FILL, .fill = fill};
    struct nv_command *command = NULL;
    const struct nv_memory *memory;
    struct nv_context *ctx;
    struct nv_stream *stream;
    size_t row = fill.width * fill.bytes;
    bool wait = false;
    CUresult rc = nv_enter(&ctx);

    if (rc != CUDA_SUCCESS)
        return rc;
    rc = nv_stream_of(ctx, handle, &stream);
    if (rc == CUDA_SUCCESS && stream->legacy)
        rc = nv_capture_check_legacy(stream->ctx);
    if (rc != CUDA_SUCCESS)
        return nv_leave(rc);
    if (fill.width == 0 || fill.height == 0)
        return nv_leave(CUDA_SUCCESS);
    memory = nv_memory_find(fill.va);
    if (!memory || fill.va % fill.bytes || (fill.height > 1 && fill.pitch < row) ||
        !nv_memory_host(fill.va, (fill.height - 1) * fill.pitch + row))
        return nv_leave(CUDA_ERROR_INVALID_VALUE);
    wait = how == SYNC && memory->kind != NV_MEMORY_DEVICE;
    if (how == SYNC && stream->capture) {
        nv_capture_invalidate(stream);
        return nv_leave(CUDA_ERROR_STREAM_CAPTURE_UNSUPPORTED);
    }
    rc = nv_submit(stream, &op, wait ? &command : NULL);
    if (command) {
        nv_command_wait(command);
        nv_command_release(command);
        rc = ctx->sticky;
    }
    return nv_leave(rc);
}

#define FILLS(bits, type)                                                                          \
    CUresult cuMemsetD##bits(CUdeviceptr dst, type v, size_t n)                                    \
    {                                                                                              \
        return fill((struct nv_fill){dst, 0, n, 1, bits / 8, v}, NULL, SYNC);                      \
    }                                                                                              \
    CUresult cuMemsetD##bits##Async(CUdeviceptr dst, type v, size_t n, CUstream s)                 \
    {                                                                                              \
        return fill((struct nv_fill){dst, 0, n, 1, bits / 8, v}, s, ASYNC);                        \
    }                                                                                              \
    CUresult cuMemsetD2D##bits(CUdeviceptr dst, size_t pitch, type v, size_t w, size_t h)          \
    {                                                                                              \
        return fill((struct nv_fill){dst, pitch, w, h, bits / 8, v}, NULL, SYNC);                  \
    }                                                                                              \
    CUresult cuMemsetD2D##bits##Async(CUdeviceptr dst, size_t pitch, type v, size_t w, size_t h,   \
                                      CUstream s)                                                  \
    {                                                                                              \
        return fill((struct nv_fill){dst, pitch, w, h, bits / 8, v}, s, ASYNC);                    \
    }
FILLS(8, unsigned char)
FILLS(16, unsigned short)
FILLS(32, unsigned int)
