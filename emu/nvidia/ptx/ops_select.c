// SPDX-License-Identifier: Apache-2.0
/* Comparison, selection, moves and conversions. */
#include "ops_select.h"

#include "number.h"
#include "types.h"
#include "warp.h"

/* ---- comparison ---- */

/* Outcome of three-way comparison -> result, for integers and for floats. */
static bool decide(unsigned compare, bool less, bool equal, bool nan)
{
    if (nan)
        return (compare >= PTX_EQU && compare <= PTX_GEU) || compare == PTX_NAN;
    switch (compare) {
    case PTX_EQ:
    case PTX_EQU:
        return equal;
    case PTX_NE:
    case PTX_NEU:
        return !equal;
    case PTX_LT:
    case PTX_LTU:
        return less;
    case PTX_LE:
    case PTX_LEU:
        return less || equal;
    case PTX_GT:
    case PTX_GTU:
        return !less && !equal;
    case PTX_GE:
    case PTX_GEU:
        return !less;
    default:
        return compare == PTX_NUM;
    }
}

#define COMPARE_INTEGERS(S, T)                                                                     \
    {                                                                                              \
        const S *a = ptx_at(w, in->a), *b = ptx_at(w, in->b);                                      \
        switch (compare) {                                                                         \
        case PTX_EQ:                                                                               \
            PTX_EACH(mask, out |= (uint32_t)((T)a[l] == (T)b[l]) << l;);                           \
            break;                                                                                 \
        case PTX_NE:                                                                               \
            PTX_EACH(mask, out |= (uint32_t)((T)a[l] != (T)b[l]) << l;);                           \
            break;                                                                                 \
        case PTX_LT:                                                                               \
            PTX_EACH(mask, out |= (uint32_t)((T)a[l] < (T)b[l]) << l;);                            \
            break;                                                                                 \
        case PTX_LE:                                                                               \
            PTX_EACH(mask, out |= (uint32_t)((T)a[l] <= (T)b[l]) << l;);                           \
            break;                                                                                 \
        case PTX_GT:                                                                               \
            PTX_EACH(mask, out |= (uint32_t)((T)a[l] > (T)b[l]) << l;);                            \
            break;                                                                                 \
        default:                                                                                   \
            PTX_EACH(mask, out |= (uint32_t)((T)a[l] >= (T)b[l]) << l;);                           \
            break;                                                                                 \
        }                                                                                          \
    }                                                                                              \
    break

#define COMPARE_FLOATS(S, VALUE)                                                                   \
    {                                                                                              \
        const S *a = ptx_at(w, in->a), *b = ptx_at(w, in->b);                                      \
        PTX_EACH(mask, double x = VALUE(a[l]); double y = VALUE(b[l]);                             \
                 out |= (uint32_t)decide(compare, x < y, x == y, x != x || y != y) << l;);         \
    }                                                                                              \
    break

#define SINGLE_VALUE(v) (ftz ? ptx_flush(ptx_as_f32(v)) : ptx_as_f32(v))
#define HALF_VALUE(v)   ptx_half_to_f32((uint16_t)(v))
#define BF16_VALUE(v)   ptx_bf16_to_f32((uint16_t)(v))

static uint32_t compare_lanes(struct ptx_warp *w, const struct ptx_insn *in, uint32_t mask)
{
    unsigned compare = in->aux & PTX_COMPARE;
    bool ftz = in->aux & PTX_COMPARE_FTZ;
    uint32_t out = 0;

    switch ((enum ptx_type)(in->aux >> PTX_COMPARE_TYPE_SHIFT & 0xff)) {
    case PTX_T_b16:
    case PTX_T_u16:
        COMPARE_INTEGERS(uint32_t, uint16_t);
    case PTX_T_s16:
        COMPARE_INTEGERS(uint32_t, int16_t);
    case PTX_T_b32:
    case PTX_T_u32:
        COMPARE_INTEGERS(uint32_t, uint32_t);
    case PTX_T_s32:
        COMPARE_INTEGERS(uint32_t, int32_t);
    case PTX_T_b64:
    case PTX_T_u64:
        COMPARE_INTEGERS(uint64_t, uint64_t);
    case PTX_T_s64:
        COMPARE_INTEGERS(uint64_t, int64_t);
    case PTX_T_f32:
        COMPARE_FLOATS(uint32_t, SINGLE_VALUE);
    case PTX_T_f64:
        COMPARE_FLOATS(uint64_t, ptx_as_f64);
    case PTX_T_f16:
        COMPARE_FLOATS(uint32_t, HALF_VALUE);
    case PTX_T_bf16:
        COMPARE_FLOATS(uint32_t, BF16_VALUE);
    default:
        break;
    }
    return out;
}

