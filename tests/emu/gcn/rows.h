// SPDX-License-Identifier: Apache-2.0
/*
 * Which rows of the instruction table a value test has executed and compared. At exit their names
 * are appended to the file that REEF_ISA_ROWS names, if it names one (see covered_test.sh).
 */
#pragma once

#include "isa/gcn/isa.h"

void rows_note(const struct isa_opcode *op);
