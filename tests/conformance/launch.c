// SPDX-License-Identifier: Apache-2.0
/* Launches: arguments, attributes, errors that come from the call itself. */
#include "conformance.h"

#include <signal.h>
#include <unistd.h>

static volatile sig_atomic_t in_call;

static void on_fault(int signal)
{
    _exit(in_call ? 0 : 1);
}

CASE(launch_null_argument,
     "a null pointer among kernelParams is refused or faults in the call, not later")
{
    CUdeviceptr at = words(1);
    uint32_t a = 1;
    void *args[] = {&at, &a, NULL};

    signal(SIGSEGV, on_fault);
    for (int held = 0; held < 2; held++) {
        struct gate gate;
        CUstream s = stream();
        CUresult result;

        if (held)
            gate_close(&gate, s);
        in_call = 1;
        result = cuLaunchKernel(fn("affine"), 1, 1, 1, 1, 1, 1, 0, s, args, NULL);
        in_call = 0;
        CHECK(result != CUDA_SUCCESS);
        if (held)
            gate_open(&gate);
        EQUAL(word(at), 0);
    }
}

CASE(launch_runs, "a launch runs each thread of the grid once")
{
    CUdeviceptr at = words(1);
    void *args[] = {&at};

    OK(cuLaunchKernel(fn("count"), 7, 3, 2, 16, 4, 2, 0, NULL, args, NULL));
    EQUAL(word(at), 7 * 3 * 2 * 16 * 4 * 2);
}

CASE(launch_arguments_copied, "kernelParams may be changed as soon as the launch returns")
{
    struct gate gate;
    CUstream s = stream();
    CUdeviceptr at = words(1);
    uint32_t a = 1, b = 42;
    void *args[] = {&at, &a, &b};

    gate_close(&gate, s);
    OK(cuLaunchKernel(fn("affine"), 1, 1, 1, 1, 1, 1, 0, s, args, NULL));
    a = 9;
    b = 9;
    args[0] = NULL;
    at = at + 0;
    gate_open(&gate);
    EQUAL(word(at), 42);
}

CASE(launch_extra, "arguments may come in one buffer through extra")
{
    struct {
        CUdeviceptr at;
        uint32_t a, b;
    } buffer = {words(1), 1, 77};
    size_t size = sizeof(buffer);
    void *extra[] = {CU_LAUNCH_PARAM_BUFFER_POINTER, &buffer, CU_LAUNCH_PARAM_BUFFER_SIZE, &size,
                     CU_LAUNCH_PARAM_END};
    struct gate gate;
    CUstream s = stream();
    CUdeviceptr at = buffer.at;

    gate_close(&gate, s);
    OK(cuLaunchKernel(fn("affine"), 1, 1, 1, 1, 1, 1, 0, s, NULL, extra));
    memset(&buffer, 0, sizeof(buffer));
    gate_open(&gate);
    EQUAL(word(at), 77);
}

CASE(launch_extra_and_params, "kernelParams and extra together are invalid")
{
    CUdeviceptr at = words(1);
    size_t size = 16;
    void *args[] = {&at, &size, &size};
    void *extra[] = {CU_LAUNCH_PARAM_BUFFER_POINTER, args, CU_LAUNCH_PARAM_BUFFER_SIZE, &size,
                     CU_LAUNCH_PARAM_END};

    IS(cuLaunchKernel(fn("affine"), 1, 1, 1, 1, 1, 1, 0, NULL, args, extra),
       CUDA_ERROR_INVALID_VALUE);
    EQUAL(word(at), 0);
}

CASE(launch_mixed_arguments, "arguments of every size lie where cuFuncGetParamInfo says")
{
    CUdeviceptr at = words(2);
    uint8_t a = 1;
    uint16_t b = 20;
    uint32_t c = 300;
    uint64_t d = 4000, e[3] = {50000, 1, 600000};
    void *args[] = {&at, &a, &b, &c, &d, e};
    static const size_t sizes[] = {8, 1, 2, 4, 8, 24}, offsets[] = {0, 8, 10, 12, 16, 24};
    CUfunction f = fn("mixed");
    size_t offset, size;

    for (size_t i = 0; i < 6; i++) {
        OK(cuFuncGetParamInfo(f, i, &offset, &size));
        EQUAL(size, sizes[i]);
        EQUAL(offset, offsets[i]);
    }
    IS(cuFuncGetParamInfo(f, 6, &offset, &size), CUDA_ERROR_INVALID_VALUE);
    OK(cuLaunchKernel(f, 1, 1, 1, 1, 1, 1, 0, NULL, args, NULL));
    EQUAL(word(at), 654321);
}

