// SPDX-License-Identifier: Apache-2.0
/*
 * What a program asks: occupancy in all its forms, attributes of functions, pointers and devices,
 * the driver API's devices and contexts, limits, flags of streams and of host memory, versions.
 * Printed, so that the answers are the same with libreef and without; checked where they must be
 * consistent.
 */
#include "check.h"

#include <string>

#pragma clang diagnostic ignored "-Wdeprecated-declarations" /* contexts */

#define SAY(call) printf("%s %s\n", #call, hipGetErrorName(call))

__global__ void plain(int *p)
{
    p[threadIdx.x] = 1;
}

__global__ __launch_bounds__(256) void with_lds(int *p)
{
    __shared__ int shared[4096];

    for (unsigned i = threadIdx.x; i < 4096; i += blockDim.x)
        shared[i] = (int)i;
    __syncthreads();
    p[threadIdx.x] = shared[4095 - threadIdx.x];
}

/* So many registers that a compute unit holds few of it. */
__global__ __launch_bounds__(256) void with_registers(float *p)
{
    float v[96];

#pragma unroll
    for (int i = 0; i < 96; i++)
        v[i] = p[threadIdx.x + i * 256];
#pragma unroll
    for (int i = 0; i < 96; i++)
        p[threadIdx.x + i * 256] = v[(i * 7 + 1) % 96] + v[95 - i];
}

template <typename F> static void test_occupancy(const char *name, F kernel)
{
    hipFuncAttributes attributes;
    int blocks = 0, grid = 0, block = 0;

    for (int threads : {64, 128, 256})
        for (size_t lds : {(size_t)0, (size_t)8192, (size_t)40000}) {
            HIP(hipOccupancyMaxActiveBlocksPerMultiprocessor(&blocks, kernel, threads, lds));
            printf("queries/%s %d threads %zu bytes: %d\n", name, threads, lds, blocks);
        }
    HIP(hipOccupancyMaxActiveBlocksPerMultiprocessorWithFlags(&blocks, kernel, 128, 0,
                                                              hipOccupancyDefault));
    HIP(hipOccupancyMaxPotentialBlockSize(&grid, &block, kernel, 0, 0));
    printf("queries/%s potential %d of %d, with flags %d\n", name, grid, block, blocks);
    HIP(hipFuncGetAttributes(&attributes, (const void *)kernel));
    printf("queries/%s shared %zu local %zu const %zu threads %d registers %d\n", name,
           attributes.sharedSizeBytes, attributes.localSizeBytes, attributes.constSizeBytes,
           attributes.maxThreadsPerBlock, attributes.numRegs);
    HIP(hipFuncSetCacheConfig((const void *)kernel, hipFuncCachePreferL1));
    SAY(hipFuncSetAttribute((const void *)kernel, hipFuncAttributeMaxDynamicSharedMemorySize,
                            4096));
    SAY(hipFuncSetSharedMemConfig((const void *)kernel, hipSharedMemBankSizeFourByte));
}

static void test_device()
{
    hipDeviceProp_t p;
    hipDevice_t device;
    char name[256], bus[64];
    int count = -1, major, minor, value, driver, runtime, current = -1;
    unsigned flags;
    size_t total, limit;

    HIP(hipInit(0));
    HIP(hipGetDeviceCount(&count));
    HIP(hipGetDevice(&current));
    CHECK(count == 1 && current == 0);
    HIP(hipDeviceGet(&device, 0));
    HIP(hipDeviceGetName(name, sizeof(name), device));
    HIP(hipDeviceComputeCapability(&major, &minor, device));
    HIP(hipDeviceTotalMem(&total, device));
    HIP(hipGetDeviceProperties(&p, 0));
    CHECK(std::string(p.name) == name && p.totalGlobalMem == total);
    printf("queries/device %s %d.%d units %d wave %d lds %zu clock %d\n", p.gcnArchName, major,
           minor, p.multiProcessorCount, p.warpSize, p.sharedMemPerBlock, p.clockRate);
    HIP(hipDeviceGetPCIBusId(bus, sizeof(bus), 0));
    HIP(hipDeviceGetByPCIBusId(&value, bus));
    CHECK(value == 0);
    for (hipDeviceAttribute_t a :
         {hipDeviceAttributeMaxThreadsPerBlock, hipDeviceAttributeMaxBlockDimX,
          hipDeviceAttributeMaxGridDimX, hipDeviceAttributeMaxSharedMemoryPerBlock,
          hipDeviceAttributeWarpSize, hipDeviceAttributeMaxRegistersPerBlock,
          hipDeviceAttributeMultiprocessorCount, hipDeviceAttributeConcurrentKernels,
          hipDeviceAttributeMaxThreadsPerMultiProcessor, hipDeviceAttributeManagedMemory,
          hipDeviceAttributeConcurrentManagedAccess, hipDeviceAttributeCanMapHostMemory,
          hipDeviceAttributeIntegrated, hipDeviceAttributeCooperativeLaunch,
          hipDeviceAttributeComputeMode, hipDeviceAttributeL2CacheSize}) {
        HIP(hipDeviceGetAttribute(&value, a, 0));
        printf("queries/attribute %d is %d\n", (int)a, value);
    }
    HIP(hipDriverGetVersion(&driver));
    HIP(hipRuntimeGetVersion(&runtime));
    printf("queries/versions %d %d\n", driver, runtime);
    HIP(hipDeviceCanAccessPeer(&value, 0, 0));
    printf("queries/peer %d\n", value);
    for (hipLimit_t l : {hipLimitPrintfFifoSize, hipLimitMallocHeapSize}) {
        limit = 0;
        hipError_t error = hipDeviceGetLimit(&limit, l);
        printf("queries/limit %d %s %zu\n", (int)l, hipGetErrorName(error), limit);
    }
    HIP(hipGetDeviceFlags(&flags));
    printf("queries/flags %u\n", flags);
    memset(&p, 0, sizeof(p));
    p.major = 9;
    HIP(hipChooseDevice(&value, &p));
    CHECK(value == 0);
}

