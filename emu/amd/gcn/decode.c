// SPDX-License-Identifier: Apache-2.0
/*
 * Instruction decoder: from raw words to struct gcn_inst, for every format that a gfx906 compute
 * kernel may hold. Field positions are those of "AMD Vega 7nm Instruction Set Architecture",
 * chapter "Microcode Formats". The opcode rows of the families are joined into one array per format
 * when the first instruction is decoded; which row it is decides what the operands mean.
 */
#include "wave.h"

#include <pthread.h>
#include <stdio.h>

/* Formats in the order of enum gcn_format: name, size of the opcode field in bits. */
#define FORMATS(F)                                                                                 \
    F(SOP1, 8)                                                                                     \
    F(SOP2, 7)                                                                                     \
    F(SOPC, 7)                                                                                     \
    F(SOPK, 5)                                                                                     \
    F(SOPP, 7)                                                                                     \
    F(SMEM, 8)                                                                                     \
    F(VOP1, 8)                                                                                     \
    F(VOP2, 6)                                                                                     \
    F(VOPC, 8)                                                                                     \
    F(VOP3, 10)                                                                                    \
    F(VOP3P, 7)                                                                                    \
    F(VINTRP, 2)                                                                                   \
    F(DS, 8)                                                                                       \
    F(FLAT, 7)                                                                                     \
    F(GLOBAL, 7)                                                                                   \
    F(SCRATCH, 7)                                                                                  \
    F(MUBUF, 7)                                                                                    \
    F(MTBUF, 4)

#define TABLE(name, bits) static const struct gcn_opcode *table_##name[1 << (bits)];
FORMATS(TABLE)

static const struct {
    const char *name;
    const struct gcn_opcode **table;
    unsigned count;
} formats[GCN_FORMATS] = {
#define INFO(name, bits) [GCN_##name] = {#name, table_##name, 1 << (bits)},
    FORMATS(INFO)};

/* Where the rows of VOPC, VOP2 and VOP1 lie in the opcode space of VOP3. */
enum { VOP3_VOPC = 0x000, VOP3_VOP2 = 0x100, VOP3_VOP1 = 0x140 };

static void illegal(struct gcn_wave *w, const struct gcn_inst *inst)
{
    gcn_fault_illegal(w, inst);
}

/* What an instruction is that has an encoding, but no row in any family. */
static const struct gcn_opcode unimplemented = {"unimplemented", illegal, GCN_FORMATS, 4, 0, 0};

static bool has_vop3(const struct gcn_opcode *op)
{
    return !(op->flags & (GCN_OP_NO_VOP3 | GCN_OP_MADMK | GCN_OP_MADAK));
}

static void join(const struct gcn_opcode *rows, unsigned count)
{
    for (unsigned i = 0; i < count; i++)
        if (rows[i].number < formats[rows[i].format].count)
            formats[rows[i].format].table[rows[i].number] = &rows[i];
}

static void derive_vop3(enum gcn_format format, unsigned base)
{
    for (unsigned i = 0; i < formats[format].count; i++) {
        const struct gcn_opcode *op = formats[format].table[i];

        if (op && has_vop3(op) && !table_VOP3[base + i])
            table_VOP3[base + i] = op;
    }
}

bool gcn_vector_plain;

bool gcn_vector_fast(void)
{
#ifdef GCN_HAVE_AVX2
    return !gcn_vector_plain && __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma");
#else
    return false;
#endif
}

static void join_families(void)
{
    const struct gcn_opcode *valu = gcn_ops_valu_plain;

#ifdef GCN_HAVE_AVX2
    if (gcn_vector_fast())
        valu = gcn_ops_valu_avx2;
#endif
    join(gcn_ops_salu, gcn_ops_salu_count);
    join(gcn_ops_smem, gcn_ops_smem_count);
    join(gcn_ops_mem, gcn_ops_mem_count);
    join(valu, gcn_ops_valu_count);
    derive_vop3(GCN_VOPC, VOP3_VOPC);
    derive_vop3(GCN_VOP2, VOP3_VOP2);
    derive_vop3(GCN_VOP1, VOP3_VOP1);
}

