// SPDX-License-Identifier: Apache-2.0
/* The code object that modules.cpp loads at run time (compiled with --genco). */
#include <hip/hip_runtime.h>

extern "C" __device__ int offset_by;

__device__ int offset_by = 5;

extern "C" __global__ void scale(const int *in, int *out, int factor, unsigned n)
{
    unsigned i = blockIdx.x * blockDim.x + threadIdx.x;

    if (i < n)
        out[i] = in[i] * factor + offset_by;
}

extern "C" __global__ void mixed(char c, double d, short s, double *out, float f)
{
    if (threadIdx.x == 0)
        *out = c + d + s + f;
}
