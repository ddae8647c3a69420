// SPDX-License-Identifier: Apache-2.0
/*
 * Vector ALU, everything around lane arithmetic: constants and literals, DPP, SDWA, op_sel, output
 * modifiers, the MODE register, packed operations, and the operations on lane masks and single
 * lanes.
 */
#include "valu_check.h"

#include <math.h>
#include <stdlib.h>

static const uint64_t all = ~0ull;

static void set_exec(struct check *c, uint64_t exec)
{
    gcn_set_sgpr64(c->wave, GCN_EXEC, exec);
}

static const uint32_t *reg(const struct check *c, unsigned n)
{
    return c->wave->vgpr[n];
}

/** Runs @text on scrambled sources and compares v10 with @want(a, b, c, old v10). */
typedef uint32_t (*lane_fn)(uint32_t a, uint32_t b, uint32_t c, uint32_t old);
static void check_lanes(struct check *c, const char *text, lane_fn want)
{
    uint32_t expected[64];

    check_scramble(c, 2);
    check_scramble(c, 4);
    check_scramble(c, 6);
    check_fill(c, CHECK_RESULT, CHECK_UNTOUCHED);
    for (unsigned l = 0; l < 64; l++) {
        bool active = gcn_exec(c->wave) >> l & 1;
        expected[l] = active ? want(reg(c, 2)[l], reg(c, 4)[l], reg(c, 6)[l], CHECK_UNTOUCHED)
                             : CHECK_UNTOUCHED;
    }
    check_run(c, text);
    check_row(c, text, expected);
}

static void check_constant(struct check *c, const char *text, unsigned dwords, uint64_t want)
{
    uint32_t expected[64];

    check_fill(c, 2, 0);
    check_fill(c, 3, 0);
    check_run(c, text);
    for (unsigned l = 0; l < 64; l++)
        expected[l] = (uint32_t)want;
    check_row(c, text, expected);
    for (unsigned l = 0; dwords == 2 && l < 64; l++)
        if (reg(c, CHECK_RESULT + 1)[l] != want >> 32)
            check_fail(c, text, l, reg(c, CHECK_RESULT + 1)[l], want >> 32);
}

static void test_constants(struct check *c)
{
    c->wave->sgpr[30] = 0x40490fdb;
    c->wave->sgpr[31] = 0x400921fb;
    check_constant(c, "v_mov_b32 v10, 64", 1, 64);
    check_constant(c, "v_mov_b32 v10, -16", 1, 0xfffffff0);
    check_constant(c, "v_mov_b32 v10, 0xdeadbeef", 1, 0xdeadbeef);
    check_constant(c, "v_mov_b32 v10, s30", 1, 0x40490fdb);
    check_constant(c, "v_add_f32 v10, 0.5, v2", 1, 0x3f000000);
    check_constant(c, "v_add_f32 v10, 0.15915494, v2", 1, 0x3e22f983);
    check_constant(c, "v_add_f32 v10, 0x40490fdb, v2", 1, 0x40490fdb);
    check_constant(c, "v_add_u32 v10, 1.0, v2", 1, 0x3f800000);
    check_constant(c, "v_add_f16 v10, -4.0, v2", 1, 0xc400);
    check_constant(c, "v_add_f16 v10, 0x3555, v2", 1, 0x3555);
    check_constant(c, "v_add_f64 v[10:11], 2.0, v[2:3]", 2, 0x4000000000000000);
    check_constant(c, "v_add_f64 v[10:11], -1.0, v[2:3]", 2, 0xbff0000000000000);
    check_constant(c, "v_add_f64 v[10:11], s[30:31], v[2:3]", 2, 0x400921fb40490fdb);
    check_constant(c, "v_ceil_f64 v[10:11], 0x40080000", 2, 0x4008000000000000);
    check_constant(c, "v_ashrrev_i64 v[10:11], 1, -2", 2, all);
    check_constant(c, "v_lshlrev_b64 v[10:11], 32, 1", 2, 1ull << 32);
    check_constant(c, "v_madmk_f32 v10, v2, 0x40490fdb, v2", 1, 0);
    check_constant(c, "v_madak_f32 v10, v2, v2, 0x40490fdb", 1, 0x40490fdb);
    check_constant(c, "v_pk_add_f16 v10, v2, 1.0 op_sel_hi:[1,0]", 1, 0x3c003c00);
    check_constant(c, "v_cvt_f64_u32 v[10:11], 64", 2, 0x4050000000000000);
}

