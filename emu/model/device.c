// SPDX-License-Identifier: Apache-2.0
/* The device's tables of processes and queues. Placement is in placement.c, time in clock.c. */
#include "internal.h"

#include <errno.h>
#include <string.h>

void emu_device_init(struct emu_device *dev, const struct emu_profile *profile,
                     uint32_t timescale_milli, uint64_t wall_ns)
{
    memset(dev, 0, sizeof(*dev));
    dev->version = EMU_DEVICE_VERSION;
    dev->bytes = sizeof(*dev);
    dev->profile = *profile;
    dev->timescale_milli = timescale_milli ? timescale_milli : 1;
    dev->anchor_wall_ns = wall_ns;
    dev->anchor_device_ns = wall_ns;
    dev->horizon_ns = EMU_NEVER;
    dev->turn_of = (struct emu_turn){.owner = -1, .end_ns = EMU_NEVER};
    for (unsigned p = 0; p < (profile->timeslice_us ? EMU_MAX_PROCESSES : 1); p++) {
        for (unsigned c = 0; c < profile->compute_units; c++)
            emu_cu_init(profile, &dev->cus[p][c]);
    }
    for (int r = 0; r < EMU_MAX_RESIDENTS; r++)
        dev->residents[r].next = r + 1 < EMU_MAX_RESIDENTS ? r + 1 : -1;
    for (unsigned q = 0; q < EMU_MAX_QUEUES; q++)
        dev->queues[q].away = dev->queues[q].away_last = -1;
    for (unsigned p = 0; p < EMU_MAX_PROCESSES; p++) {
        dev->processes[p].horizon_ns = EMU_NEVER;
        dev->processes[p].placed = -1;
        dev->processes[p].placed_last = -1;
    }
    dev->magic = EMU_DEVICE_MAGIC;
}

int emu_device_attach(struct emu_device *dev, int32_t pid, uint64_t start_time)
{
    for (int p = 0; p < EMU_MAX_PROCESSES; p++) {
        struct emu_device_process *process = &dev->processes[p];

        if (process->pid != 0)
            continue;
        process->start_time = start_time;
        process->absent = 0;
        process->horizon_ns = EMU_NEVER;
        process->placed = -1;
        process->placed_last = -1;
        process->memory_bytes = 0;
        process->wants = 0;
        process->turn_news = 0;
        process->slice_us = dev->profile.timeslice_us;
        process->unmaps = 0;
        process->unmapped_ns = 0;
        process->pid = pid;
        return p;
    }
    return -ENOSPC;
}

void emu_device_detach(struct emu_device *dev, int process, uint64_t wall_ns)
{
    uint64_t now = emu_device_now(dev, wall_ns);

    for (int q = 0; q < EMU_MAX_QUEUES; q++) {
        if (dev->queues[q].used && dev->queues[q].process == process)
            emu_device_queue_close(dev, q);
    }
    for (int r = 0; r < EMU_MAX_RESIDENTS; r++) {
        if (dev->residents[r].used && dev->residents[r].process == process)
            emu_resident_free(dev, r);
    }
    emu_device_turn_want(dev, process, false, now);
    if (dev->turn_of.owner == process)
        dev->turn_of.owner = -1;
    dev->processes[process].turn_news = 0;
    dev->processes[process].absent = 0;
    dev->processes[process].memory_bytes = 0;
    emu_device_set_horizon(dev, process, EMU_NEVER, wall_ns);
    dev->processes[process].pid = 0;
    emu_device_place(dev, now);
}

int emu_device_queue_open(struct emu_device *dev, int process, uint32_t priority)
{
    for (int q = 0; q < EMU_MAX_QUEUES; q++) {
        struct emu_device_queue *queue = &dev->queues[q];

        if (queue->used)
            continue;
        memset(queue, 0, sizeof(*queue));
        queue->process = (uint16_t)process;
        queue->priority = priority > UINT8_MAX ? UINT8_MAX : (uint8_t)priority;
        queue->away = queue->away_last = -1;
        queue->used = 1;
        return q;
    }
    return -ENOSPC;
}

void emu_device_queue_close(struct emu_device *dev, int queue)
{
    emu_device_withdraw(dev, queue);
    dev->queues[queue].used = 0;
}

void emu_device_queue_set_priority(struct emu_device *dev, int queue, uint32_t priority)
{
    dev->queues[queue].priority = priority > UINT8_MAX ? UINT8_MAX : (uint8_t)priority;
}

void emu_device_queue_set_units(struct emu_device *dev, int queue, const struct emu_units *units)
{
    dev->queues[queue].units = *units;
}

void emu_device_queue_suspend(struct emu_device *dev, int queue, bool suspended, uint64_t at_ns)
{
    dev->queues[queue].suspended = suspended;
    emu_device_place(dev, at_ns);
}

void emu_device_queue_save(struct emu_device *dev, int queue, uint64_t at_ns)
{
    for (int r = 0; r < EMU_MAX_RESIDENTS; r++) {
        if (dev->residents[r].queue == queue &&
            dev->residents[r].process == dev->queues[queue].process)
            emu_resident_away(dev, r);
    }
    emu_device_place(dev, at_ns);
}

void emu_device_unmap(struct emu_device *dev, int process, uint64_t delay_ns, uint64_t at_ns)
{
    for (int p = 0; p < EMU_MAX_PROCESSES; p++) {
        if (dev->processes[p].pid == 0 || p == process)
            continue;
        dev->processes[p].unmaps++;
        dev->processes[p].unmapped_ns += delay_ns;
        emu_device_lower_horizon(dev, p, at_ns);
    }
}

bool emu_device_unmaps(struct emu_device *dev, int process, uint64_t *delay_ns)
{
    struct emu_device_process *p = &dev->processes[process];
    bool any = p->unmaps > 0;

    *delay_ns = p->unmapped_ns;
    p->unmaps = 0;
    p->unmapped_ns = 0;
    return any;
}
