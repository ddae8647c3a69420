// SPDX-License-Identifier: Apache-2.0
/* Order: within a stream, between the legacy stream and blocking ones, per-thread streams. */
#include "conformance.h"

CASE(stream_in_order, "operations of a stream run in the order of submission, whatever they are")
{
    CUstream s = stream();
    CUdeviceptr at = words(1), copy = words(1);
    struct gate gate;

    gate_close(&gate, s);
    affine(s, at, 1, 3);
    OK(cuMemcpyDtoDAsync(copy, at, 4, s));
    affine(s, at, 5, 1);
    OK(cuMemsetD32Async(at, 100, 1, s));
    affine(s, at, 2, 7);
    gate_open(&gate);
    EQUAL(word(at), 207);
    EQUAL(word(copy), 3);
}

CASE(stream_query, "cuStreamQuery is NOT_READY until everything in the stream is done")
{
    CUstream s = stream();
    struct gate gate;

    OK(cuStreamQuery(s));
    gate_close(&gate, s);
    IS(cuStreamQuery(s), CUDA_ERROR_NOT_READY);
    gate_open(&gate);
    OK(cuStreamSynchronize(s));
    OK(cuStreamQuery(s));
}

CASE(stream_synchronize, "cuStreamSynchronize returns when all of the stream is done, not before")
{
    CUstream s = free_stream();
    CUdeviceptr at = words(1);

    chain(s, at);
    OK(cuStreamSynchronize(s));
    EQUAL(peek(at), CHAIN);
}

CASE(streams_independent, "a non-blocking stream does not wait for another stream")
{
    CUstream a = free_stream(), b = free_stream();
    CUdeviceptr at = words(1);
    struct gate gate;

    gate_close(&gate, a);
    affine(b, at, 1, 5);
    OK(cuStreamSynchronize(b));
    EQUAL(peek(at), 5);
    gate_open(&gate);
    OK(cuStreamSynchronize(a));
}

CASE(blocking_streams_independent, "blocking streams do not wait for each other")
{
    CUstream a = stream(), b = stream();
    CUdeviceptr at = words(1);
    struct gate gate;

    gate_close(&gate, a);
    affine(b, at, 1, 5);
    OK(cuStreamSynchronize(b));
    EQUAL(peek(at), 5);
    gate_open(&gate);
    OK(cuStreamSynchronize(a));
}

CASE(legacy_waits_for_blocking, "the legacy stream's work waits for blocking streams")
{
    CUstream s = stream();
    CUdeviceptr at = words(1);
    struct gate gate;

    gate_close(&gate, s);
    affine(s, at, 1, 4);
    affine(NULL, at, 10, 1);
    gate_begun(&gate);
    EQUAL(peek(at), 0);
    gate_open(&gate);
    EQUAL(word(at), 41);
}

CASE(blocking_waits_for_legacy, "later work of blocking streams waits for the legacy stream")
{
    CUstream s = stream();
    CUdeviceptr at = words(1);
    struct gate gate;

    gate_close(&gate, NULL);
    affine(NULL, at, 1, 4);
    affine(s, at, 10, 1);
    gate_begun(&gate);
    EQUAL(peek(at), 0);
    gate_open(&gate);
    EQUAL(word(at), 41);
}

CASE(legacy_between_blocking, "legacy work is a barrier between two blocking streams")
{
    CUstream a = stream(), b = stream();
    CUdeviceptr at = words(1);

    chain(a, at);
    affine(NULL, at, 3, 0);
    affine(b, at, 1, 1);
    EQUAL(word(at), 3 * CHAIN + 1);
}

CASE(legacy_ignores_non_blocking, "the legacy stream does not wait for a non-blocking one")
{
    CUstream s = free_stream();
    CUdeviceptr at = words(1);
    struct gate gate;

    gate_close(&gate, s);
    affine(NULL, at, 1, 9);
    OK(cuStreamSynchronize(NULL));
    EQUAL(peek(at), 9);
    gate_open(&gate);
    OK(cuStreamSynchronize(s));
}

CASE(non_blocking_ignores_legacy, "a non-blocking stream does not wait for the legacy one")
{
    CUstream s = free_stream();
    CUdeviceptr at = words(1);
    struct gate gate;

    gate_close(&gate, NULL);
    affine(s, at, 1, 9);
    OK(cuStreamSynchronize(s));
    EQUAL(peek(at), 9);
    gate_open(&gate);
    OK(cuCtxSynchronize());
}

CASE(legacy_handle, "CU_STREAM_LEGACY is the null stream")
{
    CUdeviceptr at = words(1);
    struct gate gate;

    gate_close(&gate, NULL);
    affine(CU_STREAM_LEGACY, at, 1, 2);
    affine(NULL, at, 10, 1);
    IS(cuStreamQuery(CU_STREAM_LEGACY), CUDA_ERROR_NOT_READY);
    gate_open(&gate);
    EQUAL(word(at), 21);
}

