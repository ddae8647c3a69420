// SPDX-License-Identifier: Apache-2.0
/*
 * Values of instructions, bit for bit against the host's own arithmetic, over values that are
 * chosen to be awkward: for each operation all pairs (and some triples) of them.
 */
#include "rig.h"

#include <fenv.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { VALUES = 24, CASES = VALUES * VALUES };

static const uint64_t integers[VALUES] = {
    0,
    1,
    2,
    3,
    5,
    7,
    31,
    32,
    63,
    64,
    127,
    128,
    255,
    256,
    0x7fff,
    0x8000,
    0xffff,
    0x12345678,
    0x7fffffff,
    0x80000000,
    0xffffffff,
    0x123456789abcdef0ull,
    0x7fffffffffffffffull,
    0x8000000000000000ull,
};
static const uint32_t singles[VALUES] = {
    0,          0x80000000, 0x3f800000, 0xbf800000, 0x40400000, 0x3eaaaaab, 0x3f7fffff, 0x3f800001,
    0x7f7fffff, 0xff7fffff, 0x00800000, 0x00000001, 0x807fffff, 0x7f800000, 0xff800000, 0x7fc00000,
    0x4b000001, 0xcb7fffff, 0x4f000000, 0x5f000000, 0x322bcc77, 0xb3d6bf95, 0x42f6e979, 0xc2f6e979,
};

static uint64_t double_of(unsigned i)
{
    float f;
    double d;
    uint64_t bits;

    if (i == 7)
        return 0x3ff0000000000001ull;
    if (i == 11)
        return 1;
    if (i == 8)
        return 0x7fefffffffffffffull;
    memcpy(&f, &singles[i], 4);
    d = (double)f * (i % 3 == 0 ? 1.0000000001 : 1.0);
    memcpy(&bits, &d, 8);
    return bits;
}

/* The kernel: out[i] = OP(a[i], b[i], c[i]), in registers of these types. */
static void run_op(const char *op, const char *d, const char *s, const uint64_t *a,
                   const uint64_t *b, const uint64_t *c, unsigned sources, uint64_t *out)
{
    char text[2048];
    uint64_t *memory = calloc(CASES * 4, 8), params[1] = {(uintptr_t)memory};
    unsigned db = (unsigned)atoi(strpbrk(d, "0123456789")),
             sb = (unsigned)atoi(strpbrk(s, "0123456789"));
    struct run run;

    memcpy(memory, a, CASES * 8);
    memcpy(memory + CASES, b, CASES * 8);
    memcpy(memory + 2 * CASES, c, CASES * 8);
    snprintf(
        text, sizeof(text),
        ".version 7.0\n.target sm_70\n.address_size 64\n"
        ".visible .entry k(.param .u64 p) {\n.reg .b64 %%d<9>; .reg .b32 %%r<9>; .reg .%s %%o; "
        ".reg .%s %%x, "
        "%%y, %%z; .reg .pred %%p;\n"
        "ld.param.u64 %%d1, [p]; mov.u32 %%r1, %%tid.x; mov.u32 %%r2, %%ctaid.x; mov.u32 %%r3, "
        "%%ntid.x;\n"
        "mad.lo.u32 %%r1, %%r2, %%r3, %%r1; setp.ge.u32 %%p, %%r1, %d; @%%p bra E;\n"
        "mul.wide.u32 %%d2, %%r1, 8; add.u64 %%d1, %%d1, %%d2;\n"
        "ld.global.b%u %%x, [%%d1]; ld.global.b%u %%y, [%%d1+%d]; ld.global.b%u %%z, [%%d1+%d];\n"
        "%s %%o, %%x%s%s;\n"
        "st.global.b%u [%%d1+%d], %%o;\nE: ret;\n}\n",
        d, s, CASES, sb, sb, CASES * 8, sb, 2 * CASES * 8, op, sources > 1 ? ", %y" : "",
        sources > 2 ? ", %z" : "", db, 3 * CASES * 8);
    run = rig_run(text, "k", (CASES + 63) / 64, 64, params, memory, CASES * 32);
    assert_int_equal(run.status, PTX_DONE);
    memcpy(out, memory + 3 * CASES, CASES * 8);
    free(memory);
}

