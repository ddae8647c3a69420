// SPDX-License-Identifier: Apache-2.0
/*
 * The device in bulk: kernels, the batches of their work-groups, and time. See bulk.h; who goes
 * where is in bulk_place.c.
 */
#include "emu/model/bulk_internal.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "emu/model/curve.h"

struct emu_bulk *emu_bulk_create(const struct emu_profile *profile, uint32_t interference_milli)
{
    struct emu_bulk *bulk;

    if (profile->compute_units == 0 || profile->compute_units > EMU_BULK_CUS)
        return NULL;
    bulk = calloc(1, sizeof(*bulk));
    if (!bulk)
        return NULL;
    bulk->profile = *profile;
    bulk->interference_milli = interference_milli;
    bulk->all_cus = UINT64_MAX >> (64 - profile->compute_units);
    bulk->turn = EMU_BULK_KERNELS - 1;
    bulk_place_init(bulk);
    return bulk;
}

void emu_bulk_destroy(struct emu_bulk *bulk)
{
    free(bulk);
}

static uint32_t round_up(uint32_t value, uint32_t granule)
{
    return (value + granule - 1) / granule * granule;
}

int emu_bulk_prepare(const struct emu_profile *profile, const struct emu_shape *shape,
                     const uint32_t *curve_ns, uint32_t curve_length,
                     struct emu_bulk_kernel *kernel)
{
    uint32_t occupancy = emu_occupancy(profile, shape);

    if (occupancy == 0 || curve_length == 0)
        return -EINVAL;
    for (uint32_t i = 0; i < curve_length; i++)
        if (curve_ns[i] == 0)
            return -EINVAL;
    /* More than the curve was measured for did not fit where it was measured. */
    if (occupancy > curve_length)
        occupancy = curve_length;
    if (occupancy > UINT8_MAX)
        occupancy = UINT8_MAX;
    *kernel = (struct emu_bulk_kernel){
        .curve_ns = curve_ns,
        .curve_length = curve_length,
        .waves = shape->waves ? shape->waves : 1,
        .lds_bytes = round_up(shape->lds_bytes, profile->lds_granule),
        .occupancy = occupancy,
    };
    kernel->vgprs =
        kernel->waves * round_up(shape->vgprs ? shape->vgprs : 1, profile->vgpr_granule);
    kernel->sgprs =
        kernel->waves * round_up(shape->sgprs ? shape->sgprs : 1, profile->sgpr_granule);
    kernel->barriers = kernel->waves > 1;
    return 0;
}

/* The curve with @waves on the unit. A curve ends where the unit is full: fuller it cannot be. */
static uint64_t curve_at(const struct emu_bulk_kernel *k, uint32_t waves)
{
    uint32_t full = k->waves * k->curve_length;

    return emu_curve_at(k->curve_ns, k->curve_length, k->waves, waves < full ? waves : full);
}

uint64_t emu_bulk_alone_ns(const struct emu_profile *profile, const struct emu_bulk_kernel *kernel,
                           uint32_t groups)
{
    uint64_t full = (uint64_t)profile->compute_units * kernel->occupancy, ns = 0;

    ns = groups / full * kernel->curve_ns[kernel->occupancy - 1];
    groups %= full;
    if (groups)
        ns += kernel->curve_ns[(groups - 1) / profile->compute_units];
    return ns;
}

/* --- the heap of batches --- */

static bool earlier(const struct bulk_batch *a, const struct bulk_batch *b)
{
    return a->end_ns != b->end_ns ? a->end_ns < b->end_ns : (int32_t)(a->order - b->order) < 0;
}

static void sift_down(struct emu_bulk *bulk, unsigned at, struct bulk_batch batch)
{
    for (;;) {
        unsigned child = 2 * at + 1;

        if (child >= bulk->batch_count)
            break;
        if (child + 1 < bulk->batch_count &&
            earlier(&bulk->batches[child + 1], &bulk->batches[child]))
            child++;
        if (!earlier(&bulk->batches[child], &batch))
            break;
        bulk->batches[at] = bulk->batches[child];
        at = child;
    }
    bulk->batches[at] = batch;
}

static void pop(struct emu_bulk *bulk)
{
    struct bulk_batch last = bulk->batches[--bulk->batch_count];

    if (bulk->batch_count)
        sift_down(bulk, 0, last);
}

static void push(struct emu_bulk *bulk, struct bulk_batch batch)
{
    unsigned at = bulk->batch_count++;

    while (at > 0 && earlier(&batch, &bulk->batches[(at - 1) / 2])) {
        bulk->batches[at] = bulk->batches[(at - 1) / 2];
        at = (at - 1) / 2;
    }
    bulk->batches[at] = batch;
}

