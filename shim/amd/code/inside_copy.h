// SPDX-License-Identifier: Apache-2.0
/* A kernel's copy with guards, while it is made. Private to inside*.c. */
#pragma once

#include "isa/gcn/isa.h"
#include "shim/amd/code/inside.h"

enum { INSIDE_LOOPS_MAX = 256 };

/* A look: sends for the flag in one place, and tests it in another one, perhaps after a wait. In
 * one place it tests first, what was sent for the last time. */
enum { INSIDE_SEND = 1, INSIDE_TEST = 2, INSIDE_WAIT = 4 };

/* All ways back to one instruction. */
struct loop {
    unsigned head;
    uint32_t *body; /* borrowed; by instruction: 0, or its number in the loop, from 1 */
    unsigned size;  /* instructions in it */
    unsigned words; /* that a copy of it takes at most */
    bool innermost;
    uint64_t round;     /* cycles of the longest, about, on a full unit */
    struct loop *nest;  /* whose body is copied: this loop, or one around it; NULL: none */
    unsigned advance;   /* how many copies further a way back leads */
    unsigned copies;    /* of the body, behind the rest of the code; the last one looks */
    unsigned test_copy; /* that tests what the last one has sent for */
    unsigned label;     /* of the body's first instruction in the first copy */
    unsigned look;      /* label of the look on the way to its head in the last copy of a nest */
};

struct copy {
    struct isa_inst *inst; /* owned */
    unsigned count, capacity;
    int32_t (*next)[2]; /* owned; by instruction: the ways on, -1: none. [0]: falls, [1]: jumps */
    uint8_t *target;    /* owned; by instruction: whether there is a jump to it */
    uint8_t *scc;       /* owned; by instruction: whether SCC, as it is before it, is read */
    /* Owned: what can be reached, each before all to which it leads but the heads of its loops. */
    unsigned *order;
    unsigned order_count;
    struct loop *loop; /* owned */
    unsigned loops;
    uint32_t *bodies; /* owned */
    uint8_t *look;    /* owned; by instruction of the main text: what of a look stands before it */
    uint8_t *last;    /* owned; the same, in the last copies of loops */
    const uint8_t *original;
    unsigned s;     /* first SGPR of the guards */
    unsigned waves; /* that a SIMD may hold */
    uint64_t spare; /* words that copies of loops may take: so every branch reaches its label */

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
enum { INSIDE_RESULTS = 16, INSIDE_SCALAR = 200 /* cycles of a scalar load */ };
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

/* --- inside_look.c --- */
/* Instructions in the order in which they are about to be run. */
struct path {
    unsigned *inst; /* owned */
    uint8_t *often; /* owned; whether that place is not passed by on another way */
    unsigned count;
};
/** Empty, with room. False: no memory; to be freed all the same. */
bool inside_make_path(struct path *path, size_t room);
void inside_free_path(struct path *path);
void inside_append(struct path *path, unsigned i, bool often);
/* Before which places of a path it sends for the flag and tests it. */
struct look {
    unsigned send, test;
    bool waits;    /* before the test */
    uint64_t cost; /* cycles */
};
/** The cycles of a part of the path, of a wavefront that is alone; with a look, or NULL. */
uint64_t inside_time_of(const struct copy *c, const struct path *path, unsigned from, unsigned to,
                        const struct look *look);
/** Whether a place is before or behind a branch, or what sends for memory or waits for it. */
bool inside_worth_a_try(const struct copy *c, const struct path *path, unsigned n);
/**
 * The cheapest look that sends before place @n, as far as the neighbours show it. It tests further
 * on, before place @last, where every way leads that has passed @n: so the test is late enough not
 * to wait, or comes where the kernel has waited itself; and the wavefront ends soon after the flag
 * is seen. @late: cycles that this is worth.
 */
struct look inside_look_from(const struct copy *c, const struct path *path, unsigned n,
                             unsigned last, unsigned late);
/** Notes it in @looks, by instruction. */
void inside_mark(uint8_t *looks, const struct path *path, const struct look *look);

/* --- inside_nests.c, inside_places.c --- */
/* Cycles by inside_step() on a unit that is full, where a wavefront waits for its turns; alone it
 * takes about half as long. After DISTANCE without a look there is one; a copied loop looks every
 * ROUNDS, and less often if that costs much. What is left of 5 us (8625 cycles on an MI50) is for
 * the time from sending to testing, and for ending. */
enum { INSIDE_DISTANCE = 8000, INSIDE_ROUNDS = 4000, INSIDE_LATE = 300 };
/** Decides how loops look at the flag. False: no memory. */
bool inside_place_in_loops(struct copy *c);
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
