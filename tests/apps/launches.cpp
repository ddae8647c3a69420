// SPDX-License-Identifier: Apache-2.0
/*
 * Every way to launch a kernel: <<<>>>, hipLaunchKernel, the call by name with arguments set one by
 * one, hipExtLaunchKernel and hipExtModuleLaunchKernel with events of their own, and out of order,
 * hipModuleLaunchKernel; on the null stream, on streams, and on each thread's own.
 */
#include "check.h"

#include <hip/hip_ext.h>
#include <hip/hiprtc.h>

#include <thread>

enum { N = 3000 };

__global__ void add(int *v, int n, int by)
{
    int i = blockIdx.x * blockDim.x + threadIdx.x;

    if (i < n)
        v[i] += by;
}

__global__ void take_long(unsigned *p, int rounds)
{
    unsigned v = threadIdx.x;

    for (int i = 0; i < rounds; i++)
        v = v * 1664525 + 1013904223;
    p[blockIdx.x * blockDim.x + threadIdx.x] = v;
}

static int *data, total;

static void expect(const char *name, int by)
{
    std::vector<int> want(N, total += by);

    check_equal(name, check_download(data, N), want);
}

static void test_plain()
{
    int n = N, by = 2;
    void *args[] = {&data, &n, &by};

    add<<<check_groups(N, 256), 256>>>(data, n, 1);
    LAUNCHED();
    HIP(hipDeviceSynchronize());
    expect("launches/chevrons", 1);
    HIP(hipLaunchKernel((const void *)add, dim3(check_groups(N, 64)), dim3(64), args, 0, 0));
    HIP(hipDeviceSynchronize());
    expect("launches/launch-kernel", 2);
    HIP(hipConfigureCall(dim3(check_groups(N, 128)), dim3(128), 0, 0));
    HIP(hipSetupArgument(&data, sizeof(data), 0));
    HIP(hipSetupArgument(&n, sizeof(n), 8));
    HIP(hipSetupArgument(&by, sizeof(by), 12));
    HIP(hipLaunchByPtr((const void *)add));
    HIP(hipDeviceSynchronize());
    expect("launches/by-pointer", 2);
}

/* The events that a launch carries take its own begin and end. */
static void test_ext()
{
    int n = N, by = 3;
    unsigned *p = check_alloc<unsigned>(64 * 64);
    void *args[] = {&data, &n, &by};
    hipEvent_t start, stop;
    hipStream_t stream;
    float ms = 0;

    HIP(hipEventCreate(&start));
    HIP(hipEventCreate(&stop));
    HIP(hipStreamCreate(&stream));
    HIP(hipExtLaunchKernel((const void *)add, dim3(check_groups(N, 64)), dim3(64), args, 0, stream,
                           start, stop, 0));
    HIP(hipEventSynchronize(stop));
    HIP(hipEventElapsedTime(&ms, start, stop));
    CHECK(ms > 0);
    expect("launches/ext", 3);
    hipExtLaunchKernelGGL(take_long, dim3(64), dim3(64), 0, stream, start, stop, 0, p, 2000);
    HIP(hipEventSynchronize(stop));
    float longer = 0;
    HIP(hipEventElapsedTime(&longer, start, stop));
    CHECK(longer > ms);
    hipExtLaunchKernelGGL(add, dim3(check_groups(N, 64)), dim3(64), 0, stream, nullptr, stop,
                          hipExtAnyOrderLaunch, data, n, 4);
    HIP(hipStreamSynchronize(stream));
    CHECK(hipEventQuery(stop) == hipSuccess);
    expect("launches/any-order", 4);
    HIP(hipEventDestroy(start));
    HIP(hipEventDestroy(stop));
    HIP(hipStreamDestroy(stream));
    HIP(hipFree(p));
}

