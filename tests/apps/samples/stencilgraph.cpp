// SPDX-License-Identifier: Apache-2.0
/*
 * Heat on a plate, five-point stencil with a halo in shared memory. Once as a graph captured from a
 * stream, once as a graph of hand-made nodes (memset, copy, kernels, host function, empty), each
 * launched several times; both are to give what plain launches give, bit for bit, and what the CPU
 * gives.
 */
#include <hip/hip_runtime.h>

#include <cmath>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <vector>

#define HIP(call)                                                                                  \
    do {                                                                                           \
        hipError_t error = (call);                                                                 \
        if (error != hipSuccess) {                                                                 \
            printf("FAILED: line %d: %s\n", __LINE__, hipGetErrorString(error));                   \
            exit(1);                                                                               \
        }                                                                                          \
    } while (0)

constexpr int WIDTH = 96, HEIGHT = 80, TILE = 16, PAIRS = 3, LAUNCHES = 4;
constexpr size_t BYTES = sizeof(float) * WIDTH * HEIGHT;

__global__ void step(const float *in, float *out, float alpha)
{
    __shared__ float tile[TILE + 2][TILE + 2];
    const int x = blockIdx.x * TILE + threadIdx.x, y = blockIdx.y * TILE + threadIdx.y;
    const int tx = threadIdx.x + 1, ty = threadIdx.y + 1;
    auto at = [&](int px, int py) {
        return in[min(max(py, 0), HEIGHT - 1) * WIDTH + min(max(px, 0), WIDTH - 1)];
    };

    tile[ty][tx] = at(x, y);
    if (tx == 1)
        tile[ty][0] = at(x - 1, y);
    if (tx == TILE)
        tile[ty][TILE + 1] = at(x + 1, y);
    if (ty == 1)
        tile[0][tx] = at(x, y - 1);
    if (ty == TILE)
        tile[TILE + 1][tx] = at(x, y + 1);
    __syncthreads();
    float middle = tile[ty][tx];
    out[y * WIDTH + x] = middle + alpha * (tile[ty][tx - 1] + tile[ty][tx + 1] + tile[ty - 1][tx] +
                                           tile[ty + 1][tx] - 4 * middle);
}

static const dim3 grid(WIDTH / TILE, HEIGHT / TILE), threads(TILE, TILE);
static float alpha = 0.2f;
static int told; /* by the host node */

static void enqueue_pairs(float *a, float *b, hipStream_t stream)
{
    for (int i = 0; i < PAIRS; i++) {
        step<<<grid, threads, 0, stream>>>(a, b, alpha);
        step<<<grid, threads, 0, stream>>>(b, a, alpha);
    }
    HIP(hipGetLastError());
}

static std::vector<float> download(const float *p)
{
    std::vector<float> v(WIDTH * HEIGHT);

    HIP(hipMemcpy(v.data(), p, BYTES, hipMemcpyDeviceToHost));
    return v;
}

static std::vector<float> captured(const std::vector<float> &start, float *a, float *b)
{
    hipStream_t stream;
    hipGraph_t graph;
    hipGraphExec_t exec;
    size_t nodes = 0;

    HIP(hipStreamCreate(&stream));
    HIP(hipMemcpy(a, start.data(), BYTES, hipMemcpyHostToDevice));
    HIP(hipStreamBeginCapture(stream, hipStreamCaptureModeGlobal));
    enqueue_pairs(a, b, stream);
    HIP(hipStreamEndCapture(stream, &graph));
    HIP(hipGraphGetNodes(graph, nullptr, &nodes));
    if (nodes != 2 * PAIRS) {
        printf("FAILED: %zu nodes captured\n", nodes);
        exit(1);
    }
    HIP(hipGraphInstantiate(&exec, graph, nullptr, nullptr, 0));
    for (int i = 0; i < LAUNCHES; i++)
        HIP(hipGraphLaunch(exec, stream));
    HIP(hipStreamSynchronize(stream));
    HIP(hipGraphExecDestroy(exec));
    HIP(hipGraphDestroy(graph));
    HIP(hipStreamDestroy(stream));
    return download(a);
}

static void add_kernel(hipGraph_t graph, hipGraphNode_t *last, const float *in, float *out)
{
    void *arguments[] = {&in, &out, &alpha};
    hipKernelNodeParams params = {};
    hipGraphNode_t node;

    params.func = (void *)step;
    params.gridDim = grid;
    params.blockDim = threads;
    params.kernelParams = arguments;
    HIP(hipGraphAddKernelNode(&node, graph, last, 1, &params));
    *last = node;
}

