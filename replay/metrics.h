// SPDX-License-Identifier: Apache-2.0
/*
 * The figures of a run, for each client and in total, and beside those of RT alone. Integers:
 * nanoseconds, and thousandths ("milli") for rates and ratios, so that they print alike everywhere.
 */
#pragma once

#include "replay/engine.h"

struct replay_metrics {
    uint64_t completed, begun, dropped;
    uint64_t mean_ns, p50_ns, p95_ns, p99_ns, max_ns;
    uint64_t served_mean_ns; /* without the time spent waiting for RT requests before it */
    uint64_t per_s_milli;
};

struct replay_totals {
    struct replay_metrics rt, be;
    uint64_t preemptions, preempt_mean_ns, preempt_max_ns;
    uint64_t waste_ns;        /* of device time, for nothing */
    uint64_t restore_each_ns; /* what a preemption cost BE (engine.h) */
    uint64_t cu_use_milli;    /* share of the units' time with a work-group on them */
    uint64_t pads, padded_groups, killed, kernels;
};

/** Sorts the result's series. */
void replay_metrics_client(struct replay_result *result, uint32_t client,
                           struct replay_metrics *metrics);
/** 0 or -ENOMEM. */
int replay_metrics_total(const struct replay_workload *workload, struct replay_result *result,
                         uint32_t compute_units, struct replay_totals *totals);
/** a / b in thousandths, rounded; 0 if @b is 0. */
uint64_t replay_ratio_milli(uint64_t a, uint64_t b);

/** What REEF's evaluation on an MI50 says, in thousandths, of RT latency and of throughput, both
 *  relative to RT alone. 0: not said. A range where one is given. */
struct replay_published {
    const char *workload, *policy;
    uint32_t latency_low, latency_high, throughput_low, throughput_high;
    const char *source;
};
extern const struct replay_published replay_published[];
extern const unsigned replay_published_count;
const struct replay_published *replay_published_find(const char *workload, const char *policy);
