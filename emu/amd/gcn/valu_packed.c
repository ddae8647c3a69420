// SPDX-License-Identifier: Apache-2.0
/*
 * Vector ALU: packed operations (VOP3P): two halves of a dword at once, mixed-precision fma, and
 * dot products.
 */
#include "valu.h"

/** Like valu_begin for an operation on halves. Types W16 stand for two halves. */
VALU_INLINE void packed_begin(struct valu *v, struct gcn_wave *w, const struct gcn_inst *inst,
                              unsigned sources, uint32_t types)
{
    unsigned all = (1u << sources) - 1;

    if (VALU_UNLIKELY((inst->op_sel | inst->neg | inst->abs) || (inst->op_sel_hi & all) != all ||
                      ((w->mode ^ GCN_MODE_DENORM64) & (GCN_MODE_ROUND64 | GCN_MODE_DENORM64)))) {
        VALU_FN(valu_modify_packed)(v, w, inst, sources, types);
        return;
    }
    v->exec = gcn_exec(w);
    v->modified = false;
    v->reg = inst->dst;
    v->src[0] = valu_source(v, w, inst, 0, types >> 8 & 0xff);
    v->src[1] = valu_source(v, w, inst, 1, types >> 16 & 0xff);
    if (sources > 2)
        v->src[2] = valu_source(v, w, inst, 2, types >> 24 & 0xff);
    v->direct = v->exec == ~0ull;
    v->dst = v->direct ? w->vgpr[inst->dst] : v->out;
}

/* A half as the type its operation computes in, and back, with and without clamp. */
#define HALF_I16(u)   ((int64_t)(int16_t)(u))
#define HALF_U16(u)   ((int64_t)(uint16_t)(u))
#define HALF_F16(u)   lane_from_f16((u)&0xffff)
#define BITS_I16(x)   ((uint32_t)(x))
#define BITS_U16(x)   ((uint32_t)(x))
#define BITS_F16(x)   ((uint32_t)lane_to_f16(x))
#define CLAMP_I16(x)  lane_saturate(x, VT_I16)
#define CLAMP_U16(x)  lane_saturate(x, VT_U16)
#define CLAMP_F16(x)  lane_clamp01(x, 0)
#define FLUSH_I16(w)  false
#define FLUSH_U16(w)  false
#define FLUSH_F16(w)  (!((w)->mode & VALU_DENORM64_OUT))
#define HALF_TYPE_I16 int64_t
#define HALF_TYPE_U16 int64_t
#define HALF_TYPE_F16 float

