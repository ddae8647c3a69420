// SPDX-License-Identifier: Apache-2.0
/*
 * What a process has once it uses CUDA under libreef: the core, a board per GPU, the agent. Started
 * in the first call that uses a stream, never before; if something is missing, reef_disable. One
 * core and one agent for all GPUs of the process, because all its queues are held and released
 * together.
 */
#include <errno.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "shim/nvidia/guard.h"
#include "shim/nvidia/mps.h"
#include "shim/nvidia/trace.h"
#include "shim/preload/hooks.h"
#include "shim/preload/log.h"

struct reef_cuda reef_cuda = {
    /* Held for so short that a waiter rather spins than sleeps: no system call in a launch. */
    .lock = PTHREAD_ADAPTIVE_MUTEX_INITIALIZER_NP,
    .turn = PTHREAD_COND_INITIALIZER,
    .long_slices = true,
};

/* How long a kernel is thought to take that was never seen. */
enum { UNKNOWN_KERNEL_US = 200 };
/* With several GPUs the agent sleeps on one board's bell and looks at the others this often. */
enum { OTHER_BOARDS_NS = 500000 };

enum { NOT_STARTED, STARTED, NEVER };
static pthread_mutex_t open_lock = PTHREAD_MUTEX_INITIALIZER;
static int gpu_device[REEF_CUDA_GPUS]; /* CUdevice of gpus[i]; open_lock */

bool cu_is_rt(void)
{
    return reef_state.config.priority == REEF_PRIORITY_RT;
}

void cu_count_unmanaged(void)
{
    atomic_fetch_add(&reef_cuda.unmanaged, 1);
}

/* --- the agent --- */

static uint64_t agent_step(void *arg)
{
    static _Thread_local bool relaxed;
    cu_inside = true;
    if (atomic_load(&reef_state.forked))
        return UINT64_MAX;
    if (!relaxed) {
        /* What the agent asks the driver must not break captures of the program's threads
         * (cuda.h, cuThreadExchangeStreamCaptureMode). */
        cu_word mode = CU_CAPTURE_MODE_RELAXED;
        if (cu.cuThreadExchangeStreamCaptureMode)
            cu.cuThreadExchangeStreamCaptureMode(cu_out(mode));
        relaxed = true;
    }
    uint64_t turns_ns = cu_is_rt() ? UINT64_MAX : cu_turns_step(reef_now_ns());
    uint64_t next_ns = cu_is_rt() ? cu_rt_step(reef_now_ns()) : cu_be_step(reef_now_ns());
    if (turns_ns < next_ns)
        next_ns = turns_ns;
    uint64_t slice_ns = cu_timeslice_step(reef_now_ns());
    if (slice_ns < next_ns)
        next_ns = slice_ns;
    uint64_t trace_ns = cu_tracing() ? cu_trace_step() : UINT64_MAX;
    if (trace_ns < next_ns)
        next_ns = trace_ns;
    bool others = atomic_load(&reef_cuda.gpu_count) > 1 && !cu_is_rt();
    return others && next_ns > OTHER_BOARDS_NS ? OTHER_BOARDS_NS : next_ns;
}

static bool agent_anything_new(void *arg)
{
    struct reef_cuda *cuda = &reef_cuda;
    if (cu_is_rt())
        return !cuda->rt_watching && atomic_load(&cuda->arrivals) != 0 &&
               atomic_load(&cuda->gpus[0].rt_raised);
    pthread_mutex_lock(&cuda->lock);
    bool found = cuda->first != NULL && !cu_held_locked(reef_now_ns());
    found = found || cu_held_locked(reef_now_ns()) != cuda->was_held;
    found = found || ((cuda->first || cuda->waiters > 0) && cu_turns_unasked());
    pthread_mutex_unlock(&cuda->lock);
    return found;
}

void cu_notify_agent(void)
{
    if (reef_cuda.agent.started)
        reef_agent_notify(&reef_cuda.agent);
}

/* --- start --- */

