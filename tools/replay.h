// SPDX-License-Identifier: Apache-2.0
/* reef replay: what its files share. */
#pragma once

#include "replay/engine.h"
#include "replay/metrics.h"
#include "tools/reef.h"

/** The device, its costs, and where models are. */
struct replay_setup {
    struct emu_profile profile;
    struct replay_costs costs;
    char models[PATH_MAX];    /* a folder looked into first; empty: none */
    char workloads[PATH_MAX]; /* the folder of what ships with reef */
};

enum { REPLAY_TRACES = 16 }; /* at a time */

/* --- files (replay_files.c): each says what is wrong --- */
bool replay_setup_load(struct replay_setup *setup, const char *profile, const char *costs,
                       const char *models);
/** All of a file, with a zero behind; NULL after saying why not. */
char *replay_file_read(const char *path, size_t *size);
/** A workload (.json, .csv) or a recorded trace; @name: a path, or that of one that ships. */
struct replay_workload *replay_workload_load(struct replay_setup *setup, const char *name);
/** One of recorded traces, several of which may be of one machine at the same time. */
struct replay_workload *replay_workload_from_traces(struct replay_setup *setup,
                                                    const char *const *paths, unsigned count);
/** Whether the file is a recorded trace. */
bool replay_is_trace(const char *path);
struct replay_trace;
/** Says what is wrong, lost or cut off. (trace.c) */
struct replay_trace *replay_trace_load(const char *path);
struct replay_workload *replay_workload_from_json(struct replay_setup *setup, const char *name,
                                                  const char *text, size_t size);
/** Imports REEF's kernels and profile files and prints the model in our format. Exit status. */
int replay_import(int argc, char **argv);

/* --- runs --- */
struct replay_cell {
    bool done;
    struct replay_totals totals;
    struct replay_metrics *clients; /* owned; one per client of the workload */
};
/** Runs @policy and fills @cell. False after saying what is wrong. */
bool replay_cell_run(const struct replay_setup *setup, const struct replay_workload *workload,
                     const struct replay_options *options, struct replay_cell *cell);

struct replay_plot_span;
enum { SUITE_WORKLOADS = 6, SUITE_POLICIES = 8, SUITE_RESTORES = 5 };
struct replay_suite {
    bool quick;
    struct replay_workload *workloads[SUITE_WORKLOADS]; /* owned */
    const struct replay_policy *policies[SUITE_POLICIES];
    struct replay_cell cells[SUITE_WORKLOADS][SUITE_POLICIES];
    /* RT VGG, Poisson, beside one BE model each: what a preemption costs it. */
    struct replay_workload *restore_workloads[SUITE_RESTORES]; /* owned */
    struct replay_cell restores[SUITE_RESTORES][SUITE_POLICIES];
    double cpu_s[SUITE_WORKLOADS][SUITE_POLICIES]; /* of the run */
};
int replay_suite_command(struct replay_setup *setup, bool quick, uint64_t seed, const char *json,
                         const char *plot, bool timing);

/* --- output --- */
/** "12.3" from thousandths, with @digits (1 to 3) behind the point; in a static ring of buffers. */
const char *replay_milli(uint64_t milli, int digits);
void replay_print_suite(const struct replay_suite *suite);
void replay_print_run(const struct replay_workload *workload, const struct replay_policy *policy,
                      const struct replay_cell *cell, const struct replay_cell *baseline);
bool replay_json_suite(const struct replay_suite *suite, const char *path);
bool replay_json_run(const struct replay_workload *workload, const struct replay_policy *policy,
                     const struct replay_cell *cell, const struct replay_cell *baseline,
                     const char *path);
bool replay_plot_suite(const struct replay_setup *setup, const struct replay_suite *suite,
                       uint64_t seed, const char *path);
bool replay_plot_run(const struct replay_setup *setup, const struct replay_workload *workload,
                     const struct replay_policy *policy, uint64_t seed, const char *path);
