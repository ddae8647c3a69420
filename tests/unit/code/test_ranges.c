// SPDX-License-Identifier: Apache-2.0
/*
 * Intervals and expressions against all that they stand for: every number of small intervals, every
 * work-item of small launches. What the analysis makes of machine code is tested where there is a
 * compiler (tests/emu/restart).
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "shim/amd/code/ranges/builder.h"
#include "shim/amd/code/ranges/interval.h"

static uint64_t seed = 20220711;

static unsigned below(unsigned n)
{
    seed = seed * 6364136223846793005u + 1442695040888963407u;
    return (unsigned)(seed >> 33) % n;
}

/* --- intervals --- */

static bool holds(struct interval x, uint32_t value)
{
    return (int64_t)(uint32_t)(value - (uint32_t)x.low) <= x.high - x.low;
}

static struct interval any_interval(void)
{
    static const int64_t around[] = {0, INT32_MAX, INT32_MIN, UINT32_MAX, 4096, -4096, 1 << 24};
    int64_t low = around[below(7)] + (int)below(64) - 32;
    return (struct interval){low, low + below(12)};
}

static uint32_t shift_of(uint32_t by)
{
    return by & 31;
}

#define OPERATIONS(O)                                                                              \
    O(add, interval_add(x, y), a + b)                                                              \
    O(subtract, interval_subtract(x, y), a - b)                                                    \
    O(multiply, interval_multiply(x, y), a *b)                                                     \
    O(and, interval_and(x, y), a &b)                                                               \
    O(or, interval_or(x, y), a | b)                                                                \
    O(shift_left, interval_shift_left(x, y), a << shift_of(b))                                     \
    O(shift_right_u, interval_shift_right(interval_unsigned(x), y), a >> shift_of(b))              \
    O(shift_right_i, interval_shift_right(interval_signed(x), y),                                  \
      (uint32_t)((int32_t)a >> shift_of(b)))                                                       \
    O(high_u, interval_multiply_high(interval_unsigned(x), interval_unsigned(y)),                  \
      (uint32_t)((uint64_t)a * b >> 32))                                                           \
    O(high_i, interval_multiply_high(interval_signed(x), interval_signed(y)),                      \
      (uint32_t)((int64_t)(int32_t)a * (int32_t)b >> 32))                                          \
    O(least_u, interval_least(interval_unsigned(x), interval_unsigned(y)), a < b ? a : b)          \
    O(most_i, interval_most(interval_signed(x), interval_signed(y)),                               \
      (int32_t)a > (int32_t)b ? a : b)                                                             \
    O(hull, interval_hull(x, y), a)                                                                \
    O(hull_other, interval_hull(x, y), b)                                                          \
    O(low_as_signed, interval_signed(x), a)                                                        \
    O(low_as_unsigned, interval_unsigned(x), a)

static void operations_hold_every_result(void **state)
{
    (void)state;
    for (unsigned run = 0; run < 4000; run++) {
        struct interval x = any_interval(), y = below(3) ? any_interval() : interval_of(below(32));
        for (int64_t i = x.low; i <= x.high; i++) {
            for (int64_t j = y.low; j <= y.high; j++) {
                uint32_t a = (uint32_t)i, b = (uint32_t)j;
#define CHECK(name, interval, value) assert_true(holds(interval, value));
                OPERATIONS(CHECK)
#undef CHECK
            }
        }
    }
}

static bool compares(bool is_signed, uint32_t a, uint32_t b)
{
    return is_signed ? (int32_t)a < (int32_t)b : a < b;
}

static void cuts_keep_what_is_let_through(void **state)
{
    (void)state;
    for (unsigned run = 0; run < 4000; run++) {
        struct interval x = any_interval(), y = any_interval();
        for (int64_t i = x.low; i <= x.high; i++) {
            for (int64_t j = y.low; j <= y.high; j++) {
                uint32_t a = (uint32_t)i, b = (uint32_t)j;
                for (int s = 0; s < 2; s++) {
                    if (compares(s, a, b))
                        assert_true(holds(interval_cut(x, y, s, CUT_BELOW, 1), a));
                    if (compares(s, b, a))
                        assert_true(holds(interval_cut(x, y, s, CUT_ABOVE, 1), a));
                    if (!compares(s, b, a))
                        assert_true(holds(interval_cut(x, y, s, CUT_BELOW, 0), a));
                }
                if (a != b)
                    assert_true(holds(interval_cut_off(x, y), a));
            }
        }
    }
}

