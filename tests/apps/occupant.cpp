// SPDX-License-Identifier: Apache-2.0
/*
 * A best-effort program that occupies every compute unit: kernels of a given duration, a given
 * number of them queued at once, until a file appears. Each work-group takes all local memory of a
 * unit, so nothing that needs some runs beside it. Its kernels read one buffer and write another.
 *
 *   occupant DURATION_US QUEUED STOP_FILE READY_FILE [one]
 *
 * With "one" both buffers lie in one allocation, as a caching allocator gives them.
 * Prints "KERNELS WRONG".
 */
#include "check.h"

#include <unistd.h>

constexpr int kGroups = 60, kItems = 64, kLocalBytes = 65536;

/* One round takes about 0.32 us of 1725 MHz: 512 cycles asleep, and some instructions. */
__global__ void occupy(const unsigned *in, unsigned *out, int rounds)
{
    extern __shared__ unsigned local[];
    const int i = blockIdx.x * blockDim.x + threadIdx.x;
    unsigned value = in[i];
    local[threadIdx.x] = value;
    for (int r = 0; r < rounds; r++) {
        __builtin_amdgcn_s_sleep(8);
        value = value * 1664525u + 1013904223u;
    }
    out[i] = value + (local[threadIdx.x] & 0);
}

int main(int argc, char **argv)
{
    CHECK(argc == 5 || argc == 6);
    const bool one = argc == 6;
    const int rounds = static_cast<int>(std::atof(argv[1]) / 0.32) + 1, queued = std::atoi(argv[2]);
    const int count = kGroups * kItems;
    unsigned *buffer[2];
    HIP(hipSetDeviceFlags(hipDeviceScheduleBlockingSync));
    HIP(hipMalloc(&buffer[0], count * 4 * (one ? 2 : 1)));
    buffer[1] = buffer[0] + count;
    if (!one)
        HIP(hipMalloc(&buffer[1], count * 4));
    std::vector<unsigned> data(count), want(count);
    for (int i = 0; i < count; i++)
        data[i] = want[i] = i;
    HIP(hipMemcpy(buffer[0], data.data(), count * 4, hipMemcpyHostToDevice));
    long kernels = 0, wrong = 0;
    int at = 0;
    while (access(argv[3], F_OK) != 0) {
        for (int n = 0; n < queued; n++, at = 1 - at)
            occupy<<<kGroups, kItems, kLocalBytes>>>(buffer[at], buffer[1 - at], rounds);
        LAUNCHED();
        HIP(hipDeviceSynchronize());
        kernels += queued;
        if (kernels == queued)
            if (FILE *ready = std::fopen(argv[4], "w"))
                std::fclose(ready);
    }
    HIP(hipMemcpy(data.data(), buffer[at], count * 4, hipMemcpyDeviceToHost));
    /* The same number of rounds of the same recurrence. */
    unsigned a = 1, c = 0, step_a = 1664525u, step_c = 1013904223u;
    for (unsigned long long left = static_cast<unsigned long long>(kernels) * rounds; left;
         left >>= 1) {
        if (left & 1) {
            c = c * step_a + step_c;
            a *= step_a;
        }
        step_c *= step_a + 1;
        step_a *= step_a;
    }
    for (int i = 0; i < count; i++)
        wrong += data[i] != want[i] * a + c;
    std::printf("%ld %ld\n", kernels, wrong);
    return wrong != 0;
}
