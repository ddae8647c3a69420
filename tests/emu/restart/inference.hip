// SPDX-License-Identifier: Apache-2.0
/*
 * Kernels as an inference compiler (TVM) makes them: shapes are constants, one work-item computes one
 * or a few elements, schedules differ in how they use local memory, registers and loops. And kernels
 * that must not be run twice. cases.def says how each is launched.
 */
#include <hip/hip_runtime.h>

#define KERNEL extern "C" __global__ void __launch_bounds__(256)

enum { C = 8, H = 16, W = 16, K = 8 };

/* --- convolution, 3x3, several schedules --- */

KERNEL conv2d_direct(const float *__restrict__ x, const float *__restrict__ w,
                     const float *__restrict__ b, float *__restrict__ y)
{
    int p = threadIdx.x, k = blockIdx.x, r = p / W, c = p % W;
    float acc = 0;
    for (int ch = 0; ch < C; ch++)
        for (int dr = -1; dr <= 1; dr++)
            for (int dc = -1; dc <= 1; dc++) {
                int rr = r + dr, cc = c + dc;
                if (rr >= 0 && rr < H && cc >= 0 && cc < W)
                    acc += x[(ch * H + rr) * W + cc] * w[((k * C + ch) * 3 + dr + 1) * 3 + dc + 1];
            }
    acc += b[k];
    y[(k * H + r) * W + c] = acc > 0 ? acc : 0;
}

/* Rows of input staged in local memory. */
KERNEL conv2d_tiled(const float *__restrict__ x, const float *__restrict__ w, float *__restrict__ y)
{
    __shared__ float tile[H + 2][W + 2];
    int p = threadIdx.x, k = blockIdx.x, r = p / W, c = p % W;
    float acc = 0;
    for (int ch = 0; ch < C; ch++) {
        for (int i = p; i < (H + 2) * (W + 2); i += 256) {
            int rr = i / (W + 2) - 1, cc = i % (W + 2) - 1;
            bool in = rr >= 0 && rr < H && cc >= 0 && cc < W;
            tile[rr + 1][cc + 1] = in ? x[(ch * H + rr) * W + cc] : 0;
        }
        __syncthreads();
        for (int d = 0; d < 9; d++)
            acc += tile[r + d / 3][c + d % 3] * w[(k * C + ch) * 9 + d];
        __syncthreads();
    }
    y[(k * H + r) * W + c] = acc;
}

/* Four outputs a work-item, unrolled. */
KERNEL conv2d_unrolled(const float *__restrict__ x, const float *__restrict__ w,
                       float *__restrict__ y)
{
    int p = threadIdx.x * 4, k = blockIdx.x, r = p / W, c = p % W;
    float acc[4] = {0, 0, 0, 0};
#pragma unroll
    for (int ch = 0; ch < C; ch++)
#pragma unroll
        for (int o = 0; o < 4; o++)
            acc[o] += x[(ch * H + r) * W + c + o] * w[k * C + ch];
    for (int o = 0; o < 4; o++)
        y[(k * H + r) * W + c + o] = acc[o];
}

KERNEL depthwise(const float *x, const float *w, float *y, int height, int width)
{
    int i = blockIdx.x * blockDim.x + threadIdx.x, n = height * width;
    if (i >= C * n)
        return;
    int ch = i / n, r = i % n / width, c = i % n % width;
    float acc = 0;
    for (int dr = 0; dr < 3; dr++)
        for (int dc = 0; dc < 3; dc++)
            if (r + dr < height && c + dc < width)
                acc += x[ch * n + (r + dr) * width + c + dc] * w[ch * 9 + dr * 3 + dc];
    y[i] = acc;
}

/* --- dense --- */

KERNEL dense(const float *x, const float *w, const float *b, float *y, int in, int out)
{
    int o = blockIdx.x * blockDim.x + threadIdx.x;
    if (o >= out)
        return;
    float acc = b ? b[o] : 0;
    for (int i = 0; i < in; i++)
        acc += x[i] * w[(size_t)o * in + i];
    y[o] = acc;
}

