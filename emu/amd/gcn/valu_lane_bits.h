// SPDX-License-Identifier: Apache-2.0
/*
 * Vector ALU: integer and bit operations of one lane that are more than an expression.
 */
#pragma once

#include "valu_lane.h"

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
