// SPDX-License-Identifier: Apache-2.0
/* Every kind of node of a graph: what it does, what it was told, and changing it in an executable
 * graph while a launch of that is under way. */
#include "conformance.h"

#include <sys/mman.h>
#include <unistd.h>

static CUgraph graph_new(void)
{
    CUgraph graph;

    OK(cuGraphCreate(&graph, 0));
    return graph;
}

static CUgraphExec instantiate(CUgraph graph)
{
    CUgraphExec exec;

    OK(cuGraphInstantiate(&exec, graph, 0));
    return exec;
}

static CUcontext current(void)
{
    CUcontext ctx;

    OK(cuCtxGetCurrent(&ctx));
    return ctx;
}

/* A node with one thread: x = x * a + b. */
static CUgraphNode add_affine(CUgraph graph, CUgraphNode before, CUdeviceptr at, uint32_t a,
                              uint32_t b)
{
    void *args[] = {&at, &a, &b};
    CUDA_KERNEL_NODE_PARAMS p = {.func = fn("affine"),
                                 .gridDimX = 1,
                                 .gridDimY = 1,
                                 .gridDimZ = 1,
                                 .blockDimX = 1,
                                 .blockDimY = 1,
                                 .blockDimZ = 1,
                                 .kernelParams = args};
    CUgraphNode node;

    OK(cuGraphAddKernelNode(&node, graph, before ? &before : NULL, before != NULL, &p));
    return node;
}

/* A launch that stands; what is changed afterwards must not change it. */
struct standing {
    CUstream s;
    CUgraphExec exec;
    struct gate gate;
};

static void stand(struct standing *l, CUgraph graph)
{
    l->s = stream();
    l->exec = instantiate(graph);
    gate_close(&l->gate, l->s);
    OK(cuGraphLaunch(l->exec, l->s));
}

/* The changed graph is launched behind it. */
static void go_on(struct standing *l)
{
    OK(cuGraphLaunch(l->exec, l->s));
    gate_open(&l->gate);
    OK(cuStreamSynchronize(l->s));
}

/* ---- changes in executable graphs ---- */

CASE(exec_set_memcpy,
     "a copy that is changed in an executable graph: launches before it keep theirs")
{
    CUdeviceptr at = words(4);
    CUDA_MEMCPY3D p = {.srcMemoryType = CU_MEMORYTYPE_DEVICE,
                       .srcDevice = at,
                       .dstMemoryType = CU_MEMORYTYPE_DEVICE,
                       .dstDevice = at + 4,
                       .WidthInBytes = 4,
                       .Height = 1,
                       .Depth = 1},
                  got;
    struct standing l;
    CUgraph graph = graph_new();
    CUgraphNode node;

    OK(cuMemsetD32(at, 6, 1));
    OK(cuGraphAddMemcpyNode(&node, graph, NULL, 0, &p, current()));
    OK(cuGraphMemcpyNodeGetParams(node, &got));
    EQUAL(got.dstDevice, at + 4);
    stand(&l, graph);
    p.dstDevice = at + 8;
    OK(cuGraphExecMemcpyNodeSetParams(l.exec, node, &p, current()));
    go_on(&l);
    EQUAL(word(at + 4), 6);
    EQUAL(word(at + 8), 6);
    OK(cuGraphMemcpyNodeSetParams(node, &p));
    OK(cuGraphMemcpyNodeGetParams(node, &got));
    EQUAL(got.dstDevice, at + 8);
}

CASE(exec_set_memset, "a fill that is changed in an executable graph")
{
    CUdeviceptr at = words(2);
    CUDA_MEMSET_NODE_PARAMS p = {.dst = at, .value = 5, .elementSize = 4, .width = 1, .height = 1},
                            got;
    struct standing l;
    CUgraph graph = graph_new();
    CUgraphNode node;

    OK(cuGraphAddMemsetNode(&node, graph, NULL, 0, &p, current()));
    stand(&l, graph);
    p.dst = at + 4;
    p.value = 9;
    OK(cuGraphExecMemsetNodeSetParams(l.exec, node, &p, current()));
    go_on(&l);
    EQUAL(word(at), 5);
    EQUAL(word(at + 4), 9);
    OK(cuGraphMemsetNodeGetParams(node, &got));
    EQUAL(got.value, 5);
    OK(cuGraphMemsetNodeSetParams(node, &p));
}

