// SPDX-License-Identifier: Apache-2.0
/*
 * queue_cases CASE: what a CUDA program may rely on, with best-effort work held at the worst
 * places. See rig.h. Every failure named in the teardown of the peer (sync copies overtaking
 * kernels, callbacks that see half of the work, pointers that are not there yet, programs killed by
 * a bad launch) has a case.
 */
#include <dlfcn.h>
#include <sched.h>
#include <pthread.h>
#include <stdatomic.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tests/preload/cuda/rig.h"

enum { MANY = 40 };

static void test_order(void)
{
    CUstream s = rig_stream(0);
    int64_t *at = rig_int64();
    uint64_t before = rig_launches();
    rig_hold();
    for (int i = 0; i < MANY; i++)
        rig_do(rig_scale, s, at, 3);
    CHECK(!rig_is_be() || rig_launches() == before, "work was given to the driver while held");
    CHECK(!rig_is_be() || cuStreamQuery(s) == NOT_READY);
    rig_release();
    TRY(cuStreamSynchronize(s));
    CHECK(*at == scaled(0, 3, MANY), "%ld", (long)*at);
    CHECK(rig_launches() == before + MANY);
    TRY(cuStreamQuery(s));
}

static void test_extra(void)
{
    CUstream s = rig_stream(0);
    int64_t *at = rig_int64();
    rig_hold();
    for (int i = 0; i < 3; i++) {
        uint64_t words[2] = {dev(at), 5};
        size_t bytes = sizeof(words);
        void *extra[] = {(void *)1, words, (void *)2, &bytes, NULL};
        TRY(cuLaunchKernel(rig_add, 1, 1, 1, 1, 1, 1, 0, s, NULL, extra));
        memset(words, 0, sizeof(words));
        bytes = 0;
    }
    TRY(cuLaunchKernel(rig_none, 1, 1, 1, 1, 1, 1, 0, s, NULL, NULL));
    CUlaunchConfig config = {.gridDimX = 1, .gridDimY = 1, .gridDimZ = 1, .blockDimX = 1};
    config.blockDimY = config.blockDimZ = 1;
    config.hStream = s;
    TRY(cuLaunchKernelEx(&config, rig_none, NULL, NULL));
    uint64_t words[2] = {dev(at), 7};
    void *params[] = {&words[0], &words[1]};
    TRY(cuLaunchKernelEx(&config, rig_add, params, NULL));
    memset(words, 0, sizeof(words));
    memset(&config, 0xff, sizeof(config));
    rig_release();
    TRY(cuStreamSynchronize(s));
    CHECK(*at == 22, "%ld", (long)*at);
}

static void test_events(void)
{
    CUstream a = rig_stream(1), b = rig_stream(1);
    int64_t *at = rig_int64();
    CUevent start, end, never;
    float ms = -1;
    TRY(cuEventCreate(&start, 0));
    TRY(cuEventCreate(&end, 0));
    TRY(cuEventCreate(&never, 0));
    for (int round = 0; round < 3; round++) {
        *at = 0;
        rig_hold();
        TRY(cuEventRecord(start, a));
        rig_do(rig_scale, a, at, 2);
        rig_do(rig_scale, a, at, 2);
        TRY(cuEventRecord(end, a));
        TRY(cuStreamWaitEvent(b, end, 0));
        TRY(cuStreamWaitEvent(b, never, 0));
        rig_do(rig_scale, b, at, 5);
        if (rig_is_be()) {
            CHECK(cuEventQuery(end) == NOT_READY);
            CHECK(cuEventElapsedTime(&ms, start, end) == NOT_READY);
        }
        TRY(cuEventQuery(never));
        rig_release_soon();
        TRY(cuEventSynchronize(end));
        CHECK(*at == 3 || *at == 16, "%ld", (long)*at);
        TRY(cuStreamSynchronize(b));
        CHECK(*at == 16, "%ld", (long)*at);
        TRY(cuEventElapsedTime(&ms, start, end));
        CHECK(ms >= 0);
    }
}

