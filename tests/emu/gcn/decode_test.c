// SPDX-License-Identifier: Apache-2.0
/*
 * Checks the decoder against LLVM's assembler and disassembler for gfx906:
 *   decode_test operands          decoded fields of assembled lines, every format
 *   decode_test opcodes           every opcode number of every format has LLVM's mnemonic
 *   decode_test sweep ELF...      every instruction of hipcc's code objects: size and mnemonic
 * Exit status 77 where llvm-mc-15 or llvm-objdump-15 is missing. `opcodes -v` also lists what
 * LLVM knows and the interpreter does not; that is no failure.
 */
#include "harness.h"

#include "wave.h"

#include <ctype.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

enum { SKIP = 77 };

/* What a line must decode to. size, words, handler and op come from elsewhere. */
struct expected {
    const char *text, *name;
    struct gcn_inst inst;
};

#define V(n)      (GCN_SRC_VGPR + (n))
#define VOP3(...) .mods = GCN_MOD_VOP3, __VA_ARGS__

// clang-format off
static const struct expected expected[] = {
    /* Scalar */
    {"s_mov_b32 s5, 0x12345678", "s_mov_b32",
     {.dst = 5, .src = {GCN_SRC_LITERAL}, .literal = 0x12345678}},
    {"s_mov_b64 vcc, exec", "s_mov_b64", {.dst = GCN_VCC, .src = {GCN_EXEC}}},
    {"s_swappc_b64 s[30:31], s[4:5]", "s_swappc_b64", {.dst = 30, .src = {4}}},
    {"s_add_u32 s1, s2, -3", "s_add_u32", {.dst = 1, .src = {2, 195}}},
    {"s_and_b64 s[4:5], vcc, -1", "s_and_b64", {.dst = 4, .src = {GCN_VCC, 193}}},
    {"s_lshl_b32 m0, s9, 16", "s_lshl_b32", {.dst = GCN_M0, .src = {9, 144}}},
    {"s_cmp_lg_u32 s3, 0x1000", "s_cmp_lg_u32",
     {.src = {3, GCN_SRC_LITERAL}, .literal = 0x1000}},
    {"s_set_gpr_idx_on s6, gpr_idx(SRC0,DST)", "s_set_gpr_idx_on", {.src = {6, 9}}},
    {"s_movk_i32 s7, -2", "s_movk_i32", {.dst = 7, .imm = -2}},
    {"s_setreg_imm32_b32 hwreg(HW_REG_MODE, 4, 2), 3", "s_setreg_imm32_b32",
     {.imm = 1 | 4 << 6 | 1 << 11, .literal = 3}},
    {"s_branch 5", "s_branch", {.imm = 5}},
    {"s_cbranch_execz -2", "s_cbranch_execz", {.imm = -2}},
    {"s_waitcnt vmcnt(3) lgkmcnt(1)", "s_waitcnt", {.imm = 3 | 7 << 4 | 1 << 8}},
    {"s_load_dwordx2 s[4:5], s[6:7], 0x10", "s_load_dwordx2",
     {.dst = 4, .src = {6}, .imm = 16, .mods = GCN_MOD_IMM}},
    {"s_load_dword s4, s[6:7], -0x8 glc", "s_load_dword",
     {.dst = 4, .src = {6}, .imm = -8, .mods = GCN_MOD_IMM | GCN_MOD_GLC}},
    {"s_load_dword s4, s[6:7], s9", "s_load_dword",
     {.dst = 4, .src = {6, 9}, .mods = GCN_MOD_SOFFSET}},
    {"s_buffer_load_dwordx4 s[8:11], s[12:15], 0x20", "s_buffer_load_dwordx4",
     {.dst = 8, .src = {12}, .imm = 32, .mods = GCN_MOD_IMM}},
    {"s_store_dword s1, s[4:5], 0x4", "s_store_dword",
     {.dst = 1, .src = {4}, .imm = 4, .mods = GCN_MOD_IMM}},
    {"s_memtime s[2:3]", "s_memtime", {.dst = 2, .mods = GCN_MOD_SOFFSET}},
    /* Vector, one word and literals */
    {"v_mov_b32_e32 v7, 0x40490fdb", "v_mov_b32",
     {.dst = 7, .src = {GCN_SRC_LITERAL}, .literal = 0x40490fdb}},
    {"v_cvt_f32_u32_e32 v1, s4", "v_cvt_f32_u32", {.dst = 1, .src = {4}}},
    {"v_readfirstlane_b32 s9, v3", "v_readfirstlane_b32", {.dst = 9, .src = {V(3)}}},
    {"v_add_f32_e32 v1, v2, v3", "v_add_f32", {.dst = 1, .src = {V(2), V(3)}}},
    {"v_cndmask_b32_e32 v1, 1.0, v3, vcc", "v_cndmask_b32",
     {.dst = 1, .src = {242, V(3), GCN_VCC}}},
    {"v_add_co_u32_e32 v1, vcc, s2, v3", "v_add_co_u32",
     {.dst = 1, .sdst = GCN_VCC, .src = {2, V(3)}}},
    {"v_addc_co_u32_e32 v1, vcc, v2, v3, vcc", "v_addc_co_u32",
     {.dst = 1, .sdst = GCN_VCC, .src = {V(2), V(3), GCN_VCC}}},
    {"v_mac_f32_e32 v9, v1, v2", "v_mac_f32", {.dst = 9, .src = {V(1), V(2), V(9)}}},
    {"v_fmac_f32_e32 v9, s1, v2", "v_fmac_f32", {.dst = 9, .src = {1, V(2), V(9)}}},
    {"v_madmk_f32 v1, v2, 0x41200000, v3", "v_madmk_f32",
     {.dst = 1, .src = {V(2), GCN_SRC_LITERAL, V(3)}, .literal = 0x41200000}},
    {"v_madak_f32 v1, v2, v3, 0x41200000", "v_madak_f32",
     {.dst = 1, .src = {V(2), V(3), GCN_SRC_LITERAL}, .literal = 0x41200000}},
    {"v_cmp_gt_i32_e32 vcc, s1, v2", "v_cmp_gt_i32", {.sdst = GCN_VCC, .src = {1, V(2)}}},
    {"v_cmp_lt_u64_e32 vcc, v[2:3], v[4:5]", "v_cmp_lt_u64",
     {.sdst = GCN_VCC, .src = {V(2), V(4)}}},
    /* VOP3 */
    {"v_add_f32_e64 v5, -v1, |s2| clamp mul:2", "v_add_f32",
     {.dst = 5, .src = {V(1), 2}, .neg = 1, .abs = 2, .omod = 1,
      .mods = GCN_MOD_VOP3 | GCN_MOD_CLAMP}},
    {"v_fma_f32 v1, v2, -v3, |v4|", "v_fma_f32",
     {VOP3(.dst = 1, .src = {V(2), V(3), V(4)}, .neg = 2, .abs = 4)}},
    {"v_mac_f32_e64 v9, v1, s2", "v_mac_f32", {VOP3(.dst = 9, .src = {V(1), 2, V(9)})}},
    {"v_cmp_eq_u32_e64 s[10:11], v1, 3", "v_cmp_eq_u32", {VOP3(.sdst = 10, .src = {V(1), 131})}},
    {"v_cndmask_b32_e64 v1, v2, 0, s[4:5]", "v_cndmask_b32",
     {VOP3(.dst = 1, .src = {V(2), 128, 4})}},
    {"v_addc_co_u32_e64 v1, s[6:7], v2, v3, s[8:9]", "v_addc_co_u32",
     {VOP3(.dst = 1, .sdst = 6, .src = {V(2), V(3), 8})}},
    {"v_mad_u64_u32 v[2:3], s[4:5], v6, s7, v[8:9]", "v_mad_u64_u32",
     {VOP3(.dst = 2, .sdst = 4, .src = {V(6), 7, V(8)})}},
    {"v_div_scale_f32 v1, vcc, v2, v3, v4", "v_div_scale_f32",
     {VOP3(.dst = 1, .sdst = GCN_VCC, .src = {V(2), V(3), V(4)})}},
    {"v_readlane_b32 s3, v4, s5", "v_readlane_b32", {VOP3(.dst = 3, .src = {V(4), 5})}},
    {"v_writelane_b32 v3, s4, 7", "v_writelane_b32", {VOP3(.dst = 3, .src = {4, 135})}},
    {"v_mad_u16 v1, v2, v3, v4 op_sel:[1,0,1,1]", "v_mad_u16",
     {VOP3(.dst = 1, .src = {V(2), V(3), V(4)}, .op_sel = 13)}},
    {"v_lshlrev_b64 v[1:2], 4, v[6:7]", "v_lshlrev_b64", {VOP3(.dst = 1, .src = {132, V(6)})}},
    {"v_cvt_f16_f32_e64 v1, |v2|", "v_cvt_f16_f32", {VOP3(.dst = 1, .src = {V(2)}, .abs = 1)}},
    /* VOP3P */
    {"v_pk_add_f16 v1, v2, s3 op_sel:[0,1] op_sel_hi:[1,0] neg_lo:[1,0] neg_hi:[0,1] clamp",
     "v_pk_add_f16",
     {.dst = 1, .src = {V(2), 3}, .op_sel = 2, .op_sel_hi = 5, .neg = 1, .abs = 2,
      .mods = GCN_MOD_VOP3 | GCN_MOD_CLAMP}},
    {"v_pk_fma_f16 v1, v2, v3, v4", "v_pk_fma_f16",
     {VOP3(.dst = 1, .src = {V(2), V(3), V(4)}, .op_sel_hi = 7)}},
    {"v_dot4_i32_i8 v1, v2, v3, v4", "v_dot4_i32_i8",
     {VOP3(.dst = 1, .src = {V(2), V(3), V(4)}, .op_sel_hi = 7)}},
    /* SDWA and DPP */
    {"v_add_u32_sdwa v1, v2, sext(v3) dst_sel:WORD_1 dst_unused:UNUSED_PRESERVE src0_sel:BYTE_2 "
     "src1_sel:WORD_0",
     "v_add_u32",
     {.dst = 1, .src = {V(2), V(3)}, .sdwa_dst_sel = 5, .sdwa_dst_unused = 2, .sdwa_sel = {2, 4},
      .sdwa_sext = 2, .mods = GCN_MOD_SDWA}},
    {"v_cmp_eq_u32_sdwa s[4:5], v1, s2 src0_sel:BYTE_0 src1_sel:DWORD", "v_cmp_eq_u32",
     {.sdst = 4, .src = {V(1), 2}, .sdwa_sel = {0, 6}, .mods = GCN_MOD_SDWA}},
    {"v_cmp_eq_u32_sdwa vcc, v1, v2 src0_sel:BYTE_0 src1_sel:DWORD", "v_cmp_eq_u32",
     {.sdst = GCN_VCC, .src = {V(1), V(2)}, .sdwa_sel = {0, 6}, .mods = GCN_MOD_SDWA}},
    {"v_cvt_f32_ubyte0_sdwa v1, s3 dst_sel:DWORD dst_unused:UNUSED_PAD src0_sel:BYTE_1",
     "v_cvt_f32_ubyte0",
     {.dst = 1, .src = {3}, .sdwa_dst_sel = 6, .sdwa_sel = {1}, .mods = GCN_MOD_SDWA}},
    {"v_add_f32_dpp v1, -v2, |v3| quad_perm:[1,0,3,2] row_mask:0xa bank_mask:0x5 bound_ctrl:0",
     "v_add_f32",
     {.dst = 1, .src = {V(2), V(3)}, .neg = 1, .abs = 2, .dpp_ctrl = 0xb1, .dpp_row_mask = 10,
      .dpp_bank_mask = 5, .dpp_bound_ctrl = 1, .mods = GCN_MOD_DPP}},
    {"v_mov_b32_dpp v1, v2 row_shr:4 row_mask:0xf bank_mask:0xf", "v_mov_b32",
     {.dst = 1, .src = {V(2)}, .dpp_ctrl = 0x114, .dpp_row_mask = 15, .dpp_bank_mask = 15,
      .mods = GCN_MOD_DPP}},
    {"v_addc_co_u32_dpp v1, vcc, v2, v3, vcc wave_shr:1 row_mask:0xf bank_mask:0xf",
     "v_addc_co_u32",
     {.dst = 1, .sdst = GCN_VCC, .src = {V(2), V(3), GCN_VCC}, .dpp_ctrl = 0x138,
      .dpp_row_mask = 15, .dpp_bank_mask = 15, .mods = GCN_MOD_DPP}},
    /* Memory */
    {"ds_read2_b32 v[1:2], v3 offset0:4 offset1:8", "ds_read2_b32",
     {.dst = 1, .src = {3}, .imm = 4 | 8 << 8, .offset1 = 8}},
    {"ds_write_b64 v3, v[4:5] offset:1000", "ds_write_b64",
     {.src = {3, 4}, .imm = 1000, .offset1 = 3}},
    {"ds_cmpst_rtn_b32 v1, v2, v3, v4 gds", "ds_cmpst_rtn_b32",
     {.dst = 1, .src = {2, 3, 4}, .mods = GCN_MOD_GDS}},
    {"flat_load_dword v1, v[2:3] offset:4095 glc slc", "flat_load_dword",
     {.dst = 1, .src = {2, 0, GCN_SADDR_OFF}, .imm = 4095, .mods = GCN_MOD_GLC | GCN_MOD_SLC}},
    {"global_load_dwordx4 v[4:7], v[2:3], off offset:-16", "global_load_dwordx4",
     {.dst = 4, .src = {2, 0, GCN_SADDR_OFF}, .imm = -16}},
    {"global_store_dword v1, v2, s[4:5] offset:8", "global_store_dword",
     {.src = {1, 2, 4}, .imm = 8}},
    {"global_atomic_add v1, v[2:3], v4, off glc", "global_atomic_add",
     {.dst = 1, .src = {2, 4, GCN_SADDR_OFF}, .mods = GCN_MOD_GLC}},
    {"scratch_load_dword v1, off, s5 offset:12", "scratch_load_dword",
     {.dst = 1, .src = {0, 0, 5}, .imm = 12}},
    {"buffer_store_dword v1, v2, s[8:11], s33 offen offset:20", "buffer_store_dword",
     {.dst = 1, .src = {2, 8, 33}, .imm = 20, .mods = GCN_MOD_OFFEN}},
    {"buffer_load_dwordx2 v[1:2], v[3:4], s[4:7], 0 idxen offen glc", "buffer_load_dwordx2",
     {.dst = 1, .src = {3, 4, 128}, .mods = GCN_MOD_OFFEN | GCN_MOD_IDXEN | GCN_MOD_GLC}},
    {"tbuffer_load_format_x v1, off, s[4:7], s1 format:[BUF_DATA_FORMAT_32,BUF_NUM_FORMAT_FLOAT] "
     "offset:4",
     "tbuffer_load_format_x", {.dst = 1, .src = {0, 4, 1}, .imm = 4, .offset1 = 4 | 7 << 4}},
};
// clang-format on

