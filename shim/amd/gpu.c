// SPDX-License-Identifier: Apache-2.0
/*
 * The GPUs this process schedules on. A GPU is opened with its first queue: its board, a core with
 * the options of the process, and the agent thread. If any of that fails, reef_disable: the queue
 * is real. GPUs are never freed, only stopped: hooks may still hold one.
 */
#include <errno.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "shim/amd/kfd.h"
#include "shim/amd/prepare.h"
#include "shim/amd/vqueue.h"
#include "shim/preload/log.h"
#include "shim/trace/trace.h"

pthread_mutex_t reef_complete_lock = PTHREAD_MUTEX_INITIALIZER;

static pthread_mutex_t list_lock = PTHREAD_MUTEX_INITIALIZER;
static _Atomic(struct reef_gpu *) gpus;
_Atomic(struct reef_gpu *) reef_gpu_of_rt;

/* How long a kernel is thought to take that was never seen: a short one is then queued with others,
 * a long one has at most a few behind it. */
enum { UNKNOWN_KERNEL_US = 500 };

/* A name for the board's file that all processes agree on: the PCI address. */
static void gpu_identity(hsa_agent_t agent, char *name, size_t size)
{
    uint32_t bdf = 0, domain = 0;
    reef_hsa.hsa_agent_get_info(agent, (hsa_agent_info_t)HSA_AMD_AGENT_INFO_BDFID, &bdf);
    reef_hsa.hsa_agent_get_info(agent, (hsa_agent_info_t)HSA_AMD_AGENT_INFO_DOMAIN, &domain);
    snprintf(name, size, "pci-%04x-%02x-%02x.%x", domain, (bdf >> 8) & 0xff, (bdf >> 3) & 0x1f,
             bdf & 7);
}

static bool open_board(struct reef_gpu *gpu)
{
    char identity[64], why[160] = "";
    const struct reef_config *config = &reef_state.config;
    gpu_identity(gpu->hsa_agent, identity, sizeof(identity));
    int error = reef_board_open(&gpu->board, config->board_dir, identity, why, sizeof(why));
    if (error) {
        reef_warn("no board for GPU %s: %s", identity, why[0] ? why : strerror(-error));
        return false;
    }
    reef_board_set_class(gpu->board,
                         config->priority == REEF_PRIORITY_RT ? REEF_BOARD_RT : REEF_BOARD_BE);
    return true;
}

static bool open_core(struct reef_gpu *gpu)
{
    const struct reef_config *config = &reef_state.config;
    bool suspend_only = config->reset == REEF_RESET_SUSPEND;
    gpu->depth = (uint32_t)config->depth;
    gpu->guards = reef_guards_wanted() ? reef_guards_get(gpu->hsa_agent) : NULL;
    if (gpu->guards && gpu->depth > reef_guards_per_queue(gpu->guards))
        gpu->guards = NULL; /* there must be a ticket for everything in flight */
    if (gpu->guards)
        reef_guards_set_board(gpu->guards, reef_board_evict_word(gpu->board));
    struct reef_core_config core = {
        .policy = "reef",
        .depth_ns = config->depth_us * 1000,
        .depth_count = gpu->depth,
        .unknown_ns = UNKNOWN_KERNEL_US * 1000,
        .linger_ns = config->linger_us * 1000,
        .kill_limit = (uint32_t)config->kill_limit,
        .reset = (config->reset == REEF_RESET_AUTO || config->reset == REEF_RESET_QUEUE) &&
                 reef_config_restartable(config) != REEF_RESTARTABLE_NEVER,
        .evict = gpu->guards != NULL,
        .suspend = (config->reset == REEF_RESET_AUTO || suspend_only) && reef_kfd_seen(),
        .suspend_worth_ns = suspend_only ? 0 : config->suspend_us * 1000,
        .evict_patience_ns = config->evict_patience_us * 1000,
        .device.cus = gpu->cus,
    };
    gpu->core = reef_core_create(&core);
    return gpu->core != NULL;
}

void reef_gpu_agent_lock(struct reef_gpu *gpu)
{
    for (unsigned tries = 0; pthread_mutex_trylock(&gpu->lock) != 0; tries++)
        if (tries % 64 == 63)
            sched_yield();
}

/* A process that becomes real-time rings our bell. */
static void look_who_is_there(struct reef_gpu *gpu, uint64_t now_ns)
{
    enum { EVERY_NS = 50000000 };
    if (!gpu->guards || now_ns - gpu->peers_seen_ns < EVERY_NS)
        return;
    gpu->peers_seen_ns = now_ns;
    reef_guards_look_at_board(gpu->guards, reef_board_has_peers(gpu->board, REEF_BOARD_RT));
    if (gpu->pads)
        reef_board_room_take_back(gpu->board);
}

static uint64_t agent_step(void *arg)
{
    struct reef_gpu *gpu = arg;
    if (atomic_load(&reef_state.forked) || atomic_load(&gpu->stopped))
        return UINT64_MAX;
    reef_reset_run(gpu);
    reef_suspend_run(gpu);
    reef_reset_log(gpu);
    look_who_is_there(gpu, reef_now_ns());
    uint64_t rt_ns = reef_rt_step(gpu, reef_now_ns());
    reef_reset_maintain(gpu);
    uint64_t be_ns = reef_complete_poll(gpu, reef_now_ns());
    uint64_t wait_ns = rt_ns < be_ns ? rt_ns : be_ns;
    if (reef_likely(!atomic_load_explicit(&reef_trace_active, memory_order_relaxed)))
        return wait_ns;
    reef_trace_flush(reef_kernel_name_get);
    return wait_ns < REEF_TRACE_POLL_NS ? wait_ns : REEF_TRACE_POLL_NS;
}