static void fill(uint64_t *a, uint64_t *b, uint64_t *c, const char *kind)
{
    for (unsigned i = 0; i < CASES; i++) {
        unsigned x = i % VALUES, y = i / VALUES, z = (i * 7 + 3) % VALUES;

        if (kind[0] == 'i') {
            a[i] = integers[x];
            b[i] = integers[y];
            c[i] = integers[z];
        } else if (kind[0] == 's') {
            a[i] = singles[x];
            b[i] = singles[y];
            c[i] = singles[z];
        } else {
            a[i] = double_of(x);
            b[i] = double_of(y);
            c[i] = double_of(z);
        }
    }
}

static uint64_t a[CASES], b[CASES], c[CASES], out[CASES];

/* X, Y, Z: the operands in type T; the result goes to type D. */
#define OP(op, d, s, n, kind, T, D, ...)                                                           \
    do {                                                                                           \
        fill(a, b, c, kind);                                                                       \
        run_op(op, d, s, a, b, c, n, out);                                                         \
        for (unsigned i = 0; i < CASES; i++) {                                                     \
            T X, Y, Z;                                                                             \
            D want, got;                                                                           \
            memcpy(&X, &a[i], sizeof(X));                                                          \
            memcpy(&Y, &b[i], sizeof(Y));                                                          \
            memcpy(&Z, &c[i], sizeof(Z));                                                          \
            (void)Y;                                                                               \
            (void)Z;                                                                               \
            want = (D)(__VA_ARGS__);                                                               \
            memcpy(&got, &out[i], sizeof(got));                                                    \
            if (memcmp(&want, &got, sizeof(want)) != 0 && !(want != want && got != got))           \
                fail_msg("%s of %llx, %llx, %llx: %llx", op, (unsigned long long)a[i],             \
                         (unsigned long long)b[i], (unsigned long long)c[i],                       \
                         (unsigned long long)out[i]);                                              \
        }                                                                                          \
    } while (0)

