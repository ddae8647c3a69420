// SPDX-License-Identifier: Apache-2.0
/*
 * Division as LLVM compiles it (AMDGPU SITargetLowering::LowerFDIV32, LowerFDIV64, LowerFDIV16):
 * the whole sequence of v_div_scale, v_rcp, v_fma, v_div_fmas and v_div_fixup must give the
 * correctly rounded quotient, with all operands: denormal, huge, infinite, zero, NaN. Also
 * v_trig_preop_f64.
 */
#include "valu_check.h"

#include <math.h>

static const char divide_f32[] = "v_div_scale_f32 v20, s[20:21], v4, v4, v2\n"
                                 "v_div_scale_f32 v21, vcc, v2, v4, v2\n"
                                 "v_rcp_f32 v22, v20\n"
                                 "v_fma_f32 v23, -v20, v22, 1.0\n"
                                 "v_fma_f32 v22, v23, v22, v22\n"
                                 "v_mul_f32 v23, v21, v22\n"
                                 "v_fma_f32 v24, -v20, v23, v21\n"
                                 "v_fma_f32 v23, v24, v22, v23\n"
                                 "v_fma_f32 v20, -v20, v23, v21\n"
                                 "v_div_fmas_f32 v20, v20, v22, v23\n"
                                 "v_div_fixup_f32 v10, v20, v4, v2\n";

static const char divide_f64[] = "v_div_scale_f64 v[20:21], s[20:21], v[4:5], v[4:5], v[2:3]\n"
                                 "v_rcp_f64 v[22:23], v[20:21]\n"
                                 "v_fma_f64 v[24:25], -v[20:21], v[22:23], 1.0\n"
                                 "v_fma_f64 v[22:23], v[22:23], v[24:25], v[22:23]\n"
                                 "v_fma_f64 v[24:25], -v[20:21], v[22:23], 1.0\n"
                                 "v_fma_f64 v[22:23], v[22:23], v[24:25], v[22:23]\n"
                                 "v_div_scale_f64 v[26:27], vcc, v[2:3], v[4:5], v[2:3]\n"
                                 "v_mul_f64 v[28:29], v[26:27], v[22:23]\n"
                                 "v_fma_f64 v[20:21], -v[20:21], v[28:29], v[26:27]\n"
                                 "v_div_fmas_f64 v[20:21], v[20:21], v[22:23], v[28:29]\n"
                                 "v_div_fixup_f64 v[10:11], v[20:21], v[4:5], v[2:3]\n";

static const char divide_f16[] = "v_cvt_f32_f16 v20, v4\n"
                                 "v_cvt_f32_f16 v21, v2\n"
                                 "v_rcp_f32 v20, v20\n"
                                 "v_mul_f32 v20, v21, v20\n"
                                 "v_cvt_f16_f32 v20, v20\n"
                                 "v_div_fixup_f16 v10, v20, v4, v2\n";

/** Any bits, half of them with an exponent near the one in the middle or at the ends. */
static uint32_t any_f32(struct check *c)
{
    static const uint32_t edges[] = {0,          1,          0x007fffff, 0x00800000,
                                     0x00800001, 0x3f800000, 0x3f7fffff, 0x40400000,
                                     0x7e7fffff, 0x7e800000, 0x7e800001, 0x7f7fffff,
                                     0x7f800000, 0x7fc00000, 0x2f800000, 0x0f800000};
    uint64_t r = check_random(c);
    uint32_t u = (uint32_t)(r >> 32);

    switch (r & 3) {
    case 0:
        return edges[r >> 2 & 15] | (u & 0x80000000);
    case 1:
        return (u & 0x80ffffff) | 0x3f000000;
    case 2:
        return r & 4 ? u & 0x81ffffff : u | 0x7e000000;
    default:
        return u;
    }
}

static uint64_t any_f64(struct check *c)
{
    static const uint64_t edges[] = {0,
                                     1,
                                     0x000fffffffffffff,
                                     0x0010000000000000,
                                     0x0010000000000001,
                                     0x3ff0000000000000,
                                     0x3fefffffffffffff,
                                     0x4008000000000000,
                                     0x7fcfffffffffffff,
                                     0x7fd0000000000000,
                                     0x7fd0000000000001,
                                     0x7fefffffffffffff,
                                     0x7ff0000000000000,
                                     0x7ff8000000000000,
                                     0x20f0000000000000,
                                     0x0350000000000000};
    uint64_t r = check_random(c), u = check_random(c);

    switch (r & 3) {
    case 0:
        return edges[r >> 2 & 15] | (u & 1ull << 63);
    case 1:
        return (u & 0x801fffffffffffff) | 0x3fe0000000000000;
    case 2:
        return r & 4 ? u & 0x805fffffffffffff : u | 0x7fa0000000000000;
    default:
        return u;
    }
}

