// SPDX-License-Identifier: Apache-2.0
/* See array.h. */
#include "array.h"

#include <stdlib.h>
#include <string.h>

struct array {
    void *handle;
    CUDA_ARRAY3D_DESCRIPTOR descriptor;
    size_t row_bytes, rows, slices;
    uint64_t va;
};

static unsigned element_bytes(CUarray_format format)
{
    switch (format) {
    case CU_AD_FORMAT_UNSIGNED_INT8:
    case CU_AD_FORMAT_SIGNED_INT8:
        return 1;
    case CU_AD_FORMAT_UNSIGNED_INT16:
    case CU_AD_FORMAT_SIGNED_INT16:
    case CU_AD_FORMAT_HALF:
        return 2;
    case CU_AD_FORMAT_UNSIGNED_INT32:
    case CU_AD_FORMAT_SIGNED_INT32:
    case CU_AD_FORMAT_FLOAT:
        return 4;
    default:
        return 0;
    }
}

size_t nv_array_element(CUarray handle)
{
    struct array *array;
    size_t bytes;

    nv_lock();
    array = nv_object(handle, NV_ARRAY);
    bytes = array ? element_bytes(array->descriptor.Format) * array->descriptor.NumChannels : 0;
    nv_unlock();
    return bytes;
}

CUresult nv_array_place(CUarray handle, size_t x, size_t y, size_t z, const struct nv_copy *copy,
                        struct nv_place *place)
{
    const struct array *array = nv_object(handle, NV_ARRAY);

    if (!array)
        return CUDA_ERROR_INVALID_HANDLE;
    if (x > array->row_bytes || copy->width > array->row_bytes - x || y > array->rows ||
        copy->height > array->rows - y || z > array->slices || copy->depth > array->slices - z)
        return CUDA_ERROR_INVALID_VALUE;
    place->pitch = array->row_bytes;
    place->height = array->rows;
    place->va = array->va + (z * array->rows + y) * array->row_bytes + x;
    return CUDA_SUCCESS;
}

CUresult cuArray3DCreate(CUarray *pHandle, const CUDA_ARRAY3D_DESCRIPTOR *d)
{
    struct nv_context *ctx;
    struct array *array;
    unsigned bytes;
    CUresult rc = nv_enter(&ctx);

    if (rc != CUDA_SUCCESS)
        return rc;
    bytes = d ? element_bytes(d->Format) : 0;
    if (!pHandle || !bytes || d->Width == 0 || d->Width > 1 << 17 || d->Height > 1 << 16 ||
        d->Depth > 1 << 14 || (d->NumChannels != 1 && d->NumChannels != 2 && d->NumChannels != 4))
        return nv_leave(CUDA_ERROR_INVALID_VALUE);
    array = calloc(1, sizeof(*array));
    if (!array)
        return nv_leave(CUDA_ERROR_OUT_OF_MEMORY);
    array->descriptor = *d;
    array->row_bytes = d->Width * bytes * d->NumChannels;
    array->rows = d->Height ? d->Height : 1;
    array->slices = d->Depth ? d->Depth : 1;
    rc = nv_memory_alloc(ctx, array->row_bytes * array->rows * array->slices, &array->va);
    if (rc != CUDA_SUCCESS || !(array->handle = nv_handle_new(NV_ARRAY, array))) {
        free(array);
        return nv_leave(CUDA_ERROR_OUT_OF_MEMORY);
    }
    nv_memory_set_pool(array->va, NULL, true);
    *pHandle = array->handle;
    return nv_leave(CUDA_SUCCESS);
}

CUresult cuArrayCreate(CUarray *pHandle, const CUDA_ARRAY_DESCRIPTOR *d)
{
    CUDA_ARRAY3D_DESCRIPTOR wide;

    if (!d)
        return CUDA_ERROR_INVALID_VALUE;
    wide = (CUDA_ARRAY3D_DESCRIPTOR){
        .Width = d->Width, .Height = d->Height, .Format = d->Format, .NumChannels = d->NumChannels};
    return cuArray3DCreate(pHandle, &wide);
}

CUresult cuArray3DGetDescriptor(CUDA_ARRAY3D_DESCRIPTOR *d, CUarray handle)
{
    struct nv_context *ctx;
    struct array *array;
    CUresult rc = nv_enter(&ctx);

    if (rc != CUDA_SUCCESS)
        return rc;
    array = nv_object(handle, NV_ARRAY);
    if (!d || !array)
        return nv_leave(array ? CUDA_ERROR_INVALID_VALUE : CUDA_ERROR_INVALID_HANDLE);
    *d = array->descriptor;
    return nv_leave(CUDA_SUCCESS);
}

CUresult cuArrayGetDescriptor(CUDA_ARRAY_DESCRIPTOR *d, CUarray handle)
{
    CUDA_ARRAY3D_DESCRIPTOR wide;
    CUresult rc = d ? cuArray3DGetDescriptor(&wide, handle) : CUDA_ERROR_INVALID_VALUE;

    if (rc == CUDA_SUCCESS)
        *d = (CUDA_ARRAY_DESCRIPTOR){wide.Width, wide.Height, wide.Format, wide.NumChannels};
    return rc;
}

CUresult cuArrayDestroy(CUarray handle)
{
    struct nv_context *ctx;
    struct array *array;
    CUresult rc = nv_enter(&ctx);

    if (rc != CUDA_SUCCESS)
        return rc;
    array = nv_object(handle, NV_ARRAY);
    if (!array)
        return nv_leave(CUDA_ERROR_INVALID_HANDLE);
    nv_context_wait(ctx);
    nv_memory_free(array->va);
    nv_handle_free(array->handle);
    free(array);
    return nv_leave(CUDA_SUCCESS);
}
