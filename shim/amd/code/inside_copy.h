// SPDX-License-Identifier: Apache-2.0
/* A kernel's copy with guards, while it is made. Private to inside*.c. */
#pragma once

#include "isa/gcn/isa.h"
#include "shim/amd/code/inside.h"

enum { INSIDE_LOOPS_MAX = 64 };

/* All ways back to one instruction. */
struct loop {
    unsigned head;
    uint32_t *body; /* borrowed; by instruction: 0, or its number in the loop, from 1 */
    unsigned size;  /* instructions in it */
    bool innermost;
    unsigned copies; /* of the body, behind the rest of the code; in the last one there is a look */
    unsigned look_at; /* the instruction before which that is */
    unsigned label;   /* of the body's first instruction in the first copy */
};

struct copy {
    struct isa_inst *inst; /* owned */
    unsigned count, capacity;
    int32_t (*next)[2]; /* owned; by instruction: the ways on, -1: none. [0]: falls, [1]: jumps */
    struct loop *loop;  /* owned */
    unsigned loops;
    uint32_t *bodies; /* owned */
    uint8_t *look; /* owned; by instruction of the main text: whether there is a look before it */
    const uint8_t *original;
    unsigned s; /* first SGPR of the guards */

    /* What is written: words, branches in them that lead to labels, where the labels are. */
    uint32_t *words; /* owned */
    size_t used, room;
    struct reference {
        size_t at;
        unsigned label;
    } * references; /* owned */
    size_t reference_count, reference_room;
    size_t *labels; /* owned */
    unsigned label_count;
    bool failed; /* no memory */
};

static inline bool inside_is_branch(const struct isa_inst *inst)
{
    return (inst->op->flags & ISA_BRANCH) != 0;
}

/* --- inside_loops.c --- */
/** Finds all ways on. False: no memory. */
bool inside_find_ways(struct copy *c);
/** Finds all loops. False: no memory. */
bool inside_find_loops(struct copy *c);
/** The loop that the way from instruction @from to @to leads back in, or NULL. */
struct loop *inside_loop_of(const struct copy *c, unsigned from, unsigned to);
/** Whether on some way from instruction @from SCC is read before it is written. True if there is no
 *  memory to find out. */
bool inside_scc_matters(const struct copy *c, unsigned from);

/* --- inside_times.c --- */
enum { INSIDE_RESULTS = 16 };
struct timeline {
    uint64_t now; /* cycles */
    /* Results on the way, in the order in which they were asked for: when each is there. */
    struct results {
        uint64_t ready[INSIDE_RESULTS];
        unsigned count;
    } vector, local; /* as vmcnt and lgkmcnt count them */
};
/** Runs one instruction. */
void inside_step(struct timeline *t, const struct isa_inst *inst);
/** Instructions that are run one after the other. */
struct path {
    const unsigned *inst;
    unsigned count;
};
/** A look in one of several rounds of them, before one of them. */
struct look_at {
    unsigned round, index;
    bool keep_scc;
};
/** The cycles that they take, about. @at may be NULL. */
uint64_t inside_time(const struct copy *c, const struct path *path, unsigned rounds,
                     const struct look_at *at);

/* --- inside_places.c --- */
/** Decides where the copy looks at the flag. False: no memory. */
bool inside_choose_places(struct copy *c);

/* --- inside_layout.c --- */
/** @count labels; the number of the first. */
unsigned inside_labels(struct copy *c, unsigned count);
void inside_label_here(struct copy *c, unsigned label);
void inside_emit(struct copy *c, uint32_t word);
/** A branch (SOPP's @word without its distance) to a label. */
void inside_branch(struct copy *c, uint32_t word, unsigned label);
/** The instruction @i of the original code itself, branches included, and a branch to what follows
 *  if that is not the label @behind (-1: none). In the main text @loop is NULL, else it is for copy
 *  @nth (from 1). */
void inside_put(struct copy *c, unsigned i, const struct loop *loop, unsigned nth, int32_t behind);
/** Gives all branches their distances. False: one is too far, or there was no memory. */
bool inside_resolve(struct copy *c);
