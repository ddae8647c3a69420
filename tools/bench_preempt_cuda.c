// SPDX-License-Identifier: Apache-2.0
/*
 * reef bench preempt, the CUDA part: how soon real-time work runs that arrives while a best-effort
 * program has an emulated NVIDIA GPU, by each means, against how long the best-effort kernels are
 * and how many may be in the device queue. docs/preemption-cuda.md says what is measured and what
 * of it is a model's. Here: which arrangements are measured, and how they are printed.
 */
#include "tools/bench_preempt.h"

static const struct reef_cuda_means means[] = {
    {"alone", "alone", false, false, false, false, NULL},
    {"stock", "without libreef", true, false, false, false, NULL},
    {"hold", "hold", true, true, false, false, "off"},
    {"timeslice", "hold + timeslice", true, true, false, false, "1"},
    {"guard", "hold + guards", true, true, false, true, "off"},
    {"side_by_side", "hold, no turns (MPS)", true, true, true, false, "off"},
    {"guard_side_by_side", "hold + guards, no turns", true, true, true, true, "off"},
};
enum { ALONE, STOCK, HOLD, TIMESLICE, GUARD, SIDE_BY_SIDE, GUARD_SIDE_BY_SIDE, MEANS };

/* How many are called ahead: of long ones fewer, they only have to be over in the end. */
static const struct {
    int us, ahead;
} kernels[] = {{100, 16}, {500, 16}, {1000, 8}, {5000, 4}};

static const int depths[] = {1, 4, 16, 64};

#define COUNT(array) (sizeof(array) / sizeof((array)[0]))

/* The figures that are times, in the order of the table and of the JSON. */
static const struct {
    const char *key;
    size_t offset;
} series[] = {
#define SERIES(key, member)                                                                        \
    {                                                                                              \
        key, offsetof(struct reef_cuda_figures, member)                                            \
    }
    SERIES("hold", hold),    SERIES("evict", evict), SERIES("drained", drained),
    SERIES("device", first), SERIES("all", all),
};

static void put(FILE *json, struct reef_cuda_figures *f)
{
    for (unsigned i = 0; i < COUNT(series); i++)
        reef_series_put(json, series[i].key, (struct reef_series *)((char *)f + series[i].offset));
    fprintf(json,
            "\"evicted\": %d, \"ended\": %llu, \"drained\": %d, \"arrivals\": %d, "
            "\"preemptions\": %llu",
            f->evict.count, (unsigned long long)f->ended, f->drained.count, f->first.count,
            (unsigned long long)f->preemptions);
}

static void say(const char *what, struct reef_cuda_figures *f)
{
    printf("  %-34s", what);
    reef_bench_column(8, reef_series_percentile(&f->first, 50));
    reef_bench_column(8, reef_series_percentile(&f->first, 99));
    reef_bench_column(8, reef_series_percentile(&f->first, 100));
    reef_bench_column(8, reef_series_percentile(&f->evict, 50));
    reef_bench_column(8, reef_series_percentile(&f->drained, 50));
    reef_bench_column(8, reef_series_percentile(&f->hold, 50));
    printf(" %6d\n", f->first.count);
    fflush(stdout);
}

/* One more row. @first: of its list in the JSON. */
static bool row(const struct reef_bench_libraries *libraries, const struct reef_cuda_setting *s,
                FILE *json, bool first)
{
    static struct reef_cuda_figures f;
    char what[64];
    if (!reef_cuda_measure(libraries, s, &f))
        return false;
    int length = snprintf(what, sizeof(what), "%s", s->means->label);
    if (s->means->be)
        snprintf(what + length, sizeof(what) - (size_t)length, s->depth ? ", depth %d" : ", %d us",
                 s->depth ? s->depth : s->kernel_us);
    say(what, &f);
    if (!json)
        return true;
    fprintf(json, "%s\n  {\"means\": \"%s\", \"kernel_us\": %d, \"ahead\": %d, ", first ? "" : ",",
            s->means->key, s->kernel_us, s->ahead);
    if (s->depth)
        fprintf(json, "\"depth\": %d, ", s->depth);
    put(json, &f);
    fprintf(json, "}");
    return true;
}

static bool by_kernel_time(const struct reef_bench_libraries *libraries, int count, FILE *json)
{
    bool ok = true;
    for (int m = STOCK; m < MEANS && ok; m++)
        for (unsigned k = 0; k < COUNT(kernels) && ok; k++) {
            const struct reef_cuda_setting s = {.means = &means[m],
                                                .kernel_us = kernels[k].us,
                                                .ahead = kernels[k].ahead,
                                                .arrivals =
                                                    kernels[k].us > 1000 ? (count + 1) / 2 : count};
            ok = row(libraries, &s, json, m == STOCK && k == 0);
        }
    return ok;
}

/* The depth is what matters where work in flight is waited for. */
static bool by_depth(const struct reef_bench_libraries *libraries, int count, FILE *json)
{
    static const int which[] = {HOLD, SIDE_BY_SIDE, GUARD_SIDE_BY_SIDE};
    bool ok = true;
    for (unsigned m = 0; m < COUNT(which) && ok; m++)
        for (unsigned d = 0; d < COUNT(depths) && ok; d++) {
            const struct reef_cuda_setting s = {.means = &means[which[m]],
                                                .kernel_us = 100,
                                                .ahead = kernels[0].ahead,
                                                .depth = depths[d],
                                                .depth_us = 1000000,
                                                .arrivals = count};
            ok = row(libraries, &s, json, m == 0 && d == 0);
        }
    return ok;
}

bool reef_bench_preempt_cuda(const struct reef_bench_libraries *libraries, int rounds, FILE *json)
{
    enum { ARRIVALS_MAX = 10 };
    int count = rounds < ARRIVALS_MAX ? rounds : ARRIVALS_MAX;
    const struct reef_cuda_setting alone = {.means = &means[ALONE], .arrivals = count};
    bool ok;
    printf("preemption on the emulated %s, CUDA: kernels on every multiprocessor\n"
           "  %-34s %26s %8s %8s %8s\n  %-34s %8s %8s %8s %8s %8s %8s %6s\n",
           libraries->profile, "", "first block, device us", "evict", "drained", "hold", "", "p50",
           "p99", "max", "device", "device", "wall", "count");
    if (json)
        fprintf(json, "\"cuda\": {\"profile\": \"%s\",\n \"alone\": [", libraries->profile);
    ok = row(libraries, &alone, json, true);
    if (json)
        fprintf(json, "],\n \"by_kernel_us\": [");
    ok = ok && by_kernel_time(libraries, count, json);
    if (json)
        fprintf(json, "],\n \"by_depth\": [");
    ok = ok && by_depth(libraries, count, json);
    if (json)
        fprintf(json, "]");
    reef_bench_say_published_cuda(json);
    if (json)
        fprintf(json, "}");
    return ok;
}