/* --- expressions --- */

enum { NODES = 24, ARGUMENTS = 6, CONDITIONS = 3 };

/* An expression as it is evaluated for one work-item, beside the builder's. */
struct made {
    struct range_builder *b;
    unsigned node[NODES];
    enum range_op op[NODES];
    unsigned x[NODES], y[NODES];
    int32_t value[NODES];
    unsigned count;
};

struct where {
    uint32_t item[3], group[3];
    const int32_t *arguments;
};

static void add_leaf(struct made *m)
{
    static const enum range_op ops[] = {RANGE_ITEM, RANGE_GROUP, RANGE_ARGUMENT, RANGE_CONST};
    unsigned n = m->count++;
    m->op[n] = ops[below(4)];
    m->value[n] = m->op[n] == RANGE_ARGUMENT ? 2 + (int)below(ARGUMENTS - 2)
                  : m->op[n] == RANGE_CONST  ? (int)below(40) - 20
                                             : (int)below(2);
    m->node[n] = range_leaf(m->b, m->op[n], m->value[n], m->op[n] == RANGE_ITEM ? RANGE_LANES : 0);
}

static void add_operation(struct made *m)
{
    static const enum range_op ops[] = {RANGE_ADD,   RANGE_SUB,   RANGE_MUL,   RANGE_AND,
                                        RANGE_OR,    RANGE_SHL,   RANGE_LSHR,  RANGE_ASHR,
                                        RANGE_MIN_U, RANGE_MAX_U, RANGE_MIN_I, RANGE_MAX_I};
    unsigned n = m->count++;
    m->op[n] = ops[below(sizeof(ops) / sizeof(ops[0]))];
    m->x[n] = below(n);
    m->y[n] = below(n);
    m->node[n] = range_binary(m->b, m->op[n], m->node[m->x[n]], m->node[m->y[n]]);
    assert_true(m->node[n] != 0);
}

static uint32_t value_of(const struct made *m, unsigned n, const struct where *at)
{
    if (m->op[n] == RANGE_CONST)
        return (uint32_t)m->value[n];
    if (m->op[n] == RANGE_ARGUMENT)
        return (uint32_t)at->arguments[m->value[n]];
    if (m->op[n] == RANGE_ITEM)
        return at->item[m->value[n]];
    if (m->op[n] == RANGE_GROUP)
        return at->group[m->value[n]];
    uint32_t a = value_of(m, m->x[n], at), b = value_of(m, m->y[n], at);
    switch (m->op[n]) {
    case RANGE_ADD:
        return a + b;
    case RANGE_SUB:
        return a - b;
    case RANGE_MUL:
        return a * b;
    case RANGE_AND:
        return a & b;
    case RANGE_OR:
        return a | b;
    case RANGE_SHL:
        return a << (b & 31);
    case RANGE_LSHR:
        return a >> (b & 31);
    case RANGE_ASHR:
        return (uint32_t)((int32_t)a >> (b & 31));
    case RANGE_MIN_U:
        return a < b ? a : b;
    case RANGE_MAX_U:
        return a > b ? a : b;
    case RANGE_MIN_I:
        return (int32_t)a < (int32_t)b ? a : b;
    default:
        return (int32_t)a > (int32_t)b ? a : b;
    }
}

struct compare {
    enum range_op op;
    unsigned x, y;
};

static bool is_true(const struct made *m, const struct compare *c, const struct where *at)
{
    uint32_t a = value_of(m, c->x, at), b = value_of(m, c->y, at);
    switch (c->op) {
    case RANGE_LESS_I:
        return (int32_t)a < (int32_t)b;
    case RANGE_LESS_U:
        return a < b;
    case RANGE_LESS_EQUAL_I:
        return (int32_t)a <= (int32_t)b;
    case RANGE_LESS_EQUAL_U:
        return a <= b;
    case RANGE_EQUAL:
        return a == b;
    default:
        return a != b;
    }
}

