// SPDX-License-Identifier: Apache-2.0
/*
 * Vector ALU, lane arithmetic: every case of valu_cases.def, on all pairs of edge values and on
 * random ones, with full and partial EXEC, in both builds of the handlers, against what the case
 * says.
 */
#include "valu_check.h"

#include <math.h>
#include <stdlib.h>

/* What the expectations need. */
static int ignored;

static double minimum(double a, double b)
{
    if (isnan(a) || isnan(b))
        return isnan(a) ? b : a;
    return a < b || (a == b && signbit(a)) ? a : b;
}

static double median(double a, double b, double c)
{
    if (isnan(a) || isnan(b) || isnan(c))
        return minimum(minimum(a, b), c);
    return -minimum(-minimum(a, b), -minimum(-minimum(-a, -b), c));
}

static float flush(float x)
{
    return fpclassify(x) == FP_SUBNORMAL ? copysignf(0, x) : x;
}

static double saturate(double x, double low, double high)
{
    return isnan(x) ? 0 : x < low ? low : x > high ? high : x;
}

static double clamped(double x)
{
    return isnan(x) || x <= 0 ? 0 : x > 1 ? 1 : x;
}

static const long double two_pi = 2 * 3.14159265358979323846264338327950288L;

static double sin_turns(double x)
{
    long double r = remainder(x, 1);

    return r == 0 || fabsl(r) == 0.5L ? 0 : (double)sinl(two_pi * r);
}

static double cos_turns(double x)
{
    long double r = remainder(x, 1);

    return fabsl(r) == 0.25L ? 0 : (double)cosl(two_pi * r);
}

static int exponent_of(double x)
{
    int e = 0;

    if (isfinite(x))
        frexp(x, &e);
    return e;
}

static double cube(float x, float y, float z, int what)
{
    float ax = fabsf(x), ay = fabsf(y), az = fabsf(z);

    if (az >= ax && az >= ay)
        return what == 0 ? (z < 0 ? 5 : 4) : what == 1 ? (z < 0 ? -x : x) : what == 2 ? -y : 2 * z;
    if (ay >= ax)
        return what == 0 ? (y < 0 ? 3 : 2) : what == 1 ? x : what == 2 ? (y < 0 ? -z : z) : 2 * y;
    return what == 0 ? (x < 0 ? 1 : 0) : what == 1 ? (x < 0 ? z : -z) : what == 2 ? -y : 2 * x;
}

static uint32_t reversed(uint32_t x)
{
    uint32_t r = 0;

    for (int i = 0; i < 32; i++)
        r |= (x >> i & 1) << (31 - i);
    return r;
}

static int64_t signed24(int32_t x)
{
    uint32_t u = (uint32_t)x & 0xffffff;

    return u < 0x800000 ? (int64_t)u : (int64_t)u - 0x1000000;
}

static int64_t field(int32_t x, unsigned offset, unsigned width)
{
    int64_t shifted = (int64_t)x >> offset, modulus = 1ll << width, r = shifted & (modulus - 1);

    return width && r >= modulus / 2 ? r - modulus : r;
}

static uint32_t permuted(uint32_t a, uint32_t b, uint32_t selectors)
{
    uint32_t r = 0, words[2] = {b, a};

    for (int i = 0; i < 4; i++) {
        uint32_t s = selectors >> (8 * i) & 255, byte;

        if (s < 8)
            byte = words[s / 4] >> (s % 4 * 8) & 255;
        else if (s < 12)
            byte = words[(s - 8) / 2] >> ((s - 8) % 2 * 16 + 15) & 1 ? 255 : 0;
        else
            byte = s == 12 ? 0 : 255;
        r |= byte << (8 * i);
    }
    return r;
}

static uint64_t bytes_apart(uint32_t a, uint32_t b)
{
    uint64_t r = 0;

    for (int i = 0; i < 4; i++)
        r += (uint64_t)abs((int)(a >> (8 * i) & 255) - (int)(b >> (8 * i) & 255));
    return r;
}

