// SPDX-License-Identifier: Apache-2.0
/*
 * Streams that may use some of the compute units only: the results are right, the stream says its
 * mask, and a kernel that fills the device takes several times as long on a quarter of it.
 */
#include "check.h"

#include <hip/hip_ext.h>

enum { GROUPS = 480, GROUP = 256, ROUNDS = 400 };

__global__ void work(unsigned *out)
{
    unsigned v = blockIdx.x * blockDim.x + threadIdx.x;

    for (int i = 0; i < ROUNDS; i++)
        v = (v << 5 | v >> 27) * 9 + (v >> 3);
    out[blockIdx.x * blockDim.x + threadIdx.x] = v;
}

static float run(const char *name, hipStream_t stream)
{
    unsigned *out = check_alloc<unsigned>(GROUPS * GROUP);
    std::vector<unsigned> want(GROUPS * GROUP);
    hipEvent_t begin, end;
    float ms, least = 0;

    for (unsigned i = 0; i < want.size(); i++) {
        want[i] = i;
        for (int r = 0; r < ROUNDS; r++)
            want[i] = (want[i] << 5 | want[i] >> 27) * 9 + (want[i] >> 3);
    }
    HIP(hipEventCreate(&begin));
    HIP(hipEventCreate(&end));
    /* These events are of the kernel's own begin and end, whatever the host does meanwhile. */
    for (int i = 0; i < 3; i++) {
        hipExtLaunchKernelGGL(work, dim3(GROUPS), dim3(GROUP), 0, stream, begin, end, 0, out);
        HIP(hipStreamSynchronize(stream));
        HIP(hipEventElapsedTime(&ms, begin, end));
        least = i == 0 || ms < least ? ms : least;
    }
    check_equal(name, check_download(out, want.size()), want);
    HIP(hipEventDestroy(begin));
    HIP(hipEventDestroy(end));
    HIP(hipFree(out));
    return least;
}

int main()
{
    const uint32_t quarter[2] = {0x7fff, 0};
    uint32_t got[2] = {0, 0};
    hipStream_t all, some;
    hipDeviceProp_t properties;
    float on_all, on_some;

    check_begin();
    HIP(hipGetDeviceProperties(&properties, 0));
    HIP(hipStreamCreate(&all));
    HIP(hipExtStreamCreateWithCUMask(&some, 2, quarter));
    HIP(hipExtStreamGetCUMask(some, 2, got));
    CHECK(got[0] == quarter[0] && got[1] == quarter[1]);
    on_all = run("cumask/all", all);
    on_some = run("cumask/some", some);
    if (properties.multiProcessorCount == 60)
        CHECK(on_some > on_all * 2.5f && on_some < on_all * 6);
    HIP(hipStreamDestroy(some));
    HIP(hipStreamDestroy(all));
    return 0;
}
