// SPDX-License-Identifier: Apache-2.0
/* Host functions, callbacks, and memory operations of streams. */
#include "conformance.h"

struct seen {
    uint32_t *value;
    uint32_t saw;
    int calls;
    CUstream stream;
    CUresult status;
};

static void CUDA_CB look(void *arg)
{
    struct seen *seen = arg;

    seen->saw = *(volatile uint32_t *)seen->value;
    seen->calls++;
}

static void CUDA_CB called_back(CUstream s, CUresult status, void *arg)
{
    struct seen *seen = arg;

    seen->stream = s;
    seen->status = status;
    look(arg);
}

CASE(hostfunc_order,
     "a host function runs after all before it in the stream and before all after it")
{
    uint32_t *value = pinned(1);
    struct seen seen = {.value = value};
    CUstream s = stream();

    chain(s, (CUdeviceptr)(uintptr_t)value);
    OK(cuLaunchHostFunc(s, look, &seen));
    affine(s, (CUdeviceptr)(uintptr_t)value, 0, 0);
    OK(cuStreamSynchronize(s));
    EQUAL(seen.saw, CHAIN);
    EQUAL(seen.calls, 1);
}

CASE(hostfunc_returns, "cuLaunchHostFunc does not wait for the function")
{
    CUstream s = stream();
    struct gate gate;

    gate_close(&gate, s);
    IS(cuStreamQuery(s), CUDA_ERROR_NOT_READY);
    gate_open(&gate);
    OK(cuStreamSynchronize(s));
}

static CUresult inside;

static void CUDA_CB call_driver(void *arg)
{
    inside = cuMemsetD32(*(CUdeviceptr *)arg, 1, 1);
}

CASE(hostfunc_no_calls, "a call of the driver from a host function is not permitted")
{
    CUdeviceptr at = words(1);
    CUstream s = stream();

    OK(cuLaunchHostFunc(s, call_driver, &at));
    OK(cuStreamSynchronize(s));
    EQUAL(inside, CUDA_ERROR_NOT_PERMITTED);
    EQUAL(word(at), 0);
}

/* What a host function tries, one thing each. */
struct attempt {
    int what;
    CUdeviceptr at;
    CUstream s;
    CUevent e;
    CUfunction f;
    CUresult result;
};
enum { LAUNCH, MEMSET, RECORD, HOST, WAIT, QUERY, ATTEMPTS };

static void CUDA_CB attempt(void *arg)
{
    struct attempt *a = arg;

    switch (a->what) {
    case LAUNCH:
        a->result = cuLaunchKernel(a->f, 1, 1, 1, 1, 1, 1, 0, a->s, NULL, NULL);
        break;
    case MEMSET:
        a->result = cuMemsetD32Async(a->at, 1, 1, a->s);
        break;
    case RECORD:
        a->result = cuEventRecord(a->e, a->s);
        break;
    case HOST:
        a->result = cuLaunchHostFunc(a->s, look, NULL);
        break;
    case WAIT:
        a->result = cuStreamWaitEvent(a->s, a->e, 0);
        break;
    default:
        a->result = cuStreamQuery(a->s);
    }
}

static void CUDA_CB attempt_called_back(CUstream s, CUresult status, void *arg)
{
    attempt(arg);
}

