// SPDX-License-Identifier: Apache-2.0
/*
 * A best-effort program that occupies every compute unit: kernels of a given duration, a given
 * number of them queued at once. Each work-group takes all local memory of a unit, so nothing that
 * needs some runs beside it. Its kernels read one buffer and write another, each what the last one
 * wrote.
 *
 *   occupant DURATION_US QUEUED STOP_FILE READY_FILE [one]
 *   occupant
 *
 * The first form runs until STOP_FILE appears; READY_FILE is made when the first QUEUED are over.
 * With "one" both buffers lie in one allocation, as a caching allocator gives them.
 *
 * The second form does what lines on standard input say, until their end:
 *
 *   run DURATION_US QUEUED   answers "running KERNELS" when a first kernel is over, and goes on
 *   pause                    answers "paused KERNELS" when all that was queued is over
 *
 * KERNELS: how many there were so far. Before that it says "up". Both end with "KERNELS WRONG".
 */
#include "check.h"

#include <poll.h>
#include <unistd.h>

constexpr int kGroups = 60, kItems = 64, kLocalBytes = 65536, kCount = kGroups * kItems;

/* One round takes about 0.62 us of 1725 MHz: 1024 cycles asleep, and some instructions. */
__global__ void occupy(const unsigned *in, unsigned *out, int rounds)
{
    extern __shared__ unsigned local[];
    const int i = blockIdx.x * blockDim.x + threadIdx.x;
    unsigned value = in[i];
    local[threadIdx.x] = value;
    for (int r = 0; r < rounds; r++) {
        __builtin_amdgcn_s_sleep(16);
        value = value * 1664525u + 1013904223u;
    }
    out[i] = value + (local[threadIdx.x] & 0);
}

static unsigned *buffer[2];
static int at; /* which buffer was written last */
static long kernels;
static unsigned long long steps; /* rounds of all kernels */

static void set_up(bool one)
{
    std::vector<unsigned> data(kCount);
    for (int i = 0; i < kCount; i++)
        data[i] = i;
    HIP(hipSetDeviceFlags(hipDeviceScheduleBlockingSync));
    HIP(hipMalloc(&buffer[0], kCount * 4 * (one ? 2 : 1)));
    buffer[1] = buffer[0] + kCount;
    if (!one)
        HIP(hipMalloc(&buffer[1], kCount * 4));
    HIP(hipMemcpy(buffer[0], data.data(), kCount * 4, hipMemcpyHostToDevice));
}

static int rounds_of(const char *duration_us)
{
    return static_cast<int>(std::atof(duration_us) / 0.62) + 1;
}

/* @count kernels, until they are over. */
static void run(int count, int rounds)
{
    for (int n = 0; n < count; n++, at = 1 - at)
        occupy<<<kGroups, kItems, kLocalBytes>>>(buffer[at], buffer[1 - at], rounds);
    LAUNCHED();
    HIP(hipDeviceSynchronize());
    kernels += count;
    steps += static_cast<unsigned long long>(count) * rounds;
}

/* The same number of steps of the same recurrence. */
static long count_wrong()
{
    std::vector<unsigned> data(kCount);
    HIP(hipMemcpy(data.data(), buffer[at], kCount * 4, hipMemcpyDeviceToHost));
    unsigned a = 1, c = 0, step_a = 1664525u, step_c = 1013904223u;
    for (unsigned long long left = steps; left; left >>= 1) {
        if (left & 1) {
            c = c * step_a + step_c;
            a *= step_a;
        }
        step_c *= step_a + 1;
        step_a *= step_a;
    }
    long wrong = 0;
    for (int i = 0; i < kCount; i++)
        wrong += data[i] != i * a + c;
    return wrong;
}

static void run_until(const char *stop, const char *ready, int queued, int rounds)
{
    while (access(stop, F_OK) != 0) {
        run(queued, rounds);
        if (kernels == queued)
            if (FILE *file = std::fopen(ready, "w"))
                std::fclose(file);
    }
}

static void say(const char *what)
{
    std::printf("%s %ld\n", what, kernels);
    std::fflush(stdout);
}

/* A line waits on standard input, or its end. Standard input is not buffered. */
static bool told()
{
    pollfd in = {STDIN_FILENO, POLLIN, 0};
    return poll(&in, 1, 0) > 0;
}

static void obey()
{
    char line[64], duration[32];
    int queued;
    std::setvbuf(stdin, nullptr, _IONBF, 0);
    say("up");
    while (std::fgets(line, sizeof(line), stdin)) {
        if (std::sscanf(line, "run %31s %d", duration, &queued) != 2) {
            say("paused");
            continue;
        }
        const int rounds = rounds_of(duration);
        run(1, rounds);
        say("running");
        while (!told())
            run(queued, rounds);
    }
}

int main(int argc, char **argv)
{
    CHECK(argc == 1 || argc == 5 || argc == 6);
    set_up(argc == 6);
    if (argc == 1)
        obey();
    else
        run_until(argv[3], argv[4], std::atoi(argv[2]), rounds_of(argv[1]));
    const long wrong = count_wrong();
    std::printf("%ld %ld\n", kernels, wrong);
    return wrong != 0;
}