static bool compare(const struct expected *e, const struct gcn_inst *got, const uint32_t *words,
                    int count)
{
    const struct gcn_inst *want = &e->inst;
    bool ok = true;

#define CHECK(field, expected_value)                                                               \
    if (got->field != (expected_value)) {                                                          \
        printf("%s: %s is %d, expected %d\n", e->text, #field, (int)got->field,                    \
               (int)(expected_value));                                                             \
        ok = false;                                                                                \
    }
    if (strcmp(got->op->name, e->name) != 0) {
        printf("%s: decoded as %s\n", e->text, got->op->name);
        return false;
    }
    CHECK(size, count)
    CHECK(words[0], words[0])
    CHECK(words[1], count > 1 ? words[1] : 0)
    for (int i = 0; i < 3; i++)
        CHECK(src[i], want->src[i])
    CHECK(dst, want->dst)
    CHECK(sdst, want->sdst)
    CHECK(mods, want->mods)
    CHECK(neg, want->neg)
    CHECK(abs, want->abs)
    CHECK(omod, want->omod)
    CHECK(op_sel, want->op_sel)
    CHECK(op_sel_hi, want->op_sel_hi)
    CHECK(sdwa_dst_sel, want->sdwa_dst_sel)
    CHECK(sdwa_dst_unused, want->sdwa_dst_unused)
    CHECK(sdwa_sel[0], want->sdwa_sel[0])
    CHECK(sdwa_sel[1], want->sdwa_sel[1])
    CHECK(sdwa_sext, want->sdwa_sext)
    CHECK(dpp_ctrl, want->dpp_ctrl)
    CHECK(dpp_row_mask, want->dpp_row_mask)
    CHECK(dpp_bank_mask, want->dpp_bank_mask)
    CHECK(dpp_bound_ctrl, want->dpp_bound_ctrl)
    CHECK(offset1, want->offset1)
    CHECK(imm, want->imm)
    CHECK(literal, want->literal)
    return ok;
}

