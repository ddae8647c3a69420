// SPDX-License-Identifier: Apache-2.0
/*
 * Typed buffers: every data format with every number format through every format load and store.
 * The expected values are worked out bit by bit and in long double.
 */
#include "mem_fixture.h"

#include <math.h>

enum { UNORM, SNORM, USCALED, SSCALED, UINT, SINT, NUMBER_6, FLOAT };
enum { DATA_FORMATS = 16, NUMBERS = 8, ONE = 0x3f800000, HALF_ONE = 0x3c00 };

/* Bits of the components, the lowest first. */
static const unsigned layouts[DATA_FORMATS][4] = {
    {0},
    {8},
    {16},
    {8, 8},
    {32},
    {16, 16},
    {11, 11, 10},
    {10, 11, 11},
    {2, 10, 10, 10},
    {10, 10, 10, 2},
    {8, 8, 8, 8},
    {32, 32},
    {16, 16, 16, 16},
    {32, 32, 32},
    {32, 32, 32, 32},
    {0},
};
static const char *const endings[] = {"x", "xy", "xyz", "xyzw"};

static unsigned components_of(unsigned data)
{
    unsigned n = 0;

    while (n < 4 && layouts[data][n])
        n++;
    return n;
}

static unsigned bytes_of(unsigned data)
{
    unsigned bits = 0;

    for (unsigned n = 0; n < 4; n++)
        bits += layouts[data][n];
    return bits / 8;
}

/* What the ISA guide's table of formats has. */
static bool exists(unsigned data, unsigned number)
{
    unsigned bits = layouts[data][0];

    if (!bits || number == NUMBER_6)
        return false;
    if (number == FLOAT)
        return bits >= 16 || data == 6 || data == 7;
    return bits < 32 || number == UINT || number == SINT;
}

static uint64_t bits_at(const uint8_t *memory, unsigned from, unsigned count)
{
    uint64_t v = 0;

    for (unsigned i = 0; i < count; i++)
        v |= (uint64_t)(memory[(from + i) / 8] >> (from + i) % 8 & 1) << i;
    return v;
}

/* A floating-point number of @mantissa and 5 exponent bits, and a sign where it is a half. */
static long double small_float(uint64_t v, unsigned mantissa)
{
    long double f = (long double)(v & ((1u << mantissa) - 1)), sign = 1;
    int exponent = (int)(v >> mantissa & 31);

    if (mantissa == 10 && v >> 15 & 1)
        sign = -1;
    if (exponent == 31)
        return f != 0 ? NAN : sign * INFINITY;
    if (exponent == 0)
        return sign * ldexpl(f, -14 - (int)mantissa);
    return sign * ldexpl(f + ldexpl(1, (int)mantissa), exponent - 15 - (int)mantissa);
}

static uint32_t bits_of(float f)
{
    uint32_t v;

    memcpy(&v, &f, 4);
    return v;
}

/* The half nearest to @value, found by looking at all of them; of two, the even one. */
static uint32_t nearest_half(long double value)
{
    uint32_t low = 0, high = 0x7c00, sign = signbit(value) ? 0x8000 : 0;
    long double size = fabsl(value), to_low, to_high;

    while (high - low > 1) {
        uint32_t middle = (low + high) / 2;

        if (small_float(middle, 10) <= size)
            low = middle;
        else
            high = middle;
    }
    to_low = size - small_float(low, 10);
    to_high = (high == 0x7c00 ? 65536 : small_float(high, 10)) - size;
    if (to_low == to_high)
        return sign | (low & 1 ? high : low);
    return sign | (to_low < to_high ? low : high);
}

