// SPDX-License-Identifier: Apache-2.0
/*
 * From raw words to row and fields. Field positions are those of "AMD Vega 7nm Instruction Set
 * Architecture", chapter "Microcode Formats".
 */
#include "isa.h"

#include <string.h>

static uint32_t bits(uint32_t word, unsigned low, unsigned count)
{
    return word >> low & ((1u << count) - 1);
}

static int32_t sign_extend(uint32_t value, unsigned count)
{
    return (int32_t)(value << (32 - count)) >> (32 - count);
}

bool isa_classify(uint32_t word, enum isa_format *format, unsigned *number)
{
    static const struct {
        uint32_t mask, match;
        uint8_t format, low, count;
    } encodings[] = {
        // clang-format off
        /* The narrower an encoding, the earlier it stands. */
        {0xff800000, 0xbe800000, ISA_SOP1, 8, 8},
        {0xff800000, 0xbf000000, ISA_SOPC, 16, 7},
        {0xff800000, 0xbf800000, ISA_SOPP, 16, 7},
        {0xf0000000, 0xb0000000, ISA_SOPK, 23, 5},
        {0xc0000000, 0x80000000, ISA_SOP2, 23, 7},
        {0xfe000000, 0x7e000000, ISA_VOP1, 9, 8},
        {0xfe000000, 0x7c000000, ISA_VOPC, 17, 8},
        {0x80000000, 0x00000000, ISA_VOP2, 25, 6},
        {0xfc000000, 0xc0000000, ISA_SMEM, 18, 8},
        {0xff800000, 0xd3800000, ISA_VOP3P, 16, 7},
        {0xfc000000, 0xd0000000, ISA_VOP3, 16, 10},
        {0xfc000000, 0xd8000000, ISA_DS, 17, 8},
        {0xfc00c000, 0xdc000000, ISA_FLAT, 18, 7},
        {0xfc00c000, 0xdc004000, ISA_SCRATCH, 18, 7},
        {0xfc00c000, 0xdc008000, ISA_GLOBAL, 18, 7},
        {0xfc000000, 0xe0000000, ISA_MUBUF, 18, 7},
        {0xfc000000, 0xe8000000, ISA_MTBUF, 15, 4},
        // clang-format on
    };

    for (unsigned i = 0; i < sizeof(encodings) / sizeof(encodings[0]); i++)
        if ((word & encodings[i].mask) == encodings[i].match) {
            *format = encodings[i].format;
            *number = bits(word, encodings[i].low, encodings[i].count);
            return true;
        }
    return false;
}

/* The words of the instruction being decoded. */
struct cursor {
    const uint32_t *words;
    size_t available;
};

static enum isa_result take_literal(struct isa_inst *inst, const struct cursor *c)
{
    if (c->available < 2)
        return ISA_TRUNCATED;
    inst->fields.literal = c->words[1];
    inst->bytes = 8;
    return ISA_OK;
}

static enum isa_result decode_scalar(struct isa_inst *inst, const struct cursor *c)
{
    const enum isa_format format = inst->format;
    const uint32_t w = c->words[0];
    struct isa_fields *f = &inst->fields;
    bool literal = inst->op->src[1] == ISA_TYPE_LITERAL;

    if (format == ISA_SOP1 || format == ISA_SOP2 || format == ISA_SOPK)
        f->dst = bits(w, 16, 7);
    if (format == ISA_SOPK || format == ISA_SOPP)
        f->imm = sign_extend(w & 0xffff, 16);
    if (format == ISA_SOP1 || format == ISA_SOP2 || format == ISA_SOPC) {
        f->src[0] = bits(w, 0, 8);
        literal |= f->src[0] == ISA_LITERAL && inst->op->src[0] != ISA_TYPE_NONE;
    }
    if (format == ISA_SOP2 || format == ISA_SOPC) {
        f->src[1] = bits(w, 8, 8);
        literal |= f->src[1] == ISA_LITERAL && inst->op->src[1] != ISA_TYPE_GPRIDX;
    }
    return literal ? take_literal(inst, c) : ISA_OK;
}

static void decode_smem(struct isa_inst *inst, const struct cursor *c)
{
    const uint32_t w = c->words[0], w1 = c->words[1];
    struct isa_fields *f = &inst->fields;

    f->src[0] = bits(w, 0, 6) * 2;
    f->dst = bits(w, 6, 7);
    if (bits(w, 16, 1))
        f->mods |= ISA_MOD_GLC;
    if (bits(w, 17, 1)) {
        f->mods |= ISA_MOD_IMM;
        f->imm = sign_extend(bits(w1, 0, 21), 21);
    } else if (!bits(w, 14, 1)) { /* the older form: the offset field names the SGPR */
        f->mods |= ISA_MOD_SOFFSET;
        f->src[1] = bits(w1, 0, 7);
    }
    if (bits(w, 14, 1)) {
        f->mods |= ISA_MOD_SOFFSET;
        f->src[1] = bits(w1, 25, 7);
    }
}

