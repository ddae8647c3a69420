// SPDX-License-Identifier: Apache-2.0
/*
 * Vector ALU: operands, results and the shapes of handlers. Private to valu_*.c and ops_valu*.c.
 *
 * A vector operand is a row of 64 dwords (a 64-bit one is two rows, low halves first, as the
 * register file lies), so a handler is a loop over lanes that the compiler vectorises. valu_begin()
 * finds the rows, valu_end() puts the result where EXEC allows. The usual case (no modifier,
 * default MODE) is inline; everything else (SDWA, DPP, op_sel, neg, abs, omod, clamp, flushed
 * denormals, rounding modes) is done once for all operations by valu_operand.c, by copying rows
 * before and after.
 *
 * All lanes are computed, active or not: no lane operation may trap or have a side effect.
 * The same files are compiled twice (see meson.build); GCN_VALU_SUFFIX keeps the names apart.
 */
#pragma once

#include "wave.h"
#include "valu_lane.h"
#include "valu_lane_bits.h"
#include "valu_lane_divide.h"
#include "valu_lane_math.h"

#include <stddef.h>

#define VALU_PASTE_(a, b) a##b
#define VALU_PASTE(a, b)  VALU_PASTE_(a, b)
/** Name of a function that exists once per build. */
#define VALU_FN(name) VALU_PASTE(gcn_##name, GCN_VALU_SUFFIX)

#if defined(__clang__)
#pragma clang diagnostic ignored "-Wpass-failed" /* not every operation has a vector form */
#define VALU_LOOP(l)                                                                               \
    _Pragma("clang loop vectorize(assume_safety)") for (unsigned l = 0; l < 64; l++)
#else
/* Destination and source rows are the same or apart, and a lane touches its own column only. */
#define VALU_LOOP(l) _Pragma("GCC ivdep") for (unsigned l = 0; l < 64; l++)
#endif
#define VALU_INLINE      static inline __attribute__((always_inline))
#define VALU_UNLIKELY(x) __builtin_expect(!!(x), 0)

/* Operand types. The low bits say how wide, the others what the modifiers do. */
enum {
    VT_W16 = 1,
    VT_W32 = 2,
    VT_W64 = 3,
    VT_WIDTH = 3,
    VT_SIGNS = 4, /* neg and abs act on the sign bit */
    VT_ARITH = 8, /* floating point: flush, rounding, omod and clamp apply */
    VT_KEEP = 16, /* 16-bit result that leaves the other half of the register */
    VT_SIGNED = 32,

    VT_NONE = 0,
    VT_B32 = VT_W32 | VT_SIGNS, /* v_cndmask_b32: bits, but the modifiers work */
    VT_U32 = VT_W32,
    VT_I32 = VT_W32 | VT_SIGNED,
    VT_F32 = VT_W32 | VT_SIGNS | VT_ARITH,
    VT_B16 = VT_W16 | VT_SIGNS,
    VT_B64 = VT_W64 | VT_SIGNS,
    VT_U64 = VT_W64,
    VT_I64 = VT_W64 | VT_SIGNED,
    VT_F64 = VT_W64 | VT_SIGNS | VT_ARITH,
    VT_U16 = VT_W16,
    VT_I16 = VT_W16 | VT_SIGNED,
    VT_F16 = VT_W16 | VT_SIGNS | VT_ARITH,
    VT_E16 = VT_I16,
    VT_E32 = VT_I32,
    VT_U16K = VT_U16 | VT_KEEP,
    VT_I16K = VT_I16 | VT_KEEP,
    VT_F16K = VT_F16 | VT_KEEP,
};
/** Types of an operation in one word: result, then sources 0 to 2. */
#define VALU_TYPES(r, a, b, c)                                                                     \
    ((uint32_t)(r) | (uint32_t)(a) << 8 | (uint32_t)(b) << 16 | (uint32_t)(c) << 24)

#define CT_B32  uint32_t
#define CT_U32  uint32_t
#define CT_I32  int32_t
#define CT_F32  float
#define CT_U64  uint64_t
#define CT_I64  int64_t
#define CT_F64  double
#define CT_B64  double
#define CT_U16  uint16_t
#define CT_I16  int16_t
#define CT_B16  uint16_t
#define CT_F16  float /* half precision is computed in single: see valu_lane.h */
#define CT_E16  CT_I16
#define CT_E32  CT_I32
#define CT_U16K CT_U16
#define CT_I16K CT_I16
#define CT_F16K CT_F16

