// SPDX-License-Identifier: Apache-2.0
/*
 * Hints for managed memory. It lies in the host's memory and both sides reach it at any time, so a
 * prefetch moves nothing; but each is a command of its stream, and what it is told is checked.
 */
#include "driver.h"

static bool is_managed(CUdeviceptr ptr, size_t bytes)
{
    const struct nv_memory *memory = nv_memory_find(ptr);

    return memory && memory->kind == NV_MEMORY_MANAGED &&
           bytes <= memory->range.size - (ptr - memory->range.base);
}

/* One command for hints about all these stretches. @empty: they may be of no bytes. */
static CUresult hints(const CUdeviceptr *ptrs, const size_t *bytes, size_t count, CUstream handle,
                      bool empty)
{
    struct nv_op op = {.kind = NV_OP_EMPTY};
    struct nv_context *ctx;
    struct nv_stream *stream;
    CUresult rc = nv_enter(&ctx);

    if (rc != CUDA_SUCCESS)
        return rc;
    rc = nv_stream_of(ctx, handle, &stream);
    for (size_t i = 0; i < count && rc == CUDA_SUCCESS; i++) {
        if (!is_managed(ptrs[i], bytes[i]) || (!empty && bytes[i] == 0))
            rc = CUDA_ERROR_INVALID_VALUE;
    }
    return nv_leave(rc == CUDA_SUCCESS ? nv_submit(stream, &op, NULL) : rc);
}

static CUresult hint(CUdeviceptr ptr, size_t bytes, CUstream handle, bool attach)
{
    return hints(&ptr, &bytes, 1, handle, attach);
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

/* Batches are not for the legacy stream. */
static CUresult batch(const CUdeviceptr *dptrs, const size_t *sizes, size_t count,
                      unsigned long long flags, CUstream s)
{
    if (!dptrs || !sizes || count == 0 || flags || nv_is_legacy(s))
        return CUDA_ERROR_INVALID_VALUE;
    return hints(dptrs, sizes, count, s, false);
}

/* Each location is for the stretches from its index to the next one's. */
static CUresult check_locations(const CUmemLocation *locations, const size_t *indices, size_t count,
                                size_t of)
{
    if (!locations || !indices || count == 0 || count > of || indices[0] != 0)
        return CUDA_ERROR_INVALID_VALUE;
    for (size_t i = 0; i < count; i++) {
        if (indices[i] >= of || (i > 0 && indices[i] <= indices[i - 1]))
            return CUDA_ERROR_INVALID_VALUE;
        if (locations[i].type == CU_MEM_LOCATION_TYPE_DEVICE && locations[i].id != 0)
            return CUDA_ERROR_INVALID_DEVICE;
    }
    return CUDA_SUCCESS;
}

CUresult cuMemPrefetchBatchAsync(CUdeviceptr *dptrs, size_t *sizes, size_t count,
                                 CUmemLocation *locations, size_t *indices, size_t numLocations,
                                 unsigned long long flags, CUstream s)
{
    CUresult rc = check_locations(locations, indices, numLocations, count);

    return rc == CUDA_SUCCESS ? batch(dptrs, sizes, count, flags, s) : rc;
}

/* What is discarded may be anything until it is written; here it is what it was. */
CUresult cuMemDiscardBatchAsync(CUdeviceptr *dptrs, size_t *sizes, size_t count,
                                unsigned long long flags, CUstream s)
{
    return batch(dptrs, sizes, count, flags, s);
}

CUresult cuMemDiscardAndPrefetchBatchAsync(CUdeviceptr *dptrs, size_t *sizes, size_t count,
                                           CUmemLocation *locations, size_t *indices,
                                           size_t numLocations, unsigned long long flags,
                                           CUstream s)
{
    return cuMemPrefetchBatchAsync(dptrs, sizes, count, locations, indices, numLocations, flags, s);
}
