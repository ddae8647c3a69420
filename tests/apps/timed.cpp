// SPDX-License-Identifier: Apache-2.0
/*
 * The device time of one kernel by hipEvents, for grids of 256 work-items per work-group: a line
 * "GROUPS MICROSECONDS" for each argument.
 *
 *   timed GROUPS ...
 */
#include "check.h"

/* Runs while the rest is enqueued, if it is given a long duration: so that no pause of the host is
 * measured. */
__global__ void keep_busy() {}

__global__ void number(int *out)
{
    out[blockIdx.x * blockDim.x + threadIdx.x] = blockIdx.x;
}

int main(int argc, char **argv)
{
    hipEvent_t begin, end;

    HIP(hipEventCreate(&begin));
    HIP(hipEventCreate(&end));
    for (int i = 1; i < argc; i++) {
        int groups = atoi(argv[i]);
        int *out = check_alloc<int>((size_t)groups * 256);
        float ms;

        HIP(hipDeviceSynchronize());
        keep_busy<<<1, 64>>>();
        HIP(hipEventRecord(begin));
        number<<<groups, 256>>>(out);
        LAUNCHED();
        HIP(hipEventRecord(end));
        check_wait(end);
        HIP(hipEventElapsedTime(&ms, begin, end));
        std::vector<int> got = check_download(out, (size_t)groups * 256);
        for (int n = 0; n < groups * 256; n++)
            CHECK(got[n] == n / 256);
        printf("%d %.1f\n", groups, ms * 1000);
        HIP(hipFree(out));
    }
    return 0;
}
