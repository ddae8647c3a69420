// SPDX-License-Identifier: Apache-2.0
/*
 * Expressions at a launch: intervals. See ranges.h.
 *
 * A number of 32 bits is known up to multiples of 2^32: an interval stands for all numbers that are
 * one of its integers, modulo 2^32. So sums, differences and products need no look at overflows;
 * whatever takes its operand as signed or unsigned asks for the interval in that form, and gets all
 * numbers if there is none. Numbers of 64 bits are integers; what does not fit is not known.
 */
#include <string.h>

#include "shim/amd/code/ranges/evaluation.h"

static const struct range_conditions no_conditions;

struct interval range_evaluate_under(struct evaluation *e, unsigned node,
                                     const struct range_conditions *under)
{
    const struct range_conditions *before = e->under;
    e->under = under;
    struct interval result = range_evaluate(e, node);
    e->under = before;
    return result;
}

/* --- conditions --- */

/* Cuts @x, the interval of @node, to what @condition lets through. */
static struct interval cut_by(struct evaluation *e, unsigned node, struct interval x,
                              unsigned condition)
{
    const struct range_node *c = &e->ranges->node[condition];
    if (condition == 0 || interval_is_empty(x))
        return x;
    if (c->op == RANGE_BOTH) {
        x = cut_by(e, node, x, c->a);
        return cut_by(e, node, x, c->b);
    }
    if (c->op < RANGE_LESS_I || c->op > RANGE_NOT_EQUAL || (c->a != node && c->b != node) ||
        c->a == c->b)
        return x;
    bool is_a = c->a == node;
    /* Without conditions: the other side's may be this one. */
    struct interval other = range_evaluate_under(e, is_a ? c->b : c->a, &no_conditions);
    switch (c->op) {
    case RANGE_LESS_I:
        return interval_cut(x, other, true, is_a ? CUT_BELOW : CUT_ABOVE, 1);
    case RANGE_LESS_U:
        return interval_cut(x, other, false, is_a ? CUT_BELOW : CUT_ABOVE, 1);
    case RANGE_LESS_EQUAL_I:
        return interval_cut(x, other, true, is_a ? CUT_BELOW : CUT_ABOVE, 0);
    case RANGE_LESS_EQUAL_U:
        return interval_cut(x, other, false, is_a ? CUT_BELOW : CUT_ABOVE, 0);
    case RANGE_EQUAL:
        return interval_cut(interval_cut(x, other, true, CUT_BELOW, 0), other, true, CUT_ABOVE, 0);
    default:
        return interval_cut_off(x, other);
    }
}

struct interval range_cut(struct evaluation *e, unsigned node, struct interval x)
{
    bool is_subject = (e->ranges->node[node].flags & RANGE_SUBJECT) != 0;
    for (unsigned i = 0; i < RANGE_CONDITIONS && e->under->of[i] && is_subject; i++)
        x = cut_by(e, node, x, e->under->of[i]);
    return x;
}

/* --- nodes --- */

static struct interval argument(const struct evaluation *e, int64_t dword, bool wide)
{
    const uint8_t *at = (const uint8_t *)e->launch->arguments + 4 * dword;
    int32_t half;
    int64_t whole;
    memcpy(&half, at, sizeof(half));
    if (!wide)
        return interval_of(half);
    memcpy(&whole, at, sizeof(whole));
    return interval_of(whole);
}

/* Dwords of a dispatch packet (HSA Platform System Architecture 1.2, 2.9.6). */
static struct interval packet(const struct evaluation *e, int64_t dword)
{
    const uint32_t *group = e->launch->group, *grid = e->launch->grid;
    switch (dword) {
    case 1:
        return interval_of((int32_t)(group[0] | group[1] << 16));
    case 3:
    case 4:
    case 5:
        return interval_of((int32_t)grid[dword - 3]);
    default: /* the third size has undefined bits beside it */
        return interval_unknown(false);
    }
}

static struct interval leaf(const struct evaluation *e, const struct range_node *node)
{
    unsigned n = (unsigned)node->value;
    switch (node->op) {
    case RANGE_CONST:
    case RANGE_CONST64:
        return interval_of(node->value);
    case RANGE_ARGUMENT:
        return argument(e, node->value, false);
    case RANGE_ARGUMENT64:
        return argument(e, node->value, true);
    case RANGE_PACKET:
        return packet(e, node->value);
    case RANGE_ITEM:
        return (struct interval){0, (int64_t)e->launch->group[n] - 1};
    case RANGE_GROUP:
        return (struct interval){
            0, ((int64_t)e->launch->grid[n] + e->launch->group[n] - 1) / e->launch->group[n] - 1};
    default:
        return interval_unknown(range_is_wide(node->op));
    }
}