static int test_operands(void)
{
    int failed = 0;

    for (unsigned i = 0; i < sizeof(expected) / sizeof(expected[0]); i++) {
        const struct expected *e = &expected[i];
        struct gcn_inst inst;
        uint32_t words[4];
        int count = harness_assemble(e->text, words, 4);

        if (count < 0)
            return SKIP;
        if (count == 0) {
            printf("%s: does not assemble\n", e->text);
            failed++;
            continue;
        }
        gcn_decode(words, (unsigned)count, &inst);
        failed += !compare(e, &inst, words, count);
        for (int cut = 1; cut < count; cut++)
            if (gcn_decode(words, (unsigned)cut, &inst) != 0) {
                printf("%s: decodes when cut off\n", e->text);
                failed++;
            }
    }
    printf("%zu lines, %d failed\n", sizeof(expected) / sizeof(expected[0]), failed);
    return failed != 0;
}

/* Mnemonic of a line of disassembly without the encoding's suffix, into @name. */
static bool base_mnemonic(const char *line, char name[64])
{
    static const char *const suffixes[] = {"_e32", "_e64", "_sdwa", "_dpp"};
    unsigned n = 0;

    while (isspace((unsigned char)*line))
        line++;
    while (n < 63 && (isalnum((unsigned char)line[n]) || line[n] == '_')) {
        name[n] = line[n];
        n++;
    }
    name[n] = 0;
    for (unsigned i = 0; i < sizeof(suffixes) / sizeof(suffixes[0]); i++) {
        size_t length = strlen(suffixes[i]);

        if (n > length && !strcmp(name + n - length, suffixes[i])) {
            name[n - length] = 0;
            break;
        }
    }
    return n > 0;
}

