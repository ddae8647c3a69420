// SPDX-License-Identifier: Apache-2.0
/* Random models, clients and policies for the tests of the simulator, from a seed. */
#pragma once

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "replay/engine.h"

static const struct emu_profile mi50 = {
    .name = "mi50",
    .compute_units = 60,
    .simds_per_cu = 4,
    .waves_per_simd = 10,
    .vgprs_per_simd = 256,
    .vgpr_granule = 4,
    .sgprs_per_simd = 800,
    .sgpr_granule = 16,
    .lds_bytes_per_cu = 65536,
    .lds_granule = 512,
    .workgroups_per_cu = 16,
};
static const struct replay_costs costs = {
    .launch_ns = 4000,
    .gap_ns = 2000,
    .request_ns = 100000,
    .turnaround_ns = 20000,
    .reset_ns = 36000,
    .resume_ns = 8000,
    .evict_ns = 7000,
    .proxy_milli = 1008,
    .restart_back = 3,
    .interference_milli = 335,
};

static inline uint64_t below(uint64_t *random, uint64_t n)
{
    return (replay_random(random) >> 32) % n;
}

static inline struct replay_model *random_model(uint64_t *random, const char *name)
{
    struct replay_model *model = replay_model_create(name);
    uint32_t kinds = (uint32_t)below(random, 6) + 1, length = (uint32_t)below(random, 30) + 1;
    char err[256];

    for (uint32_t i = 0; i < kinds; i++) {
        struct replay_kernel k = {.groups = (uint32_t)below(random, 400) + 1,
                                  .threads = (uint32_t)below(random, 1024) + 1,
                                  .curve_length = (uint32_t)below(random, 16) + 1};
        uint32_t ns = (uint32_t)below(random, 100000) + 500;

        snprintf(k.name, sizeof(k.name), "k%u", i);
        k.shape.vgprs = (uint32_t)below(random, 64);
        k.shape.lds_bytes = below(random, 2) ? (uint32_t)below(random, 20000) : 0;
        for (uint32_t n = 0; n < k.curve_length; n++)
            k.curve_ns[n] = ns += (uint32_t)below(random, 10000);
        replay_model_add_kernel(model, &k);
    }
    for (uint32_t i = 0; i < length; i++)
        replay_model_append(model, (uint32_t)below(random, kinds));
    if (replay_model_prepare(model, &mi50, costs.gap_ns, err, sizeof(err)) != 0) {
        fprintf(stderr, "%s\n", err);
        exit(1);
    }
    return model;
}

/* Arrivals in the first @span_ns, so that the rest of the time is enough to finish them. */
static inline void random_client(uint64_t *random, struct replay_workload *workload, bool rt,
                                 uint64_t span_ns)
{
    struct replay_client *c = replay_workload_add_client(workload);
    uint64_t at_ns = 0;

    snprintf(c->name, sizeof(c->name), "%s%u", rt ? "rt" : "be", workload->client_count - 1);
    c->rt = rt;
    c->model = workload->models[below(random, workload->model_count)];
    c->load = REPLAY_TRACE;
    c->keep_late = below(random, 2);
    while ((at_ns += below(random, 4000000)) < span_ns)
        replay_client_add_arrival(c, at_ns);
    if (c->arrival_count == 0)
        replay_client_add_arrival(c, 1000);
}

static inline struct replay_workload *random_workload(uint64_t *random, uint32_t rt, uint32_t be,
                                                      uint64_t span_ns)
{
    struct replay_workload *workload = replay_workload_create("random");
    char name[16];

    for (int i = 0; i < 4; i++) {
        snprintf(name, sizeof(name), "m%d", i);
        replay_workload_add_model(workload, random_model(random, name));
    }
    for (uint32_t i = 0; i < rt; i++)
        random_client(random, workload, true, span_ns);
    for (uint32_t i = 0; i < be; i++)
        random_client(random, workload, false, span_ns);
    workload->duration_ns = 60000000000ull; /* until nothing is left to do */
    return workload;
}
