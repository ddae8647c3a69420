// SPDX-License-Identifier: Apache-2.0
/* What CUDA keeps of its first years: launches by cuLaunchGrid, counted contexts; and the linker.
 */
#include "conformance.h"

#pragma GCC diagnostic ignored "-Wdeprecated-declarations"

/* affine, by the old interface: x = x * @a + @b. */
static CUfunction prepare(CUdeviceptr at, unsigned a, unsigned b)
{
    CUfunction f = fn("affine");

    OK(cuFuncSetBlockShape(f, 1, 1, 1));
    OK(cuFuncSetSharedSize(f, 0));
    OK(cuParamSetv(f, 0, &at, sizeof(at)));
    OK(cuParamSeti(f, 8, a));
    OK(cuParamSeti(f, 12, b));
    OK(cuParamSetSize(f, 16));
    return f;
}

CASE(old_launch_grid, "cuLaunchGrid launches with the shape and the arguments that were set")
{
    CUdeviceptr at = words(1);
    CUfunction f = fn("count");

    OK(cuFuncSetBlockShape(f, 8, 2, 2));
    OK(cuParamSetv(f, 0, &at, sizeof(at)));
    OK(cuParamSetSize(f, sizeof(at)));
    OK(cuLaunchGrid(f, 3, 2));
    EQUAL(word(at), 3 * 2 * 8 * 2 * 2);
    OK(cuLaunch(f));
    EQUAL(word(at), 7 * 32);
}

CASE(old_launch_order, "cuLaunch is a launch into the legacy stream")
{
    CUstream s = stream();
    CUdeviceptr at = words(1);

    chain(s, at);
    OK(cuLaunch(prepare(at, 3, 1)));
    affine(s, at, 2, 0);
    EQUAL(word(at), 2 * (3 * CHAIN + 1));
}

/* A launch by cuLaunchKernel invalidates what was set for its function, so it is set after that. */
CASE(old_launch_async, "cuLaunchGridAsync keeps its place; its arguments may be set anew")
{
    CUstream s = stream();
    CUdeviceptr at = words(1);
    CUfunction f;
    struct gate gate;

    gate_close(&gate, s);
    affine(s, at, 1, 2);
    gate_begun(&gate);
    gate_open(&gate); /* the calls below may wait for their turn */
    f = prepare(at, 3, 1);
    OK(cuLaunchGridAsync(f, 1, 1, s));
    OK(cuParamSeti(f, 8, 100));
    OK(cuParamSeti(f, 12, 0));
    OK(cuLaunchGridAsync(f, 1, 1, s));
    affine(s, at, 2, 0);
    EQUAL(word(at), 1400);
}

CASE(old_launch_reset, "what is set for a function behind a launch of it is what the next one has")
{
    CUstream s = stream();
    CUdeviceptr at = words(2);
    uint32_t value = 9;
    void *args[] = {&at, &value};
    CUfunction f = fn("affine");

    for (unsigned i = 0; i < 3; i++) {
        slow(s, at + 4, 500);
        affine(s, at, 2, 7); /* held, it is launched after the calls below */
        f = prepare(at, 3, 1);
        OK(cuLaunchGridAsync(f, 1, 1, s));
    }
    EQUAL(word(at), 946);
    f = fn("put");
    slow(s, at + 4, 500);
    OK(cuLaunchKernel(f, 1, 1, 1, 1, 1, 1, 0, s, args, NULL));
    OK(cuFuncSetBlockShape(f, 1, 1, 1));
    OK(cuFuncSetSharedSize(f, 0));
    OK(cuParamSetf(f, 8, 1.5f));
    OK(cuParamSetv(f, 0, &at, sizeof(at)));
    OK(cuParamSetSize(f, 12));
    OK(cuLaunchGridAsync(f, 1, 1, s));
    EQUAL(word(at), 0x3fc00000);
}

CASE(old_launch_invalid, "a launch without a shape or with a grid of nothing is refused")
{
    CUdeviceptr at = words(1);
    CUfunction f = prepare(at, 1, 1);

    CHECK(cuLaunchGrid(f, 0, 1) != CUDA_SUCCESS);
    CHECK(cuFuncSetBlockShape(f, 0, 1, 1) != CUDA_SUCCESS);
    CHECK(cuParamSetSize(f, 1 << 20) != CUDA_SUCCESS);
    EQUAL(word(at), 0);
}

CASE(old_multi_device, "a cooperative launch on several devices keeps its place in its streams")
{
    CUdeviceptr at = words(3), out = at + 4, x = at + 8;
    CUstream s = stream();
    void *args[] = {&at, &out};
    CUDA_LAUNCH_PARAMS list[2] = {{.function = fn("meet"),
                                   .gridDimX = 2,
                                   .gridDimY = 1,
                                   .gridDimZ = 1,
                                   .blockDimX = 32,
                                   .blockDimY = 1,
                                   .blockDimZ = 1,
                                   .hStream = s,
                                   .kernelParams = args}};

    if (!attribute(CU_DEVICE_ATTRIBUTE_COOPERATIVE_MULTI_DEVICE_LAUNCH))
        conf_skip("no launches on several devices");
    chain(s, x);
    OK(cuLaunchCooperativeKernelMultiDevice(list, 1, 0));
    affine(s, x, 2, 0);
    EQUAL(word(x), 2 * CHAIN);
    EQUAL(peek(out), 64);
    list[1] = list[0];
    CHECK(cuLaunchCooperativeKernelMultiDevice(list, 2, 0) != CUDA_SUCCESS); /* one device twice */
    CHECK(cuLaunchCooperativeKernelMultiDevice(list, 0, 0) != CUDA_SUCCESS);
}

