// SPDX-License-Identifier: Apache-2.0
/*
 * More streams than hardware queues (ROCm makes four per priority), driven by several host threads;
 * every stream runs its own chain, and streams are made and destroyed on the way.
 */
#include "check.h"

#include <thread>

enum { N = 2048, GROUP = 64, STREAMS = 8, STEPS = 12 };

__global__ void step(unsigned *x, unsigned a, unsigned b)
{
    unsigned i = blockIdx.x * GROUP + threadIdx.x;

    x[i] = (x[i] ^ b) * a + (x[i] >> 7);
}

struct chain {
    std::vector<unsigned> got, want;
};

static void drive(unsigned number, chain *c)
{
    std::vector<unsigned> &x = c->want;
    hipStream_t stream;

    x.resize(N);
    for (unsigned i = 0; i < N; i++)
        x[i] = i * 2654435761u + number;
    HIP(hipSetDevice(0));
    unsigned *dx = check_upload(x);
    for (unsigned half = 0; half < 2; half++) {
        HIP(hipStreamCreateWithFlags(&stream, hipStreamNonBlocking));
        for (unsigned s = 0; s < STEPS; s++) {
            step<<<N / GROUP, GROUP, 0, stream>>>(dx, 2 * (s + number) + 1, half);
            LAUNCHED();
            for (unsigned &v : x)
                v = (v ^ half) * (2 * (s + number) + 1) + (v >> 7);
        }
        HIP(hipStreamSynchronize(stream));
        HIP(hipStreamDestroy(stream));
    }
    c->got = check_download(dx, N);
    HIP(hipFree(dx));
}

int main()
{
    chain chains[STREAMS];
    std::vector<std::thread> threads;

    check_begin();
    for (unsigned s = 0; s < STREAMS; s++)
        threads.emplace_back(drive, s, &chains[s]);
    for (std::thread &t : threads)
        t.join();
    for (unsigned s = 0; s < STREAMS; s++) {
        char name[32];

        snprintf(name, sizeof(name), "manystreams/%u", s);
        check_equal(name, chains[s].got, chains[s].want);
    }
    return 0;
}
