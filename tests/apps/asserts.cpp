// SPDX-License-Identifier: Apache-2.0
/* A failed assertion in a kernel: ROCm prints it and aborts the program. */
#undef NDEBUG
#include "check.h"

#include <cassert>

__global__ void strict(const int *p, int n)
{
    int i = blockIdx.x * blockDim.x + threadIdx.x;

    if (i < n)
        assert(p[i] != 13);
}

int main()
{
    std::vector<int> fine(200, 12), bad = fine;
    int *p;

    check_begin();
    p = check_upload(fine);
    strict<<<2, 128>>>(p, 200);
    LAUNCHED();
    HIP(hipDeviceSynchronize());
    printf("asserts/fine ok\n");
    fflush(stdout);
    bad[77] = 13;
    HIP(hipMemcpy(p, bad.data(), 200 * sizeof(int), hipMemcpyHostToDevice));
    strict<<<2, 128>>>(p, 200);
    LAUNCHED();
    printf("asserts/sync: %s\n", hipGetErrorName(hipDeviceSynchronize()));
    return 0;
}
