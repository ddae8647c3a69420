// SPDX-License-Identifier: Apache-2.0
/*
 * Intervals of integers, both ends included. Of 32 bits: modulo 2^32 (see evaluate.c), kept small
 * enough that sums of a few do not overflow. Of 64 bits: as they are. Pure.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

struct interval {
    int64_t low, high;
};

enum interval_cut { CUT_BELOW, CUT_ABOVE };

static inline struct interval interval_of(int64_t value)
{
    return (struct interval){value, value};
}

/** Any number. Of 32 bits it is an interval like others. */
static inline struct interval interval_unknown(bool wide)
{
    return wide ? (struct interval){INT64_MIN, INT64_MAX} : (struct interval){INT32_MIN, INT32_MAX};
}

/** Whether nothing is known: of 64 bits, or (also) all of 32. */
static inline bool interval_is_unknown(struct interval x)
{
    return x.high == INT64_MAX || (x.low == INT32_MIN && x.high == INT32_MAX);
}

static inline bool interval_is_empty(struct interval x)
{
    return x.low > x.high;
}

/** The numbers that a signed or unsigned one of 32 bits can be. */
static inline struct interval interval_limits(bool is_signed)
{
    return is_signed ? (struct interval){INT32_MIN, INT32_MAX} : (struct interval){0, UINT32_MAX};
}

/* 32 bits */
struct interval interval_signed(struct interval x);
struct interval interval_unsigned(struct interval x);
bool interval_fits(struct interval x, unsigned bits);
struct interval interval_add(struct interval x, struct interval y);
struct interval interval_subtract(struct interval x, struct interval y);
struct interval interval_multiply(struct interval x, struct interval y);
struct interval interval_shift_left(struct interval x, struct interval by);
struct interval interval_and(struct interval x, struct interval y);
struct interval interval_or(struct interval x, struct interval y);
struct interval interval_hull(struct interval x, struct interval y);
/** Of operands that are signed or unsigned already. */
struct interval interval_multiply_high(struct interval x, struct interval y);
struct interval interval_shift_right(struct interval x, struct interval by);
struct interval interval_least(struct interval x, struct interval y);
struct interval interval_most(struct interval x, struct interval y);
/** Those of @x that are below, or above, one of @y by at least @by: none, if low > high. */
struct interval interval_cut(struct interval x, struct interval y, bool is_signed,
                             enum interval_cut cut, int64_t by);
/** Those that are not @y, if that is one number at an end of @x. */
struct interval interval_cut_off(struct interval x, struct interval y);

/* 64 bits */
struct interval interval_hull64(struct interval x, struct interval y);
struct interval interval_add64(struct interval x, struct interval y);
struct interval interval_shift_left64(struct interval x, struct interval by);
struct interval interval_multiply64(struct interval x, struct interval y);
/** @x | @y where @y is of 32 bits and not signed. */
struct interval interval_or64(struct interval x, struct interval y);
/** The upper halves, as 32 bits. */
struct interval interval_high(struct interval x);

/** @x with something of @step added up to @times times. */
struct interval interval_add_times(struct interval x, struct interval step, int64_t times,
                                   bool wide);
