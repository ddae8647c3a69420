// SPDX-License-Identifier: Apache-2.0
/*
 * A best-effort program of two streams with kernels, copies by the copy engine, events that one
 * stream waits for on the other, host callbacks and a graph, in a fixed order; and a real-time
 * stream of its own (high priority). Before each of the program's operations in turn real-time work
 * arrives, so that best-effort work is preempted at every boundary between its packets. Every run
 * must give the same bytes, and each callback must come once, in order.
 *
 *   boundaries [ROUNDS]
 */
#include "check.h"

#include <atomic>

constexpr int kWords = 1 << 14, kItems = 64;

__global__ void mix(const unsigned *in, unsigned *out, unsigned salt, int rounds)
{
    const unsigned i = blockIdx.x * blockDim.x + threadIdx.x;
    unsigned value = in[i];
    for (int r = 0; r < rounds; r++)
        value = (value ^ salt) * 1664525u + 1013904223u;
    out[i] = value;
}

/* Not to be run again: works in place. */
__global__ void bump(unsigned *at)
{
    at[blockIdx.x * blockDim.x + threadIdx.x] += 12345u;
}

__global__ void urgent(unsigned *at)
{
    at[threadIdx.x] = threadIdx.x;
}

static std::atomic<int> calls, disorder;

static void on_host(hipStream_t, hipError_t, void *number)
{
    const int n = static_cast<int>(reinterpret_cast<intptr_t>(number));
    if (calls.fetch_add(1) != n)
        disorder++;
}

struct Program {
    hipStream_t a, b, rt;
    hipEvent_t forth, back;
    hipGraphExec_t graph;
    unsigned *x, *y, *z, *u;
    unsigned *host;

    static constexpr int kOperations = 16;

    void operation(int n)
    {
        const dim3 grid(kWords / kItems), block(kItems);
        switch (n) {
        case 0:
            HIP(hipMemcpyAsync(x, host, kWords * 4, hipMemcpyHostToDevice, a));
            break;
        case 1:
            mix<<<grid, block, 0, a>>>(x, y, 1, 200);
            break;
        case 2:
            HIP(hipEventRecord(forth, a));
            break;
        case 3:
            HIP(hipStreamWaitEvent(b, forth, 0));
            break;
        case 4:
            mix<<<grid, block, 0, b>>>(y, z, 2, 300);
            break;
        case 5:
            HIP(hipStreamAddCallback(b, on_host, reinterpret_cast<void *>(0), 0));
            break;
        case 6:
            bump<<<grid, block, 0, b>>>(z);
            break;
        case 7:
            mix<<<grid, block, 0, a>>>(y, x, 3, 100);
            break;
        case 8:
            HIP(hipEventRecord(back, b));
            break;
        case 9:
            HIP(hipStreamWaitEvent(a, back, 0));
            break;
        case 10:
            HIP(hipMemcpyAsync(y, z, kWords * 4, hipMemcpyDeviceToDevice, a));
            break;
        case 11:
            HIP(hipGraphLaunch(graph, a));
            break;
        case 12:
            HIP(hipStreamAddCallback(a, on_host, reinterpret_cast<void *>(1), 0));
            break;
        case 13:
            mix<<<grid, block, 0, a>>>(x, z, 4, 400);
            break;
        case 14:
            bump<<<grid, block, 0, a>>>(z);
            break;
        case 15:
            HIP(hipMemcpyAsync(host + kWords, z, kWords * 4, hipMemcpyDeviceToHost, a));
            break;
        }
    }

    /* x = y and more, twice over. */
    void make_graph()
    {
        hipGraph_t made;
        hipStream_t s;
        HIP(hipStreamCreate(&s));
        HIP(hipStreamBeginCapture(s, hipStreamCaptureModeGlobal));
        mix<<<kWords / kItems, kItems, 0, s>>>(y, u, 5, 50);
        mix<<<kWords / kItems, kItems, 0, s>>>(u, x, 6, 50);
        HIP(hipStreamEndCapture(s, &made));
        HIP(hipGraphInstantiate(&graph, made, nullptr, nullptr, 0));
    }

    /* Real-time work comes before operation @at (-1: never). Returns a sum over the result. */
    unsigned long long run(int at, unsigned *rt_buffer)
    {
        for (int i = 0; i < kWords; i++)
            host[i] = i;
        calls = 0;
        for (int n = 0; n < kOperations; n++) {
            if (n == at)
                urgent<<<1, kItems, 0, rt>>>(rt_buffer);
            operation(n);
        }
        HIP(hipStreamSynchronize(b));
        HIP(hipStreamSynchronize(a));
        HIP(hipStreamSynchronize(rt));
        if (calls != 2)
            disorder++;
        unsigned long long sum = 0;
        for (int i = 0; i < kWords; i++)
            sum = sum * 1000003 + host[kWords + i];
        return sum;
    }
};

int main(int argc, char **argv)
{
    const int rounds = argc > 1 ? std::atoi(argv[1]) : 2;
    Program p;
    unsigned *rt_buffer;
    int least, greatest, wrong = 0;
    HIP(hipDeviceGetStreamPriorityRange(&least, &greatest));
    HIP(hipStreamCreate(&p.a));
    HIP(hipStreamCreate(&p.b));
    HIP(hipStreamCreateWithPriority(&p.rt, hipStreamDefault, greatest));
    HIP(hipEventCreate(&p.forth));
    HIP(hipEventCreate(&p.back));
    for (unsigned **m : {&p.x, &p.y, &p.z, &p.u, &rt_buffer})
        HIP(hipMalloc(m, kWords * 4));
    HIP(hipHostMalloc(&p.host, 2 * kWords * 4, 0));
    p.make_graph();
    const unsigned long long want = p.run(-1, rt_buffer);
    for (int round = 0; round < rounds; round++)
        for (int at = 0; at < Program::kOperations; at++)
            wrong += p.run(at, rt_buffer) != want;
    std::printf("%016llx, %d wrong, %d callbacks out of order\n", want, wrong, disorder.load());
    return wrong != 0 || disorder != 0;
}