static void CUDA_CB add_seven(void *arg)
{
    *(uint32_t *)arg += 7;
}

CASE(exec_set_host, "a host function that is changed in an executable graph")
{
    static uint32_t first, second;
    CUDA_HOST_NODE_PARAMS p = {add_seven, &first}, got;
    struct standing l;
    CUgraph graph = graph_new();
    CUgraphNode node;

    OK(cuGraphAddHostNode(&node, graph, NULL, 0, &p));
    stand(&l, graph);
    p.userData = &second;
    OK(cuGraphExecHostNodeSetParams(l.exec, node, &p));
    go_on(&l);
    EQUAL(first, 7);
    EQUAL(second, 7);
    OK(cuGraphHostNodeGetParams(node, &got));
    CHECK(got.userData == &first);
    OK(cuGraphHostNodeSetParams(node, &p));
}

CASE(exec_set_event_record, "an event to record that is changed in an executable graph")
{
    CUevent a = event(), b = event(), got;
    CUdeviceptr at = words(1);
    struct standing l;
    CUgraph graph = graph_new();
    CUgraphNode node, first = add_affine(graph, NULL, at, 1, 1);

    OK(cuGraphAddEventRecordNode(&node, graph, &first, 1, a));
    stand(&l, graph);
    OK(cuGraphExecEventRecordNodeSetEvent(l.exec, node, b));
    go_on(&l);
    OK(cuEventQuery(a));
    OK(cuEventQuery(b));
    OK(cuEventSynchronize(b));
    EQUAL(peek(at), 2);
    OK(cuGraphEventRecordNodeGetEvent(node, &got));
    CHECK(got == a);
    OK(cuGraphEventRecordNodeSetEvent(node, b));
    OK(cuGraphEventRecordNodeGetEvent(node, &got));
    CHECK(got == b);
}

CASE(exec_set_event_wait, "an event to wait for that is changed in an executable graph")
{
    CUevent never = event(), e = event(), got;
    CUstream other = free_stream(), s = free_stream();
    CUdeviceptr at = words(1);
    CUgraph graph = graph_new();
    CUgraphNode node;
    CUgraphExec exec;
    struct gate gate;

    OK(cuGraphAddEventWaitNode(&node, graph, NULL, 0, never));
    add_affine(graph, node, at, 10, 1);
    exec = instantiate(graph);
    gate_close(&gate, other);
    affine(other, at, 1, 4);
    OK(cuEventRecord(e, other));
    OK(cuGraphExecEventWaitNodeSetEvent(exec, node, e));
    OK(cuGraphLaunch(exec, s));
    IS(cuStreamQuery(s), CUDA_ERROR_NOT_READY);
    gate_open(&gate);
    OK(cuStreamSynchronize(s));
    EQUAL(peek(at), 41);
    OK(cuGraphEventWaitNodeGetEvent(node, &got));
    CHECK(got == never);
    OK(cuGraphEventWaitNodeSetEvent(node, e));
}

CASE(exec_set_child, "a child graph that is changed in an executable graph, for one of its form")
{
    CUdeviceptr at = words(2);
    CUgraph graph = graph_new(), child = graph_new(), other = graph_new(), longer = graph_new();
    CUgraphNode node, last;
    struct standing l;

    add_affine(child, add_affine(child, NULL, at, 1, 2), at, 10, 1);
    add_affine(other, add_affine(other, NULL, at + 4, 1, 3), at + 4, 10, 1);
    add_affine(longer, NULL, at, 1, 1);
    OK(cuGraphAddChildGraphNode(&node, graph, NULL, 0, child));
    last = add_affine(graph, node, at, 2, 0);
    (void)last;
    stand(&l, graph);
    CHECK(cuGraphExecChildGraphNodeSetParams(l.exec, node, longer) != CUDA_SUCCESS);
    OK(cuGraphExecChildGraphNodeSetParams(l.exec, node, other));
    go_on(&l);
    EQUAL(word(at), 84);
    EQUAL(word(at + 4), 31);
}

