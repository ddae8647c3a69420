// SPDX-License-Identifier: Apache-2.0
/*
 * What is changed behind a launch is not what that launch finds: limits of the context, access to
 * memory, texture references. Held or not, it runs with what was there when it was called.
 */
#include "conformance.h"

#pragma GCC diagnostic ignored "-Wdeprecated-declarations"

#define HEAD ".version 7.0\n.target sm_70\n.address_size 64\n"

/* ---- limits ---- */

/* *at = 1 + 2 + ... + n, with a frame of 256 bytes for each number. */
static const char recursive[] = HEAD
    ".func (.param .b32 r) sum(.param .b32 n)\n{\n"
    "  .local .align 8 .b8 frame[256]; .reg .b32 %r<6>; .reg .b64 %d<3>; .reg .pred %p;\n"
    "  ld.param.b32 %r1, [n]; mov.u64 %d1, frame; st.local.u32 [%d1+128], %r1; mov.u32 %r2, 0;\n"
    "  setp.eq.u32 %p, %r1, 0; @%p bra E; sub.u32 %r3, %r1, 1;\n"
    "  { .param .b32 a; .param .b32 v; st.param.b32 [a], %r3; call.uni (v), sum, (a);\n"
    "    ld.param.b32 %r2, [v]; }\n"
    "E: ld.local.u32 %r4, [%d1+128]; add.u32 %r2, %r2, %r4; st.param.b32 [r], %r2; ret;\n}\n"
    ".visible .entry sums(.param .u64 at, .param .u32 n)\n{\n"
    "  .reg .b64 %d; .reg .b32 %r<3>; ld.param.u64 %d, [at]; ld.param.u32 %r1, [n];\n"
    "  { .param .b32 a; .param .b32 v; st.param.b32 [a], %r1; call.uni (v), sum, (a);\n"
    "    ld.param.b32 %r2, [v]; }\n"
    "  st.global.u32 [%d], %r2; ret;\n}\n";

static CUfunction function_of(CUmodule m, const char *name)
{
    CUfunction f;

    OK(cuModuleGetFunction(&f, m, name));
    return f;
}

CASE(change_stack, "a launch has the stack that there was when it was called")
{
    CUdeviceptr at = words(1);
    CUstream s = stream();
    uint32_t n = 100;
    void *args[] = {&at, &n};
    size_t before;
    CUmodule m;
    CUfunction f;

    OK(cuModuleLoadData(&m, recursive));
    f = function_of(m, "sums");
    OK(cuCtxGetLimit(&before, CU_LIMIT_STACK_SIZE));
    OK(cuCtxSetLimit(CU_LIMIT_STACK_SIZE, 64 << 10));
    hold_here();
    OK(cuLaunchKernel(f, 1, 1, 1, 1, 1, 1, 0, s, args, NULL));
    OK(cuCtxSetLimit(CU_LIMIT_STACK_SIZE, before));
    EQUAL(word(at), 5050);
}

CASE(change_limit_refused, "a limit that there is not is refused, whatever is on its way")
{
    CUstream s = stream();
    CUdeviceptr at = words(1);

    hold_here();
    affine(s, at, 1, 7);
    CHECK(cuCtxSetLimit((CUlimit)1000, 1) != CUDA_SUCCESS);
    EQUAL(word(at), 7);
}

/* In a host function nothing may be asked of the driver: the emulated one says so. */
static void CUDA_CB set_limit(void *result)
{
    *(CUresult *)result = cuCtxSetLimit(CU_LIMIT_STACK_SIZE, 2048);
}

CASE(change_in_host, "a host function that sets a limit is refused, while work stands behind it")
{
    CUresult result = CUDA_SUCCESS;
    CUstream s = stream();
    CUdeviceptr at = words(1);

    if (!handles_are_checked())
        conf_skip("not defined");
    OK(cuLaunchHostFunc(s, set_limit, &result));
    hold_here();
    affine(s, at, 1, 7);
    EQUAL(word(at), 7);
    CHECK(result != CUDA_SUCCESS);
}

