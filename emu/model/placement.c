// SPDX-License-Identifier: Apache-2.0
/*
 * Which work-group goes where. A compute unit offers wave slots, vector and scalar registers on
 * each of its SIMDs, and local memory and barriers for the whole of it. A work-group is placed
 * whole, on the unit with the most free wave slots; its waves spread over the SIMDs, each to the
 * one with the most room left.
 *
 * Between queues: the highest priority that has something waiting is served alone, so that a stream
 * of small work-groups of a lower one cannot keep a large work-group out for ever. Queues of the
 * same priority take turns by work-group; one whose work-group does not fit is passed over. A queue
 * whose waves had been saved gets places for these before it gets any for new work-groups.
 */
#include "internal.h"

#include <errno.h>
#include <string.h>

static uint32_t round_up(uint32_t value, uint32_t granule)
{
    if (value > UINT32_MAX - granule)
        return UINT32_MAX;
    return (value + granule - 1) / granule * granule;
}

struct emu_shape emu_shape_round(const struct emu_profile *profile, const struct emu_shape *shape)
{
    /* A wave always owns at least one granule of registers. */
    struct emu_shape rounded = {
        .waves = shape->waves ? shape->waves : 1,
        .vgprs = round_up(shape->vgprs ? shape->vgprs : 1, profile->vgpr_granule),
        .sgprs = round_up(shape->sgprs ? shape->sgprs : 1, profile->sgpr_granule),
        .lds_bytes = round_up(shape->lds_bytes, profile->lds_granule),
    };

    return rounded;
}

void emu_cu_init(const struct emu_profile *profile, struct emu_cu *cu)
{
    memset(cu, 0, sizeof(*cu));
    for (unsigned s = 0; s < profile->simds_per_cu; s++) {
        cu->waves_free[s] = (uint16_t)profile->waves_per_simd;
        cu->vgprs_free[s] = (uint16_t)profile->vgprs_per_simd;
        cu->sgprs_free[s] = (uint16_t)profile->sgprs_per_simd;
    }
    cu->lds_free = profile->lds_bytes_per_cu;
}

/* Waves of the (rounded) shape that SIMD @s could still take. */
static uint32_t simd_room(const struct emu_cu *cu, unsigned s, const struct emu_shape *shape)
{
    uint32_t room = cu->waves_free[s];

    if (cu->vgprs_free[s] / shape->vgprs < room)
        room = cu->vgprs_free[s] / shape->vgprs;
    if (cu->sgprs_free[s] / shape->sgprs < room)
        room = cu->sgprs_free[s] / shape->sgprs;
    return room;
}

static bool cu_fits(const struct emu_profile *profile, const struct emu_cu *cu,
                    const struct emu_shape *shape)
{
    uint32_t room = 0;

    if (shape->lds_bytes > cu->lds_free)
        return false;
    if (shape->waves > 1 && cu->workgroups >= profile->workgroups_per_cu)
        return false;
    if (profile->workgroup_slots_per_cu && cu->slots_used >= profile->workgroup_slots_per_cu)
        return false;
    for (unsigned s = 0; s < profile->simds_per_cu; s++)
        room += simd_room(cu, s, shape);
    return room >= shape->waves;
}

/* Chooses the SIMD of each wave. The caller knows that the shape fits. */
static void spread_waves(const struct emu_profile *profile, const struct emu_cu *cu,
                         const struct emu_shape *shape, uint8_t simd_waves[EMU_MAX_SIMDS])
{
    uint32_t room[EMU_MAX_SIMDS];

    for (unsigned s = 0; s < profile->simds_per_cu; s++)
        room[s] = simd_room(cu, s, shape);
    memset(simd_waves, 0, EMU_MAX_SIMDS);
    for (uint32_t w = 0; w < shape->waves; w++) {
        unsigned best = 0;

        for (unsigned s = 1; s < profile->simds_per_cu; s++) {
            if (room[s] > room[best])
                best = s;
        }
        room[best]--;
        simd_waves[best]++;
    }
}

