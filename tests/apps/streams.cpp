// SPDX-License-Identifier: Apache-2.0
/*
 * Streams: order within one, waits across several by events, host callbacks, queries, and the
 * default stream's order with the blocking ones.
 */
#include "chain.h"

#include <atomic>

enum { N = 4096, GROUP = 128, STREAMS = 3 };

static std::atomic<int> called;

static void count_call(hipStream_t, hipError_t status, void *data)
{
    if (status == hipSuccess && data == &called)
        called++;
}

static std::vector<unsigned> start(unsigned seed)
{
    std::vector<unsigned> v(N);

    for (unsigned i = 0; i < N; i++)
        v[i] = i * 2654435761u + seed;
    return v;
}

static void test_order()
{
    std::vector<unsigned> want = start(1);
    unsigned *x = check_upload(want);
    hipStream_t stream;

    HIP(hipStreamCreate(&stream));
    for (unsigned step = 0; step < 40; step++) {
        chain_affine<<<N / GROUP, GROUP, 0, stream>>>(x, 2 * step + 1, step);
        LAUNCHED();
        for (unsigned &v : want)
            v = v * (2 * step + 1) + step;
    }
    HIP(hipStreamAddCallback(stream, count_call, &called, 0));
    HIP(hipStreamSynchronize(stream));
    CHECK(hipStreamQuery(stream) == hipSuccess);
    CHECK(called == 1);
    check_equal("streams/order", check_download(x, N), want);
    HIP(hipStreamDestroy(stream));
    HIP(hipFree(x));
}

/* A ring: each stream in turn takes in what the one before it made, held together by events only.
 */
static void test_events()
{
    std::vector<unsigned> want[STREAMS];
    unsigned *x[STREAMS];
    hipStream_t stream[STREAMS];
    hipEvent_t done[STREAMS];

    for (int s = 0; s < STREAMS; s++) {
        want[s] = start(s);
        x[s] = check_upload(want[s]);
        HIP(hipStreamCreateWithFlags(&stream[s], hipStreamNonBlocking));
        HIP(hipEventCreateWithFlags(&done[s], hipEventDisableTiming));
    }
    for (int round = 0; round < 6; round++)
        for (int s = 0; s < STREAMS; s++) {
            int from = (s + STREAMS - 1) % STREAMS;

            if (round || s)
                HIP(hipStreamWaitEvent(stream[s], done[from], 0));
            chain_affine<<<N / GROUP, GROUP, 0, stream[s]>>>(x[s], 3, round);
            chain_combine<<<N / GROUP, GROUP, 0, stream[s]>>>(x[s], x[from]);
            LAUNCHED();
            HIP(hipEventRecord(done[s], stream[s]));
            for (int i = 0; i < N; i++)
                want[s][i] = (want[s][i] * 3 + round) * 31 + want[from][i];
        }
    HIP(hipEventSynchronize(done[STREAMS - 1]));
    for (int s = 0; s < STREAMS; s++) {
        char name[32];

        snprintf(name, sizeof(name), "streams/events/%d", s);
        CHECK(hipEventQuery(done[s]) == hipSuccess);
        check_equal(name, check_download(x[s], N), want[s]);
        HIP(hipEventDestroy(done[s]));
        HIP(hipStreamDestroy(stream[s]));
        HIP(hipFree(x[s]));
    }
}

static void test_default_stream()
{
    std::vector<unsigned> want = start(9);
    unsigned *x = check_upload(want);
    hipStream_t stream;

    HIP(hipStreamCreate(&stream)); /* blocking: takes turns with the default stream */
    for (unsigned step = 0; step < 10; step++) {
        chain_affine<<<N / GROUP, GROUP, 0, step % 2 ? stream : nullptr>>>(x, 5, step);
        LAUNCHED();
        for (unsigned &v : want)
            v = v * 5 + step;
    }
    HIP(hipDeviceSynchronize());
    check_equal("streams/default", check_download(x, N), want);
    HIP(hipStreamDestroy(stream));
    HIP(hipFree(x));
}

static void test_timing()
{
    unsigned *x = check_upload(start(0));
    hipEvent_t begin, end;
    float ms = -1;

    HIP(hipEventCreate(&begin));
    HIP(hipEventCreate(&end));
    HIP(hipEventRecord(begin));
    for (int i = 0; i < 5; i++)
        chain_affine<<<N / GROUP, GROUP>>>(x, 3, 1);
    HIP(hipEventRecord(end));
    HIP(hipEventSynchronize(end));
    HIP(hipEventElapsedTime(&ms, begin, end));
    CHECK(ms > 0 && ms < 10000);
    printf("streams/timing ok\n");
    HIP(hipEventDestroy(begin));
    HIP(hipEventDestroy(end));
    HIP(hipFree(x));
}

int main()
{
    check_begin();
    test_order();
    test_events();
    test_default_stream();
    test_timing();
    return 0;
}