/* Opcodes */

enum { ATTEMPTS = 5 };

struct candidate {
    const char *format;
    unsigned number, count;
    uint32_t words[2];
};

/* Encodings to try for opcode @number, in turn: some demand aligned registers or fields of 0. */
static bool encode(unsigned format, unsigned number, unsigned attempt, struct candidate *c)
{
    /* Three, two and one vector sources, or scalar ones. */
    const uint32_t vop3_sources[ATTEMPTS] = {V(1) | V(2) << 9 | V(3) << 18, V(1) | V(2) << 9, V(1),
                                             2 | 4 << 9, 0};
    /* Memory: every field, no data, no destination, an address alone. */
    const uint32_t vdst = attempt == 0 || attempt == 1 ? 4u << 24 : 0;
    const uint32_t data = attempt == 0 || attempt == 2 ? 1 : 0;
    const uint32_t n = number;
    uint32_t *w = c->words;

    *c = (struct candidate){gcn_format_name(format), number, 2, {0, 0}};
    if (attempt >= ATTEMPTS)
        return false;
    switch (format) {
    case GCN_SOP1:
        c->count = 1;
        w[0] = 0xbe800000 | (attempt & 1 ? 0 : 4 << 16) | n << 8 | (attempt & 2 ? 0 : 2);
        return n < 128;
    case GCN_SOP2:
        c->count = 1;
        w[0] = 0x80000000 | n << 23 | 4 << 16 | 6 << 8 | 2;
        return n < 96;
    case GCN_SOPC:
        c->count = 1;
        w[0] = 0xbf000000 | n << 16 | 6 << 8 | 2;
        return n < 128;
    case GCN_SOPK:
        c->count = n == 20 ? 2 : 1;
        w[0] = 0xb0000000 | n << 23 | (attempt ? 0 : 4 << 16) | 1;
        return n < 29;
    case GCN_SOPP:
        c->count = 1;
        w[0] = 0xbf800000 | n << 16;
        return n < 128;
    case GCN_SMEM:
        w[0] = 0xc0000000 | n << 18 | (attempt ? 0 : 1 << 17 | 8 << 6 | 2);
        w[1] = attempt ? 0 : 16;
        return n < 256;
    case GCN_VOP1:
        c->count = 1;
        w[0] = 0x7e000000 | (attempt ? 0 : 5 << 17) | n << 9 | (attempt ? 0 : V(1));
        return n < 256;
    case GCN_VOP2:
        c->count = n == 23 || n == 24 || n == 36 || n == 37 ? 2 : 1;
        w[0] = n << 25 | 5 << 17 | 2 << 9 | V(1);
        return n < 62;
    case GCN_VOPC:
        c->count = 1;
        w[0] = 0x7c000000 | n << 17 | 2 << 9 | V(1);
        return n < 256;
    case GCN_VOP3:
        w[0] = 0xd0000000 | n << 16 | (attempt == 4 ? 0 : 4);
        w[1] = vop3_sources[attempt];
        return n < 0x380;
    case GCN_VOP3P:
        w[0] = 0xd3800000 | n << 16 | (attempt ? 1 << 14 : 0) | 4;
        w[1] = vop3_sources[attempt];
        return n < 128;
    case GCN_DS:
        w[0] = 0xd8000000 | n << 17 | (attempt == 3 ? 1 << 16 : 0); /* gds */
        w[1] = vdst | data * (3 << 16 | 2 << 8) | (attempt < 3);
        return n < 256;
    case GCN_FLAT:
    case GCN_SCRATCH:
    case GCN_GLOBAL:
        w[0] = 0xdc000000 | n << 18 |
               (format == GCN_SCRATCH  ? 1
                : format == GCN_GLOBAL ? 2
                                       : 0)
                   << 14;
        w[0] |= attempt == 3 ? 1 << 16 : 0; /* glc */
        w[1] = vdst * 2 | (format == GCN_FLAT ? 0 : 0x7f) << 16 | data << 10 | 1;
        return n < 128;
    case GCN_MUBUF:
        w[0] = 0xe0000000 | n << 18 |
               (attempt == 0                   ? 1 << 12
                : attempt == 2 || attempt == 4 ? 1 << 16
                                               : 0);
        w[1] = attempt == 3   ? 0
               : attempt == 4 ? 2 << 16
                              : 0x80000000 | 2 << 16 | (attempt == 2 ? 0 : 4 << 8) | 1;
        return n < 128;
    case GCN_MTBUF:
        w[0] = 0xe8000000 | n << 15 | 4 << 19 | 7 << 23 | 1 << 12;
        w[1] = 0x80000000 | 2 << 16 | 4 << 8 | 1;
        return n < 16;
    default:
        return false;
    }
}

