// SPDX-License-Identifier: Apache-2.0
/*
 * EXEC as compilers use it (LLVM: SILowerControlFlow, SIOptimizeExecMasking). See state.h.
 *
 *   s_and_saveexec_b64 S, C        if: enter a level; S = SAVED
 *   s_xor_b64 S, exec, S           S = REST: the lanes of the else
 *   s_andn2_saveexec_b64 S, S      else; S = the lanes of the then: with EXEC they are all again
 *   s_or_saveexec_b64 S, S         the same in two steps: the lanes of both,
 *   s_xor_b64 exec, exec, S          then those of the else only
 *   s_or_b64 exec, exec, S         the level ends
 *   s_andn2_b64 exec, exec, B      lanes in B leave a loop
 *   s_or_b64 exec, exec, B         they come back
 */
#include "shim/amd/code/analysis/state.h"

enum { EXEC = ISA_EXEC };

static struct value *set(struct analysis *a, unsigned number)
{
    return &a->now->vector[number * a->vgprs];
}

static void join_set(struct analysis *a, unsigned to, unsigned from)
{
    if (!(a->now->sets >> from & 1))
        return;
    a->now->sets |= 1u << to;
    for (unsigned i = 0; i < a->vgprs; i++)
        set(a, to)[i] = value_join(set(a, to)[i], set(a, from)[i]);
}

/* The active lanes are set aside in set @to, and may come back when what loops count has gone on:
 * such expressions are none of theirs any more (ranges/builder.h). */
static void put_aside(struct analysis *a, unsigned to)
{
    a->now->sets |= 1u << to;
    for (unsigned i = 0; i < a->vgprs; i++) {
        struct value value = *active(a, i);
        if (range_flags(a->numbers, value.number) & RANGE_VARIES)
            value.number = 0;
        set(a, to)[i] = value_join(set(a, to)[i], value);
    }
}

/* Other lanes are active from now on. */
static void forget_lanes(struct analysis *a)
{
    memset(a->now->lane_condition, 0, sizeof(a->now->lane_condition));
}

static void set_aside_level(struct analysis *a, unsigned to)
{
    a->now->sets |= 1u << to;
    memcpy(set(a, to), set(a, SET_ACTIVE), a->vgprs * sizeof(struct value));
}

static void clear_set(struct analysis *a, unsigned number)
{
    if (!(a->now->sets >> number & 1))
        return;
    a->now->sets &= ~(1u << number);
    memset(set(a, number), 0, a->vgprs * sizeof(struct value));
}

/* --- levels --- */

static void enter_level(struct analysis *a)
{
    if (a->now->depth == LEVELS) {
        analysis_fail(a, "branches are nested too deeply");
        return;
    }
    a->now->level_condition[a->now->depth] = a->now->rest_condition[a->now->depth] = 0;
    set_aside_level(a, SET_LEVEL + a->now->depth++);
}

/* Lanes come back that were active before level @level + 1 was entered: maybe also some that loops
 * have set aside since. They join those of set @to. */
static void rejoin_loops(struct analysis *a, unsigned to, unsigned level)
{
    join_set(a, to, SET_LOST);
    for (unsigned i = 0; i < LOOPS; i++) {
        if (a->now->loop_mask[i] < 0 || a->now->loop_depth[i] <= level)
            continue;
        join_set(a, to, SET_LOOP + i);
        a->now->loop_depth[i] = (uint8_t)level;
    }
}

static void leave_levels(struct analysis *a, unsigned level)
{
    forget_lanes(a);
    while (a->now->depth > level) {
        a->now->depth--;
        join_set(a, SET_ACTIVE, SET_LEVEL + a->now->depth);
        clear_set(a, SET_LEVEL + a->now->depth);
    }
    rejoin_loops(a, SET_ACTIVE, level);
    /* What was saved for these levels is of no use again: they may be entered anew. */
    for (unsigned i = 0; i < SCALARS; i++)
        if (a->now->scalar[i].mask != MASK_NONE && a->now->scalar[i].level >= level)
            a->now->scalar[i].mask = MASK_NONE;
}

static void exchange(struct analysis *a)
{
    struct value *aside = set(a, SET_LEVEL + a->now->depth - 1u);
    a->now->sets |= 1u << (SET_LEVEL + a->now->depth - 1u);
    for (unsigned i = 0; i < a->vgprs; i++) {
        struct value other = aside[i];
        aside[i] = *active(a, i);
        *active(a, i) = other;
    }
}

/* The lanes of the else are active. */
static void turn_condition(struct analysis *a)
{
    unsigned level = a->now->depth - 1u;
    a->now->level_condition[level] = a->now->rest_condition[level];
    a->now->rest_condition[level] = 0;
}

