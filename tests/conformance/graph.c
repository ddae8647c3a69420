// SPDX-License-Identifier: Apache-2.0
/* Capture and graphs. */
#include "conformance.h"

static CUgraphExec instantiate(CUgraph graph)
{
    CUgraphExec exec;

    OK(cuGraphInstantiate(&exec, graph, 0));
    return exec;
}

static CUgraph captured(CUstream s, CUdeviceptr at, unsigned times)
{
    CUgraph graph;

    OK(cuStreamBeginCapture(s, CU_STREAM_CAPTURE_MODE_THREAD_LOCAL));
    for (unsigned i = 0; i < times; i++)
        affine(s, at, 3, i);
    OK(cuStreamEndCapture(s, &graph));
    return graph;
}

static uint32_t expected(uint32_t x, unsigned times)
{
    for (unsigned i = 0; i < times; i++)
        x = x * 3 + i;
    return x;
}

CASE(capture_does_not_run, "captured work does not run")
{
    CUstream s = stream();
    CUdeviceptr at = words(1);

    fn("affine");
    captured(s, at, 5);
    EQUAL(word(at), 0);
}

CASE(capture_and_launch, "a captured graph does what was captured, as often as it is launched")
{
    CUstream s = stream();
    CUdeviceptr at = words(1);
    CUgraphExec exec;

    fn("affine");
    exec = instantiate(captured(s, at, 5));
    OK(cuGraphLaunch(exec, s));
    EQUAL(word(at), expected(0, 5));
    OK(cuGraphLaunch(exec, s));
    EQUAL(word(at), expected(expected(0, 5), 5));
}

CASE(capture_status, "a stream says whether it is captured")
{
    CUstreamCaptureStatus status;
    CUstream s = stream(), other = stream();
    CUgraph graph;

    OK(cuStreamIsCapturing(s, &status));
    EQUAL(status, CU_STREAM_CAPTURE_STATUS_NONE);
    OK(cuStreamBeginCapture(s, CU_STREAM_CAPTURE_MODE_RELAXED));
    OK(cuStreamIsCapturing(s, &status));
    EQUAL(status, CU_STREAM_CAPTURE_STATUS_ACTIVE);
    OK(cuStreamIsCapturing(other, &status));
    EQUAL(status, CU_STREAM_CAPTURE_STATUS_NONE);
    OK(cuStreamEndCapture(s, &graph));
    OK(cuStreamIsCapturing(s, &status));
    EQUAL(status, CU_STREAM_CAPTURE_STATUS_NONE);
    OK(cuGraphDestroy(graph));
}

CASE(capture_other_stream_runs, "while one stream is captured, others run as always")
{
    CUstream s = free_stream(), other = free_stream();
    CUdeviceptr at = words(2);
    CUgraph graph;

    peek(at);
    fn("affine");
    OK(cuStreamBeginCapture(s, CU_STREAM_CAPTURE_MODE_RELAXED));
    affine(s, at, 1, 1);
    affine(other, at + 4, 1, 6);
    OK(cuStreamSynchronize(other));
    EQUAL(peek(at + 4), 6);
    OK(cuStreamEndCapture(s, &graph));
    EQUAL(peek(at), 0);
}

CASE(capture_held_others, "capturing neither starts nor waits for other streams' work")
{
    CUstream s = free_stream(), other = free_stream();
    CUdeviceptr at = words(2);
    struct gate gate;

    fn("affine");
    gate_close(&gate, other);
    affine(other, at + 4, 1, 6);
    OK(cuGraphLaunch(instantiate(captured(s, at, 2)), s));
    OK(cuStreamSynchronize(s));
    EQUAL(peek(at), expected(0, 2));
    EQUAL(peek(at + 4), 0);
    gate_open(&gate);
    EQUAL(word(at + 4), 6);
}

