// SPDX-License-Identifier: Apache-2.0
/*
 * Copies and fills of the less usual shapes and names: boxes in three dimensions, pitched on either
 * side and at an offset, asynchronous ones, between "peers", to and from symbols, the driver API's
 * structures, and memory that is host's by the names that CUDA gives it. Each against the same loop
 * on the CPU.
 */
#include "check.h"

enum { WIDTH = 37, HEIGHT = 11, DEPTH = 5, OFFSET = 3 };

typedef std::vector<unsigned char> bytes;

__device__ unsigned char symbol[1024];
__constant__ unsigned char constant[1024];

__global__ void read_constant(unsigned char *to)
{
    to[threadIdx.x] = constant[threadIdx.x];
}

/* A box in host memory, tightly packed. */
static bytes pattern(size_t size, unsigned seed)
{
    check_random random(seed);
    bytes v(size);

    for (unsigned char &c : v)
        c = (unsigned char)random.next();
    return v;
}

/* What is in a pitched box on the device. */
static bytes unpack(const hipPitchedPtr &p, size_t width, size_t height, size_t depth)
{
    bytes raw = check_download((unsigned char *)p.ptr, p.pitch * p.ysize * depth), v;

    for (size_t z = 0; z < depth; z++)
        for (size_t y = 0; y < height; y++) {
            const unsigned char *row = &raw[(z * p.ysize + y) * p.pitch];

            v.insert(v.end(), row, row + width);
        }
    return v;
}

static hipMemcpy3DParms box(hipPitchedPtr from, hipPitchedPtr to, hipMemcpyKind kind)
{
    hipMemcpy3DParms p = {};

    p.srcPtr = from;
    p.dstPtr = to;
    p.extent = make_hipExtent(WIDTH, HEIGHT, DEPTH);
    p.kind = kind;
    return p;
}

/* Up, from device to device, down; blocking and on a stream. */
static void test_boxes(bool async)
{
    bytes data = pattern(WIDTH * HEIGHT * DEPTH, 1), back(data.size());
    hipPitchedPtr a, b;
    hipPitchedPtr in = make_hipPitchedPtr(data.data(), WIDTH, WIDTH, HEIGHT);
    hipPitchedPtr out = make_hipPitchedPtr(back.data(), WIDTH, WIDTH, HEIGHT);
    hipStream_t stream;

    HIP(hipStreamCreate(&stream));
    HIP(hipMalloc3D(&a, make_hipExtent(WIDTH, HEIGHT, DEPTH)));
    HIP(hipMalloc3D(&b, make_hipExtent(WIDTH, HEIGHT, DEPTH)));
    for (hipMemcpy3DParms p :
         {box(in, a, hipMemcpyHostToDevice), box(a, b, hipMemcpyDeviceToDevice),
          box(b, out, hipMemcpyDeviceToHost)})
        if (async)
            HIP(hipMemcpy3DAsync(&p, stream));
        else
            HIP(hipMemcpy3D(&p));
    HIP(hipStreamSynchronize(stream));
    check_equal(async ? "copies/box-async" : "copies/box", back, data);
    check_equal("copies/box-on-device", unpack(b, WIDTH, HEIGHT, DEPTH), data);

    /* A box in the box, elsewhere in each. */
    hipMemcpy3DParms part = box(in, a, hipMemcpyHostToDevice);
    part.srcPos = make_hipPos(OFFSET, 2, 1);
    part.dstPos = make_hipPos(7, 4, 2);
    part.extent = make_hipExtent(20, 5, 3);
    bytes want = data;
    for (size_t z = 0; z < 3; z++)
        for (size_t y = 0; y < 5; y++)
            memcpy(&want[((z + 2) * HEIGHT + y + 4) * WIDTH + 7],
                   &data[((z + 1) * HEIGHT + y + 2) * WIDTH + OFFSET], 20);
    HIP(hipMemcpy3D(&part));
    check_equal("copies/part", unpack(a, WIDTH, HEIGHT, DEPTH), want);
    HIP(hipMemset3D(a, 0x5a, make_hipExtent(WIDTH, HEIGHT, DEPTH)));
    HIP(hipDeviceSynchronize());
    check_equal("copies/fill-box", unpack(a, WIDTH, HEIGHT, DEPTH), bytes(data.size(), 0x5a));
    HIP(hipMemset3DAsync(a, 0xc3, make_hipExtent(WIDTH, HEIGHT, DEPTH), stream));
    HIP(hipStreamSynchronize(stream));
    check_equal("copies/fill-box-async", unpack(a, WIDTH, HEIGHT, DEPTH), bytes(data.size(), 0xc3));
    HIP(hipStreamDestroy(stream));
    HIP(hipFree(a.ptr));
    HIP(hipFree(b.ptr));
}

