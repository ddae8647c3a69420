// SPDX-License-Identifier: Apache-2.0
/*
 * Kernels of shapes in which a guard could be missed: loops in loops, short and long, code without loops that runs for long,
 * ways that differ from round to round. All run for several times the 5 us in which they are to end. shapes.def says how each
 * is launched.
 */
#include <hip/hip_runtime.h>

#define KERNEL extern "C" __global__ void __launch_bounds__(256)
#define ITEM (blockIdx.x * blockDim.x + threadIdx.x)

/* A convolution whose sizes are not known: three loops, memory in the innermost one. */
KERNEL conv2d_general(const float *x, const float *w, float *y, int channels, int taps)
{
    float acc = 0;
    for (int ch = 0; ch < channels; ch++)
        for (int r = 0; r < taps / 5; r++)
            for (int c = 0; c < taps / 5; c++)
                acc += x[(ITEM + ch * 16 + r * 4 + c) % 4096] * w[(ch * 9 + r * 3 + c) % 4096];
    y[ITEM] = acc;
}

/* The same within local memory, with a barrier in the outer loop. */
KERNEL stencil_local(const float *x, float *y, int rounds, int width)
{
    __shared__ float tile[2][256 + 16];
    tile[0][threadIdx.x] = tile[1][threadIdx.x] = x[ITEM];
    if (threadIdx.x < 16)
        tile[0][256 + threadIdx.x] = tile[1][256 + threadIdx.x] = 0;
    __syncthreads();
    for (int t = 0; t < rounds; t++) {
        float sum = 0;
        for (int r = 0; r < width / 4; r++)
            for (int c = 0; c < width / 4; c++)
                sum += tile[t & 1][threadIdx.x + r * 4 + c];
        tile[~t & 1][threadIdx.x] = sum / width;
        __syncthreads();
    }
    y[ITEM] = tile[rounds & 1][threadIdx.x];
}

/* A short loop within one that runs often. */
KERNEL short_in_long(const unsigned *x, unsigned *y, int n, int few)
{
    unsigned v = x[ITEM];
    for (int i = 0; i < n; i++) {
        for (int k = 0; k < few / 6; k++)
            v = v * 1664525 + (unsigned)k;
        v ^= v >> 7;
    }
    y[ITEM] = v;
}

/* Rounds of a few instructions, thousands of them. */
KERNEL shortest(const unsigned *x, unsigned *y, int n, int times)
{
    unsigned v = x[ITEM];
#pragma unroll 1
    for (int i = 0; i < n * times; i++)
        v = v * 1664525 + 1013904223;
    y[ITEM] = v;
}

/* No loop at all: each load's address comes from the one before. */
KERNEL chain_of_loads(const unsigned *x, unsigned *y, int n)
{
    unsigned v = ITEM % (unsigned)n;
#pragma unroll
    for (int i = 0; i < 100; i++)
        v = (x[v] * 31 + (unsigned)i) & 1023;
    y[ITEM] = v;
}

/* The same without memory. */
KERNEL chain_of_sums(const float *x, float *y, int n)
{
    float v = x[ITEM], w = (float)n;
#pragma unroll
    for (int i = 0; i < 3000; i++)
        v = v * 0.999f + w;
    y[ITEM] = v;
}

/* Lanes leave at different times. */
KERNEL collatz(const unsigned *x, unsigned *y, int limit)
{
    unsigned v = x[ITEM] + 27, steps = 0;
    do {
        v = v & 1 ? 3 * v + 1 : v / 2;
        steps++;
    } while (v != 1);
    y[ITEM] = steps + (unsigned)limit;
}

/* Some rounds end early, some load and some compute; the way is the same for all lanes. */
KERNEL interpreter(const unsigned *program, const unsigned *x, unsigned *y, int n)
{
    unsigned v = x[ITEM], pc = 0;
    for (int i = 0; i < n; i++) {
        unsigned op = program[pc & 63];
        pc += 1 + (op & 1);
        switch (op % 5) {
        case 0:
            v += op;
            break;
        case 1:
            if (v & 1)
                continue;
            v ^= x[v & 1023];
            break;
        case 2:
            v = v >> 3 | v << 29;
            break;
        case 3:
            for (unsigned k = op & 7; k > 0; k--)
                v = v * 5 + k;
            break;
        default:
            v = x[(v + op) & 1023];
        }
    }
    y[ITEM] = v;
}

/* Long rounds, most of which is jumped over most of the time. */
KERNEL seldom_long(const unsigned *x, unsigned *y, int n)
{
    unsigned v = x[ITEM];
    for (int i = 0; i < n / 10; i++) {
        v = v * 1664525 + 1013904223;
        if (__builtin_amdgcn_readfirstlane(v) % 16 == 0) {
#pragma unroll
            for (int k = 0; k < 20; k++)
                v = x[(v >> 8) & 1023] + (unsigned)k;
        }
    }
    y[ITEM] = v;
}

/* A matrix product, tiles in local memory, the inner loop as it is. */
KERNEL matmul_rolled(const float *a, const float *b, float *c, int n)
{
    __shared__ float ta[16][16], tb[16][16];
    int row = threadIdx.x / 16, col = threadIdx.x % 16;
    float acc = 0;
    for (int t = 0; t < n; t += 16) {
        ta[row][col] = a[(row * n + t + col) % 4096];
        tb[row][col] = b[((t + row) * n + col) % 4096];
        __syncthreads();
#pragma unroll 1
        for (int i = 0; i < 16; i++)
            acc += ta[row][i] * tb[i][col];
        __syncthreads();
    }
    c[ITEM] = acc;
}
