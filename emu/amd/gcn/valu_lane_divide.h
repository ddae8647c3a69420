// SPDX-License-Identifier: Apache-2.0
/*
 * Vector ALU: the three steps around a Newton iteration that make a correctly rounded quotient:
 * v_div_scale moves the operands away from overflow and denormals, v_div_fmas takes that back in
 * its rounding, v_div_fixup puts in the special cases.
 */
#pragma once

#include "valu_lane.h"

/* v_div_fixup: the special cases of n / d, else the quotient with the right sign. */
LANE float lane_div_fixup_f32(float q, float d, float n)
{
    uint32_t uq = lane_u32(q), ud = lane_u32(d), un = lane_u32(n);
    uint32_t sign = (ud ^ un) & 0x80000000, md = ud & 0x7fffffff, mn = un & 0x7fffffff;
    int32_t distance = (int32_t)(mn >> 23) - (int32_t)(md >> 23);
    uint32_t r = sign | (uq & 0x7fffffff);

    /* What cannot but overflow or underflow: the intermediate results may be anything. */
    r = distance >= 129 ? sign | 0x7f800000 : r;
    r = distance < -150 ? sign : r;
    r = md == 0x7f800000 || mn == 0 ? sign : r;
    r = md == 0 || mn == 0x7f800000 ? sign | 0x7f800000 : r;
    r = (md == 0 && mn == 0) || (md == 0x7f800000 && mn == 0x7f800000) ? 0xffc00000 : r;
    r = md > 0x7f800000 ? ud | 0x400000 : r;
    r = mn > 0x7f800000 ? un | 0x400000 : r;
    return lane_f32(r);
}

LANE double lane_div_fixup_f64(double q, double d, double n)
{
    uint64_t uq = lane_u64(q), ud = lane_u64(d), un = lane_u64(n), inf = 0x7ff0000000000000;
    uint64_t sign = (ud ^ un) & 1ull << 63, md = ud & INT64_MAX, mn = un & INT64_MAX;
    int64_t distance = (int64_t)(mn >> 52) - (int64_t)(md >> 52);
    uint64_t r = sign | (uq & INT64_MAX);

    r = distance >= 1025 ? sign | inf : r;
    r = distance < -1075 ? sign : r;
    r = md == inf || mn == 0 ? sign : r;
    r = md == 0 || mn == inf ? sign | inf : r;
    r = (md == 0 && mn == 0) || (md == inf && mn == inf) ? 0xfff8000000000000 : r;
    r = md > inf ? ud | 1ull << 51 : r;
    r = mn > inf ? un | 1ull << 51 : r;
    return lane_f64(r);
}

/** v_div_scale: @x is the operand to scale, of the quotient @n / @d. *@flag is for v_div_fmas: the
 *  quotient is off by the scale, since only the numerator or only the denominator was scaled. */
LANE float lane_div_scale_f32(float x, float d, float n, uint32_t *flag)
{
    uint32_t ud = lane_u32(d) & 0x7fffffff, un = lane_u32(n) & 0x7fffffff;
    int32_t ed = (int32_t)(ud >> 23), en = (int32_t)(un >> 23);
    bool small_quotient = __builtin_fabs((double)n / (double)d) < 0x1p-126;
    bool huge_d = ud > 0x7e800000; /* 1 / d is denormal */
    int32_t if_d = lane_u32(x) == lane_u32(d) ? 64 : 0, if_n = lane_u32(x) == lane_u32(n) ? 64 : 0;
    bool large_quotient = en - ed >= 96;
    int32_t scale = en <= 23 ? 64 : 0;

    /* From the last rule to the first. */
    scale = small_quotient ? if_n : scale;
    scale = huge_d ? (small_quotient ? -if_d : -64) : scale;
    scale = ed == 0 ? 64 : scale;
    scale = large_quotient ? if_d : scale;
    bool zero = (ud == 0) | (un == 0);
    *flag = (!zero) & (large_quotient | (small_quotient & (ed != 0))) ? ~0u : 0;
    float scaled = (float)((double)x * lane_power(scale));
    uint32_t r = scale ? lane_u32(scaled) : lane_u32(x);
    return lane_f32(zero ? 0x7fc00000 : r);
}

