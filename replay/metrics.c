// SPDX-License-Identifier: Apache-2.0
/* The figures of a run. See metrics.h. */
#include "replay/metrics.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

uint64_t replay_ratio_milli(uint64_t a, uint64_t b)
{
    return b ? (uint64_t)(((unsigned __int128)a * 2000 + b) / ((unsigned __int128)b * 2)) : 0;
}

static void describe(struct replay_series *series, uint64_t queued_ns, uint64_t duration_ns,
                     struct replay_metrics *m)
{
    replay_series_sort(series);
    m->completed = series->count;
    m->mean_ns = replay_series_mean(series);
    m->p50_ns = replay_series_at(series, 500);
    m->p95_ns = replay_series_at(series, 950);
    m->p99_ns = replay_series_at(series, 990);
    m->max_ns = replay_series_at(series, 1000);
    m->served_mean_ns = m->mean_ns - (series->count ? queued_ns / series->count : 0);
    m->per_s_milli = replay_ratio_milli(series->count * 1000000000ull, duration_ns);
}

void replay_metrics_client(struct replay_result *result, uint32_t client,
                           struct replay_metrics *metrics)
{
    struct replay_client_result *c = &result->clients[client];

    memset(metrics, 0, sizeof(*metrics));
    metrics->begun = c->begun;
    metrics->dropped = c->dropped;
    describe(&c->latency_ns, c->queued_ns, result->duration_ns, metrics);
}

/* All clients of one class together. */
static int describe_class(const struct replay_workload *workload, struct replay_result *result,
                          bool rt, struct replay_metrics *metrics)
{
    struct replay_series all = {0};
    uint64_t queued_ns = 0;

    memset(metrics, 0, sizeof(*metrics));
    for (uint32_t i = 0; i < result->client_count; i++) {
        const struct replay_client_result *c = &result->clients[i];

        if (workload->clients[i].rt != rt)
            continue;
        for (size_t k = 0; k < c->latency_ns.count; k++)
            if (replay_series_add(&all, c->latency_ns.values[k]) != 0) {
                free(all.values);
                return -ENOMEM;
            }
        queued_ns += c->queued_ns;
        metrics->begun += c->begun;
        metrics->dropped += c->dropped;
    }
    describe(&all, queued_ns, result->duration_ns, metrics);
    free(all.values);
    return 0;
}

int replay_metrics_total(const struct replay_workload *workload, struct replay_result *result,
                         uint32_t compute_units, struct replay_totals *totals)
{
    memset(totals, 0, sizeof(*totals));
    if (describe_class(workload, result, true, &totals->rt) != 0 ||
        describe_class(workload, result, false, &totals->be) != 0)
        return -ENOMEM;
    totals->preemptions = result->preemptions;
    totals->preempt_mean_ns =
        result->preemptions ? result->preempt_ns_sum / result->preemptions : 0;
    totals->preempt_max_ns = result->preempt_ns_max;
    totals->waste_ns = result->waste_ns;
    totals->restore_each_ns = result->preemptions ? result->restore_ns / result->preemptions : 0;
    totals->cu_use_milli =
        replay_ratio_milli(result->busy_cu_ns, result->duration_ns * compute_units);
    totals->pads = result->pads;
    totals->padded_groups = result->padded_groups;
    totals->killed = result->killed;
    totals->kernels = result->kernels;
    return 0;
}
