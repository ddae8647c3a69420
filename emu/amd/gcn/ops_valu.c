// SPDX-License-Identifier: Apache-2.0
/*
 * Vector ALU: the semantics of the rows, one table per build of the handlers (see meson.build).
 * What a row of the tables is stands in valu.h.
 */
#include "valu.h"

#define ROW(name, cycles)                                  {ISA_ID_##name, cycles, VALU_FN(name)},
#define UN(fmt, num, name, R, A, cycles, ...)              ROW(name, cycles)
#define BIN(fmt, num, name, R, A, B, cycles, ...)          ROW(name, cycles)
#define TER(fmt, num, name, R, A, B, C, cycles, ...)       ROW(name, cycles)
#define MAC                                                TER
#define MADMK                                              TER
#define MADAK                                              TER
#define SAT2                                               BIN
#define SAT3                                               TER
#define SPECIAL(fmt, num, name, R, A, B, C, flags, cycles) ROW(name, cycles)
#define CMP(num, numx, what, T, ...)                                                               \
    ROW(v_cmp_##what, VALU_CMP_CYCLES_##T)                                                         \
    ROW(v_cmpx_##what, VALU_CMP_CYCLES_##T)
#define PK2(num, name, ...) ROW(name, 4)
#define PK3                 PK2
#define DOT                 PK2
#define REFUSED(...)

#define VALU_CMP_CYCLES_F16 4
#define VALU_CMP_CYCLES_F32 4
#define VALU_CMP_CYCLES_F64 8
#define VALU_CMP_CYCLES_I16 4
#define VALU_CMP_CYCLES_U16 4
#define VALU_CMP_CYCLES_I32 4
#define VALU_CMP_CYCLES_U32 4
#define VALU_CMP_CYCLES_I64 8
#define VALU_CMP_CYCLES_U64 8

const struct gcn_semantics GCN_VALU_TABLE[] = {
#include "isa/gcn/ops_valu.def"
};

#if defined(GCN_VALU_PLAIN)
const unsigned gcn_ops_valu_count = sizeof(GCN_VALU_TABLE) / sizeof(GCN_VALU_TABLE[0]);
#endif
