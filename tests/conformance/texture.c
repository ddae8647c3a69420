// SPDX-License-Identifier: Apache-2.0
/* Arrays with levels, textures and surfaces: what kernels read and write through them, in order. */
#include "conformance.h"

#define HEAD ".version 7.0\n.target sm_70\n.address_size 64\n"

/* Each takes the object, an address to write to, and coordinates. */
static const char kernels[] = HEAD
    ".visible .entry tex1(.param .u64 t, .param .u64 at, .param .s32 x) {\n"
    "  .reg .b64 %d<3>; .reg .b32 %r<6>; ld.param.u64 %d1, [t]; ld.param.u64 %d2, [at]; "
    "ld.param.s32 "
    "%r5, [x];\n"
    "  tex.1d.v4.u32.s32 {%r1, %r2, %r3, %r4}, [%d1, {%r5}]; st.global.u32 [%d2], %r1; ret;\n}\n"
    ".visible .entry tex2(.param .u64 t, .param .u64 at, .param .f32 x, .param .f32 y) {\n"
    "  .reg .b64 %d<3>; .reg .f32 %f<7>; ld.param.u64 %d1, [t]; ld.param.u64 %d2, [at];\n"
    "  ld.param.f32 %f5, [x]; ld.param.f32 %f6, [y];\n"
    "  tex.2d.v4.f32.f32 {%f1, %f2, %f3, %f4}, [%d1, {%f5, %f6}]; st.global.f32 [%d2], %f1; "
    "ret;\n}\n"
    ".visible .entry tex3(.param .u64 t, .param .u64 at, .param .s32 x, .param .s32 y, .param .s32 "
    "z) "
    "{\n"
    "  .reg .b64 %d<3>; .reg .b32 %r<9>; ld.param.u64 %d1, [t]; ld.param.u64 %d2, [at]; "
    "ld.param.s32 "
    "%r5, [x];\n"
    "  ld.param.s32 %r6, [y]; ld.param.s32 %r7, [z];\n"
    "  tex.3d.v4.u32.s32 {%r1, %r2, %r3, %r4}, [%d1, {%r5, %r6, %r7, %r7}]; st.global.u32 [%d2], "
    "%r1; ret;\n}\n"
    /* adds one to a word of a surface */
    ".visible .entry surf2(.param .u64 s, .param .s32 x, .param .s32 y) {\n"
    "  .reg .b64 %d; .reg .b32 %r<4>; ld.param.u64 %d, [s]; ld.param.s32 %r1, [x]; ld.param.s32 "
    "%r2, "
    "[y];\n"
    "  suld.b.2d.b32.trap {%r3}, [%d, {%r1, %r2}]; add.u32 %r3, %r3, 1; sust.b.2d.b32.trap [%d, "
    "{%r1, "
    "%r2}], {%r3}; ret;\n}\n";

static CUfunction kernel(const char *name)
{
    static CUmodule loaded;
    CUfunction f;

    if (!loaded)
        OK(cuModuleLoadData(&loaded, kernels));
    OK(cuModuleGetFunction(&f, loaded, name));
    return f;
}

static void launch(CUfunction f, CUstream s, void **args)
{
    OK(cuLaunchKernel(f, 1, 1, 1, 1, 1, 1, 0, s, args, NULL));
}

static CUarray array(size_t width, size_t height, size_t depth, CUarray_format format,
                     unsigned flags)
{
    CUDA_ARRAY3D_DESCRIPTOR d = {.Width = width,
                                 .Height = height,
                                 .Depth = depth,
                                 .Format = format,
                                 .NumChannels = 1,
                                 .Flags = flags};
    CUarray a;

    OK(cuArray3DCreate(&a, &d));
    return a;
}

static void fill(CUarray a, const void *from, size_t row_bytes, size_t rows, size_t slices)
{
    CUDA_MEMCPY3D p = {.srcMemoryType = CU_MEMORYTYPE_HOST,
                       .srcHost = from,
                       .srcPitch = row_bytes,
                       .srcHeight = rows,
                       .dstMemoryType = CU_MEMORYTYPE_ARRAY,
                       .dstArray = a,
                       .WidthInBytes = row_bytes,
                       .Height = rows,
                       .Depth = slices};

    OK(cuMemcpy3D(&p));
}

static CUtexObject texture(CUarray a, CUfilter_mode filter, CUaddress_mode mode, unsigned flags)
{
    CUDA_RESOURCE_DESC r = {.resType = CU_RESOURCE_TYPE_ARRAY, .res = {.array = {a}}};
    CUDA_TEXTURE_DESC t = {.addressMode = {mode, mode, mode}, .filterMode = filter, .flags = flags};
    CUtexObject object;

    OK(cuTexObjectCreate(&object, &r, &t, NULL));
    return object;
}

