// SPDX-License-Identifier: Apache-2.0
/* reef replay: what it prints. Numbers are made from integers, so they are the same everywhere. */
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "tools/replay.h"

const char *replay_milli(uint64_t milli, int digits)
{
    static _Thread_local char ring[16][32];
    static _Thread_local unsigned at;
    static const uint32_t scale[] = {1000, 100, 10, 1};
    char *text = ring[at++ % 16];
    uint64_t rounded = (milli + scale[digits] / 2) / scale[digits];
    uint64_t one = 1000 / scale[digits];

    if (digits == 0)
        snprintf(text, sizeof(ring[0]), "%" PRIu64, rounded);
    else
        snprintf(text, sizeof(ring[0]), "%" PRIu64 ".%0*" PRIu64, rounded / one, digits,
                 rounded % one);
    return text;
}

/* "1.51-1.86", "1.95", or "-". */
static const char *range(uint32_t low, uint32_t high)
{
    static _Thread_local char ring[4][32];
    static _Thread_local unsigned at;
    char *text = ring[at++ % 4];

    if (high == 0)
        return "-";
    if (low == high)
        snprintf(text, sizeof(ring[0]), "%s", replay_milli(low, low % 10 ? 3 : 2));
    else if (low == 1000)
        snprintf(text, sizeof(ring[0]), "<%s", replay_milli(high, 3));
    else
        snprintf(text, sizeof(ring[0]), "%s-%s", replay_milli(low, 2), replay_milli(high, 2));
    return text;
}

static uint64_t per_s(const struct replay_totals *t)
{
    return t->rt.per_s_milli + t->be.per_s_milli;
}

static void print_row(const struct replay_suite *suite, unsigned w, unsigned p)
{
    const struct replay_totals *t = &suite->cells[w][p].totals, *alone = &suite->cells[w][0].totals;
    const char *workload = suite->workloads[w]->name, *policy = suite->policies[p]->name;
    const struct replay_published *published = replay_published_find(workload, policy);

    printf("%-5s %-15s %9s %9s %8s %8s %7s %7s %7s %8s  %-10s %-10s %s\n", p ? "" : workload,
           policy, replay_milli(t->rt.mean_ns, 0), replay_milli(t->rt.p99_ns, 0),
           replay_milli(t->rt.per_s_milli, 1), replay_milli(t->be.per_s_milli, 1),
           replay_milli(replay_ratio_milli(t->rt.mean_ns, alone->rt.mean_ns), 3),
           replay_milli(replay_ratio_milli(t->rt.p99_ns, alone->rt.p99_ns), 3),
           replay_milli(replay_ratio_milli(t->rt.served_mean_ns, alone->rt.served_mean_ns), 3),
           replay_milli(replay_ratio_milli(per_s(t), alone->rt.per_s_milli), 3),
           published ? range(published->latency_low, published->latency_high) : "",
           published ? range(published->throughput_low, published->throughput_high) : "",
           published ? published->source : "");
}

static void print_restores(const struct replay_suite *suite)
{
    static const char *const published[SUITE_RESTORES] = {"245", "70", "224", "224", "102"};

    puts("\nPreemption and restore: RT VGG at random times beside one BE model, no padding; us");
    printf("%-5s %-15s %12s %12s %12s   %s\n", "BE", "policy", "preempt mean", "preempt max",
           "restore", "published restore (plot script)");
    for (unsigned m = 0; m < SUITE_RESTORES; m++)
        for (unsigned p = 3; p < SUITE_POLICIES; p++) {
            const struct replay_totals *t = &suite->restores[m][p].totals;
            bool said = strcmp(suite->policies[p]->name, "reef-published") == 0;

            printf("%-5s %-15s %12s %12s %12s   %s\n",
                   p == 3 ? suite->restore_workloads[m]->name : "", suite->policies[p]->name,
                   replay_milli(t->preempt_mean_ns, 1), replay_milli(t->preempt_max_ns, 1),
                   replay_milli(t->restore_each_ns, 1), said ? published[m] : "");
        }
}

