// SPDX-License-Identifier: Apache-2.0
/*
 * What a launch waits for on the device, the program does in a later call: behind other work that
 * waits for the launch, or that is ordered behind it. Nothing that CUDA does not order may wait.
 * The launches are of kernels that may be run again, and that a scheduler may have ended.
 */
#include "conformance.h"

#include <sched.h>

/* out = in + 1 */
static void next(CUstream s, CUdeviceptr out, CUdeviceptr in)
{
    uint32_t n = 1;
    void *args[] = {&out, &in, &n};

    OK(cuLaunchKernel(fn("plus1"), 1, 1, 1, 1, 1, 1, 0, s, args, NULL));
}

static void cooperative(CUstream s, CUdeviceptr at, uint32_t a, uint32_t b)
{
    void *args[] = {&at, &a, &b};

    OK(cuLaunchCooperativeKernel(fn("affine"), 1, 1, 1, 1, 1, 1, 0, s, args));
}

/* The words of a case: the launch that waits is @at = @from + 1. */
struct words {
    CUdeviceptr at, from, flag;
};

static struct words make(void)
{
    struct words w = {words(1), words(1), words(1)}; /* apart: so a launch may be run again */

    OK(cuMemsetD32(w.from, 40, 1));
    OK(cuCtxSynchronize());
    hold_here(); /* launches are kept back, and given guards */
    return w;
}

static void wait_for_value(CUstream s, CUdeviceptr flag)
{
    OK(cuStreamWaitValue32(s, flag, 1, CU_STREAM_WAIT_VALUE_EQ));
}

CASE(later_value,
     "a value is written in a stream behind legacy work that waits for what waits for it")
{
    CUstream s = stream(), other = free_stream();
    struct words w = make();

    wait_for_value(s, w.flag);
    next(s, w.at, w.from);
    affine(NULL, w.at, 10, 1);
    OK(cuStreamWriteValue32(other, w.flag, 1, 0));
    EQUAL(word(w.at), 411);
}

CASE(later_legacy,
     "a launch in the legacy stream waits for a blocking stream, and that for another")
{
    CUstream s = stream(), other = free_stream();
    struct words w = make();

    wait_for_value(s, w.flag);
    next(NULL, w.at, w.from);
    OK(cuStreamWriteValue32(other, w.flag, 1, 0));
    affine(NULL, w.at, 10, 1);
    EQUAL(word(w.at), 411);
}

CASE(later_kernel, "a kernel waits for a word that a later kernel of another stream writes")
{
    CUstream s = stream(), other = free_stream();
    struct words w = make();
    void *waits[] = {&w.flag, &w.at};
    uint32_t one = 1;
    void *writes[] = {&w.flag, &one};

    next(s, w.at, w.from);
    OK(cuLaunchKernel(fn("await"), 1, 1, 1, 1, 1, 1, 0, s, waits, NULL));
    affine(NULL, w.at, 10, 1);
    OK(cuLaunchKernel(fn("put"), 1, 1, 1, 1, 1, 1, 0, other, writes, NULL));
    EQUAL(word(w.at), 421);
}

CASE(later_event, "a value is written behind a wait for the event of the stream that waits for it")
{
    CUstream s = free_stream(), other = free_stream();
    struct words w = make();
    CUevent e = event();

    wait_for_value(s, w.flag);
    next(s, w.at, w.from);
    OK(cuEventRecord(e, s));
    OK(cuStreamWaitEvent(other, e, 0));
    affine(other, w.at, 10, 1);
    OK(cuStreamWriteValue32(free_stream(), w.flag, 1, 0));
    EQUAL(word(w.at), 411);
}

CASE(later_many, "many launches wait, more than a device queue takes; each runs once and in order")
{
    CUstream s = stream(), other = free_stream();
    CUdeviceptr at[] = {words(1), words(1)};
    struct words w = make();
    uint32_t want = 0;

    wait_for_value(s, w.flag);
    for (unsigned i = 0; i < 600; i++) {
        next(s, at[(i + 1) % 2], at[i % 2]);
        if (i % 100 == 50)
            affine(s, at[(i + 1) % 2], 2, 0); /* must not run twice */
        want = (want + 1) * (i % 100 == 50 ? 2 : 1);
    }
    affine(NULL, w.from, 2, 0);
    OK(cuStreamWriteValue32(other, w.flag, 1, 0));
    EQUAL(word(at[0]), want);
    EQUAL(word(w.from), 80);
}

CASE(later_host,
     "calls that keep their turn behind a launch return, though it waits for the program")
{
    CUstream s = free_stream();
    struct words w = make();
    struct gate gate;

    gate_close(&gate, s);
    next(s, w.at, w.from);
    cooperative(s, w.at, 10, 1);
    gate_open(&gate);
    EQUAL(word(w.at), 411);
}

CASE(later_legacy_done, "the legacy stream is done while a launch waits in a non-blocking stream")
{
    CUstream s = free_stream();
    struct words w = make();
    struct gate gate;

    gate_close(&gate, s);
    next(s, w.at, w.from);
    affine(NULL, w.flag, 1, 9);
    OK(cuStreamSynchronize(NULL));
    EQUAL(peek(w.flag), 9);
    gate_open(&gate);
    EQUAL(word(w.at), 41);
}

