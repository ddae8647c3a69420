// SPDX-License-Identifier: Apache-2.0
/* Contexts, threads, modules, libraries, resolving of symbols, errors. */
#include "conformance.h"

/* ---- contexts ---- */

CASE(context_stack, "push, pop and set work on the calling thread's stack")
{
    CUcontext primary, created, got;

    OK(cuCtxGetCurrent(&primary));
    OK(cuCtxCreate(&created, NULL, 0, dev));
    OK(cuCtxGetCurrent(&got));
    CHECK(got == created);
    OK(cuCtxPopCurrent(&got));
    CHECK(got == created);
    OK(cuCtxGetCurrent(&got));
    CHECK(got == primary);
    OK(cuCtxPushCurrent(created));
    OK(cuCtxSetCurrent(primary));
    OK(cuCtxGetCurrent(&got));
    CHECK(got == primary);
    OK(cuCtxDestroy(created));
}

CASE(context_none, "without a current context calls that need one say so, and nothing else happens")
{
    CUdeviceptr at = words(1), none;
    CUcontext ctx, got;

    OK(cuCtxPopCurrent(&ctx));
    OK(cuCtxGetCurrent(&got));
    CHECK(got == NULL);
    IS(cuMemAlloc(&none, 4), CUDA_ERROR_INVALID_CONTEXT);
    IS(cuCtxSynchronize(), CUDA_ERROR_INVALID_CONTEXT);
    IS(cuLaunchKernel(NULL, 1, 1, 1, 1, 1, 1, 0, NULL, NULL, NULL), CUDA_ERROR_INVALID_CONTEXT);
    OK(cuCtxPushCurrent(ctx));
    EQUAL(word(at), 0);
}

struct use {
    CUstream s;
    CUdeviceptr at;
    CUevent e;
};

static void *without_context(void *arg)
{
    struct use *use = arg;
    CUcontext ctx;

    OK(cuCtxGetCurrent(&ctx));
    CHECK(ctx == NULL);
    OK(cuStreamSynchronize(use->s)); /* a stream knows its context */
    OK(cuEventSynchronize(use->e));
    return NULL;
}

CASE(context_none_thread, "a thread without a context may wait for streams and events")
{
    struct use use = {stream(), words(1), event()};
    pthread_t thread;

    chain(use.s, use.at);
    OK(cuEventRecord(use.e, use.s));
    run_thread(without_context, &use, &thread);
    pthread_join(thread, NULL);
    EQUAL(peek(use.at), CHAIN);
}

CASE(context_two, "two contexts have memory, modules and streams of their own")
{
    CUcontext primary, created;
    CUdeviceptr at = words(1), other;
    CUfunction f;
    CUmodule m;
    uint32_t one = 1, two = 2;
    void *args[3] = {&other, &one, &two};

    OK(cuCtxGetCurrent(&primary));
    OK(cuCtxCreate(&created, NULL, 0, dev));
    OK(cuModuleLoadData(&m, conf_ptx));
    OK(cuModuleGetFunction(&f, m, "affine"));
    OK(cuMemAlloc(&other, 4));
    OK(cuMemsetD32(other, 3, 1));
    OK(cuLaunchKernel(f, 1, 1, 1, 1, 1, 1, 0, NULL, args, NULL));
    OK(cuCtxSynchronize());
    OK(cuMemcpyDtoH(&one, other, 4));
    EQUAL(one, 5);
    OK(cuCtxDestroy(created));
    EQUAL(word(at), 0);
}

CASE(context_destroy_busy, "a context is destroyed after its work")
{
    uint32_t *host = pinned(1);
    CUcontext created;
    CUfunction f;
    CUmodule m;
    CUdeviceptr at;
    uint32_t us = 2000;
    void *args[] = {&at, &us};

    OK(cuMemHostGetDevicePointer(&at, host, 0));
    OK(cuCtxCreate(&created, NULL, 0, dev));
    OK(cuModuleLoadData(&m, conf_ptx));
    OK(cuModuleGetFunction(&f, m, "slow"));
    OK(cuLaunchKernel(f, 1, 1, 1, 1, 1, 1, 0, NULL, args, NULL));
    OK(cuCtxDestroy(created));
    OK(cuCtxSynchronize());
}

