// SPDX-License-Identifier: Apache-2.0
/*
 * Where a kernel's copy looks at the flag: in every loop, and in long code without loops, so often
 * that a wavefront ends in time, and so seldom that it costs little. See inside.h. Pure.
 *
 * A loop whose rounds are short gets copies of its body, one of which looks: as many as make the
 * distance from one look to the next a hundred times what the look costs. A loop around others is
 * not copied, and looks in each round.
 */
#include <stdlib.h>
#include <string.h>

#include "shim/amd/code/inside_copy.h"

/* Cycles from one look to the next, by inside_time(). */
enum { SHORTEST = 1500, LONGEST = 3000, STRAIGHT = 2000 };

enum { COPIES_MAX = 32, COPIED_MAX = 1024 /* instructions */ };

/* --- one round of a loop --- */

struct round {
    unsigned *inst; /* owned */
    uint8_t *often; /* owned; whether no round goes without that instruction */
    unsigned count;
};

static bool belongs_to_inner(const struct copy *c, const struct loop *loop, unsigned i)
{
    for (unsigned n = 0; n < c->loops; n++)
        if (&c->loop[n] != loop && c->loop[n].body[i] && loop->body[c->loop[n].head])
            return true;
    return false;
}

/* The way that a round takes at @i: to where lanes have work to do, else straight on; not to where
 * it has been, nor out of the loop. -1: to the head. */
static int32_t choose_way(const struct copy *c, const struct loop *loop, unsigned i,
                          const uint8_t *seen)
{
    unsigned first = isa_id(c->inst[i].op) == ISA_ID_s_cbranch_execnz;
    for (unsigned n = 0; n < 2; n++) {
        int32_t to = c->next[i][first ^ n];
        if (to >= 0 && loop->body[to] && !seen[to])
            return to;
    }
    return -1;
}

/* Follows a round. What lies between a branch and where its other way is met does not belong to
 * every round. False: no memory. */
static bool follow_round(const struct copy *c, const struct loop *loop, struct round *round)
{
    unsigned open = 0; /* ways that were not taken, and not met since */
    uint8_t *seen = calloc(c->count, 2), *ahead = seen + c->count;
    round->inst = malloc(loop->size * sizeof(*round->inst));
    round->often = malloc(loop->size);
    bool enough = seen && round->inst && round->often;
    for (int32_t i = (int32_t)loop->head; enough && i >= 0;) {
        open -= ahead[i];
        ahead[i] = 0;
        seen[i] = 1;
        round->often[round->count] = open == 0 && !belongs_to_inner(c, loop, (unsigned)i);
        round->inst[round->count++] = (unsigned)i;
        int32_t to = choose_way(c, loop, (unsigned)i, seen);
        for (unsigned n = 0; n < 2 && to >= 0; n++) {
            int32_t other = c->next[i][n];
            if (other < 0 || other == to || !loop->body[other] || ahead[other] ||
                (seen[other] && other != (int32_t)loop->head))
                continue;
            ahead[other] = 1;
            open++;
        }
        i = to;
    }
    free(seen);
    return enough;
}

/* The cycles of a round that does all that is in it, but for inner loops: what a second one adds,
 * so that it is no matter where in the text the round begins. */
static uint64_t longest_round(const struct copy *c, const struct loop *loop)
{
    struct timeline t = {0};
    uint64_t first = 0;
    for (unsigned pass = 0; pass < 2; pass++) {
        first = t.now;
        for (unsigned i = 0; i < c->count; i++)
            if (loop->body[i] && !belongs_to_inner(c, loop, i))
                inside_step(&t, &c->inst[i]);
    }
    return t.now - first;
}

/* Looks are tried before and behind what sends for memory or waits for it. */
static bool worth_a_try(const struct copy *c, unsigned i)
{
    const struct isa_inst *inst = &c->inst[i];
    return inst->memory.segment != ISA_SEGMENT_NONE || inst->op->flags & ISA_WAIT;
}

/* The place at which a look costs least; what it costs there. The head belongs to every round. */
static unsigned cheapest(const struct copy *c, const struct round *round, uint64_t *cost)
{
    enum { ROUNDS = 3, TRIES = 64 };
    const struct path path = {round->inst, round->count};
    uint64_t without = inside_time(c, &path, ROUNDS, NULL);
    unsigned best = round->inst[0], tries = 0;
    *cost = UINT64_MAX;
    for (unsigned n = 0; n < round->count && tries < TRIES; n++) {
        unsigned i = round->inst[n];
        if (n > 0 &&
            (!round->often[n] || (!worth_a_try(c, i) && !worth_a_try(c, round->inst[n - 1]))))
            continue;
        const struct look_at at = {1, n, inside_scc_matters(c, i)};
        uint64_t takes = inside_time(c, &path, ROUNDS, &at) - without;
        tries++;
        if (takes >= *cost)
            continue;
        *cost = takes;
        best = i;
    }
    return best;
}