static uint32_t combine(struct ptx_warp *w, const struct ptx_insn *in, uint32_t result)
{
    uint32_t with;

    if (!(in->aux & PTX_COMPARE_BOOL))
        return result;
    with = ptx_pred(w, in->c);
    if (in->aux & PTX_COMPARE_NOT_C)
        with = ~with;
    switch (in->aux >> PTX_COMPARE_BOOL_SHIFT & 3) {
    case 1:
        return result & with;
    case 2:
        return result | with;
    default:
        return result ^ with;
    }
}

static void setp(struct ptx_warp *w, const struct ptx_insn *in, uint32_t mask)
{
    uint32_t result = compare_lanes(w, in, mask);
    uint32_t first = combine(w, in, result);

    if (in->aux & PTX_COMPARE_SECOND) {
        uint32_t second = combine(w, in, ~result);

        ptx_set_pred(w, (uint32_t)in->imm, second, mask);
    }
    ptx_set_pred(w, in->d, first, mask);
}

/* Two halves at once: p for the lower ones, q for the upper ones. */
static void setp_f16x2(struct ptx_warp *w, const struct ptx_insn *in, uint32_t mask)
{
    const uint32_t *a = ptx_u32(w, in->a), *b = ptx_u32(w, in->b);
    uint32_t out[2] = {0, 0};

    for (unsigned h = 0; h < 2; h++) {
        PTX_EACH(mask, float x = ptx_half_to_f32((uint16_t)(a[l] >> 16 * h));
                 float y = ptx_half_to_f32((uint16_t)(b[l] >> 16 * h));
                 out[h] |= (uint32_t)decide(in->aux & PTX_COMPARE, x < y, x == y, x != x || y != y)
                           << l;);
    }
    if (in->aux & PTX_COMPARE_SECOND)
        ptx_set_pred(w, (uint32_t)in->imm, combine(w, in, out[1]), mask);
    ptx_set_pred(w, in->d, combine(w, in, out[0]), mask);
}

/* All ones, or 1.0 for a float result. */
static void set(struct ptx_warp *w, const struct ptx_insn *in, uint32_t mask)
{
    uint32_t result = combine(w, in, compare_lanes(w, in, mask)), *d = ptx_u32(w, in->d);
    enum ptx_type type = (enum ptx_type)(in->aux >> PTX_COMPARE_RESULT_SHIFT & 0xff);
    uint32_t one = type == PTX_T_f32 ? 0x3f800000u : type == PTX_T_f16 ? 0x3c00u : UINT32_MAX;

    PTX_EACH(mask, d[l] = result >> l & 1 ? one : 0;);
}

static void selp32(struct ptx_warp *w, const struct ptx_insn *in, uint32_t mask)
{
    uint32_t *d = ptx_u32(w, in->d), choose = ptx_pred(w, in->c);
    const uint32_t *a = ptx_u32(w, in->a), *b = ptx_u32(w, in->b);

    PTX_EACH(mask, d[l] = choose >> l & 1 ? a[l] : b[l];);
}
static void selp64(struct ptx_warp *w, const struct ptx_insn *in, uint32_t mask)
{
    uint32_t choose = ptx_pred(w, in->c);
    uint64_t *d = ptx_u64(w, in->d);
    const uint64_t *a = ptx_u64(w, in->a), *b = ptx_u64(w, in->b);

    PTX_EACH(mask, d[l] = choose >> l & 1 ? a[l] : b[l];);
}

/* a if c >= 0; aux: c is a float, which is compared as one (-0 is 0, a NaN is not). */
static bool not_negative(uint32_t c, unsigned is_float)
{
    return is_float ? ptx_as_f32(c) >= 0.0f : (int32_t)c >= 0;
}
static void slct32(struct ptx_warp *w, const struct ptx_insn *in, uint32_t mask)
{
    uint32_t *d = ptx_u32(w, in->d);
    const uint32_t *a = ptx_u32(w, in->a), *b = ptx_u32(w, in->b), *c = ptx_u32(w, in->c);

    PTX_EACH(mask, d[l] = not_negative(c[l], in->aux) ? a[l] : b[l];);
}
static void slct64(struct ptx_warp *w, const struct ptx_insn *in, uint32_t mask)
{
    uint64_t *d = ptx_u64(w, in->d);
    const uint64_t *a = ptx_u64(w, in->a), *b = ptx_u64(w, in->b);
    const uint32_t *c = ptx_u32(w, in->c);

    PTX_EACH(mask, d[l] = not_negative(c[l], in->aux) ? a[l] : b[l];);
}

