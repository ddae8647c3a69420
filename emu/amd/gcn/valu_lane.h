// SPDX-License-Identifier: Apache-2.0
/*
 * Vector ALU: arithmetic of one lane. Pure functions, mostly free of branches so that loops over
 * lanes vectorise. Meanings are those of "AMD Vega 7nm Instruction Set Architecture", chapter "VALU
 * instructions"; where the hardware approximates (v_exp_f32, v_rcp_f64, ...) these are within an
 * ulp of the exact value, which is inside what the hardware promises, and the same on every host.
 *
 * Half precision values are floats here: every operation rounds its float result once to half,
 * which is exact for + - * / and sqrt (24 >= 2 * 11 + 2 bits), and lane_fma_f16 takes care of
 * itself.
 */
#pragma once

#include <math.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

#define LANE static inline __attribute__((always_inline))

LANE float lane_f32(uint32_t u)
{
    float f;
    memcpy(&f, &u, sizeof(f));
    return f;
}

LANE uint32_t lane_u32(float f)
{
    uint32_t u;
    memcpy(&u, &f, sizeof(u));
    return u;
}

LANE double lane_f64(uint64_t u)
{
    double f;
    memcpy(&f, &u, sizeof(f));
    return f;
}

LANE uint64_t lane_u64(double f)
{
    uint64_t u;
    memcpy(&u, &f, sizeof(u));
    return u;
}

/** Denormals to zero of the same sign. */
LANE float lane_flush(float x)
{
    uint32_t u = lane_u32(x);

    return lane_f32(u & 0x7f800000 ? u : u & 0x80000000);
}

LANE uint32_t lane_flush_u32(uint32_t u)
{
    return u & 0x7f800000 ? u : u & 0x80000000;
}

/* The same of a half, in the lower half of @u or in its upper half. */
LANE uint32_t lane_flush_low_half(uint32_t u)
{
    return u & 0x7c00 ? u : u & 0xffff8000;
}

LANE uint32_t lane_flush_high_half(uint32_t u)
{
    return u & 0x7c000000 ? u : u & 0x8000ffff;
}

/* Half precision. Scaling by 2^112 moves the exponent range of a half to that of a float. */
LANE float lane_from_f16(uint32_t h)
{
    uint32_t magnitude = (h & 0x7fff) << 13;
    uint32_t scaled = lane_u32(lane_f32(magnitude) * 0x1p112f);
    uint32_t special = magnitude | 0x7f800000;

    return lane_f32((magnitude >= 0x0f800000 ? special : scaled) | (h & 0x8000) << 16);
}

/** To half precision in the host's rounding mode: adding and subtracting a power of two rounds at
 * the right bit; scaling up and down overflows where a half does. */
LANE uint16_t lane_to_f16(float x)
{
    uint32_t u = lane_u32(x), sign = u & 0x80000000, exponent = u & 0x7f800000;
    uint32_t top =
        exponent > (142u << 23) ? 142u << 23 : exponent; /* 2^15 and up need no rounding above */
    uint32_t grid = (top < (113u << 23) ? 113u << 23 : top) + (13u << 23);
    float magic = lane_f32(grid | sign);
    float rounded = (x + magic) - magic;

    rounded = lane_f32((lane_u32(rounded) & 0x7fffffff) | sign);
    rounded = rounded * 0x1p112f;
    rounded = rounded * 0x1p-112f;
    rounded = rounded * 0x1p-112f;
    return (uint16_t)(sign >> 16 | (lane_u32(rounded) >> 13 & 0x7fff));
}

/** To half precision, towards zero, whatever the mode (v_cvt_pkrtz). */
LANE uint16_t lane_to_f16_rtz(float x)
{
    uint32_t u = lane_u32(x), sign = u >> 16 & 0x8000, m = u & 0x7fffffff;
    uint32_t normal = (m - (112u << 23)) >> 13;
    uint32_t below =
        (uint32_t)((int32_t)(m - (113u << 23)) >> 31); /* all ones: a denormal result */
    uint32_t denormal = (uint32_t)(int32_t)(lane_f32(m & below) * 0x1p24f);
    uint32_t r = (denormal & below) | (normal & ~below);

    r = m >= (143u << 23) ? 0x7bff : r;
    r = m == 0x7f800000 ? 0x7c00 : r;
    r = m > 0x7f800000 ? 0x7e00 | (m >> 13 & 0x1ff) : r;
    return (uint16_t)(sign | r);
}

