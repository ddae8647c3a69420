// SPDX-License-Identifier: Apache-2.0
// Kernels for kernels_test and gcn_bench, in the forms that hipcc -O3 gives ordinary GPU programs. Each
// is checked against the CPU in kernels_test.c, which also knows their argument lists.
#include <hip/hip_runtime.h>
#include <hip/hip_fp16.h>

extern "C" __global__ void vadd(const float *a, const float *b, float *c, int n)
{
    int i = blockIdx.x * blockDim.x + threadIdx.x;

    if (i < n)
        c[i] = a[i] + b[i];
}

// c = a * b, n a multiple of 16.
extern "C" __global__ void matmul(const float *a, const float *b, float *c, int n)
{
    __shared__ float ta[16][16], tb[16][16];
    int x = threadIdx.x, y = threadIdx.y, col = blockIdx.x * 16 + x, row = blockIdx.y * 16 + y;
    float sum = 0;

    for (int t = 0; t < n / 16; t++) {
        ta[y][x] = a[row * n + t * 16 + x];
        tb[y][x] = b[(t * 16 + y) * n + col];
        __syncthreads();
        for (int k = 0; k < 16; k++)
            sum += ta[y][k] * tb[k][x];
        __syncthreads();
    }
    c[row * n + col] = sum;
}

extern "C" __global__ void conv3x3_relu(const float *in, const float *weight, float *out, int w, int h)
{
    int x = blockIdx.x * blockDim.x + threadIdx.x, y = blockIdx.y * blockDim.y + threadIdx.y;
    float sum = 0;

    if (x >= w || y >= h)
        return;
    for (int dy = -1; dy <= 1; dy++)
        for (int dx = -1; dx <= 1; dx++) {
            int sx = x + dx, sy = y + dy;

            if (sx >= 0 && sx < w && sy >= 0 && sy < h)
                sum += in[sy * w + sx] * weight[(dy + 1) * 3 + dx + 1];
        }
    out[y * w + x] = sum > 0 ? sum : 0;
}

// One work-group of 256 a row.
extern "C" __global__ void softmax(const float *in, float *out, int n)
{
    __shared__ float part[256];
    const float *row = in + (size_t)blockIdx.x * n;
    int t = threadIdx.x;
    float m = -INFINITY, s = 0;

    for (int i = t; i < n; i += 256)
        m = fmaxf(m, row[i]);
    part[t] = m;
    __syncthreads();
    for (int k = 128; k; k >>= 1) {
        if (t < k)
            part[t] = fmaxf(part[t], part[t + k]);
        __syncthreads();
    }
    m = part[0];
    __syncthreads();
    for (int i = t; i < n; i += 256)
        s += expf(row[i] - m);
    part[t] = s;
    __syncthreads();
    for (int k = 128; k; k >>= 1) {
        if (t < k)
            part[t] += part[t + k];
        __syncthreads();
    }
    s = part[0];
    for (int i = t; i < n; i += 256)
        out[(size_t)blockIdx.x * n + i] = expf(row[i] - m) / s;
}

// y = (x - mean) / sqrt(var + eps), one wave a row.
extern "C" __global__ void layernorm(const float *in, float *out, int n)
{
    const float *row = in + (size_t)blockIdx.x * n;
    float s = 0, q = 0;

    for (int i = threadIdx.x; i < n; i += 64) {
        s += row[i];
        q += row[i] * row[i];
    }
    for (int k = 32; k; k >>= 1) {
        s += __shfl_xor(s, k);
        q += __shfl_xor(q, k);
    }
    s /= n;
    q = rsqrtf(q / n - s * s + 1e-5f);
    for (int i = threadIdx.x; i < n; i += 64)
        out[(size_t)blockIdx.x * n + i] = (row[i] - s) * q;
}

extern "C" __global__ void gelu(const float *in, float *out, int n)
{
    int i = blockIdx.x * blockDim.x + threadIdx.x;

    if (i < n) {
        float x = in[i];

        out[i] = 0.5f * x * (1 + tanhf(0.7978845608f * (x + 0.044715f * x * x * x)));
    }
}

// Sum of all elements: shuffles in the wave, LDS between waves, an atomic between work-groups.
extern "C" __global__ void reduce(const int *in, int *sum, int n)
{
    __shared__ int part[16];
    int s = 0, lane = threadIdx.x & 63, wave = threadIdx.x >> 6;

    for (int i = blockIdx.x * blockDim.x + threadIdx.x; i < n; i += gridDim.x * blockDim.x)
        s += in[i];
    for (int k = 32; k; k >>= 1)
        s += __shfl_down(s, k);
    if (lane == 0)
        part[wave] = s;
    __syncthreads();
    if (threadIdx.x == 0) {
        for (unsigned k = 1; k < blockDim.x / 64; k++)
            s += part[k];
        atomicAdd(sum, s);
    }
}