static void test_integers(void **state)
{
    OP("add.u32", "b32", "b32", 2, "i", uint32_t, uint32_t, X + Y);
    OP("sub.s64", "b64", "b64", 2, "i", uint64_t, uint64_t, X - Y);
    OP("mul.lo.s32", "b32", "b32", 2, "i", uint32_t, uint32_t, X * Y);
    OP("mul.hi.u32", "b32", "b32", 2, "i", uint32_t, uint32_t, (uint64_t)X * Y >> 32);
    OP("mul.hi.s32", "b32", "b32", 2, "i", int32_t, uint32_t, (int64_t)X * Y >> 32);
    OP("mul.hi.s64", "b64", "b64", 2, "i", int64_t, uint64_t, (__int128)X * Y >> 64);
    OP("mul.wide.s32", "b64", "b32", 2, "i", int32_t, int64_t, (int64_t)X * Y);
    OP("mul.wide.u16", "b32", "b16", 2, "i", uint16_t, uint32_t, (uint32_t)X * Y);
    OP("mad.lo.u64", "b64", "b64", 3, "i", uint64_t, uint64_t, X * Y + Z);
    OP("mad.hi.s32", "b32", "b32", 3, "i", int32_t, uint32_t,
       (uint32_t)((int64_t)X * Y >> 32) + (uint32_t)Z);
    OP("div.s32", "b32", "b32", 2, "i", int32_t, int32_t,
       Y == 0                      ? -1
       : X == INT32_MIN && Y == -1 ? X
                                   : X / Y);
    OP("rem.s64", "b64", "b64", 2, "i", int64_t, int64_t, Y == 0 ? X : Y == -1 ? 0 : X % Y);
    OP("div.u64", "b64", "b64", 2, "i", uint64_t, uint64_t, Y == 0 ? UINT64_MAX : X / Y);
    OP("min.s16", "b16", "b16", 2, "i", int16_t, int16_t, X < Y ? X : Y);
    OP("max.u32", "b32", "b32", 2, "i", uint32_t, uint32_t, X > Y ? X : Y);
    OP("abs.s32", "b32", "b32", 1, "i", int32_t, uint32_t, X < 0 ? 0u - (uint32_t)X : (uint32_t)X);
    OP("neg.s64", "b64", "b64", 1, "i", uint64_t, uint64_t, 0 - X);
    OP("sad.u32", "b32", "b32", 3, "i", uint32_t, uint32_t, Z + (X > Y ? X - Y : Y - X));
    OP("and.b64", "b64", "b64", 2, "i", uint64_t, uint64_t, X & Y);
    OP("xor.b16", "b16", "b16", 2, "i", uint16_t, uint16_t, X ^ Y);
    OP("not.b16", "b16", "b16", 1, "i", uint16_t, uint16_t, ~X);
    OP("cnot.b32", "b32", "b32", 1, "i", uint32_t, uint32_t, X == 0);
    OP("shl.b32", "b32", "b32", 2, "i", uint32_t, uint32_t, Y < 32 ? X << Y : 0);
    OP("shr.s32", "b32", "b32", 2, "i", int32_t, int32_t, X >> ((uint32_t)Y < 32 ? Y : 31));
    OP("shr.u32", "b32", "b32", 2, "i", uint32_t, uint32_t, Y < 32 ? X >> Y : 0);
    OP("popc.b64", "b32", "b64", 1, "i", uint64_t, uint32_t, __builtin_popcountll(X));
    OP("clz.b32", "b32", "b32", 1, "i", uint32_t, uint32_t, X ? __builtin_clz(X) : 32);
    OP("bfind.s32", "b32", "b32", 1, "i", int32_t, uint32_t,
       (X < 0 ? ~X : X) ? 31 - __builtin_clz((uint32_t)(X < 0 ? ~X : X)) : -1);
    OP("shf.l.wrap.b32", "b32", "b32", 3, "i", uint32_t, uint32_t,
       ((uint64_t)Y << 32 | X) << (Z & 31) >> 32);
    OP("shf.r.clamp.b32", "b32", "b32", 3, "i", uint32_t, uint32_t,
       ((uint64_t)Y << 32 | X) >> (Z < 32 ? Z : 32));
    OP("bfe.u32", "b32", "b32", 3, "i", uint32_t, uint32_t,
       (Y & 255) > 31 ? 0
                      : (X >> (Y & 255)) & ((Z & 255) > 31 ? UINT32_MAX : (1u << (Z & 255)) - 1));
    OP("prmt.b32", "b32", "b32", 3, "i", uint32_t, uint32_t, ({
           uint64_t both = (uint64_t)Y << 32 | X;
           uint32_t r = 0;
           for (unsigned k = 0; k < 4; k++) {
               uint32_t sel = Z >> 4 * k & 15, byte = both >> 8 * (sel & 7) & 255;
               r |= (sel & 8 ? (byte & 128 ? 255 : 0) : byte) << 8 * k;
           }
           r;
       }));
}

static float rounded(int mode, float x, float y, float z, char op)
{
    volatile float a = x, b = y, c = z, r;

    fesetround(mode);
    r = op == '+'   ? a + b
        : op == '*' ? a * b
        : op == '/' ? a / b
        : op == 'f' ? fmaf(a, b, c)
                    : sqrtf(a);
    fesetround(FE_TONEAREST);
    return r;
}

static float flush(float f)
{
    return fpclassify(f) == FP_SUBNORMAL ? copysignf(0, f) : f;
}

