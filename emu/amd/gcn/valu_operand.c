// SPDX-License-Identifier: Apache-2.0
/*
 * Vector ALU: what is not the usual case. Scalar operands become rows; SDWA, DPP, op_sel, neg, abs
 * and the MODE register change rows before an operation, omod, clamp and SDWA after it; EXEC
 * decides which lanes of the result are written.
 */
#include "valu.h"

#include <fenv.h>
#if defined(__AVX2__)
#include <immintrin.h>
#elif defined(__SSE2__)
#include <emmintrin.h>
#endif

void VALU_FN(valu_expand)(uint64_t mask, uint32_t *row)
{
    uint32_t low = (uint32_t)mask, high = (uint32_t)(mask >> 32);

    for (unsigned l = 0; l < 32; l++)
        row[l] = -(low >> l & 1);
    for (unsigned l = 0; l < 32; l++)
        row[l + 32] = -(high >> l & 1);
}

uint64_t VALU_FN(valu_pack)(const uint32_t *row)
{
    uint64_t mask = 0;

#if defined(__AVX2__)
    for (unsigned l = 0; l < 64; l += 8) {
        __m256 v = _mm256_loadu_ps((const float *)(row + l));
        mask |= (uint64_t)(uint32_t)_mm256_movemask_ps(v) << l;
    }
#elif defined(__SSE2__)
    for (unsigned l = 0; l < 64; l += 4) {
        __m128 v = _mm_loadu_ps((const float *)(row + l));
        mask |= (uint64_t)(uint32_t)_mm_movemask_ps(v) << l;
    }
#else
    for (unsigned l = 0; l < 64; l++)
        mask |= (uint64_t)(row[l] >> 31) << l;
#endif
    return mask;
}

/** The inline constants 240..248 (0.5 -0.5 1 -1 2 -2 4 -4 1/(2 pi)) in half precision. */
static const uint16_t half_constants[] = {0x3800, 0xb800, 0x3c00, 0xbc00, 0x4000,
                                          0xc000, 0x4400, 0xc400, 0x3118};

uint64_t VALU_FN(valu_scalar)(const struct gcn_wave *w, const struct gcn_inst *inst, unsigned code,
                              unsigned type)
{
    if ((type & VT_WIDTH) == VT_W64) {
        if (code != GCN_SRC_LITERAL)
            return gcn_scalar64(w, inst, code);
        if (type & VT_ARITH)
            return (uint64_t)inst->literal << 32;
        return type & VT_SIGNED ? (uint64_t)(int64_t)(int32_t)inst->literal : inst->literal;
    }
    if ((type & VT_WIDTH) == VT_W16 && code >= 240 && code <= GCN_SRC_CONSTANT_LAST)
        return half_constants[code - 240];
    return gcn_scalar32(w, inst, code);
}

const uint32_t *VALU_FN(valu_splat)(const struct gcn_wave *w, const struct gcn_inst *inst,
                                    unsigned code, unsigned type, uint32_t *row)
{
    if ((type & VT_WIDTH) == VT_W64) {
        uint64_t value = VALU_FN(valu_scalar)(w, inst, code, type);
        uint32_t low = (uint32_t)value, high = (uint32_t)(value >> 32);

        for (unsigned l = 0; l < 64; l++)
            row[l] = low;
        for (unsigned l = 64; l < 128; l++)
            row[l] = high;
    } else {
        uint32_t value = (uint32_t)VALU_FN(valu_scalar)(w, inst, code, type);

        for (unsigned l = 0; l < 64; l++)
            row[l] = value;
    }
    return row;
}

int VALU_FN(valu_set_rounding)(uint32_t bits)
{
    static const int modes[] = {FE_TONEAREST, FE_UPWARD, FE_DOWNWARD, FE_TOWARDZERO};
    int before = fegetround();

    fesetround(modes[bits & 3]);
    return before;
}

void VALU_FN(valu_restore_rounding)(struct valu *v)
{
    if (v->rounding >= 0)
        fesetround(v->rounding);
    v->rounding = -1;
}

