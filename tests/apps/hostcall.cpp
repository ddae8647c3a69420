// SPDX-License-Identifier: Apache-2.0
/* printf from kernels: all conversions, long texts, many work-items at once, several launches. */
#include "check.h"

__global__ void formats(const char *text)
{
    if (threadIdx.x != 0)
        return;
    printf("hostcall plain\n");
    printf("hostcall %d %i %u %x %X %o %c %%\n", -1, 42, 3000000000u, 0xbeef, 0xcafe, 8, 'q');
    printf("hostcall %ld %llu %lx %hd %hhd\n", -1234567890123l, 18446744073709551615ull,
           0x123456789abcdefl, (short)-5, (signed char)-6);
    printf("hostcall %f %.3f %10.2e %g %a\n", 1.5, 3.14159265, 12345.678, 1e-10, 0.5);
    printf("hostcall [%5d] [%-5d] [%05d] [%+d] [%*d]\n", 7, 7, 7, 7, 6, 7);
    printf("hostcall %s and %.4s\n", "a literal", "truncated");
    printf("hostcall %s\n", text);
    printf("hostcall %d arguments: %d %d %d %d %d %d %d %d %d %d\n", 10, 1, 2, 3, 4, 5, 6, 7, 8, 9,
           10);
}

/* Lines of one text: in whatever order they come, the output is the same. */
__global__ void many(int *results)
{
    int i = blockIdx.x * blockDim.x + threadIdx.x;

    if (i % 3 == 0)
        results[i] = printf("hostcall from many\n");
}

int main()
{
    enum { GROUPS = 4, ITEMS = 100 };
    static const char said[] =
        "text in memory that both sides reach, somewhat longer than a packet "
        "of the transport holds, so that it goes in several pieces";
    char *text;

    check_begin();
    HIP(hipHostMalloc((void **)&text, sizeof(said), 0));
    memcpy(text, said, sizeof(said));
    formats<<<1, 64>>>(text);
    LAUNCHED();
    HIP(hipDeviceSynchronize());
    fflush(stdout);
    int *results = check_upload(std::vector<int>(GROUPS * ITEMS, 19));
    many<<<GROUPS, ITEMS>>>(results);
    LAUNCHED();
    HIP(hipDeviceSynchronize());
    fflush(stdout);
    check_equal("hostcall/returned", check_download(results, GROUPS * ITEMS),
                std::vector<int>(GROUPS * ITEMS, 19));
    HIP(hipHostFree(text));
    return 0;
}