CASE(texture_linear, "a texture of linear memory reads it by number; outside there is zero")
{
    CUDA_RESOURCE_DESC r = {.resType = CU_RESOURCE_TYPE_LINEAR}, got;
    CUDA_TEXTURE_DESC t = {.flags = CU_TRSF_READ_AS_INTEGER};
    CUdeviceptr memory = words(64), at = words(2);
    CUfunction f = kernel("tex1");
    CUtexObject object;
    int x = 3;
    void *args[] = {&object, &at, &x};

    OK(cuMemsetD32(memory + 12, 77, 1));
    r.res.linear.devPtr = memory;
    r.res.linear.format = CU_AD_FORMAT_UNSIGNED_INT32;
    r.res.linear.numChannels = 1;
    r.res.linear.sizeInBytes = 256;
    OK(cuTexObjectCreate(&object, &r, &t, NULL));
    launch(f, NULL, args);
    EQUAL(word(at), 77);
    x = 64;
    launch(f, NULL, args);
    EQUAL(word(at), 0);
    OK(cuTexObjectGetResourceDesc(&got, object));
    CHECK(got.res.linear.devPtr == memory);
    OK(cuTexObjectDestroy(object));
}

CASE(texture_filter, "linear filtering is between elements, points are in them, coordinates clamp")
{
    static const float values[2][4] = {{0, 10, 20, 30}, {100, 110, 120, 130}};
    CUarray a = array(4, 2, 0, CU_AD_FORMAT_FLOAT, 0);
    CUtexObject linear, point;
    CUdeviceptr at = words(1);
    CUfunction f = kernel("tex2");
    static const struct {
        bool linear;
        float x, y, want;
    } all[] = {{true, 1.5f, 0.5f, 10},   {true, 2.0f, 0.5f, 15},   {true, 1.5f, 1.0f, 60},
               {false, 1.9f, 0.9f, 10},  {false, 2.0f, 1.0f, 120}, {true, -5.0f, 0.5f, 0},
               {false, 50.0f, 9.0f, 130}};

    fill(a, values, 16, 2, 1);
    linear = texture(a, CU_TR_FILTER_MODE_LINEAR, CU_TR_ADDRESS_MODE_CLAMP, 0);
    point = texture(a, CU_TR_FILTER_MODE_POINT, CU_TR_ADDRESS_MODE_CLAMP, 0);
    for (size_t i = 0; i < sizeof(all) / sizeof(all[0]); i++) {
        CUtexObject object = all[i].linear ? linear : point;
        float x = all[i].x, y = all[i].y, got;
        void *args[] = {&object, &at, &x, &y};
        uint32_t bits;

        launch(f, NULL, args);
        bits = word(at);
        memcpy(&got, &bits, 4);
        if (got != all[i].want)
            conf_fail(__FILE__, __LINE__, "(%g, %g) is %g, not %g", (double)x, (double)y,
                      (double)got, (double)all[i].want);
    }
}

CASE(texture_normalized,
     "normalized coordinates wrap around; bytes are read as numbers from 0 to 1")
{
    static const uint8_t values[4] = {0, 51, 102, 255};
    CUarray a = array(4, 1, 0, CU_AD_FORMAT_UNSIGNED_INT8, 0);
    CUtexObject object;
    CUdeviceptr at = words(1);
    float x = 1.3f, y = 0.5f, got;
    void *args[] = {&object, &at, &x, &y};
    uint32_t bits;

    fill(a, values, 4, 1, 1);
    object = texture(a, CU_TR_FILTER_MODE_POINT, CU_TR_ADDRESS_MODE_WRAP,
                     CU_TRSF_NORMALIZED_COORDINATES);
    launch(kernel("tex2"), NULL, args);
    bits = word(at);
    memcpy(&got, &bits, 4);
    CHECK(got > 0.1999f && got < 0.2001f);
}

CASE(texture_3d, "a texture of three dimensions")
{
    CUarray a = array(2, 3, 4, CU_AD_FORMAT_UNSIGNED_INT32, 0);
    uint32_t values[24];
    CUtexObject object;
    CUdeviceptr at = words(1);
    int x = 1, y = 2, z = 3;
    void *args[] = {&object, &at, &x, &y, &z};

    for (uint32_t i = 0; i < 24; i++)
        values[i] = 1000 + i;
    fill(a, values, 8, 3, 4);
    object = texture(a, CU_TR_FILTER_MODE_POINT, CU_TR_ADDRESS_MODE_CLAMP, CU_TRSF_READ_AS_INTEGER);
    launch(kernel("tex3"), NULL, args);
    EQUAL(word(at), 1000 + (3 * 3 + 2) * 2 + 1);
}