CASE(exec_set_any, "any node can be changed in an executable graph by the one call for all kinds")
{
    CUdeviceptr at = words(2);
    CUgraphNodeParams p = {
        .type = CU_GRAPH_NODE_TYPE_MEMSET,
        .memset = {.dst = at, .value = 5, .elementSize = 4, .width = 1, .height = 1}};
    CUgraph graph = graph_new();
    CUgraphNode node;
    struct standing l;

    p.memset.ctx = current();
    OK(cuGraphAddNode(&node, graph, NULL, NULL, 0, &p));
    stand(&l, graph);
    p.memset.dst = at + 4;
    OK(cuGraphExecNodeSetParams(l.exec, node, &p));
    OK(cuGraphNodeSetParams(node, &p));
    go_on(&l);
    EQUAL(word(at), 5);
    EQUAL(word(at + 4), 5);
    p.type = CU_GRAPH_NODE_TYPE_HOST;
    CHECK(cuGraphExecNodeSetParams(l.exec, node, &p) != CUDA_SUCCESS); /* it is no host node */
}

/* ---- memory operations ---- */

static CUDA_BATCH_MEM_OP_NODE_PARAMS batch(CUstreamBatchMemOpParams *ops, unsigned count)
{
    return (CUDA_BATCH_MEM_OP_NODE_PARAMS){.ctx = current(), .count = count, .paramArray = ops};
}

CASE(batch_node, "a node of memory operations does them in order; its array is copied")
{
    uint32_t *flag = pinned(2);
    CUstreamBatchMemOpParams ops[2] = {{0}};
    CUDA_BATCH_MEM_OP_NODE_PARAMS p = batch(ops, 2), got;
    CUgraph graph = graph_new();
    CUdeviceptr at = words(1);
    CUstream s = free_stream();
    CUgraphNode node;

    ops[0].waitValue.operation = CU_STREAM_MEM_OP_WAIT_VALUE_32;
    ops[0].waitValue.address = (CUdeviceptr)(uintptr_t)flag;
    ops[0].waitValue.value = 1;
    ops[0].waitValue.flags = CU_STREAM_WAIT_VALUE_EQ;
    ops[1].writeValue.operation = CU_STREAM_MEM_OP_WRITE_VALUE_32;
    ops[1].writeValue.address = (CUdeviceptr)(uintptr_t)(flag + 1);
    ops[1].writeValue.value = 8;
    OK(cuGraphAddBatchMemOpNode(&node, graph, NULL, 0, &p));
    memset(ops, 0, sizeof(ops));
    add_affine(graph, node, at, 1, 3);
    OK(cuGraphBatchMemOpNodeGetParams(node, &got));
    EQUAL(got.count, 2);
    EQUAL(got.paramArray[1].writeValue.value, 8);
    OK(cuGraphLaunch(instantiate(graph), s));
    IS(cuStreamQuery(s), CUDA_ERROR_NOT_READY);
    EQUAL(flag[1], 0);
    __atomic_store_n(flag, 1, __ATOMIC_SEQ_CST);
    OK(cuStreamSynchronize(s));
    EQUAL(flag[1], 8);
    EQUAL(peek(at), 3);
}

CASE(exec_set_batch, "memory operations that are changed in an executable graph")
{
    uint32_t *flag = pinned(2);
    CUstreamBatchMemOpParams op = {0};
    CUDA_BATCH_MEM_OP_NODE_PARAMS p = batch(&op, 1);
    CUgraph graph = graph_new();
    CUgraphNode node;
    struct standing l;

    op.writeValue.operation = CU_STREAM_MEM_OP_WRITE_VALUE_32;
    op.writeValue.address = (CUdeviceptr)(uintptr_t)flag;
    op.writeValue.value = 8;
    OK(cuGraphAddBatchMemOpNode(&node, graph, NULL, 0, &p));
    stand(&l, graph);
    op.writeValue.address += 4;
    OK(cuGraphExecBatchMemOpNodeSetParams(l.exec, node, &p));
    go_on(&l);
    EQUAL(flag[0], 8);
    EQUAL(flag[1], 8);
    OK(cuGraphBatchMemOpNodeSetParams(node, &p));
}

