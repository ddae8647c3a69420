// SPDX-License-Identifier: Apache-2.0
/*
 * reef bench emu: how many wave-instructions the emulated GPU interprets in a second of wall time,
 * on as many threads as it uses by default. Each kernel is a program run of its own
 * (tests/apps/emuspeed.cpp, which prints the wall time from its launches to their end); how many
 * instructions that were, the emulator says at exit (REEF_EMU_STATS). The median round counts; the
 * total is that of the mix: all instructions by all the time.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tools/bench.h"

enum { ROUNDS = 3 };

static const char *const kernels[] = {"matmul", "conv", "reduce"};
enum { KERNELS = sizeof(kernels) / sizeof(kernels[0]) };

struct sample {
    double instructions, wall_s;
};

/* The number behind "@key": in @text. */
static bool number_of(const char *text, const char *key, double *value)
{
    const char *at = strstr(text, key);

    return at && sscanf(at + strlen(key), "\": %lf", value) == 1;
}

static bool read_stats(const char *path, double *instructions)
{
    char text[256] = "";
    FILE *file = fopen(path, "r");
    bool found = file && fgets(text, sizeof(text), file) &&
                 number_of(text, "wave_instructions", instructions);

    if (file)
        fclose(file);
    if (!found)
        reef_say("bench: the emulator left no statistics at %s", path);
    return found;
}

static bool measure(const struct reef_bench_libraries *libraries, char *program, const char *kernel,
                    struct sample *sample)
{
    char *argv[] = {program, (char *)kernel, NULL}, line[64];
    char stats[] = "/tmp/reef-bench-XXXXXX";
    int fd = mkstemp(stats);
    bool ok = false;

    if (fd < 0) {
        reef_say("bench: no temporary file");
        return false;
    }
    close(fd);
    setenv("REEF_EMU_STATS", stats, 1);
    if (reef_bench_run(libraries, NULL, argv, line, sizeof(line)) &&
        sscanf(line, "%lf", &sample->wall_s) == 1 && sample->wall_s > 0)
        ok = read_stats(stats, &sample->instructions);
    unlink(stats);
    return ok;
}

int reef_bench_emu(const struct reef_bench_options *options)
{
    static struct reef_bench_libraries libraries;
    static double rates[KERNELS][REEF_BENCH_MAX_ROUNDS];
    char program[PATH_MAX];
    int rounds = options->rounds ? options->rounds : ROUNDS;
    double instructions = 0, wall_s = 0, medians[KERNELS];

    if (!options->profile) {
        reef_say("bench: emu measures the emulated GPU: --emulate PROFILE");
        return REEF_EXIT_USAGE;
    }
    if (!reef_bench_find(options, &libraries) || !reef_bench_find_app("emuspeed", program))
        return 1;
    for (int round = 0; round < rounds; round++)
        for (int k = 0; k < KERNELS; k++) {
            struct sample sample = {0};
            if (!measure(&libraries, program, kernels[k], &sample))
                return 1;
            rates[k][round] = sample.instructions / sample.wall_s;
            instructions += sample.instructions;
            wall_s += sample.wall_s;
        }
    printf("wave-instructions per second of wall time, median of %d rounds\n", rounds);
    for (int k = 0; k < KERNELS; k++) {
        medians[k] = reef_bench_median(rates[k], rounds);
        printf("  %-8s %8.1f million\n", kernels[k], medians[k] / 1e6);
    }
    printf("  %-8s %8.1f million\n", "mix", instructions / wall_s / 1e6);
    FILE *json = reef_bench_json(options);
    if (!json)
        return options->json != NULL;
    fprintf(json, "{\"wave_inst_per_s\": %.0f, \"kernels\": {", instructions / wall_s);
    for (int k = 0; k < KERNELS; k++)
        fprintf(json, "%s\"%s\": %.0f", k ? ", " : "", kernels[k], medians[k]);
    fprintf(json, "}}\n");
    return fclose(json) != 0;
}
