// SPDX-License-Identifier: Apache-2.0
/*
 * Scalar ALU: results and SCC of single instructions against the ISA guide's definitions, edge
 * values first. Inputs are in s[0:1] (a) and s[2:3] (b), the result in s[4:5], which starts as OLD.
 */
#include "harness.h"

#include "rows.h"
#include "wave.h"

#include <stdio.h>
#include <stdlib.h>

#define OLD    0x1111111122222222ull
#define LOW(d) (0x1111111100000000ull | (uint32_t)(d)) /* a 32-bit result leaves s5 alone */
#define TOP    0x8000000000000000ull

static const struct row {
    const char *text;
    uint64_t a, b;
    uint32_t scc_in;
    uint64_t d;
    uint32_t scc;
} rows[] = {
    {"s_mov_b32 s4, s0", 7, 0, 1, LOW(7), 1},
    {"s_mov_b32 s4, 0x12345678", 0, 0, 0, LOW(0x12345678), 0},
    {"s_mov_b32 s4, -16", 0, 0, 0, LOW(-16), 0},
    {"s_mov_b32 s4, 64", 0, 0, 0, LOW(64), 0},
    {"s_mov_b32 s4, -4.0", 0, 0, 0, LOW(0xc0800000), 0},
    {"s_mov_b32 s4, 0.15915494", 0, 0, 0, LOW(0x3e22f983), 0},
    {"s_mov_b64 s[4:5], -1", 0, 0, 0, ~0ull, 0},
    {"s_mov_b64 s[4:5], 1.0", 0, 0, 0, 0x3ff0000000000000, 0},
    {"s_mov_b64 s[4:5], 0.15915494309189532", 0, 0, 0, 0x3fc45f306dc9c882, 0},
    {"s_mov_b64 s[4:5], 0x89abcdef", 0, 0, 0, 0x89abcdef, 0},
    {"s_mov_b64 s[4:5], src_shared_base", 0, 0, 0, 1ull << 48, 0},
    {"s_mov_b64 s[4:5], src_private_limit", 0, 0, 0, (2ull << 48) + 0xffffffff, 0},
    {"s_mov_b32 s4, scc", 0, 0, 1, LOW(1), 1},
    {"s_mov_b32 s4, vccz", 0, 0, 0, LOW(1), 0},
    {"s_mov_b32 s4, execz", 0, 0, 0, LOW(0), 0},
    {"s_cmov_b32 s4, s0", 7, 0, 0, OLD, 0},
    {"s_cmov_b32 s4, s0", 7, 0, 1, LOW(7), 1},
    {"s_cmov_b64 s[4:5], s[0:1]", 7, 0, 1, 7, 1},
    {"s_not_b32 s4, s0", 0xffffffff, 0, 1, LOW(0), 0},
    {"s_not_b64 s[4:5], s[0:1]", 1, 0, 0, ~1ull, 1},
    {"s_wqm_b32 s4, s0", 0x10000402, 0, 0, LOW(0xf0000f0f), 1},
    {"s_wqm_b64 s[4:5], s[0:1]", TOP | 1, 0, 0, 0xf00000000000000f, 1},
    {"s_brev_b32 s4, s0", 0x00000013, 0, 0, LOW(0xc8000000), 0},
    {"s_brev_b64 s[4:5], s[0:1]", 0x13, 0, 0, 0xc800000000000000, 0},
    {"s_bcnt0_i32_b32 s4, s0", 0xffffffff, 0, 1, LOW(0), 0},
    {"s_bcnt0_i32_b64 s4, s[0:1]", 1, 0, 0, LOW(63), 1},
    {"s_bcnt1_i32_b32 s4, s0", 0xf0, 0, 0, LOW(4), 1},
    {"s_bcnt1_i32_b64 s4, s[0:1]", 0, 0, 1, LOW(0), 0},
    {"s_ff0_i32_b32 s4, s0", 0x7, 0, 0, LOW(3), 0},
    {"s_ff0_i32_b32 s4, s0", 0xffffffff, 0, 0, LOW(-1), 0},
    {"s_ff0_i32_b64 s4, s[0:1]", 0xffffffff, 0, 0, LOW(32), 0},
    {"s_ff1_i32_b32 s4, s0", 0x80000000, 0, 0, LOW(31), 0},
    {"s_ff1_i32_b32 s4, s0", 0, 0, 0, LOW(-1), 0},
    {"s_ff1_i32_b64 s4, s[0:1]", TOP, 0, 0, LOW(63), 0},
    {"s_flbit_i32_b32 s4, s0", 0xffff, 0, 0, LOW(16), 0},
    {"s_flbit_i32_b32 s4, s0", 0, 0, 0, LOW(-1), 0},
    {"s_flbit_i32_b64 s4, s[0:1]", 1, 0, 0, LOW(63), 0},
    {"s_flbit_i32 s4, s0", 0xffff0000, 0, 0, LOW(16), 0},
    {"s_flbit_i32 s4, s0", 0x0000ffff, 0, 0, LOW(16), 0},
    {"s_flbit_i32 s4, s0", 0xffffffff, 0, 0, LOW(-1), 0},
    {"s_flbit_i32_i64 s4, s[0:1]", ~0ull << 8, 0, 0, LOW(56), 0},
    {"s_sext_i32_i8 s4, s0", 0x80, 0, 0, LOW(0xffffff80), 0},
    {"s_sext_i32_i16 s4, s0", 0x18000, 0, 0, LOW(0xffff8000), 0},
    {"s_bitset0_b32 s4, s0", 1, 0, 0, LOW(0x22222220), 0},
    {"s_bitset1_b32 s4, s0", 32 + 2, 0, 0, LOW(0x22222226), 0},
    {"s_bitset0_b64 s[4:5], s0", 60, 0, 0, 0x0111111122222222, 0},
    {"s_bitset1_b64 s[4:5], s0", 63, 0, 0, 0x9111111122222222, 0},
    {"s_quadmask_b32 s4, s0", 0x80000100, 0, 0, LOW(0x84), 1},
    {"s_quadmask_b64 s[4:5], s[0:1]", TOP, 0, 0, 0x8000, 1},
    {"s_abs_i32 s4, s0", 0x80000000, 0, 0, LOW(0x80000000), 1},
    {"s_abs_i32 s4, s0", -5, 0, 0, LOW(5), 1},
    {"s_bitreplicate_b64_b32 s[4:5], s0", 0x80000005, 0, 0, 0xc000000000000033, 0},
    {"s_movrels_b32 s4, s0", 7, 9, 0, LOW(7), 0},
    {"s_mov_b32 m0, 2\ns_movrels_b32 s4, s0", 7, 9, 0, LOW(9), 0},
    {"s_mov_b32 m0, 2\ns_movrels_b64 s[4:5], s[0:1]", 7, 9, 0, 9, 0},
    {"s_mov_b32 m0, 3\ns_movreld_b32 s2, s0", 7, 9, 0, 0x0000000722222222, 0},
    {"s_mov_b32 m0, 2\ns_movreld_b64 s[2:3], s[0:1]", 7, 9, 0, 7, 0},

    {"s_add_u32 s4, s0, s2", 0xffffffff, 1, 0, LOW(0), 1},
    {"s_add_u32 s4, s0, s2", 0xfffffffe, 1, 1, LOW(-1), 0},
    {"s_sub_u32 s4, s0, s2", 1, 2, 0, LOW(-1), 1},
    {"s_sub_u32 s4, s0, s2", 2, 2, 1, LOW(0), 0},
    {"s_add_i32 s4, s0, s2", 0x7fffffff, 1, 0, LOW(0x80000000), 1},
    {"s_add_i32 s4, s0, s2", 0xffffffff, 1, 1, LOW(0), 0},
    {"s_sub_i32 s4, s0, s2", 0x80000000, 1, 0, LOW(0x7fffffff), 1},
    {"s_sub_i32 s4, s0, s2", 0, 0x80000000, 0, LOW(0x80000000), 1},
    {"s_addc_u32 s4, s0, s2", 0xffffffff, 0xffffffff, 1, LOW(-1), 1},
    {"s_addc_u32 s4, s0, s2", 1, 2, 1, LOW(4), 0},
    {"s_subb_u32 s4, s0, s2", 5, 5, 1, LOW(-1), 1},
    {"s_subb_u32 s4, s0, s2", 0, 0xffffffff, 1, LOW(0), 1},
    {"s_subb_u32 s4, s0, s2", 5, 3, 1, LOW(1), 0},
    {"s_min_i32 s4, s0, s2", -1, 1, 0, LOW(-1), 1},
    {"s_min_u32 s4, s0, s2", -1, 1, 1, LOW(1), 0},
    {"s_max_i32 s4, s0, s2", -1, 1, 1, LOW(1), 0},
    {"s_max_u32 s4, s0, s2", -1, 1, 0, LOW(-1), 1},
    {"s_max_u32 s4, s0, s2", 3, 3, 1, LOW(3), 0},
    {"s_cselect_b32 s4, s0, s2", 3, 4, 1, LOW(3), 1},
    {"s_cselect_b32 s4, s0, s2", 3, 4, 0, LOW(4), 0},
    {"s_cselect_b64 s[4:5], s[0:1], s[2:3]", 3, TOP, 0, TOP, 0},
    {"s_and_b32 s4, s0, s2", 6, 9, 1, LOW(0), 0},
    {"s_and_b64 s[4:5], s[0:1], s[2:3]", TOP | 1, TOP, 0, TOP, 1},
    {"s_or_b32 s4, s0, s2", 6, 9, 0, LOW(15), 1},
    {"s_or_b64 s[4:5], s[0:1], s[2:3]", 0, 0, 1, 0, 0},
    {"s_xor_b32 s4, s0, s2", 6, 6, 1, LOW(0), 0},
    {"s_xor_b64 s[4:5], s[0:1], -1", 1, 0, 0, ~1ull, 1},
    {"s_andn2_b32 s4, s0, s2", 7, 2, 0, LOW(5), 1},
    {"s_andn2_b64 s[4:5], s[0:1], s[2:3]", TOP, TOP, 1, 0, 0},
    {"s_orn2_b32 s4, s0, s2", 0, 1, 0, LOW(~1), 1},
    {"s_orn2_b64 s[4:5], s[0:1], s[2:3]", 1, ~0ull, 0, 1, 1},
    {"s_nand_b32 s4, s0, s2", -1, -1, 1, LOW(0), 0},
    {"s_nand_b64 s[4:5], s[0:1], s[2:3]", 1, 1, 0, ~1ull, 1},
    {"s_nor_b32 s4, s0, s2", 1, 2, 0, LOW(~3), 1},
    {"s_nor_b64 s[4:5], s[0:1], s[2:3]", 0, ~0ull, 1, 0, 0},
    {"s_xnor_b32 s4, s0, s2", 5, 5, 0, LOW(-1), 1},
    {"s_xnor_b64 s[4:5], s[0:1], s[2:3]", 5, ~5ull, 1, 0, 0},
    {"s_lshl_b32 s4, s0, s2", 3, 33, 0, LOW(6), 1},
    {"s_lshl_b64 s[4:5], s[0:1], s2", 3, 64 + 62, 0, 0xc000000000000000, 1},
    {"s_lshr_b32 s4, s0, s2", 0x80000000, 31, 0, LOW(1), 1},
    {"s_lshr_b64 s[4:5], s[0:1], s2", TOP, 63, 0, 1, 1},
    {"s_ashr_i32 s4, s0, s2", 0x80000000, 31, 0, LOW(-1), 1},
    {"s_ashr_i64 s[4:5], s[0:1], s2", TOP, 62, 0, ~1ull, 1},
    {"s_ashr_i64 s[4:5], 0x80000000, s2", 0, 4, 0, 0xfffffffff8000000, 1},
    {"s_bfm_b32 s4, s0, s2", 4, 8, 0, LOW(0xf00), 0},
    {"s_bfm_b64 s[4:5], s0, s2", 40, 8, 0, 0x0000ffffffffff00, 0},
    {"s_mul_i32 s4, s0, s2", -3, 5, 1, LOW(-15), 1},
    {"s_bfe_u32 s4, s0, 0x80004", 0xabcd, 0, 0, LOW(0xbc), 1},
    {"s_bfe_u32 s4, s0, 0x200004", 0xabcd0000, 0, 0, LOW(0x0abcd000), 1},
    {"s_bfe_u32 s4, s0, 4", 0xabcd, 0, 1, LOW(0), 0},
    {"s_bfe_i32 s4, s0, 0x80004", 0xabcd, 0, 0, LOW(0xffffffbc), 1},
    {"s_bfe_i32 s4, s0, 0x100018", 0x80000000, 0, 0, LOW(0xffffff80), 1},
    {"s_bfe_u64 s[4:5], s[0:1], s2", 0xabcd00000000, 0x100020, 0, 0xabcd, 1},
    {"s_bfe_i64 s[4:5], s[0:1], s2", 0xabcd00000000, 0x100020, 0, 0xffffffffffffabcd, 1},
    {"s_absdiff_i32 s4, s0, s2", -3, 4, 0, LOW(7), 1},
    {"s_mul_hi_u32 s4, s0, s2", 0xffffffff, 0xffffffff, 1, LOW(0xfffffffe), 1},
    {"s_mul_hi_i32 s4, s0, s2", 0xffffffff, 0xffffffff, 1, LOW(0), 1},
    {"s_lshl1_add_u32 s4, s0, s2", 0x80000000, 1, 0, LOW(1), 1},
    {"s_lshl2_add_u32 s4, s0, s2", 3, 1, 1, LOW(13), 0},
    {"s_lshl3_add_u32 s4, s0, s2", 3, 1, 1, LOW(25), 0},
    {"s_lshl4_add_u32 s4, s0, s2", 3, 1, 1, LOW(49), 0},
    {"s_pack_ll_b32_b16 s4, s0, s2", 0x11112222, 0x33334444, 0, LOW(0x44442222), 0},
    {"s_pack_lh_b32_b16 s4, s0, s2", 0x11112222, 0x33334444, 0, LOW(0x33332222), 0},
    {"s_pack_hh_b32_b16 s4, s0, s2", 0x11112222, 0x33334444, 0, LOW(0x33331111), 0},

    {"s_cmp_eq_i32 s0, s2", 5, 5, 0, OLD, 1},
    {"s_cmp_lg_i32 s0, s2", 5, 5, 1, OLD, 0},
    {"s_cmp_gt_i32 s0, s2", -1, 5, 1, OLD, 0},
    {"s_cmp_ge_i32 s0, s2", 5, 5, 0, OLD, 1},
    {"s_cmp_lt_i32 s0, s2", -1, 5, 0, OLD, 1},
    {"s_cmp_le_i32 s0, s2", 6, 5, 1, OLD, 0},
    {"s_cmp_gt_u32 s0, s2", -1, 5, 0, OLD, 1},
    {"s_cmp_ge_u32 s0, s2", 4, 5, 1, OLD, 0},
    {"s_cmp_lt_u32 s0, s2", -1, 5, 1, OLD, 0},
    {"s_cmp_le_u32 s0, s2", 5, 5, 0, OLD, 1},
    {"s_cmp_eq_u64 s[0:1], s[2:3]", TOP, TOP, 0, OLD, 1},
    {"s_cmp_lg_u64 s[0:1], s[2:3]", TOP, 0, 0, OLD, 1},
    {"s_cmp_lg_u64 s[0:1], 0", TOP, 0, 0, OLD, 1},
    {"s_bitcmp0_b32 s0, s2", 4, 2, 1, OLD, 0},
    {"s_bitcmp1_b32 s0, s2", 4, 34, 0, OLD, 1},
    {"s_bitcmp0_b64 s[0:1], s2", TOP, 63, 1, OLD, 0},
    {"s_bitcmp1_b64 s[0:1], s2", TOP, 63, 0, OLD, 1},

    {"s_movk_i32 s4, -2", 0, 0, 0, LOW(-2), 0},
    {"s_cmovk_i32 s4, 0x7fff", 0, 0, 0, OLD, 0},
    {"s_cmovk_i32 s4, 0x7fff", 0, 0, 1, LOW(0x7fff), 1},
    {"s_cmpk_eq_i32 s0, -1", 0xffffffff, 0, 0, OLD, 1},
    {"s_cmpk_eq_u32 s0, 0xffff", 0xffff, 0, 0, OLD, 1},
    {"s_cmpk_lg_u32 s0, 0xffff", 0xffffffff, 0, 0, OLD, 1},
    {"s_cmpk_gt_i32 s0, -2", -1, 0, 0, OLD, 1},
    {"s_cmpk_lt_u32 s0, 0xffff", 0xfffe, 0, 0, OLD, 1},
    {"s_cmpk_ge_u32 s0, 0xffff", 0xfffe, 0, 1, OLD, 0},
    {"s_addk_i32 s4, 0x7fff", 0, 0, 1, LOW(0x2222a221), 0},
    {"s_addk_i32 s0, 1\ns_mov_b32 s4, s0", 0x7fffffff, 0, 0, LOW(0x80000000), 1},
    {"s_mulk_i32 s4, -1", 0, 0, 1, LOW(0xddddddde), 1},
    {"s_setreg_imm32_b32 hwreg(HW_REG_MODE, 4, 2), 0\ns_getreg_b32 s4, hwreg(HW_REG_MODE, 0, 8)", 0,
     0, 0, LOW(0xc0), 0},
    {"s_setreg_b32 hwreg(HW_REG_MODE, 0, 2), s0\ns_getreg_b32 s4, hwreg(HW_REG_MODE)", 6, 0, 0,
     LOW(0x2f2 | 1 << 8), 0},
    {"s_getreg_b32 s4, hwreg(HW_REG_SH_MEM_BASES, 16, 16)", 0, 0, 0, LOW(1), 0},
    {"s_getreg_b32 s4, hwreg(HW_REG_STATUS, 0, 1)", 0, 0, 1, LOW(1), 1},

    {"s_and_saveexec_b64 s[4:5], s[0:1]\ns_mov_b64 s[4:5], exec", 6, 0, 0, 6, 1},
    {"s_and_saveexec_b64 s[4:5], 0", 0, 0, 1, ~0ull, 0},
    {"s_mov_b64 exec, 3\ns_or_saveexec_b64 s[4:5], s[0:1]\ns_mov_b64 s[4:5], exec", 6, 0, 0, 7, 1},
    {"s_mov_b64 exec, 3\ns_xor_saveexec_b64 s[4:5], s[0:1]\ns_mov_b64 s[4:5], exec", 6, 0, 0, 5, 1},
    {"s_mov_b64 exec, 3\ns_andn2_saveexec_b64 s[4:5], s[0:1]\ns_mov_b64 s[4:5], exec", 6, 0, 0, 4,
     1},
    {"s_mov_b64 exec, 3\ns_orn2_saveexec_b64 s[4:5], s[0:1]\ns_mov_b64 s[4:5], exec", 6, 0, 0,
     ~1ull, 1},
    {"s_mov_b64 exec, 3\ns_nand_saveexec_b64 s[4:5], s[0:1]\ns_mov_b64 s[4:5], exec", 6, 0, 0,
     ~2ull, 1},
    {"s_mov_b64 exec, 3\ns_nor_saveexec_b64 s[4:5], s[0:1]\ns_mov_b64 s[4:5], exec", 6, 0, 0, ~7ull,
     1},
    {"s_mov_b64 exec, 3\ns_xnor_saveexec_b64 s[4:5], s[0:1]\ns_mov_b64 s[4:5], exec", 6, 0, 0,
     ~5ull, 1},
    {"s_mov_b64 exec, 3\ns_andn1_saveexec_b64 s[4:5], s[0:1]\ns_mov_b64 s[4:5], exec", 6, 0, 0, 1,
     1},
    {"s_mov_b64 exec, 3\ns_orn1_saveexec_b64 s[4:5], s[0:1]\ns_mov_b64 s[4:5], exec", 6, 0, 0,
     ~4ull, 1},
    {"s_mov_b64 exec, 3\ns_andn1_wrexec_b64 s[4:5], s[0:1]", 6, 0, 0, 1, 1},
    {"s_mov_b64 exec, 3\ns_andn2_wrexec_b64 s[4:5], s[0:1]", 6, 0, 0, 4, 1},
    {"s_mov_b64 vcc, exec\ns_and_saveexec_b64 vcc, s[0:1]\ns_mov_b64 s[4:5], vcc", 6, 0, 0, ~0ull,
     1},

    {"s_cmpk_lg_i32 s0, -2", -2, 0, 1, OLD, 0},
    {"s_cmpk_lg_i32 s0, -2", 0xfffe, 0, 0, OLD, 1},
    {"s_cmpk_ge_i32 s0, -2", -2, 0, 0, OLD, 1},
    {"s_cmpk_ge_i32 s0, -2", -3, 0, 1, OLD, 0},
    {"s_cmpk_lt_i32 s0, -2", -3, 0, 0, OLD, 1},
    {"s_cmpk_lt_i32 s0, -2", 5, 0, 1, OLD, 0},
    {"s_cmpk_le_i32 s0, -2", -2, 0, 0, OLD, 1},
    {"s_cmpk_le_i32 s0, -2", 0x7fffffff, 0, 1, OLD, 0},
    {"s_cmpk_gt_u32 s0, 0xfffe", 0xffff, 0, 0, OLD, 1},
    {"s_cmpk_gt_u32 s0, 0xfffe", 0xfffe, 0, 1, OLD, 0},
    {"s_cmpk_le_u32 s0, 0xfffe", 0xfffe, 0, 0, OLD, 1},
    {"s_cmpk_le_u32 s0, 0xfffe", -2, 0, 1, OLD, 0},

    /* What has no effect that a program sees. */
    {"s_setprio 3", 1, 2, 1, OLD, 1},
    {"s_sethalt 0", 1, 2, 1, OLD, 1},
    {"s_wakeup", 1, 2, 0, OLD, 0},
    {"s_icache_inv", 1, 2, 1, OLD, 1},
    {"s_incperflevel 1", 1, 2, 1, OLD, 1},
    {"s_decperflevel 1", 1, 2, 1, OLD, 1},
    {"s_ttracedata", 1, 2, 1, OLD, 1},
    {"s_dcache_inv", 1, 2, 1, OLD, 1},
    {"s_dcache_inv_vol", 1, 2, 1, OLD, 1},
    {"s_dcache_wb_vol", 1, 2, 1, OLD, 1},
    {"s_atc_probe 3, s[0:1], 0x0", 1, 2, 1, OLD, 1},
    {"s_atc_probe_buffer 3, s[0:3], 0x0", 1, 2, 1, OLD, 1},
    {"s_dcache_discard s[0:1], 0x0", 1, 2, 1, OLD, 1},
    {"s_dcache_discard_x2 s[0:1], 0x0", 1, 2, 1, OLD, 1},

    /* No debugger is attached: these never branch. The end ends. */
    {"s_cbranch_cdbgsys 1\ns_mov_b32 s4, 0", 0, 0, 1, LOW(0), 1},
    {"s_cbranch_cdbguser 1\ns_mov_b32 s4, 0", 0, 0, 1, LOW(0), 1},
    {"s_cbranch_cdbgsys_or_user 1\ns_mov_b32 s4, 0", 0, 0, 1, LOW(0), 1},
    {"s_cbranch_cdbgsys_and_user 1\ns_mov_b32 s4, 0", 0, 0, 1, LOW(0), 1},
    {"s_endpgm\ns_mov_b32 s4, 0", 0, 0, 1, OLD, 1},
    {"s_endpgm_saved\ns_mov_b32 s4, 0", 0, 0, 1, OLD, 1},

    /* Program control: what is skipped would spoil the result. */
    {"s_branch 1\ns_mov_b32 s4, 0\ns_nop 0", 0, 0, 0, OLD, 0},
    {"s_cbranch_scc1 1\ns_mov_b32 s4, 0", 0, 0, 1, OLD, 1},
    {"s_cbranch_scc0 1\ns_mov_b32 s4, 0", 0, 0, 1, LOW(0), 1},
    {"s_cbranch_vccz 1\ns_mov_b32 s4, 0", 0, 0, 0, OLD, 0},
    {"s_cbranch_vccnz 1\ns_mov_b32 s4, 0", 0, 0, 0, LOW(0), 0},
    {"s_cbranch_execz 1\ns_mov_b32 s4, 0", 0, 0, 0, LOW(0), 0},
    {"s_cbranch_execnz 1\ns_mov_b32 s4, 0", 0, 0, 0, OLD, 0},
    {"s_movk_i32 s4, 3\ns_sub_u32 s4, s4, 1\ns_cmp_lg_u32 s4, 0\ns_cbranch_scc1 -3", 0, 0, 0,
     LOW(0), 0},
    {"s_getpc_b64 s[4:5]\ns_add_u32 s4, s4, 16\ns_addc_u32 s5, s5, 0\ns_setpc_b64 s[4:5]\n"
     "s_mov_b32 s0, 0\ns_mov_b64 s[4:5], s[0:1]",
     9, 0, 0, 9, 0},
    {"s_getpc_b64 s[4:5]\ns_add_u32 s4, s4, 8\ns_swappc_b64 s[2:3], s[4:5]\n"
     "s_sub_u32 s4, s2, s4\ns_mov_b32 s5, 0",
     9, 0, 0, 0, 0},
    {"s_call_b64 s[2:3], 1\ns_mov_b32 s4, 0\ns_getpc_b64 s[0:1]\ns_sub_u32 s4, s0, s2", 9, 0, 0,
     LOW(8), 0},
};