/* One graph that starts anew each time: clears both, copies the start in, steps, copies out. */
static std::vector<float> made_by_hand(const std::vector<float> &start, float *a, float *b)
{
    std::vector<float> result(WIDTH * HEIGHT);
    hipGraph_t graph;
    hipGraphExec_t exec;
    hipGraphNode_t cleared[2], joined, last;
    hipMemsetParams clear = {};
    hipHostNodeParams host = {};

    HIP(hipGraphCreate(&graph, 0));
    clear.elementSize = 4;
    clear.width = WIDTH * HEIGHT;
    clear.height = 1;
    clear.dst = a;
    HIP(hipGraphAddMemsetNode(&cleared[0], graph, nullptr, 0, &clear));
    clear.dst = b;
    HIP(hipGraphAddMemsetNode(&cleared[1], graph, nullptr, 0, &clear));
    HIP(hipGraphAddEmptyNode(&joined, graph, cleared, 2));
    HIP(hipGraphAddMemcpyNode1D(&last, graph, &joined, 1, a, start.data(), BYTES,
                                hipMemcpyHostToDevice));
    for (int i = 0; i < LAUNCHES * PAIRS; i++) {
        add_kernel(graph, &last, a, b);
        add_kernel(graph, &last, b, a);
    }
    hipGraphNode_t copied;
    HIP(hipGraphAddMemcpyNode1D(&copied, graph, &last, 1, result.data(), a, BYTES,
                                hipMemcpyDeviceToHost));
    host.fn = [](void *count) { ++*(int *)count; };
    host.userData = &told;
    HIP(hipGraphAddHostNode(&last, graph, &copied, 1, &host));
    HIP(hipGraphInstantiate(&exec, graph, nullptr, nullptr, 0));
    for (int i = 0; i < 2; i++) {
        memset(result.data(), 0, BYTES);
        HIP(hipGraphLaunch(exec, 0));
        HIP(hipStreamSynchronize(0));
    }
    HIP(hipGraphExecDestroy(exec));
    HIP(hipGraphDestroy(graph));
    return result;
}

int main()
{
    std::vector<float> start(WIDTH * HEIGHT), plain;
    std::vector<double> now(WIDTH * HEIGHT), next(WIDTH * HEIGHT);
    double worst = 0;
    float *a, *b;

    for (int i = 0; i < WIDTH * HEIGHT; i++)
        now[i] = start[i] = i % 37 == 0 ? 100 : (float)(i % 11);
    HIP(hipMalloc(&a, BYTES));
    HIP(hipMalloc(&b, BYTES));
    HIP(hipMemcpy(a, start.data(), BYTES, hipMemcpyHostToDevice));
    for (int i = 0; i < LAUNCHES; i++)
        enqueue_pairs(a, b, 0);
    plain = download(a);

    for (int s = 0; s < LAUNCHES * PAIRS * 2; s++) {
        auto at = [&](int x, int y) {
            x = x < 0 ? 0 : x >= WIDTH ? WIDTH - 1 : x;
            y = y < 0 ? 0 : y >= HEIGHT ? HEIGHT - 1 : y;
            return now[y * WIDTH + x];
        };

        for (int y = 0; y < HEIGHT; y++)
            for (int x = 0; x < WIDTH; x++)
                next[y * WIDTH + x] =
                    at(x, y) + (double)alpha * (at(x - 1, y) + at(x + 1, y) + at(x, y - 1) +
                                                at(x, y + 1) - 4 * at(x, y));
        now.swap(next);
    }
    for (int i = 0; i < WIDTH * HEIGHT; i++)
        worst = std::fmax(worst, std::fabs(plain[i] - now[i]));
    if (!(worst < 1e-3)) {
        printf("FAILED: off by %g\n", worst);
        return 1;
    }
    if (captured(start, a, b) != plain) {
        printf("FAILED: the captured graph differs\n");
        return 1;
    }
    if (made_by_hand(start, a, b) != plain || told != 2) {
        printf("FAILED: the graph made by hand differs, host node ran %d times\n", told);
        return 1;
    }
    printf("%d steps: ok, middle %.5f\n", LAUNCHES * PAIRS * 2,
           (double)plain[HEIGHT / 2 * WIDTH + WIDTH / 2]);
    HIP(hipFree(a));
    HIP(hipFree(b));
    return 0;
}
