// SPDX-License-Identifier: Apache-2.0
/*
 * Runs the kernels of kernels.hip on the interpreter and checks what they computed against the CPU.
 * Usage: kernels_test [--plain] CODE_OBJECT [KERNEL...]; --plain: without AVX2 handlers. Prints a
 * line per kernel; exit status 1 if any failed.
 */
#include "arguments.h"
#include "harness.h"

#include "wave.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

struct test {
    struct harness *h;
    struct harness_launch launch;
    struct arguments arguments;
};

/* Deterministic input, the same on every run. */
static uint32_t next_random(void)
{
    static uint64_t state = 88172645463325252ull;

    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
    return state >> 32;
}

static double random_unit(void)
{
    return next_random() / 4294967296.0;
}

/* A device array, its address appended to the arguments. */
static void *array(struct test *t, size_t bytes)
{
    uint64_t va;
    void *host = harness_alloc(t->h, bytes, &va);

    if (!host) {
        fprintf(stderr, "out of memory\n");
        exit(1);
    }
    arguments_pointer(&t->arguments, va);
    return host;
}

static void *floats(struct test *t, int n)
{
    float *v = array(t, n * sizeof(*v));

    for (int i = 0; i < n; i++)
        v[i] = (float)(random_unit() * 4 - 2);
    return v;
}

static void integer(struct test *t, int value)
{
    arguments_int(&t->arguments, value);
}

static bool run3(struct test *t, const char *kernel, const uint32_t grid[3],
                 const uint16_t workgroup[3])
{
    t->launch.kernel = kernel;
    memcpy(t->launch.grid, grid, sizeof(t->launch.grid));
    memcpy(t->launch.workgroup, workgroup, sizeof(t->launch.workgroup));
    t->launch.kernarg = t->arguments.bytes;
    t->launch.kernarg_bytes = t->arguments.used;
    return harness_run(t->h, &t->launch) == GCN_DONE;
}

static bool run(struct test *t, const char *kernel, uint32_t grid, uint16_t workgroup)
{
    return run3(t, kernel, (uint32_t[]){grid, 1, 1}, (uint16_t[]){workgroup, 1, 1});
}

static bool near(const char *what, int i, double got, double want, double tolerance)
{
    if (fabs(got - want) <= tolerance * (1 + fabs(want)))
        return true;
    fprintf(stderr, "  %s[%d]: %.17g, expected %.17g\n", what, i, got, want);
    return false;
}

static bool same(const char *what, int i, uint64_t got, uint64_t want)
{
    if (got == want)
        return true;
    fprintf(stderr, "  %s[%d]: %llx, expected %llx\n", what, i, (unsigned long long)got,
            (unsigned long long)want);
    return false;
}

static bool test_vadd(struct test *t)
{
    enum { N = 1000 };
    float *a = floats(t, N), *b = floats(t, N), *c = array(t, (N + 24) * sizeof(*c));
    bool ok;

    integer(t, N);
    ok = run(t, "vadd", 1024, 256);
    for (int i = 0; ok && i < N; i++)
        ok = c[i] == a[i] + b[i];
    return ok && c[N] == 0;
}

static bool test_matmul(struct test *t)
{
    enum { N = 64 };
    float *a = floats(t, N * N), *b = floats(t, N * N), *c = array(t, N * N * sizeof(*c));
    bool ok;

    integer(t, N);
    ok = run3(t, "matmul", (uint32_t[]){N, N, 1}, (uint16_t[]){16, 16, 1});
    for (int i = 0; ok && i < N * N; i++) {
        double sum = 0;

        for (int k = 0; k < N; k++)
            sum += (double)a[i / N * N + k] * b[k * N + i % N];
        ok = near("c", i, c[i], sum, 1e-4);
    }
    return ok;
}

static bool test_conv3x3_relu(struct test *t)
{
    enum { W = 70, H = 37 };
    float *in = floats(t, W * H), *weight = floats(t, 9), *out = array(t, W * H * sizeof(*out));
    bool ok;

    integer(t, W);
    integer(t, H);
    ok = run3(t, "conv3x3_relu", (uint32_t[]){80, 48, 1}, (uint16_t[]){16, 16, 1});
    for (int i = 0; ok && i < W * H; i++) {
        double sum = 0;

        for (int k = 0; k < 9; k++) {
            int x = i % W + k % 3 - 1, y = i / W + k / 3 - 1;

            if (x >= 0 && x < W && y >= 0 && y < H)
                sum += (double)in[y * W + x] * weight[k];
        }
        ok = near("out", i, out[i], sum > 0 ? sum : 0, 1e-5);
    }
    return ok;
}

