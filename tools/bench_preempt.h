// SPDX-License-Identifier: Apache-2.0
/*
 * What the parts of `reef bench preempt` share.
 *
 *   bench_preempt.c           what is measured: means and sweeps, HIP
 *   bench_preempt_session.c   the programs, and how they are told what to do
 *   bench_preempt_read.c      their figures, from what they print, log and count
 *   bench_preempt_figures.c   percentiles, rows, JSON
 *   bench_preempt_cuda.c      what is measured, CUDA
 *   bench_preempt_cuda_run.c  its programs and their figures
 *
 * One thread. Functions that can fail return false after saying why.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

#include "tools/bench.h"

enum { REEF_PREEMPT_ARRIVALS = 4000, REEF_PREEMPT_PROCESSES = 8 };

/* --- bench_preempt_figures.c --- */

/** How long something took, of many arrivals, in microseconds. */
struct reef_series {
    int count;
    double us[REEF_PREEMPT_ARRIVALS];
};

void reef_series_add(struct reef_series *series, double us);
/** The value below which @percent of them lie; -1: there are none. Sorts. */
double reef_series_percentile(struct reef_series *series, double percent);
/** Writes "KEY_p50_us", "_p99_" and "_max_", each with a comma behind it. */
void reef_series_put(FILE *json, const char *key, struct reef_series *series);
/** "KEY": VALUE with a comma behind it; null if it is negative. */
void reef_bench_put(FILE *json, const char *key, double value);
/** Prints @value in so many columns; "-" if it is negative. */
void reef_bench_column(int width, double value);

/* --- bench_preempt_session.c --- */

/** A folder of its own for the board, the emulated GPU and the files of what is measured. Also sets
 *  the environment of what is started from now on. */
bool reef_bench_work_make(void);
void reef_bench_work_remove(void);
/** "FOLDER/NAME"; and NUMBER behind it. Valid for the next eight calls. */
const char *reef_bench_work_path(const char *name, int number);
const char *reef_bench_work(void);
/** In the environment of what is started from now on; NULL: not there. */
bool reef_bench_set(const char *name, const char *value);

/** One arrangement of programs, alive for several settings. */
struct reef_preempt_session {
    const struct reef_bench_libraries *libraries;
    int processes; /* best-effort ones */
    struct reef_preempt_program {
        pid_t pid; /* 0: none */
        FILE *lines;
        int talk; /* the socket behind it */
        FILE *log;
        long kernels; /* so far */
    } be[REEF_PREEMPT_PROCESSES], rt;
    double ticks_per_us; /* of the driver's device clock */
};

struct reef_preempt_setting {
    double kernel_us;                  /* 0: without best-effort work */
    int queued, arrivals, preemptions; /* at least; preemptions 0: as many as there are */
};

/** What was seen of one arrival of real-time work. */
struct reef_arrival {
    uint64_t wall_ns, ticks; /* when */
    double first_us, all_us, end_us;
    /* Wall; 0: did not happen. */
    uint64_t held_ns[REEF_PREEMPT_PROCESSES], seen_ns[REEF_PREEMPT_PROCESSES],
        killed_ns[REEF_PREEMPT_PROCESSES];
    uint64_t evicted_tick, restored_tick; /* 0: did not happen */
};

/** Begins to start the real-time program. @reset: REEF_RESET; @depth: REEF_DEPTH. */
bool reef_preempt_open(struct reef_preempt_session *session,
                       const struct reef_bench_libraries *libraries, const char *reset, int depth);
/** Begins to start best-effort programs, until there are @processes. */
bool reef_preempt_populate(struct reef_preempt_session *session, int processes);
/** Waits until all have started. */
bool reef_preempt_await(struct reef_preempt_session *session);
/** Ends all. False also if a result is wrong. */
bool reef_preempt_close(struct reef_preempt_session *session);
/** Best-effort work begins in all programs; it is over in all. */
bool reef_preempt_occupy(struct reef_preempt_session *session,
                         const struct reef_preempt_setting *setting);
bool reef_preempt_pause(struct reef_preempt_session *session);
/** @count arrivals, put behind the @known in @arrivals. */
bool reef_preempt_arrive(struct reef_preempt_session *session,
                         const struct reef_preempt_setting *setting, int count,
                         struct reef_arrival *arrivals, int *known);

/* --- bench_preempt_read.c --- */

#define REEF_PREEMPT_SERIES(X)                                                                     \
    X(HOLD, "hold")                                                                                \
    X(SEEN, "seen")                                                                                \
    X(KILL, "kill")                                                                                \
    X(EVICT, "evict")                                                                              \
    X(FIRST, "device")                                                                             \
    X(ALL, "all")                                                                                  \
    X(RESTORE, "restore")

enum reef_preempt_series {
#define ENTRY(name, key) REEF_PREEMPT_##name,
    REEF_PREEMPT_SERIES(ENTRY)
#undef ENTRY
        REEF_PREEMPT_SERIES_COUNT
};

struct reef_preempt_figures {
    struct reef_series series[REEF_PREEMPT_SERIES_COUNT];
    int arrivals;
    uint64_t preemptions;
    double task_us;                 /* device time of a best-effort task: of `queued` kernels */
    double repeated_us;             /* device time that is repeated, per preemption */
    double lost_pct;                /* of all best-effort device time */
    double reexecuted, resubmitted; /* kernels per preemption: had begun; all */
};

/** Measures the session at @setting. */
bool reef_preempt_measure(struct reef_preempt_session *session,
                          const struct reef_preempt_setting *setting,
                          struct reef_preempt_figures *figures);
/** What a preemption costs a best-effort task, in per cent of its device time. */
double reef_preempt_overhead_pct(const struct reef_preempt_figures *figures);
/** Prints a row of the table, and writes the figures without braces to @json (may be NULL). */
void reef_preempt_say_head(void);
void reef_preempt_say(const char *what, struct reef_preempt_figures *figures);
void reef_preempt_put(FILE *json, struct reef_preempt_figures *figures);

/* --- bench_preempt_cuda_run.c --- */

/** What real-time and best-effort program are run with. */
struct reef_cuda_means {
    const char *key, *label;
    bool be, reef, mps, guard;
    const char *timeslice; /* REEF_TIMESLICE */
};

struct reef_cuda_setting {
    const struct reef_cuda_means *means;
    int kernel_us, ahead, depth, depth_us, arrivals; /* depth 0: libreef's own */
};

struct reef_cuda_figures {
    struct reef_series hold, evict, drained, first, all;
    uint64_t preemptions, ended;
};

bool reef_cuda_measure(const struct reef_bench_libraries *libraries,
                       const struct reef_cuda_setting *setting, struct reef_cuda_figures *figures);
