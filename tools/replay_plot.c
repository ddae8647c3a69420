// SPDX-License-Identifier: Apache-2.0
/*
 * reef replay --plot: a picture as SVG, written from integers, so that it is the same byte for byte
 * everywhere. For the suite: RT latency and throughput of every policy in every workload, relative
 * to RT alone, as in REEF's figures, and what the compute units did for a while of workload C. For
 * one workload: that timeline.
 */
#include <errno.h>
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "tools/replay.h"

enum { WIDTH = 1100, LEFT = 60, CHART = 200, TIMELINE = 120, GAP = 60 };
#define TIMELINE_FROM_NS 20000000ull
#define TIMELINE_TO_NS   50000000ull

/* Colours that can be told apart also by those who do not see all (Okabe and Ito 2008). */
static const char *const colours[SUITE_POLICIES] = {
    "#999999", "#e69f00", "#56b4e9", "#f0e442", "#cc79a7", "#0072b2", "#d55e00", "#009e73",
};

static FILE *begin(const char *path, int height)
{
    FILE *out = fopen(path, "we");

    if (!out) {
        reef_say("replay: %s: %s", path, strerror(errno));
        return NULL;
    }
    fprintf(out,
            "<svg xmlns=\"http://www.w3.org/2000/svg\" width=\"%d\" height=\"%d\" "
            "font-family=\"sans-serif\" font-size=\"12\">\n"
            "<rect width=\"100%%\" height=\"100%%\" fill=\"white\"/>\n",
            WIDTH, height);
    return out;
}

static bool end(FILE *out, const char *path)
{
    fputs("</svg>\n", out);
    bool bad = ferror(out);

    if (fclose(out) == 0 && !bad)
        return true;
    reef_say("replay: %s cannot be written", path);
    return false;
}

static void text(FILE *out, int x, int y, const char *anchor, const char *words)
{
    fprintf(out, "<text x=\"%d\" y=\"%d\" text-anchor=\"%s\">", x, y, anchor);
    for (; *words; words++) {
        if (strchr("<>&", *words))
            fprintf(out, "&#%d;", *words);
        else
            fputc(*words, out);
    }
    fputs("</text>\n", out);
}

static void rect(FILE *out, uint64_t x, uint64_t y, uint64_t width, uint64_t height,
                 const char *fill)
{
    if (width && height)
        fprintf(out,
                "<rect x=\"%" PRIu64 "\" y=\"%" PRIu64 "\" width=\"%" PRIu64 "\" height=\"%" PRIu64
                "\" fill=\"%s\"/>\n",
                x, y, width, height, fill);
}

/* --- bars --- */

static uint64_t value_of(const struct replay_suite *suite, unsigned w, unsigned p, bool latency)
{
    const struct replay_totals *t = &suite->cells[w][p].totals, *alone = &suite->cells[w][0].totals;

    return latency
               ? replay_ratio_milli(t->rt.mean_ns, alone->rt.mean_ns)
               : replay_ratio_milli(t->rt.per_s_milli + t->be.per_s_milli, alone->rt.per_s_milli);
}

static void bars(FILE *out, const struct replay_suite *suite, int top, bool latency)
{
    uint64_t highest = 1000;
    int group = (WIDTH - LEFT - 20) / SUITE_WORKLOADS, bar = (group - 24) / SUITE_POLICIES;

    for (unsigned w = 0; w < SUITE_WORKLOADS; w++)
        for (unsigned p = 0; p < SUITE_POLICIES; p++)
            if (value_of(suite, w, p, latency) > highest)
                highest = value_of(suite, w, p, latency);
    uint64_t step = highest > 5000 ? 2000 : 1000;

    text(out, LEFT, top - 12, "start",
         latency ? "mean RT latency, relative to RT alone" : "throughput, relative to RT alone");
    for (uint64_t tick = 0; tick <= highest; tick += step) {
        int y = top + CHART - (int)(tick * CHART / highest);

        fprintf(out, "<line x1=\"%d\" y1=\"%d\" x2=\"%d\" y2=\"%d\" stroke=\"#ccc\"/>\n", LEFT, y,
                WIDTH - 20, y);
        text(out, LEFT - 6, y + 4, "end", replay_milli(tick, 0));
    }
    for (unsigned w = 0; w < SUITE_WORKLOADS; w++) {
        int x = LEFT + (int)w * group + 12;

        for (unsigned p = 0; p < SUITE_POLICIES; p++) {
            uint64_t height = value_of(suite, w, p, latency) * CHART / highest;

            rect(out, (uint64_t)(x + (int)p * bar), (uint64_t)(top + CHART) - height,
                 (uint64_t)(bar - 1), height, colours[p]);
        }
        text(out, x + SUITE_POLICIES * bar / 2, top + CHART + 16, "middle",
             suite->workloads[w]->name);
    }
}

/* --- the timeline --- */

