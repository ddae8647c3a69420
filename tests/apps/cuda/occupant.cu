// SPDX-License-Identifier: Apache-2.0
/* The kernel of the occupant: see occupant.c. */
#include "tests/apps/cuda/device.h"

extern __shared__ uint32_t local[];

/** Takes @rounds microseconds and about as many steps of a recurrence. @stamps: when its first
 * block began and its last one ended. */
KERNEL occupy(const uint32_t *in, uint32_t *out, uint32_t rounds, uint64_t *stamps)
{
    uint32_t i = BLOCK_X * THREADS + THREAD_X, value = in[i];

    if (THREAD_X == 0)
        __nvvm_atom_min_gen_ull(&stamps[0], global_ns());
    local[THREAD_X] = value;
    for (uint32_t r = 0; r < rounds; r++) {
        nap(1000);
        value = value * 1664525u + 1013904223u;
    }
    out[i] = value + (local[THREAD_X] & 0);
    if (THREAD_X == 0)
        __nvvm_atom_max_gen_ull(&stamps[1], global_ns());
}
