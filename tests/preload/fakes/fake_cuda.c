// SPDX-License-Identifier: Apache-2.0
/*
 * A libcuda.so.1 for testing libreef.so without a GPU: the calls of cu.h with CUDA's order and
 * errors, memory that is the host's, and four kernels. It is a stand-in at the level of symbols,
 * not an emulator. What it lacks is in fake_cuda_stubs.c and answers CUDA_ERROR_NOT_SUPPORTED.
 *
 * FAKE_CUDA_NOT_CONCURRENT=1: the host must not touch managed memory while a kernel runs.
 * FAKE_CUDA_COUNT=1: launches are counted and do nothing, events are over at once: for measuring
 * what stands above it.
 */
#include <dlfcn.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "tests/preload/fakes/fake_cuda.h"

#define EXPORT __attribute__((visibility("default")))

bool fake_counting;
EXPORT struct fake_cuda_counts fake_cuda_counts;
static struct fake_context primary;
static _Thread_local struct fake_context *current;

static uint64_t now_ns(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000000u + (uint64_t)t.tv_nsec;
}

struct fake_context *fake_current(void)
{
    return current;
}

/* --- device and context --- */

EXPORT CUresult cuInit(unsigned flags)
{
    fake_counting = getenv("FAKE_CUDA_COUNT") != NULL;
    return OK;
}

EXPORT CUresult cuDriverGetVersion(int *version)
{
    *version = 13000;
    return OK;
}

EXPORT CUresult cuDeviceGet(CUdevice *device, int ordinal)
{
    *device = ordinal;
    return ordinal == 0 ? OK : INVALID_VALUE;
}

EXPORT CUresult cuDeviceGetCount(int *count)
{
    *count = 1;
    return OK;
}

EXPORT CUresult cuDeviceGetAttribute(int *value, int attribute, CUdevice device)
{
    static const int limits[] = {0, 1024, 1024, 1024, 64, 2147483647, 65535, 65535};
    bool concurrent = attribute == 89 && !getenv("FAKE_CUDA_NOT_CONCURRENT"); /* managed access */
    *value = attribute < 8 ? limits[attribute] : concurrent;
    return OK;
}

EXPORT CUresult cuDeviceGetUuid_v2(void *uuid, CUdevice device)
{
    memset(uuid, 0xfa, 16);
    return OK;
}

EXPORT CUresult cuDevicePrimaryCtxRetain(CUcontext *context, CUdevice device)
{
    if (!primary.legacy)
        primary.legacy = fake_stream_new(&primary, 0, 0, true);
    *context = &primary;
    return OK;
}

EXPORT CUresult cuCtxGetCurrent(CUcontext *context)
{
    *context = current;
    return OK;
}

EXPORT CUresult cuCtxSetCurrent(CUcontext context)
{
    current = context;
    return OK;
}

EXPORT CUresult cuCtxGetDevice(CUdevice *device)
{
    *device = 0;
    return current ? OK : INVALID_CONTEXT;
}

EXPORT CUresult cuCtxGetStreamPriorityRange(int *least, int *greatest)
{
    *least = 0;
    *greatest = -5;
    return OK;
}

EXPORT CUresult cuCtxSynchronize(void)
{
    return cuCtxSynchronize_v2(current);
}

EXPORT CUresult cuCtxSynchronize_v2(CUcontext context)
{
    if (!context)
        return INVALID_CONTEXT;
    fake_cuda_counts.waiting++;
    fake_wait_all(context, false);
    fake_cuda_counts.waiting--;
    fake_cuda_counts.shown++;
    return OK;
}

EXPORT CUresult cuCtxDestroy_v2(CUcontext context)
{
    fake_wait_all(context, false);
    return OK;
}

/* --- streams --- */

EXPORT CUresult cuStreamCreateWithPriority(CUstream *stream, unsigned flags, int priority)
{
    if (!current)
        return INVALID_CONTEXT;
    *stream = fake_stream_new(current, flags, priority, false);
    return OK;
}