/* DPP: what each control reads, as the expected lane, -1 outside. */
struct dpp_case {
    const char *control;
    int (*lane)(int l);
};

static int quad(int l)
{
    static const int permutation[] = {3, 0, 2, 1};
    return l / 4 * 4 + permutation[l % 4];
}
static int shl3(int l)
{
    return l % 16 + 3 < 16 ? l + 3 : -1;
}
static int shr1(int l)
{
    return l % 16 ? l - 1 : -1;
}
static int ror5(int l)
{
    return l / 16 * 16 + (l + 11) % 16;
}
static int mirror(int l)
{
    return l / 16 * 16 + 15 - l % 16;
}
static int half_mirror(int l)
{
    return l / 8 * 8 + 7 - l % 8;
}
static int bcast15(int l)
{
    return l / 16 * 16 - 1;
}
static int bcast31(int l)
{
    return l < 32 ? -1 : 31;
}
static int wave_shl(int l)
{
    return l < 63 ? l + 1 : -1;
}
static int wave_rol(int l)
{
    return (l + 1) % 64;
}
static int wave_shr(int l)
{
    return l - 1;
}
static int wave_ror(int l)
{
    return (l + 63) % 64;
}

static const struct dpp_case dpp_cases[] = {
    {"quad_perm:[3,0,2,1]", quad}, {"row_shl:3", shl3},       {"row_shr:1", shr1},
    {"row_ror:5", ror5},           {"row_mirror", mirror},    {"row_half_mirror", half_mirror},
    {"row_bcast:15", bcast15},     {"row_bcast:31", bcast31}, {"wave_shl:1", wave_shl},
    {"wave_rol:1", wave_rol},      {"wave_shr:1", wave_shr},  {"wave_ror:1", wave_ror},
};

static void check_dpp(struct check *c, const struct dpp_case *d, unsigned row_mask,
                      unsigned bank_mask, bool bound, uint64_t exec)
{
    char text[160];
    uint32_t expected[64];

    snprintf(text, sizeof(text), "v_add_u32_dpp v10, v2, v4 %s row_mask:%#x bank_mask:%#x%s",
             d->control, row_mask, bank_mask, bound ? " bound_ctrl:0" : "");
    check_scramble(c, 2);
    check_scramble(c, 4);
    check_fill(c, CHECK_RESULT, CHECK_UNTOUCHED);
    for (int l = 0; l < 64; l++) {
        int from = d->lane(l);
        bool valid = from >= 0 && (exec >> from & 1);
        bool write = (exec >> l & 1) && (valid || bound) && (row_mask >> (l / 16) & 1) &&
                     (bank_mask >> (l % 16 / 4) & 1);

        expected[l] = write ? (valid ? reg(c, 2)[from] : 0) + reg(c, 4)[l] : CHECK_UNTOUCHED;
    }
    set_exec(c, exec);
    check_run(c, text);
    check_row(c, d->control, expected);
    set_exec(c, all);
}

static uint32_t mov_shifted(uint32_t a, uint32_t b, uint32_t x, uint32_t old)
{
    return (a ^ 0x80000000) & ~0u;
}

static void test_dpp(struct check *c)
{
    for (unsigned i = 0; i < sizeof(dpp_cases) / sizeof(dpp_cases[0]); i++) {
        check_dpp(c, &dpp_cases[i], 0xf, 0xf, false, all);
        check_dpp(c, &dpp_cases[i], 0xf, 0xf, true, all);
        check_dpp(c, &dpp_cases[i], 0xa, 0x6, true, check_random(c));
        check_dpp(c, &dpp_cases[i], 0xf, 0xf, false, check_random(c));
    }
    /* in place, and with a sign on a float operation */
    check_lanes(c,
                "v_mov_b32_dpp v10, v2 quad_perm:[0,1,2,3] row_mask:0xf bank_mask:0xf\n"
                "v_mul_f32_dpp v10, -v10, v11 quad_perm:[0,1,2,3] row_mask:0x0 bank_mask:0xf\n"
                "v_xor_b32 v10, 0x80000000, v10",
                mov_shifted);
}

