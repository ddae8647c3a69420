// SPDX-License-Identifier: Apache-2.0
/*
 * The device in bulk, its units: classes that split when a kernel reaches only some of their units
 * and merge when their units are alike again, and who goes where. See bulk.h.
 */
#include "emu/model/bulk_internal.h"

#include <string.h>

void bulk_place_init(struct emu_bulk *bulk)
{
    const struct emu_profile *p = &bulk->profile;
    struct bulk_class *idle = &bulk->classes[0];

    bulk->class_count = 1;
    memset(idle, 0, sizeof(*idle));
    idle->cus = bulk->all_cus;
    idle->room = (struct bulk_room){
        .waves = (int32_t)(p->simds_per_cu * p->waves_per_simd),
        .vgprs = (int32_t)(p->simds_per_cu * p->vgprs_per_simd),
        .sgprs = (int32_t)(p->simds_per_cu * p->sgprs_per_simd),
        .lds_bytes = (int32_t)p->lds_bytes_per_cu,
        .barriers = (int32_t)p->workgroups_per_cu,
    };
}

/* Odd multiples tell kernels apart; equal hashes are compared in full. */
static uint64_t hash_of(unsigned kernel, int64_t groups)
{
    return (uint64_t)groups * ((2 * kernel + 1) * 0x9e3779b97f4a7c15ull);
}

/* @groups work-groups (less than 0: leave) on each unit of the class. */
static void charge(struct bulk_class *class, const struct emu_bulk_kernel *k, unsigned kernel,
                   int groups)
{
    class->groups[kernel] = (uint8_t)(class->groups[kernel] + groups);
    class->hash += hash_of(kernel, groups);
    class->room.waves -= groups * (int)k->waves;
    class->room.vgprs -= groups * (int)k->vgprs;
    class->room.sgprs -= groups * (int)k->sgprs;
    class->room.lds_bytes -= groups * (int)k->lds_bytes;
    class->room.barriers -= groups * (int)k->barriers;
}

/* Makes the units @cus of class @index a class of their own, and returns its index. There are never
 * more classes than units. */
static unsigned split(struct emu_bulk *bulk, unsigned index, uint64_t cus)
{
    struct bulk_class *class = &bulk->classes[index];

    cus &= class->cus;
    if (cus == class->cus)
        return index;
    bulk->classes[bulk->class_count] = *class;
    bulk->classes[bulk->class_count].cus = cus;
    class->cus &= ~cus;
    return bulk->class_count++;
}

void bulk_merge(struct emu_bulk *bulk)
{
    for (unsigned i = 0; i + 1 < bulk->class_count; i++)
        for (unsigned j = i + 1; j < bulk->class_count;) {
            struct bulk_class *a = &bulk->classes[i], *b = &bulk->classes[j];

            if (a->hash != b->hash || memcmp(a->groups, b->groups, sizeof(a->groups)) != 0) {
                j++;
                continue;
            }
            a->cus |= b->cus;
            *b = bulk->classes[--bulk->class_count];
        }
}

void bulk_remove(struct emu_bulk *bulk, unsigned kernel, unsigned each, uint64_t cus)
{
    const struct emu_bulk_kernel *k = bulk->slots[kernel].launch.kernel;
    unsigned count = bulk->class_count;

    for (unsigned i = 0; i < count; i++) {
        if ((bulk->classes[i].cus & cus) == 0)
            continue;
        unsigned part = split(bulk, i, cus);

        charge(&bulk->classes[part], k, kernel, -(int)each);
    }
}

static int32_t least(int32_t a, int32_t b)
{
    return a < b ? a : b;
}

/* Work-groups of the kernel that a unit of the class can still take. */
static int32_t room_for(const struct bulk_class *class, const struct emu_bulk_launch *launch,
                        unsigned kernel)
{
    const struct emu_bulk_kernel *k = launch->kernel;
    int32_t room = (int32_t)k->occupancy - class->groups[kernel];

    if (launch->each)
        room = least(room, (int32_t)launch->each - class->groups[kernel]);
    if (room <= 0)
        return 0;
    room = least(room, class->room.waves / (int32_t)k->waves);
    room = least(room, class->room.vgprs / (int32_t)k->vgprs);
    room = least(room, class->room.sgprs / (int32_t)k->sgprs);
    if (k->lds_bytes)
        room = least(room, class->room.lds_bytes / (int32_t)k->lds_bytes);
    if (k->barriers)
        room = least(room, class->room.barriers / (int32_t)k->barriers);
    return room;
}

