// SPDX-License-Identifier: Apache-2.0
/*
 * reef bench: figures about libreef itself, as ratios within one run.
 *
 * launch: what a kernel launch costs the launching thread without libreef and with it in each
 * class. The measured program (tests/apps/launchcost.cpp) prints its medians; here the ways take
 * turns, round after round, so that a machine whose speed drifts treats them alike, and the median
 * round counts. What is compared is the thread's CPU time: on a machine that interprets the GPU as
 * well, wall time is mostly what the interpreter left over. It is shown beside.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "tools/reef.h"

enum { MAX_ROUNDS = 101 };

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

struct bench {
    char shim[PATH_MAX], emulator[PATH_MAX], program[PATH_MAX];
    const char *profile; /* NULL: the real GPU */
    int rounds;
    double ns[WAYS][MAX_ROUNDS], wall_ns[WAYS][MAX_ROUNDS];
};

static void child_environment(const struct bench *bench, const struct way *way)
{
    const char *libraries[3] = {NULL};
    int count = 0;

    if (way->priority) {
        libraries[count++] = bench->shim;
        setenv("REEF_PRIORITY", way->priority, 1);
    }
    if (bench->profile) {
        libraries[count++] = bench->emulator;
        setenv("REEF_EMU_PROFILE", bench->profile, 1);
    }
    char *list = reef_preload_join(getenv("LD_PRELOAD"), libraries);
    if (!list)
        _exit(1);
    if (*list)
        setenv("LD_PRELOAD", list, 1);
}

/* Runs the program once. False after saying what is wrong. */
static bool measure_once(const struct bench *bench, const struct way *way, double *ns,
                         double *wall_ns)
{
    int out[2], status;
    char text[64] = "";

    if (pipe(out) != 0) {
        reef_say("bench: %s", strerror(errno));
        return false;
    }
    pid_t child = fork();
    if (child == 0) {
        dup2(out[1], STDOUT_FILENO);
        close(out[0]);
        close(out[1]);
        child_environment(bench, way);
        execl(bench->program, bench->program, (char *)NULL);
        _exit(REEF_EXIT_NOT_EXECUTABLE);
    }
    close(out[1]);
    FILE *stream = fdopen(out[0], "r");
    if (stream && !fgets(text, sizeof(text), stream))
        text[0] = '\0';
    if (stream)
        fclose(stream);
    if (child < 0 || waitpid(child, &status, 0) != child || !WIFEXITED(status) ||
        WEXITSTATUS(status) != 0 || sscanf(text, "%lf %lf", ns, wall_ns) != 2) {
        reef_say("bench: %s failed (%s)", bench->program, way->label);
        return false;
    }
    return true;
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

static bool write_json(const char *path, const char *platform, const double medians[WAYS])
{
    FILE *file = fopen(path, "w");

    if (!file) {
        reef_say("bench: %s: %s", path, strerror(errno));
        return false;
    }
    fprintf(file, "{\"%s\": {", platform);
    for (int w = 0; w < WAYS; w++)
        fprintf(file, "%s\"%s\": %.1f", w ? ", " : "", ways[w].key, medians[w]);
    fprintf(file, "}}\n");
    return fclose(file) == 0;
}

static bool find_all(struct bench *bench)
{
    if (!reef_find_shim(bench->shim)) {
        reef_say("bench: libreef.so is missing: not at %s", bench->shim);
        return false;
    }
    if (bench->profile && !reef_find_emulator(bench->emulator)) {
        reef_say("bench: libreef-emu-amd.so is missing: not at %s", bench->emulator);
        return false;
    }
    if (!reef_find_app("launchcost", bench->program)) {
        reef_say("bench: the program launchcost is missing: not at %s", bench->program);
        return false;
    }
    return true;
}

static int bench_launch(struct bench *bench, const char *json)
{
    double medians[WAYS];

    for (int round = 0; round < bench->rounds; round++)
        for (int w = 0; w < WAYS; w++) {
            /* Turn the order round by round: nobody always runs first. */
            int way = (w + round) % WAYS;
            if (!measure_once(bench, &ways[way], &bench->ns[way][round],
                              &bench->wall_ns[way][round]))
                return 1;
        }
    printf("hip launch, CPU time of the launching thread, median of %d rounds%s\n", bench->rounds,
           bench->profile ? " on the emulated GPU" : "");
    for (int w = 0; w < WAYS; w++) {
        medians[w] = median(bench->ns[w], bench->rounds);
        printf("  %-8s %8.0f ns  %+6.1f %%   (wall %.0f ns)\n", ways[w].label, medians[w],
               100 * (medians[w] / medians[0] - 1), median(bench->wall_ns[w], bench->rounds));
    }
    return json && !write_json(json, "hip", medians) ? 1 : 0;
}

int reef_bench(int argc, char **argv)
{
    static struct bench bench = {.rounds = 9};
    const char *json = NULL;
    int i = 2;

    if (argc < 2 || strcmp(argv[1], "launch") != 0) {
        reef_say("bench: what? (launch)");
        return REEF_EXIT_USAGE;
    }
    for (; i + 1 < argc; i += 2) {
        if (strcmp(argv[i], "--json") == 0)
            json = argv[i + 1];
        else if (strcmp(argv[i], "--emulate") == 0)
            bench.profile = argv[i + 1];
        else if (strcmp(argv[i], "--rounds") == 0)
            bench.rounds = atoi(argv[i + 1]);
        else
            break;
    }
    if (i < argc || bench.rounds < 1 || bench.rounds > MAX_ROUNDS) {
        reef_say("usage: reef bench launch [--emulate PROFILE] [--rounds 1..%d] [--json FILE]",
                 MAX_ROUNDS);
        return REEF_EXIT_USAGE;
    }
    /* Without a GPU there is still the emulated one, and the report says so. */
    if (!bench.profile && access("/dev/kfd", F_OK) != 0)
        bench.profile = "mi50";
    return find_all(&bench) ? bench_launch(&bench, json) : 1;
}