LANE double lane_div_scale_f64(double x, double d, double n, uint32_t *flag)
{
    uint64_t ud = lane_u64(d) & INT64_MAX, un = lane_u64(n) & INT64_MAX;
    int64_t ed = (int64_t)(ud >> 52), en = (int64_t)(un >> 52);
    bool small_quotient = __builtin_fabs(n / d)<0x1p-1022, huge_d = ud> 0x7fd0000000000000;
    int64_t if_d = lane_u64(x) == lane_u64(d) ? 128 : 0,
            if_n = lane_u64(x) == lane_u64(n) ? 128 : 0;
    bool large_quotient = en - ed >= 768;
    int64_t scale = en <= 53 ? 128 : 0;

    scale = small_quotient ? if_n : scale;
    scale = huge_d ? (small_quotient ? -if_d : -128) : scale;
    scale = ed == 0 ? 128 : scale;
    scale = large_quotient ? if_d : scale;
    bool zero = (ud == 0) | (un == 0);
    *flag = (!zero) & (large_quotient | (small_quotient & (ed != 0))) ? ~0u : 0;
    uint64_t scaled = lane_u64(x * lane_f64((uint64_t)(scale + 1023) << 52));
    uint64_t r = scale ? scaled : lane_u64(x);
    return lane_f64(zero ? 0x7ff8000000000000 : r);
}

/** v_div_fmas: the last step of the quotient, and where @flag is set the scale of v_div_scale taken
 * back, in one rounding. c, the approximation so far, tells which way. The ISA guide prints factors
 * of 2^32 and 2^64 here; only 2^+-64 and 2^+-128 undo what it prints for v_div_scale. */
LANE float lane_div_fmas_f32(float a, float b, float c, bool flag)
{
    bool up = (lane_u32(c) >> 23 & 0xff) > 127;

    if (!flag)
        return lane_fma_f32(a, b, c);
    return (float)(lane_add_odd((double)a * b, c) * lane_power(up ? 64 : -64));
}

static inline double lane_div_fmas_f64(double a, double b, double c, bool flag)
{
    bool up = (lane_u64(c) >> 52 & 0x7ff) > 1023;
    double sum = lane_fma_f64(a, b, c);

    if (!flag || up || sum == 0 || sum - sum != 0)
        return flag ? sum * lane_power(up ? 128 : -128) : sum;
    /* Scaling down may round to a denormal, and if that is a tie what the sum itself had lost
     * decides. exact = product + low + c = near + lost + low */
    double product = a * b, low = lane_fma_f64(a, b, -product);
    double near = product + c, back = near - product;
    double lost = (product - (near - back)) + (c - back);
    double error = (near - sum) + (lost + low);
    double r = sum * 0x1p-128, rest = sum - r * 0x1p128;
    double half = 0x1p-947; /* of the last place of a denormal, times 2^128 */

    if (__builtin_fabs(r) <= 0x1p-1022 && __builtin_fabs(rest) == half && error != 0 &&
        (error < 0) == (rest < 0))
        r += rest < 0 ? -0x1p-1074 : 0x1p-1074;
    return r;
}

/** Half precision needs no exponent rules: its quotient was computed in single precision. */
LANE float lane_div_fixup_f16(float q, float d, float n)
{
    uint32_t sign = (lane_u32(d) ^ lane_u32(n)) & 0x80000000;
    uint32_t md = lane_u32(d) & 0x7fffffff, mn = lane_u32(n) & 0x7fffffff;
    uint32_t r = sign | (lane_u32(q) & 0x7fffffff);

    r = md == 0x7f800000 || mn == 0 ? sign : r;
    r = md == 0 || mn == 0x7f800000 ? sign | 0x7f800000 : r;
    r = (md == 0 && mn == 0) || (md == 0x7f800000 && mn == 0x7f800000) ? 0xffc00000 : r;
    r = md > 0x7f800000 ? lane_u32(d) | 0x400000 : r;
    r = mn > 0x7f800000 ? lane_u32(n) | 0x400000 : r;
    return lane_f32(r);
}
