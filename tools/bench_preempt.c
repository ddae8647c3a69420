// SPDX-License-Identifier: Apache-2.0
/*
 * reef bench preempt: how soon best-effort work leaves the GPU when real-time work arrives, by each
 * means, and against what that might depend on. The measured programs are tests/apps/occupant.cpp
 * (it occupies every compute unit) and tests/apps/arrivals.cpp (it arrives and needs them all).
 * docs/preemption.md says what the figures are. Here: which arrangements are measured.
 */
#include <string.h>

#include "tools/bench_preempt.h"

static const struct method {
    const char *key, *reset; /* REEF_RESET; NULL: no best-effort program at all */
} methods[] = {{"alone", NULL},
               {"reset", "auto"},
               {"queue", "queue"},
               {"suspend", "suspend"},
               {"drain", "drain"}};

enum vary { QUEUED, KERNEL_US, PROCESSES, DEPTH };
enum {
    VALUES = 6,
    USUAL_KERNEL_US = 100,
    USUAL_QUEUED = 100,
    USUAL_PROCESSES = 1,
    USUAL_DEPTH = 4
};

/* In the order in which they are measured: best-effort programs are only ever added to a session,
 * and each depth needs one of its own. */
static const struct sweep {
    const char *key;
    enum vary what;
    int usual;
    int values[VALUES]; /* ended by 0, or full */
} sweeps[] = {
    {"queued", QUEUED, USUAL_QUEUED, {50, 100, 200, 500}},
    {"kernel_us", KERNEL_US, USUAL_KERNEL_US, {50, 100, 200, 300, 5000}},
    {"processes", PROCESSES, USUAL_PROCESSES, {1, 2, 4, 8}},
    {"depth", DEPTH, USUAL_DEPTH, {1, 4, 16, 64}},
};

#define COUNT(array) ((int)(sizeof(array) / sizeof((array)[0])))

/* A method being measured. */
struct run {
    const struct reef_bench_libraries *libraries;
    const struct method *method;
    struct reef_preempt_session session;
    struct reef_preempt_figures *usual; /* at the usual values, which are points of all sweeps */
    int arrivals;                       /* at each point but that one */
    bool few;                           /* every second value, and the last */
    FILE *json;                         /* may be NULL */
};

static struct reef_preempt_setting usual_setting(int arrivals)
{
    return (struct reef_preempt_setting){
        .kernel_us = USUAL_KERNEL_US, .queued = USUAL_QUEUED, .arrivals = arrivals};
}

/* Of long kernels fewer are queued, or most of the time goes by until the last are over. */
static int queued_of(int kernel_us)
{
    enum { TASK_US = 100000 };
    return kernel_us * USUAL_QUEUED <= TASK_US ? USUAL_QUEUED : TASK_US / kernel_us;
}

/* Each preempts all of the programs. */
static int arrivals_of(int arrivals, int processes)
{
    enum { LEAST = 5 };
    return arrivals * 2 / processes > LEAST ? arrivals * 2 / processes : LEAST;
}

/* A session of its own for this depth, at the usual values. */
static bool measure_depth(struct run *run, int depth, const struct reef_preempt_setting *setting,
                          struct reef_preempt_figures *figures)
{
    struct reef_preempt_session session;
    bool ok = reef_preempt_open(&session, run->libraries, run->method->reset, depth) &&
              reef_preempt_populate(&session, USUAL_PROCESSES) &&
              reef_preempt_measure(&session, setting, figures);
    return reef_preempt_close(&session) && ok;
}

static bool measure_point(struct run *run, enum vary what, int value,
                          struct reef_preempt_figures *figures)
{
    struct reef_preempt_setting setting = usual_setting(run->arrivals);
    if (what == DEPTH)
        return measure_depth(run, value, &setting, figures);
    if (what == QUEUED)
        setting.queued = value;
    if (what == KERNEL_US) {
        setting.kernel_us = value;
        setting.queued = queued_of(value);
    }
    if (what == PROCESSES) {
        setting.arrivals = arrivals_of(run->arrivals, value);
        if (!reef_preempt_populate(&run->session, value))
            return false;
    }
    return reef_preempt_measure(&run->session, &setting, figures);
}

static bool run_point(struct run *run, const struct sweep *sweep, int value, bool first)
{
    static struct reef_preempt_figures other;
    struct reef_preempt_figures *figures = value == sweep->usual ? run->usual : &other;
    if (figures == &other) {
        char what[64];
        snprintf(what, sizeof(what), "%s, %s %d", run->method->key, sweep->key, value);
        if (!measure_point(run, sweep->what, value, figures))
            return false;
        reef_preempt_say(what, figures);
    }
    if (run->json) {
        fprintf(run->json, "%s\n  {\"%s\": %d, ", first ? "" : ",", sweep->key, value);
        if (sweep->what == KERNEL_US)
            fprintf(run->json, "\"queued\": %d, ", queued_of(value));
        reef_preempt_put(run->json, figures);
        fprintf(run->json, "}");
    }
    return true;
}