/* The reference is the second operand: its zero bytes do not count. */
static uint64_t masked_bytes_apart(uint32_t a, uint32_t b)
{
    uint64_t r = 0;

    for (int i = 0; i < 4; i++) {
        int y = (int)(b >> (8 * i) & 255);

        r += y ? (uint64_t)abs((int)(a >> (8 * i) & 255) - y) : 0;
    }
    return r;
}

/* At the four byte positions of @a; sums that leave 16 bits stay at their limit. */
static uint64_t four_sads(uint64_t a, uint32_t b, uint64_t c, bool masked)
{
    uint64_t r = 0;

    for (int i = 0; i < 4; i++) {
        uint32_t window = (uint32_t)(a >> (8 * i));
        uint64_t sad = masked ? masked_bytes_apart(window, b) : bytes_apart(window, b);

        sad += c >> (16 * i) & 0xffff;
        r |= (sad > 0xffff ? 0xffff : sad) << (16 * i);
    }
    return r;
}

/* x + y as it must be to round once to a half: x is exact, the sum may need more than a double has.
 */
static double sum_for_half(double x, double y)
{
    const long double sum = (long double)x + y;
    double r = (double)sum;

    /* Beside a tie between halves only the direction of what was lost matters. */
    if (r != sum && isfinite(r))
        r = nextafter(r, sum > r ? INFINITY : -INFINITY);
    return r;
}

/* Quotient @q of @n / @d with the special cases put right. */
static double half_fixed_up(double q, double d, double n)
{
    const double sign = signbit(d) != signbit(n) ? -1 : 1;

    if (isnan(n) || isnan(d) || (n == 0 && d == 0) || (isinf(n) && isinf(d)))
        return NAN;
    if (d == 0 || isinf(n))
        return sign * INFINITY;
    if (isinf(d) || n == 0)
        return copysign(0, sign);
    return copysign(q, sign);
}

/* Sum of the products of fields of @bits. */
static int64_t products(uint32_t a, uint32_t b, int bits, bool is_signed)
{
    const int64_t modulus = 1 << bits;
    int64_t sum = 0;

    for (int i = 0; i < 32; i += bits) {
        int64_t x = a >> i & (modulus - 1), y = b >> i & (modulus - 1);

        if (is_signed && x >= modulus / 2)
            x -= modulus;
        if (is_signed && y >= modulus / 2)
            y -= modulus;
        sum += x * y;
    }
    return sum;
}

/* Operations on one half of packed operands. */
typedef uint16_t half_fn(uint16_t x, uint16_t y, uint16_t z);

static uint32_t each(uint32_t a, uint32_t b, uint32_t c, half_fn *f)
{
    return f((uint16_t)a, (uint16_t)b, (uint16_t)c) |
           (uint32_t)f((uint16_t)(a >> 16), (uint16_t)(b >> 16), (uint16_t)(c >> 16)) << 16;
}

#define HALF(name, ...)                                                                            \
    static uint16_t half_##name(uint16_t x, uint16_t y, uint16_t z)                                \
    {                                                                                              \
        (void)z;                                                                                   \
        return (uint16_t)(__VA_ARGS__);                                                            \
    }
