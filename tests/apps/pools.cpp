// SPDX-License-Identifier: Apache-2.0
/*
 * Memory in the order of a stream: hipMallocAsync and hipFreeAsync from the device's pool and from
 * pools of the program's, reused while the stream goes on, freed on another stream behind an event,
 * by many rounds of different sizes; and what pools are told and asked. ROCm 5.2.3 crashes in
 * hipMallocAsync on the null stream, and hipStreamDestroy loops for ever when memory was given back
 * on the stream, so neither is here.
 */
#include "check.h"

enum { N = 4000, ROUNDS = 12 };

__global__ void fill_with(unsigned *v, unsigned n, unsigned value)
{
    unsigned i = blockIdx.x * blockDim.x + threadIdx.x;

    if (i < n)
        v[i] = value + i;
}

__global__ void add_to(unsigned *sum, const unsigned *v, unsigned n)
{
    unsigned i = blockIdx.x * blockDim.x + threadIdx.x;

    if (i < n)
        sum[i] += v[i];
}

/* Every round takes memory, uses it and gives it back, and the host waits only at the end. */
static void test_rounds(const char *name, hipStream_t stream, hipMemPool_t pool)
{
    std::vector<unsigned> want(N);
    unsigned *sum = check_alloc<unsigned>(N), *part;

    HIP(hipMemsetAsync(sum, 0, N * sizeof(unsigned), stream));
    for (unsigned r = 0; r < ROUNDS; r++) {
        const unsigned n = N - r * 300;

        if (pool)
            HIP(hipMallocFromPoolAsync((void **)&part, n * sizeof(unsigned), pool, stream));
        else
            HIP(hipMallocAsync((void **)&part, n * sizeof(unsigned), stream));
        fill_with<<<check_groups(n, 128), 128, 0, stream>>>(part, n, r * 1000);
        add_to<<<check_groups(n, 128), 128, 0, stream>>>(sum, part, n);
        LAUNCHED();
        HIP(hipFreeAsync(part, stream));
        for (unsigned i = 0; i < n; i++)
            want[i] += r * 1000 + i;
    }
    HIP(hipStreamSynchronize(stream));
    check_equal(name, check_download(sum, N), want);
    HIP(hipFree(sum));
}

/* Memory of one stream, used by and freed on another. */
static void test_two_streams(hipStream_t stream)
{
    std::vector<unsigned> got(N), want(N);
    hipStream_t other;
    hipEvent_t filled;
    unsigned *p;

    HIP(hipStreamCreateWithFlags(&other, hipStreamNonBlocking));
    HIP(hipEventCreateWithFlags(&filled, hipEventDisableTiming));
    HIP(hipMallocAsync((void **)&p, N * sizeof(unsigned), stream));
    fill_with<<<check_groups(N, 256), 256, 0, stream>>>(p, N, 5);
    LAUNCHED();
    HIP(hipEventRecord(filled, stream));
    HIP(hipStreamWaitEvent(other, filled, 0));
    HIP(hipMemcpyAsync(got.data(), p, N * sizeof(unsigned), hipMemcpyDeviceToHost, other));
    HIP(hipFreeAsync(p, other));
    HIP(hipStreamSynchronize(other));
    for (unsigned i = 0; i < N; i++)
        want[i] = 5 + i;
    check_equal("pools/two-streams", got, want);
    HIP(hipEventDestroy(filled));
}

static void test_attributes(hipMemPool_t pool)
{
    hipMemPool_t current, own;
    uint64_t value = 1 << 20;
    hipMemAccessDesc access = {};

    HIP(hipDeviceGetDefaultMemPool(&own, 0));
    HIP(hipDeviceGetMemPool(&current, 0));
    CHECK(own == current);
    HIP(hipMemPoolSetAttribute(pool, hipMemPoolAttrReleaseThreshold, &value));
    value = 0;
    HIP(hipMemPoolGetAttribute(pool, hipMemPoolAttrReleaseThreshold, &value));
    CHECK(value == 1 << 20);
    HIP(hipMemPoolGetAttribute(pool, hipMemPoolAttrUsedMemCurrent, &value));
    CHECK(value == 0);
    access.location.type = hipMemLocationTypeDevice;
    access.flags = hipMemAccessFlagsProtReadWrite;
    HIP(hipMemPoolSetAccess(pool, &access, 1));
    HIP(hipMemPoolTrimTo(pool, 0));
    HIP(hipMemPoolGetAttribute(pool, hipMemPoolAttrReservedMemCurrent, &value));
    CHECK(value == 0);
    HIP(hipDeviceSetMemPool(0, pool));
    HIP(hipDeviceGetMemPool(&current, 0));
    CHECK(current == pool);
    HIP(hipDeviceSetMemPool(0, own));
    printf("pools/attributes ok\n");
}

int main()
{
    hipMemPoolProps properties = {};
    hipMemPool_t pool;
    hipStream_t stream;

    check_begin();
    properties.allocType = hipMemAllocationTypePinned;
    properties.location.type = hipMemLocationTypeDevice;
    HIP(hipStreamCreate(&stream));
    HIP(hipMemPoolCreate(&pool, &properties));
    test_rounds("pools/default", stream, nullptr);
    test_rounds("pools/own", stream, pool);
    test_two_streams(stream);
    test_attributes(pool);
    HIP(hipMemPoolDestroy(pool));
    return 0;
}
