// SPDX-License-Identifier: Apache-2.0
/* Texel formats. See texel.h. */
#include "texel.h"

#include <math.h>
#include <string.h>

enum { UNORM, SNORM, USCALED, SSCALED, UINT, SINT, FLOAT = 7 };
enum { HALF = 16, HALF_MANTISSA = 10 };

/* By data format: bits of the components. */
static const uint8_t layouts[15][4] = {
    [1] = {8},
    [2] = {16},
    [3] = {8, 8},
    [4] = {32},
    [5] = {16, 16},
    [6] = {11, 11, 10},
    [7] = {10, 11, 11},
    [8] = {2, 10, 10, 10},
    [9] = {10, 10, 10, 2},
    [10] = {8, 8, 8, 8},
    [11] = {32, 32},
    [12] = {16, 16, 16, 16},
    [13] = {32, 32, 32},
    [14] = {32, 32, 32, 32},
};

static bool component_exists(unsigned bits, unsigned number, bool three)
{
    if (number == FLOAT)
        return bits == 32 || bits == 16 || (three && bits >= 10);
    return number <= SINT && (bits < 32 || number >= UINT);
}

bool gcn_texel_find(unsigned data, unsigned number, struct gcn_texel *format)
{
    unsigned bits = 0;

    if (data >= sizeof(layouts) / sizeof(layouts[0]) || !layouts[data][0])
        return false;
    *format = (struct gcn_texel){.number = (uint8_t)number};
    memcpy(format->bits, layouts[data], sizeof(format->bits));
    while (format->components < 4 && format->bits[format->components]) {
        if (!component_exists(format->bits[format->components], number, data == 6 || data == 7))
            return false;
        bits += format->bits[format->components++];
    }
    format->bytes = (uint8_t)(bits / 8);
    return true;
}

bool gcn_texel_is_integer(const struct gcn_texel *format)
{
    return format->number == UINT || format->number == SINT;
}

/* ---- bits ---- */

/* No component crosses a dword. */
static unsigned position(const struct gcn_texel *format, unsigned component)
{
    unsigned at = 0;

    for (unsigned i = 0; i < component; i++)
        at += format->bits[i];
    return at;
}

static uint32_t mask(unsigned bits)
{
    return bits == 32 ? UINT32_MAX : (1u << bits) - 1;
}

static int32_t extend(uint32_t value, unsigned bits)
{
    return (int32_t)(value << (32 - bits)) >> (32 - bits);
}

/* ---- numbers ---- */

static uint32_t float_bits(float f)
{
    uint32_t bits;

    memcpy(&bits, &f, sizeof(bits));
    return bits;
}

static float float_of(uint32_t bits)
{
    float f;

    memcpy(&f, &bits, sizeof(f));
    return f;
}

/* The single-precision float of one with 5 bits of exponent, @mantissa bits, and a sign if it is a
 * half. Exact. */
static uint32_t widen(uint32_t v, unsigned mantissa)
{
    uint32_t sign = mantissa == HALF_MANTISSA ? (v >> 15 & 1) << 31 : 0;
    uint32_t exponent = v >> mantissa & 31, fraction = v & mask(mantissa);

    if (exponent == 31)
        return sign | 0x7f800000 | fraction << (23 - mantissa);
    if (exponent == 0)
        return sign | float_bits(ldexpf((float)fraction, -14 - (int)mantissa));
    return sign | (exponent + 112) << 23 | fraction << (23 - mantissa);
}

/* To nearest even. */
static uint32_t half_of(double value)
{
    uint32_t sign = signbit(value) ? 0x8000 : 0;
    double size = fabs(value);
    int exponent;

    if (isnan(value))
        return sign | 0x7e00;
    if (size < 0x1p-14)
        return sign | (uint32_t)rint(size * 0x1p24);
    if (size >= 65520) /* halfway to what would be the next half, and beyond */
        return sign | 0x7c00;
    exponent = ilogb(size);
    /* A carry out of the fraction goes to the exponent, as it should. */
    return sign | (((uint32_t)(exponent + 14) << 10) + (uint32_t)rint(ldexp(size, 10 - exponent)));
}

/* ---- loads ---- */

static double real_of(const struct gcn_texel *format, uint32_t raw, unsigned bits)
{
    double value;

    switch (format->number) {
    case UNORM:
        return raw / (double)mask(bits);
    case SNORM:
        value = extend(raw, bits) / (double)mask(bits - 1);
        return value < -1 ? -1 : value;
    case USCALED:
        return raw;
    case SSCALED:
        return extend(raw, bits);
    default:
        return bits == 32 ? float_of(raw)
                          : float_of(widen(raw, bits == HALF ? HALF_MANTISSA : bits - 5));
    }
}

uint32_t gcn_texel_get(const struct gcn_texel *format, unsigned component, const uint32_t texel[4],
                       bool half)
{
    unsigned at = position(format, component), bits = format->bits[component];
    uint32_t raw = texel[at / 32] >> at % 32 & mask(bits);

    if (format->number == UINT)
        return half ? raw & 0xffff : raw;
    if (format->number == SINT)
        return (uint32_t)extend(raw, bits) & (half ? 0xffff : UINT32_MAX);
    if (format->number == FLOAT && bits == (half ? 16 : 32)) /* NaNs as they are */
        return raw;
    if (format->number == FLOAT && !half)
        return widen(raw, bits == HALF ? HALF_MANTISSA : bits - 5);
    return half ? half_of(real_of(format, raw, bits))
                : float_bits((float)real_of(format, raw, bits));
}

/* ---- stores ---- */

static bool put_integer(const struct gcn_texel *format, uint32_t value, bool half, unsigned bits,
                        uint32_t *raw)
{
    if (half)
        value = format->number == SINT ? (uint32_t)extend(value, 16) : value & 0xffff;
    *raw = value & mask(bits);
    return format->number == UINT ? value == *raw : (int32_t)value == extend(*raw, bits);
}

static bool put_real(const struct gcn_texel *format, uint32_t value, bool half, unsigned bits,
                     uint32_t *raw)
{
    double real = float_of(half ? widen(value, HALF_MANTISSA) : value), low, most;

    switch (format->number) {
    case UNORM:
    case SNORM:
        low = format->number == SNORM ? -1 : 0;
        most = mask(format->number == SNORM ? bits - 1 : bits);
        real = isnan(real) ? 0 : real < low ? low : real > 1 ? 1 : real;
        *raw = (uint32_t)(int32_t)rint(real * most) & mask(bits);
        return true;
    case FLOAT:
        if (bits == (half ? 16 : 32))
            *raw = value & mask(bits);
        else
            *raw = bits == 32 ? widen(value, HALF_MANTISSA) : half_of(real);
        return bits >= 16;
    default:
        return false;
    }
}

bool gcn_texel_put(const struct gcn_texel *format, const uint32_t values[4], bool half,
                   uint32_t texel[4])
{
    memset(texel, 0, 4 * sizeof(*texel));
    for (unsigned n = 0; n < format->components; n++) {
        unsigned at = position(format, n), bits = format->bits[n];
        uint32_t raw;
        bool ok = gcn_texel_is_integer(format) ? put_integer(format, values[n], half, bits, &raw)
                                               : put_real(format, values[n], half, bits, &raw);

        if (!ok)
            return false;
        texel[at / 32] |= raw << at % 32;
    }
    return true;
}
