// SPDX-License-Identifier: Apache-2.0
/*
 * Green contexts: contexts of the primary one's memory, code and errors, whose kernels run on a
 * part of the multiprocessors. Source: CUDA Driver API, "Green Contexts".
 *
 * A resource carries its set of multiprocessors in its padding, which only the driver looks at.
 */
#include "engine.h"

#include <stdlib.h>
#include <string.h>

struct nv_green {
    void *handle;
    struct nv_context *ctx;
    struct emu_units units;
};

/* In a resource's padding. */
struct part {
    uint32_t magic;
    uint32_t split; /* the number of the split that made it; 0: none, it may be split */
    struct emu_units units;
};
_Static_assert(sizeof(struct part) <= sizeof(((CUdevResource *)0)->_internal_padding),
               "a part fits the padding");
enum { MAGIC = 0x52454546 };

static uint32_t splits;

/* ---- sets of multiprocessors ---- */

static unsigned count_units(const struct emu_units *units)
{
    unsigned n = 0;

    for (unsigned i = 0; i < sizeof(units->word) / sizeof(units->word[0]); i++)
        n += (unsigned)__builtin_popcountll(units->word[i]);
    return n;
}

/* Moves @count of them from one set to another, the first ones first. */
static struct emu_units take_units(struct emu_units *from, unsigned count)
{
    struct emu_units to = {0};

    for (unsigned u = 0; u < nv_profile.compute_units && count > 0; u++) {
        uint64_t bit = 1ull << u % 64;

        if (!(from->word[u / 64] & bit))
            continue;
        from->word[u / 64] &= ~bit;
        to.word[u / 64] |= bit;
        count--;
    }
    return to;
}

static struct emu_units all_units(void)
{
    struct emu_units every;

    memset(&every, 0xff, sizeof(every));
    return take_units(&every, nv_profile.compute_units);
}

const struct emu_units *nv_green_units(const struct nv_context *ctx)
{
    return ctx->green ? &ctx->green->units : NULL;
}

unsigned nv_green_count(const struct nv_context *ctx)
{
    return ctx->green ? count_units(&ctx->green->units) : nv_profile.compute_units;
}

CUgreenCtx nv_green_handle(const struct nv_context *ctx)
{
    return ctx->green ? ctx->green->handle : NULL;
}

/* ---- resources ---- */

/* Smallest part and its alignment by compute capability (cuda.h, cuDevSmResourceSplitByCount;
 * CUDA C++ Programming Guide, "Green Contexts"). */
static unsigned least_part(void)
{
    return nv_profile.compute_capability >= 90 ? 8 : nv_profile.compute_capability >= 80 ? 4 : 2;
}

static unsigned alignment(void)
{
    return nv_profile.compute_capability >= 90 ? 8 : 2;
}

static void fill(CUdevResource *resource, const struct emu_units *units, uint32_t split)
{
    const struct part part = {MAGIC, split, *units};

    memset(resource, 0, sizeof(*resource));
    resource->type = CU_DEV_RESOURCE_TYPE_SM;
    memcpy(resource->_internal_padding, &part, sizeof(part));
    resource->sm.smCount = count_units(units);
    resource->sm.minSmPartitionSize = least_part();
    resource->sm.smCoscheduledAlignment = alignment();
}

static CUresult part_of(const CUdevResource *resource, struct part *part)
{
    if (!resource)
        return CUDA_ERROR_INVALID_VALUE;
    memcpy(part, resource->_internal_padding, sizeof(*part));
    return resource->type == CU_DEV_RESOURCE_TYPE_SM && part->magic == MAGIC
               ? CUDA_SUCCESS
               : CUDA_ERROR_INVALID_RESOURCE_TYPE;
}

static CUresult give(CUdevResource *resource, CUdevResourceType type, const struct nv_context *ctx)
{
    const struct emu_units every = all_units(), *units = ctx ? nv_green_units(ctx) : NULL;

    if (!resource)
        return CUDA_ERROR_INVALID_VALUE;
    if (type != CU_DEV_RESOURCE_TYPE_SM)
        return CUDA_ERROR_INVALID_RESOURCE_TYPE;
    fill(resource, units ? units : &every, 0);
    return CUDA_SUCCESS;
}

CUresult cuDeviceGetDevResource(CUdevice device, CUdevResource *resource, CUdevResourceType type)
{
    struct nv_context *ctx;
    CUresult rc = nv_enter_any(&ctx);

    if (rc != CUDA_SUCCESS)
        return rc;
    return nv_leave(device == 0 ? give(resource, type, NULL) : CUDA_ERROR_INVALID_DEVICE);
}

