// SPDX-License-Identifier: Apache-2.0
/*
 * reef bench launch, the CUDA part: what cuLaunchKernel costs the launching thread above a libcuda
 * that only counts, so that the figures are libreef's own; the memory of a launch that is held, and
 * how many a second can be held, and issued when the hold ends.
 * The measured program is tests/preload/cuda/launchcost.c, which comes with that libcuda. It is
 * there in a build tree only.
 */
#include <stdio.h>
#include <stdlib.h>

#include "tools/bench.h"

/* Beside a program of the other class launches are looked at; a real-time one gets an anchor. The
 * rig is a real-time program itself if it is not told otherwise. */
static const struct way {
    const char *key, *label, *priority, *company;
} ways[] = {
    {"native_ns", "native", NULL, "RIG_ALONE"},
    {"off_ns", "off", "off", "RIG_ALONE"},
    {"rt_ns", "rt", "rt", "RIG_ALONE"},
    {"rt_beside_be_ns", "rt beside be", "rt", "RIG_BESIDE"},
    {"be_ns", "be", "be", "RIG_ALONE"},
    {"be_beside_rt_ns", "be beside rt", "be", NULL},
};
enum { WAYS = sizeof(ways) / sizeof(ways[0]) };

struct samples {
    double cpu_ns[WAYS][REEF_BENCH_MAX_ROUNDS];
    double held_per_s[REEF_BENCH_MAX_ROUNDS], released_per_s[REEF_BENCH_MAX_ROUNDS];
    unsigned long held_bytes;
};

static bool measure(const struct reef_bench_libraries *libraries, struct samples *samples, int way,
                    int round, char *program)
{
    char *argv[] = {program, NULL}, line[128];
    double wall_ns, held_per_s, released_per_s;
    unsigned long bytes;

    unsetenv("RIG_ALONE");
    unsetenv("RIG_BESIDE");
    if (ways[way].company)
        setenv(ways[way].company, "1", 1);
    if (!reef_bench_run(libraries, ways[way].priority, argv, line, sizeof(line)))
        return false;
    if (sscanf(line, "%lf %lf %lu %lf %lf", &samples->cpu_ns[way][round], &wall_ns, &bytes,
               &held_per_s, &released_per_s) != 5) {
        reef_say("bench: %s printed no figures", program);
        return false;
    }
    if (bytes) {
        samples->held_bytes = bytes;
        samples->held_per_s[round] = held_per_s;
        samples->released_per_s[round] = released_per_s;
    }
    return true;
}

bool reef_bench_launch_cuda(const struct reef_bench_libraries *libraries, int rounds, FILE *json,
                            bool *there)
{
    static struct samples samples;
    struct reef_bench_libraries own = *libraries;
    char program[PATH_MAX];
    double medians[WAYS];

    *there = reef_find_app("../preload/cuda/launchcost", program);
    if (!*there)
        return false;
    own.profile = NULL; /* its driver is linked to it */
    setenv("FAKE_CUDA_COUNT", "1", 1);
    for (int round = 0; round < rounds; round++)
        for (int w = 0; w < WAYS; w++) {
            int way = (w + round) % WAYS;
            if (!measure(&own, &samples, way, round, program))
                return false;
        }
    printf("cuda launch, the same, above a driver that only counts\n");
    for (int w = 0; w < WAYS; w++) {
        medians[w] = reef_bench_median(samples.cpu_ns[w], rounds);
        printf("  %-12s %8.1f ns  %+6.1f ns\n", ways[w].label, medians[w], medians[w] - medians[0]);
    }
    double held_per_s = reef_bench_median(samples.held_per_s, rounds);
    double released_per_s = reef_bench_median(samples.released_per_s, rounds);
    printf("  a held launch with 16 bytes of arguments takes %lu bytes\n"
           "  launches/s, wall time: held %.0f, issued after the hold %.0f\n",
           samples.held_bytes, held_per_s, released_per_s);
    for (int w = 0; json && w < WAYS; w++)
        fprintf(json, "%s\"%s\": %.1f", w ? ", " : "\"cuda\": {", ways[w].key, medians[w]);
    if (json)
        fprintf(json,
                ", \"held_bytes_per_launch\": %lu, \"held_launches_per_s\": %.0f, "
                "\"released_launches_per_s\": %.0f}",
                samples.held_bytes, held_per_s, released_per_s);
    return true;
}
