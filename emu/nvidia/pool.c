// SPDX-License-Identifier: Apache-2.0
/*
 * Stream-ordered allocation. The memory is there at once (its address comes back from the call) and
 * goes back when the free's turn in its stream has come. A pool is a count of what is in use.
 */
#include "driver.h"

#include <stdlib.h>
#include <string.h>

struct nv_pool {
    void *handle;
    bool is_default;
    int reuse[3];
    cuuint64_t threshold, used, used_high;
};

static struct nv_pool *device_pool, *current_pool;

static struct nv_pool *pool_new(void)
{
    struct nv_pool *pool = calloc(1, sizeof(*pool));

    if (!pool || !(pool->handle = nv_handle_new(NV_POOL, pool))) {
        free(pool);
        return NULL;
    }
    pool->reuse[0] = pool->reuse[1] = pool->reuse[2] = 1;
    return pool;
}

static struct nv_pool *default_pool(void)
{
    if (!device_pool && (device_pool = pool_new()))
        device_pool->is_default = true;
    return device_pool;
}

CUmemoryPool nv_pool_handle(const struct nv_pool *pool)
{
    return pool->handle;
}

void nv_pool_carry_out_free(uint64_t va)
{
    const struct nv_memory *memory = nv_memory_find(va);

    if (!memory)
        return;
    if (memory->pool)
        memory->pool->used -= memory->range.size;
    nv_memory_free(va);
}

static CUresult alloc(CUdeviceptr *dptr, size_t bytes, struct nv_pool *pool, CUstream handle)
{
    struct nv_context *ctx;
    struct nv_stream *stream;
    uint64_t va;
    CUresult rc = nv_enter(&ctx);

    if (rc != CUDA_SUCCESS)
        return rc;
    rc = nv_stream_of(ctx, handle, &stream);
    if (rc != CUDA_SUCCESS)
        return nv_leave(rc);
    if (!dptr || bytes == 0)
        return nv_leave(CUDA_ERROR_INVALID_VALUE);
    if (stream->capture) {
        struct nv_op op;

        rc = nv_graph_alloc_op(bytes, &va, &op);
        if (rc == CUDA_SUCCESS)
            rc = nv_submit(stream, &op, NULL);
        if (rc == CUDA_SUCCESS)
            *dptr = va;
        return nv_leave(rc);
    }
    if (!pool)
        pool = current_pool ? current_pool : default_pool();
    rc = nv_memory_alloc(NULL, bytes, &va);
    if (rc != CUDA_SUCCESS)
        return nv_leave(rc);
    nv_memory_set_pool(va, pool, false);
    pool->used += nv_memory_find(va)->range.size;
    if (pool->used > pool->used_high)
        pool->used_high = pool->used;
    *dptr = va;
    return nv_leave(CUDA_SUCCESS);
}

CUresult cuMemAllocAsync(CUdeviceptr *dptr, size_t bytesize, CUstream hStream)
{
    return alloc(dptr, bytesize, NULL, hStream);
}

CUresult cuMemAllocFromPoolAsync(CUdeviceptr *dptr, size_t bytesize, CUmemoryPool handle,
                                 CUstream hStream)
{
    struct nv_pool *pool = nv_object(handle, NV_POOL);

    return pool ? alloc(dptr, bytesize, pool, hStream) : CUDA_ERROR_INVALID_VALUE;
}