/* The event means its last record, wherever that was made. */
static void test_rerecord(void)
{
    CUstream a = rig_stream(1), b = rig_stream(1), c = rig_stream(1);
    int64_t *at = rig_int64();
    CUevent event;
    TRY(cuEventCreate(&event, 0));
    rig_hold();
    TRY(cuEventRecord(event, a));
    rig_do(rig_scale, b, at, 2);
    TRY(cuEventRecord(event, b));
    TRY(cuStreamWaitEvent(c, event, 0));
    rig_do(rig_scale, b, rig_int64(), 2); /* after the record: not waited for */
    rig_do(rig_scale, c, at, 7);
    rig_release_soon();
    TRY(cuEventSynchronize(event));
    TRY(cuStreamSynchronize(c));
    CHECK(*at == 8, "%ld", (long)*at);
    TRY(cuEventDestroy_v2(event));
}

static void test_legacy(void)
{
    CUstream a = rig_stream(0), b = rig_stream(0);
    int64_t *at = rig_int64();
    rig_hold();
    for (int i = 0; i < 10; i++) {
        rig_do(rig_scale, a, at, 2);
        rig_do(rig_scale, i & 1 ? NULL : STREAM_LEGACY, at, 3);
        rig_do(rig_scale, b, at, 5);
        rig_do(rig_scale, NULL, at, 7);
    }
    rig_release_soon();
    TRY(cuStreamSynchronize(NULL));
    int64_t want = 0;
    for (int i = 0; i < 10; i++)
        want = (((want * 2 + 1) * 3 + 1) * 5 + 1) * 7 + 1;
    CHECK(*at == want, "%ld", (long)*at);
}

static void test_sync_copy(void)
{
    CUstream s = rig_stream(0);
    int64_t *at = rig_int64(), host = -1;
    rig_hold();
    for (int i = 0; i < MANY; i++)
        rig_do(rig_add, s, at, 1);
    rig_release_soon();
    TRY(cuMemcpyDtoH_v2(&host, dev(at), 8));
    CHECK(host == MANY, "%ld", (long)host);
    rig_hold();
    rig_do(rig_add, s, at, 1);
    rig_release_soon();
    TRY(cuMemsetD32_v2(dev(at), 0, 2));
    rig_do(rig_add, s, at, 1000);
    TRY(cuCtxSynchronize());
    CHECK(*at == 1000, "%ld", (long)*at);
}

static void test_copies(void)
{
    CUstream s = rig_stream(0);
    int64_t *at = rig_int64(), *to = rig_int64(), *pinned, pageable = 77, back = -1;
    TRY(cuMemHostAlloc((void **)&pinned, 64, 0));
    pinned[0] = 5;
    rig_hold();
    TRY(cuMemcpyHtoDAsync_v2(dev(at), pinned, 8, s));
    rig_do(rig_scale, s, at, 2);
    TRY(cuMemcpyAsync(dev(to), dev(at), 8, s));
    rig_do(rig_scale, s, at, 3);
    TRY(cuMemcpyDtoHAsync_v2(pinned + 1, dev(at), 8, s));
    TRY(cuMemsetD32Async(dev(at), 0, 2, s));
    rig_do(rig_add, s, at, 9);
    rig_release();
    TRY(cuStreamSynchronize(s));
    CHECK(*to == 11 && pinned[1] == 34 && *at == 9, "%ld %ld %ld", (long)*to, (long)pinned[1],
          (long)*at);
    rig_hold();
    rig_do(rig_add, s, at, 1);
    rig_release_soon();
    TRY(cuMemcpyHtoDAsync_v2(dev(at), &pageable, 8, s));
    pageable = 0; /* may be reused at once */
    rig_do(rig_add, s, at, 1);
    rig_hold();
    rig_do(rig_add, s, at, 1);
    rig_release_soon();
    TRY(cuMemcpyDtoHAsync_v2(&back, dev(at), 8, s));
    CHECK(back == 79, "%ld", (long)back);
}

