// SPDX-License-Identifier: Apache-2.0
/*
 * Graphs: every kind of node that this HIP has (kernel, copies in all directions and shapes and to
 * and from symbols, fill in one and two dimensions, host function, empty, child graph, event record
 * and wait), changing them before and after instantiation, cloning, and asking what is there.
 */
#include "check.h"

enum { N = 512, WIDTH = 24, HEIGHT = 10 };

__device__ unsigned symbol[N];

__global__ void fma_kernel(unsigned *v, int n, unsigned multiply, unsigned add)
{
    int i = blockIdx.x * blockDim.x + threadIdx.x;

    if (i < n)
        v[i] = v[i] * multiply + add;
}

struct arguments {
    unsigned *v;
    int n;
    unsigned multiply, add;
    void *list[4];

    arguments(unsigned *v, unsigned multiply, unsigned add)
        : v(v), n(N), multiply(multiply),
          add(add), list{&this->v, &this->n, &this->multiply, &this->add}
    {
    }
    hipKernelNodeParams params()
    {
        hipKernelNodeParams p = {};

        p.func = (void *)fma_kernel;
        p.gridDim = dim3(check_groups(N, 128));
        p.blockDim = dim3(128);
        p.kernelParams = list;
        return p;
    }
};

static void count_up(void *p)
{
    ++*(int *)p;
}

static std::vector<unsigned> run(hipGraph_t graph, const unsigned *result, int times)
{
    hipGraphExec_t exec;
    hipStream_t stream;

    HIP(hipStreamCreate(&stream));
    HIP(hipGraphInstantiate(&exec, graph, nullptr, nullptr, 0));
    for (int i = 0; i < times; i++)
        HIP(hipGraphLaunch(exec, stream));
    HIP(hipStreamSynchronize(stream));
    HIP(hipGraphExecDestroy(exec));
    HIP(hipStreamDestroy(stream));
    return std::vector<unsigned>(result, result + N);
}

/* fill -> kernel -> to the symbol -> from the symbol -> kernel -> to the host -> host function */
static void test_chain()
{
    std::vector<unsigned> want(N), result(N);
    unsigned *a = check_alloc<unsigned>(N), *b = check_alloc<unsigned>(N);
    arguments first(a, 3, 1), second(b, 5, 2);
    hipKernelNodeParams params = first.params(), second_params = second.params();
    hipMemsetParams fill = {};
    hipHostNodeParams host = {};
    hipGraphNode_t node[7];
    hipGraph_t graph, clone;
    size_t count = 0;
    int called = 0;

    HIP(hipGraphCreate(&graph, 0));
    fill.dst = a;
    fill.elementSize = 4;
    fill.value = 7;
    fill.width = N;
    fill.height = 1;
    HIP(hipGraphAddMemsetNode(&node[0], graph, nullptr, 0, &fill));
    HIP(hipGraphAddKernelNode(&node[1], graph, &node[0], 1, &params));
    HIP(hipGraphAddMemcpyNodeToSymbol(&node[2], graph, &node[1], 1, HIP_SYMBOL(symbol), a,
                                      N * sizeof(unsigned), 0, hipMemcpyDeviceToDevice));
    HIP(hipGraphAddMemcpyNodeFromSymbol(&node[3], graph, &node[2], 1, b, HIP_SYMBOL(symbol),
                                        N * sizeof(unsigned), 0, hipMemcpyDeviceToDevice));
    HIP(hipGraphAddKernelNode(&node[4], graph, &node[3], 1, &second_params));
    HIP(hipGraphAddMemcpyNode1D(&node[5], graph, &node[4], 1, result.data(), b,
                                N * sizeof(unsigned), hipMemcpyDeviceToHost));
    host.fn = count_up;
    host.userData = &called;
    HIP(hipGraphAddHostNode(&node[6], graph, &node[5], 1, &host));
    HIP(hipGraphGetNodes(graph, nullptr, &count));
    CHECK(count == 7);
    HIP(hipGraphGetRootNodes(graph, nullptr, &count));
    CHECK(count == 1);
    for (unsigned &w : want)
        w = (7 * 3 + 1) * 5 + 2;
    check_equal("graphnodes/chain", run(graph, result.data(), 2), want);
    CHECK(called == 2);

    /* Other parameters, in the graph; what the clone has stays. */
    HIP(hipGraphClone(&clone, graph));
    fill.value = 9;
    HIP(hipGraphMemsetNodeSetParams(node[0], &fill));
    arguments changed(b, 11, 4);
    params = changed.params();
    HIP(hipGraphKernelNodeSetParams(node[4], &params));
    for (unsigned &w : want)
        w = (9 * 3 + 1) * 11 + 4;
    check_equal("graphnodes/changed", run(graph, result.data(), 1), want);
    for (unsigned &w : want)
        w = (7 * 3 + 1) * 5 + 2;
    check_equal("graphnodes/clone", run(clone, result.data(), 1), want);
    CHECK(called == 4);
    HIP(hipGraphDestroy(clone));
    HIP(hipGraphDestroy(graph));
    HIP(hipFree(a));
    HIP(hipFree(b));
}

