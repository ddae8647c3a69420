// SPDX-License-Identifier: Apache-2.0
/* Logic, shifts and bit fields. */
#include "warp.h"

#define OPERATION(name, type, S, EXPR)                                                             \
    static void name##_##type(struct ptx_warp *w, const struct ptx_insn *in, uint32_t mask)        \
    {                                                                                              \
        S *d = ptx_at(w, in->d);                                                                   \
        const S *a = ptx_at(w, in->a), *b = ptx_at(w, in->b);                                      \
        PTX_EACH(mask, S x = a[l]; S y = b[l]; (void)y; d[l] = (S)(EXPR););                        \
    }

OPERATION(and, b32, uint32_t, x &y)
OPERATION(and, b64, uint64_t, x &y)
OPERATION(or, b32, uint32_t, x | y)
OPERATION(or, b64, uint64_t, x | y)
OPERATION(xor, b32, uint32_t, x ^ y)
OPERATION(xor, b64, uint64_t, x ^ y)
OPERATION(not, b16, uint32_t, ~x & 0xffff)
OPERATION(not, b32, uint32_t, ~x)
OPERATION(not, b64, uint64_t, ~x)
OPERATION(cnot, b16, uint32_t, x == 0)
OPERATION(cnot, b32, uint32_t, x == 0)
OPERATION(cnot, b64, uint64_t, x == 0)

/* Predicates: all lanes at once. */
#define PREDICATE(name, EXPR)                                                                      \
    static void name##_pred(struct ptx_warp *w, const struct ptx_insn *in, uint32_t mask)          \
    {                                                                                              \
        uint32_t x = ptx_pred(w, in->a), y = ptx_pred(w, in->b);                                   \
        (void)y;                                                                                   \
        ptx_set_pred(w, in->d, EXPR, mask);                                                        \
    }
PREDICATE(and, x &y)
PREDICATE(or, x | y)
PREDICATE(xor, x ^ y)
PREDICATE(not, ~x)
PREDICATE(mov, x)

/* Shifts: the amount is 32 bits wide whatever the type; beyond the width nothing (or the sign) is
 * left. */
#define SHIFT(name, type, S, T, BITS, IN, OUT)                                                     \
    static void name##_##type(struct ptx_warp *w, const struct ptx_insn *in, uint32_t mask)        \
    {                                                                                              \
        S *d = ptx_at(w, in->d);                                                                   \
        const S *a = ptx_at(w, in->a);                                                             \
        const uint32_t *b = ptx_u32(w, in->b);                                                     \
        PTX_EACH(mask, T x = (T)a[l]; uint32_t n = b[l]; d[l] = (S)(n < BITS ? (IN) : (OUT)););    \
    }
SHIFT(shl, b16, uint32_t, uint16_t, 16, (uint16_t)(x << n), 0)
SHIFT(shl, b32, uint32_t, uint32_t, 32, x << n, 0)
SHIFT(shl, b64, uint64_t, uint64_t, 64, x << n, 0)
SHIFT(shr, u16, uint32_t, uint16_t, 16, (uint16_t)(x >> n), 0)
SHIFT(shr, u32, uint32_t, uint32_t, 32, x >> n, 0)
SHIFT(shr, u64, uint64_t, uint64_t, 64, x >> n, 0)
SHIFT(shr, s16, uint32_t, int16_t, 16, (uint16_t)(x >> n), x < 0 ? 0xffff : 0)
SHIFT(shr, s32, uint32_t, int32_t, 32, x >> n, x < 0 ? -1 : 0)
SHIFT(shr, s64, uint64_t, int64_t, 64, x >> n, x < 0 ? -1 : 0)

/* Funnel shift of b:a; aux bit 0: to the right, bit 1: amounts above 32 count as 32 (else modulo).
 */
