// SPDX-License-Identifier: Apache-2.0
/*
 * Anchors: a real-time program keeps its context on the GPU while it pauses.
 *
 * Where contexts take turns, a program that waits for its work and then brings more has lost its
 * turn in between: two changes of context, some 285 us on an H200, for every wait. A program that
 * waits after each of ten kernels of 100 us took 3.9 ms instead of 1.1 ms beside a best-effort one,
 * although that one had the shortest timeslice (docs/measurements/h200-2026-11-26.md).
 *
 * An anchor is two kernels of one thread in a stream of ours: the first runs, asleep most of the
 * time, until it is told to end; the second waits behind it in its channel, and that is what keeps
 * the context on the GPU. One kernel that runs does not, nor does a wait for a value: both were
 * tried. It is put down after the program's first work and taken up when the agent finds that
 * real-time work is over.
 *
 * Only for programs that pause: three waits within one burst of work, while best-effort programs
 * are there (REEF_ANCHOR=auto). The anchor must not be in the program's way:
 *  - it is taken up before every call that may wait for all work of the context, and before code
 *    that was not launched before, which may be loaded lazily; only cuCtxSynchronize is done by
 *    waiting for the streams that have work, since it is what programs pause with;
 *  - it is not there together with cooperative kernels;
 *  - it ends by itself after LIMIT_NS. If something was waiting for it just then (streams may share
 *    a channel), and three times, there are no more anchors in this process.
 *
 * Threads: any; @lock is only tried, but by the agent. A release is a store.
 */
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include "shim/nvidia/nvidia.h"
#include "shim/preload/log.h"

enum {
    LIMIT_NS = 4000000,   /* of an anchor; renewed at half of it as long as work comes */
    LINGER_NS = 200000,   /* the program's pauses are thought to be shorter than that */
    WINDOW_NS = 10000000, /* pauses are counted in a burst of work, or in this time of it */
    PAUSES = 3,           /* waits in a window that make a program one that pauses */
    WINDOWS_KEPT = 16,    /* as long as it is one after the last such window */
    PEERS_NS = 50000000,  /* how often to look for best-effort programs */
    SUSPECT_NS = 300000,  /* what ends so soon after an anchor ended by itself waited for it */
    SUSPECTS = 3,
    STREAMS = 32,             /* more with work: cuCtxSynchronize is the driver's */
    SEEN = 4096,              /* functions and graphs that were launched before */
    HOST_PORTABLE_MAPPED = 3, /* CU_MEMHOSTREGISTER_PORTABLE | _DEVICEMAP */
    NONBLOCKING = 1,
    NO_TIMING = 2, /* CU_EVENT_DISABLE_TIMING */
};

/* words[0]: anchors up to this number are to end; words[1]: have ended by themselves. */
static const char ptx[] = ".version 6.3\n"
                          ".target sm_70\n"
                          ".address_size 64\n"
                          ".visible .entry anchor(.param .u64 words, .param .u32 number, "
                          ".param .u32 limit)\n"
                          "{\n"
                          "    .reg .pred %p<4>;\n"
                          "    .reg .b32 %r<6>;\n"
                          "    .reg .b64 %d<6>;\n"
                          "    ld.param.u64 %d0, [words];\n"
                          "    ld.param.u32 %r0, [number];\n"
                          "    ld.param.u32 %r1, [limit];\n"
                          "    cvt.u64.u32 %d1, %r1;\n"
                          "    mov.u64 %d2, %globaltimer;\n"
                          "again:\n"
                          "    ld.volatile.global.u32 %r2, [%d0];\n"
                          "    sub.u32 %r3, %r2, %r0;\n"
                          "    setp.ge.s32 %p0, %r3, 0;\n"
                          "    @%p0 bra done;\n"
                          "    ld.volatile.global.u32 %r2, [%d0+4];\n"
                          "    sub.u32 %r3, %r2, %r0;\n"
                          "    setp.ge.s32 %p1, %r3, 0;\n"
                          "    @%p1 bra done;\n"
                          "    mov.u64 %d3, %globaltimer;\n"
                          "    sub.u64 %d4, %d3, %d2;\n"
                          "    setp.gt.u64 %p2, %d4, %d1;\n"
                          "    @%p2 bra late;\n"
                          "    nanosleep.u32 500;\n"
                          "    bra again;\n"
                          "late:\n"
                          "    st.volatile.global.u32 [%d0+4], %r0;\n"
                          "done:\n"
                          "    ret;\n"
                          "}\n";