CASE(change_in_capture, "a thread that captures may set a limit while other work is on its way")
{
    CUstream s = stream(), captured = free_stream();
    CUdeviceptr at = words(2);
    CUgraphExec exec;
    CUgraph graph;

    hold_here();
    affine(s, at, 1, 7);
    OK(cuStreamBeginCapture(captured, CU_STREAM_CAPTURE_MODE_RELAXED));
    affine(captured, at + 4, 1, 8);
    OK(cuCtxSetLimit(CU_LIMIT_STACK_SIZE, 2048));
    OK(cuStreamEndCapture(captured, &graph));
    OK(cuGraphInstantiate(&exec, graph, 0));
    OK(cuGraphLaunch(exec, captured));
    EQUAL(word(at), 7);
    EQUAL(peek(at + 4), 8);
}

/* ---- access ---- */

CASE(change_access, "access is taken away when the users of the memory are done, beside other work")
{
    const CUmemAllocationProp prop = {.type = CU_MEM_ALLOCATION_TYPE_PINNED,
                                      .location = {CU_MEM_LOCATION_TYPE_DEVICE, dev}};
    CUmemAccessDesc access = {prop.location, CU_MEM_ACCESS_FLAGS_PROT_READWRITE};
    CUstream s = free_stream(), busy = free_stream();
    CUdeviceptr at, other = words(1);
    CUmemGenericAllocationHandle memory;
    unsigned long long now;
    size_t bytes;

    if (!attribute(CU_DEVICE_ATTRIBUTE_VIRTUAL_MEMORY_MANAGEMENT_SUPPORTED))
        conf_skip("no virtual memory management");
    OK(cuMemGetAllocationGranularity(&bytes, &prop, CU_MEM_ALLOC_GRANULARITY_MINIMUM));
    OK(cuMemAddressReserve(&at, bytes, 0, 0, 0));
    OK(cuMemCreate(&memory, bytes, &prop, 0));
    OK(cuMemMap(at, bytes, 0, memory, 0));
    OK(cuMemSetAccess(at, bytes, &access, 1));
    OK(cuMemsetD32(at, 0, 1));
    hold_here();
    affine(s, at, 1, 7);
    chain(busy, other);
    OK(cuStreamSynchronize(s));
    access.flags = CU_MEM_ACCESS_FLAGS_PROT_READ;
    OK(cuMemSetAccess(at, bytes, &access, 1));
    EQUAL(peek(at), 7);
    OK(cuMemGetAccess(&now, &access.location, at));
    EQUAL(now, CU_MEM_ACCESS_FLAGS_PROT_READ);
    OK(cuStreamSynchronize(busy));
    EQUAL(peek(other), CHAIN);
    access.flags = CU_MEM_ACCESS_FLAGS_PROT_READWRITE;
    OK(cuMemSetAccess(at, bytes, &access, 1));
    affine(s, at, 2, 0);
    OK(cuStreamSynchronize(s));
    EQUAL(peek(at), 14);
    OK(cuMemUnmap(at, bytes));
    OK(cuMemRelease(memory));
    OK(cuMemAddressFree(at, bytes));
}

CASE(change_access_pool, "a device has access to its own pool, and keeps it")
{
    CUmemAccessDesc access = {{CU_MEM_LOCATION_TYPE_DEVICE, dev},
                              CU_MEM_ACCESS_FLAGS_PROT_READWRITE};
    CUstream s = stream();
    CUmemoryPool pool;
    CUdeviceptr at;

    if (!attribute(CU_DEVICE_ATTRIBUTE_MEMORY_POOLS_SUPPORTED))
        conf_skip("no memory pools");
    OK(cuDeviceGetDefaultMemPool(&pool, dev));
    OK(cuMemAllocAsync(&at, 4, s));
    hold_here();
    OK(cuMemsetD32Async(at, 6, 1, s));
    OK(cuMemPoolSetAccess(pool, &access, 1));
    affine(s, at, 7, 0);
    access.flags = CU_MEM_ACCESS_FLAGS_PROT_NONE;
    CHECK(!handles_are_checked() || cuMemPoolSetAccess(pool, &access, 1) != CUDA_SUCCESS);
    EQUAL(word(at), 42);
}

CASE(change_no_peer, "access that was not enabled, and what is bound to nothing, is refused")
{
    CUstream s = stream();
    CUdeviceptr at = words(1);
    CUcontext ctx;

    OK(cuCtxGetCurrent(&ctx));
    hold_here();
    chain(s, at);
    CHECK(cuCtxDisablePeerAccess(ctx) != CUDA_SUCCESS);
    CHECK(!handles_are_checked() || cuMulticastUnbind(0, dev, 0, 0) != CUDA_SUCCESS);
    EQUAL(word(at), CHAIN);
}

