// SPDX-License-Identifier: Apache-2.0
/*
 * How much of a best-effort stream's work may be in its device queue while a real-time program is
 * there (REEF_CUDA_DEPTH_US=auto).
 *
 * What is there when real-time work comes is waited for, so it is little: DEPTH_NS of it. But where
 * the GPU takes turns and this program's are the shortest, real-time work waits for a change of
 * context only, whatever is queued here; and a device queue that is bounded in time runs empty now
 * and then: training of a ResNet-50 beside an inference every 20 ms made 21.0 rounds a second with
 * 400 us, 25.0 with any time, 25.0 without libreef; the inference took 1.11 and 1.09 ms
 * (docs/measurements/h100-2026-11-26.md). Then only the number of commands counts.
 *
 * Not so beside other best-effort programs, whose turn would begin later; under MPS, where all
 * share one context; or with guards, which are for what is in the device queue.
 */
#include "shim/nvidia/guard.h"
#include "shim/preload/log.h"

#define DEPTH_NS 400000u
#define ANY_NS   10000000000u

static uint64_t wanted_ns(void)
{
    struct reef_cuda *cuda = &reef_cuda;
    if (reef_state.config.cuda_depth_us > 0)
        return reef_state.config.cuda_depth_us * 1000;
    bool any = atomic_load(&cuda->short_slices) && !atomic_load(&cuda->peers_be) && !cuda->mps &&
               !cu_guards_wanted();
    return any ? ANY_NS : DEPTH_NS;
}

void cu_depth_step(void)
{
    struct reef_cuda *cuda = &reef_cuda;
    uint64_t depth_ns = wanted_ns();
    if (depth_ns == atomic_load_explicit(&cuda->depth_ns, memory_order_relaxed))
        return;
    atomic_store(&cuda->depth_ns, depth_ns);
    if (!cuda->core)
        return;
    pthread_mutex_lock(&cuda->lock);
    reef_core_set_depth(cuda->core, depth_ns);
    pthread_mutex_unlock(&cuda->lock);
    reef_debug("%llu us of work may be in a device queue", (unsigned long long)(depth_ns / 1000));
}