/* ---- moves ---- */

static void mov32(struct ptx_warp *w, const struct ptx_insn *in, uint32_t mask)
{
    uint32_t *d = ptx_u32(w, in->d);
    const uint32_t *a = ptx_u32(w, in->a);

    PTX_EACH(mask, d[l] = a[l];);
}
static void mov64(struct ptx_warp *w, const struct ptx_insn *in, uint32_t mask)
{
    uint64_t *d = ptx_u64(w, in->d);
    const uint64_t *a = ptx_u64(w, in->a);

    PTX_EACH(mask, d[l] = a[l];);
}
/* A 32-bit source (special register) in a 64-bit destination. */
static void mov64_32(struct ptx_warp *w, const struct ptx_insn *in, uint32_t mask)
{
    uint64_t *d = ptx_u64(w, in->d);
    const uint32_t *a = ptx_u32(w, in->a);

    PTX_EACH(mask, d[l] = a[l];);
}
/* The address of a variable in the frame's local memory. */
static void mov_local32(struct ptx_warp *w, const struct ptx_insn *in, uint32_t mask)
{
    uint32_t *d = ptx_u32(w, in->d);

    PTX_EACH(mask, d[l] = w->frame->local_base + (uint32_t)in->imm;);
}
static void mov_local64(struct ptx_warp *w, const struct ptx_insn *in, uint32_t mask)
{
    uint64_t *d = ptx_u64(w, in->d);

    PTX_EACH(mask, d[l] = w->frame->local_base + (uint32_t)in->imm;);
}

static uint64_t clock_now(const struct ptx_warp *w)
{
    return w->block->clock_base + w->cycles;
}
static uint64_t time_now(const struct ptx_warp *w)
{
    return w->block->time_base + w->cycles * 1000 / w->block->launch->clock_mhz;
}
#define READ(name, S, EXPR)                                                                        \
    static void name(struct ptx_warp *w, const struct ptx_insn *in, uint32_t mask)                 \
    {                                                                                              \
        S *d = ptx_at(w, in->d);                                                                   \
        uint64_t value = (EXPR);                                                                   \
        PTX_EACH(mask, d[l] = (S)value;);                                                          \
    }
READ(clock32, uint32_t, clock_now(w))
READ(clock_hi, uint32_t, clock_now(w) >> 32)
READ(clock64, uint64_t, clock_now(w))
READ(timer64, uint64_t, time_now(w))
READ(timer_lo, uint32_t, time_now(w))
READ(timer_hi, uint32_t, time_now(w) >> 32)

/* A vector of narrower elements becomes one register, or the other way round. aux: count, bytes of
 * an element << 8; d or a is the index of the list. */
static uint64_t lane_of(const struct ptx_warp *w, uint32_t place, unsigned bytes, unsigned l)
{
    return bytes == 8 ? ptx_u64(w, place)[l] : ptx_u32(w, place)[l];
}
static void set_lane(const struct ptx_warp *w, uint32_t place, unsigned bytes, unsigned l,
                     uint64_t value)
{
    if (place == PTX_NO_PLACE)
        return;
    if (bytes == 8)
        ptx_u64(w, place)[l] = value;
    else
        ptx_u32(w, place)[l] =
            bytes == 4 ? (uint32_t)value : (uint32_t)value & ((1u << 8 * bytes) - 1);
}
static const uint32_t *list_of(const struct ptx_warp *w, uint32_t index)
{
    return w->block->launch->image->module->pool->lists + index;
}
static void pack(struct ptx_warp *w, const struct ptx_insn *in, uint32_t mask)
{
    unsigned count = in->aux & 0xff, bytes = in->aux >> 8 & 0xff;
    const uint32_t *list = list_of(w, in->a);

    PTX_EACH(mask, uint64_t value = 0; for (unsigned i = 0; i < count; i++) value |=
                                       lane_of(w, list[i], bytes, l) << 8 * bytes * i;
             set_lane(w, in->d, count * bytes, l, value););
}
static void unpack(struct ptx_warp *w, const struct ptx_insn *in, uint32_t mask)
{
    unsigned count = in->aux & 0xff, bytes = in->aux >> 8 & 0xff;
    const uint32_t *list = list_of(w, in->d);

    PTX_EACH(mask, uint64_t value = lane_of(w, in->a, count * bytes, l);
             for (unsigned i = 0; i < count; i++)
                 set_lane(w, list[i], bytes, l, value >> 8 * bytes * i););
}