/* ---- external semaphores ---- */

static CUexternalSemaphore timeline(uint64_t **word_out)
{
    CUDA_EXTERNAL_SEMAPHORE_HANDLE_DESC desc = {
        .type = CU_EXTERNAL_SEMAPHORE_HANDLE_TYPE_TIMELINE_SEMAPHORE_FD};
    CUexternalSemaphore s;
    void *map;

    desc.handle.fd = memfd_create("conformance", MFD_CLOEXEC);
    CHECK(desc.handle.fd >= 0 && ftruncate(desc.handle.fd, 4096) == 0);
    map = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, desc.handle.fd, 0);
    CHECK(map != MAP_FAILED);
    *word_out = map;
    if (cuImportExternalSemaphore(&s, &desc) != CUDA_SUCCESS)
        conf_skip("a semaphore cannot be made here");
    return s;
}

static uint64_t value_of(const uint64_t *word)
{
    return __atomic_load_n(word, __ATOMIC_SEQ_CST);
}

CASE(exec_set_semaphores, "semaphores in a graph are signalled and waited for; both can be changed")
{
    uint64_t *word;
    CUexternalSemaphore sem = timeline(&word);
    CUDA_EXTERNAL_SEMAPHORE_WAIT_PARAMS wait = {.params = {.fence = {.value = 1}}};
    CUDA_EXTERNAL_SEMAPHORE_SIGNAL_PARAMS signal = {.params = {.fence = {.value = 5}}};
    CUDA_EXT_SEM_WAIT_NODE_PARAMS waits = {&sem, &wait, 1}, got_waits;
    CUDA_EXT_SEM_SIGNAL_NODE_PARAMS signals = {&sem, &signal, 1}, got_signals;
    CUgraph graph = graph_new();
    CUgraphNode first, second;
    CUstream s = free_stream();
    CUgraphExec exec;

    OK(cuGraphAddExternalSemaphoresWaitNode(&first, graph, NULL, 0, &waits));
    OK(cuGraphAddExternalSemaphoresSignalNode(&second, graph, &first, 1, &signals));
    exec = instantiate(graph);
    OK(cuGraphExternalSemaphoresWaitNodeGetParams(first, &got_waits));
    EQUAL(got_waits.paramsArray[0].params.fence.value, 1);
    OK(cuGraphExternalSemaphoresSignalNodeGetParams(second, &got_signals));
    CHECK(got_signals.extSemArray[0] == sem);
    OK(cuGraphLaunch(exec, s));
    IS(cuStreamQuery(s), CUDA_ERROR_NOT_READY);
    __atomic_store_n(word, 2, __ATOMIC_SEQ_CST);
    OK(cuStreamSynchronize(s));
    EQUAL(value_of(word), 5);
    wait.params.fence.value = 7;
    signal.params.fence.value = 9;
    OK(cuGraphExecExternalSemaphoresWaitNodeSetParams(exec, first, &waits));
    OK(cuGraphExecExternalSemaphoresSignalNodeSetParams(exec, second, &signals));
    OK(cuGraphExternalSemaphoresWaitNodeSetParams(first, &waits));
    OK(cuGraphExternalSemaphoresSignalNodeSetParams(second, &signals));
    OK(cuGraphLaunch(exec, s));
    IS(cuStreamQuery(s), CUDA_ERROR_NOT_READY);
    __atomic_store_n(word, 7, __ATOMIC_SEQ_CST);
    OK(cuStreamSynchronize(s));
    EQUAL(value_of(word), 9);
}

/* ---- memory of graphs ---- */

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

/* ---- conditions ---- */

#define HEAD ".version 7.0\n.target sm_70\n.address_size 64\n"