struct counters {
    int add, min, max, exch_sum;
    unsigned inc, bits_or, bits_and, bits_xor;
    unsigned long long add64, max64;
    float fadd;
    int cas;
    double dadd;
};

extern "C" __global__ void atomics(counters *c, int *hist, const int *in, int n)
{
    __shared__ int local[32];
    int i = blockIdx.x * blockDim.x + threadIdx.x;

    if (threadIdx.x < 32)
        local[threadIdx.x] = 0;
    __syncthreads();
    if (i < n) {
        int v = in[i], old = c->cas, seen;

        atomicAdd(&c->add, v);
        atomicMin(&c->min, v);
        atomicMax(&c->max, v);
        atomicInc(&c->inc, 1000);
        atomicOr(&c->bits_or, 1u << (v & 31));
        atomicAnd(&c->bits_and, ~(1u << (v & 15)));
        atomicXor(&c->bits_xor, (unsigned)v);
        atomicAdd(&c->add64, (unsigned long long)v << 20);
        atomicMax(&c->max64, (unsigned long long)v << 33);
        atomicAdd(&c->fadd, 1.0f);
        atomicAdd(&c->dadd, 0.5);
        do {
            seen = old;
            old = atomicCAS(&c->cas, seen, seen + 3);
        } while (old != seen);
        atomicAdd(&local[v & 31], 1);
    }
    __syncthreads();
    if (threadIdx.x < 32)
        atomicAdd(&hist[threadIdx.x], local[threadIdx.x]);
}

extern "C" __global__ void intdiv(const int *a, const int *b, int *q, int *r, const long long *la,
                                  const long long *lb, long long *lq, unsigned long long *lr, int n)
{
    int i = blockIdx.x * blockDim.x + threadIdx.x;

    if (i < n) {
        q[i] = a[i] / b[i];
        r[i] = (unsigned)a[i] % (unsigned)b[i];
        lq[i] = la[i] / lb[i];
        lr[i] = (unsigned long long)la[i] % (unsigned long long)lb[i];
    }
}

extern "C" __global__ void f64math(const double *in, double *out, int n)
{
    int i = blockIdx.x * blockDim.x + threadIdx.x;

    if (i < n) {
        double x = in[i];

        out[i * 8 + 0] = sqrt(x);
        out[i * 8 + 1] = exp(-x);
        out[i * 8 + 2] = log(x);
        out[i * 8 + 3] = sin(x);
        out[i * 8 + 4] = cos(x * 100);
        out[i * 8 + 5] = pow(x, 1.5);
        out[i * 8 + 6] = x / (x + 3.0);
        out[i * 8 + 7] = floor(x * 7.0) + fma(x, x, -1.0);
    }
}

extern "C" __global__ void f32math(const float *in, float *out, int n)
{
    int i = blockIdx.x * blockDim.x + threadIdx.x;

    if (i < n) {
        float x = in[i];

        out[i * 8 + 0] = sqrtf(x);
        out[i * 8 + 1] = logf(x);
        out[i * 8 + 2] = sinf(x * 50);
        out[i * 8 + 3] = powf(x, 2.5f);
        out[i * 8 + 4] = x / (x + 3.0f);
        out[i * 8 + 5] = atan2f(x, 2.0f);
        out[i * 8 + 6] = erff(x);
        out[i * 8 + 7] = fmodf(x * 17, 3.25f) + rintf(x * 9) + ceilf(x) + truncf(x * 3);
    }
}

extern "C" __global__ void f16math(const __half *in, __half *out, int n)
{
    int i = blockIdx.x * blockDim.x + threadIdx.x;

    if (i < n) {
        __half x = in[i];
        __half2 p = __half2half2(x), q = __floats2half2_rn(2, 3);

        out[i * 4 + 0] = __hadd(__hmul(x, x), __float2half(1.5f));
        out[i * 4 + 1] = hsqrt(x);
        p = __hfma2(p, q, q);
        out[i * 4 + 2] = __low2half(p);
        out[i * 4 + 3] = __high2half(p);
    }
}

// out: per lane: up, xor, broadcast, ballot low, ballot high, any, scan
extern "C" __global__ void crosslane(const int *in, int *out)
{
    int t = threadIdx.x, v = in[t], scan = v;
    unsigned long long mask = __ballot(v & 1);

    for (int k = 1; k < 64; k <<= 1) {
        int other = __shfl_up(scan, k);

        if ((t & 63) >= k)
            scan += other;
    }
    out[t * 8 + 0] = __shfl_up(v, 1);
    out[t * 8 + 1] = __shfl_xor(v, 5);
    out[t * 8 + 2] = __shfl(v, 17);
    out[t * 8 + 3] = (int)mask;
    out[t * 8 + 4] = (int)(mask >> 32);
    out[t * 8 + 5] = __any(v == 1000) + 2 * __all(v >= 0);
    out[t * 8 + 6] = scan;
    out[t * 8 + 7] = __popcll(mask & ((1ull << (t & 63)) - 1));
}

