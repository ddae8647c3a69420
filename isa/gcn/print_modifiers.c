// SPDX-License-Identifier: Apache-2.0
/*
 * Disassembler: the modifiers behind the operands, by format.
 */
#include "print.h"

static void put_flag(struct isa_text *t, const struct isa_inst *inst, unsigned mod,
                     const char *name)
{
    if (inst->fields.mods & mod)
        isa_put(t, " %s", name);
}

static unsigned sources(const struct isa_inst *inst)
{
    unsigned n = 0;

    while (n < 3 && inst->op->src[n])
        n++;
    return n;
}

/* "name:[1,0,...]" of the low @count bits, unless they are all @usual. */
static void put_bits(struct isa_text *t, const char *name, unsigned bits, unsigned count,
                     unsigned usual)
{
    const unsigned all = (1u << count) - 1;

    if ((bits & all) == (usual & all))
        return;
    isa_put(t, " %s:[", name);
    for (unsigned i = 0; i < count; i++)
        isa_put(t, i ? ",%u" : "%u", bits >> i & 1);
    isa_put(t, "]");
}

static void put_output(struct isa_text *t, const struct isa_inst *inst)
{
    static const char *const omod[] = {"", " mul:2", " mul:4", " div:2"};

    put_flag(t, inst, ISA_MOD_CLAMP, "clamp");
    isa_put(t, "%s", omod[inst->fields.omod]);
}

/* VOP3 instructions on halves that can pick either half of a register; the others ignore op_sel. */
static bool has_op_sel(const struct isa_inst *inst)
{
    const enum isa_id id = isa_id(inst->op);

    switch (inst->op->dst) {
    case ISA_TYPE_U16K:
    case ISA_TYPE_I16K:
    case ISA_TYPE_F16K:
        return true;
    default:
        return id == ISA_ID_v_mad_u32_u16 || id == ISA_ID_v_mad_i32_i16 ||
               id == ISA_ID_v_cvt_pknorm_i16_f16 || id == ISA_ID_v_cvt_pknorm_u16_f16 ||
               id == ISA_ID_v_pack_b32_f16;
    }
}

static void put_vop3(struct isa_text *t, const struct isa_inst *inst)
{
    const unsigned n = sources(inst), op_sel = inst->fields.op_sel;

    if (has_op_sel(inst)) {
        const unsigned bits = (op_sel & ((1u << n) - 1)) | (op_sel >> 3 & 1) << n;

        put_bits(t, "op_sel", bits, n + 1, 0);
    }
    put_output(t, inst);
}

static void put_packed(struct isa_text *t, const struct isa_inst *inst)
{
    const struct isa_fields *f = &inst->fields;
    const enum isa_id id = isa_id(inst->op);
    const bool mix =
        id == ISA_ID_v_fma_mix_f32 || id == ISA_ID_v_fma_mixlo_f16 || id == ISA_ID_v_fma_mixhi_f16;
    const unsigned n = sources(inst);

    put_bits(t, "op_sel", f->op_sel, n, 0);
    put_bits(t, "op_sel_hi", f->op_sel_hi, n, mix ? 0 : 7);
    if (!mix) {
        put_bits(t, "neg_lo", f->neg, n, 0);
        put_bits(t, "neg_hi", f->abs, n, 0);
    }
    put_flag(t, inst, ISA_MOD_CLAMP, "clamp");
}

static void put_sdwa(struct isa_text *t, const struct isa_inst *inst)
{
    static const char *const select[] = {"BYTE_0", "BYTE_1", "BYTE_2", "BYTE_3",
                                         "WORD_0", "WORD_1", "DWORD",  "?"};
    static const char *const unused[] = {"UNUSED_PAD", "UNUSED_SEXT", "UNUSED_PRESERVE", "?"};
    const struct isa_fields *f = &inst->fields;

    put_output(t, inst);
    if (inst->format != ISA_VOPC)
        isa_put(t, " dst_sel:%s dst_unused:%s", select[f->sdwa_dst_sel],
                unused[f->sdwa_dst_unused]);
    isa_put(t, " src0_sel:%s", select[f->sdwa_sel[0]]);
    if (inst->format != ISA_VOP1)
        isa_put(t, " src1_sel:%s", select[f->sdwa_sel[1]]);
}

