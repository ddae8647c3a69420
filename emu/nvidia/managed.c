// SPDX-License-Identifier: Apache-2.0
/*
 * Hints for managed memory. It lies in the host's memory and both sides reach it at any time, so a
 * prefetch moves nothing; but each is a command of its stream, and what it is told is checked.
 */
#include "driver.h"

static CUresult hint(CUdeviceptr ptr, size_t bytes, CUstream handle, bool attach)
{
    struct nv_op op = {.kind = NV_OP_EMPTY};
    const struct nv_memory *memory;
    struct nv_context *ctx;
    struct nv_stream *stream;
    CUresult rc = nv_enter(&ctx);

    if (rc != CUDA_SUCCESS)
        return rc;
    rc = nv_stream_of(ctx, handle, &stream);
    if (rc != CUDA_SUCCESS)
        return nv_leave(rc);
    memory = nv_memory_find(ptr);
    if (!memory || memory->kind != NV_MEMORY_MANAGED || (!attach && bytes == 0) ||
        bytes > memory->range.size - (ptr - memory->range.base))
        return nv_leave(CUDA_ERROR_INVALID_VALUE);
    return nv_leave(nv_submit(stream, &op, NULL));
}

#undef cuMemPrefetchAsync
#undef cuMemAdvise
NV_EXPORT CUresult cuMemPrefetchAsync(CUdeviceptr ptr, size_t count, CUdevice dst, CUstream s);
CUresult cuMemPrefetchAsync(CUdeviceptr ptr, size_t count, CUdevice dst, CUstream s)
{
    return dst == 0 || dst == CU_DEVICE_CPU ? hint(ptr, count, s, false)
                                            : CUDA_ERROR_INVALID_DEVICE;
}

NV_EXPORT CUresult cuMemPrefetchAsync_v2(CUdeviceptr ptr, size_t count, CUmemLocation location,
                                         unsigned flags, CUstream s);
CUresult cuMemPrefetchAsync_v2(CUdeviceptr ptr, size_t count, CUmemLocation location,
                               unsigned flags, CUstream s)
{
    if (flags || (location.type == CU_MEM_LOCATION_TYPE_DEVICE && location.id != 0))
        return flags ? CUDA_ERROR_INVALID_VALUE : CUDA_ERROR_INVALID_DEVICE;
    return hint(ptr, count, s, false);
}

CUresult cuStreamAttachMemAsync(CUstream hStream, CUdeviceptr dptr, size_t length,
                                unsigned int flags)
{
    if (flags != CU_MEM_ATTACH_GLOBAL && flags != CU_MEM_ATTACH_HOST &&
        flags != CU_MEM_ATTACH_SINGLE)
        return CUDA_ERROR_INVALID_VALUE;
    return hint(dptr, length, hStream, true);
}

static CUresult advise(CUdeviceptr ptr, size_t count)
{
    const struct nv_memory *memory;
    struct nv_context *ctx;
    CUresult rc = nv_enter(&ctx);

    if (rc != CUDA_SUCCESS)
        return rc;
    memory = nv_memory_find(ptr);
    return nv_leave(memory && memory->kind == NV_MEMORY_MANAGED && count
                        ? CUDA_SUCCESS
                        : CUDA_ERROR_INVALID_VALUE);
}

NV_EXPORT CUresult cuMemAdvise(CUdeviceptr ptr, size_t count, CUmem_advise advice, CUdevice dev);
CUresult cuMemAdvise(CUdeviceptr ptr, size_t count, CUmem_advise advice, CUdevice dev)
{
    return advise(ptr, count);
}

NV_EXPORT CUresult cuMemAdvise_v2(CUdeviceptr ptr, size_t count, CUmem_advise advice,
                                  CUmemLocation location);
CUresult cuMemAdvise_v2(CUdeviceptr ptr, size_t count, CUmem_advise advice, CUmemLocation location)
{
    return advise(ptr, count);
}

NV_EXPORT CUresult cuMemPrefetchBatchAsync(CUdeviceptr *dptrs, size_t *sizes, size_t count,
                                           CUmemLocation *locations, size_t *indices,
                                           size_t numLocations, unsigned long long flags,
                                           CUstream s);
CUresult cuMemPrefetchBatchAsync(CUdeviceptr *dptrs, size_t *sizes, size_t count,
                                 CUmemLocation *locations, size_t *indices, size_t numLocations,
                                 unsigned long long flags, CUstream s)
{
    if (!dptrs || !sizes || !locations || !indices || count == 0 || flags || numLocations == 0 ||
        numLocations > count)
        return CUDA_ERROR_INVALID_VALUE;
    for (size_t i = 0; i < count; i++) {
        CUresult rc = hint(dptrs[i], sizes[i], s, false);

        if (rc != CUDA_SUCCESS)
            return rc;
    }
    return CUDA_SUCCESS;
}
