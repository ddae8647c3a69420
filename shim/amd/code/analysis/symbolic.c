// SPDX-License-Identifier: Apache-2.0
/*
 * What instructions compute, as expressions (ranges/builder.h). What has no rule here is not known.
 */
#include "shim/amd/code/analysis/state.h"

static unsigned bits(struct analysis *a, unsigned x, unsigned offset, unsigned width);

/* The bytes of a register that SDWA selects. */
static unsigned chosen_bytes(struct analysis *a, const struct isa_operand *o, unsigned x)
{
    const struct isa_fields *f = &a->inst->fields;
    if (!(f->mods & ISA_MOD_SDWA) || o->source < 0 || o->source > 1)
        return x;
    unsigned sel = f->sdwa_sel[o->source];
    if (sel == 6)
        return x;
    if (f->sdwa_sext >> o->source & 1 || sel > 6)
        return 0;
    return sel < 4 ? bits(a, x, 8 * sel, 8) : bits(a, x, 16 * (sel - 4), 16);
}

unsigned symbolic_source(struct analysis *a, unsigned nth, unsigned part)
{
    const struct isa_inst *inst = a->inst;
    for (unsigned i = 0; i < inst->operands; i++) {
        const struct isa_operand *o = &inst->operand[i];
        if (!(o->access & ISA_READ) || nth-- > 0)
            continue;
        if (o->kind == ISA_KIND_CONSTANT)
            return range_number(a->numbers, (int32_t)(o->value >> 32 * part));
        if (o->kind == ISA_KIND_LITERAL)
            return part == 0 ? range_number(a->numbers, (int32_t)o->value) : 0;
        if (o->kind == ISA_KIND_IMMEDIATE)
            return part == 0 ? range_number(a->numbers, a->inst->fields.imm) : 0;
        return part < o->dwords ? chosen_bytes(a, o, operand_value(a, i, part).number) : 0;
    }
    return 0;
}

static unsigned source64(struct analysis *a, unsigned nth)
{
    return range_pair(a->numbers, symbolic_source(a, nth, 0), symbolic_source(a, nth, 1));
}

/* --- 32 bits --- */

static unsigned binary(struct analysis *a, enum range_op op, unsigned first, unsigned second)
{
    return range_binary(a->numbers, op, symbolic_source(a, first, 0),
                        symbolic_source(a, second, 0));
}

static unsigned add(struct analysis *a, unsigned x, unsigned y)
{
    return range_binary(a->numbers, RANGE_ADD, x, y);
}

/* x ^ y, where one is all ones: all bits turned. */
static unsigned turned(struct analysis *a, unsigned x, unsigned y)
{
    unsigned ones = range_number(a->numbers, -1);
    if (x != ones && y != ones)
        return 0;
    return range_binary(a->numbers, RANGE_SUB, ones, x == ones ? y : x);
}

static unsigned low24(struct analysis *a, unsigned x)
{
    return range_binary(a->numbers, RANGE_AND, x, range_number(a->numbers, 0xffffff));
}

/* Bits of @x, from @offset on, @width of them; not signed. */
static unsigned bits(struct analysis *a, unsigned x, unsigned offset, unsigned width)
{
    struct range_builder *b = a->numbers;
    if (width == 0 || width > 31)
        return 0;
    x = range_binary(b, RANGE_LSHR, x, range_number(b, (int32_t)offset));
    return range_binary(b, RANGE_AND, x, range_number(b, (int32_t)((1u << width) - 1)));
}

static bool constant(const struct analysis *a, unsigned x, uint32_t *value)
{
    *value = (uint32_t)a->numbers->node[x].value;
    return a->numbers->node[x].op == RANGE_CONST;
}

static unsigned bit_field(struct analysis *a, bool scalar)
{
    uint32_t offset, width;
    if (!constant(a, symbolic_source(a, 1, 0), &offset))
        return 0;
    if (scalar) {
        width = offset >> 16 & 127;
    } else if (!constant(a, symbolic_source(a, 2, 0), &width)) {
        return 0;
    }
    return bits(a, symbolic_source(a, 0, 0), offset & 31, width & 31);
}

