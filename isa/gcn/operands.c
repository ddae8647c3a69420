// SPDX-License-Identifier: Apache-2.0
/*
 * From row and fields to operands in the order of LLVM's text, memory access and implicit effects.
 */
#include "isa.h"

enum { NOWHERE = -1 };

/* Inline constants 240..248 in each precision: 0.5 -0.5 1 -1 2 -2 4 -4 1/(2 pi). */
static const uint16_t half_constants[] = {0x3800, 0xb800, 0x3c00, 0xbc00, 0x4000,
                                          0xc000, 0x4400, 0xc400, 0x3118};
static const uint32_t single_constants[] = {0x3f000000, 0xbf000000, 0x3f800000,
                                            0xbf800000, 0x40000000, 0xc0000000,
                                            0x40800000, 0xc0800000, 0x3e22f983};
static const uint64_t double_constants[] = {
    0x3fe0000000000000, 0xbfe0000000000000, 0x3ff0000000000000,
    0xbff0000000000000, 0x4000000000000000, 0xc000000000000000,
    0x4010000000000000, 0xc010000000000000, 0x3fc45f306dc9c882};

static uint64_t constant_value(unsigned code, enum isa_type type)
{
    const bool half = type >= ISA_TYPE_B16 && type <= ISA_TYPE_F16K && type != ISA_TYPE_E16;
    const bool wide = isa_type_dwords(type) == 2;
    int64_t integer = code <= 192 ? (int)code - 128 : 192 - (int)code;

    if (code >= 240)
        return half   ? half_constants[code - 240]
               : wide ? double_constants[code - 240]
                      : single_constants[code - 240];
    return wide ? (uint64_t)integer : half ? (uint16_t)integer : (uint32_t)integer;
}

static enum isa_kind scalar_kind(unsigned code)
{
    if (code < ISA_FLAT_SCRATCH)
        return ISA_KIND_SGPR;
    if (code < ISA_XNACK_MASK)
        return ISA_KIND_FLAT_SCRATCH;
    if (code < ISA_VCC)
        return ISA_KIND_XNACK_MASK;
    if (code < ISA_TTMP0)
        return ISA_KIND_VCC;
    if (code < ISA_M0)
        return ISA_KIND_TTMP;
    if (code == ISA_M0)
        return ISA_KIND_M0;
    if (code == ISA_EXEC || code == ISA_EXEC + 1)
        return ISA_KIND_EXEC;
    if ((code >= ISA_INLINE && code <= 208) || (code >= 240 && code <= ISA_INLINE_LAST))
        return ISA_KIND_CONSTANT;
    if (code == ISA_LITERAL)
        return ISA_KIND_LITERAL;
    if ((code >= ISA_SHARED_BASE && code <= ISA_POPS_EXITING_WAVE_ID) ||
        (code >= ISA_VCCZ && code <= ISA_LDS_DIRECT))
        return ISA_KIND_SPECIAL;
    return ISA_KIND_INVALID;
}

static struct isa_operand *add(struct isa_inst *inst, enum isa_kind kind, unsigned reg,
                               enum isa_type type, unsigned access)
{
    struct isa_operand *o = &inst->operand[inst->operands++];

    o->kind = kind;
    o->type = type;
    o->dwords = isa_type_dwords(type);
    o->access = access;
    o->source = NOWHERE;
    o->reg = reg;
    o->value = 0;
    return o;
}

/* A register, constant or literal by its number in the 9-bit operand space. */
static struct isa_operand *add_code(struct isa_inst *inst, unsigned code, enum isa_type type,
                                    unsigned access)
{
    struct isa_operand *o;

    if (code >= ISA_VGPR)
        return add(inst, ISA_KIND_VGPR, code - ISA_VGPR, type, access);
    o = add(inst, scalar_kind(code), code, type, access);
    if (o->kind == ISA_KIND_CONSTANT)
        o->value = constant_value(code, type);
    else if (o->kind == ISA_KIND_LITERAL)
        o->value = inst->fields.literal;
    if (o->kind == ISA_KIND_CONSTANT || o->kind == ISA_KIND_LITERAL)
        o->dwords = 0;
    return o;
}

static void add_immediate(struct isa_inst *inst, enum isa_type type, uint64_t value)
{
    add(inst, ISA_KIND_IMMEDIATE, 0, type, ISA_READ)->value = value;
}

