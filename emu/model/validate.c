// SPDX-License-Identifier: Apache-2.0
/*
 * Is this memory a device, and can it be made one again? The structure lies in a file that any
 * process of the user may have written to, and the owner of its lock may die at any instruction.
 *
 * What is primary: the profile, the clock, the processes, the queues and the residents that say
 * they are placed. Everything else (free counts, lists, the least horizon) follows from these, so
 * it can be checked against them and rebuilt from them.
 */
#include "internal.h"

#include <string.h>

static bool in_range(uint32_t value, uint32_t min, uint32_t max)
{
    return value >= min && value <= max;
}

static bool profile_valid(const struct emu_profile *p)
{
    return memchr(p->name, '\0', sizeof(p->name)) && in_range(p->compute_units, 1, EMU_MAX_CUS) &&
           in_range(p->simds_per_cu, 1, EMU_MAX_SIMDS) && in_range(p->waves_per_simd, 1, 64) &&
           in_range(p->vgprs_per_simd, 1, UINT16_MAX) && in_range(p->vgpr_granule, 1, 256) &&
           in_range(p->sgprs_per_simd, 1, UINT16_MAX) && in_range(p->sgpr_granule, 1, 256) &&
           in_range(p->lds_bytes_per_cu, 1, 1u << 24) && in_range(p->lds_granule, 1, 1u << 16) &&
           in_range(p->workgroups_per_cu, 1, 256) && p->clock_mhz > 0 && p->copy_bytes_per_us > 0;
}

static bool shape_valid(const struct emu_profile *profile, const struct emu_shape *shape)
{
    struct emu_shape rounded = emu_shape_round(profile, shape);

    return memcmp(&rounded, shape, sizeof(rounded)) == 0 &&
           shape->waves <= profile->simds_per_cu * profile->waves_per_simd;
}

static bool resident_valid(const struct emu_device *dev, const struct emu_resident *r)
{
    uint32_t waves = 0;

    if (r->used > EMU_RESIDENT_AWAY)
        return false;
    if (r->process >= EMU_MAX_PROCESSES || r->queue >= EMU_MAX_QUEUES ||
        r->cu >= dev->profile.compute_units || dev->processes[r->process].pid == 0)
        return false;
    for (unsigned s = 0; s < EMU_MAX_SIMDS; s++) {
        if (s >= dev->profile.simds_per_cu && r->simd_waves[s] != 0)
            return false;
        waves += r->simd_waves[s];
    }
    return waves == r->shape.waves && shape_valid(&dev->profile, &r->shape);
}

static unsigned cu_sets(const struct emu_device *dev)
{
    return dev->profile.timeslice_us ? EMU_MAX_PROCESSES : 1;
}

/* Works out what is free on each unit. False if the residents hold more than there is. */
static bool count_free(const struct emu_device *dev, struct emu_cu cus[][EMU_MAX_CUS])
{
    unsigned sets = cu_sets(dev);
    const struct emu_profile *profile = &dev->profile;

    memset(cus, 0, sets * sizeof(cus[0]));
    for (unsigned s = 0; s < sets; s++) {
        for (unsigned c = 0; c < profile->compute_units; c++)
            emu_cu_init(profile, &cus[s][c]);
    }
    for (unsigned i = 0; i < EMU_MAX_RESIDENTS; i++) {
        const struct emu_resident *r = &dev->residents[i];
        struct emu_cu *cu;

        if (!r->used || r->used == EMU_RESIDENT_AWAY)
            continue;
        cu = &cus[sets > 1 ? r->process : 0][r->cu];
        for (unsigned s = 0; s < profile->simds_per_cu; s++) {
            if (r->simd_waves[s] > cu->waves_free[s] ||
                r->simd_waves[s] * r->shape.vgprs > cu->vgprs_free[s] ||
                r->simd_waves[s] * r->shape.sgprs > cu->sgprs_free[s])
                return false;
        }
        if (r->shape.lds_bytes > cu->lds_free)
            return false;
        emu_cu_charge(cu, r, 1);
        if (cu->workgroups > profile->workgroups_per_cu ||
            (profile->workgroup_slots_per_cu && cu->slots_used > profile->workgroup_slots_per_cu))
            return false;
    }
    return true;
}

/* The parts that cannot be rebuilt. */
static bool primary_valid(const struct emu_device *dev)
{
    if (dev->magic != EMU_DEVICE_MAGIC || dev->version != EMU_DEVICE_VERSION ||
        dev->bytes != sizeof(*dev))
        return false;
    if (dev->turn_of.owner < -1 || dev->turn_of.owner >= EMU_MAX_PROCESSES)
        return false;
    if (!profile_valid(&dev->profile) || dev->timescale_milli == 0 || dev->turn >= EMU_MAX_QUEUES)
        return false;
    for (unsigned i = 0; i < EMU_MAX_PROCESSES; i++) {
        if (dev->processes[i].pid < 0)
            return false;
    }
    for (unsigned i = 0; i < EMU_MAX_QUEUES; i++) {
        const struct emu_device_queue *q = &dev->queues[i];

        if (!q->used)
            continue;
        if (q->process >= EMU_MAX_PROCESSES || dev->processes[q->process].pid == 0 ||
            q->next_workgroup > q->total_workgroups)
            return false;
        if (q->total_workgroups && !shape_valid(&dev->profile, &q->shape))
            return false;
    }
    for (unsigned i = 0; i < EMU_MAX_RESIDENTS; i++) {
        if (dev->residents[i].used && !resident_valid(dev, &dev->residents[i]))
            return false;
    }
    return true;
}

