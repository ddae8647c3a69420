// SPDX-License-Identifier: Apache-2.0
/*
 * Programs made at random. Each works on a few words with steps that do not commute, in streams of
 * all kinds that come and go, and orders what has to be ordered by events that it records again and
 * again, by words that streams wait for, or by what CUDA promises of the legacy stream anyway. So
 * what the words hold in the end is what they would hold had every call been carried out at once;
 * that is computed along with it.
 *
 * What comes behind what is kept in vectors: seen[s][t] is how many operations of stream t are over
 * before the next one of stream s begins. An access that is not ordered by that gets an order.
 *
 * CONFORMANCE_SEED: another program.
 */
#include "conformance.h"

enum {
    LOGICAL = 48, /* streams, the destroyed ones included; 0: the legacy one */
    SLOTS = 6,
    WORDS = 12, /* the last PINNED of them in host memory, the one before is managed */
    PINNED = 4,
    EVENTS = 5,
    GATES = 2,
    GATE_MS = 100, /* hardware may let copies of host memory wait for other streams' gates */
    STEPS = 160,
    THREADS = 3,
};

struct access {
    unsigned writer;
    uint32_t written, read[LOGICAL];
};

struct program {
    unsigned seed;
    bool alone; /* no other thread uses the context */
    unsigned streams, slot[SLOTS];
    CUstream handle[LOGICAL]; /* valid unless gone */
    bool blocking[LOGICAL], gone[LOGICAL];
    uint32_t count[LOGICAL], seen[LOGICAL][LOGICAL];
    CUdeviceptr at[WORDS];
    uint32_t *host[WORDS]; /* of pinned ones */
    uint32_t value[WORDS];
    struct access access[WORDS];
    CUevent event[EVENTS];
    uint32_t *flags, flag[LOGICAL]; /* words that streams wait for */
    struct gate gate[STEPS];
    unsigned gates, opened;
};

/* While any stream of a context is captured nobody may wait for all of the context: the driver
 * refuses that and breaks the capture (seen with driver 580, whatever the thread's mode). */
static pthread_mutex_t capturing = PTHREAD_MUTEX_INITIALIZER;

static void wait_for_all(void)
{
    pthread_mutex_lock(&capturing);
    OK(cuCtxSynchronize());
    pthread_mutex_unlock(&capturing);
}

static unsigned below(struct program *p, unsigned n)
{
    return (unsigned)rand_r(&p->seed) % n;
}

static void merge(uint32_t *to, const uint32_t *from)
{
    for (unsigned t = 0; t < LOGICAL; t++)
        to[t] = to[t] > from[t] ? to[t] : from[t];
}

/* ---- streams ---- */

static void add_stream(struct program *p, unsigned slot)
{
    unsigned s = p->streams++;

    p->slot[slot] = s;
    if (s == 0) {
        p->handle[s] = NULL;
        p->blocking[s] = true;
    } else if (s == 1) {
        p->handle[s] = CU_STREAM_PER_THREAD;
        p->blocking[s] = true;
    } else {
        p->blocking[s] = slot % 2;
        OK(cuStreamCreateWithPriority(&p->handle[s], p->blocking[s] ? 0 : CU_STREAM_NON_BLOCKING,
                                      -(int)below(p, 3)));
    }
}

/* Before an operation of stream @s: what the legacy stream has to do with it. */
static void begin(struct program *p, unsigned s)
{
    for (unsigned t = 0; s == 0 && t < p->streams; t++) {
        if (p->blocking[t] && !p->gone[t]) {
            merge(p->seen[0], p->seen[t]);
            p->seen[0][t] = p->count[t];
        }
    }
    if (s != 0 && p->blocking[s]) {
        merge(p->seen[s], p->seen[0]);
        p->seen[s][0] = p->count[0];
    }
}

static void end(struct program *p, unsigned s)
{
    p->seen[s][s] = ++p->count[s];
}

static void open_gates(struct program *p)
{
    while (p->opened < p->gates)
        gate_open(&p->gate[p->opened++]);
}

