// SPDX-License-Identifier: Apache-2.0
/*
 * Integer arithmetic. Division by zero has no defined result in PTX; here a quotient is all ones
 * and a remainder the dividend, as on hardware.
 */
#include "warp.h"

typedef __int128 i128;
typedef unsigned __int128 u128;

/* SIGNED name, type as stored, type computed with, unsigned type of the same width. */
#define TYPES16(X) X(u16, uint32_t, uint16_t, uint16_t) X(s16, uint32_t, int16_t, uint16_t)
#define TYPES32(X) X(u32, uint32_t, uint32_t, uint32_t) X(s32, uint32_t, int32_t, uint32_t)
#define TYPES64(X) X(u64, uint64_t, uint64_t, uint64_t) X(s64, uint64_t, int64_t, uint64_t)
#define TYPES(X)   TYPES16(X) TYPES32(X) TYPES64(X)

/* In EXPR: x, y, z the operands, T and U the types. */
#define OPERATION(name, type, S, T_, U_, EXPR)                                                     \
    static void name##_##type(struct ptx_warp *w, const struct ptx_insn *in, uint32_t mask)        \
    {                                                                                              \
        typedef T_ T;                                                                              \
        typedef U_ U;                                                                              \
        S *d = ptx_at(w, in->d);                                                                   \
        const S *a = ptx_at(w, in->a), *b = ptx_at(w, in->b), *c = ptx_at(w, in->c);               \
        PTX_EACH(mask, T x = (T)a[l]; T y = (T)b[l]; T z = (T)c[l]; (void)x; (void)y; (void)z;     \
                 d[l] = (S)(U)(EXPR););                                                            \
    }

#define ADD(t, S, T, U) OPERATION(add, t, S, T, U, (U)((U)x + (U)y))
#define SUB(t, S, T, U) OPERATION(sub, t, S, T, U, (U)((U)x - (U)y))
#define MUL(t, S, T, U) OPERATION(mul_lo, t, S, T, U, 1u * (U)x * (U)y)
#define MAD(t, S, T, U) OPERATION(mad_lo, t, S, T, U, 1u * (U)x * (U)y + (U)z)
#define MIN(t, S, T, U) OPERATION(min, t, S, T, U, x < y ? x : y)
#define MAX(t, S, T, U) OPERATION(max, t, S, T, U, x > y ? x : y)
#define DIV(t, S, T, U)                                                                            \
    OPERATION(div, t, S, T, U,                                                                     \
              y == 0                    ? (U)-1                                                    \
              : (T)-1 < 0 && y == (T)-1 ? (U)(0u - (U)x)                                           \
                                        : (U)(x / y))
#define REM(t, S, T, U)                                                                            \
    OPERATION(rem, t, S, T, U, y == 0 ? (U)x : (T)-1 < 0 && y == (T)-1 ? (U)0 : (U)(x % y))
#define SAD(t, S, T, U) OPERATION(sad, t, S, T, U, (U)z + (x > y ? (U)x - (U)y : (U)y - (U)x))
#define ABS(t, S, T, U) OPERATION(abs, t, S, T, U, x < 0 ? 0u - (U)x : (U)x)
#define NEG(t, S, T, U) OPERATION(neg, t, S, T, U, 0u - (U)x)

TYPES(ADD)
TYPES(SUB)
TYPES(MUL)
TYPES(MAD)
TYPES(MIN)
TYPES(MAX)
TYPES(DIV)
TYPES(REM)
TYPES(SAD)
ABS(s16, uint32_t, int16_t, uint16_t)
ABS(s32, uint32_t, int32_t, uint32_t)
ABS(s64, uint64_t, int64_t, uint64_t)
NEG(s16, uint32_t, int16_t, uint16_t)
NEG(s32, uint32_t, int32_t, uint32_t)
NEG(s64, uint64_t, int64_t, uint64_t)

/* The upper half of a product of twice the width. */
#define HIGH(t, S, T, U, WIDE, BITS)                                                               \
    OPERATION(mul_hi, t, S, T, U, (WIDE)x *(WIDE)y >> BITS)                                        \
    OPERATION(mad_hi, t, S, T, U, (U)((WIDE)x * (WIDE)y >> BITS) + (U)z)
HIGH(u16, uint32_t, uint16_t, uint16_t, uint32_t, 16)
HIGH(s16, uint32_t, int16_t, uint16_t, int32_t, 16)
HIGH(u32, uint32_t, uint32_t, uint32_t, uint64_t, 32)
HIGH(s32, uint32_t, int32_t, uint32_t, int64_t, 32)
HIGH(u64, uint64_t, uint64_t, uint64_t, u128, 64)
HIGH(s64, uint64_t, int64_t, uint64_t, i128, 64)

OPERATION(mul24_lo, u32, uint32_t, uint32_t, uint32_t, (x & 0xffffff) * (y & 0xffffff))
OPERATION(mul24_lo, s32, uint32_t, int32_t, uint32_t,
          (uint32_t)((int64_t)((int32_t)((U)x << 8) >> 8) * ((int32_t)((U)y << 8) >> 8)))