struct timeline {
    FILE *out;
    int top;
    uint64_t from_ns, to_ns, since_ns;
    uint32_t rt_cus, be_cus, all_cus;
};

static uint64_t x_of(const struct timeline *t, uint64_t at_ns)
{
    return LEFT + (at_ns - t->from_ns) * (WIDTH - LEFT - 20) / (t->to_ns - t->from_ns);
}

/* Draws what was until @now_ns. Changes within a pixel are one. */
static void draw_until(struct timeline *t, uint64_t now_ns)
{
    uint64_t from = t->since_ns < t->from_ns ? t->from_ns : t->since_ns;
    uint64_t to = now_ns > t->to_ns ? t->to_ns : now_ns;

    if (to <= from || x_of(t, to) == x_of(t, from))
        return;
    uint64_t x = x_of(t, from), width = x_of(t, to) - x;
    uint64_t rt = (uint64_t)t->rt_cus * TIMELINE / t->all_cus;
    uint64_t be = (uint64_t)t->be_cus * TIMELINE / t->all_cus;
    uint64_t bottom = (uint64_t)t->top + TIMELINE;

    if (rt + be > TIMELINE) /* they share units: RT's are drawn over BE's */
        be = TIMELINE - rt;
    rect(t->out, x, bottom - rt, width, rt, "#d55e00");
    rect(t->out, x, bottom - rt - be, width, be, "#56b4e9");
    t->since_ns = now_ns;
}

static void changed(void *arg, uint64_t now_ns, uint32_t rt_cus, uint32_t be_cus)
{
    struct timeline *t = arg;

    draw_until(t, now_ns);
    t->rt_cus = rt_cus;
    t->be_cus = be_cus;
}

static bool timeline(FILE *out, const struct replay_setup *setup,
                     const struct replay_workload *workload, const struct replay_policy *policy,
                     uint64_t seed, int top)
{
    struct timeline t = {
        .out = out,
        .top = top,
        .from_ns = TIMELINE_FROM_NS,
        .to_ns = TIMELINE_TO_NS,
        .all_cus = setup->profile.compute_units,
    };
    if (workload->duration_ns < t.to_ns) {
        t.from_ns = 0;
        t.to_ns = workload->duration_ns;
    }
    struct replay_options options = {
        .profile = &setup->profile,
        .costs = &setup->costs,
        .policy = policy,
        .seed = seed,
        .duration_ns = t.to_ns,
        .busy = changed,
        .arg = &t,
    };
    struct replay_result result;
    char words[256];

    snprintf(words, sizeof(words),
             "compute units in %s under %s, %" PRIu64 " to %" PRIu64
             " us: RT (orange), BE (blue), of %u",
             workload->name, policy->name, t.from_ns / 1000, t.to_ns / 1000, t.all_cus);
    text(out, LEFT, top - 8, "start", words);
    fprintf(out,
            "<rect x=\"%d\" y=\"%d\" width=\"%d\" height=\"%d\" fill=\"none\" stroke=\"#999\"/>\n",
            LEFT, top, WIDTH - LEFT - 20, TIMELINE);
    int error = replay_run(workload, &options, &result);
    if (error) {
        reef_say("replay: %s", strerror(-error));
        return false;
    }
    draw_until(&t, t.to_ns);
    replay_result_free(&result);
    return true;
}

bool replay_plot_suite(const struct replay_setup *setup, const struct replay_suite *suite,
                       uint64_t seed, const char *path)
{
    enum { SHOWN = 4 };
    static const char *const shown[SHOWN] = {"streams", "reef-nopad", "reef-published", "reef"};
    int top = GAP, height = 3 * GAP + 2 * (CHART + GAP) + SHOWN * (TIMELINE + GAP / 2);
    FILE *out = begin(path, height);
    bool good = true;

    if (!out)
        return false;
    for (unsigned p = 0; p < SUITE_POLICIES; p++) {
        rect(out, (uint64_t)(LEFT + (int)p * 125), 10, 12, 12, colours[p]);
        text(out, LEFT + (int)p * 125 + 16, 21, "start", suite->policies[p]->name);
    }
    bars(out, suite, top, true);
    bars(out, suite, top + CHART + GAP, false);
    top += 2 * (CHART + GAP);
    for (int i = 0; i < SHOWN; i++, top += TIMELINE + GAP / 2)
        good = good &&
               timeline(out, setup, suite->workloads[2], replay_policy_find(shown[i]), seed, top);
    return end(out, path) && good;
}

bool replay_plot_run(const struct replay_setup *setup, const struct replay_workload *workload,
                     const struct replay_policy *policy, uint64_t seed, const char *path)
{
    FILE *out = begin(path, GAP + TIMELINE + GAP / 2);

    if (!out)
        return false;
    bool good = timeline(out, setup, workload, policy, seed, GAP / 2);
    return end(out, path) && good;
}
