// SPDX-License-Identifier: Apache-2.0
/* Questions about functions, their attributes, and occupancy: what the device model says. */
#include "library.h"

#include <string.h>

static CUresult enter_function(CUfunction handle, struct nv_context **ctx, struct nv_function **f)
{
    CUresult rc = nv_enter(ctx);

    if (rc != CUDA_SUCCESS)
        return rc;
    rc = nv_function_of(*ctx, handle, f);
    return rc == CUDA_SUCCESS ? rc : nv_leave(rc);
}

static CUresult get_attribute(int *pi, CUfunction_attribute attrib, const struct nv_function *f)
{
    const struct ptx_function *ptx = f->ptx;

    switch (attrib) {
    case CU_FUNC_ATTRIBUTE_MAX_THREADS_PER_BLOCK:
        *pi = (int)nv_max_threads(f);
        break;
    case CU_FUNC_ATTRIBUTE_SHARED_SIZE_BYTES:
        *pi = (int)ptx->shared_bytes;
        break;
    case CU_FUNC_ATTRIBUTE_CONST_SIZE_BYTES:
        *pi = (int)ptx->const_bytes;
        break;
    case CU_FUNC_ATTRIBUTE_LOCAL_SIZE_BYTES:
        *pi = (int)ptx->local_bytes;
        break;
    case CU_FUNC_ATTRIBUTE_NUM_REGS:
        *pi = (int)ptx->registers;
        break;
    case CU_FUNC_ATTRIBUTE_PTX_VERSION:
        *pi = (int)f->module->image->ptx->target;
        break;
    case CU_FUNC_ATTRIBUTE_BINARY_VERSION:
        *pi = (int)nv_profile.compute_capability;
        break;
    case CU_FUNC_ATTRIBUTE_CACHE_MODE_CA:
        *pi = 0;
        break;
    case CU_FUNC_ATTRIBUTE_MAX_DYNAMIC_SHARED_SIZE_BYTES:
        *pi = f->max_dynamic_shared ? f->max_dynamic_shared : 49152 - (int)ptx->shared_bytes;
        break;
    case CU_FUNC_ATTRIBUTE_PREFERRED_SHARED_MEMORY_CARVEOUT:
        *pi = f->carveout;
        break;
    case CU_FUNC_ATTRIBUTE_CLUSTER_SIZE_MUST_BE_SET:
    case CU_FUNC_ATTRIBUTE_REQUIRED_CLUSTER_WIDTH:
    case CU_FUNC_ATTRIBUTE_REQUIRED_CLUSTER_HEIGHT:
    case CU_FUNC_ATTRIBUTE_REQUIRED_CLUSTER_DEPTH:
    case CU_FUNC_ATTRIBUTE_NON_PORTABLE_CLUSTER_SIZE_ALLOWED:
    case CU_FUNC_ATTRIBUTE_CLUSTER_SCHEDULING_POLICY_PREFERENCE:
        *pi = 0;
        break;
    default:
        return CUDA_ERROR_INVALID_VALUE;
    }
    return CUDA_SUCCESS;
}

static CUresult set_attribute(struct nv_function *f, CUfunction_attribute attrib, int value)
{
    switch (attrib) {
    case CU_FUNC_ATTRIBUTE_MAX_DYNAMIC_SHARED_SIZE_BYTES:
        if (value < 0 || value + (int)f->ptx->shared_bytes > (int)nv_profile.lds_bytes_per_cu)
            return CUDA_ERROR_INVALID_VALUE;
        f->max_dynamic_shared = value;
        return CUDA_SUCCESS;
    case CU_FUNC_ATTRIBUTE_PREFERRED_SHARED_MEMORY_CARVEOUT:
        if (value < -1 || value > 100)
            return CUDA_ERROR_INVALID_VALUE;
        f->carveout = value;
        return CUDA_SUCCESS;
    default:
        return CUDA_ERROR_INVALID_VALUE;
    }
}

CUresult cuFuncGetAttribute(int *pi, CUfunction_attribute attrib, CUfunction hfunc)
{
    struct nv_context *ctx;
    struct nv_function *f;
    CUresult rc = enter_function(hfunc, &ctx, &f);

    if (rc != CUDA_SUCCESS)
        return rc;
    return nv_leave(pi ? get_attribute(pi, attrib, f) : CUDA_ERROR_INVALID_VALUE);
}