/* One access through argument 0, at base + (index << 2), behind some compares. */
static void check_access(unsigned run, unsigned *bounded)
{
    static const enum range_op ops[] = {RANGE_LESS_I,       RANGE_LESS_U, RANGE_LESS_EQUAL_I,
                                        RANGE_LESS_EQUAL_U, RANGE_EQUAL,  RANGE_NOT_EQUAL};
    struct made m = {.b = range_builder_make()};
    int32_t arguments[ARGUMENTS] = {0x10000, 0x1000};
    struct reef_launch launch = {
        arguments, {1 + below(20), 1 + below(4), 1}, {1 + below(8), 1 + below(3), 1}};
    struct compare compares_of[CONDITIONS];
    struct range_access access = {
        .slots = 1, .bytes = 4, .store = run % 2, .offset = (int)below(9)};
    struct reef_span reads[32], writes[32];
    for (unsigned i = 2; i < ARGUMENTS; i++)
        arguments[i] = (int)below(100) - 10;
    for (unsigned i = 0; i < 6; i++)
        add_leaf(&m);
    for (unsigned i = 1 + below(NODES - 7); i > 0; i--)
        add_operation(&m);
    unsigned conditions = below(CONDITIONS + 1), index = m.count - 1;
    for (unsigned i = 0; i < conditions; i++) {
        compares_of[i] = (struct compare){ops[below(6)], below(m.count), below(m.count)};
        access.conditions.of[i] = (uint16_t)range_condition(
            m.b, compares_of[i].op, m.node[compares_of[i].x], m.node[compares_of[i].y]);
    }
    unsigned low = m.node[index];
    unsigned high = range_binary(m.b, RANGE_ASHR, low, range_number(m.b, 31));
    unsigned wide = range_pair(m.b, low, below(2) ? high : range_number(m.b, 0));
    bool is_signed = m.b->node[wide].op == RANGE_SIGN_EXTEND;
    unsigned base = range_wide_leaf(m.b, RANGE_ARGUMENT64, 0);
    access.address = (uint16_t)range_binary64(
        m.b, RANGE_ADD64, base, range_binary64(m.b, RANGE_SHL64, wide, range_number(m.b, 2)));
    range_note(m.b, &access);
    struct reef_ranges *ranges = range_finish(m.b);
    assert_non_null(ranges);
    reef_ranges_evaluate(ranges, &launch, reads, writes);
    struct reef_span span = access.store ? writes[0] : reads[0];
    *bounded += span.end != UINT64_MAX;
    struct where at = {.arguments = arguments};
    for (uint32_t x = 0; x < launch.grid[0]; x++) {
        for (uint32_t y = 0; y < launch.grid[1]; y++) {
            at.item[0] = x % launch.group[0];
            at.item[1] = y % launch.group[1];
            at.group[0] = x / launch.group[0];
            at.group[1] = y / launch.group[1];
            bool reached = true;
            for (unsigned i = 0; i < conditions; i++)
                reached =
                    reached && (!access.conditions.of[i] || is_true(&m, &compares_of[i], &at));
            if (!reached)
                continue;
            uint32_t number = value_of(&m, index, &at);
            uint64_t where = 0x100000010000ull +
                             4 * (is_signed ? (uint64_t)(int64_t)(int32_t)number : number) +
                             (uint64_t)access.offset;
            assert_true(where >= span.begin && where + 4 <= span.end);
        }
    }
    reef_ranges_free(ranges);
    free(m.b);
}

static void expressions_hold_every_work_item(void **state)
{
    unsigned bounded = 0;
    (void)state;
    for (unsigned run = 0; run < 3000; run++)
        check_access(run, &bounded);
    assert_true(bounded > 300); /* else nothing was tested */
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(operations_hold_every_result),
        cmocka_unit_test(cuts_keep_what_is_let_through),
        cmocka_unit_test(expressions_hold_every_work_item),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