/* The word behind a VOP1, VOP2 or VOPC instruction whose source 0 is ISA_SDWA. */
static void decode_sdwa(struct isa_inst *inst, uint32_t w)
{
    struct isa_fields *f = &inst->fields;

    f->mods |= ISA_MOD_SDWA;
    f->src[0] = bits(w, 0, 8) + (bits(w, 23, 1) ? 0 : ISA_VGPR);
    if (inst->format == ISA_VOPC) {
        f->sdst = bits(w, 15, 1) ? bits(w, 8, 7) : ISA_VCC;
    } else {
        f->sdwa_dst_sel = bits(w, 8, 3);
        f->sdwa_dst_unused = bits(w, 11, 2);
        f->mods |= bits(w, 13, 1) ? ISA_MOD_CLAMP : 0;
        f->omod = bits(w, 14, 2);
    }
    f->sdwa_sel[0] = bits(w, 16, 3);
    f->sdwa_sext = bits(w, 19, 1);
    f->neg = bits(w, 20, 1);
    f->abs = bits(w, 21, 1);
    if (inst->format == ISA_VOP1)
        return;
    f->sdwa_sel[1] = bits(w, 24, 3);
    f->sdwa_sext |= bits(w, 27, 1) << 1;
    f->neg |= bits(w, 28, 1) << 1;
    f->abs |= bits(w, 29, 1) << 1;
    if (bits(w, 31, 1)) /* source 1 is scalar */
        f->src[1] -= ISA_VGPR;
}

static void decode_dpp(struct isa_inst *inst, uint32_t w)
{
    struct isa_fields *f = &inst->fields;

    f->mods |= ISA_MOD_DPP;
    f->src[0] = bits(w, 0, 8) + ISA_VGPR;
    f->dpp_ctrl = bits(w, 8, 9);
    f->dpp_bound_ctrl = bits(w, 19, 1);
    f->neg = bits(w, 20, 1) | bits(w, 22, 1) << 1;
    f->abs = bits(w, 21, 1) | bits(w, 23, 1) << 1;
    f->dpp_bank_mask = bits(w, 24, 4);
    f->dpp_row_mask = bits(w, 28, 4);
}

/* VOP1, VOP2, VOPC: one word, and perhaps an SDWA or DPP word or a literal. */
static enum isa_result decode_vop(struct isa_inst *inst, const struct cursor *c)
{
    const uint32_t w = c->words[0], flags = inst->op->flags;
    struct isa_fields *f = &inst->fields;
    const bool constant = flags & (ISA_MADMK | ISA_MADAK);

    f->src[0] = bits(w, 0, 9);
    if (inst->format != ISA_VOPC)
        f->dst = bits(w, 17, 8);
    else
        f->sdst = ISA_VCC;
    if (inst->format != ISA_VOP1)
        f->src[1] = bits(w, 9, 8) + ISA_VGPR;
    if (flags & ISA_CARRY_IN)
        f->src[2] = ISA_VCC;
    if (flags & ISA_MAC)
        f->src[2] = f->dst + ISA_VGPR;
    if (flags & ISA_SDST)
        f->sdst = ISA_VCC;
    if (flags & ISA_MADMK) {
        f->src[2] = f->src[1];
        f->src[1] = ISA_LITERAL;
    } else if (flags & ISA_MADAK) {
        f->src[2] = ISA_LITERAL;
    }
    if (inst->op->src[0] == ISA_TYPE_NONE &&
        (isa_id(inst->op) != ISA_ID_v_nop || (f->src[0] != ISA_DPP && f->src[0] != ISA_SDWA)))
        return ISA_OK;
    if (isa_id(inst->op) == ISA_ID_v_swap_b32) {
        f->src[0] |= ISA_VGPR; /* cannot be anything else */
        return ISA_OK;
    }
    if (f->src[0] == ISA_SDWA || f->src[0] == ISA_DPP) {
        if (constant || flags & ISA_SGPR_DST)
            return ISA_UNKNOWN;
        if (c->available < 2)
            return ISA_TRUNCATED;
        inst->bytes = 8;
        if (f->src[0] == ISA_SDWA)
            decode_sdwa(inst, c->words[1]);
        else
            decode_dpp(inst, c->words[1]);
        return ISA_OK;
    }
    if (constant || f->src[0] == ISA_LITERAL)
        return take_literal(inst, c);
    return ISA_OK;
}

static enum isa_result decode_vop3(struct isa_inst *inst, const struct cursor *c)
{
    const uint32_t w = c->words[0], w1 = c->words[1], flags = inst->op->flags;
    struct isa_fields *f = &inst->fields;
    const bool packed = inst->format == ISA_VOP3P;