/* SDWA */
static uint32_t sdwa_bytes(uint32_t a, uint32_t b, uint32_t c, uint32_t old)
{
    return (a >> 8 & 255) + (b >> 16);
}
static uint32_t sdwa_signed(uint32_t a, uint32_t b, uint32_t c, uint32_t old)
{
    return (uint32_t)((int8_t)(a >> 24) + (int16_t)b);
}
static uint32_t sdwa_preserve(uint32_t a, uint32_t b, uint32_t c, uint32_t old)
{
    return (old & 0xff00ffff) | ((a & b & 255) << 16);
}
static uint32_t sdwa_pad(uint32_t a, uint32_t b, uint32_t c, uint32_t old)
{
    return ((a ^ b) & 0xffff) << 16;
}
static uint32_t sdwa_sign_extend(uint32_t a, uint32_t b, uint32_t c, uint32_t old)
{
    return (uint32_t)((int32_t)((a ^ b) << 24) >> 16);
}
static uint32_t sdwa_half(uint32_t a, uint32_t b, uint32_t c, uint32_t old)
{
    double x = check_f16((uint16_t)(a >> 16) & 0x3fff), y = check_f16((uint16_t)b & 0x3fff);

    return (old & 0xffff) | (uint32_t)check_f16_bits(-x + y) << 16;
}
static uint32_t sdwa_convert(uint32_t a, uint32_t b, uint32_t c, uint32_t old)
{
    return check_f32_bits((float)(a >> 16 & 255));
}

static void test_sdwa(struct check *c)
{
    check_lanes(c,
                "v_add_u32_sdwa v10, v2, v4 dst_sel:DWORD dst_unused:UNUSED_PAD src0_sel:BYTE_1 "
                "src1_sel:WORD_1",
                sdwa_bytes);
    check_lanes(c,
                "v_add_u32_sdwa v10, sext(v2), sext(v4) dst_sel:DWORD dst_unused:UNUSED_PAD "
                "src0_sel:BYTE_3 src1_sel:WORD_0",
                sdwa_signed);
    check_lanes(c,
                "v_and_b32_sdwa v10, v2, v4 dst_sel:BYTE_2 dst_unused:UNUSED_PRESERVE "
                "src0_sel:DWORD src1_sel:DWORD",
                sdwa_preserve);
    check_lanes(c,
                "v_xor_b32_sdwa v10, v2, v4 dst_sel:WORD_1 dst_unused:UNUSED_PAD "
                "src0_sel:DWORD src1_sel:DWORD",
                sdwa_pad);
    check_lanes(c,
                "v_xor_b32_sdwa v10, v2, v4 dst_sel:BYTE_1 dst_unused:UNUSED_SEXT "
                "src0_sel:DWORD src1_sel:DWORD",
                sdwa_sign_extend);
    check_lanes(c,
                "v_and_b32 v2, 0x3fff3fff, v2\nv_and_b32 v4, 0x3fff3fff, v4\n"
                "v_add_f16_sdwa v10, -|v2|, v4 dst_sel:WORD_1 dst_unused:UNUSED_PRESERVE "
                "src0_sel:WORD_1 src1_sel:WORD_0",
                sdwa_half);
    check_lanes(c,
                "v_cvt_f32_ubyte0_sdwa v10, v2 dst_sel:DWORD dst_unused:UNUSED_PAD src0_sel:BYTE_2",
                sdwa_convert);

    /* A compare, with its own destination. */
    uint64_t want = 0;
    check_scramble(c, 2);
    check_scramble(c, 4);
    for (unsigned l = 0; l < 64; l++)
        want |= (uint64_t)((reg(c, 2)[l] & 255) < reg(c, 4)[l] >> 24) << l;
    check_run(c, "v_cmp_lt_u32_sdwa s[20:21], v2, v4 src0_sel:BYTE_0 src1_sel:BYTE_3");
    if (gcn_sgpr64(c->wave, CHECK_MASK) != want)
        check_fail(c, "v_cmp_lt_u32_sdwa", 0, gcn_sgpr64(c->wave, CHECK_MASK), want);
}