#define SIGNED(x) ((int16_t)(x))
#define REAL(x)   check_f16(x)
HALF(add, x + y)
HALF(sub, x - y)
HALF(mul, (uint32_t)x *y)
HALF(mad, (uint32_t)x *y + z)
HALF(shl, y << x % 16)
HALF(shr, y >> x % 16)
HALF(sar, (int32_t)floor(ldexp(SIGNED(y), -(x % 16))))
HALF(add_signed, (int32_t)saturate(SIGNED(x) + SIGNED(y), -32768, 32767))
HALF(add_unsigned, saturate(x + y, 0, 65535))
HALF(sub_unsigned, saturate(x - y, 0, 65535))
HALF(max_signed, SIGNED(x) > SIGNED(y) ? x : y)
HALF(min_signed, SIGNED(x) < SIGNED(y) ? x : y)
HALF(max, x > y ? x : y)
HALF(min, x < y ? x : y)
HALF(fadd, check_f16_bits(REAL(x) + REAL(y)))
HALF(fmul, check_f16_bits(REAL(x) * REAL(y)))
HALF(fmin, check_f16_bits(minimum(REAL(x), REAL(y))))
HALF(fmax, check_f16_bits(-minimum(-REAL(x), -REAL(y))))
HALF(ffma, check_f16_bits(sum_for_half(REAL(x) * REAL(y), REAL(z))))

static uint32_t lerped(uint32_t a, uint32_t b, uint32_t c)
{
    uint32_t r = 0;

    for (int i = 0; i < 4; i++)
        r |= ((a >> (8 * i) & 255) + (b >> (8 * i) & 255) + (c >> (8 * i) & 1)) / 2 << (8 * i);
    return r;
}

/** Bit number in the mask of v_cmp_class; the edge values hold no signalling NaN. */
static int class_of(double x, double smallest_normal)
{
    int positive = isinf(x) ? 9 : x == 0 ? 6 : fabs(x) < smallest_normal ? 7 : 8;

    return isnan(x) ? 1 : signbit(x) ? 11 - positive : positive;
}

/* Values. An operand is 64 bits whatever its type; what a case computes is of the result's type. */
typedef uint64_t (*expect_fn)(const uint64_t *source, unsigned m);

#define TYPE_f float
#define TYPE_d double
#define TYPE_h double
#define TYPE_u uint32_t
#define TYPE_i int32_t
#define TYPE_U uint64_t
#define TYPE_I int64_t
#define TYPE_s uint16_t
#define TYPE_t int16_t
#define TYPE_w uint32_t

#define GET_f(x) check_f32((uint32_t)(x))
#define GET_d(x) check_f64(x)
#define GET_h(x) check_f16((uint16_t)(x))
#define GET_u(x) ((uint32_t)(x))
#define GET_i(x) ((int32_t)(x))
#define GET_U(x) (x)
#define GET_I(x) ((int64_t)(x))
#define GET_s(x) ((uint16_t)(x))
#define GET_t(x) ((int16_t)(x))
#define GET_w(x) ((uint32_t)(x))
#define PUT_f(x) check_f32_bits((float)(x))
#define PUT_d(x) check_f64_bits(x)
#define PUT_h(x) check_f16_bits(x)
#define PUT_u(x) ((uint32_t)(int64_t)(x))
#define PUT_i(x) ((uint32_t)(int64_t)(x))
#define PUT_U(x) ((uint64_t)(x))
#define PUT_I(x) ((uint64_t)(x))
#define PUT_s(x) ((uint16_t)(int64_t)(x))
#define PUT_t(x) ((uint16_t)(int64_t)(x))
#define PUT_m(x) ((x) ? 1 : 0)
#define PUT_v(x) PUT_u(x)
#define PUT_k(x) PUT_h(x)
#define PUT_p(x) PUT_s(x)
#define PUT_q(x) PUT_t(x)

#define EXPECT_(line) expect_##line
#define EXPECT(line)  EXPECT_(line)
#define CASE(text, R, A, B, C, ulp, ...)                                                           \
    static uint64_t EXPECT(__LINE__)(const uint64_t *source, unsigned m)                           \
    {                                                                                              \
        TYPE_##A a = GET_##A(source[0]);                                                           \
        TYPE_##B b = GET_##B(source[1]);                                                           \
        TYPE_##C c = GET_##C(source[2]);                                                           \
        (void)a, (void)b, (void)c, (void)m;                                                        \
        return PUT_##R(__VA_ARGS__);                                                               \
    }
