// SPDX-License-Identifier: Apache-2.0
/*
 * Kernels for `reef bench emu`: prints the wall time in seconds from the launches to their end, and
 * checks the result.
 *
 *   emuspeed matmul|matmul512|conv|reduce
 */
#include "demo.h"

enum { TILE = 16 };

__global__ void matmul(const float *a, const float *b, float *c, int n)
{
    __shared__ float ta[TILE][TILE], tb[TILE][TILE];
    int row = blockIdx.y * TILE + threadIdx.y, col = blockIdx.x * TILE + threadIdx.x;
    float sum = 0;

    for (int t = 0; t < n; t += TILE) {
        ta[threadIdx.y][threadIdx.x] = a[row * n + t + threadIdx.x];
        tb[threadIdx.y][threadIdx.x] = b[(t + threadIdx.y) * n + col];
        __syncthreads();
        for (int i = 0; i < TILE; i++)
            sum = fmaf(ta[threadIdx.y][i], tb[i][threadIdx.x], sum);
        __syncthreads();
    }
    c[row * n + col] = sum;
}

__global__ void conv3x3(const float *x, const float *w, float *y, int channels, int size)
{
    int col = blockIdx.x * blockDim.x + threadIdx.x, row = blockIdx.y * blockDim.y + threadIdx.y;
    int stride = size + 2;
    float sum = 0;

    for (int c = 0; c < channels; c++)
        for (int t = 0; t < 9; t++)
            sum = fmaf(x[(c * stride + row + t / 3) * stride + col + t % 3],
                       w[(blockIdx.z * channels + c) * 9 + t], sum);
    y[(blockIdx.z * size + row) * size + col] = sum > 0 ? sum : 0;
}

__global__ void reduce(const float *x, float *sums, int per_thread)
{
    __shared__ float part[256];
    float sum = 0;

    for (int i = 0; i < per_thread; i++)
        sum += x[(blockIdx.x * per_thread + i) * 256 + threadIdx.x];
    part[threadIdx.x] = sum;
    __syncthreads();
    for (int half = 128; half > 0; half /= 2) {
        if ((int)threadIdx.x < half)
            part[threadIdx.x] += part[threadIdx.x + half];
        __syncthreads();
    }
    if (threadIdx.x == 0)
        sums[blockIdx.x] = part[0];
}

/* Prints what @times launches took, all of them, as the emulator counts all instructions. */
template <typename Launch> static void measure(int times, Launch launch)
{
    double begin = demo_wall_us();

    for (int i = 0; i < times; i++)
        launch();
    LAUNCHED();
    HIP(hipDeviceSynchronize());
    printf("%.6f\n", (demo_wall_us() - begin) / 1e6);
}

static bool same(const char *what, float got, float want)
{
    if (got == want)
        return true;
    fprintf(stderr, "emuspeed: %s: %.9g, not %.9g\n", what, got, want);
    return false;
}

static bool run_matmul(int n, int times)
{
    std::vector<float> a = check_floats(n * n, -1, 1, 1), b = check_floats(n * n, -1, 1, 2);
    float *da = check_upload(a), *db = check_upload(b), *dc = check_alloc<float>(n * n), want = 0;

    measure(times, [&] { matmul<<<dim3(n / TILE, n / TILE), dim3(TILE, TILE)>>>(da, db, dc, n); });
    for (int i = 0; i < n; i++)
        want = fmaf(a[(n - 1) * n + i], b[i * n + 7], want);
    return same("matmul", check_download(dc, n * n)[(n - 1) * n + 7], want);
}

static bool run_conv()
{
    enum { CHANNELS = 32, SIZE = 32, STRIDE = SIZE + 2 };
    std::vector<float> x = check_floats(CHANNELS * STRIDE * STRIDE, -1, 1, 3);
    std::vector<float> w = check_floats(CHANNELS * CHANNELS * 9, -1, 1, 4);
    float *dx = check_upload(x), *dw = check_upload(w);
    float *dy = check_alloc<float>(CHANNELS * SIZE * SIZE), want = 0;

    measure(4, [&] {
        conv3x3<<<dim3(SIZE / 32, SIZE / 8, CHANNELS), dim3(32, 8)>>>(dx, dw, dy, CHANNELS, SIZE);
    });
    for (int c = 0; c < CHANNELS; c++)
        for (int t = 0; t < 9; t++)
            want = fmaf(x[(c * STRIDE + 5 + t / 3) * STRIDE + 6 + t % 3],
                        w[(3 * CHANNELS + c) * 9 + t], want);
    return same("conv", check_download(dy, CHANNELS * SIZE * SIZE)[(3 * SIZE + 5) * SIZE + 6],
                want > 0 ? want : 0);
}

static bool run_reduce()
{
    enum { GROUPS = 240, EACH = 64 };
    std::vector<float> x(GROUPS * EACH * 256);
    for (size_t i = 0; i < x.size(); i++)
        x[i] = (float)(i % 7);
    float *dx = check_upload(x), *sums = check_alloc<float>(GROUPS), want = 0;

    measure(8, [&] { reduce<<<GROUPS, 256>>>(dx, sums, EACH); });
    for (int i = 0; i < EACH * 256; i++) /* small whole numbers: exact in any order */
        want += x[(size_t)(GROUPS - 1) * EACH * 256 + i];
    return same("reduce", check_download(sums, GROUPS)[GROUPS - 1], want);
}

int main(int argc, char **argv)
{
    const std::string which = argc == 2 ? argv[1] : "";

    /* Waiting actively would take a core from the interpreters. */
    HIP(hipSetDeviceFlags(hipDeviceScheduleBlockingSync));
    if (which == "matmul")
        return !run_matmul(256, 4);
    if (which == "matmul512")
        return !run_matmul(512, 1);
    if (which == "conv")
        return !run_conv();
    if (which == "reduce")
        return !run_reduce();
    fprintf(stderr, "usage: emuspeed matmul|matmul512|conv|reduce\n");
    return 2;
}
