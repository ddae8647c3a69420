// SPDX-License-Identifier: Apache-2.0
/*
 * What has been destroyed while its work stands: the work is done, whoever uses the handle again is
 * told so by the call, and a new object with the same handle has nothing of the old one's. With
 * REEF_EMU_REUSE_HANDLES=1 handles are used again at once, as addresses are.
 */
#include "conformance.h"

#define REFUSED(call) CHECK(!handles_are_checked() || (call) != CUDA_SUCCESS)

CASE(gone_stream, "a stream that was destroyed while busy does its work, and takes no more")
{
    CUdeviceptr at = words(1);
    CUstream s = stream();
    CUevent e = event();
    struct gate gate;
    int priority;

    gate_close(&gate, s);
    chain(s, at);
    OK(cuStreamDestroy(s));
    REFUSED(cuLaunchKernel(fn("nothing"), 1, 1, 1, 1, 1, 1, 0, s, NULL, NULL));
    REFUSED(cuMemsetD32Async(at, 7, 1, s));
    REFUSED(cuEventRecord(e, s));
    REFUSED(cuStreamQuery(s));
    REFUSED(cuStreamGetPriority(s, &priority));
    REFUSED(cuStreamSynchronize(s));
    REFUSED(cuStreamDestroy(s));
    gate_open(&gate);
    EQUAL(word(at), CHAIN);
}

CASE(gone_stream_ex, "cuLaunchKernelEx into a stream that was destroyed while busy is refused")
{
    CUdeviceptr at = words(1);
    CUstream s = stream();
    CUlaunchConfig config = {.gridDimX = 1,
                             .gridDimY = 1,
                             .gridDimZ = 1,
                             .blockDimX = 1,
                             .blockDimY = 1,
                             .blockDimZ = 1,
                             .hStream = s};
    struct gate gate;

    gate_close(&gate, s);
    chain(s, at);
    OK(cuStreamDestroy(s));
    REFUSED(cuLaunchKernelEx(&config, fn("nothing"), NULL, NULL));
    gate_open(&gate);
    EQUAL(word(at), CHAIN);
}

CASE(gone_event, "an event that was destroyed with its record to come can be used for nothing more")
{
    CUdeviceptr at = words(1);
    CUstream s = stream(), other = free_stream();
    CUevent e = event(), later = event();
    struct gate gate;
    float ms;

    gate_close(&gate, s);
    OK(cuEventRecord(e, s));
    OK(cuStreamWaitEvent(other, e, 0));
    affine(other, at, 1, 5);
    OK(cuEventDestroy(e));
    REFUSED(cuEventQuery(e));
    REFUSED(cuEventRecord(e, other));
    REFUSED(cuStreamWaitEvent(other, e, 0));
    REFUSED(cuEventElapsedTime(&ms, later, e));
    REFUSED(cuEventSynchronize(e));
    REFUSED(cuEventDestroy(e));
    EQUAL(peek(at), 0);
    gate_open(&gate);
    EQUAL(word(at), 5);
}

CASE(gone_exec, "an executable graph that was destroyed with a launch to come is launched no more")
{
    CUdeviceptr at = words(1);
    CUstream s = stream();
    CUgraphExecUpdateResultInfo info;
    CUgraphExec exec;
    CUgraph graph;
    struct gate gate;

    fn("affine");
    OK(cuStreamBeginCapture(s, CU_STREAM_CAPTURE_MODE_GLOBAL));
    affine(s, at, 1, 4);
    OK(cuStreamEndCapture(s, &graph));
    OK(cuGraphInstantiate(&exec, graph, 0));
    gate_close(&gate, s);
    OK(cuGraphLaunch(exec, s));
    OK(cuGraphExecDestroy(exec));
    REFUSED(cuGraphLaunch(exec, s));
    REFUSED(cuGraphExecUpdate(exec, graph, &info));
    REFUSED(cuGraphExecDestroy(exec));
    gate_open(&gate);
    EQUAL(word(at), 4);
    OK(cuGraphDestroy(graph));
}

/* Kernels of the same name with different parameters. */
#define HEAD ".version 7.0\n.target sm_70\n.address_size 64\n"
static const char narrow[] =
    HEAD ".visible .entry k(.param .u64 at) {\n  .reg .b64 %d; .reg .b32 %r;\n"
         "  ld.param.u64 %d, [at]; mov.u32 %r, 1; st.global.u32 [%d], %r; ret;\n}\n";
static const char wide[] =
    HEAD ".visible .entry k(.param .u32 n, .param .u32 m, .param .u64 at, .param .u32 o) {\n"
         "  .reg .b64 %d; .reg .b32 %r<4>;\n"
         "  ld.param.u32 %r1, [n]; ld.param.u32 %r2, [m]; ld.param.u64 %d, [at];\n"
         "  ld.param.u32 %r3, [o]; mad.lo.u32 %r1, %r1, %r2, %r3; st.global.u32 [%d], %r1;\n"
         "  ret;\n}\n";

static uint32_t launch_one(const char *text, CUstream s)
{
    uint32_t n = 7, m = 8, o = 9, result;
    CUdeviceptr at = words(1);
    void *one[] = {&at}, *four[] = {&n, &m, &at, &o};
    CUfunction f;
    CUmodule m2;

    OK(cuModuleLoadData(&m2, text));
    OK(cuModuleGetFunction(&f, m2, "k"));
    hold_here();
    OK(cuLaunchKernel(f, 1, 1, 1, 1, 1, 1, 0, s, text == narrow ? one : four, NULL));
    hold_end();
    OK(cuCtxSynchronize());
    OK(cuMemcpyDtoH(&result, at, 4));
    return result;
}

