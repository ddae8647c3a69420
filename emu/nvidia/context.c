// SPDX-License-Identifier: Apache-2.0
/*
 * Contexts and the calling thread's stack of them; how a call enters and leaves the driver.
 *
 * After a kernel went wrong its context is broken: every later call that needs it returns the same
 * error until it is destroyed (the primary one: reset), as CUDA has it.
 */
#include "channel.h"
#include "engine.h"

#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { MOST_CURRENT = 64, API_VERSION = 3020 };

struct nv_context *nv_contexts;
_Atomic bool nv_initialized;

static struct nv_context *primary;
static unsigned primary_flags;
static unsigned long long ids;
static __thread struct nv_context *stack[MOST_CURRENT];
static __thread unsigned depth;

bool nv_in_host_function(void);

/* Contexts are not freed: a thread may still have one current that another has destroyed. */
static struct nv_context *context_of(CUcontext handle)
{
    struct nv_context *ctx = nv_object(handle, NV_CONTEXT);

    return ctx && !ctx->destroyed ? ctx : NULL;
}

struct nv_context *nv_current(void)
{
    return depth ? stack[depth - 1] : NULL;
}

CUresult nv_enter_any(struct nv_context **ctx)
{
    if (!nv_initialized || nv_engine.pid == 0)
        return CUDA_ERROR_NOT_INITIALIZED;
    if (nv_engine.pid != getpid())
        return CUDA_ERROR_NOT_INITIALIZED; /* a forked child */
    if (nv_in_host_function())
        return CUDA_ERROR_NOT_PERMITTED;
    nv_lock();
    *ctx = nv_current();
    return CUDA_SUCCESS;
}

CUresult nv_enter(struct nv_context **ctx)
{
    CUresult rc = nv_enter_any(ctx);

    if (rc != CUDA_SUCCESS)
        return rc;
    if (!*ctx)
        return nv_leave(CUDA_ERROR_INVALID_CONTEXT);
    if ((*ctx)->destroyed)
        return nv_leave(CUDA_ERROR_CONTEXT_IS_DESTROYED);
    if ((*ctx)->sticky != CUDA_SUCCESS)
        return nv_leave((*ctx)->sticky);
    return CUDA_SUCCESS;
}

CUresult nv_leave(CUresult result)
{
    nv_unlock();
    return result;
}

/* ---- creating, breaking, destroying ---- */

static void default_limits(struct nv_context *ctx)
{
    ctx->limits[CU_LIMIT_STACK_SIZE] = 1024;
    ctx->limits[CU_LIMIT_PRINTF_FIFO_SIZE] = 1 << 20;
    ctx->limits[CU_LIMIT_MALLOC_HEAP_SIZE] = 8 << 20;
    ctx->limits[CU_LIMIT_DEV_RUNTIME_SYNC_DEPTH] = 2;
    ctx->limits[CU_LIMIT_DEV_RUNTIME_PENDING_LAUNCH_COUNT] = 2048;
    ctx->limits[CU_LIMIT_MAX_L2_FETCH_GRANULARITY] = 64;
}

CUresult nv_context_create(struct nv_context **out, unsigned flags, bool is_primary)
{
    struct nv_context *ctx = calloc(1, sizeof(*ctx));

    if (!ctx)
        return CUDA_ERROR_OUT_OF_MEMORY;
    ctx->primary = is_primary;
    ctx->flags = flags;
    ctx->version = API_VERSION;
    ctx->id = ++ids;
    default_limits(ctx);
    ctx->handle = nv_handle_new(NV_CONTEXT, ctx);
    ctx->legacy = nv_stream_create(ctx);
    if (!ctx->handle || !ctx->legacy)
        return CUDA_ERROR_OUT_OF_MEMORY;
    ctx->legacy->legacy = true;
    ctx->channel_group = nv_channel_group_new();
    ctx->next = nv_contexts;
    nv_contexts = ctx;
    *out = ctx;
    return CUDA_SUCCESS;
}

