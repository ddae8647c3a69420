// SPDX-License-Identifier: Apache-2.0
/*
 * Readers of what others wrote: DISB's workloads and REEF's models (JSON), workloads as CSV. They
 * read memory, not files, and believe nothing: the input may be anything.
 *
 * On failure each returns NULL and a line in @err.
 */
#pragma once

#include "replay/workload.h"

/** Finds the model called @name, prepared; it becomes the workload's. NULL and a line in @err. */
typedef struct replay_model *replay_find_model(void *arg, const char *name, char *err,
                                               size_t err_size);

/** DISB: {"time": s, "tasks": [{"id", "load": {"type", "priority", "frequency", "trace",
 *  "prev_task_ids"}, "client": {"model"}}]}. Priority 0 is RT. The caller
 *  staggers RT clients (replay_workload_stagger). */
struct replay_workload *replay_read_disb(const char *name, const char *text, size_t size,
                                         replay_find_model *find, void *arg, char *err,
                                         size_t err_size);
/** "t_us,client,class,model,work" lines in any order of time; a first line with these words is
 *  skipped. @work: how many runs the request is. Late requests are kept. */
struct replay_workload *replay_read_csv(const char *name, const char *text, size_t size,
                                        replay_find_model *find, void *arg, char *err,
                                        size_t err_size);
/** REEF's artifact: a model's kernels (MODEL.json) and its profile (profile.json). @single_ns: what
 *  a run alone takes, to find what their timing added to each kernel; 0: model_latency of the
 *  profile. */
struct replay_model *replay_read_reef(const char *name, const char *kernels, size_t kernels_size,
                                      const char *profile, size_t profile_size, uint64_t single_ns,
                                      char *err, size_t err_size);