/* Whether something came since agent_step looked. */
static bool agent_anything_new(void *arg)
{
    struct reef_gpu *gpu = arg;
    bool found = atomic_load(&gpu->rt_raised) && !gpu->rt_watching;
    reef_gpu_agent_lock(gpu);
    found = found || (gpu->maintain_wanted && !gpu->rt_seen && !gpu->maintain_after_ns);
    for (struct reef_vqueue *q = gpu->queues; q && !found; q = q->next)
        if (q->class == REEF_CLASS_BE && !q->failed)
            found =
                q->live_count > 0 || reef_suspend_due(q) ||
                ((!gpu->rt_seen || q->padded) && reef_vqueue_has_new(q) && reef_feed_wants_more(q));
    pthread_mutex_unlock(&gpu->lock);
    return found;
}

static struct reef_gpu *open_gpu(hsa_agent_t agent)
{
    struct reef_gpu *gpu = calloc(1, sizeof(*gpu));
    if (!gpu)
        return NULL;
    gpu->hsa_agent = agent;
    pthread_mutex_init(&gpu->lock, NULL);
    pthread_cond_init(&gpu->unpinned, NULL);
    if (!open_board(gpu))
        goto err_free;
    reef_padding_open(gpu);
    if (!open_core(gpu))
        goto err_board;
    gpu->agent = (struct reef_agent){
        .board = gpu->board,
        .step = agent_step,
        .anything_new = agent_anything_new,
        .arg = gpu,
        .background = reef_state.config.priority == REEF_PRIORITY_RT,
    };
    if (reef_agent_start(&gpu->agent) != 0)
        goto err_core;
    return gpu;

err_core:
    reef_core_destroy(gpu->core);
err_board:
    if (gpu->guards)
        reef_guards_set_board(gpu->guards, NULL);
    reef_board_close(gpu->board);
err_free:
    free(gpu);
    return NULL;
}

static bool is_gpu(hsa_agent_t agent)
{
    hsa_device_type_t type;
    return reef_hsa.hsa_agent_get_info(agent, HSA_AGENT_INFO_DEVICE, &type) == HSA_STATUS_SUCCESS &&
           type == HSA_DEVICE_TYPE_GPU;
}

/* A process that ends without hsa_shut_down, as HIP programs do: its RT bit need not wait for the
 * lease to run out, and nothing of ours may be in the middle of a ROCr call that makes or loads
 * something. The agent goes on: destructors that run later may still wait for work. */
static void at_exit(void)
{
    if (atomic_load(&reef_state.forked))
        return;
    reef_prepare_stop();
    for (struct reef_gpu *gpu = reef_gpu_first(); gpu; gpu = gpu->next)
        if (!atomic_load(&gpu->stopped) && atomic_exchange(&gpu->rt_raised, false))
            reef_board_rt_clear(gpu->board);
}

static void register_at_exit(void)
{
    if (atexit(at_exit) != 0)
        reef_debug("atexit failed");
}

/* list_lock held. */
static void find_gpu_of_rt(void)
{
    struct reef_gpu *only = reef_gpu_first(), *other = only ? only->next : NULL;
    while (other && atomic_load(&other->stopped))
        other = other->next;
    atomic_store(&reef_gpu_of_rt,
                 reef_state.config.priority == REEF_PRIORITY_RT && !other ? only : NULL);
}

struct reef_gpu *reef_gpu_get(hsa_agent_t agent)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    if (!is_gpu(agent))
        return NULL;
    pthread_once(&once, register_at_exit);
    pthread_mutex_lock(&list_lock);
    struct reef_gpu *gpu = atomic_load(&gpus);
    while (gpu && (gpu->hsa_agent.handle != agent.handle || atomic_load(&gpu->stopped)))
        gpu = gpu->next;
    if (!gpu) {
        gpu = open_gpu(agent);
        if (gpu) {
            gpu->next = atomic_load(&gpus);
            atomic_store(&gpus, gpu);
            find_gpu_of_rt();
        } else {
            reef_disable("cannot schedule on this GPU");
        }
    }
    pthread_mutex_unlock(&list_lock);
    return gpu;
}

struct reef_gpu *reef_gpu_first(void)
{
    struct reef_gpu *gpu = atomic_load_explicit(&gpus, memory_order_acquire);
    while (gpu && reef_unlikely(atomic_load_explicit(&gpu->stopped, memory_order_relaxed)))
        gpu = gpu->next;
    return gpu;
}

void reef_gpu_stop_all(void)
{
    pthread_mutex_lock(&list_lock);
    for (struct reef_gpu *gpu = atomic_load(&gpus); gpu; gpu = gpu->next) {
        if (atomic_exchange(&gpu->stopped, true))
            continue;
        if (!reef_agent_stop(&gpu->agent)) {
            reef_warn("the agent did not end in time");
            continue; /* it may still look at the board */
        }
        reef_board_rt_clear(gpu->board);
        if (gpu->guards)
            reef_guards_set_board(gpu->guards, NULL);
        reef_board_close(gpu->board);
        gpu->board = NULL;
    }
    find_gpu_of_rt();
    pthread_mutex_unlock(&list_lock);
}

void reef_amd_forked(void)
{
    atomic_store(&reef_gpu_of_rt, NULL);
    for (struct reef_gpu *gpu = atomic_load(&gpus); gpu; gpu = gpu->next) {
        atomic_store(&gpu->stopped, true);
        reef_board_abandon(gpu->board);
        gpu->board = NULL;
    }
}
