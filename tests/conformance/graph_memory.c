// SPDX-License-Identifier: Apache-2.0
/* Memory that graphs allocate and free. */
#include "graph_build.h"

static CUDA_MEM_ALLOC_NODE_PARAMS allocation(size_t bytes)
{
    if (!attribute(CU_DEVICE_ATTRIBUTE_MEMORY_POOLS_SUPPORTED))
        conf_skip("no memory of graphs");
    return (CUDA_MEM_ALLOC_NODE_PARAMS){
        .poolProps = {.allocType = CU_MEM_ALLOCATION_TYPE_PINNED,
                      .location = {CU_MEM_LOCATION_TYPE_DEVICE, dev}},
        .bytesize = bytes};
}

static CUgraphNode add_set(CUgraph graph, CUgraphNode before, CUdeviceptr at, uint32_t value)
{
    CUDA_MEMSET_NODE_PARAMS p = {
        .dst = at, .value = value, .elementSize = 4, .width = 1, .height = 1};
    CUgraphNode node;

    OK(cuGraphAddMemsetNode(&node, graph, &before, 1, &p, current()));
    return node;
}

static CUgraphNode add_copy(CUgraph graph, CUgraphNode before, CUdeviceptr to, CUdeviceptr from)
{
    CUDA_MEMCPY3D p = {.srcMemoryType = CU_MEMORYTYPE_DEVICE,
                       .srcDevice = from,
                       .dstMemoryType = CU_MEMORYTYPE_DEVICE,
                       .dstDevice = to,
                       .WidthInBytes = 4,
                       .Height = 1,
                       .Depth = 1};
    CUgraphNode node;

    OK(cuGraphAddMemcpyNode(&node, graph, &before, 1, &p, current()));
    return node;
}

CASE(graph_memory, "a graph allocates and frees memory of its own, at each launch")
{
    CUDA_MEM_ALLOC_NODE_PARAMS p = allocation(4096), got;
    CUdeviceptr out = words(1), freed;
    CUgraph graph = graph_new();
    CUgraphNode alloc, node, end;
    CUstream s = stream();
    CUgraphExec exec;

    OK(cuGraphAddMemAllocNode(&alloc, graph, NULL, 0, &p));
    CHECK(p.dptr != 0);
    node = add_affine(graph, add_set(graph, alloc, p.dptr, 4), p.dptr, 10, 1);
    node = add_copy(graph, node, out, p.dptr);
    OK(cuGraphAddMemFreeNode(&end, graph, &node, 1, p.dptr));
    OK(cuGraphMemAllocNodeGetParams(alloc, &got));
    CHECK(got.dptr == p.dptr && got.bytesize == 4096);
    OK(cuGraphMemFreeNodeGetParams(end, &freed));
    CHECK(freed == p.dptr);
    exec = instantiate(graph);
    for (int i = 0; i < 3; i++)
        OK(cuGraphLaunch(exec, s));
    EQUAL(word(out), 41);
    CHECK(cuGraphAddMemFreeNode(&end, graph, &node, 1, p.dptr) != CUDA_SUCCESS); /* twice */
    CHECK(cuMemFree(p.dptr) != CUDA_SUCCESS); /* it is the graph's to free */
}

CASE(graph_memory_outlives, "memory that a graph does not free is used behind it, and freed once")
{
    CUDA_MEM_ALLOC_NODE_PARAMS p = allocation(4096);
    CUgraph graph = graph_new();
    CUdeviceptr out = words(1);
    CUstream s = stream();
    CUgraphNode alloc;
    CUgraphExec exec;

    OK(cuGraphAddMemAllocNode(&alloc, graph, NULL, 0, &p));
    add_set(graph, alloc, p.dptr, 4);
    exec = instantiate(graph);
    OK(cuGraphLaunch(exec, s));
    affine(s, p.dptr, 10, 1);
    OK(cuMemcpyDtoDAsync(out, p.dptr, 4, s));
    IS(cuGraphLaunch(exec, s), CUDA_ERROR_INVALID_VALUE); /* it is still allocated */
    OK(cuMemFreeAsync(p.dptr, s));
    OK(cuGraphLaunch(exec, s));
    OK(cuStreamSynchronize(s));
    EQUAL(peek(out), 41);
    OK(cuMemFree(p.dptr));
    OK(cuGraphExecDestroy(exec));
    OK(cuGraphDestroy(graph));
}