void emu_cu_charge(struct emu_cu *cu, const struct emu_resident *resident, int sign)
{
    for (unsigned s = 0; s < EMU_MAX_SIMDS; s++) {
        int waves = sign * resident->simd_waves[s];

        cu->waves_free[s] = (uint16_t)(cu->waves_free[s] - waves);
        cu->vgprs_free[s] = (uint16_t)(cu->vgprs_free[s] - waves * (int)resident->shape.vgprs);
        cu->sgprs_free[s] = (uint16_t)(cu->sgprs_free[s] - waves * (int)resident->shape.sgprs);
    }
    cu->lds_free -= (uint32_t)sign * resident->shape.lds_bytes;
    cu->slots_used = (uint16_t)(cu->slots_used + sign);
    if (resident->shape.waves > 1)
        cu->workgroups = (uint16_t)(cu->workgroups + sign);
}

uint32_t emu_occupancy(const struct emu_profile *profile, const struct emu_shape *shape)
{
    struct emu_resident one = {.shape = emu_shape_round(profile, shape)};
    struct emu_cu cu;
    uint32_t count = 0;

    emu_cu_init(profile, &cu);
    while (cu_fits(profile, &cu, &one.shape)) {
        spread_waves(profile, &cu, &one.shape, one.simd_waves);
        emu_cu_charge(&cu, &one, 1);
        count++;
    }
    return count;
}

static bool may_use(const struct emu_units *units, uint32_t cu)
{
    return units->word[cu / 64] >> cu % 64 & 1;
}

static bool is_empty(const struct emu_units *units)
{
    uint64_t any = 0;

    for (unsigned i = 0; i < sizeof(units->word) / sizeof(units->word[0]); i++)
        any |= units->word[i];
    return any == 0;
}

/* The unit with the most free wave slots that can take the shape, or -1. */
static int choose_cu(const struct emu_profile *profile, const struct emu_cu *cus,
                     const struct emu_shape *shape, const struct emu_units *units)
{
    bool anywhere = is_empty(units);
    uint32_t best_free = 0;
    int best = -1;

    for (uint32_t c = 0; c < profile->compute_units; c++) {
        const struct emu_cu *cu = &cus[c];
        uint32_t free_waves = 0;

        if (!anywhere && !may_use(units, c))
            continue;
        for (unsigned s = 0; s < profile->simds_per_cu; s++)
            free_waves += cu->waves_free[s];
        if (free_waves > best_free && cu_fits(profile, cu, shape)) {
            best_free = free_waves;
            best = (int)c;
        }
    }
    return best;
}

/* ---- lists of residents ---- */

static void list_append(struct emu_device *dev, int32_t *head, int32_t *last, int index)
{
    dev->residents[index].next = -1;
    if (*last >= 0)
        dev->residents[*last].next = index;
    else
        *head = index;
    *last = index;
}

static void list_remove(struct emu_device *dev, int32_t *head, int32_t *last, int index)
{
    int32_t before = -1;

    for (int32_t i = *head; i >= 0; before = i, i = dev->residents[i].next) {
        if (i != index)
            continue;
        if (before >= 0)
            dev->residents[before].next = dev->residents[i].next;
        else
            *head = dev->residents[i].next;
        if (*last == index)
            *last = before;
        return;
    }
}

/* Those that its process has not taken note of yet, in the order in which they were placed. */
static void append_placed(struct emu_device *dev, int index)
{
    struct emu_device_process *process = &dev->processes[dev->residents[index].process];

    list_append(dev, &process->placed, &process->placed_last, index);
}

static void remove_placed(struct emu_device *dev, int index)
{
    struct emu_device_process *process = &dev->processes[dev->residents[index].process];

    list_remove(dev, &process->placed, &process->placed_last, index);
}

static void append_away(struct emu_device *dev, int index)
{
    struct emu_device_queue *queue = &dev->queues[dev->residents[index].queue];

    list_append(dev, &queue->away, &queue->away_last, index);
}

static void remove_away(struct emu_device *dev, int index)
{
    struct emu_device_queue *queue = &dev->queues[dev->residents[index].queue];

    list_remove(dev, &queue->away, &queue->away_last, index);
}

/* ---- placing ---- */