CASE(legacy_launch_returns, "a launch into the legacy stream does not wait for busy streams")
{
    CUstream s = stream();
    CUdeviceptr at = words(1);
    struct gate gate;

    gate_close(&gate, s);
    affine(s, at, 1, 1);
    affine(NULL, at, 1, 1); /* returns, though the stream before it stands */
    gate_open(&gate);
    EQUAL(word(at), 2);
}

CASE(legacy_query, "the legacy stream is not ready while a blocking stream is busy behind it")
{
    CUstream s = stream();
    CUdeviceptr at = words(1);
    struct gate gate;

    gate_close(&gate, s);
    affine(NULL, at, 1, 1);
    IS(cuStreamQuery(NULL), CUDA_ERROR_NOT_READY);
    gate_open(&gate);
    OK(cuStreamSynchronize(NULL));
    EQUAL(peek(at), 1);
}

CASE(legacy_synchronize, "synchronizing the legacy stream waits for the work it waits for")
{
    CUstream s = stream();
    CUdeviceptr at = words(1);

    chain(s, at);
    affine(NULL, at, 2, 0);
    OK(cuStreamSynchronize(NULL));
    EQUAL(peek(at), 2 * CHAIN);
}

CASE(per_thread_order, "the per-thread stream is in order")
{
    CUdeviceptr at = words(1);

    chain(CU_STREAM_PER_THREAD, at);
    affine(CU_STREAM_PER_THREAD, at, 2, 1);
    OK(cuStreamSynchronize(CU_STREAM_PER_THREAD));
    EQUAL(peek(at), 2 * CHAIN + 1);
}

CASE(per_thread_and_legacy,
     "the per-thread stream is a blocking one: the legacy stream waits for it")
{
    CUdeviceptr at = words(1);
    struct gate gate;

    gate_close(&gate, CU_STREAM_PER_THREAD);
    affine(CU_STREAM_PER_THREAD, at, 1, 3);
    affine(NULL, at, 10, 0);
    affine(CU_STREAM_PER_THREAD, at, 1, 1);
    gate_open(&gate);
    EQUAL(word(at), 31);
}

CASE(per_thread_and_blocking, "the per-thread stream does not wait for a blocking stream")
{
    CUstream s = stream();
    CUdeviceptr at = words(1);
    struct gate gate;

    gate_close(&gate, s);
    affine(CU_STREAM_PER_THREAD, at, 1, 3);
    OK(cuStreamSynchronize(CU_STREAM_PER_THREAD));
    EQUAL(peek(at), 3);
    gate_open(&gate);
    OK(cuStreamSynchronize(s));
}

struct second {
    CUcontext ctx;
    CUdeviceptr at;
};

static void *in_second_thread(void *arg)
{
    struct second *second = arg;

    OK(cuCtxSetCurrent(second->ctx));
    affine(CU_STREAM_PER_THREAD, second->at, 1, 8);
    OK(cuStreamSynchronize(CU_STREAM_PER_THREAD));
    EQUAL(peek(second->at), 8);
    return NULL;
}

CASE(per_thread_of_two, "each thread has a per-thread stream of its own")
{
    struct second second = {.at = words(1)};
    pthread_t thread;
    struct gate gate;

    OK(cuCtxGetCurrent(&second.ctx));
    peek(second.at);
    gate_close(&gate, CU_STREAM_PER_THREAD);
    run_thread(in_second_thread, &second, &thread);
    pthread_join(thread, NULL);
    gate_open(&gate);
    OK(cuCtxSynchronize());
}

static void *leaves_work(void *arg)
{
    struct second *second = arg;

    OK(cuCtxSetCurrent(second->ctx));
    chain(CU_STREAM_PER_THREAD, second->at);
    return NULL;
}

CASE(per_thread_exit, "what a thread left in its per-thread stream still runs after its end")
{
    struct second second = {.at = words(1)};
    pthread_t thread;

    OK(cuCtxGetCurrent(&second.ctx));
    run_thread(leaves_work, &second, &thread);
    pthread_join(thread, NULL);
    EQUAL(word(second.at), CHAIN);
}

CASE(suffixed_entry, "a _ptsz entry takes the null stream for the per-thread one")
{
    CUresult (*launch)(CUfunction, unsigned, unsigned, unsigned, unsigned, unsigned, unsigned,
                       unsigned, CUstream, void **, void **);
    CUresult (*synchronize)(CUstream);
    CUdriverProcAddressQueryResult status;
    CUdeviceptr at = words(1);
    uint32_t one = 1, six = 6;
    void *args[] = {&at, &one, &six};
    CUstream s = stream();
    struct gate gate;

    OK(cuGetProcAddress("cuLaunchKernel", (void **)&launch, 12000,
                        CU_GET_PROC_ADDRESS_PER_THREAD_DEFAULT_STREAM, &status));
    OK(cuGetProcAddress("cuStreamSynchronize", (void **)&synchronize, 12000,
                        CU_GET_PROC_ADDRESS_PER_THREAD_DEFAULT_STREAM, &status));
    gate_close(&gate, s); /* a legacy launch would wait for this */
    OK(launch(fn("affine"), 1, 1, 1, 1, 1, 1, 0, NULL, args, NULL));
    OK(synchronize(NULL));
    EQUAL(peek(at), 6);
    gate_open(&gate);
    OK(cuStreamSynchronize(s));
}

