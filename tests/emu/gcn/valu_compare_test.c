// SPDX-License-Identifier: Apache-2.0
/*
 * Vector compares: every condition on every type, v_cmp and v_cmpx, with the mask in an SGPR pair
 * (e64) and in VCC (e32), by both builds. Expected: what relation the values have, found from their
 * bits, and for which relations the condition is true.
 */
#include "valu_check.h"

#include <stdio.h>

enum relation { LESS = 1, EQUAL = 2, GREATER = 4, UNORDERED = 8 };

struct condition {
    const char *name;
    unsigned true_for;
};

static const struct condition float_conditions[] = {
    {"f", 0},
    {"lt", LESS},
    {"eq", EQUAL},
    {"le", LESS | EQUAL},
    {"gt", GREATER},
    {"lg", LESS | GREATER},
    {"ge", GREATER | EQUAL},
    {"o", LESS | EQUAL | GREATER},
    {"u", UNORDERED},
    {"nge", LESS | UNORDERED},
    {"nlg", EQUAL | UNORDERED},
    {"ngt", LESS | EQUAL | UNORDERED},
    {"nle", GREATER | UNORDERED},
    {"neq", LESS | GREATER | UNORDERED},
    {"nlt", GREATER | EQUAL | UNORDERED},
    {"tru", LESS | EQUAL | GREATER | UNORDERED},
};
static const struct condition integer_conditions[] = {
    {"f", 0},        {"lt", LESS},           {"eq", EQUAL},           {"le", LESS | EQUAL},
    {"gt", GREATER}, {"ne", LESS | GREATER}, {"ge", GREATER | EQUAL}, {"t", LESS | EQUAL | GREATER},
};

static const struct type {
    const char *name;
    unsigned bits;
    bool is_float, is_signed;
} types[] = {
    {"f16", 16, true, true},   {"f32", 32, true, true},   {"f64", 64, true, true},
    {"i16", 16, false, true},  {"u16", 16, false, false}, {"i32", 32, false, true},
    {"u32", 32, false, false}, {"i64", 64, false, true},  {"u64", 64, false, false},
};

/* The bits of a real or signed integer as an unsigned number that is ordered like it; both zeros of
 * a real are one number. */
static uint64_t ordered(const struct type *t, uint64_t x)
{
    const uint64_t sign = 1ull << (t->bits - 1), all = sign | (sign - 1);

    x &= all;
    if (!t->is_signed)
        return x;
    if (!t->is_float)
        return x ^ sign;
    return x & sign ? sign - (x & ~sign) : sign + x;
}

static bool is_nan(const struct type *t, uint64_t x)
{
    const unsigned fraction = t->bits == 16 ? 10 : t->bits == 32 ? 23 : 52;
    const uint64_t magnitude = x & ((1ull << (t->bits - 1)) - 1);
    const uint64_t infinity = (1ull << (t->bits - 1)) - (1ull << fraction);

    return t->is_float && magnitude > infinity;
}

static enum relation relation(const struct type *t, uint64_t a, uint64_t b)
{
    const uint64_t x = ordered(t, a), y = ordered(t, b);

    if (is_nan(t, a) || is_nan(t, b))
        return UNORDERED;
    return x < y ? LESS : x > y ? GREATER : EQUAL;
}

/* Edge values by width, so that equal pairs, signs, NaNs and infinities all meet. */
static uint64_t value(struct check *c, const struct type *t)
{
    static const uint64_t edges[3][8] = {
        {0, 0x8000, 1, 0x7c00, 0xfc00, 0x7e00, 0x7fff, 0xffff},
        {0, 0x80000000, 1, 0x7f800000, 0xff800000, 0x7fc00000, 0x7fffffff, 0xffffffff},
        {0, 1ull << 63, 1, 0x7ff0000000000000, 0xfff0000000000000, 0x7ff8000000000000, INT64_MAX,
         UINT64_MAX},
    };
    const uint64_t r = check_random(c);

    return r & 3 ? edges[t->bits == 16 ? 0 : t->bits == 32 ? 1 : 2][r >> 8 & 7] : check_random(c);
}

static void store(struct gcn_wave *w, unsigned reg, unsigned lane, uint64_t x)
{
    w->vgpr[reg][lane] = (uint32_t)x;
    w->vgpr[reg + 1][lane] = (uint32_t)(x >> 32);
}

/* One instruction under test. */
struct compare {
    const struct type *type;
    const struct condition *condition;
    bool x, e32;
    char text[64];
};

