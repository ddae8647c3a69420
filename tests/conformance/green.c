// SPDX-License-Identifier: Apache-2.0
/* Green contexts: a part of the multiprocessors, with streams of its own. */
#include "conformance.h"

/* @count green contexts with disjoint parts of at least @each multiprocessors. */
static void make_green(unsigned count, unsigned each, CUgreenCtx *green)
{
    CUdevResource all, parts[4];
    CUdevResourceDesc desc;
    unsigned groups = count;
    CUresult rc = cuDeviceGetDevResource(dev, &all, CU_DEV_RESOURCE_TYPE_SM);

    if (rc == CUDA_ERROR_NOT_SUPPORTED)
        conf_skip("no green contexts");
    OK(rc);
    OK(cuDevSmResourceSplitByCount(parts, &groups, &all, NULL, 0, each));
    EQUAL(groups, count);
    for (unsigned i = 0; i < count; i++) {
        CHECK(parts[i].sm.smCount >= each);
        OK(cuDevResourceGenerateDesc(&desc, &parts[i], 1));
        OK(cuGreenCtxCreate(&green[i], desc, dev, CU_GREEN_CTX_DEFAULT_STREAM));
    }
}

static CUstream green_stream(CUgreenCtx green)
{
    CUstream s;

    OK(cuGreenCtxStreamCreate(&s, green, CU_STREAM_NON_BLOCKING, 0));
    return s;
}

CASE(green_split, "the multiprocessors split into equal groups, and what remains is the rest")
{
    CUdevResource all, parts[64], rest;
    unsigned groups = 0, total = 0;
    CUresult rc = cuDeviceGetDevResource(dev, &all, CU_DEV_RESOURCE_TYPE_SM);

    if (rc == CUDA_ERROR_NOT_SUPPORTED)
        conf_skip("no green contexts");
    OK(rc);
    EQUAL(all.sm.smCount, attribute(CU_DEVICE_ATTRIBUTE_MULTIPROCESSOR_COUNT));
    OK(cuDevSmResourceSplitByCount(NULL, &groups, &all, NULL, 0, 12));
    CHECK(groups >= 1 && groups <= 64);
    OK(cuDevSmResourceSplitByCount(parts, &groups, &all, &rest, 0, 12));
    for (unsigned i = 0; i < groups; i++) {
        CHECK(parts[i].sm.smCount >= 12 && parts[i].sm.smCount == parts[0].sm.smCount);
        total += parts[i].sm.smCount;
    }
    if (rest.type == CU_DEV_RESOURCE_TYPE_SM)
        total += rest.sm.smCount;
    EQUAL(total, all.sm.smCount);
    CHECK(cuDevSmResourceSplitByCount(parts, &groups, &all, NULL, 0, all.sm.smCount + 1) !=
          CUDA_SUCCESS);
}

CASE(green_where,
     "kernels of two green contexts run on different multiprocessors, and on no others")
{
    enum { BLOCKS = 256 };
    uint32_t *where[2] = {pinned(BLOCKS), pinned(BLOCKS)};
    bool used[2][1024] = {{0}};
    CUgreenCtx green[2];
    CUdevResource got;

    make_green(2, 16, green);
    for (int g = 0; g < 2; g++) {
        CUdeviceptr at = (CUdeviceptr)(uintptr_t)where[g];
        void *args[] = {&at};

        OK(cuLaunchKernel(fn("where"), BLOCKS, 1, 1, 32, 1, 1, 0, green_stream(green[g]), args,
                          NULL));
    }
    OK(cuCtxSynchronize()); /* the primary context's green ones are part of it */
    for (int g = 0; g < 2; g++) {
        unsigned count = 0;

        for (unsigned i = 0; i < BLOCKS; i++) {
            CHECK(where[g][i] < 1024);
            count += !used[g][where[g][i]];
            used[g][where[g][i]] = true;
        }
        OK(cuGreenCtxGetDevResource(green[g], &got, CU_DEV_RESOURCE_TYPE_SM));
        CHECK(count <= got.sm.smCount);
    }
    for (unsigned i = 0; i < 1024; i++)
        CHECK(!(used[0][i] && used[1][i]));
}

CASE(green_stream_order, "a green context's stream is in order, and beside the others")
{
    CUdeviceptr at = words(2);
    CUgreenCtx green;
    struct gate gate;
    CUstream s, other = free_stream();

    make_green(1, 16, &green);
    s = green_stream(green);
    gate_close(&gate, s);
    affine(s, at, 1, 3);
    OK(cuMemcpyDtoDAsync(at + 4, at, 4, s));
    affine(s, at, 5, 1);
    affine(other, at, 1, 0);
    OK(cuStreamSynchronize(other));
    IS(cuStreamQuery(s), CUDA_ERROR_NOT_READY);
    gate_open(&gate);
    OK(cuStreamSynchronize(s));
    EQUAL(peek(at), 16);
    EQUAL(peek(at + 4), 3);
    OK(cuStreamDestroy(s));
    OK(cuGreenCtxDestroy(green));
}

