// SPDX-License-Identifier: Apache-2.0
/*
 * runtime ROUNDS: what programs of nvcc do with the CUDA runtime: kernels on several streams with events
 * between them, the default stream (legacy or per thread, as it is compiled), asynchronous copies and
 * allocations, a graph by capture, a cooperative launch, host functions, and cuBLAS where it is compiled in
 * (-DWITH_CUBLAS -lcublas). Two threads do it at a time. Prints a digest of all results, which must be the
 * same in each run.
 */
#include <cooperative_groups.h>
#include <cuda_runtime.h>
#ifdef WITH_CUBLAS
#include <cublas_v2.h>
#endif

#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <thread>
#include <vector>

#include <unistd.h>

#define TRY(call)                                                                                  \
    do {                                                                                           \
        cudaError_t result_ = (call);                                                              \
        if (result_ != cudaSuccess) {                                                              \
            fprintf(stderr, "%s:%d: %s: %s\n", __FILE__, __LINE__, #call,                          \
                    cudaGetErrorString(result_));                                                  \
            _exit(1); /* the other thread goes on until then */                                    \
        }                                                                                          \
    } while (0)

constexpr int kCount = 1 << 16;

__global__ void mix(uint32_t *to, const uint32_t *from, uint32_t salt, int rounds)
{
    int i = blockIdx.x * blockDim.x + threadIdx.x;
    uint32_t value = from[(i * 17) % kCount] ^ salt;
    for (int r = 0; r < rounds; r++)
        value = value * 1664525u + 1013904223u;
    to[i] = value;
}

/* Every block reads what all others wrote before the barrier of the grid. */
__global__ void mix_together(uint32_t *values, uint32_t *sums)
{
    auto grid = cooperative_groups::this_grid();
    int threads = gridDim.x * blockDim.x, me = blockIdx.x * blockDim.x + threadIdx.x;
    for (int i = me; i < kCount; i += threads)
        sums[i] = values[kCount - 1 - i] + 1;
    grid.sync();
    for (int i = me; i < kCount; i += threads)
        values[i] ^= sums[(i * 5) % kCount];
}

static void add_to(void *sum)
{
    *static_cast<uint64_t *>(sum) = *static_cast<uint64_t *>(sum) * 31 + 7;
}

struct work {
    cudaStream_t stream[2];
    cudaEvent_t event[2];
    uint32_t *a, *b, *pinned;
    uint64_t host_sum = 0;
};

static void launch(const work &w, uint32_t *to, const uint32_t *from, uint32_t salt, cudaStream_t s)
{
    mix<<<kCount / 256, 256, 0, s>>>(to, from, salt, 200);
    TRY(cudaGetLastError());
}

/* a -> b on one stream, b -> a on the other, and a detour through memory that lives for one round. */
static void one_round(work &w, uint32_t salt)
{
    uint32_t *temporary;
    launch(w, w.b, w.a, salt, w.stream[0]);
    TRY(cudaEventRecord(w.event[0], w.stream[0]));
    TRY(cudaStreamWaitEvent(w.stream[1], w.event[0], 0));
    TRY(cudaMallocAsync(reinterpret_cast<void **>(&temporary), kCount * 4, w.stream[1]));
    launch(w, temporary, w.b, salt + 1, w.stream[1]);
    TRY(cudaMemcpyAsync(w.a, temporary, kCount * 4, cudaMemcpyDeviceToDevice, w.stream[1]));
    TRY(cudaFreeAsync(temporary, w.stream[1]));
    TRY(cudaLaunchHostFunc(w.stream[1], add_to, &w.host_sum));
    TRY(cudaEventRecord(w.event[1], w.stream[1]));
    TRY(cudaStreamWaitEvent(w.stream[0], w.event[1], 0));
}

/* On the stream that is not ordered with the legacy one, which the other thread uses meanwhile. */
static cudaGraphExec_t capture(work &w)
{
    cudaGraph_t graph;
    cudaGraphExec_t exec;
    TRY(cudaStreamBeginCapture(w.stream[1], cudaStreamCaptureModeThreadLocal));
    launch(w, w.b, w.a, 5, w.stream[1]);
    launch(w, w.a, w.b, 6, w.stream[1]);
    TRY(cudaStreamEndCapture(w.stream[1], &graph));
    TRY(cudaGraphInstantiate(&exec, graph, 0));
    TRY(cudaGraphDestroy(graph));
    return exec;
}