/* Rows, on a stream, by both interfaces, with pinned memory and memory of the program. */
static void test_rows(bool pinned)
{
    enum { ROW = 300, ROWS = 40, PITCH = 512, HOST = 333 };
    bytes data = pattern(HOST * ROWS, 2);
    unsigned char *device = check_alloc<unsigned char>(PITCH * ROWS), *in, *out;
    hipStream_t stream;
    hip_Memcpy2D params = {};

    HIP(hipStreamCreate(&stream));
    if (pinned) {
        HIP(hipHostMalloc((void **)&in, HOST * ROWS));
        HIP(hipHostMalloc((void **)&out, HOST * ROWS));
    } else {
        in = (unsigned char *)malloc(HOST * ROWS);
        out = (unsigned char *)malloc(HOST * ROWS);
    }
    memcpy(in, data.data(), data.size());
    memset(out, 0xee, HOST * ROWS);
    HIP(hipMemset2DAsync(device, PITCH, 0x11, PITCH, ROWS, stream));
    HIP(hipMemcpy2DAsync(device + OFFSET, PITCH, in, HOST, ROW, ROWS, hipMemcpyHostToDevice,
                         stream));
    params.srcMemoryType = hipMemoryTypeDevice;
    params.srcDevice = (hipDeviceptr_t)device;
    params.srcPitch = PITCH;
    params.srcXInBytes = OFFSET;
    params.dstMemoryType = hipMemoryTypeHost;
    params.dstHost = out;
    params.dstPitch = HOST;
    params.WidthInBytes = ROW;
    params.Height = ROWS;
    /* ROCm 5.2.3 takes pinned memory in this structure for the device's, and refuses. */
    if (pinned)
        HIP(hipMemcpy2DAsync(out, HOST, device + OFFSET, PITCH, ROW, ROWS, hipMemcpyDeviceToHost,
                             stream));
    else
        HIP(hipMemcpyParam2DAsync(&params, stream));
    HIP(hipStreamSynchronize(stream));
    bytes want(HOST * ROWS, 0xee), got(out, out + HOST * ROWS);
    for (size_t y = 0; y < ROWS; y++)
        memcpy(&want[y * HOST], &data[y * HOST], ROW);
    check_equal(pinned ? "copies/rows-pinned" : "copies/rows", got, want);
    if (!pinned)
        HIP(hipMemcpyParam2D(&params));
    check_equal("copies/rows-param", bytes(out, out + HOST * ROWS), want);
    HIP(hipStreamDestroy(stream));
    HIP(hipFree(device));
    if (pinned) {
        HIP(hipHostFree(in));
        HIP(hipHostFree(out));
    } else {
        free(in);
        free(out);
    }
}

static void test_symbols()
{
    bytes data = pattern(1024, 3), back(1024), want(1024);
    unsigned char *p = check_alloc<unsigned char>(1024);
    hipStream_t stream;

    HIP(hipStreamCreate(&stream));
    HIP(hipMemcpyToSymbolAsync(HIP_SYMBOL(symbol), data.data(), 1000, 24, hipMemcpyHostToDevice,
                               stream));
    HIP(hipMemcpyFromSymbolAsync(back.data(), HIP_SYMBOL(symbol), 1024, 0, hipMemcpyDeviceToHost,
                                 stream));
    HIP(hipStreamSynchronize(stream));
    memcpy(&want[24], data.data(), 1000);
    check_equal("copies/symbol", back, want);
    HIP(hipMemcpyToSymbol(HIP_SYMBOL(constant), data.data(), 1024));
    read_constant<<<1, 1024, 0, stream>>>(p);
    LAUNCHED();
    HIP(hipStreamSynchronize(stream));
    check_equal("copies/constant", check_download(p, 1024), data);
    HIP(hipStreamDestroy(stream));
    HIP(hipFree(p));
}

