// SPDX-License-Identifier: Apache-2.0
/*
 * Hardware queues of this process: the calls of the driver's front half (any thread), and what the
 * device thread does with all of them.
 *
 * The id of a queue is its place in engine.queues and in the doorbell page.
 */
#include "engine.h"

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

/* The driver's calls on queues come one at a time; each gives up the engine's lock when it waits.
 */
static bool enter(void)
{
    if (emu_engine.pid != getpid())
        return false;
    pthread_mutex_lock(&emu_engine.calls);
    if (emu_engine_enter())
        return true;
    pthread_mutex_unlock(&emu_engine.calls);
    return false;
}

static void leave(void)
{
    emu_engine_leave();
    pthread_mutex_unlock(&emu_engine.calls);
}

static struct emu_queue *find(uint32_t id)
{
    return id < EMU_MAX_QUEUES ? emu_engine.queues[id] : NULL;
}

static int open_on_device(struct emu_queue *queue)
{
    struct emu_device *dev = emu_segment_lock();

    queue->device_queue = emu_device_queue_open(dev, emu_segment_process(), queue->args.priority);
    emu_segment_unlock();
    return queue->device_queue < 0 ? queue->device_queue : 0;
}

static void close_on_device(struct emu_queue *queue)
{
    struct emu_device *dev = emu_segment_lock();

    emu_device_queue_close(dev, queue->device_queue);
    emu_segment_unlock();
}

static int open_queue(struct emu_queue *queue)
{
    int rc;

    if (queue->args.type == EMU_QUEUE_SDMA)
        return 0;
    rc = emu_aql_open(queue);
    if (rc == 0)
        rc = open_on_device(queue);
    return rc;
}

/* A queue was changed: all leave the hardware for a moment, if that is how it is (unmap.c). */
static void unmap_all(void)
{
    uint64_t now, save_ns;

    if (!emu_settings()->unmap_all)
        return;
    now = emu_engine_hold();
    save_ns = emu_unmap_all(now, NULL);
    emu_engine_go_on_to(now + save_ns);
}

int emu_queue_create(const struct emu_queue_args *args)
{
    struct emu_queue *queue = calloc(1, sizeof(*queue));
    uint32_t id = 0;
    int rc = -ENOMEM;

    if (!queue)
        return -ENOMEM;
    queue->args = *args;
    queue->suspended = args->percent == 0;
    queue->device_queue = -1;
    if (!enter()) {
        free(queue);
        return -ENODEV;
    }
    while (id < EMU_MAX_QUEUES && emu_engine.queues[id])
        id++;
    if (id < EMU_MAX_QUEUES)
        rc = open_queue(queue);
    if (rc == 0) {
        queue->id = id;
        emu_doorbell_reset(queue);
        emu_engine.queues[id] = queue;
        emu_engine.queue_count++;
        emu_engine_wake();
        emu_trace("queue %u: %s, %llu bytes, priority %u", id,
                  args->type == EMU_QUEUE_AQL ? "AQL" : "SDMA",
                  (unsigned long long)args->ring_bytes, args->priority);
        unmap_all();
    }
    leave();
    if (rc != 0) {
        free(queue->done);
        free(queue);
    }
    return rc != 0 ? rc : (int)id;
}

int emu_queue_update(uint32_t id, uint64_t ring_va, uint64_t ring_bytes, uint32_t percent,
                     uint32_t priority)
{
    struct emu_queue *queue;
    int rc = 0;

    if (!enter())
        return -ENODEV;
    queue = find(id);
    if (!queue || (ring_va && ring_bytes != queue->args.ring_bytes && queue->retired != 0)) {
        /* Packet indices would change their places under what is in flight. */
        rc = -EINVAL;
    } else {
        if (ring_va) {
            queue->args.ring_va = ring_va;
            if (ring_bytes != queue->args.ring_bytes) {
                queue->args.ring_bytes = ring_bytes;
                rc = queue->args.type == EMU_QUEUE_AQL ? emu_aql_open(queue) : 0;
            }
        }
        if (priority != queue->args.priority && queue->device_queue >= 0) {
            struct emu_device *dev = emu_segment_lock();

            emu_device_queue_set_priority(dev, queue->device_queue, priority);
            emu_segment_unlock();
        }
        queue->args.priority = priority;
        queue->args.percent = percent;
        if (percent == 0 && !queue->suspended)
            emu_queue_suspend(queue);
        else if (percent > 0 && queue->suspended)
            emu_queue_resume(queue);
        else
            unmap_all();
    }
    leave();
    return rc;
}

int emu_queue_kill_waves(void)
{
    if (!enter())
        return -ENODEV;
    emu_engine_pause();
    emu_work_end_all(emu_engine_hold());
    emu_engine_unpause();
    emu_engine_go_on();
    emu_engine_wake();
    emu_trace("all waves killed");
    leave();
    return 0;
}

/* One queue of a process may have them (KFD: pqm_set_gws). */
static int set_gws(struct emu_queue *queue, bool wanted)
{
    for (uint32_t i = 0; wanted && i < EMU_MAX_QUEUES; i++) {
        if (emu_engine.queues[i] && emu_engine.queues[i]->has_gws)
            return -EBUSY;
    }
    if (!wanted && !queue->has_gws)
        return -EINVAL;
    if (wanted && !queue->gws)
        queue->gws = calloc(1, sizeof(*queue->gws));
    if (wanted && !queue->gws)
        return -ENOMEM;
    queue->has_gws = wanted; /* what is given back stays until the queue goes: waves may use it */
    return 0;
}

