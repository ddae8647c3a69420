// SPDX-License-Identifier: Apache-2.0
/*
 * Scalar ALU and program control: SOP1, SOP2, SOPC, SOPK, SOPP. Semantics as in "AMD Vega 7nm
 * Instruction Set Architecture", chapter "Instructions". One line an opcode where its result is an
 * expression of its operands; SCC is set as the third column says.
 */
#include "wave.h"

#define HANDLER(name) static void name(struct gcn_wave *w, const struct gcn_inst *inst)

static inline uint32_t src32(const struct gcn_wave *w, const struct gcn_inst *inst, unsigned n)
{
    return gcn_scalar32(w, inst, inst->src[n]);
}

static inline uint64_t src64(const struct gcn_wave *w, const struct gcn_inst *inst, unsigned n)
{
    const unsigned code = inst->src[n];

    return code < GCN_CONSTANTS ? gcn_sgpr64(w, code) : gcn_scalar64(w, inst, code);
}

/* The same for a signed operation: a literal is sign-extended. */
static inline int64_t src64_signed(const struct gcn_wave *w, const struct gcn_inst *inst,
                                   unsigned n)
{
    return inst->src[n] == GCN_SRC_LITERAL ? (int32_t)inst->literal : (int64_t)src64(w, inst, n);
}

/* What becomes of SCC: nothing, or whether the result is not zero, or an expression of a, b, d. */
#define KEEP    w->scc
#define NONZERO (d != 0)

#define UNARY(name, dtype, stype, set, expr, scc_expr)                                             \
    HANDLER(name)                                                                                  \
    {                                                                                              \
        const stype a = stype##_source(w, inst, 0);                                                \
        const dtype d = (expr);                                                                    \
                                                                                                   \
        w->scc = (scc_expr);                                                                       \
        set(w, inst->dst, d);                                                                      \
    }
#define BINARY(name, dtype, stype, btype, set, expr, scc_expr)                                     \
    HANDLER(name)                                                                                  \
    {                                                                                              \
        const stype a = stype##_source(w, inst, 0);                                                \
        const btype b = btype##_source(w, inst, 1);                                                \
        const dtype d = (expr);                                                                    \
                                                                                                   \
        w->scc = (scc_expr);                                                                       \
        set(w, inst->dst, d);                                                                      \
    }
#define uint32_t_source src32
#define int32_t_source  (int32_t) src32
#define uint64_t_source src64
#define int64_t_source  src64_signed

static inline void set32(struct gcn_wave *w, unsigned n, uint32_t value)
{
    w->sgpr[n] = value;
}

#define U32(name, expr, scc)    UNARY(name, uint32_t, uint32_t, set32, expr, scc)
#define U64(name, expr, scc)    UNARY(name, uint64_t, uint64_t, gcn_set_sgpr64, expr, scc)
#define U32_64(name, expr, scc) UNARY(name, uint32_t, uint64_t, set32, expr, scc)
#define B32(name, expr, scc)    BINARY(name, uint32_t, uint32_t, uint32_t, set32, expr, scc)
#define I32(name, expr, scc)    BINARY(name, int32_t, int32_t, int32_t, set32, expr, scc)
#define B64(name, expr, scc)    BINARY(name, uint64_t, uint64_t, uint64_t, gcn_set_sgpr64, expr, scc)
#define B64_32(name, expr, scc)                                                                    \
    BINARY(name, uint64_t, uint64_t, uint32_t, gcn_set_sgpr64, expr, scc)

/* Bit tricks */

static uint64_t whole_quads(uint64_t a)
{
    uint64_t any = (a | a >> 1 | a >> 2 | a >> 3) & 0x1111111111111111;

    return any * 15;
}

static uint64_t quad_mask(uint64_t a)
{
    uint64_t mask = 0;

    for (unsigned i = 0; i < 16; i++)
        mask |= (uint64_t)((a >> i * 4 & 15) != 0) << i;
    return mask;
}

static uint32_t reverse32(uint32_t a)
{
    a = (a >> 1 & 0x55555555) | (a & 0x55555555) << 1;
    a = (a >> 2 & 0x33333333) | (a & 0x33333333) << 2;
    a = (a >> 4 & 0x0f0f0f0f) | (a & 0x0f0f0f0f) << 4;
    return __builtin_bswap32(a);
}

static uint64_t reverse64(uint64_t a)
{
    return (uint64_t)reverse32((uint32_t)a) << 32 | reverse32(a >> 32);
}

