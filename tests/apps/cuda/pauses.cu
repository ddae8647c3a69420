// SPDX-License-Identifier: Apache-2.0
/* The kernel of the pauses: see pauses.c. */
#include "tests/apps/cuda/device.h"

/** One step of a sequence that depends on every step before it. */
KERNEL step(uint32_t *value)
{
    *value = *value * 1664525u + 1013904223u;
}
