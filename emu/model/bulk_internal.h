// SPDX-License-Identifier: Apache-2.0
/* What bulk.c (kernels, batches, time) and bulk_place.c (classes of units, placement) share. */
#pragma once

#include "emu/model/bulk.h"

struct bulk_room {
    int32_t waves, vgprs, sgprs, lds_bytes, barriers;
};

/* Compute units with the same work-groups on them. */
struct bulk_class {
    uint64_t cus;
    uint64_t hash; /* of @groups; 0: idle */
    struct bulk_room room;
    uint32_t fresh;                   /* kernels with work-groups placed at this moment */
    uint8_t groups[EMU_BULK_KERNELS]; /* on each of the units */
    uint8_t placed[EMU_BULK_KERNELS]; /* of them: at this moment */
};

struct bulk_slot {
    struct emu_bulk_launch launch;
    uint32_t waiting, resident, done;
    uint32_t generation; /* tells stale batches */
};

struct bulk_batch {
    uint64_t end_ns, cus;
    uint32_t order; /* of two that end together, the one that started first goes first */
    uint32_t generation;
    uint16_t kernel, each; /* @each work-groups on each unit of @cus */
};

struct emu_bulk {
    struct emu_profile profile;
    uint32_t interference_milli;
    uint64_t all_cus;
    struct bulk_slot slots[EMU_BULK_KERNELS];
    uint32_t used, waiting; /* a bit per kernel: number taken; work-groups wait */
    uint32_t active;        /* of @used: not ended */
    unsigned turn;
    struct bulk_class classes[EMU_BULK_CUS];
    unsigned class_count;
    struct bulk_batch batches[EMU_BULK_BATCHES]; /* a binary heap */
    unsigned batch_count;
    uint32_t order;
    uint64_t busy_ns, busy_since_ns;
    uint32_t busy_cus;
};

/* bulk_place.c */
void bulk_place_init(struct emu_bulk *bulk);
/** Places what fits at this moment; bulk_class.placed and .fresh say what that was. */
void bulk_place(struct emu_bulk *bulk);
/** Takes @each work-groups of @kernel off the units @cus. */
void bulk_remove(struct emu_bulk *bulk, unsigned kernel, unsigned each, uint64_t cus);
/** Makes classes that became alike one. */
void bulk_merge(struct emu_bulk *bulk);