/* Walks a list of residents. Each entry must be in @state (and of @process, of @queue, if these are
 * >= 0) and be met once; @seen collects them. Returns the last entry (-1: empty), or -2 if the list
 * is broken. */
static int32_t walk_list(const struct emu_device *dev, int32_t head, unsigned state, int process,
                         int queue, uint8_t *seen)
{
    int32_t last = -1;

    for (int32_t i = head; i >= 0; i = dev->residents[i].next) {
        if (i >= EMU_MAX_RESIDENTS || seen[i] || dev->residents[i].used != state ||
            (process >= 0 && dev->residents[i].process != process) ||
            (queue >= 0 && dev->residents[i].queue != queue))
            return -2;
        seen[i] = 1;
        last = i;
    }
    return last;
}

bool emu_device_valid(const struct emu_device *dev)
{
    uint8_t seen[EMU_MAX_RESIDENTS] = {0};
    struct emu_cu cus[EMU_MAX_PROCESSES][EMU_MAX_CUS];

    if (!primary_valid(dev) || !count_free(dev, cus))
        return false;
    for (unsigned s = 0; s < cu_sets(dev); s++) {
        if (memcmp(cus[s], dev->cus[s], dev->profile.compute_units * sizeof(cus[0][0])) != 0)
            return false;
    }
    if (dev->horizon_ns != emu_device_least_horizon(dev))
        return false;
    if (walk_list(dev, dev->free_resident, EMU_RESIDENT_FREE, -1, -1, seen) == -2)
        return false;
    for (int p = 0; p < EMU_MAX_PROCESSES; p++) {
        const struct emu_device_process *process = &dev->processes[p];

        if (process->pid != 0 && walk_list(dev, process->placed, EMU_RESIDENT_PLACED, p, -1,
                                           seen) != process->placed_last)
            return false;
    }
    for (int q = 0; q < EMU_MAX_QUEUES; q++) {
        const struct emu_device_queue *queue = &dev->queues[q];

        if (walk_list(dev, queue->away, EMU_RESIDENT_AWAY, -1, q, seen) != queue->away_last)
            return false;
    }
    for (unsigned i = 0; i < EMU_MAX_RESIDENTS; i++) {
        if (dev->residents[i].used != EMU_RESIDENT_TAKEN && !seen[i])
            return false; /* lost */
    }
    return true;
}

/* Puts a resident into the list it belongs to, in front. */
static void list_again(struct emu_device *dev, int i)
{
    struct emu_resident *r = &dev->residents[i];
    int32_t *head, *last = NULL;

    if (r->used == EMU_RESIDENT_FREE) {
        head = &dev->free_resident;
    } else if (r->used == EMU_RESIDENT_PLACED) {
        head = &dev->processes[r->process].placed;
        last = &dev->processes[r->process].placed_last;
    } else if (r->used == EMU_RESIDENT_AWAY) {
        head = &dev->queues[r->queue].away;
        last = &dev->queues[r->queue].away_last;
    } else {
        return;
    }
    if (last && *head < 0)
        *last = i;
    r->next = *head;
    *head = i;
}

bool emu_device_repair(struct emu_device *dev)
{
    struct emu_cu cus[EMU_MAX_PROCESSES][EMU_MAX_CUS];

    if (!primary_valid(dev) || !count_free(dev, cus))
        return false;
    memcpy(dev->cus, cus, cu_sets(dev) * sizeof(cus[0]));
    for (unsigned p = 0; p < EMU_MAX_PROCESSES; p++)
        dev->processes[p].placed = dev->processes[p].placed_last = -1;
    for (unsigned q = 0; q < EMU_MAX_QUEUES; q++)
        dev->queues[q].away = dev->queues[q].away_last = -1;
    dev->free_resident = -1;
    for (int i = EMU_MAX_RESIDENTS - 1; i >= 0; i--)
        list_again(dev, i);
    /* The owner may have died between placing a work-group and counting it. */
    for (unsigned i = 0; i < EMU_MAX_RESIDENTS; i++) {
        const struct emu_resident *r = &dev->residents[i];
        struct emu_device_queue *q;

        if (!r->used)
            continue;
        q = &dev->queues[r->queue];
        if (q->used && q->process == r->process && q->dispatch == r->dispatch &&
            r->workgroup >= q->next_workgroup && r->workgroup < q->total_workgroups)
            q->next_workgroup = r->workgroup + 1;
    }
    dev->horizon_ns = emu_device_least_horizon(dev);
    for (unsigned p = 0; p < EMU_MAX_PROCESSES; p++)
        dev->processes[p].wake++;
    return emu_device_valid(dev);
}
