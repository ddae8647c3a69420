// SPDX-License-Identifier: Apache-2.0
/*
 * Vector ALU: arithmetic of one lane. Pure functions, mostly free of branches so that loops over lanes
 * vectorise. Meanings are those of "AMD Vega 7nm Instruction Set Architecture", chapter "VALU
 * instructions"; where the hardware approximates (v_exp_f32, v_rcp_f64, ...) these are within an ulp of
 * the exact value, which is inside what the hardware promises, and the same on every host.
 *
 * Half precision values are floats here: every operation rounds its float result once to half, which is
 * exact for + - * / and sqrt (24 >= 2 * 11 + 2 bits), and lane_fma_f16 takes care of itself.
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

/* Half precision. Scaling by 2^112 moves the exponent range of a half to that of a float. */
LANE float lane_from_f16(uint32_t h)
{
    uint32_t magnitude = (h & 0x7fff) << 13;
    uint32_t scaled = lane_u32(lane_f32(magnitude) * 0x1p112f);
    uint32_t special = magnitude | 0x7f800000;

    return lane_f32((magnitude >= 0x0f800000 ? special : scaled) | (h & 0x8000) << 16);
}

/** To half precision in the host's rounding mode: adding and subtracting a power of two rounds at the
 *  right bit; scaling up and down overflows where a half does. */
LANE uint16_t lane_to_f16(float x)
{
    uint32_t u = lane_u32(x), sign = u & 0x80000000, exponent = u & 0x7f800000;
    uint32_t top = exponent > (142u << 23) ? 142u << 23 : exponent; /* 2^15 and up need no rounding above */
    uint32_t grid = (top < (113u << 23) ? 113u << 23 : top) + (13u << 23);
    float magic = lane_f32(grid | sign);
    float rounded = (x + magic) - magic;

    rounded = lane_f32((lane_u32(rounded) & 0x7fffffff) | sign);
    rounded = rounded * 0x1p112f;
    rounded = rounded * 0x1p-112f;
    rounded = rounded * 0x1p-112f;
    return (uint16_t)(sign >> 16 | (lane_u32(rounded) >> 13 & 0x7fff));
}

LANE float lane_round_f16(float x)
{
    return lane_from_f16(lane_to_f16(x));
}

/** x + y with the last bit set if the sum is inexact (round to odd), so that rounding it once more to
 *  fewer bits is the same as rounding the exact sum. */
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

/* Minimum and maximum: a NaN loses against a number, a signalling NaN wins as a quiet one (MODE.IEEE is
 * set for all compute kernels), and -0 < +0. */
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

/** Median; with a NaN the minimum of the three. Floats in the order of integers: all but the sign bit of
 *  a negative one is turned over. */
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

/** In up to two exact steps and one that may round: 53 bits are kept back on the way down, so that an
 *  intermediate result is no denormal. */
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
LANE bool lane_class(bool negative, bool quiet, bool special, bool small, bool fraction, uint32_t mask)
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
    bool small_quotient = __builtin_fabs(n / d) < 0x1p-1022, huge_d = ud > 0x7fd0000000000000;
    int64_t if_d = lane_u64(x) == lane_u64(d) ? 128 : 0, if_n = lane_u64(x) == lane_u64(n) ? 128 : 0;
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

/** v_div_fmas: the last step of the quotient, and where @flag is set the scale of v_div_scale taken back,
 *  in one rounding. c, the approximation so far, tells which way. The ISA guide prints factors of 2^32
 *  and 2^64 here; only 2^+-64 and 2^+-128 undo what it prints for v_div_scale. */
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
    /* Scaling down may round to a denormal, and if that is a tie what the sum itself had lost decides.
     * exact = product + low + c = near + lost + low */
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

/* Bits and bytes. */
LANE int64_t lane_i24(int32_t x)
{
    return (int32_t)((uint32_t)x << 8) >> 8;
}

/** Leading bits equal to the sign bit, -1 if all are. */
LANE uint32_t lane_ffbh_i32(int32_t x)
{
    uint32_t changes = (uint32_t)(x ^ (x >> 31));

    return changes ? (uint32_t)__builtin_clz(changes) : ~0u;
}

LANE int lane_saturate_u8(int x)
{
    return x < 0 ? 0 : x > 255 ? 255 : x;
}

LANE uint32_t lane_bfe_u32(uint32_t x, uint32_t offset, uint32_t width)
{
    uint32_t bits = width & 31;

    return (x >> (offset & 31)) & ((1u << bits) - 1);
}