static int64_t seen[2];
static void host_function(void *data)
{
    seen[0] = *(int64_t *)data;
}
static void callback(CUstream stream, CUresult status, void *data)
{
    seen[1] = status == OK ? *(int64_t *)data : -1;
}

static void test_host(void)
{
    CUstream s = rig_stream(0);
    int64_t *at = rig_int64();
    rig_hold();
    for (int i = 0; i < MANY; i++)
        rig_do(rig_add, s, at, 1);
    TRY(cuLaunchHostFunc(s, host_function, at));
    rig_do(rig_add, s, at, 1);
    TRY(cuStreamAddCallback(s, callback, at, 0));
    rig_do(rig_add, s, at, 1);
    rig_release_soon();
    TRY(cuStreamSynchronize(s));
    CHECK(seen[0] == MANY && seen[1] == MANY + 1, "%ld %ld", (long)seen[0], (long)seen[1]);
}

static void test_destroy(void)
{
    CUstream a = rig_stream(0), b = rig_stream(1);
    int64_t *at = rig_int64(), *other = rig_int64(), *gone = rig_int64(), host = 0;
    CUevent event;
    TRY(cuEventCreate(&event, 0));
    rig_hold();
    rig_do(rig_scale, a, at, 2);
    TRY(cuEventRecord(event, a));
    TRY(cuStreamWaitEvent(b, event, 0));
    TRY(cuEventDestroy_v2(event));
    rig_do(rig_scale, b, at, 3);
    TRY(cuStreamDestroy_v2(a));
    rig_do(rig_add, b, gone, 1);
    TRY(cuMemcpyAsync(dev(other), dev(gone), 8, b));
    TRY(cuStreamDestroy_v2(b));
    rig_release_soon();
    TRY(cuMemFree_v2(dev(gone)));
    TRY(cuCtxSynchronize());
    CHECK(*at == 4 && *other == 1, "%ld %ld", (long)*at, (long)*other);
    CUstream c = rig_stream(0);
    rig_hold();
    rig_do(rig_add, c, at, 1);
    rig_release_soon();
    TRY(cuModuleUnload(rig_module));
    TRY(cuMemcpyDtoH_v2(&host, dev(at), 8));
    CHECK(host == 5, "%ld", (long)host);
}

static void test_pool(void)
{
    CUstream s = rig_stream(0);
    CUdeviceptr at = 0xdead;
    int64_t host = 0;
    rig_hold();
    rig_do(rig_add, s, rig_int64(), 1);
    rig_release_soon();
    TRY(cuMemAllocAsync(&at, 64, s));
    CHECK(at != 0xdead && at != 0, "no pointer");
    rig_hold();
    TRY(cuMemsetD32Async(at, 0, 2, s));
    rig_do(rig_add, s, (void *)(uintptr_t)at, 42);
    int64_t *copy = rig_int64();
    TRY(cuMemcpyAsync(dev(copy), at, 8, s));
    TRY(cuMemFreeAsync(at, s));
    rig_release_soon();
    TRY(cuMemcpyDtoH_v2(&host, dev(copy), 8));
    CHECK(host == 42, "%ld", (long)host);
}

static void test_errors(void)
{
    CUstream s = rig_stream(0);
    int64_t *at = rig_int64();
    void *none[2] = {0};
    rig_hold();
    rig_do(rig_add, s, at, 1);
    rig_release_soon();
    CHECK(cuLaunchKernel(rig_none, 0, 1, 1, 1, 1, 1, 0, s, none, NULL) == INVALID_VALUE);
    rig_hold();
    rig_do(rig_add, s, at, 1);
    rig_release_soon();
    CHECK(cuLaunchKernel(rig_none, 1, 1, 1, 1024, 2, 1, 0, s, none, NULL) == INVALID_VALUE);
    CHECK(cuLaunchKernel(rig_none, 1, 1, 1, 1, 1, 1, 1 << 20, s, none, NULL) == INVALID_VALUE);
    CHECK(cuLaunchKernel(rig_add, 1, 1, 1, 1, 1, 1, 0, s, NULL, NULL) == INVALID_VALUE);
    CHECK(cuMemcpyAsync(0, dev(at), 8, s) == INVALID_VALUE);
    rig_do(rig_add, s, at, 1);
    TRY(cuStreamSynchronize(s));
    CHECK(*at == 3, "%ld", (long)*at);
}