/* ---- conversion ---- */

#define CONVERT(name, D, S, T, EXPR)                                                               \
    static void cvt_##name(struct ptx_warp *w, const struct ptx_insn *in, uint32_t mask)           \
    {                                                                                              \
        D *d = ptx_at(w, in->d);                                                                   \
        const S *a = ptx_at(w, in->a);                                                             \
        PTX_EACH(mask, T x = (T)a[l]; d[l] = (D)(EXPR););                                          \
    }
CONVERT(64_u32, uint64_t, uint32_t, uint32_t, x)
CONVERT(64_s32, uint64_t, uint32_t, int32_t, (int64_t)x)
CONVERT(64_u16, uint64_t, uint32_t, uint16_t, x)
CONVERT(64_s16, uint64_t, uint32_t, int16_t, (int64_t)x)
CONVERT(64_u8, uint64_t, uint32_t, uint8_t, x)
CONVERT(64_s8, uint64_t, uint32_t, int8_t, (int64_t)x)
CONVERT(32_64, uint32_t, uint64_t, uint64_t, x)
CONVERT(32_32, uint32_t, uint32_t, uint32_t, x)
CONVERT(64_64, uint64_t, uint64_t, uint64_t, x)
CONVERT(32_u16, uint32_t, uint32_t, uint16_t, x)
CONVERT(32_s16, uint32_t, uint32_t, int16_t, (int32_t)x)
CONVERT(32_u8, uint32_t, uint32_t, uint8_t, x)
CONVERT(32_s8, uint32_t, uint32_t, int8_t, (int32_t)x)
CONVERT(16_32, uint32_t, uint32_t, uint16_t, x)
CONVERT(16_64, uint32_t, uint64_t, uint16_t, x)
CONVERT(16_s8, uint32_t, uint32_t, int8_t, (uint16_t)x)
CONVERT(f32_s32, uint32_t, uint32_t, int32_t, ptx_f32_bits((float)x))
CONVERT(f32_u32, uint32_t, uint32_t, uint32_t, ptx_f32_bits((float)x))
CONVERT(f64_s32, uint64_t, uint32_t, int32_t, ptx_f64_bits((double)x))
CONVERT(f64_u32, uint64_t, uint32_t, uint32_t, ptx_f64_bits((double)x))
CONVERT(f64_f32, uint64_t, uint32_t, uint32_t, ptx_f64_bits((double)ptx_as_f32(x)))

/* Any other: to the widest of its kind and from there. */
struct value {
    bool is_float, is_signed;
    uint64_t integer;
    double real;
};

static struct value fetch(const struct ptx_warp *w, uint32_t place, enum ptx_type type, unsigned l)
{
    const struct ptx_type_info *info = &ptx_types[type];
    uint64_t bits = lane_of(w, place, info->bytes, l);
    struct value value = {.is_float = info->kind == 'f', .is_signed = info->kind == 's'};

    switch (type) {
    case PTX_T_f16:
        value.real = ptx_half_to_f32((uint16_t)bits);
        break;
    case PTX_T_bf16:
        value.real = ptx_bf16_to_f32((uint16_t)bits);
        break;
    case PTX_T_f32:
        value.real = ptx_as_f32((uint32_t)bits);
        break;
    case PTX_T_f64:
        value.real = ptx_as_f64(bits);
        break;
    default:
        if (value.is_signed && info->bytes < 8) {
            unsigned shift = 64 - 8 * info->bytes;

            value.integer = (uint64_t)((int64_t)(bits << shift) >> shift);
        } else {
            value.integer = info->bytes < 8 ? bits & ((1ull << 8 * info->bytes) - 1) : bits;
        }
        break;
    }
    return value;
}

static uint64_t integer_to_integer(const struct value *from, const struct ptx_type_info *to,
                                   bool saturate)
{
    unsigned bits = 8u * to->bytes;
    uint64_t top = bits == 64 ? UINT64_MAX : (1ull << bits) - 1;
    int64_t as_signed = (int64_t)from->integer;
    bool negative = from->is_signed && as_signed < 0;

    if (!saturate)
        return from->integer & top;
    if (to->kind == 's') {
        int64_t most = (int64_t)(top >> 1);

        if (negative)
            return (uint64_t)(as_signed < -most - 1 ? -most - 1 : as_signed) & top;
        return from->integer > (uint64_t)most ? (uint64_t)most : from->integer;
    }
    if (negative)
        return 0;
    return from->integer > top ? top : from->integer;
}

