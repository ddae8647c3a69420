// SPDX-License-Identifier: Apache-2.0
/*
 * Vector ALU: compares. The result is a lane mask in the scalar destination, 0 for inactive lanes;
 * v_cmpx also makes it the new EXEC.
 */
#include "valu.h"

#define CMP(num, numx, what, T, ...)                                                               \
    static inline bool lane_cmp_##what(CT_##T a, CT_##T b)                                         \
    {                                                                                              \
        return __VA_ARGS__;                                                                        \
    }                                                                                              \
    static uint64_t cmp_##what(struct gcn_wave *w, const struct gcn_inst *inst)                    \
    {                                                                                              \
        struct valu v;                                                                             \
        valu_begin(&v, w, inst, VALU_TYPES(0, VT_##T, VT_##T, 0));                                 \
        const uint32_t *s0 = v.src[0], *s1 = v.src[1];                                             \
        uint32_t *d = v.out;                                                                       \
        VALU_LOOP(l)                                                                               \
        {                                                                                          \
            ST_U32(d, lane_cmp_##what(LD_##T(s0), LD_##T(s1)) ? ~0u : 0);                          \
        }                                                                                          \
        return valu_end_mask(&v);                                                                  \
    }                                                                                              \
    VALU_HANDLER(v_cmp_##what)                                                                     \
    {                                                                                              \
        valu_write_mask(w, inst, cmp_##what(w, inst), false);                                      \
    }                                                                                              \
    VALU_HANDLER(v_cmpx_##what)                                                                    \
    {                                                                                              \
        valu_write_mask(w, inst, cmp_##what(w, inst), true);                                       \
    }
#define SPECIAL(...)
#include "isa/gcn/ops_valu_cmp.def"

/* Class tests: the first source is tested as bits (B), so no denormal is flushed before. */
#define CMP_CLASS(type, B, LD)                                                                     \
    static uint64_t class_##type(struct gcn_wave *w, const struct gcn_inst *inst)                  \
    {                                                                                              \
        struct valu v;                                                                             \
        valu_begin(&v, w, inst, VALU_TYPES(0, B, VT_U32, 0));                                      \
        const uint32_t *s0 = v.src[0], *s1 = v.src[1];                                             \
        uint32_t *d = v.out;                                                                       \
        VALU_LOOP(l)                                                                               \
        {                                                                                          \
            d[l] = lane_class_##type(LD(s0), s1[l]) ? ~0u : 0;                                     \
        }                                                                                          \
        return valu_end_mask(&v);                                                                  \
    }                                                                                              \
    VALU_HANDLER(v_cmp_class_##type)                                                               \
    {                                                                                              \
        valu_write_mask(w, inst, class_##type(w, inst), false);                                    \
    }                                                                                              \
    VALU_HANDLER(v_cmpx_class_##type)                                                              \
    {                                                                                              \
        valu_write_mask(w, inst, class_##type(w, inst), true);                                     \
    }
CMP_CLASS(f32, VT_B32, LD_F32)
CMP_CLASS(f64, VT_B64, LD_F64)
CMP_CLASS(f16, VT_B16, LD_B16)