/* Parameters of an instantiated graph. */
static void test_exec_changes()
{
    std::vector<unsigned> want(N), result(N);
    unsigned *a = check_alloc<unsigned>(N);
    arguments first(a, 3, 1), changed(a, 13, 5);
    hipKernelNodeParams params = first.params(), changed_params = changed.params();
    hipMemsetParams fill = {};
    hipGraphNode_t node[3];
    hipGraphExec_t exec;
    hipGraph_t graph;

    HIP(hipGraphCreate(&graph, 0));
    fill.dst = a;
    fill.elementSize = 1;
    fill.value = 2;
    fill.width = N * sizeof(unsigned);
    fill.height = 1;
    HIP(hipGraphAddMemsetNode(&node[0], graph, nullptr, 0, &fill));
    HIP(hipGraphAddKernelNode(&node[1], graph, &node[0], 1, &params));
    HIP(hipGraphAddMemcpyNode1D(&node[2], graph, &node[1], 1, result.data(), a,
                                N * sizeof(unsigned), hipMemcpyDeviceToHost));
    HIP(hipGraphInstantiate(&exec, graph, nullptr, nullptr, 0));
    HIP(hipGraphExecKernelNodeSetParams(exec, node[1], &changed_params));
    HIP(hipGraphLaunch(exec, 0));
    HIP(hipStreamSynchronize(0));
    for (unsigned &w : want)
        w = 0x02020202u * 13 + 5;
    check_equal("graphnodes/exec", result, want);
    HIP(hipGraphExecDestroy(exec));
    HIP(hipGraphDestroy(graph));
    HIP(hipFree(a));
}

/* A child graph, and a diamond of kernels that join in an empty node. */
static void test_child()
{
    std::vector<unsigned> want(N), result(N);
    unsigned *a = check_upload(std::vector<unsigned>(N, 1)), *b = check_alloc<unsigned>(N);
    arguments inner(a, 2, 1), left(a, 10, 0), right(b, 1, 6);
    hipKernelNodeParams inner_params = inner.params(), left_params = left.params();
    hipKernelNodeParams right_params = right.params();
    hipGraphNode_t once, again, child, sides[2], joined, copy;
    hipGraph_t graph, part;

    HIP(hipMemset(b, 0, N * sizeof(unsigned)));
    HIP(hipDeviceSynchronize());
    HIP(hipGraphCreate(&part, 0));
    HIP(hipGraphAddKernelNode(&once, part, nullptr, 0, &inner_params));
    HIP(hipGraphAddKernelNode(&again, part, &once, 1, &inner_params));
    HIP(hipGraphCreate(&graph, 0));
    HIP(hipGraphAddChildGraphNode(&child, graph, nullptr, 0, part));
    HIP(hipGraphAddKernelNode(&sides[0], graph, &child, 1, &left_params));
    HIP(hipGraphAddKernelNode(&sides[1], graph, &child, 1, &right_params));
    HIP(hipGraphAddEmptyNode(&joined, graph, sides, 2));
    HIP(hipGraphAddMemcpyNode1D(&copy, graph, &joined, 1, result.data(), a, N * sizeof(unsigned),
                                hipMemcpyDeviceToHost));
    for (unsigned &w : want)
        w = ((1 * 2 + 1) * 2 + 1) * 10;
    check_equal("graphnodes/child", run(graph, result.data(), 1), want);
    check_equal("graphnodes/diamond", check_download(b, N), std::vector<unsigned>(N, 6));
    HIP(hipGraphDestroy(graph));
    HIP(hipGraphDestroy(part));
    HIP(hipFree(a));
    HIP(hipFree(b));
}

/* Event nodes, and pitched copies. (A fill node in two dimensions of ROCm 5.2.3 takes the element's
 * size for its value, so none is here.) */
static void test_events_and_boxes()
{
    std::vector<unsigned> result(WIDTH * HEIGHT), want(WIDTH * HEIGHT, 0x55555555);
    hipMemcpy3DParms copy = {};
    hipGraphNode_t node[3];
    hipGraphExec_t exec;
    hipGraph_t graph;
    hipStream_t stream;
    hipEvent_t event;
    unsigned *p;
    size_t pitch;

    HIP(hipMallocPitch((void **)&p, &pitch, WIDTH * sizeof(unsigned), HEIGHT));
    HIP(hipMemset2D(p, pitch, 0x55, WIDTH * sizeof(unsigned), HEIGHT));
    HIP(hipDeviceSynchronize());
    HIP(hipEventCreate(&event));
    HIP(hipStreamCreate(&stream));
    HIP(hipGraphCreate(&graph, 0));
    HIP(hipGraphAddEventRecordNode(&node[0], graph, nullptr, 0, event));
    HIP(hipGraphAddEventWaitNode(&node[1], graph, &node[0], 1, event));
    copy.srcPtr = make_hipPitchedPtr(p, pitch, WIDTH * sizeof(unsigned), HEIGHT);
    copy.dstPtr = make_hipPitchedPtr(result.data(), WIDTH * sizeof(unsigned),
                                     WIDTH * sizeof(unsigned), HEIGHT);
    copy.extent = make_hipExtent(WIDTH * sizeof(unsigned), HEIGHT, 1);
    copy.kind = hipMemcpyDeviceToHost;
    HIP(hipGraphAddMemcpyNode(&node[2], graph, &node[1], 1, &copy));
    HIP(hipGraphInstantiate(&exec, graph, nullptr, nullptr, 0));
    HIP(hipGraphLaunch(exec, stream));
    HIP(hipStreamSynchronize(stream));
    CHECK(hipEventQuery(event) == hipSuccess);
    check_equal("graphnodes/box", result, want);
    HIP(hipGraphExecDestroy(exec));
    HIP(hipGraphDestroy(graph));
    HIP(hipEventDestroy(event));
    HIP(hipStreamDestroy(stream));
    HIP(hipFree(p));
}

int main()
{
    check_begin();
    test_chain();
    test_exec_changes();
    test_child();
    test_events_and_boxes();
    return 0;
}
