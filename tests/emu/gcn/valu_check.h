// SPDX-License-Identifier: Apache-2.0
/*
 * For tests of the vector ALU: runs straight lines of assembly on one wave, by both builds of the
 * handlers, and compares lanes. Registers by convention: sources v[2:3], v[4:5], v[6:7], result
 * v[10:11], lane masks s[20:21]; everything else is the test's.
 */
#pragma once

#include "harness.h"
#include "wave.h"

#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>

enum {
    CHECK_SOURCE = 2,
    CHECK_RESULT = 10,
    CHECK_MASK = 20,
    CHECK_UNTOUCHED = 0x5a5a1234,
    CHECK_TEXTS = 4096
};

struct check {
    struct harness *harness;
    struct gcn_wave *wave; /* borrowed: of the harness's work-group */
    bool plain;            /* run the handlers of the plain build */
    bool collecting;       /* nothing runs: texts are collected (check_prepare) */
    unsigned checks, failures, repeated;
    const char *last; /* what failed last, so that not all lanes of it are printed */
    uint64_t random;
    unsigned texts; /* what was assembled before: starting the assembler is what takes time */
    struct check_text {
        char *text;
        uint32_t *words;
        int count;
    } text[CHECK_TEXTS];
};

/** Exits with 77 if there is no assembler. */
void check_init(struct check *c);
/** Prints the verdict; returns the exit status. */
int check_finish(struct check *c);

/** Goes through @tests without running anything, and assembles all texts that it met in one go. */
void check_prepare(struct check *c, void (*tests)(struct check *c));
/** Executes @text, all of whose instructions are vector ALU ones; any other is a failure. */
void check_run(struct check *c, const char *text);
/** Executes the first instruction in @words; returns its size, 0 at the end or after a failure. */
unsigned check_step(struct check *c, const uint32_t *words, unsigned count);

uint64_t check_random(struct check *c);
/** Counts and prints a failure of lane @lane. */
void check_fail(struct check *c, const char *what, unsigned lane, uint64_t got, uint64_t want);
/** Compares v[CHECK_RESULT] with want[64]. */
void check_row(struct check *c, const char *what, const uint32_t *want);
/** Sets v[@reg] in all lanes. */
void check_fill(struct check *c, unsigned reg, uint32_t value);
/** Sets v[@reg] to distinct, scrambled values. */
void check_scramble(struct check *c, unsigned reg);

static inline uint32_t check_f32_bits(float f)
{
    uint32_t u;
    memcpy(&u, &f, sizeof(u));
    return u;
}

static inline float check_f32(uint32_t u)
{
    float f;
    memcpy(&f, &u, sizeof(f));
    return f;
}

static inline uint64_t check_f64_bits(double f)
{
    uint64_t u;
    memcpy(&u, &f, sizeof(u));
    return u;
}

static inline double check_f64(uint64_t u)
{
    double f;
    memcpy(&f, &u, sizeof(f));
    return f;
}

/** Value of a half, and the nearest half (ties to even) of a value: by their definition, slowly. */
double check_f16(uint16_t h);
uint16_t check_f16_bits(double x);
