// SPDX-License-Identifier: Apache-2.0
/*
 * Turns of best-effort programs. See turns.h.
 *
 * The token: bits 0 to 7 the holder's slot + 1, 0: nobody; bit 8: overrun; above, a count of
 * changes, so that one made meanwhile is noticed.
 */
#include "sched/turns.h"

enum { HOLDER = 0xff, OVERRUN = 0x100, COUNT_SHIFT = 16 };
/* How often to look whether the device queue is empty: often at first. */
#define DRAIN_NS      50000u
#define DRAIN_MOST_NS 1000000u
/* How many times its patience a program waits to be settled. */
enum { SETTLE_PATIENCES = 10 };

void reef_turns_init(struct reef_turns *turns, const struct reef_turns_config *config)
{
    *turns = (struct reef_turns){.config = *config};
}

int reef_turns_holder(uint64_t token)
{
    unsigned holder = token & HOLDER;
    return holder >= 1 && holder <= REEF_TURNS_SLOTS ? (int)holder - 1 : -1;
}

static uint64_t token_for(uint64_t old, int slot, bool overrun)
{
    return ((old >> COUNT_SHIFT) + 1) << COUNT_SHIFT | (overrun ? OVERRUN : 0) |
           (unsigned)(slot + 1);
}

/* The next after @self among @waiters, in the order of the slots. @waiters is not 0. */
static int next_waiter(uint64_t waiters, unsigned self)
{
    uint64_t above = self < 63 ? waiters & ~((2ull << self) - 1) : 0;
    return __builtin_ctzll(above ? above : waiters);
}

/* A lease from further than itself in the future is a lie. */
static bool lease_is_over(const struct reef_turns *t, const struct reef_turns_view *v)
{
    int64_t age_ns = (int64_t)(v->now_ns - v->renewed_ns);
    return age_ns > (int64_t)t->config.lease_ns || age_ns < -(int64_t)t->config.lease_ns;
}

static void change(struct reef_turns_step *step, uint64_t token)
{
    step->change = true;
    step->new_token = token;
    step->again_ns = 0;
}

static struct reef_turns_step without_turns(struct reef_turns *t, const struct reef_turns_view *v)
{
    struct reef_turns_step step = {.open = true, .long_slices = true, .again_ns = UINT64_MAX};
    t->mine = t->passing = t->settled = false;
    t->settling_ns = 0;
    t->settle_seen_ns = v->now_ns;
    if (reef_turns_holder(v->token) == (int)v->self)
        change(&step, token_for(v->token, -1, false));
    return step;
}

/* Whether it may have a turn. Time of real-time work does not count, as in drain(). */
static bool may_join(struct reef_turns *t, const struct reef_turns_view *v)
{
    if (!t->settled && !v->rt && t->settle_seen_ns)
        t->settling_ns += v->now_ns - t->settle_seen_ns;
    t->settle_seen_ns = v->now_ns;
    return t->settled || t->settling_ns >= SETTLE_PATIENCES * t->config.patience_ns;
}

static struct reef_turns_step others_turn(struct reef_turns *t, const struct reef_turns_view *v)
{
    int holder = reef_turns_holder(v->token);
    bool overrun = holder >= 0 && (v->token & OVERRUN);
    bool gone = holder >= 0 && lease_is_over(t, v);
    if (!v->busy)
        t->settled = true;
    else if (t->mine)
        t->settled = false; /* it lost its turn without having passed it */
    t->mine = t->passing = false;
    bool asks = may_join(t, v) && v->waiting;
    struct reef_turns_step step = {
        .open = overrun && !gone,
        .long_slices = overrun || !t->settled,
        .wait = asks,
        .again_ns = !t->settled  ? DRAIN_MOST_NS
                    : v->waiting ? t->config.lease_ns / 4
                                 : UINT64_MAX,
    };
    if (asks && (holder < 0 || gone)) {
        step.forget = gone ? 1ull << holder : 0;
        change(&step, token_for(v->token, (int)v->self, false));
        step.renew = true; /* before it: a new holder's lease is not the old one's */
    }
    return step;
}

/* Its turn is over, and it waits for its device queue. Time of real-time work does not count: the
 * device queue cannot get empty then. */
static void drain(struct reef_turns *t, const struct reef_turns_view *v,
                  struct reef_turns_step *step)
{
    bool overrun = v->token & OVERRUN;
    if (!t->passing)
        t->drained_ns = 0;
    else if (!v->rt)
        t->drained_ns += v->now_ns - t->drain_seen_ns;
    t->drain_seen_ns = v->now_ns;
    t->passing = true;
    /* What is on the device may wait for work that is kept back here. */
    step->open = overrun && t->drained_ns / t->config.patience_ns % 2 == 1;
    step->again_ns = DRAIN_NS + t->drained_ns / 8;
    if (v->rt || step->again_ns > DRAIN_MOST_NS)
        step->again_ns = DRAIN_MOST_NS;
    if (!overrun && t->drained_ns >= t->config.patience_ns)
        change(step, token_for(v->token, (int)v->self, true));
}

static struct reef_turns_step own_turn(struct reef_turns *t, const struct reef_turns_view *v)
{
    uint64_t others = v->waiters & ~(1ull << v->self);
    bool overrun = v->token & OVERRUN;
    if (!t->mine)
        t->since_ns = v->now_ns;
    t->mine = t->settled = true;
    struct reef_turns_step step = {
        .open = true,
        .long_slices = overrun,
        .renew = true, /* also when idle: its threads feed the device queue without asking */
        .again_ns = t->config.lease_ns / 4,
    };
    uint64_t used_ns = v->now_ns - t->since_ns;
    bool over = others && (used_ns >= t->config.turn_ns || overrun);
    if (!others) {
        t->passing = false;
        if (overrun)
            change(&step, token_for(v->token, (int)v->self, false));
    } else if (!v->busy && (over || t->passing || !v->waiting)) {
        t->mine = t->passing = false;
        step.open = false;
        step.wait = v->waiting;
        step.renew = true; /* for the next one */
        change(&step, token_for(v->token, next_waiter(others, v->self), false));
    } else if (over || t->passing) {
        drain(t, v, &step);
    } else if (t->config.turn_ns - used_ns < step.again_ns) {
        step.again_ns = t->config.turn_ns - used_ns;
    }
    return step;
}

struct reef_turns_step reef_turns_step(struct reef_turns *turns, const struct reef_turns_view *view)
{
    if (!view->in_force)
        return without_turns(turns, view);
    return reef_turns_holder(view->token) == (int)view->self ? own_turn(turns, view)
                                                             : others_turn(turns, view);
}