/** Of one context. Never freed: another thread may be looking at it. */
struct reef_anchor {
    pthread_mutex_t lock;
    cu_word stream, function;
    _Atomic uint32_t *words; /* registered with the driver; ours, so it outlives the context */
    cu_word words_at;        /* as the device sees them */
    _Atomic uint32_t number; /* of the last one */
    _Atomic uint64_t placed_ns;
    _Atomic bool up;
    cu_word events[STREAMS];
};

enum { AUTO, OFF, ON }; /* REEF_ANCHOR */

_Atomic bool cu_anchor_in_use;
static _Atomic bool wanted, broken;
static _Atomic bool put_off; /* a cooperative kernel: not again before this work is over */
static _Atomic unsigned waits, suspects, placed;
static _Atomic cu_word seen[SEEN];

/* --- one anchor --- */

static bool reached(uint32_t word, uint32_t number)
{
    return (int32_t)(word - number) >= 0;
}

static void release_up_to(struct reef_anchor *anchor, uint32_t number)
{
    uint32_t word = atomic_load(&anchor->words[0]);
    while (!reached(word, number) &&
           !atomic_compare_exchange_weak(&anchor->words[0], &word, number))
        ;
}

static bool gave_up(const struct reef_anchor *anchor)
{
    return reached(atomic_load(&anchor->words[1]), atomic_load(&anchor->number));
}

static struct reef_anchor *anchor_of(const struct reef_context *context)
{
    return context ? atomic_load_explicit(&context->anchor, memory_order_acquire) : NULL;
}

static bool release(struct reef_anchor *anchor)
{
    if (!atomic_exchange(&anchor->up, false))
        return false;
    release_up_to(anchor, atomic_load(&anchor->number));
    return true;
}

bool cu_anchor_release(void)
{
    bool any = false;
    for (struct reef_context *c = __atomic_load_n(&reef_cuda.contexts, __ATOMIC_ACQUIRE); c;
         c = c->next)
        any = (anchor_of(c) && release(anchor_of(c))) || any;
    return any;
}

static bool launch(const struct reef_anchor *anchor, uint32_t number)
{
    uint32_t limit_ns = LIMIT_NS;
    void *parameters[] = {(void *)&anchor->words_at, &number, &limit_ns};
    const cu_word a[] = {
        anchor->function, 1, 1, 1, 1, 1, 1, 0, anchor->stream, (cu_word)(uintptr_t)parameters, 0};
    void *real = cu_real(&cu_api[CU_cuLaunchKernel]);
    return real && cu_call(real, a, 11) == CUDA_SUCCESS;
}

static void give_up(const char *why)
{
    if (!atomic_exchange(&broken, true))
        reef_info("no more anchors: %s", why);
    atomic_store(&wanted, false);
    cu_anchor_release();
}

