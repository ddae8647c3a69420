// SPDX-License-Identifier: Apache-2.0
/*
 * Attributes of functions: what a launch is judged by is what was set when it was called. A held
 * launch has been judged and is given to the driver later; so an attribute that would then forbid
 * it, or have it run otherwise, is set when it has been issued. Programs that set the same value
 * before each launch, as libraries do, do not wait.
 *
 * Any thread. What is only a hint (the share of shared memory, the cache) is set at once.
 */
#include "shim/nvidia/nvidia.h"

/* cuFuncSetAttribute(function, which, value) or cuKernelSetAttribute(which, value, kernel, device)
 */
struct setting {
    cu_word which;
    int value;
    bool known;
    int now;
};

static struct setting read_setting(const struct cu_api *api, const cu_word *a)
{
    struct setting s = {0};
    if (api == &cu_api[CU_cuKernelSetAttribute]) {
        s.which = cu_u32(a[0]);
        s.value = (int)cu_u32(a[1]);
        s.known = cu.cuKernelGetAttribute &&
                  cu.cuKernelGetAttribute(cu_out(s.now), s.which, a[2], a[3]) == CUDA_SUCCESS;
    } else {
        s.which = cu_u32(a[1]);
        s.value = (int)cu_u32(a[2]);
        s.known = cu.cuFuncGetAttribute &&
                  cu.cuFuncGetAttribute(cu_out(s.now), s.which, a[0]) == CUDA_SUCCESS;
    }
    return s;
}

/* Whether what was allowed before will be so afterwards, too. */
static bool harmless(const struct setting *s)
{
    switch (s->which) {
    case CU_FUNCTION_CARVEOUT:
        return true;
    case CU_FUNCTION_MAX_DYNAMIC_SHARED:
    case CU_FUNCTION_NON_PORTABLE_CLUSTER:
        return s->known && s->value >= s->now;
    default:
        return s->known && s->value == s->now;
    }
}

void cu_attribute_before(const struct cu_api *api, const cu_word *a)
{
    if (api != &cu_api[CU_cuFuncSetAttribute] && api != &cu_api[CU_cuKernelSetAttribute])
        return;
    if (reef_likely(atomic_load_explicit(&reef_cuda.pending, memory_order_acquire) == 0))
        return;
    const struct setting setting = read_setting(api, a);
    if (!harmless(&setting))
        cu_take_turn(NULL, false);
}
