// SPDX-License-Identifier: Apache-2.0
/*
 * The device in bulk: how long kernels take when they share compute units, for whole workloads in
 * virtual time. Where device.h follows every work-group, this follows *batches*: work-groups of one
 * kernel that start at the same moment in the same surroundings, and so end at the same moment. The
 * replay tool runs seconds of device time in a fraction of a second with it.
 *
 * Compute units with the same work-groups on them are one *class*. A unit's SIMDs are taken
 * together (device.h: one by one); the most work-groups of one kernel on a unit is emu_occupancy(),
 * the same as there.
 *
 * Time of a work-group: its kernel gives a curve, the time with 1, 2, 3, ... of its work-groups on
 * the unit. Work-groups of other kernels there count by their waves, so the curve is read between
 * its points (curve.h); it ends where the unit is full. What a kernel's work-groups find when they
 * start counts until they end; those that start together find the same: the mean of their units.
 * Kernels of other streams anywhere on the device slow them down by a constant factor
 * (`interference_milli`), for what the units share: memory, caches, the dispatcher.
 *
 * Placement: the work-groups of a kernel go to the units in order, one each, then a second each,
 * and so on, over units that have room. Several kernels with work-groups waiting take turns, a
 * round over the units each.
 *
 * Pure: no clock (time is an argument), no allocation but in create, integer arithmetic only.
 */
#pragma once

#include "emu/model/device.h"

enum {
    EMU_BULK_KERNELS = 32, /* at a time; a device has so many hardware queues, about */
    EMU_BULK_CUS = 64,
    EMU_BULK_BATCHES = 2048,
};
#define EMU_BULK_ALL_CUS UINT64_MAX

/** A kernel as the device sees it; made once by emu_bulk_prepare(). */
struct emu_bulk_kernel {
    const uint32_t *curve_ns; /* borrowed; [n - 1]: a work-group's time with n on the unit */
    uint32_t curve_length;
    uint32_t waves, vgprs, sgprs, lds_bytes, barriers; /* of a unit, by one work-group */
    uint32_t occupancy;                                /* most work-groups on one unit */
};

struct emu_bulk_launch {
    const struct emu_bulk_kernel *kernel; /* borrowed until it has ended */
    uint32_t groups;
    uint32_t stretch_milli; /* factor on its times; 1000: none */
    uint32_t stream;        /* kernels of the same stream do not interfere */
    uint64_t cus;           /* the units it may use */
    uint32_t each;          /* work-groups on one unit at a time; 0: as many as fit */
};

struct emu_bulk;

/** NULL if there is no memory or the profile has more than EMU_BULK_CUS units. */
struct emu_bulk *emu_bulk_create(const struct emu_profile *profile, uint32_t interference_milli);
void emu_bulk_destroy(struct emu_bulk *bulk);

/** 0, or -EINVAL: the shape fits no unit, or the curve is empty or has a zero. */
int emu_bulk_prepare(const struct emu_profile *profile, const struct emu_shape *shape,
                     const uint32_t *curve_ns, uint32_t curve_length,
                     struct emu_bulk_kernel *kernel);
/** Time of the kernel alone on the device, from its first work-group's start to its last one's end.
 */
uint64_t emu_bulk_alone_ns(const struct emu_profile *profile, const struct emu_bulk_kernel *kernel,
                           uint32_t groups);

/** Starts a kernel: returns its number (below EMU_BULK_KERNELS), -EBUSY if there is none left, or
 *  -EINVAL (no group, no unit). */
int emu_bulk_start(struct emu_bulk *bulk, const struct emu_bulk_launch *launch, uint64_t now_ns);
/** When something ends next; EMU_NEVER: nothing runs. */
uint64_t emu_bulk_next(const struct emu_bulk *bulk);
/** Handles what ends at @now_ns == emu_bulk_next(). Returns a bit per kernel that has ended: none
 * of its work-groups is on the device or waits. Its number stays taken until emu_bulk_free(). */
uint32_t emu_bulk_advance(struct emu_bulk *bulk, uint64_t now_ns);
/** Work-groups of the kernel that are complete. */
uint32_t emu_bulk_done(const struct emu_bulk *bulk, int kernel);
/** Gives up the work-groups that wait for a place. True if nothing of the kernel runs: it has
 *  ended. */
bool emu_bulk_withdraw(struct emu_bulk *bulk, int kernel, uint64_t now_ns);
/** Ends the kernel at once. What runs of it is lost. */
void emu_bulk_kill(struct emu_bulk *bulk, int kernel, uint64_t now_ns);
void emu_bulk_free(struct emu_bulk *bulk, int kernel);

/** Units that have a work-group of any of @kernels (a bit per kernel) on them. */
uint32_t emu_bulk_busy_cus(const struct emu_bulk *bulk, uint32_t kernels);
/** Sum over the units of the time they had a work-group on them. */
uint64_t emu_bulk_busy_ns(struct emu_bulk *bulk, uint64_t now_ns);
/** Work-groups of the kernel on unit @cu (for tests). */
uint32_t emu_bulk_on_cu(const struct emu_bulk *bulk, int kernel, uint32_t cu);