enum { ROWS = sizeof(rows) / sizeof(rows[0]) };

/* All rows in one source; s_nop with the row's number tells where a row begins. */
static char *source(void)
{
    char *text = NULL;
    size_t size;
    FILE *f = open_memstream(&text, &size);

    for (int i = 0; f && i < ROWS; i++)
        fprintf(f, "s_nop %d\n%s\n", i, rows[i].text);
    if (f)
        fclose(f);
    return text;
}

static bool check(struct harness *h, const struct row *row, const uint32_t *words, unsigned count)
{
    struct gcn_workgroup *wg = harness_wave(h, words, count);
    struct gcn_wave *w;
    uint64_t d;

    if (!wg)
        return false;
    w = &wg->wave[0];
    gcn_set_sgpr64(w, 0, row->a);
    gcn_set_sgpr64(w, 2, row->b);
    gcn_set_sgpr64(w, 4, OLD);
    w->scc = row->scc_in;
    if (harness_wave_run(h, NULL) != GCN_DONE)
        return false;
    for (unsigned at = 0; at < count;) {
        struct gcn_inst inst;

        at += gcn_decode(words + at, count - at, &inst);
        rows_note(inst.op);
    }
    d = gcn_sgpr64(w, 4);
    if (d == row->d && w->scc == row->scc)
        return true;
    printf("%s: a %llx b %llx scc %u: got %llx scc %u, expected %llx scc %u\n", row->text,
           (unsigned long long)row->a, (unsigned long long)row->b, row->scc_in,
           (unsigned long long)d, w->scc, (unsigned long long)row->d, row->scc);
    return false;
}

int main(void)
{
    enum { MAX = 4096 };
    static uint32_t words[MAX];
    struct harness *h = harness_create();
    char *text = source();
    int count = harness_assemble(text, words, MAX), at = 0, failed = 0;

    free(text);
    if (count < 0)
        return 77;
    if (!h || count == 0) {
        printf("the source does not assemble\n");
        return 1;
    }
    for (int i = 0; i < ROWS; i++) {
        int end;

        if (words[at] != (0xbf800000u | (unsigned)i)) {
            printf("row %d not found\n", i);
            return 1;
        }
        for (end = at + 1; end < count && words[end] != (0xbf800000u | (unsigned)(i + 1)); end++)
            ;
        failed += !check(h, &rows[i], words + at + 1, (unsigned)(end - at - 1));
        at = end;
    }
    printf("%d values compared, %d failed\n", ROWS, failed);
    harness_destroy(h);
    return failed != 0;
}
