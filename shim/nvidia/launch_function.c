// SPDX-License-Identifier: Apache-2.0
/*
 * What is known of the functions that are launched: their parameters and limits, asked once of the
 * driver, when one's launch is held for the first time. Any thread.
 */
#include <stdlib.h>

#include "shim/nvidia/launch.h"
#include "shim/nvidia/trace.h"

enum { FUNCTION_BUCKETS = 512, PARAMETERS_MAX = 4096 };

static struct cu_function *functions[FUNCTION_BUCKETS];
static pthread_mutex_t functions_lock = PTHREAD_MUTEX_INITIALIZER;

typedef __typeof__(cu.cuFuncGetParamInfo) parameter_info;

/* How many parameters @handle has by @ask, which answers an error past the last one; -1: it is no
 * handle of that kind. */
static int count_parameters(parameter_info ask, cu_word handle)
{
    size_t offset, size;
    int count = 0;
    cu_result result = CUDA_SUCCESS;
    if (!ask)
        return -1;
    while (count < PARAMETERS_MAX &&
           (result = ask(handle, (cu_word)count, cu_out(offset), cu_out(size))) == CUDA_SUCCESS)
        count++;
    return count > 0 || result == CUDA_ERROR_INVALID_VALUE ? count : -1;
}

static bool attribute(cu_word function, int which, int *value)
{
    return cu.cuFuncGetAttribute &&
           cu.cuFuncGetAttribute(cu_out(*value), (cu_word)which, function) == CUDA_SUCCESS;
}

/* @handle is a CUfunction, or a CUkernel in its place (cuda.h, cuLaunchKernel). */
static struct cu_function *learn(cu_word handle)
{
    parameter_info ask = cu.cuFuncGetParamInfo;
    cu_word function = handle;
    int count = count_parameters(ask, handle);
    if (count <= 0) {
        int of_kernel = count_parameters(cu.cuKernelGetParamInfo, handle);
        if (of_kernel > count) {
            count = of_kernel;
            ask = cu.cuKernelGetParamInfo;
        }
    }
    int threads;
    if (!attribute(handle, CU_FUNCTION_MAX_THREADS, &threads) &&
        (!cu.cuKernelGetFunction ||
         cu.cuKernelGetFunction(cu_out(function), handle) != CUDA_SUCCESS))
        return NULL;
    struct cu_function *f =
        count < 0 ? NULL : calloc(1, sizeof(*f) + (size_t)count * sizeof(f->sizes[0]));
    if (!f)
        return NULL;
    f->handle = handle;
    f->attributes_of = function;
    f->count = (unsigned)count;
    bool known = attribute(function, CU_FUNCTION_MAX_THREADS, &f->max_threads) &&
                 attribute(function, CU_FUNCTION_STATIC_SHARED, &f->static_shared);
    attribute(function, CU_FUNCTION_CLUSTER_MUST_BE_SET, &f->cluster_needed);
    for (unsigned i = 0; i < f->count && known; i++) {
        size_t offset = 0, size = 0;
        known = ask(handle, i, cu_out(offset), cu_out(size)) == CUDA_SUCCESS && size <= UINT16_MAX;
        f->sizes[i] = (uint32_t)size;
        f->bytes += (uint32_t)((size + 7) & ~(size_t)7);
        if (offset + size > f->end)
            f->end = offset + size;
    }
    if (!known) {
        free(f);
        return NULL;
    }
    return f;
}

/* Entries live until a module is unloaded, when nothing is held. */
const struct cu_function *cu_function_of(cu_word handle)
{
    struct cu_function **bucket =
        &functions[(handle * 0x9e3779b97f4a7c15ull >> 48) % FUNCTION_BUCKETS];
    pthread_mutex_lock(&functions_lock);
    struct cu_function *f = *bucket;
    while (f && f->handle != handle)
        f = f->next;
    pthread_mutex_unlock(&functions_lock);
    if (f || !handle)
        return f;
    f = learn(handle);
    if (f) {
        pthread_mutex_lock(&functions_lock);
        f->next = *bucket;
        *bucket = f;
        pthread_mutex_unlock(&functions_lock);
    }
    return f;
}

/* A handle may mean another function after this. The entries themselves are kept: another thread
 * may be looking at one. They are few and small. */
void cu_launch_forget_functions(void)
{
    cu_trace_forget_kernels();
    pthread_mutex_lock(&functions_lock);
    for (unsigned i = 0; i < FUNCTION_BUCKETS; i++)
        for (struct cu_function *f = functions[i]; f; f = f->next)
            f->handle = 0;
    pthread_mutex_unlock(&functions_lock);
}