/* Lane l of row p as the type; and back. */
#define LD_B32(p)    ((p)[l])
#define LD_U32(p)    ((p)[l])
#define LD_I32(p)    ((int32_t)(p)[l])
#define LD_F32(p)    lane_f32((p)[l])
#define LD_U64(p)    ((uint64_t)(p)[l] | (uint64_t)(p)[l + 64] << 32)
#define LD_I64(p)    ((int64_t)LD_U64(p))
#define LD_F64(p)    lane_f64(LD_U64(p))
#define LD_U16(p)    ((uint16_t)(p)[l])
#define LD_I16(p)    ((int16_t)(p)[l])
#define LD_E16(p)    LD_I16(p)
#define LD_E32(p)    LD_I32(p)
#define LD_B16(p)    LD_U16(p)
#define LD_F16(p)    lane_from_f16((p)[l])
#define ST_B32(p, v) ((p)[l] = (v))
#define ST_U32(p, v) ((p)[l] = (uint32_t)(v))
#define ST_I32(p, v) ((p)[l] = (uint32_t)(v))
#define ST_F32(p, v) ((p)[l] = lane_u32(v))
#define ST_U64(p, v)                                                                               \
    do {                                                                                           \
        uint64_t st_ = (uint64_t)(v);                                                              \
        (p)[l] = (uint32_t)st_;                                                                    \
        (p)[l + 64] = (uint32_t)(st_ >> 32);                                                       \
    } while (0)
#define ST_I64(p, v)  ST_U64(p, v)
#define ST_F64(p, v)  ST_U64(p, lane_u64(v))
#define ST_U16(p, v)  ((p)[l] = (uint16_t)(v))
#define ST_I16(p, v)  ((p)[l] = (uint16_t)(v))
#define ST_F16(p, v)  ((p)[l] = lane_to_f16(v))
#define ST_U16K(p, v) ST_U16(p, v)
#define ST_I16K(p, v) ST_I16(p, v)
#define ST_F16K(p, v) ST_F16(p, v)

/** One operation under way. Lives on the handler's stack; the big rows stay untouched unless
 * needed. */
struct valu {
    const uint32_t *src[3]; /* rows of the sources: registers, or row[] */
    uint32_t *dst;          /* where the lanes write: the destination itself, or out[] */
    uint64_t exec;          /* lanes that write */
    uint32_t reg;           /* destination VGPR */
    bool direct;            /* dst is the destination and nothing is left to do */
    bool modified;          /* took the slow path */
    int rounding;           /* the host's rounding mode to go back to, or -1 */
    uint32_t row[3][128] __attribute__((aligned(64)));
    uint32_t out[128] __attribute__((aligned(64)));
};

enum { /* of MODE's denormal fields */
       VALU_DENORM32_IN = 1 << 4,
       VALU_DENORM32_OUT = 1 << 5,
       VALU_DENORM64_IN = 1 << 6, /* also of half precision */
       VALU_DENORM64_OUT = 1 << 7,
};

/** Slow path of valu_begin. */
void VALU_FN(valu_modify)(struct valu *v, struct gcn_wave *w, const struct gcn_inst *inst,
                          uint32_t types);
/** Row of a source that is no VGPR: its value in all lanes of @row. */
const uint32_t *VALU_FN(valu_splat)(const struct gcn_wave *w, const struct gcn_inst *inst,
                                    unsigned code, unsigned type, uint32_t *row);
/** Writes out[] to the destination: output modifiers, SDWA, then the lanes that EXEC allows. */
void VALU_FN(valu_finish)(struct valu *v, struct gcn_wave *w, const struct gcn_inst *inst,
                          unsigned type);
/** Lane mask @mask as a row of 0 and ~0. */
void VALU_FN(valu_expand)(uint64_t mask, uint32_t *row);
/** And back: bit l is the top bit of row[l]. */
uint64_t VALU_FN(valu_pack)(const uint32_t *row);
/** Scalar value of a source code < 256 for an operand of @type. */
uint64_t VALU_FN(valu_scalar)(const struct gcn_wave *w, const struct gcn_inst *inst, unsigned code,
                              unsigned type);
