// SPDX-License-Identifier: Apache-2.0
/*
 * Contexts that are made and destroyed. Everything held is issued before a context goes. While the
 * driver destroys it the agent asks nothing about it (process.c, cu_context_pause); afterwards
 * nothing is known of its streams, events and functions, whose handles may be used again at once.
 */
#include <string.h>

#include "shim/nvidia/guard.h"

static bool primary_active(cu_word device)
{
    unsigned flags;
    int active = 0;
    return cu.cuDevicePrimaryCtxGetState &&
           cu.cuDevicePrimaryCtxGetState(device, cu_out(flags), cu_out(active)) == CUDA_SUCCESS &&
           active;
}

/* The context that @api may destroy; 0: none. */
static cu_word context_concerned(const struct cu_api *api, cu_word of)
{
    cu_word context = 0;
    if (strncmp(api->name, "cuCtxDe", 7) == 0)
        return of;
    if (strncmp(api->name, "cuGreen", 7) == 0) {
        bool known =
            cu.cuCtxFromGreenCtx && cu.cuCtxFromGreenCtx(cu_out(context), of) == CUDA_SUCCESS;
        return known ? context : 0;
    }
    if (!primary_active(of) || !cu.cuDevicePrimaryCtxRetain || !cu.cuDevicePrimaryCtxRelease_v2 ||
        cu.cuDevicePrimaryCtxRetain(cu_out(context), of) != CUDA_SUCCESS)
        return 0;
    cu.cuDevicePrimaryCtxRelease_v2(of);
    return context;
}

/* The call destroys the context only if nobody else uses it. */
static bool context_is_counted(const struct cu_api *api)
{
    return strcmp(api->name, "cuDevicePrimaryCtxRelease") == 0 ||
           strcmp(api->name, "cuCtxDetach") == 0;
}

/* Whether the call, which has succeeded, has destroyed it. */
static bool context_is_gone(const struct cu_api *api, cu_word of)
{
    if (strcmp(api->name, "cuDevicePrimaryCtxRelease") == 0)
        return !primary_active(of);
    return strcmp(api->name, "cuCtxDetach") != 0 || cu_current_context() != of;
}

cu_result cu_context_create(struct cu_api *api, cu_word *a)
{
    cu_result result = cu_call(cu_real(api), a, api->arguments);
    if (result != CUDA_SUCCESS)
        return result;
    atomic_fetch_add(&reef_cuda.contexts_created, 1);
    if (cu_is_rt()) /* the sooner best-effort programs know of it, the sooner they take turns */
        cu_context_of(*(const cu_word *)cu_pointer(a[0]));
    return result;
}

cu_result cu_context_destroy(struct cu_api *api, cu_word *a)
{
    if (atomic_load(&reef_cuda.exiting))
        cu_drop_all();
    cu_take_turn(NULL, false);
    cu_word context = context_concerned(api, a[0]);
    cu_context_pause(context);
    /* The handles of its functions may be used again at once. */
    cu_launch_forget_functions();
    if (!context_is_counted(api))
        cu_guard_forget(0); /* of which context code was is not asked */
    cu_result result = cu_call(cu_real(api), a, api->arguments);
    bool gone = result == CUDA_SUCCESS && context_is_gone(api, a[0]);
    cu_context_resume(context, gone);
    if (gone && context_is_counted(api))
        cu_guard_forget(0);
    if (gone && strncmp(api->name, "cuCtxDe", 7) == 0)
        atomic_fetch_sub(&reef_cuda.contexts_created, 1);
    return result;
}