#include "valu_cases.def"
#undef CASE

static const struct test_case {
    const char *text, *types;
    unsigned ulp;
    expect_fn expect;
} cases[] = {
#define CASE(text, R, A, B, C, ulp, ...) {text, #R #A #B #C, ulp, EXPECT(__LINE__)},
#include "valu_cases.def"
};

static const uint64_t edges_f[] = {
    0,          0x80000000, 0x3f800000, 0xbf800000, 0x3f000000, 0xbfc00000, 0x40200000, 0x00000001,
    0x80000001, 0x007fffff, 0x00800000, 0x80800000, 0x7f7fffff, 0xff7fffff, 0x7f800000, 0xff800000,
    0x7fc00000, 0x4f000000, 0xcf000000, 0x4f800000, 0x4effffff, 0x3effffff, 0x33800000, 0x477fe000,
    0x477ff000, 0x477fefff, 0x38800000, 0x33000000, 0x33000001, 0x387fe000, 0xcf000001, 0x42f6e979};
static const uint64_t edges_d[] = {0,
                                   0x8000000000000000,
                                   0x3ff0000000000000,
                                   0xbff0000000000000,
                                   0x3fe0000000000000,
                                   0xbff8000000000000,
                                   0x4004000000000000,
                                   1,
                                   0x8000000000000001,
                                   0x000fffffffffffff,
                                   0x0010000000000000,
                                   0x7fefffffffffffff,
                                   0xffefffffffffffff,
                                   0x7ff0000000000000,
                                   0xfff0000000000000,
                                   0x7ff8000000000000,
                                   0x41dfffffffc00000,
                                   0x41e0000000000000,
                                   0xc1e0000000200000,
                                   0xc1e0000000000000,
                                   0x41efffffffe00000,
                                   0x41f0000000000000,
                                   0x3fdfffffffffffff,
                                   0x36a0000000000000,
                                   0x47efffffefffffff,
                                   0xc060000000000000};
static const uint64_t edges_h[] = {0,      0x8000, 0x3c00, 0xbc00, 0x3800, 0xbe00, 0x4100, 1,
                                   0x8001, 0x03ff, 0x0400, 0x8400, 0x7bff, 0xfbff, 0x7c00, 0xfc00,
                                   0x7e00, 0x3bff, 0x1400, 0x5bff, 0x6400, 0x7800, 0x37ff, 0xf800};
static const uint64_t edges_u[] = {
    0,          1,          2,          31,         32,         33,         0xff,       0x8000,
    0x7fff,     0xffff,     0x10000,    0x7fffffff, 0x80000000, 0x80000001, 0xffffffff, 0xfffffffe,
    0x00ffffff, 0x00800000, 0xff800000, 0x12345678, 0x0706050c, 0x0b0a0908, 0x0d000403, 63};
static const uint64_t edges_U[] = {0,
                                   1,
                                   0xffffffff,
                                   0x100000000,
                                   0x7fffffffffffffff,
                                   0x8000000000000000,
                                   0xffffffffffffffff,
                                   0xfffffffe00000001,
                                   0x00000001ffffffff,
                                   0x123456789abcdef0};

/** Edge value number @i of @type, or a random one beyond them. */
static uint64_t value(struct check *c, char type, unsigned i)
{
    uint64_t r = check_random(c);

#define EDGE(table)                                                                                \
    if (i < sizeof(table) / sizeof(table[0]))                                                      \
    return table[i]
    switch (type) {
    case 'f':
        EDGE(edges_f);
        /* half of them near 1, so that sums and products are not all extreme */
        r = r & 1 ? (r >> 32 & 0x87ffffff) | 0x38000000 : r >> 32;
        return (r & 0x7fffffff) > 0x7f800000 ? r | 0x400000 : r;
    case 'd':
        EDGE(edges_d);
        r = r & 1 ? (r & 0x807fffffffffffff) | 0x3f80000000000000 : r;
        return (r & INT64_MAX) > 0x7ff0000000000000 ? r | 1ull << 51 : r;
    case 'h':
        EDGE(edges_h);
        r >>= 48;
        return (r & 0x7fff) > 0x7c00 ? r | 0x200 : r;
    case 'w': /* two halves */
        return value(c, 'h', i) | value(c, 'h', (unsigned)(r >> 32) % 48) << 16;
    case 'U':
    case 'I':
        EDGE(edges_U);
        return r;
    default:
        EDGE(edges_u);
        return type == 's' || type == 't' ? r >> 48 : r >> 32;
    }
}