__device__ __noinline__ int ackermann(int m, int n)
{
    if (m == 0)
        return n + 1;
    if (n == 0)
        return ackermann(m - 1, 1);
    return ackermann(m - 1, ackermann(m, n - 1));
}

// Recursion: calls, scratch through the stack pointer.
extern "C" __global__ void recursion(const int *in, int *out, int n)
{
    int i = blockIdx.x * blockDim.x + threadIdx.x;

    if (i < n)
        out[i] = ackermann(2, in[i]);
}

// A private array indexed by data: scratch of its own, or VGPR indexing.
extern "C" __global__ void private_array(const int *in, int *out, int n)
{
    int i = blockIdx.x * blockDim.x + threadIdx.x, bin[24], small[6];

    if (i >= n)
        return;
    for (int k = 0; k < 24; k++)
        bin[k] = k * k;
    for (int k = 0; k < 6; k++)
        small[k] = in[i] + k;
    for (int k = 0; k < 16; k++) {
        bin[(in[i] + k * 5) % 24] += k;
        small[(k + in[i]) % 6] ^= bin[k];
    }
    out[i] = bin[in[i] % 24] * 1000 + small[in[i] % 6];
}

// Uniform dynamic index into registers: s_set_gpr_idx or movrel.
extern "C" __global__ void uniform_index(const float *in, float *out, const int *order, int n)
{
    int i = blockIdx.x * blockDim.x + threadIdx.x;
    typedef float f8 __attribute__((ext_vector_type(8)));
    f8 v;

    for (int k = 0; k < 8; k++)
        v[k] = in[i * 8 + k];
    for (int k = 0; k < n; k++)
        v[order[k] & 7] += v[(order[k] >> 3) & 7];
    for (int k = 0; k < 8; k++)
        out[i * 8 + k] = v[k];
}

// Reverses the work-group's elements through dynamic LDS; any work-group size up to 1024.
extern "C" __global__ void reverse(int *data)
{
    extern __shared__ int all[];
    int t = threadIdx.x, n = blockDim.x, base = blockIdx.x * n;

    all[t] = data[base + t];
    __syncthreads();
    data[base + t] = all[n - 1 - t];
}

__constant__ int table[16] = {3, 1, 4, 1, 5, 9, 2, 6, 5, 3, 5, 8, 9, 7, 9, 3};
__device__ int touched;

typedef int (*binary)(int, int);
__device__ __noinline__ int op_add(int a, int b) { return a + b; }
__device__ __noinline__ int op_mul(int a, int b) { return a * b; }
__device__ __noinline__ int op_sub(int a, int b) { return a - b; }
__device__ binary operations[3] = {op_add, op_mul, op_sub};

// Device symbols and calls through pointers (which diverge within a wave).
extern "C" __global__ void symbols(int *out, int n)
{
    int i = blockIdx.x * blockDim.x + threadIdx.x;

    if (i < n) {
        out[i] = operations[i % 3](table[i & 15], i);
        atomicAdd(&touched, 1);
    }
}

extern "C" __global__ void bits(const unsigned *in, unsigned *out, int n)
{
    int i = blockIdx.x * blockDim.x + threadIdx.x;

    if (i < n) {
        unsigned x = in[i], y = in[(i + 1) % n];
        unsigned char *bytes = (unsigned char *)&out[i * 8 + 7];

        out[i * 8 + 0] = __clz(x) + 100 * __ffs(x) + 10000 * __popc(x);
        out[i * 8 + 1] = __brev(x);
        out[i * 8 + 2] = __umulhi(x, y);
        out[i * 8 + 3] = (unsigned)__mulhi((int)x, (int)y);
        out[i * 8 + 4] = (x << (y & 31)) | (x >> (32 - (y & 31)) % 32);
        out[i * 8 + 5] = (unsigned)((unsigned long long)x * y >> (y & 63));
        out[i * 8 + 6] = __byte_perm(x, y, 0x5140);
        bytes[0] = (signed char)x > 5;
        bytes[1] = (unsigned char)(x >> 8) + (unsigned char)y;
        bytes[2] = (short)(x >> 16) > (short)y;
        bytes[3] = (unsigned short)x * (unsigned short)y >> 8;
    }
}

// A work-group adds its number; lanes that partial work-groups lack must not. (blockDim would be the
// partial size there, so the full one is an argument.)
extern "C" __global__ void ids(int *out, int w, int h, int gx, int gy, int gz)
{
    int x = blockIdx.x * gx + threadIdx.x, y = blockIdx.y * gy + threadIdx.y,
        z = blockIdx.z * gz + threadIdx.z;

    out[(z * h + y) * w + x] += 1 + blockIdx.x + 10 * blockIdx.y + 100 * blockIdx.z;
}

extern "C" __global__ void clocks(unsigned long long *out)
{
    unsigned long long t = clock64();

    __syncthreads();
    out[threadIdx.x] = clock64() - t;
}