CUresult cuCtxGetDevResource(CUcontext hCtx, CUdevResource *resource, CUdevResourceType type)
{
    struct nv_context *ctx;
    CUresult rc = nv_enter_any(&ctx);

    if (rc != CUDA_SUCCESS)
        return rc;
    ctx = hCtx ? nv_object(hCtx, NV_CONTEXT) : ctx;
    return nv_leave(ctx ? give(resource, type, ctx) : CUDA_ERROR_INVALID_CONTEXT);
}

CUresult cuGreenCtxGetDevResource(CUgreenCtx hCtx, CUdevResource *resource, CUdevResourceType type)
{
    struct nv_green *green;
    struct nv_context *ctx;
    CUresult rc = nv_enter_any(&ctx);

    if (rc != CUDA_SUCCESS)
        return rc;
    green = nv_object(hCtx, NV_GREEN);
    return nv_leave(green ? give(resource, type, green->ctx) : CUDA_ERROR_INVALID_CONTEXT);
}

CUresult cuDevSmResourceSplitByCount(CUdevResource *result, unsigned int *nbGroups,
                                     const CUdevResource *input, CUdevResource *remaining,
                                     unsigned int useFlags, unsigned int minCount)
{
    const unsigned known = CU_DEV_SM_RESOURCE_SPLIT_IGNORE_SM_COSCHEDULING |
                           CU_DEV_SM_RESOURCE_SPLIT_MAX_POTENTIAL_CLUSTER_SIZE;
    bool fine = useFlags & CU_DEV_SM_RESOURCE_SPLIT_IGNORE_SM_COSCHEDULING;
    unsigned least = fine ? 2 : least_part(), align = fine ? 2 : alignment(), groups;
    struct part part;
    CUresult rc = part_of(input, &part);

    if (rc != CUDA_SUCCESS)
        return rc;
    if (!nbGroups || (useFlags & ~known) || minCount > count_units(&part.units))
        return CUDA_ERROR_INVALID_VALUE;
    if (part.split)
        return CUDA_ERROR_INVALID_RESOURCE_CONFIGURATION;
    minCount = minCount < least ? least : (minCount + align - 1) / align * align;
    groups = count_units(&part.units) / minCount;
    if (result && groups > *nbGroups)
        groups = *nbGroups;
    *nbGroups = groups;
    part.split = __atomic_add_fetch(&splits, 1, __ATOMIC_RELAXED);
    for (unsigned i = 0; i < groups; i++) {
        const struct emu_units units = take_units(&part.units, minCount);

        if (result)
            fill(&result[i], &units, part.split);
    }
    if (remaining) {
        fill(remaining, &part.units, part.split);
        if (count_units(&part.units) == 0)
            remaining->type = CU_DEV_RESOURCE_TYPE_INVALID;
    }
    return CUDA_SUCCESS;
}

CUresult cuDevResourceGenerateDesc(CUdevResourceDesc *phDesc, CUdevResource *resources,
                                   unsigned int nbResources)
{
    struct emu_units *units;
    struct nv_context *ctx;
    struct part first = {0}, part;
    CUresult rc = nv_enter_any(&ctx);

    if (rc != CUDA_SUCCESS)
        return rc;
    if (!phDesc || !resources || nbResources == 0)
        return nv_leave(CUDA_ERROR_INVALID_VALUE);
    for (unsigned i = 0; i < nbResources; i++) {
        rc = part_of(&resources[i], &part);
        if (rc == CUDA_SUCCESS && i > 0 && (!part.split || part.split != first.split))
            rc = CUDA_ERROR_INVALID_RESOURCE_CONFIGURATION;
        if (rc != CUDA_SUCCESS)
            return nv_leave(rc);
        first.split = part.split;
        for (unsigned w = 0; w < sizeof(part.units.word) / sizeof(part.units.word[0]); w++)
            first.units.word[w] |= part.units.word[w];
    }
    units = malloc(sizeof(*units));
    if (units)
        *units = first.units;
    if (!units || !(*phDesc = nv_handle_new(NV_DESCRIPTOR, units)))
        return nv_leave(CUDA_ERROR_OUT_OF_MEMORY);
    return nv_leave(CUDA_SUCCESS);
}

/* ---- contexts ---- */