/* ---- texture references ---- */

/* Each writes what it reads at a place of the reference to *at. */
static const char references[] =
    HEAD ".global .texref words;\n.global .texref floats;\n"
         ".visible .entry one(.param .u64 at, .param .s32 x) {\n"
         "  .reg .b64 %d; .reg .b32 %r<6>; ld.param.u64 %d, [at]; ld.param.s32 %r5, [x];\n"
         "  tex.1d.v4.u32.s32 {%r1, %r2, %r3, %r4}, [words, {%r5}];\n"
         "  st.global.u32 [%d], %r1; ret;\n}\n"
         ".visible .entry two(.param .u64 at, .param .f32 x, .param .f32 y) {\n"
         "  .reg .b64 %d; .reg .f32 %f<7>; ld.param.u64 %d, [at];\n"
         "  ld.param.f32 %f5, [x]; ld.param.f32 %f6, [y];\n"
         "  tex.2d.v4.f32.f32 {%f1, %f2, %f3, %f4}, [floats, {%f5, %f6}];\n"
         "  st.global.f32 [%d], %f1; ret;\n}\n";

static CUmodule loaded;

static CUtexref reference(const char *name)
{
    CUtexref ref;

    if (!loaded && cuModuleLoadData(&loaded, references) != CUDA_SUCCESS && !handles_are_checked())
        conf_skip("no texture references");
    OK(cuModuleGetTexRef(&ref, loaded, name));
    return ref;
}

static CUtexref word_reference(void)
{
    CUtexref ref = reference("words");

    OK(cuTexRefSetFormat(ref, CU_AD_FORMAT_UNSIGNED_INT32, 1));
    OK(cuTexRefSetFlags(ref, CU_TRSF_READ_AS_INTEGER));
    return ref;
}

static void read_word(CUstream s, CUdeviceptr at, int x)
{
    void *args[] = {&at, &x};

    OK(cuLaunchKernel(function_of(loaded, "one"), 1, 1, 1, 1, 1, 1, 0, s, args, NULL));
}

static void read_float(CUstream s, CUdeviceptr at, float x, float y)
{
    void *args[] = {&at, &x, &y};

    OK(cuLaunchKernel(function_of(loaded, "two"), 1, 1, 1, 1, 1, 1, 0, s, args, NULL));
}

static float float_at(CUdeviceptr at)
{
    uint32_t bits = word(at);
    float f;

    memcpy(&f, &bits, sizeof(f));
    return f;
}

static CUarray float_array(const float *values, size_t width, size_t height)
{
    CUDA_ARRAY_DESCRIPTOR d = {
        .Width = width, .Height = height, .Format = CU_AD_FORMAT_FLOAT, .NumChannels = 1};
    CUDA_MEMCPY2D p = {.srcMemoryType = CU_MEMORYTYPE_HOST,
                       .srcHost = values,
                       .srcPitch = 4 * width,
                       .dstMemoryType = CU_MEMORYTYPE_ARRAY,
                       .WidthInBytes = 4 * width,
                       .Height = height};

    OK(cuArrayCreate(&p.dstArray, &d));
    OK(cuMemcpy2D(&p));
    return p.dstArray;
}

CASE(change_texref_address, "a launch reads the memory that its reference was bound to")
{
    CUdeviceptr memory[] = {words(256), words(256), words(256)}, at = words(4);
    CUtexref ref = word_reference();
    CUstream s = stream();
    size_t offset;

    for (unsigned i = 0; i < 3; i++)
        OK(cuMemsetD32(memory[i], 100 + i, 256));
    hold_here();
    for (unsigned i = 0; i < 3; i++) {
        OK(cuTexRefSetAddress(&offset, ref, memory[i], 1024));
        EQUAL(offset, 0);
        read_word(s, at + 4 * i, 3);
    }
    OK(cuTexRefSetAddress(&offset, ref, memory[0], 4)); /* for nobody: too short for all */
    for (unsigned i = 0; i < 3; i++)
        EQUAL(word(at + 4 * i), 100 + i);
}

