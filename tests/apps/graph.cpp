// SPDX-License-Identifier: Apache-2.0
/* Graphs: captured from a stream that forks and joins, built by hand, launched several times. */
#include "chain.h"

enum { N = 2048, GROUP = 64 };

static void test_capture()
{
    std::vector<unsigned> x(N), y(N);
    hipStream_t main_stream, side_stream;
    hipEvent_t fork, join;
    hipGraph_t graph;
    hipGraphExec_t exec;

    for (unsigned i = 0; i < N; i++) {
        x[i] = i;
        y[i] = 7 * i;
    }
    unsigned *dx = check_upload(x), *dy = check_upload(y);
    HIP(hipStreamCreateWithFlags(&main_stream, hipStreamNonBlocking));
    HIP(hipStreamCreateWithFlags(&side_stream, hipStreamNonBlocking));
    HIP(hipEventCreateWithFlags(&fork, hipEventDisableTiming));
    HIP(hipEventCreateWithFlags(&join, hipEventDisableTiming));

    HIP(hipStreamBeginCapture(main_stream, hipStreamCaptureModeGlobal));
    chain_affine<<<N / GROUP, GROUP, 0, main_stream>>>(dx, 3, 1);
    HIP(hipEventRecord(fork, main_stream));
    HIP(hipStreamWaitEvent(side_stream, fork, 0));
    chain_affine<<<N / GROUP, GROUP, 0, side_stream>>>(dy, 5, 2);
    HIP(hipEventRecord(join, side_stream));
    chain_affine<<<N / GROUP, GROUP, 0, main_stream>>>(dx, 7, 3);
    HIP(hipStreamWaitEvent(main_stream, join, 0));
    chain_combine<<<N / GROUP, GROUP, 0, main_stream>>>(dx, dy);
    HIP(hipStreamEndCapture(main_stream, &graph));
    HIP(hipGraphInstantiate(&exec, graph, nullptr, nullptr, 0));

    for (int launch = 0; launch < 4; launch++) {
        HIP(hipGraphLaunch(exec, main_stream));
        for (unsigned i = 0; i < N; i++) {
            y[i] = y[i] * 5 + 2;
            x[i] = ((x[i] * 3 + 1) * 7 + 3) * 31 + y[i];
        }
    }
    HIP(hipStreamSynchronize(main_stream));
    check_equal("graph/capture/x", check_download(dx, N), x);
    check_equal("graph/capture/y", check_download(dy, N), y);
    HIP(hipGraphExecDestroy(exec));
    HIP(hipGraphDestroy(graph));
    HIP(hipEventDestroy(fork));
    HIP(hipEventDestroy(join));
    HIP(hipStreamDestroy(main_stream));
    HIP(hipStreamDestroy(side_stream));
    HIP(hipFree(dx));
    HIP(hipFree(dy));
}

static void test_nodes()
{
    std::vector<unsigned> x(N);
    unsigned *dx = check_alloc<unsigned>(N), values[2] = {11, 13}, adds[2] = {1, 2};
    hipGraph_t graph;
    hipGraphExec_t exec;
    hipGraphNode_t copy_in, kernels[2];
    hipStream_t stream;

    for (unsigned i = 0; i < N; i++)
        x[i] = i ^ 0x55;
    HIP(hipStreamCreate(&stream));
    HIP(hipGraphCreate(&graph, 0));
    HIP(hipGraphAddMemcpyNode1D(&copy_in, graph, nullptr, 0, dx, x.data(), N * sizeof(unsigned),
                                hipMemcpyHostToDevice));
    for (int k = 0; k < 2; k++) {
        void *arguments[] = {&dx, &values[k], &adds[k]};
        hipKernelNodeParams params = {};

        params.func = (void *)chain_affine;
        params.gridDim = dim3(N / GROUP);
        params.blockDim = dim3(GROUP);
        params.kernelParams = arguments;
        HIP(hipGraphAddKernelNode(&kernels[k], graph, k ? &kernels[0] : &copy_in, 1, &params));
    }
    HIP(hipGraphInstantiate(&exec, graph, nullptr, nullptr, 0));
    HIP(hipGraphLaunch(exec, stream));
    HIP(hipGraphLaunch(exec, stream));
    HIP(hipStreamSynchronize(stream));
    for (unsigned &v : x)
        v = (v * 11 + 1) * 13 + 2;
    check_equal("graph/nodes", check_download(dx, N), x);
    HIP(hipGraphExecDestroy(exec));
    HIP(hipGraphDestroy(graph));
    HIP(hipStreamDestroy(stream));
    HIP(hipFree(dx));
}

int main()
{
    check_begin();
    test_capture();
    test_nodes();
    return 0;
}
