// SPDX-License-Identifier: Apache-2.0
/*
 * Launches as before CUDA 4: a function remembers its block's shape and its arguments, and
 * cuLaunchGrid launches what it has. And cooperative launches on several devices, of which there is
 * one. Source: CUDA Driver API, "Execution Control [DEPRECATED]"; cuda.h of CUDA 13.0.
 */
#include "driver.h"

#include <stdlib.h>
#include <string.h>

enum { MOST_PARAM_BYTES = 4096 };

struct nv_legacy {
    uint32_t block[3], shared_bytes, param_bytes;
    uint8_t params[MOST_PARAM_BYTES];
};

/* With the lock; NULL and without it: @rc says why. */
static struct nv_legacy *enter_legacy(CUfunction handle, CUresult *rc)
{
    struct nv_function *f;
    struct nv_context *ctx;

    *rc = nv_enter(&ctx);
    if (*rc != CUDA_SUCCESS)
        return NULL;
    *rc = nv_function_of(ctx, handle, &f);
    if (*rc == CUDA_SUCCESS && !f->legacy && !(f->legacy = calloc(1, sizeof(*f->legacy))))
        *rc = CUDA_ERROR_OUT_OF_MEMORY;
    if (*rc == CUDA_SUCCESS)
        return f->legacy;
    nv_leave(*rc);
    return NULL;
}

CUresult cuFuncSetBlockShape(CUfunction hfunc, int x, int y, int z)
{
    CUresult rc;
    struct nv_legacy *legacy = enter_legacy(hfunc, &rc);

    if (!legacy)
        return rc;
    if (x <= 0 || y <= 0 || z <= 0)
        return nv_leave(CUDA_ERROR_INVALID_VALUE);
    legacy->block[0] = (uint32_t)x;
    legacy->block[1] = (uint32_t)y;
    legacy->block[2] = (uint32_t)z;
    return nv_leave(CUDA_SUCCESS);
}

CUresult cuFuncSetSharedSize(CUfunction hfunc, unsigned int bytes)
{
    CUresult rc;
    struct nv_legacy *legacy = enter_legacy(hfunc, &rc);

    if (!legacy)
        return rc;
    legacy->shared_bytes = bytes;
    return nv_leave(CUDA_SUCCESS);
}

CUresult cuParamSetSize(CUfunction hfunc, unsigned int numbytes)
{
    CUresult rc;
    struct nv_legacy *legacy = enter_legacy(hfunc, &rc);

    if (!legacy)
        return rc;
    if (numbytes > MOST_PARAM_BYTES)
        return nv_leave(CUDA_ERROR_INVALID_VALUE);
    legacy->param_bytes = numbytes;
    return nv_leave(CUDA_SUCCESS);
}

static CUresult set_param(CUfunction hfunc, int offset, const void *ptr, unsigned numbytes)
{
    CUresult rc;
    struct nv_legacy *legacy = enter_legacy(hfunc, &rc);

    if (!legacy)
        return rc;
    if (!ptr || offset < 0 || numbytes > MOST_PARAM_BYTES ||
        offset > MOST_PARAM_BYTES - (int)numbytes)
        return nv_leave(CUDA_ERROR_INVALID_VALUE);
    memcpy(legacy->params + offset, ptr, numbytes);
    return nv_leave(CUDA_SUCCESS);
}

CUresult cuParamSetv(CUfunction hfunc, int offset, void *ptr, unsigned int numbytes)
{
    return set_param(hfunc, offset, ptr, numbytes);
}

CUresult cuParamSeti(CUfunction hfunc, int offset, unsigned int value)
{
    return set_param(hfunc, offset, &value, sizeof(value));
}

CUresult cuParamSetf(CUfunction hfunc, int offset, float value)
{
    return set_param(hfunc, offset, &value, sizeof(value));
}

static CUresult launch_grid(CUfunction f, int width, int height, CUstream stream)
{
    struct nv_kernel_args args = {.grid = {(uint32_t)width, (uint32_t)height, 1}};
    uint8_t params[MOST_PARAM_BYTES];
    size_t bytes;
    void *extra[] = {CU_LAUNCH_PARAM_BUFFER_POINTER, params, CU_LAUNCH_PARAM_BUFFER_SIZE, &bytes,
                     CU_LAUNCH_PARAM_END};
    CUresult rc;
    struct nv_legacy *legacy = enter_legacy(f, &rc);

    if (!legacy)
        return rc;
    memcpy(args.block, legacy->block, sizeof(args.block));
    memcpy(params, legacy->params, sizeof(params));
    args.shared_bytes = legacy->shared_bytes;
    bytes = legacy->param_bytes;
    nv_unlock();
    if (width <= 0 || height <= 0)
        return CUDA_ERROR_INVALID_VALUE;
    return nv_launch(f, &args, false, stream, NULL, extra);
}

/* cuda.h says "invalidates"; driver 580 has that launch's from then on. */
void nv_legacy_launched(const struct nv_kernel_args *args)
{
    struct nv_legacy *legacy = args->function->legacy;
    uint32_t bytes = args->function->ptx->param_bytes;

    if (!legacy)
        return;
    memcpy(legacy->block, args->block, sizeof(legacy->block));
    legacy->shared_bytes = args->shared_bytes;
    legacy->param_bytes = bytes < MOST_PARAM_BYTES ? bytes : MOST_PARAM_BYTES;
    memcpy(legacy->params, args->params, legacy->param_bytes);
}

CUresult cuLaunch(CUfunction f)
{
    return launch_grid(f, 1, 1, NULL);
}

CUresult cuLaunchGrid(CUfunction f, int grid_width, int grid_height)
{
    return launch_grid(f, grid_width, grid_height, NULL);
}

CUresult cuLaunchGridAsync(CUfunction f, int grid_width, int grid_height, CUstream hStream)
{
    return launch_grid(f, grid_width, grid_height, hStream);
}

/* Each of the launches has to be on a device of its own. */
CUresult cuLaunchCooperativeKernelMultiDevice(CUDA_LAUNCH_PARAMS *list, unsigned int numDevices,
                                              unsigned int flags)
{
    const unsigned known = CUDA_COOPERATIVE_LAUNCH_MULTI_DEVICE_NO_PRE_LAUNCH_SYNC |
                           CUDA_COOPERATIVE_LAUNCH_MULTI_DEVICE_NO_POST_LAUNCH_SYNC;
    struct nv_kernel_args args = {.cooperative = true};

    if (!list || numDevices == 0 || (flags & ~known) || list->hStream == NULL ||
        list->hStream == CU_STREAM_LEGACY || list->hStream == CU_STREAM_PER_THREAD)
        return CUDA_ERROR_INVALID_VALUE;
    if (numDevices > 1)
        return CUDA_ERROR_INVALID_DEVICE;
    memcpy(args.grid, &list->gridDimX, sizeof(args.grid));
    memcpy(args.block, &list->blockDimX, sizeof(args.block));
    args.shared_bytes = list->sharedMemBytes;
    return nv_launch(list->function, &args, false, list->hStream, list->kernelParams, NULL);
}