/* op_sel and halves that are kept */
static uint32_t med3_low(uint32_t a, uint32_t b, uint32_t c, uint32_t old)
{
    int16_t x = (int16_t)a, y = (int16_t)b, z = (int16_t)c;
    int16_t low = x < y ? x : y, high = x < y ? y : x, top = high < z ? high : z;

    return (old & 0xffff0000) | (uint16_t)(low > top ? low : top);
}
static uint32_t mad_high(uint32_t a, uint32_t b, uint32_t c, uint32_t old)
{
    return (old & 0xffff) | ((a >> 16) * (b & 0xffff) + (c >> 16)) << 16;
}
static uint32_t mad_wide(uint32_t a, uint32_t b, uint32_t c, uint32_t old)
{
    return (a >> 16) * (b & 0xffff) + c;
}
static uint32_t pack_crossed(uint32_t a, uint32_t b, uint32_t c, uint32_t old)
{
    return a >> 16 | b << 16;
}

/* Packed */
static uint32_t halves(uint32_t low, uint32_t high)
{
    return (low & 0xffff) | high << 16;
}
static uint32_t pk_add(uint32_t a, uint32_t b, uint32_t c, uint32_t old)
{
    return halves(a + b, (a >> 16) + (b >> 16));
}
static uint32_t pk_add_clamp(uint32_t a, uint32_t b, uint32_t c, uint32_t old)
{
    uint32_t low = (a & 0xffff) + (b & 0xffff), high = (a >> 16) + (b >> 16);

    return halves(low > 0xffff ? 0xffff : low, high > 0xffff ? 0xffff : high);
}
static uint32_t pk_mad_crossed(uint32_t a, uint32_t b, uint32_t c, uint32_t old)
{
    return halves((a >> 16) * b + c, a * b + (c >> 16));
}
static uint32_t pk_lshl(uint32_t a, uint32_t b, uint32_t c, uint32_t old)
{
    return halves(b << (a & 15), b >> 16 << (a >> 16 & 15));
}
static uint32_t pk_ashr(uint32_t a, uint32_t b, uint32_t c, uint32_t old)
{
    return halves((uint32_t)((int16_t)b >> (a & 15)),
                  (uint32_t)((int16_t)(b >> 16) >> (a >> 16 & 15)));
}
static uint32_t pk_f16(uint32_t a, uint32_t b, uint32_t c, uint32_t old)
{
    double low = check_f16(a & 0x3fff) * check_f16(b & 0x3fff);
    double high = -check_f16(a >> 16 & 0x3fff) * check_f16(b >> 16 & 0x3fff);

    return halves(check_f16_bits(low), check_f16_bits(high));
}
static uint32_t pk_fma(uint32_t a, uint32_t b, uint32_t c, uint32_t old)
{
    /* exact in 64 significant bits for these exponents */
    long double low =
        (long double)check_f16(a & 0x3fff) * check_f16(b & 0x3fff) + check_f16(c & 0x3fff);
    long double high = (long double)check_f16(a >> 16 & 0x3fff) * check_f16(b >> 16 & 0x3fff) +
                       check_f16(c >> 16 & 0x3fff);

    return halves(check_f16_bits((double)low), check_f16_bits((double)high));
}
static uint32_t dot4(uint32_t a, uint32_t b, uint32_t c, uint32_t old)
{
    for (int i = 0; i < 32; i += 8)
        c += (uint32_t)((int8_t)(a >> i) * (int8_t)(b >> i));
    return c;
}
static uint32_t dot4_unsigned_clamp(uint32_t a, uint32_t b, uint32_t c, uint32_t old)
{
    uint64_t sum = c;

    for (int i = 0; i < 32; i += 8)
        sum += (uint64_t)(a >> i & 255) * (b >> i & 255);
    return sum > UINT32_MAX ? UINT32_MAX : (uint32_t)sum;
}
static uint32_t dot8(uint32_t a, uint32_t b, uint32_t c, uint32_t old)
{
    for (int i = 0; i < 32; i += 4)
        c += (a >> i & 15) * (b >> i & 15);
    return c;
}
static uint32_t dot2(uint32_t a, uint32_t b, uint32_t c, uint32_t old)
{
    return c + (uint32_t)((int16_t)a * (int16_t)b) +
           (uint32_t)((int16_t)(a >> 16) * (int16_t)(b >> 16));
}
static uint32_t mix(uint32_t a, uint32_t b, uint32_t c, uint32_t old)
{
    float x = (float)check_f16(a >> 16 & 0x3fff), y = check_f32(b & 0x3fff3fff);

    return check_f32_bits(fmaf(-x, y, check_f32(c & 0x3fff3fff)));
}
static uint32_t mix_high(uint32_t a, uint32_t b, uint32_t c, uint32_t old)
{
    float x = (float)check_f16(a >> 16 & 0x3fff), y = (float)check_f16(b & 0x3fff);

    return (old & 0xffff) | (uint32_t)check_f16_bits(fmaf(x, y, check_f32(c & 0x3fff3fff))) << 16;
}

