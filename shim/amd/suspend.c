// SPDX-License-Identifier: Apache-2.0
/*
 * Suspending: what may not be killed is taken off the GPU with its hardware queue, and goes on
 * later where it was (kfd.h). What is in the device queue stays there; packets may be added, and
 * are found when the queue is mapped again.
 *
 * The driver's call returns when the waves are saved, some ten microseconds to a millisecond later,
 * so it is made by the agent with the queue pinned and no lock held.
 */
#include "shim/amd/vqueue.h"

#include <errno.h>
#include <string.h>

#include "shim/amd/kfd.h"
#include "shim/preload/log.h"
#include "shim/trace/trace.h"

/* Takes a queue that is to be changed, pinned; NULL if there is none. gpu->lock held. */
static struct reef_vqueue *next_due(struct reef_gpu *gpu)
{
    for (struct reef_vqueue *q = gpu->queues; q; q = q->next) {
        if (!reef_suspend_due(q) || q->pins > 0 || q->closing)
            continue;
        q->pins++;
        return q;
    }
    return NULL;
}

/* Global wave sync, which only the cooperative queue has, is not saved with the waves. */
static int change(const struct reef_vqueue *q, bool off)
{
    if (!q->real || atomic_load(&q->failed))
        return -EINVAL;
    if (off && q->attributes.type == HSA_QUEUE_TYPE_COOPERATIVE)
        return -ENOTSUP;
    return reef_kfd_set_off(q->real->base_address, off);
}

static void note_paused(struct reef_vqueue *q)
{
    for (uint32_t i = 0; i < q->live_count; i++)
        q->slots[q->live[i]].paused = true;
}

/* @q is pinned and is unpinned here. */
static void finish(struct reef_vqueue *q, bool off, int error)
{
    struct reef_gpu *gpu = q->gpu;
    uint64_t now_ns = reef_now_ns();
    pthread_mutex_lock(&reef_complete_lock);
    reef_gpu_agent_lock(gpu);
    reef_reset_look(gpu, now_ns); /* the driver's call may have taken long */
    if (error && off)
        q->wanted_off = false;
    else
        q->off = off; /* one that cannot be continued is dead already: there is nothing to repeat */
    if (q->off_asked && off) {
        q->off_asked = false;
        reef_complete_reap(q, now_ns); /* what completed before */
        note_paused(q);
        if (error)
            reef_core_reset_failed(gpu->core, (uint32_t)q->core_queue, now_ns);
        else
            reef_core_stopped(gpu->core, (uint32_t)q->core_queue, now_ns);
        reef_feed_actions(gpu);
    }
    /* The driver looks at the queue's write index when it maps it; a doorbell does no harm. */
    if (!error && !off && q->real_write > 0)
        reef_feed_ring_again(q);
    reef_feed_ring(gpu);
    REEF_TRACE_EVENT(REEF_TRACE_SUSPEND, (uint32_t)q->core_queue, q->off, 0, 0, 0);
    if (error)
        reef_debug("queue %p: not %s: %s", (void *)q, off ? "suspended" : "continued",
                   strerror(-error));
    else
        reef_debug("queue %p: %s", (void *)q, off ? "suspended" : "continued");
    reef_vqueue_unpin(q);
    pthread_mutex_unlock(&gpu->lock);
    reef_complete_deliver(gpu);
    pthread_mutex_unlock(&reef_complete_lock);
}

void reef_suspend_run(struct reef_gpu *gpu)
{
    for (;;) {
        reef_gpu_agent_lock(gpu);
        struct reef_vqueue *q = next_due(gpu);
        bool off = q && q->wanted_off, is = q && q->off;
        pthread_mutex_unlock(&gpu->lock);
        if (!q)
            return;
        if (off)
            reef_debug("queue %p: kill issued: suspending", (void *)q);
        int error = off != is ? change(q, off) : 0;
        finish(q, off, error);
    }
}
