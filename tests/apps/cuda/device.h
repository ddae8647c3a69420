// SPDX-License-Identifier: Apache-2.0
/*
 * What CUDA's headers give to device code, as far as the programs here use it: so that clang alone
 * makes PTX of them, on a machine without a toolkit (scripts/clang-ptx). The built-ins are those of
 * LLVM's NVPTX back end (BuiltinsNVPTX.def).
 */
#pragma once

#define __global__    __attribute__((global))
#define __device__    __attribute__((device))
#define __shared__    __attribute__((shared))
#define __syncthreads __syncthreads_
#define KERNEL        extern "C" __global__ void

typedef unsigned int uint32_t;
typedef unsigned long long uint64_t;

#define THREAD_X __nvvm_read_ptx_sreg_tid_x()
#define THREAD_Y __nvvm_read_ptx_sreg_tid_y()
#define BLOCK_X  __nvvm_read_ptx_sreg_ctaid_x()
#define BLOCK_Y  __nvvm_read_ptx_sreg_ctaid_y()
#define THREADS  __nvvm_read_ptx_sreg_ntid_x()

__device__ static inline void __syncthreads_()
{
    __nvvm_bar_sync(0);
}

__device__ static inline float fmaf(float a, float b, float c)
{
    return __builtin_fmaf(a, b, c);
}

__device__ static inline float fmaxf(float a, float b)
{
    return __nvvm_fmax_f(a, b);
}

__device__ static inline float expf(float x)
{
    return __nvvm_ex2_approx_f(x * 1.44269504f);
}

__device__ static inline float rsqrtf(float x)
{
    return __nvvm_rsqrt_approx_f(x);
}

/** The value of the lane whose number differs in the bits of @mask. */
__device__ static inline float shuffle_xor(float x, int mask)
{
    return __nvvm_shfl_sync_bfly_f32(0xffffffffu, x, mask, 31);
}

/** Nanoseconds, of a clock that all contexts of the device share. */
__device__ static inline uint64_t global_ns()
{
    uint64_t ns;
    asm volatile("mov.u64 %0, %%globaltimer;" : "=l"(ns));
    return ns;
}

/** Does nothing for about @ns (on hardware: at most twice that). */
__device__ static inline void nap(uint32_t ns)
{
    asm volatile("nanosleep.u32 %0;" ::"r"(ns));
}
