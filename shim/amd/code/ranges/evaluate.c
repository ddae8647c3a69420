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

#include "shim/amd/code/ranges/interval.h"
#include "shim/amd/code/ranges/nodes.h"

/* A launch is asked for some microseconds at most: this many evaluations of a node, and then
 * nothing more is known. */
enum { EVALUATIONS_MAX = 500, PHIS_MAX = 64, DEPTH_MAX = 64 };

struct evaluation {
    const struct reef_ranges *ranges;
    const struct reef_launch *launch;
    const struct range_conditions *under; /* what holds for what is being evaluated */
    unsigned left, depth;
    /* What was found without conditions, and last under some. */
    struct interval known[2][RANGE_KEPT_MAX];
    const struct range_conditions *known_under[2][RANGE_KEPT_MAX]; /* NULL: not evaluated */
    struct interval phi[PHIS_MAX];
    uint8_t phi_state[PHIS_MAX]; /* enum phi_state */
};

static const struct range_conditions no_conditions;

enum phi_state { PHI_NEW, PHI_BUSY, PHI_DONE };

static struct interval evaluate(struct evaluation *e, unsigned node);

static struct interval evaluate_under(struct evaluation *e, unsigned node,
                                      const struct range_conditions *under)
{
    const struct range_conditions *before = e->under;
    e->under = under;
    struct interval result = evaluate(e, node);
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
    struct interval other = evaluate_under(e, is_a ? c->b : c->a, &no_conditions);
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

/* Empty: what asks is never executed. */
static struct interval cut(struct evaluation *e, unsigned node, struct interval x)
{
    for (unsigned i = 0; i < RANGE_CONDITIONS && e->under->of[i]; i++)
        x = cut_by(e, node, x, e->under->of[i]);
    return x;
}

/* --- PHIs: what is added in circles --- */

/* What the ways that go round add, all together of one sign. */
static bool steps_of(struct evaluation *e, const struct range_phi *phi, struct interval *step)
{
    bool any = false;
    for (unsigned i = 0; i < phi->ways; i++) {
        if (phi->way[i].kind != RANGE_WAY_STEPS)
            continue;
        struct interval s = evaluate_under(e, phi->way[i].step, &phi->way[i].conditions);
        if (!range_is_wide(e->ranges->node[phi->node].op))
            s = interval_signed(s);
        if (interval_is_unknown(s))
            return false;
        step->low = any && step->low < s.low ? step->low : s.low;
        step->high = any && step->high > s.high ? step->high : s.high;
        any = true;
    }
    return any;
}

static struct interval begin_of(struct evaluation *e, const struct range_phi *phi)
{
    struct interval begin = {0};
    bool wide = range_is_wide(e->ranges->node[phi->node].op), any = false;
    for (unsigned i = 0; i < phi->ways; i++) {
        if (phi->way[i].kind == RANGE_WAY_OTHER)
            return interval_unknown(wide);
        if (phi->way[i].kind != RANGE_WAY_BEGINS)
            continue;
        struct interval x = evaluate_under(e, phi->way[i].value, &phi->way[i].conditions);
        begin = !any ? x : wide ? interval_hull64(begin, x) : interval_hull(begin, x);
        any = true;
    }
    return any ? begin : interval_unknown(wide);
}

/* One round on way @i from what is in @x: false if the number may wrap around. What is left
 * behind the way's conditions is *@to; empty: this way is not taken. */
static bool go_round(struct evaluation *e, const struct range_phi *phi, unsigned i,
                     struct interval x, bool is_signed, struct interval *to)
{
    const struct range_conditions *before = e->under;
    struct interval limits = interval_limits(is_signed);
    e->under = &phi->way[i].conditions;
    struct interval step = interval_signed(evaluate(e, phi->way[i].step));
    *to = x = cut(e, phi->node, x);
    bool wraps = false;
    if (!interval_is_empty(x)) {
        x = (struct interval){x.low + step.low, x.high + step.high};
        wraps = x.low < limits.low || x.high > limits.high;
        *to = cut(e, phi->way[i].value, x);
    }
    e->under = before;
    return !wraps;
}

/* Whether nothing leaves @x by going round. */
static bool stays_in(struct evaluation *e, const struct range_phi *phi, struct interval x,
                     bool is_signed)
{
    for (unsigned i = 0; i < phi->ways; i++) {
        struct interval to;
        if (phi->way[i].kind != RANGE_WAY_STEPS)
            continue;
        if (!go_round(e, phi, i, x, is_signed, &to))
            return false;
        if (!interval_is_empty(to) && (to.low < x.low || to.high > x.high))
            return false;
    }
    return true;
}

/*
 * What the PHI's block ever finds in it, if compares on the ways round bound it: an interval that
 * is guessed from them, and that one more round does not leave.
 */
static bool bounded_by_conditions(struct evaluation *e, const struct range_phi *phi,
                                  struct interval begin, struct interval step, bool is_signed,
                                  struct interval *result)
{
    struct interval limits = interval_limits(is_signed);
    begin = is_signed ? interval_signed(begin) : interval_unsigned(begin);
    *result = begin;
    for (unsigned i = 0; i < phi->ways; i++) {
        struct interval far = {step.low >= 0 ? begin.low : limits.low,
                               step.low >= 0 ? limits.high : begin.high},
                        to = far;
        if (phi->way[i].kind != RANGE_WAY_STEPS)
            continue;
        /* As far as the compare of the sum lets it, if the sum does not wrap. */
        const struct range_conditions *before = e->under;
        e->under = &phi->way[i].conditions;
        to = cut(e, phi->way[i].value, far);
        struct interval from = cut(e, phi->node, far);
        e->under = before;
        if (interval_is_empty(to) || interval_is_empty(from))
            continue;
        if (step.low >= 0) {
            int64_t high = from.high + step.high < to.high ? from.high + step.high : to.high;
            result->high = high > result->high ? high : result->high;
        } else {
            int64_t low = from.low + step.low > to.low ? from.low + step.low : to.low;
            result->low = low < result->low ? low : result->low;
        }
    }
    return stays_in(e, phi, *result, is_signed);
}

/* A counter that begins and ends at known numbers and is compared for equality alone: it must hit
 * the end. */
static bool bounded_by_end(struct evaluation *e, const struct range_phi *phi, struct interval begin,
                           struct interval step, struct interval *result)
{
    const struct range_conditions *conditions = NULL;
    unsigned value = 0;
    for (unsigned i = 0; i < phi->ways; i++) {
        if (phi->way[i].kind != RANGE_WAY_STEPS)
            continue;
        if (conditions)
            return false; /* one way round only */
        conditions = &phi->way[i].conditions;
        value = phi->way[i].value;
    }
    if (!conditions || begin.low != begin.high || step.low != step.high || step.low == 0)
        return false;
    for (unsigned i = 0; i < RANGE_CONDITIONS && conditions->of[i]; i++) {
        const struct range_node *c = &e->ranges->node[conditions->of[i]];
        if (c->op != RANGE_NOT_EQUAL || (c->a != value && c->b != value))
            continue;
        struct interval end = evaluate_under(e, c->a == value ? c->b : c->a, conditions);
        for (int is_signed = 0; is_signed < 2 && end.low == end.high; is_signed++) {
            int64_t first = (is_signed ? interval_signed(begin) : interval_unsigned(begin)).low;
            int64_t last = (is_signed ? interval_signed(end) : interval_unsigned(end)).low;
            int64_t way = last - first;
            if (way % step.low != 0 || way / step.low < 1)
                continue;
            last -= step.low;
            *result =
                first < last ? (struct interval){first, last} : (struct interval){last, first};
            return true;
        }
    }
    return false;
}

static bool bounded(struct evaluation *e, const struct range_phi *phi, struct interval begin,
                    struct interval step, struct interval *result)
{
    if (step.low < 0 && step.high > 0)
        return false;
    return bounded_by_conditions(e, phi, begin, step, true, result) ||
           bounded_by_conditions(e, phi, begin, step, false, result) ||
           bounded_by_end(e, phi, begin, step, result);
}

/* Whether @counter steps on each way that @phi goes round on, in the same lanes. */
static bool counts_for(const struct range_phi *counter, const struct range_phi *phi)
{
    if (counter->block != phi->block || counter == phi ||
        (counter->family != 0 && counter->family != phi->family))
        return false;
    for (unsigned i = 0; i < phi->ways; i++) {
        if (phi->way[i].kind != RANGE_WAY_STEPS && phi->way[i].kind != RANGE_WAY_SAME)
            continue;
        unsigned n = 0;
        while (n < counter->ways && counter->way[n].from != phi->way[i].from)
            n++;
        if (n == counter->ways || counter->way[n].kind != RANGE_WAY_STEPS)
            return false;
    }
    for (unsigned i = 0; i < counter->ways; i++)
        if (counter->way[i].kind == RANGE_WAY_SAME || counter->way[i].kind == RANGE_WAY_OTHER)
            return false;
    return true;
}

/* How often the block is entered by a way round, at most, before it is left. */
static bool rounds_of(struct evaluation *e, const struct range_phi *phi, int64_t *rounds)
{
    for (unsigned i = 0; i < e->ranges->phis && i < PHIS_MAX; i++) {
        const struct range_phi *counter = &e->ranges->phi[i];
        struct interval step = {0}, all;
        if (!counts_for(counter, phi) || e->phi_state[i] == PHI_BUSY ||
            range_is_wide(e->ranges->node[counter->node].op))
            continue;
        uint8_t state = e->phi_state[i];
        e->phi_state[i] = PHI_BUSY;
        struct interval begin = begin_of(e, counter);
        bool found = !interval_is_unknown(begin) && steps_of(e, counter, &step) &&
                     (step.low > 0 || step.high < 0) && bounded(e, counter, begin, step, &all);
        e->phi_state[i] = state;
        if (!found)
            continue;
        int64_t least = step.low > 0 ? step.low : -step.high;
        *rounds = (all.high - all.low) / least;
        return true;
    }
    return false;
}

static struct interval circle(struct evaluation *e, const struct range_phi *phi)
{
    bool wide = range_is_wide(e->ranges->node[phi->node].op);
    struct interval begin = begin_of(e, phi), step, result;
    int64_t rounds;
    bool steps = false;
    for (unsigned i = 0; i < phi->ways; i++)
        steps = steps || phi->way[i].kind == RANGE_WAY_STEPS;
    if (!steps || interval_is_unknown(begin))
        return begin;
    if (!steps_of(e, phi, &step))
        return interval_unknown(wide);
    if (!wide && bounded(e, phi, begin, step, &result))
        return result;
    if (!rounds_of(e, phi, &rounds))
        return interval_unknown(wide);
    return interval_add_times(begin, step, rounds, wide);
}

static struct interval evaluate_phi(struct evaluation *e, const struct range_node *node)
{
    unsigned number = (unsigned)node->value;
    bool wide = range_is_wide(node->op);
    if (number >= PHIS_MAX || e->phi_state[number] == PHI_BUSY)
        return interval_unknown(wide);
    if (e->phi_state[number] == PHI_DONE)
        return e->phi[number];
    e->phi_state[number] = PHI_BUSY;
    struct interval result = circle(e, &e->ranges->phi[number]);
    e->phi_state[number] = PHI_DONE;
    e->phi[number] = result;
    return result;
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
    struct interval x = evaluate(e, node->a), y = evaluate(e, node->b);
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
        result = evaluate_phi(e, node);
    else if (node->a)
        result = operation(e, node);
    else
        result = leaf(e, node);
    if (range_is_wide(node->op))
        return result;
    struct interval left = cut(e, number, result);
    return interval_is_empty(left) ? result : left; /* empty: it is never executed */
}

static struct interval evaluate(struct evaluation *e, unsigned number)
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
            address =
                evaluate_under(&e, access->address, &ranges->access[access->under].conditions);
        if (e.left == 0)
            address = interval_unknown(true);
        for (uint32_t slots = access->slots; slots; slots &= slots - 1)
            widen(&spans[__builtin_ctz(slots)], address, access);
    }
}