/** Sources of a packed (VOP3P) operation that has modifiers: op_sel, op_sel_hi, neg_lo, neg_hi. */
void VALU_FN(valu_modify_packed)(struct valu *v, struct gcn_wave *w, const struct gcn_inst *inst,
                                 unsigned sources, uint32_t types);
/** Sets the host's rounding mode to MODE's bits (0..3); returns what it was. */
int VALU_FN(valu_set_rounding)(uint32_t bits);
/** Back to the host's rounding mode. */
void VALU_FN(valu_restore_rounding)(struct valu *v);

/* The fields of an instruction that make the slow path, as one little-endian load. */
#define VALU_MODS_OFFSET offsetof(struct gcn_inst, mods)
static_assert(offsetof(struct gcn_inst, neg) == VALU_MODS_OFFSET + 3, "neg follows size");
static_assert(offsetof(struct gcn_inst, op_sel) == VALU_MODS_OFFSET + 6, "abs, omod, op_sel");
static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "little-endian host");
#define VALU_MODS_MASK (0x00ffffffff000000ull | GCN_MOD_CLAMP | GCN_MOD_DPP | GCN_MOD_SDWA)

VALU_INLINE bool valu_has_type(uint32_t types, unsigned type)
{
    return (types & 0xf) == (type & 0xf) || (types >> 8 & 0xf) == (type & 0xf) ||
           (types >> 16 & 0xf) == (type & 0xf) || (types >> 24 & 0xf) == (type & 0xf);
}

/** True if the usual path will not do. @types is constant at every call. */
VALU_INLINE bool valu_is_modified(const struct gcn_wave *w, const struct gcn_inst *inst,
                                  uint32_t types)
{
    uint64_t mods;
    uint32_t mode = 0;

    if (valu_has_type(types, VT_F32))
        mode |= GCN_MODE_ROUND32 | GCN_MODE_DENORM32;
    if (valu_has_type(types, VT_F64) || valu_has_type(types, VT_F16))
        mode |= GCN_MODE_ROUND64 | GCN_MODE_DENORM64;
    memcpy(&mods, (const char *)inst + VALU_MODS_OFFSET, sizeof(mods));
    return (mods & VALU_MODS_MASK) | ((w->mode ^ (GCN_MODE_DENORM32 | GCN_MODE_DENORM64)) & mode);
}

VALU_INLINE const uint32_t *valu_source(struct valu *v, const struct gcn_wave *w,
                                        const struct gcn_inst *inst, unsigned n, unsigned type)
{
    unsigned code = inst->src[n];

    if (code >= GCN_SRC_VGPR)
        return w->vgpr[code - GCN_SRC_VGPR];
    return VALU_FN(valu_splat)(w, inst, code, type, v->row[n]);
}

/** Finds the rows of an operation with the given @types (VALU_TYPES; VT_NONE where there is no
 * source). */
VALU_INLINE void valu_begin(struct valu *v, struct gcn_wave *w, const struct gcn_inst *inst,
                            uint32_t types)
{
    if (VALU_UNLIKELY(valu_is_modified(w, inst, types))) {
        VALU_FN(valu_modify)(v, w, inst, types);
        return;
    }
    v->exec = gcn_exec(w);
    v->modified = false;
    v->reg = inst->dst;
    if (types >> 8 & 0xff)
        v->src[0] = valu_source(v, w, inst, 0, types >> 8 & 0xff);
    if (types >> 16 & 0xff)
        v->src[1] = valu_source(v, w, inst, 1, types >> 16 & 0xff);
    if (types >> 24 & 0xff)
        v->src[2] = valu_source(v, w, inst, 2, types >> 24 & 0xff);
    v->direct = v->exec == ~0ull && !(types & VT_KEEP);
    v->dst = v->direct ? w->vgpr[inst->dst] : v->out;
}

VALU_INLINE void valu_end(struct valu *v, struct gcn_wave *w, const struct gcn_inst *inst,
                          unsigned type)
{
    if (VALU_UNLIKELY(!v->direct))
        VALU_FN(valu_finish)(v, w, inst, type);
}

