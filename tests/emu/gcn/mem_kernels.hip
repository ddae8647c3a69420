// SPDX-License-Identifier: Apache-2.0
/*
 * Kernels that live in private memory: recursion, arrays indexed at run time, packed and wide elements,
 * generic pointers to private, LDS and global memory. Compiled at several optimisation levels (MUBUF
 * spills, FLAT accesses, SCRATCH instructions), each with the same results, which mem_kernels_test.c
 * computes with the same functions.
 */
#include <hip/hip_runtime.h>

#define DEVICE __device__ __attribute__((noinline))
#include "mem_kernels.h"

extern "C" __global__ void recursion(int *out, const int *in)
{
    int i = blockIdx.x * blockDim.x + threadIdx.x;

    out[i] = mem_recurse(in[i] & 7, in[i]);
}

extern "C" __global__ void arrays(int *out, const int *in)
{
    int i = blockIdx.x * blockDim.x + threadIdx.x;

    out[i] = mem_arrays(in[i]);
}

extern "C" __global__ void sorting(int *out, const int *in)
{
    int i = blockIdx.x * blockDim.x + threadIdx.x;

    out[i] = mem_sort(in[i]);
}

/* A third of the lanes each: private, LDS, global. */
extern "C" __global__ void generic(int *out, int *in)
{
    __shared__ int shared[256];
    int own[16], t = threadIdx.x, i = blockIdx.x * blockDim.x + t, *p;

    for (int k = 0; k < 16; k++)
        own[k] = in[i] + k;
    shared[t] = in[i] + 5;
    __syncthreads();
    if (t % 3 == 0)
        p = &own[in[i] & 15];
    else if (t % 3 == 1)
        p = &shared[t];
    else
        p = &in[i];
    int before = mem_touch(p);
    __syncthreads();
    out[i] = before + *p * 3 + own[(t + 1) & 15];
}

/* Wide LDS and global accesses, narrow ones, and atomics on both. */
extern "C" __global__ void widths(int *out, const int *in)
{
    __shared__ __attribute__((aligned(16))) int4 wide[64];
    __shared__ double doubles[64];
    __shared__ unsigned short shorts[256];
    __shared__ int sum;
    __shared__ unsigned long long product;
    int t = threadIdx.x, i = blockIdx.x * blockDim.x + t;

    if (t == 0) {
        sum = 0;
        product = 1;
    }
    __syncthreads();
    wide[t] = ((const int4 *)in)[i];
    doubles[t] = in[4 * i] * 0.5;
    shorts[4 * t] = (unsigned short)in[4 * i];
    shorts[4 * t + 3] = (unsigned short)(in[4 * i] >> 8);
    atomicAdd(&sum, in[4 * i] & 0xff);
    atomicMax(&product, (unsigned long long)(unsigned)in[4 * i] << 8);
    __syncthreads();
    int4 v = wide[63 - t];
    int r = v.x ^ v.y ^ v.z ^ v.w;

    r += (int)(doubles[(t + 7) % 64] * 2) + shorts[4 * ((t + 1) % 64)] + shorts[4 * t + 3];
    r += sum + (int)(product >> 8) + __shfl_xor(r, 5) + __shfl_down(v.x, 3);
    out[i] = r;
}