static void shf(struct ptx_warp *w, const struct ptx_insn *in, uint32_t mask)
{
    uint32_t *d = ptx_u32(w, in->d);
    const uint32_t *a = ptx_u32(w, in->a), *b = ptx_u32(w, in->b), *c = ptx_u32(w, in->c);

    PTX_EACH(mask, uint64_t both = (uint64_t)b[l] << 32 | a[l];
             uint32_t n = in->aux & 2 ? (c[l] > 32 ? 32 : c[l]) : c[l] & 31;
             d[l] = (uint32_t)(in->aux & 1 ? both >> n : both << n >> 32););
}

#define COUNT(name, type, S, EXPR)                                                                 \
    static void name##_##type(struct ptx_warp *w, const struct ptx_insn *in, uint32_t mask)        \
    {                                                                                              \
        uint32_t *d = ptx_u32(w, in->d);                                                           \
        const S *a = ptx_at(w, in->a);                                                             \
        PTX_EACH(mask, S x = a[l]; d[l] = (uint32_t)(EXPR););                                      \
    }
COUNT(popc, b32, uint32_t, __builtin_popcount(x))
COUNT(popc, b64, uint64_t, __builtin_popcountll(x))
COUNT(clz, b32, uint32_t, x ? __builtin_clz(x) : 32)
COUNT(clz, b64, uint64_t, x ? __builtin_clzll(x) : 64)
/* Position of the highest bit that differs from the sign, all ones if none does. */
COUNT(bfind, u32, uint32_t, x ? 31 - __builtin_clz(x) : -1)
COUNT(bfind, u64, uint64_t, x ? 63 - __builtin_clzll(x) : -1)
COUNT(bfind, s32, uint32_t, (x = x ^ (uint32_t) - (int32_t)(x >> 31)) ? 31 - __builtin_clz(x) : -1)
COUNT(bfind, s64, uint64_t,
      (x = x ^ (uint64_t) - (int64_t)(x >> 63)) ? 63 - __builtin_clzll(x) : -1)
/* .shiftamt: by how much to shift it to the top. */
COUNT(bfind_shift, u32, uint32_t, x ? __builtin_clz(x) : -1)
COUNT(bfind_shift, u64, uint64_t, x ? __builtin_clzll(x) : -1)
COUNT(bfind_shift, s32, uint32_t, (x = x ^ (uint32_t) - (int32_t)(x >> 31)) ? __builtin_clz(x) : -1)
COUNT(bfind_shift, s64, uint64_t,
      (x = x ^ (uint64_t) - (int64_t)(x >> 63)) ? __builtin_clzll(x) : -1)

static uint64_t reverse(uint64_t x, unsigned bits)
{
    uint64_t out = 0;

    for (unsigned i = 0; i < bits; i++)
        out |= (x >> i & 1) << (bits - 1 - i);
    return out;
}
OPERATION(brev, b32, uint32_t, reverse(x, 32))
OPERATION(brev, b64, uint64_t, reverse(x, 64))

/* The field of @len bits at @pos; a signed one is filled up with its top bit, which is the value's
 * own if the field reaches beyond it. */
static uint64_t extract(uint64_t x, unsigned bits, bool is_signed, uint32_t pos, uint32_t len)
{
    uint64_t sign, field = 0;
    unsigned top;

    pos &= 0xff;
    len &= 0xff;
    if (!is_signed || len == 0) {
        sign = 0;
    } else {
        top = pos + len - 1 < bits - 1 ? pos + len - 1 : bits - 1;
        sign = x >> top & 1;
    }
    for (unsigned i = 0; i < bits; i++)
        field |= (i < len && pos + i < bits ? x >> (pos + i) & 1 : sign) << i;
    return field;
}

static uint64_t insert(uint64_t a, uint64_t b, unsigned bits, uint32_t pos, uint32_t len)
{
    pos &= 0xff;
    len &= 0xff;
    for (unsigned i = 0; i < len && pos + i < bits; i++)
        b = (b & ~(1ull << (pos + i))) | (a >> i & 1) << (pos + i);
    return b;
}

