// SPDX-License-Identifier: Apache-2.0
/*
 * Vector ALU: handlers of the integer and bit operations that fit a shape of valu.h.
 */
#include "valu.h"

#define UN   VALU_DEFINE_UN
#define BIN  VALU_DEFINE_BIN
#define TER  VALU_DEFINE_TER
#define SAT2 VALU_DEFINE_SAT2
#define SAT3 VALU_DEFINE_SAT3

#include "isa/gcn/ops_valu_int.def"
