// SPDX-License-Identifier: Apache-2.0
/*
 * Several host threads at once: on streams of their own, on the default stream and on per-thread
 * streams, each waiting for the whole device; events passed between threads; and hipDeviceReset
 * after all, with everything made anew.
 */
#include "check.h"

#include <thread>

enum { THREADS = 6, ROUNDS = 8, N = 3000 };

__global__ void step(unsigned *v, int n, unsigned add)
{
    int i = blockIdx.x * blockDim.x + threadIdx.x;

    if (i < n)
        v[i] = v[i] * 1664525u + add;
}

static std::vector<unsigned> expected(unsigned add, int steps)
{
    std::vector<unsigned> v(N);

    for (unsigned i = 0; i < N; i++) {
        v[i] = i;
        for (int s = 0; s < steps; s++)
            v[i] = v[i] * 1664525u + add;
    }
    return v;
}

static std::vector<unsigned> counting()
{
    std::vector<unsigned> v(N);

    for (unsigned i = 0; i < N; i++)
        v[i] = i;
    return v;
}

/* @kind 0: a stream of its own, 1: the default stream, 2: the thread's stream. */
static void work(int t, int kind, std::vector<unsigned> *result)
{
    unsigned *v = check_upload(counting());
    hipStream_t stream = kind == 2 ? hipStreamPerThread : 0;
    hipEvent_t done;

    HIP(hipSetDevice(0));
    if (kind == 0)
        HIP(hipStreamCreate(&stream));
    HIP(hipEventCreate(&done));
    for (int round = 0; round < ROUNDS; round++) {
        step<<<check_groups(N, 128), 128, 0, stream>>>(v, N, t);
        LAUNCHED();
        HIP(hipEventRecord(done, stream));
        if (round % 3 == 0)
            HIP(hipDeviceSynchronize());
        else if (round % 3 == 1)
            HIP(hipEventSynchronize(done));
    }
    HIP(hipDeviceSynchronize());
    CHECK(hipEventQuery(done) == hipSuccess);
    *result = check_download(v, N);
    HIP(hipFree(v));
    HIP(hipEventDestroy(done));
    if (kind == 0)
        HIP(hipStreamDestroy(stream));
}

static void test_all(const char *when)
{
    for (int kind = 0; kind < 3; kind++) {
        std::vector<std::vector<unsigned>> results(THREADS);
        std::vector<std::thread> threads;
        char name[64];

        for (int t = 0; t < THREADS; t++)
            threads.emplace_back(work, t, kind, &results[t]);
        for (std::thread &thread : threads)
            thread.join();
        for (int t = 0; t < THREADS; t++) {
            snprintf(name, sizeof(name), "threads/%s/%d/%d", when, kind, t);
            check_equal(name, results[t], expected(t, ROUNDS));
        }
    }
}

/* An event that one thread records and another one waits for, on the device and on the host. */
static void test_handover()
{
    unsigned *v = check_upload(counting());
    hipStream_t a, b;
    hipEvent_t event;

    HIP(hipStreamCreateWithFlags(&a, hipStreamNonBlocking));
    HIP(hipStreamCreateWithFlags(&b, hipStreamNonBlocking));
    HIP(hipEventCreateWithFlags(&event, hipEventDisableTiming));
    for (int round = 0; round < ROUNDS; round++) {
        std::thread([&] {
            step<<<check_groups(N, 64), 64, 0, a>>>(v, N, 3);
            HIP(hipEventRecord(event, a));
        }).join();
        std::thread([&] {
            HIP(hipStreamWaitEvent(b, event, 0));
            step<<<check_groups(N, 256), 256, 0, b>>>(v, N, 3);
            HIP(hipEventRecord(event, b));
            HIP(hipEventSynchronize(event));
        }).join();
    }
    check_equal("threads/handover", check_download(v, N), expected(3, 2 * ROUNDS));
    HIP(hipEventDestroy(event));
    HIP(hipStreamDestroy(a));
    HIP(hipStreamDestroy(b));
    HIP(hipFree(v));
}

int main()
{
    check_begin();
    test_all("first");
    test_handover();
    HIP(hipDeviceReset());
    test_all("after-reset");
    HIP(hipDeviceReset());
    return 0;
}
