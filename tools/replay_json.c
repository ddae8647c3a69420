// SPDX-License-Identifier: Apache-2.0
/* reef replay --json: the figures for other programs. Written by hand, from integers, so that the
 * file is the same byte for byte everywhere. */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <string.h>

#include "tools/replay.h"

static void string(FILE *out, const char *text)
{
    fputc('"', out);
    for (; *text; text++) {
        if ((unsigned char)*text < 0x20)
            fprintf(out, "\\u%04x", (unsigned char)*text);
        else if (*text == '"' || *text == '\\')
            fprintf(out, "\\%c", *text);
        else
            fputc(*text, out);
    }
    fputc('"', out);
}

static uint64_t per_s(const struct replay_totals *t)
{
    return t->rt.per_s_milli + t->be.per_s_milli;
}

static void field(FILE *out, const char *name, uint64_t milli, bool last)
{
    fprintf(out, "\"%s\": %s%s", name, replay_milli(milli, 3), last ? "" : ", ");
}

static void latencies(FILE *out, const char *prefix, const struct replay_metrics *m)
{
    fprintf(out, "\"%smean_us\": %s, ", prefix, replay_milli(m->mean_ns, 3));
    fprintf(out, "\"%sp50_us\": %s, ", prefix, replay_milli(m->p50_ns, 3));
    fprintf(out, "\"%sp95_us\": %s, ", prefix, replay_milli(m->p95_ns, 3));
    fprintf(out, "\"%sp99_us\": %s, ", prefix, replay_milli(m->p99_ns, 3));
    fprintf(out, "\"%smax_us\": %s, ", prefix, replay_milli(m->max_ns, 3));
}

static void cell_fields(FILE *out, const struct replay_totals *t, const struct replay_totals *alone)
{
    latencies(out, "rt_", &t->rt);
    latencies(out, "be_", &t->be);
    field(out, "rt_per_s", t->rt.per_s_milli, false);
    field(out, "be_per_s", t->be.per_s_milli, false);
    field(out, "throughput_ratio", replay_ratio_milli(per_s(t), alone->rt.per_s_milli), false);
    field(out, "rt_latency_ratio", replay_ratio_milli(t->rt.mean_ns, alone->rt.mean_ns), false);
    field(out, "rt_p99_ratio", replay_ratio_milli(t->rt.p99_ns, alone->rt.p99_ns), false);
    field(out, "rt_served_ratio",
          replay_ratio_milli(t->rt.served_mean_ns, alone->rt.served_mean_ns), false);
    fprintf(out, "\"preemptions\": %" PRIu64 ", ", t->preemptions);
    field(out, "preempt_mean_us", t->preempt_mean_ns, false);
    field(out, "preempt_max_us", t->preempt_max_ns, false);
    field(out, "waste_us", t->waste_ns, false);
    field(out, "restore_us", t->restore_each_ns, false);
    field(out, "cu_use", t->cu_use_milli, true);
}

static FILE *begin(const char *path)
{
    FILE *out = fopen(path, "we");

    if (!out)
        reef_say("replay: %s: %s", path, strerror(errno));
    return out;
}

static bool end(FILE *out, const char *path)
{
    bool bad = ferror(out);

    if (fclose(out) == 0 && !bad)
        return true;
    reef_say("replay: %s cannot be written", path);
    return false;
}

static void write_published(FILE *out)
{
    fputs("\"published\": {", out);
    for (unsigned i = 0; i < replay_published_count; i++) {
        const struct replay_published *p = &replay_published[i];
        bool opens = i == 0 || strcmp(p->workload, p[-1].workload) != 0;
        bool closes = i + 1 == replay_published_count || strcmp(p->workload, p[1].workload) != 0;

        if (opens)
            fprintf(out, "\n  \"%s\": {", p->workload);
        fprintf(out, "\n    \"%s\": {\"rt_latency_ratio\": [%s, %s], ", p->policy,
                replay_milli(p->latency_low, 3), replay_milli(p->latency_high, 3));
        if (p->throughput_high)
            fprintf(out, "\"throughput_ratio\": [%s, %s], ", replay_milli(p->throughput_low, 3),
                    replay_milli(p->throughput_high, 3));
        fprintf(out, "\"source\": \"%s\"}%s", p->source, closes ? "}" : ",");
        if (closes && i + 1 < replay_published_count)
            fputc(',', out);
    }
    fputs("}", out);
}

bool replay_json_suite(const struct replay_suite *suite, const char *path)
{
    FILE *out = begin(path);

    if (!out)
        return false;
    fputs("{\"workloads\": {", out);
    for (unsigned w = 0; w < SUITE_WORKLOADS; w++) {
        fprintf(out, "%s\n  \"%s\": {", w ? "," : "", suite->workloads[w]->name);
        for (unsigned p = 0; p < SUITE_POLICIES; p++) {
            fprintf(out, "%s\n    \"%s\": {", p ? "," : "", suite->policies[p]->name);
            cell_fields(out, &suite->cells[w][p].totals, &suite->cells[w][0].totals);
            fputc('}', out);
        }
        fputc('}', out);
    }
    fputs("},\n\"restore\": {", out);
    for (unsigned m = 0; m < SUITE_RESTORES; m++) {
        fprintf(out, "%s\n  \"%s\": {", m ? "," : "", suite->restore_workloads[m]->name);
        for (unsigned p = 3; p < SUITE_POLICIES; p++) {
            const struct replay_totals *t = &suite->restores[m][p].totals;

            fprintf(out, "%s\n    \"%s\": {", p > 3 ? "," : "", suite->policies[p]->name);
            field(out, "preempt_mean_us", t->preempt_mean_ns, false);
            field(out, "preempt_max_us", t->preempt_max_ns, false);
            field(out, "restore_us", t->restore_each_ns, true);
            fputc('}', out);
        }
        fputc('}', out);
    }
    fputs("},\n", out);
    write_published(out);
    fputs("}\n", out);
    return end(out, path);
}

bool replay_json_run(const struct replay_workload *workload, const struct replay_policy *policy,
                     const struct replay_cell *cell, const struct replay_cell *baseline,
                     const char *path)
{
    FILE *out = begin(path);

    if (!out)
        return false;
    fputs("{\"workload\": ", out);
    string(out, workload->name);
    fprintf(out, ", \"policy\": \"%s\",\n\"total\": {", policy->name);
    cell_fields(out, &cell->totals, &baseline->totals);
    fputs("},\n\"clients\": {", out);
    for (uint32_t i = 0; i < workload->client_count; i++) {
        const struct replay_metrics *m = &cell->clients[i];
        const struct replay_client *client = &workload->clients[i];

        fprintf(out, "%s\n  ", i ? "," : "");
        string(out, client->name);
        fprintf(out, ": {\"class\": \"%s\", \"model\": ", client->rt ? "rt" : "be");
        string(out, client->model->name);
        fputs(", ", out);
        latencies(out, "", m);
        field(out, "per_s", m->per_s_milli, false);
        if (client->rt)
            field(out, "latency_ratio",
                  replay_ratio_milli(m->mean_ns, baseline->clients[i].mean_ns), false);
        fprintf(out, "\"completed\": %" PRIu64 ", \"dropped\": %" PRIu64 "}", m->completed,
                m->dropped);
    }
    fputs("}}\n", out);
    return end(out, path);
}