CASE(launch_no_parameters, "a kernel without parameters needs no kernelParams")
{
    CUdeviceptr at;
    size_t bytes;

    OK(cuLaunchKernel(fn("bump"), 1, 1, 1, 1, 1, 1, 0, NULL, NULL, NULL));
    OK(cuModuleGetGlobal(&at, &bytes, module(), "counter"));
    EQUAL(bytes, 4);
    EQUAL(word(at), 6);
}

CASE(launch_zero_grid, "a grid of no blocks is refused by the call, and the context lives on")
{
    CUdeviceptr at = words(1);
    void *args[] = {&at};

    IS(cuLaunchKernel(fn("count"), 0, 1, 1, 1, 1, 1, 0, NULL, args, NULL),
       CUDA_ERROR_INVALID_VALUE);
    IS(cuLaunchKernel(fn("count"), 1, 1, 1, 0, 1, 1, 0, NULL, args, NULL),
       CUDA_ERROR_INVALID_VALUE);
    OK(cuLaunchKernel(fn("count"), 1, 1, 1, 1, 1, 1, 0, NULL, args, NULL));
    EQUAL(word(at), 1);
}

CASE(launch_zero_grid_busy, "a bad launch into a busy stream is refused by the call, too")
{
    CUdeviceptr at = words(2);
    CUdeviceptr other = at + 4;
    void *args[] = {&other};
    CUstream s = stream();
    struct gate gate;

    gate_close(&gate, s);
    chain(s, at);
    IS(cuLaunchKernel(fn("count"), 0, 1, 1, 1, 1, 1, 0, s, args, NULL), CUDA_ERROR_INVALID_VALUE);
    gate_open(&gate);
    OK(cuStreamSynchronize(s));
    EQUAL(word(at), CHAIN);
    EQUAL(word(other), 0);
}

CASE(launch_block_too_large, "a block beyond the device's limit is refused by the call")
{
    CUdeviceptr at = words(1);
    void *args[] = {&at};

    IS(cuLaunchKernel(fn("count"), 1, 1, 1, 2048, 1, 1, 0, NULL, args, NULL),
       CUDA_ERROR_INVALID_VALUE);
    EQUAL(word(at), 0);
}

static CUresult launch_threads(const char *name, unsigned x, unsigned y, CUstream s)
{
    return cuLaunchKernel(fn(name), 1, 1, 1, x, y, 1, 0, s, NULL, NULL);
}

CASE(launch_required_size, "a kernel with .reqntid takes no other block size")
{
    OK(launch_threads("fixed", 32, 1, NULL));
    IS(launch_threads("fixed", 64, 1, NULL), CUDA_ERROR_INVALID_VALUE);
    IS(launch_threads("fixed", 16, 1, NULL), CUDA_ERROR_INVALID_VALUE);
    IS(launch_threads("fixed", 16, 2, NULL), CUDA_ERROR_INVALID_VALUE);
    OK(cuCtxSynchronize());
}

CASE(launch_limited_size, "a kernel with .maxntid takes no more threads, and fewer")
{
    OK(launch_threads("limited", 64, 1, NULL));
    OK(launch_threads("limited", 8, 8, NULL));
    OK(launch_threads("limited", 1, 1, NULL));
    IS(launch_threads("limited", 65, 1, NULL), CUDA_ERROR_INVALID_VALUE);
    IS(launch_threads("limited", 33, 2, NULL), CUDA_ERROR_INVALID_VALUE);
    OK(cuCtxSynchronize());
}