static void at_exit(void)
{
    uint64_t unmanaged = atomic_load(&reef_cuda.unmanaged);
    if (atomic_load(&reef_state.forked))
        return;
    atomic_store(&reef_cuda.exiting, true);
    cu_fast_end();
    cu_rt_end();
    if (!cu_is_rt())
        cu_turns_end();
    if (cu_tracing())
        cu_trace_end();
    uint64_t launches = atomic_load(&reef_cuda.arrivals);
    reef_info("%llu launches scheduled, %llu ways to launch handed out unmanaged",
              (unsigned long long)launches, (unsigned long long)unmanaged);
    if (cu_anchor_count() > 0)
        reef_info("%u anchors", cu_anchor_count());
    if (atomic_load(&reef_cuda.any_guarded) && reef_cuda.core) {
        struct reef_core_stats core;
        pthread_mutex_lock(&reef_cuda.lock);
        reef_core_stats(reef_cuda.core, &core);
        uint64_t left = reef_cuda.left;
        core.resubmitted += reef_cuda.left_ended;
        pthread_mutex_unlock(&reef_cuda.lock);
        reef_info("%llu kernels with guards, %llu without; %llu evictions, %llu launches ended, "
                  "%llu issued again; %llu left to the device",
                  (unsigned long long)atomic_load(&reef_cuda.guarded),
                  (unsigned long long)atomic_load(&reef_cuda.unguarded),
                  (unsigned long long)core.evictions, (unsigned long long)core.evicted,
                  (unsigned long long)core.resubmitted, (unsigned long long)left);
    }
}

static bool open_core(void)
{
    const struct reef_config *config = &reef_state.config;
    cu_depth_step();
    struct reef_core_config core = {
        .policy = cu_guards_wanted() ? "reef-nopad" : "wait",
        .depth_ns = atomic_load(&reef_cuda.depth_ns),
        .depth_count = (uint32_t)config->cuda_depth,
        .unknown_ns = UNKNOWN_KERNEL_US * 1000,
        .linger_ns = config->linger_us * 1000,
        .reset = false,
        .evict = cu_guards_wanted(),
        .kill_limit = (uint32_t)config->kill_limit,
    };
    reef_estimator_init(&reef_cuda.estimator, core.unknown_ns);
    reef_cuda.core = reef_core_create(&core);
    if (!reef_cuda.core)
        return false;
    reef_cuda.probe = reef_core_queue_open(reef_cuda.core, 1);
    return reef_cuda.probe >= 0;
}

static void start(void)
{
    const char *missing = "";
    int now = NEVER;
    reef_start();
    pthread_mutex_lock(&open_lock);
    if (atomic_load(&reef_cuda.started) == NOT_STARTED) {
        reef_cuda.mps = reef_mps_runs();
        if (atomic_load(&reef_state.passive)) {
            now = NEVER;
        } else if (!cu_driver_load(&missing)) {
            reef_warn("this driver has no %s", missing);
            reef_disable("too old a CUDA driver");
        } else if (!cu_is_rt() && !open_core()) {
            reef_disable("no memory");
        } else {
            now = STARTED;
        }
        if (now == STARTED && atexit(at_exit) != 0)
            reef_debug("atexit failed");
        const char *deep = reef_deepbind_library();
        if (deep && now == STARTED)
            reef_warn("%s was loaded with RTLD_DEEPBIND: CUDA calls made in it pass libreef by",
                      deep);
        atomic_store(&reef_cuda.started, now);
    }
    pthread_mutex_unlock(&open_lock);
}

bool cu_active(void)
{
    int now = atomic_load_explicit(&reef_cuda.started, memory_order_acquire);
    if (reef_unlikely(now == NOT_STARTED)) {
        start();
        now = atomic_load(&reef_cuda.started);
    }
    if (reef_likely(now == STARTED &&
                    !atomic_load_explicit(&reef_state.passive, memory_order_relaxed)))
        return true;
    /* Disabled while operations are held: they are still issued, in order. */
    return now == STARTED && !atomic_load(&reef_state.forked) &&
           atomic_load(&reef_cuda.pending) > 0;
}

/* --- GPUs and contexts --- */

