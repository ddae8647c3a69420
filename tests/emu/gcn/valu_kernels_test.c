// SPDX-License-Identifier: Apache-2.0
/*
 * Runs valu_kernels.hip on the interpreter, random and special values, and compares with the CPU:
 * libm in wider precision for floating point, the same expression for integers. Usage:
 * valu_kernels_test [--plain] CODE_OBJECT...; --plain: without AVX2 handlers. A code object with
 * "flush" in its name was compiled to flush single-precision denormals.
 */
#include "arguments.h"
#include "harness.h"
#include "wave.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

enum { ITEMS = 1000, GRID = 1024, GROUP = 256 };

struct run {
    struct harness *h;
    const char *path;
    bool flush;
    void *x, *y, *out; /* of the present kernel */
    unsigned kernels, failures;
};

static uint64_t next_random(void)
{
    static uint64_t s = 0x2545f4914f6cdd1d;

    s ^= s << 13;
    s ^= s >> 7;
    s ^= s << 17;
    return s;
}

static double between(double low, double high)
{
    return low + (double)(next_random() >> 11) * 0x1p-53 * (high - low);
}

/** Runs @kernel(x, y, out, n) on new arrays of @size bytes a value; @fill sets the inputs. */
static bool launch(struct run *r, const char *kernel, size_t size,
                   void (*fill)(struct run *, double, double), double low, double high)
{
    struct harness_launch l = {.kernel = kernel, .grid = {GRID}, .workgroup = {GROUP}};
    struct arguments a = {0};
    uint64_t x, y, out;

    r->x = harness_alloc(r->h, GRID * size, &x);
    r->y = harness_alloc(r->h, GRID * size, &y);
    r->out = harness_alloc(r->h, GRID * size, &out);
    if (!r->x || !r->y || !r->out)
        return false;
    fill(r, low, high);
    arguments_pointer(&a, x);
    arguments_pointer(&a, y);
    arguments_pointer(&a, out);
    arguments_int(&a, ITEMS);
    l.kernarg = a.bytes;
    l.kernarg_bytes = a.used;
    r->kernels++;
    if (harness_run(r->h, &l) == GCN_DONE)
        return true;
    printf("FAIL %s: %s did not end well\n", r->path, kernel);
    r->failures++;
    return false;
}

static const double specials[] = {
    0.0,  -0.0, 1.0,    -1.0,    0.5,   2.0,   INFINITY, -INFINITY,
    NAN,  3.0,  -2.5,   1e-40,   1e-30, -1e30, 0x1p-126, 0x1.fffffep127,
    1e20, 0.25, 1e-310, -1e-300, 1e300, 42.0};
enum { SPECIALS = sizeof(specials) / sizeof(specials[0]) };

static double input(const struct run *r, unsigned i, unsigned which, double low, double high)
{
    double v = between(low, high);

    if (i < SPECIALS * SPECIALS / 2) /* pairs of special values, among others */
        v = specials[(which ? i / SPECIALS : i) % SPECIALS];
    return r->flush && fpclassify((float)v) == FP_SUBNORMAL ? 0 : v;
}

static void fill_f32(struct run *r, double low, double high)
{
    for (unsigned i = 0; i < GRID; i++) {
        ((float *)r->x)[i] = (float)input(r, i, 0, low, high);
        ((float *)r->y)[i] = (float)input(r, i, 1, low, high);
    }
}

static void fill_f64(struct run *r, double low, double high)
{
    for (unsigned i = 0; i < GRID; i++) {
        ((double *)r->x)[i] = input(r, i, 0, low, high);
        ((double *)r->y)[i] = input(r, i, 1, low, high);
    }
}

static uint64_t integer(unsigned i)
{
    static const uint64_t edges[] = {0,          1,          2,          0x7fffffff,
                                     0x80000000, 0xffffffff, 1ull << 32, INT64_MAX,
                                     1ull << 63, UINT64_MAX, 10,         0xffff8000};

    return i < 12 ? edges[i] : next_random() >> (next_random() & 63);
}

static void fill_i32(struct run *r, double low, double high)
{
    for (unsigned i = 0; i < GRID; i++) {
        ((uint32_t *)r->x)[i] = (uint32_t)integer(i % 12 + (i >= 144) * 12);
        ((uint32_t *)r->y)[i] = (uint32_t)integer(i / 12);
    }
}