CUresult cuMemFreeAsync(CUdeviceptr dptr, CUstream hStream)
{
    struct nv_op op = {.kind = NV_OP_FREE, .free_va = dptr};
    const struct nv_memory *memory;
    struct nv_context *ctx;
    struct nv_stream *stream;
    CUresult rc = nv_enter(&ctx);

    if (rc != CUDA_SUCCESS)
        return rc;
    rc = nv_stream_of(ctx, hStream, &stream);
    if (rc != CUDA_SUCCESS)
        return nv_leave(rc);
    memory = nv_memory_find(dptr);
    if (!memory || memory->range.base != dptr || memory->kind != NV_MEMORY_DEVICE || memory->freed)
        return nv_leave(CUDA_ERROR_INVALID_VALUE);
    if (memory->graph || stream->capture) /* in a capture only what a graph allocates is freed */
        rc = stream->capture ? nv_graph_free_op(nv_capture_graph(stream), dptr, &op)
                             : nv_graph_memory_free(memory->graph, &op);
    else if (memory->internal)
        rc = CUDA_ERROR_INVALID_VALUE;
    else
        nv_memory_set_freed(dptr);
    return nv_leave(rc == CUDA_SUCCESS ? nv_submit(stream, &op, NULL) : rc);
}

CUresult cuMemPoolCreate(CUmemoryPool *pool, const CUmemPoolProps *props)
{
    struct nv_context *ctx;
    struct nv_pool *made;
    CUresult rc = nv_enter_any(&ctx);

    if (rc != CUDA_SUCCESS)
        return rc;
    if (!pool || !props || props->allocType != CU_MEM_ALLOCATION_TYPE_PINNED)
        return nv_leave(CUDA_ERROR_INVALID_VALUE);
    if (props->location.type != CU_MEM_LOCATION_TYPE_DEVICE || props->location.id != 0)
        return nv_leave(CUDA_ERROR_NOT_SUPPORTED);
    made = pool_new();
    if (!made)
        return nv_leave(CUDA_ERROR_OUT_OF_MEMORY);
    *pool = made->handle;
    return nv_leave(CUDA_SUCCESS);
}

/* What was allocated from it stays until it is freed. */
CUresult cuMemPoolDestroy(CUmemoryPool handle)
{
    struct nv_context *ctx;
    struct nv_pool *pool;
    CUresult rc = nv_enter_any(&ctx);

    if (rc != CUDA_SUCCESS)
        return rc;
    pool = nv_object(handle, NV_POOL);
    if (!pool || pool->is_default)
        return nv_leave(CUDA_ERROR_INVALID_VALUE);
    if (current_pool == pool)
        current_pool = NULL;
    nv_handle_free(pool->handle);
    return nv_leave(CUDA_SUCCESS);
}

static CUresult give_pool(CUmemoryPool *out, CUdevice dev, bool current)
{
    struct nv_context *ctx;
    struct nv_pool *pool;
    CUresult rc = nv_enter_any(&ctx);

    if (rc != CUDA_SUCCESS)
        return rc;
    if (dev != 0 || !out)
        return nv_leave(dev ? CUDA_ERROR_INVALID_DEVICE : CUDA_ERROR_INVALID_VALUE);
    pool = current && current_pool ? current_pool : default_pool();
    if (!pool)
        return nv_leave(CUDA_ERROR_OUT_OF_MEMORY);
    *out = pool->handle;
    return nv_leave(CUDA_SUCCESS);
}

CUresult cuDeviceGetDefaultMemPool(CUmemoryPool *pool_out, CUdevice dev)
{
    return give_pool(pool_out, dev, false);
}

CUresult cuDeviceGetMemPool(CUmemoryPool *pool, CUdevice dev)
{
    return give_pool(pool, dev, true);
}

CUresult cuDeviceSetMemPool(CUdevice dev, CUmemoryPool handle)
{
    struct nv_context *ctx;
    struct nv_pool *pool;
    CUresult rc = nv_enter_any(&ctx);

    if (rc != CUDA_SUCCESS)
        return rc;
    pool = nv_object(handle, NV_POOL);
    if (dev != 0 || !pool)
        return nv_leave(dev ? CUDA_ERROR_INVALID_DEVICE : CUDA_ERROR_INVALID_VALUE);
    current_pool = pool;
    return nv_leave(CUDA_SUCCESS);
}

