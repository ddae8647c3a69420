// SPDX-License-Identifier: Apache-2.0
/*
 * Vector ALU: functions of one lane: scaling, exponential, logarithm, sine, reciprocals, taking
 * numbers apart, classes, cube maps. Polynomials are computed in double, so that a float result is
 * off by little more than its own rounding, without a branch, and the same on every host.
 */
#pragma once

#include "valu_lane.h"

LANE float lane_ldexp_f32(float x, int32_t n)
{
    int32_t limited = n > 300 ? 300 : n < -300 ? -300 : n;

    return (float)((double)x * lane_power(limited)); /* exact in double: rounds once */
}

/** How much of a scale by 2^n is done at once: up to 1023 upwards, nothing or -969 downwards. */
LANE int32_t lane_ldexp_step(int32_t n)
{
    int32_t up = n > 0 ? n : 0, down = n < 0 ? n : 0;

    return (up > 1023 ? 1023 : up) + ((down + 1022) >> 31 & -969);
}

/** In up to two exact steps and one that may round: 53 bits are kept back on the way down, so that
 * an intermediate result is no denormal. */
LANE double lane_ldexp_f64(double x, int32_t n)
{
    int32_t rest = n > 4000 ? 4000 : n < -4000 ? -4000 : n;
    int32_t first = lane_ldexp_step(rest), second = lane_ldexp_step(rest - first);
    int32_t last = rest - first - second;

    last = last > 1023 ? 1023 : last;
    last = last < -1022 ? -1022 : last;
    return x * lane_power(first) * lane_power(second) * lane_power(last);
}

/** 2^x, denormals flushed in and out. */
LANE float lane_exp_f32(float x)
{
    double y = (double)(lane_flush(x));
    double limited = y > 130 ? 130 : y < -130 ? -130 : y;
    double whole = __builtin_rint(limited), part = (limited - whole) * 0x1.62e42fefa39efp-1;
    double p = 1.0 / 3628800;

    p = p * part + 1.0 / 362880;
    p = p * part + 1.0 / 40320;
    p = p * part + 1.0 / 5040;
    p = p * part + 1.0 / 720;
    p = p * part + 1.0 / 120;
    p = p * part + 1.0 / 24;
    p = p * part + 1.0 / 6;
    p = p * part + 0.5;
    p = p * part + 1.0;
    p = p * part + 1.0;
    p = p * lane_power((int32_t)whole);
    return x != x ? x + x : lane_flush((float)p);
}

/** log2 x, denormals taken for zero. */
LANE float lane_log_f32(float x)
{
    uint32_t u = lane_u32(lane_flush(x));
    /* m in [sqrt 1/2, sqrt 2) */
    uint32_t shifted = u - 0x3f3504f3;
    int32_t exponent = (int32_t)shifted >> 23;
    double m = (double)lane_f32((shifted & 0x7fffff) + 0x3f3504f3);
    double t = (m - 1) / (m + 1), s = t * t;
    double p = 1.0 / 15;

    p = p * s + 1.0 / 13;
    p = p * s + 1.0 / 11;
    p = p * s + 1.0 / 9;
    p = p * s + 1.0 / 7;
    p = p * s + 1.0 / 5;
    p = p * s + 1.0 / 3;
    p = p * s + 1.0;
    float r = (float)(exponent + t * p * (2 * 0x1.71547652b82fep0));
    r = u == 0x7f800000 ? lane_f32(u) : r;
    r = (u & 0x7fffffff) == 0 ? lane_f32(0xff800000) : r;
    r = u > 0x80000000 ? lane_f32(0x7fc00000) : r;
    return x != x ? x + x : r;
}

/** sin(2 pi x) for x in [-0.5, 0.5]. */
LANE double lane_sin_turns(double x)
{
    double folded = x > 0.25 ? 0.5 - x : x < -0.25 ? -0.5 - x : x;
    double y = folded * 0x1.921fb54442d18p2, s = y * y;
    double p = 1.0 / 355687428096000;

    p = p * s - 1.0 / 1307674368000;
    p = p * s + 1.0 / 6227020800;
    p = p * s - 1.0 / 39916800;
    p = p * s + 1.0 / 362880;
    p = p * s - 1.0 / 5040;
    p = p * s + 1.0 / 120;
    p = p * s - 1.0 / 6;
    return y + y * s * p;
}

/** Sine of @x turns plus @phase turns; the hardware's domain is [-256, 256]. */
LANE float lane_sin_f32(float x, double phase)
{
    double y = (double)lane_flush(x), limited = y > 256 || y < -256 ? 0 : y;
    double turned = limited + phase;
    float r = (float)lane_sin_turns(turned - __builtin_rint(turned));

    r = y > 256 || y < -256 ? (phase != 0 ? 1.0f : 0.0f) : r;
    return (x - x) != (x - x) ? lane_f32(0x7fc00000) : lane_flush(r);
}

LANE float lane_rcp_f32(float x)
{
    return lane_flush(1.0f / lane_flush(x));
}