/* --- loops --- */

static void lose_loop(struct analysis *a, unsigned i)
{
    join_set(a, SET_LOST, SET_LOOP + i);
    clear_set(a, SET_LOOP + i);
    a->now->loop_mask[i] = -1;
}

static int find_loop(const struct analysis *a, unsigned number)
{
    for (int i = 0; i < LOOPS; i++)
        if (a->now->loop_mask[i] == (int)number)
            return i;
    return -1;
}

/* Lanes whose bits are in SGPR pair @number go. */
static void set_aside(struct analysis *a, unsigned number)
{
    int loop = find_loop(a, number);
    if (loop < 0)
        loop = find_loop(a, (unsigned)-1);
    if (loop < 0) {
        put_aside(a, SET_LOST);
        return;
    }
    if (a->now->loop_mask[loop] < 0 || a->now->loop_depth[loop] < a->now->depth)
        a->now->loop_depth[loop] = a->now->depth;
    a->now->loop_mask[loop] = (int16_t)number;
    put_aside(a, SET_LOOP + (unsigned)loop);
}

/* Lanes of a mask that says nothing of levels. It must not reach beyond the present one: the lanes
 * there are not tracked as active ones. */
static void bring_back(struct analysis *a, unsigned number, struct value mask)
{
    int loop = find_loop(a, number);
    if (mask.level < a->now->depth) {
        analysis_fail(a, "EXEC is used in a way that is not understood");
        return;
    }
    forget_lanes(a);
    join_set(a, SET_ACTIVE, SET_LOST);
    if (loop >= 0) {
        join_set(a, SET_ACTIVE, SET_LOOP + (unsigned)loop);
        clear_set(a, SET_LOOP + (unsigned)loop);
        a->now->loop_mask[loop] = -1;
        return;
    }
    for (unsigned i = 0; i < LOOPS; i++) /* nobody is known to have set them aside with this */
        if (a->now->loop_mask[i] >= 0)
            join_set(a, SET_ACTIVE, SET_LOOP + i);
}

void exec_scalar_written(struct analysis *a, unsigned number)
{
    for (unsigned i = 0; i < LOOPS; i++) {
        int pair = a->now->loop_mask[i];
        if (pair != (int)number && pair + 1 != (int)number)
            continue;
        /* A mask that collects: s_or_b64 B, C, B keeps what was in it. Anything else loses it. */
        const struct isa_inst *inst = a->inst;
        bool collects = isa_id(inst->op) == ISA_ID_s_or_b64 &&
                        (inst->fields.src[0] == pair || inst->fields.src[1] == pair) &&
                        inst->fields.dst == pair;
        if (!collects)
            lose_loop(a, i);
    }
}

/* --- the instructions --- */

static struct value mask_of(const struct analysis *a, unsigned number)
{
    return number < SCALARS ? a->now->scalar[number] : value_of(V_NUMBER);
}

/* Writes the pair @number: a mask of @kind with regard to @level. */
static void write_mask(struct analysis *a, unsigned number, enum mask kind, unsigned level)
{
    struct value value = value_of(V_NUMBER | (a->now->scalar[S_EXEC].kinds & V_TAINTS));
    value.mask = kind;
    value.level = (uint8_t)level;
    for (unsigned i = 0; i < 2 && number + i < SCALARS; i++) {
        exec_scalar_written(a, number + i);
        a->now->scalar[number + i] = value;
    }
}

static void taint_exec(struct analysis *a, unsigned number)
{
    unsigned taints = mask_of(a, number).kinds & V_TAINTS;
    a->now->scalar[S_EXEC].kinds |= (uint16_t)taints;
    if (taints & V_LOCAL)
        a->local_matters = true;
}

static void and_saveexec(struct analysis *a, unsigned to, unsigned from)
{
    unsigned condition = mask_of(a, from).number, rest = from < SCALARS ? a->unless[from] : 0;
    if (from + 1 >= SCALARS || mask_of(a, from + 1).number != condition)
        condition = 0;
    taint_exec(a, from);
    enter_level(a);
    if (a->failed)
        return;
    if (range_is_condition(a->numbers ? a->numbers->node[condition].op : 0))
        a->now->level_condition[a->now->depth - 1] = (uint16_t)condition;
    a->now->rest_condition[a->now->depth - 1] = (uint16_t)rest;
    write_mask(a, to, MASK_SAVED, a->now->depth - 1u);
}

