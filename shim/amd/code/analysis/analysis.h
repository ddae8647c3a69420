// SPDX-License-Identifier: Apache-2.0
/*
 * Whether a kernel may be killed at any instruction and run again from its start, with the same
 * result: a data-flow analysis of its machine code (gfx906). Pure.
 *
 * The rule. A launch may be run again if nothing that it may write is read by it: then the second
 * run finds all that it reads as the first did, and writes all that the first wrote. So: no atomics
 * on memory outside the work-group, no messages to the host, no clocks or hardware ids (they are
 * not the same again), and every global load and store traced to the kernel argument that its
 * address is based on. An argument that is written and read rules it out; else it depends on the
 * launch: whether the buffers that are written are other than those that are read.
 *
 * And nobody else may answer to what a first run wrote before the second one reads or writes again:
 * no volatile and no atomic accesses (their glc bit) and no fences beyond the work-group, with
 * which running kernels and the host talk to each other. The host may also watch plain stores to
 * its own memory; that too is asked at the launch (shim/amd/restart.c).
 *
 * What is not understood is never restartable: calls, indirect jumps, addresses that were loaded
 * from memory, EXEC used in other ways than compilers do.
 *
 * What is taken for granted, as by any compiler: an address that was computed from a pointer stays
 * within the allocation that the pointer points into.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "shim/amd/code/object.h"
#include "shim/amd/code/ranges/ranges.h"

/** Kernel arguments are told apart by their place: slot n is the 8 bytes at offset 8 * n. */
enum { REEF_SLOTS = 32 };

enum reef_restart { REEF_RESTART_NEVER, REEF_RESTART_IF_DISJOINT, REEF_RESTART_ALWAYS };

struct reef_analysis {
    enum reef_restart restart;
    const char *reason;     /* static text; never NULL */
    uint64_t where;         /* address of the instruction that the reason is about; 0: none */
    uint32_t reads, writes; /* slots whose buffers are read and written */
    uint32_t mixed; /* slots to which a loaded number was added: a null pointer there may be no
                       null address */
    /* The wavefronts of a work-group may end one by one: none of them would do anything with local
     * memory that another one did not come to write, but pass it on as data. */
    bool independent;
};

/** @code: the kernel's instructions, from its entry (code_bytes, or what is left of the segment if
 *  that is 0); on failure the reason says why. Takes time and memory in proportion to the code;
 *  bounded. */
void reef_analyse(struct reef_analysis *out, const struct reef_object *object,
                  const struct reef_object_kernel *kernel);

/** What a launch of the kernel reads and writes, if that decides (REEF_RESTART_IF_DISJOINT): owned
 *  by the caller. NULL: nothing more than reef_analyse says is known, or no memory. */
struct reef_ranges *reef_analyse_ranges(const struct reef_object *object,
                                        const struct reef_object_kernel *kernel);