/** Lane that lane @l reads under DPP control @ctrl, or -1 if that is outside. */
static int dpp_lane(unsigned ctrl, unsigned l)
{
    unsigned row = l & ~15u, in_row = l & 15;

    if (ctrl <= 0xff) /* quad_perm */
        return (int)((l & ~3u) | (ctrl >> (2 * (l & 3)) & 3));
    switch (ctrl & ~15u) {
    case 0x100: /* row_shl */
        return in_row + (ctrl & 15) < 16 ? (int)(l + (ctrl & 15)) : -1;
    case 0x110: /* row_shr */
        return in_row >= (ctrl & 15) ? (int)(l - (ctrl & 15)) : -1;
    case 0x120: /* row_ror */
        return (int)(row | ((in_row - (ctrl & 15)) & 15));
    }
    switch (ctrl) {
    case 0x130: /* wave_shl:1 */
        return l < 63 ? (int)l + 1 : -1;
    case 0x134: /* wave_rol:1 */
        return (int)((l + 1) & 63);
    case 0x138: /* wave_shr:1 */
        return (int)l - 1;
    case 0x13c: /* wave_ror:1 */
        return (int)((l - 1) & 63);
    case 0x140: /* row_mirror */
        return (int)(row | (15 - in_row));
    case 0x141: /* row_half_mirror */
        return (int)((l & ~7u) | (7 - (l & 7)));
    case 0x142: /* row_bcast:15: the last lane of the row before */
        return (int)row - 1;
    case 0x143: /* row_bcast:31: lane 31 in the upper half */
        return l >= 32 ? 31 : -1;
    }
    return -2;
}

/** Permutes @from into @to, and takes the lanes that DPP disables out of v->exec. A lane that is
 * outside or inactive reads as 0 with bound_ctrl, else the reader is disabled. */
static void apply_dpp(struct valu *v, struct gcn_wave *w, const struct gcn_inst *inst,
                      const uint32_t *from, uint32_t *to, unsigned rows)
{
    uint64_t exec = gcn_exec(w), disabled = 0;

    for (unsigned l = 0; l < 64; l++) {
        int source = dpp_lane(inst->dpp_ctrl, l);
        bool valid = source >= 0 && (exec >> source & 1);

        if (source == -2) {
            gcn_fault_illegal(w, inst);
            return;
        }
        to[l] = valid ? from[source] : 0;
        if (rows == 2)
            to[l + 64] = valid ? from[source + 64] : 0;
        if (!(valid || inst->dpp_bound_ctrl) || !(inst->dpp_row_mask >> (l >> 4) & 1) ||
            !(inst->dpp_bank_mask >> (l >> 2 & 3) & 1))
            disabled |= 1ull << l;
    }
    v->exec &= ~disabled;
}

/** Selects the part of each lane that SDWA names (0..3 byte, 4..5 word, 6 all). */
static void select_part(uint32_t *row, unsigned part, bool sign)
{
    unsigned shift = part < 4 ? 8 * part : 16 * (part & 1), bits = part < 4 ? 8 : 16;

    if (part >= 6)
        return;
    for (unsigned l = 0; l < 64; l++) {
        uint32_t x = row[l] >> shift << (32 - bits);
        row[l] = sign ? (uint32_t)((int32_t)x >> (32 - bits)) : x >> (32 - bits);
    }
}

/** @from with signs changed, in @to, which may be the same. */
static void apply_signs(const uint32_t *from, uint32_t *to, unsigned type, bool neg, bool abs)
{
    uint32_t bit = (type & VT_WIDTH) == VT_W16 ? 0x8000 : 0x80000000;
    uint32_t clear = abs ? bit : 0, flip = neg ? bit : 0;

    if ((type & VT_WIDTH) == VT_W64) {
        if (from != to)
            memcpy(to, from, 256);
        from += 64;
        to += 64;
    }
    for (unsigned l = 0; l < 64; l++)
        to[l] = (from[l] & ~clear) ^ flip;
}

/** Flushes the denormals of a row (a double: two rows) to 0 of their sign. */
static void flush_row(uint32_t *row, unsigned type)
{
    switch (type & VT_WIDTH) {
    case VT_W16:
        for (unsigned l = 0; l < 64; l++)
            row[l] = lane_flush_low_half(row[l]);
        break;
    case VT_W32:
        for (unsigned l = 0; l < 64; l++)
            row[l] = lane_flush_u32(row[l]);
        break;
    default:
        for (unsigned l = 0; l < 64; l++) {
            bool normal = row[l + 64] & 0x7ff00000;

            row[l] = normal ? row[l] : 0;
            row[l + 64] = normal ? row[l + 64] : row[l + 64] & 0x80000000;
        }
    }
}

/** Whether MODE keeps denormals of an operand of @type, or of a result. */
static bool keeps_denormals(const struct gcn_wave *w, unsigned type, bool result)
{
    unsigned single = result ? VALU_DENORM32_OUT : VALU_DENORM32_IN;
    unsigned others = result ? VALU_DENORM64_OUT : VALU_DENORM64_IN;

    if (!(type & VT_ARITH))
        return true;
    return w->mode & ((type & VT_WIDTH) == VT_W32 ? single : others);
}