/* Register value of a component of @bits with @raw in memory. *@nan: any NaN will do. */
static uint32_t expected(unsigned number, unsigned bits, uint64_t raw, bool half, bool *nan)
{
    const uint64_t sign = 1ull << (bits - 1);
    const long double is = (long double)((int64_t)(raw ^ sign) - (int64_t)sign);
    long double value = 0;
    uint32_t bits32 = (uint32_t)raw;
    float f;

    *nan = false;
    switch (number) {
    case UNORM:
        value = (long double)raw / (long double)((1ull << bits) - 1);
        break;
    case SNORM:
        value = is / (long double)(sign - 1);
        value = value < -1 ? -1 : value;
        break;
    case USCALED:
        value = (long double)raw;
        break;
    case SSCALED:
        value = is;
        break;
    case UINT:
        return half ? bits32 & 0xffff : bits32;
    case SINT:
        return (uint32_t)(int32_t)is & (half ? 0xffff : 0xffffffff);
    case FLOAT:
        memcpy(&f, &bits32, 4);
        value = bits == 32 ? f : small_float(raw, bits == 16 ? 10 : bits - 5);
        break;
    }
    *nan = isnan(value);
    return half ? nearest_half(value) : bits_of((float)value);
}

static bool is_nan(uint32_t v, bool half)
{
    return half ? (v & 0x7fff) > 0x7c00 : (v & 0x7fffffff) > 0x7f800000;
}

static void descriptor(struct fixture *f, unsigned data, unsigned number, bool typed,
                       uint32_t records)
{
    f->wave.sgpr[RSRC] = (uint32_t)DATA_VA;
    f->wave.sgpr[RSRC + 1] = (uint32_t)(DATA_VA >> 32) | (bytes_of(data) ? bytes_of(data) : 4)
                                                             << 16;
    f->wave.sgpr[RSRC + 2] = records;
    f->wave.sgpr[RSRC + 3] =
        (4 | 5 << 3 | 6 << 6 | 7 << 9) | (typed ? 0 : number << 12 | data << 15);
}

static struct gcn_inst typed_instruction(const char *what, bool typed, unsigned data,
                                         unsigned number)
{
    struct gcn_inst inst;
    char name[80];

    snprintf(name, sizeof(name), "%sbuffer_%s", typed ? "t" : "", what);
    inst = instruction(name);
    inst.mods = GCN_MOD_IDXEN;
    inst.offset1 = (uint16_t)(typed ? data | number << 4 : 0);
    return inst;
}

static void random_memory(struct fixture *f)
{
    static uint64_t state = 1;

    for (unsigned i = 0; i < RANGE_BYTES; i++) {
        state = state * 6364136223846793005ull + 1442695040888963407ull;
        /* Often the ends of a range. */
        f->data[i] = (char)(state >> 40 & 3 ? state >> 56 : state >> 42 & 1 ? 0xff : 0);
    }
}

/* The value in a register of the @n th of @count components. */
static uint32_t *place(struct fixture *f, unsigned reg, unsigned n, bool half, unsigned lane)
{
    return &f->vgpr[reg + (half ? n / 2 : n)][lane];
}

static void check_loaded(struct fixture *f, unsigned data, unsigned number, unsigned count,
                         bool half, bool high)
{
    for (unsigned lane = 0; lane < 64; lane++) {
        const uint8_t *texel = (uint8_t *)f->data + (63 - lane) * bytes_of(data);
        unsigned at = 0;

        for (unsigned n = 0; n < count; n++) {
            unsigned bits = n < components_of(data) ? layouts[data][n] : 0;
            bool nan = false, integer = number == UINT || number == SINT;
            uint32_t one = integer ? 1 : half ? HALF_ONE : ONE, want = n == 3 ? one : 0, got;

            if (63 - lane >= 60) /* beyond the buffer */
                want = bits ? 0 : want;
            else if (bits)
                want = expected(number, bits, bits_at(texel, at, bits), half, &nan);
            got = *place(f, DST, n, half, lane);
            if (half)
                got = got >> (n & 1 || high ? 16 : 0) & 0xffff;
            if (nan)
                assert_true(is_nan(got, half));
            else
                assert_int_equal(got, want);
            at += bits;
        }
        if (half && count == 1) /* the other half is left alone */
            assert_int_equal(f->vgpr[DST][lane] >> (high ? 0 : 16) & 0xffff, 0x7777);
    }
}

