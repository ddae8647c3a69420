// SPDX-License-Identifier: Apache-2.0
/*
 * A real-time program whose launches arrive at random moments and need every multiprocessor: how
 * long until its blocks run, in device time.
 *
 *   arrivals COUNT MEAN_GAP_US SEED [LEAD_US]
 *
 * First it arrives now and then for LEAD_US of the device's time, and says nothing of it: what
 * others had given the GPU before it came is over then. Prints for each arrival "WALL_NS DEVICE_NS
 * FIRST_US ALL_US": the wall clock (CLOCK_MONOTONIC) just before the first call; the device's clock
 * when the work arrived there; how long until the first block ran and until the last one did. The
 * arrival is an event in front of the kernel; the kernel stamps when its blocks begin and when the
 * last one ends, and the way from there to the event behind it counts as nothing (some tenths of a
 * microsecond).
 */
#include "tests/apps/cuda/common.h"

#include "arrivals_ptx.h"

static CUfunction stamp;
static uint64_t *stamps; /* pairs */
static CUstream stream;
static CUevent begin, end;
static unsigned blocks;
static int shared_bytes;

static void set_up(void)
{
    int count;

    stamp = app_function(app_start(arrivals_ptx), "stamp");
    TRY(cuDeviceGetAttribute(&count, CU_DEVICE_ATTRIBUTE_MULTIPROCESSOR_COUNT, 0));
    TRY(cuDeviceGetAttribute(&shared_bytes, CU_DEVICE_ATTRIBUTE_MAX_SHARED_MEMORY_PER_BLOCK_OPTIN,
                             0));
    TRY(cuFuncSetAttribute(stamp, CU_FUNC_ATTRIBUTE_MAX_DYNAMIC_SHARED_SIZE_BYTES, shared_bytes));
    TRY(cuStreamCreate(&stream, CU_STREAM_NON_BLOCKING));
    TRY(cuEventCreate(&begin, CU_EVENT_DEFAULT));
    TRY(cuEventCreate(&end, CU_EVENT_DEFAULT));
    blocks = (unsigned)count;
    TRY(cuMemHostAlloc((void **)&stamps, blocks * 2 * sizeof(*stamps), CU_MEMHOSTALLOC_DEVICEMAP));
}

/* When the first block ran, on the device's clock. */
static uint64_t arrive(bool print)
{
    uint64_t first_ns = UINT64_MAX, last_ns = 0, end_ns = 0;
    CUdeviceptr at;
    float ms;

    TRY(cuMemHostGetDevicePointer(&at, stamps, 0));
    void *arguments[] = {&at};
    double wall_us = app_wall_us();
    TRY(cuEventRecord(begin, stream));
    TRY(cuLaunchKernel(stamp, blocks, 1, 1, 32, 1, 1, (unsigned)shared_bytes, stream, arguments,
                       NULL));
    TRY(cuEventRecord(end, stream));
    app_wait(end);
    TRY(cuEventElapsedTime(&ms, begin, end));
    for (unsigned b = 0; b < blocks; b++) {
        first_ns = stamps[2 * b] < first_ns ? stamps[2 * b] : first_ns;
        last_ns = stamps[2 * b] > last_ns ? stamps[2 * b] : last_ns;
        end_ns = stamps[2 * b + 1] > end_ns ? stamps[2 * b + 1] : end_ns;
    }
    double first_us = ms * 1e3 - (double)(end_ns - first_ns) / 1e3;
    if (print)
        printf("%.0f %.0f %.2f %.2f\n", wall_us * 1e3, (double)first_ns - first_us * 1e3, first_us,
               ms * 1e3 - (double)(end_ns - last_ns) / 1e3);
    return first_ns;
}

int main(int argc, char **argv)
{
    if (argc != 4 && argc != 5)
        app_fail("arrivals COUNT MEAN_GAP_US SEED [LEAD_US]");
    int count = atoi(argv[1]);
    float *gaps = app_floats((size_t)count + 1, 0.5, 1.5, (uint64_t)atoi(argv[3]));
    set_up();
    uint64_t begun_ns = arrive(false), lead_ns = argc > 4 ? (uint64_t)atof(argv[4]) * 1000 : 0;
    while (lead_ns > 0 && arrive(false) - begun_ns < lead_ns)
        app_sleep_us(20000);
    for (int n = 0; n < count; n++) {
        app_sleep_us(atof(argv[2]) * gaps[n]);
        arrive(true);
    }
    return 0;
}