KERNEL dense_tiled(const float *__restrict__ a, const float *__restrict__ b, float *__restrict__ c,
                   int n)
{
    __shared__ float ta[16][16], tb[16][16];
    int row = blockIdx.y * 16 + threadIdx.y, col = blockIdx.x * 16 + threadIdx.x;
    float acc = 0;
    for (int t = 0; t < n; t += 16) {
        ta[threadIdx.y][threadIdx.x] = a[row * n + t + threadIdx.x];
        tb[threadIdx.y][threadIdx.x] = b[(t + threadIdx.y) * n + col];
        __syncthreads();
        for (int i = 0; i < 16; i++)
            acc += ta[threadIdx.y][i] * tb[i][threadIdx.x];
        __syncthreads();
    }
    c[row * n + col] = acc;
}

/* The sum over one work-group, by a tree. */
KERNEL dense_reduced(const float *x, const float *w, float *y, int in)
{
    __shared__ float part[256];
    float acc = 0;
    for (int i = threadIdx.x; i < in; i += blockDim.x)
        acc += x[i] * w[blockIdx.x * in + i];
    part[threadIdx.x] = acc;
    __syncthreads();
    for (int s = blockDim.x / 2; s > 0; s /= 2) {
        if (threadIdx.x < s)
            part[threadIdx.x] += part[threadIdx.x + s];
        __syncthreads();
    }
    if (threadIdx.x == 0)
        y[blockIdx.x] = part[0];
}

/* --- pooling, softmax, normalisation, element-wise --- */

KERNEL max_pool(const float *x, float *y)
{
    int i = blockIdx.x * blockDim.x + threadIdx.x, r = i / (W / 2) % (H / 2), c = i % (W / 2);
    const float *p = x + i / (W / 2) / (H / 2) * H * W + r * 2 * W + c * 2;
    y[i] = fmaxf(fmaxf(p[0], p[1]), fmaxf(p[W], p[W + 1]));
}

KERNEL average_pool(const float *x, float *y, int window)
{
    float sum = 0;
    for (int i = 0; i < window; i++)
        sum += x[(blockIdx.x * blockDim.x + threadIdx.x) * window + i];
    y[blockIdx.x * blockDim.x + threadIdx.x] = sum / window;
}

KERNEL softmax_rows(const float *x, float *y, int n)
{
    __shared__ float part[256];
    const float *row = x + blockIdx.x * n;
    float top = -INFINITY, sum = 0;
    for (int i = threadIdx.x; i < n; i += blockDim.x)
        top = fmaxf(top, row[i]);
    part[threadIdx.x] = top;
    __syncthreads();
    for (int s = blockDim.x / 2; s > 0; s /= 2) {
        if (threadIdx.x < s)
            part[threadIdx.x] = fmaxf(part[threadIdx.x], part[threadIdx.x + s]);
        __syncthreads();
    }
    top = part[0];
    __syncthreads();
    for (int i = threadIdx.x; i < n; i += blockDim.x)
        sum += expf(row[i] - top);
    part[threadIdx.x] = sum;
    __syncthreads();
    for (int s = blockDim.x / 2; s > 0; s /= 2) {
        if (threadIdx.x < s)
            part[threadIdx.x] += part[threadIdx.x + s];
        __syncthreads();
    }
    for (int i = threadIdx.x; i < n; i += blockDim.x)
        y[blockIdx.x * n + i] = expf(row[i] - top) / part[0];
}

KERNEL batch_norm(const float *x, const float *mean, const float *variance, const float *gamma,
                  const float *beta, float *y, int n, float epsilon)
{
    int i = blockIdx.x * blockDim.x + threadIdx.x, ch = i / (H * W);
    if (i < n)
        y[i] = (x[i] - mean[ch]) * rsqrtf(variance[ch] + epsilon) * gamma[ch] + beta[ch];
}

KERNEL relu(const float *x, float *y, int n)
{
    int i = blockIdx.x * blockDim.x + threadIdx.x;
    if (i < n)
        y[i] = x[i] > 0 ? x[i] : 0.1f * x[i];
}

KERNEL residual(const float *a, const float *b, float *y, int n)
{
    for (int i = blockIdx.x * blockDim.x + threadIdx.x; i < n; i += gridDim.x * blockDim.x)
        y[i] = a[i] + b[i];
}

