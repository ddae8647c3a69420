// SPDX-License-Identifier: Apache-2.0
/*
 * Killing with REEF's own request (kfd.h), where its patched driver runs: all waves of the process
 * end, and their dispatches complete as if they had come to their end. So it is only used when all
 * that the process has on the GPU may be run again, and nothing of it counts as complete that was
 * not before: slots are marked, and reef_complete_reap takes a marked one for evicted.
 *
 * What is behind a killed kernel must not begin: it might overwrite what the killed one reads when
 * it is run again. (REEF lets it begin and kills it as well, and needs programs whose buffers are
 * never used twice.) So what is behind must be kernels that the evict flag, raised before, keeps
 * from beginning; or barriers. Else the hardware queue is destroyed, as elsewhere.
 *
 * Work-groups of the killed kernel that had no place yet begin all the same, hence the repetition.
 * The agent does all this.
 */
#include "shim/amd/vqueue.h"

#include <sched.h>

#include "shim/amd/kfd.h"
#include "shim/preload/log.h"

enum { TRIES = 100, WAIT_NS = 20000 };

static bool is_own(const void *ring, void *arg)
{
    const struct reef_gpu *gpu = arg;
    for (const struct reef_vqueue *q = gpu->queues; q; q = q->next) {
        const hsa_queue_t *queues[] = {q->real, q->spare, q->dead, q->aside.queue};
        for (unsigned i = 0; i < 4; i++)
            if (queues[i] && queues[i]->base_address == ring)
                return true;
    }
    return false;
}

/* Whether at most the oldest kernel in the device queue runs, or can begin. gpu->lock held. */
static bool only_oldest_runs(const struct reef_vqueue *q)
{
    bool any = false;
    for (uint32_t n = 0; n < q->live_count; n++) {
        const struct reef_slot *slot = &q->slots[q->live[n]];
        const union reef_packet *packet = reef_packet_at(q, slot->index);
        if (reef_packet_type(atomic_load_explicit(&packet->head, memory_order_relaxed)) !=
            HSA_PACKET_TYPE_KERNEL_DISPATCH)
            continue;
        if (any && !(slot->evictable && reef_guards_is_raised(q->gpu->guards, q->line)))
            return false;
        any = true;
    }
    return true;
}

/* Whether nothing but what is in @due, which may be run again, would be hit. gpu->lock and the RT
 * queues' locks held. ROCr has queues of its own, for some copies and fills: they must be idle. */
static bool may_kill(struct reef_gpu *gpu, struct reef_vqueue *const *due, unsigned count)
{
    for (struct reef_vqueue *q = gpu->queues; q; q = q->next) {
        bool asked = false;
        for (unsigned i = 0; i < count; i++)
            asked = asked || due[i] == q;
        if (asked && !only_oldest_runs(q))
            return false;
        if (asked || !q->real)
            continue;
        bool busy = q->class == REEF_CLASS_RT
                        ? reef_hsa.hsa_queue_load_read_index_scacquire(q->real) != q->real_write ||
                              __atomic_load_n(&reef_signal(q->probe)->value, __ATOMIC_ACQUIRE) > 0
                        : q->live_count > 0 || q->off;
        if (busy || atomic_load(&q->failed))
            return false;
    }
    return reef_kfd_others_idle(is_own, gpu);
}

static void hold_rt(struct reef_gpu *gpu, bool hold)
{
    for (struct reef_vqueue *q = gpu->queues; q; q = q->next) {
        if (q->class != REEF_CLASS_RT)
            continue;
        if (hold)
            pthread_mutex_lock(&q->direct_lock);
        else
            pthread_mutex_unlock(&q->direct_lock);
    }
}

/* One request. @first: what has completed by now is complete, the rest is marked. */
static bool kill_once(struct reef_gpu *gpu, struct reef_vqueue *const *due, unsigned count,
                      bool first)
{
    pthread_mutex_lock(&reef_complete_lock);
    reef_gpu_agent_lock(gpu);
    hold_rt(gpu, true);
    bool done = may_kill(gpu, due, count);
    for (unsigned i = 0; done && first && i < count; i++) {
        struct reef_vqueue *q = due[i];
        reef_complete_reap(q, reef_now_ns());
        for (uint32_t n = 0; n < q->live_count; n++)
            q->slots[q->live[n]].killed = true;
    }
    done = done && reef_kfd_kill_waves(due[0]->real->base_address) == 0;
    if (done && !reef_kfd_others_idle(is_own, gpu))
        reef_disable("ROCr used a queue of its own while waves were killed");
    hold_rt(gpu, false);
    pthread_mutex_unlock(&gpu->lock);
    reef_complete_deliver(gpu);
    pthread_mutex_unlock(&reef_complete_lock);
    return done;
}

static bool all_over(struct reef_gpu *gpu, struct reef_vqueue *const *due, unsigned count)
{
    bool over = true;
    reef_gpu_agent_lock(gpu);
    for (unsigned i = 0; i < count; i++) {
        const struct reef_vqueue *q = due[i];
        for (uint32_t n = 0; n < q->live_count; n++)
            over = over && __atomic_load_n(&reef_signal(q->slots[q->live[n]].signal)->value,
                                           __ATOMIC_ACQUIRE) < 1;
    }
    pthread_mutex_unlock(&gpu->lock);
    return over;
}

bool reef_kill_run(struct reef_gpu *gpu, struct reef_vqueue *const *due, unsigned count)
{
    if (reef_state.config.reset != REEF_RESET_AUTO || !reef_kfd_can_kill())
        return false;
    for (unsigned i = 0; i < TRIES; i++) {
        if (!kill_once(gpu, due, count, i == 0))
            return false;
        uint64_t since_ns = reef_now_ns();
        do {
            if (all_over(gpu, due, count)) {
                reef_debug("killed by request, %u times", i + 1);
                return true;
            }
            sched_yield();
        } while (reef_now_ns() - since_ns < WAIT_NS);
    }
    return false;
}