int emu_queue_set_gws(uint32_t id, bool wanted)
{
    struct emu_queue *queue;
    int rc = -EINVAL;

    if (!enter())
        return -ENODEV;
    queue = find(id);
    if (queue && queue->args.type == EMU_QUEUE_AQL)
        rc = set_gws(queue, wanted);
    leave();
    return rc;
}

int emu_queue_set_units(uint32_t id, const struct emu_units *units)
{
    struct emu_queue *queue;
    int rc = -EINVAL;

    if (!enter())
        return -ENODEV;
    queue = find(id);
    if (queue && queue->args.type == EMU_QUEUE_AQL) {
        struct emu_device *dev = emu_segment_lock();

        emu_device_queue_set_units(dev, queue->device_queue, units);
        emu_segment_unlock();
        unmap_all();
        rc = 0;
    }
    leave();
    return rc;
}

/* Nothing of the queue runs any more: takes it off the device and out of the tables. */
static void take_down(struct emu_queue *queue)
{
    uint64_t now;

    /* While the waves were saved an interpreter may have taken one more of its work-groups. */
    emu_engine_settle(queue);
    now = emu_engine_hold();
    emu_calendar_drop(&emu_engine.calendar, EMU_DUE_QUEUE, queue);
    emu_calendar_drop(&emu_engine.calendar, EMU_DUE_DOORBELL, queue);
    emu_calendar_drop(&emu_engine.calendar, EMU_DUE_SAVED, queue);
    if (queue->device_queue >= 0) {
        emu_work_kill(queue, now);
        close_on_device(queue);
    }
    emu_engine.queues[queue->id] = NULL;
    emu_engine.queue_count--;
    emu_engine_go_on();
    emu_trace("queue %u: destroyed", queue->id);
    free(queue->gws);
    free(queue->done);
    free(queue);
}

/* The driver unmaps a queue by saving its waves, also when their state is of no use any more. */
static void save_waves(struct emu_queue *queue)
{
    uint64_t now = emu_engine_hold();
    uint64_t save_ns = emu_work_any(queue) ? emu_settings()->save_ns : 0;
    uint64_t all_ns = emu_unmap_all(now, queue);

    emu_engine_go_on_to(now + (save_ns > all_ns ? save_ns : all_ns));
}

int emu_queue_destroy(uint32_t id)
{
    struct emu_queue *queue;
    bool saved;

    if (!enter())
        return -ENODEV;
    queue = find(id);
    if (!queue) {
        leave();
        return -EINVAL;
    }
    saved = queue->suspended;
    queue->suspended = true; /* the device thread leaves it alone from here on */
    emu_engine_stop_queue(queue);
    if (saved)
        unmap_all();
    else
        save_waves(queue);
    take_down(queue);
    leave();
    return 0;
}

/* ---- device thread ---- */

static bool ready(const struct emu_queue *queue)
{
    if (queue->suspended || queue->state == EMU_CP_STOPPED)
        return false;
    if (emu_doorbell_rings(queue))
        return true;
    if (queue->event || emu_engine.unmapped)
        return false;
    return queue->args.type == EMU_QUEUE_AQL ? emu_aql_ready(queue) : emu_dma_ready(queue);
}

static struct emu_queue *next_ready(void)
{
    unsigned left = emu_engine.queue_count;

    for (unsigned i = 0; left > 0 && i < EMU_MAX_QUEUES; i++) {
        if (!emu_engine.queues[i])
            continue;
        left--;
        if (ready(emu_engine.queues[i]))
            return emu_engine.queues[i];
    }
    return NULL;
}

bool emu_queue_poll(void)
{
    return next_ready() != NULL;
}

void emu_queue_run_all(uint64_t now)
{
    struct emu_queue *queue;

    /* What one queue does (a completion signal) may be what another one waits for. */
    while ((queue = next_ready()) != NULL) {
        if (emu_doorbell_rings(queue))
            emu_doorbell_notice(queue, now);
        else if (queue->args.type == EMU_QUEUE_AQL)
            emu_aql_run(queue, now);
        else
            emu_dma_run(queue, now);
    }
}

bool emu_queue_look_all(void)
{
    uint64_t wall = emu_wall_ns();
    bool again = false;

    for (unsigned i = 0; i < EMU_MAX_QUEUES && emu_engine.queue_count; i++) {
        struct emu_queue *queue = emu_engine.queues[i];

        if (!queue || queue->args.type != EMU_QUEUE_AQL || queue->suspended)
            continue;
        again |= emu_doorbell_look(queue, wall);
        if (!emu_engine.unmapped)
            emu_prefetch(queue);
    }
    return again;
}

void emu_queue_event(struct emu_queue *queue, uint64_t now)
{
    queue->event = false;
    if (queue->args.type == EMU_QUEUE_AQL)
        emu_aql_event(queue, now);
    else
        emu_dma_event(queue, now);
}
