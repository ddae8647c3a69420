// SPDX-License-Identifier: Apache-2.0
// The functions of valu_kernels.def, one kernel for each: out[i] = f(x[i], y[i]). For valu_kernels_test.
#include <hip/hip_runtime.h>
#include <hip/hip_fp16.h>

typedef _Float16 half_pair __attribute__((ext_vector_type(2)));

static __device__ float pair_sum(float x, float y)
{
    half_pair a = {(_Float16)x, (_Float16)y}, b = {(_Float16)y, (_Float16)x};
    half_pair product = a * b, sum = a + b;

    return fmaxf((float)product.x, (float)sum.y);
}

static __device__ float pair_dot(float x, float y)
{
    half_pair a = {(_Float16)x, (_Float16)y}, b = {(_Float16)y, (_Float16)x};

    return __builtin_amdgcn_fdot2(a, b, 1.0f, false);
}

static __device__ uint32_t collatz(uint32_t x)
{
    uint32_t steps = 0;

    for (; x > 1 && steps < 40; steps++)
        x = x & 1 ? 3 * x + 1 : x / 2;
    return steps;
}

#define KERNEL(name, U, S, ...)                                                                    \
    extern "C" __global__ void name(const U *xs, const U *ys, U *out, int n)                       \
    {                                                                                              \
        int i = blockIdx.x * blockDim.x + threadIdx.x;                                             \
        if (i < n) {                                                                               \
            U x = xs[i], y = ys[i];                                                                \
            S sx = (S)x, sy = (S)y;                                                                \
            (void)sx, (void)sy;                                                                    \
            out[i] = (U)(__VA_ARGS__);                                                             \
        }                                                                                          \
    }
#define F32(name, low, high, ulp, device, reference) KERNEL(f32_##name, float, float, device)
#define F64(name, low, high, ulp, device, reference) KERNEL(f64_##name, double, double, device)
#define I32(name, ...) KERNEL(i32_##name, uint32_t, int32_t, __VA_ARGS__)
#define I64(name, ...) KERNEL(i64_##name, uint64_t, int64_t, __VA_ARGS__)
#include "valu_kernels.def"

// Cross-lane operations by DPP: what the row and wave operations of a scan and a reduction use.
template <int control> static __device__ int moved(int x)
{
    return __builtin_amdgcn_update_dpp(-1, x, control, 0xf, 0xf, false);
}

extern "C" __global__ void lanes(const int *in, int *out, int n)
{
    int i = blockIdx.x * blockDim.x + threadIdx.x, x = in[i], *o = out + 8 * i;

    o[0] = moved<0x1b>(x);  // quad_perm:[3,2,1,0]
    o[1] = moved<0x111>(x); // row_shr:1
    o[2] = moved<0x140>(x); // row_mirror
    o[3] = moved<0x142>(x); // row_bcast:15
    o[4] = __builtin_amdgcn_mov_dpp(x, 0x101, 0xf, 0xf, true);
    o[5] = __builtin_amdgcn_readlane(x, 3) + __builtin_amdgcn_readfirstlane(x);
    o[6] = x & 1 ? __builtin_amdgcn_readfirstlane(x + i) : moved<0xb1>(x); // in divergent code
    o[7] = __builtin_amdgcn_sdot4(x, 0x01020304, 5, false) + __builtin_amdgcn_perm(x, i, 0x06010700);
}
