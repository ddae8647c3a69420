// SPDX-License-Identifier: Apache-2.0
/*
 * A real-time program for stress tests: short bursts of work at random moments (fixed seed), each
 * checked.
 *
 *   pulse [COUNT [MEAN_GAP_US [SEED]]]      gaps are wall time
 */
#include "check.h"

#include <random>
#include <unistd.h>

constexpr int kWords = 4096;

__global__ void step(const unsigned *in, unsigned *out)
{
    const unsigned i = blockIdx.x * blockDim.x + threadIdx.x;
    out[i] = in[i] * 3 + 1;
}

int main(int argc, char **argv)
{
    const int count = argc > 1 ? std::atoi(argv[1]) : 100;
    const double mean_us = argc > 2 ? std::atof(argv[2]) : 20000;
    std::mt19937 random(argc > 3 ? std::atoi(argv[3]) : 1);
    std::exponential_distribution<double> gap(1 / mean_us);

    hipStream_t stream;
    HIP(hipStreamCreate(&stream));
    unsigned *buffer[2];
    for (unsigned *&b : buffer)
        HIP(hipMalloc(&b, kWords * 4));
    std::vector<unsigned> pageable(kWords);
    unsigned *pinned;
    HIP(hipHostMalloc((void **)&pinned, kWords * 4, 0));
    int wrong = 0;
    for (int n = 0; n < count; n++) {
        usleep(static_cast<useconds_t>(std::min(gap(random), 10 * mean_us)));
        // Now and then as most programs do: the runtime waits, for every copy too, which keeps a
        // core busy.
        const bool waits = n % 4 == 0;
        unsigned *data = waits ? pageable.data() : pinned;
        for (int i = 0; i < kWords; i++)
            data[i] = i + n;
        HIP(hipMemcpyAsync(buffer[0], data, kWords * 4, hipMemcpyHostToDevice, stream));
        const int steps = 1 + n % 4;
        for (int s = 0; s < steps; s++)
            step<<<kWords / 256, 256, 0, stream>>>(buffer[s % 2], buffer[1 - s % 2]);
        LAUNCHED();
        HIP(hipMemcpyAsync(data, buffer[steps % 2], kWords * 4, hipMemcpyDeviceToHost, stream));
        if (!waits)
            check_wait(stream);
        HIP(hipStreamSynchronize(stream));
        for (int i = 0; i < kWords; i++) {
            unsigned want = i + n;
            for (int s = 0; s < steps; s++)
                want = want * 3 + 1;
            if (data[i] != want) {
                wrong++;
                break;
            }
        }
    }
    std::printf("%d pulses, %d wrong\n", count, wrong);
    return wrong != 0;
}
