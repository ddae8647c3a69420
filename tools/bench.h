// SPDX-License-Identifier: Apache-2.0
/*
 * reef bench: figures about libreef itself, as ratios within one run. One file per benchmark;
 * bench.c has the table.
 */
#pragma once

#include <stdio.h>
#include <sys/types.h>

#include "tools/reef.h"

enum { REEF_BENCH_MAX_ROUNDS = 101 };

struct reef_bench_options {
    const char *profile; /* of the emulated GPU; NULL: the real one */
    const char *json;    /* file for the figures; NULL: none */
    int rounds;          /* 0: the benchmark's own number */
};

/** A benchmark. Returns the exit status, after saying what is wrong if it is not 0. */
typedef int reef_bench_fn(const struct reef_bench_options *options);

reef_bench_fn reef_bench_launch, reef_bench_emu, reef_bench_preempt;

/** Where the libraries are that a measured program is run with. */
struct reef_bench_libraries {
    char shim[PATH_MAX], emulator[PATH_MAX];
    const char *profile; /* of the emulated GPU; NULL: the real one */
    bool nvidia;         /* the emulator is a libcuda */
};

/** Fills @libraries. False after saying what is missing. */
bool reef_bench_find(const struct reef_bench_options *options,
                     struct reef_bench_libraries *libraries);
/** Fills @path with a program of tests/apps. False after saying that it is missing. */
bool reef_bench_find_app(const char *name, char path[PATH_MAX]);
/** Runs @argv (argv[0] is the path) under libreef in class @priority (NULL: without libreef) and
 * fills @line with the first line that it prints. False after saying that it failed. */
bool reef_bench_run(const struct reef_bench_libraries *libraries, const char *priority,
                    char *const *argv, char *line, int size);

/** Starts @argv in the same way and does not wait. @in, @out: descriptors for its standard input and
 * what it prints; -1: as here, nowhere. Returns the process, or -1. */
pid_t reef_bench_spawn(const struct reef_bench_libraries *libraries, const char *priority,
                       char *const *argv, int in, int out);

/** `reef bench launch` for CUDA, above a driver that only counts: the figures as the object of the key
 *  "cuda" are written to @json (may be NULL). False if the programs for it are not there (nothing is
 *  said) or after saying what went wrong. */
bool reef_bench_launch_cuda(const struct reef_bench_libraries *libraries, int rounds, FILE *json,
                            bool *there);

/** `reef bench preempt` for CUDA, on the emulated GPU of @libraries: prints its tables and writes the
 *  key "cuda" to @json (may be NULL). False after saying what went wrong. */
bool reef_bench_preempt_cuda(const struct reef_bench_libraries *libraries, int rounds, FILE *json);

/** Prints published figures of preemption on AMD's and on NVIDIA's GPUs, and writes them as one more
 *  key to @json (may be NULL). */
void reef_bench_say_published_hip(FILE *json);
void reef_bench_say_published_cuda(FILE *json);

/** Opens the file for the figures. NULL if none is wanted, or after saying that it cannot be. */
FILE *reef_bench_json(const struct reef_bench_options *options);

/** The median of @values, which it sorts. @count > 0. */
double reef_bench_median(double *values, int count);