static void *without_context(void *arg)
{
    CUstream s = arg;
    int64_t *at = (int64_t *)(uintptr_t)0;
    uint64_t words[2] = {dev(at), 1};
    void *params[] = {&words[0], &words[1]};
    CUresult legacy = cuLaunchKernel(rig_none, 1, 1, 1, 1, 1, 1, 0, NULL, NULL, NULL);
    CHECK(legacy == INVALID_CONTEXT, "%d", legacy);
    CHECK(cuLaunchKernel(rig_none, 1, 1, 1, 1, 1, 1, 0, s, params, NULL) == OK);
    CHECK(cuCtxSynchronize() == INVALID_CONTEXT);
    TRY(cuStreamSynchronize(s));
    CUevent event;
    CHECK(cuEventCreate(&event, 0) == INVALID_CONTEXT);
    return NULL;
}

static void test_contextless(void)
{
    pthread_t thread;
    CUstream s = rig_stream(0);
    rig_hold();
    rig_release_soon();
    CHECK(pthread_create(&thread, NULL, without_context, s) == 0);
    pthread_join(thread, NULL);
}

static void test_graph(void)
{
    CUstream s = rig_stream(0), other = rig_stream(0);
    int64_t *at = rig_int64(), *elsewhere = rig_int64();
    CUgraph graph;
    CUgraphExec exec;
    uint64_t before = rig_launches();
    TRY(cuStreamBeginCapture_v2(s, 0));
    rig_do(rig_scale, s, at, 2);
    rig_hold();
    rig_do(rig_add, other, elsewhere, 1); /* not captured: held */
    CHECK(!rig_is_be() || rig_launches() == before + 1, "held work was let through by a capture");
    rig_do(rig_scale, s, at, 3);
    TRY(cuStreamEndCapture(s, &graph));
    CHECK(*at == 0, "a captured kernel ran");
    TRY(cuGraphInstantiateWithFlags(&exec, graph, 0));
    for (int i = 0; i < 3; i++)
        TRY(cuGraphLaunch(exec, s));
    rig_do(rig_scale, s, at, 5);
    TRY(cuGraphExecDestroy(exec));
    TRY(cuGraphDestroy(graph));
    rig_release_soon();
    TRY(cuStreamSynchronize(s));
    TRY(cuStreamSynchronize(other));
    int64_t want = 0;
    for (int i = 0; i < 3; i++)
        want = (want * 2 + 1) * 3 + 1;
    CHECK(*at == want * 5 + 1 && *elsewhere == 1, "%ld", (long)*at);
}

/* Work that waits for work called later on another stream: a bound on the device queue must not
 * part the two for ever. */
static void test_memop(void)
{
    CUstream a = rig_stream(1), b = rig_stream(1);
    int64_t *at = rig_int64(), *flag = rig_int64();
    for (int held = 0; held < 2; held++) {
        *flag = *at = 0;
        if (held)
            rig_hold();
        TRY(cuStreamWaitValue32_v2(a, dev(flag), 1, 0));
        for (int i = 0; i < 300; i++)
            rig_do(rig_scale, a, at, 3);
        for (int i = 0; i < 300; i++)
            rig_do(rig_none, b, 0, 0);
        TRY(cuStreamWriteValue32_v2(b, dev(flag), 1, 0));
        rig_release();
        TRY(cuStreamSynchronize(a));
        CHECK(*at == scaled(0, 3, 300));
    }
}