OPERATION(mad24_lo, u32, uint32_t, uint32_t, uint32_t, (x & 0xffffff) * (y & 0xffffff) + z)
OPERATION(mad24_lo, s32, uint32_t, int32_t, uint32_t,
          (uint32_t)((int64_t)((int32_t)((U)x << 8) >> 8) * ((int32_t)((U)y << 8) >> 8)) + (U)z)
OPERATION(mul24_hi, u32, uint32_t, uint32_t, uint32_t,
          (uint64_t)(x & 0xffffff) * (y & 0xffffff) >> 16)
OPERATION(mul24_hi, s32, uint32_t, int32_t, uint32_t,
          (int64_t)((int32_t)((U)x << 8) >> 8) * ((int32_t)((U)y << 8) >> 8) >> 16)

/* Saturating, 32 bits signed only. */
#define SATURATE(v) ((v) > INT32_MAX ? INT32_MAX : (v) < INT32_MIN ? INT32_MIN : (v))
OPERATION(add_sat, s32, uint32_t, int32_t, uint32_t, SATURATE((int64_t)x + y))
OPERATION(sub_sat, s32, uint32_t, int32_t, uint32_t, SATURATE((int64_t)x - y))
OPERATION(mad_hi_sat, s32, uint32_t, int32_t, uint32_t, SATURATE(((int64_t)x * y >> 32) + z))

/* Products of twice the operands' width. */
#define WIDE(name, type, S, T, D, EXPR)                                                            \
    static void name##_##type(struct ptx_warp *w, const struct ptx_insn *in, uint32_t mask)        \
    {                                                                                              \
        D *d = ptx_at(w, in->d);                                                                   \
        const S *a = ptx_at(w, in->a), *b = ptx_at(w, in->b);                                      \
        const D *c = ptx_at(w, in->c);                                                             \
        PTX_EACH(mask, T x = (T)a[l]; T y = (T)b[l]; D z = c[l]; (void)z; d[l] = (D)(EXPR););      \
    }
WIDE(mul_wide, u16, uint32_t, uint16_t, uint32_t, (uint32_t)x *y)
WIDE(mul_wide, s16, uint32_t, int16_t, uint32_t, (int32_t)x *y)
WIDE(mul_wide, u32, uint32_t, uint32_t, uint64_t, (uint64_t)x *y)
WIDE(mul_wide, s32, uint32_t, int32_t, uint64_t, (int64_t)x *y)
WIDE(mad_wide, u16, uint32_t, uint16_t, uint32_t, (uint32_t)x *y + z)
WIDE(mad_wide, s16, uint32_t, int16_t, uint32_t, (uint32_t)((int32_t)x *y) + z)
WIDE(mad_wide, u32, uint32_t, uint32_t, uint64_t, (uint64_t)x *y + z)
WIDE(mad_wide, s32, uint32_t, int32_t, uint64_t, (uint64_t)((int64_t)x *y) + z)

/* ---- with carry: aux bit 0: reads it, bit 1: writes it ---- */

#define CARRY(name, type, S, W, EXPR, OUT)                                                         \
    static void name##_##type(struct ptx_warp *w, const struct ptx_insn *in, uint32_t mask)        \
    {                                                                                              \
        S *d = ptx_at(w, in->d);                                                                   \
        const S *a = ptx_at(w, in->a), *b = ptx_at(w, in->b), *c = ptx_at(w, in->c);               \
        uint32_t before = in->aux & 1 ? w->carry : 0, after = 0;                                   \
        for (uint32_t left = mask; left; left &= left - 1) {                                       \
            unsigned l = (unsigned)__builtin_ctz(left);                                            \
            W x = a[l], y = b[l], z = c[l], k = before >> l & 1, r;                                \
            (void)z;                                                                               \
            r = (EXPR);                                                                            \
            d[l] = (S)r;                                                                           \
            after |= (uint32_t)(OUT) << l;                                                         \
        }                                                                                          \
        if (in->aux & 2)                                                                           \
            w->carry = (w->carry & ~mask) | after;                                                 \
    }
/* A subtraction's condition code is its borrow. */
CARRY(addc, u32, uint32_t, uint64_t, x + y + k, r >> 32 & 1)
CARRY(subc, u32, uint32_t, uint64_t, x - y - k, r >> 32 & 1)
CARRY(addc, u64, uint64_t, u128, x + y + k, r >> 64 & 1)
CARRY(subc, u64, uint64_t, u128, x - y - k, r >> 64 & 1)
CARRY(madc_lo, u32, uint32_t, uint64_t, (uint32_t)(x *y) + z + k, r >> 32 & 1)
CARRY(madc_lo, u64, uint64_t, u128, (uint64_t)(x *y) + z + k, r >> 64 & 1)
CARRY(madc_hi, u32, uint32_t, uint64_t, (x * y >> 32) + z + k, r >> 32 & 1)
CARRY(madc_hi, u64, uint64_t, u128, (x * y >> 64) + z + k, r >> 64 & 1)
CARRY(madc_hi, s32, uint32_t, uint64_t, (uint32_t)((int64_t)(int32_t)x *(int32_t)y >> 32) + z + k,
      r >> 32 & 1)
