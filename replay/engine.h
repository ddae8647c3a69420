// SPDX-License-Identifier: Apache-2.0
/*
 * The simulator: a workload under a policy on a device, in virtual time. What schedules is sched/,
 * what runs is emu/model/bulk.h; this stands where libreef's shim and the GPU's queues are in
 * production.
 *
 * Deterministic: equal input gives equal output on any machine. Integer nanoseconds, no clock, no
 * environment, no I/O, no thread; several runs may go on in several threads.
 */
#pragma once

#include "replay/policy.h"
#include "replay/workload.h"

struct replay_options {
    const struct emu_profile *profile;
    const struct replay_costs *costs;
    const struct replay_policy *policy;
    uint64_t duration_ns; /* 0: the workload's */
    uint64_t seed;
    bool keep_late; /* every client keeps late arrivals */
    /* Optional. What the core was told and what it wants, a line each (without newline). */
    void (*log)(void *arg, const char *line);
    /* Optional. Units busy with RT and with BE work, whenever that changed. */
    void (*busy)(void *arg, uint64_t now_ns, uint32_t rt_cus, uint32_t be_cus);
    /* Optional. Called every so often; not 0: give up. */
    int (*progress)(void *arg, uint64_t now_ns);
    void *arg;
};

struct replay_series {
    uint64_t *values; /* owned */
    size_t count, room;
};

struct replay_client_result {
    struct replay_series latency_ns; /* of completed requests, in the order of completion; sorted by
                                        replay_series_sort */
    uint64_t queued_ns;              /* sum of the time they waited for RT requests before them */
    uint64_t begun, dropped;         /* requests; arrivals that a newer one replaced */
    uint64_t wait_ns_max;            /* longest wait for BE work to leave the device */
};

struct replay_result {
    uint64_t duration_ns;
    struct replay_client_result *clients; /* owned; as many as the workload has */
    uint32_t client_count;
    uint64_t preemptions;                    /* RT arrivals that found BE kernels on the device */
    uint64_t preempt_ns_sum, preempt_ns_max; /* from there until nothing of BE was on it */
    uint64_t restore_ns; /* what preemption cost BE: that, with launches, and resuming */
    uint64_t waste_ns;   /* device time of BE kernels run for nothing */
    uint64_t killed, pads, padded_groups; /* kernels killed; BE parts of merged kernels */
    uint64_t busy_cu_ns;                  /* sum over units */
    uint64_t kernels;                     /* completed */
};

/** Models must be prepared for the profile. 0, -ENOMEM, -EINVAL (no such core policy, or a kernel
 *  that does not fit), or -ECANCELED. */
int replay_run(const struct replay_workload *workload, const struct replay_options *options,
               struct replay_result *result);
void replay_result_free(struct replay_result *result);

int replay_series_add(struct replay_series *series, uint64_t value);
void replay_series_sort(struct replay_series *series);
uint64_t replay_series_mean(const struct replay_series *series);
/** Nearest-rank percentile of a sorted series, in thousandths (500: median); 0 if it is empty. */
uint64_t replay_series_at(const struct replay_series *series, unsigned milli);
