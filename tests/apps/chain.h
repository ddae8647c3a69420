// SPDX-License-Identifier: Apache-2.0
/*
 * Kernels for chains of launches on one array: the result depends on every step and on their order,
 * so that a step that is lost, repeated or misplaced shows.
 */
#pragma once

#include "check.h"

/** x = x * a + b. The grid covers x exactly. */
static __global__ void chain_affine(unsigned *x, unsigned a, unsigned b)
{
    unsigned i = blockIdx.x * blockDim.x + threadIdx.x;

    x[i] = x[i] * a + b;
}

/** to = to * 31 + from. */
static __global__ void chain_combine(unsigned *to, const unsigned *from)
{
    unsigned i = blockIdx.x * blockDim.x + threadIdx.x;

    to[i] = to[i] * 31 + from[i];
}
