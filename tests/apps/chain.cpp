// SPDX-License-Identifier: Apache-2.0
/*
 * A best-effort program for stress tests: K streams, each an ordered chain of kernels, copies and
 * memsets over buffers of its own, joined by an event now and then. Every iteration starts from the
 * same input, so it must end with the same bytes however often its kernels were stopped and run
 * again. No kernel reads what it writes.
 *
 *   chain [--streams K] [--iterations N] [--until-file PATH] [--ready-file PATH]
 *
 * Prints a checksum a stream; exits 1 if an iteration's differs from the first one's. --until-file:
 * goes on after N iterations until PATH exists.
 */
#include "check.h"

#include <cstring>
#include <string>
#include <unistd.h>

constexpr int kWords = 16384;
constexpr int kStages = 6;

// Each word of @out depends on many words of @in: lost or half-done predecessors show.
__global__ void mix(const unsigned *in, unsigned *out, int rounds, unsigned salt)
{
    extern __shared__ unsigned tile[];
    const unsigned index = blockIdx.x * blockDim.x + threadIdx.x;
    unsigned value = in[index] ^ salt;
    for (int i = 0; i < rounds; i++) {
        tile[threadIdx.x] = value;
        __syncthreads();
        const unsigned far = in[(value + i * 977u) % kWords];
        value = value * 1664525u + tile[(threadIdx.x + 1 + i) % blockDim.x] + far;
        __syncthreads();
    }
    out[index] = value;
}

struct lane {
    hipStream_t stream;
    hipEvent_t done;
    unsigned *buffer[2];
    unsigned *pinned; // input, then output
    std::vector<unsigned> input, output, first;
};

static void run(lane &l, lane *before, int number, bool waits)
{
    const unsigned *input = waits ? l.input.data() : l.pinned;
    unsigned *output = waits ? l.output.data() : l.pinned + kWords;
    HIP(hipMemcpyAsync(l.buffer[0], input, kWords * 4, hipMemcpyHostToDevice, l.stream));
    for (int stage = 0; stage < kStages; stage++) {
        unsigned *in = l.buffer[stage % 2], *out = l.buffer[1 - stage % 2];
        HIP(hipMemsetAsync(out, 0xee, kWords * 4, l.stream));
        if (before && stage == kStages / 2)
            HIP(hipStreamWaitEvent(l.stream, before->done, 0));
        // Long, short and middling kernels; dynamic LDS limits how many share a compute unit.
        const int rounds = 1 << ((stage * 5 + number * 3) % 7);
        mix<<<kWords / 256, 256, 1024 + 8192 * (stage % 3), l.stream>>>(in, out, rounds,
                                                                        stage + 17 * number);
        LAUNCHED();
    }
    HIP(hipEventRecord(l.done, l.stream));
    HIP(hipMemcpyAsync(output, l.buffer[kStages % 2], kWords * 4, hipMemcpyDeviceToHost, l.stream));
}

int main(int argc, char **argv)
{
    int streams = 3, iterations = 3;
    std::string until, ready;
    for (int i = 1; i + 1 < argc; i += 2) {
        const std::string name = argv[i];
        if (name == "--streams")
            streams = std::atoi(argv[i + 1]);
        else if (name == "--iterations")
            iterations = std::atoi(argv[i + 1]);
        else if (name == "--until-file")
            until = argv[i + 1];
        else if (name == "--ready-file")
            ready = argv[i + 1];
        else
            return 2;
    }

    std::vector<lane> lanes(streams);
    for (int n = 0; n < streams; n++) {
        lane &l = lanes[n];
        HIP(hipStreamCreate(&l.stream));
        HIP(hipEventCreate(&l.done));
        for (unsigned *&buffer : l.buffer)
            HIP(hipMalloc(&buffer, kWords * 4));
        l.output.resize(kWords);
        for (int i = 0; i < kWords; i++)
            l.input.push_back((i + 1) * 2654435761u ^ n);
        HIP(hipHostMalloc((void **)&l.pinned, 2 * kWords * 4, 0));
        std::copy(l.input.begin(), l.input.end(), l.pinned);
    }

    int wrong = 0;
    for (int i = 0; i < iterations || (!until.empty() && access(until.c_str(), F_OK) != 0); i++) {
        // Now and then as most programs do: the runtime waits, for every copy too, which keeps a
        // core busy.
        const bool waits = i % 8 == 0;
        for (int n = 0; n < streams; n++)
            run(lanes[n], n ? &lanes[n - 1] : nullptr, n, waits);
        for (lane &l : lanes) {
            if (!waits)
                check_wait(l.stream);
            HIP(hipStreamSynchronize(l.stream));
            if (!waits)
                std::copy(l.pinned + kWords, l.pinned + 2 * kWords, l.output.begin());
            if (i == 0)
                l.first = l.output;
            else if (l.output != l.first)
                wrong++;
        }
        if (i == 0 && !ready.empty())
            std::fclose(std::fopen(ready.c_str(), "w"));
    }

    for (int n = 0; n < streams; n++) {
        unsigned long long sum = 0;
        for (unsigned word : lanes[n].first)
            sum = sum * 1099511628211ull + word;
        std::printf("stream %d: %016llx\n", n, sum);
    }
    if (wrong)
        std::printf("%d results differ from the first iteration's\n", wrong);
    return wrong != 0;
}