static unsigned scaled_add(struct analysis *a, unsigned shift)
{
    unsigned by = range_number(a->numbers, (int32_t)shift);
    return add(a, range_binary(a->numbers, RANGE_SHL, symbolic_source(a, 0, 0), by),
               symbolic_source(a, 1, 0));
}

/* A value that only some lanes took, or that a condition chose. */
static unsigned selected(struct analysis *a)
{
    unsigned x = symbolic_source(a, 0, 0), y = symbolic_source(a, 1, 0);
    return range_select(a->numbers, a->inst->address, x, y);
}

/* A number of one lane for all: the same if all have the same. */
static unsigned first_lane(struct analysis *a)
{
    unsigned x = symbolic_source(a, 0, 0);
    return range_flags(a->numbers, x) & RANGE_LANES ? 0 : x;
}

/* The upper half of a sum: the carry must be that of the lower halves. */
static unsigned upper_sum(struct analysis *a, unsigned carry)
{
    struct range_builder *b = a->numbers;
    const struct range_node low = b->node[carry];
    if (low.op != RANGE_CARRY)
        return 0;
    unsigned x = symbolic_source(a, 0, 0), y = symbolic_source(a, 1, 0);
    unsigned first = range_pair(b, low.a, x), second = range_pair(b, low.b, y);
    if (!first || !second) { /* in the other order */
        first = range_pair(b, low.a, y);
        second = range_pair(b, low.b, x);
    }
    return range_high(b, range_binary64(b, RANGE_ADD64, first, second));
}