KERNEL fill(float *y, float value, int n)
{
    int i = blockIdx.x * blockDim.x + threadIdx.x;
    if (i < n)
        y[i] = value;
}

KERNEL transpose(const float *__restrict__ x, float *__restrict__ y, int n)
{
    __shared__ float tile[16][17];
    tile[threadIdx.y][threadIdx.x] =
        x[(blockIdx.y * 16 + threadIdx.y) * n + blockIdx.x * 16 + threadIdx.x];
    __syncthreads();
    y[(blockIdx.x * 16 + threadIdx.y) * n + blockIdx.y * 16 + threadIdx.x] =
        tile[threadIdx.x][threadIdx.y];
}

/* An index out of memory, as in an embedding. */
KERNEL gather(const int *index, const float *table, float *y, int width, int n)
{
    int i = blockIdx.x * blockDim.x + threadIdx.x;
    if (i < n)
        y[i] = table[index[i / width] * width + i % width];
}

/* Ways that differ by lane, nested, with a loop that lanes leave at different times. */
KERNEL divergent(const float *x, const float *z, float *y, float *other, int n)
{
    int i = blockIdx.x * blockDim.x + threadIdx.x;
    if (i >= n)
        return;
    const float *from = i % 3 == 0 ? x : z;
    float v = from[i];
    float *to = y;
    if (v > 0) {
        for (int k = 0; k < i % 7; k++) {
            if (v > 100)
                break;
            v = v * 1.5f + z[(i + k) % n];
        }
        if (i % 5 == 0)
            to = other;
    } else if (v < -1) {
        v = -v;
        to = other;
    }
    to[i] = v;
}

/* --- what must not be run twice --- */

KERNEL relu_in_place(float *x, int n)
{
    int i = blockIdx.x * blockDim.x + threadIdx.x;
    if (i < n)
        x[i] = x[i] > 0 ? x[i] : 0.5f * x[i];
}

KERNEL accumulate(const float *x, float *y, int n)
{
    int i = blockIdx.x * blockDim.x + threadIdx.x;
    if (i < n)
        y[i] += x[i];
}

KERNEL histogram(const int *x, int *bins, int n)
{
    int i = blockIdx.x * blockDim.x + threadIdx.x;
    if (i < n)
        atomicAdd(&bins[x[i] & 15], 1);
}

KERNEL through_pointers(float *const *rows, int n)
{
    int i = threadIdx.x;
    if (i < n)
        rows[blockIdx.x][i] = rows[blockIdx.x][i] * 2 + 1;
}

KERNEL prefix_in_place(float *x, int n)
{
    if (threadIdx.x == 0)
        for (int i = 1; i < n; i++)
            x[i] += x[i - 1];
}

/* One pointer chosen of two, read and written. */
KERNEL either_in_place(float *a, float *b, int n)
{
    int i = blockIdx.x * blockDim.x + threadIdx.x;
    float *p = i & 1 ? a : b;
    if (i < n)
        p[i] = p[i] * 3 + 1;
}

KERNEL stamped(unsigned long long *y, int n)
{
    int i = blockIdx.x * blockDim.x + threadIdx.x;
    if (i < n)
        y[i] = clock64();
}

/* Exchanges halves through a pointer that lanes leave different ways with. */
KERNEL swap_branches(float *a, float *b, const float *c, int n)
{
    int i = blockIdx.x * blockDim.x + threadIdx.x;
    if (i >= n)
        return;
    float *p;
    if (c[i] > 0)
        p = a + i;
    else
        p = b + n - 1 - i;
    float old = *p;
    if (i % 3 == 0)
        p = a + n + i;
    *p = old + 1;
}

/* Looks at what others may write meanwhile. */
KERNEL watch(const volatile float *x, float *y, int n)
{
    int i = blockIdx.x * blockDim.x + threadIdx.x;
    if (i < n)
        y[i] = x[i];
}

KERNEL publish(const float *x, float *y, int n)
{
    int i = blockIdx.x * blockDim.x + threadIdx.x;
    if (i < n)
        y[i] = x[i];
    __threadfence();
}