CASE(capture_fork_join, "events carry a capture into other streams and back")
{
    CUstream a = free_stream(), b = free_stream();
    CUevent fork = event(), join = event();
    CUdeviceptr at = words(2);
    CUgraphNode nodes[8];
    CUgraph graph;
    size_t count = 8;

    fn("affine");
    OK(cuStreamBeginCapture(a, CU_STREAM_CAPTURE_MODE_RELAXED));
    affine(a, at, 1, 4);
    OK(cuEventRecord(fork, a));
    OK(cuStreamWaitEvent(b, fork, 0));
    affine(b, at + 4, 1, 7);
    OK(cuEventRecord(join, b));
    affine(a, at, 10, 1);
    OK(cuStreamWaitEvent(a, join, 0));
    affine(a, at + 4, 10, 2);
    OK(cuStreamEndCapture(a, &graph));
    OK(cuGraphGetNodes(graph, nodes, &count));
    EQUAL(count, 4);
    OK(cuGraphGetEdges(graph, NULL, NULL, NULL, &count));
    EQUAL(count, 4);
    OK(cuGraphLaunch(instantiate(graph), a));
    EQUAL(word(at), 41);
    EQUAL(word(at + 4), 72);
}

CASE(capture_unjoined, "a capture that leaves a stream unjoined fails")
{
    CUstream a = free_stream(), b = free_stream();
    CUevent fork = event();
    CUdeviceptr at = words(1);
    CUgraph graph;

    fn("affine");
    OK(cuStreamBeginCapture(a, CU_STREAM_CAPTURE_MODE_RELAXED));
    affine(a, at, 1, 4);
    OK(cuEventRecord(fork, a));
    OK(cuStreamWaitEvent(b, fork, 0));
    affine(b, at, 1, 7);
    IS(cuStreamEndCapture(a, &graph), CUDA_ERROR_STREAM_CAPTURE_UNJOINED);
    CHECK(graph == NULL);
    affine(b, at, 1, 2); /* both are ordinary streams again */
    EQUAL(word(at), 2);
}

CASE(capture_synchronize, "synchronizing a captured stream invalidates the capture")
{
    CUstream s = stream();
    CUgraph graph;

    OK(cuStreamBeginCapture(s, CU_STREAM_CAPTURE_MODE_RELAXED));
    IS(cuStreamSynchronize(s), CUDA_ERROR_STREAM_CAPTURE_UNSUPPORTED);
    IS(cuStreamEndCapture(s, &graph), CUDA_ERROR_STREAM_CAPTURE_INVALIDATED);
    CHECK(graph == NULL);
    OK(cuStreamSynchronize(s));
}

CASE(capture_legacy, "the legacy stream cannot be captured, nor used while a blocking stream is")
{
    CUstream s = stream();
    CUdeviceptr at = words(1);
    CUgraph graph;

    IS(cuStreamBeginCapture(NULL, CU_STREAM_CAPTURE_MODE_RELAXED),
       CUDA_ERROR_STREAM_CAPTURE_UNSUPPORTED);
    OK(cuStreamBeginCapture(s, CU_STREAM_CAPTURE_MODE_RELAXED));
    IS(cuMemsetD32Async(at, 1, 1, NULL), CUDA_ERROR_STREAM_CAPTURE_IMPLICIT);
    IS(cuStreamEndCapture(s, &graph), CUDA_ERROR_STREAM_CAPTURE_INVALIDATED);
}

CASE(capture_unsafe, "a global capture prohibits unsafe calls of the thread")
{
    CUstream s = stream();
    CUdeviceptr at;
    CUgraph graph;

    OK(cuStreamBeginCapture(s, CU_STREAM_CAPTURE_MODE_GLOBAL));
    IS(cuMemAlloc(&at, 4), CUDA_ERROR_STREAM_CAPTURE_UNSUPPORTED);
    CHECK(cuStreamEndCapture(s, &graph) != CUDA_SUCCESS);
    OK(cuMemAlloc(&at, 4));
}

CASE(capture_relaxed, "a relaxed capture does not prohibit them")
{
    CUstream s = stream();
    CUdeviceptr at;
    CUgraph graph;

    OK(cuStreamBeginCapture(s, CU_STREAM_CAPTURE_MODE_RELAXED));
    OK(cuMemAlloc(&at, 4));
    OK(cuStreamEndCapture(s, &graph));
}