static void fill_i64(struct run *r, double low, double high)
{
    for (unsigned i = 0; i < GRID; i++) {
        ((uint64_t *)r->x)[i] = integer(i % 12 + (i >= 144) * 12);
        ((uint64_t *)r->y)[i] = integer(i / 12);
    }
}

/* References */

static double half(double x)
{
    double m = fabs(x), step;
    int exponent;

    if (!(m > 0) || isinf(m))
        return x;
    frexp(m, &exponent);
    step = ldexp(1, (exponent < -13 ? -13 : exponent) - 11);
    m = rint(m / step) * step;
    return copysign(m >= 65520 ? INFINITY : m, x);
}

static uint32_t collatz(uint32_t x)
{
    uint32_t steps = 0;

    for (; x > 1 && steps < 40; steps++)
        x = x & 1 ? 3 * x + 1 : x / 2;
    return steps;
}

/** True if @got is within @ulp units in the last place of @bits bits from @want. */
static bool close_to(long double got, long double want, double ulp, int bits, int least)
{
    int exponent;

    if (isnan(want) || isnan(got))
        return isnan(want) && isnan(got);
    if (isinf(want) || isinf(got) || want == 0)
        return got == want;
    frexpl(want, &exponent);
    exponent = exponent - bits < least ? least : exponent - bits;
    return fabsl(got - want) <= (long double)(ulp + 1e-9) * ldexpl(1, exponent);
}

static void report(struct run *r, const char *name, unsigned i, long double x, long double y,
                   long double got, long double want)
{
    printf("FAIL %s: %s(%La, %La), item %u: %La, expected %La\n", r->path, name, x, y, i, got,
           want);
    r->failures++;
}

