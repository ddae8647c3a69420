// SPDX-License-Identifier: Apache-2.0
/*
 * Decoded-instruction cache, the part that the runner sees. Private to emu/amd/gcn/.
 */
#pragma once

#include "wave.h"

enum { GCN_CODE_PAGE = 4096 };

/** Decoded instructions of one page of device code, a slot per dword. Owned by struct gcn_code. */
struct gcn_code_page {
    _Alignas(64) struct gcn_inst inst[GCN_CODE_PAGE / 4];
    uint64_t va;
    struct gcn_code_page *next;
};

/** The page that contains @va, made if need be; NULL without memory. Any thread. A slot's handler
 * must be loaded (acquire) before its other fields; NULL: not decoded yet, call gcn_code_fill.
 * Valid until gcn_code_invalidate. */
const struct gcn_code_page *gcn_code_page(struct gcn_code *code, uint64_t va);

/** Decodes the instruction at @pc into its slot @inst, unless another thread has; returns the
 *  handler (never NULL: what is no instruction gets one that faults). Where nothing is mapped the
 *  slot stays empty. */
gcn_handler gcn_code_fill(struct gcn_code *code, const struct gcn_inst *inst, uint64_t pc);