CASE(capture_exchange_mode, "a thread may exempt itself from global captures")
{
    CUstreamCaptureMode mode = CU_STREAM_CAPTURE_MODE_RELAXED;
    CUstream s = stream();
    CUdeviceptr at;
    CUgraph graph;

    OK(cuThreadExchangeStreamCaptureMode(&mode));
    EQUAL(mode, CU_STREAM_CAPTURE_MODE_GLOBAL);
    OK(cuStreamBeginCapture(s, CU_STREAM_CAPTURE_MODE_GLOBAL));
    OK(cuMemAlloc(&at, 4));
    OK(cuStreamEndCapture(s, &graph));
    OK(cuThreadExchangeStreamCaptureMode(&mode));
    EQUAL(mode, CU_STREAM_CAPTURE_MODE_RELAXED);
}

static void *wait_for_all(void *context)
{
    OK(cuCtxSetCurrent(context));
    IS(cuCtxSynchronize(), CUDA_ERROR_STREAM_CAPTURE_UNSUPPORTED);
    return NULL;
}

CASE(capture_wait_for_all,
     "nobody waits for a context while a stream of it is captured, in whatever mode")
{
    CUcontext context;
    pthread_t thread;
    CUgraph graph;

    OK(cuCtxGetCurrent(&context));
    for (int mode = CU_STREAM_CAPTURE_MODE_GLOBAL; mode <= CU_STREAM_CAPTURE_MODE_RELAXED; mode++) {
        CUstream s = mode % 2 ? stream() : free_stream();

        OK(cuStreamBeginCapture(s, (CUstreamCaptureMode)mode));
        run_thread(wait_for_all, context, &thread);
        pthread_join(thread, NULL);
        IS(cuStreamEndCapture(s, &graph), CUDA_ERROR_STREAM_CAPTURE_INVALIDATED);
    }
    OK(cuCtxSynchronize());
}

CASE(capture_isolation, "a captured stream cannot wait for work that is not captured")
{
    CUstream s = stream(), other = stream();
    CUevent e = event();
    CUgraph graph;

    OK(cuEventRecord(e, other));
    OK(cuStreamBeginCapture(s, CU_STREAM_CAPTURE_MODE_RELAXED));
    IS(cuStreamWaitEvent(s, e, 0), CUDA_ERROR_STREAM_CAPTURE_ISOLATION);
    IS(cuStreamEndCapture(s, &graph), CUDA_ERROR_STREAM_CAPTURE_INVALIDATED);
}

CASE(capture_event_query,
     "an event that was recorded in a capture cannot be asked; trying breaks the capture")
{
    CUstream s = stream();
    CUevent e = event();
    CUgraph graph;

    OK(cuStreamBeginCapture(s, CU_STREAM_CAPTURE_MODE_RELAXED));
    OK(cuEventRecord(e, s));
    IS(cuEventQuery(e), CUDA_ERROR_CAPTURED_EVENT);
    IS(cuStreamEndCapture(s, &graph), CUDA_ERROR_STREAM_CAPTURE_INVALIDATED);
    OK(cuEventRecord(e, s));
    OK(cuEventSynchronize(e));
}

CASE(capture_unmatched, "only the stream that began a capture can end it")
{
    CUstream a = free_stream(), b = free_stream();
    CUevent fork = event();
    CUgraph graph;

    OK(cuStreamBeginCapture(a, CU_STREAM_CAPTURE_MODE_RELAXED));
    OK(cuEventRecord(fork, a));
    OK(cuStreamWaitEvent(b, fork, 0));
    IS(cuStreamEndCapture(b, &graph), CUDA_ERROR_STREAM_CAPTURE_UNMATCHED);
    IS(cuStreamEndCapture(stream(), &graph), CUDA_ERROR_ILLEGAL_STATE);
    IS(cuStreamEndCapture(a, &graph), CUDA_ERROR_STREAM_CAPTURE_INVALIDATED);
}