static unsigned edges_of(char type)
{
    switch (type) {
    case 'f':
        return sizeof(edges_f) / sizeof(edges_f[0]);
    case 'd':
        return sizeof(edges_d) / sizeof(edges_d[0]);
    case 'h':
    case 'w':
        return sizeof(edges_h) / sizeof(edges_h[0]);
    case 'U':
    case 'I':
        return sizeof(edges_U) / sizeof(edges_U[0]);
    default:
        return sizeof(edges_u) / sizeof(edges_u[0]);
    }
}

static bool is_wide(char type)
{
    return type == 'd' || type == 'U' || type == 'I';
}

/** Distance in representable values; NaNs are all the same. */
static uint64_t distance(char type, uint64_t x, uint64_t y)
{
    uint64_t sign = type == 'f' ? 1ull << 31 : type == 'd' ? 1ull << 63 : 1ull << 15;
    uint64_t inf = type == 'f' ? 0x7f800000 : type == 'd' ? 0x7ff0000000000000 : 0x7c00;
    bool nan_x = (x & (sign - 1)) > inf, nan_y = (y & (sign - 1)) > inf;

    if (x == y)
        return 0;
    if (type == 'v')
        return distance('h', x & 0xffff, y & 0xffff) | distance('h', x >> 16, y >> 16);
    if (type != 'f' && type != 'd' && type != 'h')
        return UINT64_MAX;
    if (nan_x || nan_y)
        return nan_x && nan_y ? 0 : UINT64_MAX;
    if ((x ^ y) & sign)
        return UINT64_MAX;
    return x > y ? x - y : y - x;
}

static void store(struct gcn_wave *w, unsigned reg, unsigned lane, uint64_t x)
{
    w->vgpr[reg][lane] = (uint32_t)x;
    w->vgpr[reg + 1][lane] = (uint32_t)(x >> 32);
}

static void check_lane(struct check *c, const struct test_case *t, unsigned lane, uint64_t want)
{
    const struct gcn_wave *w = c->wave;
    uint64_t got = w->vgpr[CHECK_RESULT][lane];
    bool active = gcn_exec(w) >> lane & 1;
    char type = t->types[0];

    if (type == 'm') {
        got = gcn_sgpr64(w, CHECK_MASK) >> lane & 1;
        want = active ? want : 0;
    } else if (!active) {
        want = CHECK_UNTOUCHED;
        type = 'u';
    } else if (type == 'k' || type == 'p' || type == 'q') {
        if (got >> 16 != CHECK_UNTOUCHED >> 16)
            check_fail(c, t->text, lane, got, want);
        got &= 0xffff;
        type = type == 'k' ? 'h' : 's';
    } else if (is_wide(type)) {
        got |= (uint64_t)w->vgpr[CHECK_RESULT + 1][lane] << 32;
    }
    c->checks++;
    if (distance(type, got, want) > t->ulp)
        check_fail(c, t->text, lane, got, want);
}

/** One round: lane l of round r holds pair number 64 * r + l of the edge values, then random ones.
 */