/* cuda.h, cuLaunchHostFunc: such calls may be refused, "but this is not required". */
CASE(hostfunc_no_work, "work that a host function or a callback submits is refused, or done")
{
    struct attempt a = {.at = words(1), .s = free_stream(), .e = event(), .f = fn("bump")};
    CUstream s = stream();

    if (!handles_are_checked())
        conf_skip("driver 580 crashes of it");
    for (int i = 0; i < 2 * ATTEMPTS; i++) {
        struct gate gate;

        a.what = i % ATTEMPTS;
        OK(cuMemsetD32(a.at, 0, 1));
        gate_close(&gate, s); /* work is held while it runs, where it is held at gates */
        if (i < ATTEMPTS)
            OK(cuLaunchHostFunc(s, attempt, &a));
        else
            OK(cuStreamAddCallback(s, attempt_called_back, &a, 0));
        gate_begun(&gate);
        hold_here();
        sem_post(&gate.go);
        OK(cuStreamSynchronize(s));
        hold_end();
        CHECK(a.result == CUDA_ERROR_NOT_PERMITTED || a.result == CUDA_SUCCESS ||
              (a.what == QUERY && a.result == CUDA_ERROR_NOT_READY));
        OK(cuStreamSynchronize(a.s));
        EQUAL(word(a.at), a.what == MEMSET && a.result == CUDA_SUCCESS);
    }
}

static void CUDA_CB spin(void *arg)
{
    while (__atomic_load_n((uint32_t *)arg, __ATOMIC_ACQUIRE) == 0) {
    }
}

CASE(hostfunc_waits, "a host function may wait for what another stream does")
{
    uint32_t *flag = pinned(1);
    CUstream s = free_stream(), other = free_stream();
    CUdeviceptr at = words(1);

    OK(cuLaunchHostFunc(s, spin, flag));
    affine(s, at, 1, 2);
    hold_here();
    chain(other, at);
    affine(other, (CUdeviceptr)(uintptr_t)flag, 0, 1);
    OK(cuStreamSynchronize(s));
    hold_end();
    CHECK(word(at) == CHAIN + 2);
}

CASE(hostfunc_many, "many host functions run once each, in order")
{
    static uint32_t order[100], next;
    CUstream s = stream();
    extern void CUDA_CB note(void *);

    for (uintptr_t i = 0; i < 100; i++)
        OK(cuLaunchHostFunc(s, note, (void *)i));
    OK(cuStreamSynchronize(s));
    (void)order;
    (void)next;
    extern uint32_t noted[], noted_count;
    EQUAL(noted_count, 100);
    for (uint32_t i = 0; i < 100; i++)
        EQUAL(noted[i], i);
}

uint32_t noted[100], noted_count;
void CUDA_CB note(void *arg);
void CUDA_CB note(void *arg)
{
    noted[noted_count++] = (uint32_t)(uintptr_t)arg;
}

CASE(hostfunc_legacy, "a host function in the legacy stream waits for blocking streams")
{
    uint32_t *value = pinned(1);
    struct seen seen = {.value = value};

    chain(stream(), (CUdeviceptr)(uintptr_t)value);
    OK(cuLaunchHostFunc(NULL, look, &seen));
    OK(cuCtxSynchronize());
    EQUAL(seen.saw, CHAIN);
}

CASE(callback_order, "a callback sees all before it, and is given its stream and no error")
{
    uint32_t *value = pinned(1);
    struct seen seen = {.value = value};
    CUstream s = stream();

    chain(s, (CUdeviceptr)(uintptr_t)value);
    OK(cuStreamAddCallback(s, called_back, &seen, 0));
    affine(s, (CUdeviceptr)(uintptr_t)value, 0, 0);
    OK(cuStreamSynchronize(s));
    EQUAL(seen.saw, CHAIN);
    CHECK(seen.stream == s);
    EQUAL(seen.status, CUDA_SUCCESS);
    IS(cuStreamAddCallback(s, called_back, &seen, 1), CUDA_ERROR_INVALID_VALUE);
}

/* ---- memory operations ---- */

#define NEEDS_MEMOPS()                                                                             \
    do {                                                                                           \
        if (!attribute(CU_DEVICE_ATTRIBUTE_CAN_USE_64_BIT_STREAM_MEM_OPS))                         \
            conf_skip("the device has no stream memory operations");                               \
    } while (0)
#define DEVICE(p) ((CUdeviceptr)(uintptr_t)(p))

