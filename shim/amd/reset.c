// SPDX-License-Identifier: Apache-2.0
/*
 * Reset: how running BE kernels are ended without a driver of our own. hsa_queue_inactivate unmaps
 * the hardware queue (amdkfd: DESTROY_QUEUE), which ends its wavefronts; it returns when that is
 * done (ROCr 5.2 AqlQueue::Inactivate). What is left of the queue is destroyed later:
 * hsa_queue_destroy first waits for a thread of ROCr, and frees memory. A spare that was made ahead
 * takes its place.
 *
 * Where REEF's patched driver runs, its own request is used instead (kill.c).
 *
 * Making and destroying queues unmaps and maps all queues of the GPU, RT's too, so it is done when
 * RT work has just ended: BE work is still held then for a while (REEF_RT_LINGER_US), so neither
 * waits.
 */
#include "shim/amd/vqueue.h"

#include "shim/preload/log.h"
#include "shim/trace/trace.h"

void reef_reset_log(struct reef_gpu *gpu)
{
    if (!gpu->rt_to_log)
        return;
    gpu->rt_to_log = false;
    if (gpu->rt_seen)
        reef_debug("held: rt work exists since %llu, last fed at %llu, seen at %llu ns",
                   (unsigned long long)reef_board_rt_since(gpu->board),
                   (unsigned long long)gpu->fed_late_ns, (unsigned long long)gpu->rt_looked_ns);
    else
        reef_debug("rt work is gone");
}

/* It is logged when they go on; but not of those that are suspended, and go on in the middle. */
static void note_emptied(struct reef_gpu *gpu, bool rt)
{
    for (struct reef_vqueue *q = gpu->queues; q; q = q->next)
        q->emptied = !rt && !q->off && !q->wanted_off;
}

void reef_reset_look(struct reef_gpu *gpu, uint64_t now_ns)
{
    bool rt = !reef_disabled() && reef_board_rt_active(gpu->board, now_ns);
    reef_padding_look(gpu, rt, now_ns);
    if (rt == gpu->rt_seen) {
        reef_feed_ring(gpu);
        return;
    }
    gpu->rt_seen = rt;
    REEF_TRACE_EVENT(rt ? REEF_TRACE_HOLD : REEF_TRACE_RELEASE, 0, 0, 0, 0, 0);
    note_emptied(gpu, rt);
    reef_core_rt(gpu->core, rt, now_ns);
    reef_feed_actions(gpu);
    reef_feed_ring(gpu);
    gpu->rt_looked_ns = now_ns;
    gpu->rt_to_log = true;
}

/* What was in the device queue and did not complete is back in the virtual queue. */
static unsigned forget_killed(struct reef_vqueue *q)
{
    unsigned killed = q->live_count;
    /* How long they ran nobody knows: what the oldest commonly takes, at most. */
    q->gpu->wasted_ns += reef_core_oldest_ns(q->gpu->core, (uint32_t)q->core_queue);
    for (uint32_t i = 0; i < q->live_count; i++) {
        struct reef_slot *slot = &q->slots[q->live[i]];
        q->records[slot->index & q->mask] = REEF_RECORD_QUEUED;
        q->free[q->free_count++] = q->live[i];
        reef_slot_arm(slot);
        if (atomic_load_explicit(&reef_log_level, memory_order_relaxed) >= REEF_LOG_TRACE) {
            const union reef_packet *packet = reef_packet_at(q, slot->index);
            char name[128] = "(barrier)";
            if (reef_packet_type(packet->head) == HSA_PACKET_TYPE_KERNEL_DISPATCH)
                reef_kernel_name_get(packet->dispatch.kernel_object, name, sizeof(name));
            reef_trace("queue %p: killed packet %llu %s", (void *)q,
                       (unsigned long long)slot->index, name);
        }
    }
    q->live_count = 0;
    q->evictable_live = 0;
    return killed;
}

/* gpu->lock held. */
static void use_spare(struct reef_vqueue *q, uint64_t now_ns)
{
    hsa_queue_t *spare = q->spare;
    q->spare = NULL;
    q->gpu->maintain_wanted = true;
    if (!spare)
        return; /* maintenance makes a new queue; until then the core waits for reef_core_stopped */
    reef_vqueue_install(q, spare);
    q->real_read_seen = 0;
    reef_core_stopped(q->gpu->core, (uint32_t)q->core_queue, now_ns);
    reef_feed_actions(q->gpu);
}

/* Takes a queue whose reset is due, pinned; NULL if there is none. gpu->lock held. */
static struct reef_vqueue *next_due(struct reef_gpu *gpu)
{
    for (struct reef_vqueue *q = gpu->queues; q; q = q->next) {
        if (!q->reset_due)
            continue;
        q->reset_due = false;
        if (q->closing || q->pins > 0 || !q->real || q->dead || q->failed) {
            /* dead: the last victim was not destroyed yet, so there is no spare either */
            reef_core_reset_failed(gpu->core, (uint32_t)q->core_queue, reef_now_ns());
            reef_feed_actions(gpu);
            continue;
        }
        q->pins++;
        return q;
    }
    return NULL;
}

enum stopped { STOPPED_NOT, STOPPED_QUEUE, STOPPED_WAVES };

/* The hardware queue is as good as new. If its flag is up the core will have it lowered. */
static void keep_real(struct reef_vqueue *q, uint64_t now_ns)
{
    reef_core_stopped(q->gpu->core, (uint32_t)q->core_queue, now_ns);
    reef_feed_actions(q->gpu);
}

