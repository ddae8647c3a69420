// SPDX-License-Identifier: Apache-2.0
/*
 * One GPU as all its processes see it: which work-group sits on which compute unit, and what time
 * it is on the device. The structure is position independent (indices, no pointers), so it can lie
 * in memory that several processes map.
 *
 * Pure: no thread, no lock, no clock, no allocation, no environment. Every function must be called
 * under one lock of the caller's (emu/amd/segment.c has a robust process-shared mutex; the replay
 * tool needs none), and wall time is an argument.
 *
 * Time. Device time follows wall time divided by the time scale, but never passes the *horizon*:
 * the least moment that any process has yet to work out. A process publishes in its horizon the
 * least of (a) the local time of its resident work-groups that are still being interpreted, (b) its
 * next event that has a date (the end of an interpreted work-group, a packet being processed, a
 * copy that ends). So the cost of emulation never shows in device time: while an interpreter is
 * behind, the clock stands at its horizon; wall time that passes then is lost to the device, not
 * caught up. An event dated t is handled when the clock has reached t, everything it causes is
 * dated t or later, and the horizon moves on only then; how late the host thread woke up leaves no
 * trace. A date passed as @at_ns is therefore never behind the clock: either it is the caller's own
 * horizon, or the caller read it from the clock under the same hold of the lock.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "profile.h"

#define EMU_DEVICE_MAGIC   0x55504765666572ull /* "refeGPU" */
#define EMU_DEVICE_VERSION 5
#define EMU_NEVER          UINT64_MAX

enum {
    EMU_MAX_PROCESSES = 64,
    EMU_MAX_QUEUES = 512,
    EMU_MAX_CUS = 160,
    EMU_MAX_SIMDS = 4,
    EMU_MAX_RESIDENTS = 32768,
};

/** What one work-group occupies. Register counts are per wave, already as the descriptor says
 *  (rounding to granules is the model's). */
struct emu_shape {
    uint32_t waves;
    uint32_t vgprs;
    uint32_t sgprs;
    uint32_t lds_bytes;
};

/** Most work-groups of this shape that fit one empty compute unit (0: never fits). */
uint32_t emu_occupancy(const struct emu_profile *profile, const struct emu_shape *shape);

struct emu_cu {
    uint16_t waves_free[EMU_MAX_SIMDS];
    uint16_t vgprs_free[EMU_MAX_SIMDS];
    uint16_t sgprs_free[EMU_MAX_SIMDS];
    uint16_t workgroups; /* of more than one wave */
    uint16_t slots_used; /* work-groups of any size */
    uint32_t lds_free;
};

enum emu_resident_state {
    EMU_RESIDENT_FREE,
    EMU_RESIDENT_PLACED, /* its process has not taken note of it yet */
    EMU_RESIDENT_TAKEN,
    EMU_RESIDENT_AWAY, /* its waves are saved: it occupies nothing, and waits for a place */
};

/** A work-group that holds resources of a compute unit, or held some and will again. */
struct emu_resident {
    int32_t next; /* in the free list, its process's list of new ones, or its queue's of those that
                     are away; -1 ends */
    uint16_t process;
    uint16_t queue;
    uint16_t cu;
    uint8_t used; /* enum emu_resident_state */
    uint8_t simd_waves[EMU_MAX_SIMDS];
    uint32_t dispatch;  /* the owner's own name for the dispatch */
    uint32_t workgroup; /* linear index in the dispatch's grid */
    uint64_t placed_ns;
    struct emu_shape shape; /* rounded to granules */
};

struct emu_device_process {
    int32_t pid;           /* 0: slot free */
    uint8_t absent;        /* stopped: its residents stay, its horizon does not count */
    uint64_t start_time;   /* /proc/PID/stat field 22, tells a reused pid apart */
    uint64_t horizon_ns;   /* EMU_NEVER: nothing to work out */
    int32_t placed;        /* head of the list of its residents placed since it last looked */
    int32_t placed_last;   /* and its end; both -1 if there are none */
    uint32_t wake;         /* futex word, bumped when something here concerns the process */
    uint64_t memory_bytes; /* device memory it has allocated; kept by the driver (emu/amd/vm.c) */
    /* Turns (turns.c). */
    uint8_t wants;        /* it has kernels */
    uint8_t turn_news;    /* its turn began or ended, and it has not looked yet */
    uint32_t slice_us;    /* length of its turns */
    uint64_t news_at_ns;  /* the date that it has to look at */
    uint32_t unmaps;      /* how often its queues were unmapped since it last looked, */
    uint64_t unmapped_ns; /* and for how long altogether */
};

