// SPDX-License-Identifier: Apache-2.0
/*
 * Single and double precision. Addition, subtraction, multiplication, fma, division, square root
 * and reciprocal round exactly as asked. The approximations (rcp, sqrt, rsqrt, sin, cos, lg2, ex2,
 * tanh, div with .approx or .full) are as exact as the host's library, which is better than the
 * hardware's; their last bits differ from it.
 */
#include "number.h"
#include "warp.h"

/* Names: x, y, z operands. The common case rounds to nearest and has no modifier: no mode to set
 * and vectors of lanes. Everything else goes through the slow variant. */
#define SINGLE(name, EXPR)                                                                         \
    static void name##_f32(struct ptx_warp *w, const struct ptx_insn *in, uint32_t mask)           \
    {                                                                                              \
        uint32_t *d = ptx_u32(w, in->d);                                                           \
        const uint32_t *a = ptx_u32(w, in->a), *b = ptx_u32(w, in->b), *c = ptx_u32(w, in->c);     \
        PTX_EACH(mask, float x = ptx_as_f32(a[l]); float y = ptx_as_f32(b[l]);                     \
                 float z = ptx_as_f32(c[l]); (void)y; (void)z; float r = (EXPR);                   \
                 d[l] = ptx_f32_result(r););                                                       \
    }                                                                                              \
    static void name##_f32_any(struct ptx_warp *w, const struct ptx_insn *in, uint32_t mask)       \
    {                                                                                              \
        uint32_t *d = ptx_u32(w, in->d);                                                           \
        const uint32_t *a = ptx_u32(w, in->a), *b = ptx_u32(w, in->b), *c = ptx_u32(w, in->c);     \
        bool ftz = in->aux & PTX_FLOAT_FTZ;                                                        \
        fesetround(ptx_fe_round(in->aux &PTX_FLOAT_ROUND));                                        \
        for (uint32_t left = mask; left; left &= left - 1) {                                       \
            unsigned l = (unsigned)__builtin_ctz(left);                                            \
            volatile float x = ptx_as_f32(a[l]), y = ptx_as_f32(b[l]), z = ptx_as_f32(c[l]);       \
            volatile float r;                                                                      \
            (void)y;                                                                               \
            (void)z;                                                                               \
            if (ftz) {                                                                             \
                x = ptx_flush(x);                                                                  \
                y = ptx_flush(y);                                                                  \
                z = ptx_flush(z);                                                                  \
            }                                                                                      \
            r = (EXPR);                                                                            \
            if (ftz)                                                                               \
                r = ptx_flush(r);                                                                  \
            if (in->aux & PTX_FLOAT_SAT)                                                           \
                r = ptx_saturate(r);                                                               \
            d[l] = ptx_f32_result(r);                                                              \
        }                                                                                          \
        fesetround(FE_TONEAREST);                                                                  \
    }

#define DOUBLE(name, EXPR)                                                                         \
    static void name##_f64(struct ptx_warp *w, const struct ptx_insn *in, uint32_t mask)           \
    {                                                                                              \
        uint64_t *d = ptx_u64(w, in->d);                                                           \
        const uint64_t *a = ptx_u64(w, in->a), *b = ptx_u64(w, in->b), *c = ptx_u64(w, in->c);     \
        PTX_EACH(mask, double x = ptx_as_f64(a[l]); double y = ptx_as_f64(b[l]);                   \
                 double z = ptx_as_f64(c[l]); (void)y; (void)z; d[l] = ptx_f64_bits(EXPR););       \
    }                                                                                              \
    static void name##_f64_any(struct ptx_warp *w, const struct ptx_insn *in, uint32_t mask)       \
    {                                                                                              \
        uint64_t *d = ptx_u64(w, in->d);                                                           \
        const uint64_t *a = ptx_u64(w, in->a), *b = ptx_u64(w, in->b), *c = ptx_u64(w, in->c);     \
        fesetround(ptx_fe_round(in->aux &PTX_FLOAT_ROUND));                                        \
        for (uint32_t left = mask; left; left &= left - 1) {                                       \
            unsigned l = (unsigned)__builtin_ctz(left);                                            \
            volatile double x = ptx_as_f64(a[l]), y = ptx_as_f64(b[l]), z = ptx_as_f64(c[l]), r;   \
            (void)y;                                                                               \
            (void)z;                                                                               \
            r = (EXPR);                                                                            \
            d[l] = ptx_f64_bits(r);                                                                \
        }                                                                                          \
        fesetround(FE_TONEAREST);                                                                  \
    }