/* The host lets a kernel go on that everything else is behind. */
static void test_spin(void)
{
    CUstream s = rig_stream(1), other = rig_stream(1);
    int64_t *flag = rig_int64(), *at = rig_int64();
    rig_do(rig_wait, s, flag, 0);
    for (int i = 0; i < 600; i++)
        rig_do(rig_scale, s, at, 3);
    rig_do(rig_add, other, flag + 1, 1);
    TRY(cuStreamSynchronize(other));
    CHECK(cuStreamQuery(s) == NOT_READY);
    __atomic_store_n((int32_t *)flag, 1, __ATOMIC_RELEASE);
    TRY(cuStreamSynchronize(s));
    CHECK(*at == scaled(0, 3, 600));
}

static void *per_thread(void *arg)
{
    int64_t *at = rig_int64();
    TRY(cuCtxSetCurrent(rig_context));
    CUevent event;
    TRY(cuEventCreate(&event, 0));
    for (int i = 0; i < 50; i++) {
        uint64_t words[2] = {dev(at), 3};
        void *params[] = {&words[0], &words[1]};
        TRY(cuLaunchKernel_ptsz(rig_scale, 1, 1, 1, 1, 1, 1, 0, NULL, params, NULL));
        rig_do(rig_scale, STREAM_PER_THREAD, at, 3);
    }
    TRY(cuEventRecord_ptsz(event, NULL));
    rig_release_soon();
    TRY(cuEventSynchronize(event));
    TRY(cuStreamSynchronize_ptsz(NULL));
    CHECK(*at == scaled(0, 3, 100), "%ld", (long)*at);
    return NULL;
}

static void test_per_thread(void)
{
    pthread_t threads[4];
    rig_hold();
    for (int i = 0; i < 4; i++)
        CHECK(pthread_create(&threads[i], NULL, per_thread, NULL) == 0);
    for (int i = 0; i < 4; i++)
        pthread_join(threads[i], NULL);
    /* It waits for the legacy stream, and that for it. */
    int64_t *at = rig_int64();
    rig_hold();
    rig_do(rig_scale, NULL, at, 2);
    rig_do(rig_scale, STREAM_PER_THREAD, at, 3);
    rig_do(rig_scale, NULL, at, 5);
    rig_release_soon();
    TRY(cuCtxSynchronize());
    CHECK(*at == 21, "%ld", (long)*at);
}

static void test_bound(void)
{
    CUstream s = rig_stream(0);
    int64_t *at = rig_int64();
    rig_hold();
    rig_release_soon();
    for (int i = 0; i < 20000; i++)
        rig_do(rig_add, s, at, 1);
    TRY(cuStreamSynchronize(s));
    CHECK(*at == 20000, "%ld", (long)*at);
}

static void test_priority(void)
{
    CUstream chosen, plain = rig_stream(0);
    int priority = 99;
    TRY(cuStreamCreateWithPriority(&chosen, 0, -3));
    TRY(cuStreamGetPriority(chosen, &priority));
    CHECK(priority == -3, "%d", priority);
    TRY(cuStreamGetPriority(plain, &priority));
    CHECK(priority == 0, "%d", priority);
}

/* Ends with work held: as without libreef, at once. */
static void test_exit(void)
{
    CUstream s = rig_stream(0);
    int64_t *at = rig_int64();
    rig_hold();
    for (int i = 0; i < MANY; i++)
        rig_do(rig_add, s, at, 1);
}

extern CUresult cuProfilerStart(void); /* in turn behind everything; the fake driver has it not */