static uint32_t bits(uint32_t word, unsigned low, unsigned count)
{
    return word >> low & ((1u << count) - 1);
}

static int32_t sign_extend(uint32_t value, unsigned count)
{
    return (int32_t)(value << (32 - count)) >> (32 - count);
}

/* Format and opcode number of what starts with @word; false: it is no compute instruction. */
static bool classify(uint32_t word, enum gcn_format *format, unsigned *number)
{
    static const struct {
        uint32_t mask, match;
        uint8_t format, low, count;
    } encodings[] = {
        // clang-format off
        /* The narrower an encoding, the earlier it stands. */
        {0xff800000, 0xbe800000, GCN_SOP1, 8, 8},
        {0xff800000, 0xbf000000, GCN_SOPC, 16, 7},
        {0xff800000, 0xbf800000, GCN_SOPP, 16, 7},
        {0xf0000000, 0xb0000000, GCN_SOPK, 23, 5},
        {0xc0000000, 0x80000000, GCN_SOP2, 23, 7},
        {0xfe000000, 0x7e000000, GCN_VOP1, 9, 8},
        {0xfe000000, 0x7c000000, GCN_VOPC, 17, 8},
        {0x80000000, 0x00000000, GCN_VOP2, 25, 6},
        {0xfc000000, 0xc0000000, GCN_SMEM, 18, 8},
        {0xff800000, 0xd3800000, GCN_VOP3P, 16, 7},
        {0xfc000000, 0xd0000000, GCN_VOP3, 16, 10},
        {0xfc000000, 0xd4000000, GCN_VINTRP, 16, 2},
        {0xfc000000, 0xd8000000, GCN_DS, 17, 8},
        {0xfc00c000, 0xdc000000, GCN_FLAT, 18, 7},
        {0xfc00c000, 0xdc004000, GCN_SCRATCH, 18, 7},
        {0xfc00c000, 0xdc008000, GCN_GLOBAL, 18, 7},
        {0xfc000000, 0xe0000000, GCN_MUBUF, 18, 7},
        {0xfc000000, 0xe8000000, GCN_MTBUF, 15, 4},
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

const char *gcn_format_name(enum gcn_format format)
{
    return format < GCN_FORMATS ? formats[format].name : "?";
}

/* The words of the instruction being decoded. */
struct cursor {
    const uint32_t *words;
    unsigned available;
};

static bool take_literal(struct gcn_inst *inst, const struct cursor *c, unsigned at)
{
    if (at >= c->available)
        return false;
    inst->literal = c->words[at];
    inst->size = at + 1;
    return true;
}

static bool decode_scalar(struct gcn_inst *inst, enum gcn_format format, unsigned number,
                          const struct cursor *c)
{
    const uint32_t w = c->words[0];
    const bool idx_on = format == GCN_SOPC && number == 17; /* s_set_gpr_idx_on */
    const bool setreg_imm32 = format == GCN_SOPK && number == 20;
    bool literal = setreg_imm32;

    if (format == GCN_SOP1 || format == GCN_SOP2)
        inst->dst = bits(w, 16, 7);
    if (format == GCN_SOPK)
        inst->dst = bits(w, 16, 7);
    if (format == GCN_SOPK || format == GCN_SOPP)
        inst->imm = sign_extend(w & 0xffff, 16);
    if (format == GCN_SOP1 || format == GCN_SOP2 || format == GCN_SOPC) {
        inst->src[0] = bits(w, 0, 8);
        literal |= inst->src[0] == GCN_SRC_LITERAL;
    }
    if (format == GCN_SOP2 || format == GCN_SOPC) {
        inst->src[1] = bits(w, 8, 8);
        literal |= inst->src[1] == GCN_SRC_LITERAL && !idx_on;
    }
    return !literal || take_literal(inst, c, 1);
}

static bool decode_smem(struct gcn_inst *inst, const struct cursor *c)
{
    const uint32_t w = c->words[0], w1 = c->words[1];

    inst->src[0] = bits(w, 0, 6) * 2;
    inst->dst = bits(w, 6, 7);
    if (bits(w, 16, 1))
        inst->mods |= GCN_MOD_GLC;
    if (bits(w, 17, 1)) {
        inst->mods |= GCN_MOD_IMM;
        inst->imm = sign_extend(bits(w1, 0, 21), 21);
    } else if (!bits(w, 14, 1)) { /* the older form: the offset field names the SGPR */
        inst->mods |= GCN_MOD_SOFFSET;
        inst->src[1] = bits(w1, 0, 7);
    }
    if (bits(w, 14, 1)) {
        inst->mods |= GCN_MOD_SOFFSET;
        inst->src[1] = bits(w1, 25, 7);
    }
    return true;
}

/* The word behind a VOP1, VOP2 or VOPC instruction whose source 0 is GCN_SRC_SDWA. */
static bool decode_sdwa(struct gcn_inst *inst, bool vopc, const struct cursor *c)
{
    uint32_t w;

    if (c->available < 2)
        return false;
    w = c->words[1];
    inst->size = 2;
    inst->mods |= GCN_MOD_SDWA;
    inst->src[0] = bits(w, 0, 8) + (bits(w, 23, 1) ? 0 : GCN_SRC_VGPR);
    if (vopc) {
        inst->sdst = bits(w, 15, 1) ? bits(w, 8, 7) : GCN_VCC;
    } else {
        inst->sdwa_dst_sel = bits(w, 8, 3);
        inst->sdwa_dst_unused = bits(w, 11, 2);
        inst->mods |= bits(w, 13, 1) ? GCN_MOD_CLAMP : 0;
        inst->omod = bits(w, 14, 2);
    }
    inst->sdwa_sel[0] = bits(w, 16, 3);
    inst->sdwa_sel[1] = bits(w, 24, 3);
    inst->sdwa_sext = bits(w, 19, 1) | bits(w, 27, 1) << 1;
    inst->neg = bits(w, 20, 1) | bits(w, 28, 1) << 1;
    inst->abs = bits(w, 21, 1) | bits(w, 29, 1) << 1;
    if (bits(w, 31, 1)) /* source 1 is scalar (VOP1 has none: its caller clears it) */
        inst->src[1] -= GCN_SRC_VGPR;
    return true;
}

static bool decode_dpp(struct gcn_inst *inst, const struct cursor *c)
{
    uint32_t w;

    if (c->available < 2)
        return false;
    w = c->words[1];
    inst->size = 2;
    inst->mods |= GCN_MOD_DPP;
    inst->src[0] = bits(w, 0, 8) + GCN_SRC_VGPR;
    inst->dpp_ctrl = bits(w, 8, 9);
    inst->dpp_bound_ctrl = bits(w, 19, 1);
    inst->neg = bits(w, 20, 1) | bits(w, 22, 1) << 1;
    inst->abs = bits(w, 21, 1) | bits(w, 23, 1) << 1;
    inst->dpp_bank_mask = bits(w, 24, 4);
    inst->dpp_row_mask = bits(w, 28, 4);
    return true;
}

/* What the row says of source 2 and of the scalar destination when there is no field for them. */
static void implied_operands(struct gcn_inst *inst)
{
    const uint32_t flags = inst->op->flags;

    if (flags & GCN_OP_CARRY_IN)
        inst->src[2] = GCN_VCC;
    if (flags & GCN_OP_MAC)
        inst->src[2] = inst->dst + GCN_SRC_VGPR;
    if (flags & GCN_OP_SDST)
        inst->sdst = GCN_VCC;
}

/* VOP1, VOP2, VOPC: one word, and perhaps an SDWA or DPP word or a literal. */
static bool decode_vop(struct gcn_inst *inst, enum gcn_format format, const struct cursor *c)
{
    const uint32_t w = c->words[0], flags = inst->op->flags;

    inst->src[0] = bits(w, 0, 9);
    if (format != GCN_VOPC)
        inst->dst = bits(w, 17, 8);
    else
        inst->sdst = GCN_VCC;
    if (format != GCN_VOP1)
        inst->src[1] = bits(w, 9, 8) + GCN_SRC_VGPR;
    implied_operands(inst);
    if (flags & (GCN_OP_MADMK | GCN_OP_MADAK)) {
        if (flags & GCN_OP_MADMK) {
            inst->src[2] = inst->src[1];
            inst->src[1] = GCN_SRC_LITERAL;
        } else {
            inst->src[2] = GCN_SRC_LITERAL;
        }
        return inst->src[0] != GCN_SRC_SDWA && inst->src[0] != GCN_SRC_DPP &&
               take_literal(inst, c, 1);
    }
    if (inst->src[0] == GCN_SRC_SDWA) {
        if (!decode_sdwa(inst, format == GCN_VOPC, c))
            return false;
        if (format == GCN_VOP1)
            inst->src[1] = 0;
        return true;
    }
    if (inst->src[0] == GCN_SRC_DPP)
        return decode_dpp(inst, c);
    return inst->src[0] != GCN_SRC_LITERAL || take_literal(inst, c, 1);
}

static bool decode_vop3(struct gcn_inst *inst, enum gcn_format format, unsigned number,
                        const struct cursor *c)
{
    const uint32_t w = c->words[0], w1 = c->words[1], flags = inst->op->flags;
    const bool packed = format == GCN_VOP3P;

    inst->mods |= GCN_MOD_VOP3 | (bits(w, 15, 1) ? GCN_MOD_CLAMP : 0);
    for (unsigned i = 0; i < 3; i++) {
        inst->src[i] = bits(w1, i * 9, 9);
        if (inst->src[i] == GCN_SRC_LITERAL || inst->src[i] == GCN_SRC_SDWA ||
            inst->src[i] == GCN_SRC_DPP)
            return false;
    }
    inst->neg = bits(w1, 29, 3);
    if (!packed && number < VOP3_VOP2) /* a compare */
        inst->sdst = bits(w, 0, 8);
    else
        inst->dst = bits(w, 0, 8);
    if (packed) {
        inst->abs = bits(w, 8, 3);
        inst->op_sel = bits(w, 11, 3);
        inst->op_sel_hi = bits(w1, 27, 2) | bits(w, 14, 1) << 2;
        return true;
    }
    inst->omod = bits(w1, 27, 2);
    if (flags & GCN_OP_SDST) {
        inst->sdst = bits(w, 8, 7);
    } else {
        inst->abs = bits(w, 8, 3);
        inst->op_sel = bits(w, 11, 4);
    }
    if (flags & GCN_OP_MAC)
        inst->src[2] = inst->dst + GCN_SRC_VGPR;
    return true;
}

static bool decode_ds(struct gcn_inst *inst, const struct cursor *c)
{
    const uint32_t w = c->words[0], w1 = c->words[1];

    inst->imm = bits(w, 0, 16);
    inst->offset1 = bits(w, 8, 8);
    inst->mods |= bits(w, 16, 1) ? GCN_MOD_GDS : 0;
    inst->src[0] = bits(w1, 0, 8);
    inst->src[1] = bits(w1, 8, 8);
    inst->src[2] = bits(w1, 16, 8);
    inst->dst = bits(w1, 24, 8);
    return true;
}

static bool decode_flat(struct gcn_inst *inst, enum gcn_format format, const struct cursor *c)
{
    const uint32_t w = c->words[0], w1 = c->words[1];

    inst->imm = format == GCN_FLAT ? (int32_t)bits(w, 0, 12) : sign_extend(bits(w, 0, 13), 13);
    inst->mods |= (bits(w, 13, 1) ? GCN_MOD_LDS : 0) | (bits(w, 16, 1) ? GCN_MOD_GLC : 0) |
                  (bits(w, 17, 1) ? GCN_MOD_SLC : 0);
    inst->src[0] = bits(w1, 0, 8);
    inst->src[1] = bits(w1, 8, 8);
    inst->src[2] = format == GCN_FLAT ? GCN_SADDR_OFF : (int)bits(w1, 16, 7);
    inst->dst = bits(w1, 24, 8);
    return true;
}

static bool decode_buffer(struct gcn_inst *inst, enum gcn_format format, const struct cursor *c)
{
    const uint32_t w = c->words[0], w1 = c->words[1];

    inst->imm = bits(w, 0, 12);
    inst->mods |= (bits(w, 12, 1) ? GCN_MOD_OFFEN : 0) | (bits(w, 13, 1) ? GCN_MOD_IDXEN : 0) |
                  (bits(w, 14, 1) ? GCN_MOD_GLC : 0);
    if (format == GCN_MUBUF) {
        inst->mods |= (bits(w, 16, 1) ? GCN_MOD_LDS : 0) | (bits(w, 17, 1) ? GCN_MOD_SLC : 0);
    } else {
        inst->offset1 = bits(w, 19, 4) | bits(w, 23, 3) << 4;
        inst->mods |= bits(w1, 22, 1) ? GCN_MOD_SLC : 0;
    }
    inst->src[0] = bits(w1, 0, 8);
    inst->dst = bits(w1, 8, 8);
    inst->src[1] = bits(w1, 16, 5) * 4;
    inst->src[2] = bits(w1, 24, 8);
    return !bits(w1, 23, 1); /* tfe: partially resident textures, not of compute */
}

static bool decode_operands(struct gcn_inst *inst, enum gcn_format format, unsigned number,
                            const struct cursor *c)
{
    if (format >= GCN_VOP3 || format == GCN_SMEM) {
        inst->size = format == GCN_VINTRP ? 1 : 2;
        if (c->available < inst->size)
            return false;
    }
    switch (format) {
    case GCN_SMEM:
        return decode_smem(inst, c);
    case GCN_VOP1:
    case GCN_VOP2:
    case GCN_VOPC:
        return decode_vop(inst, format, c);
    case GCN_VOP3:
    case GCN_VOP3P:
        return decode_vop3(inst, format, number, c);
    case GCN_VINTRP:
        return true; /* interpolation: graphics only, has no row */
    case GCN_DS:
        return decode_ds(inst, c);
    case GCN_FLAT:
    case GCN_GLOBAL:
    case GCN_SCRATCH:
        return decode_flat(inst, format, c);
    case GCN_MUBUF:
    case GCN_MTBUF:
        return decode_buffer(inst, format, c);
    default:
        return decode_scalar(inst, format, number, c);
    }
}

unsigned gcn_decode(const uint32_t *words, unsigned available, struct gcn_inst *inst)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    const struct cursor cursor = {words, available};
    const struct gcn_opcode *op = NULL;
    enum gcn_format format;
    unsigned number;

    pthread_once(&once, join_families);
    memset(inst, 0, sizeof(*inst));
    inst->words[0] = words[0];
    inst->words[1] = available > 1 ? words[1] : 0;
    inst->size = 1;
    inst->op = &unimplemented;
    inst->handler = illegal;
    inst->issue_cycles = unimplemented.issue_cycles;
    if (!classify(words[0], &format, &number))
        return 0;
    op = formats[format].table[number];
    if (op) {
        inst->op = op;
        inst->handler = op->handler;
        inst->issue_cycles = op->issue_cycles;
    }
    if (!decode_operands(inst, format, number, &cursor)) {
        inst->op = &unimplemented;
        inst->handler = illegal;
        return 0;
    }
    return inst->size;
}

void gcn_fault_illegal(struct gcn_wave *w, const struct gcn_inst *inst)
{
    enum gcn_format format;
    unsigned number;

    if (w->fault.kind != GCN_FAULT_NONE)
        return;
    gcn_fault_raise(w, GCN_FAULT_ILLEGAL_INSTRUCTION, 0);
    if (classify(inst->words[0], &format, &number))
        snprintf(w->fault.text, sizeof(w->fault.text), "%s (%s 0x%x, words %08x %08x)",
                 inst->op->name, formats[format].name, number, inst->words[0], inst->words[1]);
    else
        snprintf(w->fault.text, sizeof(w->fault.text), "no instruction (words %08x %08x)",
                 inst->words[0], inst->words[1]);
}