CUresult cuGreenCtxCreate(CUgreenCtx *phCtx, CUdevResourceDesc desc, CUdevice dev,
                          unsigned int flags)
{
    const struct emu_units *units;
    struct nv_green *green;
    struct nv_context *ctx, *base;
    CUresult rc = nv_enter_any(&ctx);

    if (rc != CUDA_SUCCESS)
        return rc;
    units = nv_object(desc, NV_DESCRIPTOR);
    if (dev != 0)
        return nv_leave(CUDA_ERROR_INVALID_DEVICE);
    if (!phCtx || !units || flags != CU_GREEN_CTX_DEFAULT_STREAM)
        return nv_leave(CUDA_ERROR_INVALID_VALUE);
    green = calloc(1, sizeof(*green));
    if (!green || !(green->handle = nv_handle_new(NV_GREEN, green)))
        return nv_leave(CUDA_ERROR_OUT_OF_MEMORY);
    rc = nv_primary(&base, true);
    if (rc == CUDA_SUCCESS)
        rc = nv_context_create(&green->ctx, base->flags, false);
    if (rc != CUDA_SUCCESS)
        return nv_leave(rc);
    green->units = *units;
    green->ctx->base = base;
    green->ctx->green = green;
    green->ctx->sticky = base->sticky;
    *phCtx = green->handle;
    return nv_leave(CUDA_SUCCESS);
}

/* Contexts are not freed, so what it knows stays. */
CUresult cuGreenCtxDestroy(CUgreenCtx hCtx)
{
    struct nv_green *green;
    struct nv_context *ctx;
    CUresult rc = nv_enter_any(&ctx);

    if (rc != CUDA_SUCCESS)
        return rc;
    green = nv_object(hCtx, NV_GREEN);
    if (!green)
        return nv_leave(CUDA_ERROR_INVALID_CONTEXT);
    nv_handle_free(green->handle);
    nv_context_destroy(green->ctx);
    nv_primary_release(green->ctx->base);
    return nv_leave(CUDA_SUCCESS);
}

/* With the lock; NULL and without it: @rc says why. */
static struct nv_green *enter_green(CUgreenCtx handle, CUresult *rc)
{
    struct nv_green *green;
    struct nv_context *ctx;

    *rc = nv_enter_any(&ctx);
    if (*rc != CUDA_SUCCESS)
        return NULL;
    green = nv_object(handle, NV_GREEN);
    if (!green || green->ctx->sticky)
        *rc = nv_leave(green ? green->ctx->sticky : CUDA_ERROR_INVALID_CONTEXT);
    return *rc == CUDA_SUCCESS ? green : NULL;
}

CUresult cuCtxFromGreenCtx(CUcontext *pContext, CUgreenCtx hCtx)
{
    CUresult rc;
    struct nv_green *green = enter_green(hCtx, &rc);

    if (!green)
        return rc;
    if (!pContext)
        return nv_leave(CUDA_ERROR_INVALID_VALUE);
    *pContext = green->ctx->handle;
    return nv_leave(CUDA_SUCCESS);
}

CUresult cuGreenCtxStreamCreate(CUstream *phStream, CUgreenCtx greenCtx, unsigned int flags,
                                int priority)
{
    CUresult rc;
    struct nv_green *green = enter_green(greenCtx, &rc);

    if (!green)
        return rc;
    if (!phStream || flags != CU_STREAM_NON_BLOCKING)
        return nv_leave(CUDA_ERROR_INVALID_VALUE);
    return nv_leave(nv_stream_make(green->ctx, flags, priority, phStream));
}

static CUresult with_event(CUgreenCtx handle, CUevent hEvent,
                           CUresult (*what)(struct nv_context *, struct nv_event *))
{
    CUresult rc;
    struct nv_green *green = enter_green(handle, &rc);
    struct nv_event *event;

    if (!green)
        return rc;
    event = nv_event_of(hEvent);
    return nv_leave(event ? what(green->ctx, event) : CUDA_ERROR_INVALID_HANDLE);
}

CUresult cuGreenCtxRecordEvent(CUgreenCtx hCtx, CUevent hEvent)
{
    return with_event(hCtx, hEvent, nv_context_record);
}

CUresult cuGreenCtxWaitEvent(CUgreenCtx hCtx, CUevent hEvent)
{
    return with_event(hCtx, hEvent, nv_context_wait_event);
}

CUresult cuGreenCtxGetId(CUgreenCtx greenCtx, unsigned long long *greenCtxId)
{
    struct nv_green *green;
    struct nv_context *ctx;
    CUresult rc = nv_enter_any(&ctx);

    if (rc != CUDA_SUCCESS)
        return rc;
    green = greenCtx ? nv_object(greenCtx, NV_GREEN) : ctx ? ctx->green : NULL;
    if (!green || !greenCtxId)
        return nv_leave(green ? CUDA_ERROR_INVALID_VALUE : CUDA_ERROR_INVALID_CONTEXT);
    *greenCtxId = green->ctx->id;
    return nv_leave(CUDA_SUCCESS);
}