static bool place_in_loop(struct copy *c, struct loop *loop)
{
    struct round round = {0};
    bool enough = follow_round(c, loop, &round);
    if (enough) {
        uint64_t cost, cycles = longest_round(c, loop);
        loop->look_at = cheapest(c, &round, &cost);
        uint64_t want = 100 * cost;
        want = want < SHORTEST ? SHORTEST : want > LONGEST ? LONGEST : want;
        if (loop->innermost && cycles < want)
            loop->copies = (unsigned)((want + cycles - 1) / cycles);
        if (loop->copies > COPIES_MAX)
            loop->copies = COPIES_MAX;
        if (loop->copies * loop->size > COPIED_MAX)
            loop->copies = COPIED_MAX / loop->size;
        if (loop->copies == 0)
            c->look[loop->look_at] = 1;
    }
    free(round.inst);
    free(round.often);
    return enough;
}

/* --- long code --- */

/* The main text in its order, but each loop that is copied once from its head on, for its
 * instructions may stand in any order. */
struct text {
    unsigned *inst; /* owned */
    unsigned count;
};

static const struct loop *copied_loop(const struct copy *c, unsigned i)
{
    for (unsigned n = 0; n < c->loops; n++)
        if (c->loop[n].copies > 0 && c->loop[n].body[i])
            return &c->loop[n];
    return NULL;
}

static bool make_text(const struct copy *c, struct text *text)
{
    uint8_t *there = calloc(c->count, 1);
    text->inst = malloc(c->count * sizeof(*text->inst));
    for (unsigned i = 0; there && text->inst && i < c->count; i++) {
        const struct loop *loop = copied_loop(c, i);
        unsigned at = loop ? loop->head : i;
        for (unsigned left = loop ? loop->size : 1; left > 0; at = (at + 1) % c->count) {
            if (loop && !loop->body[at])
                continue;
            if (!there[at])
                text->inst[text->count++] = at;
            there[at] = 1;
            left--;
        }
    }
    free(there);
    return there && text->inst;
}

/* What a look before the @n-th costs, as far as its neighbours show it. */
static uint64_t cost_between(const struct copy *c, const struct text *text, unsigned n)
{
    enum { AROUND = 48 };
    unsigned first = n > AROUND ? n - AROUND : 0;
    unsigned last = n + AROUND < text->count ? n + AROUND : text->count;
    const struct path path = {text->inst + first, last - first};
    const struct look_at at = {0, n - first, false};
    return inside_time(c, &path, 1, &at) - inside_time(c, &path, 1, NULL);
}

/* Where code is long without a look there is one, at the cheapest place that is not jumped over, if
 * there is such; and where SCC need not be kept. */
static void place_in_text(struct copy *c, const struct text *text)
{
    struct timeline t = {0};
    uint64_t last = 0, least = UINT64_MAX, best_time = 0;
    unsigned best = 0;
    int32_t jumped = 0; /* over all before it */
    for (unsigned n = 0; n < text->count; n++) {
        unsigned i = text->inst[n];
        uint64_t since = t.now - last;
        bool tried = worth_a_try(c, i) || (n > 0 && worth_a_try(c, text->inst[n - 1]));
        if (since >= STRAIGHT / 2 && (tried || since >= STRAIGHT) &&
            ((int32_t)i >= jumped || since >= STRAIGHT * 3 / 2) && !copied_loop(c, i) &&
            !inside_scc_matters(c, i)) {
            uint64_t cost = cost_between(c, text, n);
            if (cost < least) {
                least = cost;
                best = i;
                best_time = t.now;
            }
        }
        if (c->look[i] || (since >= STRAIGHT && least < UINT64_MAX)) {
            last = c->look[i] ? t.now : best_time;
            if (!c->look[i])
                c->look[best] = 1;
            least = UINT64_MAX;
        }
        inside_step(&t, &c->inst[i]);
        if (c->next[i][1] > jumped)
            jumped = c->next[i][1];
    }
}

bool inside_choose_places(struct copy *c)
{
    struct text text = {0};
    c->look = calloc(c->count, 1);
    bool enough = c->look != NULL;
    for (unsigned n = 0; enough && n < c->loops; n++)
        enough = place_in_loop(c, &c->loop[n]);
    enough = enough && make_text(c, &text);
    if (enough)
        place_in_text(c, &text);
    free(text.inst);
    return enough;
}
