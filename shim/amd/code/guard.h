// SPDX-License-Identifier: Apache-2.0
/*
 * The few instructions in front of a kernel that test the evict flag. Pure: numbers in, bytes out.
 *
 * A guard uses only registers that are dead at a kernel's entry (LLVM AMDGPU usage guide, "Initial
 * Kernel Execution State"): four SGPRs and a VGPR pair above those that are set up. It raises the
 * descriptor's register counts to at most 32 SGPRs and 8 VGPRs, which cost no occupancy on gfx9 (10
 * wavefronts a SIMD need at most 80 and 24). SCC is dead at entry, EXEC, VCC and M0 stay as they
 * are. Then it jumps to the kernel.
 *
 * The queue's line, in device memory: flag and chain, 4 bytes each; and replicas of the flag for
 * the guards inside of kernels (inside.h), for which an EVICT guard sets up registers.
 * REEF_GUARD_EVICT   if flag or chain is not 0: sets the chain, stores 1 to the packet's record,
 * waits for both stores, ends the wavefront. REEF_GUARD_FOLLOW  the same, if the chain is not 0.
 * The chain is only set by wavefronts that end in a guard, before they end. So a kernel that begins
 * when all before it is over finds it settled: either no wavefront of it passes a FOLLOW guard, or
 * all do. A wavefront waits for its store to the chain, which is then in L2 (LLVM's memory model
 * for gfx9); the packet of a kernel with a guard has an acquire fence of at least agent scope, so
 * the scalar cache has nothing older when it begins. The record is in the host's coherent memory,
 * and its store too is complete before the wavefront is, hence before the packet's completion
 * signal.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "shim/amd/code/object.h"

struct reef_inside;

enum reef_guard { REEF_GUARD_EVICT, REEF_GUARD_FOLLOW };

enum {
    REEF_LINE_BYTES = 4096, /* a queue's line, at a multiple of that */
    REEF_GUARD_FLAG = 0,    /* offsets in it */
    REEF_GUARD_CHAIN = 4,
    REEF_GUARD_LOOK =
        8, /* 4 bytes, not 0: the first work-groups are to look at the board; 0 behind */
    REEF_GUARD_BOARD = 16, /* 8 bytes: address of the board's word for the GPU; 0: there is none */
    REEF_GUARD_REPLICA = 128, /* of the first, and from one to the next */
    /* A block: code, then its descriptor. The address of a kernel's first instruction must be a
     * multiple of 256 (COMPUTE_PGM_LO holds it divided by that). */
    REEF_GUARD_BLOCK_BYTES = 256,
    REEF_GUARD_CODE_BYTES = 192,
};

/** The dead registers of a kernel; and its descriptor with what the guard needs. */
struct reef_guard_registers {
    unsigned sgpr, vgpr; /* the first of four and of a pair, even */
};

/** Finds them. False if this kernel cannot have a guard. */
bool reef_guard_registers(const struct reef_target *target, const uint8_t *descriptor,
                          struct reef_guard_registers *registers);

struct reef_guard_place {
    const struct reef_inside
        *inside;     /* of the kernel's copy; NULL: it leads to the kernel itself */
    uint64_t copy;   /* with it: how many bytes behind the block's beginning the copy begins */
    uint64_t entry;  /* without: address of the kernel's first instruction */
    uint64_t line;   /* address of the queue's line in the GPU's memory */
    uint64_t record; /* address of the packet's record */
};

/** Writes a block of REEF_GUARD_BLOCK_BYTES, guard and descriptor. It may lie anywhere, at a
 *  multiple of 256. */
void reef_guard_write(uint8_t *block, enum reef_guard guard, const struct reef_target *target,
                      const uint8_t *descriptor, const struct reef_guard_registers *registers,
                      const struct reef_guard_place *place);
