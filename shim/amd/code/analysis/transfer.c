// SPDX-License-Identifier: Apache-2.0
/*
 * What instructions do to registers: which leave a pointer a pointer. For all others a result is a
 * number, whatever went in. See state.h.
 */
#include "shim/amd/code/analysis/state.h"

static bool is_scalar(const struct isa_operand *o)
{
    return o->kind == ISA_KIND_SGPR || o->kind == ISA_KIND_VCC || o->kind == ISA_KIND_M0 ||
           o->kind == ISA_KIND_FLAT_SCRATCH || o->kind == ISA_KIND_XNACK_MASK ||
           o->kind == ISA_KIND_TTMP;
}

struct value operand_value(struct analysis *a, unsigned i, unsigned part)
{
    const struct isa_operand *o = &a->inst->operand[i];
    unsigned reg = o->reg + part;
    if (part >= o->dwords && o->dwords > 0)
        return value_of(V_ZERO);
    if (o->kind == ISA_KIND_VGPR && reg >= a->vgprs)
        return value_of(V_NUMBER | V_TAINTS);
    if (o->kind == ISA_KIND_VGPR)
        return a->both ? value_join(*active(a, reg), *also_active(a, reg)) : *active(a, reg);
    if (o->kind == ISA_KIND_EXEC)
        return a->now->scalar[S_EXEC];
    if (is_scalar(o) && reg < SCALARS)
        return a->now->scalar[reg];
    if (o->kind == ISA_KIND_CONSTANT || o->kind == ISA_KIND_LITERAL) {
        struct value v = value_of(part == 0 && o->value != 0 ? V_NUMBER : V_ZERO);
        if (part == 1 && o->value >> 31) /* sign, or the upper half of a wide constant */
            v = value_of(V_NUMBER);
        v.level = o->value == 0 ? UINT8_MAX : 0; /* as a mask: no lanes, or any */
        return v;
    }
    return value_of(V_NUMBER);
}

void write_register(struct analysis *a, const struct isa_operand *to, unsigned part,
                    struct value value)
{
    unsigned reg = to->reg + part;
    bool partly = (to->access & ISA_READ) != 0;
    if (to->kind == ISA_KIND_VGPR) {
        if (reg >= a->vgprs) {
            analysis_fail(a, "more registers are used than the descriptor says");
            return;
        }
        if (partly) /* what was there before shows, too: of no use as an address */
            value = value_mixed(value, a->both ? value_join(*active(a, reg), *also_active(a, reg))
                                               : *active(a, reg));
        *active(a, reg) = value;
        if (a->both) {
            a->now->sets |= 1u << (SET_LEVEL + a->now->depth - 1u);
            *also_active(a, reg) = value;
        }
        return;
    }
    if (!is_scalar(to) || reg >= SCALARS)
        return;
    exec_scalar_written(a, reg);
    a->unless[reg] = 0;
    a->now->scalar[reg] = value;
}

/* If the result is a mask of lanes: of the present ones, if it is a vector compare; else, if
 * nothing but lanes of its sources (and of EXEC) can be in it, of the outermost of those; else of
 * any. */
static uint8_t mask_level(const struct analysis *a, uint8_t sources)
{
    switch (isa_id(a->inst->op)) {
    case ISA_ID_s_and_b64:
    case ISA_ID_s_andn2_b64:
    case ISA_ID_s_or_b64:
    case ISA_ID_s_xor_b64:
        return sources;
    default:
        return a->inst->op->format == ISA_VOPC ? a->now->depth : 0;
    }
}

/* What all sources together leave of influence. */
static struct value taints_of_all(struct analysis *a)
{
    const struct isa_inst *inst = a->inst;
    struct value value = value_of(V_NUMBER);
    uint8_t level = UINT8_MAX;
    for (unsigned i = 0; i < inst->operands; i++) {
        const struct isa_operand *o = &inst->operand[i];
        for (unsigned part = 0; part < o->dwords && o->access & ISA_READ; part++) {
            struct value source = operand_value(a, i, part);
            value = value_mixed(value, source);
            uint8_t of = o->kind == ISA_KIND_EXEC ? a->now->depth : source.level;
            level = of < level ? of : level;
        }
    }
    if (inst->implicit & ISA_SCC_R)
        value = value_mixed(value, a->now->scalar[S_SCC]);
    if (inst->implicit & ISA_VCC_R)
        value = value_mixed(value, a->now->scalar[ISA_VCC]);
    value.level = mask_level(a, level);
    return value;
}

static int find_operand(const struct isa_inst *inst, uint8_t access, unsigned nth)
{
    for (unsigned i = 0; i < inst->operands; i++)
        if (inst->operand[i].access & access && nth-- == 0)
            return (int)i;
    return -1;
}