static void texel_loads(void **state)
{
    static const char *const ways[] = {"load_format_", "load_format_d16_", "load_format_d16_hi_"};
    struct fixture *f = make_fixture();

    for (unsigned way = 0; way < 2 * 3 * 4; way++) {
        const bool typed = way & 1, half = way / 2 % 3, high = way / 2 % 3 == 2;
        const unsigned count = way / 6 + 1;
        char what[64];

        if (high && (typed || count > 1))
            continue;
        snprintf(what, sizeof(what), "%s%s", ways[way / 2 % 3], endings[count - 1]);
        for (unsigned format = 0; format < DATA_FORMATS * NUMBERS; format++) {
            const unsigned data = format / NUMBERS, number = format % NUMBERS;
            struct gcn_inst inst = typed_instruction(what, typed, data, number);

            random_memory(f);
            descriptor(f, data, number, typed, 60);
            for (unsigned lane = 0; lane < 64; lane++)
                f->vgpr[ADDR][lane] = 63 - lane;
            for (unsigned n = 0; n < 4; n++)
                set_all(f, DST + n, 0x77777777);
            memset(&f->wave.fault, 0, sizeof(f->wave.fault));
            run(f, &inst);
            assert_int_equal(f->wave.fault.kind == GCN_FAULT_NONE, exists(data, number));
            if (exists(data, number))
                check_loaded(f, data, number, count, half, high);
        }
    }
    free(f);
}

/* Whether a texel can be stored from what loading it gives. */
static bool storable(unsigned data, unsigned number)
{
    return exists(data, number) && number != USCALED && number != SSCALED &&
           !(number == FLOAT && (data == 6 || data == 7));
}

/* Loads texels, stores them elsewhere: they must be the same, where a register holds them exactly.
 */
static void round_trips(void **state)
{
    struct fixture *f = make_fixture();

    for (unsigned way = 0; way < 4 * DATA_FORMATS * NUMBERS; way++) {
        const bool typed = way & 1, half = way & 2;
        const unsigned data = way / 4 / NUMBERS, number = way / 4 % NUMBERS;
        const unsigned bytes = bytes_of(data), count = components_of(data);
        struct gcn_inst load, store;
        char what[64];

        if (!storable(data, number) || (half && bytes * 8 / count > 11 && number != FLOAT) ||
            (half && layouts[data][0] == 32))
            continue;
        snprintf(what, sizeof(what), "load_format_%s%s", half ? "d16_" : "", endings[count - 1]);
        load = typed_instruction(what, typed, data, number);
        snprintf(what, sizeof(what), "store_format_%s%s", half ? "d16_" : "", endings[count - 1]);
        store = typed_instruction(what, typed, data, number);
        store.dst = DST;
        random_memory(f);
        descriptor(f, data, number, typed, 64);
        for (unsigned lane = 0; lane < 64; lane++)
            f->vgpr[ADDR][lane] = lane;
        run(f, &load);
        memcpy(f->scratch, f->data, 64 * bytes);
        memset(f->data, 0x55, 64 * bytes + 64);
        run(f, &store);
        no_fault(f);
        for (unsigned i = 0; i < 64 * count; i++) {
            unsigned n = i % count, bits = layouts[data][n], at = i / count * bytes * 8;
            uint64_t was, is;

            for (unsigned k = 0; k < n; k++)
                at += layouts[data][k];
            was = bits_at((uint8_t *)f->scratch, at, bits);
            is = bits_at((uint8_t *)f->data, at, bits);
            if (number == SNORM && was == 1ull << (bits - 1))
                was++; /* two ways to write -1 */
            if (number == FLOAT && bits == 16 && is_nan((uint32_t)was, true))
                assert_true(is_nan((uint32_t)is, true));
            else
                assert_int_equal(is, was);
        }
        for (unsigned i = 0; i < 64; i++) /* nothing behind the last */
            assert_int_equal((uint8_t)f->data[64 * bytes + i], 0x55);
    }
    free(f);
}