/* Green contexts and their primary one break together. */
void nv_context_break(struct nv_context *broken, CUresult error)
{
    for (struct nv_context *ctx = nv_contexts; ctx; ctx = ctx->next) {
        if (nv_base(ctx) != nv_base(broken) || ctx->sticky != CUDA_SUCCESS)
            continue;
        ctx->sticky = error;
        nv_kernels_kill(ctx, emu_device_clock_ns());
    }
    nv_engine_completed();
}

void nv_context_destroy(struct nv_context *ctx)
{
    if (ctx->sticky == CUDA_SUCCESS)
        nv_context_wait(ctx);
    ctx->destroyed = true;
    nv_channel_group_free(ctx->channel_group);
    nv_memory_forget(ctx);
    if (emu_settings()->reuse_handles)
        nv_handles_drop(ctx);
    if (ctx == primary)
        primary = NULL;
}

CUresult nv_primary(struct nv_context **ctx, bool retain)
{
    CUresult rc = CUDA_SUCCESS;

    if (!primary && retain)
        rc = nv_context_create(&primary, primary_flags, true);
    if (rc == CUDA_SUCCESS && retain)
        primary->retained++;
    *ctx = primary;
    return rc;
}

/* Green contexts may outlast the one that they retained: it was reset. */
void nv_primary_release(struct nv_context *ctx)
{
    if (ctx == primary && --primary->retained == 0)
        nv_context_destroy(primary);
}

static CUresult push(struct nv_context *ctx)
{
    if (depth == MOST_CURRENT)
        return CUDA_ERROR_INVALID_CONTEXT;
    stack[depth++] = ctx;
    return CUDA_SUCCESS;
}

static CUresult create(CUcontext *pctx, unsigned flags, CUdevice dev)
{
    const unsigned known = CU_CTX_SCHED_MASK | CU_CTX_MAP_HOST | CU_CTX_LMEM_RESIZE_TO_MAX |
                           CU_CTX_COREDUMP_ENABLE | CU_CTX_USER_COREDUMP_ENABLE |
                           CU_CTX_SYNC_MEMOPS;
    struct nv_context *ctx;
    CUresult rc = nv_enter_any(&ctx);

    if (rc != CUDA_SUCCESS)
        return rc;
    if (dev != 0)
        return nv_leave(CUDA_ERROR_INVALID_DEVICE);
    if (!pctx || (flags & ~known))
        return nv_leave(CUDA_ERROR_INVALID_VALUE);
    rc = nv_context_create(&ctx, flags, false);
    if (rc == CUDA_SUCCESS)
        rc = push(ctx);
    if (rc == CUDA_SUCCESS)
        *pctx = ctx->handle;
    return nv_leave(rc);
}

#undef cuCtxCreate
NV_EXPORT CUresult cuCtxCreate_v2(CUcontext *pctx, unsigned flags, CUdevice dev);
CUresult cuCtxCreate_v2(CUcontext *pctx, unsigned flags, CUdevice dev)
{
    return create(pctx, flags, dev);
}

NV_EXPORT CUresult cuCtxCreate_v3(CUcontext *pctx, CUexecAffinityParam *params, int count,
                                  unsigned flags, CUdevice dev);
CUresult cuCtxCreate_v3(CUcontext *pctx, CUexecAffinityParam *params, int count, unsigned flags,
                        CUdevice dev)
{
    return count ? CUDA_ERROR_UNSUPPORTED_EXEC_AFFINITY : create(pctx, flags, dev);
}

CUresult cuCtxCreate_v4(CUcontext *pctx, CUctxCreateParams *params, unsigned int flags,
                        CUdevice dev)
{
    if (params && params->numExecAffinityParams)
        return CUDA_ERROR_UNSUPPORTED_EXEC_AFFINITY;
    return params && params->cigParams ? CUDA_ERROR_NOT_SUPPORTED : create(pctx, flags, dev);
}

CUresult cuCtxDestroy(CUcontext handle)
{
    struct nv_context *current, *ctx;
    CUresult rc = nv_enter_any(&current);

    if (rc != CUDA_SUCCESS)
        return rc;
    ctx = context_of(handle);
    if (!ctx || ctx->primary || ctx->green)
        return nv_leave(CUDA_ERROR_INVALID_CONTEXT);
    nv_context_destroy(ctx);
    if (current == ctx)
        depth--; /* it is popped if it is the calling thread's */
    return nv_leave(CUDA_SUCCESS);
}