CASE(context_stream_elsewhere, "a launch into a stream of another context than the current one")
{
    CUcontext primary, created;
    CUstream s = stream();
    CUdeviceptr at = words(1);

    OK(cuCtxGetCurrent(&primary));
    fn("affine");
    OK(cuCtxCreate(&created, NULL, 0, dev));
    OK(cuStreamSynchronize(s));
    OK(cuStreamQuery(s));
    OK(cuCtxDestroy(created));
    affine(s, at, 1, 2);
    EQUAL(word(at), 2);
}

CASE(context_event_across, "a stream may wait for an event of another context")
{
    CUcontext primary, created;
    CUstream a = free_stream(), b;
    CUevent e = event();
    CUdeviceptr at = words(1);
    struct gate gate;

    OK(cuCtxGetCurrent(&primary));
    gate_close(&gate, a);
    affine(a, at, 1, 4);
    OK(cuEventRecord(e, a));
    OK(cuCtxCreate(&created, NULL, 0, dev));
    OK(cuStreamCreate(&b, CU_STREAM_NON_BLOCKING));
    OK(cuStreamWaitEvent(b, e, 0));
    IS(cuStreamQuery(b), CUDA_ERROR_NOT_READY);
    gate_open(&gate);
    OK(cuStreamSynchronize(b));
    OK(cuCtxSetCurrent(primary));
    EQUAL(peek(at), 4);
}

CASE(context_record_event, "a context's record is behind the work of all its streams")
{
    CUdeviceptr at = words(2);
    CUevent e = event();
    CUcontext ctx;

    OK(cuCtxGetCurrent(&ctx));
    chain(stream(), at);
    chain(free_stream(), at + 4);
    if (cuCtxRecordEvent(ctx, e) == CUDA_ERROR_NOT_SUPPORTED)
        conf_skip("no events of contexts");
    OK(cuEventSynchronize(e));
    EQUAL(peek(at), CHAIN);
    EQUAL(peek(at + 4), CHAIN);
}

CASE(context_wait_event, "all later work of a context waits for the event, in whatever stream")
{
    CUstream a = free_stream(), b;
    CUdeviceptr at = words(1);
    CUevent e = event();
    struct gate gate;
    CUcontext ctx;

    OK(cuCtxGetCurrent(&ctx));
    fn("affine");
    gate_close(&gate, a);
    affine(a, at, 1, 4);
    OK(cuEventRecord(e, a));
    if (cuCtxWaitEvent(ctx, e) == CUDA_ERROR_NOT_SUPPORTED) {
        gate_open(&gate);
        conf_skip("no events of contexts");
    }
    b = free_stream();
    affine(b, at, 10, 1);
    gate_begun(&gate);
    IS(cuStreamQuery(b), CUDA_ERROR_NOT_READY);
    gate_open(&gate);
    EQUAL(word(at), 41);
}

CASE(context_primary, "the primary context is one, counted, and has a state")
{
    CUcontext a, b;
    unsigned flags;
    int active;

    OK(cuDevicePrimaryCtxRetain(&a, dev));
    OK(cuDevicePrimaryCtxRetain(&b, dev));
    CHECK(a == b);
    OK(cuDevicePrimaryCtxRelease(dev));
    OK(cuDevicePrimaryCtxGetState(dev, &flags, &active));
    EQUAL(active, 1);
    OK(cuDevicePrimaryCtxRelease(dev));
}

CASE(context_primary_reset, "the primary context can be used anew after a reset with work in it")
{
    CUdeviceptr at = words(1), other;
    CUcontext ctx;
    CUmodule m;

    chain(stream(), at);
    OK(cuDevicePrimaryCtxReset(dev));
    OK(cuDevicePrimaryCtxRetain(&ctx, dev));
    OK(cuCtxSetCurrent(ctx));
    OK(cuMemAlloc(&other, 4));
    OK(cuMemsetD32(other, 5, 1));
    OK(cuModuleLoadData(&m, conf_ptx));
    OK(cuCtxSynchronize());
    OK(cuDevicePrimaryCtxRelease(dev));
}