#define F32(name, low, high, ulp, device, ...)                                                     \
    static void check_f32_##name(struct run *r)                                                    \
    {                                                                                              \
        if (!launch(r, "f32_" #name, 4, fill_f32, low, high))                                      \
            return;                                                                                \
        const float *out = r->out;                                                                 \
        for (unsigned i = 0; i < ITEMS; i++) {                                                     \
            double X = ((float *)r->x)[i], Y = ((float *)r->y)[i];                                 \
            (void)Y;                                                                               \
            double want = (double)(__VA_ARGS__);                                                   \
            bool tiny = fabs(want) < 0x1.00001p-126 && fabs(out[i]) < 0x1.00001p-126;              \
            if (close_to(out[i], fabs(want) < 0x1.ffffffp127 ? want : (float)want,                 \
                         ulp == 0 ? 0.5 : ulp, 24, -149) ||                                        \
                (r->flush && tiny))                                                                \
                continue;                                                                          \
            report(r, "f32_" #name, i, X, Y, out[i], want);                                        \
            return;                                                                                \
        }                                                                                          \
    }
#define F64(name, low, high, ulp, device, ...)                                                     \
    static void check_f64_##name(struct run *r)                                                    \
    {                                                                                              \
        if (!launch(r, "f64_" #name, 8, fill_f64, low, high))                                      \
            return;                                                                                \
        const double *out = r->out;                                                                \
        for (unsigned i = 0; i < ITEMS; i++) {                                                     \
            long double X = ((double *)r->x)[i], Y = ((double *)r->y)[i];                          \
            (void)Y;                                                                               \
            long double want = (long double)(__VA_ARGS__);                                         \
            if (isinf((double)want))                                                               \
                want = (double)want;                                                               \
            if (close_to(out[i], want, ulp == 0 ? 0.5 : ulp, 53, -1074))                           \
                continue;                                                                          \
            report(r, "f64_" #name, i, X, Y, out[i], want);                                        \
            return;                                                                                \
        }                                                                                          \
    }
#define INTEGER(kind, name, U, S, ...)                                                             \
    static void check_##kind##_##name(struct run *r)                                               \
    {                                                                                              \
        if (!launch(r, #kind "_" #name, sizeof(U), fill_##kind, 0, 0))                             \
            return;                                                                                \
        for (unsigned i = 0; i < ITEMS; i++) {                                                     \
            U x = ((U *)r->x)[i], y = ((U *)r->y)[i], got = ((U *)r->out)[i];                      \
            S sx = (S)x, sy = (S)y;                                                                \
            U want = (U)(__VA_ARGS__);                                                             \
            (void)sx, (void)sy, (void)y;                                                           \
            if (got == want)                                                                       \
                continue;                                                                          \
            printf("FAIL %s: %s(%#llx, %#llx), item %u: %#llx, expected %#llx\n", r->path,         \
                   #kind "_" #name, (unsigned long long)x, (unsigned long long)y, i,               \
                   (unsigned long long)got, (unsigned long long)want);                             \
            r->failures++;                                                                         \
            return;                                                                                \
        }                                                                                          \
    }
#define I32(name, ...) INTEGER(i32, name, uint32_t, int32_t, __VA_ARGS__)
#define I64(name, ...) INTEGER(i64, name, uint64_t, int64_t, __VA_ARGS__)
#include "valu_kernels.def"
#undef F32
#undef F64
#undef I32
#undef I64

static void (*const checks[])(struct run *) = {
#define F32(name, ...) check_f32_##name,
#define F64(name, ...) check_f64_##name,
#define I32(name, ...) check_i32_##name,
#define I64(name, ...) check_i64_##name,
#include "valu_kernels.def"
};

/* Cross-lane operations: as in valu_kernels.hip. */
static uint32_t lane_result(const int *wave, int lane, int item, int which)
{
    int row = lane & ~15, first = 0, x = wave[lane];
    uint32_t dot = 5;

    switch (which) {
    case 0:
        return wave[lane ^ 3];
    case 1:
        return lane & 15 ? wave[lane - 1] : -1;
    case 2:
        return wave[row + 15 - (lane & 15)];
    case 3:
        return row ? wave[row - 1] : -1;
    case 4:
        return (lane & 15) < 15 ? wave[lane + 1] : 0;
    case 5:
        return (uint32_t)wave[3] + (uint32_t)wave[0];
    case 6:
        while (!(wave[first] & 1))
            first++;
        if (x & 1)
            return (uint32_t)wave[first] + (uint32_t)(item - lane + first);
        return wave[lane ^ 1] & 1 ? -1 : wave[lane ^ 1]; /* only active lanes are seen */
    default:
        for (int i = 0; i < 4; i++)
            dot += (uint32_t)((int8_t)(x >> (8 * i)) * (4 - i));
        return dot + (((uint32_t)x >> 16 & 255) << 24 | ((uint32_t)item >> 8 & 255) << 16 |
                      ((uint32_t)x >> 24) << 8 | ((uint32_t)item & 255));
    }
}

static void check_lanes(struct run *r)
{
    struct harness_launch l = {.kernel = "lanes", .grid = {128}, .workgroup = {128}};
    struct arguments a = {0};
    uint64_t in_va, out_va;
    int *in = harness_alloc(r->h, 512, &in_va);
    uint32_t *out = harness_alloc(r->h, 4096, &out_va);

    if (!in || !out)
        return;
    for (int i = 0; i < 128; i++)
        in[i] = (int)next_random();
    arguments_pointer(&a, in_va);
    arguments_pointer(&a, out_va);
    arguments_int(&a, 128);
    l.kernarg = a.bytes;
    l.kernarg_bytes = a.used;
    r->kernels++;
    r->failures += harness_run(r->h, &l) != GCN_DONE;
    for (int i = 0; i < 1024; i++) {
        uint32_t want = lane_result(in + i / 512 * 64, i / 8 % 64, i / 8, i % 8);
        if (out[i] != want) {
            printf("FAIL %s: lanes, item %d, result %d: %#x, expected %#x\n", r->path, i / 8, i % 8,
                   out[i], want);
            r->failures++;
            return;
        }
    }
}

int main(int argc, char **argv)
{
    unsigned failures = 0, kernels = 0;

    for (int i = 1; i < argc; i++) {
        struct run r = {.path = argv[i], .flush = strstr(argv[i], "flush") != NULL};

        if (strcmp(argv[i], "--plain") == 0) {
            gcn_vector_plain = true;
            continue;
        }
        for (unsigned k = 0; k < sizeof(checks) / sizeof(checks[0]); k++) {
            r.h = harness_create();
            if (!r.h || harness_load(r.h, r.path))
                return 1;
            checks[k](&r);
            harness_destroy(r.h);
        }
        r.h = harness_create();
        if (!r.h || harness_load(r.h, r.path))
            return 1;
        check_lanes(&r);
        harness_destroy(r.h);
        failures += r.failures;
        kernels += r.kernels;
    }
    printf("%u kernels, %u failures\n", kernels, failures);
    return failures || !kernels ? 1 : 0;
}