static void test_pointers()
{
    char *device = check_alloc<char>(10000), *pinned, *base = nullptr;
    hipPointerAttribute_t a;
    hipDeviceptr_t start;
    size_t size = 0;
    unsigned flags = 0;
    int ordinal = -1;

    HIP(hipMemGetAddressRange(&start, &size, (hipDeviceptr_t)(device + 5000)));
    CHECK((char *)start == device && size == 10000);
    HIP(hipPointerGetAttribute(&ordinal, HIP_POINTER_ATTRIBUTE_DEVICE_ORDINAL,
                               (hipDeviceptr_t)device));
    HIP(hipPointerGetAttribute(&base, HIP_POINTER_ATTRIBUTE_RANGE_START_ADDR,
                               (hipDeviceptr_t)(device + 77)));
    CHECK(ordinal == 0 && base == device);
    HIP(hipMemPtrGetInfo(device, &size));
    CHECK(size == 10000);
    HIP(hipHostMalloc((void **)&pinned, 4096, hipHostMallocMapped | hipHostMallocPortable));
    HIP(hipHostGetFlags(&flags, pinned));
    CHECK(flags == (hipHostMallocMapped | hipHostMallocPortable));
    HIP(hipPointerGetAttributes(&a, pinned));
    CHECK(a.memoryType == hipMemoryTypeHost && a.hostPointer == pinned);
    HIP(hipHostFree(pinned));
    HIP(hipFree(device));
    printf("queries/pointers ok\n");
}

static void test_streams()
{
    hipStream_t stream;
    unsigned flags = 99;
    int priority = 99;

    HIP(hipStreamCreateWithFlags(&stream, hipStreamNonBlocking));
    HIP(hipStreamGetFlags(stream, &flags));
    CHECK(flags == hipStreamNonBlocking);
    HIP(hipStreamGetPriority(stream, &priority));
    printf("queries/stream priority %d\n", priority);
    HIP(hipStreamDestroy(stream));
    CHECK(hipPeekAtLastError() == hipSuccess);
    CHECK(hipSetDevice(5) != hipSuccess && hipPeekAtLastError() == hipErrorInvalidDevice);
    CHECK(hipGetLastError() == hipErrorInvalidDevice && hipGetLastError() == hipSuccess);
    printf("queries/streams ok\n");
}

/* The driver API's contexts, which HIP has for programs that were CUDA's. */
static void test_contexts()
{
    hipCtx_t context, current = nullptr;
    hipDevice_t device;
    int active = -1;
    unsigned flags = 99;
    int *p;

    HIP(hipDevicePrimaryCtxGetState(0, &flags, &active));
    HIP(hipDevicePrimaryCtxRetain(&context, 0));
    HIP(hipDevicePrimaryCtxRelease(0));
    HIP(hipCtxCreate(&context, 0, 0));
    HIP(hipCtxGetCurrent(&current));
    HIP(hipCtxGetDevice(&device));
    CHECK(current == context && device == 0);
    p = check_alloc<int>(64);
    plain<<<1, 64>>>(p);
    LAUNCHED();
    HIP(hipDeviceSynchronize());
    check_equal("queries/context", check_download(p, 64), std::vector<int>(64, 1));
    HIP(hipFree(p));
    HIP(hipCtxPopCurrent(&current));
    HIP(hipCtxPushCurrent(current));
    HIP(hipCtxDestroy(context));
    printf("queries/contexts ok, primary active %d\n", active);
}

int main()
{
    check_begin();
    test_occupancy("plain", plain);
    test_occupancy("lds", with_lds);
    test_occupancy("registers", with_registers);
    test_device();
    test_pointers();
    test_streams();
    test_contexts();
    return 0;
}