#define EXTRACT(type, S, BITS, SIGNED)                                                             \
    static void bfe_##type(struct ptx_warp *w, const struct ptx_insn *in, uint32_t mask)           \
    {                                                                                              \
        S *d = ptx_at(w, in->d);                                                                   \
        const S *a = ptx_at(w, in->a);                                                             \
        const uint32_t *b = ptx_u32(w, in->b), *c = ptx_u32(w, in->c);                             \
        PTX_EACH(mask, d[l] = (S)extract(a[l], BITS, SIGNED, b[l], c[l]););                        \
    }
EXTRACT(u32, uint32_t, 32, false)
EXTRACT(s32, uint32_t, 32, true)
EXTRACT(u64, uint64_t, 64, false)
EXTRACT(s64, uint64_t, 64, true)

/* The fourth operand is in imm as a place. */
#define INSERT(type, S, BITS)                                                                      \
    static void bfi_##type(struct ptx_warp *w, const struct ptx_insn *in, uint32_t mask)           \
    {                                                                                              \
        S *d = ptx_at(w, in->d);                                                                   \
        const S *a = ptx_at(w, in->a), *b = ptx_at(w, in->b);                                      \
        const uint32_t *c = ptx_u32(w, in->c), *e = ptx_u32(w, (uint32_t)in->imm);                 \
        PTX_EACH(mask, d[l] = (S)insert(a[l], b[l], BITS, c[l], e[l]););                           \
    }
INSERT(b32, uint32_t, 32)
INSERT(b64, uint64_t, 64)

/* aux: the table of the function of three bits. */
static void lop3(struct ptx_warp *w, const struct ptx_insn *in, uint32_t mask)
{
    uint32_t *d = ptx_u32(w, in->d);
    const uint32_t *a = ptx_u32(w, in->a), *b = ptx_u32(w, in->b), *c = ptx_u32(w, in->c);

    PTX_EACH(mask, uint32_t x = a[l]; uint32_t y = b[l]; uint32_t z = c[l]; uint32_t r = 0;
             for (unsigned i = 0; i < 8; i++) if (in->aux >> i & 1) r |=
             (i & 4 ? x : ~x) & (i & 2 ? y : ~y) & (i & 1 ? z : ~z);
             d[l] = r;);
}

static uint32_t byte_at(uint64_t both, uint32_t selector)
{
    uint32_t byte = (uint32_t)(both >> 8 * (selector & 7)) & 0xff;

    return selector & 8 ? (byte & 0x80 ? 0xff : 0) : byte;
}

/* aux: mode. 0 is the default one, with a selector a byte. */
static uint32_t permute(uint64_t both, uint32_t selector, unsigned mode)
{
    static const uint8_t table[7][4] = {
        /* f4e, b4e, rc8, ecl, ecr, rc16 as the manual's tables give them for selector 0 */
        {0}, {0, 1, 2, 3}, {0, 7, 6, 5}, {0, 0, 0, 0}, {0, 1, 2, 3}, {0, 0, 0, 0}, {0, 1, 0, 1},
    };
    uint32_t out = 0, s = selector & 3;

    for (unsigned i = 0; i < 4; i++) {
        uint32_t pick;

        switch (mode) {
        case 0:
            pick = selector >> 4 * i & 15;
            break;
        case 1:
            pick = (table[1][i] + s) & 7;
            break;
        case 2:
            pick = (table[2][i] + s) & 7;
            break;
        case 3:
            pick = s;
            break;
        case 4:
            pick = i > s ? i : s;
            break;
        case 5:
            pick = i < s ? i : s;
            break;
        default:
            pick = (i & 1) + 2 * (s & 1);
            break;
        }
        out |= byte_at(both, pick) << 8 * i;
    }
    return out;
}