CUresult cuProfilerStart(void);
CUresult cuProfilerStop(void);

CASE(context_profiler, "a profile may begin and end while there is work")
{
    CUstream s = stream();
    CUdeviceptr at = words(1);

    chain(s, at);
    OK(cuProfilerStart());
    affine(s, at, 2, 0);
    OK(cuProfilerStop());
    EQUAL(word(at), 2 * CHAIN);
}

CASE(context_checkpoint, "a process that does not exist cannot be stopped; this one's work goes on")
{
    CUcheckpointCheckpointArgs args = {0};
    CUcheckpointLockArgs lock = {0};
    CUstream s = stream();
    CUdeviceptr at = words(1);

    chain(s, at);
    CHECK(cuCheckpointProcessLock(-7, &lock) != CUDA_SUCCESS);
    CHECK(cuCheckpointProcessCheckpoint(-7, &args) != CUDA_SUCCESS);
    OK(cuStreamSynchronize(s));
    EQUAL(peek(at), CHAIN);
}

CASE(context_limits, "limits are what was set")
{
    size_t value;

    OK(cuCtxSetLimit(CU_LIMIT_STACK_SIZE, 4096));
    OK(cuCtxGetLimit(&value, CU_LIMIT_STACK_SIZE));
    CHECK(value >= 4096);
    IS(cuCtxGetLimit(&value, (CUlimit)1000), CUDA_ERROR_INVALID_VALUE);
}

/* ---- modules ---- */

CASE(module_symbols, "a module has the functions and variables that it defines, and no others")
{
    CUdeviceptr at;
    CUfunction f;
    size_t bytes;
    uint32_t table[4];

    OK(cuModuleGetGlobal(&at, &bytes, module(), "table"));
    EQUAL(bytes, 16);
    OK(cuMemcpyDtoH(table, at, 16));
    EQUAL(table[2], 30);
    IS(cuModuleGetFunction(&f, module(), "absent"), CUDA_ERROR_NOT_FOUND);
    IS(cuModuleGetGlobal(&at, &bytes, module(), "absent"), CUDA_ERROR_NOT_FOUND);
}

CASE(module_constant, "constant memory that the host has written is what kernels read")
{
    CUdeviceptr table, at = words(1);
    uint32_t value = 77, i = 2;
    void *args[] = {&at, &i};

    OK(cuModuleGetGlobal(&table, NULL, module(), "table"));
    OK(cuMemcpyHtoD(table + 8, &value, 4));
    OK(cuLaunchKernel(fn("readtable"), 1, 1, 1, 1, 1, 1, 0, NULL, args, NULL));
    EQUAL(word(at), 77);
}

CASE(module_bad, "an image that is none is refused, with a reason in the log")
{
    char log[200] = "";
    CUjit_option options[] = {CU_JIT_ERROR_LOG_BUFFER, CU_JIT_ERROR_LOG_BUFFER_SIZE_BYTES};
    void *values[] = {log, (void *)(uintptr_t)sizeof(log)};
    CUmodule m;

    IS(cuModuleLoadDataEx(&m,
                          ".version 7.0\n.target sm_70\n.address_size 64\n.entry x() { bogus; }", 2,
                          options, values),
       CUDA_ERROR_INVALID_PTX);
    CHECK(log[0] != '\0');
    CHECK(cuModuleLoad(&m, "/nonexistent/file.ptx") == CUDA_ERROR_FILE_NOT_FOUND);
    OK(cuCtxSynchronize());
}

CASE(module_unload_busy, "unloading a module waits for its kernels")
{
    CUstream s = stream();
    CUdeviceptr at = words(1);
    CUfunction f;
    CUmodule m;
    uint32_t us = 200;
    void *args[] = {&at, &us};

    OK(cuModuleLoadData(&m, conf_ptx));
    OK(cuModuleGetFunction(&f, m, "slow"));
    for (int i = 0; i < CHAIN; i++)
        OK(cuLaunchKernel(f, 1, 1, 1, 1, 1, 1, 0, s, args, NULL));
    OK(cuModuleUnload(m));
    OK(cuStreamSynchronize(s));
    EQUAL(peek(at), CHAIN);
}

