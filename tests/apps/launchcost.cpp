// SPDX-License-Identifier: Apache-2.0
/*
 * What one kernel launch costs the launching thread: batches of empty kernels on one stream, the
 * median batch's nanoseconds per launch on stdout. `reef bench launch` runs it in every class.
 *
 *   launchcost [BATCHES [LAUNCHES_PER_BATCH]]
 */
#include <hip/hip_runtime.h>

#include <algorithm>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <vector>

__global__ void empty() {}

static void check(hipError_t error, const char *what)
{
    if (error != hipSuccess) {
        std::fprintf(stderr, "launchcost: %s: %s\n", what, hipGetErrorString(error));
        std::exit(1);
    }
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
    std::vector<double> per_launch;
    for (int batch = -5; batch < batches; batch++) { // the first few warm up
        const auto begin = std::chrono::steady_clock::now();
        for (int i = 0; i < launches; i++)
            hipLaunchKernelGGL(empty, dim3(1), dim3(64), 0, stream);
        const auto end = std::chrono::steady_clock::now();
        check(hipGetLastError(), "launch");
        check(hipStreamSynchronize(stream), "hipStreamSynchronize");
        if (batch >= 0)
            per_launch.push_back(std::chrono::duration<double, std::nano>(end - begin).count() /
                                 launches);
    }
    std::nth_element(per_launch.begin(), per_launch.begin() + per_launch.size() / 2,
                     per_launch.end());
    std::printf("%.1f\n", per_launch[per_launch.size() / 2]);
    check(hipStreamDestroy(stream), "hipStreamDestroy");
    return 0;
}
