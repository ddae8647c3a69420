// SPDX-License-Identifier: Apache-2.0
/*
 * What one cuLaunchKernel costs the launching thread above a driver that only counts
 * (FAKE_CUDA_COUNT=1), and how much memory one takes that is held. Prints nanoseconds of CPU time
 * and of wall time, medians over batches, and bytes (0 where nothing is held). `reef bench launch`
 * runs it in every class.
 *
 *   launchcost [BATCHES]
 */
#include <malloc.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "tests/preload/cuda/rig.h"

enum { LAUNCHES = 5000, HELD = 1000, MAX_BATCHES = 1000 };

static double clock_ns(clockid_t clock)
{
    struct timespec t;
    clock_gettime(clock, &t);
    return (double)t.tv_sec * 1e9 + (double)t.tv_nsec;
}

static int compare(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static double median(double *values, int count)
{
    qsort(values, (size_t)count, sizeof(*values), compare);
    return values[count / 2];
}

static void launches(CUstream s, int count)
{
    uint64_t words[2] = {0};
    void *params[] = {&words[0], &words[1]};
    for (int i = 0; i < count; i++)
        TRY(cuLaunchKernel(rig_add, 1, 1, 1, 32, 1, 1, 0, s, params, NULL));
}

int main(int argc, char **argv)
{
    static double cpu[MAX_BATCHES], wall[MAX_BATCHES];
    int batches = argc > 1 ? atoi(argv[1]) : 60;
    if (batches < 1 || batches > MAX_BATCHES)
        return 2;
    rig_start();
    CUstream s = rig_stream(1);
    for (int batch = -5; batch < batches; batch++) { /* the first few warm up */
        double cpu_begin = clock_ns(CLOCK_THREAD_CPUTIME_ID), begin = clock_ns(CLOCK_MONOTONIC);
        launches(s, LAUNCHES);
        double end = clock_ns(CLOCK_MONOTONIC), cpu_end = clock_ns(CLOCK_THREAD_CPUTIME_ID);
        TRY(cuStreamSynchronize(s));
        if (batch >= 0) {
            cpu[batch] = (cpu_end - cpu_begin) / LAUNCHES;
            wall[batch] = (end - begin) / LAUNCHES;
        }
    }
    size_t bytes = 0;
    if (rig_is_be()) {
        rig_hold();
        launches(s, 1); /* what is learned of the function once */
        size_t before = mallinfo2().uordblks;
        launches(s, HELD);
        bytes = (mallinfo2().uordblks - before) / HELD;
        rig_release();
        TRY(cuStreamSynchronize(s));
    }
    printf("%.1f %.1f %zu\n", median(cpu, batches), median(wall, batches), bytes);
    fflush(stdout);
    _exit(0);
}