CASE(library_unload_busy, "unloading a library waits for its kernels")
{
    CUstream s = stream();
    CUdeviceptr at = words(1);
    CUlibrary library;
    CUkernel k;
    CUfunction f;
    uint32_t us = 200;
    void *args[] = {&at, &us};

    OK(cuLibraryLoadData(&library, conf_ptx, NULL, NULL, 0, NULL, NULL, 0));
    OK(cuLibraryGetKernel(&k, library, "slow"));
    OK(cuKernelGetFunction(&f, k));
    for (int i = 0; i < CHAIN; i++)
        OK(cuLaunchKernel(f, 1, 1, 1, 1, 1, 1, 0, s, args, NULL));
    OK(cuLibraryUnload(library));
    OK(cuStreamSynchronize(s));
    EQUAL(peek(at), CHAIN);
}

CASE(library_symbols, "a library's kernels know their names, parameters and library")
{
    size_t offset, size, bytes;
    const char *name;
    CUlibrary library, got;
    CUdeviceptr at;
    CUkernel k;

    OK(cuLibraryLoadData(&library, conf_ptx, NULL, NULL, 0, NULL, NULL, 0));
    OK(cuLibraryGetKernel(&k, library, "mixed"));
    OK(cuKernelGetName(&name, k));
    CHECK(strcmp(name, "mixed") == 0);
    OK(cuKernelGetParamInfo(k, 5, &offset, &size));
    EQUAL(offset, 24);
    EQUAL(size, 24);
    IS(cuKernelGetParamInfo(k, 6, &offset, &size), CUDA_ERROR_INVALID_VALUE);
    OK(cuKernelGetLibrary(&got, k));
    CHECK(got == library);
    OK(cuLibraryGetGlobal(&at, &bytes, library, "counter"));
    EQUAL(bytes, 4);
    IS(cuLibraryGetKernel(&k, library, "absent"), CUDA_ERROR_NOT_FOUND);
    OK(cuLibraryUnload(library));
}

CASE(function_attributes, "a function's limits are those of its code")
{
    int value;

    OK(cuFuncGetAttribute(&value, CU_FUNC_ATTRIBUTE_MAX_THREADS_PER_BLOCK, fn("limited")));
    CHECK(value > 0 && value <= 1024);
    OK(cuFuncGetAttribute(&value, CU_FUNC_ATTRIBUTE_SHARED_SIZE_BYTES, fn("count")));
    EQUAL(value, 0);
    OK(cuFuncGetAttribute(&value, CU_FUNC_ATTRIBUTE_NUM_REGS, fn("count")));
    CHECK(value > 0);
    IS(cuFuncGetAttribute(NULL, CU_FUNC_ATTRIBUTE_NUM_REGS, fn("count")), CUDA_ERROR_INVALID_VALUE);
    CHECK(cuFuncSetAttribute(fn("count"), CU_FUNC_ATTRIBUTE_MAX_DYNAMIC_SHARED_SIZE_BYTES,
                             1 << 28) != CUDA_SUCCESS);
}

/* ---- resolving ---- */

CASE(resolver_versions, "cuGetProcAddress gives the newest version that is not newer than asked")
{
    CUdriverProcAddressQueryResult status;
    void *v1, *v2, *newest;

    OK(cuGetProcAddress("cuMemAlloc", &v2, 3020, 0, &status));
    OK(cuGetProcAddress("cuMemAlloc", &newest, CUDA_VERSION, 0, &status));
    EQUAL(status, CU_GET_PROC_ADDRESS_SUCCESS);
    CHECK(v2 == newest && v2 != NULL);
    if (cuGetProcAddress("cuMemAlloc", &v1, 2000, 0, &status) == CUDA_SUCCESS)
        CHECK(v1 != v2);
    OK(cuGetProcAddress("cuLaunchKernelEx", &v1, 11000, 0, &status));
    CHECK(v1 == NULL);
    EQUAL(status, CU_GET_PROC_ADDRESS_VERSION_NOT_SUFFICIENT);
}