static uint64_t replicate(uint32_t a)
{
    uint64_t d = 0;

    for (unsigned i = 0; i < 32; i++)
        d |= (uint64_t)(a >> i & 1) * 3 << i * 2;
    return d;
}

/* Position of the first one counted from bit 0 / from the top bit; -1: there is none. */
static uint32_t first_one(uint64_t a)
{
    return a ? (uint32_t)__builtin_ctzll(a) : ~0u;
}

static uint32_t first_one_from_top(uint64_t a, unsigned width)
{
    return a ? (uint32_t)__builtin_clzll(a) - (64 - width) : ~0u;
}

/* Bit field of @a: offset and width come in one operand. */
static uint64_t field(uint64_t a, uint32_t offset, uint32_t width)
{
    a >>= offset;
    return width >= 64 ? a : a & ((1ull << width) - 1);
}

static int64_t field_signed(int64_t a, uint32_t offset, uint32_t width)
{
    a >>= offset;
    if (width == 0)
        return 0;
    return width >= 64 ? a : (int64_t)((uint64_t)a << (64 - width)) >> (64 - width);
}

static uint64_t ones(uint32_t count)
{
    return (1ull << count) - 1;
}

/* SOP1 */

U32(s_mov_b32, a, KEEP)
U64(s_mov_b64, a, KEEP)
U32(s_not_b32, ~a, NONZERO)
U64(s_not_b64, ~a, NONZERO)
U32(s_wqm_b32, (uint32_t)whole_quads(a), NONZERO)
U64(s_wqm_b64, whole_quads(a), NONZERO)
U32(s_brev_b32, reverse32(a), KEEP)
U64(s_brev_b64, reverse64(a), KEEP)
U32(s_bcnt0_i32_b32, 32 - __builtin_popcount(a), NONZERO)
U32_64(s_bcnt0_i32_b64, 64 - __builtin_popcountll(a), NONZERO)
U32(s_bcnt1_i32_b32, __builtin_popcount(a), NONZERO)
U32_64(s_bcnt1_i32_b64, __builtin_popcountll(a), NONZERO)
U32(s_ff0_i32_b32, first_one((uint32_t)~a), KEEP)
U32_64(s_ff0_i32_b64, first_one(~a), KEEP)
U32(s_ff1_i32_b32, first_one(a), KEEP)
U32_64(s_ff1_i32_b64, first_one(a), KEEP)
U32(s_flbit_i32_b32, first_one_from_top(a, 32), KEEP)
U32_64(s_flbit_i32_b64, first_one_from_top(a, 64), KEEP)
U32(s_flbit_i32, first_one_from_top(a ^ (uint32_t)((int32_t)a >> 31), 32), KEEP)
U32_64(s_flbit_i32_i64, first_one_from_top(a ^ (uint64_t)((int64_t)a >> 63), 64), KEEP)
U32(s_sext_i32_i8, (uint32_t)(int8_t)a, KEEP)
U32(s_sext_i32_i16, (uint32_t)(int16_t)a, KEEP)
U32(s_quadmask_b32, (uint32_t)quad_mask(a), NONZERO)
U64(s_quadmask_b64, quad_mask(a), NONZERO)
U32(s_abs_i32, (int32_t)a < 0 ? -a : a, NONZERO)
UNARY(s_bitreplicate_b64_b32, uint64_t, uint32_t, gcn_set_sgpr64, replicate(a), KEEP)
U32(s_bitset0_b32, w->sgpr[inst->dst] & ~(1u << (a & 31)), KEEP)
U32(s_bitset1_b32, w->sgpr[inst->dst] | 1u << (a & 31), KEEP)
UNARY(s_bitset0_b64, uint64_t, uint32_t, gcn_set_sgpr64,
      gcn_sgpr64(w, inst->dst) & ~(1ull << (a & 63)), KEEP)
UNARY(s_bitset1_b64, uint64_t, uint32_t, gcn_set_sgpr64,
      gcn_sgpr64(w, inst->dst) | 1ull << (a & 63), KEEP)

HANDLER(s_cmov_b32)
{
    if (w->scc)
        w->sgpr[inst->dst] = src32(w, inst, 0);
}

HANDLER(s_cmov_b64)
{
    if (w->scc)
        gcn_set_sgpr64(w, inst->dst, src64(w, inst, 0));
}

