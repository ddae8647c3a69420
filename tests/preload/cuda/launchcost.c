// SPDX-License-Identifier: Apache-2.0
/*
 * What one cuLaunchKernel costs the launching thread above a driver that only counts
 * (FAKE_CUDA_COUNT=1), how much memory one takes that is held, how fast launches are held, and how
 * fast the agent issues them afterwards. Prints nanoseconds of CPU time and of wall time, bytes,
 * and launches per second held and released, medians over batches (0 where nothing is held). `reef
 * bench launch` runs it in every class.
 *
 *   launchcost [BATCHES]
 */
#include <malloc.h>
#include <string.h>
#include <time.h>
#include <unistd.h>

#include "tests/preload/cuda/rig.h"

enum { LAUNCHES = 5000, HELD = 1000, HOLDS = 21, MAX_BATCHES = 1000 };

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

struct held {
    size_t bytes; /* of one launch */
    double held_per_s, released_per_s;
};

static void measure_held(CUstream s, struct held *held)
{
    static double into[HOLDS], out[HOLDS];
    for (int i = -1; i < HOLDS; i++) { /* the first: what is learned of the function once */
        rig_hold();
        size_t before = mallinfo2().uordblks;
        double begin = clock_ns(CLOCK_MONOTONIC);
        launches(s, HELD);
        double end = clock_ns(CLOCK_MONOTONIC);
        held->bytes = (mallinfo2().uordblks - before) / HELD;
        rig_release();
        double released = clock_ns(CLOCK_MONOTONIC);
        TRY(cuStreamSynchronize(s));
        if (i < 0)
            continue;
        into[i] = HELD * 1e9 / (end - begin);
        out[i] = HELD * 1e9 / (clock_ns(CLOCK_MONOTONIC) - released);
    }
    held->held_per_s = median(into, HOLDS);
    held->released_per_s = median(out, HOLDS);
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
    struct held held = {0};
    if (rig_is_be() && !getenv("RIG_ALONE")) /* else a hold is not seen at once */
        measure_held(s, &held);
    printf("%.1f %.1f %zu %.0f %.0f\n", median(cpu, batches), median(wall, batches), held.bytes,
           held.held_per_s, held.released_per_s);
    fflush(stdout);
    _exit(0);
}
