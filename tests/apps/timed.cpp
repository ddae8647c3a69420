// SPDX-License-Identifier: Apache-2.0
/*
 * The device time of one kernel by hipEvents, for grids of 256 work-items per work-group: a line
 * "GROUPS MICROSECONDS" for each argument.
 *
 *   timed GROUPS ...
 */
#include "check.h"

#include <hip/hip_ext.h>

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

        /* The kernel's own time stamps: what the host does in between is not in them. */
        hipExtLaunchKernelGGL(number, dim3(groups), dim3(256), 0, 0, begin, end, 0, out);
        LAUNCHED();
        HIP(hipEventSynchronize(end));
        HIP(hipEventElapsedTime(&ms, begin, end));
        std::vector<int> got = check_download(out, (size_t)groups * 256);
        for (int n = 0; n < groups * 256; n++)
            CHECK(got[n] == n / 256);
        printf("%d %.1f\n", groups, ms * 1000);
        HIP(hipFree(out));
    }
    return 0;
}