CASE(change_texref_format, "and in the format, and by the coordinates, that it had then")
{
    CUdeviceptr memory = words(256), at = words(2);
    CUtexref ref = word_reference();
    CUstream s = stream();
    size_t offset;

    OK(cuMemsetD32(memory, 0x02010403, 256));
    OK(cuTexRefSetAddress(&offset, ref, memory, 1024));
    hold_here();
    read_word(s, at, 1);
    OK(cuTexRefSetFormat(ref, CU_AD_FORMAT_UNSIGNED_INT8, 1));
    read_word(s, at + 4, 1);
    EQUAL(word(at), 0x02010403);
    EQUAL(word(at + 4), 4);
}

CASE(change_texref_array, "an array that takes the place of another, and of pitched memory")
{
    static const float a[] = {1, 2, 3, 4}, b[] = {5, 6, 7, 8};
    CUarray first = float_array(a, 2, 2), second = float_array(b, 2, 2);
    CUDA_ARRAY_DESCRIPTOR d = {
        .Width = 2, .Height = 2, .Format = CU_AD_FORMAT_FLOAT, .NumChannels = 1};
    CUDA_ARRAY3D_DESCRIPTOR levels = {
        .Width = 2, .Height = 2, .Format = CU_AD_FORMAT_FLOAT, .NumChannels = 1};
    CUDA_MEMCPY2D p = {.srcMemoryType = CU_MEMORYTYPE_ARRAY,
                       .srcArray = second,
                       .dstMemoryType = CU_MEMORYTYPE_ARRAY,
                       .WidthInBytes = 8,
                       .Height = 2};
    CUtexref ref = reference("floats");
    CUdeviceptr at = words(4), pitched;
    CUmipmappedArray mipmap;
    CUstream s = stream();
    size_t pitch;

    OK(cuMemAllocPitch(&pitched, &pitch, 8, 2, 4));
    OK(cuMemsetD2D32(pitched, pitch, 0x41200000, 2, 2)); /* 10 */
    OK(cuMipmappedArrayCreate(&mipmap, &levels, 1));
    OK(cuMipmappedArrayGetLevel(&p.dstArray, mipmap, 0));
    OK(cuMemcpy2D(&p));
    hold_here();
    OK(cuTexRefSetArray(ref, first, CU_TRSA_OVERRIDE_FORMAT));
    read_float(s, at, 1.5f, 1.5f);
    OK(cuTexRefSetArray(ref, second, CU_TRSA_OVERRIDE_FORMAT));
    read_float(s, at + 4, 1.5f, 1.5f);
    OK(cuTexRefSetAddress2D(ref, &d, pitched, pitch));
    read_float(s, at + 8, 1.5f, 1.5f);
    OK(cuTexRefSetMipmappedArray(ref, mipmap, CU_TRSA_OVERRIDE_FORMAT));
    OK(cuTexRefSetFlags(ref, CU_TRSF_NORMALIZED_COORDINATES));
    read_float(s, at + 12, 0.25f, 0.75f);
    CHECK(float_at(at) == 4);
    CHECK(float_at(at + 4) == 8);
    CHECK(float_at(at + 8) == 10);
    CHECK(float_at(at + 12) == 7);
}

CASE(change_texref_modes, "filters, address modes, borders and flags are those at the launch")
{
    static const float values[] = {0, 10, 20, 30};
    CUarray array = float_array(values, 2, 2);
    CUtexref ref = reference("floats");
    CUdeviceptr at = words(8);
    CUstream s = stream();
    float border[] = {99, 0, 0, 0};
    static const float want[] = {10, 10, 99, 98, 5, 30};

    OK(cuTexRefSetArray(ref, array, CU_TRSA_OVERRIDE_FORMAT));
    OK(cuTexRefSetFilterMode(ref, CU_TR_FILTER_MODE_POINT));
    OK(cuTexRefSetAddressMode(ref, 1, CU_TR_ADDRESS_MODE_CLAMP));
    OK(cuTexRefSetAddressMode(ref, 0, CU_TR_ADDRESS_MODE_CLAMP));
    OK(cuTexRefSetBorderColor(ref, border));
    hold_here();
    read_float(s, at, 7.0f, 0.5f);
    read_float(s, at + 4, 1.0f, 0.5f);
    OK(cuTexRefSetAddressMode(ref, 0, CU_TR_ADDRESS_MODE_BORDER));
    read_float(s, at + 8, 7.0f, 0.5f);
    border[0] = 98;
    OK(cuTexRefSetBorderColor(ref, border));
    read_float(s, at + 12, 7.0f, 0.5f);
    OK(cuTexRefSetFilterMode(ref, CU_TR_FILTER_MODE_LINEAR));
    read_float(s, at + 16, 1.0f, 0.5f);
    OK(cuTexRefSetFilterMode(ref, CU_TR_FILTER_MODE_POINT));
    OK(cuTexRefSetFlags(ref, CU_TRSF_NORMALIZED_COORDINATES));
    read_float(s, at + 20, 0.75f, 0.75f);
    OK(cuTexRefSetFlags(ref, 0));
    for (unsigned i = 0; i < 6; i++)
        if (float_at(at + 4 * i) != want[i])
            conf_fail(__FILE__, __LINE__, "%u: %g, not %g", i, (double)float_at(at + 4 * i),
                      (double)want[i]);
}

