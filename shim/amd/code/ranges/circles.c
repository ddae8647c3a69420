// SPDX-License-Identifier: Apache-2.0
/*
 * What registers hold that a loop adds to, at a launch: bounded by the compares on the ways round,
 * or by how often another one that is bounded lets the loop go round. See nodes.h and evaluate.c.
 */
#include <stddef.h>

#include "shim/amd/code/ranges/evaluation.h"

/* What the ways that go round add, all together of one sign. */
static bool steps_of(struct evaluation *e, const struct range_phi *phi, struct interval *step)
{
    bool any = false;
    for (unsigned i = 0; i < phi->ways; i++) {
        if (phi->way[i].kind != RANGE_WAY_STEPS)
            continue;
        struct interval s = range_evaluate_under(e, phi->way[i].step, &phi->way[i].conditions);
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
        struct interval x = range_evaluate_under(e, phi->way[i].value, &phi->way[i].conditions);
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
    struct interval step = interval_signed(range_evaluate(e, phi->way[i].step));
    *to = x = range_cut(e, phi->node, x);
    bool wraps = false;
    if (!interval_is_empty(x)) {
        x = (struct interval){x.low + step.low, x.high + step.high};
        wraps = x.low < limits.low || x.high > limits.high;
        *to = range_cut(e, phi->way[i].value, x);
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
        to = range_cut(e, phi->way[i].value, far);
        struct interval from = range_cut(e, phi->node, far);
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
        struct interval end = range_evaluate_under(e, c->a == value ? c->b : c->a, conditions);
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

struct interval range_evaluate_phi(struct evaluation *e, const struct range_node *node)
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
