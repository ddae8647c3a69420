// SPDX-License-Identifier: Apache-2.0
/*
 * Where a kernel's copy looks at the flag: in every loop (inside_nests.c), and in long code, so
 * often that a wavefront ends in time. An account is kept, along all ways, of how long it may be
 * since the last look. Pure.
 */
#include <stdlib.h>
#include <string.h>

#include "shim/amd/code/inside_copy.h"

enum { LOOKS_MAX = 400 };

/* All code in order, and how long a wavefront may have gone without a look. */
struct account {
    struct path all;
    unsigned *place;        /* owned; by instruction: where in the order it is */
    uint64_t *ahead, *back; /* owned; by instruction: when it comes from what is before that in the
                               order, or from what is behind */
    uint8_t *copied;        /* owned; by instruction: whether it belongs to a loop that is copied */
    uint64_t *since;        /* owned; by place */
    unsigned *passed;       /* owned; by place: how far jumps over it lead */
};

static bool make_account(const struct copy *c, struct account *a)
{
    a->place = calloc(c->count, sizeof(*a->place));
    a->ahead = calloc(c->count, sizeof(*a->ahead));
    a->back = calloc(c->count, sizeof(*a->back));
    a->copied = calloc(c->count, sizeof(*a->copied));
    a->since = calloc(c->count, sizeof(*a->since));
    a->passed = calloc(c->count, sizeof(*a->passed));
    if (!inside_make_path(&a->all, c->count) || !a->place || !a->ahead || !a->back || !a->copied ||
        !a->since || !a->passed)
        return false;
    for (unsigned n = 0; n < c->order_count; n++) {
        inside_append(&a->all, c->order[n], false);
        a->place[c->order[n]] = n;
    }
    for (unsigned n = 0; n < c->loops; n++)
        for (unsigned i = 0; i < c->count && c->loop[n].copies > 0; i++)
            a->copied[i] |= c->loop[n].body[i] != 0;
    return true;
}

static void free_account(struct account *a)
{
    inside_free_path(&a->all);
    free(a->place);
    free(a->ahead);
    free(a->back);
    free(a->copied);
    free(a->since);
    free(a->passed);
}

static void arrive(const struct account *a, unsigned n, int32_t to, uint64_t cycles)
{
    if (to < 0)
        return;
    uint64_t *known = a->place[to] > n ? a->ahead : a->back;
    if (cycles > known[to])
        known[to] = cycles;
}

/* Goes through all, up to where it may be too long since the last look: returns that place; or the
 * number of places. */
static unsigned go_through(const struct copy *c, const struct account *a)
{
    enum { HALF_ROUNDS = 3 }; /* of copied loops, which look after some rounds, or not at all */
    struct timeline t = {.waves = c->waves};
    unsigned passed = 0;
    memset(a->ahead, 0, c->count * sizeof(*a->ahead));
    for (unsigned n = 0; n < a->all.count; n++) {
        unsigned i = a->all.inst[n];
        int32_t to = c->next[i][1];
        uint64_t since = a->ahead[i] > a->back[i] ? a->ahead[i] : a->back[i], before = t.now;
        if (c->look[i] & INSIDE_SEND)
            since = 0;
        a->since[n] = since;
        a->passed[n] = passed;
        if (since >= INSIDE_DISTANCE && !a->copied[i])
            return n;
        inside_step(&t, &c->inst[i]);
        since += (t.now - before) * (a->copied[i] ? HALF_ROUNDS : 2) / 2;
        arrive(a, n, c->next[i][0], since);
        arrive(a, n, to, since);
        if (to >= 0 && since >= INSIDE_DISTANCE / 4 && a->place[to] > passed)
            passed = a->place[to];
    }
    return a->all.count;
}

/* The cheapest look on the last stretch before place @n. Where a jump passes by it serves less; and
 * it had better be not too late. */
static struct look look_before(const struct copy *c, const struct account *a, unsigned n)
{
    enum { PASSED_BY = 200, LATE = INSIDE_DISTANCE - 1000, CYCLES_WORTH_ONE = 16, EVERY = 16 };
    struct look best = inside_look_from(c, &a->all, n, a->all.count, INSIDE_LATE);
    best.cost = UINT64_MAX - 1;
    for (unsigned m = n; m-- > 0 && a->since[m] >= INSIDE_DISTANCE / 2;) {
        bool tried = inside_worth_a_try(c, &a->all, m) || m % EVERY == 0;
        if (!tried || a->copied[a->all.inst[m]])
            continue;
        struct look look = inside_look_from(c, &a->all, m, a->all.count, INSIDE_LATE);
        look.cost += m < a->passed[m] ? PASSED_BY : 0;
        look.cost += a->since[m] > LATE ? (a->since[m] - LATE) / CYCLES_WORTH_ONE : 0;
        if (look.cost < best.cost)
            best = look;
    }
    return best;
}

/* One after the other. Each time it goes through first to see what comes back to the heads of
 * loops. */
static bool place_in_text(struct copy *c)
{
    struct account a = {0};
    bool enough = make_account(c, &a);
    for (unsigned looks = 0; enough && looks < LOOKS_MAX; looks++) {
        memset(a.back, 0, c->count * sizeof(*a.back));
        unsigned n = go_through(c, &a);
        if (n == a.all.count)
            n = go_through(c, &a);
        if (n == a.all.count)
            break;
        struct look look = look_before(c, &a, n);
        inside_mark(c->look, &a.all, &look);
    }
    free_account(&a);
    return enough;
}

bool inside_choose_places(struct copy *c)
{
    c->look = calloc(c->count, 1);
    c->last = calloc(c->count, 1);
    return c->look && c->last && inside_place_in_loops(c) && place_in_text(c);
}