/** Ends an operation whose result is a lane mask in out[]: returns it. */
VALU_INLINE uint64_t valu_end_mask(struct valu *v)
{
    uint64_t mask = VALU_FN(valu_pack)(v->out) & v->exec;

    if (VALU_UNLIKELY(v->modified))
        VALU_FN(valu_restore_rounding)(v);
    return mask;
}

/*
 * Shapes. A row of a .def file is SHAPE(format, number, name, types..., issue cycles, expression):
 * the expression is that of one lane, of a, b, c. It becomes the inline function lane_<name>, which
 * other code may use, and the handler. UN, BIN, TER: one, two, three sources.   MAC: the third
 * source is the destination. SAT2, SAT3: integer operations whose clamp saturates: the expression
 * is the exact result in 64 bits. SPECIAL: the handler is written out. See isa/gcn/ops_all.def.
 */
#define VALU_HANDLER(name) void VALU_FN(name)(struct gcn_wave * w, const struct gcn_inst *inst)

#define VALU_DEFINE_UN(fmt, num, name, R, A, cyc, ...)                                             \
    static inline CT_##R lane_##name(CT_##A a)                                                     \
    {                                                                                              \
        return __VA_ARGS__;                                                                        \
    }                                                                                              \
    VALU_HANDLER(name)                                                                             \
    {                                                                                              \
        struct valu v;                                                                             \
        valu_begin(&v, w, inst, VALU_TYPES(VT_##R, VT_##A, 0, 0));                                 \
        const uint32_t *s0 = v.src[0];                                                             \
        uint32_t *d = v.dst;                                                                       \
        VALU_LOOP(l)                                                                               \
        {                                                                                          \
            ST_##R(d, lane_##name(LD_##A(s0)));                                                    \
        }                                                                                          \
        valu_end(&v, w, inst, VT_##R);                                                             \
    }

#define VALU_DEFINE_BIN(fmt, num, name, R, A, B, cyc, ...)                                         \
    static inline CT_##R lane_##name(CT_##A a, CT_##B b)                                           \
    {                                                                                              \
        return __VA_ARGS__;                                                                        \
    }                                                                                              \
    VALU_HANDLER(name)                                                                             \
    {                                                                                              \
        struct valu v;                                                                             \
        valu_begin(&v, w, inst, VALU_TYPES(VT_##R, VT_##A, VT_##B, 0));                            \
        const uint32_t *s0 = v.src[0], *s1 = v.src[1];                                             \
        uint32_t *d = v.dst;                                                                       \
        VALU_LOOP(l)                                                                               \
        {                                                                                          \
            ST_##R(d, lane_##name(LD_##A(s0), LD_##B(s1)));                                        \
        }                                                                                          \
        valu_end(&v, w, inst, VT_##R);                                                             \
    }

#define VALU_DEFINE_TER(fmt, num, name, R, A, B, C, cyc, ...)                                      \
    static inline CT_##R lane_##name(CT_##A a, CT_##B b, CT_##C c)                                 \
    {                                                                                              \
        return __VA_ARGS__;                                                                        \
    }                                                                                              \
    VALU_HANDLER(name)                                                                             \
    {                                                                                              \
        struct valu v;                                                                             \
        valu_begin(&v, w, inst, VALU_TYPES(VT_##R, VT_##A, VT_##B, VT_##C));                       \
        const uint32_t *s0 = v.src[0], *s1 = v.src[1], *s2 = v.src[2];                             \
        uint32_t *d = v.dst;                                                                       \
        VALU_LOOP(l)                                                                               \
        {                                                                                          \
            ST_##R(d, lane_##name(LD_##A(s0), LD_##B(s1), LD_##C(s2)));                            \
        }                                                                                          \
        valu_end(&v, w, inst, VT_##R);                                                             \
    }
#define VALU_DEFINE_MAC   VALU_DEFINE_TER
#define VALU_DEFINE_MADMK VALU_DEFINE_TER
#define VALU_DEFINE_MADAK VALU_DEFINE_TER

#define VALU_SAT_STORE(R, call)                                                                    \
    do {                                                                                           \
        if (VALU_UNLIKELY(inst->mods & GCN_MOD_CLAMP))                                             \
            VALU_LOOP(l)                                                                           \
            {                                                                                      \
                ST_##R(d, lane_saturate(call, VT_##R));                                            \
            }                                                                                      \
        else                                                                                       \
            VALU_LOOP(l)                                                                           \
            {                                                                                      \
                ST_##R(d, call);                                                                   \
            }                                                                                      \
    } while (0)

#define VALU_DEFINE_SAT2(fmt, num, name, R, A, B, cyc, ...)                                        \
    static inline int64_t lane_##name(int64_t a, int64_t b)                                        \
    {                                                                                              \
        return __VA_ARGS__;                                                                        \
    }                                                                                              \
    VALU_HANDLER(name)                                                                             \
    {                                                                                              \
        struct valu v;                                                                             \
        valu_begin(&v, w, inst, VALU_TYPES(VT_##R, VT_##A, VT_##B, 0));                            \
        const uint32_t *s0 = v.src[0], *s1 = v.src[1];                                             \
        uint32_t *d = v.dst;                                                                       \
        VALU_SAT_STORE(R, lane_##name(LD_##A(s0), LD_##B(s1)));                                    \
        valu_end(&v, w, inst, VT_##R);                                                             \
    }

#define VALU_DEFINE_SAT3(fmt, num, name, R, A, B, C, cyc, ...)                                     \
    static inline int64_t lane_##name(int64_t a, int64_t b, int64_t c)                             \
    {                                                                                              \
        return __VA_ARGS__;                                                                        \
    }                                                                                              \
    VALU_HANDLER(name)                                                                             \
    {                                                                                              \
        struct valu v;                                                                             \
        valu_begin(&v, w, inst, VALU_TYPES(VT_##R, VT_##A, VT_##B, VT_##C));                       \
        const uint32_t *s0 = v.src[0], *s1 = v.src[1], *s2 = v.src[2];                             \
        uint32_t *d = v.dst;                                                                       \
        VALU_SAT_STORE(R, lane_##name(LD_##A(s0), LD_##B(s1), LD_##C(s2)));                        \
        valu_end(&v, w, inst, VT_##R);                                                             \
    }

/** Result of a compare: the lane mask goes to the scalar destination and, for v_cmpx, to EXEC. */
VALU_INLINE void valu_write_mask(struct gcn_wave *w, const struct gcn_inst *inst, uint64_t mask,
                                 bool exec)
{
    if (VALU_UNLIKELY(inst->sdst > GCN_EXEC)) {
        gcn_fault_illegal(w, inst); /* no register: the constants stand there */
        return;
    }
    gcn_set_sgpr64(w, inst->sdst, mask);
    if (exec)
        gcn_set_sgpr64(w, GCN_EXEC, mask);
}

/** Clamps @x to the range of an integer operand type. */
VALU_INLINE int64_t lane_saturate(int64_t x, unsigned type)
{
    int64_t low = 0, high = 0;

    switch (type & (VT_WIDTH | VT_SIGNED)) {
    case VT_U32:
        high = UINT32_MAX;
        break;
    case VT_I32:
        low = INT32_MIN, high = INT32_MAX;
        break;
    case VT_U16:
        high = UINT16_MAX;
        break;
    case VT_I16:
        low = INT16_MIN, high = INT16_MAX;
        break;
    }
    return x < low ? low : x > high ? high : x;
}

/* Prototypes of all handlers, from the same tables as the handlers. */
#define UN(fmt, num, name, ...) VALU_HANDLER(name);
#define BIN                     UN
#define TER                     UN
#define MAC                     UN
#define MADMK                   UN
#define MADAK                   UN
#define SAT2                    UN
#define SAT3                    UN
#define SPECIAL                 UN
#define REFUSED(...)
#define CMP(num, numx, name, type, ...)                                                            \
    VALU_HANDLER(v_cmp_##name);                                                                    \
    VALU_HANDLER(v_cmpx_##name);
#define PK2(num, name, type, ...) VALU_HANDLER(name);
#define PK3                       PK2
#define DOT                       PK2
#include "isa/gcn/ops_valu.def"
#undef UN
#undef BIN
#undef TER
#undef MAC
#undef MADMK
#undef MADAK
#undef REFUSED
#undef SAT2
#undef SAT3
#undef SPECIAL
#undef CMP
#undef PK2
#undef PK3
#undef DOT
