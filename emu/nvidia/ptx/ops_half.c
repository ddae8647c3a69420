// SPDX-License-Identifier: Apache-2.0
/*
 * Half precision, one or two in a register. Computed in double, which holds sums and products of
 * halves exactly, and a fused product and sum as far as a half's rounding can tell.
 */
#include "number.h"
#include "warp.h"

typedef double half_op(double x, double y, double z);

static double op_add(double x, double y, double z)
{
    return x + y;
}
static double op_sub(double x, double y, double z)
{
    return x - y;
}
static double op_mul(double x, double y, double z)
{
    return x * y;
}
static double op_fma(double x, double y, double z)
{
    return fma(x, y, z);
}
static double op_ex2(double x, double y, double z)
{
    return exp2(x);
}
static double op_tanh(double x, double y, double z)
{
    return tanh(x);
}
static double op_min(double x, double y, double z)
{
    return x != x ? y : y != y ? x : x < y || (x == y && signbit(x)) ? x : y;
}
static double op_max(double x, double y, double z)
{
    return x != x ? y : y != y ? x : x > y || (x == y && !signbit(x)) ? x : y;
}

static double flush(double value)
{
    return value != 0.0 && fabs(value) < 0x1p-14 ? copysign(0.0, value) : value;
}

static uint32_t half_lane(half_op *op, const struct ptx_insn *in, uint32_t a, uint32_t b,
                          uint32_t c, bool bf16)
{
    double x = bf16 ? ptx_bf16_to_f32((uint16_t)a) : ptx_half_to_f32((uint16_t)a);
    double y = bf16 ? ptx_bf16_to_f32((uint16_t)b) : ptx_half_to_f32((uint16_t)b);
    double z = bf16 ? ptx_bf16_to_f32((uint16_t)c) : ptx_half_to_f32((uint16_t)c);
    double r;

    if (in->aux & PTX_FLOAT_FTZ) {
        x = flush(x);
        y = flush(y);
        z = flush(z);
    }
    if ((in->aux & PTX_FLOAT_NAN) && (x != x || y != y))
        return 0x7fff;
    r = op(x, y, z);
    if (in->aux & PTX_FLOAT_FTZ)
        r = flush(r);
    if (in->aux & PTX_FLOAT_SAT)
        r = r > 0 ? (r < 1 ? r : 1) : 0;
    if ((in->aux & PTX_FLOAT_RELU) && !(r > 0))
        r = r != r ? r : 0;
    return bf16 ? ptx_bf16_from(r, PTX_RN) : ptx_half_from(r, PTX_RN);
}

#define HALF(name)                                                                                 \
    static void name##_f16(struct ptx_warp *w, const struct ptx_insn *in, uint32_t mask)           \
    {                                                                                              \
        uint32_t *d = ptx_u32(w, in->d);                                                           \
        const uint32_t *a = ptx_u32(w, in->a), *b = ptx_u32(w, in->b), *c = ptx_u32(w, in->c);     \
        PTX_EACH(mask, d[l] = half_lane(op_##name, in, a[l], b[l], c[l], false););                 \
    }                                                                                              \
    static void name##_bf16(struct ptx_warp *w, const struct ptx_insn *in, uint32_t mask)          \
    {                                                                                              \
        uint32_t *d = ptx_u32(w, in->d);                                                           \
        const uint32_t *a = ptx_u32(w, in->a), *b = ptx_u32(w, in->b), *c = ptx_u32(w, in->c);     \
        PTX_EACH(mask, d[l] = half_lane(op_##name, in, a[l], b[l], c[l], true););                  \
    }                                                                                              \
    static void name##_f16x2(struct ptx_warp *w, const struct ptx_insn *in, uint32_t mask)         \
    {                                                                                              \
        uint32_t *d = ptx_u32(w, in->d);                                                           \
        const uint32_t *a = ptx_u32(w, in->a), *b = ptx_u32(w, in->b), *c = ptx_u32(w, in->c);     \
        PTX_EACH(mask, uint32_t low = half_lane(op_##name, in, a[l], b[l], c[l], false);           \
                 d[l] = low | half_lane(op_##name, in, a[l] >> 16, b[l] >> 16, c[l] >> 16, false)  \
                                  << 16;);                                                         \
    }                                                                                              \
    static void name##_bf16x2(struct ptx_warp *w, const struct ptx_insn *in, uint32_t mask)        \
    {                                                                                              \
        uint32_t *d = ptx_u32(w, in->d);                                                           \
        const uint32_t *a = ptx_u32(w, in->a), *b = ptx_u32(w, in->b), *c = ptx_u32(w, in->c);     \
        PTX_EACH(mask, uint32_t low = half_lane(op_##name, in, a[l], b[l], c[l], true);            \
                 d[l] = low | half_lane(op_##name, in, a[l] >> 16, b[l] >> 16, c[l] >> 16, true)   \
                                  << 16;);                                                         \
    }
HALF(add)
HALF(sub)
HALF(mul)
HALF(fma)
HALF(min)
HALF(max)
HALF(ex2)
HALF(tanh)

#define SIGN(name, type, EXPR)                                                                     \
    static void name##_##type(struct ptx_warp *w, const struct ptx_insn *in, uint32_t mask)        \
    {                                                                                              \
        uint32_t *d = ptx_u32(w, in->d);                                                           \
        const uint32_t *a = ptx_u32(w, in->a);                                                     \
        PTX_EACH(mask, d[l] = a[l] EXPR;);                                                         \
    }
SIGN(abs, f16, &0x7fff)
SIGN(neg, f16, ^0x8000)
SIGN(abs, f16x2, &0x7fff7fff)
SIGN(neg, f16x2, ^0x80008000)

#define ROW(name, type, cost)                                                                      \
    {#name "." #type, name##_##type, cost, PTX_PLAIN},                                             \
        {#name "." #type "!", name##_##type, cost, PTX_PLAIN},
#define ROWS(name, cost)                                                                           \
    ROW(name, f16, cost) ROW(name, f16x2, cost) ROW(name, bf16, cost) ROW(name, bf16x2, cost)

const struct ptx_opcode ptx_ops_half[] = {
    /* clang-format off */
    ROWS(add, 4) ROWS(sub, 4) ROWS(mul, 4) ROWS(fma, 4) ROWS(min, 4) ROWS(max, 4)
    ROWS(ex2, 16) ROWS(tanh, 16)
    ROW(abs, f16, 4) ROW(abs, f16x2, 4) ROW(neg, f16, 4) ROW(neg, f16x2, 4)
    {"abs.bf16", abs_f16, 4, PTX_PLAIN}, {"abs.bf16x2", abs_f16x2, 4, PTX_PLAIN},
    {"neg.bf16", neg_f16, 4, PTX_PLAIN}, {"neg.bf16x2", neg_f16x2, 4, PTX_PLAIN},
    /* clang-format on */
    {NULL},
};