CASE(launch_required_size_busy, "a block that its code refuses is refused by the call while the "
                                "stream is busy, and is all that is lost")
{
    CUstream s = stream();
    CUdeviceptr at = words(1);
    CUlaunchConfig config = {1, 1, 1, 64, 1, 1, 0, s, NULL, 0};
    int threads;
    struct gate gate;

    gate_close(&gate, s);
    affine(s, at, 1, 2);
    IS(launch_threads("fixed", 64, 1, s), CUDA_ERROR_INVALID_VALUE);
    IS(cuLaunchKernelEx(&config, fn("fixed"), NULL, NULL), CUDA_ERROR_INVALID_VALUE);
    OK(launch_threads("fixed", 32, 1, s));
    IS(launch_threads("limited", 128, 1, s), CUDA_ERROR_INVALID_VALUE);
    OK(cuFuncGetAttribute(&threads, CU_FUNC_ATTRIBUTE_MAX_THREADS_PER_BLOCK, fn("fixed")));
    EQUAL(threads, 1024);
    affine(s, at, 3, 1);
    gate_open(&gate);
    OK(cuStreamSynchronize(s));
    EQUAL(word(at), 7);
}

CASE(launch_required_size_kernel, "the same holds for a CUkernel")
{
    CUlibrary library;
    CUkernel kernel;
    CUstream s = stream();

    OK(cuLibraryLoadData(&library, conf_ptx, NULL, NULL, 0, NULL, NULL, 0));
    OK(cuLibraryGetKernel(&kernel, library, "fixed"));
    OK(cuLaunchKernel((CUfunction)kernel, 1, 1, 1, 32, 1, 1, 0, s, NULL, NULL));
    IS(cuLaunchKernel((CUfunction)kernel, 1, 1, 1, 64, 1, 1, 0, s, NULL, NULL),
       CUDA_ERROR_INVALID_VALUE);
    OK(cuStreamSynchronize(s));
    OK(cuLibraryUnload(library));
}

CASE(capture_refused_launch, "a launch that is refused invalidates the capture of its stream")
{
    CUstream s = free_stream();
    CUdeviceptr at = words(1);
    CUgraph graph = NULL;

    OK(cuStreamBeginCapture(s, CU_STREAM_CAPTURE_MODE_THREAD_LOCAL));
    affine(s, at, 1, 2);
    IS(launch_threads("fixed", 64, 1, s), CUDA_ERROR_INVALID_VALUE);
    IS(cuStreamEndCapture(s, &graph), CUDA_ERROR_STREAM_CAPTURE_INVALIDATED);
    CHECK(!graph);
    affine(s, at, 1, 3);
    OK(cuStreamSynchronize(s));
    EQUAL(word(at), 3);
}

CASE(launch_bad_handle, "a function that is none is refused")
{
    IS(cuLaunchKernel(NULL, 1, 1, 1, 1, 1, 1, 0, NULL, NULL, NULL), CUDA_ERROR_INVALID_HANDLE);
    OK(cuCtxSynchronize());
}

CASE(launch_dynamic_shared, "dynamic shared memory has the size that the launch names")
{
    CUdeviceptr at = words(256);
    uint32_t host[256];
    void *args[] = {&at};

    for (uint32_t i = 0; i < 256; i++)
        host[i] = i * 3;
    OK(cuMemcpyHtoD(at, host, sizeof(host)));
    OK(cuLaunchKernel(fn("reverse"), 1, 1, 1, 256, 1, 1, 1024, NULL, args, NULL));
    OK(cuMemcpyDtoH(host, at, sizeof(host)));
    for (uint32_t i = 0; i < 256; i++)
        EQUAL(host[i], (255 - i) * 3);
}

CASE(launch_shared_opt_in, "more than 48 KiB of shared memory has to be asked for")
{
    int most = attribute(CU_DEVICE_ATTRIBUTE_MAX_SHARED_MEMORY_PER_BLOCK_OPTIN);
    CUdeviceptr at = words(32);
    void *args[] = {&at};
    CUfunction f = fn("reverse");

    if (most < 64 * 1024)
        conf_skip("the device has no more");
    IS(cuLaunchKernel(f, 1, 1, 1, 32, 1, 1, 64 * 1024, NULL, args, NULL), CUDA_ERROR_INVALID_VALUE);
    OK(cuFuncSetAttribute(f, CU_FUNC_ATTRIBUTE_MAX_DYNAMIC_SHARED_SIZE_BYTES, 64 * 1024));
    OK(cuLaunchKernel(f, 1, 1, 1, 32, 1, 1, 64 * 1024, NULL, args, NULL));
    OK(cuCtxSynchronize());
}