/** A set of compute units: bit u % 64 of word u / 64. */
struct emu_units {
    uint64_t word[(EMU_MAX_CUS + 63) / 64];
};

/** A hardware queue. It places one dispatch's work-groups at a time, in order. */
struct emu_device_queue {
    uint8_t used;
    uint8_t priority;  /* higher is served first; equal ones take turns by work-group */
    uint8_t suspended; /* what waits for a place goes on waiting */
    uint16_t process;
    int32_t away, away_last; /* list of its residents that are away, placed before anything new;
                                both -1 if there are none */
    uint32_t dispatch;
    uint32_t next_workgroup; /* == total: nothing waits for a place */
    uint32_t total_workgroups;
    struct emu_shape shape;
    struct emu_units units; /* where its work-groups may go; none named: anywhere */
};

/** Whose kernels run, where processes take turns (profile.timeslice_us > 0). */
struct emu_turn {
    int32_t owner; /* -1: nobody has run yet. An owner that wants nothing is only still loaded */
    uint64_t since_ns; /* its kernels run from here on; later than now during the switch */
    uint64_t end_ns;   /* EMU_NEVER: nobody else wants to run */
};

struct emu_device {
    uint64_t magic;
    uint32_t version;
    uint32_t bytes; /* sizeof(struct emu_device) of the creator */
    struct emu_profile profile;
    /* Clock: see the top of the file. */
    uint32_t timescale_milli; /* wall ns per device ns, in thousandths */
    uint64_t anchor_wall_ns;
    uint64_t anchor_device_ns;
    uint64_t horizon_ns; /* least over the present processes */
    /* Arbitration. */
    uint32_t turn; /* queue that was served last */
    int32_t free_resident;
    uint64_t placements; /* work-groups placed since creation */
    struct emu_device_process processes[EMU_MAX_PROCESSES];
    struct emu_device_queue queues[EMU_MAX_QUEUES];
    struct emu_turn turn_of;
    struct emu_resident residents[EMU_MAX_RESIDENTS];
    /* One set of units, or with turns one for each process: who runs has the device to itself. */
    struct emu_cu cus[EMU_MAX_PROCESSES][EMU_MAX_CUS];
};

/** Makes an idle device. The clock starts at @wall_ns, so that stamps look like a system clock's.
 */
void emu_device_init(struct emu_device *dev, const struct emu_profile *profile,
                     uint32_t timescale_milli, uint64_t wall_ns);
/** True if the memory holds a device of this version with in-range contents (called on attach). */
bool emu_device_valid(const struct emu_device *dev);
/** After an owner of the lock died in the middle of a change: rebuilds what is derived (free
 * counts, lists, least horizon) from the residents. False if the rest is damaged too. */
bool emu_device_repair(struct emu_device *dev);

/** The clock by itself, for who has read its fields without the lock (and checked that they belong
 *  together). */
struct emu_clock {
    uint32_t timescale_milli;
    uint64_t anchor_wall_ns, anchor_device_ns, horizon_ns;
};
uint64_t emu_clock_now(const struct emu_clock *clock, uint64_t wall_ns);
uint64_t emu_clock_wall_of(const struct emu_clock *clock, uint64_t device_ns);

/** Device time. Monotonic for any sequence of calls with monotonic @wall_ns. */
uint64_t emu_device_now(const struct emu_device *dev, uint64_t wall_ns);
/** Wall time at which the clock will show @device_ns if no horizon changes; EMU_NEVER if a horizon
 *  is in the way. */
uint64_t emu_device_wall_of(const struct emu_device *dev, uint64_t device_ns);

/** Returns a slot, or -ENOSPC. */
int emu_device_attach(struct emu_device *dev, int32_t pid, uint64_t start_time);
/** Frees everything the process holds: residents, queues, horizon. Places whom that lets in. */
void emu_device_detach(struct emu_device *dev, int process, uint64_t wall_ns);
/** Publishes how far @process has worked things out; re-anchors the clock. Raising the least
 * horizon bumps the wake word of every process that waits for a date (the caller wakes the futexes
 * it sees changed). Never passes the date of a placed work-group that the process has not taken
 * yet. */
void emu_device_set_horizon(struct emu_device *dev, int process, uint64_t horizon_ns,
                            uint64_t wall_ns);
