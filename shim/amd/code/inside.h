// SPDX-License-Identifier: Apache-2.0
/*
 * Guards inside of a kernel: a copy of it in which some instructions lead through *stubs* that look
 * at the evict flag and end the wavefront if it is up. Only for kernels that may be run again and
 * whose wavefronts are independent (analysis.h). Pure.
 *
 *  - Every loop's way back looks now and then. So what evicts a queue also ends what runs.
 *  - The first wait for scalar loads, commonly for the kernel's arguments, waits for the flag as
 * well, which the guard in front of the kernel has only sent for: so testing it costs next to
 * nothing.
 *
 *  - There the first work-group of a launch also looks at the board's word, in the host's memory,
 * which real-time processes raise with one store; if that is up it raises the queue's flag and all
 * its replicas for the others, and ends. So what begins after that store ends even if no agent of
 * the host has woken up yet. It waits for that look, so it is told to only while there is a
 * real-time process. All work-groups looking there would stop the GPU (docs/emulator.md, "Words
 * that many look at").
 *
 * The copy is the kernel's code as it is, but for these branches and that wait; stubs follow it.
 * Eight SGPRs above those of the kernel are the stubs' own, if that costs no occupancy. A stub
 * leaves SCC as it was where that matters, and does not touch VCC, EXEC, M0 or a VGPR unless it
 * ends the wavefront. It waits for scalar and LDS operations under way, which is no more than a
 * delay.
 *
 * When a loop looks: each way back counts down by what one round takes, about, without inner loops.
 * Below zero the stub tests the flag that it sent for the last time, sends for it again, and begins
 * anew at REEF_INSIDE_CYCLES; so the wavefront does not wait for it, and ends two such times after
 * the flag at the latest. Where a round is long it waits. All wavefronts of a GPU reading one word
 * is a hot spot, so each compute unit has a replica of the flag.
 */
#pragma once

#include "shim/amd/code/object.h"

enum {
    REEF_INSIDE_SGPRS = 8,
    REEF_INSIDE_CYCLES = 1500, /* about twice that in truth: see cycles_of() */
    REEF_INSIDE_LONG = 4000,
    REEF_INSIDE_REPLICAS = 16, /* of the flag: by CU_ID, 4 bits of HW_ID */
};

/* The stubs' registers, counted from the first of them. */
enum {
    REEF_INSIDE_POLL = 0,   /* pair: address of the replica, less REEF_GUARD_REPLICA */
    REEF_INSIDE_RECORD = 2, /* pair: address of the packet's record */
    REEF_INSIDE_COUNT = 4,
    REEF_INSIDE_SAVED = 5, /* until the first wait: 0 in the first work-group */
    REEF_INSIDE_WORD = 6,  /* pair */
};

struct reef_inside {
    uint8_t *code; /* owned; NULL: there is no copy, for there would be no stub in it */
    size_t bytes;
    unsigned loops; /* stubs in loops */
    bool late;      /* the flag is tested inside, not in front */
    unsigned sgpr;  /* the first of the stubs' registers */
};

/** Makes the copy. False: no memory. */
bool reef_inside_make(struct reef_inside *out, const struct reef_object *object,
                      const struct reef_object_kernel *kernel);
