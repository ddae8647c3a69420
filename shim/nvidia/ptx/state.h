// SPDX-License-Identifier: Apache-2.0
/*
 * The analysis of a kernel while it is done: what each virtual register may hold. Private to the
 * files of the analysis: analysis.c (what instructions do to registers, and the verdict), access.c
 * (what they do to memory). See analysis.h.
 */
#pragma once

#include "shim/nvidia/ptx/analysis.h"

enum {
    /* What a register may hold. */
    V_NUMBER = 1 << 0,
    V_ZERO = 1 << 1,
    V_POINTER = 1 << 2, /* a kernel parameter of 64 bits, or that plus numbers: see slots */
    V_SHARED = 1 << 3,  /* addresses in these spaces */
    V_LOCAL = 1 << 4,
    V_PARAM = 1 << 5,
    V_VARIABLE = 1 << 6, /* of module scope */
    V_BASES = V_POINTER | V_SHARED | V_LOCAL | V_PARAM | V_VARIABLE,
    V_PLAIN = V_NUMBER | V_ZERO,
    /* What had an influence on it. */
    V_LOADED = 1 << 7, /* something from memory */
    V_OTHERS = 1 << 8, /* something from another thread: shared memory, a shuffle */
    V_TAINTS = V_LOADED | V_OTHERS,
};

struct value {
    uint64_t slots;
    uint32_t kinds; /* none: nothing ever wrote it */
};

enum class {
    OP_UNKNOWN,
#define CLASS(name) OP_##name,
#include "shim/nvidia/ptx/ops.def"
};

struct analysis {
    struct reef_ptx_analysis *out;
    const struct reef_ptx_body *body;
    const struct reef_ptx_inst *inst;
    struct value *values; /* owned; by name */
    uint8_t *classes;     /* owned; by instruction */
    bool changed, failed;
    bool last; /* nothing changes any more: what is not known now never will be */
    bool barriers, odd_barriers, shared_read, shared_atomics, others_matter;
    bool reads_unknown, changing; /* changing: reads what is different the second time */
    uint32_t reads_unknown_line, changing_line;
};

/** Ends the analysis: never restartable. */
void ptx_analysis_fail(struct analysis *a, const char *reason);

static inline struct value value_of(uint32_t kinds)
{
    return (struct value){.kinds = kinds};
}

static inline const struct reef_ptx_operand *operand_at(const struct analysis *a, unsigned i)
{
    return &a->body->operand[a->inst->operand + i];
}

/* --- analysis.c --- */
struct value ptx_name_value(struct analysis *a, uint32_t name);
struct value ptx_operand_value(struct analysis *a, const struct reef_ptx_operand *o);
void ptx_write_operand(struct analysis *a, const struct reef_ptx_operand *o, struct value v);
/** The result: all of the first operand. */
void ptx_write_result(struct analysis *a, struct value v);

/* --- access.c --- */
void ptx_load(struct analysis *a);
void ptx_matrix_load(struct analysis *a);
void ptx_store(struct analysis *a);
void ptx_atomic(struct analysis *a);
void ptx_copy_async(struct analysis *a);
