// SPDX-License-Identifier: Apache-2.0
/*
 * Half-precision matrix product: packed pairs (half2 fused multiply-add), tiles in shared memory,
 * once accumulated in half and once in single precision. Against the CPU, with bounds that follow
 * from the number of roundings.
 */
#include <hip/hip_fp16.h>
#include <hip/hip_runtime.h>

#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <vector>

#define HIP(call)                                                                                  \
    do {                                                                                           \
        hipError_t error = (call);                                                                 \
        if (error != hipSuccess) {                                                                 \
            printf("FAILED: line %d: %s\n", __LINE__, hipGetErrorString(error));                   \
            exit(1);                                                                               \
        }                                                                                          \
    } while (0)

constexpr int M = 64, N = 96, K = 80, TILE = 16;

/* C = alpha A B + beta C; each thread makes two neighbours of a row. */
__global__ void in_half(const __half *a, const __half2 *b, __half2 *c, __half alpha, __half beta)
{
    __shared__ __half2 left[TILE][TILE];  /* an element of A, twice */
    __shared__ __half2 right[TILE][TILE]; /* pairs of columns of B */
    const int tx = threadIdx.x, ty = threadIdx.y;
    const int row = blockIdx.y * TILE + ty, pair = blockIdx.x * TILE + tx;
    __half2 sum = __float2half2_rn(0.0f);

    for (int k0 = 0; k0 < K; k0 += TILE) {
        left[ty][tx] = __half2half2(a[row * K + k0 + tx]);
        right[ty][tx] = b[(k0 + ty) * (N / 2) + pair];
        __syncthreads();
#pragma unroll
        for (int k = 0; k < TILE; k++)
            sum = __hfma2(left[ty][k], right[k][tx], sum);
        __syncthreads();
    }
    __half2 *to = &c[row * (N / 2) + pair];
    *to = __hfma2(__half2half2(alpha), sum, __hmul2(__half2half2(beta), *to));
}

__global__ void in_single(const __half *a, const __half2 *b, float2 *c)
{
    const int row = blockIdx.y * blockDim.y + threadIdx.y;
    const int pair = blockIdx.x * blockDim.x + threadIdx.x;
    float2 sum = make_float2(0, 0);

    for (int k = 0; k < K; k++) {
        float left = __half2float(a[row * K + k]);
        float2 right = __half22float2(b[k * (N / 2) + pair]);

        sum.x = fmaf(left, right.x, sum.x);
        sum.y = fmaf(left, right.y, sum.y);
    }
    c[row * (N / 2) + pair] = sum;
}

template <typename T> T *upload(const std::vector<T> &v)
{
    T *p = nullptr;

    HIP(hipMalloc(&p, v.size() * sizeof(T)));
    HIP(hipMemcpy(p, v.data(), v.size() * sizeof(T), hipMemcpyHostToDevice));
    return p;
}

int main()
{
    std::vector<__half> a(M * K), b(K * N), c(M * N), got(M * N);
    std::vector<float> got_single(M * N);
    const float alpha = 0.5f, beta = -2.0f;
    double worst = 0, worst_single = 0, sum = 0;
    unsigned seed = 99;
    auto random = [&seed] {
        seed = seed * 1664525u + 1013904223u;
        return __float2half((float)(int)(seed >> 20) / 2048 - 1);
    };

    for (auto *m : {&a, &b, &c})
        for (__half &x : *m)
            x = random();
    __half *d_a = upload(a), *d_b = upload(b), *d_c = upload(c);
    float *d_single = upload(got_single);
    const dim3 threads(TILE, TILE), grid(N / 2 / TILE, M / TILE);

    in_half<<<grid, threads>>>(d_a, (const __half2 *)d_b, (__half2 *)d_c, __float2half(alpha),
                               __float2half(beta));
    in_single<<<grid, threads>>>(d_a, (const __half2 *)d_b, (float2 *)d_single);
    HIP(hipGetLastError());
    HIP(hipMemcpy(got.data(), d_c, got.size() * sizeof(__half), hipMemcpyDeviceToHost));
    HIP(hipMemcpy(got_single.data(), d_single, got_single.size() * sizeof(float),
                  hipMemcpyDeviceToHost));

    for (int i = 0; i < M; i++) {
        for (int j = 0; j < N; j++) {
            double product = 0;

            for (int k = 0; k < K; k++)
                product += (double)__half2float(a[i * K + k]) * (double)__half2float(b[k * N + j]);
            double want = alpha * product + beta * (double)__half2float(c[i * N + j]);

            worst = std::fmax(worst, std::fabs((double)__half2float(got[i * N + j]) - want));
            worst_single = std::fmax(worst_single, std::fabs(got_single[i * N + j] - product));
            sum += got_single[i * N + j];
        }
    }
    /* K roundings of sums below 16 in half (ulp 2^-6 at most, mostly much less). */
    if (!(worst < 0.12 && worst_single < 1e-4)) {
        printf("FAILED: off by %g in half, %g in single\n", worst, worst_single);
        return 1;
    }
    printf("%d x %d x %d: ok, sum %.3f\n", M, N, K, sum);
    for (void *p : {(void *)d_a, (void *)d_b, (void *)d_c, (void *)d_single})
        HIP(hipFree(p));
    return 0;
}
