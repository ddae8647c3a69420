// SPDX-License-Identifier: Apache-2.0
/*
 * green BLOCKS PERIODS: green contexts as padding in one process. Every 10 ms ten kernels of BLOCKS
 * blocks and 100 us on one stream, beside a thread that saturates another one with kernels of 1 ms
 * that fill the GPU: alone      without that thread streams    streams of one context, the first of
 * the highest priority green      streams of two green contexts: BLOCKS multiprocessors for the
 * first, the others for the second A block takes all shared memory of a multiprocessor. Prints the
 * first's latency in us and the second's kernels a second, of each.
 */
#include <cuda.h>
#include <cuda_runtime.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <cstdio>
#include <cstdlib>
#include <thread>
#include <vector>

#define TRY(call)                                                                                  \
    do {                                                                                           \
        int result_ = (int)(call);                                                                 \
        if (result_ != 0) {                                                                        \
            fprintf(stderr, "%s:%d: %s: %d\n", __FILE__, __LINE__, #call, result_);                \
            exit(1);                                                                               \
        }                                                                                          \
    } while (0)

enum {
    THREADS = 128,
    KERNELS = 10,
    DEPTH = 4,
    SPAN_US = 10000,
    PADDING_US = 1000,
    KERNEL_US = 100
};

__global__ void spin(unsigned *out, unsigned rounds)
{
    unsigned x = blockIdx.x * blockDim.x + threadIdx.x;
    for (unsigned i = 0; i < rounds; i++)
        x = x * 1664525u + 1013904223u + (x >> 7);
    out[blockIdx.x * blockDim.x + threadIdx.x] = x;
}

static int shared_bytes, processors;
static double ns_per_round;

static double now_us()
{
    return std::chrono::duration<double, std::micro>(
               std::chrono::steady_clock::now().time_since_epoch())
        .count();
}

static void launch(CUstream stream, unsigned *out, int blocks, double us)
{
    spin<<<blocks, THREADS, shared_bytes, (cudaStream_t)stream>>>(
        out, (unsigned)(us * 1000 / ns_per_round));
    TRY(cudaGetLastError());
}

static void calibrate(unsigned *out)
{
    cudaEvent_t begin, end;
    float ms[2] = {1e9f, 1e9f}, once;
    TRY(cudaEventCreate(&begin));
    TRY(cudaEventCreate(&end));
    for (int i = 0; i < 20; i++) {
        TRY(cudaEventRecord(begin));
        spin<<<processors, THREADS, shared_bytes>>>(out, i & 1 ? 110000 : 10000);
        TRY(cudaEventRecord(end));
        TRY(cudaEventSynchronize(end));
        TRY(cudaEventElapsedTime(&once, begin, end));
        ms[i & 1] = std::min(ms[i & 1], once);
    }
    ns_per_round = (ms[1] - ms[0]) * 1e6 / 100000;
}

struct pair {
    CUstream first, second;
};

static pair two_streams()
{
    pair p;
    int low, high;
    TRY(cuCtxGetStreamPriorityRange(&low, &high));
    TRY(cuStreamCreateWithPriority(&p.first, CU_STREAM_NON_BLOCKING, high));
    TRY(cuStreamCreateWithPriority(&p.second, CU_STREAM_NON_BLOCKING, low));
    return p;
}

static CUstream green_stream(CUdevice device, CUdevResource *resource)
{
    CUdevResourceDesc description;
    CUgreenCtx context;
    CUstream stream;
    TRY(cuDevResourceGenerateDesc(&description, resource, 1));
    TRY(cuGreenCtxCreate(&context, description, device, CU_GREEN_CTX_DEFAULT_STREAM));
    TRY(cuGreenCtxStreamCreate(&stream, context, CU_STREAM_NON_BLOCKING, 0));
    return stream;
}

static pair two_contexts(CUdevice device, int blocks)
{
    CUdevResource all, first, rest;
    unsigned groups = 1;
    TRY(cuDeviceGetDevResource(device, &all, CU_DEV_RESOURCE_TYPE_SM));
    TRY(cuDevSmResourceSplitByCount(&first, &groups, &all, &rest, 0, blocks));
    fprintf(stderr, "green: %u and %u multiprocessors\n", first.sm.smCount, rest.sm.smCount);
    return {green_stream(device, &first), green_stream(device, &rest)};
}

static void measure(const char *name, pair streams, bool beside, int blocks, int periods)
{
    std::atomic<bool> over{false};
    std::atomic<long> kernels{0};
    std::vector<double> us;
    unsigned *mine;
    TRY(cudaMalloc(&mine, processors * THREADS * sizeof(*mine)));
    double start_us = now_us();
    std::thread saturate([&] {
        unsigned *out;
        CUevent done[DEPTH];
        TRY(cudaSetDevice(0));
        TRY(cudaMalloc(&out, processors * THREADS * sizeof(*out)));
        for (auto &event : done)
            TRY(cuEventCreate(&event, CU_EVENT_DISABLE_TIMING));
        for (long i = 0; beside && !over; i++) {
            TRY(cuEventSynchronize(done[i % DEPTH]));
            launch(streams.second, out, processors, PADDING_US);
            TRY(cuEventRecord(done[i % DEPTH], streams.second));
            kernels++;
        }
        TRY(cuStreamSynchronize(streams.second));
    });
    for (int i = 0; i < periods; i++) {
        while (now_us() < start_us + (i + 1) * (double)SPAN_US)
            std::this_thread::sleep_for(std::chrono::microseconds(50));
        double begin_us = now_us();
        for (int k = 0; k < KERNELS; k++)
            launch(streams.first, mine, blocks, KERNEL_US);
        TRY(cuStreamSynchronize(streams.first));
        us.push_back(now_us() - begin_us);
    }
    over = true;
    saturate.join();
    double seconds = (now_us() - start_us) / 1e6;
    std::sort(us.begin(), us.end());
    printf("%s\"%s\": {\"p50_us\": %.1f, \"p99_us\": %.1f, \"kernels_per_s\": %.0f}",
           *name == 'a' ? "" : ", ", name, us[us.size() / 2], us[us.size() * 99 / 100],
           kernels / seconds);
}

int main(int argc, char **argv)
{
    CUdevice device;
    unsigned *out;
    if (argc < 3)
        return 2;
    int blocks = atoi(argv[1]), periods = atoi(argv[2]);
    TRY(cudaSetDevice(0));
    TRY(cudaFree(nullptr));
    TRY(cuDeviceGet(&device, 0));
    TRY(cuDeviceGetAttribute(&processors, CU_DEVICE_ATTRIBUTE_MULTIPROCESSOR_COUNT, device));
    TRY(cuDeviceGetAttribute(&shared_bytes, CU_DEVICE_ATTRIBUTE_MAX_SHARED_MEMORY_PER_BLOCK_OPTIN,
                             device));
    TRY(cudaFuncSetAttribute(spin, cudaFuncAttributeMaxDynamicSharedMemorySize, shared_bytes));
    TRY(cudaMalloc(&out, processors * THREADS * sizeof(*out)));
    calibrate(out);
    printf("{\"blocks\": %d, ", blocks);
    measure("alone", two_streams(), false, blocks, periods);
    measure("streams", two_streams(), true, blocks, periods);
    measure("green", two_contexts(device, blocks), true, blocks, periods);
    printf("}\n");
    return 0;
}
