// SPDX-License-Identifier: Apache-2.0
/*
 * HIP's launch calls: everything they do ends in an AQL queue, where it is scheduled. They are
 * hooked only because an RT launch is seen here some microseconds before its packet is written: BE
 * work is asked to leave that much earlier, and the syscalls that wakes others with are over before
 * the hardware's doorbell is rung.
 */
#define __HIP_PLATFORM_AMD__ 1
#pragma GCC diagnostic push
#pragma GCC diagnostic ignored "-Wstrict-prototypes"
#include <hip/hip_runtime_api.h>
#pragma GCC diagnostic pop

#include <stdatomic.h>

#include "shim/amd/vqueue.h"
#include "shim/preload/hooks.h"
#include "shim/preload/real.h"

/* hip_ext.h is C++ only. */
REEF_EXPORT hipError_t hipExtLaunchKernel(const void *function, dim3 blocks, dim3 block,
                                          void **arguments, size_t shared_bytes, hipStream_t stream,
                                          hipEvent_t start, hipEvent_t stop, int flags);

static struct {
#define HIP_HOOK(name) _Atomic(__typeof__(name) *) name;
#include "shim/amd/hooks.def"
} real;

static struct reef_library library = {.soname_prefix = "libamdhip64.so"};

#define FIND(name)                                                                                 \
    __typeof__(name) *call = atomic_load_explicit(&real.name, memory_order_relaxed);               \
    if (reef_unlikely(!call)) {                                                                    \
        call = (__typeof__(name) *)reef_real_lookup(&library, #name);                              \
        if (!call)                                                                                 \
            return hipErrorNotInitialized;                                                         \
        atomic_store_explicit(&real.name, call, memory_order_relaxed);                             \
    }

/* The bit of a BE process's high-priority streams is set at the doorbell: only there is it known.
 */
static bool to_announce(void)
{
    struct reef_gpu *gpu = atomic_load_explicit(&reef_gpu_of_rt, memory_order_acquire);
    return reef_unlikely(gpu && !atomic_load_explicit(&gpu->rt_raised, memory_order_relaxed));
}

static void arrive(void)
{
    if (to_announce())
        reef_rt_raise(atomic_load_explicit(&reef_gpu_of_rt, memory_order_acquire));
}

/*
 * The two calls of a compiled <<<...>>>. After a pause the first takes as long as all of HIP's part
 * of a launch otherwise does (4 us of 5, measured): so RT work is announced before it. What is rare
 * is in functions of its own, so that these are a few instructions.
 */
__attribute__((noinline, cold)) static hipError_t
push_configuration(dim3 blocks, dim3 block, size_t shared_bytes, hipStream_t stream)
{
    FIND(__hipPushCallConfiguration);
    arrive();
    return call(blocks, block, shared_bytes, stream);
}

REEF_EXPORT hipError_t __hipPushCallConfiguration(dim3 blocks, dim3 block, size_t shared_bytes,
                                                  hipStream_t stream)
{
    __typeof__(__hipPushCallConfiguration) *call =
        atomic_load_explicit(&real.__hipPushCallConfiguration, memory_order_relaxed);
    return reef_likely(call && !to_announce())
               ? call(blocks, block, shared_bytes, stream)
               : push_configuration(blocks, block, shared_bytes, stream);
}

__attribute__((noinline, cold)) static hipError_t launch_kernel(const void *function, dim3 blocks,
                                                                dim3 block, void **arguments,
                                                                size_t shared_bytes,
                                                                hipStream_t stream)
{
    FIND(hipLaunchKernel);
    arrive();
    return call(function, blocks, block, arguments, shared_bytes, stream);
}

REEF_EXPORT hipError_t hipLaunchKernel(const void *function, dim3 blocks, dim3 block,
                                       void **arguments, size_t shared_bytes, hipStream_t stream)
{
    __typeof__(hipLaunchKernel) *call =
        atomic_load_explicit(&real.hipLaunchKernel, memory_order_relaxed);
    return reef_likely(call && !to_announce())
               ? call(function, blocks, block, arguments, shared_bytes, stream)
               : launch_kernel(function, blocks, block, arguments, shared_bytes, stream);
}

REEF_EXPORT hipError_t hipExtLaunchKernel(const void *function, dim3 blocks, dim3 block,
                                          void **arguments, size_t shared_bytes, hipStream_t stream,
                                          hipEvent_t start, hipEvent_t stop, int flags)
{
    FIND(hipExtLaunchKernel);
    arrive();
    reef_feed_put_off(); /* it has events, too */
    hipError_t error =
        call(function, blocks, block, arguments, shared_bytes, stream, start, stop, flags);
    reef_feed_catch_up();
    return error;
}

REEF_EXPORT hipError_t hipModuleLaunchKernel(hipFunction_t function, unsigned int grid_x,
                                             unsigned int grid_y, unsigned int grid_z,
                                             unsigned int block_x, unsigned int block_y,
                                             unsigned int block_z, unsigned int shared_bytes,
                                             hipStream_t stream, void **arguments, void **extra)
{
    FIND(hipModuleLaunchKernel);
    arrive();
    return call(function, grid_x, grid_y, grid_z, block_x, block_y, block_z, shared_bytes, stream,
                arguments, extra);
}

REEF_EXPORT hipError_t hipEventRecord(hipEvent_t event, hipStream_t stream)
{
    FIND(hipEventRecord);
    arrive();
    reef_feed_put_off();
    hipError_t error = call(event, stream);
    reef_feed_catch_up();
    return error;
}

REEF_EXPORT hipError_t hipGraphLaunch(hipGraphExec_t graph, hipStream_t stream)
{
    FIND(hipGraphLaunch);
    arrive();
    return call(graph, stream);
}

const struct reef_hook reef_hip_hooks[] = {
#define HIP_HOOK(name) {#name, (void *)&name},
#include "shim/amd/hooks.def"
    {NULL, NULL},
};