static void prmt(struct ptx_warp *w, const struct ptx_insn *in, uint32_t mask)
{
    uint32_t *d = ptx_u32(w, in->d);
    const uint32_t *a = ptx_u32(w, in->a), *b = ptx_u32(w, in->b), *c = ptx_u32(w, in->c);

    PTX_EACH(mask, d[l] = permute((uint64_t)b[l] << 32 | a[l], c[l], in->aux););
}

/* The offset-th set bit of the mask, counted up or down from base. */
static uint32_t find_nth(uint32_t bits, uint32_t base, int32_t offset)
{
    int step = offset < 0 ? -1 : 1;
    int32_t wanted = offset < 0 ? -offset : offset;

    if (base > 31)
        return UINT32_MAX;
    if (offset == 0)
        return bits >> base & 1 ? base : UINT32_MAX;
    for (int at = (int)base; at >= 0 && at < 32; at += step) {
        if (bits >> at & 1 && --wanted == 0)
            return (uint32_t)at;
    }
    return UINT32_MAX;
}

static void fns(struct ptx_warp *w, const struct ptx_insn *in, uint32_t mask)
{
    uint32_t *d = ptx_u32(w, in->d);
    const uint32_t *a = ptx_u32(w, in->a), *b = ptx_u32(w, in->b), *c = ptx_u32(w, in->c);

    PTX_EACH(mask, d[l] = find_nth(a[l], b[l], (int32_t)c[l]););
}

#define ROW(name, type, cost)  {#name "." #type, name##_##type, cost, PTX_PLAIN},
#define ROW_AS(text, fn, cost) {text, fn, cost, PTX_PLAIN},

const struct ptx_opcode ptx_ops_bits[] = {
    /* clang-format off */
    ROW_AS("and.b16", and_b32, 4) ROW(and, b32, 4) ROW(and, b64, 4) ROW(and, pred, 4)
    ROW_AS("or.b16", or_b32, 4) ROW(or, b32, 4) ROW(or, b64, 4) ROW(or, pred, 4)
    ROW_AS("xor.b16", xor_b32, 4) ROW(xor, b32, 4) ROW(xor, b64, 4) ROW(xor, pred, 4)
    ROW(not, b16, 4) ROW(not, b32, 4) ROW(not, b64, 4) ROW(not, pred, 4) ROW(mov, pred, 4)
    ROW(cnot, b16, 4) ROW(cnot, b32, 4) ROW(cnot, b64, 4)
    ROW(shl, b16, 4) ROW(shl, b32, 4) ROW(shl, b64, 4)
    ROW(shr, u16, 4) ROW(shr, u32, 4) ROW(shr, u64, 4)
    ROW_AS("shr.b16", shr_u16, 4) ROW_AS("shr.b32", shr_u32, 4) ROW_AS("shr.b64", shr_u64, 4)
    ROW(shr, s16, 4) ROW(shr, s32, 4) ROW(shr, s64, 4)
    ROW_AS("shf", shf, 4) ROW(popc, b32, 8) ROW(popc, b64, 8) ROW(clz, b32, 8) ROW(clz, b64, 8)
    ROW(bfind, u32, 8) ROW(bfind, s32, 8) ROW(bfind, u64, 8) ROW(bfind, s64, 8)
    ROW_AS("bfind.shiftamt.u32", bfind_shift_u32, 8) ROW_AS("bfind.shiftamt.s32", bfind_shift_s32, 8)
    ROW_AS("bfind.shiftamt.u64", bfind_shift_u64, 8) ROW_AS("bfind.shiftamt.s64", bfind_shift_s64, 8)
    ROW(brev, b32, 8) ROW(brev, b64, 8)
    ROW(bfe, u32, 8) ROW(bfe, s32, 8) ROW(bfe, u64, 8) ROW(bfe, s64, 8)
    ROW(bfi, b32, 8) ROW(bfi, b64, 8) ROW_AS("lop3", lop3, 4) ROW_AS("prmt", prmt, 4)
    ROW_AS("fns", fns, 8)
    /* clang-format on */
    {NULL},
};
