// SPDX-License-Identifier: Apache-2.0
/*
 * Stream memory operations: waiting for and writing values, 32 and 64 bits wide, all conditions and
 * a mask, released by the host, by a kernel, and by another stream.
 */
#include "check.h"

#include <atomic>

__global__ void store64(uint64_t *p, uint64_t value)
{
    *p = value;
    __threadfence_system();
}

__global__ void copy_word(const uint32_t *from, uint32_t *to)
{
    *to = *from;
}

static void *signal_memory(size_t bytes)
{
    void *p = nullptr;

    HIP(hipExtMallocWithFlags(&p, bytes, hipMallocSignalMemory));
    return p;
}

/* The stream goes on after @release was stored, not before @hold is. */
static void test_wait(const char *name, unsigned condition, uint64_t value, uint64_t mask,
                      uint64_t hold, uint64_t release, bool wide)
{
    volatile uint64_t *signal = (volatile uint64_t *)signal_memory(8);
    std::atomic<int> passed{0};
    hipStream_t stream;
    char label[80];

    *signal = hold;
    HIP(hipStreamCreate(&stream));
    if (wide)
        HIP(hipStreamWaitValue64(stream, (void *)signal, value, condition, mask));
    else
        HIP(hipStreamWaitValue32(stream, (void *)signal, (uint32_t)value, condition,
                                 (uint32_t)mask));
    HIP(hipStreamAddCallback(
        stream, [](hipStream_t, hipError_t, void *p) { ((std::atomic<int> *)p)->store(1); },
        &passed, 0));
    CHECK(hipStreamQuery(stream) == hipErrorNotReady);
    CHECK(passed == 0);
    *signal = release;
    HIP(hipStreamSynchronize(stream));
    CHECK(passed == 1);
    snprintf(label, sizeof(label), "streamops/wait%d/%s ok\n", wide ? 64 : 32, name);
    fputs(label, stdout);
    HIP(hipStreamDestroy(stream));
    HIP(hipFree((void *)signal));
}

static void test_write()
{
    uint64_t *wide = check_alloc<uint64_t>(1), got_wide = 0;
    uint32_t *narrow = check_alloc<uint32_t>(2), got[2] = {0, 0};

    HIP(hipMemset(narrow, 0, 8));
    HIP(hipStreamWriteValue64(0, wide, 0x123456789abcdef0ull, 0));
    HIP(hipStreamWriteValue32(0, narrow, 0xdecafbad, 0));
    HIP(hipMemcpy(&got_wide, wide, 8, hipMemcpyDeviceToHost));
    HIP(hipMemcpy(got, narrow, 8, hipMemcpyDeviceToHost));
    CHECK(got_wide == 0x123456789abcdef0ull && got[0] == 0xdecafbad && got[1] == 0);
    printf("streamops/write ok\n");
    HIP(hipFree(wide));
    HIP(hipFree(narrow));
}

/* One stream waits for what a kernel on another one stores; a third is held back by the second. */
static void test_chain()
{
    uint64_t *first = (uint64_t *)signal_memory(8), *second = (uint64_t *)signal_memory(8);
    uint32_t *data = check_alloc<uint32_t>(2);
    hipStream_t stream[3];
    uint32_t got[2];

    *(volatile uint64_t *)first = *(volatile uint64_t *)second = 0;
    for (hipStream_t &s : stream)
        HIP(hipStreamCreateWithFlags(&s, hipStreamNonBlocking));
    HIP(hipMemset(data, 0, 8));
    HIP(hipDeviceSynchronize());
    HIP(hipStreamWaitValue64(stream[2], second, 9, hipStreamWaitValueEq, UINT64_MAX));
    copy_word<<<1, 1, 0, stream[2]>>>(data, data + 1);
    HIP(hipStreamWaitValue64(stream[1], first, 5, hipStreamWaitValueGte, UINT64_MAX));
    HIP(hipStreamWriteValue32(stream[1], data, 77, 0));
    HIP(hipStreamWriteValue64(stream[1], second, 9, 0));
    store64<<<1, 1, 0, stream[0]>>>(first, 6);
    LAUNCHED();
    HIP(hipDeviceSynchronize());
    HIP(hipMemcpy(got, data, 8, hipMemcpyDeviceToHost));
    CHECK(got[0] == 77 && got[1] == 77);
    printf("streamops/chain ok\n");
    for (hipStream_t s : stream)
        HIP(hipStreamDestroy(s));
    HIP(hipFree(first));
    HIP(hipFree(second));
    HIP(hipFree(data));
}

int main()
{
    int supported = 0;

    check_begin();
    HIP(hipDeviceGetAttribute(&supported, hipDeviceAttributeCanUseStreamWaitValue, 0));
    printf("streamops supported: %d\n", supported);
    for (bool wide : {false, true}) {
        test_wait("gte", hipStreamWaitValueGte, 10, UINT64_MAX, 9, 12, wide);
        test_wait("eq", hipStreamWaitValueEq, 10, UINT64_MAX, 11, 10, wide);
        test_wait("and", hipStreamWaitValueAnd, 0x10, UINT64_MAX, 0x0f, 0x18, wide);
        test_wait("eq-masked", hipStreamWaitValueEq, 0x20, 0xf0, 0x1f, 0x2f, wide);
    }
    test_write();
    test_chain();
    return 0;
}
