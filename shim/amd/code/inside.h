// SPDX-License-Identifier: Apache-2.0
/*
 * Guards inside of a kernel: a copy of it in which some places look at the evict flag and end the
 * wavefront if it is up. Only for kernels that may be run again and whose wavefronts are
 * independent (analysis.h). Pure.
 *
 *  - No way through the copy is longer than some thousand cycles without a look. So what evicts a
 * queue also ends what runs.
 *  - The first wait for scalar loads, commonly for the kernel's arguments, waits for the flag as
 * well, which the guard in front of the kernel has only sent for: so testing it costs next to
 * nothing. The instructions before that wait stand in the guard itself, and it jumps while the
 * loads are under way.
 *
 *  - There the first work-group of a launch also looks at the board's word, in the host's memory,
 * which real-time processes raise with one store; if that is up it raises the queue's flag and all
 * its replicas for the others, and ends. So what begins after that store ends even if no agent of
 * the host has woken up yet. It waits for that look, so it is told to only while there is a
 * real-time process. All work-groups looking there would stop the GPU (docs/emulator.md, "Words
 * that many look at").
 *
 * The copy has the kernel's instructions in their order (inside_layout.c), with looks between them.
 * Eight SGPRs above those of the kernel are the guards' own, if that costs no occupancy. A look
 * leaves SCC as it was where that matters, and does not touch VCC, EXEC, M0 or a VGPR unless it
 * ends the wavefront. It waits for scalar and LDS operations under way, which is no more than a
 * delay.
 *
 * A look sends for the flag in one place and tests it a little further on, so the wavefront hardly
 * waits for it, and ends about one distance after the flag. The distances are chosen when the copy
 * is made (inside_places.c, inside_nests.c), so nothing is counted while it runs: the bodies of
 * short loops are there several times, with one look for all; long rounds and long code without
 * loops have several. All wavefronts of a GPU reading one word is a hot spot, so each compute unit
 * has a replica of the flag.
 */
#pragma once

#include "shim/amd/code/object.h"

enum {
    REEF_INSIDE_SGPRS = 8,
    REEF_INSIDE_REPLICAS = 16, /* of the flag: by CU_ID, 4 bits of HW_ID */
    REEF_INSIDE_PROLOGUE = 20, /* words at most */
};

/* The guards' registers, counted from the first of them, whose number is a multiple of four. */
enum {
    REEF_INSIDE_WORD = 0,   /* four: at first the beginning of the queue's line (guard.h) */
    REEF_INSIDE_SAVED = 2,  /* one of these: SCC */
    REEF_INSIDE_POLL = 4,   /* pair: address of the replica, less REEF_GUARD_REPLICA */
    REEF_INSIDE_RECORD = 6, /* pair: address of the packet's record */
};

struct reef_inside {
    uint8_t *code; /* owned; NULL: there is no copy, for there would be no look in it */
    size_t bytes;
    unsigned loops;                          /* that look */
    unsigned looks;                          /* written, but for the first */
    bool late;                               /* the flag is tested inside, not in front */
    unsigned sgpr;                           /* the first of the guards' registers */
    uint32_t prologue[REEF_INSIDE_PROLOGUE]; /* the beginning of @code, to stand in the guard */
    unsigned prologue_words;
};

/** Makes the copy. False: no memory. */
bool reef_inside_make(struct reef_inside *out, const struct reef_object *object,
                      const struct reef_object_kernel *kernel);