static void put_dpp_control(struct isa_text *t, unsigned ctrl)
{
    static const struct {
        uint16_t first, last;
        const char *name;
    } shifts[] = {
        {0x101, 0x10f, "row_shl"},
        {0x111, 0x11f, "row_shr"},
        {0x121, 0x12f, "row_ror"},
    };
    static const struct {
        uint16_t ctrl;
        const char *text;
    } fixed[] = {
        {0x130, "wave_shl:1"},   {0x134, "wave_rol:1"},   {0x138, "wave_shr:1"},
        {0x13c, "wave_ror:1"},   {0x140, "row_mirror"},   {0x141, "row_half_mirror"},
        {0x142, "row_bcast:15"}, {0x143, "row_bcast:31"},
    };

    if (ctrl <= 0xff) {
        isa_put(t, " quad_perm:[%u,%u,%u,%u]", ctrl & 3, ctrl >> 2 & 3, ctrl >> 4 & 3, ctrl >> 6);
        return;
    }
    for (unsigned i = 0; i < sizeof(shifts) / sizeof(shifts[0]); i++)
        if (ctrl >= shifts[i].first && ctrl <= shifts[i].last) {
            isa_put(t, " %s:%u", shifts[i].name, ctrl & 15);
            return;
        }
    for (unsigned i = 0; i < sizeof(fixed) / sizeof(fixed[0]); i++)
        if (ctrl == fixed[i].ctrl) {
            isa_put(t, " %s", fixed[i].text);
            return;
        }
    isa_put(t, " /* Invalid dpp_ctrl value */");
}

static void put_dpp(struct isa_text *t, const struct isa_inst *inst)
{
    const struct isa_fields *f = &inst->fields;

    put_dpp_control(t, f->dpp_ctrl);
    isa_put(t, " row_mask:0x%x bank_mask:0x%x", f->dpp_row_mask, f->dpp_bank_mask);
    if (f->dpp_bound_ctrl)
        isa_put(t, " bound_ctrl:1");
}

static void put_smem(struct isa_text *t, const struct isa_inst *inst)
{
    const struct isa_fields *f = &inst->fields;

    if (f->mods & ISA_MOD_IMM && inst->op->src[0]) {
        if (f->mods & ISA_MOD_SOFFSET)
            isa_put(t, " offset:");
        else
            isa_put(t, ", ");
        if (f->imm < 0)
            isa_put(t, "-0x%x", -f->imm);
        else
            isa_put(t, "0x%x", f->imm);
    }
    if (inst->op->access != ISA_ACCESS_NONE)
        put_flag(t, inst, ISA_MOD_GLC, "glc");
}

/* "BITMASK_PERM" spells what becomes of each bit of a lane number: 0, 1, kept or inverted. */
static void put_swizzle_mask(struct isa_text *t, unsigned and_mask, unsigned or_mask,
                             unsigned xor_mask)
{
    const unsigned zeros = or_mask ^ xor_mask, ones = (and_mask | or_mask) ^ xor_mask;

    isa_put(t, "\"");
    for (unsigned bit = 16; bit; bit >>= 1) {
        const bool of_zero = zeros & bit, of_one = ones & bit;

        isa_put(t, "%c", of_zero == of_one ? (of_zero ? '1' : '0') : of_zero ? 'i' : 'p');
    }
    isa_put(t, "\"");
}

static bool power_of_two(unsigned n)
{
    return n && !(n & (n - 1));
}

static void put_swizzle(struct isa_text *t, unsigned mode)
{
    const unsigned and_mask = mode & 31, or_mask = mode >> 5 & 31, xor_mask = mode >> 10 & 31;
    const unsigned group = 32 - and_mask;

    if (!mode)
        return;
    isa_put(t, " offset:");
    if ((mode & 0xff00) == 0x8000) {
        isa_put(t, "swizzle(QUAD_PERM,%u,%u,%u,%u)", mode & 3, mode >> 2 & 3, mode >> 4 & 3,
                mode >> 6 & 3);
    } else if (mode & 0x8000) {
        isa_put(t, "%u", mode);
    } else if (and_mask == 31 && !or_mask && power_of_two(xor_mask)) {
        isa_put(t, "swizzle(SWAP,%u)", xor_mask);
    } else if (and_mask == 31 && !or_mask && xor_mask && power_of_two(xor_mask + 1)) {
        isa_put(t, "swizzle(REVERSE,%u)", xor_mask + 1);
    } else if (group > 1 && power_of_two(group) && or_mask < group && !xor_mask) {
        isa_put(t, "swizzle(BROADCAST,%u,%u)", group, or_mask);
    } else {
        isa_put(t, "swizzle(BITMASK_PERM,");
        put_swizzle_mask(t, and_mask, or_mask, xor_mask);
        isa_put(t, ")");
    }
}

