// SPDX-License-Identifier: Apache-2.0
/*
 * reef bench preempt: percentiles, and how figures are printed and written.
 */
#include "tools/bench_preempt.h"

void reef_series_add(struct reef_series *series, double us)
{
    if (series->count < REEF_PREEMPT_ARRIVALS)
        series->us[series->count++] = us;
}

double reef_series_percentile(struct reef_series *series, double percent)
{
    if (series->count == 0)
        return -1;
    reef_bench_median(series->us, series->count); /* sorts */
    int at = (int)(percent / 100 * series->count);
    return series->us[at < series->count ? at : series->count - 1];
}

void reef_bench_put(FILE *json, const char *key, double value)
{
    if (value < 0)
        fprintf(json, "\"%s\": null, ", key);
    else
        fprintf(json, "\"%s\": %.3f, ", key, value);
}

void reef_series_put(FILE *json, const char *key, struct reef_series *series)
{
    static const struct {
        const char *name;
        double percent;
    } of[] = {{"p50", 50}, {"p99", 99}, {"max", 100}};
    char name[64];
    for (unsigned i = 0; i < sizeof(of) / sizeof(of[0]); i++) {
        snprintf(name, sizeof(name), "%s_%s_us", key, of[i].name);
        reef_bench_put(json, name, reef_series_percentile(series, of[i].percent));
    }
}

void reef_bench_column(int width, double value)
{
    if (value < 0)
        printf(" %*s", width, "-");
    else
        printf(" %*.1f", width, value);
}

double reef_preempt_overhead_pct(const struct reef_preempt_figures *figures)
{
    return figures->task_us > 0 ? 100 * figures->repeated_us / figures->task_us : 0;
}

/* What the table shows of the series. */
static const struct column {
    const char *head;
    enum reef_preempt_series series;
    double percent;
    int width;
} columns[] = {
    {"p50", REEF_PREEMPT_FIRST, 50, 7},  {"p99", REEF_PREEMPT_FIRST, 99, 7},
    {"max", REEF_PREEMPT_FIRST, 100, 7}, {"evict", REEF_PREEMPT_EVICT, 50, 7},
    {"all", REEF_PREEMPT_ALL, 50, 7},    {"restore", REEF_PREEMPT_RESTORE, 50, 7},
    {"hold", REEF_PREEMPT_HOLD, 50, 8},  {"seen", REEF_PREEMPT_SEEN, 50, 7},
    {"kill", REEF_PREEMPT_KILL, 50, 7},
};
enum { COLUMNS = sizeof(columns) / sizeof(columns[0]) };

void reef_preempt_say_head(void)
{
    printf("  %-24s %-47s  %-22s\n  %-24s", "", "device us: first work-group, and p50 of",
           "wall us, p50", "");
    for (int i = 0; i < COLUMNS; i++)
        printf(" %*s", columns[i].width, columns[i].head);
    printf("  %9s %6s %6s\n", "repeated", "again", "count");
}

void reef_preempt_say(const char *what, struct reef_preempt_figures *figures)
{
    printf("  %-24s", what);
    for (int i = 0; i < COLUMNS; i++)
        reef_bench_column(
            columns[i].width,
            reef_series_percentile(&figures->series[columns[i].series], columns[i].percent));
    printf("   %6.2f %% %6.2f %6llu\n", reef_preempt_overhead_pct(figures), figures->reexecuted,
           (unsigned long long)figures->preemptions);
    fflush(stdout);
}

void reef_preempt_put(FILE *json, struct reef_preempt_figures *figures)
{
    static const char *const keys[] = {
#define KEY(name, key) key,
        REEF_PREEMPT_SERIES(KEY)
#undef KEY
    };
    for (int i = 0; i < REEF_PREEMPT_SERIES_COUNT; i++)
        reef_series_put(json, keys[i], &figures->series[i]);
    reef_bench_put(json, "restore_overhead_pct", reef_preempt_overhead_pct(figures));
    reef_bench_put(json, "repeated_us", figures->repeated_us);
    reef_bench_put(json, "task_us", figures->task_us);
    reef_bench_put(json, "lost_pct", figures->lost_pct);
    reef_bench_put(json, "reexecuted_per_preemption", figures->reexecuted);
    reef_bench_put(json, "resubmitted_per_preemption", figures->resubmitted);
    fprintf(json, "\"arrivals\": %d, \"evicted\": %d, \"restored\": %d, \"preemptions\": %llu",
            figures->arrivals, figures->series[REEF_PREEMPT_EVICT].count,
            figures->series[REEF_PREEMPT_RESTORE].count, (unsigned long long)figures->preemptions);
}