static void test_fork(void)
{
    CUstream s = rig_stream(0);
    int64_t *at = rig_int64();
    int status;
    rig_hold();
    rig_do(rig_add, s, at, 1);
    pid_t child = fork();
    if (child == 0)
        exit(3);
    CHECK(waitpid(child, &status, 0) == child && WIFEXITED(status) && WEXITSTATUS(status) == 3);
    child = fork();
    if (child == 0) {
        execl("/bin/true", "true", (char *)NULL);
        _exit(4);
    }
    CHECK(waitpid(child, &status, 0) == child && WIFEXITED(status) && WEXITSTATUS(status) == 0);
    child = fork();
    if (child == 0) {
        alarm(20); /* the call does not wait for what is the parent's */
        _exit(cuProfilerStart() == OK ? 5 : 0);
    }
    CHECK(waitpid(child, &status, 0) == child && WIFEXITED(status) && WEXITSTATUS(status) == 0);
    rig_release();
    TRY(cuStreamSynchronize(s));
    CHECK(*at == 1);
}

static _Atomic bool restless_end;

static void *come_and_go(void *arg)
{
    while (!restless_end) {
        rig_hold();
        usleep(1000);
        rig_release();
        usleep(1000);
    }
    return NULL;
}

/* The driver is to refuse a launch behind more work than the depth lets through, which waits for
 * the program itself; and RT work comes and goes more often than anything is given up for stalled.
 */
static void test_restless(void)
{
    CUstream s = rig_stream(1);
    int64_t *flag = rig_int64(), *at = rig_int64();
    pthread_t rt;
    CHECK(pthread_create(&rt, NULL, come_and_go, NULL) == 0);
    rig_do(rig_wait, s, flag, 0);
    for (int i = 0; i < MANY; i++)
        rig_do(rig_scale, s, at, 3);
    CHECK(cuLaunchKernel(rig_none, 0, 1, 1, 1, 1, 1, 0, s, NULL, NULL) != OK);
    __atomic_store_n((int32_t *)flag, 1, __ATOMIC_RELEASE);
    TRY(cuStreamSynchronize(s));
    CHECK(*at == scaled(0, 3, MANY));
    restless_end = true;
    CHECK(pthread_join(rt, NULL) == 0);
}

static void wait_until_down(void)
{
    for (int ms = 0; ms < 5000 && rig_rt_raised(); ms++)
        usleep(1000);
    CHECK(!rig_rt_raised(), "the bit stays");
}

/* The bit of an RT process is there while a kernel runs, and goes when it is over. */
static void test_rt(void)
{
    CUstream s = rig_stream(1);
    int64_t *flag = rig_int64();
    rig_do(rig_wait, s, flag, 0);
    CHECK(!rig_is_rt() || rig_rt_raised(), "the bit is not set");
    *(volatile int32_t *)flag = 1;
    TRY(cuStreamSynchronize(s));
    wait_until_down();
}

CUresult cuMemcpyBatchAsync_v2_ptsz(void *to, void *from, size_t *sizes, size_t count,
                                    void *attributes, size_t *of, size_t attribute_count,
                                    CUstream stream);

/* Nor does it stay after a call that the driver refuses. */
static void test_rt_refused(void)
{
    int64_t *at = rig_int64();
    rig_do(rig_add, NULL, at, 1);
    CHECK(cuMemcpyBatchAsync_v2_ptsz(NULL, NULL, NULL, 0, NULL, NULL, 0, NULL) != OK);
    TRY(cuStreamSynchronize(NULL));
    wait_until_down();
}

static void *wait_for_stream(void *s)
{
    TRY(cuCtxSetCurrent(rig_context));
    TRY(cuStreamSynchronize(s));
    return NULL;
}

static void *wait_for_context(void *none)
{
    TRY(cuCtxSetCurrent(rig_context));
    TRY(cuCtxSynchronize());
    return NULL;
}

/* Whether launches are looked at although no best-effort program is there. */
static bool accounts(void)
{
    return rig_is_rt() && getenv("REEF_FAST_PATH");
}

/* While a thread waits for real-time work the driver is not asked about it; and when it has waited,
 * not either. But for what came while it waited. */