LANE float lane_round_f16(float x)
{
    return lane_from_f16(lane_to_f16(x));
}

/** x + y with the last bit set if the sum is inexact (round to odd), so that rounding it once more
 * to fewer bits is the same as rounding the exact sum. */
LANE double lane_add_odd(double x, double y)
{
    double sum = x + y, back = sum - x;
    double error = (x - (sum - back)) + (y - back);
    uint64_t bits = lane_u64(sum);
    /* An even sum is replaced by its neighbour on the side where the exact one lies. */
    bool inexact = error != 0 && error == error;
    bool inwards = (error < 0) != (sum < 0);
    uint64_t odd = (bits & 1) ? bits : inwards ? bits - 1 : bits | 1;

    return lane_f64(inexact ? odd : bits);
}

LANE float lane_fma_f16(float a, float b, float c)
{
    uint64_t sum = lane_u64(lane_add_odd((double)a * b, c)); /* the product is exact */
    uint64_t rest = sum & 0x1fffffff;                        /* what a float has no room for */

    return (float)lane_f64((sum - rest) | (rest ? 0x20000000 : 0));
}

LANE float lane_fma_f32(float a, float b, float c)
{
    return __builtin_fmaf(a, b, c);
}

LANE double lane_fma_f64(double a, double b, double c)
{
    return __builtin_fma(a, b, c);
}

/* v_mad_f32 and v_mac_f32 round twice and know no denormals. */
LANE float lane_mad_f32(float a, float b, float c)
{
    float product = lane_flush(lane_flush(a) * lane_flush(b));

    return lane_flush(product + lane_flush(c));
}

LANE float lane_mul_legacy(float a, float b)
{
    return a == 0 || b == 0 ? 0.0f : a * b;
}

/* Minimum and maximum: a NaN loses against a number, a signalling NaN wins as a quiet one
 * (MODE.IEEE is set for all compute kernels), and -0 < +0. */
LANE float lane_min_f32(float a, float b)
{
    uint32_t ua = lane_u32(a), ub = lane_u32(b);
    uint32_t r = a < b || b != b ? ua : ub;

    r = a == b ? ua | ub : r;
    r = b != b && !(ub & 0x400000) ? ub : r;
    r = a != a && !(ua & 0x400000) ? ua : r;
    return lane_f32((r & 0x7fffffff) > 0x7f800000 ? r | 0x400000 : r);
}

LANE float lane_max_f32(float a, float b)
{
    uint32_t ua = lane_u32(a), ub = lane_u32(b);
    uint32_t r = a > b || b != b ? ua : ub;

    r = a == b ? ua & ub : r;
    r = b != b && !(ub & 0x400000) ? ub : r;
    r = a != a && !(ua & 0x400000) ? ua : r;
    return lane_f32((r & 0x7fffffff) > 0x7f800000 ? r | 0x400000 : r);
}

LANE double lane_min_f64(double a, double b)
{
    uint64_t ua = lane_u64(a), ub = lane_u64(b), quiet = 1ull << 51;
    uint64_t r = a < b || b != b ? ua : ub;

    r = a == b ? ua | ub : r;
    r = b != b && !(ub & quiet) ? ub : r;
    r = a != a && !(ua & quiet) ? ua : r;
    return lane_f64((r & INT64_MAX) > 0x7ff0000000000000 ? r | quiet : r);
}

LANE double lane_max_f64(double a, double b)
{
    uint64_t ua = lane_u64(a), ub = lane_u64(b), quiet = 1ull << 51;
    uint64_t r = a > b || b != b ? ua : ub;

    r = a == b ? ua & ub : r;
    r = b != b && !(ub & quiet) ? ub : r;
    r = a != a && !(ua & quiet) ? ua : r;
    return lane_f64((r & INT64_MAX) > 0x7ff0000000000000 ? r | quiet : r);
}