CASE(gone_functions, "kernels of a new context are not those of the one before it")
{
    CUcontext ctx;

    for (int i = 0; i < 6; i++) {
        OK(cuCtxCreate(&ctx, NULL, 0, dev));
        for (int j = 0; j < 5; j++) { /* one of them has a handle of the other's */
            bool is_wide = (i + j / 2) % 2;

            EQUAL(launch_one(is_wide ? wide : narrow, NULL), is_wide ? 7 * 8 + 9 : 1);
        }
        OK(cuCtxDestroy(ctx));
    }
}

CASE(gone_streams, "streams and events of a new context are not those of the one before it")
{
    CUcontext ctx;

    for (int i = 0; i < 4; i++) {
        CUstream s[4];
        CUdeviceptr at;
        CUevent e;

        OK(cuCtxCreate(&ctx, NULL, 0, dev));
        OK(cuMemAlloc(&at, 4));
        OK(cuMemsetD32(at, 0, 1));
        for (int j = 0; j < 4; j++)
            OK(cuStreamCreate(&s[j], (i + j) % 2 ? CU_STREAM_NON_BLOCKING : CU_STREAM_DEFAULT));
        e = event();
        for (int j = 0; j < 40; j++)
            OK(cuMemsetD32Async(at, (unsigned)j, 1, s[j % 4]));
        OK(cuEventQuery(e)); /* nobody has recorded it */
        OK(cuEventRecord(e, s[3]));
        OK(cuStreamWaitEvent(s[0], e, 0));
        OK(cuMemsetD32Async(at, 77, 1, s[0]));
        OK(cuLaunchKernel(fn("nothing"), 1, 1, 1, 1, 1, 1, 0, NULL, NULL, NULL) == CUDA_SUCCESS
               ? CUDA_ERROR_UNKNOWN /* the function is another context's */
               : CUDA_SUCCESS);
        OK(cuCtxDestroy(ctx)); /* with work in it */
    }
}

CASE(gone_primary, "after a reset the primary context's streams, events and kernels are new ones")
{
    CUcontext ctx;

    for (int i = 0; i < 4; i++) {
        CUdeviceptr at;
        CUstream s;
        CUevent e;

        OK(cuDevicePrimaryCtxRetain(&ctx, dev));
        OK(cuCtxSetCurrent(ctx));
        OK(cuMemAlloc(&at, 4));
        OK(cuMemsetD32(at, 0, 1));
        OK(cuStreamCreate(&s, i % 2 ? CU_STREAM_NON_BLOCKING : CU_STREAM_DEFAULT));
        e = event();
        OK(cuEventQuery(e));
        for (int j = 0; j < 40; j++)
            OK(cuMemsetD32Async(at, (unsigned)j, 1, j % 2 ? s : CU_STREAM_PER_THREAD));
        OK(cuEventQuery(e));
        OK(cuStreamSynchronize(CU_STREAM_PER_THREAD));
        for (int j = 0; j < 5; j++) {
            bool is_wide = (i + j / 2) % 2;

            EQUAL(launch_one(is_wide ? wide : narrow, s), is_wide ? 7 * 8 + 9 : 1);
        }
        OK(cuMemsetD32Async(at, 5, 1, CU_STREAM_PER_THREAD));
        OK(cuDevicePrimaryCtxReset(dev));
    }
}

CASE(gone_release, "a context that others still retain keeps its work, the last release ends it")
{
    CUdeviceptr at = words(1);
    unsigned flags;
    CUcontext ctx;
    int active;

    OK(cuDevicePrimaryCtxRetain(&ctx, dev));
    chain(stream(), at);
    OK(cuDevicePrimaryCtxRelease(dev));
    EQUAL(word(at), CHAIN);
    chain(CU_STREAM_PER_THREAD, at);
    OK(cuDevicePrimaryCtxRelease(dev));
    OK(cuDevicePrimaryCtxGetState(dev, &flags, &active));
    EQUAL(active, 0);
    OK(cuDevicePrimaryCtxRetain(&ctx, dev));
    OK(cuCtxSetCurrent(ctx));
    OK(cuMemAlloc(&at, 4));
    OK(cuMemsetD32Async(at, 3, 1, CU_STREAM_PER_THREAD));
    OK(cuStreamSynchronize(CU_STREAM_PER_THREAD));
    OK(cuDevicePrimaryCtxRelease(dev));
}

/* @wait: nothing is left to wait for but what is in the stream that is gone. */
static void destroy_and_wait(bool wait)
{
    CUstream s = free_stream(), other = free_stream();
    CUdeviceptr at = words(1), beside = words(1);
    struct gate gate;

    affine(other, beside, 1, 1);
    OK(cuStreamSynchronize(other));
    gate_close_for(&gate, s, 50);
    affine(s, at, 1, 41);
    OK(cuStreamDestroy(s));
    affine(other, beside, 1, 1);
    if (wait)
        OK(cuStreamSynchronize(other));
    OK(cuCtxSynchronize());
    EQUAL(peek(at), 41);
    gate_open(&gate);
}

CASE(gone_stream_waited, "who waits for a context waits for its streams that are gone, too")
{
    destroy_and_wait(false);
    destroy_and_wait(true);
}