/* A name that all processes agree on, and that tells instances of a partitioned GPU (MIG) apart,
 * which share a PCI address: the UUID. */
static void gpu_identity(int device, char *name, size_t size)
{
    unsigned char uuid[16];
    char pci[32] = "";
    cu_word d = (cu_word)(unsigned)device;
    bool known = (cu.cuDeviceGetUuid_v2 && cu.cuDeviceGetUuid_v2(cu_out(uuid), d) == 0) ||
                 (cu.cuDeviceGetUuid && cu.cuDeviceGetUuid(cu_out(uuid), d) == 0);
    if (known) {
        size_t n = (size_t)snprintf(name, size, "gpu-");
        for (unsigned i = 0; i < sizeof(uuid) && n + 3 < size; i++)
            n += (size_t)snprintf(name + n, size - n, "%02x", uuid[i]);
        return;
    }
    if (cu.cuDeviceGetPCIBusId)
        cu.cuDeviceGetPCIBusId(cu_out(pci), sizeof(pci), d);
    snprintf(name, size, "nvidia-%s", pci[0] ? pci : "0");
}

static bool start_agent(void)
{
    struct reef_agent *agent = &reef_cuda.agent;
    if (agent->started)
        return true;
    *agent = (struct reef_agent){
        .board = reef_cuda.gpus[0].board,
        .step = agent_step,
        .anything_new = agent_anything_new,
        .background = cu_is_rt(),
    };
    return reef_agent_start(agent) == 0;
}

/* The index of @device's GPU, opened if need be, or -1. open_lock held. */
static int open_gpu(int device)
{
    char identity[64], why[160] = "";
    int count = atomic_load(&reef_cuda.gpu_count);
    for (int i = 0; i < count; i++)
        if (gpu_device[i] == device)
            return i;
    if (count == REEF_CUDA_GPUS)
        return -1;
    struct reef_cuda_gpu *gpu = &reef_cuda.gpus[count];
    gpu_identity(device, identity, sizeof(identity));
    int error =
        reef_board_open(&gpu->board, reef_state.config.board_dir, identity, why, sizeof(why));
    if (error) {
        reef_warn("no board for GPU %s: %s", identity, why[0] ? why : strerror(-error));
        return -1;
    }
    reef_board_set_class(gpu->board, cu_is_rt() ? REEF_BOARD_RT : REEF_BOARD_BE);
    if (!start_agent())
        return -1;
    gpu_device[count] = device;
    if (cu_tracing() || reef_board_has_peers(gpu->board, REEF_BOARD_RT))
        atomic_store(&reef_cuda.bounded, true);
    atomic_store(&reef_cuda.gpu_count, count + 1);
    cu_fast_end();
    reef_debug("GPU %s: %s", identity, cu_is_rt() ? "rt" : "be");
    return count;
}

static struct reef_context *find_context(cu_word handle)
{
    struct reef_context *c = __atomic_load_n(&reef_cuda.contexts, __ATOMIC_ACQUIRE);
    while (c && __atomic_load_n(&c->handle, __ATOMIC_ACQUIRE) != handle)
        c = c->next;
    return c;
}

/* The record of @handle once it is known whether that context stays. No lock held. */
static struct reef_context *find_settled(cu_word handle)
{
    struct reef_context *c;
    while ((c = find_context(handle)) && reef_unlikely(atomic_load(&c->paused)))
        sched_yield();
    return c;
}

