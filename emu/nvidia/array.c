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
    bool level; /* of a mipmapped array, which owns it */
};

struct mipmap {
    void *handle;
    unsigned count;
    struct array *levels[]; /* owned */
};

unsigned nv_format_bytes(CUarray_format format)
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
    bytes = array ? nv_format_bytes(array->descriptor.Format) * array->descriptor.NumChannels : 0;
    nv_unlock();
    return bytes;
}

const CUDA_ARRAY3D_DESCRIPTOR *nv_array_find(CUarray handle, uint64_t *va)
{
    const struct array *array = nv_object(handle, NV_ARRAY);

    if (!array)
        return NULL;
    *va = array->va;
    return &array->descriptor;
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

static void free_array(struct array *array)
{
    nv_memory_free(array->va);
    nv_handle_free(array->handle);
    free(array);
}

static CUresult check(const CUDA_ARRAY3D_DESCRIPTOR *d)
{
    return d && nv_format_bytes(d->Format) && d->Width > 0 && d->Width <= 1 << 17 &&
                   d->Height <= 1 << 16 && d->Depth <= 1 << 14 &&
                   (d->NumChannels == 1 || d->NumChannels == 2 || d->NumChannels == 4)
               ? CUDA_SUCCESS
               : CUDA_ERROR_INVALID_VALUE;
}

static CUresult make(struct nv_context *ctx, const CUDA_ARRAY3D_DESCRIPTOR *d, struct array **out)
{
    struct array *array = calloc(1, sizeof(*array));
    CUresult rc;

    if (!array)
        return CUDA_ERROR_OUT_OF_MEMORY;
    array->descriptor = *d;
    array->row_bytes = d->Width * nv_format_bytes(d->Format) * d->NumChannels;
    array->rows = d->Height ? d->Height : 1;
    array->slices = d->Depth ? d->Depth : 1;
    rc = nv_memory_alloc(ctx, array->row_bytes * array->rows * array->slices, &array->va);
    if (rc != CUDA_SUCCESS || !(array->handle = nv_handle_new(NV_ARRAY, array))) {
        free(array);
        return CUDA_ERROR_OUT_OF_MEMORY;
    }
    nv_memory_set_pool(array->va, NULL, true);
    *out = array;
    return CUDA_SUCCESS;
}

CUresult cuArray3DCreate(CUarray *pHandle, const CUDA_ARRAY3D_DESCRIPTOR *d)
{
    struct nv_context *ctx;
    struct array *array;
    CUresult rc = nv_enter(&ctx);

    if (rc != CUDA_SUCCESS)
        return rc;
    rc = pHandle ? check(d) : CUDA_ERROR_INVALID_VALUE;
    if (rc == CUDA_SUCCESS)
        rc = make(ctx, d, &array);
    if (rc == CUDA_SUCCESS)
        *pHandle = array->handle;
    return nv_leave(rc);
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
    if (!array || array->level)
        return nv_leave(CUDA_ERROR_INVALID_HANDLE);
    nv_context_wait(ctx);
    free_array(array);
    return nv_leave(CUDA_SUCCESS);
}

/* ---- mipmapped arrays: an array for each level, half the size of the one before ---- */

static void free_mipmap(struct mipmap *mipmap)
{
    for (unsigned i = 0; i < mipmap->count; i++)
        free_array(mipmap->levels[i]);
    if (mipmap->handle)
        nv_handle_free(mipmap->handle);
    free(mipmap);
}

static size_t halved(size_t size, unsigned level)
{
    return size == 0 ? 0 : size >> level ? size >> level : 1;
}

static unsigned most_levels(const CUDA_ARRAY3D_DESCRIPTOR *d)
{
    size_t largest = d->Width > d->Height ? d->Width : d->Height;
    unsigned levels = 1;

    largest = d->Depth > largest ? d->Depth : largest;
    while (largest >>= 1)
        levels++;
    return levels;
}

static CUresult make_mipmap(struct nv_context *ctx, const CUDA_ARRAY3D_DESCRIPTOR *d,
                            unsigned levels, struct mipmap **out)
{
    struct mipmap *mipmap = calloc(1, sizeof(*mipmap) + levels * sizeof(mipmap->levels[0]));
    CUresult rc = mipmap ? CUDA_SUCCESS : CUDA_ERROR_OUT_OF_MEMORY;

    for (unsigned i = 0; i < levels && rc == CUDA_SUCCESS; i++) {
        CUDA_ARRAY3D_DESCRIPTOR level = *d;

        level.Width = halved(d->Width, i);
        level.Height = halved(d->Height, i);
        level.Depth = halved(d->Depth, i);
        rc = make(ctx, &level, &mipmap->levels[i]);
        if (rc == CUDA_SUCCESS)
            mipmap->levels[mipmap->count++]->level = true;
    }
    if (rc == CUDA_SUCCESS && !(mipmap->handle = nv_handle_new(NV_MIPMAP, mipmap)))
        rc = CUDA_ERROR_OUT_OF_MEMORY;
    if (rc == CUDA_SUCCESS)
        *out = mipmap;
    else if (mipmap)
        free_mipmap(mipmap);
    return rc;
}

CUresult cuMipmappedArrayCreate(CUmipmappedArray *pHandle, const CUDA_ARRAY3D_DESCRIPTOR *d,
                                unsigned int levels)
{
    struct nv_context *ctx;
    struct mipmap *mipmap;
    CUresult rc = nv_enter(&ctx);

    if (rc != CUDA_SUCCESS)
        return rc;
    rc = pHandle && levels > 0 ? check(d) : CUDA_ERROR_INVALID_VALUE;
    if (rc == CUDA_SUCCESS) {
        levels = levels < most_levels(d) ? levels : most_levels(d);
        rc = make_mipmap(ctx, d, levels, &mipmap);
    }
    if (rc == CUDA_SUCCESS)
        *pHandle = mipmap->handle;
    return nv_leave(rc);
}

CUresult nv_mipmap_level(CUmipmappedArray handle, unsigned level, CUarray *out)
{
    const struct mipmap *mipmap = nv_object(handle, NV_MIPMAP);

    if (!mipmap)
        return CUDA_ERROR_INVALID_HANDLE;
    if (!out || level >= mipmap->count)
        return CUDA_ERROR_INVALID_VALUE;
    *out = mipmap->levels[level]->handle;
    return CUDA_SUCCESS;
}

CUresult cuMipmappedArrayGetLevel(CUarray *pLevel, CUmipmappedArray handle, unsigned int level)
{
    struct nv_context *ctx;
    CUresult rc = nv_enter(&ctx);

    return rc == CUDA_SUCCESS ? nv_leave(nv_mipmap_level(handle, level, pLevel)) : rc;
}

CUresult cuMipmappedArrayDestroy(CUmipmappedArray handle)
{
    struct nv_context *ctx;
    struct mipmap *mipmap;
    CUresult rc = nv_enter(&ctx);

    if (rc != CUDA_SUCCESS)
        return rc;
    mipmap = nv_object(handle, NV_MIPMAP);
    if (!mipmap)
        return nv_leave(CUDA_ERROR_INVALID_HANDLE);
    nv_context_wait(ctx);
    free_mipmap(mipmap);
    return nv_leave(CUDA_SUCCESS);
}
