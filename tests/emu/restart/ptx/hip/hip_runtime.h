// SPDX-License-Identifier: Apache-2.0
/*
 * What inference.hip needs of hip_runtime.h when clang compiles it for PTX (-x cuda, without a
 * toolkit): the launch geometry and a few functions of the device.
 */
#pragma once

#define __global__           __attribute__((global))
#define __device__           __attribute__((device))
#define __shared__           __attribute__((shared))
#define __launch_bounds__(n) __attribute__((launch_bounds(n)))
#define INFINITY             __builtin_inff()

typedef __SIZE_TYPE__ size_t;

struct reef_test_index {
    unsigned x, y;
    __device__ reef_test_index(int x, int y) : x((unsigned)x), y((unsigned)y) {}
};
#define threadIdx                                                                                  \
    (reef_test_index(__nvvm_read_ptx_sreg_tid_x(), __nvvm_read_ptx_sreg_tid_y()))
#define blockIdx                                                                                   \
    (reef_test_index(__nvvm_read_ptx_sreg_ctaid_x(), __nvvm_read_ptx_sreg_ctaid_y()))
#define blockDim                                                                                   \
    (reef_test_index(__nvvm_read_ptx_sreg_ntid_x(), __nvvm_read_ptx_sreg_ntid_y()))
#define gridDim                                                                                    \
    (reef_test_index(__nvvm_read_ptx_sreg_nctaid_x(), __nvvm_read_ptx_sreg_nctaid_y()))

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
__device__ static inline int atomicAdd(int *at, int value)
{
    return __nvvm_atom_add_gen_i(at, value);
}
__device__ static inline unsigned long long clock64()
{
    return (unsigned long long)__nvvm_read_ptx_sreg_clock64();
}
__device__ static inline void __threadfence()
{
    __nvvm_membar_gl();
}
