// SPDX-License-Identifier: Apache-2.0
/*
 * guarded ROUNDS SEED: a program of the driver API whose kernels may be ended and run again (or
 * must not), in several streams, with all that may stand behind them: copies, memsets, events, host
 * functions, waits between streams, waits for what is called later, queries, frees. What it finds
 * at every synchronisation, and in the end, must be what the same steps give on the host, bit for
 * bit: under libreef with guards too, while real-time work comes and goes (test_guarded.sh).
 */
#include <cuda.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define OK(call)                                                                                   \
    do {                                                                                           \
        CUresult r_ = (call);                                                                      \
        if (r_ != CUDA_SUCCESS) {                                                                  \
            printf("%s:%d: %s: %d\n", __FILE__, __LINE__, #call, (int)r_);                         \
            exit(1);                                                                               \
        }                                                                                          \
    } while (0)

enum { THREADS = 64, BLOCKS = 4, N = THREADS * BLOCKS, LANES = 4, BUFFERS = 3, WORK = 400 };

static const char ptx[] =
    ".version 7.0\n.target sm_70\n.address_size 64\n.visible .global .align 4 .u32 salt = 12345;\n"
#define BEGIN                                                                                      \
    ".reg .b64 %d<12>; .reg .b32 %r<16>; .reg .pred %p<4>;\n"                                      \
    "mov.u32 %r1, %tid.x; mov.u32 %r2, %ctaid.x; mov.u32 %r3, %ntid.x; mad.lo.u32 %r4, %r2, %r3, " \
    "%r1; mul.wide.u32 %d1, %r4, 4;\n"
    /* out[i] = mixed in[i]; a loop whose threads do not meet */
    ".visible .entry mix(.param .u64 out, .param .u64 in, .param .u32 n) {" BEGIN
    "ld.param.u64 %d2, [out]; ld.param.u64 %d3, [in]; ld.param.u32 %r5, [n]; add.u64 %d4, %d2, %d1;"
    " add.u64 %d5, %d3, %d1; ld.global.u32 %r6, [%d5]; ld.global.u32 %r9, [salt]; mov.u32 %r7, 0;\n"
    "L: mul.lo.u32 %r6, %r6, 1664525; add.u32 %r6, %r6, %r9; shr.u32 %r8, %r6, 7; xor.b32 %r6, "
    "%r6, "
    "%r8;\nadd.u32 %r7, %r7, 1; setp.lt.u32 %p1, %r7, %r5;\n@%p1 bra L;\nst.global.u32 [%d4], %r6; "
    "ret; }\n"
    /* threads of a block hand words on through shared memory, and read where those say */
    ".visible .entry tile(.param .u32 n, .param .u64 in, .param .u64 out) {" BEGIN
    ".shared .align 4 .b8 words[256];\n"
    "ld.param.u64 %d2, [out]; ld.param.u64 %d3, [in]; ld.param.u32 %r5, [n]; add.u64 %d4, %d2, %d1;"
    " add.u64 %d5, %d3, %d1; ld.global.u32 %r6, [%d5]; mov.u32 %r7, 0; mov.u64 %d6, words; "
    "mul.wide.u32 %d7, %r1, 4; add.u64 %d8, %d6, %d7;\n"
    "L: st.shared.u32 [%d8], %r6; bar.sync 0; and.b32 %r8, %r6, 63; mul.wide.u32 %d9, %r8, 4; "
    "add.u64 %d10, %d6, %d9; ld.shared.u32 %r9, [%d10];\nmad.lo.u32 %r6, %r9, 5, %r6; add.u32 %r6, "
    "%r6, 1; bar.sync 0; add.u32 %r7, %r7, 1; setp.lt.u32 %p1, %r7, %r5;\n@%p1 bra L;\n"
    "st.global.u32 [%d4], %r6; ret; }\n"
    /* must not be run twice */
    ".visible .entry bump(.param .u64 x) {" BEGIN
    "ld.param.u64 %d2, [x]; add.u64 %d4, %d2, %d1; ld.global.u32 %r6, [%d4]; mad.lo.u32 %r6, %r6, "
    "3, "
    "1; st.global.u32 [%d4], %r6; ret; }\n"
    ".visible .entry count(.param .u64 x) {" BEGIN
    "ld.param.u64 %d2, [x]; add.u64 %d4, %d2, %d1; red.global.add.u32 [%d4], 7; ret; }\n"
    /* reads nothing */
    ".visible .entry fill(.param .u64 x, .param .u32 v) {" BEGIN
    "ld.param.u64 %d2, [x]; ld.param.u32 %r5, [v]; add.u64 %d4, %d2, %d1; add.u32 %r5, %r5, %r4; "
    "st.global.u32 [%d4], %r5; ret; }\n";

/* --- the same on the host --- */

static void host_mix(uint32_t *out, const uint32_t *in, unsigned n)
{
    for (unsigned i = 0; i < N; i++) {
        uint32_t v = in[i];
        for (unsigned k = 0; k < n; k++) {
            v = v * 1664525 + 12345;
            v ^= v >> 7;
        }
        out[i] = v;
    }
}

static void host_tile(uint32_t *out, const uint32_t *in, unsigned n)
{
    uint32_t words[THREADS], v[THREADS];
    for (unsigned b = 0; b < BLOCKS; b++) {
        memcpy(v, in + b * THREADS, sizeof(v));
        for (unsigned k = 0; k < n; k++) {
            memcpy(words, v, sizeof(v));
            for (unsigned t = 0; t < THREADS; t++)
                v[t] += words[v[t] & 63] * 5 + 1;
        }
        memcpy(out + b * THREADS, v, sizeof(v));
    }
}

/* --- a stream and its buffers --- */

struct lane {
    CUstream stream;
    CUdeviceptr at[BUFFERS];
    uint32_t want[BUFFERS][N];
    uint32_t *pinned;
    unsigned host_calls, host_wanted;
};
static struct lane lanes[LANES];
/* The same memory at two addresses, of lane 1. */
static CUdeviceptr twice[2];
static uint32_t twice_want[N];
static CUfunction mix, tile, bump, count, fill;
static CUevent event;
static CUstream opener;
static CUdeviceptr flag;
static unsigned failures;
static uint64_t seed;

static unsigned below(unsigned n)
{
    seed = seed * 6364136223846793005u + 1442695040888963407u;
    return (unsigned)(seed >> 33) % n;
}

static void launch(struct lane *l, CUfunction f, void **params)
{
    OK(cuLaunchKernel(f, BLOCKS, 1, 1, THREADS, 1, 1, 0, l->stream, params, NULL));
}

/* The same by a buffer, and by cuLaunchKernelEx. */
static void launch_mix(struct lane *l, CUdeviceptr out, CUdeviceptr in, uint32_t n)
{
    struct {
        CUdeviceptr out, in;
        uint32_t n;
    } buffer = {out, in, n};
    size_t bytes = 20;
    void *params[] = {&out, &in, &n};
    void *extra[] = {CU_LAUNCH_PARAM_BUFFER_POINTER, &buffer, CU_LAUNCH_PARAM_BUFFER_SIZE, &bytes,
                     CU_LAUNCH_PARAM_END};
    CUlaunchAttribute priority = {.id = CU_LAUNCH_ATTRIBUTE_PRIORITY};
    CUlaunchConfig config = {.gridDimX = BLOCKS,
                             .gridDimY = 1,
                             .gridDimZ = 1,
                             .blockDimX = THREADS,
                             .blockDimY = 1,
                             .blockDimZ = 1,
                             .hStream = l->stream,
                             .attrs = &priority,
                             .numAttrs = below(2)};
    switch (below(3)) {
    case 0:
        launch(l, mix, params);
        break;
    case 1:
        OK(cuLaunchKernel(mix, BLOCKS, 1, 1, THREADS, 1, 1, 0, l->stream, NULL, extra));
        break;
    default:
        OK(cuLaunchKernelEx(&config, mix, params, NULL));
        break;
    }
}

static void kernel(struct lane *l)
{
    unsigned from = below(BUFFERS), to = below(BUFFERS);
    uint32_t n = 1 + below(WORK), value = below(1000);
    void *in_out[] = {&n, &l->at[from], &l->at[to]}, *one[] = {&l->at[to]};
    void *filling[] = {&l->at[to], &value};
    uint32_t result[N];
    switch (below(6)) {
    case 0:
    case 1: /* in place too, now and then: then it must not be run twice */
        launch_mix(l, l->at[to], l->at[from], n);
        host_mix(result, l->want[from], n);
        break;
    case 2:
        launch(l, tile, in_out);
        host_tile(result, l->want[from], n);
        break;
    case 3:
        launch(l, bump, one);
        for (unsigned i = 0; i < N; i++)
            result[i] = l->want[to][i] * 3 + 1;
        break;
    case 4:
        launch(l, count, one);
        for (unsigned i = 0; i < N; i++)
            result[i] = l->want[to][i] + 7;
        break;
    default:
        launch(l, fill, filling);
        for (unsigned i = 0; i < N; i++)
            result[i] = value + i;
        break;
    }
    memcpy(l->want[to], result, sizeof(result));
}

/* --- what is no kernel --- */

static void compare(struct lane *l, const uint32_t *got, unsigned buffer, const char *when)
{
    if (memcmp(got, l->want[buffer], sizeof(l->want[buffer])) == 0)
        return;
    for (unsigned i = 0; i < N && failures < 10; i++)
        if (got[i] != l->want[buffer][i]) {
            printf("lane %u, buffer %u, word %u, %s: %u, not %u\n", (unsigned)(l - lanes), buffer,
                   i, when, got[i], l->want[buffer][i]);
            failures++;
            break;
        }
}

static void CUDA_CB called(void *arg)
{
    __atomic_fetch_add((unsigned *)arg, 1, __ATOMIC_SEQ_CST);
}

static void copy_out(struct lane *l, unsigned how)
{
    unsigned b = below(BUFFERS);
    uint32_t plain[N];
    switch (how) {
    case 0: /* pageable */
        OK(cuMemcpyDtoHAsync(plain, l->at[b], sizeof(plain), l->stream));
        OK(cuStreamSynchronize(l->stream));
        compare(l, plain, b, "after a pageable copy");
        break;
    case 1:
        OK(cuMemcpyDtoHAsync(l->pinned, l->at[b], sizeof(plain), l->stream));
        OK(cuEventRecord(event, l->stream));
        OK(cuEventSynchronize(event));
        compare(l, l->pinned, b, "after an event");
        break;
    default:
        OK(cuMemcpyDtoHAsync(l->pinned, l->at[b], sizeof(plain), l->stream));
        while (cuStreamQuery(l->stream) == CUDA_ERROR_NOT_READY) {
        }
        compare(l, l->pinned, b, "when nothing is left to do");
        break;
    }
}

/* The other one's buffer, behind its work, and before what comes. */
static void mix_from(struct lane *l, struct lane *peer, unsigned to, unsigned from, uint32_t n)
{
    if (peer == l)
        return;
    OK(cuEventRecord(event, peer->stream));
    OK(cuStreamWaitEvent(l->stream, event, 0));
    launch_mix(l, l->at[to], peer->at[from], n);
    host_mix(l->want[to], peer->want[from], n);
    OK(cuEventRecord(event, l->stream));
    OK(cuStreamWaitEvent(peer->stream, event, 0));
}

/* The lane's stream waits for a value that is written only behind more work of all lanes, in a
 * stream that waits for none of them. */
static void gated(struct lane *l)
{
    static uint32_t value;
    OK(cuStreamWaitValue32(l->stream, flag, ++value, CU_STREAM_WAIT_VALUE_GEQ));
    for (unsigned k = 1 + below(12); k > 0; k--) {
        struct lane *any = below(2) ? l : &lanes[below(LANES)];
        if (below(4) > 0)
            kernel(any);
        else
            mix_from(any, &lanes[below(LANES)], below(BUFFERS), below(BUFFERS), 1 + below(WORK));
    }
    OK(cuStreamWriteValue32(opener, flag, value, 0));
}

static void other(struct lane *l)
{
    unsigned from = below(BUFFERS), to = below(BUFFERS), value = 1 + below(WORK);
    struct lane *peer = &lanes[below(LANES)];
    switch (below(12)) {
    case 10:
    case 11:
        gated(l);
        break;
    case 9: /* in place, but it does not look so */
        launch_mix(&lanes[1], twice[1], twice[0], value);
        host_mix(twice_want, twice_want, value);
        break;
    case 0:
        if (from == to)
            break;
        OK(cuMemcpyDtoDAsync(l->at[to], l->at[from], sizeof(l->want[0]), l->stream));
        memcpy(l->want[to], l->want[from], sizeof(l->want[0]));
        break;
    case 1:
        OK(cuMemsetD32Async(l->at[to], value, N, l->stream));
        for (unsigned i = 0; i < N; i++)
            l->want[to][i] = value;
        break;
    case 2:
        l->host_wanted++;
        OK(cuLaunchHostFunc(l->stream, called, &l->host_calls));
        break;
    case 3:
        mix_from(l, peer, to, from, value);
        break;
    case 4: /* memory that is freed behind a kernel that uses it */
    {
        CUdeviceptr more;
        OK(cuMemAlloc(&more, sizeof(l->want[0])));
        launch_mix(l, more, l->at[from], value);
        launch_mix(l, l->at[to], more, value);
        host_mix(l->want[to], l->want[from], value);
        host_mix(l->want[to], l->want[to], value);
        OK(cuMemFree(more));
        break;
    }
    default:
        copy_out(l, below(3));
        break;
    }
    if (below(40) == 0) {
        OK(cuStreamSynchronize(l->stream));
        if (__atomic_load_n(&l->host_calls, __ATOMIC_SEQ_CST) != l->host_wanted) {
            printf("%u host functions were called of %u\n", l->host_calls, l->host_wanted);
            failures++;
        }
    }
}

/* --- */

static void map_twice(CUdevice device)
{
    CUmemAllocationProp prop = {.type = CU_MEM_ALLOCATION_TYPE_PINNED,
                                .location = {CU_MEM_LOCATION_TYPE_DEVICE, device}};
    CUmemAccessDesc access = {prop.location, CU_MEM_ACCESS_FLAGS_PROT_READWRITE};
    CUmemGenericAllocationHandle memory;
    size_t bytes;
    OK(cuMemGetAllocationGranularity(&bytes, &prop, CU_MEM_ALLOC_GRANULARITY_MINIMUM));
    OK(cuMemCreate(&memory, bytes, &prop, 0));
    for (unsigned i = 0; i < 2; i++) {
        OK(cuMemAddressReserve(&twice[i], bytes, 0, 0, 0));
        OK(cuMemMap(twice[i], bytes, 0, memory, 0));
        OK(cuMemSetAccess(twice[i], bytes, &access, 1));
    }
    OK(cuMemsetD32(twice[0], 0, N));
}

/* One buffer of each lane is of another kind of memory, of which not all is known. */
static void allocate(struct lane *l, unsigned kind, CUdeviceptr *at)
{
    void *host;
    switch (kind) {
    case 1:
        OK(cuMemAllocManaged(at, sizeof(l->want[0]), CU_MEM_ATTACH_GLOBAL));
        break;
    case 2:
        OK(cuMemAllocAsync(at, sizeof(l->want[0]), l->stream));
        OK(cuStreamSynchronize(l->stream));
        break;
    case 3:
        OK(cuMemAllocHost(&host, sizeof(l->want[0])));
        OK(cuMemHostGetDevicePointer(at, host, 0));
        break;
    default:
        OK(cuMemAlloc(at, sizeof(l->want[0])));
        break;
    }
}

static void make(CUmodule module)
{
    OK(cuModuleGetFunction(&mix, module, "mix"));
    OK(cuModuleGetFunction(&tile, module, "tile"));
    OK(cuModuleGetFunction(&bump, module, "bump"));
    OK(cuModuleGetFunction(&count, module, "count"));
    OK(cuModuleGetFunction(&fill, module, "fill"));
    OK(cuEventCreate(&event, 0));
    OK(cuStreamCreate(&opener, CU_STREAM_NON_BLOCKING));
    OK(cuMemAlloc(&flag, sizeof(uint32_t)));
    OK(cuMemsetD32(flag, 0, 1));
    for (unsigned i = 0; i < LANES; i++) {
        struct lane *l = &lanes[i];
        if (i > 0) /* lane 0 is the legacy default stream */
            OK(cuStreamCreate(&l->stream, i % 2 ? CU_STREAM_NON_BLOCKING : CU_STREAM_DEFAULT));
        OK(cuMemAllocHost((void **)&l->pinned, sizeof(l->want[0])));
        for (unsigned b = 0; b < BUFFERS; b++) {
            allocate(l, b == 2 ? i : 0, &l->at[b]);
            for (unsigned k = 0; k < N; k++)
                l->want[b][k] = below(1u << 30);
            OK(cuMemcpyHtoD(l->at[b], l->want[b], sizeof(l->want[0])));
        }
    }
    OK(cuCtxSynchronize());
}

int main(int argc, char **argv)
{
    unsigned rounds = argc > 1 ? (unsigned)atoi(argv[1]) : 200;
    CUdevice device;
    CUcontext context;
    CUmodule module;
    uint32_t got[N];
    seed = argc > 2 ? (uint64_t)atoll(argv[2]) : 1;
    OK(cuInit(0));
    OK(cuDeviceGet(&device, 0));
    OK(cuDevicePrimaryCtxRetain(&context, device));
    OK(cuCtxSetCurrent(context));
    OK(cuModuleLoadData(&module, ptx));
    make(module);
    map_twice(device);
    for (unsigned i = 0; i < rounds && failures == 0; i++) {
        struct lane *l = &lanes[below(LANES)];
        for (unsigned k = below(6); k > 0; k--)
            kernel(l);
        if (below(3) == 0)
            other(l);
    }
    OK(cuCtxSynchronize());
    for (unsigned i = 0; i < LANES; i++)
        for (unsigned b = 0; b < BUFFERS; b++) {
            OK(cuMemcpyDtoH(got, lanes[i].at[b], sizeof(got)));
            compare(&lanes[i], got, b, "in the end");
        }
    OK(cuMemcpyDtoH(got, twice[0], sizeof(got)));
    if (memcmp(got, twice_want, sizeof(got)) != 0) {
        printf("memory with two addresses is wrong\n");
        failures++;
    }
    OK(cuModuleUnload(module));
    printf("%s: %u rounds\n", failures ? "FAILED" : "ok", rounds);
    return failures != 0;
}