/* The @count lowest bits of @set. */
static uint64_t lowest(uint64_t set, uint32_t count)
{
    uint64_t taken = 0;

    for (; count > 0 && set; count--) {
        taken |= set & -set;
        set &= set - 1;
    }
    return taken;
}

/* How many rounds over the units (one work-group to each that has room) @groups fill, at most
 * @most; and how many work-groups go into the round after. */
static uint32_t count_rounds(const struct bulk_class *classes, const int32_t *room, unsigned count,
                             uint32_t groups, uint32_t most, uint32_t *rest)
{
    uint32_t rounds = 0;

    while (rounds < most) {
        uint32_t units = 0, step = most - rounds;

        for (unsigned i = 0; i < count; i++) {
            if (room[i] <= (int32_t)rounds)
                continue;
            units += (uint32_t)__builtin_popcountll(classes[i].cus);
            step = (uint32_t)least((int32_t)step, room[i] - (int32_t)rounds);
        }
        if (units == 0) {
            *rest = 0;
            return rounds;
        }
        if (groups / units < step) {
            *rest = groups % units;
            return rounds + groups / units;
        }
        rounds += step;
        groups -= step * units;
    }
    *rest = 0;
    return rounds;
}

/* Puts @groups more of the kernel on each unit of the class. */
static void add(struct emu_bulk *bulk, unsigned index, unsigned kernel, uint32_t groups)
{
    struct bulk_slot *slot = &bulk->slots[kernel];
    struct bulk_class *class = &bulk->classes[index];
    uint32_t total = groups * (uint32_t)__builtin_popcountll(class->cus);

    charge(class, slot->launch.kernel, kernel, (int)groups);
    class->placed[kernel] = (uint8_t)(class->placed[kernel] + groups);
    class->fresh |= 1u << kernel;
    slot->waiting -= total;
    slot->resident += total;
}

/* Places the kernel's work-groups for at most @most rounds. False if not one found a place. */
static bool fill(struct emu_bulk *bulk, unsigned kernel, uint32_t most)
{
    struct bulk_slot *slot = &bulk->slots[kernel];
    int32_t room[EMU_BULK_CUS];
    uint32_t rest, rounds;
    uint64_t last = 0;
    unsigned count = bulk->class_count;

    if (slot->launch.cus != EMU_BULK_ALL_CUS)
        for (unsigned i = 0; i < count; i++)
            if (bulk->classes[i].cus & slot->launch.cus)
                split(bulk, i, slot->launch.cus);
    count = bulk->class_count;
    for (unsigned i = 0; i < count; i++)
        room[i] = bulk->classes[i].cus & slot->launch.cus
                      ? room_for(&bulk->classes[i], &slot->launch, kernel)
                      : 0;
    rounds = count_rounds(bulk->classes, room, count, slot->waiting, most, &rest);
    if (rounds == 0 && rest == 0)
        return false;
    for (unsigned i = 0; rest && i < count; i++)
        if (room[i] > (int32_t)rounds)
            last |= bulk->classes[i].cus;
    last = lowest(last, rest);
    for (unsigned i = 0; i < count; i++) {
        uint32_t groups = (uint32_t)least((int32_t)rounds, room[i]);
        uint64_t more = bulk->classes[i].cus & last;
        unsigned part = more ? split(bulk, i, more) : i;

        if (more)
            add(bulk, part, kernel, groups + 1);
        if (groups && !(more && part == i))
            add(bulk, i, kernel, groups);
    }
    return true;
}

void bulk_place(struct emu_bulk *bulk)
{
    uint32_t left = bulk->waiting;

    while (left) {
        unsigned kernel = bulk->turn;

        do
            kernel = (kernel + 1) % EMU_BULK_KERNELS;
        while (!(left >> kernel & 1));
        /* Alone it needs no turns. */
        uint32_t most = (left & (left - 1)) ? 1 : UINT8_MAX;

        if (fill(bulk, kernel, most))
            bulk->turn = kernel;
        else
            left &= ~(1u << kernel); /* room only shrinks at this moment */
        if (bulk->slots[kernel].waiting == 0) {
            left &= ~(1u << kernel);
            bulk->waiting &= ~(1u << kernel);
        }
    }
}