CUresult cuMemPoolTrimTo(CUmemoryPool handle, size_t minBytesToKeep)
{
    return nv_object(handle, NV_POOL) ? CUDA_SUCCESS : CUDA_ERROR_INVALID_VALUE;
}

/* The device that has it always has access, and there is no other. */
CUresult cuMemPoolSetAccess(CUmemoryPool handle, const CUmemAccessDesc *map, size_t count)
{
    struct nv_context *ctx;
    CUresult rc = nv_enter_any(&ctx);

    if (rc != CUDA_SUCCESS)
        return rc;
    if (!nv_object(handle, NV_POOL) || !map || !count)
        return nv_leave(CUDA_ERROR_INVALID_VALUE);
    for (size_t i = 0; i < count && rc == CUDA_SUCCESS; i++)
        if (map[i].location.type != CU_MEM_LOCATION_TYPE_DEVICE || map[i].location.id != 0)
            rc = CUDA_ERROR_INVALID_DEVICE;
        else if (map[i].flags != CU_MEM_ACCESS_FLAGS_PROT_READWRITE)
            rc = CUDA_ERROR_INVALID_VALUE;
    return nv_leave(rc);
}

/* A number in the pool, and whether it may only be set to 0. */
static CUresult pool_attribute(struct nv_pool *pool, CUmemPool_attribute attr, void *value,
                               bool set)
{
    cuuint64_t *wide = value;
    int *narrow = value;

    switch (attr) {
    case CU_MEMPOOL_ATTR_REUSE_FOLLOW_EVENT_DEPENDENCIES:
    case CU_MEMPOOL_ATTR_REUSE_ALLOW_OPPORTUNISTIC:
    case CU_MEMPOOL_ATTR_REUSE_ALLOW_INTERNAL_DEPENDENCIES:
        if (set)
            pool->reuse[attr - CU_MEMPOOL_ATTR_REUSE_FOLLOW_EVENT_DEPENDENCIES] = *narrow;
        else
            *narrow = pool->reuse[attr - CU_MEMPOOL_ATTR_REUSE_FOLLOW_EVENT_DEPENDENCIES];
        return CUDA_SUCCESS;
    case CU_MEMPOOL_ATTR_RELEASE_THRESHOLD:
        if (set)
            pool->threshold = *wide;
        else
            *wide = pool->threshold;
        return CUDA_SUCCESS;
    case CU_MEMPOOL_ATTR_RESERVED_MEM_CURRENT:
    case CU_MEMPOOL_ATTR_USED_MEM_CURRENT:
        if (set)
            return CUDA_ERROR_INVALID_VALUE;
        *wide = pool->used;
        return CUDA_SUCCESS;
    case CU_MEMPOOL_ATTR_RESERVED_MEM_HIGH:
    case CU_MEMPOOL_ATTR_USED_MEM_HIGH:
        if (set && *wide != 0)
            return CUDA_ERROR_INVALID_VALUE;
        if (set)
            pool->used_high = pool->used;
        else
            *wide = pool->used_high;
        return CUDA_SUCCESS;
    default:
        return CUDA_ERROR_INVALID_VALUE;
    }
}

static CUresult attribute(CUmemoryPool handle, CUmemPool_attribute attr, void *value, bool set)
{
    struct nv_context *ctx;
    struct nv_pool *pool;
    CUresult rc = nv_enter_any(&ctx);

    if (rc != CUDA_SUCCESS)
        return rc;
    pool = nv_object(handle, NV_POOL);
    return nv_leave(pool && value ? pool_attribute(pool, attr, value, set)
                                  : CUDA_ERROR_INVALID_VALUE);
}

CUresult cuMemPoolSetAttribute(CUmemoryPool pool, CUmemPool_attribute attr, void *value)
{
    return attribute(pool, attr, value, true);
}

CUresult cuMemPoolGetAttribute(CUmemoryPool pool, CUmemPool_attribute attr, void *value)
{
    return attribute(pool, attr, value, false);
}
