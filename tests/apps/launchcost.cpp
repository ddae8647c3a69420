// SPDX-License-Identifier: Apache-2.0
/*
 * What one kernel launch costs the launching thread: batches of empty kernels on one stream, the
 * median batch's nanoseconds per launch on stdout, of CPU time and of wall time. `reef bench launch`
 * runs it in every class.
 *
 *   launchcost [BATCHES [LAUNCHES_PER_BATCH]]
 */
#include <hip/hip_runtime.h>

#include <algorithm>
#include <cstdio>
#include <cstdlib>
#include <ctime>
#include <vector>

__global__ void empty() {}

static void check(hipError_t error, const char *what)
{
    if (error != hipSuccess) {
        std::fprintf(stderr, "launchcost: %s: %s\n", what, hipGetErrorString(error));
        std::exit(1);
    }
}

static double now_ns(clockid_t clock)
{
    timespec ts;
    clock_gettime(clock, &ts);
    return ts.tv_sec * 1e9 + ts.tv_nsec;
}

static double median(std::vector<double> &values)
{
    std::nth_element(values.begin(), values.begin() + values.size() / 2, values.end());
    return values[values.size() / 2];
}

int main(int argc, char **argv)
{
    const int batches = argc > 1 ? std::atoi(argv[1]) : 60;
    const int launches = argc > 2 ? std::atoi(argv[2]) : 32;
    if (batches < 1 || launches < 1) {
        std::fprintf(stderr, "usage: launchcost [BATCHES [LAUNCHES_PER_BATCH]]\n");
        return 2;
    }

    hipStream_t stream;
    check(hipStreamCreate(&stream), "hipStreamCreate");
    std::vector<double> cpu, wall;
    for (int batch = -5; batch < batches; batch++) { // the first few warm up
        const double cpu_begin = now_ns(CLOCK_THREAD_CPUTIME_ID), begin = now_ns(CLOCK_MONOTONIC);
        for (int i = 0; i < launches; i++)
            hipLaunchKernelGGL(empty, dim3(1), dim3(64), 0, stream);
        const double end = now_ns(CLOCK_MONOTONIC), cpu_end = now_ns(CLOCK_THREAD_CPUTIME_ID);
        check(hipGetLastError(), "launch");
        check(hipStreamSynchronize(stream), "hipStreamSynchronize");
        if (batch >= 0) {
            cpu.push_back((cpu_end - cpu_begin) / launches);
            wall.push_back((end - begin) / launches);
        }
    }
    std::printf("%.1f %.1f\n", median(cpu), median(wall));
    check(hipStreamDestroy(stream), "hipStreamDestroy");
    return 0;
}