/* Of old: counted uses of a context that was created. */
#pragma GCC diagnostic ignored "-Wdeprecated-declarations"
CUresult cuCtxAttach(CUcontext *pctx, unsigned int flags)
{
    struct nv_context *ctx;
    CUresult rc = nv_enter(&ctx);

    if (rc != CUDA_SUCCESS)
        return rc;
    if (!pctx || flags)
        return nv_leave(CUDA_ERROR_INVALID_VALUE);
    if (ctx->primary || ctx->green)
        return nv_leave(CUDA_ERROR_INVALID_CONTEXT);
    ctx->retained++;
    *pctx = ctx->handle;
    return nv_leave(CUDA_SUCCESS);
}

CUresult cuCtxDetach(CUcontext handle)
{
    struct nv_context *current, *ctx;
    CUresult rc = nv_enter_any(&current);

    if (rc != CUDA_SUCCESS)
        return rc;
    ctx = context_of(handle);
    if (!ctx || ctx->primary || ctx->green || ctx != current)
        return nv_leave(CUDA_ERROR_INVALID_CONTEXT);
    if (ctx->retained > 0) {
        ctx->retained--;
        return nv_leave(CUDA_SUCCESS);
    }
    nv_unlock();
    return cuCtxDestroy(handle);
}

/* ---- the thread's stack ---- */

CUresult cuCtxPushCurrent(CUcontext handle)
{
    struct nv_context *ctx;
    CUresult rc = nv_enter_any(&ctx);

    if (rc != CUDA_SUCCESS)
        return rc;
    ctx = context_of(handle);
    return nv_leave(ctx ? push(ctx) : CUDA_ERROR_INVALID_CONTEXT);
}

CUresult cuCtxPopCurrent(CUcontext *pctx)
{
    struct nv_context *ctx;
    CUresult rc = nv_enter_any(&ctx);

    if (rc != CUDA_SUCCESS)
        return rc;
    if (!ctx)
        return nv_leave(CUDA_ERROR_INVALID_CONTEXT);
    depth--;
    if (pctx)
        *pctx = ctx->handle;
    return nv_leave(CUDA_SUCCESS);
}

CUresult cuCtxSetCurrent(CUcontext handle)
{
    struct nv_context *ctx;
    CUresult rc = nv_enter_any(&ctx);

    if (rc != CUDA_SUCCESS)
        return rc;
    if (!handle) {
        depth -= depth > 0;
        return nv_leave(CUDA_SUCCESS);
    }
    ctx = context_of(handle);
    if (!ctx && nv_object(handle, NV_CONTEXT) && emu_settings()->strict) {
        emu_report("a handle is used of a context that is gone");
        abort();
    }
    if (!ctx)
        return nv_leave(CUDA_ERROR_INVALID_CONTEXT);
    if (depth == 0)
        depth = 1;
    stack[depth - 1] = ctx;
    return nv_leave(CUDA_SUCCESS);
}

CUresult cuCtxGetCurrent(CUcontext *pctx)
{
    struct nv_context *ctx;
    CUresult rc = nv_enter_any(&ctx);

    if (rc != CUDA_SUCCESS)
        return rc;
    if (!pctx)
        return nv_leave(CUDA_ERROR_INVALID_VALUE);
    *pctx = ctx ? ctx->handle : NULL;
    return nv_leave(CUDA_SUCCESS);
}

/* ---- the primary context ---- */

CUresult cuDevicePrimaryCtxRetain(CUcontext *pctx, CUdevice dev)
{
    struct nv_context *ctx;
    CUresult rc = nv_enter_any(&ctx);

    if (rc != CUDA_SUCCESS)
        return rc;
    if (dev != 0)
        return nv_leave(CUDA_ERROR_INVALID_DEVICE);
    if (!pctx)
        return nv_leave(CUDA_ERROR_INVALID_VALUE);
    rc = nv_primary(&ctx, true);
    if (rc == CUDA_SUCCESS)
        *pctx = ctx->handle;
    return nv_leave(rc);
}