/* --- time --- */

static void count_busy(struct emu_bulk *bulk, uint64_t now_ns)
{
    bulk->busy_ns += (now_ns - bulk->busy_since_ns) * bulk->busy_cus;
    bulk->busy_since_ns = now_ns;
    bulk->busy_cus = emu_bulk_busy_cus(bulk, UINT32_MAX);
}

static bool others_run(const struct emu_bulk *bulk, unsigned kernel)
{
    uint32_t stream = bulk->slots[kernel].launch.stream;

    for (uint32_t set = bulk->active; set; set &= set - 1)
        if (bulk->slots[__builtin_ctz(set)].launch.stream != stream)
            return true;
    return false;
}

/* How long a work-group of @kernel that starts now takes, with @waves on its unit. */
static uint64_t group_ns(const struct emu_bulk *bulk, unsigned kernel, uint32_t waves)
{
    const struct emu_bulk_launch *launch = &bulk->slots[kernel].launch;
    uint64_t ns = curve_at(launch->kernel, waves);

    if (others_run(bulk, kernel))
        ns = ns * (1000 + bulk->interference_milli) / 1000;
    if (launch->stretch_milli != 1000)
        ns = ns * launch->stretch_milli / 1000;
    return ns ? ns : 1;
}

/* Work-groups of a kernel placed at the same moment, as many on each unit, beside as many of their
 * own. What else is on their units differs; they take the mean, for in their time neighbours come
 * and go. */
struct group_of_units {
    struct bulk_batch batch;
    uint32_t own;
    uint64_t waves, cus; /* sums over the units */
};

static struct group_of_units *group_for(struct group_of_units *groups, unsigned *count,
                                        uint32_t placed, uint32_t own)
{
    for (unsigned i = 0; i < *count; i++)
        if (groups[i].batch.each == placed && groups[i].own == own)
            return &groups[i];
    groups[*count] = (struct group_of_units){.batch = {.each = (uint16_t)placed}, .own = own};
    return &groups[(*count)++];
}

static void start_batches(struct emu_bulk *bulk, unsigned kernel, uint64_t now_ns)
{
    uint32_t all = bulk->profile.simds_per_cu * bulk->profile.waves_per_simd;
    struct group_of_units groups[EMU_BULK_CUS];
    unsigned count = 0;

    for (unsigned i = 0; i < bulk->class_count; i++) {
        struct bulk_class *class = &bulk->classes[i];
        uint32_t cus = (uint32_t)__builtin_popcountll(class->cus);

        if (!(class->fresh >> kernel & 1))
            continue;
        struct group_of_units *group =
            group_for(groups, &count, class->placed[kernel], class->groups[kernel]);
        group->batch.cus |= class->cus;
        group->cus += cus;
        group->waves += (uint64_t)cus * (all - (uint32_t) class->room.waves);
        class->placed[kernel] = 0;
        class->fresh &= ~(1u << kernel);
    }
    for (unsigned i = 0; i < count; i++) {
        struct group_of_units *group = &groups[i];

        group->batch.kernel = (uint16_t)kernel;
        group->batch.generation = bulk->slots[kernel].generation;
        group->batch.end_ns =
            now_ns + group_ns(bulk, kernel, (uint32_t)(group->waves / group->cus));
        group->batch.order = bulk->order++;
        push(bulk, group->batch);
    }
}

/* A batch lasts until all its work-groups end, and each holds one of the at most
 * EMU_BULK_CUS * waves places of the device; but the heap is smaller. When it is nearly full the
 * rest waits: some batch ends and placement goes on. */
static bool heap_has_room(const struct emu_bulk *bulk)
{
    return bulk->batch_count + EMU_BULK_CUS * 8 <= EMU_BULK_BATCHES;
}

static void place(struct emu_bulk *bulk, uint64_t now_ns)
{
    if (bulk->waiting && heap_has_room(bulk)) {
        uint32_t candidates = bulk->waiting;

        bulk_place(bulk);
        for (; candidates; candidates &= candidates - 1)
            start_batches(bulk, (unsigned)__builtin_ctz(candidates), now_ns);
    }
    count_busy(bulk, now_ns);
}

/* --- kernels --- */

