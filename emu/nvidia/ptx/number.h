// SPDX-License-Identifier: Apache-2.0
/*
 * Floating-point formats and roundings, lane by lane. Private to emu/nvidia/ptx/.
 *
 * The host's arithmetic is IEEE 754 as the device's; its rounding mode is set around what does not
 * round to nearest. NaNs that an operation makes are 0x7fffffff (single), 0x7fff (half) as the ISA
 * manual says, and a quiet NaN with the operand's payload for double.
 */
#pragma once

#include <fenv.h>
#include <math.h>
#include <stdbool.h>
#include <stdint.h>
#include <string.h>

enum ptx_round { PTX_RN, PTX_RZ, PTX_RM, PTX_RP, PTX_RNA };

/* aux of floating-point instructions */
enum {
    PTX_FLOAT_ROUND = 7,
    PTX_FLOAT_FTZ = 8,
    PTX_FLOAT_SAT = 16,
    PTX_FLOAT_NAN = 32,
    PTX_FLOAT_APPROX = 64,
    PTX_FLOAT_RELU = 128,
};

static inline int ptx_fe_round(unsigned round)
{
    static const int modes[] = {FE_TONEAREST, FE_TOWARDZERO, FE_DOWNWARD, FE_UPWARD, FE_TONEAREST};

    return modes[round <= PTX_RNA ? round : 0];
}

static inline float ptx_as_f32(uint32_t bits)
{
    float f;

    memcpy(&f, &bits, sizeof(f));
    return f;
}
static inline uint32_t ptx_f32_bits(float f)
{
    uint32_t bits;

    memcpy(&bits, &f, sizeof(bits));
    return bits;
}
static inline double ptx_as_f64(uint64_t bits)
{
    double f;

    memcpy(&f, &bits, sizeof(f));
    return f;
}
static inline uint64_t ptx_f64_bits(double f)
{
    uint64_t bits;

    memcpy(&bits, &f, sizeof(bits));
    return bits;
}

static inline float ptx_flush(float f)
{
    return fpclassify(f) == FP_SUBNORMAL ? copysignf(0.0f, f) : f;
}
static inline float ptx_saturate(float f)
{
    return f > 0.0f ? (f < 1.0f ? f : 1.0f) : 0.0f; /* NaN becomes 0 */
}
/** Bits of a single-precision result. */
static inline uint32_t ptx_f32_result(float f)
{
    return f != f ? 0x7fffffffu : ptx_f32_bits(f);
}

/* ---- number.c: the small formats ---- */
float ptx_half_to_f32(uint16_t half);
/** Rounds a double to half precision, as @round says. */
uint16_t ptx_half_from(double value, unsigned round);
static inline float ptx_bf16_to_f32(uint16_t bits)
{
    return ptx_as_f32((uint32_t)bits << 16);
}
uint16_t ptx_bf16_from(double value, unsigned round);
/** To an integer of @bits bits, saturating, NaN to 0 (or the type's convention; see the manual). */
uint64_t ptx_float_to_int(double value, unsigned round, unsigned bits, bool is_signed);