CASE(resolver_unknown, "an unknown symbol is not found, and the status says so")
{
    CUdriverProcAddressQueryResult status = CU_GET_PROC_ADDRESS_SUCCESS;
    void *p = (void *)1;

    OK(cuGetProcAddress("cuNoSuchThing", &p, CUDA_VERSION, 0, &status));
    EQUAL(status, CU_GET_PROC_ADDRESS_SYMBOL_NOT_FOUND);
    CHECK(p == NULL);
    p = (void *)1;
    OK(cuGetProcAddress("cuNoSuchThing", &p, CUDA_VERSION, 0, NULL));
    CHECK(p == NULL);
}

CASE(resolver_per_thread, "the per-thread flag gives another entry where there is one")
{
    CUdriverProcAddressQueryResult status;
    void *plain, *suffixed;

    OK(cuGetProcAddress("cuLaunchKernel", &plain, CUDA_VERSION, 0, &status));
    OK(cuGetProcAddress("cuLaunchKernel", &suffixed, CUDA_VERSION,
                        CU_GET_PROC_ADDRESS_PER_THREAD_DEFAULT_STREAM, &status));
    CHECK(plain != suffixed);
    OK(cuGetProcAddress("cuMemAlloc", &plain, CUDA_VERSION, 0, &status));
    OK(cuGetProcAddress("cuMemAlloc", &suffixed, CUDA_VERSION,
                        CU_GET_PROC_ADDRESS_PER_THREAD_DEFAULT_STREAM, &status));
    CHECK(plain == suffixed);
}

CASE(resolver_batch, "the batch copy's entry changes its parameters at version 13.0")
{
    CUdriverProcAddressQueryResult status;
    void *v12, *v13;

    OK(cuGetProcAddress("cuMemcpyBatchAsync", &v12, 12080, 0, &status));
    OK(cuGetProcAddress("cuMemcpyBatchAsync", &v13, 13000, 0, &status));
    CHECK(v12 != v13);
}

CASE(resolver_launch, "a launch through a resolved pointer is a launch")
{
    CUresult (*launch)(CUfunction, unsigned, unsigned, unsigned, unsigned, unsigned, unsigned,
                       unsigned, CUstream, void **, void **);
    CUdriverProcAddressQueryResult status;
    CUdeviceptr at = words(1);
    void *args[] = {&at};

    OK(cuGetProcAddress("cuLaunchKernel", (void **)&launch, 4000, 0, &status));
    OK(launch(fn("count"), 3, 1, 1, 5, 1, 1, 0, NULL, args, NULL));
    EQUAL(word(at), 15);
}

CASE(errors_named, "errors have names and descriptions; numbers that are none have not")
{
    const char *text;

    OK(cuGetErrorName(CUDA_ERROR_OUT_OF_MEMORY, &text));
    CHECK(strcmp(text, "CUDA_ERROR_OUT_OF_MEMORY") == 0);
    OK(cuGetErrorString(CUDA_ERROR_OUT_OF_MEMORY, &text));
    CHECK(text && *text);
    IS(cuGetErrorName((CUresult)12345, &text), CUDA_ERROR_INVALID_VALUE);
}

/* ---- what kernels do wrong ---- */

CASE(sticky_address, "a bad address breaks the context: every later call says so")
{
    CUdeviceptr at = words(1);
    CUstream s = stream();

    OK(cuLaunchKernel(fn("wild"), 1, 1, 1, 1, 1, 1, 0, s, NULL, NULL));
    IS(cuStreamSynchronize(s), CUDA_ERROR_ILLEGAL_ADDRESS);
    IS(cuCtxSynchronize(), CUDA_ERROR_ILLEGAL_ADDRESS);
    IS(cuMemAlloc(&at, 4), CUDA_ERROR_ILLEGAL_ADDRESS);
    IS(cuStreamQuery(s), CUDA_ERROR_ILLEGAL_ADDRESS);
}