CASE(launch_shared_lowered, "a launch has the shared memory that was allowed when it was called")
{
    int most = attribute(CU_DEVICE_ATTRIBUTE_MAX_SHARED_MEMORY_PER_BLOCK_OPTIN);
    const CUfunction_attribute dynamic = CU_FUNC_ATTRIBUTE_MAX_DYNAMIC_SHARED_SIZE_BYTES;
    CUdeviceptr at = words(32);
    CUstream s = stream();
    CUfunction f = fn("reverse");
    void *args[] = {&at};
    uint32_t host[32];

    if (most < 64 * 1024)
        conf_skip("the device has no more");
    for (uint32_t i = 0; i < 32; i++)
        host[i] = i;
    OK(cuMemcpyHtoD(at, host, sizeof(host)));
    for (int round = 0; round < 3; round++) { /* what is set in between counts for what follows */
        struct gate gate;

        OK(cuFuncSetAttribute(f, dynamic, 64 * 1024));
        gate_close(&gate, s);
        OK(cuLaunchKernel(f, 1, 1, 1, 32, 1, 1, 64 * 1024, s, args, NULL));
        OK(cuFuncSetAttribute(f, dynamic, 1024));
        IS(cuLaunchKernel(f, 1, 1, 1, 32, 1, 1, 60 * 1024, s, args, NULL),
           CUDA_ERROR_INVALID_VALUE);
        gate_open(&gate);
        OK(cuStreamSynchronize(s));
        OK(cuMemcpyDtoH(host, at, sizeof(host)));
        for (uint32_t i = 0; i < 32; i++)
            EQUAL(host[i], round % 2 ? i : 31 - i);
    }
}

CASE(launch_ex_plain, "cuLaunchKernelEx without attributes is a launch")
{
    CUdeviceptr at = words(1);
    void *args[] = {&at};
    CUlaunchConfig config = {.gridDimX = 4,
                             .gridDimY = 1,
                             .gridDimZ = 1,
                             .blockDimX = 8,
                             .blockDimY = 1,
                             .blockDimZ = 1};

    OK(cuLaunchKernelEx(&config, fn("count"), args, NULL));
    EQUAL(word(at), 32);
}

CASE(launch_ex_no_parameters, "attributes may be changed after the launch also without parameters")
{
    CUlaunchAttribute priority = {.id = CU_LAUNCH_ATTRIBUTE_PRIORITY, .value.priority = 0};
    CUstream s = stream();
    CUlaunchConfig config = {.gridDimX = 1,
                             .gridDimY = 1,
                             .gridDimZ = 1,
                             .blockDimX = 1,
                             .blockDimY = 1,
                             .blockDimZ = 1,
                             .hStream = s,
                             .attrs = &priority,
                             .numAttrs = 1};
    struct gate gate;
    CUdeviceptr at;

    OK(cuModuleGetGlobal(&at, NULL, module(), "counter"));
    gate_close(&gate, s);
    OK(cuLaunchKernelEx(&config, fn("bump"), NULL, NULL));
    memset(&priority, 0xff, sizeof(priority));
    gate_open(&gate);
    EQUAL(word(at), 6);
}

CASE(launch_ex_event, "an event attribute is a record: the event is not ready before the kernel")
{
    CUevent e;
    CUlaunchAttribute a = {.id = CU_LAUNCH_ATTRIBUTE_PROGRAMMATIC_EVENT};
    CUstream s = stream();
    CUdeviceptr at = words(1);
    uint32_t one = 1;
    void *args[] = {&at, &one, &one};
    CUlaunchConfig config = {.gridDimX = 1,
                             .gridDimY = 1,
                             .gridDimZ = 1,
                             .blockDimX = 1,
                             .blockDimY = 1,
                             .blockDimZ = 1,
                             .hStream = s,
                             .attrs = &a,
                             .numAttrs = 1};
    struct gate gate;

    if (attribute(CU_DEVICE_ATTRIBUTE_COMPUTE_CAPABILITY_MAJOR) < 7)
        conf_skip("the device has no such events");
    OK(cuEventCreate(&e, CU_EVENT_DISABLE_TIMING));
    a.value.programmaticEvent.event = e;
    gate_close(&gate, s);
    if (cuLaunchKernelEx(&config, fn("affine"), args, NULL) != CUDA_SUCCESS) {
        gate_open(&gate);
        conf_skip("the device has no such events");
    }
    IS(cuEventQuery(e), CUDA_ERROR_NOT_READY);
    gate_open(&gate);
    OK(cuEventSynchronize(e));
    EQUAL(word(at), 1);
}