uint64_t isa_target(const struct isa_inst *inst)
{
    return inst->address + inst->bytes + (uint64_t)((int64_t)inst->fields.imm * 4);
}

/* Source @n of a row: what its type says that it is. */
static void add_source(struct isa_inst *inst, unsigned n)
{
    const struct isa_fields *f = &inst->fields;
    const enum isa_type type = inst->op->src[n];

    switch (type) {
    case ISA_TYPE_NONE:
        return;
    case ISA_TYPE_SIMM16:
        add_immediate(inst, type, (uint64_t)(int64_t)f->imm);
        return;
    case ISA_TYPE_CODE:
        if (f->imm)
            add_immediate(inst, type, f->imm & 0xffff);
        return;
    case ISA_TYPE_UIMM16:
    case ISA_TYPE_WAITCNT:
    case ISA_TYPE_MESSAGE:
    case ISA_TYPE_HWREG:
        add_immediate(inst, type, f->imm & 0xffff);
        return;
    case ISA_TYPE_GPRIDX:
        add_immediate(inst, type, inst->format == ISA_SOPC ? f->src[1] : f->imm & 0xffff);
        return;
    case ISA_TYPE_TARGET:
        add(inst, ISA_KIND_TARGET, 0, type, ISA_READ)->value = isa_target(inst);
        return;
    case ISA_TYPE_LITERAL:
        add(inst, ISA_KIND_LITERAL, ISA_LITERAL, type, ISA_READ)->value = f->literal;
        return;
    default:
        add_code(inst, f->src[n], type, ISA_READ)->source = (int8_t)n;
    }
}

/* How the destination field is used. */
static unsigned dst_access(const struct isa_inst *inst)
{
    const uint32_t flags = inst->op->flags;
    const enum isa_type type = inst->op->dst;

    if (flags & ISA_DST_RO)
        return ISA_READ;
    if (flags & ISA_DST_R || type == ISA_TYPE_U16K || type == ISA_TYPE_I16K ||
        type == ISA_TYPE_F16K)
        return ISA_READ | ISA_WRITE;
    return ISA_WRITE;
}

static void scalar_operands(struct isa_inst *inst)
{
    const struct isa_opcode *op = inst->op;
    const bool last = isa_id(op) == ISA_ID_s_setreg_b32; /* writes "hwreg(...), s0" */

    if (op->dst && !last)
        add_code(inst, inst->fields.dst, op->dst, dst_access(inst));
    for (unsigned n = 0; n < 2; n++)
        add_source(inst, n);
    if (last)
        add_code(inst, inst->fields.dst, op->dst, dst_access(inst));
}

static void vector_operands(struct isa_inst *inst)
{
    const struct isa_fields *f = &inst->fields;
    const struct isa_opcode *op = inst->op;
    const bool compare = op->format == ISA_VOPC;

    if (op->dst) {
        unsigned access = dst_access(inst);

        /* What keeps a part of the old value: preserved bytes, lanes that DPP disables. */
        if ((f->mods & ISA_MOD_SDWA && f->sdwa_dst_unused == 2) || f->mods & ISA_MOD_DPP)
            access |= ISA_READ;
        add_code(inst, f->dst + (op->flags & ISA_SGPR_DST ? 0 : ISA_VGPR), op->dst, access);
    }
    if (compare || op->flags & ISA_SDST)
        add_code(inst, f->sdst, ISA_TYPE_B64, ISA_WRITE);
    for (unsigned n = 0; n < 3; n++)
        if (n != 2 || !(op->flags & ISA_MAC))
            add_source(inst, n);
    if (isa_id(op) == ISA_ID_v_swap_b32)
        inst->operand[1].access = ISA_READ | ISA_WRITE;
}

static void memory_begin(struct isa_inst *inst, enum isa_segment segment)
{
    const struct isa_opcode *op = inst->op;
    struct isa_memory *m = &inst->memory;

    m->access = op->access;
    m->segment = op->access == ISA_ACCESS_NONE ? ISA_SEGMENT_NONE : segment;
    m->bytes = op->bytes;
    m->addresses = op->access == ISA_ACCESS_NONE ? 0 : op->flags & ISA_TWO ? 2 : 1;
    m->offset[0] = inst->fields.imm;
}