/* ---- contexts ---- */

CASE(old_attach, "a context that is attached is destroyed with its last detach, after its work")
{
    uint32_t *host = pinned(1), us = 2000;
    CUdeviceptr at = (CUdeviceptr)(uintptr_t)host;
    CUcontext primary, created, same;
    void *args[] = {&at, &us};
    CUfunction f;
    CUmodule m;

    OK(cuCtxGetCurrent(&primary));
    OK(cuCtxCreate(&created, NULL, 0, dev));
    OK(cuCtxAttach(&same, 0));
    CHECK(same == created);
    OK(cuCtxDetach(created));
    OK(cuModuleLoadData(&m, conf_ptx));
    OK(cuModuleGetFunction(&f, m, "slow"));
    OK(cuLaunchKernel(f, 1, 1, 1, 1, 1, 1, 0, NULL, args, NULL));
    OK(cuCtxDetach(created));
    OK(cuCtxSetCurrent(primary));
    EQUAL(*(volatile uint32_t *)host, 1);
}

/* ---- linking ---- */

#define HEAD ".version 7.0\n.target sm_70\n.address_size 64\n"

static const char caller[] =
    HEAD ".extern .func (.param .b32 r) twice(.param .b32 x);\n"
         ".extern .global .align 4 .u32 offset;\n"
         ".visible .entry linked(.param .u64 at) {\n"
         "  .reg .b64 %d; .reg .b32 %r<4>; ld.param.u64 %d, [at]; ld.global.u32 %r1, [%d];\n"
         "  { .param .b32 a; .param .b32 v; st.param.b32 [a], %r1; call.uni (v), twice, (a);\n"
         "    ld.param.b32 %r2, [v]; }\n"
         "  ld.global.u32 %r3, [offset]; add.u32 %r2, %r2, %r3; st.global.u32 [%d], %r2; ret;\n}\n";
static const char callee[] =
    HEAD ".visible .global .align 4 .u32 offset = 2;\n"
         ".visible .func (.param .b32 r) twice(.param .b32 x) {\n"
         "  .reg .b32 %r<3>; ld.param.b32 %r1, [x]; shl.b32 %r2, %r1, 1; st.param.b32 [r], %r2; "
         "ret;\n}\n";

CASE(link_complete, "the linker makes one image of texts that call each other")
{
    CUdeviceptr at = words(1);
    CUlinkState link;
    CUfunction f;
    CUmodule m;
    void *image, *args[] = {&at};
    size_t size;

    OK(cuMemsetD32(at, 20, 1));
    OK(cuLinkCreate(0, NULL, NULL, &link));
    OK(cuLinkAddData(link, CU_JIT_INPUT_PTX, (void *)caller, sizeof(caller), "caller", 0, NULL,
                     NULL));
    OK(cuLinkAddData(link, CU_JIT_INPUT_PTX, (void *)callee, sizeof(callee), "callee", 0, NULL,
                     NULL));
    OK(cuLinkComplete(link, &image, &size));
    CHECK(size > 0);
    OK(cuModuleLoadData(&m, image));
    OK(cuLinkDestroy(link)); /* the image goes, the module stays */
    OK(cuModuleGetFunction(&f, m, "linked"));
    OK(cuLaunchKernel(f, 1, 1, 1, 1, 1, 1, 0, NULL, args, NULL));
    EQUAL(word(at), 42);
}

CASE(link_undefined, "what nobody defines is an error, with its name in the log")
{
    char log[400] = "";
    CUjit_option options[] = {CU_JIT_ERROR_LOG_BUFFER, CU_JIT_ERROR_LOG_BUFFER_SIZE_BYTES};
    void *values[] = {log, (void *)(uintptr_t)sizeof(log)}, *image;
    CUlinkState link;
    size_t size;

    OK(cuLinkCreate(2, options, values, &link));
    OK(cuLinkAddData(link, CU_JIT_INPUT_PTX, (void *)caller, sizeof(caller), "caller", 0, NULL,
                     NULL));
    CHECK(cuLinkComplete(link, &image, &size) != CUDA_SUCCESS);
    CHECK(strstr(log, "twice") || strstr(log, "offset"));
    OK(cuLinkDestroy(link));
    OK(cuCtxSynchronize());
}

CASE(link_busy, "linking and loading go on beside work in streams")
{
    CUstream s = free_stream();
    CUdeviceptr at = words(1);
    CUlinkState link;
    void *image;
    size_t size;

    chain(s, at);
    OK(cuLinkCreate(0, NULL, NULL, &link));
    OK(cuLinkAddData(link, CU_JIT_INPUT_PTX, (void *)callee, sizeof(callee), "callee", 0, NULL,
                     NULL));
    OK(cuLinkComplete(link, &image, &size));
    OK(cuLinkDestroy(link));
    OK(cuStreamSynchronize(s));
    EQUAL(peek(at), CHAIN);
}