static void set_word(uint32_t *at, uint32_t value)
{
    __atomic_store_n(at, value, __ATOMIC_SEQ_CST);
}

CASE(wait_value_geq, "a stream waits until the word is at least the value")
{
    uint32_t *flag = pinned(1);
    CUstream s = free_stream();
    CUdeviceptr at = words(1);

    NEEDS_MEMOPS();
    OK(cuStreamWaitValue32(s, DEVICE(flag), 5, CU_STREAM_WAIT_VALUE_GEQ));
    affine(s, at, 1, 1);
    IS(cuStreamQuery(s), CUDA_ERROR_NOT_READY);
    set_word(flag, 4);
    IS(cuStreamQuery(s), CUDA_ERROR_NOT_READY);
    EQUAL(peek(at), 0);
    set_word(flag, 7);
    OK(cuStreamSynchronize(s));
    EQUAL(peek(at), 1);
}

CASE(wait_value_cyclic, "GEQ compares in a circle")
{
    uint32_t *flag = pinned(1);
    CUstream s = free_stream();

    NEEDS_MEMOPS();
    set_word(flag, 3);
    OK(cuStreamWaitValue32(s, DEVICE(flag), 0xfffffff0u, CU_STREAM_WAIT_VALUE_GEQ));
    OK(cuStreamSynchronize(s));
}

CASE(wait_value_eq, "EQ waits for exactly the value")
{
    uint32_t *flag = pinned(1);
    CUstream s = free_stream();

    NEEDS_MEMOPS();
    set_word(flag, 9);
    OK(cuStreamWaitValue32(s, DEVICE(flag), 5, CU_STREAM_WAIT_VALUE_EQ));
    IS(cuStreamQuery(s), CUDA_ERROR_NOT_READY);
    set_word(flag, 5);
    OK(cuStreamSynchronize(s));
}

CASE(wait_value_and, "AND waits for any of the bits")
{
    uint32_t *flag = pinned(1);
    CUstream s = free_stream();

    NEEDS_MEMOPS();
    set_word(flag, 2);
    OK(cuStreamWaitValue32(s, DEVICE(flag), 0xc, CU_STREAM_WAIT_VALUE_AND));
    IS(cuStreamQuery(s), CUDA_ERROR_NOT_READY);
    set_word(flag, 8);
    OK(cuStreamSynchronize(s));
}

CASE(wait_value_nor, "NOR waits for a bit that neither has")
{
    uint32_t *flag = pinned(1);
    CUstream s = free_stream();

    NEEDS_MEMOPS();
    if (!attribute(CU_DEVICE_ATTRIBUTE_CAN_USE_STREAM_WAIT_VALUE_NOR))
        conf_skip("no NOR");
    set_word(flag, 0xff);
    OK(cuStreamWaitValue32(s, DEVICE(flag), 0xffffff00u, CU_STREAM_WAIT_VALUE_NOR));
    IS(cuStreamQuery(s), CUDA_ERROR_NOT_READY);
    set_word(flag, 0xfe);
    OK(cuStreamSynchronize(s));
}

CASE(wait_value_64, "64-bit waits look at all the bits")
{
    uint64_t *flag = (uint64_t *)pinned(2);
    CUstream s = free_stream();

    NEEDS_MEMOPS();
    OK(cuStreamWaitValue64(s, DEVICE(flag), 1ull << 40, CU_STREAM_WAIT_VALUE_GEQ));
    IS(cuStreamQuery(s), CUDA_ERROR_NOT_READY);
    __atomic_store_n(flag, 1ull << 41, __ATOMIC_SEQ_CST);
    OK(cuStreamSynchronize(s));
}