static void replace_real(struct reef_vqueue *q, uint64_t now_ns)
{
    if (q->padded) {
        q->dead = reef_padding_lose(q, now_ns);
        q->gpu->maintain_wanted = true;
        keep_real(q, now_ns);
        return;
    }
    q->dead = q->real;
    q->off = q->wanted_off = false; /* its successor is not */
    __atomic_store_n(&q->real, NULL, __ATOMIC_RELEASE);
    use_spare(q, now_ns);
}

static void finish_reset(struct reef_vqueue *q, enum stopped stopped)
{
    struct reef_gpu *gpu = q->gpu;
    uint64_t now_ns = reef_now_ns();
    pthread_mutex_lock(&reef_complete_lock);
    reef_gpu_agent_lock(gpu);
    reef_reset_look(gpu, now_ns); /* the driver's call may have taken long */
    if (stopped != STOPPED_NOT) {
        /* Nothing writes to the signals any more: what has fired by now is complete, the rest is
         * not. Unless waves were killed: then nothing more is. */
        if (stopped == STOPPED_QUEUE)
            reef_complete_reap(q, now_ns);
        unsigned killed = forget_killed(q);
        if (stopped == STOPPED_QUEUE)
            replace_real(q, now_ns);
        else
            keep_real(q, now_ns);
        reef_debug("queue %p: reset, %u packets killed", (void *)q, killed);
    } else {
        reef_core_reset_failed(gpu->core, (uint32_t)q->core_queue, now_ns);
        reef_feed_actions(gpu);
    }
    reef_feed_ring(gpu);
    reef_vqueue_unpin(q);
    pthread_mutex_unlock(&gpu->lock);
    reef_complete_deliver(gpu);
    pthread_mutex_unlock(&reef_complete_lock);
}

void reef_reset_run(struct reef_gpu *gpu)
{
    enum { BATCH = 64 };
    struct reef_vqueue *due[BATCH];
    unsigned count = 0;
    enum stopped stopped[BATCH];
    uint64_t now_ns = reef_now_ns();

    reef_gpu_agent_lock(gpu);
    reef_reset_look(gpu, now_ns);
    while (count < BATCH && (due[count] = next_due(gpu)))
        count++;
    pthread_mutex_unlock(&gpu->lock);

    if (count > 0)
        reef_debug("kill issued: %u hardware queues", count);
    bool killed = count > 0 && reef_kill_run(gpu, due, count);
    for (unsigned i = 0; i < count; i++)
        stopped[i] = killed ? STOPPED_WAVES
                     : reef_hsa.hsa_queue_inactivate(due[i]->real) == HSA_STATUS_SUCCESS
                         ? STOPPED_QUEUE
                         : STOPPED_NOT;
    for (unsigned i = 0; i < count; i++)
        finish_reset(due[i], stopped[i]);
}

static bool needs_spare(const struct reef_vqueue *q)
{
    return !q->real || (q->killable && !q->spare);
}

static bool needs_maintenance(const struct reef_vqueue *q)
{
    return q->class == REEF_CLASS_BE && !q->closing && !q->failed && q->pins == 0 &&
           (q->dead || needs_spare(q) || reef_padding_due(q));
}

/* Destroys the dead queue and makes the missing ones. @q is pinned and is unpinned here. False if
 * there is no queue to be had. */
static bool maintain(struct reef_vqueue *q)
{
    struct reef_gpu *gpu = q->gpu;
    hsa_queue_t *dead = q->dead, *spare = q->spare; /* pinned: nobody else changes these */
    bool wanted = needs_spare(q);
    if (dead)
        reef_hsa.hsa_queue_destroy(dead);
    if (wanted)
        spare = reef_vqueue_make_real(q);
    bool made = spare || !wanted;
    reef_gpu_agent_lock(gpu);
    reef_reset_look(gpu, reef_now_ns());
    q->dead = NULL;
    q->spare = spare;
    if (!q->real && spare)
        use_spare(q, reef_now_ns());
    reef_feed_ring(gpu);
    bool pad = made && q->real && reef_padding_due(q) && !gpu->rt_seen;
    if (pad) {
        pthread_mutex_unlock(&gpu->lock);
        reef_padding_make(q);
        reef_gpu_agent_lock(gpu);
    }
    reef_vqueue_unpin(q);
    pthread_mutex_unlock(&gpu->lock);
    return made;
}

void reef_reset_maintain(struct reef_gpu *gpu)
{
    enum { RETRY_NS = 100000000 };
    bool failed = false;
    uint64_t now_ns = reef_now_ns();
    while (!failed && gpu->maintain_wanted && gpu->maintain_after_ns <= now_ns && !gpu->rt_seen &&
           !reef_board_rt_active(gpu->board, now_ns)) {
        reef_gpu_agent_lock(gpu);
        struct reef_vqueue *q = gpu->queues;
        while (q && !needs_maintenance(q))
            q = q->next;
        gpu->maintain_wanted = q != NULL;
        if (q)
            q->pins++;
        pthread_mutex_unlock(&gpu->lock);
        failed = q && !maintain(q);
        now_ns = reef_now_ns();
    }
    if (failed) {
        if (gpu->maintain_after_ns == 0)
            reef_warn("no spare hardware queue could be made; trying again every 100 ms");
        gpu->maintain_after_ns = now_ns + RETRY_NS;
    }
}
