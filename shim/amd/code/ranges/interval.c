// SPDX-License-Identifier: Apache-2.0
/* Intervals. See interval.h. */
#include "shim/amd/code/ranges/interval.h"

#define TURN ((int64_t)1 << 32)

static int64_t least(int64_t x, int64_t y)
{
    return x < y ? x : y;
}

static int64_t most(int64_t x, int64_t y)
{
    return x > y ? x : y;
}

/* --- 32 bits --- */

/* The interval moved by whole turns, so that its lower end is in [@from, @from + 2^32). */
static struct interval turned(__int128 low, __int128 high, int64_t from)
{
    if (high - low >= TURN - 1)
        return interval_unknown(false);
    __int128 turns = (low - from) / TURN - ((low - from) % TURN < 0);
    return (struct interval){(int64_t)(low - turns * TURN), (int64_t)(high - turns * TURN)};
}

struct interval interval_signed(struct interval x)
{
    x = turned(x.low, x.high, INT32_MIN);
    return x.high > INT32_MAX ? interval_limits(true) : x;
}

struct interval interval_unsigned(struct interval x)
{
    x = turned(x.low, x.high, 0);
    return x.low < 0 || x.high > UINT32_MAX ? interval_limits(false) : x;
}

bool interval_fits(struct interval x, unsigned bits)
{
    int64_t half = (int64_t)1 << (bits - 1);
    return x.low >= -half && x.high < half;
}

struct interval interval_add(struct interval x, struct interval y)
{
    return turned((__int128)x.low + y.low, (__int128)x.high + y.high, INT32_MIN);
}

struct interval interval_subtract(struct interval x, struct interval y)
{
    return turned((__int128)x.low - y.high, (__int128)x.high - y.low, INT32_MIN);
}

static void products(struct interval x, struct interval y, __int128 *low, __int128 *high)
{
    __int128 all[4] = {(__int128)x.low * y.low, (__int128)x.low * y.high, (__int128)x.high * y.low,
                       (__int128)x.high * y.high};
    *low = *high = all[0];
    for (unsigned i = 1; i < 4; i++) {
        *low = all[i] < *low ? all[i] : *low;
        *high = all[i] > *high ? all[i] : *high;
    }
}

struct interval interval_multiply(struct interval x, struct interval y)
{
    __int128 low, high;
    products(x, y, &low, &high);
    return turned(low, high, INT32_MIN);
}

struct interval interval_multiply_high(struct interval x, struct interval y)
{
    __int128 low, high;
    products(x, y, &low, &high);
    return (struct interval){(int64_t)(low >> 32), (int64_t)(high >> 32)};
}

static bool is_shift(struct interval by)
{
    return by.low == by.high && by.low >= 0 && by.low < 32;
}

struct interval interval_shift_left(struct interval x, struct interval by)
{
    return is_shift(by) ? interval_multiply(x, interval_of((int64_t)1 << by.low))
                        : interval_unknown(false);
}

struct interval interval_shift_right(struct interval x, struct interval by)
{
    if (is_shift(by))
        return (struct interval){x.low >> by.low, x.high >> by.low};
    /* By however much, it comes nearer to 0, or to -1. */
    return (struct interval){least(x.low, 0), most(x.high, 0)};
}

/* All bits below the highest one of @x, and that. */
static int64_t filled(int64_t x)
{
    return x == 0 ? 0 : (int64_t)(UINT64_MAX >> __builtin_clzll((uint64_t)x));
}

struct interval interval_and(struct interval x, struct interval y)
{
    struct interval mask = y.low == y.high ? y : x, other = y.low == y.high ? x : y;
    if (mask.low == mask.high) {
        struct interval s = interval_signed(other);
        int64_t m = interval_signed(mask).low, gone = ~m & INT32_MAX;
        /* All but the lowest bits stay (the sign is the mask's): rounding down to a multiple. */
        if ((gone & (gone + 1)) == 0 && (m < 0 || s.low >= 0))
            return (struct interval){s.low & ~gone, s.high & ~gone};
    }
    x = interval_unsigned(x);
    y = interval_unsigned(y);
    if (x.low == x.high && y.low == y.high)
        return interval_of(x.low & y.low);
    return (struct interval){0, least(x.high, y.high)};
}

/* y <= x | y <= y + x, for whatever y, if x is not negative: what x adds are bits that y lacks. */
static struct interval or_below(struct interval x, struct interval y)
{
    return interval_add(y, (struct interval){0, x.high});
}

