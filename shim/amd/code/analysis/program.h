// SPDX-License-Identifier: Apache-2.0
/*
 * A kernel's instructions and basic blocks, and what is known where each block begins. Private to
 * analysis/.
 */
#pragma once

#include "shim/amd/code/analysis/state.h"

struct block {
    uint32_t first, count; /* instructions */
    int32_t next[2];       /* blocks; -1: none */
    uint32_t visits;
    bool queued;
    bool loop; /* a way leads back here */
    struct state in;
    struct range_edges of_lanes, of_wavefront; /* that came so far, with what held on them */
};

struct program {
    struct isa_inst *inst;
    uint32_t count;
    uint32_t *block_of; /* by instruction: the block that begins there + 1 */
    struct block *blocks;
    uint32_t block_count;
};

/* A way from one block to another. */
struct edge {
    struct block *to;
    uint32_t number; /* of the block it goes to */
    int32_t from;    /* its own name */
    struct range_conditions of_lanes, of_wavefront;
};

/** program.c: decodes @bytes of code, up to the end of the function, or if that is not @exact to
 *  the last s_endpgm that is not jumped over; and finds the blocks. False: it is not understood
 *  (and said to be), or there is no memory. */
bool program_read(struct analysis *a, struct program *p, const uint8_t *code, uint64_t bytes,
                  bool exact, uint64_t address);
void program_free(struct program *p);

/** meet.c: states. False: no memory. */
bool state_make(const struct analysis *a, struct state *s);
void state_copy(const struct analysis *a, struct state *to, const struct state *from);
void state_forget(const struct analysis *a, struct block *block);
/** What the hardware sets up. */
void state_at_entry(const struct analysis *a, struct state *s, const uint8_t *descriptor);
/** What is known at the end of one block is known at the beginning of the next, together with what
 *  others bring. True: that is something new. */
bool state_meet(struct analysis *a, const struct edge *edge, const struct state *from);

static inline size_t vector_count(const struct analysis *a)
{
    return (size_t)SETS * a->vgprs;
}
