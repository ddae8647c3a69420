// SPDX-License-Identifier: Apache-2.0
/* The kernel of the occupant: see occupant.c. */
#include "tests/apps/cuda/device.h"

/** Takes @rounds microseconds and about as many steps of a recurrence. @stamps: a pair for each
 * block, when it began and when it ended. @alive: about every 1024 ns each block notes there when
 * it is; the place is the time modulo @alive_mask + 1. No atomics, and nothing is read of what is
 * written: it may be run again, though the times are others then. */
KERNEL occupy(const uint32_t *in, uint32_t *out, uint32_t rounds, uint64_t *stamps, uint64_t *alive,
              uint32_t alive_mask)
{
    uint32_t i = BLOCK_X * THREADS + THREAD_X, value = in[i];
    uint64_t begun_ns = global_ns(), now_ns = begun_ns;

    for (uint32_t r = 0; r < rounds; r++) {
        nap(1000);
        value = value * 1664525u + 1013904223u;
        now_ns = global_ns();
        if (THREAD_X == 0)
            alive[now_ns >> 10 & alive_mask] = now_ns;
    }
    out[i] = value;
    if (THREAD_X == 0) {
        stamps[2 * BLOCK_X] = begun_ns;
        stamps[2 * BLOCK_X + 1] = now_ns;
    }
}