static void test_singles(void **state)
{
    OP("add.f32", "f32", "f32", 2, "s", float, float, X + Y);
    OP("sub.rn.f32", "f32", "f32", 2, "s", float, float, X - Y);
    OP("mul.f32", "f32", "f32", 2, "s", float, float, X *Y);
    OP("fma.rn.f32", "f32", "f32", 3, "s", float, float, fmaf(X, Y, Z));
    OP("div.rn.f32", "f32", "f32", 2, "s", float, float, X / Y);
    OP("sqrt.rn.f32", "f32", "f32", 1, "s", float, float, sqrtf(X));
    OP("rcp.rn.f32", "f32", "f32", 1, "s", float, float, 1.0f / X);
    OP("add.rz.f32", "f32", "f32", 2, "s", float, float, rounded(FE_TOWARDZERO, X, Y, 0, '+'));
    OP("add.rm.f32", "f32", "f32", 2, "s", float, float, rounded(FE_DOWNWARD, X, Y, 0, '+'));
    OP("mul.rp.f32", "f32", "f32", 2, "s", float, float, rounded(FE_UPWARD, X, Y, 0, '*'));
    OP("fma.rz.f32", "f32", "f32", 3, "s", float, float, rounded(FE_TOWARDZERO, X, Y, Z, 'f'));
    OP("div.rp.f32", "f32", "f32", 2, "s", float, float, rounded(FE_UPWARD, X, Y, 0, '/'));
    OP("sqrt.rm.f32", "f32", "f32", 1, "s", float, float, rounded(FE_DOWNWARD, X, 0, 0, 's'));
    OP("add.ftz.f32", "f32", "f32", 2, "s", float, float, flush(flush(X) + flush(Y)));
    OP("add.sat.f32", "f32", "f32", 2, "s", float, float,
       X + Y > 0 ? (X + Y < 1 ? X + Y : 1.0f) : 0.0f);
    OP("min.f32", "f32", "f32", 2, "s", float, float,
       X != X                            ? Y
       : Y != Y                          ? X
       : X < Y || (X == Y && signbit(X)) ? X
                                         : Y);
    OP("abs.f32", "f32", "f32", 1, "s", float, float, fabsf(X));
    OP("neg.f32", "f32", "f32", 1, "s", float, float, -X);
    OP("copysign.f32", "f32", "f32", 2, "s", float, float, copysignf(Y, X));
}

static void test_doubles(void **state)
{
    OP("add.f64", "f64", "f64", 2, "d", double, double, X + Y);
    OP("mul.rn.f64", "f64", "f64", 2, "d", double, double, X *Y);
    OP("fma.rn.f64", "f64", "f64", 3, "d", double, double, fma(X, Y, Z));
    OP("div.rn.f64", "f64", "f64", 2, "d", double, double, X / Y);
    OP("sqrt.rn.f64", "f64", "f64", 1, "d", double, double, sqrt(X));
    OP("max.f64", "f64", "f64", 2, "d", double, double,
       X != X                             ? Y
       : Y != Y                           ? X
       : X > Y || (X == Y && !signbit(X)) ? X
                                          : Y);
}

static int32_t to_s32(double x, int mode)
{
    double whole;

    if (x != x)
        return 0;
    fesetround(mode);
    whole = nearbyint(x);
    fesetround(FE_TONEAREST);
    return whole >= 2147483648.0 ? INT32_MAX : whole < -2147483648.0 ? INT32_MIN : (int32_t)whole;
}