CASE(green_stream_questions, "a stream knows its green context, its priority and its flags")
{
    CUgreenCtx green, got;
    CUcontext ctx, primary;
    unsigned flags;
    int priority, least, greatest;
    CUstream s;

    make_green(1, 16, &green);
    OK(cuCtxGetCurrent(&primary));
    OK(cuCtxGetStreamPriorityRange(&least, &greatest));
    OK(cuGreenCtxStreamCreate(&s, green, CU_STREAM_NON_BLOCKING, greatest));
    OK(cuStreamGetGreenCtx(s, &got));
    CHECK(got == green);
    OK(cuStreamGetCtx_v2(s, &ctx, &got));
    CHECK(got == green && ctx == primary);
    OK(cuStreamGetPriority(s, &priority));
    EQUAL(priority, greatest);
    OK(cuStreamGetFlags(s, &flags));
    EQUAL(flags, CU_STREAM_NON_BLOCKING);
    OK(cuStreamGetGreenCtx(free_stream(), &got));
    CHECK(got == NULL);
    IS(cuGreenCtxStreamCreate(&s, green, CU_STREAM_DEFAULT, 0), CUDA_ERROR_INVALID_VALUE);
}

CASE(green_record_event, "a record of a green context is behind all its streams")
{
    CUdeviceptr at = words(2);
    CUevent e = event();
    CUgreenCtx green;

    make_green(1, 16, &green);
    chain(green_stream(green), at);
    chain(green_stream(green), at + 4);
    OK(cuGreenCtxRecordEvent(green, e));
    OK(cuEventSynchronize(e));
    EQUAL(peek(at), CHAIN);
    EQUAL(peek(at + 4), CHAIN);
}

CASE(green_wait_event, "all later work of a green context waits for the event, other work does not")
{
    CUstream a = free_stream(), b, other = free_stream();
    CUdeviceptr at = words(2);
    CUevent e = event();
    CUgreenCtx green;
    struct gate gate;

    make_green(1, 16, &green);
    b = green_stream(green);
    gate_close(&gate, a);
    affine(a, at, 1, 4);
    OK(cuEventRecord(e, a));
    OK(cuGreenCtxWaitEvent(green, e));
    affine(b, at, 10, 1);
    affine(other, at + 4, 1, 9);
    OK(cuStreamSynchronize(other));
    EQUAL(peek(at + 4), 9);
    IS(cuStreamQuery(b), CUDA_ERROR_NOT_READY);
    gate_open(&gate);
    OK(cuStreamSynchronize(b));
    EQUAL(peek(at), 41);
}

CASE(green_current, "a green context can be current: its default stream, the primary one's memory")
{
    CUdeviceptr at = words(1), own;
    CUcontext primary, ctx;
    CUdevResource got;
    CUgreenCtx green, of;
    CUstream s;

    make_green(1, 16, &green);
    OK(cuCtxGetCurrent(&primary));
    OK(cuCtxFromGreenCtx(&ctx, green));
    OK(cuCtxPushCurrent(ctx));
    affine(NULL, at, 1, 5);
    OK(cuMemAlloc(&own, 4));
    OK(cuMemsetD32(own, 6, 1));
    OK(cuStreamCreate(&s, CU_STREAM_NON_BLOCKING));
    OK(cuStreamGetGreenCtx(s, &of));
    CHECK(of == green);
    OK(cuCtxGetDevResource(ctx, &got, CU_DEV_RESOURCE_TYPE_SM));
    CHECK(got.sm.smCount < (unsigned)attribute(CU_DEVICE_ATTRIBUTE_MULTIPROCESSOR_COUNT));
    OK(cuCtxSynchronize());
    OK(cuStreamDestroy(s));
    OK(cuCtxPopCurrent(NULL));
    EQUAL(word(at), 5);
    EQUAL(word(own), 6);
    OK(cuGreenCtxDestroy(green));
    OK(cuMemFree(own));
}

CASE(green_destroy_busy, "a green context is destroyed after its work")
{
    CUdeviceptr at = words(1);
    CUgreenCtx green;
    CUstream s;

    make_green(1, 16, &green);
    s = green_stream(green);
    chain(s, at);
    OK(cuStreamDestroy(s));
    OK(cuGreenCtxDestroy(green));
    EQUAL(word(at), CHAIN);
    CHECK(cuGreenCtxStreamCreate(&s, green, CU_STREAM_NON_BLOCKING, 0) != CUDA_SUCCESS);
}

CASE(green_ids, "green contexts have different ids")
{
    unsigned long long a, b;
    CUgreenCtx green[2];

    make_green(2, 16, green);
    OK(cuGreenCtxGetId(green[0], &a));
    OK(cuGreenCtxGetId(green[1], &b));
    CHECK(a != b);
}

CASE(green_error, "an error of a kernel in a green context is its primary context's, too")
{
    CUgreenCtx green;
    CUstream s;

    make_green(1, 16, &green);
    s = green_stream(green);
    OK(cuLaunchKernel(fn("wild"), 1, 1, 1, 1, 1, 1, 0, s, NULL, NULL));
    IS(cuStreamSynchronize(s), CUDA_ERROR_ILLEGAL_ADDRESS);
    IS(cuCtxSynchronize(), CUDA_ERROR_ILLEGAL_ADDRESS);
}