/* EXEC = expression of the operand (a) and EXEC (e); the old EXEC goes to the destination, or with
 * wrexec the new one. */
#define SAVEEXEC(name, expr, saved)                                                                \
    HANDLER(name)                                                                                  \
    {                                                                                              \
        const uint64_t a = src64(w, inst, 0), e = gcn_exec(w), d = (expr);                         \
                                                                                                   \
        gcn_set_sgpr64(w, inst->dst, saved);                                                       \
        gcn_set_sgpr64(w, GCN_EXEC, d);                                                            \
        w->scc = d != 0;                                                                           \
    }
// clang-format off
SAVEEXEC(s_and_saveexec_b64, a & e, e)
SAVEEXEC(s_or_saveexec_b64, a | e, e)
SAVEEXEC(s_xor_saveexec_b64, a ^ e, e)
SAVEEXEC(s_andn2_saveexec_b64, a & ~e, e)
SAVEEXEC(s_orn2_saveexec_b64, a | ~e, e)
SAVEEXEC(s_nand_saveexec_b64, ~(a & e), e)
SAVEEXEC(s_nor_saveexec_b64, ~(a | e), e)
SAVEEXEC(s_xnor_saveexec_b64, ~(a ^ e), e)
SAVEEXEC(s_andn1_saveexec_b64, ~a & e, e)
SAVEEXEC(s_orn1_saveexec_b64, ~a | e, e)
SAVEEXEC(s_andn1_wrexec_b64, ~a & e, d)
SAVEEXEC(s_andn2_wrexec_b64, a & ~e, d)
// clang-format on

/* Relative moves: M0 is added to a register number. */
static bool relative(struct gcn_wave *w, const struct gcn_inst *inst, unsigned base, unsigned size,
                     unsigned *at)
{
    const uint64_t n = (uint64_t)base + w->sgpr[GCN_M0];

    *at = (unsigned)n;
    if (n + size <= GCN_SGPRS)
        return true;
    gcn_fault_illegal(w, inst);
    return false;
}

HANDLER(s_movrels_b32)
{
    unsigned at;

    if (relative(w, inst, inst->src[0], 1, &at))
        w->sgpr[inst->dst] = w->sgpr[at];
}

HANDLER(s_movrels_b64)
{
    unsigned at;

    if (relative(w, inst, inst->src[0], 2, &at))
        gcn_set_sgpr64(w, inst->dst, gcn_sgpr64(w, at));
}

HANDLER(s_movreld_b32)
{
    unsigned at;

    if (relative(w, inst, inst->dst, 1, &at))
        w->sgpr[at] = src32(w, inst, 0);
}

HANDLER(s_movreld_b64)
{
    unsigned at;

    if (relative(w, inst, inst->dst, 2, &at))
        gcn_set_sgpr64(w, at, src64(w, inst, 0));
}

HANDLER(s_getpc_b64)
{
    gcn_set_sgpr64(w, inst->dst, w->pc);
}

HANDLER(s_setpc_b64)
{
    w->pc = src64(w, inst, 0) & ~3ull;
}

HANDLER(s_swappc_b64)
{
    const uint64_t target = src64(w, inst, 0) & ~3ull;

    gcn_set_sgpr64(w, inst->dst, w->pc);
    w->pc = target;
}

/* VGPR indexing: mode bit, index in M0 bits 7:0, what it applies to in M0 bits 15:12. */

HANDLER(s_set_gpr_idx_on)
{
    w->sgpr[GCN_M0] =
        (w->sgpr[GCN_M0] & ~0xf0ffu) | (src32(w, inst, 0) & 0xff) | (inst->src[1] & 15u) << 12;
    w->mode |= GCN_MODE_GPR_IDX;
}

HANDLER(s_set_gpr_idx_off)
{
    w->mode &= ~GCN_MODE_GPR_IDX;
}

HANDLER(s_set_gpr_idx_mode)
{
    w->sgpr[GCN_M0] = (w->sgpr[GCN_M0] & ~0xf000u) | (inst->imm & 15u) << 12;
}

HANDLER(s_set_gpr_idx_idx)
{
    w->sgpr[GCN_M0] = (w->sgpr[GCN_M0] & ~0xffu) | (src32(w, inst, 0) & 0xff);
}

/* SOP2 */