LANE int32_t lane_med3_i32(int32_t a, int32_t b, int32_t c)
{
    int32_t low = a < b ? a : b, high = a < b ? b : a;
    int32_t top = high < c ? high : c;

    return low > top ? low : top;
}

/** Median; with a NaN the minimum of the three. Floats in the order of integers: all but the sign
 * bit of a negative one is turned over. */
LANE float lane_med3_f32(float a, float b, float c)
{
    int32_t ka = (int32_t)lane_u32(a), kb = (int32_t)lane_u32(b), kc = (int32_t)lane_u32(c);
    int32_t k = lane_med3_i32(ka ^ (ka >> 31 & INT32_MAX), kb ^ (kb >> 31 & INT32_MAX),
                              kc ^ (kc >> 31 & INT32_MAX));
    uint32_t median = (uint32_t)(k ^ (k >> 31 & INT32_MAX));
    uint32_t least = lane_u32(lane_min_f32(lane_min_f32(a, b), c));

    median = a != a ? least : median;
    median = b != b ? least : median;
    return lane_f32(c != c ? least : median);
}

LANE uint32_t lane_med3_u32(uint32_t a, uint32_t b, uint32_t c)
{
    uint32_t low = a < b ? a : b, high = a < b ? b : a;
    uint32_t top = high < c ? high : c;

    return low > top ? low : top;
}

/* Conversions to integers saturate; NaN gives 0. */
LANE int32_t lane_i32_from_f32(float x)
{
    int32_t inside = (int32_t)(x >= -0x1p31f && x < 0x1p31f ? x : 0.0f);

    return x >= 0x1p31f ? INT32_MAX : x < -0x1p31f ? INT32_MIN : inside;
}

LANE uint32_t lane_u32_from_f32(float x)
{
    bool upper = x >= 0x1p31f;
    float y = upper ? x - 0x1p31f : x;
    uint32_t inside = (uint32_t)(int32_t)(y > 0 && y < 0x1p31f ? y : 0.0f);

    return x >= 0x1p32f ? UINT32_MAX : inside | (upper ? 0x80000000u : 0);
}

LANE int32_t lane_i32_from_f64(double x)
{
    int32_t inside = (int32_t)(x > -0x1p31 - 1 && x < 0x1p31 ? x : 0.0);

    return x >= 0x1p31 ? INT32_MAX : x <= -0x1p31 - 1 ? INT32_MIN : inside;
}

LANE uint32_t lane_u32_from_f64(double x)
{
    bool upper = x >= 0x1p31;
    double y = upper ? x - 0x1p31 : x;
    uint32_t inside = (uint32_t)(int32_t)(y > 0 && y < 0x1p31 ? y : 0.0);

    return x >= 0x1p32 ? UINT32_MAX : inside | (upper ? 0x80000000u : 0);
}

/** Rounded value clamped to [low, high]; NaN gives 0. */
LANE int32_t lane_clamp_round(float x, float low, float high)
{
    float r = __builtin_rintf(x != x ? 0.0f : x < low ? low : x > high ? high : x);

    return (int32_t)r;
}

LANE float lane_clamp01(float x, float nan)
{
    return x != x ? nan : x <= 0 ? 0.0f : x > 1 ? 1.0f : x;
}

/* Nearest integer, ties to even, whatever the rounding mode. */
LANE float lane_rndne_f32(float x)
{
    float low = __builtin_floorf(x), part = x - low, half = low * 0.5f;
    bool odd = half != __builtin_floorf(half);
    float r = part > 0.5f || (part == 0.5f && odd) ? low + 1 : low;

    return __builtin_copysignf(r, x);
}

LANE double lane_rndne_f64(double x)
{
    double low = __builtin_floor(x), part = x - low, half = low * 0.5;
    bool odd = half != __builtin_floor(half);
    double r = part > 0.5 || (part == 0.5 && odd) ? low + 1 : low;

    return __builtin_copysign(r, x);
}

/** 2^n as a double, for -1022 <= n <= 1023. */
LANE double lane_power(int32_t n)
{
    return lane_f64((uint64_t)(int64_t)(n + 1023) << 52);
}