CASE(suffixed_copy, "a _ptds copy is ordered in the per-thread stream")
{
    CUresult (*copy)(void *, CUdeviceptr, size_t);
    CUdriverProcAddressQueryResult status;
    CUdeviceptr at = words(1);
    uint32_t value = 0;

    OK(cuGetProcAddress("cuMemcpyDtoH", (void **)&copy, 12000,
                        CU_GET_PROC_ADDRESS_PER_THREAD_DEFAULT_STREAM, &status));
    chain(CU_STREAM_PER_THREAD, at);
    OK(copy(&value, at, 4));
    EQUAL(value, CHAIN);
}

CASE(context_synchronize, "cuCtxSynchronize waits for all streams of the context")
{
    CUdeviceptr at = words(3);

    chain(stream(), at);
    chain(free_stream(), at + 4);
    chain(CU_STREAM_PER_THREAD, at + 8);
    OK(cuCtxSynchronize());
    for (unsigned i = 0; i < 3; i++)
        EQUAL(peek(at + 4 * i), CHAIN);
}

CASE(stream_destroy_busy, "a stream that is destroyed while busy still does its work")
{
    CUstream s = stream();
    CUdeviceptr at = words(1);
    struct gate gate;

    gate_close(&gate, s);
    chain(s, at);
    OK(cuStreamDestroy(s));
    gate_open(&gate);
    EQUAL(word(at), CHAIN);
}

CASE(stream_priority, "a stream has the priority that was asked for, within the range")
{
    int least, greatest, got;
    CUstream s;

    OK(cuCtxGetStreamPriorityRange(&least, &greatest));
    CHECK(greatest <= least);
    OK(cuStreamCreateWithPriority(&s, CU_STREAM_NON_BLOCKING, greatest));
    OK(cuStreamGetPriority(s, &got));
    EQUAL(got, greatest);
    OK(cuStreamCreateWithPriority(&s, CU_STREAM_DEFAULT, greatest - 100));
    OK(cuStreamGetPriority(s, &got));
    EQUAL(got, greatest);
    OK(cuStreamGetPriority(stream(), &got));
    EQUAL(got, 0);
}

CASE(stream_questions, "flags, context, device and id of a stream are what they were made with")
{
    CUstream a = stream(), b = free_stream();
    unsigned long long ida, idb;
    CUcontext ctx, got;
    unsigned flags;
    CUdevice device;

    OK(cuCtxGetCurrent(&ctx));
    OK(cuStreamGetFlags(a, &flags));
    EQUAL(flags, CU_STREAM_DEFAULT);
    OK(cuStreamGetFlags(b, &flags));
    EQUAL(flags, CU_STREAM_NON_BLOCKING);
    OK(cuStreamGetCtx(b, &got));
    CHECK(got == ctx);
    OK(cuStreamGetDevice(a, &device));
    EQUAL(device, dev);
    OK(cuStreamGetId(a, &ida));
    OK(cuStreamGetId(b, &idb));
    CHECK(ida != idb);
    IS(cuStreamCreate(&a, 0x80), CUDA_ERROR_INVALID_VALUE);
}

CASE(stream_attribute, "an attribute that was set is the one that is read")
{
    CUstream a = stream(), b = stream();
    CUstreamAttrValue v = {.syncPolicy = CU_SYNC_POLICY_BLOCKING_SYNC}, got;

    OK(cuStreamSetAttribute(a, CU_STREAM_ATTRIBUTE_SYNCHRONIZATION_POLICY, &v));
    OK(cuStreamGetAttribute(a, CU_STREAM_ATTRIBUTE_SYNCHRONIZATION_POLICY, &got));
    EQUAL(got.syncPolicy, CU_SYNC_POLICY_BLOCKING_SYNC);
    OK(cuStreamCopyAttributes(b, a));
    OK(cuStreamGetAttribute(b, CU_STREAM_ATTRIBUTE_SYNCHRONIZATION_POLICY, &got));
    EQUAL(got.syncPolicy, CU_SYNC_POLICY_BLOCKING_SYNC);
}

/* May be run again from its start, unlike those of the other cases. */
static void again(CUstream s, CUdeviceptr out, CUdeviceptr in)
{
    uint32_t n = 1;
    void *args[] = {&out, &in, &n};

    OK(cuLaunchKernel(fn("plus1"), 1, 1, 1, 1, 1, 1, 0, s, args, NULL));
}

CASE(gate_alloc, "memory is allocated in a stream that waits for the program, behind a kernel")
{
    CUstream s = stream();
    CUdeviceptr in = words(1), out = words(1), at;
    struct gate gate;

    gate_close(&gate, s);
    gate_begun(&gate);
    again(s, out, in);
    OK(cuMemAllocAsync(&at, 4, s));
    again(s, at, out);
    gate_open(&gate);
    OK(cuMemcpyDtoDAsync(in, at, 4, s));
    OK(cuMemFreeAsync(at, s));
    OK(cuStreamSynchronize(s));
    EQUAL(word(in), 2);
}