CASE(capture_destroyed, "a stream that is destroyed while captured does not stop others' work")
{
    CUstream s = stream(), other = stream();
    CUdeviceptr at = words(1);

    fn("affine");
    OK(cuStreamBeginCapture(s, CU_STREAM_CAPTURE_MODE_RELAXED));
    OK(cuStreamDestroy(s));
    affine(other, at, 1, 5);
    affine(NULL, at, 2, 0);
    EQUAL(word(at), 10);
}

CASE(capture_everything, "copies, fills and host functions are captured in order")
{
    uint32_t *host = pinned(2);
    CUstream s = stream();
    CUdeviceptr at = words(1);
    CUgraph graph;

    fn("affine");
    host[0] = 5;
    OK(cuStreamBeginCapture(s, CU_STREAM_CAPTURE_MODE_RELAXED));
    OK(cuMemcpyHtoDAsync(at, host, 4, s));
    affine(s, at, 10, 1);
    OK(cuMemcpyDtoHAsync(host + 1, at, 4, s));
    OK(cuMemsetD32Async(at, 9, 1, s));
    OK(cuStreamEndCapture(s, &graph));
    OK(cuGraphLaunch(instantiate(graph), s));
    OK(cuStreamSynchronize(s));
    EQUAL(host[1], 51);
    EQUAL(peek(at), 9);
}

CASE(capture_to_graph, "a capture may add to a graph")
{
    CUstream s = stream();
    CUdeviceptr at = words(1);
    CUgraph graph, same;
    CUgraphNode first;
    size_t count = 0;

    fn("affine");
    OK(cuGraphCreate(&graph, 0));
    OK(cuGraphAddEmptyNode(&first, graph, NULL, 0));
    OK(cuStreamBeginCaptureToGraph(s, graph, &first, NULL, 1, CU_STREAM_CAPTURE_MODE_RELAXED));
    affine(s, at, 1, 3);
    OK(cuStreamEndCapture(s, &same));
    CHECK(same == graph);
    OK(cuGraphGetNodes(graph, NULL, &count));
    EQUAL(count, 2);
    OK(cuGraphLaunch(instantiate(graph), s));
    EQUAL(word(at), 3);
}

CASE(capture_info, "a capture has an id, a graph and the nodes that come next")
{
    CUstreamCaptureStatus status;
    const CUgraphNode *deps;
    CUstream s = stream();
    CUdeviceptr at = words(1);
    CUgraph graph, end;
    cuuint64_t id = 0;
    size_t count;

    fn("affine");
    OK(cuStreamBeginCapture(s, CU_STREAM_CAPTURE_MODE_RELAXED));
    affine(s, at, 1, 3);
    OK(cuStreamGetCaptureInfo(s, &status, &id, &graph, &deps, NULL, &count));
    EQUAL(status, CU_STREAM_CAPTURE_STATUS_ACTIVE);
    EQUAL(count, 1);
    CHECK(id != 0);
    OK(cuStreamEndCapture(s, &end));
    CHECK(end == graph);
}

CASE(graph_order, "a launched graph keeps its place in its stream, as a whole")
{
    CUstream s = stream();
    CUdeviceptr at = words(1);
    CUgraphExec exec;
    struct gate gate;

    fn("affine");
    exec = instantiate(captured(s, at, 3));
    gate_close(&gate, s);
    OK(cuMemsetD32Async(at, 7, 1, s));
    OK(cuGraphLaunch(exec, s));
    affine(s, at, 2, 0);
    gate_begun(&gate);
    EQUAL(peek(at), 0);
    gate_open(&gate);
    EQUAL(word(at), 2 * expected(7, 3));
}

CASE(graph_legacy, "a graph in the legacy stream waits for blocking streams")
{
    CUstream s = stream();
    CUdeviceptr at = words(1);
    CUgraphExec exec;

    fn("affine");
    exec = instantiate(captured(s, at, 2));
    chain(s, at);
    OK(cuGraphLaunch(exec, NULL));
    EQUAL(word(at), expected(CHAIN, 2));
}