/* Adds one to *at and says whether it is still below @most. */
static const char setter[] =
    HEAD ".extern .func cudaGraphSetConditional(.param .b64 handle, .param .b32 value);\n"
         ".visible .entry step(.param .u64 at, .param .u64 handle, .param .u32 most) {\n"
         "  .reg .b64 %d<3>; .reg .b32 %r<4>; .reg .pred %p;\n"
         "  ld.param.u64 %d1, [at]; ld.param.u64 %d2, [handle]; ld.param.u32 %r1, [most];\n"
         "  ld.global.u32 %r2, [%d1]; add.u32 %r2, %r2, 1; st.global.u32 [%d1], %r2;\n"
         "  setp.lt.u32 %p, %r2, %r1; selp.u32 %r3, 1, 0, %p;\n"
         "  { .param .b64 a; .param .b32 b; st.param.b64 [a], %d2; st.param.b32 [b], %r3;\n"
         "    call.uni cudaGraphSetConditional, (a, b); }\n  ret;\n}\n";

static CUgraphConditionalHandle handle_new(CUgraph graph, unsigned first)
{
    CUgraphConditionalHandle handle;
    CUresult rc = cuGraphConditionalHandleCreate(&handle, graph, current(), first,
                                                 CU_GRAPH_COND_ASSIGN_DEFAULT);

    if (rc == CUDA_ERROR_NOT_SUPPORTED)
        conf_skip("no conditional nodes");
    OK(rc);
    return handle;
}

static CUgraph *add_condition(CUgraph graph, CUgraphNode before, CUgraphConditionalHandle handle,
                              CUgraphConditionalNodeType type, unsigned size, CUgraphNode *node)
{
    CUgraphNodeParams p = {.type = CU_GRAPH_NODE_TYPE_CONDITIONAL,
                           .conditional = {.handle = handle, .type = type, .size = size}};

    p.conditional.ctx = current();
    OK(cuGraphAddNode(node, graph, before ? &before : NULL, NULL, before != NULL, &p));
    CHECK(p.conditional.phGraph_out != NULL);
    return p.conditional.phGraph_out;
}

CASE(condition_if, "a body runs if the value is not zero; what follows the node waits for it")
{
    for (unsigned value = 0; value < 2; value++) {
        CUdeviceptr at = words(1);
        CUgraph graph = graph_new(), *body;
        CUgraphConditionalHandle handle = handle_new(graph, value);
        CUgraphNode node;

        body = add_condition(graph, add_affine(graph, NULL, at, 1, 2), handle,
                             CU_GRAPH_COND_TYPE_IF, 1, &node);
        add_affine(body[0], NULL, at, 10, 1);
        add_affine(graph, node, at, 2, 0);
        OK(cuGraphLaunch(instantiate(graph), NULL));
        EQUAL(word(at), value ? 42 : 4);
    }
}

CASE(condition_else, "of two bodies the second runs if the value is zero")
{
    CUdeviceptr at = words(1);
    CUgraph graph = graph_new(), *body;
    CUgraphConditionalHandle handle = handle_new(graph, 0);
    CUgraphNode node;

    body = add_condition(graph, NULL, handle, CU_GRAPH_COND_TYPE_IF, 2, &node);
    add_affine(body[0], NULL, at, 1, 1);
    add_affine(body[1], NULL, at, 1, 2);
    OK(cuGraphLaunch(instantiate(graph), NULL));
    EQUAL(word(at), 2);
}

CASE(condition_switch, "the value says which body runs; none if there are not so many")
{
    static const uint32_t expected[] = {10, 20, 30, 0};

    for (unsigned value = 0; value < 4; value++) {
        CUdeviceptr at = words(1);
        CUgraph graph = graph_new(), *body;
        CUgraphConditionalHandle handle = handle_new(graph, value);
        CUgraphNode node;

        body = add_condition(graph, NULL, handle, CU_GRAPH_COND_TYPE_SWITCH, 3, &node);
        for (unsigned i = 0; i < 3; i++)
            add_affine(body[i], NULL, at, 1, 10 * (i + 1));
        OK(cuGraphLaunch(instantiate(graph), NULL));
        EQUAL(word(at), expected[value]);
    }
}