static bool same_f32(uint32_t x, uint32_t y)
{
    return x == y || (isnan(check_f32(x)) && isnan(check_f32(y)));
}

static bool same_f64(uint64_t x, uint64_t y)
{
    return x == y || (isnan(check_f64(x)) && isnan(check_f64(y)));
}

static void round_f32(struct check *c)
{
    uint32_t(*v)[64] = c->wave->vgpr;

    for (unsigned l = 0; l < 64; l++) {
        v[2][l] = any_f32(c);
        v[4][l] = any_f32(c);
    }
    check_run(c, divide_f32);
    for (unsigned l = 0; l < 64; l++) {
        float n = check_f32(v[2][l]), d = check_f32(v[4][l]);

        c->checks++;
        if (!same_f32(v[CHECK_RESULT][l], check_f32_bits(n / d))) {
            check_fail(c, "division f32", l, v[CHECK_RESULT][l], check_f32_bits(n / d));
            if (c->repeated < 4)
                printf("  of %a / %a\n", n, d);
        }
    }
}

static uint64_t pair(uint32_t (*v)[64], unsigned reg, unsigned l)
{
    return (uint64_t)v[reg + 1][l] << 32 | v[reg][l];
}

static void round_f64(struct check *c)
{
    uint32_t(*v)[64] = c->wave->vgpr;

    for (unsigned l = 0; l < 64; l++) {
        uint64_t n = any_f64(c), d = any_f64(c);

        v[2][l] = (uint32_t)n;
        v[3][l] = (uint32_t)(n >> 32);
        v[4][l] = (uint32_t)d;
        v[5][l] = (uint32_t)(d >> 32);
    }
    check_run(c, divide_f64);
    for (unsigned l = 0; l < 64; l++) {
        double n = check_f64(pair(v, 2, l)), d = check_f64(pair(v, 4, l));

        c->checks++;
        if (!same_f64(pair(v, CHECK_RESULT, l), check_f64_bits(n / d))) {
            check_fail(c, "division f64", l, pair(v, CHECK_RESULT, l), check_f64_bits(n / d));
            if (c->repeated < 4)
                printf("  of %a / %a\n", n, d);
        }
    }
}

static void round_f16(struct check *c)
{
    uint32_t(*v)[64] = c->wave->vgpr;

    check_fill(c, CHECK_RESULT, 0);
    for (unsigned l = 0; l < 64; l++) {
        v[2][l] = (uint32_t)(check_random(c) >> 48);
        v[4][l] = (uint32_t)(check_random(c) >> 48);
    }
    check_run(c, divide_f16);
    for (unsigned l = 0; l < 64; l++) {
        double n = check_f16((uint16_t)v[2][l]), d = check_f16((uint16_t)v[4][l]);
        uint32_t got = v[CHECK_RESULT][l], want = check_f16_bits(n / d);

        c->checks++;
        if (got != want && !((got & 0x7fff) > 0x7c00 && want == 0x7e00) &&
            !((got ^ want) < 4 && (int)(got - want) * (int)(got - want) == 1))
            check_fail(c, "division f16", l, got, want); /* within an ulp */
    }
}

/** Three segments of 2 / pi, for the size of x that needs no shift, put together: its first 159
 * bits. */
static void test_trig_preop(struct check *c)
{
    long double sum = 0, two_over_pi = 0.636619772367581343075535053490057448L;
    uint32_t(*v)[64] = c->wave->vgpr;
    static const char *const texts[] = {"v_trig_preop_f64 v[10:11], v[2:3], 0",
                                        "v_trig_preop_f64 v[10:11], v[2:3], 1"};

    check_fill(c, 2, 0);
    check_fill(c, 3, 0x3ff00000);
    for (unsigned i = 0; i < 2; i++) {
        check_run(c, texts[i]);
        sum += (long double)check_f64(pair(v, CHECK_RESULT, 5));
    }
    c->checks++;
    if (fabsl(sum - two_over_pi) > 0x1p-63L)
        check_fail(c, "v_trig_preop_f64", 5, check_f64_bits((double)sum),
                   check_f64_bits((double)two_over_pi));
    /* x = 2^100: exponent field 1123, 46 bits are skipped */
    check_fill(c, 3, 0x46300000);
    check_run(c, texts[0]);
    double want = (double)(fmodl(ldexpl(two_over_pi, 46), 1));
    if (fabs(ldexp(check_f64(pair(v, CHECK_RESULT, 5)), 46) - want) > 0x1p-17)
        check_fail(c, "v_trig_preop_f64 of 2^100", 5, pair(v, CHECK_RESULT, 5),
                   check_f64_bits(want));
}

int main(void)
{
    static struct check c;

    check_init(&c);
    for (int round = 0; round < 4000; round++) {
        c.plain = round & 1;
        round_f32(&c);
        round_f64(&c);
        round_f16(&c);
    }
    test_trig_preop(&c);
    return check_finish(&c);
}