/* Puts the resident on the unit. */
static void put(struct emu_device *dev, int index, int cu, uint64_t at_ns)
{
    struct emu_resident *resident = &dev->residents[index];
    struct emu_cu *unit = &emu_device_cus(dev, resident->process)[cu];

    resident->cu = (uint16_t)cu;
    resident->placed_ns = at_ns;
    spread_waves(&dev->profile, unit, &resident->shape, resident->simd_waves);
    /* From here on emu_device_repair knows of it. */
    __atomic_store_n(&resident->used, EMU_RESIDENT_PLACED, __ATOMIC_RELEASE);
    emu_cu_charge(unit, resident, 1);
    append_placed(dev, index);
    emu_device_lower_horizon(dev, resident->process, at_ns);
}

/* Places the queue's next new work-group if it fits somewhere. */
static bool place_new(struct emu_device *dev, unsigned index, uint64_t at_ns)
{
    struct emu_device_queue *queue = &dev->queues[index];
    int slot = dev->free_resident;
    struct emu_resident *resident;
    int cu;

    if (slot < 0)
        return false;
    cu =
        choose_cu(&dev->profile, emu_device_cus(dev, queue->process), &queue->shape, &queue->units);
    if (cu < 0)
        return false;
    resident = &dev->residents[slot];
    dev->free_resident = resident->next;
    resident->process = queue->process;
    resident->queue = (uint16_t)index;
    resident->dispatch = queue->dispatch;
    resident->workgroup = queue->next_workgroup;
    resident->shape = queue->shape;
    put(dev, slot, cu, at_ns);
    queue->next_workgroup++;
    dev->placements++;
    return true;
}

/* The same for the first of its residents that are away. */
static bool place_again(struct emu_device *dev, unsigned index, uint64_t at_ns)
{
    struct emu_device_queue *queue = &dev->queues[index];
    int slot = queue->away;
    const struct emu_shape *shape = &dev->residents[slot].shape;
    int cu = choose_cu(&dev->profile, emu_device_cus(dev, queue->process), shape, &queue->units);

    if (cu < 0)
        return false;
    remove_away(dev, slot);
    put(dev, slot, cu, at_ns);
    return true;
}

static bool place_one(struct emu_device *dev, unsigned index, uint64_t at_ns)
{
    return dev->queues[index].away >= 0 ? place_again(dev, index, at_ns)
                                        : place_new(dev, index, at_ns);
}

static bool waits(const struct emu_device_queue *queue)
{
    return queue->used && !queue->suspended &&
           (queue->away >= 0 || queue->next_workgroup < queue->total_workgroups);
}

void emu_device_place(struct emu_device *dev, uint64_t at_ns)
{
    uint16_t waiting[EMU_MAX_QUEUES];
    unsigned count = 0;
    unsigned next = 0;

    for (;;) {
        int priority = -1;

        /* In turn order, those of the highest priority. */
        count = 0;
        for (unsigned i = 1; i <= EMU_MAX_QUEUES; i++) {
            unsigned q = (dev->turn + i) % EMU_MAX_QUEUES;

            if (!waits(&dev->queues[q]) || dev->queues[q].priority < priority)
                continue;
            if (dev->queues[q].priority > priority)
                count = 0;
            priority = dev->queues[q].priority;
            waiting[count++] = (uint16_t)q;
        }
        if (count == 0)
            return;
        /* Room only shrinks here: who did not fit once is out of the round. */
        for (next = 0; count > 0;) {
            unsigned q = waiting[next];

            if (waits(&dev->queues[q]) && place_one(dev, q, at_ns)) {
                dev->turn = q;
                next = (next + 1) % count;
                continue;
            }
            if (waits(&dev->queues[q]))
                priority = -1; /* it goes on waiting: lower priorities must not pass it */
            memmove(&waiting[next], &waiting[next + 1], (count - next - 1) * sizeof(waiting[0]));
            count--;
            if (next >= count)
                next = 0;
        }
        if (priority < 0)
            return;
    }
}