#define SMALL                                                                                      \
    "v_and_b32 v2, 0x3fff3fff, v2\nv_and_b32 v4, 0x3fff3fff, v4\nv_and_b32 v6, 0x3fff3fff, v6\n"

static void test_halves(struct check *c)
{
    check_lanes(c, "v_med3_i16 v10, v2, v4, v6", med3_low);
    check_lanes(c, "v_mad_u16 v10, v2, v4, v6 op_sel:[1,0,1,1]", mad_high);
    check_lanes(c, "v_mad_u32_u16 v10, v2, v4, v6 op_sel:[1,0,0,0]", mad_wide);
    check_lanes(c, "v_pack_b32_f16 v10, v2, v4 op_sel:[1,0,0]", pack_crossed);
    check_lanes(c, "v_pk_add_u16 v10, v2, v4", pk_add);
    check_lanes(c, "v_pk_add_u16 v10, v2, v4 clamp", pk_add_clamp);
    check_lanes(c, "v_pk_mad_u16 v10, v2, v4, v6 op_sel:[1,0,0] op_sel_hi:[0,0,1]", pk_mad_crossed);
    check_lanes(c, "v_pk_lshlrev_b16 v10, v2, v4", pk_lshl);
    check_lanes(c, "v_pk_ashrrev_i16 v10, v2, v4", pk_ashr);
    check_lanes(c, SMALL "v_pk_mul_f16 v10, v2, v4 neg_hi:[1,0]", pk_f16);
    check_lanes(c, SMALL "v_pk_fma_f16 v10, v2, v4, v6", pk_fma);
    check_lanes(c, "v_dot4_i32_i8 v10, v2, v4, v6", dot4);
    check_lanes(c, "v_dot4_u32_u8 v10, v2, v4, v6 clamp", dot4_unsigned_clamp);
    check_lanes(c, "v_dot8_u32_u4 v10, v2, v4, v6", dot8);
    check_lanes(c, "v_dot2_i32_i16 v10, v2, v4, v6", dot2);
    check_lanes(c, SMALL "v_fma_mix_f32 v10, -v2, v4, v6 op_sel:[1,0,0] op_sel_hi:[1,0,0]", mix);
    check_lanes(c, SMALL "v_fma_mixhi_f16 v10, v2, v4, v6 op_sel:[1,0,0] op_sel_hi:[1,1,0]",
                mix_high);
}

/* Runs @text; v10 must be @bits in all lanes. */
static void expect(struct check *c, const char *text, uint32_t bits)
{
    uint32_t constant[64];

    for (unsigned l = 0; l < 64; l++)
        constant[l] = bits;
    check_run(c, text);
    check_row(c, text, constant);
}

