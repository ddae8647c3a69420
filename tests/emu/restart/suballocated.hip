// SPDX-License-Identifier: Apache-2.0
/*
 * Kernels as programs write them that divide one allocation among their buffers, for ranges_test:
 * ways to count, to bound and to leave a loop, and to make an index. Each stays within 4096 words
 * behind its pointers, whatever its arguments are; ranges.def says how it is launched.
 */
#include <hip/hip_runtime.h>

#define KERNEL extern "C" __global__ void __launch_bounds__(256)
#define INDEX (int)(blockIdx.x * blockDim.x + threadIdx.x)

KERNEL add(const float *a, const float *b, float *c, int n)
{
    int i = INDEX;
    if (i < n)
        c[i] = a[i] + b[i];
}

KERNEL add_grid(const float *a, const float *b, float *c, int n)
{
    for (int i = INDEX; i < n; i += gridDim.x * blockDim.x)
        c[i] = a[i] + b[i];
}

KERNEL add_unsigned(const float *a, float *c, unsigned n)
{
    unsigned i = INDEX;
    if (i < n && i < 2048u)
        c[i] = a[i] * 2;
}

KERNEL shifted(const float *x, float *y, int n, int by)
{
    int i = INDEX, from = i + by;
    if (i < n && from >= 0 && from < n)
        y[i] = x[from];
}

KERNEL backwards(const float *x, float *y, int n)
{
    int i = INDEX;
    if (i < n)
        y[i] = x[n - 1 - i];
}

KERNEL product(const float *a, const float *b, float *c, int k)
{
    int row = blockIdx.y * blockDim.y + threadIdx.y, col = INDEX;
    float sum = 0;
    if (row >= k || col >= k)
        return;
    for (int i = 0; i < k; i++)
        sum += a[row * k + i] * b[i * k + col];
    c[row * k + col] = sum;
}

KERNEL product_wide(const float *a, const float *b, float *c, long k)
{
    long row = blockIdx.y * blockDim.y + threadIdx.y, col = INDEX;
    float sum = 0;
    if (row >= k || col >= k)
        return;
    for (long i = 0; i < k; i++)
        sum += a[row * k + i] * b[i * k + col];
    c[row * k + col] = sum;
}

KERNEL stencil(const float *x, float *y, int k)
{
    int c = INDEX, r = blockIdx.y * blockDim.y + threadIdx.y;
    if (r < 1 || c < 1 || r >= k - 1 || c >= k - 1)
        return;
    y[r * k + c] = x[r * k + c] + x[(r - 1) * k + c] + x[(r + 1) * k + c] + x[r * k + c - 1] +
                   x[r * k + c + 1];
}

KERNEL count_down(const float *x, float *y, int n)
{
    for (int i = n - 1 - (int)threadIdx.x; i >= 0; i -= blockDim.x)
        y[i] = x[i] + 1;
}

KERNEL until_equal(const float *x, float *y, int k)
{
    float sum = 0;
    if (k < 0)
        return;
    for (int i = 0; i != k; i++)
        sum += x[i + threadIdx.x];
    y[threadIdx.x] = sum;
}

KERNEL steps(const float *x, float *y, int n, int step)
{
    if (step > 0)
        for (int i = threadIdx.x; i < n; i += step)
            y[i] = x[i] * 3;
}

KERNEL scattered(const float *x, float *y)
{
    unsigned i = INDEX;
    y[(i * 0x10001u) & 1023] = x[i & 255];
}

KERNEL divided(const float *x, float *y, int n)
{
    int i = INDEX;
    if (i < n)
        y[i] = x[i / 7] + x[300 + i % 7];
}

/* Every four rows a pointer that goes on by itself. */
KERNEL pointers(const float *x, float *y, int k)
{
    const float *row = x + threadIdx.x;
    float *to = y + threadIdx.x;
    for (int r = 0; r < k; r++) {
        float sum = 0;
        for (const float *p = row; p < row + 4 * 16; p += 16)
            sum += *p;
        *to = sum;
        row += 32;
        to += 32;
    }
}

/* Lanes keep what a counter was when they found something. */
KERNEL search_rows(const float *x, float *y, int k, int n)
{
    int found = -1, uniform = 0;
    for (int i = 0; i < k; i++) {
        if (found < 0 && x[i * 4 + (threadIdx.x & 3)] > 1.0f)
            found = uniform;
        uniform += 4;
    }
    if (found >= 0 && found < n)
        y[found + 64 * (int)threadIdx.x % 2048] = 1;
}

KERNEL choose(const float *x, const float *z, float *y, int n)
{
    int i = INDEX;
    if (i >= n)
        return;
    int from = z[i] > 0 ? i : n - 1 - i;
    y[i] = x[from];
}

KERNEL bytes(const unsigned char *x, unsigned char *y, int n)
{
    int i = INDEX;
    if (i < n)
        y[i] = x[2 * i + 1];
}

KERNEL four(const float4 *x, float4 *y, int n)
{
    int i = INDEX;
    if (i < n / 4) {
        float4 v = x[i];
        y[i] = make_float4(v.w, v.z, v.y, v.x);
    }
}

KERNEL rows(const float *x, float *y, int s, int k)
{
    for (int row = blockIdx.x; row < s; row += gridDim.x) {
        float top = -1000;
        for (int c = threadIdx.x; c < k; c += 64)
            top = fmaxf(top, x[row * k + c]);
        for (int c = threadIdx.x; c < k; c += 64)
            y[row * k + c] = x[row * k + c] - top;
    }
}

/* The work-groups' tail is cut off twice, and the index grows after the compare. */
KERNEL grown(const float *x, float *y, int n)
{
    int i = INDEX;
    if (i >= n || i >= 1000)
        return;
    i += 500;
    y[i] = x[i - 250];
}

KERNEL halves(const float *x, float *y, int n)
{
    for (int s = 1024; s > 0; s >>= 1)
        if ((int)threadIdx.x < s && s < n)
            y[s + threadIdx.x] = x[s - 1 - threadIdx.x];
}

/* Counts beyond what 32 bits hold, with a mask. */
KERNEL wraps(const float *x, float *y, int n)
{
    unsigned j = 0x7ffffff0u + threadIdx.x;
    for (int i = 0; i < n; i++, j += 0x1000003u)
        y[j & 2047] = x[(j >> 8) & 511];
}

KERNEL signs(const float *x, float *y, int n)
{
    int j = (int)threadIdx.x - 32;
    for (int i = 0; i < n && i < 50; i++, j += 3)
        if (j > -20 && j < 100)
            y[j + 20] = x[20 - (j >> 2) + 30];
}