// clang-format off
B32(s_add_u32, a + b, d < a)
B32(s_sub_u32, a - b, b > a)
B32(s_add_i32, a + b, (~(a ^ b) & (a ^ d)) >> 31)
B32(s_sub_i32, a - b, ((a ^ b) & (a ^ d)) >> 31)
B32(s_addc_u32, a + b + w->scc, ((uint64_t)a + b + w->scc) >> 32 != 0)
B32(s_subb_u32, a - b - w->scc, (uint64_t)b + w->scc > a)
I32(s_min_i32, a < b ? a : b, a < b)
B32(s_min_u32, a < b ? a : b, a < b)
I32(s_max_i32, a > b ? a : b, a > b)
B32(s_max_u32, a > b ? a : b, a > b)
B32(s_cselect_b32, w->scc ? a : b, KEEP)
B64(s_cselect_b64, w->scc ? a : b, KEEP)
B32(s_and_b32, a & b, NONZERO)
B64(s_and_b64, a & b, NONZERO)
B32(s_or_b32, a | b, NONZERO)
B64(s_or_b64, a | b, NONZERO)
B32(s_xor_b32, a ^ b, NONZERO)
B64(s_xor_b64, a ^ b, NONZERO)
B32(s_andn2_b32, a & ~b, NONZERO)
B64(s_andn2_b64, a & ~b, NONZERO)
B32(s_orn2_b32, a | ~b, NONZERO)
B64(s_orn2_b64, a | ~b, NONZERO)
B32(s_nand_b32, ~(a & b), NONZERO)
B64(s_nand_b64, ~(a & b), NONZERO)
B32(s_nor_b32, ~(a | b), NONZERO)
B64(s_nor_b64, ~(a | b), NONZERO)
B32(s_xnor_b32, ~(a ^ b), NONZERO)
B64(s_xnor_b64, ~(a ^ b), NONZERO)
B32(s_lshl_b32, a << (b & 31), NONZERO)
B64_32(s_lshl_b64, a << (b & 63), NONZERO)
B32(s_lshr_b32, a >> (b & 31), NONZERO)
B64_32(s_lshr_b64, a >> (b & 63), NONZERO)
I32(s_ashr_i32, a >> (b & 31), NONZERO)
BINARY(s_ashr_i64, uint64_t, int64_t, uint32_t, gcn_set_sgpr64, (uint64_t)(a >> (b & 63)), NONZERO)
B32(s_bfm_b32, (uint32_t)(ones(a & 31) << (b & 31)), KEEP)
BINARY(s_bfm_b64, uint64_t, uint32_t, uint32_t, gcn_set_sgpr64, ones(a & 63) << (b & 63), KEEP)
B32(s_mul_i32, a * b, KEEP)
B32(s_bfe_u32, (uint32_t)field(a, b & 31, b >> 16 & 127), NONZERO)
I32(s_bfe_i32, (int32_t)field_signed(a, b & 31, b >> 16 & 127), NONZERO)
B64_32(s_bfe_u64, field(a, b & 63, b >> 16 & 127), NONZERO)
BINARY(s_bfe_i64, uint64_t, int64_t, uint32_t, gcn_set_sgpr64,
       (uint64_t)field_signed(a, b & 63, b >> 16 & 127), NONZERO)
B32(s_absdiff_i32, (int32_t)(a - b) < 0 ? b - a : a - b, NONZERO)
B32(s_mul_hi_u32, (uint64_t)a * b >> 32, KEEP)
I32(s_mul_hi_i32, (int32_t)((int64_t)a * b >> 32), KEEP)
B32(s_lshl1_add_u32, (a << 1) + b, (((uint64_t)a << 1) + b) >> 32 != 0)
B32(s_lshl2_add_u32, (a << 2) + b, (((uint64_t)a << 2) + b) >> 32 != 0)
B32(s_lshl3_add_u32, (a << 3) + b, (((uint64_t)a << 3) + b) >> 32 != 0)
B32(s_lshl4_add_u32, (a << 4) + b, (((uint64_t)a << 4) + b) >> 32 != 0)
B32(s_pack_ll_b32_b16, (a & 0xffff) | b << 16, KEEP)
B32(s_pack_lh_b32_b16, (a & 0xffff) | (b & 0xffff0000), KEEP)
B32(s_pack_hh_b32_b16, a >> 16 | (b & 0xffff0000), KEEP)
// clang-format on

/* SOPC, and SOPK compares, whose second operand is the constant (sign- or zero-extended) */