SINGLE(add, x + y)
SINGLE(sub, x - y)
SINGLE(mul, x *y)
SINGLE(fma, fmaf(x, y, z))
SINGLE(div, x / y)
SINGLE(rcp, 1.0f / x)
SINGLE(sqrt, sqrtf(x))
SINGLE(rsqrt, (float)(1.0 / sqrt((double)x)))
SINGLE(sin, sinf(x))
SINGLE(cos, cosf(x))
SINGLE(lg2, log2f(x))
SINGLE(ex2, exp2f(x))
SINGLE(tanh, tanhf(x))
DOUBLE(add, x + y)
DOUBLE(sub, x - y)
DOUBLE(mul, x *y)
DOUBLE(fma, fma(x, y, z))
DOUBLE(div, x / y)
DOUBLE(rcp, 1.0 / x)
DOUBLE(sqrt, sqrt(x))
DOUBLE(rsqrt, 1.0 / sqrt(x))

/* ---- minimum, maximum: -0 is less than +0; a NaN loses unless .NaN asks for it ---- */

#define LESS(x, y, bits_x) ((x) < (y) || ((x) == (y) && signbit(x)))
#define CHOOSE(name, T, first)                                                                     \
    static T name(T x, T y, bool nan)                                                              \
    {                                                                                              \
        if (x != x || y != y)                                                                      \
            return nan ? (T)NAN : x != x ? y : x;                                                  \
        return LESS(first ? x : y, first ? y : x, 0) ? x : y;                                      \
    }
CHOOSE(min_single, float, true)
CHOOSE(max_single, float, false)
CHOOSE(min_double, double, true)
CHOOSE(max_double, double, false)