static unsigned gather(struct candidate *all, unsigned max)
{
    unsigned count = 0;

    for (unsigned format = 0; format < GCN_FORMATS; format++)
        for (unsigned number = 0; number < 1024; number++)
            for (unsigned attempt = 0; attempt < ATTEMPTS && count < max; attempt++)
                count += encode(format, number, attempt, &all[count]);
    return count;
}

static void write_candidates(FILE *f, const struct candidate *all, unsigned count)
{
    for (unsigned i = 0; i < count; i++) {
        /* A marker, s_nop i: so a line that does not disassemble only loses itself. */
        fprintf(f, "0x%02x 0x%02x 0x80 0xbf\n", i & 255, i >> 8);
        for (unsigned k = 0; k < all[i].count * 4; k++)
            fprintf(f, "0x%02x ", all[i].words[k / 4] >> k % 4 * 8 & 255);
        fprintf(f, "\n");
    }
}

/* Whether @line is the disassembly of @c: of a line it cannot decode, LLVM tries the rest. */
static bool is_encoded(const char *line, const struct candidate *c)
{
    const char *at = strstr(line, "encoding: [");

    if (!at)
        return false;
    at += strlen("encoding: [");
    for (unsigned k = 0; k < c->count * 4; k++) {
        char *end;

        if (strtoul(at, &end, 16) != (c->words[k / 4] >> k % 4 * 8 & 255))
            return false;
        at = end + (*end == ',');
    }
    return *at == ']';
}

