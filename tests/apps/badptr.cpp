// SPDX-License-Identifier: Apache-2.0
/*
 * A negative test: the kernel writes to an address that nobody allocated. The runtime is expected
 * to report a memory access fault and abort the program; if it gets as far as its last line, it
 * exits with 3.
 */
#include "check.h"

__global__ void wild(int *p)
{
    p[threadIdx.x] = 1;
}

int main()
{
    check_begin();
    printf("badptr begins\n");
    fflush(stdout);
    wild<<<1, 64>>>((int *)0x5ead00000000ull);
    hipError_t error = hipDeviceSynchronize();
    printf("badptr survived: %s\n", hipGetErrorName(error));
    return 3;
}
