// SPDX-License-Identifier: Apache-2.0
/*
 * What the interpreter does not execute. The decoder asks it for each instruction once, and `reef
 * doctor` before a program runs. Pure; any thread.
 */
#pragma once

#include "isa/gcn/isa.h"

/** Why the interpreter refuses the instruction (from isa_decode_fields or isa_decode), or NULL if
 * it executes it. What depends on registers (formats in buffer descriptors, M0) shows only then. */
const char *gcn_refusal(const struct isa_inst *inst);
