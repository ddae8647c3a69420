// SPDX-License-Identifier: Apache-2.0
/*
 * A stream that may use some of the compute units only: the results are right, and it says its
 * mask. (On which units its work-groups run, a program cannot see on the emulated GPU but by time.)
 */
#include "check.h"

enum { GROUPS = 480, GROUP = 256, ROUNDS = 200 };

__global__ void work(unsigned *out)
{
    unsigned v = blockIdx.x * blockDim.x + threadIdx.x;

    for (int i = 0; i < ROUNDS; i++)
        v = (v << 5 | v >> 27) * 9 + (v >> 3);
    out[blockIdx.x * blockDim.x + threadIdx.x] = v;
}

static void run(const char *name, hipStream_t stream)
{
    unsigned *out = check_alloc<unsigned>(GROUPS * GROUP);
    std::vector<unsigned> want(GROUPS * GROUP);

    for (unsigned i = 0; i < want.size(); i++) {
        want[i] = i;
        for (int r = 0; r < ROUNDS; r++)
            want[i] = (want[i] << 5 | want[i] >> 27) * 9 + (want[i] >> 3);
    }
    work<<<GROUPS, GROUP, 0, stream>>>(out);
    LAUNCHED();
    HIP(hipStreamSynchronize(stream));
    check_equal(name, check_download(out, want.size()), want);
    HIP(hipFree(out));
}

int main()
{
    const uint32_t quarter[2] = {0x7fff, 0};
    uint32_t got[2] = {0, 0};
    hipStream_t all, some;

    check_begin();
    HIP(hipStreamCreate(&all));
    HIP(hipExtStreamCreateWithCUMask(&some, 2, quarter));
    HIP(hipExtStreamGetCUMask(some, 2, got));
    CHECK(got[0] == quarter[0] && got[1] == quarter[1]);
    run("cumask/all", all);
    run("cumask/some", some);
    HIP(hipStreamDestroy(some));
    HIP(hipStreamDestroy(all));
    return 0;
}
