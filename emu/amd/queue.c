// SPDX-License-Identifier: Apache-2.0
/*
 * Hardware queues of this process: the calls of the driver's front half (any thread), and what the
 * device thread does with all of them.
 *
 * The id of a queue is its place in engine.queues and in the doorbell page. An AQL doorbell holds
 * the index of the last packet written, an SDMA doorbell the write pointer in bytes.
 */
#include "engine.h"

#include <errno.h>
#include <stdlib.h>

static struct emu_queue *find(uint32_t id)
{
    return id < EMU_MAX_QUEUES ? emu_engine.queues[id] : NULL;
}

uint64_t emu_queue_doorbell(const struct emu_queue *queue)
{
    return __atomic_load_n(&emu_vm_doorbells()[queue->id], __ATOMIC_ACQUIRE);
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

/* Wakes the device thread: it may be asleep for long, having had nothing to poll. */
static void wake_device_thread(void)
{
    struct emu_device *dev = emu_segment_lock();

    dev->processes[emu_segment_process()].wake++;
    emu_segment_unlock();
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
    if (!emu_engine_enter()) {
        free(queue);
        return -ENODEV;
    }
    while (id < EMU_MAX_QUEUES && emu_engine.queues[id])
        id++;
    if (id < EMU_MAX_QUEUES)
        rc = open_queue(queue);
    if (rc == 0) {
        queue->id = id;
        __atomic_store_n(&emu_vm_doorbells()[id], args->type == EMU_QUEUE_AQL ? UINT64_MAX : 0,
                         __ATOMIC_RELEASE);
        emu_engine.queues[id] = queue;
        emu_engine.queue_count++;
        wake_device_thread();
        emu_trace("queue %u: %s, %llu bytes, priority %u", id,
                  args->type == EMU_QUEUE_AQL ? "AQL" : "SDMA",
                  (unsigned long long)args->ring_bytes, args->priority);
    }
    emu_engine_leave();
    if (rc != 0) {
        free(queue->done);
        free(queue);
    }
    return rc != 0 ? rc : (int)id;
}

/* What the queue was about to do stays undone until it is resumed. */
static void suspend(struct emu_queue *queue)
{
    uint64_t now, due;

    queue->suspended = true;
    emu_engine_stop_queue(queue);
    queue->stopping--;
    now = emu_engine_hold();
    if (queue->device_queue >= 0) {
        struct emu_device *dev = emu_segment_lock();

        emu_device_queue_suspend(dev, queue->device_queue, true, now);
        emu_work_adopt(dev, now);
        emu_segment_unlock();
    }
    emu_work_park(queue);
    if (queue->event) {
        due = emu_calendar_drop(&emu_engine.calendar, EMU_DUE_QUEUE, queue);
        queue->frozen_ns = due - now;
    }
    emu_engine_go_on();
    emu_trace("queue %u: suspended", queue->id);
}

static void resume(struct emu_queue *queue)
{
    uint64_t now = emu_engine_hold();

    queue->suspended = false;
    if (queue->event)
        emu_engine_schedule(now + queue->frozen_ns, EMU_DUE_QUEUE, queue);
    emu_work_resume(queue, now);
    if (queue->device_queue >= 0) {
        struct emu_device *dev = emu_segment_lock();

        emu_device_queue_suspend(dev, queue->device_queue, false, now);
        emu_work_adopt(dev, now);
        emu_segment_unlock();
    }
    emu_engine_go_on();
    wake_device_thread();
    emu_trace("queue %u: resumed", queue->id);
}

int emu_queue_update(uint32_t id, uint64_t ring_va, uint64_t ring_bytes, uint32_t percent,
                     uint32_t priority)
{
    struct emu_queue *queue;
    int rc = 0;

    if (!emu_engine_enter())
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
            suspend(queue);
        else if (percent > 0 && queue->suspended)
            resume(queue);
    }
    emu_engine_leave();
    return rc;
}

int emu_queue_destroy(uint32_t id)
{
    struct emu_queue *queue;

    if (!emu_engine_enter())
        return -ENODEV;
    queue = find(id);
    if (!queue) {
        emu_engine_leave();
        return -EINVAL;
    }
    queue->suspended = true; /* the device thread leaves it alone from here on */
    emu_engine_stop_queue(queue);
    if (find(id) == queue) { /* two threads may try at once */
        uint64_t now = emu_engine_hold();

        emu_calendar_drop(&emu_engine.calendar, EMU_DUE_QUEUE, queue);
        if (queue->device_queue >= 0) {
            emu_work_kill(queue, now);
            close_on_device(queue);
        }
        emu_engine.queues[id] = NULL;
        emu_engine.queue_count--;
        emu_engine_go_on();
        emu_trace("queue %u: destroyed", id);
        free(queue->done);
        free(queue);
    }
    emu_engine_leave();
    return 0;
}

/* ---- device thread ---- */

static bool ready(const struct emu_queue *queue)
{
    if (queue->suspended || queue->event || queue->state == EMU_CP_STOPPED)
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
        if (queue->args.type == EMU_QUEUE_AQL)
            emu_aql_run(queue, now);
        else
            emu_dma_run(queue, now);
    }
}

void emu_queue_event(struct emu_queue *queue, uint64_t now)
{
    queue->event = false;
    if (queue->args.type == EMU_QUEUE_AQL)
        emu_aql_event(queue, now);
    else
        emu_dma_event(queue, now);
}
