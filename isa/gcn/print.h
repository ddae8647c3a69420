// SPDX-License-Identifier: Apache-2.0
/*
 * The parts of the disassembler that its files share. Private to isa/gcn/.
 */
#pragma once

#include "isa.h"

struct isa_text {
    char *text; /* borrowed */
    size_t size, length;
};

/** Appends; what does not fit is counted only. */
void isa_put(struct isa_text *t, const char *format, ...) __attribute__((format(printf, 2, 3)));
/** What a field of 16 bits means. */
void isa_put_immediate(struct isa_text *t, enum isa_type type, uint32_t value);
/** Everything behind the operands. */
void isa_put_modifiers(struct isa_text *t, const struct isa_inst *inst);

/** v_fma_mix and the like: of VOP3P, but with the modifiers of VOP3. */
static inline bool isa_is_mix(const struct isa_inst *inst)
{
    const enum isa_id id = isa_id(inst->op);

    return id == ISA_ID_v_fma_mix_f32 || id == ISA_ID_v_fma_mixlo_f16 ||
           id == ISA_ID_v_fma_mixhi_f16;
}