static void smem_operands(struct isa_inst *inst)
{
    const struct isa_fields *f = &inst->fields;
    const struct isa_opcode *op = inst->op;
    struct isa_memory *m = &inst->memory;
    unsigned access = ISA_WRITE;

    memory_begin(inst, ISA_SEGMENT_SCALAR);
    if (op->access == ISA_ACCESS_STORE)
        access = ISA_READ;
    else if (op->access == ISA_ACCESS_ATOMIC)
        access = f->mods & ISA_MOD_GLC ? ISA_READ | ISA_WRITE : ISA_READ;
    if (op->dst == ISA_TYPE_UIMM7) {
        add_immediate(inst, op->dst, f->dst);
    } else if (op->dst) {
        if (access & ISA_WRITE)
            m->result = op->access ? inst->operands : NOWHERE;
        if (access & ISA_READ)
            m->data[0] = inst->operands;
        add_code(inst, f->dst, op->dst, access);
    }
    if (!op->src[0])
        return;
    m->returns = op->access == ISA_ACCESS_ATOMIC && f->mods & ISA_MOD_GLC;
    m->base = inst->operands;
    add_code(inst, f->src[0], op->src[0], ISA_READ);
    if (f->mods & ISA_MOD_SOFFSET) {
        m->soffset = inst->operands;
        add_code(inst, f->src[1], ISA_TYPE_B32, ISA_READ);
    }
}

static void ds_operands(struct isa_inst *inst)
{
    const struct isa_fields *f = &inst->fields;
    const struct isa_opcode *op = inst->op;
    struct isa_memory *m = &inst->memory;

    memory_begin(inst, f->mods & ISA_MOD_GDS ? ISA_SEGMENT_GDS : ISA_SEGMENT_LDS);
    if (op->flags & ISA_TWO) {
        const int unit = op->bytes * (op->flags & ISA_ST64 ? 64 : 1);

        m->offset[0] = (f->imm & 0xff) * unit;
        m->offset[1] = f->offset1 * unit;
    }
    if (op->dst) {
        m->result = op->access ? inst->operands : NOWHERE;
        m->returns = op->access == ISA_ACCESS_ATOMIC;
        add(inst, ISA_KIND_VGPR, f->dst, op->dst, dst_access(inst));
    }
    if (!(op->flags & ISA_NO_ADDRESS)) {
        m->address = op->access ? inst->operands : NOWHERE;
        add(inst, ISA_KIND_VGPR, f->src[0], ISA_TYPE_B32, ISA_READ);
    }
    for (unsigned n = 0; n < 2; n++)
        if (op->src[n]) {
            m->data[n] = op->access ? inst->operands : NOWHERE;
            add(inst, ISA_KIND_VGPR, f->src[1 + n], op->src[n], ISA_READ);
        }
}

static void flat_operands(struct isa_inst *inst)
{
    static const uint8_t segments[] = {ISA_SEGMENT_FLAT, ISA_SEGMENT_GLOBAL, ISA_SEGMENT_SCRATCH};
    const struct isa_fields *f = &inst->fields;
    const struct isa_opcode *op = inst->op;
    struct isa_memory *m = &inst->memory;
    const bool scratch = inst->format == ISA_SCRATCH, flat = inst->format == ISA_FLAT;
    const bool base = f->src[2] != ISA_SADDR_OFF;
    const bool atomic = op->access == ISA_ACCESS_ATOMIC;

    memory_begin(inst, segments[inst->format - ISA_FLAT]);
    m->returns = atomic && f->mods & ISA_MOD_GLC;
    m->lds_dma = f->mods & ISA_MOD_LDS && op->access == ISA_ACCESS_LOAD && !flat &&
                 op->dst == ISA_TYPE_B32 && !(op->flags & ISA_DST_R);
    if (op->dst && !m->lds_dma && (!atomic || m->returns)) {
        m->result = inst->operands;
        add(inst, ISA_KIND_VGPR, f->dst, op->dst, dst_access(inst));
    }
    m->address = inst->operands;
    if (scratch && base) {
        m->address = NOWHERE;
        add(inst, ISA_KIND_OFF, 0, ISA_TYPE_NONE, 0);
    } else {
        add(inst, ISA_KIND_VGPR, f->src[0], scratch || base ? ISA_TYPE_B32 : ISA_TYPE_B64,
            ISA_READ);
    }
    if (op->src[0]) {
        m->data[0] = inst->operands;
        add(inst, ISA_KIND_VGPR, f->src[1], op->src[0], ISA_READ);
    }
    if (flat)
        return;
    if (!base) {
        add(inst, ISA_KIND_OFF, 0, ISA_TYPE_NONE, 0);
        return;
    }
    m->base = inst->operands;
    add_code(inst, f->src[2], scratch ? ISA_TYPE_B32 : ISA_TYPE_B64, ISA_READ);
}

