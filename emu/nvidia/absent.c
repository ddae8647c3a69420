// SPDX-License-Identifier: Apache-2.0
/*
 * What this device does not have and says so, by its attributes or by having nothing to name:
 * sparse arrays, decompression, resources of graphics, peers, multicast. Unlike what is missing of
 * the emulator (missing.h) this is an answer that a program may count on. Source: CUDA Driver API,
 * the functions' own pages.
 */
#include "driver.h"

static CUresult answer(CUresult result)
{
    struct nv_context *ctx;
    CUresult rc = nv_enter(&ctx);

    return rc == CUDA_SUCCESS ? nv_leave(result) : rc;
}

/* CU_DEVICE_ATTRIBUTE_SPARSE_CUDA_ARRAY_SUPPORTED is 0. */
CUresult cuMemMapArrayAsync(CUarrayMapInfo *list, unsigned int count, CUstream stream)
{
    return answer(list && count ? CUDA_ERROR_NOT_SUPPORTED : CUDA_ERROR_INVALID_VALUE);
}

/* CU_DEVICE_ATTRIBUTE_MEM_DECOMPRESS_ALGORITHM_MASK is 0. */
CUresult cuMemBatchDecompressAsync(CUmemDecompressParams *params, size_t count, unsigned int flags,
                                   size_t *errorIndex, CUstream stream)
{
    return answer(params && count && !flags ? CUDA_ERROR_NOT_SUPPORTED : CUDA_ERROR_INVALID_VALUE);
}

/* Nothing can be registered, so no handle is one. */
CUresult cuGraphicsMapResources(unsigned int count, CUgraphicsResource *resources, CUstream stream)
{
    return answer(resources && count ? CUDA_ERROR_INVALID_HANDLE : CUDA_ERROR_INVALID_VALUE);
}

CUresult cuGraphicsUnmapResources(unsigned int count, CUgraphicsResource *resources,
                                  CUstream stream)
{
    return answer(resources && count ? CUDA_ERROR_INVALID_HANDLE : CUDA_ERROR_INVALID_VALUE);
}

CUresult cuGraphicsUnregisterResource(CUgraphicsResource resource)
{
    return answer(CUDA_ERROR_INVALID_HANDLE);
}

/* There is one device, and no access to a peer that could have been enabled. */
CUresult cuCtxDisablePeerAccess(CUcontext peer)
{
    return answer(nv_object(peer, NV_CONTEXT) ? CUDA_ERROR_PEER_ACCESS_NOT_ENABLED
                                              : CUDA_ERROR_INVALID_CONTEXT);
}

/* CU_DEVICE_ATTRIBUTE_MULTICAST_SUPPORTED is 0. */
CUresult cuMulticastUnbind(CUmemGenericAllocationHandle handle, CUdevice device, size_t offset,
                           size_t size)
{
    return answer(CUDA_ERROR_NOT_SUPPORTED);
}
