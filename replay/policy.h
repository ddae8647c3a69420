// SPDX-License-Identifier: Apache-2.0
/*
 * What is compared: a policy of the scheduling core with its switches, and what things cost on the
 * device. Each way in which this differs from REEF as it was published is a switch, so both can be
 * shown. Pure data.
 */
#pragma once

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "sched/padding.h"

struct replay_policy {
    const char *name;
    const char *core; /* the core's policy */
    const char *summary;
    bool rt_concurrent;   /* RT requests of different clients run at the same time, else in turn */
    bool rt_waits;        /* RT work begins when BE work is off the device, else beside it */
    uint32_t depth_count; /* of a BE device queue */
    uint32_t kill_limit;  /* 0: no limit */
    uint32_t linger_us;   /* hysteresis, adaptive */
    bool inexact;         /* a reset runs kernels again that were complete (costs.restart_back) */
    bool whole_rest;      /* a kernel that padding began is run again whole, not the rest of it */
    struct reef_pad_rules padding;
};

/** NULL if there is none of that name. */
const struct replay_policy *replay_policy_find(const char *name);
/** The @index-th policy, or NULL. The first is rt-only. */
const struct replay_policy *replay_policy_at(size_t index);

/* X(field, "what it is"): costs of the device and the host; a costs file has a line for each. */
#define REPLAY_COSTS(X)                                                                            \
    X(launch_ns, "host, per kernel launch")                                                        \
    X(gap_ns, "between two kernels of a stream")                                                   \
    X(request_ns, "host phases of a request, which DISB counts when it staggers RT clients")       \
    X(turnaround_ns, "host, from a request's end to the next of a continuous client")              \
    X(reset_ns, "from a BE reset, which ends its kernels at once, until RT may begin")             \
    X(resume_ns, "from RT's end until BE kernels are launched again")                              \
    X(evict_ns, "per queued kernel that runs to nothing")                                          \
    X(proxy_milli, "factor on a merged kernel's time, in thousandths")                             \
    X(restart_back, "complete kernels that an inexact restart runs again")                         \
    X(interference_milli, "slowdown while other streams have kernels on the device, thousandths")

struct replay_costs {
#define REPLAY_COST_FIELD(field, doc) uint32_t field;
    REPLAY_COSTS(REPLAY_COST_FIELD)
#undef REPLAY_COST_FIELD
};

/** Reads "key = value" lines. All keys are required. 0, or -EINVAL and a line in @err. */
int replay_costs_parse(struct replay_costs *costs, const char *text, size_t size, char *err,
                       size_t err_size);