/* The other names of a plain copy. */
static void test_names()
{
    const size_t size = 100003;
    bytes data = pattern(size, 4), back(size);
    unsigned char *a = check_alloc<unsigned char>(size), *b = check_alloc<unsigned char>(size);
    hipStream_t stream;

    HIP(hipStreamCreate(&stream));
    HIP(hipMemcpyHtoDAsync((hipDeviceptr_t)a, data.data(), size, stream));
    HIP(hipMemcpyDtoDAsync((hipDeviceptr_t)b, (hipDeviceptr_t)a, size, stream));
    HIP(hipMemcpyDtoHAsync(back.data(), (hipDeviceptr_t)b, size, stream));
    HIP(hipStreamSynchronize(stream));
    check_equal("copies/driver-async", back, data);
    data = pattern(size, 5);
    HIP(hipMemcpyHtoD((hipDeviceptr_t)a, data.data(), size));
    HIP(hipMemcpyDtoD((hipDeviceptr_t)b, (hipDeviceptr_t)a, size));
    HIP(hipMemcpyDtoH(back.data(), (hipDeviceptr_t)b, size));
    check_equal("copies/driver", back, data);
    data = pattern(size, 6);
    HIP(hipMemcpyWithStream(a, data.data(), size, hipMemcpyHostToDevice, stream));
    HIP(hipMemcpyPeerAsync(b, 0, a, 0, size, stream));
    HIP(hipMemcpyAsync(back.data(), b, size, hipMemcpyDefault, stream));
    HIP(hipStreamSynchronize(stream));
    check_equal("copies/peer", back, data);
    data = pattern(size, 7);
    HIP(hipMemcpy(a, data.data(), size, hipMemcpyDefault));
    HIP(hipMemcpyPeer(b, 0, a, 0, size));
    HIP(hipMemcpy(back.data(), b, size, hipMemcpyDefault));
    check_equal("copies/peer-blocking", back, data);
    HIP(hipMemsetD8Async((hipDeviceptr_t)a, 0x21, 999, stream));
    HIP(hipMemsetD16Async((hipDeviceptr_t)(a + 1000), 0x3456, 1000, stream));
    HIP(hipMemsetD32Async((hipDeviceptr_t)(a + 4000), 0x12345678, 1000, stream));
    HIP(hipStreamSynchronize(stream));
    memset(data.data(), 0x21, 999);
    for (size_t i = 0; i < 1000; i++) {
        const unsigned wide = 0x12345678;
        const unsigned short narrow = 0x3456;

        memcpy(&data[1000 + 2 * i], &narrow, 2);
        memcpy(&data[4000 + 4 * i], &wide, 4);
    }
    check_equal("copies/fills", check_download(a, size), data);
    HIP(hipStreamDestroy(stream));
    HIP(hipFree(a));
    HIP(hipFree(b));
}

/* Copies that overlap with nothing, within one allocation, and of no bytes at all. */
static void test_edges()
{
    const size_t size = 1 << 16;
    bytes data = pattern(size, 8), want = data;
    unsigned char *p = check_upload(data);

    HIP(hipMemcpy(p + 1, p + size / 2, size / 4, hipMemcpyDeviceToDevice));
    HIP(hipMemcpy(p, data.data(), 0, hipMemcpyHostToDevice));
    HIP(hipMemset(p, 0, 0));
    HIP(hipMemcpy2D(p, 256, data.data(), 256, 0, 10, hipMemcpyHostToDevice));
    memcpy(&want[1], &data[size / 2], size / 4);
    check_equal("copies/within", check_download(p, size), want);
    HIP(hipFree(p));
}

int main()
{
    check_begin();
    test_boxes(false);
    test_boxes(true);
    test_rows(false);
    test_rows(true);
    test_symbols();
    test_names();
    test_edges();
    return 0;
}