static void round_of(struct check *c, const struct test_case *t, const uint32_t *words,
                     unsigned count, unsigned round)
{
    struct gcn_wave *w = c->wave;
    uint64_t source[64][3], carry = check_random(c), partial = check_random(c);
    unsigned edges = edges_of(t->types[1]);

    for (unsigned l = 0; l < 64; l++) {
        unsigned pair = 64 * round + l;

        source[l][0] = value(c, t->types[1], pair % edges);
        source[l][1] = value(c, t->types[2], pair / edges);
        source[l][2] = value(c, t->types[3], (unsigned)(check_random(c) % 48));
        if (pair >= edges * edges_of(t->types[2]))
            source[l][0] = value(c, t->types[1], ~0u);
        for (unsigned n = 0; n < 3; n++)
            store(w, CHECK_SOURCE + 2 * n, l, source[l][n]);
    }
    check_fill(c, CHECK_RESULT, CHECK_UNTOUCHED);
    gcn_set_sgpr64(w, 24, carry);
    gcn_set_sgpr64(w, GCN_EXEC, round & 1 ? partial : ~0ull);
    check_step(c, words, count);
    for (unsigned l = 0; l < 64; l++)
        check_lane(c, t, l, t->expect(source[l], carry >> l & 1));
}

/** Assembles all cases at once; returns the number of words. */
static int assemble(uint32_t *words, int max)
{
    enum { COUNT = sizeof(cases) / sizeof(cases[0]) };
    size_t size = 1;
    char *text;
    int count;

    for (unsigned i = 0; i < COUNT; i++)
        size += strlen(cases[i].text) + 1;
    text = calloc(1, size);
    if (!text)
        return 0;
    for (unsigned i = 0; i < COUNT; i++) {
        strcat(text, cases[i].text);
        strcat(text, "\n");
    }
    count = harness_assemble(text, words, max);
    free(text);
    return count;
}

/* Four dwords of result and of accumulator, which no case line can say. */
static void check_mqsad_u32(struct check *c)
{
    static const char text[] = "v_mqsad_u32_u8 v[12:15], v[2:3], v4, v[16:19]";
    struct gcn_wave *w = c->wave;

    for (unsigned round = 0; round < 8; round++) {
        const uint64_t exec = round & 1 ? check_random(c) : ~0ull;

        for (unsigned reg = 2; reg < 20; reg++)
            check_scramble(c, reg);
        check_fill(c, 4, round & 2 ? 0x00ff0012 : 0x01020304);
        for (unsigned i = 0; i < 4; i++)
            check_fill(c, 12 + i, CHECK_UNTOUCHED);
        gcn_set_sgpr64(w, GCN_EXEC, exec);
        c->plain = round & 4;
        check_run(c, text);
        for (unsigned l = 0; l < 64; l++)
            for (unsigned i = 0; i < 4; i++) {
                uint64_t a = w->vgpr[2][l] | (uint64_t)w->vgpr[3][l] << 32;
                uint32_t want =
                    (uint32_t)(masked_bytes_apart((uint32_t)(a >> 8 * i), w->vgpr[4][l]) +
                               w->vgpr[16 + i][l]);

                c->checks++;
                if (w->vgpr[12 + i][l] != (exec >> l & 1 ? want : CHECK_UNTOUCHED))
                    check_fail(c, text, l, w->vgpr[12 + i][l], want);
            }
    }
}

int main(void)
{
    static uint32_t words[4096];
    static struct check c;
    int count;
    unsigned at = 0;

    check_init(&c);
    count = assemble(words, 4096);
    if (count <= 0)
        check_fail(&c, "the cases do not assemble", 0, 0, 0);
    for (unsigned i = 0; count > 0 && i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct gcn_inst inst = {0};

        for (unsigned round = 0; round < 40; round++) {
            c.plain = round & 2;
            round_of(&c, &cases[i], words + at, (unsigned)count - at, round);
        }
        at += gcn_decode(words + at, (unsigned)count - at, &inst);
    }
    check_mqsad_u32(&c);
    return check_finish(&c);
}
