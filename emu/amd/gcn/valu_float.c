// SPDX-License-Identifier: Apache-2.0
/*
 * Vector ALU: handlers of the operations on floating-point numbers that fit a shape of valu.h. The
 * operations themselves stand in the tables included here and in valu_lane.h.
 */
#include "valu.h"

#define UN    VALU_DEFINE_UN
#define BIN   VALU_DEFINE_BIN
#define TER   VALU_DEFINE_TER
#define MAC   VALU_DEFINE_MAC
#define MADMK VALU_DEFINE_MADMK
#define MADAK VALU_DEFINE_MADAK

#include "isa/gcn/ops_valu_float.def"
#include "isa/gcn/ops_valu_double.def"
#include "isa/gcn/ops_valu_half.def"