EXPORT CUresult cuStreamCreate(CUstream *stream, unsigned flags)
{
    return cuStreamCreateWithPriority(stream, flags, 0);
}

/* STREAM(s, handle, per_thread): declares s or returns an error. */
#define STREAM(s, handle, per_thread)                                                              \
    struct fake_stream *s = fake_stream_of(handle, per_thread);                                    \
    if (!s)                                                                                        \
    return current ? INVALID_HANDLE : INVALID_CONTEXT

EXPORT CUresult cuStreamGetPriority(CUstream stream, int *priority)
{
    STREAM(s, stream, false);
    *priority = s->priority;
    return OK;
}

EXPORT CUresult cuStreamDestroy_v2(CUstream stream)
{
    STREAM(s, stream, false);
    pthread_mutex_lock(&fake_lock);
    s->destroyed = true;
    pthread_cond_broadcast(&fake_changed);
    pthread_mutex_unlock(&fake_lock);
    return OK; /* its memory stays: handles that are used too late are noticed */
}

static CUresult synchronize(struct fake_stream *s)
{
    if (s->capturing)
        return 900; /* CUDA_ERROR_STREAM_CAPTURE_UNSUPPORTED */
    fake_cuda_counts.waiting++;
    if (s->legacy)
        fake_wait_all(s->context, true);
    fake_finish(s);
    fake_cuda_counts.waiting--;
    fake_cuda_counts.shown++;
    return OK;
}

EXPORT CUresult cuStreamSynchronize(CUstream stream)
{
    STREAM(s, stream, false);
    return synchronize(s);
}

EXPORT CUresult cuStreamSynchronize_ptsz(CUstream stream)
{
    STREAM(s, stream, true);
    return synchronize(s);
}

EXPORT CUresult cuStreamQuery(CUstream stream)
{
    STREAM(s, stream, false);
    fake_cuda_counts.queries++;
    pthread_mutex_lock(&fake_lock);
    bool over = s->completed == s->queued;
    if (s->capturing)
        abort(); /* on the real one this would break the capture */
    pthread_mutex_unlock(&fake_lock);
    return over ? OK : NOT_READY;
}

EXPORT CUresult cuStreamGetFlags(CUstream stream, unsigned *flags)
{
    STREAM(s, stream, false);
    *flags = s->flags;
    return OK;
}

EXPORT CUresult cuStreamGetCtx(CUstream stream, CUcontext *context)
{
    STREAM(s, stream, false);
    *context = s->context;
    return OK;
}

EXPORT CUresult cuThreadExchangeStreamCaptureMode(int *mode)
{
    *mode = 0;
    return OK;
}

/* --- work --- */

static CUresult put(struct fake_stream *s, void (*run)(struct fake_work *), const uint64_t *words,
                    unsigned count)
{
    struct fake_work w = {.run = run};
    memcpy(w.words, words, count * sizeof(*words));
    return fake_put(s, &w);
}
#define PUT(s, run, ...)                                                                           \
    put(s, run, (const uint64_t[]){__VA_ARGS__},                                                   \
        sizeof((const uint64_t[]){__VA_ARGS__}) / sizeof(uint64_t))
#define WORD(pointer) ((uint64_t)(uintptr_t)(pointer))
#define AT(word)      ((void *)(uintptr_t)(word))

static void run_add(struct fake_work *w)
{
    *(uint64_t *)AT(w->words[0]) += w->words[1];
}

static void run_scale(struct fake_work *w)
{
    int64_t *at = AT(w->words[0]);
    *at = (int64_t)((uint64_t)*at * w->words[1] + 1);
}

static void run_wait(struct fake_work *w)
{
    const struct timespec pause = {.tv_nsec = 20000};
    while (!__atomic_load_n((int32_t *)AT(w->words[0]), __ATOMIC_ACQUIRE))
        nanosleep(&pause, NULL);
}

static void run_none(struct fake_work *w) {}