CASE(later_legacy_asked, "and says so when it is asked")
{
    CUstream s = free_stream();
    struct words w = make();
    struct gate gate;
    CUresult rc;

    gate_close(&gate, s);
    next(s, w.at, w.from);
    while ((rc = cuStreamQuery(NULL)) == CUDA_ERROR_NOT_READY)
        sched_yield();
    OK(rc);
    gate_open(&gate);
    EQUAL(word(w.at), 41);
}

CASE(later_gone, "what was destroyed behind a launch that waits keeps nobody waiting")
{
    CUstream s = free_stream(), other = free_stream();
    struct words w = make();
    CUevent e = event();

    wait_for_value(s, w.flag);
    next(s, w.at, w.from);
    OK(cuEventRecord(e, s));
    OK(cuEventDestroy(e));
    OK(cuStreamDestroy(s));
    OK(cuStreamWriteValue32(other, w.flag, 1, 0));
    OK(cuStreamSynchronize(other));
    EQUAL(word(w.at), 41);
}

/* ---- while others go on ---- */

struct busy {
    CUcontext ctx;
    CUdeviceptr at, from;
    _Atomic bool over;
};

static void *keep_busy(void *arg)
{
    struct busy *busy = arg;
    CUstream s;

    OK(cuCtxSetCurrent(busy->ctx));
    s = free_stream();
    while (!busy->over) {
        next(s, busy->at, busy->from);
        OK(cuStreamSynchronize(s));
    }
    return NULL;
}

static void beside_others(void (*first)(CUstream s, CUdeviceptr out, CUdeviceptr in), unsigned n)
{
    CUstream s = free_stream();
    struct busy busy = {.at = words(1), .from = words(1)};
    struct words w = make();
    struct gate gate;
    pthread_t thread;

    OK(cuCtxGetCurrent(&busy.ctx));
    gate_close(&gate, s);
    for (unsigned i = 0; i < n; i++)
        first(s, w.at, w.from);
    run_thread(keep_busy, &busy, &thread);
    cooperative(s, w.at, 10, 1);
    busy.over = true;
    gate_open(&gate);
    pthread_join(thread, NULL);
    EQUAL(word(w.at), 411);
}

CASE(later_beside, "a call behind a launch that waits returns while another thread's work goes on")
{
    beside_others(next, 1);
}

static void copy(CUstream s, CUdeviceptr out, CUdeviceptr in)
{
    OK(cuMemcpyDtoDAsync(out, in, 4, s));
    affine(s, out, 1, 1);
}

CASE(later_beside_many, "the same behind more than a device queue takes")
{
    beside_others(copy, 300);
}

/* ---- launches that were ended ---- */

enum { THREADS = 32, SHARED = 48 << 10 };

struct pair {
    unsigned blocks, n;
    CUdeviceptr in, out, also;
};

/* Two launches, the second behind the first: out = in + 1, also = out + 1. Returns when the first
 * has begun, with a block that takes 100 ms. */
static struct pair begin_pair(CUstream s, const char *kernel, unsigned blocks)
{
    unsigned n = blocks * THREADS;
    struct pair p = {blocks, n, words(n), words(n), words(n)};
    uint32_t ms = 100;
    void *args[] = {&p.out, &p.in, &ms}, *more[] = {&p.also, &p.out, &p.n};

    hold_here();
    EQUAL(peek(p.out), 0); /* what peek needs is there */
    OK(cuMemsetD32Async(p.in, 7, n, s));
    OK(cuMemsetD32Async(p.out, 1, n, s));
    OK(cuLaunchKernel(fn(kernel), blocks, 1, 1, THREADS, 1, 1, SHARED, s, args, NULL));
    OK(cuLaunchKernel(fn("plus1"), blocks, 1, 1, THREADS, 1, 1, SHARED, s, more, NULL));
    while (peek(p.out) == 1)
        sched_yield();
    return p;
}

/* And a third one has made the first word three times as much. */
static void check_pair(const struct pair *p)
{
    uint32_t *got = malloc(p->n * sizeof(*got));

    OK(cuMemcpyDtoH(got, p->also, p->n * sizeof(*got)));
    EQUAL(got[0], 27);
    for (unsigned i = 1; i < p->n; i++)
        EQUAL(got[i], 9);
}

CASE(later_ended,
     "a launch whose blocks were ended but for one that takes long runs whole and once")
{
    CUstream s = stream(), other = free_stream();
    CUdeviceptr x = words(1), y = words(1);
    struct pair p = begin_pair(s, "linger_met", 1200);

    hold_here();
    affine(s, p.also, 3, 0); /* must not run twice */
    affine(NULL, x, 3, 1);   /* waits for all of them */
    affine(other, y, 1, 1);  /* does not */
    OK(cuCtxSynchronize());
    check_pair(&p);
    EQUAL(peek(x), 1);
    EQUAL(peek(y), 1);
}

CASE(later_full, "launches that find no room, for a kernel stays until it is told by a later call")
{
    CUstream s = stream(), filling = free_stream(), other = free_stream();
    CUdeviceptr flag = words(2);
    void *args[] = {&flag};
    struct pair p = begin_pair(s, "linger", 1);

    OK(cuLaunchKernel(fn("stay"), 1000, 1, 1, 1, 1, 1, SHARED, filling, args, NULL));
    while (peek(flag + 4) == 0)
        sched_yield();
    hold_here(); /* the first one may end, and leaves its room to others */
    affine(s, p.also, 3, 0);
    affine(NULL, flag, 1, 1); /* behind @s */
    OK(cuMemsetD32Async(flag, 1, 1, other));
    OK(cuCtxSynchronize());
    check_pair(&p);
}