static void synchronize_all(struct program *p)
{
    open_gates(p);
    wait_for_all();
    for (unsigned s = 0; s < p->streams; s++)
        merge(p->seen[s], p->count);
}

/* What comes in stream @s from now on comes behind what is in @t. */
static void order(struct program *p, unsigned t, unsigned s)
{
    unsigned e = below(p, EVENTS);

    if (p->gone[t]) {
        synchronize_all(p);
        return;
    }
    begin(p, t);
    if (s != 0 && t != 0 && below(p, 3) == 0) {
        CUdeviceptr flag = (CUdeviceptr)(uintptr_t)&p->flags[t];

        OK(cuStreamWriteValue32(p->handle[t], flag, ++p->flag[t], 0));
        end(p, t);
        begin(p, s);
        OK(cuStreamWaitValue32(p->handle[s], flag, p->flag[t], CU_STREAM_WAIT_VALUE_GEQ));
    } else {
        OK(cuEventRecord(p->event[e], p->handle[t]));
        end(p, t);
        begin(p, s);
        OK(cuStreamWaitEvent(p->handle[s], p->event[e], 0));
    }
    merge(p->seen[s], p->seen[t]);
    end(p, s);
}

/* Stream @s may read or write word @w in its next operation, and does so. */
static void use(struct program *p, unsigned s, unsigned w, bool writes)
{
    struct access *a = &p->access[w];

    begin(p, s);
    for (unsigned t = 0; t < p->streams; t++) {
        uint32_t needed = a->writer == t ? a->written : 0;

        if (writes && a->read[t] > needed)
            needed = a->read[t];
        if (t != s && p->seen[s][t] < needed)
            order(p, t, s);
    }
    begin(p, s);
    if (writes) {
        a->writer = s;
        a->written = p->count[s] + 1;
    } else {
        a->read[s] = p->count[s] + 1;
    }
}

/* ---- operations ---- */

static CUlaunchConfig one_thread(CUstream s)
{
    return (CUlaunchConfig){1, 1, 1, 1, 1, 1, 0, s, NULL, 0};
}

static void kernel(struct program *p, unsigned s, CUdeviceptr at, uint32_t a, uint32_t b)
{
    void *args[] = {&at, &a, &b};
    CUlaunchAttribute attributes[2] = {
        {.id = CU_LAUNCH_ATTRIBUTE_IGNORE},
        {.id = CU_LAUNCH_ATTRIBUTE_PRIORITY, .value = {.priority = -(int)below(p, 3)}}};
    CUlaunchConfig config = one_thread(p->handle[s]);

    config.attrs = attributes;
    config.numAttrs = below(p, 3);
    switch (below(p, 4)) {
    case 0:
        OK(cuLaunchKernelEx(&config, fn("affine"), args, NULL));
        break;
    case 1:
        OK(cuLaunchCooperativeKernel(fn("affine"), 1, 1, 1, 1, 1, 1, 0, p->handle[s], args));
        break;
    default:
        OK(cuLaunchKernel(fn("affine"), 1, 1, 1, 1, 1, 1, 0, p->handle[s], args, NULL));
    }
}

static void do_kernel(struct program *p, unsigned s, unsigned w)
{
    uint32_t a = below(p, 1000) * 2 + 1, b = below(p, 1000);

    use(p, s, w, true);
    kernel(p, s, p->at[w], a, b);
    end(p, s);
    p->value[w] = p->value[w] * a + b;
}

static void do_copy(struct program *p, unsigned s, unsigned w)
{
    unsigned from = below(p, WORDS);

    if (from == w)
        return;
    use(p, s, from, false);
    use(p, s, w, true);
    /* Ordering the one may have put operations between. */
    p->access[from].read[s] = p->count[s] + 1;
    OK(cuMemcpyAsync(p->at[w], p->at[from], 4, p->handle[s]));
    end(p, s);
    p->value[w] = p->value[from];
}