CUresult cuFuncSetAttribute(CUfunction hfunc, CUfunction_attribute attrib, int value)
{
    struct nv_context *ctx;
    struct nv_function *f;
    CUresult rc = enter_function(hfunc, &ctx, &f);

    return rc == CUDA_SUCCESS ? nv_leave(set_attribute(f, attrib, value)) : rc;
}

CUresult cuKernelGetAttribute(int *pi, CUfunction_attribute attrib, CUkernel kernel, CUdevice dev)
{
    return dev == 0 ? cuFuncGetAttribute(pi, attrib, (CUfunction)kernel)
                    : CUDA_ERROR_INVALID_DEVICE;
}

CUresult cuKernelSetAttribute(CUfunction_attribute attrib, int val, CUkernel kernel, CUdevice dev)
{
    return dev == 0 ? cuFuncSetAttribute((CUfunction)kernel, attrib, val)
                    : CUDA_ERROR_INVALID_DEVICE;
}

CUresult cuFuncSetCacheConfig(CUfunction hfunc, CUfunc_cache config)
{
    struct nv_context *ctx;
    struct nv_function *f;
    CUresult rc = enter_function(hfunc, &ctx, &f);

    if (rc != CUDA_SUCCESS)
        return rc;
    f->cache = config;
    return nv_leave(CUDA_SUCCESS);
}

CUresult cuKernelSetCacheConfig(CUkernel kernel, CUfunc_cache config, CUdevice dev)
{
    return dev == 0 ? cuFuncSetCacheConfig((CUfunction)kernel, config) : CUDA_ERROR_INVALID_DEVICE;
}

CUresult cuFuncGetModule(CUmodule *hmod, CUfunction hfunc)
{
    struct nv_context *ctx;
    struct nv_function *f;
    CUresult rc = enter_function(hfunc, &ctx, &f);

    if (rc != CUDA_SUCCESS)
        return rc;
    if (!hmod)
        return nv_leave(CUDA_ERROR_INVALID_VALUE);
    *hmod = f->module->handle;
    return nv_leave(CUDA_SUCCESS);
}

CUresult cuFuncGetName(const char **name, CUfunction hfunc)
{
    struct nv_context *ctx;
    struct nv_function *f;
    CUresult rc = enter_function(hfunc, &ctx, &f);

    if (rc != CUDA_SUCCESS)
        return rc;
    if (!name)
        return nv_leave(CUDA_ERROR_INVALID_VALUE);
    *name = f->ptx->name;
    return nv_leave(CUDA_SUCCESS);
}

CUresult cuFuncGetParamInfo(CUfunction func, size_t index, size_t *offset, size_t *size)
{
    struct nv_context *ctx;
    struct nv_function *f;
    CUresult rc = enter_function(func, &ctx, &f);

    if (rc != CUDA_SUCCESS)
        return rc;
    if (!offset || index >= f->ptx->param_count)
        return nv_leave(CUDA_ERROR_INVALID_VALUE);
    *offset = f->ptx->params[index].offset;
    if (size)
        *size = f->ptx->params[index].size;
    return nv_leave(CUDA_SUCCESS);
}

CUresult cuFuncIsLoaded(CUfunctionLoadingState *state, CUfunction function)
{
    struct nv_context *ctx;
    struct nv_function *f;
    CUresult rc = enter_function(function, &ctx, &f);

    if (rc != CUDA_SUCCESS)
        return rc;
    if (!state)
        return nv_leave(CUDA_ERROR_INVALID_VALUE);
    *state = CU_FUNCTION_LOADING_STATE_LOADED;
    return nv_leave(CUDA_SUCCESS);
}

CUresult cuFuncLoad(CUfunction function)
{
    struct nv_context *ctx;
    struct nv_function *f;
    CUresult rc = enter_function(function, &ctx, &f);

    return rc == CUDA_SUCCESS ? nv_leave(rc) : rc;
}

/* ---- occupancy ---- */