static bool test_softmax(struct test *t)
{
    enum { N = 700, ROWS = 3 };
    float *in = floats(t, N * ROWS), *out = array(t, N * ROWS * sizeof(*out));
    bool ok;

    integer(t, N);
    ok = run(t, "softmax", ROWS * 256, 256);
    for (int r = 0; ok && r < ROWS; r++) {
        double sum = 0;

        for (int i = 0; i < N; i++)
            sum += exp(in[r * N + i]);
        for (int i = 0; ok && i < N; i++)
            ok = near("out", i, out[r * N + i], exp(in[r * N + i]) / sum, 1e-6);
    }
    return ok;
}

static bool test_layernorm(struct test *t)
{
    enum { N = 200, ROWS = 4 };
    float *in = floats(t, N * ROWS), *out = array(t, N * ROWS * sizeof(*out));
    bool ok;

    integer(t, N);
    ok = run(t, "layernorm", ROWS * 64, 64);
    for (int r = 0; ok && r < ROWS; r++) {
        double s = 0, q = 0;

        for (int i = 0; i < N; i++) {
            s += in[r * N + i];
            q += (double)in[r * N + i] * in[r * N + i];
        }
        s /= N;
        q = 1 / sqrt(q / N - s * s + 1e-5);
        for (int i = 0; ok && i < N; i++)
            ok = near("out", i, out[r * N + i], (in[r * N + i] - s) * q, 1e-4);
    }
    return ok;
}

static bool test_gelu(struct test *t)
{
    enum { N = 500 };
    float *in = floats(t, N), *out = array(t, N * sizeof(*out));
    bool ok;

    integer(t, N);
    ok = run(t, "gelu", 512, 128);
    for (int i = 0; ok && i < N; i++) {
        double x = in[i];

        ok = near("out", i, out[i], 0.5 * x * (1 + tanh(0.7978845608 * (x + 0.044715 * x * x * x))),
                  1e-5);
    }
    return ok;
}

static bool test_reduce(struct test *t)
{
    enum { N = 5000 };
    int *in = array(t, N * sizeof(*in)), *sum = array(t, sizeof(*sum)), want = 0;

    for (int i = 0; i < N; i++)
        want += in[i] = (int)next_random() >> 8;
    integer(t, N);
    return run(t, "reduce", 1024, 512) && same("sum", 0, (uint32_t)*sum, (uint32_t)want);
}

/* As in kernels.hip. */
struct counters {
    int add, min, max, exch_sum;
    unsigned inc, bits_or, bits_and, bits_xor;
    unsigned long long add64, max64;
    float fadd;
    int cas;
    double dadd;
};

static bool test_atomics(struct test *t)
{
    enum { N = 300 };
    struct counters *c = array(t, sizeof(*c)),
                    want = {.min = 1 << 30, .max = -(1 << 30), .bits_and = ~0u};
    int *hist = array(t, 32 * sizeof(*hist)), *in = array(t, N * sizeof(*in)), want_hist[32] = {0};
    bool ok;

    *c = want;
    for (int i = 0; i < N; i++) {
        int v = in[i] = next_random() % 2000;

        want.add += v;
        want.min = v < want.min ? v : want.min;
        want.max = v > want.max ? v : want.max;
        want.inc = want.inc >= 1000 ? 0 : want.inc + 1;
        want.bits_or |= 1u << (v & 31);
        want.bits_and &= ~(1u << (v & 15));
        want.bits_xor ^= (unsigned)v;
        want.add64 += (unsigned long long)v << 20;
        if ((unsigned long long)v << 33 > want.max64)
            want.max64 = (unsigned long long)v << 33;
        want.fadd += 1;
        want.dadd += 0.5;
        want.cas += 3;
        want_hist[v & 31]++;
    }
    integer(t, N);
    ok = run(t, "atomics", 320, 64);
    ok = ok && same("add", 0, c->add, want.add) && same("min", 0, c->min, want.min) &&
         same("max", 0, c->max, want.max) && same("inc", 0, c->inc, want.inc) &&
         same("or", 0, c->bits_or, want.bits_or) && same("and", 0, c->bits_and, want.bits_and) &&
         same("xor", 0, c->bits_xor, want.bits_xor) && same("add64", 0, c->add64, want.add64) &&
         same("max64", 0, c->max64, want.max64) && near("fadd", 0, c->fadd, want.fadd, 0) &&
         near("dadd", 0, c->dadd, want.dadd, 0) && same("cas", 0, c->cas, want.cas);
    for (int i = 0; ok && i < 32; i++)
        ok = same("hist", i, hist[i], want_hist[i]);
    return ok;
}