static unsigned narrow(struct analysis *a, enum isa_id id)
{
    unsigned third = symbolic_source(a, 2, 0);
    switch (id) {
    case ISA_ID_s_mov_b32:
    case ISA_ID_v_mov_b32:
    case ISA_ID_s_movk_i32:
        return symbolic_source(a, 0, 0);
    case ISA_ID_v_readfirstlane_b32:
        return first_lane(a);
    case ISA_ID_s_add_u32:
    case ISA_ID_s_add_i32:
    case ISA_ID_s_addk_i32:
    case ISA_ID_v_add_u32:
    case ISA_ID_v_add_co_u32:
        return binary(a, RANGE_ADD, 0, 1);
    case ISA_ID_s_addc_u32:
        return upper_sum(a, a->now->scalar[S_SCC].number);
    case ISA_ID_v_addc_co_u32:
        return upper_sum(a, third);
    case ISA_ID_s_sub_u32:
    case ISA_ID_s_sub_i32:
    case ISA_ID_v_sub_u32:
    case ISA_ID_v_sub_co_u32:
        return binary(a, RANGE_SUB, 0, 1);
    case ISA_ID_v_subrev_u32:
    case ISA_ID_v_subrev_co_u32:
        return binary(a, RANGE_SUB, 1, 0);
    case ISA_ID_s_mul_i32:
    case ISA_ID_s_mulk_i32:
    case ISA_ID_v_mul_lo_u32:
        return binary(a, RANGE_MUL, 0, 1);
    case ISA_ID_s_mul_hi_u32:
    case ISA_ID_v_mul_hi_u32:
        return binary(a, RANGE_MUL_HIGH_U, 0, 1);
    case ISA_ID_s_mul_hi_i32:
    case ISA_ID_v_mul_hi_i32:
        return binary(a, RANGE_MUL_HIGH_I, 0, 1);
    case ISA_ID_v_mul_i32_i24:
        return binary(a, RANGE_MUL_I24, 0, 1);
    case ISA_ID_v_mad_i32_i24:
        return add(a, binary(a, RANGE_MUL_I24, 0, 1), third);
    case ISA_ID_v_mul_u32_u24:
    case ISA_ID_v_mad_u32_u24: {
        unsigned product = range_binary(a->numbers, RANGE_MUL, low24(a, symbolic_source(a, 0, 0)),
                                        low24(a, symbolic_source(a, 1, 0)));
        return id == ISA_ID_v_mul_u32_u24 ? product : add(a, product, third);
    }
    case ISA_ID_s_lshl_b32:
        return binary(a, RANGE_SHL, 0, 1);
    case ISA_ID_v_lshlrev_b32:
        return binary(a, RANGE_SHL, 1, 0);
    case ISA_ID_s_lshr_b32:
        return binary(a, RANGE_LSHR, 0, 1);
    case ISA_ID_v_lshrrev_b32:
        return binary(a, RANGE_LSHR, 1, 0);
    case ISA_ID_s_ashr_i32:
        return binary(a, RANGE_ASHR, 0, 1);
    case ISA_ID_v_ashrrev_i32:
        return binary(a, RANGE_ASHR, 1, 0);
    case ISA_ID_v_lshl_add_u32:
        return add(a, binary(a, RANGE_SHL, 0, 1), third);
    case ISA_ID_v_add_lshl_u32:
        return range_binary(a->numbers, RANGE_SHL, binary(a, RANGE_ADD, 0, 1), third);
    case ISA_ID_v_lshl_or_b32:
        return range_binary(a->numbers, RANGE_OR, binary(a, RANGE_SHL, 0, 1), third);
    case ISA_ID_v_and_or_b32:
        return range_binary(a->numbers, RANGE_OR, binary(a, RANGE_AND, 0, 1), third);
    case ISA_ID_v_or3_b32:
        return range_binary(a->numbers, RANGE_OR, binary(a, RANGE_OR, 0, 1), third);
    case ISA_ID_v_add3_u32:
        return add(a, binary(a, RANGE_ADD, 0, 1), third);
    case ISA_ID_s_lshl1_add_u32:
        return scaled_add(a, 1);
    case ISA_ID_s_lshl2_add_u32:
        return scaled_add(a, 2);
    case ISA_ID_s_lshl3_add_u32:
        return scaled_add(a, 3);
    case ISA_ID_s_lshl4_add_u32:
        return scaled_add(a, 4);
    case ISA_ID_s_and_b32:
    case ISA_ID_v_and_b32:
        return binary(a, RANGE_AND, 0, 1);
    case ISA_ID_s_or_b32:
    case ISA_ID_v_or_b32:
        return binary(a, RANGE_OR, 0, 1);
    case ISA_ID_s_xor_b32:
    case ISA_ID_v_xor_b32:
        return turned(a, symbolic_source(a, 0, 0), symbolic_source(a, 1, 0));
    case ISA_ID_s_not_b32:
    case ISA_ID_v_not_b32:
        return turned(a, symbolic_source(a, 0, 0), range_number(a->numbers, -1));
    case ISA_ID_v_xad_u32:
        return add(a, turned(a, symbolic_source(a, 0, 0), symbolic_source(a, 1, 0)), third);
    case ISA_ID_s_min_u32:
    case ISA_ID_v_min_u32:
        return binary(a, RANGE_MIN_U, 0, 1);
    case ISA_ID_s_max_u32:
    case ISA_ID_v_max_u32:
        return binary(a, RANGE_MAX_U, 0, 1);
    case ISA_ID_s_min_i32:
    case ISA_ID_v_min_i32:
        return binary(a, RANGE_MIN_I, 0, 1);
    case ISA_ID_s_max_i32:
    case ISA_ID_v_max_i32:
        return binary(a, RANGE_MAX_I, 0, 1);
    case ISA_ID_s_bfe_u32:
        return bit_field(a, true);
    case ISA_ID_v_bfe_u32:
        return bit_field(a, false);
    case ISA_ID_s_cselect_b32:
    case ISA_ID_v_cndmask_b32:
        return selected(a);
    default:
        return 0;
    }
}

/* --- 64 bits --- */

static unsigned shifted64(struct analysis *a, unsigned x, unsigned by)
{
    uint32_t bits_of;
    if (!constant(a, by, &bits_of) || bits_of >= 32)
        return 0;
    return bits_of == 0 ? x : range_binary64(a->numbers, RANGE_SHL64, x, by);
}

/* x << 32 >> n: what LLVM makes of an index of 32 bits times a power of 2. */
static unsigned shifted_back64(struct analysis *a, unsigned nth, unsigned by)
{
    struct range_builder *b = a->numbers;
    uint32_t low, bits_of;
    if (!constant(a, symbolic_source(a, nth, 0), &low) || low != 0 || !constant(a, by, &bits_of) ||
        bits_of == 0 || bits_of > 32)
        return 0;
    unsigned x = symbolic_source(a, nth, 1);
    unsigned sign = range_binary(b, RANGE_ASHR, x, range_number(b, 31));
    return shifted64(a, range_pair(b, x, sign), range_number(b, 32 - (int32_t)bits_of));
}