LANE int32_t lane_bfe_i32(int32_t x, uint32_t offset, uint32_t width)
{
    uint32_t bits = width & 31, start = offset & 31;
    uint32_t field = (uint32_t)(x >> start), sign = bits ? 1u << (bits - 1) : 0;

    field &= (1u << bits) - 1;
    return (int32_t)((field ^ sign) - sign);
}

LANE uint32_t lane_bitreverse(uint32_t x)
{
    x = (x >> 1 & 0x55555555) | (x & 0x55555555) << 1;
    x = (x >> 2 & 0x33333333) | (x & 0x33333333) << 2;
    x = (x >> 4 & 0x0f0f0f0f) | (x & 0x0f0f0f0f) << 4;
    return __builtin_bswap32(x);
}

LANE uint32_t lane_popcount(uint32_t x)
{
    x = x - (x >> 1 & 0x55555555);
    x = (x & 0x33333333) + (x >> 2 & 0x33333333);
    x = (x + (x >> 4)) & 0x0f0f0f0f;
    return x * 0x01010101 >> 24;
}

/** Byte number @selector of v_perm_b32: 0..3 of b, 4..7 of a; 8..11 a sign; 12 0; above 0xff. */
LANE uint32_t lane_perm_byte(uint32_t a, uint32_t b, uint32_t selector)
{
    uint32_t byte = (selector & 4 ? a : b) >> (8 * (selector & 3)) & 0xff;
    uint32_t sign = (selector & 2 ? a : b) >> (16 * (selector & 1) + 15) & 1 ? 0xff : 0;
    uint32_t constant = selector == 12 ? 0 : 0xff;

    return selector < 8 ? byte : selector < 12 ? sign : constant;
}

LANE uint32_t lane_perm(uint32_t a, uint32_t b, uint32_t s)
{
    return lane_perm_byte(a, b, s & 0xff) | lane_perm_byte(a, b, s >> 8 & 0xff) << 8 |
           lane_perm_byte(a, b, s >> 16 & 0xff) << 16 | lane_perm_byte(a, b, s >> 24) << 24;
}

LANE uint32_t lane_abs_difference(uint32_t a, uint32_t b)
{
    return a > b ? a - b : b - a;
}

/** Sum of absolute differences of bytes; with @masked, a zero byte of b is left out. */
LANE uint32_t lane_sad_u8(uint32_t a, uint32_t b, bool masked)
{
    uint32_t sum = 0;

    for (unsigned i = 0; i < 32; i += 8) {
        uint32_t y = b >> i & 0xff;
        sum += masked && y == 0 ? 0 : lane_abs_difference(a >> i & 0xff, y);
    }
    return sum;
}

/** Four sums at byte offsets 0 to 3 of @a, added to the four halves of @c. */
LANE uint64_t lane_qsad(uint64_t a, uint32_t b, uint64_t c, bool masked)
{
    uint64_t r = 0;

    for (unsigned i = 0; i < 4; i++) {
        uint64_t sum = (c >> (16 * i) & 0xffff) + lane_sad_u8((uint32_t)(a >> (8 * i)), b, masked);
        r |= (sum > 0xffff ? 0xffff : sum) << (16 * i);
    }
    return r;
}

LANE uint32_t lane_lerp_u8(uint32_t a, uint32_t b, uint32_t c)
{
    uint32_t r = 0;

    for (unsigned i = 0; i < 32; i += 8)
        r |= ((a >> i & 0xff) + (b >> i & 0xff) + (c >> i & 1)) >> 1 << i;
    return r;
}

LANE uint32_t lane_cvt_pk_u8(float x, uint32_t byte, uint32_t old)
{
    unsigned shift = 8 * (byte & 3);

    return (old & ~(0xffu << shift)) | (uint32_t)lane_clamp_round(x, 0, 255) << shift;
}

LANE uint32_t lane_pack16(uint32_t low, uint32_t high)
{
    return (low & 0xffff) | high << 16;
}

/** To half precision, towards zero, whatever the mode (v_cvt_pkrtz). */
LANE uint16_t lane_to_f16_rtz(float x)
{
    uint32_t u = lane_u32(x), sign = u >> 16 & 0x8000, m = u & 0x7fffffff;
    uint32_t normal = (m - (112u << 23)) >> 13;
    uint32_t below = (uint32_t)((int32_t)(m - (113u << 23)) >> 31); /* all ones: a denormal result */
    uint32_t denormal = (uint32_t)(int32_t)(lane_f32(m & below) * 0x1p24f);
    uint32_t r = (denormal & below) | (normal & ~below);

    r = m >= (143u << 23) ? 0x7bff : r;
    r = m == 0x7f800000 ? 0x7c00 : r;
    r = m > 0x7f800000 ? 0x7e00 | (m >> 13 & 0x1ff) : r;
    return (uint16_t)(sign | r);
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