CASE(graph_exec_destroyed, "an executable graph may be destroyed when it has been launched")
{
    CUstream s = stream();
    CUdeviceptr at = words(1);
    struct gate gate;
    CUgraph graph;
    CUgraphExec exec;

    fn("affine");
    graph = captured(s, at, 4);
    exec = instantiate(graph);
    OK(cuGraphDestroy(graph));
    gate_close(&gate, s);
    OK(cuGraphLaunch(exec, s));
    OK(cuGraphExecDestroy(exec));
    gate_open(&gate);
    EQUAL(word(at), expected(0, 4));
}

static CUDA_KERNEL_NODE_PARAMS kernel_params(void **args)
{
    return (CUDA_KERNEL_NODE_PARAMS){.func = fn("affine"),
                                     .gridDimX = 1,
                                     .gridDimY = 1,
                                     .gridDimZ = 1,
                                     .blockDimX = 1,
                                     .blockDimY = 1,
                                     .blockDimZ = 1,
                                     .kernelParams = args};
}

CASE(graph_built, "a graph that is built by hand runs its nodes after what they depend on")
{
    CUdeviceptr at = words(2), one = at + 4;
    uint32_t a = 10, b = 3;
    void *args[] = {&at, &a, &b}, *args2[] = {&one, &a, &b};
    CUDA_KERNEL_NODE_PARAMS p = kernel_params(args), p2 = kernel_params(args2);
    CUDA_MEMSET_NODE_PARAMS set = {
        .dst = at, .value = 5, .elementSize = 4, .width = 2, .height = 1};
    CUgraphNode first, x, y, both[2];
    CUcontext ctx;
    CUgraph graph;

    OK(cuCtxGetCurrent(&ctx));
    OK(cuGraphCreate(&graph, 0));
    OK(cuGraphAddMemsetNode(&first, graph, NULL, 0, &set, ctx));
    OK(cuGraphAddKernelNode(&x, graph, &first, 1, &p));
    OK(cuGraphAddKernelNode(&y, graph, &first, 1, &p2));
    both[0] = x;
    both[1] = y;
    b = 1;
    OK(cuGraphAddKernelNode(&x, graph, both, 2, &p));
    OK(cuGraphLaunch(instantiate(graph), NULL));
    EQUAL(word(at), 531);
    EQUAL(word(one), 53);
}

CASE(graph_node_params, "a node's parameters are those that were set, copied when they were")
{
    CUdeviceptr at = words(1);
    uint32_t a = 1, b = 3;
    void *args[] = {&at, &a, &b};
    CUDA_KERNEL_NODE_PARAMS p = kernel_params(args), got;
    CUgraphNode node;
    CUgraph graph;

    OK(cuGraphCreate(&graph, 0));
    OK(cuGraphAddKernelNode(&node, graph, NULL, 0, &p));
    b = 99;
    OK(cuGraphKernelNodeGetParams(node, &got));
    EQUAL(got.gridDimX, 1);
    EQUAL(*(uint32_t *)got.kernelParams[2], 3);
    b = 4;
    OK(cuGraphKernelNodeSetParams(node, &p));
    OK(cuGraphLaunch(instantiate(graph), NULL));
    EQUAL(word(at), 4);
}

CASE(graph_exec_params, "changing an executable graph does not change launches before it")
{
    CUdeviceptr at = words(1);
    uint32_t a = 10, b = 3;
    void *args[] = {&at, &a, &b};
    CUDA_KERNEL_NODE_PARAMS p = kernel_params(args);
    CUstream s = stream();
    CUgraphNode node;
    CUgraphExec exec;
    struct gate gate;
    CUgraph graph;

    OK(cuGraphCreate(&graph, 0));
    OK(cuGraphAddKernelNode(&node, graph, NULL, 0, &p));
    exec = instantiate(graph);
    gate_close(&gate, s);
    OK(cuGraphLaunch(exec, s));
    b = 7;
    OK(cuGraphExecKernelNodeSetParams(exec, node, &p));
    OK(cuGraphLaunch(exec, s));
    gate_open(&gate);
    EQUAL(word(at), 37);
}

