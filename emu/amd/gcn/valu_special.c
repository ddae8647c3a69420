// SPDX-License-Identifier: Apache-2.0
/*
 * Vector ALU: operations that do not fit a shape of valu.h: those with a lane mask beside their
 * operands (carries, selects, division), those on single lanes, and the few that are one of a kind.
 */
#include "valu.h"

VALU_HANDLER(v_nop) {}

VALU_HANDLER(v_clrexcp) /* exceptions are not modelled */ {}

static uint32_t read_lane(struct gcn_wave *w, const struct gcn_inst *inst, unsigned lane)
{
    unsigned code = inst->src[0];

    if (code >= GCN_SRC_VGPR)
        return w->vgpr[code - GCN_SRC_VGPR][lane];
    return gcn_scalar32(w, inst, code);
}

VALU_HANDLER(v_readfirstlane_b32)
{
    uint64_t exec = gcn_exec(w);

    w->sgpr[inst->dst & 127] = read_lane(w, inst, exec ? (unsigned)__builtin_ctzll(exec) : 0);
}

/** A lane number from an operand that ought to be scalar. */
static unsigned lane_select(struct gcn_wave *w, const struct gcn_inst *inst, unsigned code)
{
    if (code >= GCN_SRC_VGPR) {
        gcn_fault_illegal(w, inst);
        return 0;
    }
    return gcn_scalar32(w, inst, code) & 63;
}

VALU_HANDLER(v_readlane_b32)
{
    w->sgpr[inst->dst & 127] = read_lane(w, inst, lane_select(w, inst, inst->src[1]));
}

VALU_HANDLER(v_writelane_b32) /* whatever EXEC says */
{
    unsigned lane = lane_select(w, inst, inst->src[1]);

    w->vgpr[inst->dst][lane] = read_lane(w, inst, lane);
}

VALU_HANDLER(v_swap_b32)
{
    uint32_t *a = w->vgpr[inst->dst], *b = w->vgpr[(inst->src[0] - GCN_SRC_VGPR) & 0xff];
    uint64_t exec = gcn_exec(w);

    for (unsigned l = 0; l < 64; l++) {
        if (exec >> l & 1) {
            uint32_t t = a[l];
            a[l] = b[l];
            b[l] = t;
        }
    }
}

/** The lane mask in source 2. */
static void mask_source(struct gcn_wave *w, const struct gcn_inst *inst, uint32_t *row)
{
    unsigned code = inst->src[2];

    if (code >= GCN_SRC_VGPR) {
        gcn_fault_illegal(w, inst);
        code = GCN_VCC;
    }
    VALU_FN(valu_expand)(VALU_FN(valu_scalar)(w, inst, code, VT_U64), row);
}

VALU_HANDLER(v_cndmask_b32)
{
    struct valu v;
    uint32_t mask[64] __attribute__((aligned(64)));

    mask_source(w, inst, mask);
    valu_begin(&v, w, inst, VALU_TYPES(VT_B32, VT_B32, VT_B32, 0));
    const uint32_t *s0 = v.src[0], *s1 = v.src[1];
    uint32_t *d = v.dst;
    VALU_LOOP(l)
    {
        d[l] = (s0[l] & ~mask[l]) | (s1[l] & mask[l]);
    }
    valu_end(&v, w, inst, VT_B32);
}

/*
 * Carries. CARRY(name, sum, carry of it): of lane values a and b; m is the incoming carry as 0 or
 * ~0 and s the sum. With the clamp bit an overflow gives the limit that it ran over.
 */
#define CARRY(name, has_in, sum, carry, limit)                                                     \
    VALU_HANDLER(name)                                                                             \
    {                                                                                              \
        struct valu v;                                                                             \
        uint32_t in[64] __attribute__((aligned(64))), out[64] __attribute__((aligned(64)));        \
        if (has_in)                                                                                \
            mask_source(w, inst, in);                                                              \
        valu_begin(&v, w, inst, VALU_TYPES(VT_U32, VT_U32, VT_U32, 0));                            \
        const uint32_t *s0 = v.src[0], *s1 = v.src[1];                                             \
        uint32_t *d = v.dst;                                                                       \
        VALU_LOOP(l)                                                                               \
        {                                                                                          \
            uint32_t a = s0[l], b = s1[l], m = has_in ? in[l] : 0, s = (sum);                      \
            (void)a, (void)b, (void)m;                                                             \
            d[l] = s;                                                                              \
            out[l] = (carry) ? ~0u : 0;                                                            \
        }                                                                                          \
        if (VALU_UNLIKELY(inst->mods & GCN_MOD_CLAMP))                                             \
            VALU_LOOP(l)                                                                           \
            {                                                                                      \
                d[l] = (d[l] & ~out[l]) | ((limit)&out[l]);                                        \
            }                                                                                      \
        valu_write_mask(w, inst, VALU_FN(valu_pack)(out) & v.exec, false);                         \
        valu_end(&v, w, inst, VT_U32);                                                             \
    }
