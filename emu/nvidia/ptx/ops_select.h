// SPDX-License-Identifier: Apache-2.0
/* What the decoder puts into aux of comparisons and conversions. Private to emu/nvidia/ptx/. */
#pragma once

enum ptx_compare {
    PTX_EQ,
    PTX_NE,
    PTX_LT,
    PTX_LE,
    PTX_GT,
    PTX_GE, /* ordered: false with a NaN */
    PTX_EQU,
    PTX_NEU,
    PTX_LTU,
    PTX_LEU,
    PTX_GTU,
    PTX_GEU, /* unordered: true with a NaN */
    PTX_NUM,
    PTX_NAN,
};
enum { /* setp, set */
       PTX_COMPARE = 15,
       PTX_COMPARE_BOOL = 3 << 4, /* with the predicate c: 0: no, 1: and, 2: or, 3: xor */
       PTX_COMPARE_BOOL_SHIFT = 4,
       PTX_COMPARE_NOT_C = 1 << 6, /* c is negated */
       PTX_COMPARE_FTZ = 1 << 7,
       PTX_COMPARE_TYPE_SHIFT = 8,    /* of the operands, enum ptx_type */
       PTX_COMPARE_RESULT_SHIFT = 16, /* set: of the result */
       PTX_COMPARE_SECOND = 1 << 24,  /* setp: imm is the place of a second predicate */
};
enum { /* cvt: rounding and modifiers as in number.h; integer rounding to a whole number as well */
       PTX_CVT_TO_SHIFT = 8,
       PTX_CVT_FROM_SHIFT = 16,
       PTX_CVT_WHOLE = 1 << 24, /* float to float: round to a whole number */
};