/* To a float, rounding once. */
static uint64_t to_float(const struct value *from, enum ptx_type type, unsigned aux)
{
    unsigned round = aux & PTX_FLOAT_ROUND;
    volatile double real = from->real;
    volatile float single;

    if (!from->is_float) {
        fesetround(ptx_fe_round(type == PTX_T_f64 ? round : PTX_RN));
        if (type == PTX_T_f32) {
            fesetround(ptx_fe_round(round));
            single = from->is_signed ? (float)(int64_t)from->integer : (float)from->integer;
            fesetround(FE_TONEAREST);
            return ptx_f32_bits(aux & PTX_FLOAT_SAT ? ptx_saturate(single) : single);
        }
        real = from->is_signed ? (double)(int64_t)from->integer : (double)from->integer;
        fesetround(FE_TONEAREST);
    } else if (aux & PTX_CVT_WHOLE) {
        fesetround(ptx_fe_round(round));
        real = rint(real);
        fesetround(FE_TONEAREST);
    }
    if (aux & PTX_FLOAT_SAT)
        real = real > 0 ? (real < 1 ? real : 1) : 0;
    if ((aux & PTX_FLOAT_RELU) && real < 0)
        real = 0;
    switch (type) {
    case PTX_T_f64:
        return ptx_f64_bits(real);
    case PTX_T_f32:
        fesetround(ptx_fe_round(round));
        single = (float)real;
        fesetround(FE_TONEAREST);
        if (aux & PTX_FLOAT_FTZ)
            single = ptx_flush(single);
        return single != single ? 0x7fffffffu : ptx_f32_bits(single);
    case PTX_T_f16:
        return ptx_half_from(real, round);
    default:
        return ptx_bf16_from(real, round);
    }
}

static uint64_t convert(struct value from, enum ptx_type to, unsigned aux)
{
    const struct ptx_type_info *info = &ptx_types[to];

    if (info->kind == 'f')
        return to_float(&from, to, aux);
    if (from.is_float)
        return ptx_float_to_int(from.real, aux & PTX_FLOAT_ROUND, 8u * info->bytes,
                                info->kind == 's');
    return integer_to_integer(&from, info, aux & PTX_FLOAT_SAT);
}

static void cvt(struct ptx_warp *w, const struct ptx_insn *in, uint32_t mask)
{
    enum ptx_type to = (enum ptx_type)(in->aux >> PTX_CVT_TO_SHIFT & 0xff);
    enum ptx_type from = (enum ptx_type)(in->aux >> PTX_CVT_FROM_SHIFT & 0xff);
    /* A narrow result in a wider register is extended: imm has the register's bytes. */
    unsigned bytes = ptx_types[to].bytes, wide = (unsigned)in->imm;
    bool is_signed = ptx_types[to].kind == 's';

    PTX_EACH(
        mask, struct value value = fetch(w, in->a, from, l);
        if ((in->aux & PTX_FLOAT_FTZ) && from == PTX_T_f32) value.real =
            ptx_flush((float)value.real);
        uint64_t out = convert(value, to, in->aux); if (is_signed && bytes < wide) {
            unsigned shift = 64 - 8 * bytes;
            out = (uint64_t)((int64_t)(out << shift) >> shift);
        } set_lane(w, in->d, wide, l, out););
}

/* cvt.rn.f16x2.f32 d, a, b: a becomes the upper half. */
static void cvt_pack(struct ptx_warp *w, const struct ptx_insn *in, uint32_t mask)
{
    enum ptx_type to = (in->aux >> PTX_CVT_TO_SHIFT & 0xff) == PTX_T_f16x2 ? PTX_T_f16 : PTX_T_bf16;
    uint32_t *d = ptx_u32(w, in->d);

    PTX_EACH(mask, struct value a = fetch(w, in->a, PTX_T_f32, l);
             struct value b = fetch(w, in->b, PTX_T_f32, l);
             d[l] = (uint32_t)convert(a, to, in->aux) << 16 | (uint32_t)convert(b, to, in->aux););
}

/* ---- generic addresses ---- */