CASE(change_texref_levels,
     "what is said of levels arrives, also by floats, behind what is on its way")
{
    static const float values[] = {1, 2};
    CUarray array = float_array(values, 2, 1);
    CUtexref ref = reference("floats");
    CUdeviceptr at = words(2);
    CUstream s = stream();

    OK(cuTexRefSetArray(ref, array, CU_TRSA_OVERRIDE_FORMAT));
    hold_here();
    read_float(s, at, 1.5f, 0.5f);
    OK(cuTexRefSetMipmapFilterMode(ref, CU_TR_FILTER_MODE_POINT));
    OK(cuTexRefSetMipmapLevelBias(ref, 0.0f));
    OK(cuTexRefSetMipmapLevelClamp(ref, 0.0f, 100.0f));
    OK(cuTexRefSetMaxAnisotropy(ref, 1));
    read_float(s, at + 4, 0.5f, 0.5f);
    if (handles_are_checked()) { /* it has no levels, so it must have seen these */
        IS(cuTexRefSetMipmapLevelBias(ref, 0.5f), CUDA_ERROR_NOT_SUPPORTED);
        IS(cuTexRefSetMipmapLevelClamp(ref, 0.0f, -1.0f), CUDA_ERROR_NOT_SUPPORTED);
        IS(cuTexRefSetMipmapLevelClamp(ref, 1.0f, 2.0f), CUDA_ERROR_NOT_SUPPORTED);
    }
    CHECK(float_at(at) == 2);
    CHECK(float_at(at + 4) == 1);
}

CASE(change_texref_old,
     "a reference of the old launches; one that belongs to no module is destroyed")
{
    CUdeviceptr memory = words(256), at = words(2), also = at + 4;
    CUtexref ref = word_reference(), own;
    CUfunction f = function_of(loaded, "one");
    CUstream s = stream();
    size_t offset;

    OK(cuMemsetD32(memory, 5, 256));
    OK(cuTexRefCreate(&own));
    OK(cuTexRefSetAddress(&offset, ref, memory, 1024));
    OK(cuFuncSetBlockShape(f, 1, 1, 1));
    OK(cuParamSetv(f, 0, &at, sizeof(at)));
    OK(cuParamSeti(f, 8, 2));
    OK(cuParamSetSize(f, 12));
    OK(cuParamSetTexRef(f, CU_PARAM_TR_DEFAULT, ref));
    OK(cuLaunchGridAsync(f, 1, 1, s));
    hold_here();
    read_word(s, also, 2);
    OK(cuTexRefDestroy(own));
    OK(cuTexRefSetAddress(&offset, ref, memory + 512, 4));
    EQUAL(word(at), 5);
    EQUAL(word(also), 5);
}

CASE(change_surfref, "a surface reference that there is not is refused, whatever is on its way")
{
    static const float values[] = {1, 2};
    CUstream s = stream();
    CUdeviceptr at = words(1);

    if (!handles_are_checked())
        conf_skip("a driver may look into what it is given");
    hold_here();
    affine(s, at, 1, 7);
    CHECK(cuSurfRefSetArray(NULL, float_array(values, 2, 1), 0) != CUDA_SUCCESS);
    EQUAL(word(at), 7);
}