CASE(graph_exec_update, "an executable graph takes over another graph of the same form")
{
    CUstream s = stream();
    CUdeviceptr at = words(2);
    CUgraphExecUpdateResultInfo info;
    CUgraphExec exec;

    fn("affine");
    exec = instantiate(captured(s, at, 3));
    OK(cuGraphExecUpdate(exec, captured(s, at + 4, 3), &info));
    OK(cuGraphLaunch(exec, s));
    EQUAL(word(at), 0);
    EQUAL(word(at + 4), expected(0, 3));
    IS(cuGraphExecUpdate(exec, captured(s, at, 4), &info), CUDA_ERROR_GRAPH_EXEC_UPDATE_FAILURE);
    CHECK(info.result != CU_GRAPH_EXEC_UPDATE_SUCCESS);
}

CASE(graph_exec_update_standing, "updating an executable graph does not change launches before it")
{
    CUstream s = stream(), other = stream();
    CUdeviceptr at = words(2);
    CUgraphExecUpdateResultInfo info;
    CUgraph next = captured(other, at + 4, 3);
    CUgraphExec exec = instantiate(captured(other, at, 3));
    struct gate gate;

    gate_close(&gate, s);
    OK(cuGraphLaunch(exec, s));
    OK(cuGraphExecUpdate(exec, next, &info));
    OK(cuGraphLaunch(exec, s));
    OK(cuGraphDestroy(next));
    gate_open(&gate);
    EQUAL(word(at), expected(0, 3));
    EQUAL(word(at + 4), expected(0, 3));
}

CASE(graph_node_disabled, "a disabled node does nothing, but keeps the order of the others")
{
    CUstream s = stream();
    CUdeviceptr at = words(1);
    CUgraphNode nodes[3];
    size_t count = 3;
    CUgraphExec exec;
    CUgraph graph;

    fn("affine");
    graph = captured(s, at, 3);
    OK(cuGraphGetNodes(graph, nodes, &count));
    exec = instantiate(graph);
    OK(cuGraphNodeSetEnabled(exec, nodes[1], 0));
    OK(cuGraphLaunch(exec, s));
    EQUAL(word(at), 2); /* (0 * 3 + 0) * 3 + 2 */
}

CASE(graph_child, "a child graph runs as one node")
{
    CUdeviceptr at = words(1);
    uint32_t a = 2, b = 0;
    void *args[] = {&at, &a, &b};
    CUDA_KERNEL_NODE_PARAMS p = kernel_params(args);
    CUgraphNode child, after;
    CUgraph graph;
    CUgraph inner = captured(stream(), at, 3);

    OK(cuGraphCreate(&graph, 0));
    OK(cuGraphAddChildGraphNode(&child, graph, NULL, 0, inner));
    OK(cuGraphDestroy(inner));
    OK(cuGraphAddKernelNode(&after, graph, &child, 1, &p));
    OK(cuGraphLaunch(instantiate(graph), NULL));
    EQUAL(word(at), 2 * expected(0, 3));
}

static void CUDA_CB add_seven(void *arg)
{
    *(uint32_t *)arg += 7;
}

CASE(graph_host_node, "a host node runs in its place")
{
    uint32_t *host = pinned(1);
    CUdeviceptr at = (CUdeviceptr)(uintptr_t)host;
    uint32_t a = 10, b = 1;
    void *args[] = {&at, &a, &b};
    CUDA_KERNEL_NODE_PARAMS p = kernel_params(args);
    CUDA_HOST_NODE_PARAMS h = {add_seven, host};
    CUgraphNode x, y, z;
    CUgraph graph;

    OK(cuGraphCreate(&graph, 0));
    OK(cuGraphAddKernelNode(&x, graph, NULL, 0, &p));
    OK(cuGraphAddHostNode(&y, graph, &x, 1, &h));
    OK(cuGraphAddKernelNode(&z, graph, &y, 1, &p));
    OK(cuGraphLaunch(instantiate(graph), NULL));
    OK(cuCtxSynchronize());
    EQUAL(*host, 81);
}

