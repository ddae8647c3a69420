// SPDX-License-Identifier: Apache-2.0
/*
 * Whether a kernel may be ended at any instruction and run again from its start with the same
 * result, by its PTX; and how its threads may be ended. Pure.
 *
 * The rule is that of shim/amd/code/analysis: a launch may be run again if nothing that it may
 * write is read by it. So: no atomics on memory outside the block, no clocks or hardware ids, no
 * calls, and every global load and store traced to the kernel parameter that its address is based
 * on. A parameter that is written and read rules it out; else it depends on the launch: whether the
 * buffers that are written are other than those that are read. And nobody else may answer to what a
 * first run wrote before the second one does: no volatile accesses, none with an order, no fences
 * beyond the block. What is not known is never restartable.
 *
 * How: one set of what it may hold for each virtual register, joined over all instructions that
 * write it, until nothing changes. PTX as compilers write it gives most values a register of their
 * own, so little is lost by not following control flow, and nothing is ever missed.
 *
 * What is taken for granted, as by any compiler: an address that was computed from a pointer stays
 * within the allocation that the pointer points into.
 */
#pragma once

#include "shim/nvidia/ptx/scan.h"

/** Parameters are told apart by their place: slot n is the 8 bytes at offset 8 * n. */
enum { REEF_PTX_SLOTS = 64 };

enum reef_ptx_restart { REEF_PTX_NEVER, REEF_PTX_IF_DISJOINT, REEF_PTX_ALWAYS };

/** How a kernel's threads may be ended (rewrite.h). */
enum reef_ptx_style {
    /* One by one: none does anything with what it has from another but pass it on as data. */
    REEF_PTX_THREADS,
    /* A whole block at a time, at its barriers. */
    REEF_PTX_BARRIERS,
    /* A whole block, before it begins. */
    REEF_PTX_ENTRY,
};

struct reef_ptx_analysis {
    enum reef_ptx_restart restart;
    enum reef_ptx_style style; /* ENTRY where the analysis could not be finished */
    const char *reason;        /* static text; never NULL */
    uint32_t line;             /* of the text, that the reason is about; 0: none */
    uint64_t reads, writes;    /* slots whose buffers are read and written */
    uint64_t mixed; /* slots to which a loaded number was added: a null pointer there may be
                       no null address */
    bool variables; /* reads variables of its module: nothing it writes may be one of them */
};

void reef_ptx_analyse(struct reef_ptx_analysis *out, const struct reef_ptx_body *body);
/** Whether @inst is a barrier of the whole block that a guard can take the place of. */
bool reef_ptx_is_plain_barrier(const struct reef_ptx_body *body, const struct reef_ptx_inst *inst);