#define COMPARE(name, type, op)                                                                    \
    HANDLER(name)                                                                                  \
    {                                                                                              \
        w->scc = type##_source(w, inst, 0) op type##_source(w, inst, 1);                           \
    }
#define COMPARE_K(name, type, ktype, op)                                                           \
    HANDLER(name)                                                                                  \
    {                                                                                              \
        w->scc = (type)w->sgpr[inst->dst] op(type)(ktype) inst->imm;                               \
    }
#define COMPARES(C, suffix, op)                                                                    \
    COMPARE(s_cmp_##C##_i32, int32_t, op)                                                          \
    COMPARE(s_cmp_##C##_u32, uint32_t, op)                                                         \
    COMPARE_K(s_cmpk_##C##_i32, int32_t, int16_t, op)                                              \
    COMPARE_K(s_cmpk_##C##_u32, uint32_t, uint16_t, op)
COMPARES(eq, , ==)
COMPARES(lg, , !=)
COMPARES(gt, , >)
COMPARES(ge, , >=)
COMPARES(lt, , <)
COMPARES(le, , <=)
COMPARE(s_cmp_eq_u64, uint64_t, ==)
COMPARE(s_cmp_lg_u64, uint64_t, !=)

HANDLER(s_bitcmp0_b32)
{
    w->scc = !(src32(w, inst, 0) >> (src32(w, inst, 1) & 31) & 1);
}

HANDLER(s_bitcmp1_b32)
{
    w->scc = src32(w, inst, 0) >> (src32(w, inst, 1) & 31) & 1;
}

HANDLER(s_bitcmp0_b64)
{
    w->scc = !(src64(w, inst, 0) >> (src32(w, inst, 1) & 63) & 1);
}

HANDLER(s_bitcmp1_b64)
{
    w->scc = src64(w, inst, 0) >> (src32(w, inst, 1) & 63) & 1;
}

/* SOPK */

HANDLER(s_movk_i32)
{
    w->sgpr[inst->dst] = inst->imm;
}

HANDLER(s_cmovk_i32)
{
    if (w->scc)
        w->sgpr[inst->dst] = inst->imm;
}

HANDLER(s_addk_i32)
{
    int32_t d;

    w->scc = __builtin_add_overflow((int32_t)w->sgpr[inst->dst], inst->imm, &d);
    w->sgpr[inst->dst] = d;
}

HANDLER(s_mulk_i32)
{
    w->sgpr[inst->dst] *= (uint32_t)inst->imm;
}

HANDLER(s_call_b64)
{
    gcn_set_sgpr64(w, inst->dst, w->pc);
    w->pc += (int64_t)inst->imm * 4;
}

/* Hardware registers, as s_getreg and s_setreg number them. */
enum {
    HWREG_MODE = 1,
    HWREG_STATUS,
    HWREG_TRAPSTS,
    HWREG_HW_ID,
    HWREG_GPR_ALLOC,
    HWREG_LDS_ALLOC,
    HWREG_IB_STS,
    HWREG_SH_MEM_BASES = 15
};

/* Where the wave runs is not the interpreter's business: waves are spread over SIMDs by index. */
static uint32_t hw_id(const struct gcn_wave *w)
{
    return (w->index >> 2 & 15) | (w->index & 3) << 4 | (w->wg->id[0] & 15) << 8;
}

static bool hwreg_read(const struct gcn_wave *w, unsigned id, uint32_t *value)
{
    switch (id) {
    case HWREG_MODE:
        *value = w->mode;
        return true;
    case HWREG_STATUS: /* SCC, EXECZ, VCCZ, in a work-group, valid */
        *value = w->scc | (gcn_exec(w) == 0) << 9 | (gcn_sgpr64(w, GCN_VCC) == 0) << 10 |
                 (w->wg->waves > 1) << 11 | 1 << 16;
        return true;
    case HWREG_TRAPSTS:
    case HWREG_IB_STS:
        *value = 0;
        return true;
    case HWREG_HW_ID:
        *value = hw_id(w);
        return true;
    case HWREG_GPR_ALLOC: /* sizes in granules of 4 VGPRs and 16 SGPRs, less one */
        *value = (w->vgprs / 4 - 1) << 8 | 6u << 24;
        return true;
    case HWREG_LDS_ALLOC: /* size in granules of 512 bytes */
        *value = w->wg->lds_bytes / 512 << 12;
        return true;
    case HWREG_SH_MEM_BASES:
        *value = (uint32_t)(GCN_PRIVATE_APERTURE >> 48 | GCN_SHARED_APERTURE >> 48 << 16);
        return true;
    default:
        return false;
    }
}

static uint32_t hwreg_mask(const struct gcn_inst *inst)
{
    return (uint32_t)ones((inst->imm >> 11 & 31) + 1);
}

HANDLER(s_getreg_b32)
{
    uint32_t value;

    if (hwreg_read(w, inst->imm & 63, &value))
        w->sgpr[inst->dst] = value >> (inst->imm >> 6 & 31) & hwreg_mask(inst);
    else
        gcn_fault_illegal(w, inst);
}

static void setreg(struct gcn_wave *w, const struct gcn_inst *inst, uint32_t value)
{
    const unsigned offset = inst->imm >> 6 & 31;
    const uint32_t mask = hwreg_mask(inst) << offset;

    if ((inst->imm & 63) == HWREG_MODE)
        w->mode = (w->mode & ~mask) | (value << offset & mask);
    else /* the others are read-only without a trap handler's privilege */
        gcn_fault_illegal(w, inst);
}

HANDLER(s_setreg_b32)
{
    setreg(w, inst, w->sgpr[inst->dst]);
}

HANDLER(s_setreg_imm32_b32)
{
    setreg(w, inst, inst->literal);
}

/* SOPP */

HANDLER(do_nothing) {}

HANDLER(s_nop)
{
    gcn_charge(w, (inst->imm & 15) * 4);
}

static void wait_until(struct gcn_wave *w, uint64_t ready)
{
    if (ready > w->cycle)
        w->cycle = ready;
}

HANDLER(s_endpgm)
{
    wait_until(w, w->vm_ready[(w->vm_issued - 1) % 64]); /* what it stored has been accepted */
    w->state = GCN_WAVE_ENDED;
    gcn_leave(w);
}

#define BRANCH(name, condition)                                                                    \
    HANDLER(name)                                                                                  \
    {                                                                                              \
        if (condition)                                                                             \
            w->pc += (int64_t)inst->imm * 4;                                                       \
    }
BRANCH(s_branch, true)
BRANCH(s_cbranch_scc0, !w->scc)
BRANCH(s_cbranch_scc1, w->scc)
BRANCH(s_cbranch_vccz, gcn_sgpr64(w, GCN_VCC) == 0)
BRANCH(s_cbranch_vccnz, gcn_sgpr64(w, GCN_VCC) != 0)
BRANCH(s_cbranch_execz, gcn_exec(w) == 0)
BRANCH(s_cbranch_execnz, gcn_exec(w) != 0)

HANDLER(s_barrier)
{
    if (w->wg->waves == 1)
        return;
    w->state = GCN_WAVE_BARRIER;
    gcn_leave(w);
}

/* Waits until at most so many operations are outstanding. Counts of all ones do not wait. */
HANDLER(s_waitcnt)
{
    const unsigned vm = (inst->imm & 15) | (inst->imm >> 14 & 3) << 4, lgkm = inst->imm >> 8 & 15;

    if (vm < 63)
        wait_until(w, w->vm_ready[(w->vm_issued - 1 - vm) % 64]);
    if (lgkm < 15)
        wait_until(w, w->lgkm_ready[(w->lgkm_issued - 1 - lgkm) % 16]);
}

HANDLER(s_sethalt)
{
    if (inst->imm & 1) /* nobody would ever wake the wave */
        gcn_fault_illegal(w, inst);
}

HANDLER(s_sleep)
{
    w->cycle += (inst->imm & 127) * 64;
}

HANDLER(s_sendmsg)
{
    enum { MSG_INTERRUPT = 1 };

    if ((inst->imm & 15) != MSG_INTERRUPT)
        gcn_fault_illegal(w, inst);
    else if (w->dispatch->interrupt)
        w->dispatch->interrupt(w->dispatch, w->sgpr[GCN_M0]);
}

HANDLER(s_trap)
{
    gcn_fault_raise(w, GCN_FAULT_TRAP, inst->imm & 0xff);
}

#define SALU(format, number, name, D, A, B, flags, cycles, handler)                                \
    {ISA_ID_##name, cycles, handler},
#define REFUSED(...)
const struct gcn_semantics gcn_ops_salu[] = {
#include "isa/gcn/ops_salu.def"
};
const unsigned gcn_ops_salu_count = sizeof(gcn_ops_salu) / sizeof(gcn_ops_salu[0]);