LANE float lane_rsq_f32(float x)
{
    return (float)(1.0 / __builtin_sqrt((double)lane_flush(x)));
}

LANE float lane_fract_f32(float x)
{
    float r = x - __builtin_floorf(x);

    return r > 0x1.fffffep-1f ? 0x1.fffffep-1f : r;
}

LANE double lane_fract_f64(double x)
{
    double r = x - __builtin_floor(x);

    return r > 0x1.fffffffffffffp-1 ? 0x1.fffffffffffffp-1 : r;
}

LANE float lane_fract_f16(float x)
{
    float r = x - __builtin_floorf(x);

    return r > 0x1.ffcp-1f ? 0x1.ffcp-1f : r;
}

/* frexp: mantissa in [0.5, 1); the exponent of 0, infinity and NaN is 0. */
LANE int32_t lane_frexp_exp_f32(float x)
{
    uint32_t u = lane_u32(x), exponent = u >> 23 & 0xff;
    uint32_t scaled = lane_u32(x * 0x1p32f) >> 23 & 0xff; /* for denormals */

    if (exponent == 255 || (u & 0x7fffffff) == 0)
        return 0;
    return exponent ? (int32_t)exponent - 126 : (int32_t)scaled - 126 - 32;
}

LANE float lane_frexp_mant_f32(float x)
{
    uint32_t u = lane_u32(x), exponent = u >> 23 & 0xff;

    if (exponent == 255 || (u & 0x7fffffff) == 0)
        return x;
    u = exponent ? u : lane_u32(x * 0x1p32f);
    return lane_f32((u & 0x807fffff) | 126u << 23);
}

LANE int32_t lane_frexp_exp_f64(double x)
{
    uint64_t u = lane_u64(x);
    uint32_t exponent = u >> 52 & 0x7ff, scaled = lane_u64(x * 0x1p64) >> 52 & 0x7ff;

    if (exponent == 0x7ff || (u & INT64_MAX) == 0)
        return 0;
    return exponent ? (int32_t)exponent - 1022 : (int32_t)scaled - 1022 - 64;
}

LANE double lane_frexp_mant_f64(double x)
{
    uint64_t u = lane_u64(x);
    uint32_t exponent = u >> 52 & 0x7ff;

    if (exponent == 0x7ff || (u & INT64_MAX) == 0)
        return x;
    u = exponent ? u : lane_u64(x * 0x1p64);
    return lane_f64((u & 0x800fffffffffffff) | 1022ull << 52);
}

/* v_cmp_class masks, bit by bit: signalling NaN, quiet NaN, -inf, -normal, -denormal, -0, +0,
 * +denormal, +normal, +inf. */
LANE bool lane_class(bool negative, bool quiet, bool special, bool small, bool fraction,
                     uint32_t mask)
{
    unsigned positive = special ? 9 : small ? (fraction ? 7 : 6) : 8;
    unsigned bit = special && fraction ? (quiet ? 1 : 0) : negative ? 11 - positive : positive;

    return mask >> bit & 1;
}

LANE bool lane_class_f32(float x, uint32_t mask)
{
    uint32_t u = lane_u32(x), e = u & 0x7f800000;

    return lane_class(u >> 31, u >> 22 & 1, e == 0x7f800000, e == 0, u & 0x7fffff, mask);
}

LANE bool lane_class_f64(double x, uint32_t mask)
{
    uint64_t u = lane_u64(x);
    uint32_t e = u >> 52 & 0x7ff;

    return lane_class(u >> 63, u >> 51 & 1, e == 0x7ff, e == 0, u & 0xfffffffffffff, mask);
}

LANE bool lane_class_f16(uint32_t h, uint32_t mask)
{
    uint32_t e = h & 0x7c00;

    return lane_class(h >> 15 & 1, h >> 9 & 1, e == 0x7c00, e == 0, h & 0x3ff, mask);
}

/* Cube maps: face, the two coordinates on it, and twice the major axis. */
LANE unsigned lane_cube_axis(float x, float y, float z)
{
    float ax = __builtin_fabsf(x), ay = __builtin_fabsf(y), az = __builtin_fabsf(z);

    return az >= ax && az >= ay ? 2 : ay >= ax ? 1 : 0;
}

LANE float lane_cube_id(float x, float y, float z)
{
    unsigned axis = lane_cube_axis(x, y, z);
    float major = axis == 2 ? z : axis == 1 ? y : x;

    return (float)(2 * axis + (major < 0 ? 1 : 0));
}

LANE float lane_cube_sc(float x, float y, float z)
{
    unsigned axis = lane_cube_axis(x, y, z);

    return axis == 2 ? (z < 0 ? -x : x) : axis == 1 ? x : x < 0 ? z : -z;
}

LANE float lane_cube_tc(float x, float y, float z)
{
    return lane_cube_axis(x, y, z) == 1 ? (y < 0 ? -z : z) : -y;
}

LANE float lane_cube_ma(float x, float y, float z)
{
    unsigned axis = lane_cube_axis(x, y, z);

    return 2 * (axis == 2 ? z : axis == 1 ? y : x);
}