static void do_set(struct program *p, unsigned s, unsigned w)
{
    uint32_t value = below(p, 1u << 30);

    use(p, s, w, true);
    if (below(p, 2) || w == WORDS - PINNED - 1)
        OK(cuMemsetD32Async(p->at[w], value, 1, p->handle[s]));
    else if (below(p, 2))
        OK(cuStreamWriteValue32(p->handle[s], p->at[w], value, 0));
    else
        OK(cuMemcpyHtoDAsync(p->at[w], &value, 4, p->handle[s])); /* pageable: taken at once */
    end(p, s);
    p->value[w] = value;
}

struct call {
    uint32_t *at, a, b;
};

static void CUDA_CB host_step(void *arg)
{
    struct call *call = arg;

    *call->at = *call->at * call->a + call->b;
    free(call);
}

static void do_host(struct program *p, unsigned s, unsigned unused)
{
    unsigned w = WORDS - 1 - below(p, PINNED);
    struct call *call = malloc(sizeof(*call));

    *call = (struct call){p->host[w], below(p, 1000) * 2 + 1, below(p, 1000)};
    p->value[w] = p->value[w] * call->a + call->b;
    use(p, s, w, true);
    OK(cuLaunchHostFunc(p->handle[s], host_step, call));
    end(p, s);
}

static void do_allocate(struct program *p, unsigned s, unsigned w)
{
    uint32_t value = below(p, 1000), a = below(p, 1000), b = below(p, 1000);
    CUdeviceptr at;

    OK(cuMemAllocAsync(&at, 4, p->handle[s]));
    OK(cuMemsetD32Async(at, value, 1, p->handle[s]));
    kernel(p, s, at, a, b);
    use(p, s, w, true);
    OK(cuMemcpyDtoDAsync(p->at[w], at, 4, p->handle[s]));
    end(p, s);
    OK(cuMemFreeAsync(at, p->handle[s]));
    p->value[w] = value * a + b;
}

static void do_prefetch(struct program *p, unsigned s, unsigned unused)
{
    unsigned w = WORDS - PINNED - 1;
    CUmemLocation there = {below(p, 2) ? CU_MEM_LOCATION_TYPE_DEVICE : CU_MEM_LOCATION_TYPE_HOST,
                           0};

    if (!attribute(CU_DEVICE_ATTRIBUTE_CONCURRENT_MANAGED_ACCESS))
        return;
    use(p, s, w, true);
    OK(cuMemPrefetchAsync(p->at[w], 4, there, 0, p->handle[s]));
    end(p, s);
}

/* ---- graphs ---- */

static CUDA_KERNEL_NODE_PARAMS node_of(void **args)
{
    return (CUDA_KERNEL_NODE_PARAMS){.func = fn("affine"),
                                     .gridDimX = 1,
                                     .gridDimY = 1,
                                     .gridDimZ = 1,
                                     .blockDimX = 1,
                                     .blockDimY = 1,
                                     .blockDimZ = 1,
                                     .kernelParams = args};
}

/* One step twice, launched a few times, changed in between, and destroyed while it is to come. */
static void do_graph(struct program *p, unsigned s, unsigned w)
{
    uint32_t a = 3, b = below(p, 1000);
    void *args[] = {&p->at[w], &a, &b};
    CUDA_KERNEL_NODE_PARAMS params = node_of(args);
    CUgraphNode nodes[2];
    CUgraphExec exec;
    CUgraph graph;

    OK(cuGraphCreate(&graph, 0));
    OK(cuGraphAddKernelNode(&nodes[0], graph, NULL, 0, &params));
    OK(cuGraphAddKernelNode(&nodes[1], graph, &nodes[0], 1, &params));
    OK(cuGraphInstantiate(&exec, graph, 0));
    for (uint32_t first_b = b, n = below(p, 3) + 1; n > 0; n--, s = p->slot[below(p, SLOTS)]) {
        use(p, s, w, true);
        OK(cuGraphLaunch(exec, p->handle[s]));
        end(p, s);
        p->value[w] = (p->value[w] * 3 + first_b) * a + b;
        if (below(p, 2)) {
            a = below(p, 1000) * 2 + 1;
            b = below(p, 1000);
            OK(cuGraphExecKernelNodeSetParams(exec, nodes[1], &params));
        }
    }
    OK(cuGraphDestroy(graph));
    OK(cuGraphExecDestroy(exec));
}

