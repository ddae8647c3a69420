// SPDX-License-Identifier: Apache-2.0
/* Nodes whose bodies run on a condition, or as long as it holds. */
#include "graph_build.h"

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
