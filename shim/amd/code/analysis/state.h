// SPDX-License-Identifier: Apache-2.0
/*
 * What is known at one point of a program: of every register, and of the lanes that do not take
 * part. Private to analysis/.
 *
 * A vector instruction writes the lanes in EXEC only; the others keep what they had. So of a VGPR
 * two things matter: what it may hold in the active lanes, which a write replaces, and what in
 * those that were set aside and come back. Compilers make EXEC smaller when a branch begins that
 * only some lanes take (s_and_saveexec_b64) and bring the others back with the mask they saved: the
 * lanes that were set aside form a stack of *levels*, each with what the VGPRs held when it was
 * entered. Lanes that leave a loop are collected in a mask that grows, and come back with that: an
 * *aside* for each such mask.
 *
 *   level d+1 entered   aside of that level := active
 *   else                the two are exchanged
 *   level d again       active := active joined with the asides of all levels above d
 *
 * Anything else that changes EXEC is not understood, and ends the analysis.
 */
#pragma once

#include <stdlib.h>

#include "isa/gcn/isa.h"
#include "shim/amd/code/analysis/analysis.h"
#include "shim/amd/code/analysis/value.h"
#include "shim/amd/code/ranges/builder.h"

enum {
    SCALARS = 128,
    S_SCC = 128,  /* what SCC depends on */
    S_EXEC = 129, /* what EXEC depends on */
    SCALAR_SLOTS = 130,
    LEVELS = 12,
    LOOPS = 6,
    FACTS = 6,
    /* Sets of VGPR values: the active lanes', each level's, each loop's, and of the lanes that were
     * taken out in a way that says nothing of when they come back. */
    SET_ACTIVE = 0,
    SET_LEVEL = 1,
    SET_LOOP = SET_LEVEL + LEVELS,
    SET_LOST = SET_LOOP + LOOPS,
    SETS,
};

struct state {
    bool reached;
    uint8_t depth;             /* levels entered */
    int16_t loop_mask[LOOPS];  /* the SGPR pair that collects; -1: not in use */
    uint8_t loop_depth[LOOPS]; /* levels entered when lanes were set aside with it, at most */
    /* Conditions (ranges/builder.h), 0: none is known. */
    uint16_t level_condition[LEVELS]; /* of lanes in this level */
    uint16_t rest_condition[LEVELS];  /* of those that were set aside when it was entered */
    uint16_t lane_condition[2];       /* of the lanes that are active, while no others come back */
    uint16_t fact[FACTS];             /* of the way here: branches of the whole wavefront */
    /* By set: whether anything is in it. All registers of one that has no bit are 0: most have
     * none, and take no time. The active lanes' set always has. */
    uint32_t sets;
    struct value *scalar; /* SCALAR_SLOTS */
    struct value *vector; /* SETS * vgprs */
};

/* The analysis of one kernel. */
struct analysis {
    struct reef_analysis *out;
    const struct isa_inst *inst; /* being looked at */
    struct state *now;
    unsigned vgprs;
    bool failed;
    bool writes_unknown, reads_unknown; /* memory that could not be traced */
    uint64_t reads_unknown_at;
    bool code_read, code_written; /* the code object's own memory */
    bool barrier, local_read;
    bool local_matters; /* data of LDS decides addresses or ways */
    /* The lanes of then and else are active at once (exec.c): those of the else have their values
     * in the topmost level's set. */
    bool both;
    uint8_t both_register;
    struct range_builder *numbers; /* NULL: nobody wants to know */
    /* By SGPR pair: what holds for the lanes that are active and whose bits are 0 in it. For masks
     * that were made since EXEC changed, in this block. */
    uint16_t unless[SCALARS];
    uint16_t unless_before; /* the same, of what the instruction computes */
};

/** Ends the analysis: never restartable. */
void analysis_fail(struct analysis *a, const char *reason);

static inline struct value *active(struct analysis *a, unsigned vgpr)
{
    return &a->now->vector[SET_ACTIVE * a->vgprs + vgpr];
}

/** What the other active lanes hold, while both is set. */
static inline struct value *also_active(struct analysis *a, unsigned vgpr)
{
    return &a->now->vector[(SET_LEVEL + a->now->depth - 1u) * a->vgprs + vgpr];
}

/** exec.c: what an instruction that writes EXEC does to the levels. */
void exec_transfer(struct analysis *a);
/** exec.c: SGPR @number was written by an instruction that is none of exec_transfer's. */
void exec_scalar_written(struct analysis *a, unsigned number);

/** transfer.c: what an instruction does to registers. */
void register_transfer(struct analysis *a);
/** What operand @i may hold, its dword @part. */
struct value operand_value(struct analysis *a, unsigned i, unsigned part);
void write_register(struct analysis *a, const struct isa_operand *to, unsigned part,
                    struct value value);

/** symbolic.c: the expression of dword @part of what the instruction writes to its destination, or
 *  with @second to its other one (carry, SCC). 0: it is not known. */
unsigned symbolic_result(struct analysis *a, bool second, unsigned part);
/** The expression of dword @part of the @nth source, or 0. */
unsigned symbolic_source(struct analysis *a, unsigned nth, unsigned part);

/** conditions.c: what a compare writes to SCC; or a mask, if it writes one. 0: it is not known. */
unsigned symbolic_compare(struct analysis *a);
unsigned symbolic_mask(struct analysis *a, enum isa_id id, bool *is_mask);
/** Before and behind its writes: what the mask in its destination says where it is 0. */
void symbolic_masks_before(struct analysis *a);
void symbolic_masks(struct analysis *a);
/** The address of a global access as an expression; 0: it is not known. */
unsigned symbolic_address(struct analysis *a);
/** What dword @part of a load from the dispatch packet is. */
unsigned symbolic_packet(struct analysis *a, unsigned part);
/** All conditions that hold now: for the active lanes, or only such as hold for the wavefront. */
void symbolic_conditions(const struct state *s, bool of_lanes, struct range_conditions *out);
/** Adds one that holds for the wavefront from now on. */
void symbolic_add_fact(struct state *s, unsigned condition);
/** What of @from holds also for @to; whether that is less than did. */
bool symbolic_join_conditions(struct state *to, const struct state *from);

/** access.c: what it does to memory; the registers that it loads into. */
void access_transfer(struct analysis *a);
