// SPDX-License-Identifier: Apache-2.0
/* Calls that must fail with an error, and leave the device usable. Prints the runtime's own errors.
 */
#include "check.h"

__global__ void touch(int *p)
{
    p[threadIdx.x] = (int)threadIdx.x + 1;
}

static void expect_error(const char *what, hipError_t error)
{
    if (error == hipSuccess)
        check_fail("%s succeeded", what);
    printf("errors/%s ok %s\n", what, hipGetErrorName(error));
    (void)hipGetLastError();
}

static void still_works(int *p)
{
    std::vector<int> want(64);

    for (int i = 0; i < 64; i++)
        want[i] = i + 1;
    HIP(hipMemset(p, 0, 64 * sizeof(int)));
    touch<<<1, 64>>>(p);
    LAUNCHED();
    check_equal("errors/still-works", check_download(p, 64), want);
}

int main()
{
    int *p, host[4] = {0};
    void *big;
    hipDevice_t device;
    hipDeviceProp_t properties;
    hipIpcMemHandle_t handle;
    hipEvent_t a, b;
    float ms;

    check_begin();
    p = check_alloc<int>(64);
    touch<<<1, 2048>>>(p);
    expect_error("work-group-too-large", hipGetLastError());
    still_works(p);
    touch<<<dim3(1), dim3(64), 1 << 20>>>(p);
    expect_error("lds-too-large", hipGetLastError());
    still_works(p);
    touch<<<0, 64>>>(p);
    expect_error("empty-grid", hipGetLastError());
    expect_error("out-of-memory", hipMalloc(&big, (size_t)1 << 46));
    expect_error("no-such-device", hipSetDevice(99));
    expect_error("device-get", hipDeviceGet(&device, -1));
    expect_error("properties", hipGetDeviceProperties(&properties, 5));
    expect_error("copy-null", hipMemcpy(nullptr, host, sizeof(host), hipMemcpyHostToDevice));
    expect_error("free-foreign", hipFree(host));
    HIP(hipEventCreate(&a));
    HIP(hipEventCreate(&b));
    /* Sharing memory with other processes needs AMD's own driver, not amdkfd. */
    expect_error("share", hipIpcGetMemHandle(&handle, p));
    expect_error("event-not-recorded", hipEventElapsedTime(&ms, a, b));
    HIP(hipEventDestroy(a));
    HIP(hipEventDestroy(b));
    still_works(p);
    HIP(hipFree(p));
    return 0;
}
