// SPDX-License-Identifier: Apache-2.0
/*
 * A real-time program whose launches arrive at random moments and need every compute unit: how long
 * until its work-groups run, in device time.
 *
 *   arrivals COUNT MEAN_GAP_US SEED
 *
 * Prints for each arrival "WALL_NS CALL_TICKS FIRST_US ALL_US": the wall clock (CLOCK_MONOTONIC)
 * and the device clock, as the driver counts it, just before the launch call; then how long, in
 * device time, until the first work-group ran and until the last one did.
 */
#include "check.h"

#include <algorithm>
#include <fcntl.h>
#include <random>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>

constexpr int kGroups = 60, kItems = 64, kLocalBytes = 65536;

/* amdkfd's clock counters (linux/kfd_ioctl.h). */
struct clock_counters {
    unsigned long long gpu, cpu, system, frequency;
    unsigned gpu_id, pad;
};

static int kfd = -1;
static unsigned gpu_id;

static unsigned long long device_ticks()
{
    clock_counters counters = {};
    counters.gpu_id = gpu_id;
    CHECK(ioctl(kfd, _IOWR('K', 0x05, clock_counters), &counters) == 0);
    return counters.gpu;
}

static unsigned long long wall_ns()
{
    timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return t.tv_sec * 1000000000ull + t.tv_nsec;
}

static void open_clock()
{
    char path[128];
    kfd = open("/dev/kfd", O_RDWR | O_CLOEXEC);
    CHECK(kfd >= 0);
    for (int node = 0; node < 16 && gpu_id == 0; node++) {
        std::snprintf(path, sizeof(path), "/sys/devices/virtual/kfd/kfd/topology/nodes/%d/gpu_id",
                      node);
        if (FILE *f = std::fopen(path, "r")) {
            if (std::fscanf(f, "%u", &gpu_id) != 1)
                gpu_id = 0;
            std::fclose(f);
        }
    }
}

/* When each work-group began, by the device's clock of 100 MHz. They stay for a while, so that two
 * never take the same compute unit. */
__global__ void stamp(unsigned long long *begun)
{
    extern __shared__ unsigned local[];
    if (threadIdx.x == 0)
        begun[blockIdx.x] = __builtin_amdgcn_s_memrealtime();
    local[threadIdx.x] = threadIdx.x;
    for (int i = 0; i < 8; i++)
        __builtin_amdgcn_s_sleep(32);
}

static unsigned long long *begun;
static hipStream_t stream;

static void run()
{
    stamp<<<kGroups, kItems, kLocalBytes, stream>>>(begun);
    LAUNCHED();
    HIP(hipStreamSynchronize(stream));
}

/* Driver's ticks per tick of 100 MHz. */
static double tick_ratio()
{
    run();
    const unsigned long long ticks = device_ticks(), stamped = begun[0];
    usleep(50000);
    run();
    return static_cast<double>(device_ticks() - ticks) / static_cast<double>(begun[0] - stamped);
}

int main(int argc, char **argv)
{
    CHECK(argc == 4);
    const int count = std::atoi(argv[1]);
    const double mean_us = std::atof(argv[2]);
    std::mt19937 random(std::atoi(argv[3]));
    std::uniform_real_distribution<double> gap(0.5 * mean_us, 1.5 * mean_us);
    HIP(hipSetDeviceFlags(hipDeviceScheduleBlockingSync));
    HIP(hipStreamCreate(&stream));
    HIP(hipHostMalloc(&begun, kGroups * 8, hipHostMallocDefault));
    open_clock();
    run();
    /* The driver counts the same clock, or (emulated) nanoseconds. */
    const double ratio = tick_ratio() < 3 ? 1 : 10;
    for (int n = 0; n < count; n++) {
        usleep(static_cast<useconds_t>(gap(random)));
        const unsigned long long ticks = device_ticks(), wall = wall_ns();
        run();
        const unsigned long long *end = begun + kGroups;
        const double first =
            *std::min_element(begun, const_cast<unsigned long long *>(end)) * ratio;
        const double last = *std::max_element(begun, const_cast<unsigned long long *>(end)) * ratio;
        const double us = ratio * 100;
        std::printf("%llu %llu %.2f %.2f\n", wall, ticks, (first - ticks) / us,
                    (last - ticks) / us);
    }
    return 0;
}