static bool test_intdiv(struct test *t)
{
    enum { N = 256 };
    int *a = array(t, N * 4), *b = array(t, N * 4), *q = array(t, N * 4), *r = array(t, N * 4);
    int64_t *la = array(t, N * 8), *lb = array(t, N * 8), *lq = array(t, N * 8);
    uint64_t *lr = array(t, N * 8);
    bool ok;

    for (int i = 0; i < N; i++) {
        a[i] = next_random();
        b[i] = (int)next_random() >> (i % 31);
        la[i] = (int64_t)((uint64_t)next_random() << 32 | next_random()) >> (i % 40);
        lb[i] = (int64_t)((uint64_t)next_random() << 32 | next_random()) >> (i % 63);
        b[i] = b[i] ? b[i] : 7;
        lb[i] = lb[i] ? lb[i] : -7;
    }
    integer(t, N);
    ok = run(t, "intdiv", N, 64);
    for (int i = 0; ok && i < N; i++)
        ok = same("q", i, q[i], a[i] / b[i]) &&
             same("r", i, (unsigned)r[i], (unsigned)a[i] % (unsigned)b[i]) &&
             same("lq", i, lq[i], la[i] / lb[i]) &&
             same("lr", i, lr[i], (uint64_t)la[i] % (uint64_t)lb[i]);
    return ok;
}

static bool test_f64math(struct test *t)
{
    enum { N = 128 };
    double *in = array(t, N * 8), *out = array(t, N * 64);
    bool ok;

    for (int i = 0; i < N; i++)
        in[i] = 0.01 + random_unit() * 20;
    integer(t, N);
    ok = run(t, "f64math", N, 64);
    for (int i = 0; ok && i < N; i++) {
        const double x = in[i];
        const double want[8] = {
            sqrt(x),      exp(-x),     log(x),        sin(x),
            cos(x * 100), pow(x, 1.5), x / (x + 3.0), floor(x * 7.0) + fma(x, x, -1.0)};

        for (int k = 0; k < 8; k++)
            ok = near("out", i * 8 + k, out[i * 8 + k], want[k], 1e-14) && ok;
    }
    return ok;
}

static bool test_f32math(struct test *t)
{
    enum { N = 128 };
    float *in = array(t, N * 4), *out = array(t, N * 32);
    bool ok;

    for (int i = 0; i < N; i++)
        in[i] = (float)(0.01 + random_unit() * 6);
    integer(t, N);
    ok = run(t, "f32math", N, 64);
    for (int i = 0; ok && i < N; i++) {
        const float x = in[i];
        const double want[8] = {
            sqrt(x),       log(x),
            sin(x * 50),   pow(x, 2.5),
            x / (x + 3.0), atan2(x, 2.0),
            erf(x),        fmodf(x * 17, 3.25f) + rintf(x * 9) + ceilf(x) + truncf(x * 3)};

        for (int k = 0; k < 8; k++)
            ok = near("out", i * 8 + k, out[i * 8 + k], want[k], 2e-6) && ok;
    }
    return ok;
}

static float half_to_float(uint16_t h)
{
    const int exponent = h >> 10 & 31, mantissa = h & 1023;
    const float value = exponent ? ldexpf(mantissa + 1024, exponent - 25) : ldexpf(mantissa, -24);

    return h >> 15 ? -value : value;
}

static bool test_f16math(struct test *t)
{
    enum { N = 128 };
    uint16_t *in = array(t, N * 2), *out = array(t, N * 8);
    bool ok;

    for (int i = 0; i < N; i++)
        in[i] = 0x3000 + next_random() % 0x1400; /* 0.125 to 4 */
    integer(t, N);
    ok = run(t, "f16math", N, 64);
    for (int i = 0; ok && i < N; i++) {
        const float x = half_to_float(in[i]);
        const double want[4] = {x * x + 1.5, sqrt(x), x * 2 + 2, x * 3 + 3};

        for (int k = 0; k < 4; k++)
            ok = near("out", i * 4 + k, half_to_float(out[i * 4 + k]), want[k], 1e-3) && ok;
    }
    return ok;
}