void replay_print_suite(const struct replay_suite *suite)
{
    printf(
        "REEF's workloads on a simulated MI50%s. Ratios are to rt-only; \"served\" leaves out the\n"
        "time that RT requests wait for each other. Published: REEF (OSDI'22), from secondary\n"
        "sources.\n\n",
        suite->quick ? ", shortened" : "");
    printf("%-5s %-15s %9s %9s %8s %8s %7s %7s %7s %8s  %-10s %-10s %s\n", "", "policy", "RT mean",
           "RT p99", "RT", "BE", "mean", "p99", "served", "through-", "published", "published",
           "source");
    printf("%-5s %-15s %9s %9s %8s %8s %7s %7s %7s %8s  %-10s %-10s\n", "", "", "us", "us", "1/s",
           "1/s", "ratio", "ratio", "ratio", "put", "latency", "throughput");
    for (unsigned w = 0; w < SUITE_WORKLOADS; w++)
        for (unsigned p = 0; p < SUITE_POLICIES; p++)
            print_row(suite, w, p);
    print_restores(suite);
}

static void print_client(const char *name, const char *class, const char *model,
                         const struct replay_metrics *m, const struct replay_metrics *alone)
{
    printf("%-12s %-5s %-10s %9s %9s %9s %9s %9s %7s %9s %7s %8" PRIu64 "\n", name, class, model,
           replay_milli(m->mean_ns, 0), replay_milli(m->p50_ns, 0), replay_milli(m->p95_ns, 0),
           replay_milli(m->p99_ns, 0), replay_milli(m->max_ns, 0),
           alone && alone->mean_ns ? replay_milli(replay_ratio_milli(m->mean_ns, alone->mean_ns), 3)
                                   : "-",
           replay_milli(m->per_s_milli, 1),
           alone && alone->per_s_milli
               ? replay_milli(replay_ratio_milli(m->per_s_milli, alone->per_s_milli), 3)
               : "-",
           m->dropped);
}

void replay_print_run(const struct replay_workload *workload, const struct replay_policy *policy,
                      const struct replay_cell *cell, const struct replay_cell *baseline)
{
    const struct replay_totals *t = &cell->totals, *alone = &baseline->totals;

    printf("%s under %s: %s\n\n", workload->name, policy->name, policy->summary);
    printf("%-12s %-5s %-10s %9s %9s %9s %9s %9s %7s %9s %7s %8s\n", "client", "class", "model",
           "mean us", "p50", "p95", "p99", "max", "ratio", "1/s", "ratio", "dropped");
    for (uint32_t i = 0; i < workload->client_count; i++) {
        const struct replay_client *client = &workload->clients[i];

        print_client(client->name, client->rt ? "rt" : "be", client->model->name, &cell->clients[i],
                     client->rt ? &baseline->clients[i] : NULL);
    }
    print_client("all", "rt", "", &t->rt, &alone->rt);
    print_client("all", "be", "", &t->be, NULL);
    printf("\nthroughput       %s times that of rt-only\n"
           "preemptions      %" PRIu64 ", taking %s us on average, %s us at most\n"
           "restore          %s us of device time wasted, %s us per preemption\n"
           "padding          %" PRIu64 " BE parts, %" PRIu64 " work-groups\n"
           "kernels          %" PRIu64 " completed, %" PRIu64 " killed\n"
           "compute units    %s %% in use\n",
           replay_milli(replay_ratio_milli(per_s(t), per_s(alone)), 3), t->preemptions,
           replay_milli(t->preempt_mean_ns, 1), replay_milli(t->preempt_max_ns, 1),
           replay_milli(t->waste_ns, 0), replay_milli(t->restore_each_ns, 1), t->pads,
           t->padded_groups, t->kernels, t->killed, replay_milli(t->cu_use_milli * 100, 1));
}