static void run(struct check *c, const struct compare *compare, const uint32_t *words)
{
    const struct condition *condition = compare->condition;
    const bool e32 = compare->e32, x = compare->x;
    const struct type *t = compare->type;
    struct gcn_wave *w = c->wave;

    for (unsigned round = 0; round < 4; round++) {
        const uint64_t exec = round & 1 ? check_random(c) : ~0ull;
        uint64_t want = 0, got;

        for (unsigned l = 0; l < 64; l++) {
            uint64_t a = value(c, t), b = value(c, t);

            store(w, 2, l, a);
            store(w, 4, l, b);
            if (exec >> l & 1 && condition->true_for & relation(t, a, b))
                want |= 1ull << l;
        }
        gcn_set_sgpr64(w, CHECK_MASK, 0x5a5a5a5a5a5a5a5a);
        gcn_set_sgpr64(w, GCN_VCC, 0x5a5a5a5a5a5a5a5a);
        gcn_set_sgpr64(w, GCN_EXEC, exec);
        c->plain = round & 2;
        check_step(c, words, 2);
        got = gcn_sgpr64(w, e32 ? GCN_VCC : CHECK_MASK);
        c->checks += 64;
        if (got != want)
            check_fail(c, compare->text, 0, got, want);
        if (gcn_exec(w) != (x ? want : exec))
            check_fail(c, "EXEC after a compare", 0, gcn_exec(w), x ? want : exec);
    }
}

/* Bit of a value's class in the mask of v_cmp_class: signalling and quiet NaN, then from -infinity
 * by -normal, -denormal, -0, +0, +denormal, +normal to +infinity. */
static unsigned class_bit(const struct type *t, uint64_t x)
{
    const unsigned fraction = t->bits == 16 ? 10 : t->bits == 32 ? 23 : 52;
    const bool negative = x >> (t->bits - 1) & 1;
    const uint64_t magnitude = x & ((1ull << (t->bits - 1)) - 1);
    const uint64_t infinity = (1ull << (t->bits - 1)) - (1ull << fraction);
    unsigned size = magnitude == 0               ? 0
                    : magnitude >> fraction == 0 ? 1
                    : magnitude < infinity       ? 2
                                                 : 3;

    if (is_nan(t, x))
        return magnitude >> (fraction - 1) & 1;
    return negative ? 5 - size : 6 + size;
}

/* v_cmp_class and v_cmpx_class: the second operand says which classes are wanted. */
static void run_class(struct check *c, const struct type *t, bool x)
{
    struct gcn_wave *w = c->wave;
    char text[64];

    snprintf(text, sizeof(text), "v_cmp%s_class_%s s[20:21], %s, v4", x ? "x" : "", t->name,
             t->bits == 64 ? "v[2:3]" : "v2");
    for (unsigned round = 0; round < 16; round++) {
        const uint64_t exec = round & 1 ? check_random(c) : ~0ull;
        uint64_t want = 0;

        for (unsigned l = 0; l < 64; l++) {
            const uint64_t a = value(c, t), mask = check_random(c);

            store(w, 2, l, a);
            store(w, 4, l, mask);
            want |= (exec >> l & mask >> class_bit(t, a) & 1) << l;
        }
        gcn_set_sgpr64(w, GCN_EXEC, exec);
        c->plain = round & 2;
        check_run(c, text);
        c->checks += 64;
        if (gcn_sgpr64(w, CHECK_MASK) != want)
            check_fail(c, "a class", 0, gcn_sgpr64(w, CHECK_MASK), want);
        if (gcn_exec(w) != (x ? want : exec))
            check_fail(c, "EXEC after a class test", 0, gcn_exec(w), x ? want : exec);
    }
}

static unsigned list_all(struct compare *list)
{
    unsigned count = 0;

    for (unsigned t = 0; t < sizeof(types) / sizeof(types[0]); t++) {
        const struct type *type = &types[t];
        const struct condition *conditions = type->is_float ? float_conditions : integer_conditions;

        for (unsigned i = 0; i < (type->is_float ? 64 : 32); i++) {
            struct compare *to = &list[count++];

            *to = (struct compare){type, &conditions[i / 4], i & 1, i & 2, ""};
            snprintf(to->text, sizeof(to->text), "v_cmp%s_%s_%s_%s %s, %s\n", to->x ? "x" : "",
                     to->condition->name, type->name, to->e32 ? "e32" : "e64",
                     to->e32 ? "vcc" : "s[20:21]", type->bits == 64 ? "v[2:3], v[4:5]" : "v2, v4");
        }
    }
    return count;
}

int main(void)
{
    enum { MAX = 512 };
    static struct compare list[MAX];
    static uint32_t words[2 * MAX + 2];
    static char text[MAX * 64];
    static struct check c;
    unsigned count = list_all(list), at = 0;

    check_init(&c);
    for (unsigned i = 0; i < count; i++)
        strcat(text, list[i].text);
    if (harness_assemble(text, words, 2 * MAX) <= 0)
        check_fail(&c, "the compares do not assemble", 0, 0, 0);
    for (unsigned i = 0; i < count && !(i == 0 && c.failures); i++) {
        run(&c, &list[i], words + at);
        at += list[i].e32 ? 1 : 2;
    }
    for (unsigned i = 0; i < 6; i++)
        run_class(&c, &types[i / 2], i & 1);
    return check_finish(&c);
}