static void test_rt_waits(void)
{
    struct fake_cuda_counts *counts = dlsym(RTLD_DEFAULT, "fake_cuda_counts");
    CHECK(counts);
    for (int i = 0; i < 2; i++) {
        CUstream s = rig_stream(1), later = rig_stream(1);
        int64_t *flag = rig_int64(), *other = rig_int64();
        pthread_t thread;
        wait_until_down(); /* no other stream is asked about either */
        rig_do(rig_wait, s, flag, 0);
        CHECK(pthread_create(&thread, NULL, i ? wait_for_context : wait_for_stream, s) == 0);
        while (counts->waiting == 0)
            sched_yield();
        uint64_t before = counts->queries + 1; /* one may have been under way */
        usleep(20000);                         /* the agent looks many times */
        CHECK(!rig_is_rt() || counts->queries <= before, "asked while the program waits");
        CHECK(!rig_is_rt() || rig_rt_raised(), "the bit is not set");
        *(volatile int32_t *)flag = 1;
        CHECK(pthread_join(thread, NULL) == 0);
        wait_until_down();
        CHECK(!accounts() || counts->queries <= before, "asked, though it is known");

        rig_do(rig_wait, s, flag, 0); /* the flag is up: over at once */
        TRY(cuStreamSynchronize(s));
        *(volatile int32_t *)flag = 0;
        rig_do(rig_wait, s, flag, 0);
        CHECK(pthread_create(&thread, NULL, wait_for_stream, s) == 0);
        while (counts->waiting == 0)
            sched_yield();
        rig_do(rig_wait, later, other, 0);
        *(volatile int32_t *)flag = 1;
        CHECK(pthread_join(thread, NULL) == 0);
        usleep(20000);
        CHECK(!rig_is_rt() || rig_rt_raised(), "the bit went, and work runs that came meanwhile");
        *(volatile int32_t *)other = 1;
        TRY(cuStreamSynchronize(later));
    }
}

/* A stream that is destroyed while another thread waits for it: the next one is watched like any.
 */
static void test_rt_wait_gone(void)
{
    struct fake_cuda_counts *counts = dlsym(RTLD_DEFAULT, "fake_cuda_counts");
    CUstream s = rig_stream(1);
    int64_t *flag = rig_int64();
    pthread_t thread;
    CHECK(counts);
    rig_do(rig_wait, s, flag, 0);
    CHECK(pthread_create(&thread, NULL, wait_for_stream, s) == 0);
    while (counts->waiting == 0)
        sched_yield();
    TRY(cuStreamDestroy_v2(s));
    CUstream next = rig_stream(1);
    *(volatile int32_t *)flag = 1;
    CHECK(pthread_join(thread, NULL) == 0);
    rig_do(rig_wait, next, flag, 0); /* over at once; nobody waits for it */
    wait_until_down();
}

static const struct {
    const char *name;
    void (*run)(void);
} cases[] = {
    {"order", test_order},
    {"extra", test_extra},
    {"events", test_events},
    {"rerecord", test_rerecord},
    {"legacy", test_legacy},
    {"sync-copy", test_sync_copy},
    {"copies", test_copies},
    {"host", test_host},
    {"destroy", test_destroy},
    {"pool", test_pool},
    {"errors", test_errors},
    {"contextless", test_contextless},
    {"graph", test_graph},
    {"memop", test_memop},
    {"spin", test_spin},
    {"per-thread", test_per_thread},
    {"bound", test_bound},
    {"priority", test_priority},
    {"exit", test_exit},
    {"fork", test_fork},
    {"rt", test_rt},
    {"rt-refused", test_rt_refused},
    {"rt-waits", test_rt_waits},
    {"rt-wait-gone", test_rt_wait_gone},
    {"restless", test_restless},
};

int main(int argc, char **argv)
{
    rig_start();
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++)
        if (argc == 2 && strcmp(argv[1], cases[i].name) == 0) {
            cases[i].run();
            return 0;
        }
    return 2;
}