static bool make(struct reef_anchor *anchor)
{
    enum { BYTES = 4096 };
    cu_word module = 0;
    void *page = mmap(NULL, BYTES, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (page == MAP_FAILED)
        return false;
    anchor->words = page;
    bool made =
        cu.cuMemHostRegister_v2 && cu.cuMemHostGetDevicePointer_v2 && cu.cuModuleLoadData &&
        cu.cuModuleGetFunction &&
        cu.cuMemHostRegister_v2((cu_word)(uintptr_t)page, BYTES, HOST_PORTABLE_MAPPED) ==
            CUDA_SUCCESS &&
        cu.cuMemHostGetDevicePointer_v2(cu_out(anchor->words_at), (cu_word)(uintptr_t)page, 0) ==
            CUDA_SUCCESS &&
        cu.cuModuleLoadData(cu_out(module), (cu_word)(uintptr_t)ptx) == CUDA_SUCCESS &&
        cu.cuModuleGetFunction(cu_out(anchor->function), module, (cu_word)(uintptr_t) "anchor") ==
            CUDA_SUCCESS &&
        cu.cuStreamCreateWithPriority(cu_out(anchor->stream), NONBLOCKING, 0) == CUDA_SUCCESS;
    /* One that ends at once, so that its code is on the device before it matters. */
    atomic_store(&anchor->number, 1);
    atomic_store(&anchor->words[0], 1);
    return made && launch(anchor, 1);
}

/* @context is current in this thread. */
static void make_for(struct reef_context *context)
{
    static pthread_mutex_t make_lock = PTHREAD_MUTEX_INITIALIZER;
    if (pthread_mutex_trylock(&make_lock) != 0)
        return;
    if (!anchor_of(context) && !atomic_load(&broken)) {
        struct reef_anchor *anchor = calloc(1, sizeof(*anchor));
        if (anchor && pthread_mutex_init(&anchor->lock, NULL) == 0 && make(anchor)) {
            atomic_store(&cu_anchor_in_use, true);
            atomic_store_explicit(&context->anchor, anchor, memory_order_release);
        } else {
            give_up("they cannot be made"); /* what was made stays: once in a process's life */
        }
    }
    pthread_mutex_unlock(&make_lock);
}

/* The new one stands behind the old one before that is told to end. */
static void place(struct reef_context *context)
{
    struct reef_anchor *anchor = anchor_of(context);
    if (!anchor && context && reef_state.config.anchor == ON)
        make_for(context); /* by whoever comes first: for tests, and for who asks for it */
    else if (!anchor && context)
        atomic_store(&context->anchor_wanted, true);
    if (!(anchor = anchor_of(context)))
        return;
    uint64_t now_ns = reef_now_ns();
    bool up = atomic_load(&anchor->up) && !gave_up(anchor);
    if (up && now_ns - atomic_load(&anchor->placed_ns) < LIMIT_NS / 2)
        return;
    if (pthread_mutex_trylock(&anchor->lock) != 0)
        return;
    uint32_t before = atomic_load(&anchor->number);
    atomic_store(&anchor->number, before + 1);
    atomic_store(&anchor->placed_ns, now_ns);
    atomic_store(&anchor->up, true);
    bool launched = launch(anchor, before + 1) && launch(anchor, before + 1);
    release_up_to(anchor, before);
    atomic_fetch_add(&placed, 1);
    pthread_mutex_unlock(&anchor->lock);
    if (!launched)
        give_up("the driver refuses them");
}

/* --- the program's calls --- */

static _Atomic cu_word *slot_of(cu_word launched)
{
    return &seen[(launched * 0x9e3779b97f4a7c15ull >> 48) % SEEN];
}

/* Whether it was launched before: if not, its code may have to be loaded first. */
static bool known(cu_word launched)
{
    return atomic_exchange_explicit(slot_of(launched), launched, memory_order_relaxed) == launched;
}

/* A handle may mean something else from now on. */
static void forget_known(const struct cu_api *api, const cu_word *a)
{
    bool unload = api->kind == CU_KIND_SYNC_ALL && api->arguments > 0;
    if (api->kind == CU_KIND_EXEC_DESTROY || api->kind == CU_KIND_EXEC_CHANGE)
        atomic_store_explicit(slot_of(a[0]), 0, memory_order_relaxed);
    if (unload || api->kind == CU_KIND_CTX_DESTROY)
        for (unsigned i = 0; i < SEEN; i++)
            atomic_store_explicit(&seen[i], 0, memory_order_relaxed);
}

static bool is_cooperative(const struct cu_api *api, const cu_word *a)
{
    enum { COOPERATIVE = 2 };
    const struct cu_launch_config *config = cu_pointer(a[0]);
    if (api->kind != CU_KIND_LAUNCH_EX)
        return api->kind == CU_KIND_LAUNCH_COOPERATIVE;
    const char *at = config ? config->attributes : NULL;
    for (uint32_t i = 0; at && i < config->attribute_count; i++, at += CU_LAUNCH_ATTRIBUTE_BYTES) {
        uint32_t id, value;
        memcpy(&id, at, sizeof(id));
        memcpy(&value, at + 8, sizeof(value));
        if (id == COOPERATIVE && value)
            return true;
    }
    return false;
}

/* Whether the call waits for nothing but the program's own work. */
static bool stays_for(const struct cu_api *api, const cu_word *a)
{
    switch (api->kind) {
    case CU_KIND_LAUNCH:
    case CU_KIND_GRAPH_LAUNCH:
        return known(a[0]);
    case CU_KIND_LAUNCH_EX:
        return known(a[1]) && !is_cooperative(api, a);
    case CU_KIND_CODE_FUNCTION: /* PyTorch asks before every launch */
    case CU_KIND_CODE_OF_KERNEL:
        return api == &cu_api[CU_cuKernelGetFunction] && known(a[1]);
    case CU_KIND_COPY:
    case CU_KIND_COPY_HTOA:
    case CU_KIND_COPY_ATOH:
    case CU_KIND_COPY_2D:
    case CU_KIND_COPY_3D:
    case CU_KIND_SYNC_COPY:
    case CU_KIND_MEMSET:
    case CU_KIND_DEFER:
    case CU_KIND_EVENT_RECORD:
    case CU_KIND_EVENT_WAIT:
    case CU_KIND_EVENT_QUERY:
    case CU_KIND_EVENT_SYNC:
    case CU_KIND_EVENT_ELAPSED:
    case CU_KIND_QUERY_STREAM:
    case CU_KIND_SYNC_STREAM:
    case CU_KIND_STREAM_PASS:
    case CU_KIND_STREAM_GET_PRIORITY:
    case CU_KIND_RESOLVER:
        return true;
    case CU_KIND_MEM_FREE: /* of a pool; others wait for the device */
    case CU_KIND_TURN_STREAM:
        return api->stream >= 0;
    default:
        return false;
    }
}

static bool waits_for_work(const struct cu_api *api)
{
    return api->kind == CU_KIND_SYNC_STREAM || api->kind == CU_KIND_EVENT_SYNC ||
           api->kind == CU_KIND_SYNC_ALL || api->kind == CU_KIND_SYNC_COPY;
}

void cu_anchor_before(const struct cu_api *api, const cu_word *a)
{
    if (!stays_for(api, a) && cu_anchor_release())
        reef_debug("anchor taken up for %s", api->symbol);
    if (is_cooperative(api, a))
        atomic_store(&put_off, true);
    forget_known(api, a);
}

/* An anchor has ended by itself, and what was called came back right then. */
static void look_for_harm(struct reef_anchor *anchor)
{
    if (!atomic_load(&anchor->up) || !gave_up(anchor) || !atomic_exchange(&anchor->up, false))
        return;
    uint64_t age_ns = reef_now_ns() - atomic_load(&anchor->placed_ns);
    bool late = age_ns >= LIMIT_NS && age_ns < LIMIT_NS + SUSPECT_NS;
    if (late && atomic_fetch_add(&suspects, 1) + 1 >= SUSPECTS)
        give_up("work waited for them");
}

void cu_anchor_after(const struct cu_api *api, cu_result result)
{
    if (waits_for_work(api) && atomic_load(&reef_cuda.gpus[0].rt_raised))
        atomic_fetch_add_explicit(&waits, 1, memory_order_relaxed);
    if (atomic_load_explicit(&cu_anchor_in_use, memory_order_relaxed)) {
        struct reef_anchor *anchor = anchor_of(cu_context());
        if (anchor)
            look_for_harm(anchor);
    }
    bool now = atomic_load_explicit(&wanted, memory_order_relaxed) ||
               (reef_state.config.anchor == ON && !atomic_load(&broken));
    if (reef_unlikely(now) && api->work && result == CUDA_SUCCESS && !atomic_load(&put_off) &&
        atomic_load(&reef_cuda.captures) == 0)
        place(cu_context());
}

/* Records an event of ours in every stream of @context that may have work. Returns how many, or -1.
 * The anchor's lock is held. */
static int record_all(struct reef_anchor *anchor, const struct reef_context *context)
{
    struct reef_cuda *cuda = &reef_cuda;
    struct reef_stream *streams[STREAMS];
    int count = 0, recorded = 0;
    pthread_mutex_lock(&cuda->lock);
    bool may = atomic_load(&cuda->captures) == 0;
    for (struct reef_stream *s = cuda->streams; s && may; s = s->all_next) {
        if (!s->key || atomic_load(&s->arrivals) == s->idle_at)
            continue;
        /* Another context's may count too (a green one's), which only the driver knows. */
        may = s->context == context && count < STREAMS && cu_stream_ask_locked(s);
        if (may)
            streams[count++] = s;
    }
    cuda->asking += (unsigned)count;
    pthread_mutex_unlock(&cuda->lock);
    for (int i = 0; i < count && may; i++, recorded += may)
        may = (anchor->events[i] ||
               cu.cuEventCreate(cu_out(anchor->events[i]), NO_TIMING) == CUDA_SUCCESS) &&
              cu.cuEventRecord(anchor->events[i], streams[i]->handle) == CUDA_SUCCESS;
    pthread_mutex_lock(&cuda->lock);
    for (int i = 0; i < count; i++)
        cu_stream_asked_locked(streams[i]);
    cuda->asking -= (unsigned)count;
    pthread_mutex_unlock(&cuda->lock);
    return may ? recorded : -1;
}

bool cu_anchor_wait_for_all(const struct cu_api *api, const cu_word *a, cu_result *result)
{
    struct reef_context *context = cu_context();
    struct reef_anchor *anchor = anchor_of(context);
    if (api != &cu_api[CU_cuCtxSynchronize] &&
        (api != &cu_api[CU_cuCtxSynchronize_v2] || !context || a[0] != context->handle))
        return false;
    if (!anchor || !atomic_load(&anchor->up) || pthread_mutex_trylock(&anchor->lock) != 0)
        return false;
    int count = cu.cuEventSynchronize ? record_all(anchor, context) : -1;
    *result = CUDA_SUCCESS;
    for (int i = 0; i < count && *result == CUDA_SUCCESS; i++)
        *result = cu.cuEventSynchronize(anchor->events[i]);
    pthread_mutex_unlock(&anchor->lock);
    return count >
           0; /* with no work there is nothing to wait for, but an error may have to be told */
}

/* --- the agent --- */

/* The context is not destroyed meanwhile. */
static void make_by_agent(struct reef_context *context)
{
    pthread_mutex_lock(&reef_cuda.lock);
    bool may = !context->paused;
    context->asking += may;
    pthread_mutex_unlock(&reef_cuda.lock);
    if (!may)
        return;
    cu_make_current(context->handle);
    make_for(context);
    pthread_mutex_lock(&reef_cuda.lock);
    context->asking--;
    pthread_mutex_unlock(&reef_cuda.lock);
}

static bool best_effort_there(uint64_t now_ns)
{
    static uint64_t looked_ns;
    static bool there;
    if (!looked_ns || now_ns - looked_ns >= PEERS_NS) {
        looked_ns = now_ns;
        there = false;
        for (int i = 0; i < atomic_load(&reef_cuda.gpu_count); i++)
            there = there || reef_board_has_peers(reef_cuda.gpus[i].board, REEF_BOARD_BE);
    }
    return there;
}

/* Whether the program is one that pauses. */
static bool pauses(uint64_t now_ns, bool over)
{
    static uint64_t since_ns;
    static unsigned waits_before, keep;
    if (!over && now_ns - since_ns < WINDOW_NS)
        return keep > 0;
    unsigned now = atomic_load(&waits), count = now - waits_before;
    waits_before = now;
    since_ns = now_ns;
    if (count >= PAUSES)
        keep = WINDOWS_KEPT;
    else if (keep > 0)
        keep--;
    return keep > 0;
}

void cu_anchor_step(uint64_t now_ns, bool over)
{
    bool use =
        reef_state.config.anchor == ON ||
        (reef_state.config.anchor == AUTO && pauses(now_ns, over) && best_effort_there(now_ns));
    use = use && !atomic_load(&broken) && !reef_disabled();
    atomic_store(&wanted, use);
    if (over || !use) {
        cu_anchor_release();
        atomic_store(&put_off, false);
    }
    if (!use || atomic_load(&reef_cuda.captures) != 0)
        return;
    for (struct reef_context *c = __atomic_load_n(&reef_cuda.contexts, __ATOMIC_ACQUIRE); c;
         c = c->next)
        if (c->handle && atomic_exchange(&c->anchor_wanted, false))
            make_by_agent(c);
}

bool cu_anchor_lingers(uint64_t now_ns, uint64_t idle_since_ns)
{
    bool up = false;
    for (struct reef_context *c = __atomic_load_n(&reef_cuda.contexts, __ATOMIC_ACQUIRE); c;
         c = c->next)
        up = up || (anchor_of(c) && atomic_load(&anchor_of(c)->up));
    return up && now_ns - idle_since_ns < LINGER_NS;
}

unsigned cu_anchor_count(void)
{
    return atomic_load(&placed);
}

/* The context is gone, and with it what is the driver's; the words are ours, and stay. */
void cu_anchor_forget(struct reef_context *context)
{
    atomic_store(&context->anchor, NULL);
    atomic_store(&context->anchor_wanted, false);
}
