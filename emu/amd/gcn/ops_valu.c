// SPDX-License-Identifier: Apache-2.0
/*
 * Vector ALU: the opcode table, one per build of the handlers (see meson.build). What a row of the
 * tables is stands in valu.h.
 */
#include "valu.h"

#define ROW(fmt, num, name, cycles, flags)        {#name, VALU_FN(name), GCN_##fmt, cycles, num, flags},
#define UN(fmt, num, name, R, A, cycles, ...)     ROW(fmt, num, name, cycles, 0)
#define BIN(fmt, num, name, R, A, B, cycles, ...) ROW(fmt, num, name, cycles, 0)
#define TER(fmt, num, name, R, A, B, C, cycles, ...)                                               \
    ROW(fmt, num, name, cycles, GCN_OP_SRC2 | VALU_MAD_CONSTANT(num, GCN_##fmt))
#define MAC(fmt, num, name, R, A, B, C, cycles, ...)                                               \
    ROW(fmt, num, name, cycles, GCN_OP_SRC2 | GCN_OP_MAC)
#define SAT2(fmt, num, name, R, A, B, cycles, ...)    ROW(fmt, num, name, cycles, 0)
#define SAT3(fmt, num, name, R, A, B, C, cycles, ...) ROW(fmt, num, name, cycles, GCN_OP_SRC2)
#define SPECIAL(fmt, num, name, cycles, flags)        ROW(fmt, num, name, cycles, flags)
#define CMP(num, numx, what, T, ...)                                                               \
    ROW(VOPC, num, v_cmp_##what, VALU_CMP_CYCLES_##T, 0)                                           \
    ROW(VOPC, numx, v_cmpx_##what, VALU_CMP_CYCLES_##T, 0)
#define PK2(num, name, T, ...) ROW(VOP3P, num, name, 4, 0)
#define PK3(num, name, T, ...) ROW(VOP3P, num, name, 4, GCN_OP_SRC2)
#define DOT(num, name, T, ...) ROW(VOP3P, num, name, 4, GCN_OP_SRC2)

/* VOP2 with three sources: the constant stands second (madmk) or third (madak). */
#define VALU_MAD_CONSTANT(num, fmt)                                                                \
    ((fmt) != GCN_VOP2 ? 0 : (num) == 23 || (num) == 36 ? GCN_OP_MADMK : GCN_OP_MADAK)
#define VALU_CMP_CYCLES_F16 4
#define VALU_CMP_CYCLES_F32 4
#define VALU_CMP_CYCLES_F64 8
#define VALU_CMP_CYCLES_I16 4
#define VALU_CMP_CYCLES_U16 4
#define VALU_CMP_CYCLES_I32 4
#define VALU_CMP_CYCLES_U32 4
#define VALU_CMP_CYCLES_I64 8
#define VALU_CMP_CYCLES_U64 8

const struct gcn_opcode GCN_VALU_TABLE[] = {
#include "ops_valu.def"
};

#if defined(GCN_VALU_PLAIN)
const unsigned gcn_ops_valu_count = sizeof(GCN_VALU_TABLE) / sizeof(GCN_VALU_TABLE[0]);
#endif