    f->mods |= ISA_MOD_VOP3 | (bits(w, 15, 1) ? ISA_MOD_CLAMP : 0);
    for (unsigned i = 0; i < 3; i++) {
        f->src[i] = bits(w1, i * 9, 9);
        if (f->src[i] == ISA_LITERAL || f->src[i] == ISA_SDWA || f->src[i] == ISA_DPP)
            return ISA_UNKNOWN;
    }
    f->neg = bits(w1, 29, 3);
    if (inst->op->format == ISA_VOPC)
        f->sdst = bits(w, 0, 8);
    else
        f->dst = bits(w, 0, 8);
    if (packed) {
        f->abs = bits(w, 8, 3);
        f->op_sel = bits(w, 11, 3);
        f->op_sel_hi = bits(w1, 27, 2) | bits(w, 14, 1) << 2;
        return ISA_OK;
    }
    f->omod = bits(w1, 27, 2);
    if (flags & ISA_SDST) {
        f->sdst = bits(w, 8, 7);
    } else {
        f->abs = bits(w, 8, 3);
        f->op_sel = bits(w, 11, 4);
    }
    if (flags & ISA_MAC)
        f->src[2] = f->dst + ISA_VGPR;
    return ISA_OK;
}

static void decode_ds(struct isa_inst *inst, const struct cursor *c)
{
    const uint32_t w = c->words[0], w1 = c->words[1];
    struct isa_fields *f = &inst->fields;

    f->imm = bits(w, 0, 16);
    f->offset1 = bits(w, 8, 8);
    f->mods |= bits(w, 16, 1) ? ISA_MOD_GDS : 0;
    f->src[0] = bits(w1, 0, 8);
    f->src[1] = bits(w1, 8, 8);
    f->src[2] = bits(w1, 16, 8);
    f->dst = bits(w1, 24, 8);
}

static void decode_flat(struct isa_inst *inst, const struct cursor *c)
{
    const uint32_t w = c->words[0], w1 = c->words[1];
    struct isa_fields *f = &inst->fields;
    const bool flat = inst->format == ISA_FLAT;

    f->imm = flat ? (int32_t)bits(w, 0, 12) : sign_extend(bits(w, 0, 13), 13);
    f->mods |= (bits(w, 13, 1) ? ISA_MOD_LDS : 0) | (bits(w, 16, 1) ? ISA_MOD_GLC : 0) |
               (bits(w, 17, 1) ? ISA_MOD_SLC : 0);
    f->src[0] = bits(w1, 0, 8);
    f->src[1] = bits(w1, 8, 8);
    f->src[2] = flat ? ISA_SADDR_OFF : (int)bits(w1, 16, 7);
    f->dst = bits(w1, 24, 8);
}

static void decode_buffer(struct isa_inst *inst, const struct cursor *c)
{
    const uint32_t w = c->words[0], w1 = c->words[1];
    struct isa_fields *f = &inst->fields;

    f->imm = bits(w, 0, 12);
    f->mods |= (bits(w, 12, 1) ? ISA_MOD_OFFEN : 0) | (bits(w, 13, 1) ? ISA_MOD_IDXEN : 0) |
               (bits(w, 14, 1) ? ISA_MOD_GLC : 0) | (bits(w1, 23, 1) ? ISA_MOD_TFE : 0);
    if (inst->format == ISA_MUBUF) {
        f->mods |= (bits(w, 16, 1) ? ISA_MOD_LDS : 0) | (bits(w, 17, 1) ? ISA_MOD_SLC : 0);
    } else {
        f->offset1 = bits(w, 19, 4) | bits(w, 23, 3) << 4;
        f->mods |= bits(w1, 22, 1) ? ISA_MOD_SLC : 0;
    }
    f->src[0] = bits(w1, 0, 8);
    f->dst = bits(w1, 8, 8);
    f->src[1] = bits(w1, 16, 5) * 4;
    f->src[2] = bits(w1, 24, 8);
}

enum isa_result isa_decode_fields(const uint32_t *words, size_t available, struct isa_inst *inst)
{
    const struct cursor cursor = {words, available};
    enum isa_format format;
    unsigned number;

    if (available == 0)
        return ISA_TRUNCATED;
    if (!isa_classify(words[0], &format, &number))
        return ISA_UNKNOWN;
    memset(inst, 0, sizeof(*inst));
    inst->op = isa_find(format, number);
    inst->format = format;
    inst->bytes = 4;
    if (!inst->op)
        return ISA_UNKNOWN;
    if (format <= ISA_SOPP)
        return decode_scalar(inst, &cursor);
    if (format >= ISA_VOP1 && format <= ISA_VOPC)
        return decode_vop(inst, &cursor);
    if (available < 2)
        return ISA_TRUNCATED;
    inst->bytes = 8;
    switch (format) {
    case ISA_SMEM:
        decode_smem(inst, &cursor);
        break;
    case ISA_VOP3:
    case ISA_VOP3P:
        return decode_vop3(inst, &cursor);
    case ISA_DS:
        decode_ds(inst, &cursor);
        break;
    case ISA_MUBUF:
    case ISA_MTBUF:
        decode_buffer(inst, &cursor);
        break;
    default:
        decode_flat(inst, &cursor);
    }
    return ISA_OK;
}
