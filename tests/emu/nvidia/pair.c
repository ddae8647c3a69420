// SPDX-License-Identifier: Apache-2.0
/*
 * Two processes that share the GPU, in device time.
 *
 *   pair rt REQUESTS [KERNELS]
 *       so many (10) kernels of 100 us, then 9 ms nothing; prints the latencies' median and 99th
 *       percentile
 *   pair waits REQUESTS SPINNING
 *       the same with a wait after each kernel, and so many kernels in another stream that spin for
 *       the whole request, one behind the other
 *   pair be US DEPTH KERNELS
 *       kernels of US microseconds, DEPTH in flight; prints how long they took
 *
 * Latencies are those between two events, the first of which needs no turn on the device: so they
 * have in them what a request waits for the other process.
 */
#include <cuda.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#define OK(call)                                                                                   \
    do {                                                                                           \
        CUresult rc_ = (call);                                                                     \
        if (rc_ != CUDA_SUCCESS) {                                                                 \
            fprintf(stderr, "%s: %d\n", #call, (int)rc_);                                          \
            exit(1);                                                                               \
        }                                                                                          \
    } while (0)

static const char ptx[] =
    ".version 7.0\n.target sm_70\n.address_size 64\n"
    ".visible .entry busy(.param .u32 us) { .reg .b32 %r; .reg .b64 %d<4>; .reg .pred %p;\n"
    "ld.param.u32 %r, [us]; mul.wide.u32 %d1, %r, 1000; mov.u64 %d2, %globaltimer;\n"
    "add.u64 %d1, %d1, %d2;\n"
    "L: nanosleep.u32 500; mov.u64 %d3, %globaltimer; setp.lt.u64 %p, %d3, %d1; @%p bra L; ret; }\n"
    ".visible .entry spin(.param .u64 flag, .param .u32 number) { .reg .b32 %r<2>; .reg .b64 %d;\n"
    ".reg .pred %p; ld.param.u64 %d, [flag]; ld.param.u32 %r0, [number];\n"
    "L: nanosleep.u32 500; ld.volatile.global.u32 %r1, [%d]; setp.lt.u32 %p, %r1, %r0; @%p bra L; "
    "ret; }";

enum { REQUEST_KERNELS = 10, KERNEL_US = 100, GAP_US = 9000, BLOCKS = 80 };

static CUfunction busy, spin;
static CUstream stream, beside;

static void launch(uint32_t us)
{
    void *args[] = {&us};

    OK(cuLaunchKernel(busy, BLOCKS, 1, 1, 32, 1, 1, 0, stream, args, NULL));
}

static void spin_until(CUdeviceptr flag, uint32_t number)
{
    void *args[] = {&flag, &number};

    OK(cuLaunchKernel(spin, 1, 1, 1, 1, 1, 1, 0, beside, args, NULL));
}

static int compare(const void *a, const void *b)
{
    float x = *(const float *)a, y = *(const float *)b;

    return (x > y) - (x < y);
}

static void request(int kernels, bool waits)
{
    for (int k = 0; k < kernels; k++) {
        launch(KERNEL_US);
        if (waits)
            OK(cuStreamSynchronize(stream));
    }
}

static void rt(unsigned requests, int kernels, int spinning)
{
    volatile uint32_t *flag;
    const char *scale = getenv("REEF_EMU_TIMESCALE");
    double factor = scale ? atof(scale) : 20;
    float *us = calloc(requests, sizeof(*us));
    CUevent begin, end;

    OK(cuMemHostAlloc((void **)&flag, sizeof(*flag), CU_MEMHOSTALLOC_DEVICEMAP));
    *flag = 0;
    OK(cuEventCreate(&begin, 0));
    OK(cuEventCreate(&end, 0));
    for (unsigned i = 0; i < requests; i++) {
        float ms;

        OK(cuEventRecord(begin, stream));
        for (int s = 0; s < spinning; s++)
            spin_until((CUdeviceptr)(uintptr_t)flag, i + 1);
        request(kernels, spinning >= 0);
        *flag = i + 1;
        OK(cuEventRecord(end, stream));
        OK(cuEventSynchronize(end));
        OK(cuEventElapsedTime(&ms, begin, end));
        us[i] = ms * 1000;
        usleep((useconds_t)((GAP_US + i % 7 * 150) * factor));
    }
    qsort(us, requests, sizeof(*us), compare);
    printf("p50 %.0f p99 %.0f max %.0f us\n", us[requests / 2], us[requests * 99 / 100],
           us[requests - 1]);
}

static void be(uint32_t us, unsigned depth, unsigned kernels)
{
    CUevent *events = calloc(depth, sizeof(*events)), begin, end;
    float ms;

    OK(cuEventCreate(&begin, 0));
    OK(cuEventCreate(&end, 0));
    for (unsigned i = 0; i < depth; i++)
        OK(cuEventCreate(&events[i], 0));
    OK(cuEventRecord(begin, stream));
    for (unsigned i = 0; i < kernels; i++) {
        OK(cuEventSynchronize(events[i % depth]));
        launch(us);
        OK(cuEventRecord(events[i % depth], stream));
    }
    OK(cuEventRecord(end, stream));
    OK(cuEventSynchronize(end));
    OK(cuEventElapsedTime(&ms, begin, end));
    printf("%u kernels of %u us in %.1f ms, share %.3f\n", kernels, us, ms,
           kernels * us / ms / 1000);
}

int main(int argc, char **argv)
{
    CUdevice device;
    CUcontext ctx;
    CUmodule module;

    OK(cuInit(0));
    OK(cuDeviceGet(&device, 0));
    OK(cuDevicePrimaryCtxRetain(&ctx, device));
    OK(cuCtxSetCurrent(ctx));
    OK(cuModuleLoadData(&module, ptx));
    OK(cuModuleGetFunction(&busy, module, "busy"));
    OK(cuModuleGetFunction(&spin, module, "spin"));
    OK(cuStreamCreate(&stream, CU_STREAM_NON_BLOCKING));
    OK(cuStreamCreate(&beside, CU_STREAM_NON_BLOCKING));
    if (argc >= 3 && strcmp(argv[1], "rt") == 0)
        rt((unsigned)atoi(argv[2]), argc > 3 ? atoi(argv[3]) : REQUEST_KERNELS, -1);
    else if (argc == 4 && strcmp(argv[1], "waits") == 0)
        rt((unsigned)atoi(argv[2]), REQUEST_KERNELS, atoi(argv[3]));
    else if (argc == 5 && strcmp(argv[1], "be") == 0)
        be((uint32_t)atoi(argv[2]), (unsigned)atoi(argv[3]), (unsigned)atoi(argv[4]));
    else
        return 2;
    return 0;
}