static bool test_crosslane(struct test *t)
{
    enum { N = 128 };
    int *in = array(t, N * 4), *out = array(t, N * 32);
    bool ok;

    for (int i = 0; i < N; i++)
        in[i] = next_random() % 1000;
    in[70] = 1000;
    ok = run(t, "crosslane", N, N);
    for (int i = 0; ok && i < N; i++) {
        const int *wave = in + i / 64 * 64, lane = i % 64, *o = out + i * 8;
        uint64_t mask = 0;
        int scan = 0;

        for (int k = 0; k < 64; k++)
            mask |= (uint64_t)(wave[k] & 1) << k;
        for (int k = 0; k <= lane; k++)
            scan += wave[k];
        ok = same("up", i, o[0], wave[lane ? lane - 1 : 0]) &&
             same("xor", i, o[1], wave[lane ^ 5]) && same("broadcast", i, o[2], wave[17]) &&
             same("ballot", i, (uint32_t)o[3], (uint32_t)mask) &&
             same("ballot", i, (uint32_t)o[4], mask >> 32) &&
             same("any", i, o[5], i < 64 ? 2 : 3) && same("scan", i, o[6], scan) &&
             same("before", i, o[7], __builtin_popcountll(mask & ((1ull << lane) - 1)));
    }
    return ok;
}

static bool test_recursion(struct test *t)
{
    enum { N = 100 };
    int *in = array(t, N * 4), *out = array(t, N * 4);
    bool ok;

    for (int i = 0; i < N; i++)
        in[i] = i % 9;
    integer(t, N);
    ok = run(t, "recursion", 128, 64);
    for (int i = 0; ok && i < N; i++)
        ok = same("out", i, out[i], 2 * in[i] + 3);
    return ok;
}

static bool test_private_array(struct test *t)
{
    enum { N = 150 };
    int *in = array(t, N * 4), *out = array(t, N * 4);
    bool ok;

    for (int i = 0; i < N; i++)
        in[i] = next_random() % 100;
    integer(t, N);
    ok = run(t, "private_array", 192, 64);
    for (int i = 0; ok && i < N; i++) {
        int bin[24], small[6];

        for (int k = 0; k < 24; k++)
            bin[k] = k * k;
        for (int k = 0; k < 6; k++)
            small[k] = in[i] + k;
        for (int k = 0; k < 16; k++) {
            bin[(in[i] + k * 5) % 24] += k;
            small[(k + in[i]) % 6] ^= bin[k];
        }
        ok = same("out", i, out[i], bin[in[i] % 24] * 1000 + small[in[i] % 6]);
    }
    return ok;
}

static bool test_uniform_index(struct test *t)
{
    enum { N = 64, STEPS = 20 };
    float *in = floats(t, N * 8), *out = array(t, N * 8 * 4);
    int *order = array(t, STEPS * 4);
    bool ok;

    for (int k = 0; k < STEPS; k++)
        order[k] = next_random() & 63;
    integer(t, STEPS);
    ok = run(t, "uniform_index", N, 64);
    for (int i = 0; ok && i < N; i++) {
        float v[8];

        memcpy(v, in + i * 8, sizeof(v));
        for (int k = 0; k < STEPS; k++)
            v[order[k] & 7] += v[order[k] >> 3 & 7];
        for (int k = 0; k < 8; k++)
            ok = near("out", i * 8 + k, out[i * 8 + k], v[k], 0) && ok;
    }
    return ok;
}

static bool reverse(struct test *t, int size)
{
    int *data = array(t, size * 2 * 4);
    bool ok;

    for (int i = 0; i < size * 2; i++)
        data[i] = i;
    t->launch.dynamic_lds = size * 4;
    ok = run(t, "reverse", size * 2, size);
    for (int i = 0; ok && i < size * 2; i++)
        ok = same("data", i, data[i], i / size * size + size - 1 - i % size);
    return ok;
}

static bool test_reverse(struct test *t)
{
    bool ok = reverse(t, 1024);

    t->arguments.used = 0;
    return ok && reverse(t, 97);
}

static bool test_symbols(struct test *t)
{
    static const int table[16] = {3, 1, 4, 1, 5, 9, 2, 6, 5, 3, 5, 8, 9, 7, 9, 3};
    enum { N = 200 };
    int *out = array(t, N * 4), *touched = harness_host(t->h, harness_symbol(t->h, "touched"));
    uint64_t functions = harness_symbol(t->h, "operations");
    bool ok;

    if (!touched || !functions)
        return false;
    integer(t, N);
    ok = run(t, "symbols", 256, 64);
    for (int i = 0; ok && i < N; i++) {
        int a = table[i & 15];

        ok = same("out", i, out[i], i % 3 == 0 ? a + i : i % 3 == 1 ? a * i : a - i);
    }
    return ok && same("touched", 0, *touched, N);
}