/* Until words[0] has come to its number, or its time is up: then that goes to words[1]. */
static void run_anchor(struct fake_work *w)
{
    const struct timespec pause = {.tv_nsec = 20000};
    _Atomic uint32_t *words = AT(w->words[0]);
    uint32_t number = (uint32_t)w->words[1];
    uint64_t end_ns = now_ns() + (uint32_t)w->words[2];
    while ((int32_t)(words[0] - number) < 0 && (int32_t)(words[1] - number) < 0) {
        if (now_ns() > end_ns)
            words[1] = number;
        nanosleep(&pause, NULL);
    }
}

static struct fake_function functions[] = {
    {"add", 2, run_add},   {"scale", 2, run_scale},   {"wait", 1, run_wait},
    {"none", 0, run_none}, {"anchor", 3, run_anchor},
};

EXPORT CUresult cuModuleLoadData(CUmodule *module, const void *image)
{
    *module = (CUmodule)functions;
    return OK;
}

EXPORT CUresult cuModuleUnload(CUmodule module)
{
    fake_wait_all(current, false);
    return OK;
}

EXPORT CUresult cuModuleGetFunction(CUfunction *function, CUmodule module, const char *name)
{
    for (unsigned i = 0; i < sizeof(functions) / sizeof(functions[0]); i++)
        if (strcmp(functions[i].name, name) == 0) {
            *function = &functions[i];
            return OK;
        }
    return NOT_FOUND;
}

EXPORT CUresult cuFuncGetAttribute(int *value, int attribute, CUfunction function)
{
    *value = attribute == 0 ? 1024 : attribute == 8 ? 49152 : 0;
    return OK;
}

EXPORT CUresult cuFuncGetParamInfo(CUfunction function, size_t index, size_t *offset, size_t *size)
{
    if (index >= function->count)
        return INVALID_VALUE;
    *offset = index * 8;
    *size = 8;
    return OK;
}

static CUresult launch(struct fake_stream *s, CUfunction f, const unsigned dim[6], unsigned shared,
                       void **params, void **extra)
{
    struct fake_work w = {.run = f->run};
    uint64_t threads = (uint64_t)dim[3] * dim[4] * dim[5];
    for (unsigned i = 0; i < 6; i++)
        if (dim[i] == 0)
            return INVALID_VALUE;
    if (threads > 1024 || shared > 49152 || (f->count && !params && !extra))
        return INVALID_VALUE;
    if (extra) {
        size_t *bytes = extra[3];
        memcpy(w.words, extra[1], *bytes);
    }
    for (unsigned i = 0; !extra && i < f->count; i++)
        memcpy(&w.words[i], params[i], f->run == run_anchor && i > 0 ? 4 : 8);
    atomic_fetch_add_explicit(f->run == run_anchor ? &fake_cuda_counts.anchors
                                                   : &fake_cuda_counts.launches,
                              1, __ATOMIC_RELAXED);
    return fake_put(s, &w);
}

EXPORT CUresult cuLaunchKernel(LAUNCH_ARGUMENTS)
{
    if (fake_counting) {
        if (f->run == run_anchor)
            fake_cuda_counts.anchors++;
        else
            fake_cuda_counts.launches++;
        return OK;
    }
    void (*in_launch)(void *) = fake_cuda_counts.in_launch;
    fake_cuda_counts.in_launch = NULL;
    if (in_launch)
        in_launch(__builtin_return_address(0));
    STREAM(s, stream, false);
    return launch(s, f, (const unsigned[]){gx, gy, gz, bx, by, bz}, shared, params, extra);
}

EXPORT CUresult cuLaunchKernel_ptsz(LAUNCH_ARGUMENTS)
{
    STREAM(s, stream, true);
    return launch(s, f, (const unsigned[]){gx, gy, gz, bx, by, bz}, shared, params, extra);
}

EXPORT CUresult cuLaunchKernelEx(const CUlaunchConfig *c, CUfunction f, void **params, void **extra)
{
    STREAM(s, c->hStream, false);
    const unsigned dim[] = {c->gridDimX,  c->gridDimY,  c->gridDimZ,
                            c->blockDimX, c->blockDimY, c->blockDimZ};
    return launch(s, f, dim, c->sharedMemBytes, params, extra);
}

