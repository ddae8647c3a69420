// SPDX-License-Identifier: Apache-2.0
/*
 * A best-effort program whose kernels and host answer each other while the kernels run, until a
 * file appears: what must not be run a second time although no kernel reads what it writes.
 *
 *   handshake STOP_FILE READY_FILE
 *
 * Two ways, taking turns. A kernel stores to a flag in host memory and goes on for a while; the
 * host waits for the flag and clears it. Two kernels of two streams do the same between themselves,
 * by volatile accesses to device memory. A kernel that was ended in its rest and run again would
 * set a flag twice, or wait for one for ever. Prints "ROUNDS WRONG".
 */
#include "check.h"

#include <unistd.h>

constexpr int kGroups = 60, kItems = 64, kLocalBytes = 65536, kRest = 600;

/* About 0.3 us a round, on all of a compute unit. */
__device__ void rest(int rounds)
{
    extern __shared__ unsigned local[];
    local[threadIdx.x] = rounds;
    for (int r = 0; r < rounds; r++)
        __builtin_amdgcn_s_sleep(8);
}

__global__ void tell_host(unsigned *flag, int rounds)
{
    if (blockIdx.x == 0 && threadIdx.x == 0)
        *flag = 1;
    rest(rounds);
}

/* Waits for the other kernel, which saw @told and cleared it. */
__global__ void ask(volatile unsigned *told, const volatile unsigned *answer, int rounds)
{
    if (blockIdx.x == 0 && threadIdx.x == 0) {
        *told = 1;
        while (*answer == 0) {
        }
    }
    rest(rounds);
}

__global__ void reply(volatile unsigned *told, volatile unsigned *answer)
{
    while (*told == 0) {
    }
    *told = 0;
    *answer = 1;
}

int main(int argc, char **argv)
{
    CHECK(argc == 3);
    unsigned *host_flag, *flags;
    hipStream_t one, other;
    HIP(hipHostMalloc(&host_flag, 4));
    HIP(hipMalloc(&flags, 8));
    HIP(hipStreamCreate(&one));
    HIP(hipStreamCreate(&other));
    long rounds = 0, wrong = 0;
    volatile unsigned *seen = host_flag;
    while (access(argv[1], F_OK) != 0) {
        *seen = 0;
        tell_host<<<kGroups, kItems, kLocalBytes, one>>>(host_flag, kRest);
        LAUNCHED();
        while (*seen == 0)
            usleep(20);
        *seen = 0;
        HIP(hipStreamSynchronize(one));
        if (*seen != 0) {
            wrong++;
            std::fprintf(stderr, "round %ld: the host's flag was set twice\n", rounds);
        }

        unsigned after[2];
        HIP(hipMemset(flags, 0, 8));
        HIP(hipDeviceSynchronize());
        reply<<<1, 1, 0, other>>>(flags, flags + 1);
        ask<<<kGroups, kItems, 1024, one>>>(flags, flags + 1, kRest);
        LAUNCHED();
        HIP(hipDeviceSynchronize());
        HIP(hipMemcpy(after, flags, 8, hipMemcpyDeviceToHost));
        if (after[0] != 0 || after[1] != 1) {
            wrong++;
            std::fprintf(stderr, "round %ld: flags %u and %u\n", rounds, after[0], after[1]);
        }
        if (++rounds == 1)
            if (FILE *ready = std::fopen(argv[2], "w"))
                std::fclose(ready);
    }
    std::printf("%ld %ld\n", rounds, wrong);
    return wrong != 0;
}