/* imm: 0: to generic, 1: to the space; aux: bits 56.. of the window */
static void cvta64(struct ptx_warp *w, const struct ptx_insn *in, uint32_t mask)
{
    uint64_t *d = ptx_u64(w, in->d), window = (uint64_t)in->aux << 56;
    const uint64_t *a = ptx_u64(w, in->a);

    PTX_EACH(mask, d[l] = in->imm ? a[l] - window : a[l] + window;);
}

static void isspacep(struct ptx_warp *w, const struct ptx_insn *in, uint32_t mask)
{
    const uint64_t *a = ptx_u64(w, in->a);
    uint32_t out = 0;

    PTX_EACH(mask, out |= (uint32_t)(a[l] >> 56 == in->aux) << l;);
    ptx_set_pred(w, in->d, out, mask);
}

static void nop(struct ptx_warp *w, const struct ptx_insn *in, uint32_t mask) {}

#define ROW(text, fn, cost) {text, fn, cost, PTX_PLAIN},
#define CVT64(to)                                                                                  \
    ROW("cvt." #to ".u32", cvt_64_u32, 4)                                                          \
    ROW("cvt." #to ".s32", cvt_64_s32, 4) ROW("cvt." #to ".u16", cvt_64_u16, 4)                    \
        ROW("cvt." #to ".s16", cvt_64_s16, 4) ROW("cvt." #to ".u8", cvt_64_u8, 4)                  \
            ROW("cvt." #to ".s8", cvt_64_s8, 4) ROW("cvt." #to ".u64", cvt_64_64, 4)               \
                ROW("cvt." #to ".s64", cvt_64_64, 4)
#define CVT32(to)                                                                                  \
    ROW("cvt." #to ".u16", cvt_32_u16, 4)                                                          \
    ROW("cvt." #to ".s16", cvt_32_s16, 4) ROW("cvt." #to ".u8", cvt_32_u8, 4)                      \
        ROW("cvt." #to ".s8", cvt_32_s8, 4) ROW("cvt." #to ".u64", cvt_32_64, 4)                   \
            ROW("cvt." #to ".s64", cvt_32_64, 4) ROW("cvt." #to ".u32", cvt_32_32, 4)              \
                ROW("cvt." #to ".s32", cvt_32_32, 4)
#define CVT16(to)                                                                                  \
    ROW("cvt." #to ".u32", cvt_16_32, 4)                                                           \
    ROW("cvt." #to ".s32", cvt_16_32, 4) ROW("cvt." #to ".u64", cvt_16_64, 4)                      \
        ROW("cvt." #to ".s64", cvt_16_64, 4) ROW("cvt." #to ".u16", cvt_32_u16, 4)                 \
            ROW("cvt." #to ".s16", cvt_32_u16, 4) ROW("cvt." #to ".u8", cvt_32_u8, 4)              \
                ROW("cvt." #to ".s8", cvt_16_s8, 4)

const struct ptx_opcode ptx_ops_select[] = {
    /* clang-format off */
    ROW("setp", setp, 4) ROW("setp.f16x2", setp_f16x2, 4) ROW("set", set, 4)
    ROW("selp.32", selp32, 4) ROW("selp.64", selp64, 4)
    ROW("slct.32", slct32, 4) ROW("slct.64", slct64, 4)
    ROW("mov.32", mov32, 4) ROW("mov.64", mov64, 4) ROW("mov.64.32", mov64_32, 4)
    ROW("mov.local.32", mov_local32, 4) ROW("mov.local.64", mov_local64, 4)
    ROW("mov.clock", clock32, 8) ROW("mov.clock_hi", clock_hi, 8) ROW("mov.clock64", clock64, 8)
    ROW("mov.globaltimer", timer64, 8) ROW("mov.globaltimer_lo", timer_lo, 8)
    ROW("mov.globaltimer_hi", timer_hi, 8)
    ROW("pack", pack, 4) ROW("unpack", unpack, 4)
    CVT64(u64) CVT64(s64) CVT32(u32) CVT32(s32) CVT16(u16) CVT16(s16)
    ROW("cvt.f32.s32", cvt_f32_s32, 8) ROW("cvt.f32.u32", cvt_f32_u32, 8)
    ROW("cvt.f64.s32", cvt_f64_s32, 8) ROW("cvt.f64.u32", cvt_f64_u32, 8)
    ROW("cvt.f64.f32", cvt_f64_f32, 8)
    ROW("cvt", cvt, 8) ROW("cvt.pack", cvt_pack, 8)
    ROW("cvta", cvta64, 4) ROW("isspacep", isspacep, 4) ROW("nop", nop, 4)
    /* clang-format on */
    {NULL},
};