/** A stopped process no longer holds the clock back (absent), or does again. */
void emu_device_set_absent(struct emu_device *dev, int process, bool absent, uint64_t wall_ns);

/** Returns a queue id, or -ENOSPC. */
int emu_device_queue_open(struct emu_device *dev, int process, uint32_t priority);
/** Drops what waits for a place. Residents of the queue stay until released one by one; those that
 *  are away must have been. */
void emu_device_queue_close(struct emu_device *dev, int queue);
void emu_device_queue_set_priority(struct emu_device *dev, int queue, uint32_t priority);
/** Restricts where its work-groups go from now on (a mask of units, a partition). */
void emu_device_queue_set_units(struct emu_device *dev, int queue, const struct emu_units *units);
/** Suspends placement for the queue, or resumes it at @at_ns. */
void emu_device_queue_suspend(struct emu_device *dev, int queue, bool suspended, uint64_t at_ns);
/** The waves of the suspended queue are saved: its residents give up their places at @at_ns to
 *  whoever fits, and are placed again (EMU_RESIDENT_PLACED) when it is resumed and there is room. */
void emu_device_queue_save(struct emu_device *dev, int queue, uint64_t at_ns);

/** @process takes all queues of all processes off the hardware at @at_ns, for @delay_ns. The others
 * find that in emu_device_unmaps; the clock waits for them to have looked. */
void emu_device_unmap(struct emu_device *dev, int process, uint64_t delay_ns, uint64_t at_ns);
/** True if another process has done so since the last call; @delay_ns: for how long altogether. */
bool emu_device_unmaps(struct emu_device *dev, int process, uint64_t *delay_ns);

/** Offers a dispatch's work-groups for placement from device time @at_ns on and places what fits.
 *  -EBUSY if the queue still has work-groups of an earlier dispatch waiting, -ENOSPC if the shape
 * fits no empty compute unit. */
int emu_device_dispatch(struct emu_device *dev, int queue, uint32_t dispatch,
                        const struct emu_shape *shape, uint32_t workgroups, uint64_t at_ns);
/** Withdraws the work-groups of the queue that wait for a place (a kill). Returns how many. */
uint32_t emu_device_withdraw(struct emu_device *dev, int queue);
/** A work-group ended (or was killed) at @at_ns: frees its resources and places, at that very
 *  moment, whoever fits now. Lowers the horizon of each process that got one to @at_ns. */
void emu_device_release(struct emu_device *dev, int resident, uint64_t at_ns);
/** The same for several work-groups that end at the same moment: all are off before anyone is
 * placed. */
void emu_device_release_many(struct emu_device *dev, const int *residents, unsigned count,
                             uint64_t at_ns);
/** Takes the next newly placed resident of @process, or -1. */
int emu_device_take_placed(struct emu_device *dev, int process);

/** Waves that share the fullest of the SIMDs on which this resident has waves (>= 1). */
uint32_t emu_device_waves_beside(const struct emu_device *dev, int resident);

/* ---- turns (turns.c): nothing happens here in a profile without time slices ---- */

/** The units that the process's work-groups are placed on. */
static inline struct emu_cu *emu_device_cus(struct emu_device *dev, int process)
{
    return dev->cus[dev->profile.timeslice_us ? process : 0];
}
/** Says that the process has, or no longer has, kernels on the device from @at_ns on. */
void emu_device_turn_want(struct emu_device *dev, int process, bool wants, uint64_t at_ns);
/** The process's slices are so long from now on, @at_ns; one that runs keeps its end. */
void emu_device_turn_slice(struct emu_device *dev, int process, uint32_t slice_us, uint64_t at_ns);
/** One of the process's kernels has ended and none waits behind those that run: they go on in a later
 *  turn if another process wants one. */
void emu_device_turn_yield(struct emu_device *dev, int process, uint64_t at_ns);
/** Ends the present turn if @now_ns, the present moment of the clock, has reached its end. */
void emu_device_turn_over(struct emu_device *dev, uint64_t now_ns);
/** The process takes note of its turn's state: the date from which on its kernels run, or
 *  EMU_NEVER if it is not its turn. */
uint64_t emu_device_turn_look(struct emu_device *dev, int process);
/** Waves on the compute unit of this resident (>= 1). */
uint32_t emu_device_waves_on_unit(const struct emu_device *dev, int resident);
/** Compute units with work-groups on them, of those on which the process's are placed. */
uint32_t emu_device_units_in_use(const struct emu_device *dev, int process);