#define PACKED(sources, name, T, low, high)                                                        \
    VALU_HANDLER(name)                                                                             \
    {                                                                                              \
        struct valu v;                                                                             \
        packed_begin(&v, w, inst, sources, VALU_TYPES(VT_##T, VT_##T, VT_##T, VT_##T));            \
        const uint32_t *s0 = v.src[0], *s1 = v.src[1], *s2 = sources > 2 ? v.src[2] : v.src[0];    \
        uint32_t *d = v.dst;                                                                       \
        (void)s2;                                                                                  \
        if (VALU_UNLIKELY(inst->mods & GCN_MOD_CLAMP))                                             \
            VALU_LOOP(l)                                                                           \
            {                                                                                      \
                d[l] = lane_pack16(BITS_##T(CLAMP_##T(low)), BITS_##T(CLAMP_##T(high)));           \
            }                                                                                      \
        else                                                                                       \
            VALU_LOOP(l)                                                                           \
            {                                                                                      \
                d[l] = lane_pack16(BITS_##T(low), BITS_##T(high));                                 \
            }                                                                                      \
        if (VALU_UNLIKELY(v.modified)) {                                                           \
            VALU_FN(valu_restore_rounding)(&v);                                                    \
            for (unsigned l = 0; l < 64 && FLUSH_##T(w); l++)                                      \
                d[l] = lane_flush_high_half(lane_flush_low_half(d[l]));                            \
        }                                                                                          \
        valu_end(&v, w, inst, VT_U32);                                                             \
    }
#define PK2(num, name, T, ...)                                                                     \
    LANE HALF_TYPE_##T half_##name(HALF_TYPE_##T a, HALF_TYPE_##T b)                               \
    {                                                                                              \
        return __VA_ARGS__;                                                                        \
    }                                                                                              \
    PACKED(2, name, T, half_##name(HALF_##T(s0[l]), HALF_##T(s1[l])),                              \
           half_##name(HALF_##T(s0[l] >> 16), HALF_##T(s1[l] >> 16)))
#define PK3(num, name, T, ...)                                                                     \
    LANE HALF_TYPE_##T half_##name(HALF_TYPE_##T a, HALF_TYPE_##T b, HALF_TYPE_##T c)              \
    {                                                                                              \
        return __VA_ARGS__;                                                                        \
    }                                                                                              \
    PACKED(3, name, T, half_##name(HALF_##T(s0[l]), HALF_##T(s1[l]), HALF_##T(s2[l])),             \
           half_##name(HALF_##T(s0[l] >> 16), HALF_##T(s1[l] >> 16), HALF_##T(s2[l] >> 16)))

/* Dot products: the sum is exact in 64 bits; the clamp bit saturates. */
LANE int64_t lane_dot_signed(uint32_t a, uint32_t b, unsigned bits)
{
    int64_t sum = 0;

    for (unsigned i = 0; i < 32; i += bits) {
        unsigned up = 32 - bits - i;
        sum += (int64_t)((int32_t)(a << up) >> (32 - bits)) * ((int32_t)(b << up) >> (32 - bits));
    }
    return sum;
}

LANE int64_t lane_dot_unsigned(uint32_t a, uint32_t b, unsigned bits)
{
    int64_t sum = 0;

    for (unsigned i = 0; i < 32; i += bits) {
        uint32_t field = (1u << bits) - 1;
        sum += (int64_t)(a >> i & field) * (b >> i & field);
    }
    return sum;
}

LANE float lane_dot2_f32_f16(uint32_t a, uint32_t b, float c)
{
    float low = lane_fma_f32(lane_from_f16(a & 0xffff), lane_from_f16(b & 0xffff), c);

    return lane_fma_f32(lane_from_f16(a >> 16), lane_from_f16(b >> 16), low);
}

#define DOT_TYPE_F32     float
#define DOT_TYPE_I32     int64_t
#define DOT_TYPE_U32     int64_t
#define DOT_CLAMP_F32(x) lane_clamp01(x, 0)
#define DOT_CLAMP_I32(x) lane_saturate(x, VT_I32)
#define DOT_CLAMP_U32(x) lane_saturate(x, VT_U32)
#define DOT_SOURCE_F32   VT_F16
#define DOT_SOURCE_I32   VT_I16
#define DOT_SOURCE_U32   VT_U16
#define DOT(num, name, T, S, ...)                                                                  \
    LANE DOT_TYPE_##T lane_##name(uint32_t a, uint32_t b, DOT_TYPE_##T c)                          \
    {                                                                                              \
        return __VA_ARGS__;                                                                        \
    }                                                                                              \
    VALU_HANDLER(name)                                                                             \
    {                                                                                              \
        struct valu v;                                                                             \
        packed_begin(&v, w, inst, 3, VALU_TYPES(VT_##T, DOT_SOURCE_##T, DOT_SOURCE_##T, VT_##T));  \
        const uint32_t *s0 = v.src[0], *s1 = v.src[1], *s2 = v.src[2];                             \
        uint32_t *d = v.dst;                                                                       \
        if (VALU_UNLIKELY(inst->mods & GCN_MOD_CLAMP))                                             \
            VALU_LOOP(l)                                                                           \
            {                                                                                      \
                ST_##T(d, DOT_CLAMP_##T(lane_##name(s0[l], s1[l], LD_##T(s2))));                   \
            }                                                                                      \
        else                                                                                       \
            VALU_LOOP(l)                                                                           \
            {                                                                                      \
                ST_##T(d, lane_##name(s0[l], s1[l], LD_##T(s2)));                                  \
            }                                                                                      \
        if (VALU_UNLIKELY(v.modified))                                                             \
            VALU_FN(valu_restore_rounding)(&v);                                                    \
        valu_end(&v, w, inst, VT_U32);                                                             \
    }
#define SPECIAL(...)
#include "isa/gcn/ops_valu_packed.def"

/** A source of v_fma_mix*: single precision, or with its op_sel_hi bit the half that op_sel names;
 * abs is where packed operations have neg_hi. */
static void mix_source(struct gcn_wave *w, const struct gcn_inst *inst, unsigned n, uint32_t *row)
{
    bool half = inst->op_sel_hi >> n & 1;
    unsigned code = inst->src[n], shift = inst->op_sel >> n & 1 ? 16 : 0;
    uint32_t clear = inst->abs >> n & 1 ? 0x80000000 : 0,
             flip = inst->neg >> n & 1 ? 0x80000000 : 0;
    const uint32_t *from = row;

    if (code < GCN_SRC_VGPR)
        VALU_FN(valu_splat)(w, inst, code, half ? VT_F16 : VT_F32, row);
    else
        from = w->vgpr[code - GCN_SRC_VGPR];
    for (unsigned l = 0; l < 64; l++) {
        uint32_t h = from[l] >> shift & 0xffff;

        if (!(w->mode & VALU_DENORM64_IN))
            h = lane_flush_low_half(h);
        uint32_t x = half ? lane_u32(lane_from_f16(h)) : from[l];
        row[l] = (x & ~clear) ^ flip;
        if (!half && !(w->mode & VALU_DENORM32_IN))
            row[l] = lane_flush_u32(row[l]);
    }
}

/** @half: -1 single-precision result, 0 or 1 half of the destination that is written. */
static void fma_mix(struct gcn_wave *w, const struct gcn_inst *inst, int half)
{
    struct valu v;
    uint32_t bits = half < 0 ? w->mode & 3 : w->mode >> 2 & 3;
    const uint32_t *dst = w->vgpr[inst->dst];

    v.exec = gcn_exec(w);
    v.reg = inst->dst;
    v.modified = false;
    v.rounding = -1;
    for (unsigned n = 0; n < 3; n++)
        mix_source(w, inst, n, v.row[n]);
    if (bits)
        v.rounding = VALU_FN(valu_set_rounding)(bits);
    for (unsigned l = 0; l < 64; l++) {
        float a = lane_f32(v.row[0][l]), b = lane_f32(v.row[1][l]), c = lane_f32(v.row[2][l]);
        float r = lane_fma_f32(a, b, c);

        if (inst->mods & GCN_MOD_CLAMP)
            r = lane_clamp01(r, 0);
        uint32_t h = lane_to_f16(r);

        if (!(w->mode & VALU_DENORM64_OUT))
            h = lane_flush_low_half(h);
        if (half < 0)
            v.out[l] = lane_u32(w->mode & VALU_DENORM32_OUT ? r : lane_flush(r));
        else if (half == 0)
            v.out[l] = (dst[l] & 0xffff0000) | h;
        else
            v.out[l] = (dst[l] & 0xffff) | h << 16;
    }
    VALU_FN(valu_restore_rounding)(&v);
    VALU_FN(valu_finish)(&v, w, inst, VT_U32);
}

VALU_HANDLER(v_fma_mix_f32)
{
    fma_mix(w, inst, -1);
}

VALU_HANDLER(v_fma_mixlo_f16)
{
    fma_mix(w, inst, 0);
}

VALU_HANDLER(v_fma_mixhi_f16)
{
    fma_mix(w, inst, 1);
}