CASE(sticky_misaligned, "a misaligned address is an error of its own")
{
    CUdeviceptr at = words(2);
    void *args[] = {&at};

    OK(cuLaunchKernel(fn("odd"), 1, 1, 1, 1, 1, 1, 0, NULL, args, NULL));
    IS(cuCtxSynchronize(), CUDA_ERROR_MISALIGNED_ADDRESS);
}

CASE(sticky_trap, "a trap breaks the context")
{
    CUresult rc;

    OK(cuLaunchKernel(fn("fails"), 1, 1, 1, 1, 1, 1, 0, NULL, NULL, NULL));
    rc = cuCtxSynchronize();
    CHECK(rc == CUDA_ERROR_LAUNCH_FAILED || rc == CUDA_ERROR_ILLEGAL_INSTRUCTION);
    IS(cuCtxSynchronize(), rc);
}

CASE(sticky_later_work, "what comes after a failed kernel in its context does not run")
{
    uint32_t *host = pinned(1);
    CUstream s = stream();

    OK(cuLaunchKernel(fn("wild"), 1, 1, 1, 1, 1, 1, 0, s, NULL, NULL));
    cuStreamWriteValue32(s, (CUdeviceptr)(uintptr_t)host, 7, 0);
    CHECK(cuStreamSynchronize(s) != CUDA_SUCCESS);
    EQUAL(*(volatile uint32_t *)host, 0);
}

CASE(sticky_behind, "an error of what stands in a stream comes late, and then to every call")
{
    CUstream s = stream(), other = stream();
    CUdeviceptr at = words(1);
    CUevent e = event();
    CUfunction nothing = fn("nothing");
    struct gate gate;

    gate_close(&gate, s);
    OK(cuLaunchKernel(fn("wild"), 1, 1, 1, 1, 1, 1, 0, s, NULL, NULL));
    OK(cuEventRecord(e, s));
    affine(s, at, 1, 1);
    gate_open(&gate);
    IS(cuStreamSynchronize(s), CUDA_ERROR_ILLEGAL_ADDRESS);
    IS(cuEventQuery(e), CUDA_ERROR_ILLEGAL_ADDRESS);
    IS(cuEventSynchronize(e), CUDA_ERROR_ILLEGAL_ADDRESS);
    IS(cuStreamQuery(other), CUDA_ERROR_ILLEGAL_ADDRESS);
    IS(cuMemsetD32Async(at, 0, 1, other), CUDA_ERROR_ILLEGAL_ADDRESS);
    IS(cuLaunchKernel(nothing, 1, 1, 1, 1, 1, 1, 0, other, NULL, NULL), CUDA_ERROR_ILLEGAL_ADDRESS);
}

static int dead_calls;
static CUresult dead_status;
static void CUDA_CB on_error(CUstream s, CUresult status, void *arg)
{
    dead_calls++;
    dead_status = status;
}

CASE(sticky_callback, "a callback behind a failed kernel is called with the error")
{
    CUstream s = stream();

    OK(cuStreamAddCallback(s, on_error, NULL, 0));
    OK(cuStreamSynchronize(s));
    EQUAL(dead_status, CUDA_SUCCESS);
    OK(cuLaunchKernel(fn("wild"), 1, 1, 1, 1, 1, 1, 0, s, NULL, NULL));
    if (cuStreamAddCallback(s, on_error, NULL, 0) == CUDA_SUCCESS) {
        CHECK(cuStreamSynchronize(s) != CUDA_SUCCESS);
        if (dead_calls > 1)
            EQUAL(dead_status, CUDA_ERROR_ILLEGAL_ADDRESS);
    }
}

CASE(sticky_process, "a broken context does not stop the process")
{
    OK(cuLaunchKernel(fn("wild"), 1, 1, 1, 1, 1, 1, 0, NULL, NULL, NULL));
    CHECK(cuCtxSynchronize() == CUDA_ERROR_ILLEGAL_ADDRESS);
    for (int i = 0; i < 100; i++)
        CHECK(cuCtxSynchronize() == CUDA_ERROR_ILLEGAL_ADDRESS);
}
