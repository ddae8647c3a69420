// SPDX-License-Identifier: Apache-2.0
/* Every kind of node of a graph: what it does, what it was told, and changing it in an executable
 * graph while a launch of that is under way. */
#include "graph_build.h"

#include <sys/mman.h>
#include <unistd.h>

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

/* ---- events of a graph that is launched ---- */

CASE(graph_event_asked, "an event that a launched graph records is not ready until it is recorded")
{
    CUstream s = free_stream();
    CUdeviceptr at = words(1);
    CUgraph graph = graph_new();
    CUgraphNode node, first = add_affine(graph, NULL, at, 10, 1);
    CUevent e = event();
    CUgraphExec exec;
    struct gate gate;

    OK(cuGraphAddEventRecordNode(&node, graph, &first, 1, e));
    exec = instantiate(graph);
    gate_close(&gate, s);
    affine(s, at, 1, 4);
    OK(cuGraphLaunch(exec, s));
    IS(cuEventQuery(e), CUDA_ERROR_NOT_READY);
    gate_open(&gate);
    OK(cuEventSynchronize(e));
    EQUAL(peek(at), 41);
}

CASE(graph_event_waited, "a stream that waits for such an event waits for the graph")
{
    CUstream s = free_stream(), other = free_stream();
    CUdeviceptr at = words(1);
    CUgraph graph = graph_new();
    CUgraphNode node, first = add_affine(graph, NULL, at, 10, 1);
    CUevent e = event();
    CUgraphExec exec;
    struct gate gate;

    OK(cuGraphAddEventRecordNode(&node, graph, &first, 1, e));
    exec = instantiate(graph);
    gate_close(&gate, s);
    affine(s, at, 1, 4);
    OK(cuGraphLaunch(exec, s));
    OK(cuStreamWaitEvent(other, e, 0));
    affine(other, at, 2, 0);
    gate_open(&gate);
    OK(cuStreamSynchronize(other));
    EQUAL(peek(at), 82);
}

CASE(graph_event_gone, "an event that a launched graph records may be destroyed behind the launch")
{
    CUstream s = free_stream();
    CUdeviceptr at = words(1);
    CUgraph graph = graph_new();
    CUgraphNode node, first = add_affine(graph, NULL, at, 10, 1);
    CUevent e = event();
    CUgraphExec exec;
    struct gate gate;

    OK(cuGraphAddEventRecordNode(&node, graph, &first, 1, e));
    exec = instantiate(graph);
    gate_close(&gate, s);
    affine(s, at, 1, 4);
    OK(cuGraphLaunch(exec, s));
    OK(cuEventDestroy(e));
    gate_open(&gate);
    OK(cuStreamSynchronize(s));
    EQUAL(peek(at), 41);
}