/* else: from the lanes of the then to the others, which wait in the topmost level's set. */
static bool before_turn(struct analysis *a, struct value rest)
{
    if (a->now->depth == 0 || rest.mask != MASK_REST || rest.level + 1u > a->now->depth) {
        analysis_fail(a, "EXEC is used in a way that is not understood");
        return false;
    }
    while (a->now->depth > rest.level + 1u) { /* inner levels that end here as well */
        a->now->depth--;
        join_set(a, SET_ACTIVE, SET_LEVEL + a->now->depth);
        clear_set(a, SET_LEVEL + a->now->depth);
    }
    rejoin_loops(a, SET_LEVEL + rest.level, rest.level);
    forget_lanes(a);
    a->now->level_condition[rest.level] = 0;
    return true;
}

static void or_exec(struct analysis *a, unsigned from)
{
    struct value mask = mask_of(a, from);
    taint_exec(a, from);
    if (find_loop(a, from) >= 0 || mask.mask == MASK_NONE || mask.level >= a->now->depth)
        bring_back(a, from, mask);
    else
        leave_levels(a, mask.level);
}

/* Those with a bit in pair @number are gone: what holds for the others. */
static void leave_lanes(struct analysis *a, unsigned number)
{
    if (number >= SCALARS || a->unless[number] == 0)
        return;
    a->now->lane_condition[1] = a->now->lane_condition[0];
    a->now->lane_condition[0] = a->unless[number];
}

/* The register of "op exec, exec, S" or "op exec, S, exec"; -1: another form. */
static int other_operand(const struct isa_fields *f)
{
    if (f->dst != EXEC)
        return -1;
    if (f->src[0] == EXEC && f->src[1] < SCALARS)
        return f->src[1];
    if (f->src[1] == EXEC && f->src[0] < SCALARS)
        return f->src[0];
    return -1;
}

static void combine(struct analysis *a, enum isa_id id, const struct isa_fields *f)
{
    int other = other_operand(f);
    if (other < 0)
        analysis_fail(a, "EXEC is used in a way that is not understood");
    else if (id == ISA_ID_s_or_b64)
        or_exec(a, (unsigned)other);
    else if (id == ISA_ID_s_andn2_b64 && f->src[0] == EXEC) {
        taint_exec(a, (unsigned)other);
        set_aside(a, (unsigned)other);
        leave_lanes(a, (unsigned)other);
    } else if (id == ISA_ID_s_and_b64) {
        taint_exec(a, (unsigned)other);
        put_aside(a, SET_LOST);
    } else if (id == ISA_ID_s_xor_b64 && a->both && a->both_register == other) {
        exchange(a);
        turn_condition(a);
        a->both = false;
    } else {
        analysis_fail(a, "EXEC is used in a way that is not understood");
    }
}

void exec_transfer(struct analysis *a)
{
    const struct isa_fields *f = &a->inst->fields;
    enum isa_id id = isa_id(a->inst->op);
    if (a->both && id != ISA_ID_s_xor_b64)
        analysis_fail(a, "EXEC is used in a way that is not understood");
    switch (id) {
    case ISA_ID_s_and_saveexec_b64:
        and_saveexec(a, f->dst, f->src[0]);
        break;
    case ISA_ID_s_andn2_saveexec_b64:
        taint_exec(a, f->src[0]);
        if (before_turn(a, mask_of(a, f->src[0]))) {
            write_mask(a, f->dst, MASK_REST, a->now->depth - 1u);
            exchange(a);
            turn_condition(a);
        }
        break;
    case ISA_ID_s_or_saveexec_b64:
        taint_exec(a, f->src[0]);
        if (before_turn(a, mask_of(a, f->src[0]))) {
            write_mask(a, f->dst, MASK_REST, a->now->depth - 1u);
            a->both = true; /* until s_xor_b64 */
            a->both_register = (uint8_t)f->dst;
        }
        break;
    case ISA_ID_s_or_b64:
    case ISA_ID_s_andn2_b64:
    case ISA_ID_s_and_b64:
    case ISA_ID_s_xor_b64:
        combine(a, id, f);
        break;
    case ISA_ID_s_mov_b64:
        if (f->src[0] < SCALARS && mask_of(a, f->src[0]).mask == MASK_SAVED &&
            mask_of(a, f->src[0]).level < a->now->depth)
            or_exec(a, f->src[0]);
        else
            analysis_fail(a, "EXEC is used in a way that is not understood");
        break;
    default:
        analysis_fail(a, "EXEC is used in a way that is not understood");
    }
    a->now->scalar[S_SCC] = value_of(V_NUMBER | (a->now->scalar[S_EXEC].kinds & V_TAINTS));
    memset(a->unless, 0, sizeof(a->unless));
}