static void do_capture(struct program *p, unsigned s, unsigned w)
{
    uint32_t a = below(p, 1000), b = below(p, 1000);
    CUgraphExec exec;
    CUgraph graph;

    if (p->blocking[s]) /* others must not use the legacy stream then */
        return;
    pthread_mutex_lock(&capturing);
    OK(cuStreamBeginCapture(p->handle[s], CU_STREAM_CAPTURE_MODE_THREAD_LOCAL));
    kernel(p, s, p->at[w], a, b);
    kernel(p, s, p->at[w], a, b);
    OK(cuStreamEndCapture(p->handle[s], &graph));
    pthread_mutex_unlock(&capturing);
    OK(cuGraphInstantiate(&exec, graph, 0));
    use(p, s, w, true);
    OK(cuGraphLaunch(exec, p->handle[s]));
    end(p, s);
    OK(cuGraphExecDestroy(exec));
    OK(cuGraphDestroy(graph));
    p->value[w] = (p->value[w] * a + b) * a + b;
}

/* ---- the rest ---- */

static void do_gate(struct program *p, unsigned s, unsigned unused)
{
    if (s == 0 || p->gates - p->opened == GATES)
        return;
    begin(p, s);
    gate_close_for(&p->gate[p->gates++], p->handle[s], GATE_MS);
    end(p, s);
}

static void do_open(struct program *p, unsigned s, unsigned unused)
{
    if (p->opened < p->gates)
        gate_open(&p->gate[p->opened++]);
}

static void do_replace(struct program *p, unsigned unused, unsigned also)
{
    unsigned slot = 2 + below(p, SLOTS - 2), s = p->slot[slot];

    if (p->streams == LOGICAL)
        return;
    OK(cuStreamDestroy(p->handle[s]));
    p->gone[s] = true;
    add_stream(p, slot);
}

static void do_replace_event(struct program *p, unsigned unused, unsigned also)
{
    unsigned e = below(p, EVENTS);

    OK(cuEventDestroy(p->event[e]));
    OK(cuEventCreate(&p->event[e], below(p, 2) ? CU_EVENT_DISABLE_TIMING : CU_EVENT_DEFAULT));
}

static void do_ask(struct program *p, unsigned s, unsigned unused)
{
    float ms;
    CUresult rc =
        below(p, 2) ? cuEventQuery(p->event[below(p, EVENTS)]) : cuStreamQuery(p->handle[s]);

    CHECK(rc == CUDA_SUCCESS || rc == CUDA_ERROR_NOT_READY);
    rc = cuEventElapsedTime(&ms, p->event[0], p->event[1]);
    CHECK(rc == CUDA_SUCCESS || rc == CUDA_ERROR_NOT_READY || rc == CUDA_ERROR_INVALID_HANDLE);
}

static void do_synchronize(struct program *p, unsigned s, unsigned unused)
{
    if (below(p, 4) == 0) {
        synchronize_all(p);
        return;
    }
    open_gates(p);
    OK(cuStreamSynchronize(p->handle[s]));
}

/* In the legacy stream, and the host waits for it. */
static void do_read(struct program *p, unsigned unused, unsigned w)
{
    uint32_t value;

    open_gates(p);
    use(p, 0, w, false);
    OK(cuMemcpyDtoH(&value, p->at[w], 4));
    end(p, 0);
    EQUAL(value, p->value[w]);
}