CASE(launch_ex_bad_attribute, "a priority that is out of range is refused by the call or clamped")
{
    CUlaunchAttribute a = {.id = CU_LAUNCH_ATTRIBUTE_COOPERATIVE, .value.cooperative = 1};
    CUlaunchConfig config = {.gridDimX = 1 << 22,
                             .gridDimY = 1,
                             .gridDimZ = 1,
                             .blockDimX = 32,
                             .blockDimY = 1,
                             .blockDimZ = 1,
                             .attrs = &a,
                             .numAttrs = 1};
    CUdeviceptr at = words(1);
    void *args[] = {&at};

    IS(cuLaunchKernelEx(&config, fn("count"), args, NULL), CUDA_ERROR_COOPERATIVE_LAUNCH_TOO_LARGE);
    EQUAL(word(at), 0);
}

CASE(launch_cooperative, "all blocks of a cooperative launch are resident together")
{
    CUdeviceptr at = words(2), out = at + 4;
    CUfunction f = fn("meet");
    void *args[] = {&at, &out};
    int blocks;

    if (!attribute(CU_DEVICE_ATTRIBUTE_COOPERATIVE_LAUNCH))
        conf_skip("the device has no cooperative launches");
    OK(cuOccupancyMaxActiveBlocksPerMultiprocessor(&blocks, f, 32, 0));
    CHECK(blocks > 0);
    OK(cuLaunchCooperativeKernel(f, (unsigned)attribute(CU_DEVICE_ATTRIBUTE_MULTIPROCESSOR_COUNT),
                                 1, 1, 32, 1, 1, 0, NULL, args));
    EQUAL(word(out), attribute(CU_DEVICE_ATTRIBUTE_MULTIPROCESSOR_COUNT) * 32);
}

CASE(launch_cooperative_order, "a cooperative launch comes after what was before it in its stream")
{
    CUdeviceptr at = words(2), out = at + 4;
    CUdeviceptr x = words(1);
    CUstream s = stream();
    void *args[] = {&at, &out};
    struct gate gate;

    if (!attribute(CU_DEVICE_ATTRIBUTE_COOPERATIVE_LAUNCH))
        conf_skip("the device has no cooperative launches");
    gate_close(&gate, s);
    chain(s, x);
    OK(cuLaunchCooperativeKernel(fn("meet"), 2, 1, 1, 32, 1, 1, 0, s, args));
    affine(s, x, 2, 0);
    gate_begun(&gate);
    EQUAL(peek(out), 0);
    gate_open(&gate);
    EQUAL(word(x), 2 * CHAIN);
    CHECK(peek(out) == 64);
}

CASE(launch_cooperative_too_large, "a cooperative grid that cannot be resident is refused")
{
    CUdeviceptr at = words(2);
    void *args[] = {&at, &at};

    if (!attribute(CU_DEVICE_ATTRIBUTE_COOPERATIVE_LAUNCH))
        conf_skip("the device has no cooperative launches");
    IS(cuLaunchCooperativeKernel(fn("meet"), 1000000, 1, 1, 32, 1, 1, 0, NULL, args),
       CUDA_ERROR_COOPERATIVE_LAUNCH_TOO_LARGE);
}

CASE(launch_kernel_handle, "a CUkernel may be launched as a CUfunction")
{
    CUlibrary library;
    CUkernel kernel;
    CUdeviceptr at = words(1);
    void *args[] = {&at};

    OK(cuLibraryLoadData(&library, conf_ptx, NULL, NULL, 0, NULL, NULL, 0));
    OK(cuLibraryGetKernel(&kernel, library, "count"));
    OK(cuLaunchKernel((CUfunction)kernel, 2, 1, 1, 8, 1, 1, 0, NULL, args, NULL));
    EQUAL(word(at), 16);
    OK(cuLibraryUnload(library));
}