/* The other pair of MODE's fields: half and double precision. */
static void test_mode_of_halves_and_doubles(struct check *c)
{
    const uint32_t mode = c->wave->mode;

    check_fill(c, 2, 0x00018001); /* denormal halves; as a pair with v3, a denormal double */
    check_fill(c, 3, 0);
    check_fill(c, 4, 0x04000400); /* the smallest normal ones */
    check_fill(c, 6, 0);
    check_fill(c, 7, 0x00100000); /* the smallest normal double */
    check_fill(c, 8, 0x33800000); /* 2^-24, the smallest half */
    expect(c, "v_add_f16 v10, v2, v2", 0x8002);
    expect(c, "v_pk_add_f16 v10, v2, v2", 0x00028002);
    expect(c, "v_mul_f16 v10, 0.5, v4 mul:2", 0x0200); /* no omod with denormals */
    c->wave->mode = mode & ~GCN_MODE_DENORM64;
    expect(c, "v_add_f16 v10, v2, v2", 0x8000);
    expect(c, "v_mul_f16 v10, 0.5, v4", 0);
    expect(c, "v_mul_f16 v10, 1.0, v4 mul:2", 0x0800);
    expect(c, "v_pk_add_f16 v10, v2, v2", 0x00008000);
    expect(c, "v_pk_mul_f16 v10, 0.5, v4 op_sel_hi:[0,1]", 0);
    expect(c, "v_cvt_f32_f16 v10, v2", 0x80000000);
    expect(c, "v_cvt_f16_f32 v10, v8", 0);
    expect(c, "v_fma_mix_f32 v10, v2, 1.0, 0 op_sel_hi:[1,0,0]", 0);
    expect(c, "v_mov_b32 v10, v2", 0x00018001);
    expect(c, "v_cmp_class_f16 vcc, v4, v2\nv_cndmask_b32 v10, 1, 2, vcc",
           1); /* no class is wanted */
    expect(c,
           "v_mov_b32 v12, 0x40\nv_lshlrev_b32 v12, 1, v12\nv_mov_b32 v13, 1\n"
           "v_cmp_class_f16 vcc, v13, v12\nv_cndmask_b32 v10, 1, 2, vcc",
           2); /* seen as denormal */
    expect(c, "v_add_f64 v[10:11], v[2:3], v[2:3]", 0);
    expect(c, "v_mul_f64 v[12:13], 0.5, v[6:7]\nv_mov_b32 v10, v13", 0);
    expect(c, "v_mul_f64 v[12:13], 2.0, v[6:7]\nv_mov_b32 v10, v13", 0x00200000);
    c->wave->mode = (mode & ~GCN_MODE_DENORM64) | 1 << 7; /* results may be denormal, sources not */
    expect(c, "v_mul_f16 v10, 0.5, v4", 0x0200);
    expect(c, "v_add_f16 v10, v2, v2", 0x8000);
    c->wave->mode = mode;
    check_fill(c, 2, 0);
    check_fill(c, 3, 0x3c900000); /* 2^-54 */
    check_fill(c, 4, 0x01000001);
    check_fill(c, 6, 0x1000); /* 2^-11 as a half */
    for (uint32_t round = 0; round < 4; round++) {
        static const uint32_t sum64[] = {0, 1, 0, 0}, below64[] = {0, 0, 0xffffffff, 0xffffffff};
        static const uint32_t sum16[] = {0x3c00, 0x3c01, 0x3c00, 0x3c00};
        static const uint32_t converted[] = {0x4b800000, 0x4b800001, 0x4b800000, 0x4b800000};

        c->wave->mode = (mode & ~GCN_MODE_ROUND64) | round << 2;
        expect(c, "v_add_f64 v[10:11], 1.0, v[2:3]", sum64[round]);
        expect(c, "v_fma_f64 v[10:11], 1.0, v[2:3], 1.0", sum64[round]);
        expect(c, "v_add_f64 v[12:13], 1.0, -v[2:3]\nv_mov_b32 v10, v12", below64[round]);
        expect(c, "v_add_f16 v10, 1.0, v6", sum16[round]);
        expect(c, "v_pk_add_f16 v10, 1.0, v6", sum16[round]);
        expect(c, "v_fma_f16 v12, 1.0, v6, 1.0\nv_and_b32 v10, 0xffff, v12", sum16[round]);
        c->wave->mode = (mode & ~GCN_MODE_ROUND32) | round;
        expect(c, "v_cvt_f32_u32 v10, v4", converted[round]);
        expect(c, "v_cvt_f32_i32 v10, v4", converted[round]);
    }
    c->wave->mode = mode;
}