CASE(graph_event_nodes, "event nodes record and wait for events outside of the graph")
{
    CUstream s = free_stream(), other = free_stream();
    CUevent e = event(), done = event();
    CUdeviceptr at = words(1);
    uint32_t a = 10, b = 1;
    void *args[] = {&at, &a, &b};
    CUDA_KERNEL_NODE_PARAMS p = kernel_params(args);
    CUgraphNode x, y, z;
    struct gate gate;
    CUgraph graph;

    OK(cuGraphCreate(&graph, 0));
    OK(cuGraphAddEventWaitNode(&x, graph, NULL, 0, e));
    OK(cuGraphAddKernelNode(&y, graph, &x, 1, &p));
    OK(cuGraphAddEventRecordNode(&z, graph, &y, 1, done));
    gate_close(&gate, other);
    affine(other, at, 1, 4);
    OK(cuEventRecord(e, other));
    OK(cuGraphLaunch(instantiate(graph), s));
    gate_begun(&gate);
    EQUAL(peek(at), 0);
    gate_open(&gate);
    OK(cuStreamSynchronize(s));
    OK(cuEventSynchronize(done));
    EQUAL(peek(at), 41);
}

CASE(graph_memcpy_node, "a memcpy node copies")
{
    CUdeviceptr at = words(2);
    CUDA_MEMCPY3D p = {.srcMemoryType = CU_MEMORYTYPE_DEVICE,
                       .srcDevice = at,
                       .dstMemoryType = CU_MEMORYTYPE_DEVICE,
                       .dstDevice = at + 4,
                       .WidthInBytes = 4,
                       .Height = 1,
                       .Depth = 1};
    CUgraphNode node;
    CUcontext ctx;
    CUgraph graph;

    OK(cuCtxGetCurrent(&ctx));
    OK(cuMemsetD32(at, 6, 1));
    OK(cuGraphCreate(&graph, 0));
    OK(cuGraphAddMemcpyNode(&node, graph, NULL, 0, &p, ctx));
    OK(cuGraphLaunch(instantiate(graph), NULL));
    EQUAL(word(at + 4), 6);
}

CASE(graph_clone, "a clone has the nodes of its original and a life of its own")
{
    CUstream s = stream();
    CUdeviceptr at = words(1);
    CUgraph graph, clone;
    CUgraphNode nodes[2], found;
    size_t count = 2;

    fn("affine");
    graph = captured(s, at, 2);
    OK(cuGraphGetNodes(graph, nodes, &count));
    OK(cuGraphClone(&clone, graph));
    OK(cuGraphNodeFindInClone(&found, nodes[1], clone));
    OK(cuGraphDestroy(graph));
    OK(cuGraphLaunch(instantiate(clone), s));
    EQUAL(word(at), expected(0, 2));
}

CASE(graph_cycle, "an edge that closes a circle is refused, at the latest when instantiated")
{
    CUgraphNode a, b;
    CUgraphExec exec;
    CUgraph graph;

    OK(cuGraphCreate(&graph, 0));
    OK(cuGraphAddEmptyNode(&a, graph, NULL, 0));
    OK(cuGraphAddEmptyNode(&b, graph, &a, 1));
    if (cuGraphAddDependencies(graph, &b, &a, NULL, 1) == CUDA_SUCCESS)
        CHECK(cuGraphInstantiate(&exec, graph, 0) != CUDA_SUCCESS);
}

CASE(graph_upload, "uploading keeps its place and changes nothing")
{
    CUstream s = stream();
    CUdeviceptr at = words(1);
    CUgraphExec exec;

    fn("affine");
    exec = instantiate(captured(s, at, 2));
    OK(cuGraphUpload(exec, s));
    OK(cuGraphLaunch(exec, s));
    EQUAL(word(at), expected(0, 2));
}

CASE(graph_two_streams, "launches of one executable graph in two streams run one after the other")
{
    CUstream a = free_stream(), b = free_stream();
    CUdeviceptr at = words(1);
    CUgraphExec exec;

    fn("affine");
    exec = instantiate(captured(a, at, 4));
    OK(cuGraphLaunch(exec, a));
    OK(cuGraphLaunch(exec, b));
    EQUAL(word(at), expected(expected(0, 4), 4));
}
