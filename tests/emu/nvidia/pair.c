// SPDX-License-Identifier: Apache-2.0
/*
 * Two processes that share the GPU, in device time.
 *
 *   pair rt REQUESTS [KERNELS]
 *       so many (10) kernels of 100 us, then 9 ms nothing; prints the latencies' median and 99th
 *       percentile
 *   pair be US DEPTH KERNELS
 *       kernels of US microseconds, DEPTH in flight; prints how long they took
 *
 * Latencies are those between two events, the first of which needs no turn on the device: so they
 * have in them what a request waits for the other process.
 */
#include <cuda.h>
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
    "L: nanosleep.u32 500; mov.u64 %d3, %globaltimer; setp.lt.u64 %p, %d3, %d1; @%p bra L; ret; }";

enum { REQUEST_KERNELS = 10, KERNEL_US = 100, GAP_US = 9000, BLOCKS = 80 };

static CUfunction busy;
static CUstream stream;

static void launch(uint32_t us)
{
    void *args[] = {&us};

    OK(cuLaunchKernel(busy, BLOCKS, 1, 1, 32, 1, 1, 0, stream, args, NULL));
}

static int compare(const void *a, const void *b)
{
    float x = *(const float *)a, y = *(const float *)b;

    return (x > y) - (x < y);
}

static void rt(unsigned requests, int kernels)
{
    const char *scale = getenv("REEF_EMU_TIMESCALE");
    double factor = scale ? atof(scale) : 20;
    float *us = calloc(requests, sizeof(*us));
    CUevent begin, end;

    OK(cuEventCreate(&begin, 0));
    OK(cuEventCreate(&end, 0));
    for (unsigned i = 0; i < requests; i++) {
        float ms;

        OK(cuEventRecord(begin, stream));
        for (int k = 0; k < kernels; k++)
            launch(KERNEL_US);
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
    OK(cuStreamCreate(&stream, CU_STREAM_NON_BLOCKING));
    if (argc >= 3 && strcmp(argv[1], "rt") == 0)
        rt((unsigned)atoi(argv[2]), argc > 3 ? atoi(argv[3]) : REQUEST_KERNELS);
    else if (argc == 5 && strcmp(argv[1], "be") == 0)
        be((uint32_t)atoi(argv[2]), (unsigned)atoi(argv[3]), (unsigned)atoi(argv[4]));
    else
        return 2;
    return 0;
}