static unsigned wide(struct analysis *a, enum isa_id id)
{
    struct range_builder *b = a->numbers;
    switch (id) {
    case ISA_ID_s_lshl_b64:
        return shifted64(a, source64(a, 0), symbolic_source(a, 1, 0));
    case ISA_ID_v_lshlrev_b64:
        return shifted64(a, source64(a, 1), symbolic_source(a, 0, 0));
    case ISA_ID_s_ashr_i64:
        return shifted_back64(a, 0, symbolic_source(a, 1, 0));
    case ISA_ID_v_ashrrev_i64:
        return shifted_back64(a, 1, symbolic_source(a, 0, 0));
    case ISA_ID_v_mad_u64_u32: {
        unsigned x = symbolic_source(a, 0, 0), y = symbolic_source(a, 1, 0);
        unsigned product =
            x && y ? range_binary64(b, RANGE_MUL64_U, x < y ? x : y, x < y ? y : x) : 0;
        return range_binary64(b, RANGE_ADD64, product, source64(a, 2));
    }
    default:
        return 0;
    }
}

/* --- what the analysis asks --- */

unsigned symbolic_result(struct analysis *a, bool second, unsigned part)
{
    enum isa_id id = isa_id(a->inst->op);
    struct range_builder *b = a->numbers;
    bool is_mask;
    if (second) {
        if (id == ISA_ID_v_add_co_u32 || id == ISA_ID_s_add_u32)
            return binary(a, RANGE_CARRY, 0, 1);
        return symbolic_compare(a);
    }
    unsigned mask = symbolic_mask(a, id, &is_mask);
    if (is_mask)
        return mask;
    if (id == ISA_ID_s_mov_b64)
        return symbolic_source(a, 0, part);
    unsigned pair = wide(a, id);
    if (pair)
        return part == 0 ? range_low(b, pair) : part == 1 ? range_high(b, pair) : 0;
    if (id == ISA_ID_v_mad_u64_u32 && part == 0) /* of whose sum the upper half is not known */
        return add(a, binary(a, RANGE_MUL, 0, 1), symbolic_source(a, 2, 0));
    return part == 0 ? narrow(a, id) : 0;
}

unsigned symbolic_address(struct analysis *a)
{
    const struct isa_memory *m = &a->inst->memory;
    struct range_builder *b = a->numbers;
    unsigned base = 0, offset = 0;
    if (m->base >= 0 && a->inst->operand[m->base].kind != ISA_KIND_OFF) {
        base = range_pair(b, operand_value(a, (unsigned)m->base, 0).number,
                          operand_value(a, (unsigned)m->base, 1).number);
        int more = m->segment == ISA_SEGMENT_SCALAR ? m->soffset : m->address;
        if (more < 0)
            return base;
        const struct isa_operand *o = &a->inst->operand[more];
        if (o->kind != ISA_KIND_SGPR && o->kind != ISA_KIND_VGPR && o->kind != ISA_KIND_VCC)
            return 0;
        offset = range_pair(b, operand_value(a, (unsigned)more, 0).number, range_number(b, 0));
        return range_binary64(b, RANGE_ADD64, base, offset);
    }
    if (m->address < 0)
        return 0;
    return range_pair(b, operand_value(a, (unsigned)m->address, 0).number,
                      operand_value(a, (unsigned)m->address, 1).number);
}

unsigned symbolic_packet(struct analysis *a, unsigned part)
{
    const struct isa_memory *m = &a->inst->memory;
    if (!a->numbers || m->segment != ISA_SEGMENT_SCALAR || m->base < 0 || m->soffset >= 0 ||
        m->offset[0] < 0 || m->offset[0] % 4 != 0 ||
        operand_value(a, (unsigned)m->base, 0).number !=
            range_leaf(a->numbers, RANGE_DISPATCH, 0, 0) ||
        operand_value(a, (unsigned)m->base, 1).number !=
            range_leaf(a->numbers, RANGE_DISPATCH, 1, 0))
        return 0;
    return range_leaf(a->numbers, RANGE_PACKET, m->offset[0] / 4 + (int64_t)part, 0);
}