CUresult cuDevicePrimaryCtxRelease(CUdevice dev)
{
    struct nv_context *ctx;
    CUresult rc = nv_enter_any(&ctx);

    if (rc != CUDA_SUCCESS)
        return rc;
    if (dev != 0)
        return nv_leave(CUDA_ERROR_INVALID_DEVICE);
    if (!primary || primary->retained == 0)
        return nv_leave(CUDA_ERROR_INVALID_CONTEXT);
    nv_primary_release(primary);
    return nv_leave(CUDA_SUCCESS);
}

CUresult cuDevicePrimaryCtxReset(CUdevice dev)
{
    struct nv_context *ctx;
    CUresult rc = nv_enter_any(&ctx);

    if (rc != CUDA_SUCCESS)
        return rc;
    if (dev != 0)
        return nv_leave(CUDA_ERROR_INVALID_DEVICE);
    if (primary)
        nv_context_destroy(primary);
    return nv_leave(CUDA_SUCCESS);
}

CUresult cuDevicePrimaryCtxGetState(CUdevice dev, unsigned int *flags, int *active)
{
    struct nv_context *ctx;
    CUresult rc = nv_enter_any(&ctx);

    if (rc != CUDA_SUCCESS)
        return rc;
    if (dev != 0)
        return nv_leave(CUDA_ERROR_INVALID_DEVICE);
    if (!flags || !active)
        return nv_leave(CUDA_ERROR_INVALID_VALUE);
    *flags = primary ? primary->flags : primary_flags;
    *active = primary != NULL;
    return nv_leave(CUDA_SUCCESS);
}

CUresult cuDevicePrimaryCtxSetFlags(CUdevice dev, unsigned int flags)
{
    struct nv_context *ctx;
    CUresult rc = nv_enter_any(&ctx);

    if (rc != CUDA_SUCCESS)
        return rc;
    if (dev != 0)
        return nv_leave(CUDA_ERROR_INVALID_DEVICE);
    primary_flags = flags;
    if (primary)
        primary->flags = flags;
    return nv_leave(CUDA_SUCCESS);
}

/* ---- questions ---- */

CUresult cuCtxGetDevice(CUdevice *device)
{
    struct nv_context *ctx;
    CUresult rc = nv_enter(&ctx);

    if (rc != CUDA_SUCCESS)
        return rc;
    if (!device)
        return nv_leave(CUDA_ERROR_INVALID_VALUE);
    *device = 0;
    return nv_leave(CUDA_SUCCESS);
}

NV_EXPORT CUresult cuCtxGetDevice_v2(CUdevice *device, CUcontext handle);
CUresult cuCtxGetDevice_v2(CUdevice *device, CUcontext handle)
{
    struct nv_context *ctx;
    CUresult rc = nv_enter_any(&ctx);

    if (rc != CUDA_SUCCESS)
        return rc;
    ctx = handle ? context_of(handle) : ctx;
    if (!ctx || !device)
        return nv_leave(ctx ? CUDA_ERROR_INVALID_VALUE : CUDA_ERROR_INVALID_CONTEXT);
    *device = 0;
    return nv_leave(CUDA_SUCCESS);
}

static CUresult synchronize(struct nv_context *ctx)
{
    CUresult rc = nv_capture_check_unsafe();

    if (rc == CUDA_SUCCESS)
        rc = nv_capture_check_wait(ctx);
    if (rc != CUDA_SUCCESS)
        return rc;
    nv_context_wait(ctx);
    return ctx->sticky;
}

CUresult cuCtxSynchronize(void)
{
    struct nv_context *ctx;
    CUresult rc = nv_enter(&ctx);

    return rc == CUDA_SUCCESS ? nv_leave(synchronize(ctx)) : rc;
}