CARRY(v_add_co_u32, false, a + b, s < a, ~0u)
CARRY(v_sub_co_u32, false, a - b, a < b, 0)
CARRY(v_subrev_co_u32, false, b - a, b < a, 0)
CARRY(v_addc_co_u32, true, a + b - m, s < a || (m && s == a), ~0u)
CARRY(v_subb_co_u32, true, a - b + m, a < b || (m && a == b), 0)
CARRY(v_subbrev_co_u32, true, b - a + m, b < a || (m && a == b), 0)

/* 32 x 32 + 64 bits; the mask is the carry or overflow out of bit 63: the top bit of @over, of
 * product p, addend c and sum s. */
#define MAD64(name, T32, T64, over)                                                                \
    VALU_HANDLER(name)                                                                             \
    {                                                                                              \
        struct valu v;                                                                             \
        uint32_t out[64] __attribute__((aligned(64)));                                             \
        valu_begin(&v, w, inst, VALU_TYPES(VT_##T64, VT_##T32, VT_##T32, VT_##T64));               \
        const uint32_t *s0 = v.src[0], *s1 = v.src[1], *s2 = v.src[2];                             \
        uint32_t *d = v.dst;                                                                       \
        VALU_LOOP(l)                                                                               \
        {                                                                                          \
            uint64_t p = (uint64_t)((CT_##T64)LD_##T32(s0) * LD_##T32(s1)), c = LD_U64(s2);        \
            uint64_t s = p + c;                                                                    \
            out[l] = (uint32_t)((over) >> 32);                                                     \
            ST_U64(d, s);                                                                          \
        }                                                                                          \
        valu_write_mask(w, inst, VALU_FN(valu_pack)(out) & v.exec, false);                         \
        valu_end(&v, w, inst, VT_##T64);                                                           \
    }
MAD64(v_mad_u64_u32, U32, U64, (p & c) | ((p | c) & ~s))
MAD64(v_mad_i64_i32, I32, I64, (p ^ s) & (c ^ s))

/* Four masked sums of absolute differences, of the windows of source 0, each added to a dword of
 * source 2. */
VALU_HANDLER(v_mqsad_u32_u8)
{
    const unsigned dst = inst->dst, sums = inst->src[2] - GCN_SRC_VGPR;
    struct valu v;

    if (inst->src[2] < GCN_SRC_VGPR) {
        gcn_fault_illegal(w, inst);
        return;
    }
    valu_begin(&v, w, inst, VALU_TYPES(0, VT_U64, VT_U32, 0));
    for (unsigned l = 0; l < 64; l++) {
        const uint64_t a = (uint64_t)v.src[0][l] | (uint64_t)v.src[0][l + 64] << 32;
        const uint32_t b = v.src[1][l];
        uint32_t sum[4];

        if (!(v.exec >> l & 1))
            continue;
        for (unsigned i = 0; i < 4; i++)
            sum[i] = w->vgpr[sums + i][l] + lane_sad_u8((uint32_t)(a >> 8 * i), b, true);
        for (unsigned i = 0; i < 4; i++)
            w->vgpr[dst + i][l] = sum[i];
    }
    VALU_FN(valu_restore_rounding)(&v);
}

#define DIV_SCALE(type, T)                                                                         \
    VALU_HANDLER(v_div_scale_##type)                                                               \
    {                                                                                              \
        struct valu v;                                                                             \
        uint32_t flags[64] __attribute__((aligned(64)));                                           \
        valu_begin(&v, w, inst, VALU_TYPES(VT_##T, VT_##T, VT_##T, VT_##T));                       \
        const uint32_t *s0 = v.src[0], *s1 = v.src[1], *s2 = v.src[2];                             \
        uint32_t *d = v.dst;                                                                       \
        VALU_LOOP(l)                                                                               \
        {                                                                                          \
            uint32_t flag;                                                                         \
            CT_##T r = lane_div_scale_##type(LD_##T(s0), LD_##T(s1), LD_##T(s2), &flag);           \
            ST_##T(d, r);                                                                          \
            flags[l] = flag;                                                                       \
        }                                                                                          \
        valu_write_mask(w, inst, VALU_FN(valu_pack)(flags) & v.exec, false);                       \
        valu_end(&v, w, inst, VT_##T);                                                             \
    }
DIV_SCALE(f32, F32)
DIV_SCALE(f64, F64)

#define DIV_FMAS(type, T)                                                                          \
    VALU_HANDLER(v_div_fmas_##type)                                                                \
    {                                                                                              \
        struct valu v;                                                                             \
        uint64_t vcc = gcn_sgpr64(w, GCN_VCC);                                                     \
        valu_begin(&v, w, inst, VALU_TYPES(VT_##T, VT_##T, VT_##T, VT_##T));                       \
        const uint32_t *s0 = v.src[0], *s1 = v.src[1], *s2 = v.src[2];                             \
        uint32_t *d = v.dst;                                                                       \
        for (unsigned l = 0; l < 64; l++)                                                          \
            ST_##T(d, lane_div_fmas_##type(LD_##T(s0), LD_##T(s1), LD_##T(s2), vcc >> l & 1));     \
        valu_end(&v, w, inst, VT_##T);                                                             \
    }
DIV_FMAS(f32, F32)
DIV_FMAS(f64, F64)

/* Counts the bits of the mask in source 0 that belong to lanes before this one: in its lower half
 * for mbcnt_lo, its upper half for mbcnt_hi. */
static void mbcnt(struct gcn_wave *w, const struct gcn_inst *inst, bool upper)
{
    struct valu v;

    valu_begin(&v, w, inst, VALU_TYPES(VT_U32, VT_U32, VT_U32, 0));
    const uint32_t *s0 = v.src[0], *s1 = v.src[1];
    uint32_t *d = v.dst;
    VALU_LOOP(l)
    {
        uint32_t here = (1u << (l & 31)) - 1;
        uint32_t before = upper ? (l < 32 ? 0 : here) : l < 32 ? here : ~0u;
        d[l] = lane_popcount(s0[l] & before) + s1[l];
    }
    valu_end(&v, w, inst, VT_U32);
}

VALU_HANDLER(v_mbcnt_lo_u32_b32)
{
    mbcnt(w, inst, false);
}

VALU_HANDLER(v_mbcnt_hi_u32_b32)
{
    mbcnt(w, inst, true);
}

/** The fraction bits of 2 / pi, most significant first. */
enum { TWO_OVER_PI_WORDS = 19 };
static const uint64_t two_over_pi[TWO_OVER_PI_WORDS] = {
    0xa2f9836e4e441529, 0xfc2757d1f534ddc0, 0xdb6295993c439041, 0xfe5163abdebbc561,
    0xb7246e3a424dd2e0, 0x06492eea09d1921c, 0xfe1deb1cb129a73e, 0xe88235f52ebb4484,
    0xe99c7026b45f7e41, 0x3991d639835339f4, 0x9c845f8bbdf9283b, 0x1ff897ffde05980f,
    0xef2f118b5a0a6d1f, 0x6d367ecf27cb09b7, 0x4f463f669e5fea2d, 0x7527bac7ebe5f17b,
    0x3d0739f78a5292ea, 0x6bfb5fb11f8d5d08, 0x56033046fc7b6bab,
};

/** 53 bits of 2 / pi for the reduction of @x: segment @segment after those that the exponent skips.
 */
static double trig_preop(double x, uint32_t segment)
{
    unsigned exponent = lane_u64(x) >> 52 & 0x7ff;
    unsigned shift = (segment & 31) * 53 + (exponent > 1077 ? exponent - 1077 : 0);
    unsigned word = shift / 64, rest = shift % 64;
    uint64_t bits = 0;

    /* Far beyond the exponents of doubles that v_trig_preop_f64 is meant for there are no more
     * bits. */
    if (word < TWO_OVER_PI_WORDS - 1)
        bits = rest ? two_over_pi[word] << rest | two_over_pi[word + 1] >> (64 - rest)
                    : two_over_pi[word];
    bits >>= 64 - 53;
    return __builtin_scalbn((double)bits, -53 - (int)shift + (exponent >= 1968 ? 128 : 0));
}

VALU_HANDLER(v_trig_preop_f64)
{
    struct valu v;

    valu_begin(&v, w, inst, VALU_TYPES(VT_F64, VT_F64, VT_U32, 0));
    const uint32_t *s0 = v.src[0], *s1 = v.src[1];
    uint32_t *d = v.dst;
    for (unsigned l = 0; l < 64; l++)
        ST_F64(d, trig_preop(LD_F64(s0), s1[l]));
    valu_end(&v, w, inst, VT_F64);
}
