// SPDX-License-Identifier: Apache-2.0
/* A kernel's copy with guards, while it is made. Private to inside*.c. */
#pragma once

#include "isa/gcn/isa.h"
#include "shim/amd/code/inside.h"

enum { INSIDE_LOOPS_MAX = 64 };

/* A look: sends for the flag in one place, and tests it in another one, perhaps after a wait. In
 * one place it tests first, what was sent for the last time. */
enum { INSIDE_SEND = 1, INSIDE_TEST = 2, INSIDE_WAIT = 4 };

/* All ways back to one instruction. */
struct loop {
    unsigned head;
    uint32_t *body; /* borrowed; by instruction: 0, or its number in the loop, from 1 */
    unsigned size;  /* instructions in it */
    bool innermost;
    unsigned copies; /* of the body, behind the rest of the code; in the last one there is a look */
    unsigned send, test; /* the instructions before which it sends for the flag and tests it */
    bool waits;          /* before the test */
    unsigned label;      /* of the body's first instruction in the first copy */
};

struct copy {
    struct isa_inst *inst; /* owned */
    unsigned count, capacity;
    int32_t (*next)[2]; /* owned; by instruction: the ways on, -1: none. [0]: falls, [1]: jumps */
    uint8_t *target;    /* owned; by instruction: whether there is a jump to it */
    uint8_t *scc;       /* owned; by instruction: whether SCC, as it is before it, is read */
    unsigned
        *order; /* owned: those that can be reached, each before all that follow, but for loops */
    unsigned order_count;
    struct loop *loop; /* owned */
    unsigned loops;
    uint32_t *bodies; /* owned */
    uint8_t *look;    /* owned; by instruction of the main text: what of a look stands before it */
    const uint8_t *original;
    unsigned s;     /* first SGPR of the guards */
    unsigned waves; /* that a SIMD may hold */

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
/** Finds all ways on, and where SCC matters. False: no memory. */
bool inside_find_ways(struct copy *c);
/** Finds all loops. False: no memory. */
bool inside_find_loops(struct copy *c);
/** The loop that the way from instruction @from to @to leads back in, or NULL. */
struct loop *inside_loop_of(const struct copy *c, unsigned from, unsigned to);

/* --- inside_times.c --- */
enum { INSIDE_RESULTS = 16 };
struct timeline {
    unsigned waves; /* on a SIMD, of which each gets every other turn at most; 0: alone */
    uint64_t now;   /* cycles */
    /* Results on the way, in the order in which they were asked for: when each is there. */
    struct results {
        uint64_t ready[INSIDE_RESULTS];
        unsigned count;
    } vector, local; /* as vmcnt and lgkmcnt count them */
};
/** Runs one instruction. */
void inside_step(struct timeline *t, const struct isa_inst *inst);
/** Runs a look's two halves. */
void inside_step_test(struct timeline *t, bool waits, bool keep_scc);
void inside_step_send(struct timeline *t);
/** Whether an instruction waits for all scalar loads. */
bool inside_waits_for_scalar(const struct isa_inst *inst);

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