static void run_host(struct fake_work *w)
{
    ((CUhostFn)AT(w->words[0]))(AT(w->words[1]));
}

EXPORT CUresult cuLaunchHostFunc(CUstream stream, CUhostFn fn, void *data)
{
    STREAM(s, stream, false);
    return PUT(s, run_host, WORD(fn), WORD(data));
}

static void run_callback(struct fake_work *w)
{
    ((CUstreamCallback)AT(w->words[0]))(AT(w->words[2]), OK, AT(w->words[1]));
}

EXPORT CUresult cuStreamAddCallback(CUstream stream, CUstreamCallback fn, void *data,
                                    unsigned flags)
{
    STREAM(s, stream, false);
    return PUT(s, run_callback, WORD(fn), WORD(data), WORD(stream));
}

static void run_write(struct fake_work *w)
{
    __atomic_store_n((uint32_t *)AT(w->words[0]), (uint32_t)w->words[1], __ATOMIC_RELEASE);
}

EXPORT CUresult cuStreamWriteValue32_v2(CUstream stream, CUdeviceptr to, uint32_t value, unsigned f)
{
    STREAM(s, stream, false);
    return PUT(s, run_write, to, value);
}

EXPORT CUresult cuStreamWaitValue32_v2(CUstream stream, CUdeviceptr at, uint32_t value, unsigned f)
{
    STREAM(s, stream, false);
    return PUT(s, run_wait, at);
}

/* --- events --- */

EXPORT CUresult cuEventCreate(CUevent *event, unsigned flags)
{
    if (!current)
        return INVALID_CONTEXT;
    *event = calloc(1, sizeof(**event));
    return OK;
}

EXPORT CUresult cuEventDestroy_v2(CUevent event)
{
    event->magic = 0xdead;
    return OK; /* never freed: held uses after this are noticed */
}

static void run_event(struct fake_work *w)
{
    struct fake_event *event = AT(w->words[0]);
    event->time_ns = now_ns();
}

static CUresult record(CUevent event, struct fake_stream *s)
{
    if (event->magic == 0xdead)
        return INVALID_HANDLE;
    if (fake_counting)
        return OK;
    pthread_mutex_lock(&fake_lock);
    event->stream = s;
    event->number = s->queued + 1;
    pthread_mutex_unlock(&fake_lock);
    return PUT(s, run_event, WORD(event));
}

EXPORT CUresult cuEventRecord(CUevent event, CUstream stream)
{
    STREAM(s, stream, false);
    return record(event, s);
}

EXPORT CUresult cuEventRecord_ptsz(CUevent event, CUstream stream)
{
    STREAM(s, stream, true);
    return record(event, s);
}

EXPORT CUresult cuEventQuery(CUevent event)
{
    pthread_mutex_lock(&fake_lock);
    bool over = !event->stream || event->stream->completed >= event->number;
    pthread_mutex_unlock(&fake_lock);
    return over ? OK : NOT_READY;
}

EXPORT CUresult cuEventSynchronize(CUevent event)
{
    if (event->stream)
        fake_wait(event->stream, event->number);
    fake_cuda_counts.shown++;
    return OK;
}

EXPORT CUresult cuEventElapsedTime(float *ms, CUevent start, CUevent end)
{
    if (cuEventQuery(start) != OK || cuEventQuery(end) != OK)
        return NOT_READY;
    *ms = fake_counting ? 0.002f : (float)(end->time_ns - start->time_ns) * 1e-6f;
    return OK;
}

EXPORT CUresult cuStreamWaitEvent(CUstream stream, CUevent event, unsigned flags)
{
    STREAM(s, stream, false);
    struct fake_work w = {.run = run_none};
    if (event->magic == 0xdead)
        return INVALID_HANDLE;
    pthread_mutex_lock(&fake_lock);
    if (event->stream) {
        w.depends[0].stream = event->stream;
        w.depends[0].number = event->number;
        w.depend_count = 1;
    }
    pthread_mutex_unlock(&fake_lock);
    return fake_put(s, &w);
}

