// SPDX-License-Identifier: Apache-2.0
/*
 * reef bench launch: what a kernel launch costs the launching thread without libreef and with it in
 * each class. The measured program (tests/apps/launchcost.cpp) prints its medians; here the ways
 * take turns, round after round, so that a machine whose speed drifts treats them alike, and the
 * median round counts. What is compared is the thread's CPU time: on a machine that interprets the
 * GPU as well, wall time is mostly what the interpreter left over. It is shown beside.
 */
#include <stdio.h>

#include "tools/bench.h"

enum { ROUNDS = 9 };

/* The ways to run a program, in the order of the report. Without a priority: without libreef. */
static const struct way {
    const char *key, *label, *priority;
} ways[] = {
    {"native_ns", "native", NULL},
    {"off_ns", "off", "off"},
    {"rt_ns", "rt", "rt"},
    {"be_ns", "be", "be"},
};
enum { WAYS = sizeof(ways) / sizeof(ways[0]) };

struct samples {
    double cpu_ns[REEF_BENCH_MAX_ROUNDS], wall_ns[REEF_BENCH_MAX_ROUNDS];
};

static bool measure(const struct reef_bench_libraries *libraries, const struct way *way,
                    char *program, double *cpu_ns, double *wall_ns)
{
    char *argv[] = {program, NULL}, line[64];

    if (!reef_bench_run(libraries, way->priority, argv, line, sizeof(line)))
        return false;
    if (sscanf(line, "%lf %lf", cpu_ns, wall_ns) == 2)
        return true;
    reef_say("bench: %s printed no figures", program);
    return false;
}

static void report(struct samples samples[WAYS], int rounds, bool emulated, double medians[WAYS])
{
    printf("hip launch, CPU time of the launching thread, median of %d rounds%s\n", rounds,
           emulated ? " on the emulated GPU" : "");
    for (int w = 0; w < WAYS; w++) {
        medians[w] = reef_bench_median(samples[w].cpu_ns, rounds);
        printf("  %-8s %8.0f ns  %+6.1f %%   (wall %.0f ns)\n", ways[w].label, medians[w],
               100 * (medians[w] / medians[0] - 1), reef_bench_median(samples[w].wall_ns, rounds));
    }
}

/* Without hipcc the HIP program was not built. */
static bool measure_hip(struct reef_bench_libraries *libraries, char *program, int rounds,
                        double medians[WAYS])
{
    static struct samples samples[WAYS];

    for (int round = 0; round < rounds; round++)
        for (int w = 0; w < WAYS; w++) {
            /* Turn the order round by round: nobody always runs first. */
            int way = (w + round) % WAYS;
            if (!measure(libraries, &ways[way], program, &samples[way].cpu_ns[round],
                         &samples[way].wall_ns[round]))
                return false;
        }
    report(samples, rounds, libraries->profile != NULL, medians);
    return true;
}

int reef_bench_launch(const struct reef_bench_options *options)
{
    static struct reef_bench_libraries libraries;
    char program[PATH_MAX];
    int rounds = options->rounds ? options->rounds : ROUNDS;
    double medians[WAYS];
    bool there;

    if (!reef_bench_find(options, &libraries) || !reef_bench_find_app("launchcost", program) ||
        !measure_hip(&libraries, program, rounds, medians))
        return 1;
    FILE *json = reef_bench_json(options);
    if (options->json && !json)
        return 1;
    for (int w = 0; json && w < WAYS; w++)
        fprintf(json, "%s\"%s\": %.1f", w ? ", " : "{\"hip\": {", ways[w].key, medians[w]);
    if (json)
        fprintf(json, "}, ");
    bool done = reef_bench_launch_cuda(&libraries, rounds, json, &there);
    if (json && !done)
        fprintf(json, "\"cuda\": null");
    if (json)
        fprintf(json, "}\n");
    if (json && fclose(json) != 0)
        return 1;
    return there && !done;
}
