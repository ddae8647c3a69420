// SPDX-License-Identifier: Apache-2.0
/*
 * Who waits for a whole context: what that waits for, though only the driver knows of it or more
 * comes behind it, and what it must not hold up. (A scheduler may do it by waiting for the streams
 * that it knows.)
 */
#include "conformance.h"

#include <sched.h>

#pragma GCC diagnostic ignored "-Wdeprecated-declarations"

CASE(waited_green_gone, "the primary context is waited for with green streams that are gone")
{
    CUdevResource all, part;
    CUdevResourceDesc desc;
    CUstream s, other = free_stream();
    CUdeviceptr at = words(2);
    unsigned groups = 1;
    CUgreenCtx green;
    struct gate gate;
    CUresult rc = cuDeviceGetDevResource(dev, &all, CU_DEV_RESOURCE_TYPE_SM);

    if (rc == CUDA_ERROR_NOT_SUPPORTED)
        conf_skip("no green contexts");
    OK(rc);
    OK(cuDevSmResourceSplitByCount(&part, &groups, &all, NULL, 0, 16));
    OK(cuDevResourceGenerateDesc(&desc, &part, 1));
    OK(cuGreenCtxCreate(&green, desc, dev, CU_GREEN_CTX_DEFAULT_STREAM));
    for (unsigned i = 1; i <= 3; i++) {
        OK(cuGreenCtxStreamCreate(&s, green, CU_STREAM_NON_BLOCKING, 0));
        gate_close_for(&gate, s, 30);
        affine(s, at, 1, 1);
        OK(cuStreamDestroy(s));
        affine(other, at + 4, 1, 0);
        OK(cuCtxSynchronize());
        EQUAL(peek(at), i);
        gate_open(&gate);
    }
}

/* Kernels that were launched together on several devices: the streams are in a list. */
CASE(waited_multi_device, "and with cooperative launches on several devices")
{
    CUdeviceptr at = words(2), beside = at + 4;
    uint32_t us = 20000;
    void *args[] = {&at, &us};
    CUstream s = free_stream();
    CUDA_LAUNCH_PARAMS list = {.function = fn("slow"),
                               .gridDimX = 1,
                               .gridDimY = 1,
                               .gridDimZ = 1,
                               .blockDimX = 1,
                               .blockDimY = 1,
                               .blockDimZ = 1,
                               .hStream = s,
                               .kernelParams = args};

    if (!attribute(CU_DEVICE_ATTRIBUTE_COOPERATIVE_MULTI_DEVICE_LAUNCH))
        conf_skip("no launches on several devices");
    for (unsigned i = 1; i <= 3; i++) {
        affine(s, beside, 1, 1);
        OK(cuStreamSynchronize(s));
        OK(cuLaunchCooperativeKernelMultiDevice(&list, 1, 0));
        OK(cuCtxSynchronize());
        EQUAL(peek(at), i);
    }
}

/* ---- while other threads go on ---- */

struct beside {
    CUcontext ctx;
    CUstream s;
    CUdeviceptr at, flag;
    sem_t go;
    _Atomic bool over;
};

static void begin(struct beside *b, void *(*run)(void *), pthread_t *thread)
{
    OK(cuCtxGetCurrent(&b->ctx));
    sem_init(&b->go, 0, 0);
    run_thread(run, b, thread);
}

static void *bring_more(void *arg)
{
    struct beside *b = arg;

    OK(cuCtxSetCurrent(b->ctx));
    while (sem_wait(&b->go) != 0) {
    }
    for (unsigned i = 0; i < 200 && !b->over; i++) {
        affine(b->s, b->at, 1, 0);
        for (unsigned j = 0; j < 100; j++)
            sched_yield();
    }
    return NULL;
}

CASE(waited_behind, "all that was there is waited for, though more comes behind it meanwhile")
{
    CUstream first = free_stream();
    struct beside b = {.s = free_stream(), .at = words(2)};
    CUdeviceptr at = b.at + 4;
    struct gate shorter, longer;
    pthread_t thread;

    peek(at);
    begin(&b, bring_more, &thread);
    gate_close_for(&longer, b.s, 100);
    gate_close_for(&shorter, first, 20);
    affine(b.s, at, 1, 7);
    sem_post(&b.go);
    OK(cuCtxSynchronize());
    EQUAL(peek(at), 7);
    b.over = true;
    gate_open(&longer);
    gate_open(&shorter);
    pthread_join(thread, NULL);
    OK(cuCtxSynchronize());
}

/* What its stream does is done at once; at last it lets the other stream go on. */
static void *let_go(void *arg)
{
    struct beside *b = arg;

    OK(cuCtxSetCurrent(b->ctx));
    while (sem_wait(&b->go) != 0) {
    }
    for (unsigned i = 0; i < 20; i++) {
        affine(b->s, b->at, 1, 1);
        OK(cuStreamSynchronize(b->s));
        sched_yield();
    }
    OK(cuStreamWriteValue32(b->s, b->flag, 1, 0));
    return NULL;
}

CASE(waited_blocking, "a thread that waits for the context keeps no blocking stream from another")
{
    uint32_t one = 1;

    for (unsigned i = 0; i < 10; i++) {
        struct beside b = {.s = stream(), .at = words(2), .flag = words(1)};
        CUstream waits = stream();
        CUdeviceptr at = b.at + 4;
        pthread_t thread;

        begin(&b, let_go, &thread);
        OK(cuMemcpyHtoD(at, &one, 4)); /* of the legacy stream, and over */
        OK(cuStreamWaitValue32(waits, b.flag, 1, CU_STREAM_WAIT_VALUE_EQ));
        affine(waits, at, 10, 1);
        sem_post(&b.go);
        OK(cuCtxSynchronize());
        EQUAL(peek(at), 11);
        pthread_join(thread, NULL);
        OK(cuStreamSynchronize(b.s));
        EQUAL(peek(b.at), 20);
    }
}
