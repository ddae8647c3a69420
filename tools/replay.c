// SPDX-License-Identifier: Apache-2.0
/*
 * reef replay: a workload or a recorded trace under a policy, in virtual time; or REEF's whole
 * evaluation (--suite disb). This file: the options, and the run of one workload. Output depends on
 * input and seed alone; what does not (progress, --timing) goes to standard error.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tools/replay.h"

struct arguments {
    const char *workloads[REPLAY_TRACES];
    unsigned count;
    const char *suite, *policy, *json, *plot, *profile, *costs, *models, *log;
    const char *seed, *duration;
    bool quick, keep_late, timing;
};

static const struct {
    const char *name;
    size_t offset;
} values[] = {
    {"--suite", offsetof(struct arguments, suite)},
    {"--policy", offsetof(struct arguments, policy)},
    {"--json", offsetof(struct arguments, json)},
    {"--plot", offsetof(struct arguments, plot)},
    {"--profile", offsetof(struct arguments, profile)},
    {"--costs", offsetof(struct arguments, costs)},
    {"--models", offsetof(struct arguments, models)},
    {"--log", offsetof(struct arguments, log)},
    {"--seed", offsetof(struct arguments, seed)},
    {"--seconds", offsetof(struct arguments, duration)},
};
static const struct {
    const char *name;
    size_t offset;
} flags[] = {
    {"--quick", offsetof(struct arguments, quick)},
    {"--keep-late", offsetof(struct arguments, keep_late)},
    {"--timing", offsetof(struct arguments, timing)},
};

static bool is_flag(struct arguments *a, const char *word)
{
    for (size_t i = 0; i < sizeof(flags) / sizeof(flags[0]); i++)
        if (strcmp(word, flags[i].name) == 0) {
            *(bool *)((char *)a + flags[i].offset) = true;
            return true;
        }
    return false;
}

static bool is_value(struct arguments *a, const char *word, const char *next, bool *good)
{
    for (size_t i = 0; i < sizeof(values) / sizeof(values[0]); i++)
        if (strcmp(word, values[i].name) == 0) {
            *good = next != NULL;
            if (next)
                *(const char **)((char *)a + values[i].offset) = next;
            else
                reef_say("replay: %s needs a value", word);
            return true;
        }
    return false;
}

static bool parse(struct arguments *a, int argc, char **argv)
{
    for (int i = 1; i < argc; i++) {
        bool good = true;

        if (is_flag(a, argv[i]))
            continue;
        if (is_value(a, argv[i], i + 1 < argc ? argv[i + 1] : NULL, &good)) {
            if (!good)
                return false;
            i++;
        } else if (argv[i][0] == '-') {
            reef_say("replay: unknown option '%s'", argv[i]);
            return false;
        } else if (a->count == REPLAY_TRACES) {
            reef_say("replay: at most %d traces", REPLAY_TRACES);
            return false;
        } else {
            a->workloads[a->count++] = argv[i];
        }
    }
    if (!a->suite == !a->count) {
        reef_say("replay: expected a workload, or --suite disb");
        return false;
    }
    if (a->suite && strcmp(a->suite, "disb") != 0) {
        reef_say("replay: unknown suite '%s' (disb)", a->suite);
        return false;
    }
    return true;
}

/* One workload file, or traces. */
static struct replay_workload *load(struct replay_setup *setup, const struct arguments *a)
{
    if (replay_is_trace(a->workloads[0]))
        return replay_workload_from_traces(setup, a->workloads, a->count);
    if (a->count > 1) {
        reef_say("replay: one workload at a time (or several traces)");
        return NULL;
    }
    return replay_workload_load(setup, a->workloads[0]);
}

static bool number(const char *text, uint64_t otherwise, uint64_t *value)
{
    char *end;

    *value = otherwise;
    if (!text)
        return true;
    *value = strtoull(text, &end, 10);
    if (*text >= '0' && *text <= '9' && !*end)
        return true;
    reef_say("replay: '%s' is not a number", text);
    return false;
}