static void buffer_operands(struct isa_inst *inst)
{
    const struct isa_fields *f = &inst->fields;
    const struct isa_opcode *op = inst->op;
    struct isa_memory *m = &inst->memory;
    const bool atomic = op->access == ISA_ACCESS_ATOMIC;
    const bool both = f->mods & ISA_MOD_OFFEN && f->mods & ISA_MOD_IDXEN;
    unsigned access = op->access == ISA_ACCESS_STORE ? ISA_READ : dst_access(inst);

    memory_begin(inst, ISA_SEGMENT_BUFFER);
    m->lds_dma = f->mods & ISA_MOD_LDS && op->access == ISA_ACCESS_LOAD;
    m->returns = atomic && f->mods & ISA_MOD_GLC;
    if (op->access == ISA_ACCESS_NONE)
        return;
    if (atomic && !m->returns)
        access = ISA_READ;
    if (op->dst && !m->lds_dma) {
        if (access & ISA_WRITE)
            m->result = inst->operands;
        if (access & ISA_READ && op->access != ISA_ACCESS_LOAD)
            m->data[0] = inst->operands;
        add(inst, ISA_KIND_VGPR, f->dst, op->dst, access);
    }
    if (!op->dst) {
        /* buffer_store_lds_dword: no address */
    } else if (f->mods & (ISA_MOD_OFFEN | ISA_MOD_IDXEN)) {
        m->address = inst->operands;
        add(inst, ISA_KIND_VGPR, f->src[0], both ? ISA_TYPE_B64 : ISA_TYPE_B32, ISA_READ);
    } else {
        add(inst, ISA_KIND_OFF, 0, ISA_TYPE_NONE, 0);
    }
    m->base = inst->operands;
    add_code(inst, f->src[1], ISA_TYPE_B128, ISA_READ);
    m->soffset = inst->operands;
    add_code(inst, f->src[2], ISA_TYPE_B32, ISA_READ);
}

static uint32_t implicit_effects(const struct isa_inst *inst)
{
    const struct isa_opcode *op = inst->op;
    uint32_t effects = op->flags & (ISA_SCC_R | ISA_SCC_W | ISA_VCC_R | ISA_EXEC_R | ISA_EXEC_W |
                                    ISA_M0_R | ISA_M0_W);

    if (op->flags & ISA_LANE)
        effects &= ~(uint32_t)ISA_EXEC_R;
    if (inst->memory.lds_dma || inst->memory.segment == ISA_SEGMENT_GDS)
        effects |= ISA_M0_R;
    return effects;
}

enum isa_result isa_decode(const uint32_t *words, size_t available, uint64_t address,
                           struct isa_inst *inst)
{
    const enum isa_result result = isa_decode_fields(words, available, inst);
    struct isa_memory *m = &inst->memory;

    if (result != ISA_OK)
        return result;
    inst->address = address;
    m->result = m->address = m->base = m->soffset = m->data[0] = m->data[1] = NOWHERE;
    switch (inst->format) {
    case ISA_SMEM:
        smem_operands(inst);
        break;
    case ISA_DS:
        ds_operands(inst);
        break;
    case ISA_FLAT:
    case ISA_GLOBAL:
    case ISA_SCRATCH:
        flat_operands(inst);
        break;
    case ISA_MUBUF:
    case ISA_MTBUF:
        buffer_operands(inst);
        break;
    case ISA_SOP1:
    case ISA_SOP2:
    case ISA_SOPC:
    case ISA_SOPK:
    case ISA_SOPP:
        scalar_operands(inst);
        break;
    default:
        vector_operands(inst);
    }
    inst->implicit = implicit_effects(inst);
    return ISA_OK;
}
