// SPDX-License-Identifier: Apache-2.0
/*
 * A code object with guards: the same bytes, with one more executable segment behind the others.
 * For every kernel and every *ticket* it holds a block of each kind of guard (guard.h): a
 * descriptor that a packet can name in place of the kernel's own. The kernels' own code and
 * descriptors are not touched, so a packet may name those as well.
 *
 * A ticket is a place for one packet in flight: its number gives the record (record + ticket * 64)
 * and the queue's line (lines + (ticket >> per_queue_shift) * 4096).
 *
 * A kernel that may be run again is there once more, with guards inside (inside.h); its EVICT
 * guards lead to that copy.
 *
 * The segment takes the place of PT_GNU_STACK in the program headers, which means nothing on a GPU:
 * ROCr's loader (loader/executable.cpp, LoadSegmentsV2) allocates up to the end of the last PT_LOAD
 * and copies each one, so no other header has to move. Pure; the input may be any bytes.
 */
#pragma once

#include "shim/amd/code/analysis/analysis.h"
#include "shim/amd/code/guard.h"

enum { REEF_TICKETS_MAX = 1024, REEF_RECORD_BYTES = 64 };

struct reef_rewrite_config {
    uint64_t lines, records; /* GPU addresses; lines at a multiple of REEF_LINE_BYTES */
    unsigned tickets;        /* 1 to REEF_TICKETS_MAX */
    unsigned per_queue_shift;
};

struct reef_guarded_kernel {
    uint64_t descriptor_va; /* the kernel's own; relative to the code object, like the others */
    uint64_t blocks_va; /* of REEF_GUARD_EVICT, then of REEF_GUARD_FOLLOW; 0: it has no guards */
    unsigned loops;     /* guards in loops */
    bool alone;         /* its wavefronts cannot wait for each other: no barrier, no calls */
    struct reef_analysis analysis;
};

struct reef_rewritten {
    uint8_t *bytes; /* owned; NULL: there is nothing to guard */
    size_t size;
    struct reef_guarded_kernel *kernels; /* owned */
    unsigned count;                      /* of them */
    unsigned guarded;                    /* of them with guards */
    unsigned broken;                     /* kernels not listed: their descriptors are damaged */
};

/** 0; -ENOEXEC: no code object, a damaged one, or one with no room for a segment; -ENOTSUP: code
 * for another GPU; -ENOMEM. On error @out is empty. */
int reef_rewrite(struct reef_rewritten *out, const void *bytes, size_t size,
                 const struct reef_rewrite_config *config);
/** Frees what @out owns and empties it. */
void reef_rewritten_free(struct reef_rewritten *out);

/** The number of a kernel's block. */
static inline uint64_t reef_guard_block(enum reef_guard guard, unsigned ticket, unsigned tickets)
{
    return (guard == REEF_GUARD_EVICT ? 0 : tickets) + (uint64_t)ticket;
}