/* How the means depends on one quantity. */
static bool run_sweep(struct run *run, const struct sweep *sweep)
{
    bool first = true, ok = true;
    if (run->json)
        fprintf(run->json, ",\n \"by_%s\": [", sweep->key);
    for (int i = 0; ok && i < VALUES && sweep->values[i]; i++) {
        bool last = i + 1 == VALUES || sweep->values[i + 1] == 0;
        if (run->few && !last && sweep->values[i] != sweep->usual && i % 2 == 1)
            continue;
        ok = run_point(run, sweep, sweep->values[i], first);
        first = false;
    }
    if (run->json)
        fprintf(run->json, "]");
    return ok;
}

/* At the usual values. */
static bool run_usual(struct run *run, int arrivals)
{
    struct reef_preempt_setting setting = usual_setting(arrivals);
    bool be = run->method->reset != NULL;
    if (be)
        setting.preemptions = arrivals;
    else
        setting.kernel_us = 0;
    if (!reef_preempt_open(&run->session, run->libraries, run->method->reset, USUAL_DEPTH) ||
        (be && !reef_preempt_populate(&run->session, USUAL_PROCESSES)) ||
        !reef_preempt_measure(&run->session, &setting, run->usual))
        return false;
    reef_preempt_say(run->method->key, run->usual);
    if (run->json) {
        fprintf(run->json, "\"%s\": {", run->method->key);
        reef_preempt_put(run->json, run->usual);
    }
    return true;
}

/* A means, and what it depends on: of the usual one that stands beside the methods, of the others
 * in their own objects. */
static bool run_method(const struct reef_bench_libraries *libraries, const struct method *method,
                       int rounds, FILE *json)
{
    enum { MANY = 30, FEW = 10 };
    static struct reef_preempt_figures usual;
    bool main = method == &methods[1], swept = method->reset != NULL;
    struct run run = {.libraries = libraries,
                      .method = method,
                      .usual = &usual,
                      .arrivals = main ? MANY : FEW,
                      .few = !main,
                      .json = json};
    bool ok = run_usual(&run, 20 * rounds);
    if (json && (main || !swept))
        fprintf(json, "}");
    for (int i = 0; i < COUNT(sweeps) && ok && swept; i++)
        ok = run_sweep(&run, &sweeps[i]);
    if (json && !main && swept)
        fprintf(json, "}");
    return reef_preempt_close(&run.session) && ok;
}

static bool preempt_hip(const struct reef_bench_libraries *libraries, int rounds, FILE *json)
{
    bool ok = true;
    printf("preemption%s: kernels of %d us on every unit, %d queued, depth %d\n",
           libraries->profile ? " on the emulated GPU" : "", USUAL_KERNEL_US, USUAL_QUEUED,
           USUAL_DEPTH);
    reef_preempt_say_head();
    for (int i = 0; i < COUNT(methods) && ok; i++) {
        if (json && i > 0)
            fprintf(json, ",\n ");
        ok = run_method(libraries, &methods[i], rounds, json);
    }
    reef_bench_say_published_hip(json);
    return ok;
}

/* On an emulated GPU of NVIDIA: the CUDA part alone. Else both, the CUDA part on the emulated V100
 * if it was built. */
int reef_bench_preempt(const struct reef_bench_options *options)
{
    static struct reef_bench_libraries libraries, v100;
    const struct reef_bench_options emulated = {.profile = "v100"};
    char app[PATH_MAX];
    int rounds = options->rounds ? options->rounds : 50;
    bool ok = true, cuda = reef_find_app("cuda/occupant", app);
    if (!reef_bench_find(options, &libraries))
        return 1;
    if (libraries.nvidia)
        v100 = libraries;
    else
        cuda = cuda && reef_bench_find(&emulated, &v100);
    FILE *json = reef_bench_json(options);
    if (options->json && !json)
        return 1;
    if (json)
        fprintf(json, "{\"emulated\": %s,\n ", libraries.profile ? "true" : "false");
    if (!libraries.nvidia)
        ok = preempt_hip(&libraries, rounds, json);
    if (json && !libraries.nvidia)
        fprintf(json, ",\n ");
    if (cuda || libraries.nvidia)
        ok = ok && reef_bench_preempt_cuda(&v100, rounds, json);
    else if (json)
        fprintf(json, "\"cuda\": null");
    if (json) {
        fprintf(json, "}\n");
        ok = fclose(json) == 0 && ok;
    }
    return ok ? 0 : 1;
}
