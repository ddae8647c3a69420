// SPDX-License-Identifier: Apache-2.0
/* See kit.h. */
#include "tests/gpu/kit.h"

#include <math.h>

/* A round is some work, as it is in loops of real kernels, and not its counting. */
#define STEP       "    mad.lo.u32 %r5, %r5, 1664525, 1013904223;\n"
#define FOUR_STEPS STEP STEP STEP STEP
#define MANY_STEPS FOUR_STEPS FOUR_STEPS FOUR_STEPS FOUR_STEPS

static const char ptx[] = ".version 6.3\n"
                          ".target sm_70\n"
                          ".address_size 64\n"
                          ".visible .entry spin(.param .u64 out, .param .u32 rounds)\n"
                          "{\n"
                          "    .reg .pred %p;\n"
                          "    .reg .b32 %r<8>;\n"
                          "    .reg .b64 %d<4>;\n"
                          "    ld.param.u64 %d0, [out];\n"
                          "    ld.param.u32 %r0, [rounds];\n"
                          "    mov.u32 %r1, %tid.x;\n"
                          "    mov.u32 %r2, %ctaid.x;\n"
                          "    mov.u32 %r3, %ntid.x;\n"
                          "    mad.lo.u32 %r4, %r2, %r3, %r1;\n"
                          "    mov.u32 %r5, %r4;\n"
                          "loop:\n"
                          "    setp.eq.u32 %p, %r0, 0;\n"
                          "    @%p bra done;\n" MANY_STEPS "    sub.u32 %r0, %r0, 1;\n"
                          "    bra loop;\n"
                          "done:\n"
                          "    mul.wide.u32 %d1, %r4, 4;\n"
                          "    add.u64 %d2, %d0, %d1;\n"
                          "    st.global.u32 [%d2], %r5;\n"
                          "    ret;\n"
                          "}\n"
                          ".visible .entry scale(.param .u64 at, .param .u64 factor)\n"
                          "{\n"
                          "    .reg .b64 %d<4>;\n"
                          "    ld.param.u64 %d0, [at];\n"
                          "    ld.param.u64 %d1, [factor];\n"
                          "    ld.global.u64 %d2, [%d0];\n"
                          "    mad.lo.u64 %d3, %d2, %d1, 1;\n"
                          "    st.global.u64 [%d0], %d3;\n"
                          "    ret;\n"
                          "}\n";

enum {
    THREADS = 128,
    /* cuda.h: CUdevice_attribute, CUfunction_attribute */
    MULTIPROCESSOR_COUNT = 16,
    MAX_SHARED_MEMORY_PER_BLOCK_OPTIN = 97,
    FUNCTION_MAX_DYNAMIC_SHARED_SIZE_BYTES = 8,
};

void kit_start(struct kit *kit)
{
    TRY(cuInit(0));
    TRY(cuDeviceGet(&kit->device, 0));
    TRY(cuDevicePrimaryCtxRetain(&kit->context, kit->device));
    TRY(cuCtxSetCurrent(kit->context));
    TRY(cuDeviceGetAttribute(&kit->processors, MULTIPROCESSOR_COUNT, kit->device));
    TRY(cuModuleLoadData(&kit->module, ptx));
    TRY(cuModuleGetFunction(&kit->spin, kit->module, "spin"));
    TRY(cuModuleGetFunction(&kit->scale, kit->module, "scale"));
    if (getenv("KIT_FILL")) {
        int bytes;
        TRY(cuDeviceGetAttribute(&bytes, MAX_SHARED_MEMORY_PER_BLOCK_OPTIN, kit->device));
        TRY(cuFuncSetAttribute(kit->spin, FUNCTION_MAX_DYNAMIC_SHARED_SIZE_BYTES, bytes));
        kit->shared_bytes = (unsigned)bytes;
    }
}

void kit_spin(const struct kit *kit, CUstream stream, CUdeviceptr out, uint32_t rounds)
{
    void *arguments[] = {&out, &rounds};
    TRY(cuLaunchKernel(kit->spin, (unsigned)kit->processors, 1, 1, THREADS, 1, 1, kit->shared_bytes,
                       stream, arguments, NULL));
}

void kit_scale(const struct kit *kit, CUstream stream, CUdeviceptr at, uint64_t factor)
{
    void *arguments[] = {&at, &factor};
    TRY(cuLaunchKernel(kit->scale, 1, 1, 1, 1, 1, 1, 0, stream, arguments, NULL));
}

void kit_calibrate(struct kit *kit)
{
    /* The least of several: others may be using the GPU now. Twice as much work, for the fixed
     * part. */
    const uint32_t scale = getenv("KIT_QUICK") ? 1 : 100; /* an interpreter takes its time */
    const uint32_t rounds[2] = {2 * scale, 22 * scale};
    double best[2] = {1e30, 1e30};
    CUdeviceptr out;
    CUevent start, end;
    CUstream stream;
    float ms;
    const char *known = getenv("KIT_NS_PER_ROUND");
    if (known && atof(known) > 0) {
        kit->ns_per_round = atof(known);
        return;
    }
    TRY(cuMemAlloc_v2(&out, (size_t)kit->processors * THREADS * 4));
    TRY(cuStreamCreate(&stream, 1));
    TRY(cuEventCreate(&start, 0));
    TRY(cuEventCreate(&end, 0));
    for (int i = 0; i < 16; i++) {
        TRY(cuEventRecord(start, stream));
        kit_spin(kit, stream, out, rounds[i & 1]);
        TRY(cuEventRecord(end, stream));
        TRY(cuStreamSynchronize(stream));
        TRY(cuEventElapsedTime(&ms, start, end));
        if (ms * 1e6 < best[i & 1])
            best[i & 1] = ms * 1e6;
    }
    kit->ns_per_round = (best[1] - best[0]) / (rounds[1] - rounds[0]);
    if (kit->ns_per_round <= 0)
        kit->ns_per_round = 3;
    TRY(cuStreamDestroy_v2(stream));
    TRY(cuEventDestroy_v2(start));
    TRY(cuEventDestroy_v2(end));
    TRY(cuMemFree_v2(out));
}

uint32_t kit_rounds(const struct kit *kit, double us)
{
    double rounds = us * 1000 / kit->ns_per_round;
    return rounds < 1 ? 1 : (uint32_t)rounds;
}

double kit_now_us(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec * 1e6 + (double)t.tv_nsec / 1e3;
}

void kit_sleep_until_us(double us)
{
    struct timespec t = {.tv_sec = (time_t)(us / 1e6)};
    t.tv_nsec = (long)((us - (double)t.tv_sec * 1e6) * 1e3);
    clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &t, NULL);
}

double kit_period_us(double mean_us, unsigned *seed)
{
    return seed ? -mean_us * log((rand_r(seed) + 1.0) / (RAND_MAX + 2.0)) : mean_us;
}

static int compare(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

void kit_sort(double *values, int count)
{
    qsort(values, (size_t)count, sizeof(*values), compare);
}

double kit_percentile(const double *sorted, int count, double share)
{
    int i = (int)(share * count);
    return sorted[i < count ? i : count - 1];
}