CASE(condition_while,
     "a body runs again as long as its kernel leaves the value set, at each launch")
{
    CUdeviceptr at = words(1);
    CUgraph graph = graph_new(), *body;
    CUgraphConditionalHandle handle = handle_new(graph, 1);
    uint32_t most = 7;
    void *args[] = {&at, &handle, &most};
    CUDA_KERNEL_NODE_PARAMS p = {.gridDimX = 1,
                                 .gridDimY = 1,
                                 .gridDimZ = 1,
                                 .blockDimX = 1,
                                 .blockDimY = 1,
                                 .blockDimZ = 1,
                                 .kernelParams = args};
    CUgraphNode node, step;
    CUgraphExec exec;
    CUmodule m;

    if (cuModuleLoadData(&m, setter) != CUDA_SUCCESS)
        conf_skip("the device runtime has to be linked");
    OK(cuModuleGetFunction(&p.func, m, "step"));
    body = add_condition(graph, NULL, handle, CU_GRAPH_COND_TYPE_WHILE, 1, &node);
    OK(cuGraphAddKernelNode(&step, body[0], NULL, 0, &p));
    add_affine(graph, node, at, 10, 0);
    exec = instantiate(graph);
    OK(cuGraphLaunch(exec, NULL));
    EQUAL(word(at), 70);
    OK(cuMemsetD32(at, 2, 1));
    OK(cuGraphLaunch(exec, NULL));
    EQUAL(word(at), 70);
}

CASE(condition_invalid, "a handle is for one node; a loop has one body")
{
    CUgraph graph = graph_new();
    CUgraphConditionalHandle handle = handle_new(graph, 0);
    CUgraphNodeParams p = {
        .type = CU_GRAPH_NODE_TYPE_CONDITIONAL,
        .conditional = {.handle = handle, .type = CU_GRAPH_COND_TYPE_WHILE, .size = 2}};
    CUgraphNode node;

    p.conditional.ctx = current();
    CHECK(cuGraphAddNode(&node, graph, NULL, NULL, 0, &p) != CUDA_SUCCESS);
    add_condition(graph, NULL, handle, CU_GRAPH_COND_TYPE_IF, 1, &node);
    p.conditional.size = 1;
    CHECK(cuGraphAddNode(&node, graph, NULL, NULL, 0, &p) != CUDA_SUCCESS);
}

/* ---- the form of graphs ---- */

CASE(graph_edges, "nodes know what they depend on and what depends on them; edges can be taken out")
{
    CUdeviceptr at = words(1);
    CUgraph graph = graph_new();
    CUgraphNode a = add_affine(graph, NULL, at, 1, 1), b = add_affine(graph, a, at, 1, 1), got[4];
    CUgraphNodeType type;
    size_t count = 4;

    OK(cuGraphNodeGetDependencies(b, got, NULL, &count));
    CHECK(count == 1 && got[0] == a);
    count = 4;
    OK(cuGraphNodeGetDependentNodes(a, got, NULL, &count));
    CHECK(count == 1 && got[0] == b);
    OK(cuGraphNodeGetType(a, &type));
    EQUAL(type, CU_GRAPH_NODE_TYPE_KERNEL);
    count = 4;
    OK(cuGraphGetRootNodes(graph, got, &count));
    CHECK(count == 1 && got[0] == a);
    OK(cuGraphRemoveDependencies(graph, &a, &b, NULL, 1));
    CHECK(cuGraphRemoveDependencies(graph, &a, &b, NULL, 1) != CUDA_SUCCESS);
    count = 4;
    OK(cuGraphGetRootNodes(graph, NULL, &count));
    EQUAL(count, 2);
    OK(cuGraphDestroyNode(b));
    OK(cuGraphGetNodes(graph, NULL, &count));
    EQUAL(count, 1);
}

