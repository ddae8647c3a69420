// SPDX-License-Identifier: Apache-2.0
/*
 * A stream of each priority that the device offers, busy at the same time; the high one waits for
 * the low one by an event in between, so neither may starve the other.
 */
#include "check.h"

enum { N = 8192, GROUP = 64, ROUNDS = 8 };

__global__ void churn(unsigned *x, unsigned rounds, unsigned add)
{
    unsigned i = blockIdx.x * GROUP + threadIdx.x, v = x[i];

    for (unsigned r = 0; r < rounds; r++)
        v = v * 1664525u + 1013904223u + add;
    x[i] = v;
}

static void churn_host(std::vector<unsigned> &x, unsigned rounds, unsigned add)
{
    for (unsigned &v : x)
        for (unsigned r = 0; r < rounds; r++)
            v = v * 1664525u + 1013904223u + add;
}

__global__ void combine(unsigned *to, const unsigned *from)
{
    unsigned i = blockIdx.x * GROUP + threadIdx.x;

    to[i] += from[i];
}

int main()
{
    int least, greatest, got;
    hipStream_t low, normal, high;
    hipEvent_t event;
    std::vector<unsigned> x(N), y(N), z(N);

    check_begin();
    HIP(hipDeviceGetStreamPriorityRange(&least, &greatest));
    CHECK(greatest <= least);
    HIP(hipStreamCreateWithPriority(&low, hipStreamNonBlocking, least));
    HIP(hipStreamCreateWithPriority(&normal, hipStreamNonBlocking, 0));
    HIP(hipStreamCreateWithPriority(&high, hipStreamNonBlocking, greatest));
    HIP(hipStreamGetPriority(high, &got));
    CHECK(got == greatest);
    HIP(hipStreamGetPriority(low, &got));
    CHECK(got == least);
    HIP(hipEventCreateWithFlags(&event, hipEventDisableTiming));
    for (unsigned i = 0; i < N; i++) {
        x[i] = i;
        y[i] = i * 3;
        z[i] = i * 5;
    }
    unsigned *dx = check_upload(x), *dy = check_upload(y), *dz = check_upload(z);
    for (unsigned r = 0; r < ROUNDS; r++) {
        churn<<<N / GROUP, GROUP, 0, low>>>(dx, 200, r);
        churn<<<N / GROUP, GROUP, 0, normal>>>(dy, 100, r);
        churn<<<N / GROUP, GROUP, 0, high>>>(dz, 10, r);
        LAUNCHED();
        churn_host(x, 200, r);
        churn_host(y, 100, r);
        churn_host(z, 10, r);
        if (r == ROUNDS / 2) {
            HIP(hipEventRecord(event, low));
            HIP(hipStreamWaitEvent(high, event, 0));
            combine<<<N / GROUP, GROUP, 0, high>>>(dz, dx);
            HIP(hipEventRecord(event, high));
            HIP(hipStreamWaitEvent(low, event, 0));
            for (unsigned i = 0; i < N; i++)
                z[i] += x[i];
        }
    }
    HIP(hipDeviceSynchronize());
    check_equal("priorities/low", check_download(dx, N), x);
    check_equal("priorities/normal", check_download(dy, N), y);
    check_equal("priorities/high", check_download(dz, N), z);
    for (hipStream_t s : {low, normal, high})
        HIP(hipStreamDestroy(s));
    return 0;
}