NV_EXPORT CUresult cuCtxSynchronize_v2(CUcontext handle);
CUresult cuCtxSynchronize_v2(CUcontext handle)
{
    struct nv_context *ctx;
    CUresult rc = nv_enter_any(&ctx);

    if (rc != CUDA_SUCCESS)
        return rc;
    ctx = handle ? context_of(handle) : ctx;
    if (!ctx)
        return nv_leave(CUDA_ERROR_INVALID_CONTEXT);
    return nv_leave(ctx->sticky ? ctx->sticky : synchronize(ctx));
}

CUresult cuCtxGetFlags(unsigned int *flags)
{
    struct nv_context *ctx;
    CUresult rc = nv_enter(&ctx);

    if (rc != CUDA_SUCCESS)
        return rc;
    if (!flags)
        return nv_leave(CUDA_ERROR_INVALID_VALUE);
    *flags = ctx->flags;
    return nv_leave(CUDA_SUCCESS);
}

CUresult cuCtxSetFlags(unsigned int flags)
{
    struct nv_context *ctx;
    CUresult rc = nv_enter(&ctx);

    if (rc != CUDA_SUCCESS)
        return rc;
    ctx->flags = flags;
    return nv_leave(CUDA_SUCCESS);
}

CUresult cuCtxGetId(CUcontext handle, unsigned long long *id)
{
    struct nv_context *ctx;
    CUresult rc = nv_enter_any(&ctx);

    if (rc != CUDA_SUCCESS)
        return rc;
    ctx = handle ? context_of(handle) : ctx;
    if (!ctx || !id)
        return nv_leave(ctx ? CUDA_ERROR_INVALID_VALUE : CUDA_ERROR_INVALID_CONTEXT);
    *id = ctx->id;
    return nv_leave(CUDA_SUCCESS);
}

CUresult cuCtxGetApiVersion(CUcontext handle, unsigned int *version)
{
    struct nv_context *ctx;
    CUresult rc = nv_enter_any(&ctx);

    if (rc != CUDA_SUCCESS)
        return rc;
    ctx = handle ? context_of(handle) : ctx;
    if (!ctx || !version)
        return nv_leave(ctx ? CUDA_ERROR_INVALID_VALUE : CUDA_ERROR_INVALID_CONTEXT);
    *version = ctx->version;
    return nv_leave(CUDA_SUCCESS);
}

CUresult cuCtxGetLimit(size_t *pvalue, CUlimit limit)
{
    struct nv_context *ctx;
    CUresult rc = nv_enter(&ctx);

    if (rc != CUDA_SUCCESS)
        return rc;
    if (!pvalue)
        return nv_leave(CUDA_ERROR_INVALID_VALUE);
    if ((unsigned)limit >= CU_LIMIT_MAX)
        return nv_leave(CUDA_ERROR_INVALID_VALUE); /* as driver 580 answers */
    *pvalue = ctx->limits[limit];
    return nv_leave(CUDA_SUCCESS);
}

CUresult cuCtxSetLimit(CUlimit limit, size_t value)
{
    struct nv_context *ctx;
    CUresult rc = nv_enter(&ctx);

    if (rc != CUDA_SUCCESS)
        return rc;
    if ((unsigned)limit >= CU_LIMIT_MAX)
        return nv_leave(CUDA_ERROR_UNSUPPORTED_LIMIT);
    if (limit == CU_LIMIT_STACK_SIZE && value > 512 * 1024)
        return nv_leave(CUDA_ERROR_INVALID_VALUE);
    ctx->limits[limit] = value;
    return nv_leave(CUDA_SUCCESS);
}

CUresult cuCtxGetCacheConfig(CUfunc_cache *config)
{
    struct nv_context *ctx;
    CUresult rc = nv_enter(&ctx);

    if (rc != CUDA_SUCCESS)
        return rc;
    if (!config)
        return nv_leave(CUDA_ERROR_INVALID_VALUE);
    *config = ctx->cache;
    return nv_leave(CUDA_SUCCESS);
}

CUresult cuCtxSetCacheConfig(CUfunc_cache config)
{
    struct nv_context *ctx;
    CUresult rc = nv_enter(&ctx);

    if (rc != CUDA_SUCCESS)
        return rc;
    ctx->cache = config;
    return nv_leave(CUDA_SUCCESS);
}
