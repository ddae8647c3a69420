// SPDX-License-Identifier: Apache-2.0
/*
 * A pipeline on six streams: pinned memory in, two kernels, pinned memory out, then a callback that
 * checks the buffer; chunks are passed to a collecting stream by events.
 */
#include <hip/hip_runtime.h>

#include <atomic>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <vector>

#define HIP(call)                                                                                  \
    do {                                                                                           \
        hipError_t error = (call);                                                                 \
        if (error != hipSuccess) {                                                                 \
            printf("FAILED: line %d: %s\n", __LINE__, hipGetErrorString(error));                   \
            exit(1);                                                                               \
        }                                                                                          \
    } while (0)

constexpr int STREAMS = 6, CHUNKS = 24, ITEMS = 2000;
constexpr size_t BYTES = ITEMS * sizeof(uint32_t);

__host__ __device__ uint32_t mix(uint32_t x, uint32_t rounds)
{
    for (uint32_t i = 0; i < rounds; i++) {
        x ^= x >> 16;
        x *= 0x7feb352du;
        x ^= x >> 15;
        x += i;
    }
    return x;
}

__global__ void mixing(uint32_t *data, int n, uint32_t rounds)
{
    for (int i = blockIdx.x * blockDim.x + threadIdx.x; i < n; i += gridDim.x * blockDim.x)
        data[i] = mix(data[i], rounds);
}

__global__ void add_up(const uint32_t *data, int n, unsigned long long *total)
{
    unsigned long long sum = 0;

    for (int i = blockIdx.x * blockDim.x + threadIdx.x; i < n; i += gridDim.x * blockDim.x)
        sum += data[i];
    atomicAdd(total, sum);
}

static std::atomic<int> finished, wrong, out_of_order;

struct lane {
    hipStream_t stream;
    hipEvent_t ready;
    uint32_t *in, *out, *device;
    int last_chunk;
};

struct job {
    lane *owner;
    int chunk;
};

static void on_stream(hipStream_t stream, hipError_t status, void *data)
{
    job *done = (job *)data;
    lane *l = done->owner;

    if (status != hipSuccess || stream != l->stream)
        wrong++;
    if (l->last_chunk >= done->chunk)
        out_of_order++;
    l->last_chunk = done->chunk;
    for (int i = 0; i < ITEMS; i++)
        if (l->out[i] != mix(mix((uint32_t)(done->chunk * ITEMS + i), 5), 9))
            wrong++;
    finished++;
}

int main()
{
    lane lanes[STREAMS];
    std::vector<job> jobs(CHUNKS);
    std::vector<hipEvent_t> timed(2);
    hipStream_t collector;
    unsigned long long *total, got = 0, want = 0;
    float milliseconds = -1;

    for (int s = 0; s < STREAMS; s++) {
        lane &l = lanes[s];

        HIP(hipStreamCreateWithFlags(&l.stream, s % 2 ? hipStreamNonBlocking : hipStreamDefault));
        HIP(hipEventCreateWithFlags(&l.ready, hipEventDisableTiming));
        HIP(hipHostMalloc((void **)&l.in, BYTES, hipHostMallocDefault));
        HIP(hipHostMalloc((void **)&l.out, BYTES, hipHostMallocNonCoherent));
        HIP(hipMalloc(&l.device, BYTES));
        l.last_chunk = -1;
    }
    HIP(hipStreamCreate(&collector));
    HIP(hipMalloc(&total, sizeof(*total)));
    HIP(hipMemset(total, 0, sizeof(*total)));
    for (hipEvent_t &event : timed)
        HIP(hipEventCreate(&event));
    HIP(hipDeviceSynchronize());
    HIP(hipEventRecord(timed[0], collector));
    for (int chunk = 0; chunk < CHUNKS; chunk++) {
        lane &l = lanes[chunk % STREAMS];

        jobs[chunk] = {&l, chunk};
        HIP(hipStreamSynchronize(l.stream)); /* its pinned memory is in use until then */
        for (int i = 0; i < ITEMS; i++)
            l.in[i] = (uint32_t)(chunk * ITEMS + i);
        HIP(hipMemcpyAsync(l.device, l.in, BYTES, hipMemcpyHostToDevice, l.stream));
        mixing<<<4, 128, 0, l.stream>>>(l.device, ITEMS, 5);
        mixing<<<3, 64, 0, l.stream>>>(l.device, ITEMS, 9);
        HIP(hipEventRecord(l.ready, l.stream));
        HIP(hipStreamWaitEvent(collector, l.ready, 0));
        add_up<<<2, 256, 0, collector>>>(l.device, ITEMS, total);
        HIP(hipEventRecord(l.ready, collector)); /* the lane may overwrite it after that */
        HIP(hipMemcpyAsync(l.out, l.device, BYTES, hipMemcpyDeviceToHost, l.stream));
        HIP(hipStreamWaitEvent(l.stream, l.ready, 0));
        HIP(hipStreamAddCallback(l.stream, on_stream, &jobs[chunk], 0));
    }
    HIP(hipEventRecord(timed[1], collector));
    HIP(hipDeviceSynchronize());
    HIP(hipEventElapsedTime(&milliseconds, timed[0], timed[1]));
    HIP(hipMemcpy(&got, total, sizeof(got), hipMemcpyDeviceToHost));
    for (uint32_t i = 0; i < CHUNKS * ITEMS; i++)
        want += mix(mix(i, 5), 9);
    if (finished != CHUNKS || wrong || out_of_order || got != want || !(milliseconds > 0)) {
        printf("FAILED: %d chunks, %d wrong, %d out of order, total %llu instead of %llu, %g ms\n",
               finished.load(), wrong.load(), out_of_order.load(), got, want, (double)milliseconds);
        return 1;
    }
    printf("%d chunks on %d streams: ok, total %llu\n", CHUNKS, STREAMS, got);
    for (lane &l : lanes) {
        HIP(hipFree(l.device));
        HIP(hipHostFree(l.in));
        HIP(hipHostFree(l.out));
        HIP(hipEventDestroy(l.ready));
        HIP(hipStreamDestroy(l.stream));
    }
    HIP(hipStreamDestroy(collector));
    HIP(hipFree(total));
    return 0;
}