/** Finds a source and applies all its modifiers; a register without any is read where it is. */
static void modify_source(struct valu *v, struct gcn_wave *w, const struct gcn_inst *inst,
                          unsigned n, unsigned type)
{
    unsigned code = inst->src[n], rows = (type & VT_WIDTH) == VT_W64 ? 2 : 1;
    bool sdwa = n < 2 && (inst->mods & GCN_MOD_SDWA) && inst->sdwa_sel[n] < 6;
    bool upper = (type & VT_WIDTH) == VT_W16 && (inst->op_sel >> n & 1);
    bool signs = (type & VT_SIGNS) && ((inst->neg | inst->abs) >> n & 1);
    bool flush = !keeps_denormals(w, type, false);
    uint32_t *row = v->row[n];
    const uint32_t *from = row;

    if (code < GCN_SRC_VGPR) {
        VALU_FN(valu_splat)(w, inst, code, type, row);
    } else {
        from = w->vgpr[code - GCN_SRC_VGPR];
        if (n == 0 && (inst->mods & GCN_MOD_DPP)) {
            apply_dpp(v, w, inst, from, row, rows);
            from = row;
        } else if (sdwa || upper || flush) {
            memcpy(row, from, rows * 256);
            from = row;
        }
    }
    if (sdwa)
        select_part(row, inst->sdwa_sel[n], inst->sdwa_sext >> n & 1);
    else if (upper)
        select_part(row, 5, false);
    if (signs) {
        apply_signs(from, row, type, inst->neg >> n & 1, inst->abs >> n & 1);
        from = row;
    }
    if (flush)
        flush_row(row, type);
    v->src[n] = from;
}

static void begin_rounding(struct valu *v, const struct gcn_wave *w, unsigned type)
{
    uint32_t bits = 0;

    if ((type & 0xf) == VT_F32)
        bits = w->mode & GCN_MODE_ROUND32;
    else if (type & VT_ARITH)
        bits = (w->mode & GCN_MODE_ROUND64) >> 2;
    v->rounding = bits ? VALU_FN(valu_set_rounding)(bits) : -1;
}

/** True if nothing happens to the result of @type after the operation. */
static bool result_is_final(const struct gcn_wave *w, const struct gcn_inst *inst, unsigned type)
{
    if ((inst->mods & (GCN_MOD_CLAMP | GCN_MOD_SDWA | GCN_MOD_DPP)) || inst->omod ||
        (inst->op_sel & 8) || (type & VT_KEEP))
        return false;
    return keeps_denormals(w, type, true);
}

void VALU_FN(valu_modify)(struct valu *v, struct gcn_wave *w, const struct gcn_inst *inst,
                          uint32_t types)
{
    v->modified = true;
    v->exec = gcn_exec(w);
    v->reg = inst->dst;
    for (unsigned n = 0; n < 3; n++) {
        unsigned type = types >> (8 * n + 8) & 0xff;

        if (type)
            modify_source(v, w, inst, n, type);
    }
    begin_rounding(v, w, types & 0xff);
    v->direct = v->exec == ~0ull && v->rounding < 0 && result_is_final(w, inst, types & 0xff);
    v->dst = v->direct ? w->vgpr[v->reg] : v->out;
}

void VALU_FN(valu_modify_packed)(struct valu *v, struct gcn_wave *w, const struct gcn_inst *inst,
                                 unsigned sources, uint32_t types)
{
    v->modified = true;
    v->direct = false;
    v->dst = v->out;
    v->exec = gcn_exec(w);
    v->reg = inst->dst;
    for (unsigned n = 0; n < sources; n++) {
        unsigned type = types >> (8 * n + 8) & 0xff, code = inst->src[n];
        unsigned low = inst->op_sel >> n & 1 ? 16 : 0, high = inst->op_sel_hi >> n & 1 ? 16 : 0;
        uint32_t flip = (inst->neg >> n & 1 ? 0x8000 : 0) | (inst->abs >> n & 1 ? 0x80000000 : 0);
        uint32_t *row = v->row[n];

        v->src[n] = row;
        if (code < GCN_SRC_VGPR)
            VALU_FN(valu_splat)(w, inst, code, type, row);
        else
            memcpy(row, w->vgpr[code - GCN_SRC_VGPR], 256);
        if ((type & VT_WIDTH) == VT_W16) {
            if (!(type & VT_SIGNS))
                flip = 0;
            for (unsigned l = 0; l < 64; l++)
                row[l] = ((row[l] >> low & 0xffff) | row[l] >> high << 16) ^ flip;
            if (!keeps_denormals(w, type, false))
                for (unsigned l = 0; l < 64; l++)
                    row[l] = lane_flush_high_half(lane_flush_low_half(row[l]));
        } else if (type & VT_SIGNS) {
            apply_signs(row, row, type, inst->neg >> n & 1, false);
        }
    }
    begin_rounding(v, w, types & 0xff);
}

