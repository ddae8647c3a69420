// SPDX-License-Identifier: Apache-2.0
/*
 * Queues leaving the hardware and coming back (compute wave save and restore, CWSR). The driver
 * takes a queue off by saving its waves' state to memory, and what the packet processor had fetched
 * is forgotten; a queue that comes back has its waves restored and is fetched from its read index.
 *
 * Waves that are saved take up nothing on the compute units: their places go to whoever waits, also
 * in other processes, and a queue that comes back has to wait for room like any other.
 *
 * REEF_EMU_SAVE_US and REEF_EMU_RESTORE_US are what that costs when there are waves. With
 * REEF_EMU_UNMAP_ALL every creation, change and destruction of a queue takes all queues of all
 * processes off for that long, as amdkfd with its hardware scheduler does (linux
 * drivers/gpu/drm/amd/amdkfd/kfd_device_queue_manager.c, execute_queues_cpsch).
 *
 * The engine's lock is held in all of this. What others do meanwhile is theirs: each process delays
 * its own waves and dates, the device only tells it by how much (emu_device_unmap).
 */
#include "engine.h"

void emu_unmapped(uint64_t delay_ns, uint64_t now)
{
    for (unsigned i = 0; i < EMU_MAX_QUEUES && emu_engine.queue_count; i++) {
        if (emu_engine.queues[i] && emu_engine.queues[i]->args.type == EMU_QUEUE_AQL)
            emu_aql_unmap(emu_engine.queues[i]);
    }
    if (delay_ns == 0)
        return;
    emu_calendar_delay(&emu_engine.calendar, delay_ns);
    emu_work_delay(delay_ns);
    emu_engine.unmapped++;
    emu_engine.mapped_ns = now + delay_ns;
    emu_engine_schedule(now + delay_ns, EMU_DUE_MAP, NULL);
}

/* Whether there are waves on the device; @others: of other queues than @leaving. */
static bool waves_on(const struct emu_device *dev, const struct emu_queue *leaving, bool *others)
{
    bool any = false;

    *others = false;
    for (int r = 0; r < EMU_MAX_RESIDENTS && !*others; r++) {
        const struct emu_resident *resident = &dev->residents[r];

        if (resident->used == EMU_RESIDENT_FREE || resident->used == EMU_RESIDENT_AWAY)
            continue;
        any = true;
        *others = !leaving || resident->queue != leaving->device_queue;
    }
    return any;
}

uint64_t emu_unmap_all(uint64_t now, const struct emu_queue *leaving)
{
    const struct emu_settings *settings = emu_settings();
    uint64_t save_ns = 0, delay_ns = 0;
    struct emu_device *dev;
    bool others;

    if (!settings->unmap_all)
        return 0;
    dev = emu_segment_lock();
    if (waves_on(dev, leaving, &others)) {
        save_ns = settings->save_ns;
        delay_ns = save_ns + (others ? settings->restore_ns : 0);
    }
    emu_device_unmap(dev, emu_segment_process(), delay_ns, now);
    emu_segment_unlock();
    emu_unmapped(delay_ns, now);
    emu_trace("all queues unmapped for %llu ns", (unsigned long long)delay_ns);
    return save_ns;
}

void emu_queue_saved(struct emu_queue *queue, uint64_t now)
{
    struct emu_device *dev = emu_segment_lock();

    queue->saving = false;
    emu_device_queue_save(dev, queue->device_queue, now);
    emu_work_adopt(dev, now);
    emu_segment_unlock();
    emu_trace("queue %u: saved", queue->id);
}

void emu_queue_suspend(struct emu_queue *queue)
{
    uint64_t now, save_ns, all_ns;

    queue->suspended = true;
    emu_engine_stop_queue(queue);
    queue->stopping--;
    now = emu_engine_hold();
    if (queue->device_queue >= 0) {
        struct emu_device *dev = emu_segment_lock();

        emu_device_queue_suspend(dev, queue->device_queue, true, now);
        emu_work_adopt(dev, now);
        emu_segment_unlock();
        emu_aql_unmap(queue);
    }
    queue->saving = emu_work_park(queue, now);
    save_ns = queue->saving ? emu_settings()->save_ns : 0;
    if (queue->event) {
        uint64_t due = emu_calendar_drop(&emu_engine.calendar, EMU_DUE_QUEUE, queue);

        queue->frozen_ns = due - now;
    }
    all_ns = emu_unmap_all(now, queue);
    emu_trace("queue %u: suspended", queue->id);
    if (queue->saving && save_ns == 0)
        emu_queue_saved(queue, now);
    else if (queue->saving)
        emu_engine_schedule(now + save_ns, EMU_DUE_SAVED, queue);
    emu_engine_go_on_to(now + (save_ns > all_ns ? save_ns : all_ns));
}

void emu_queue_resume(struct emu_queue *queue)
{
    uint64_t now = emu_engine_hold();
    uint64_t save_ns = emu_unmap_all(now, NULL), mapped = now + save_ns;

    queue->suspended = false;
    if (queue->saving) /* it comes back before it was gone */
        emu_calendar_drop(&emu_engine.calendar, EMU_DUE_SAVED, queue);
    queue->saving = false;
    if (emu_work_any(queue))
        mapped += emu_settings()->restore_ns;
    if (queue->event)
        emu_engine_schedule(mapped + queue->frozen_ns, EMU_DUE_QUEUE, queue);
    emu_work_resume(queue, now, mapped);
    if (queue->device_queue >= 0) {
        struct emu_device *dev = emu_segment_lock();

        emu_device_queue_suspend(dev, queue->device_queue, false, now);
        emu_work_adopt(dev, now);
        emu_segment_unlock();
    }
    emu_engine_wake();
    emu_trace("queue %u: resumed", queue->id);
    emu_engine_go_on_to(now + save_ns);
}