/* How a result comes from the sources. */
enum effect {
    EFFECT_NUMBER,
    EFFECT_MOVE,
    EFFECT_SUM,        /* src0 + src1, also with carry */
    EFFECT_SUM3,       /* of three */
    EFFECT_DIFFERENCE, /* src0 - src1 */
    EFFECT_REVERSED,   /* src1 - src0 */
    EFFECT_SHIFT_ADD,  /* src2 + what src0 and src1 make */
    EFFECT_SELECT,     /* src0 or src1 */
    EFFECT_MAD64,      /* src2 (64 bits) + a product */
    EFFECT_GETPC,
    EFFECT_READ_LANE, /* of a register that holds other things in other lanes */
    EFFECT_WRITE_LANE,
};

static enum effect effect_of(enum isa_id id)
{
    switch (id) {
    case ISA_ID_s_mov_b32:
    case ISA_ID_s_mov_b64:
    case ISA_ID_v_mov_b32:
    case ISA_ID_v_readfirstlane_b32:
        return EFFECT_MOVE;
    case ISA_ID_s_add_u32:
    case ISA_ID_s_addc_u32:
    case ISA_ID_s_add_i32:
    case ISA_ID_s_or_b32:
    case ISA_ID_v_add_u32:
    case ISA_ID_v_add_co_u32:
    case ISA_ID_v_addc_co_u32:
    case ISA_ID_v_or_b32:
        return EFFECT_SUM;
    case ISA_ID_v_add3_u32:
    case ISA_ID_v_or3_b32:
        return EFFECT_SUM3;
    case ISA_ID_v_lshl_add_u32:
    case ISA_ID_v_lshl_or_b32:
    case ISA_ID_v_and_or_b32:
    case ISA_ID_v_mad_u32_u24:
    case ISA_ID_v_mad_i32_i24:
        return EFFECT_SHIFT_ADD;
    case ISA_ID_s_sub_u32:
    case ISA_ID_s_subb_u32:
    case ISA_ID_s_sub_i32:
    case ISA_ID_v_sub_u32:
    case ISA_ID_v_sub_co_u32:
    case ISA_ID_v_subb_co_u32:
        return EFFECT_DIFFERENCE;
    case ISA_ID_v_subrev_u32:
    case ISA_ID_v_subrev_co_u32:
    case ISA_ID_v_subbrev_co_u32:
        return EFFECT_REVERSED;
    case ISA_ID_s_cselect_b32:
    case ISA_ID_s_cselect_b64:
    case ISA_ID_v_cndmask_b32:
        return EFFECT_SELECT;
    case ISA_ID_v_mad_u64_u32:
    case ISA_ID_v_mad_i64_i32:
        return EFFECT_MAD64;
    case ISA_ID_s_getpc_b64:
        return EFFECT_GETPC;
    case ISA_ID_v_readlane_b32:
        return EFFECT_READ_LANE;
    case ISA_ID_v_writelane_b32:
        return EFFECT_WRITE_LANE;
    default:
        return EFFECT_NUMBER;
    }
}

/* The address of the kernel arguments with a constant added. */
static bool kernarg_sum(struct analysis *a, int s0, int s1, struct value *result)
{
    const struct isa_inst *inst = a->inst;
    struct value x = operand_value(a, (unsigned)s0, 0), y = operand_value(a, (unsigned)s1, 0);
    int constant = value_is(x, V_KERNARG) ? s1 : s0;
    if (value_is(x, V_KERNARG) == value_is(y, V_KERNARG))
        return false;
    const struct isa_operand *o = &inst->operand[constant];
    if ((o->kind != ISA_KIND_CONSTANT && o->kind != ISA_KIND_LITERAL) || o->value > 4096)
        return false;
    *result = value_is(x, V_KERNARG) ? x : y;
    result->lo += (uint32_t)o->value;
    return true;
}

static struct value apply(struct analysis *a, enum effect effect, const int s[3], unsigned part)
{
    struct value x = operand_value(a, (unsigned)s[0], part), y = value_of(V_NUMBER), result;
    if (s[1] >= 0)
        y = operand_value(a, (unsigned)s[1], part);
    switch (effect) {
    case EFFECT_MOVE:
        return x;
    case EFFECT_SUM:
        return s[1] >= 0 && kernarg_sum(a, s[0], s[1], &result) ? result : value_sum(x, y);
    case EFFECT_SUM3:
        return value_sum(value_sum(x, y), operand_value(a, (unsigned)s[2], part));
    case EFFECT_DIFFERENCE:
        return value_difference(x, y);
    case EFFECT_REVERSED:
        return value_difference(y, x);
    case EFFECT_SHIFT_ADD:
        return value_sum(value_mixed(x, y), operand_value(a, (unsigned)s[2], 0));
    case EFFECT_MAD64:
        return value_sum(value_mixed(x, y), operand_value(a, (unsigned)s[2], part));
    case EFFECT_SELECT:
        return value_join(x, y);
    default:
        return taints_of_all(a);
    }
}

