// SPDX-License-Identifier: Apache-2.0
/* Private memory (scratch): recursion through real calls, and arrays too large for registers. */
#include "check.h"

/* Ackermann's cousin: recursion the compiler cannot turn into a loop. */
__host__ __device__ __attribute__((noinline)) unsigned tangle(unsigned m, unsigned n)
{
    if (m == 0)
        return n * 3 + 1;
    if (n == 0)
        return tangle(m - 1, 1);
    return tangle(m - 1, n - 1) ^ tangle(m, n - 1);
}

__global__ void recursion(unsigned *out)
{
    unsigned i = blockIdx.x * blockDim.x + threadIdx.x;

    out[i] = tangle(i % 4, i % 6);
}

enum { DEPTH = 200 };

__host__ __device__ static inline unsigned shuffle_local(unsigned seed)
{
    unsigned a[DEPTH];

    for (unsigned i = 0; i < DEPTH; i++)
        a[i] = i * 2654435761u + seed;
    for (unsigned round = 0; round < 3; round++)
        for (unsigned i = 0; i < DEPTH; i++) {
            unsigned j = (a[i] >> 8) % DEPTH, t = a[j];

            a[j] = a[i] ^ round;
            a[i] = t;
        }
    return a[seed % DEPTH] ^ a[(seed / 7) % DEPTH];
}

__global__ void local_array(unsigned *out, int n)
{
    int i = blockIdx.x * blockDim.x + threadIdx.x;

    if (i < n)
        out[i] = shuffle_local(i * 77);
}

enum { BINS = 17 };

/* Counted from the end: the compiler makes the index negative and adds the array's place to it. */
__host__ __device__ static inline double backwards(unsigned from)
{
    double bins[BINS] = {0}, sum = 0;

    for (unsigned k = from + 1; k < 4096; k += 64)
        bins[BINS - 1 - __builtin_ctz(k)] += k;
    for (unsigned i = 0; i < BINS; i++)
        sum = 3 * sum + bins[i];
    return sum;
}

__global__ void array_from_end(double *out)
{
    out[threadIdx.x] = backwards(threadIdx.x);
}

int main()
{
    const int n = 64 * 24;
    std::vector<unsigned> want(n);
    unsigned *out;

    check_begin();
    out = check_alloc<unsigned>(n);
    for (int i = 0; i < n; i++)
        want[i] = tangle(i % 4, i % 6);
    recursion<<<n / 64, 64>>>(out);
    LAUNCHED();
    check_equal("scratch/recursion", check_download(out, n), want);
    for (int i = 0; i < n; i++)
        want[i] = shuffle_local(i * 77);
    local_array<<<n / 128, 128>>>(out, n);
    LAUNCHED();
    check_equal("scratch/local-array", check_download(out, n), want);
    std::vector<double> sums(64);
    double *backs = check_alloc<double>(64);
    for (int i = 0; i < 64; i++)
        sums[i] = backwards(i);
    array_from_end<<<1, 64>>>(backs);
    LAUNCHED();
    check_equal("scratch/array-from-end", check_download(backs, 64), sums);
    HIP(hipFree(backs));
    HIP(hipFree(out));
    return 0;
}