static std::vector<char> compile()
{
    static const char source[] = "extern \"C\" __global__ void step(int *v, int n, int by)\n"
                                 "{\n"
                                 "    int i = blockIdx.x * blockDim.x + threadIdx.x;\n"
                                 "    if (i < n)\n"
                                 "        v[i] += by;\n"
                                 "}\n";
    hiprtcProgram program;
    size_t size = 0;

    CHECK(hiprtcCreateProgram(&program, source, "step.hip", 0, nullptr, nullptr) == HIPRTC_SUCCESS);
    CHECK(hiprtcCompileProgram(program, 0, nullptr) == HIPRTC_SUCCESS);
    CHECK(hiprtcGetCodeSize(program, &size) == HIPRTC_SUCCESS);
    std::vector<char> code(size);
    CHECK(hiprtcGetCode(program, code.data()) == HIPRTC_SUCCESS);
    CHECK(hiprtcDestroyProgram(&program) == HIPRTC_SUCCESS);
    return code;
}

static void test_module()
{
    std::vector<char> code = compile();
    int n = N, by = 5, blocks = 0, grid = 0, block = 0, value = 0;
    void *args[] = {&data, &n, &by};
    hipFunction_t step;
    hipModule_t module;
    hipEvent_t start, stop;
    float ms = 0;

    HIP(hipEventCreate(&start));
    HIP(hipEventCreate(&stop));
    HIP(hipModuleLoadDataEx(&module, code.data(), 0, nullptr, nullptr));
    HIP(hipModuleGetFunction(&step, module, "step"));
    HIP(hipModuleLaunchKernel(step, check_groups(N, 64), 1, 1, 64, 1, 1, 0, nullptr, args,
                              nullptr));
    HIP(hipDeviceSynchronize());
    expect("launches/module", 5);
    HIP(hipExtModuleLaunchKernel(step, N, 1, 1, 50, 1, 1, 0, nullptr, args, nullptr, start, stop,
                                 0));
    HIP(hipEventSynchronize(stop));
    HIP(hipEventElapsedTime(&ms, start, stop));
    CHECK(ms > 0);
    expect("launches/module-ext", 5);
    HIP(hipModuleOccupancyMaxActiveBlocksPerMultiprocessor(&blocks, step, 256, 0));
    HIP(hipModuleOccupancyMaxPotentialBlockSize(&grid, &block, step, 0, 0));
    HIP(hipFuncGetAttribute(&value, HIP_FUNC_ATTRIBUTE_MAX_THREADS_PER_BLOCK, step));
    printf("launches/module occupancy %d, potential %d of %d, threads %d\n", blocks, grid, block,
           value);
    HIP(hipModuleUnload(module));
    HIP(hipEventDestroy(start));
    HIP(hipEventDestroy(stop));
}

/* Each thread's own default stream: what a thread launches there is in order, and waits for nobody.
 */
static void test_per_thread()
{
    enum { THREADS = 4, ROUNDS = 10 };
    std::vector<std::thread> threads;
    int *parts[THREADS];

    for (int t = 0; t < THREADS; t++) {
        parts[t] = check_upload(std::vector<int>(N, t));
        int *p = parts[t];
        threads.emplace_back([p, t] {
            for (int r = 0; r < ROUNDS; r++)
                add<<<check_groups(N, 256), 256, 0, hipStreamPerThread>>>(p, N, t + 1);
            LAUNCHED();
            HIP(hipStreamSynchronize(hipStreamPerThread));
        });
    }
    for (std::thread &t : threads)
        t.join();
    for (int t = 0; t < THREADS; t++) {
        check_equal("launches/per-thread", check_download(parts[t], N),
                    std::vector<int>(N, t + ROUNDS * (t + 1)));
        HIP(hipFree(parts[t]));
    }
}

int main()
{
    check_begin();
    data = check_upload(std::vector<int>(N, 0));
    test_plain();
    test_ext();
    test_module();
    test_per_thread();
    HIP(hipFree(data));
    return 0;
}