CASE(write_value, "a written word appears after what is before it in the stream")
{
    uint32_t *flag = pinned(1);
    CUstream s = stream();
    CUdeviceptr at = words(1);
    struct gate gate;

    NEEDS_MEMOPS();
    gate_close(&gate, s);
    chain(s, at);
    OK(cuStreamWriteValue32(s, DEVICE(flag), 77, CU_STREAM_WRITE_VALUE_DEFAULT));
    gate_begun(&gate);
    EQUAL(*(volatile uint32_t *)flag, 0);
    gate_open(&gate);
    while (__atomic_load_n(flag, __ATOMIC_SEQ_CST) != 77)
        sched_yield();
    EQUAL(peek(at), CHAIN);
}

CASE(write_value_64, "64-bit words are written whole")
{
    uint64_t *flag = (uint64_t *)pinned(2);
    CUstream s = stream();

    NEEDS_MEMOPS();
    OK(cuStreamWriteValue64(s, DEVICE(flag), 0x123456789abcdefull, 0));
    OK(cuStreamSynchronize(s));
    CHECK(*flag == 0x123456789abcdefull);
}

CASE(write_releases_wait, "one stream's write releases another's wait")
{
    uint32_t *flag = pinned(1);
    CUstream a = free_stream(), b = free_stream();
    CUdeviceptr at = words(1);

    NEEDS_MEMOPS();
    OK(cuStreamWaitValue32(a, DEVICE(flag), 1, CU_STREAM_WAIT_VALUE_EQ));
    affine(a, at, 10, 1);
    affine(b, at, 1, 4);
    OK(cuStreamWriteValue32(b, DEVICE(flag), 1, 0));
    EQUAL(word(at), 41);
}

CASE(wait_on_device_memory, "a stream may wait for a word of device memory that a kernel writes")
{
    CUdeviceptr flag = words(2), at = flag + 4;
    CUstream a = free_stream(), b = free_stream();

    NEEDS_MEMOPS();
    OK(cuStreamWaitValue32(a, flag, 6, CU_STREAM_WAIT_VALUE_EQ));
    affine(a, at, 1, 2);
    affine(b, flag, 1, 6);
    EQUAL(word(at), 2);
}

CASE(batch_memop, "a batch of memory operations is in order, and its array may be changed")
{
    uint32_t *flag = pinned(2);
    CUstream s = free_stream();
    CUstreamBatchMemOpParams ops[3] = {0};

    NEEDS_MEMOPS();
    ops[0].writeValue.operation = CU_STREAM_MEM_OP_WRITE_VALUE_32;
    ops[0].writeValue.address = DEVICE(flag + 1);
    ops[0].writeValue.value = 1;
    ops[1].waitValue.operation = CU_STREAM_MEM_OP_WAIT_VALUE_32;
    ops[1].waitValue.address = DEVICE(flag);
    ops[1].waitValue.value = 1;
    ops[1].waitValue.flags = CU_STREAM_WAIT_VALUE_GEQ;
    ops[2].writeValue.operation = CU_STREAM_MEM_OP_WRITE_VALUE_32;
    ops[2].writeValue.address = DEVICE(flag + 1);
    ops[2].writeValue.value = 2;
    OK(cuStreamBatchMemOp(s, 3, ops, 0));
    memset(ops, 0, sizeof(ops));
    while (__atomic_load_n(&flag[1], __ATOMIC_SEQ_CST) != 1)
        sched_yield();
    IS(cuStreamQuery(s), CUDA_ERROR_NOT_READY);
    set_word(flag, 1);
    OK(cuStreamSynchronize(s));
    EQUAL(flag[1], 2);
}

CASE(memop_bad, "memory operations on bad addresses are refused by the call")
{
    uint32_t *flag = pinned(2);
    CUstream s = stream();

    NEEDS_MEMOPS();
    CHECK(cuStreamWaitValue32(s, DEVICE(flag) + 1, 1, CU_STREAM_WAIT_VALUE_EQ) != CUDA_SUCCESS);
    CHECK(cuStreamWriteValue32(s, 0x1000, 1, 0) != CUDA_SUCCESS);
    OK(cuStreamSynchronize(s));
}