CASE(launch_many, "a thousand launches in one stream all run, in order")
{
    CUstream s = stream();
    CUdeviceptr at = words(1);
    uint32_t x = 0;

    for (uint32_t i = 0; i < 1000; i++) {
        affine(s, at, 3, i);
        x = x * 3 + i;
    }
    EQUAL(word(at), x);
}

CASE(launch_flood, "more launches than any queue holds all run: who launches waits when it is full")
{
    CUstream s = stream();
    CUdeviceptr at = words(1);
    uint32_t x = 0;

    for (uint32_t i = 0; i < 6000; i++) {
        affine(s, at, 3, i);
        x = x * 3 + i;
    }
    OK(cuStreamSynchronize(s));
    EQUAL(peek(at), x);
}

CASE(launch_two_streams, "kernels of different streams may wait for each other")
{
    CUdeviceptr flag = words(2), out = flag + 4;
    uint32_t one = 1;
    void *args[] = {&flag, &out}, *put[] = {&flag, &one};
    CUstream a = free_stream(), b = free_stream();

    if (!attribute(CU_DEVICE_ATTRIBUTE_CONCURRENT_KERNELS))
        conf_skip("one kernel at a time");
    OK(cuLaunchKernel(fn("await"), 1, 1, 1, 1, 1, 1, 0, a, args, NULL));
    OK(cuLaunchKernel(fn("put"), 1, 1, 1, 1, 1, 1, 0, b, put, NULL));
    EQUAL(word(out), 1);
}

CASE(launch_from_threads, "threads may launch into one stream at once; nothing is lost")
{
    struct use {
        CUcontext ctx;
        CUstream s;
        CUdeviceptr at;
        CUfunction f;
    } use = {NULL, stream(), words(1), fn("count")};
    pthread_t threads[4];
    extern void *launch_count(void *);

    OK(cuCtxGetCurrent(&use.ctx));
    for (int i = 0; i < 4; i++)
        run_thread(launch_count, &use, &threads[i]);
    for (int i = 0; i < 4; i++)
        pthread_join(threads[i], NULL);
    EQUAL(word(use.at), 4 * 50);
}

void *launch_count(void *arg);
void *launch_count(void *arg)
{
    struct use {
        CUcontext ctx;
        CUstream s;
        CUdeviceptr at;
        CUfunction f;
    } *use = arg;
    void *args[] = {&use->at};

    OK(cuCtxSetCurrent(use->ctx));
    for (int i = 0; i < 50; i++)
        OK(cuLaunchKernel(use->f, 1, 1, 1, 1, 1, 1, 0, use->s, args, NULL));
    return NULL;
}

CASE(occupancy_blocks, "occupancy falls with shared memory and never exceeds the device's limits")
{
    CUfunction f = fn("reverse");
    int few, many;

    OK(cuOccupancyMaxActiveBlocksPerMultiprocessor(&many, f, 64, 0));
    OK(cuOccupancyMaxActiveBlocksPerMultiprocessor(&few, f, 64, 40000));
    CHECK(many > few && few >= 1);
    CHECK(many <= attribute(CU_DEVICE_ATTRIBUTE_MAX_BLOCKS_PER_MULTIPROCESSOR));
    CHECK(many * 64 <= attribute(CU_DEVICE_ATTRIBUTE_MAX_THREADS_PER_MULTIPROCESSOR));
    IS(cuOccupancyMaxActiveBlocksPerMultiprocessor(NULL, f, 64, 0), CUDA_ERROR_INVALID_VALUE);
}

CASE(occupancy_block_size, "the suggested block size can be launched")
{
    CUdeviceptr at = words(1);
    void *args[] = {&at};
    int grid, block;

    OK(cuOccupancyMaxPotentialBlockSize(&grid, &block, fn("count"), NULL, 0, 0));
    CHECK(grid > 0 && block > 0);
    OK(cuLaunchKernel(fn("count"), (unsigned)grid, 1, 1, (unsigned)block, 1, 1, 0, NULL, args,
                      NULL));
    EQUAL(word(at), (uint32_t)grid * (uint32_t)block);
}
