// SPDX-License-Identifier: Apache-2.0
/* The small formats and conversions to integers. See number.h. */
#include "number.h"

float ptx_half_to_f32(uint16_t half)
{
    uint32_t sign = (uint32_t)(half & 0x8000) << 16, exponent = half >> 10 & 31,
             fraction = half & 0x3ff;

    if (exponent == 31)
        return ptx_as_f32(sign | 0x7f800000u | fraction << 13);
    if (exponent == 0) {
        float magnitude = (float)fraction * 0x1p-24f;

        return sign ? -magnitude : magnitude;
    }
    return ptx_as_f32(sign | (exponent + 112) << 23 | fraction << 13);
}

/* Rounds the non-negative @value, an exact multiple of nothing, to an integer. */
static double round_magnitude(double value, unsigned round, bool negative)
{
    double down = floor(value), rest = value - down;

    switch (round) {
    case PTX_RZ:
        return down;
    case PTX_RM:
        return rest > 0 && negative ? down + 1 : down;
    case PTX_RP:
        return rest > 0 && !negative ? down + 1 : down;
    case PTX_RNA:
        return rest >= 0.5 ? down + 1 : down;
    default:
        return rest > 0.5 || (rest == 0.5 && fmod(down, 2.0) != 0.0) ? down + 1 : down;
    }
}

/* A format of 1 + exponent_bits + fraction_bits. */
static uint32_t narrow(double value, unsigned round, int exponent_bits, int fraction_bits)
{
    int bias = (1 << (exponent_bits - 1)) - 1;
    uint32_t sign = signbit(value) ? 1u << (exponent_bits + fraction_bits) : 0;
    uint32_t infinite = ((1u << exponent_bits) - 1) << fraction_bits;
    double magnitude = fabs(value), scaled;
    int exponent;

    if (value != value)
        return (1u << (exponent_bits + fraction_bits)) - 1; /* the canonical NaN */
    if (isinf(value))
        return sign | infinite;
    if (magnitude == 0.0)
        return sign;
    frexp(magnitude, &exponent); /* magnitude = m * 2^exponent, 0.5 <= m < 1 */
    exponent -= 1;
    if (exponent < 1 - bias)
        exponent = 1 - bias; /* subnormal */
    scaled = round_magnitude(ldexp(magnitude, fraction_bits - exponent), round, sign != 0);
    if (scaled >= ldexp(1.0, fraction_bits + 1)) {
        scaled /= 2;
        exponent++;
    }
    if (exponent > bias) {
        bool to_infinity = round == PTX_RN || round == PTX_RNA || (round == PTX_RP && !sign) ||
                           (round == PTX_RM && sign);

        return sign | (to_infinity ? infinite : infinite - 1);
    }
    if (scaled < ldexp(1.0, fraction_bits))
        return sign | (uint32_t)scaled;
    return sign | (uint32_t)(exponent + bias) << fraction_bits |
           ((uint32_t)scaled & ((1u << fraction_bits) - 1));
}

uint16_t ptx_half_from(double value, unsigned round)
{
    return (uint16_t)narrow(value, round, 5, 10);
}

uint16_t ptx_bf16_from(double value, unsigned round)
{
    return (uint16_t)narrow(value, round, 8, 7);
}

uint64_t ptx_float_to_int(double value, unsigned round, unsigned bits, bool is_signed)
{
    double whole, limit = ldexp(1.0, (int)bits - (is_signed ? 1 : 0));
    uint64_t top = bits == 64 ? UINT64_MAX : (1ull << bits) - 1;

    if (value != value) /* hardware: 0 for up to 32 bits, the least value for 64 */
        return bits == 64 ? 1ull << 63 : 0;
    whole = round_magnitude(fabs(value), round, signbit(value));
    if (signbit(value))
        whole = -whole;
    if (is_signed) {
        if (whole >= limit)
            return top >> 1;
        if (whole < -limit)
            return (top >> 1) + 1;
        return (uint64_t)(int64_t)whole & top;
    }
    if (whole < 0)
        return 0;
    return whole >= limit ? top : (uint64_t)whole & top;
}
