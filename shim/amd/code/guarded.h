// SPDX-License-Identifier: Apache-2.0
/*
 * A kernel with guards: bytes that are put anywhere into the GPU's memory, and lead to the kernel,
 * which stays as it is, as does the code object that it is from. Made when the kernel is launched
 * for the first time, not when its code object is loaded: of large libraries most kernels never
 * run.
 *
 * For every *ticket* there is a block of each kind of guard (guard.h): a descriptor that a packet
 * can name in place of the kernel's own. A ticket is a place for one packet in flight: its number
 * gives the record (records + ticket * 64) and the queue's line (lines + (ticket >>
 * per_queue_shift) * 4096). Behind the blocks is the copy of the kernel with guards inside
 * (inside.h), if it may be run again; its EVICT guards lead to that.
 *
 * Pure; the code may be any bytes.
 */
#pragma once

#include "shim/amd/code/analysis/analysis.h"
#include "shim/amd/code/guard.h"
#include "shim/amd/code/inside.h"

enum { REEF_TICKETS_MAX = 1024, REEF_RECORD_BYTES = 64 };

struct reef_guard_layout {
    uint64_t lines, records; /* GPU addresses; lines at a multiple of REEF_LINE_BYTES */
    unsigned tickets;        /* 1 to REEF_TICKETS_MAX */
    unsigned per_queue_shift;
};

struct reef_guarded {
    struct reef_analysis analysis;
    bool alone;   /* its wavefronts cannot wait for each other: no barrier, no calls */
    size_t bytes; /* that its guards take; 0: it cannot have any */
    /* private */
    struct reef_inside inside; /* owned code */
    struct reef_guard_registers registers;
    const struct reef_target *target;
    uint8_t descriptor[REEF_DESCRIPTOR_BYTES];
};

/** Analyses a kernel and plans its guards; @layout NULL: it is to have none. 0, or -ENOMEM: then
 *  there is the analysis, and no guards. */
int reef_guarded_make(struct reef_guarded *out, const struct reef_object *object,
                      const struct reef_object_kernel *kernel,
                      const struct reef_guard_layout *layout);
/** Writes what is to lie at a multiple of 256 in the GPU's memory. @entry: address of the kernel's
 *  first instruction. */
void reef_guarded_write(const struct reef_guarded *guarded, uint8_t *to, uint64_t entry,
                        const struct reef_guard_layout *layout);
/** Frees what it owns. */
void reef_guarded_free(struct reef_guarded *guarded);

/** The descriptor in the block for @ticket: bytes from the beginning. */
static inline uint64_t reef_guarded_descriptor(enum reef_guard guard, unsigned ticket,
                                               unsigned tickets)
{
    uint64_t block = (guard == REEF_GUARD_EVICT ? 0 : tickets) + (uint64_t)ticket;
    return block * REEF_GUARD_BLOCK_BYTES + REEF_GUARD_CODE_BYTES;
}