static void do_module(struct program *p, unsigned s, unsigned w)
{
    uint32_t a = 5, b = 7;
    void *args[] = {&p->at[w], &a, &b};
    CUmodule loaded;
    CUfunction f;

    open_gates(p); /* loading code may wait for all streams */
    OK(cuModuleLoadData(&loaded, conf_ptx));
    OK(cuModuleGetFunction(&f, loaded, "affine"));
    use(p, s, w, true);
    OK(cuLaunchKernel(f, 1, 1, 1, 1, 1, 1, 0, p->handle[s], args, NULL));
    end(p, s);
    p->value[w] = p->value[w] * a + b;
    OK(cuModuleUnload(loaded));
}

static const struct {
    void (*run)(struct program *p, unsigned s, unsigned w);
    unsigned weight;
} operations[] = {
    {do_kernel, 30},       {do_copy, 12},       {do_set, 12},    {do_host, 8},
    {do_allocate, 6},      {do_graph, 6},       {do_capture, 4}, {do_gate, 5},
    {do_open, 6},          {do_replace, 3},     {do_ask, 6},     {do_read, 2},
    {do_replace_event, 3}, {do_synchronize, 2}, {do_module, 1},  {do_prefetch, 2},
};

static void step(struct program *p)
{
    unsigned all = 0, i = 0, chosen;

    for (unsigned k = 0; k < sizeof(operations) / sizeof(operations[0]); k++)
        all += operations[k].weight;
    for (chosen = below(p, all); chosen >= operations[i].weight; i++)
        chosen -= operations[i].weight;
    operations[i].run(p, p->slot[below(p, SLOTS)], below(p, WORDS));
}

static void prepare(struct program *p, unsigned seed)
{
    const char *other = getenv("CONFORMANCE_SEED");

    p->seed = seed + (other ? (unsigned)atoi(other) * 1000 : 0);
    pthread_mutex_lock(&capturing); /* it waits for all, too */
    p->at[0] = words(WORDS);
    pthread_mutex_unlock(&capturing);
    for (unsigned w = 0; w < WORDS; w++)
        p->at[w] = p->at[0] + w * 4;
    OK(cuMemAllocManaged(&p->at[WORDS - PINNED - 1], 4, CU_MEM_ATTACH_GLOBAL));
    OK(cuMemsetD32(p->at[WORDS - PINNED - 1], 0, 1));
    wait_for_all();
    uint32_t *host = pinned(PINNED);
    for (unsigned i = 0; i < PINNED; i++) {
        p->host[WORDS - PINNED + i] = &host[i];
        p->at[WORDS - PINNED + i] = (CUdeviceptr)(uintptr_t)&host[i];
    }
    p->flags = pinned(LOGICAL);
    for (unsigned e = 0; e < EVENTS; e++)
        p->event[e] = event();
    for (unsigned slot = 0; slot < SLOTS; slot++)
        add_stream(p, slot);
}

static void run(unsigned seed)
{
    struct program *p = calloc(1, sizeof(*p));

    prepare(p, seed);
    for (unsigned i = 0; i < STEPS; i++)
        step(p);
    synchronize_all(p);
    for (unsigned w = 0; w < WORDS; w++) {
        uint32_t value = 0;

        OK(cuMemcpyDtoH(&value, p->at[w], 4));
        EQUAL(value, p->value[w]);
    }
}

CASE(random_first, "a program made at random computes what its calls say in their order")
{
    run(1);
}

CASE(random_second, "another program made at random")
{
    run(2);
}

CASE(random_third, "one more program made at random")
{
    run(3);
}

static CUcontext shared;

static void *run_beside(void *seed)
{
    OK(cuCtxSetCurrent(shared));
    run((unsigned)(uintptr_t)seed);
    return NULL;
}

CASE(random_threads, "programs made at random in several threads of one context")
{
    pthread_t threads[THREADS];

    OK(cuCtxGetCurrent(&shared));
    fn("affine");
    for (uintptr_t i = 0; i < THREADS; i++)
        run_thread(run_beside, (void *)(10 + i), &threads[i]);
    for (unsigned i = 0; i < THREADS; i++)
        pthread_join(threads[i], NULL);
}