/* Disassembles all candidates at once; names[i] stays empty for what is no instruction. */
static int disassemble(const struct candidate *all, unsigned count, char (*names)[64])
{
    char path[] = "/tmp/reef-dis-XXXXXX", command[160], line[512];
    int fd = mkstemp(path), at = -1, status;
    FILE *f = fd < 0 ? NULL : fdopen(fd, "w");

    if (!f)
        return -1;
    write_candidates(f, all, count);
    fclose(f);
    snprintf(command, sizeof(command),
             "llvm-mc-15 --arch=amdgcn --mcpu=gfx906 --disassemble --show-encoding %s 2>/dev/null",
             path);
    f = popen(command, "r");
    while (f && fgets(line, sizeof(line), f)) {
        int marker, used = 0;

        /* The marker of candidate i is followed by its disassembly, if there is one. */
        if (sscanf(line, " s_nop %i%n", &marker, &used) == 1 && used > 0 &&
            (marker & 0xffff) == at + 1)
            at++;
        else if (at >= 0 && is_encoded(line, &all[at]))
            base_mnemonic(line, names[at]);
    }
    status = f ? pclose(f) : -1;
    unlink(path);
    return status != 0 && at < 0 ? -1 : at + 1;
}

/* LLVM does not offer the VOP3 form of v_readfirstlane_b32. */
static bool same_name(const char *llvm, const char *ours, const struct candidate *c)
{
    return !strcmp(llvm, ours) || (!strcmp(c->format, "VOP3") && c->number == 322);
}