CASE(texture_destroy_busy,
     "a texture object, and its array, are destroyed after the kernels before")
{
    CUarray a = array(4, 1, 0, CU_AD_FORMAT_FLOAT, 0);
    static const float values[4] = {1, 2, 3, 4};
    CUdeviceptr at = words(2), out = at + 4;
    CUfunction f = kernel("tex2");
    CUstream s = stream();
    float x = 2.5f, y = 0.5f, got;
    CUtexObject object;
    void *args[] = {&object, &out, &x, &y};
    uint32_t bits;

    fill(a, values, 16, 1, 1);
    object = texture(a, CU_TR_FILTER_MODE_POINT, CU_TR_ADDRESS_MODE_CLAMP, 0);
    chain(s, at);
    launch(f, s, args);
    OK(cuTexObjectDestroy(object));
    OK(cuArrayDestroy(a));
    bits = word(out);
    memcpy(&got, &bits, 4);
    CHECK(got == 3);
}

CASE(texture_gone, "a kernel that reads through no texture object breaks its context")
{
    CUtexObject object = 0;
    CUdeviceptr at = words(1);
    float x = 0, y = 0;
    void *args[] = {&object, &at, &x, &y};

    if (attribute(CU_DEVICE_ATTRIBUTE_MULTIPROCESSOR_COUNT) > 100)
        conf_skip("hardware may read anything");
    launch(kernel("tex2"), NULL, args);
    CHECK(cuCtxSynchronize() != CUDA_SUCCESS);
}

CASE(surface_order, "a surface is read and written in order, and destroyed after its users")
{
    CUarray a = array(4, 4, 0, CU_AD_FORMAT_UNSIGNED_INT32, CUDA_ARRAY3D_SURFACE_LDST);
    CUDA_RESOURCE_DESC r = {.resType = CU_RESOURCE_TYPE_ARRAY, .res = {.array = {a}}}, got;
    uint32_t values[16], *host = pinned(16);
    CUfunction f = kernel("surf2");
    CUstream s = stream();
    CUsurfObject object;
    int x = 8, y = 3; /* x in bytes */
    void *args[] = {&object, &x, &y};
    CUDA_MEMCPY2D p = {.srcMemoryType = CU_MEMORYTYPE_ARRAY,
                       .srcArray = a,
                       .dstMemoryType = CU_MEMORYTYPE_HOST,
                       .dstHost = host,
                       .dstPitch = 16,
                       .WidthInBytes = 16,
                       .Height = 4};
    struct gate gate;

    for (uint32_t i = 0; i < 16; i++)
        values[i] = i;
    fill(a, values, 16, 4, 1);
    OK(cuSurfObjectCreate(&object, &r));
    OK(cuSurfObjectGetResourceDesc(&got, object));
    CHECK(got.res.array.hArray == a);
    gate_close(&gate, s);
    for (int i = 0; i < 5; i++)
        launch(f, s, args);
    OK(cuMemcpy2DAsync(&p, s));
    gate_begun(&gate);
    EQUAL(host[14], 0);
    gate_open(&gate);
    OK(cuSurfObjectDestroy(object));
    OK(cuStreamSynchronize(s));
    EQUAL(host[14], 19);
    EQUAL(host[13], 13);
    OK(cuArrayDestroy(a));
}

CASE(mipmap_levels, "levels are arrays of half the size, and go after the copies to them")
{
    CUDA_ARRAY3D_DESCRIPTOR d = {.Width = 8,
                                 .Height = 8,
                                 .Format = CU_AD_FORMAT_UNSIGNED_INT32,
                                 .NumChannels = 1},
                            got;
    uint32_t *host = pinned(2);
    CUmipmappedArray mipmap;
    CUstream s = stream();
    CUdeviceptr at = words(1);
    CUarray level;

    OK(cuMipmappedArrayCreate(&mipmap, &d, 3));
    OK(cuMipmappedArrayGetLevel(&level, mipmap, 2));
    OK(cuArray3DGetDescriptor(&got, level));
    EQUAL(got.Width, 2);
    EQUAL(got.Height, 2);
    CHECK(cuMipmappedArrayGetLevel(&level, mipmap, 3) != CUDA_SUCCESS);
    OK(cuMipmappedArrayGetLevel(&level, mipmap, 1));
    host[0] = 5;
    chain(s, at);
    OK(cuMemcpyHtoAAsync(level, 4, host, 4, s));
    OK(cuMemcpyAtoHAsync(host + 1, level, 4, 4, s));
    OK(cuMipmappedArrayDestroy(mipmap));
    OK(cuStreamSynchronize(s));
    EQUAL(host[1], 5);
    EQUAL(peek(at), CHAIN);
}