#define CHOOSE_F32(name)                                                                           \
    static void name##_f32(struct ptx_warp *w, const struct ptx_insn *in, uint32_t mask)           \
    {                                                                                              \
        uint32_t *d = ptx_u32(w, in->d);                                                           \
        const uint32_t *a = ptx_u32(w, in->a), *b = ptx_u32(w, in->b);                             \
        bool ftz = in->aux & PTX_FLOAT_FTZ;                                                        \
        PTX_EACH(                                                                                  \
            mask, float x = ptx_as_f32(a[l]); float y = ptx_as_f32(b[l]); if (ftz) {               \
                x = ptx_flush(x);                                                                  \
                y = ptx_flush(y);                                                                  \
            } d[l] = ptx_f32_result(name##_single(x, y, in->aux & PTX_FLOAT_NAN)););               \
    }
#define CHOOSE_F64(name)                                                                           \
    static void name##_f64(struct ptx_warp *w, const struct ptx_insn *in, uint32_t mask)           \
    {                                                                                              \
        uint64_t *d = ptx_u64(w, in->d);                                                           \
        const uint64_t *a = ptx_u64(w, in->a), *b = ptx_u64(w, in->b);                             \
        PTX_EACH(mask,                                                                             \
                 d[l] = ptx_f64_bits(name##_double(ptx_as_f64(a[l]), ptx_as_f64(b[l]), false)););  \
    }
CHOOSE_F32(min)
CHOOSE_F32(max)
CHOOSE_F64(min)
CHOOSE_F64(max)

/* ---- sign and class ---- */

#define SIGN(name, type, S, EXPR)                                                                  \
    static void name##_##type(struct ptx_warp *w, const struct ptx_insn *in, uint32_t mask)        \
    {                                                                                              \
        S *d = ptx_at(w, in->d);                                                                   \
        const S *a = ptx_at(w, in->a), *b = ptx_at(w, in->b);                                      \
        PTX_EACH(mask, S x = a[l]; S y = b[l]; (void)y; d[l] = (EXPR););                           \
    }
#define FLUSHED(x) (in->aux & PTX_FLOAT_FTZ ? ptx_f32_bits(ptx_flush(ptx_as_f32(x))) : (x))
SIGN(abs, f32, uint32_t, FLUSHED(x) & 0x7fffffffu)
SIGN(neg, f32, uint32_t, FLUSHED(x) ^ 0x80000000u)
SIGN(abs, f64, uint64_t, x & ~(1ull << 63))
SIGN(neg, f64, uint64_t, x ^ 1ull << 63)
/* The sign of the first operand, the rest of the second. */
SIGN(copysign, f32, uint32_t, (x & 0x80000000u) | (y & 0x7fffffffu))
SIGN(copysign, f64, uint64_t, (x & 1ull << 63) | (y & ~(1ull << 63)))

/* aux: index of the test */
static bool test_class(int class, unsigned test)
{
    switch (test) {
    case 0:
        return class != FP_INFINITE && class != FP_NAN;
    case 1:
        return class == FP_INFINITE;
    case 2:
        return class != FP_NAN;
    case 3:
        return class == FP_NAN;
    case 4:
        return class == FP_NORMAL;
    default:
        return class == FP_SUBNORMAL || class == FP_ZERO;
    }
}
static void testp_f32(struct ptx_warp *w, const struct ptx_insn *in, uint32_t mask)
{
    const uint32_t *a = ptx_u32(w, in->a);
    uint32_t out = 0;

    PTX_EACH(mask, out |= (uint32_t)test_class(fpclassify(ptx_as_f32(a[l])), in->aux) << l;);
    ptx_set_pred(w, in->d, out, mask);
}
static void testp_f64(struct ptx_warp *w, const struct ptx_insn *in, uint32_t mask)
{
    const uint64_t *a = ptx_u64(w, in->a);
    uint32_t out = 0;

    PTX_EACH(mask, out |= (uint32_t)test_class(fpclassify(ptx_as_f64(a[l])), in->aux) << l;);
    ptx_set_pred(w, in->d, out, mask);
}

/* "!": with a modifier or a rounding other than to nearest. */
#define ROWS(name, cost)                                                                           \
    {#name ".f32", name##_f32, cost, PTX_PLAIN}, {#name ".f32!", name##_f32_any, cost, PTX_PLAIN},
#define ROWS64(name, cost)                                                                         \
    {#name ".f64", name##_f64, cost, PTX_PLAIN}, {#name ".f64!", name##_f64_any, cost, PTX_PLAIN},
#define ROW(name, type, cost)                                                                      \
    {#name "." #type, name##_##type, cost, PTX_PLAIN},                                             \
        {#name "." #type "!", name##_##type, cost, PTX_PLAIN},

const struct ptx_opcode ptx_ops_float[] = {
    /* clang-format off */
    ROWS(add, 4) ROWS(sub, 4) ROWS(mul, 4) ROWS(fma, 4) ROWS(div, 64) ROWS(rcp, 16) ROWS(sqrt, 32)
    ROWS(rsqrt, 16) ROWS(sin, 16) ROWS(cos, 16) ROWS(lg2, 16) ROWS(ex2, 16) ROWS(tanh, 16)
    ROWS64(add, 8) ROWS64(sub, 8) ROWS64(mul, 8) ROWS64(fma, 8) ROWS64(div, 128) ROWS64(rcp, 64)
    ROWS64(sqrt, 64) ROWS64(rsqrt, 64)
    ROW(min, f32, 4) ROW(max, f32, 4) ROW(min, f64, 8) ROW(max, f64, 8)
    ROW(abs, f32, 4) ROW(neg, f32, 4) ROW(abs, f64, 4) ROW(neg, f64, 4)
    ROW(copysign, f32, 4) ROW(copysign, f64, 4) ROW(testp, f32, 4) ROW(testp, f64, 4)
    /* clang-format on */
    {NULL},
};