static struct interval operation(struct evaluation *e, const struct range_node *node)
{
    struct interval x = range_evaluate(e, node->a), y = range_evaluate(e, node->b);
    switch (node->op) {
    case RANGE_ADD:
        return interval_add(x, y);
    case RANGE_SUB:
        return interval_subtract(x, y);
    case RANGE_MUL:
        return interval_multiply(x, y);
    case RANGE_MUL_HIGH_U:
        return interval_multiply_high(interval_unsigned(x), interval_unsigned(y));
    case RANGE_MUL_HIGH_I:
        return interval_multiply_high(interval_signed(x), interval_signed(y));
    case RANGE_MUL_I24:
        return interval_fits(interval_signed(x), 24) && interval_fits(interval_signed(y), 24)
                   ? interval_multiply(interval_signed(x), interval_signed(y))
                   : interval_unknown(false);
    case RANGE_SHL:
        return interval_shift_left(x, y);
    case RANGE_LSHR:
        return interval_shift_right(interval_unsigned(x), y);
    case RANGE_ASHR:
        return interval_shift_right(interval_signed(x), y);
    case RANGE_AND:
        return interval_and(x, y);
    case RANGE_OR:
        return interval_or(x, y);
    case RANGE_MIN_U:
        return interval_least(interval_unsigned(x), interval_unsigned(y));
    case RANGE_MIN_I:
        return interval_least(interval_signed(x), interval_signed(y));
    case RANGE_MAX_U:
        return interval_most(interval_unsigned(x), interval_unsigned(y));
    case RANGE_MAX_I:
        return interval_most(interval_signed(x), interval_signed(y));
    case RANGE_SELECT:
        return interval_hull(x, y);
    case RANGE_HIGH:
        return interval_high(x);
    case RANGE_ZERO_EXTEND:
        return interval_unsigned(x);
    case RANGE_SIGN_EXTEND:
        return interval_signed(x);
    case RANGE_ADD64:
        return interval_add64(x, y);
    case RANGE_SHL64:
        return interval_shift_left64(x, y);
    case RANGE_MUL64_U:
        return interval_multiply64(interval_unsigned(x), interval_unsigned(y));
    case RANGE_MUL64_IU:
        return interval_multiply64(interval_signed(x), interval_unsigned(y));
    case RANGE_MUL64_I:
        return interval_multiply64(interval_signed(x), interval_signed(y));
    case RANGE_OR64:
        return interval_or64(x, interval_unsigned(y));
    default:
        return interval_unknown(range_is_wide(node->op));
    }
}

static struct interval evaluate_new(struct evaluation *e, unsigned number)
{
    const struct range_node *node = &e->ranges->node[number];
    struct interval result;
    if (node->op == RANGE_PHI || node->op == RANGE_PHI64)
        result = range_evaluate_phi(e, node);
    else if (node->a)
        result = operation(e, node);
    else
        result = leaf(e, node);
    if (range_is_wide(node->op))
        return result;
    struct interval left = range_cut(e, number, result);
    return interval_is_empty(left) ? result : left; /* empty: it is never executed */
}

struct interval range_evaluate(struct evaluation *e, unsigned number)
{
    const struct range_node *node = &e->ranges->node[number];
    const struct range_conditions *before = e->under;
    if (number == 0 || e->left == 0 || e->depth == DEPTH_MAX)
        return interval_unknown(range_is_wide(node->op));
    if (!(node->subjects & before->subjects))
        e->under = &no_conditions;
    unsigned which = e->under != &no_conditions;
    if (e->known_under[which][number] != e->under) {
        e->left--;
        e->depth++;
        e->known[which][number] = evaluate_new(e, number);
        e->known_under[which][number] = e->under;
        e->depth--;
    }
    e->under = before;
    return e->known[which][number];
}

/* --- a launch --- */

static const struct reef_span everything = {0, UINT64_MAX};

static void widen(struct reef_span *span, struct interval address,
                  const struct range_access *access)
{
    int64_t low, high;
    /* User addresses only: anything else is not understood. */
    if (interval_is_unknown(address) || address.low < 0 || address.high > (int64_t)1 << 56) {
        *span = everything;
        return;
    }
    low = address.low + access->offset;
    high = address.high + access->offset + access->bytes;
    if (access->scalar) { /* be it of the sum or of each part */
        low = (address.low & -4) + (access->offset & -4);
        high = ((address.high + 3) & -4) + ((access->offset + 3) & -4) + access->bytes;
    }
    low = low < 0 ? 0 : low;
    if ((uint64_t)low < span->begin)
        span->begin = (uint64_t)low;
    if ((uint64_t)high > span->end)
        span->end = (uint64_t)high;
}

void reef_ranges_evaluate(const struct reef_ranges *ranges, const struct reef_launch *launch,
                          struct reef_span *reads, struct reef_span *writes)
{
    struct evaluation e;
    e.ranges = ranges;
    e.launch = launch;
    e.left = EVALUATIONS_MAX;
    e.depth = 0;
    for (unsigned which = 0; which < 2; which++)
        memset(e.known_under[which], 0, ranges->nodes * sizeof(e.known_under[0][0]));
    memset(e.phi_state, 0, sizeof(e.phi_state));
    for (unsigned slot = 0; slot < 32; slot++)
        reads[slot] = writes[slot] = (struct reef_span){UINT64_MAX, 0};
    for (unsigned i = 0; i < ranges->accesses; i++) {
        const struct range_access *access = &ranges->access[i];
        struct reef_span *spans = access->store ? writes : reads;
        struct interval address = interval_unknown(true);
        if (access->address && e.left > 0)
            address = range_evaluate_under(&e, access->address,
                                           &ranges->access[access->under].conditions);
        if (e.left == 0)
            address = interval_unknown(true);
        for (uint32_t slots = access->slots; slots; slots &= slots - 1)
            widen(&spans[__builtin_ctz(slots)], address, access);
    }
}