static int test_opcodes(bool verbose)
{
    enum { MAX = 20000 };
    struct candidate *all = calloc(MAX, sizeof(*all));
    char(*names)[64] = calloc(MAX, sizeof(*names));
    unsigned count, have = 0, lack = 0, failed = 0;
    int seen;

    count = gather(all, MAX);
    seen = disassemble(all, count, names);
    if (seen < 0)
        return SKIP;
    if ((unsigned)seen != count) {
        printf("%u candidates, but %d markers seen\n", count, seen);
        return 1;
    }
    for (unsigned i = 0, next; i < count; i = next) {
        const char *llvm = "", *ours = "unimplemented";

        for (next = i;
             next < count && all[next].number == all[i].number && all[next].format == all[i].format;
             next++) {
            struct gcn_inst inst;

            if (!llvm[0])
                llvm = names[next];
            if (gcn_decode(all[next].words, all[next].count, &inst))
                ours = inst.op->name;
        }
        if (!strcmp(ours, "unimplemented")) {
            lack += llvm[0] != 0;
            if (llvm[0] && verbose)
                printf("not implemented: %s %u %s\n", all[i].format, all[i].number, llvm);
            continue;
        }
        have++;
        if (!same_name(llvm, ours, &all[i])) {
            printf("%s %u (%08x): decoded as %s, LLVM says %s\n", all[i].format, all[i].number,
                   all[i].words[0], ours, llvm[0] ? llvm : "that it does not exist");
            failed++;
        }
    }
    printf("%u opcodes implemented, %u of LLVM's not, %u wrong\n", have, lack, failed);
    free(all);
    free(names);
    return failed != 0;
}

/* Sweep */

/* A line of llvm-objdump: text // address: words. */
static int sweep_line(const char *line, int *checked)
{
    const char *comment = strstr(line, "// ");
    struct gcn_inst inst;
    uint32_t words[4];
    unsigned count = 0;
    char name[64], *end;

    if (!comment || !base_mnemonic(line, name))
        return 0;
    strtoull(comment + 3, &end, 16);
    if (*end++ != ':')
        return 0;
    for (; count < 4; count++) {
        const char *at = end;

        words[count] = (uint32_t)strtoul(at, &end, 16);
        if (end == at || (*end && !isspace((unsigned char)*end)))
            break;
    }
    ++*checked;
    if (gcn_decode(words, count, &inst) == count && !strcmp(inst.op->name, name))
        return 0;
    printf("decoded as %s, %u dwords: %s", inst.op->name, inst.size, line);
    return 1;
}

static int test_sweep(int files, char **file)
{
    int failed = 0, checked = 0;

    for (int i = 0; i < files; i++) {
        char command[1024], line[1024];
        FILE *f;
        int status;

        snprintf(command, sizeof(command), "llvm-objdump-15 -d --mcpu=gfx906 '%s'", file[i]);
        f = popen(command, "r");
        while (f && fgets(line, sizeof(line), f))
            failed += sweep_line(line, &checked);
        status = f ? pclose(f) : -1;
        if (status == -1 || (WIFEXITED(status) && WEXITSTATUS(status) == 127))
            return SKIP;
    }
    printf("%d instructions, %d differ\n", checked, failed);
    return failed != 0 || checked == 0;
}

int main(int argc, char **argv)
{
    if (argc >= 2 && !strcmp(argv[1], "operands"))
        return test_operands();
    if (argc >= 2 && !strcmp(argv[1], "opcodes"))
        return test_opcodes(argc > 2);
    if (argc >= 3 && !strcmp(argv[1], "sweep"))
        return test_sweep(argc - 2, argv + 2);
    fprintf(stderr, "usage: decode_test operands | opcodes [-v] | sweep CODE_OBJECT...\n");
    return 1;
}