/** omod and clamp of one value; @dx10 is MODE's bit: a NaN is clamped to 0. */
static float output_f32(float x, unsigned omod, bool clamp, bool dx10)
{
    static const float factors[] = {1, 2, 4, 0.5f};

    if (omod)
        x = x * factors[omod & 3] + 0.0f; /* -0 becomes +0 */
    return clamp ? lane_clamp01(x, dx10 ? 0 : x) : x;
}

static void modify_result(struct valu *v, const struct gcn_wave *w, const struct gcn_inst *inst,
                          unsigned type)
{
    bool clamp = inst->mods & GCN_MOD_CLAMP, dx10 = w->mode & GCN_MODE_DX10_CLAMP;
    bool is_f32 = (type & 0xf) == VT_F32, denormals = keeps_denormals(w, type, true);
    unsigned omod = denormals ? 0 : inst->omod; /* the hardware's rule: denormals switch omod off */

    for (unsigned l = 0; l < 64 && (omod || clamp); l++) {
        if (is_f32) {
            v->out[l] = lane_u32(output_f32(lane_f32(v->out[l]), omod, clamp, dx10));
        } else if ((type & VT_WIDTH) == VT_W16) {
            v->out[l] = lane_to_f16(output_f32(lane_from_f16(v->out[l]), omod, clamp, dx10));
        } else {
            static const double factors[] = {1, 2, 4, 0.5};
            double x = lane_f64(v->out[l] | (uint64_t)v->out[l + 64] << 32) * factors[omod & 3];

            if (clamp)
                x = x != x ? (dx10 ? 0 : x) : x <= 0 ? 0 : x > 1 ? 1 : x;
            v->out[l] = (uint32_t)lane_u64(x);
            v->out[l + 64] = lane_u64(x) >> 32;
        }
    }
    if (!denormals)
        flush_row(v->out, type);
}

/** Puts the result into the part of the destination that SDWA names. */
static void place_sdwa(struct valu *v, const uint32_t *dst, const struct gcn_inst *inst)
{
    unsigned part = inst->sdwa_dst_sel, shift = part < 4 ? 8 * part : 16 * (part & 1);
    uint32_t field = part < 4 ? 0xff : 0xffff, sign = part < 4 ? 0x80 : 0x8000;

    if (part >= 6)
        return;
    for (unsigned l = 0; l < 64; l++) {
        uint32_t x = v->out[l] & field, r = x << shift;

        if (inst->sdwa_dst_unused == 1)
            r = ((x ^ sign) - sign) << shift;
        else if (inst->sdwa_dst_unused == 2)
            r |= dst[l] & ~(field << shift);
        v->out[l] = r;
    }
}

/** Puts a 16-bit result into the half that op_sel names, keeping the other. */
static void place_half(struct valu *v, const uint32_t *dst, bool high)
{
    for (unsigned l = 0; l < 64; l++)
        v->out[l] = high ? (dst[l] & 0xffff) | v->out[l] << 16
                         : (dst[l] & 0xffff0000) | (v->out[l] & 0xffff);
}

static void blend(uint32_t *restrict dst, const uint32_t *restrict from, uint64_t exec)
{
    uint32_t low = (uint32_t)exec, high = (uint32_t)(exec >> 32);

    for (unsigned l = 0; l < 32; l++)
        dst[l] = low >> l & 1 ? from[l] : dst[l];
    for (unsigned l = 0; l < 32; l++)
        dst[l + 32] = high >> l & 1 ? from[l + 32] : dst[l + 32];
}

void VALU_FN(valu_finish)(struct valu *v, struct gcn_wave *w, const struct gcn_inst *inst,
                          unsigned type)
{
    uint32_t *dst = w->vgpr[v->reg];

    if (v->modified) {
        VALU_FN(valu_restore_rounding)(v);
        if (type & VT_ARITH)
            modify_result(v, w, inst, type);
        if (inst->mods & GCN_MOD_SDWA)
            place_sdwa(v, dst, inst);
    }
    if ((type & VT_KEEP) || ((type & VT_WIDTH) == VT_W16 && (inst->op_sel & 8)))
        place_half(v, dst, inst->op_sel & 8);
    blend(dst, v->out, v->exec);
    if ((type & VT_WIDTH) == VT_W64)
        blend(dst + 64, v->out + 64, v->exec);
}