bool replay_cell_run(const struct replay_setup *setup, const struct replay_workload *workload,
                     const struct replay_options *options, struct replay_cell *cell)
{
    struct replay_result result;
    int error = replay_run(workload, options, &result);

    if (error) {
        reef_say("replay: %s under %s: %s", workload->name, options->policy->name,
                 strerror(-error));
        return false;
    }
    cell->clients = calloc(workload->client_count + 1, sizeof(*cell->clients));
    if (cell->clients)
        for (uint32_t i = 0; i < workload->client_count; i++)
            replay_metrics_client(&result, i, &cell->clients[i]);
    cell->done =
        cell->clients &&
        replay_metrics_total(workload, &result, setup->profile.compute_units, &cell->totals) == 0;
    replay_result_free(&result);
    if (!cell->done)
        reef_say("replay: out of memory");
    return cell->done;
}

struct watcher {
    FILE *log;
    uint64_t end_ns;
    bool terminal;
};

static void write_log(void *arg, const char *line)
{
    const struct watcher *w = arg;

    fputs(line, w->log);
    fputc('\n', w->log);
}

static int show_progress(void *arg, uint64_t now_ns)
{
    const struct watcher *w = arg;

    if (w->terminal)
        fprintf(stderr, "\r%3" PRIu64 " %%", now_ns * 100 / w->end_ns);
    return 0;
}

static bool run_policy(const struct replay_setup *setup, const struct replay_workload *workload,
                       struct replay_options *options, const struct replay_policy *policy,
                       FILE *log, struct replay_cell *cell)
{
    struct watcher w = {
        .log = log,
        .end_ns = options->duration_ns ? options->duration_ns : workload->duration_ns,
        .terminal = isatty(STDERR_FILENO),
    };

    options->policy = policy;
    options->log = log ? write_log : NULL;
    options->progress = show_progress;
    options->arg = &w;
    bool good = replay_cell_run(setup, workload, options, cell);
    if (w.terminal)
        fputs("\r      \r", stderr);
    return good;
}

static int run_workload(struct replay_setup *setup, const struct arguments *a,
                        struct replay_options *options)
{
    const struct replay_policy *policy = replay_policy_find(a->policy ? a->policy : "reef");
    struct replay_cell cell = {0}, baseline = {0};
    FILE *log = NULL;

    if (!policy) {
        reef_say("replay: there is no policy '%s':", a->policy);
        for (size_t i = 0; (policy = replay_policy_at(i)); i++)
            fprintf(stderr, "  %-15s %s\n", policy->name, policy->summary);
        return REEF_EXIT_USAGE;
    }
    struct replay_workload *workload = load(setup, a);
    if (!workload)
        return 1;
    if (a->log && !(log = fopen(a->log, "we"))) {
        reef_say("replay: %s cannot be written", a->log);
        replay_workload_destroy(workload);
        return 1;
    }
    bool good = run_policy(setup, workload, options, policy, log, &cell) &&
                run_policy(setup, workload, options, replay_policy_at(0), NULL, &baseline);
    if (good)
        replay_print_run(workload, policy, &cell, &baseline);
    if (good && a->json)
        good = replay_json_run(workload, policy, &cell, &baseline, a->json);
    if (good && a->plot)
        good = replay_plot_run(setup, workload, policy, options->seed, a->plot);
    if (log && fclose(log) != 0) {
        reef_say("replay: %s cannot be written", a->log);
        good = false;
    }
    free(cell.clients);
    free(baseline.clients);
    replay_workload_destroy(workload);
    return good ? 0 : 1;
}

int reef_replay(int argc, char **argv)
{
    static struct replay_setup setup;
    struct arguments a = {.profile = "mi50"};
    struct replay_options options = {.profile = &setup.profile, .costs = &setup.costs};
    uint64_t seed, seconds;

    if (argc > 1 && strcmp(argv[1], "import") == 0)
        return replay_import(argc - 1, argv + 1);
    if (!parse(&a, argc, argv) || !number(a.seed, 1, &seed) || !number(a.duration, 0, &seconds))
        return REEF_EXIT_USAGE;
    if (seconds > REPLAY_LONGEST_NS / 1000000000) {
        reef_say("replay: at most %llu s", REPLAY_LONGEST_NS / 1000000000);
        return REEF_EXIT_USAGE;
    }
    if (!replay_setup_load(&setup, a.profile, a.costs, a.models))
        return 1;
    if (a.suite)
        return replay_suite_command(&setup, a.quick, seed, a.json, a.plot, a.timing);
    options.seed = seed;
    options.duration_ns = seconds * 1000000000;
    options.keep_late = a.keep_late;
    return run_workload(&setup, &a, &options);
}
