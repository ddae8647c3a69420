// SPDX-License-Identifier: Apache-2.0
/*
 * The models that ship with reef against the published profiles they summarise: how many kernels,
 * what a run alone takes, how long kernels are, and how many leave units free. Skipped (77) where
 * the profiles are not at hand.
 *
 *   test_replay_models MODELS-FOLDER PROFILES.csv
 *
 * The profiles time each kernel by itself, which adds the same to each; what, follows from the time
 * of a run alone. One of their kernels is left as its own curve has it: its total is that of a
 * first run.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tests/replay/random_workload.h"

enum { LAUNCHES = 512, GAP_NS = 2000 };

static const struct pair {
    const char *file, *csv;
    uint64_t single_ns; /* from the published restore times: restore / its share of a run */
} pairs[] = {
    {"rnet", "resnet152", 13600000}, {"dnet", "densenet", 3500000}, {"vgg", "vgg", 4400000},
    {"in3", "inception", 8300000},   {"bert", "bert", 5400000},
};

struct profile {
    uint32_t count, narrow; /* launches; of them with less than 60 work-groups */
    int64_t ns[LAUNCHES];
};

static int compare(const void *a, const void *b)
{
    int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;

    return (x > y) - (x < y);
}

/* Columns: model, idx, name, gx, gy, gz, bx, by, bz, blocks, threads, lds, vgpr, sgpr, args, total
 * us, us by occupancy. */
static void read_line(struct profile *p, const char *model, char *line)
{
    char *fields[17], *save = NULL;
    int n = 0;

    for (char *f = strtok_r(line, ",\n", &save); f && n < 17; f = strtok_r(NULL, ",\n", &save))
        fields[n++] = f;
    if (n < 17 || strcmp(fields[0], model) != 0 || p->count == LAUNCHES)
        return;
    uint32_t groups = (uint32_t)strtoul(fields[9], NULL, 10), layers = (groups + 59) / 60;
    double total = strtod(fields[15], NULL), own = 0;
    char *at = fields[16];

    for (uint32_t i = 0; i < layers && *at; i++)
        own = strtod(at, &at) ?: own;
    if (total > 5 * own)
        total = own + 2;
    p->narrow += groups < 60;
    p->ns[p->count++] = (int64_t)(total * 1000);
}

static bool read_profile(struct profile *p, const char *path, const char *model)
{
    FILE *file = fopen(path, "r");
    char line[4096];

    memset(p, 0, sizeof(*p));
    while (file && fgets(line, sizeof(line), file))
        read_line(p, model, line);
    if (file)
        fclose(file);
    return p->count > 0;
}

/* Takes off each time what timing added, so that a run takes @single_ns. */
static void take_off(struct profile *p, uint64_t single_ns)
{
    int64_t low = 0, high = 100000;

    while (low < high) {
        int64_t middle = (low + high) / 2, sum = 0;

        for (uint32_t i = 0; i < p->count; i++)
            sum += (p->ns[i] - middle > 1000 ? p->ns[i] - middle : 1000) + GAP_NS;
        if (sum > (int64_t)single_ns)
            low = middle + 1;
        else
            high = middle;
    }
    for (uint32_t i = 0; i < p->count; i++)
        p->ns[i] = p->ns[i] - low > 1000 ? p->ns[i] - low : 1000;
    qsort(p->ns, p->count, sizeof(p->ns[0]), compare);
}

static struct replay_model *load(const char *folder, const char *name)
{
    char path[4096], text[65536], err[256];
    snprintf(path, sizeof(path), "%s/%s.model", folder, name);
    FILE *file = fopen(path, "r");
    size_t size = file ? fread(text, 1, sizeof(text), file) : 0;
    struct replay_model *model = replay_model_parse(text, size, err, sizeof(err));

    if (file)
        fclose(file);
    if (!model || replay_model_prepare(model, &mi50, GAP_NS, err, sizeof(err)) != 0) {
        fprintf(stderr, "%s: %s\n", path, err);
        exit(1);
    }
    return model;
}

static int check(const struct pair *pair, const char *folder, const char *csv)
{
    static const unsigned quantiles[] = {100, 250, 500, 750, 900, 990};
    struct profile want, is = {0};
    int failures = 0;

    if (!read_profile(&want, csv, pair->csv))
        return 1;
    take_off(&want, pair->single_ns);
    struct replay_model *model = load(folder, pair->file);
    for (uint32_t i = 0; i < model->length && i < LAUNCHES; i++) {
        const struct replay_kernel *k = &model->kernels[model->sequence[i]];

        is.ns[is.count++] = (int64_t)k->alone_ns;
        is.narrow += k->groups < 60;
    }
    qsort(is.ns, is.count, sizeof(is.ns[0]), compare);
    printf("%s: %u kernels (%u), %.3f ms alone (%.3f), %.1f %% below 60 work-groups (%.1f)\n",
           pair->file, model->length, want.count, (double)model->single_ns / 1e6,
           (double)pair->single_ns / 1e6, 100.0 * is.narrow / is.count,
           100.0 * want.narrow / want.count);
    failures += model->length != want.count;
    failures +=
        llabs((int64_t)model->single_ns - (int64_t)pair->single_ns) * 50 > (int64_t)pair->single_ns;
    failures += llabs((int64_t)is.narrow - (int64_t)want.narrow) * 50 > want.count;
    for (size_t q = 0; q < sizeof(quantiles) / sizeof(quantiles[0]) && is.count == want.count;
         q++) {
        uint32_t at = want.count * quantiles[q] / 1000;
        int64_t off = llabs(is.ns[at] - want.ns[at]);

        printf("  p%-4.1f %8.1f us (%.1f)\n", quantiles[q] / 10.0, (double)is.ns[at] / 1e3,
               (double)want.ns[at] / 1e3);
        failures += off > 2000 && off * 10 > want.ns[at];
    }
    replay_model_destroy(model);
    return failures;
}

int main(int argc, char **argv)
{
    const char *csv = getenv("REEF_REFERENCE_PROFILES");
    int failures = 0;

    if (!csv)
        csv = argc > 2 ? argv[2] : "";
    FILE *file = fopen(csv, "r");
    if (argc < 2 || !file) {
        printf("the published profiles are not at '%s'\n", csv);
        return 77;
    }
    fclose(file);
    for (size_t i = 0; i < sizeof(pairs) / sizeof(pairs[0]); i++)
        failures += check(&pairs[i], argv[1], csv);
    return failures > 0;
}