CASE(graph_kernel_attributes, "attributes of a kernel's node are those that were set or copied")
{
    CUdeviceptr at = words(1);
    CUgraph graph = graph_new();
    CUgraphNode a = add_affine(graph, NULL, at, 1, 1), b = add_affine(graph, a, at, 1, 1);
    CUkernelNodeAttrValue v = {.priority = 0}, got;
    int least, greatest;

    OK(cuCtxGetStreamPriorityRange(&least, &greatest));
    v.priority = greatest;
    OK(cuGraphKernelNodeSetAttribute(a, CU_KERNEL_NODE_ATTRIBUTE_PRIORITY, &v));
    OK(cuGraphKernelNodeCopyAttributes(b, a));
    OK(cuGraphKernelNodeGetAttribute(b, CU_KERNEL_NODE_ATTRIBUTE_PRIORITY, &got));
    EQUAL(got.priority, greatest);
    OK(cuGraphLaunch(instantiate(graph), NULL));
    EQUAL(word(at), 2);
}

CASE(graph_instantiate_params, "a graph may be uploaded when it is instantiated")
{
    CUdeviceptr at = words(1);
    CUstream s = stream();
    CUDA_GRAPH_INSTANTIATE_PARAMS p = {.flags = CUDA_GRAPH_INSTANTIATE_FLAG_UPLOAD,
                                       .hUploadStream = s};
    CUgraph graph = graph_new();
    cuuint64_t flags;
    CUgraphExec exec;

    add_affine(graph, NULL, at, 1, 5);
    chain(s, at);
    OK(cuGraphInstantiateWithParams(&exec, graph, &p));
    EQUAL(p.result_out, CUDA_GRAPH_INSTANTIATE_SUCCESS);
    OK(cuGraphLaunch(exec, s));
    EQUAL(word(at), CHAIN + 5);
    OK(cuGraphExecGetFlags(exec, &flags));
    EQUAL(flags & ~(cuuint64_t)CUDA_GRAPH_INSTANTIATE_FLAG_UPLOAD, 0);
}

CASE(graph_launch_captured, "a graph cannot be launched into a capture, which that invalidates")
{
    CUdeviceptr at = words(1);
    CUgraph inner = graph_new(), graph;
    CUstream s = stream();
    CUgraphExec exec;

    add_affine(inner, add_affine(inner, NULL, at, 1, 2), at, 10, 1);
    exec = instantiate(inner);
    OK(cuStreamBeginCapture(s, CU_STREAM_CAPTURE_MODE_RELAXED));
    affine(s, at, 1, 1);
    IS(cuGraphLaunch(exec, s), CUDA_ERROR_STREAM_CAPTURE_UNSUPPORTED);
    IS(cuStreamEndCapture(s, &graph), CUDA_ERROR_STREAM_CAPTURE_INVALIDATED);
    EQUAL(word(at), 0);
    OK(cuGraphLaunch(exec, s));
    EQUAL(word(at), 21);
}

CASE(capture_update_dependencies, "what the next captured work depends on can be set")
{
    CUstreamCaptureStatus status;
    const CUgraphNode *deps;
    CUdeviceptr at = words(2);
    CUstream s = stream();
    CUgraph graph, same;
    CUgraphNode node;
    size_t count;

    fn("affine");
    OK(cuStreamBeginCapture(s, CU_STREAM_CAPTURE_MODE_RELAXED));
    affine(s, at, 1, 1);
    OK(cuStreamGetCaptureInfo(s, &status, NULL, &graph, &deps, NULL, &count));
    EQUAL(count, 1);
    OK(cuGraphAddEmptyNode(&node, graph, deps, count));
    OK(cuStreamUpdateCaptureDependencies(s, &node, NULL, 1, CU_STREAM_SET_CAPTURE_DEPENDENCIES));
    affine(s, at, 10, 2);
    OK(cuStreamEndCapture(s, &same));
    count = 0;
    OK(cuGraphGetNodes(same, NULL, &count));
    EQUAL(count, 3);
    OK(cuGraphLaunch(instantiate(same), s));
    EQUAL(word(at), 12);
}