CASE(graph_memory_auto_free, "an executable graph may free at its launch what the last one left")
{
    CUDA_MEM_ALLOC_NODE_PARAMS p = allocation(4096);
    CUdeviceptr at = words(1);
    CUgraph graph = graph_new();
    CUgraphNode alloc, node;
    CUstream s = stream();
    CUgraphExec exec;

    OK(cuGraphAddMemAllocNode(&alloc, graph, NULL, 0, &p));
    node = add_set(graph, alloc, p.dptr, 4);
    add_affine(graph, node, at, 1, 1);
    OK(cuGraphInstantiate(&exec, graph, CUDA_GRAPH_INSTANTIATE_FLAG_AUTO_FREE_ON_LAUNCH));
    for (int i = 0; i < 3; i++)
        OK(cuGraphLaunch(exec, s));
    EQUAL(word(at), 3);
}

CASE(graph_memory_captured, "allocations and frees of a stream are captured as nodes")
{
    CUdeviceptr at = 0, out = words(1);
    CUstream s = stream();
    CUgraphNode nodes[8];
    CUgraphNodeType type;
    size_t count = 8;
    CUgraph graph;

    allocation(1); /* or skips */
    fn("affine");
    OK(cuStreamBeginCapture(s, CU_STREAM_CAPTURE_MODE_RELAXED));
    OK(cuMemAllocAsync(&at, 4096, s));
    CHECK(at != 0);
    OK(cuMemsetD32Async(at, 4, 1, s));
    affine(s, at, 10, 1);
    OK(cuMemcpyDtoDAsync(out, at, 4, s));
    OK(cuMemFreeAsync(at, s));
    OK(cuStreamEndCapture(s, &graph));
    OK(cuGraphGetNodes(graph, nodes, &count));
    EQUAL(count, 5);
    OK(cuGraphNodeGetType(nodes[0], &type));
    EQUAL(type, CU_GRAPH_NODE_TYPE_MEM_ALLOC);
    OK(cuGraphLaunch(instantiate(graph), s));
    EQUAL(word(out), 41);
}

static cuuint64_t memory_of_graphs(CUgraphMem_attribute which)
{
    cuuint64_t bytes = 0;

    OK(cuDeviceGetGraphMemAttribute(dev, which, &bytes));
    return bytes;
}

/* It stays theirs when it is freed: the graph may be launched again. */
CASE(graph_memory_counted, "the device says how much memory its graphs have")
{
    CUDA_MEM_ALLOC_NODE_PARAMS p = allocation(1 << 20);
    CUgraph graph = graph_new();
    cuuint64_t before = memory_of_graphs(CU_GRAPH_MEM_ATTR_USED_MEM_CURRENT), during, zero = 0;
    CUstream s = stream();
    CUgraphExec exec;
    CUgraphNode node;

    OK(cuGraphAddMemAllocNode(&node, graph, NULL, 0, &p));
    exec = instantiate(graph);
    OK(cuGraphLaunch(exec, s));
    OK(cuStreamSynchronize(s));
    during = memory_of_graphs(CU_GRAPH_MEM_ATTR_USED_MEM_CURRENT);
    CHECK(during >= before + (1 << 20));
    CHECK(memory_of_graphs(CU_GRAPH_MEM_ATTR_USED_MEM_HIGH) >= during);
    OK(cuMemFreeAsync(p.dptr, s));
    OK(cuStreamSynchronize(s));
    CHECK(memory_of_graphs(CU_GRAPH_MEM_ATTR_USED_MEM_CURRENT) <= during);
    OK(cuDeviceSetGraphMemAttribute(dev, CU_GRAPH_MEM_ATTR_USED_MEM_HIGH, &zero));
    CHECK(memory_of_graphs(CU_GRAPH_MEM_ATTR_USED_MEM_HIGH) <= during);
    OK(cuGraphExecDestroy(exec));
    OK(cuGraphDestroy(graph));
    OK(cuDeviceGraphMemTrim(dev));
    CHECK(memory_of_graphs(CU_GRAPH_MEM_ATTR_USED_MEM_CURRENT) <= during);
}