static void put_ds(struct isa_text *t, const struct isa_inst *inst)
{
    const struct isa_fields *f = &inst->fields;

    if (isa_id(inst->op) == ISA_ID_ds_swizzle_b32) {
        put_swizzle(t, (unsigned)f->imm);
    } else if (inst->op->flags & ISA_TWO) {
        if (f->imm & 0xff)
            isa_put(t, " offset0:%u", f->imm & 0xff);
        if (f->offset1)
            isa_put(t, " offset1:%u", f->offset1);
    } else if (f->imm) {
        isa_put(t, " offset:%d", f->imm);
    }
    put_flag(t, inst, ISA_MOD_GDS, "gds");
}

static void put_flat(struct isa_text *t, const struct isa_inst *inst)
{
    if (inst->fields.imm)
        isa_put(t, " offset:%d", inst->fields.imm);
    put_flag(t, inst, ISA_MOD_GLC, "glc");
    put_flag(t, inst, ISA_MOD_SLC, "slc");
    if (inst->memory.lds_dma)
        isa_put(t, " lds");
}

static void put_buffer_format(struct isa_text *t, unsigned format)
{
    static const char *const data[] = {
        "INVALID",     "8",        "16",          "8_8",         "32",      "16_16",
        "10_11_11",    "11_11_10", "10_10_10_2",  "2_10_10_10",  "8_8_8_8", "32_32",
        "16_16_16_16", "32_32_32", "32_32_32_32", "RESERVED_15",
    };
    static const char *const number[] = {"UNORM", "SNORM", "USCALED",    "SSCALED",
                                         "UINT",  "SINT",  "RESERVED_6", "FLOAT"};
    const unsigned d = format & 15, n = format >> 4 & 7;

    if (d == 1 && n == 0)
        return; /* the default */
    isa_put(t, " format:[");
    if (d != 1)
        isa_put(t, "BUF_DATA_FORMAT_%s%s", data[d], n ? "," : "");
    if (n)
        isa_put(t, "BUF_NUM_FORMAT_%s", number[n]);
    isa_put(t, "]");
}

static void put_buffer(struct isa_text *t, const struct isa_inst *inst)
{
    if (inst->op->access == ISA_ACCESS_NONE)
        return;
    if (inst->format == ISA_MTBUF)
        put_buffer_format(t, inst->fields.offset1);
    put_flag(t, inst, ISA_MOD_IDXEN, "idxen");
    put_flag(t, inst, ISA_MOD_OFFEN, "offen");
    if (inst->fields.imm)
        isa_put(t, " offset:%d", inst->fields.imm);
    if (inst->op->access == ISA_ACCESS_STORE && !inst->op->dst)
        put_flag(t, inst, ISA_MOD_LDS, "lds"); /* buffer_store_lds_dword has it first */
    put_flag(t, inst, ISA_MOD_GLC, "glc");
    put_flag(t, inst, ISA_MOD_SLC, "slc");
    if (inst->memory.lds_dma)
        isa_put(t, " lds");
    else if (inst->op->access != ISA_ACCESS_ATOMIC && inst->op->dst)
        put_flag(t, inst, ISA_MOD_TFE, "tfe");
}

void isa_put_modifiers(struct isa_text *t, const struct isa_inst *inst)
{
    switch (inst->format) {
    case ISA_SMEM:
        put_smem(t, inst);
        break;
    case ISA_DS:
        put_ds(t, inst);
        break;
    case ISA_FLAT:
    case ISA_GLOBAL:
    case ISA_SCRATCH:
        put_flat(t, inst);
        break;
    case ISA_MUBUF:
    case ISA_MTBUF:
        put_buffer(t, inst);
        break;
    case ISA_VOP3:
        put_vop3(t, inst);
        break;
    case ISA_VOP3P:
        put_packed(t, inst);
        break;
    case ISA_VOP1:
    case ISA_VOP2:
    case ISA_VOPC:
        if (inst->fields.mods & ISA_MOD_SDWA && inst->op->dst + inst->op->src[0])
            put_sdwa(t, inst);
        else if (inst->fields.mods & ISA_MOD_DPP)
            put_dpp(t, inst);
        break;
    default:
        break;
    }
}