static uint32_t blocks_of(const struct nv_function *f, uint32_t threads, size_t dynamic)
{
    const uint32_t block[3] = {threads, 1, 1};
    struct emu_shape shape;

    if (dynamic > nv_profile.lds_bytes_per_cu)
        return 0;
    shape = nv_shape(f, block, (uint32_t)dynamic);
    return emu_occupancy(&nv_profile, &shape);
}

CUresult cuOccupancyMaxActiveBlocksPerMultiprocessorWithFlags(int *numBlocks, CUfunction func,
                                                              int blockSize, size_t dynamic,
                                                              unsigned int flags)
{
    struct nv_context *ctx;
    struct nv_function *f;
    CUresult rc = enter_function(func, &ctx, &f);

    if (rc != CUDA_SUCCESS)
        return rc;
    if (!numBlocks || blockSize <= 0 || flags > CU_OCCUPANCY_DISABLE_CACHING_OVERRIDE)
        return nv_leave(CUDA_ERROR_INVALID_VALUE);
    *numBlocks =
        blockSize > (int)nv_max_threads(f) ? 0 : (int)blocks_of(f, (uint32_t)blockSize, dynamic);
    return nv_leave(CUDA_SUCCESS);
}

CUresult cuOccupancyMaxActiveBlocksPerMultiprocessor(int *numBlocks, CUfunction func, int blockSize,
                                                     size_t dynamic)
{
    return cuOccupancyMaxActiveBlocksPerMultiprocessorWithFlags(numBlocks, func, blockSize, dynamic,
                                                                0);
}

CUresult cuOccupancyMaxPotentialBlockSizeWithFlags(int *minGridSize, int *blockSize,
                                                   CUfunction func, CUoccupancyB2DSize sizeOf,
                                                   size_t dynamic, int limit, unsigned int flags)
{
    struct nv_context *ctx;
    struct nv_function *f;
    uint32_t best = 0, best_blocks = 0, most;
    CUresult rc = enter_function(func, &ctx, &f);

    if (rc != CUDA_SUCCESS)
        return rc;
    if (!minGridSize || !blockSize || flags > CU_OCCUPANCY_DISABLE_CACHING_OVERRIDE)
        return nv_leave(CUDA_ERROR_INVALID_VALUE);
    most = nv_max_threads(f);
    if (limit > 0 && (uint32_t)limit < most)
        most = (uint32_t)limit;
    nv_unlock(); /* the program's function is called without it */
    for (uint32_t threads = (most + PTX_LANES - 1) / PTX_LANES * PTX_LANES; threads > 0;
         threads -= PTX_LANES) {
        uint32_t size = threads < most ? threads : most;
        uint32_t blocks = blocks_of(f, size, sizeOf ? sizeOf((int)size) : dynamic);

        if (blocks * size > best_blocks * best) {
            best = size;
            best_blocks = blocks;
        }
    }
    *blockSize = (int)best;
    *minGridSize = (int)(best_blocks * nv_profile.compute_units);
    return CUDA_SUCCESS;
}

CUresult cuOccupancyMaxPotentialBlockSize(int *minGridSize, int *blockSize, CUfunction func,
                                          CUoccupancyB2DSize sizeOf, size_t dynamic, int limit)
{
    return cuOccupancyMaxPotentialBlockSizeWithFlags(minGridSize, blockSize, func, sizeOf, dynamic,
                                                     limit, 0);
}

CUresult cuOccupancyAvailableDynamicSMemPerBlock(size_t *bytes, CUfunction func, int numBlocks,
                                                 int blockSize)
{
    struct nv_context *ctx;
    struct nv_function *f;
    uint32_t room;
    CUresult rc = enter_function(func, &ctx, &f);

    if (rc != CUDA_SUCCESS)
        return rc;
    if (!bytes || numBlocks <= 0 || blockSize <= 0)
        return nv_leave(CUDA_ERROR_INVALID_VALUE);
    room = nv_profile.lds_bytes_per_cu / (uint32_t)numBlocks / nv_profile.lds_granule *
           nv_profile.lds_granule;
    *bytes = room > f->ptx->shared_bytes ? room - f->ptx->shared_bytes : 0;
    return nv_leave(CUDA_SUCCESS);
}
