// SPDX-License-Identifier: Apache-2.0
/*
 * Which of the program's calls an anchor stays for: those that wait for nothing but the program's
 * own work. Those that are not hooked (api.def, PASS) are not seen; if one of them waits for the
 * whole device, it waits for an anchor too, that is for ANCHOR_LIMIT_NS at most.
 *
 * Threads: any; no lock.
 */
#include <string.h>

#include "shim/nvidia/anchor.h"

_Atomic cu_word anchor_launched[ANCHOR_LAUNCHED];

/* Whether it was launched before: if not, its code may have to be loaded first. */
static bool known(cu_word launched)
{
    bool is = anchor_is_known(launched);
    if (!is)
        atomic_store_explicit(anchor_slot(launched), launched, memory_order_relaxed);
    return is;
}

void anchor_forget_launched(const struct cu_api *api, const cu_word *a)
{
    bool unload = api == &cu_api[CU_cuModuleUnload] || api == &cu_api[CU_cuLibraryUnload];
    if (api->kind == CU_KIND_EXEC_DESTROY || api->kind == CU_KIND_EXEC_CHANGE)
        atomic_store_explicit(anchor_slot(a[0]), 0, memory_order_relaxed);
    if (unload || api->kind == CU_KIND_CTX_DESTROY)
        for (unsigned i = 0; i < ANCHOR_LAUNCHED; i++)
            atomic_store_explicit(&anchor_launched[i], 0, memory_order_relaxed);
}

bool anchor_is_cooperative(const struct cu_api *api, const cu_word *a)
{
    enum { COOPERATIVE = 2 };
    const struct cu_launch_config *config = cu_pointer(a[0]);
    if (api->kind != CU_KIND_LAUNCH_EX)
        return api->kind == CU_KIND_LAUNCH_COOPERATIVE ||
               api == &cu_api[CU_cuLaunchCooperativeKernelMultiDevice];
    const char *at = config ? config->attributes : NULL;
    for (uint32_t i = 0; at && i < config->attribute_count; i++, at += CU_LAUNCH_ATTRIBUTE_BYTES) {
        uint32_t id, value;
        memcpy(&id, at, sizeof(id));
        memcpy(&value, at + 8, sizeof(value));
        if (id == COOPERATIVE && value)
            return true;
    }
    return false;
}

/* They come behind all work of both contexts, in whatever stream (cuda.h, cuMemcpyPeer). */
static bool copies_between_contexts(const struct cu_api *api)
{
    return api == &cu_api[CU_cuMemcpyPeer] || api == &cu_api[CU_cuMemcpyPeer_ptds] ||
           api == &cu_api[CU_cuMemcpy3DPeer] || api == &cu_api[CU_cuMemcpy3DPeer_ptds];
}

bool anchor_stays_for(const struct cu_api *api, const cu_word *a)
{
    switch (api->kind) {
    case CU_KIND_LAUNCH:
    case CU_KIND_GRAPH_LAUNCH:
        return known(a[0]);
    case CU_KIND_LAUNCH_EX:
        return known(a[1]) && !anchor_is_cooperative(api, a);
    case CU_KIND_CODE_FUNCTION: /* PyTorch asks before every launch */
    case CU_KIND_CODE_OF_KERNEL:
        return api == &cu_api[CU_cuKernelGetFunction] && known(a[1]);
    case CU_KIND_COPY:
    case CU_KIND_COPY_HTOA:
    case CU_KIND_COPY_ATOH:
    case CU_KIND_COPY_2D:
    case CU_KIND_COPY_3D:
    case CU_KIND_MEMSET:
    case CU_KIND_DEFER:
    case CU_KIND_WAIT_VALUE:
    case CU_KIND_EVENT_RECORD:
    case CU_KIND_EVENT_WAIT:
    case CU_KIND_EVENT_QUERY:
    case CU_KIND_EVENT_SYNC:
    case CU_KIND_EVENT_ELAPSED:
    case CU_KIND_CHANGE_REFERENCE:
    case CU_KIND_QUERY_STREAM:
    case CU_KIND_SYNC_STREAM:
    case CU_KIND_STREAM_PASS:
    case CU_KIND_STREAM_GET_PRIORITY:
    case CU_KIND_RESOLVER:
        return true;
    case CU_KIND_SYNC_COPY:
        return !copies_between_contexts(api);
    case CU_KIND_MEM_ALLOC:
    case CU_KIND_MEM_FREE: /* of a pool; others wait for the device */
    case CU_KIND_TURN_STREAM:
        return api->stream >= 0;
    default:
        return false;
    }
}