int emu_device_dispatch(struct emu_device *dev, int queue, uint32_t dispatch,
                        const struct emu_shape *shape, uint32_t workgroups, uint64_t at_ns)
{
    struct emu_device_queue *q = &dev->queues[queue];

    if (!q->used || workgroups == 0)
        return -EINVAL;
    if (q->next_workgroup < q->total_workgroups)
        return -EBUSY;
    if (emu_occupancy(&dev->profile, shape) == 0)
        return -ENOSPC;
    q->shape = emu_shape_round(&dev->profile, shape);
    q->dispatch = dispatch;
    q->next_workgroup = 0;
    q->total_workgroups = workgroups;
    emu_device_place(dev, at_ns);
    return 0;
}

uint32_t emu_device_withdraw(struct emu_device *dev, int queue)
{
    struct emu_device_queue *q = &dev->queues[queue];
    uint32_t left = q->total_workgroups - q->next_workgroup;

    q->total_workgroups = q->next_workgroup;
    return left;
}

/* Takes a resident off its compute unit. */
static void lift(struct emu_device *dev, int index)
{
    const struct emu_resident *resident = &dev->residents[index];

    if (resident->used == EMU_RESIDENT_PLACED)
        remove_placed(dev, index);
    emu_cu_charge(&emu_device_cus(dev, resident->process)[resident->cu], resident, -1);
}

void emu_resident_away(struct emu_device *dev, int index)
{
    struct emu_resident *resident = &dev->residents[index];

    if (resident->used == EMU_RESIDENT_FREE || resident->used == EMU_RESIDENT_AWAY)
        return;
    lift(dev, index);
    __atomic_store_n(&resident->used, EMU_RESIDENT_AWAY, __ATOMIC_RELEASE);
    append_away(dev, index);
}

void emu_resident_free(struct emu_device *dev, int index)
{
    struct emu_resident *resident = &dev->residents[index];

    if (resident->used == EMU_RESIDENT_FREE)
        return;
    if (resident->used == EMU_RESIDENT_AWAY)
        remove_away(dev, index);
    else
        lift(dev, index);
    __atomic_store_n(&resident->used, EMU_RESIDENT_FREE, __ATOMIC_RELEASE);
    resident->next = dev->free_resident;
    dev->free_resident = index;
}

void emu_device_release_many(struct emu_device *dev, const int *residents, unsigned count,
                             uint64_t at_ns)
{
    for (unsigned i = 0; i < count; i++)
        emu_resident_free(dev, residents[i]);
    emu_device_place(dev, at_ns);
}

void emu_device_release(struct emu_device *dev, int resident, uint64_t at_ns)
{
    emu_device_release_many(dev, &resident, 1, at_ns);
}

int emu_device_take_placed(struct emu_device *dev, int process)
{
    int index = dev->processes[process].placed;

    if (index < 0)
        return -1;
    dev->processes[process].placed = dev->residents[index].next;
    if (dev->processes[process].placed < 0)
        dev->processes[process].placed_last = -1;
    dev->residents[index].next = -1;
    dev->residents[index].used = EMU_RESIDENT_TAKEN;
    return index;
}

uint32_t emu_device_waves_beside(const struct emu_device *dev, int resident)
{
    const struct emu_resident *r = &dev->residents[resident];
    const struct emu_cu *cu = &emu_device_cus((struct emu_device *)dev, r->process)[r->cu];
    uint32_t most = 1;

    for (unsigned s = 0; s < dev->profile.simds_per_cu; s++) {
        uint32_t used = dev->profile.waves_per_simd - cu->waves_free[s];

        if (r->simd_waves[s] && used > most)
            most = used;
    }
    return most;
}

uint32_t emu_device_waves_on_unit(const struct emu_device *dev, int resident)
{
    const struct emu_resident *r = &dev->residents[resident];
    const struct emu_cu *cu = &emu_device_cus((struct emu_device *)dev, r->process)[r->cu];
    uint32_t used = 0;

    for (unsigned s = 0; s < dev->profile.simds_per_cu; s++)
        used += dev->profile.waves_per_simd - cu->waves_free[s];
    return used;
}

uint32_t emu_device_units_in_use(const struct emu_device *dev, int process)
{
    const struct emu_cu *cus = emu_device_cus((struct emu_device *)dev, process);
    uint32_t used = 0;

    for (uint32_t c = 0; c < dev->profile.compute_units; c++)
        used += cus[c].slots_used > 0;
    return used;
}