struct interval interval_or(struct interval x, struct interval y)
{
    struct interval a = interval_unsigned(x), b = interval_unsigned(y);
    if (a.low == a.high && b.low == b.high)
        return interval_of(a.low | b.low);
    struct interval by_bits = {most(a.low, b.low), filled(most(a.high, b.high))};
    struct interval sum = a.high < b.high ? or_below(a, y) : or_below(b, x);
    return by_bits.high - by_bits.low <= sum.high - sum.low ? by_bits : sum;
}

struct interval interval_hull(struct interval x, struct interval y)
{
    struct interval a = interval_signed(x), b = interval_signed(y);
    struct interval c = interval_unsigned(x), d = interval_unsigned(y);
    a = (struct interval){least(a.low, b.low), most(a.high, b.high)};
    c = (struct interval){least(c.low, d.low), most(c.high, d.high)};
    return a.high - a.low <= c.high - c.low ? a : c;
}

struct interval interval_least(struct interval x, struct interval y)
{
    return (struct interval){least(x.low, y.low), least(x.high, y.high)};
}

struct interval interval_most(struct interval x, struct interval y)
{
    return (struct interval){most(x.low, y.low), most(x.high, y.high)};
}

struct interval interval_cut(struct interval x, struct interval y, bool is_signed,
                             enum interval_cut cut, int64_t by)
{
    struct interval z = is_signed ? interval_signed(x) : interval_unsigned(x);
    if (interval_is_empty(x))
        return x;
    y = is_signed ? interval_signed(y) : interval_unsigned(y);
    if (cut == CUT_BELOW)
        z.high = least(z.high, y.high - by);
    else
        z.low = most(z.low, y.low + by);
    return z;
}

struct interval interval_cut_off(struct interval x, struct interval y)
{
    for (int is_signed = 0; is_signed < 2 && y.low == y.high && x.low <= x.high; is_signed++) {
        struct interval z = is_signed ? interval_signed(x) : interval_unsigned(x);
        int64_t hole = (is_signed ? interval_signed(y) : interval_unsigned(y)).low;
        if (hole == z.low)
            return (struct interval){z.low + 1, z.high};
        if (hole == z.high)
            return (struct interval){z.low, z.high - 1};
    }
    return x;
}

/* --- 64 bits --- */

static bool is_unknown64(struct interval x)
{
    return x.low == INT64_MIN || x.high == INT64_MAX;
}

static struct interval fitted(__int128 low, __int128 high)
{
    if (low <= INT64_MIN || high >= INT64_MAX)
        return interval_unknown(true);
    return (struct interval){(int64_t)low, (int64_t)high};
}

struct interval interval_hull64(struct interval x, struct interval y)
{
    if (is_unknown64(x) || is_unknown64(y))
        return interval_unknown(true);
    return (struct interval){least(x.low, y.low), most(x.high, y.high)};
}

struct interval interval_add64(struct interval x, struct interval y)
{
    if (is_unknown64(x) || is_unknown64(y))
        return interval_unknown(true);
    return fitted((__int128)x.low + y.low, (__int128)x.high + y.high);
}

struct interval interval_multiply64(struct interval x, struct interval y)
{
    __int128 low, high;
    if (is_unknown64(x) || is_unknown64(y))
        return interval_unknown(true);
    products(x, y, &low, &high);
    return fitted(low, high);
}

struct interval interval_or64(struct interval x, struct interval y)
{
    if (is_unknown64(x) || x.low < 0)
        return interval_unknown(true);
    return fitted(x.low, (__int128)x.high + y.high); /* x <= x | y <= x + y */
}

struct interval interval_shift_left64(struct interval x, struct interval by)
{
    return is_shift(by) ? interval_multiply64(x, interval_of((int64_t)1 << by.low))
                        : interval_unknown(true);
}

struct interval interval_high(struct interval x)
{
    if (is_unknown64(x))
        return interval_unknown(false);
    return turned(x.low >> 32, x.high >> 32, INT32_MIN);
}

struct interval interval_add_times(struct interval x, struct interval step, int64_t times,
                                   bool wide)
{
    __int128 low = (__int128)x.low + (__int128)least(step.low, 0) * times;
    __int128 high = (__int128)x.high + (__int128)most(step.high, 0) * times;
    if (wide)
        return is_unknown64(x) || is_unknown64(step) ? interval_unknown(true) : fitted(low, high);
    return turned(low, high, INT32_MIN);
}