/* MODE: flushed denormals, omod, rounding */
static void test_mode(struct check *c)
{
    uint32_t mode = c->wave->mode, constant[64];

    check_fill(c, 2, 0x00000001);
    check_fill(c, 4, 0x80000001);
    check_fill(c, 6, 0x00800000);
#define RESULT(text, bits)                                                                         \
    do {                                                                                           \
        for (unsigned l = 0; l < 64; l++)                                                          \
            constant[l] = bits;                                                                    \
        check_run(c, text);                                                                        \
        check_row(c, text, constant);                                                              \
    } while (0)
    RESULT("v_add_f32 v10, v2, v2", 2);
    RESULT("v_mul_f32 v10, 2.0, v2 mul:2", 2); /* no omod with denormals */
    c->wave->mode = mode & ~GCN_MODE_DENORM32;
    RESULT("v_add_f32 v10, v2, v2", 0);
    RESULT("v_add_f32 v10, v4, v4", 0x80000000);
    RESULT("v_mul_f32 v10, 0.5, v6", 0);
    RESULT("v_mul_f32 v10, 1.0, v6 mul:2", 0x01000000);
    RESULT("v_mul_f32 v10, 4.0, v6 div:2", 0x01000000);
    RESULT("v_mov_b32 v10, v2", 1);
    RESULT("v_cndmask_b32 v10, v2, v2, vcc", 1);
    check_run(c, "v_cmp_eq_f32 s[20:21], v2, v4");
    if (gcn_sgpr64(c->wave, CHECK_MASK) != all)
        check_fail(c, "v_cmp_eq_f32 of flushed denormals", 0, gcn_sgpr64(c->wave, CHECK_MASK), all);
    c->wave->mode = mode;
    check_fill(c, 2, 0x3f800001);
    check_fill(c, 4, 0x33000000);
    for (uint32_t round = 0; round < 4; round++) {
        static const uint32_t sums[] = {0x3f800001, 0x3f800002, 0x3f800001, 0x3f800001};
        static const uint32_t negative[] = {0xbf800001, 0xbf800001, 0xbf800002, 0xbf800001};

        c->wave->mode = (mode & ~GCN_MODE_ROUND32) | round;
        RESULT("v_add_f32 v10, v2, v4", sums[round]);
        RESULT("v_sub_f32 v10, -v2, v4", negative[round]);
    }
    check_fill(c, 2, 0x3f802fff);
    check_fill(c, 4, 0x477ff000); /* 65520 */
    for (uint32_t round = 0; round < 4; round++) {
        static const uint32_t half[] = {0x3c01, 0x3c02, 0x3c01, 0x3c01};
        static const uint32_t top[] = {0x7c00, 0x7c00, 0x7bff, 0x7bff};

        c->wave->mode = (mode & ~GCN_MODE_ROUND64) | round << 2;
        RESULT("v_cvt_f16_f32 v10, v2", half[round]);
        RESULT("v_cvt_f16_f32 v10, v4", top[round]);
        RESULT("v_cvt_pkrtz_f16_f32 v10, v2, v4", 0x7bff3c01);
    }
    c->wave->mode = mode;
    test_mode_of_halves_and_doubles(c);
}

static void expect64(struct check *c, const char *what, uint64_t got, uint64_t want)
{
    if (got != want)
        check_fail(c, what, 0, got, want);
}

