// SPDX-License-Identifier: Apache-2.0
/* See conformance.h. */
#include "conformance.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <stdarg.h>
#include <sys/mman.h>

#include "../gpu/hold.h"

CUdevice dev;

void conf_fail(const char *file, int line, const char *format, ...)
{
    va_list args;

    printf("# %s:%d: ", file, line);
    va_start(args, format);
    vprintf(format, args);
    va_end(args);
    printf("\n");
    fflush(stdout);
    _Exit(1);
}

void conf_skip(const char *why)
{
    printf("# skipped: %s\n", why);
    fflush(stdout);
    _Exit(77);
}

void conf_is(CUresult got, CUresult want, const char *call, const char *file, int line)
{
    const char *name = "?";

    if (got == want)
        return;
    cuGetErrorName(got, &name);
    conf_fail(file, line, "%s returned %d (%s), not %d", call, got, name, want);
}

int attribute(CUdevice_attribute which)
{
    int value;

    OK(cuDeviceGetAttribute(&value, which, dev));
    return value;
}

bool handles_are_checked(void)
{
    return getenv("REEF_EMU_PROFILE") != NULL;
}

CUmodule module(void)
{
    static CUmodule loaded;

    if (!loaded)
        OK(cuModuleLoadData(&loaded, conf_ptx));
    return loaded;
}

CUfunction fn(const char *name)
{
    CUfunction f;

    OK(cuModuleGetFunction(&f, module(), name));
    return f;
}

CUdeviceptr words(size_t count)
{
    CUdeviceptr at;

    OK(cuMemAlloc(&at, count * 4));
    OK(cuMemsetD32(at, 0, count));
    OK(cuCtxSynchronize());
    return at;
}

uint32_t *pinned(size_t count)
{
    void *at;

    OK(cuMemHostAlloc(&at, count * 4, CU_MEMHOSTALLOC_DEVICEMAP));
    memset(at, 0, count * 4);
    return at;
}

CUstream stream(void)
{
    CUstream s;

    OK(cuStreamCreate(&s, CU_STREAM_DEFAULT));
    return s;
}

CUstream free_stream(void)
{
    CUstream s;

    OK(cuStreamCreate(&s, CU_STREAM_NON_BLOCKING));
    return s;
}

CUevent event(void)
{
    CUevent e;

    OK(cuEventCreate(&e, CU_EVENT_DEFAULT));
    return e;
}

uint32_t peek(CUdeviceptr at)
{
    static CUstream s;
    static uint32_t *value;

    if (!s) {
        s = free_stream();
        value = pinned(1);
    }
    OK(cuMemcpyDtoHAsync(value, at, 4, s));
    OK(cuStreamSynchronize(s));
    return *value;
}

uint32_t word(CUdeviceptr at)
{
    OK(cuCtxSynchronize());
    return peek(at);
}

void affine(CUstream s, CUdeviceptr at, uint32_t a, uint32_t b)
{
    void *args[] = {&at, &a, &b};

    OK(cuLaunchKernel(fn("affine"), 1, 1, 1, 1, 1, 1, 0, s, args, NULL));
}

void slow(CUstream s, CUdeviceptr at, uint32_t us)
{
    void *args[] = {&at, &us};

    OK(cuLaunchKernel(fn("slow"), 1, 1, 1, 1, 1, 1, 0, s, args, NULL));
}

void chain(CUstream s, CUdeviceptr at)
{
    for (int i = 0; i < CHAIN; i++)
        slow(s, at, 200);
}

/* ---- holds at a certain place: CONFORMANCE_HOLD names the file ---- */

static struct hold_page *hold_page(void)
{
    static struct hold_page *page;
    const char *path = getenv("CONFORMANCE_HOLD");
    int fd = page || !path ? -1 : open(path, O_RDWR | O_CLOEXEC);
    void *map =
        fd < 0 ? MAP_FAILED : mmap(NULL, sizeof(*page), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);

    if (map != MAP_FAILED)
        page = map;
    return page;
}

/* Until the holder has done it; or for a second, if there is none yet. */
static void ask(bool hold)
{
    struct hold_page *page = hold_page();
    time_t end = time(NULL) + 2;
    uint32_t wanted;

    if (!page)
        return;
    wanted = atomic_load(&page->wanted);
    if (wanted % 2 == hold)
        wanted++;
    atomic_store(&page->wanted, ++wanted);
    while (atomic_load(&page->done) != wanted && time(NULL) < end)
        sched_yield();
}

void hold_here(void)
{
    ask(true);
}

void hold_end(void)
{
    ask(false);
}

static void CUDA_CB wait_at_gate(void *arg)
{
    struct gate *gate = arg;

    sem_post(&gate->begun);
    while (gate->limit_ms ? sem_timedwait(&gate->go, &gate->until) != 0 && errno == EINTR
                          : sem_wait(&gate->go) != 0) {
    }
}

void gate_close_for(struct gate *gate, CUstream s, unsigned ms)
{
    clock_gettime(CLOCK_REALTIME, &gate->until);
    gate->limit_ms = ms;
    gate->until.tv_nsec += (long)(ms % 1000) * 1000000;
    gate->until.tv_sec += ms / 1000 + gate->until.tv_nsec / 1000000000;
    gate->until.tv_nsec %= 1000000000;
    sem_init(&gate->begun, 0, 0);
    sem_init(&gate->go, 0, 0);
    hold_here();
    OK(cuLaunchHostFunc(s, wait_at_gate, gate));
}

void gate_close(struct gate *gate, CUstream s)
{
    gate_close_for(gate, s, 0);
}

void gate_begun(struct gate *gate)
{
    while (sem_wait(&gate->begun) != 0) {
    }
    sem_post(&gate->begun);
}

void gate_open(struct gate *gate)
{
    sem_post(&gate->go);
    hold_end();
}

void run_thread(void *(*run)(void *), void *arg, pthread_t *thread)
{
    CHECK(pthread_create(thread, NULL, run, arg) == 0);
}