int emu_bulk_start(struct emu_bulk *bulk, const struct emu_bulk_launch *launch, uint64_t now_ns)
{
    unsigned kernel = 0;

    if (launch->groups == 0 || (launch->cus & bulk->all_cus) == 0)
        return -EINVAL;
    if (bulk->used == UINT32_MAX)
        return -EBUSY;
    kernel = (unsigned)__builtin_ctz(~bulk->used);
    struct bulk_slot *slot = &bulk->slots[kernel];

    slot->launch = *launch;
    if ((launch->cus & bulk->all_cus) == bulk->all_cus)
        slot->launch.cus = EMU_BULK_ALL_CUS;
    slot->waiting = launch->groups;
    slot->resident = slot->done = 0;
    bulk->used |= 1u << kernel;
    bulk->active |= 1u << kernel;
    bulk->waiting |= 1u << kernel;
    place(bulk, now_ns);
    return (int)kernel;
}

static void drop_stale(struct emu_bulk *bulk)
{
    while (bulk->batch_count &&
           bulk->batches[0].generation != bulk->slots[bulk->batches[0].kernel].generation)
        pop(bulk);
}

uint64_t emu_bulk_next(const struct emu_bulk *bulk)
{
    return bulk->batch_count ? bulk->batches[0].end_ns : EMU_NEVER;
}

uint32_t emu_bulk_advance(struct emu_bulk *bulk, uint64_t now_ns)
{
    uint32_t ended = 0;

    while (bulk->batch_count && bulk->batches[0].end_ns <= now_ns) {
        struct bulk_batch batch = bulk->batches[0];
        struct bulk_slot *slot = &bulk->slots[batch.kernel];
        uint32_t groups = batch.each * (uint32_t)__builtin_popcountll(batch.cus);

        pop(bulk);
        if (batch.generation != slot->generation)
            continue;
        bulk_remove(bulk, batch.kernel, batch.each, batch.cus);
        slot->resident -= groups;
        slot->done += groups;
        if (slot->resident + slot->waiting == 0)
            ended |= 1u << batch.kernel;
    }
    bulk->active &= ~ended;
    bulk_merge(bulk);
    place(bulk, now_ns);
    drop_stale(bulk);
    return ended;
}

uint32_t emu_bulk_done(const struct emu_bulk *bulk, int kernel)
{
    return bulk->slots[kernel].done;
}

bool emu_bulk_withdraw(struct emu_bulk *bulk, int kernel, uint64_t now_ns)
{
    struct bulk_slot *slot = &bulk->slots[kernel];

    slot->waiting = 0;
    bulk->waiting &= ~(1u << kernel);
    if (slot->resident == 0)
        bulk->active &= ~(1u << kernel);
    place(bulk, now_ns);
    return slot->resident == 0;
}

void emu_bulk_kill(struct emu_bulk *bulk, int kernel, uint64_t now_ns)
{
    struct bulk_slot *slot = &bulk->slots[kernel];
    unsigned count = bulk->class_count;

    for (unsigned i = 0; i < count; i++) {
        unsigned each = bulk->classes[i].groups[kernel];

        if (each)
            bulk_remove(bulk, (unsigned)kernel, each, bulk->classes[i].cus);
    }
    slot->generation++;
    slot->resident = slot->waiting = 0;
    bulk->waiting &= ~(1u << kernel);
    bulk->active &= ~(1u << kernel);
    bulk_merge(bulk);
    place(bulk, now_ns);
    drop_stale(bulk);
}

void emu_bulk_free(struct emu_bulk *bulk, int kernel)
{
    bulk->used &= ~(1u << kernel);
    bulk->active &= ~(1u << kernel);
}

/* --- questions --- */

uint32_t emu_bulk_busy_cus(const struct emu_bulk *bulk, uint32_t kernels)
{
    uint64_t cus = 0;

    for (unsigned i = 0; i < bulk->class_count; i++) {
        const struct bulk_class *class = &bulk->classes[i];
        bool any = kernels == UINT32_MAX && class->hash != 0;

        for (uint32_t set = any || kernels == UINT32_MAX ? 0 : kernels; set && !any; set &= set - 1)
            any = class->groups[__builtin_ctz(set)] > 0;
        if (any)
            cus |= class->cus;
    }
    return (uint32_t)__builtin_popcountll(cus);
}

uint64_t emu_bulk_busy_ns(struct emu_bulk *bulk, uint64_t now_ns)
{
    count_busy(bulk, now_ns);
    return bulk->busy_ns;
}

uint32_t emu_bulk_on_cu(const struct emu_bulk *bulk, int kernel, uint32_t cu)
{
    for (unsigned i = 0; i < bulk->class_count; i++)
        if (bulk->classes[i].cus >> cu & 1)
            return bulk->classes[i].groups[kernel];
    return 0;
}