static void test_lanes(struct check *c)
{
    struct gcn_wave *w = c->wave;
    uint32_t row[64], other[64];
    uint64_t some = 0x00f0123456789000;

    check_scramble(c, 2);
    memcpy(row, reg(c, 2), sizeof(row));
    set_exec(c, some);
    w->sgpr[30] = 77;
    check_run(
        c, "v_readfirstlane_b32 s20, v2\nv_readlane_b32 s21, v2, 63\nv_readlane_b32 s22, v2, s30");
    expect64(c, "v_readfirstlane_b32", w->sgpr[20], row[12]);
    expect64(c, "v_readlane_b32", w->sgpr[21], row[63]);
    expect64(c, "v_readlane_b32 by s30", w->sgpr[22], row[77 % 64]);
    set_exec(c, 0);
    check_run(
        c, "v_writelane_b32 v2, s30, 5\nv_writelane_b32 v2, 1.0, s30\nv_readfirstlane_b32 s20, v2");
    row[5] = 77;
    row[13] = 0x3f800000;
    check_run(c, "v_mov_b32 v10, v2");
    set_exec(c, all);
    expect64(c, "v_readfirstlane_b32 without lanes", w->sgpr[20], row[0]);
    check_run(c, "v_mov_b32 v10, v2");
    check_row(c, "v_writelane_b32", row);

    /* v_swap_b32 */
    check_scramble(c, 4);
    check_scramble(c, CHECK_RESULT);
    for (unsigned l = 0; l < 64; l++) {
        row[l] = reg(c, some >> l & 1 ? 4 : CHECK_RESULT)[l];
        other[l] = reg(c, some >> l & 1 ? CHECK_RESULT : 4)[l];
    }
    set_exec(c, some);
    check_run(c, "v_swap_b32 v10, v4");
    set_exec(c, all);
    check_row(c, "v_swap_b32", row);
    check_run(c, "v_mov_b32 v10, v4");
    check_row(c, "v_swap_b32, the other", other);

    /* v_mbcnt */
    uint64_t mask = check_random(c);
    gcn_set_sgpr64(w, 30, mask);
    check_run(c, "v_mbcnt_lo_u32_b32 v10, s30, 3\nv_mbcnt_hi_u32_b32 v10, s31, v10");
    for (unsigned l = 0; l < 64; l++)
        row[l] = 3 + (uint32_t)__builtin_popcountll(mask & ((1ull << l) - 1));
    check_row(c, "v_mbcnt", row);

    /* v_cmpx and inactive lanes */
    set_exec(c, some);
    check_run(c, "v_cmpx_ge_u32 s[20:21], v10, 20");
    mask = 0;
    for (unsigned l = 0; l < 64; l++)
        mask |= (uint64_t)(row[l] >= 20) << l;
    expect64(c, "v_cmpx_ge_u32", gcn_sgpr64(w, CHECK_MASK), mask & some);
    expect64(c, "v_cmpx_ge_u32, EXEC", gcn_exec(w), mask & some);
    set_exec(c, all);
    check_run(c, "v_cmp_ge_u32 vcc, v10, 20\nv_cndmask_b32 v10, 1, v10, vcc");
    for (unsigned l = 0; l < 64; l++)
        row[l] = mask >> l & 1 ? row[l] : 1;
    check_row(c, "v_cndmask_b32", row);
}

/** 64-bit operands that overlap the result by one register. */
static void test_overlap(struct check *c)
{
    uint32_t row[64];

    for (unsigned r = 9; r < 13; r++)
        check_scramble(c, r);
    for (unsigned l = 0; l < 64; l++)
        row[l] = (uint32_t)(((uint64_t)reg(c, 12)[l] << 32 | reg(c, 11)[l]) >> 7);
    check_run(c, "v_lshrrev_b64 v[10:11], 7, v[11:12]");
    check_row(c, "v_lshrrev_b64 upwards", row);
    for (unsigned r = 9; r < 13; r++)
        check_scramble(c, r);
    for (unsigned l = 0; l < 64; l++)
        row[l] = (uint32_t)(((uint64_t)reg(c, 10)[l] << 32 | reg(c, 9)[l]) >> 7);
    check_run(c, "v_lshrrev_b64 v[10:11], 7, v[9:10]");
    check_row(c, "v_lshrrev_b64 downwards", row);
    check_fill(c, 2, check_f32_bits(3));
    check_fill(c, CHECK_RESULT, check_f32_bits(1));
    for (unsigned l = 0; l < 64; l++)
        row[l] = check_f32_bits(28);
    check_run(c, "v_mac_f32 v10, 2.0, v2\nv_fmac_f32 v10, v10, v2");
    check_row(c, "v_mac_f32, v_fmac_f32", row);
}

static void all_tests(struct check *c)
{
    for (int plain = 0; plain < 2; plain++) {
        c->plain = plain;
        test_constants(c);
        test_dpp(c);
        test_sdwa(c);
        test_halves(c);
        test_mode(c);
        test_lanes(c);
        test_overlap(c);
    }
}

int main(void)
{
    static struct check c;

    check_init(&c);
    check_prepare(&c, all_tests);
    all_tests(&c);
    return check_finish(&c);
}