/* @handle is current in this thread. */
static struct reef_context *open_context(cu_word handle)
{
    int device = 0, least = 0, greatest = 0;
    if (cu.cuCtxGetDevice(cu_out(device)) != CUDA_SUCCESS)
        return NULL;
    if (cu.cuCtxGetStreamPriorityRange)
        cu.cuCtxGetStreamPriorityRange(cu_out(least), cu_out(greatest));
    struct reef_context *c;
    pthread_mutex_lock(&open_lock);
    while ((c = find_context(handle)) && atomic_load(&c->paused)) {
        pthread_mutex_unlock(&open_lock);
        sched_yield();
        pthread_mutex_lock(&open_lock);
    }
    if (!c) {
        int gpu = open_gpu(device);
        c = gpu >= 0 ? find_context(0) : NULL; /* one that was forgotten */
        if (gpu >= 0 && !c && (c = calloc(1, sizeof(*c)))) {
            c->next = reef_cuda.contexts;
            __atomic_store_n(&reef_cuda.contexts, c, __ATOMIC_RELEASE);
        }
        if (c) {
            c->gpu = gpu;
            c->greatest_priority = greatest;
            atomic_store(&c->late_error, CUDA_SUCCESS);
            __atomic_store_n(&c->handle, handle, __ATOMIC_RELEASE);
        } else {
            reef_disable("cannot schedule on this GPU");
        }
    }
    pthread_mutex_unlock(&open_lock);
    if (c && cu_is_rt())
        cu_anchor_opened();
    return c;
}

struct reef_context *cu_context(void)
{
    cu_word handle = cu_current_context();
    if (!handle)
        return NULL;
    struct reef_context *c = find_settled(handle);
    return c ? c : open_context(handle);
}

bool cu_context_known(cu_word handle)
{
    return handle && find_context(handle);
}

bool cu_many_contexts(void)
{
    int created = atomic_load(&reef_cuda.contexts_created), device = 0, active = 0;
    unsigned flags;
    if (created != 1)
        return created > 1;
    return !cu.cuDevicePrimaryCtxGetState || cu.cuCtxGetDevice(cu_out(device)) != CUDA_SUCCESS ||
           cu.cuDevicePrimaryCtxGetState((cu_word)(unsigned)device, cu_out(flags),
                                         cu_out(active)) != CUDA_SUCCESS ||
           active;
}

struct reef_context *cu_context_of(cu_word handle)
{
    struct reef_context *c = handle ? find_settled(handle) : NULL;
    if (c || !handle)
        return c;
    cu_word before = cu_current_context();
    if (cu.cuCtxSetCurrent(handle) != CUDA_SUCCESS)
        return NULL;
    c = open_context(handle);
    cu.cuCtxSetCurrent(before);
    return c;
}

void cu_context_pause(cu_word handle)
{
    struct reef_cuda *cuda = &reef_cuda;
    struct reef_context *c = handle ? find_settled(handle) : NULL;
    if (!c)
        return;
    pthread_mutex_lock(&cuda->lock);
    atomic_store(&c->paused, true);
    while (c->asking > 0) { /* calls of the driver that do not block */
        pthread_mutex_unlock(&cuda->lock);
        sched_yield();
        pthread_mutex_lock(&cuda->lock);
    }
    pthread_mutex_unlock(&cuda->lock);
}

static void forget_context(struct reef_context *c)
{
    struct reef_cuda *cuda = &reef_cuda;
    pthread_mutex_lock(&open_lock);
    atomic_fetch_add(&cuda->contexts_gone, 1);
    pthread_mutex_lock(&cuda->lock);
    for (struct reef_stream *s = cuda->streams; s; s = s->all_next)
        if (s->key && s->context == c)
            cu_stream_forget_locked(s);
    pthread_mutex_unlock(&cuda->lock);
    cu_guards_forget(c);
    cu_anchor_forget(c);
    cu_event_forget_context(c->handle);
    __atomic_store_n(&c->handle, 0, __ATOMIC_RELEASE);
    pthread_mutex_unlock(&open_lock);
}

void cu_context_resume(cu_word handle, bool gone)
{
    struct reef_context *c = handle ? find_context(handle) : NULL;
    if (!c)
        return;
    if (gone)
        forget_context(c);
    atomic_store(&c->paused, false);
}

void reef_cuda_forked(void)
{
    int count = atomic_load(&reef_cuda.gpu_count);
    atomic_store(&reef_cuda.gpu_count, 0);
    atomic_store(&reef_cuda.fast, 0);
    reef_cuda.agent.started = false;
    cu_anchor_forked();
    for (int i = 0; i < count; i++) {
        reef_board_abandon(reef_cuda.gpus[i].board);
        reef_cuda.gpus[i].board = NULL;
    }
}
