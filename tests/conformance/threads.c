// SPDX-License-Identifier: Apache-2.0
/* Many threads: on one stream, each on its own, and while one of them captures or destroys. */
#include "conformance.h"

enum { THREADS = 8, ROUNDS = 40 };

struct shared {
    CUcontext ctx;
    CUstream s;
    CUevent e;
    CUdeviceptr at;
    uint32_t *host;
    _Atomic unsigned number;
};

static struct shared shared(void)
{
    struct shared use = {
        .s = stream(), .e = event(), .at = words(THREADS), .host = pinned(THREADS)};

    OK(cuCtxGetCurrent(&use.ctx));
    fn("affine");
    return use;
}

static void all(struct shared *use, void *(*run)(void *))
{
    pthread_t threads[THREADS];

    for (int i = 0; i < THREADS; i++)
        run_thread(run, use, &threads[i]);
    for (int i = 0; i < THREADS; i++)
        pthread_join(threads[i], NULL);
}

static unsigned enter(struct shared *use)
{
    OK(cuCtxSetCurrent(use->ctx));
    return use->number++;
}

/* A word, in a way that many threads may use at once. */
static uint32_t read_word(CUdeviceptr at)
{
    uint32_t value;

    OK(cuMemcpyDtoH(&value, at, 4));
    return value;
}

/* Each works on a word of its own. */
static void *everything_in_one_stream(void *arg)
{
    struct shared *use = arg;
    unsigned number = enter(use);
    CUdeviceptr mine = use->at + 4 * number;

    for (uint32_t i = 0; i < ROUNDS; i++) {
        affine(use->s, mine, 1, 1);
        if (i % 8 == 3)
            OK(cuEventRecord(use->e, use->s));
        if (i % 8 == 5)
            OK(cuMemcpyDtoHAsync(&use->host[number], mine, 4, use->s));
        if (i % 16 == 9) {
            OK(cuStreamSynchronize(use->s));
            EQUAL(read_word(mine), i + 1);
        }
    }
    OK(cuMemcpyDtoHAsync(&use->host[number], mine, 4, use->s));
    OK(cuStreamSynchronize(use->s));
    EQUAL(use->host[number], ROUNDS);
    return NULL;
}

CASE(threads_one_stream, "what each of many threads puts into one stream is done in its order")
{
    struct shared use = shared();

    all(&use, everything_in_one_stream);
    OK(cuCtxSynchronize());
    OK(cuEventQuery(use.e));
}

static void *own_default_stream(void *arg)
{
    struct shared *use = arg;
    unsigned number = enter(use);
    CUdeviceptr mine = use->at + 4 * number;
    CUevent e = event();

    for (uint32_t i = 0; i < ROUNDS; i++) {
        affine(CU_STREAM_PER_THREAD, mine, 1, 2);
        OK(cuEventRecord(e, CU_STREAM_PER_THREAD));
        OK(cuStreamWaitEvent(use->s, e, 0));
        if (i % 16 == 7)
            affine(NULL, mine, 1, 0); /* the legacy one waits for all, and all wait for it */
    }
    OK(cuMemcpyDtoHAsync(&use->host[number], mine, 4, CU_STREAM_PER_THREAD));
    OK(cuStreamSynchronize(CU_STREAM_PER_THREAD));
    EQUAL(use->host[number], 2 * ROUNDS);
    OK(cuEventDestroy(e));
    return NULL;
}

CASE(threads_per_thread, "many threads have a default stream each, in order, and end with it")
{
    struct shared use = shared();

    all(&use, own_default_stream);
    OK(cuStreamSynchronize(use.s));
    EQUAL(word(use.at), 2 * ROUNDS);
}

static void *captures_or_launches(void *arg)
{
    struct shared *use = arg;
    unsigned number = enter(use);
    CUdeviceptr mine = use->at + 4 * number;
    CUstream s = free_stream();

    for (uint32_t i = 0; i < ROUNDS / 4; i++) {
        CUgraphExec exec;
        CUgraph graph;

        if (number % 2) {
            affine(s, mine, 1, 1);
            OK(cuStreamSynchronize(s));
            continue;
        }
        OK(cuStreamBeginCapture(s, CU_STREAM_CAPTURE_MODE_THREAD_LOCAL));
        affine(s, mine, 1, 1);
        OK(cuStreamEndCapture(s, &graph));
        OK(cuGraphInstantiate(&exec, graph, 0));
        OK(cuGraphLaunch(exec, s));
        OK(cuGraphExecDestroy(exec));
        OK(cuGraphDestroy(graph));
    }
    OK(cuStreamSynchronize(s));
    EQUAL(read_word(mine), ROUNDS / 4);
    OK(cuStreamDestroy(s));
    return NULL;
}

CASE(threads_capture, "threads capture while others launch and wait: each gets what it captured")
{
    struct shared use = shared();

    all(&use, captures_or_launches);
}

static void *come_and_go(void *arg)
{
    struct shared *use = arg;
    unsigned number = enter(use);
    CUdeviceptr mine = use->at + 4 * number;
    CUevent last = NULL;

    for (uint32_t i = 0; i < ROUNDS; i++) {
        CUstream s = i % 2 ? stream() : free_stream();
        CUevent e = event();

        if (last) {
            OK(cuStreamWaitEvent(s, last, 0));
            OK(cuEventDestroy(last));
        }
        affine(s, mine, 1, 1);
        OK(cuEventRecord(e, s));
        OK(cuStreamDestroy(s));
        last = e;
    }
    OK(cuEventSynchronize(last));
    OK(cuEventDestroy(last));
    EQUAL(read_word(mine), ROUNDS);
    return NULL;
}

CASE(threads_come_and_go, "threads make streams and events, and destroy them with work to come")
{
    struct shared use = shared();

    all(&use, come_and_go);
}

static void *own_context(void *arg)
{
    struct shared *use = arg;
    CUcontext ctx;

    use->number++;
    for (int i = 0; i < 4; i++) {
        CUdeviceptr at;
        CUstream s;

        OK(cuCtxCreate(&ctx, NULL, 0, dev));
        OK(cuMemAlloc(&at, 4));
        s = stream();
        for (unsigned j = 0; j < ROUNDS; j++)
            OK(cuMemsetD32Async(at, j, 1, j % 3 ? s : CU_STREAM_PER_THREAD));
        if (i % 2)
            OK(cuStreamSynchronize(s));
        OK(cuCtxDestroy(ctx));
    }
    return NULL;
}

CASE(threads_contexts, "threads make contexts and destroy them with work in them")
{
    struct shared use = shared();

    chain(use.s, use.at);
    all(&use, own_context);
    EQUAL(word(use.at), CHAIN);
}

static void *records_again(void *arg)
{
    struct shared *use = arg;
    unsigned number = enter(use);
    CUdeviceptr mine = use->at + 4 * number;
    CUstream s = stream();

    for (uint32_t i = 0; i < ROUNDS; i++) {
        affine(s, mine, 1, 1);
        OK(cuEventRecord(use->e, s));
        OK(cuStreamWaitEvent(use->s, use->e, 0));
        CHECK(cuEventQuery(use->e) != CUDA_ERROR_INVALID_HANDLE);
    }
    OK(cuStreamSynchronize(s));
    OK(cuStreamDestroy(s));
    return NULL;
}

CASE(threads_rerecord,
     "many threads record one event and wait for it: whatever they wait for comes")
{
    struct shared use = shared();

    all(&use, records_again);
    OK(cuStreamSynchronize(use.s));
    OK(cuEventSynchronize(use.e));
    EQUAL(word(use.at), ROUNDS);
}
