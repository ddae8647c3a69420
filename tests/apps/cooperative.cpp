// SPDX-License-Identifier: Apache-2.0
/*
 * Cooperative groups: synchronising the whole grid (global wave sync), tiles of a wave, a launch
 * that is too large to be resident, and cooperative launches one after the other.
 */
#include "check.h"

#include <hip/hip_cooperative_groups.h>

namespace cg = cooperative_groups;

enum { N = 20000 };

/* Each round reads what all others wrote in the round before. */
__global__ void rounds(unsigned *a, unsigned *b, int n, int times)
{
    cg::grid_group grid = cg::this_grid();

    for (int t = 0; t < times; t++) {
        for (int i = (int)grid.thread_rank(); i < n; i += (int)grid.size())
            b[i] = a[(i + 1) % n] + a[(i + n - 7) % n] * 3;
        grid.sync();
        unsigned *old = a;
        a = b;
        b = old;
    }
}

/* A reduction in three steps that is right only if every work-group sees the others' sums. */
__global__ void total(const unsigned *in, unsigned *partial, unsigned *out, int n)
{
    cg::grid_group grid = cg::this_grid();
    cg::thread_block block = cg::this_thread_block();
    __shared__ unsigned shared[256];
    unsigned sum = 0;

    for (int i = (int)grid.thread_rank(); i < n; i += (int)grid.size())
        sum += in[i];
    shared[block.thread_rank()] = sum;
    for (unsigned half = 128; half > 0; half /= 2) {
        block.sync();
        if (block.thread_rank() < half)
            shared[block.thread_rank()] += shared[block.thread_rank() + half];
    }
    if (block.thread_rank() == 0)
        partial[blockIdx.x] = shared[0];
    grid.sync();
    sum = 0;
    for (unsigned i = 0; i < gridDim.x; i++)
        sum += partial[i];
    if (block.thread_rank() == 0)
        out[blockIdx.x] = sum;
}

static void test_rounds(unsigned groups, int times)
{
    std::vector<unsigned> now(N), next(N);
    unsigned *a, *b;
    int n = N;
    char name[64];

    for (int i = 0; i < N; i++)
        now[i] = 17 * i + 5;
    a = check_upload(now);
    b = check_alloc<unsigned>(N);
    void *arguments[] = {&a, &b, &n, &times};
    HIP(hipLaunchCooperativeKernel((void *)rounds, dim3(groups), dim3(256), arguments, 0, 0));
    HIP(hipDeviceSynchronize());
    for (int t = 0; t < times; t++) {
        for (int i = 0; i < N; i++)
            next[i] = now[(i + 1) % N] + now[(i + N - 7) % N] * 3;
        now.swap(next);
    }
    snprintf(name, sizeof(name), "cooperative/rounds/%u", groups);
    check_equal(name, check_download(times % 2 ? b : a, N), now);
    HIP(hipFree(a));
    HIP(hipFree(b));
}

static void test_total(hipStream_t stream)
{
    enum { GROUPS = 37 };
    std::vector<unsigned> in(N);
    unsigned *d_in, *partial = check_alloc<unsigned>(GROUPS), *out = check_alloc<unsigned>(GROUPS);
    unsigned want = 0;
    int n = N;

    for (int i = 0; i < N; i++)
        want += in[i] = i * 2654435761u;
    d_in = check_upload(in);
    void *arguments[] = {&d_in, &partial, &out, &n};
    for (int i = 0; i < 3; i++)
        HIP(hipLaunchCooperativeKernel((void *)total, dim3(GROUPS), dim3(256), arguments, 0,
                                       stream));
    HIP(hipStreamSynchronize(stream));
    check_equal("cooperative/total", check_download(out, GROUPS),
                std::vector<unsigned>(GROUPS, want));
    HIP(hipFree(d_in));
    HIP(hipFree(partial));
    HIP(hipFree(out));
}

int main()
{
    int supported = 0, n = N, times = 1;
    unsigned *null = nullptr;
    hipStream_t stream;

    check_begin();
    HIP(hipDeviceGetAttribute(&supported, hipDeviceAttributeCooperativeLaunch, 0));
    CHECK(supported == 1);
    test_rounds(1, 3);
    test_rounds(60, 8);
    test_rounds(100, 5);
    HIP(hipStreamCreate(&stream));
    test_total(0);
    test_total(stream);
    HIP(hipStreamDestroy(stream));
    void *arguments[] = {&null, &null, &n, &times};
    CHECK(hipLaunchCooperativeKernel((void *)rounds, dim3(100000), dim3(256), arguments, 0, 0) ==
          hipErrorCooperativeLaunchTooLarge);
    printf("cooperative/too-large ok\n");
    return 0;
}