static void store_values(void **state)
{
    static const struct {
        unsigned data, number;
        bool half;
        uint32_t value;
        int64_t stored; /* -1: refused */
    } cases[] = {
        {1, UNORM, false, 0x40000000, 255},     /* 2.0 */
        {1, UNORM, false, 0xbf800000, 0},       /* -1.0 */
        {1, UNORM, false, 0x7fc00000, 0},       /* NaN */
        {1, UNORM, false, 0x3f000000, 128},     /* 127.5, to even */
        {1, SNORM, false, 0xc0000000, 0x81},    /* -2.0 */
        {1, SNORM, false, 0x3f000000, 64},      /* 63.5, to even */
        {2, UNORM, true, HALF_ONE, 65535},      /* */
        {2, FLOAT, false, 0x477ff000, 0x7c00},  /* 65520: infinity */
        {2, FLOAT, false, 0x477fefff, 0x7bff},  /* below: the greatest half */
        {2, FLOAT, false, 0x33000000, 0},       /* half of the least half, to even */
        {2, FLOAT, false, 0x33000001, 1},       /* */
        {2, FLOAT, false, 0xbf801000, 0xbc00},  /* -1 - 2^-11, to even */
        {2, FLOAT, false, 0x3f803000, 0x3c02},  /* 1 + 3 * 2^-11, to even */
        {4, FLOAT, true, 0x0001, 0x33800000},   /* 2^-24 */
        {4, FLOAT, true, 0xfc00, 0xff800000},   /* */
        {1, UINT, false, 255, 255},             /* */
        {1, UINT, false, 256, -1},              /* */
        {1, SINT, false, (uint32_t)-128, 0x80}, /* */
        {1, SINT, false, 128, -1},              /* */
        {1, SINT, true, 0xff80, 0x80},          /* */
        {4, SINT, true, 0xff80, 0xffffff80},    /* */
        {4, UINT, true, 0xff80, 0xff80},        /* */
        {1, USCALED, false, 0x40000000, -1},    /* */
        {6, FLOAT, false, 0, -1},               /* */
    };
    struct fixture *f = make_fixture();

    for (unsigned k = 0; k < sizeof(cases) / sizeof(cases[0]); k++) {
        const unsigned bytes = bytes_of(cases[k].data);
        struct gcn_inst inst =
            typed_instruction(cases[k].half ? "store_format_d16_x" : "store_format_x", false,
                              cases[k].data, cases[k].number);

        descriptor(f, cases[k].data, cases[k].number, false, 64);
        memset(&f->wave.fault, 0, sizeof(f->wave.fault));
        set_all(f, ADDR, 3);
        set_all(f, DATA, cases[k].value | (cases[k].half ? 0xdead0000 : 0));
        inst.dst = DATA;
        run(f, &inst);
        assert_int_equal(f->wave.fault.kind != GCN_FAULT_NONE, cases[k].stored < 0);
        if (cases[k].stored >= 0)
            assert_int_equal(bits_at((uint8_t *)f->data, 3 * bytes * 8, bytes * 8),
                             cases[k].stored);
        if (!cases[k].half || cases[k].stored < 0)
            continue;
        inst = typed_instruction("store_format_d16_hi_x", false, cases[k].data, cases[k].number);
        set_all(f, DATA, cases[k].value << 16 | 0xdead);
        inst.dst = DATA;
        memset(f->data, 0, 64);
        run(f, &inst);
        no_fault(f);
        assert_int_equal(bits_at((uint8_t *)f->data, 3 * bytes * 8, bytes * 8), cases[k].stored);
    }
    free(f);
}

int texel_tests(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(texel_loads),
        cmocka_unit_test(round_trips),
        cmocka_unit_test(store_values),
    };

    return cmocka_run_group_tests_name("texel_tests", tests, NULL, NULL);
}
