// SPDX-License-Identifier: Apache-2.0
/*
 * Calls that change what a launch finds: limits of the context, access to memory, texture and
 * surface references, what CUDA 2's launches take from their function. CUDA does not order them in
 * a stream; a launch finds what there was when it was called. A held launch is given to the driver
 * later, so these calls wait until it has been. Nobody waits in a program of which nothing is held.
 *
 * Any thread. Hints (the share of shared memory, the cache) and what only adds are passed at once.
 */
#include "shim/nvidia/nvidia.h"

/* (..., descriptions, how many): whether all of them are of access that nobody has more of. So an
 * allocator that grows does not wait. */
static bool only_grants(const struct cu_api *api, const cu_word *a)
{
    const struct cu_access *access = cu_pointer(a[api->arguments - 2]);
    cu_word count = a[api->arguments - 1];
    for (cu_word i = 0; access && i < count; i++)
        if (access[i].flags != CU_ACCESS_READ_WRITE)
            return false;
    return true;
}

void cu_change_before(const struct cu_api *api, const cu_word *a)
{
    if (reef_likely(atomic_load_explicit(&reef_cuda.pending, memory_order_acquire) == 0))
        return;
    if (api->kind != CU_KIND_CHANGE_ACCESS || !only_grants(api, a))
        cu_take_turn(NULL, false);
}
