// SPDX-License-Identifier: Apache-2.0
/*
 * A real-time program whose launches arrive at random moments and need every compute unit: how long
 * until its work-groups run, in device time.
 *
 *   arrivals COUNT MEAN_GAP_US SEED
 *   arrivals
 *
 * Prints for each arrival "WALL_NS CALL_TICKS FIRST_US ALL_US END_US": the wall clock
 * (CLOCK_MONOTONIC) and the device clock, as the driver counts it, just before the launch call;
 * then how long, in device time, until the first work-group ran, until the last one did, and until
 * the last one ended.
 *
 * The first form waits MEAN_GAP_US of wall time before each, give or take a half. The second reads
 * lines "COUNT MEAN_GAP_US" from standard input, until its end, and waits in the device's time: so
 * what others do meanwhile does not depend on how fast a GPU is emulated. It says first "up
 * TICKS_PER_US" (of the driver's count), and "done" after each COUNT.
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

/* When each work-group began and ended, by the device's clock of 100 MHz. They stay for a while, so
 * that two never take the same compute unit. */
__global__ void stamp(unsigned long long *begun, unsigned long long *ended)
{
    extern __shared__ unsigned local[];
    const unsigned long long begin = __builtin_amdgcn_s_memrealtime();
    local[threadIdx.x] = threadIdx.x;
    for (int i = 0; i < 8; i++)
        __builtin_amdgcn_s_sleep(32);
    const unsigned long long end = __builtin_amdgcn_s_memrealtime();
    if (threadIdx.x == 0) {
        begun[blockIdx.x] = begin;
        ended[blockIdx.x] = end;
    }
}

static unsigned long long *begun, *ended; /* one for each work-group */
static hipStream_t stream;
static double ratio; /* driver's ticks per tick of 100 MHz */

static void run()
{
    stamp<<<kGroups, kItems, kLocalBytes, stream>>>(begun, ended);
    LAUNCHED();
    HIP(hipStreamSynchronize(stream));
}

/* The driver counts the same clock, or (emulated) nanoseconds. */
static void find_ratio()
{
    run();
    const unsigned long long ticks = device_ticks(), stamped = begun[0];
    usleep(50000);
    run();
    const double measured =
        static_cast<double>(device_ticks() - ticks) / static_cast<double>(begun[0] - stamped);
    ratio = measured < 3 ? 1 : 10;
}

/* In the device's time, in naps: the wall clock is faster, by how much shows only while one waits.
 */
static void wait_device_us(double us)
{
    const unsigned long long begin = device_ticks(), begin_ns = wall_ns();
    for (double passed; (passed = (device_ticks() - begin) / (ratio * 100)) < us;) {
        const double pace = passed > 1 ? (wall_ns() - begin_ns) / 1e3 / passed : 1;
        usleep(static_cast<useconds_t>(std::min(std::max((us - passed) * pace / 2, 50.0), 2000.0)));
    }
}

static void arrive()
{
    const double us = ratio * 100;
    const unsigned long long ticks = device_ticks(), wall = wall_ns();
    run();
    const auto after = [&](unsigned long long stamped) { return (stamped * ratio - ticks) / us; };
    std::printf("%llu %llu %.2f %.2f %.2f\n", wall, ticks,
                after(*std::min_element(begun, begun + kGroups)),
                after(*std::max_element(begun, begun + kGroups)),
                after(*std::max_element(ended, ended + kGroups)));
}

static void obey(std::mt19937 &random)
{
    char line[64];
    int count;
    double mean_us;
    std::printf("up %.0f\n", ratio * 100);
    std::fflush(stdout);
    while (std::fgets(line, sizeof(line), stdin)) {
        CHECK(std::sscanf(line, "%d %lf", &count, &mean_us) == 2);
        std::uniform_real_distribution<double> gap(0.5 * mean_us, 1.5 * mean_us);
        for (int n = 0; n < count; n++) {
            wait_device_us(gap(random));
            arrive();
        }
        std::printf("done\n");
        std::fflush(stdout);
    }
}

int main(int argc, char **argv)
{
    CHECK(argc == 1 || argc == 4);
    std::mt19937 random(argc == 4 ? std::atoi(argv[3]) : 1);
    HIP(hipSetDeviceFlags(hipDeviceScheduleBlockingSync));
    HIP(hipStreamCreate(&stream));
    HIP(hipHostMalloc(&begun, kGroups * 8, hipHostMallocDefault));
    HIP(hipHostMalloc(&ended, kGroups * 8, hipHostMallocDefault));
    open_clock();
    run();
    find_ratio();
    if (argc == 1) {
        obey(random);
        return 0;
    }
    const double mean_us = std::atof(argv[2]);
    std::uniform_real_distribution<double> gap(0.5 * mean_us, 1.5 * mean_us);
    for (int n = 0; n < std::atoi(argv[1]); n++) {
        usleep(static_cast<useconds_t>(gap(random)));
        arrive();
    }
    return 0;
}