static void test_conversions(void **state)
{
    OP("cvt.rzi.s32.f32", "b32", "f32", 1, "s", float, int32_t, to_s32(X, FE_TOWARDZERO));
    OP("cvt.rni.s32.f32", "b32", "f32", 1, "s", float, int32_t, to_s32(X, FE_TONEAREST));
    OP("cvt.rmi.s32.f64", "b32", "f64", 1, "d", double, int32_t, to_s32(X, FE_DOWNWARD));
    OP("cvt.rpi.f32.f32", "f32", "f32", 1, "s", float, float, ceilf(X));
    OP("cvt.rzi.f64.f64", "f64", "f64", 1, "d", double, double, trunc(X));
    OP("cvt.rn.f32.f64", "f32", "f64", 1, "d", double, float, X);
    OP("cvt.f64.f32", "f64", "f32", 1, "s", float, double, X);
    OP("cvt.rn.f32.s32", "f32", "b32", 1, "i", int32_t, float, X);
    OP("cvt.rn.f32.u64", "f32", "b64", 1, "i", uint64_t, float, X);
    OP("cvt.rn.f64.s64", "f64", "b64", 1, "i", int64_t, double, X);
    OP("cvt.rn.f64.u32", "f64", "b32", 1, "i", uint32_t, double, X);
    OP("cvt.u64.s32", "b64", "b32", 1, "i", int32_t, uint64_t, (int64_t)X);
    OP("cvt.s64.u32", "b64", "b32", 1, "i", uint32_t, uint64_t, X);
    OP("cvt.u16.u32", "b16", "b32", 1, "i", uint32_t, uint16_t, X);
    OP("cvt.s32.s16", "b32", "b16", 1, "i", int16_t, int32_t, X);
    OP("cvt.s32.s8", "b32", "b32", 1, "i", uint32_t, int32_t, (int8_t)X);
    OP("cvt.sat.u8.s32", "b32", "b32", 1, "i", int32_t, uint32_t, X < 0 ? 0 : X > 255 ? 255 : X);
    OP("cvt.u32.u64", "b32", "b64", 1, "i", uint64_t, uint32_t, X);
}

/* Every half there is: to single and back, and its rounding from neighbours. */
static void test_halves(void **state)
{
    static uint32_t data[65536 * 2];
    uint64_t params[] = {(uintptr_t)data};
    static const char text[] =
        ".version 7.0\n.target sm_70\n.address_size 64\n.visible .entry k(.param .u64 p) {\n"
        ".reg .b64 %d<3>; .reg .b32 %r<4>; .reg .b16 %h<3>; .reg .f32 %f;\n"
        "ld.param.u64 %d1, [p]; mov.u32 %r1, %tid.x; mov.u32 %r2, %ctaid.x; mov.u32 %r3, %ntid.x;\n"
        "mad.lo.u32 %r1, %r2, %r3, %r1; mul.wide.u32 %d2, %r1, 8; add.u64 %d1, %d1, %d2;\n"
        "ld.global.u16 %h1, [%d1]; cvt.f32.f16 %f, %h1; st.global.f32 [%d1+4], %f;\n"
        "cvt.rn.f16.f32 %h2, %f; st.global.u16 [%d1+2], %h2; ret; }";

    for (uint32_t i = 0; i < 65536; i++)
        data[2 * i] = i;
    assert_int_equal(rig_run(text, "k", 256, 256, params, data, sizeof(data)).status, PTX_DONE);
    for (uint32_t i = 0; i < 65536; i++) {
        uint32_t exponent = i >> 10 & 31, fraction = i & 0x3ff;
        float want = exponent == 31 ? (fraction ? NAN : INFINITY)
                     : exponent     ? ldexpf((float)(1024 + fraction), (int)exponent - 25)
                                    : ldexpf((float)fraction, -24);
        float got;

        memcpy(&got, &data[2 * i + 1], 4);
        if (want != want) {
            assert_true(got != got);
            continue;
        }
        want = i >> 15 ? -want : want;
        assert_memory_equal(&want, &got, 4);
        assert_int_equal(data[2 * i] >> 16, i);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_integers), cmocka_unit_test(test_singles),
        cmocka_unit_test(test_doubles),  cmocka_unit_test(test_conversions),
        cmocka_unit_test(test_halves),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