static bool test_bits(struct test *t)
{
    enum { N = 256 };
    uint32_t *in = array(t, N * 4), *out = array(t, N * 32);
    bool ok;

    for (int i = 0; i < N; i++)
        in[i] = next_random() >> i % 33 % 32;
    in[3] = 0;
    integer(t, N);
    ok = run(t, "bits", N, 64);
    for (int i = 0; ok && i < N; i++) {
        uint32_t x = in[i], y = in[(i + 1) % N], *o = out + i * 8, reversed = 0;
        uint8_t b[4] = {(int8_t)x > 5, (uint8_t)(x >> 8) + (uint8_t)y,
                        (int16_t)(x >> 16) > (int16_t)y, (uint32_t)(uint16_t)x * (uint16_t)y >> 8};
        uint32_t packed;

        memcpy(&packed, b, 4);
        for (int k = 0; k < 32; k++)
            reversed |= (x >> k & 1) << (31 - k);
        ok = same("count", i, o[0],
                  (x ? __builtin_clz(x) : 32) + 100 * __builtin_ffs(x) +
                      10000 * __builtin_popcount(x)) &&
             same("brev", i, o[1], reversed) && same("umulhi", i, o[2], (uint64_t)x * y >> 32) &&
             same("mulhi", i, o[3], (uint32_t)((int64_t)(int)x * (int)y >> 32)) &&
             same("rotate", i, o[4], x << (y & 31) | x >> (32 - (y & 31)) % 32) &&
             same("shift", i, o[5], (uint32_t)((uint64_t)x * y >> (y & 63))) &&
             same("perm", i, o[6],
                  (x & 255) | (y & 255) << 8 | (x >> 8 & 255) << 16 | (y >> 8 & 255) << 24) &&
             same("bytes", i, o[7], packed);
    }
    return ok;
}

static bool test_ids(struct test *t)
{
    enum { W = 20, H = 7, D = 5, GX = 8, GY = 4, GZ = 2 }; /* partial work-groups on every side */
    int *out = array(t, W * H * D * 4);
    bool ok;

    integer(t, W);
    integer(t, H);
    integer(t, GX);
    integer(t, GY);
    integer(t, GZ);
    ok = run3(t, "ids", (uint32_t[]){W, H, D}, (uint16_t[]){GX, GY, GZ});
    for (int i = 0; ok && i < W * H * D; i++)
        ok = same("out", i, out[i], 1 + i % W / GX + i / W % H / GY * 10 + i / W / H / GZ * 100);
    return ok;
}

static bool test_clocks(struct test *t)
{
    uint64_t *out = array(t, 256 * 8);
    bool ok = run(t, "clocks", 256, 256);

    for (int i = 0; ok && i < 256; i++)
        ok = out[i] > 0 && out[i] < 100000;
    return ok;
}

static const struct {
    const char *name;
    bool (*run)(struct test *t);
} tests[] = {
#define TEST(name) {#name, test_##name},
    // clang-format off
    TEST(vadd) TEST(matmul) TEST(conv3x3_relu) TEST(softmax) TEST(layernorm) TEST(gelu) TEST(reduce)
    TEST(atomics) TEST(intdiv) TEST(f64math) TEST(f32math) TEST(f16math) TEST(crosslane)
    TEST(recursion) TEST(private_array) TEST(uniform_index) TEST(reverse) TEST(symbols) TEST(bits)
    TEST(ids) TEST(clocks)
    // clang-format on
};

static bool wanted(const char *name, int argc, char **argv)
{
    for (int i = 2; i < argc; i++)
        if (!strcmp(argv[i], name))
            return true;
    return argc == 2;
}

/* Each kernel runs twice: in one go, and in slices so short that waves are left at any point. */
static bool run_test(const char *code_object, unsigned i, uint64_t slice_cycles)
{
    struct test t = {.h = harness_create(), .launch.slice_cycles = slice_cycles};
    bool ok;

    if (!t.h || harness_load(t.h, code_object))
        exit(1);
    ok = tests[i].run(&t);
    harness_destroy(t.h);
    return ok;
}

int main(int argc, char **argv)
{
    int failed = 0;

    if (argc > 1 && !strcmp(argv[1], "--plain")) {
        gcn_vector_plain = true;
        argc--;
        argv++;
    }
    if (argc < 2) {
        fprintf(stderr, "usage: kernels_test [--plain] CODE_OBJECT [KERNEL...]\n");
        return 1;
    }
    for (unsigned i = 0; i < sizeof(tests) / sizeof(tests[0]); i++) {
        bool ok;

        if (!wanted(tests[i].name, argc, argv))
            continue;
        ok = run_test(argv[1], i, 0) && run_test(argv[1], i, 100);
        printf("%-16s %s\n", tests[i].name, ok ? "ok" : "FAILED");
        failed += !ok;
    }
    return failed != 0;
}
