// SPDX-License-Identifier: Apache-2.0
/* The kernel of the arrivals: see arrivals.c. */
#include "tests/apps/cuda/device.h"

extern __shared__ uint32_t local[];

/** @stamps: when each block began and ended. The blocks stay for a while, so that two never take
 * the same processor. */
KERNEL stamp(uint64_t *stamps)
{
    if (THREAD_X == 0)
        stamps[2 * BLOCK_X] = global_ns();
    local[THREAD_X] = THREAD_X;
    nap(5000);
    if (THREAD_X == 0)
        stamps[2 * BLOCK_X + 1] = global_ns();
}