/* Operands of ISA's source n, in the order of LLVM's text: the readable ones, carries last. */
static void find_sources(const struct isa_inst *inst, int s[3])
{
    for (unsigned n = 0; n < 3; n++)
        s[n] = find_operand(inst, ISA_READ, n);
}

static bool whole_lanes(const struct isa_inst *inst)
{
    return !(inst->fields.mods & (ISA_MOD_SDWA | ISA_MOD_DPP | ISA_MOD_CLAMP)) &&
           !inst->fields.neg && !inst->fields.abs && !inst->fields.omod;
}

/* The same for expressions, which also understand sources of less than 32 bits. */
static bool plain_result(const struct isa_inst *inst)
{
    const struct isa_fields *f = &inst->fields;
    bool sdwa = (f->mods & ISA_MOD_SDWA) != 0;
    return !(f->mods & (ISA_MOD_DPP | ISA_MOD_CLAMP)) && !f->neg && !f->abs && !f->omod &&
           (!sdwa || (inst->op->format != ISA_VOPC && f->sdwa_dst_sel == 6));
}

static void implicit_writes(struct analysis *a, struct value taints, unsigned scc)
{
    if (a->inst->implicit & ISA_SCC_W) {
        a->now->scalar[S_SCC] = taints;
        a->now->scalar[S_SCC].number = scc;
    }
    if (a->inst->implicit & ISA_M0_W)
        a->now->scalar[ISA_M0] = taints;
}

/* s_xor_b64 S, exec, S just behind s_and_saveexec_b64: the lanes of the else. */
static bool is_rest(struct analysis *a, struct value *rest)
{
    const struct isa_fields *f = &a->inst->fields;
    unsigned other = f->src[0] == ISA_EXEC ? f->src[1] : f->src[0];
    if (isa_id(a->inst->op) != ISA_ID_s_xor_b64 || f->dst == ISA_EXEC || other >= SCALARS ||
        (f->src[0] != ISA_EXEC && f->src[1] != ISA_EXEC))
        return false;
    *rest = a->now->scalar[other];
    if (rest->mask != MASK_SAVED || rest->level + 1u != a->now->depth)
        return false;
    rest->mask = MASK_REST;
    return true;
}

void register_transfer(struct analysis *a)
{
    const struct isa_inst *inst = a->inst;
    enum effect effect = effect_of(isa_id(inst->op));
    struct value taints = taints_of_all(a), rest = {0}, results[2][16];
    bool elsewhere = is_rest(a, &rest);
    int s[3];
    find_sources(inst, s);
    if (!whole_lanes(inst) || s[0] < 0 || elsewhere ||
        ((effect == EFFECT_SHIFT_ADD || effect == EFFECT_SUM3 || effect == EFFECT_MAD64) &&
         s[2] < 0))
        effect = effect == EFFECT_GETPC || effect == EFFECT_WRITE_LANE ? effect : EFFECT_NUMBER;

    /* All sources are read before anything is written. */
    unsigned written = 0, scc = a->numbers ? symbolic_result(a, true, 0) : 0;
    int to[2] = {-1, -1};
    bool masks = a->numbers && whole_lanes(inst);
    if (masks)
        symbolic_masks_before(a);
    for (unsigned i = 0; i < inst->operands && written < 2; i++) {
        const struct isa_operand *o = &inst->operand[i];
        if (!(o->access & ISA_WRITE) || o->kind == ISA_KIND_EXEC)
            continue;
        for (unsigned part = 0; part < o->dwords && part < 16; part++) {
            struct value result = taints;
            if (written == 0 && effect == EFFECT_GETPC)
                result = value_of(V_CODE);
            else if (written == 0 && effect != EFFECT_NUMBER)
                result = apply(a, effect, s, part);
            result.kinds |= taints.kinds & V_TAINTS; /* of a condition or carry, too */
            if (written == 0 && effect == EFFECT_READ_LANE)
                result.kinds |= V_LOADED;
            result.number = 0;
            if (a->numbers && plain_result(inst))
                result.number = symbolic_result(a, written == 1, part);
            if (written == 0 && elsewhere)
                result = rest;
            results[written][part] = result;
        }
        to[written++] = (int)i;
    }
    for (unsigned n = 0; n < written; n++)
        for (unsigned part = 0; part < inst->operand[to[n]].dwords && part < 16; part++)
            write_register(a, &inst->operand[to[n]], part, results[n][part]);
    implicit_writes(a, taints, scc);
    if (masks)
        symbolic_masks(a);
}