#ifdef WITH_CUBLAS
/* Numbers that a float holds exactly, so every order of addition gives the same. */
static uint64_t multiply(cudaStream_t stream)
{
    constexpr int n = 512;
    std::vector<float> host(n * n);
    float *x, *y, *z, one = 1, zero = 0;
    cublasHandle_t handle;
    uint64_t digest = 0;
    for (int i = 0; i < n * n; i++)
        host[i] = static_cast<float>(i * 7 % 13 - 6);
    for (float **p : {&x, &y, &z})
        TRY(cudaMalloc(p, n * n * 4));
    TRY(cudaMemcpy(x, host.data(), n * n * 4, cudaMemcpyHostToDevice));
    TRY(cudaMemcpy(y, host.data(), n * n * 4, cudaMemcpyHostToDevice));
    TRY(cudaStreamSynchronize(nullptr));
    if (cublasCreate(&handle) != 0 || cublasSetStream(handle, stream) != 0)
        exit(1);
    for (int i = 0; i < 20; i++)
        if (cublasSgemm(handle, CUBLAS_OP_N, CUBLAS_OP_T, n, n, n, &one, x, n, y, n, &zero, z, n))
            exit(1);
    TRY(cudaStreamSynchronize(stream));
    TRY(cudaMemcpy(host.data(), z, n * n * 4, cudaMemcpyDeviceToHost));
    for (float f : host)
        digest = digest * 31 + static_cast<uint64_t>(static_cast<int64_t>(f));
    cublasDestroy(handle);
    for (float *p : {x, y, z})
        TRY(cudaFree(p));
    return digest;
}
#endif

static void together(work &w)
{
    void *arguments[] = {&w.a, &w.b};
    TRY(cudaLaunchCooperativeKernel(reinterpret_cast<void *>(mix_together), dim3(32), dim3(128),
                                    arguments, 0, w.stream[0]));
}

static void run(int rounds, uint32_t seed, uint64_t *digest)
{
    work w;
    std::vector<uint32_t> start(kCount);
    for (int i = 0; i < kCount; i++)
        start[i] = i * 2654435761u + seed;
    for (int i = 0; i < 2; i++) {
        TRY(cudaStreamCreateWithFlags(&w.stream[i], i ? cudaStreamNonBlocking : 0));
        TRY(cudaEventCreateWithFlags(&w.event[i], cudaEventDisableTiming));
    }
    TRY(cudaMalloc(&w.a, kCount * 4));
    TRY(cudaMalloc(&w.b, kCount * 4));
    TRY(cudaMallocHost(&w.pinned, kCount * 4));
    TRY(cudaMemcpy(w.a, start.data(), kCount * 4, cudaMemcpyHostToDevice));
    TRY(cudaStreamSynchronize(nullptr)); /* a copy from pageable memory may still be under way */
    cudaGraphExec_t graph = capture(w);
    for (int r = 0; r < rounds; r++) {
        one_round(w, seed + r);
        if (r % 3 == 0)
            TRY(cudaGraphLaunch(graph, w.stream[0]));
        if (r % 5 == 0)
            together(w);
        if (r % 7 == 0) { /* the default stream: legacy, or this thread's */
            TRY(cudaStreamSynchronize(w.stream[0]));
            launch(w, w.b, w.a, r, nullptr);
            TRY(cudaMemcpyAsync(w.a, w.b, kCount * 4, cudaMemcpyDeviceToDevice, nullptr));
            TRY(cudaStreamSynchronize(nullptr));
        }
    }
    TRY(cudaMemcpyAsync(w.pinned, w.a, kCount * 4, cudaMemcpyDeviceToHost, w.stream[0]));
    TRY(cudaStreamSynchronize(w.stream[0]));
    *digest = w.host_sum;
    for (int i = 0; i < kCount; i++)
        *digest = *digest * 31 + w.pinned[i];
#ifdef WITH_CUBLAS
    *digest = *digest * 31 + multiply(w.stream[0]);
#endif
    TRY(cudaDeviceSynchronize());
}

int main(int argc, char **argv)
{
    int rounds = argc > 1 ? atoi(argv[1]) : 200;
    uint64_t digest[2] = {};
    std::thread first(run, rounds, 1u, &digest[0]), second(run, rounds, 2u, &digest[1]);
    first.join();
    second.join();
    printf("{\"digest\": \"%016llx%016llx\"}\n", static_cast<unsigned long long>(digest[0]),
           static_cast<unsigned long long>(digest[1]));
    return 0;
}