/* --- capture and graphs --- */

EXPORT CUresult cuStreamIsCapturing(CUstream stream, int *status)
{
    STREAM(s, stream, false);
    *status = s->capturing;
    return OK;
}

EXPORT CUresult cuStreamBeginCapture_v2(CUstream stream, int mode)
{
    STREAM(s, stream, false);
    if (s->legacy || s->capturing)
        return 900;
    s->graph = calloc(1, sizeof(*s->graph));
    s->capturing = true;
    return OK;
}

EXPORT CUresult cuStreamEndCapture(CUstream stream, CUgraph *graph)
{
    STREAM(s, stream, false);
    if (!s->capturing)
        return 901;
    s->capturing = false;
    *graph = s->graph;
    return OK;
}

EXPORT CUresult cuGraphInstantiateWithFlags(CUgraphExec *exec, CUgraph graph, unsigned long long f)
{
    *exec = malloc(sizeof(**exec));
    **exec = *graph;
    return OK;
}

EXPORT CUresult cuGraphExecGetFlags(CUgraphExec exec, uint64_t *flags)
{
    *flags = 0;
    return exec->last == (void *)0xdead ? INVALID_HANDLE : OK;
}

/* Nodes are not told of. */
EXPORT CUresult cuGraphGetNodes(CUgraph graph, void *nodes, size_t *count)
{
    *count = 0;
    return OK;
}

EXPORT CUresult cuGraphLaunch(CUgraphExec exec, CUstream stream)
{
    STREAM(s, stream, false);
    if (exec->last == (void *)0xdead)
        return INVALID_HANDLE;
    for (struct fake_work *w = exec->first; w; w = w->next)
        fake_put(s, w);
    return OK;
}

EXPORT CUresult cuGraphExecDestroy(CUgraphExec exec)
{
    exec->last = (void *)0xdead;
    return OK;
}

EXPORT CUresult cuGraphDestroy(CUgraph graph)
{
    return OK;
}

/* --- the resolver --- */

#define HOOK(symbol, name, version, arguments, kind, stream)    {#symbol, #name, version, 0},
#define HOOK_PT(symbol, name, version, arguments, kind, stream) {#symbol, #name, version, 1},
static const struct {
    const char *symbol, *name;
    int version, per_thread;
} variants[] = {
#include "shim/nvidia/api.def"
};

/* Addresses as the driver's own resolver would give them. */
EXPORT CUresult cuGetProcAddress_v2(const char *name, void **address, int version, uint64_t flags,
                                    int *status)
{
    static void *self;
    const char *symbol = name;
    int best = -1;
    bool older = false; /* the name is known, but not to a program of this version */
    Dl_info info;
    if (!self && dladdr((void *)&fake_counting, &info))
        self = dlopen(info.dli_fname, RTLD_NOW | RTLD_NOLOAD);
    for (unsigned i = 0; i < sizeof(variants) / sizeof(variants[0]); i++) {
        bool per_thread = variants[i].per_thread && (flags & 2);
        if (strcmp(variants[i].name, name) != 0)
            continue;
        older = true;
        if (variants[i].version > version || (variants[i].per_thread && !per_thread))
            continue;
        if (variants[i].version * 2 + per_thread * 1000000 > best) {
            best = variants[i].version * 2 + per_thread * 1000000;
            symbol = variants[i].symbol;
        }
    }
    void *(*lookup)(void *, const char *) = (void *(*)(void *, const char *))dlsym;
    *address = older && best < 0 ? NULL : lookup(self, symbol);
    if (status)
        *status = *address ? 0 : 1;
    return *address ? OK : NOT_FOUND;
}

EXPORT CUresult cuGetProcAddress(const char *name, void **address, int version, uint64_t flags)
{
    return cuGetProcAddress_v2(name, address, version, flags, NULL);
}