CARRY(madc_hi, s64, uint64_t, u128, (uint64_t)((i128)(int64_t)x *(int64_t)y >> 64) + z + k,
      r >> 64 & 1)

/* ---- dot products of bytes: aux bit 0: a is signed, bit 1: b is ---- */

static int32_t byte_of(uint32_t word, unsigned i, bool is_signed)
{
    uint32_t byte = word >> 8 * i & 0xff;

    return is_signed ? (int8_t)byte : (int32_t)byte;
}

static void dp4a(struct ptx_warp *w, const struct ptx_insn *in, uint32_t mask)
{
    uint32_t *d = ptx_u32(w, in->d);
    const uint32_t *a = ptx_u32(w, in->a), *b = ptx_u32(w, in->b), *c = ptx_u32(w, in->c);

    PTX_EACH(mask, uint32_t sum = c[l];
             for (unsigned i = 0; i < 4; i++) sum +=
             (uint32_t)(byte_of(a[l], i, in->aux & 1) * byte_of(b[l], i, in->aux >> 1 & 1));
             d[l] = sum;);
}

/* aux bit 2: the upper two bytes of b. */
static void dp2a(struct ptx_warp *w, const struct ptx_insn *in, uint32_t mask)
{
    uint32_t *d = ptx_u32(w, in->d);
    const uint32_t *a = ptx_u32(w, in->a), *b = ptx_u32(w, in->b), *c = ptx_u32(w, in->c);
    unsigned first = in->aux >> 2 & 1 ? 2 : 0;

    PTX_EACH(
        mask, uint32_t sum = c[l]; for (unsigned i = 0; i < 2; i++) {
            uint32_t half = a[l] >> 16 * i & 0xffff;
            int32_t x = in->aux & 1 ? (int16_t)half : (int32_t)half;
            sum += (uint32_t)(x * byte_of(b[l], first + i, in->aux >> 1 & 1));
        } d[l] = sum;);
}

#define ROW(name, text, type, cost) {text "." #type, name##_##type, cost, PTX_PLAIN},
#define ROWS(name, text, cost)                                                                     \
    ROW(name, text, u16, cost)                                                                     \
    ROW(name, text, s16, cost)                                                                     \
    ROW(name, text, u32, cost)                                                                     \
    ROW(name, text, s32, cost)                                                                     \
    ROW(name, text, u64, cost)                                                                     \
    ROW(name, text, s64, cost)
#define ROWS_SIGNED(name, text, cost)                                                              \
    ROW(name, text, s16, cost)                                                                     \
    ROW(name, text, s32, cost)                                                                     \
    ROW(name, text, s64, cost)
#define ROWS_WIDE(name, text, cost)                                                                \
    ROW(name, text, u16, cost)                                                                     \
    ROW(name, text, s16, cost)                                                                     \
    ROW(name, text, u32, cost)                                                                     \
    ROW(name, text, s32, cost)

const struct ptx_opcode ptx_ops_int[] = {
    /* clang-format off */
    ROWS(add, "add", 4) ROWS(sub, "sub", 4) ROWS(mul_lo, "mul.lo", 4) ROWS(mad_lo, "mad.lo", 4)
    ROWS(mul_hi, "mul.hi", 8) ROWS(mad_hi, "mad.hi", 8) ROWS(min, "min", 4) ROWS(max, "max", 4)
    ROWS(div, "div", 64) ROWS(rem, "rem", 64) ROWS(sad, "sad", 4)
    ROWS_SIGNED(abs, "abs", 4) ROWS_SIGNED(neg, "neg", 4)
    ROWS_WIDE(mul_wide, "mul.wide", 4) ROWS_WIDE(mad_wide, "mad.wide", 4)
    ROW(mul24_lo, "mul24.lo", u32, 4) ROW(mul24_lo, "mul24.lo", s32, 4)
    ROW(mul24_hi, "mul24.hi", u32, 4) ROW(mul24_hi, "mul24.hi", s32, 4)
    ROW(mad24_lo, "mad24.lo", u32, 4) ROW(mad24_lo, "mad24.lo", s32, 4)
    ROW(add_sat, "add.sat", s32, 4) ROW(sub_sat, "sub.sat", s32, 4)
    ROW(mad_hi_sat, "mad.hi.sat", s32, 8)
    ROW(addc, "addc", u32, 4) ROW(addc, "addc", u64, 8)
    ROW(subc, "subc", u32, 4) ROW(subc, "subc", u64, 8)
    ROW(madc_lo, "madc.lo", u32, 4) ROW(madc_lo, "madc.lo", u64, 8)
    ROW(madc_hi, "madc.hi", u32, 8) ROW(madc_hi, "madc.hi", u64, 16)
    ROW(madc_hi, "madc.hi", s32, 8) ROW(madc_hi, "madc.hi", s64, 16)
    {"dp4a", dp4a, 4, PTX_PLAIN}, {"dp2a", dp2a, 4, PTX_PLAIN},
    /* clang-format on */
    {NULL},
};
