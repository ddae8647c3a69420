// SPDX-License-Identifier: Apache-2.0
/* The kernel of the trainer: see trainer.c. */
#include "tests/apps/cuda/device.h"

/** @next: a permutation as byte offsets. Each thread walks @steps of it, which is bound by memory
 * latency, and accumulates on the way. */
KERNEL train(const uint32_t *next, const float *in, float *out, uint32_t steps, uint32_t seed,
             uint32_t count)
{
    __shared__ float lane[32];
    uint32_t i = BLOCK_X * 32 + THREAD_X, at = (i * 61 + seed * 7919) % count * 4;
    float sum = in[i];

    lane[THREAD_X] = sum;
    __syncthreads();
    sum = fmaf(lane[(THREAD_X * 5 + seed) % 32], 0.5f, sum);
    for (uint32_t s = 0; s < steps; s++) {
        at = *(const uint32_t *)((const char *)next + at);
        sum = fmaf(sum, 0.9375f, (float)at);
    }
    out[i] = fmaf(sum, 0x1p-20f, in[at / 4] * 0.25f);
}
