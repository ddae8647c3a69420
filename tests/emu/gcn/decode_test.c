// SPDX-License-Identifier: Apache-2.0
/*
 * The interpreter's decoded form of lines that llvm-mc-15 assembled, every format. What the decoder
 * makes of all other encodings: tests/isa. Exit status 77 where llvm-mc-15 is missing.
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

enum { LINES = sizeof(expected) / sizeof(expected[0]), MAX = 4 * LINES };

/* One line, at @words, of which @available are left; returns how many it takes. */
static unsigned check_line(const struct expected *e, const uint32_t *words, unsigned available,
                           int *failed)
{
    struct gcn_inst inst;
    const unsigned count = gcn_decode(words, available, &inst);

    gcn_decode(words, count, &inst); /* nothing behind it, so that words[] is its own */
    *failed += !compare(e, &inst, words, (int)count);
    for (unsigned cut = 1; cut < count; cut++)
        if (gcn_decode(words, cut, &inst) != 0) {
            printf("%s: decodes when cut off\n", e->text);
            ++*failed;
        }
    return count;
}

int main(void)
{
    static uint32_t words[MAX];
    char *source = NULL;
    size_t size;
    FILE *f = open_memstream(&source, &size);
    int count, failed = 0;
    unsigned at = 0;

    if (!f)
        return 1;
    for (unsigned i = 0; i < LINES; i++)
        fprintf(f, "%s\n", expected[i].text);
    fclose(f);
    count = harness_assemble(source, words, MAX);
    free(source);
    if (count < 0)
        return SKIP;
    for (unsigned i = 0; i < LINES; i++)
        at += check_line(&expected[i], words + at, (unsigned)count - at, &failed);
    if (at != (unsigned)count) {
        printf("%d words assembled, %u decoded\n", count, at);
        failed++;
    }
    printf("%d lines, %d failed\n", LINES, failed);
    return failed != 0;
}
