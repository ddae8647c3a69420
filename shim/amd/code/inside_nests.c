// SPDX-License-Identifier: Apache-2.0
/*
 * How loops look at the flag. Pure.
 *
 * Short loops get copies of their bodies, of which the last one looks: so nothing is counted, it is
 * the place in the code that tells how many rounds it has been. With the loops within it, if it has
 * such: each way back leads some copies further, those of longer rounds more. Other loops look in
 * each round, in the main text.
 */
#include <stdlib.h>
#include <string.h>

#include "shim/amd/code/inside_copy.h"

enum { COPIES_MAX = 64, COPIED_MAX = 1024 /* instructions */ };

/* --- rounds --- */

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

/* Whether no round goes without @i: without it there would be no way from the head back to it.
 * @seen and @open have room for the whole code. */
static bool in_every_round(const struct copy *c, const struct loop *loop, unsigned i, uint8_t *seen,
                           unsigned *open)
{
    unsigned count = 1;
    if (i == loop->head)
        return true;
    memset(seen, 0, c->count);
    seen[i] = 1;
    for (open[0] = loop->head; count > 0;) {
        const int32_t *next = c->next[open[--count]];
        for (unsigned n = 0; n < 2; n++) {
            if (next[n] == (int32_t)loop->head)
                return false;
            if (next[n] < 0 || !loop->body[next[n]] || seen[next[n]])
                continue;
            seen[next[n]] = 1;
            open[count++] = (unsigned)next[n];
        }
    }
    return true;
}

/* What is at the end of a long round is not looked into. False: no memory. */
static bool follow_round(const struct copy *c, const struct loop *loop, struct path *round)
{
    enum { LOOKED_INTO = 128 };
    uint8_t *seen = calloc(c->count, 1);
    unsigned *open = malloc(c->count * sizeof(*open)), count = 0;
    bool enough = seen && open;
    for (int32_t i = (int32_t)loop->head; enough && i >= 0;) {
        seen[i] = 1;
        inside_append(round, (unsigned)i, false);
        i = choose_way(c, loop, (unsigned)i, seen);
    }
    for (unsigned n = 0; enough && n < round->count && count < LOOKED_INTO; n++) {
        if (n > 0 && !inside_worth_a_try(c, round, n))
            continue;
        round->often[n] = !belongs_to_inner(c, loop, round->inst[n]) &&
                          in_every_round(c, loop, round->inst[n], seen, open);
        count++;
    }
    free(seen);
    free(open);
    return enough;
}

/* The cycles of the longest way through the loop's body that does not lead back: what a second pass
 * adds, so that it is no matter where it begins. @longest has room for the whole code. */
static uint64_t longest_round(const struct copy *c, const struct loop *loop, uint64_t *longest)
{
    struct timeline t = {.waves = c->waves};
    uint64_t most = 1;
    for (unsigned pass = 0; pass < 2; pass++) {
        memset(longest, 0, c->count * sizeof(*longest));
        for (unsigned n = 0; n < c->order_count; n++) {
            unsigned i = c->order[n];
            if (!loop->body[i])
                continue;
            uint64_t before = t.now;
            inside_step(&t, &c->inst[i]);
            uint64_t so_far = longest[i] + t.now - before;
            for (unsigned way = 0; way < 2; way++) {
                int32_t to = c->next[i][way];
                if (to >= 0 && loop->body[to] && longest[to] < so_far)
                    longest[to] = so_far;
            }
            most = pass > 0 && so_far > most ? so_far : most;
        }
    }
    return most;
}

/* --- one loop --- */

/* Looks between two other rounds. The head is in every round. In a loop that is not copied it may
 * test in the next round. */
static struct look cheapest(const struct copy *c, const struct path *rounds, bool copied,
                            unsigned late)
{
    enum { TRIES = 64 };
    unsigned count = rounds->count / 3, tries = 0;
    struct look best = {.cost = UINT64_MAX};
    for (unsigned n = count; n < 2 * count && tries < TRIES; n++) {
        if (n > count && (!rounds->often[n] || !inside_worth_a_try(c, rounds, n)))
            continue;
        struct look look = inside_look_from(c, rounds, n, (copied ? 2 : 3) * count, late);
        if (look.cost < best.cost)
            best = look;
        tries++;
    }
    return best;
}

/* Three rounds of it. */
static bool make_rounds(const struct copy *c, const struct loop *loop, struct path *rounds)
{
    bool enough = inside_make_path(rounds, 3 * (size_t)loop->size) && follow_round(c, loop, rounds);
    for (unsigned n = 0, count = rounds->count; enough && n < 2 * count; n++)
        inside_append(rounds, rounds->inst[n], rounds->often[n]);
    return enough;
}

/* How many copies there may be, of those that are wanted. */
static unsigned copies_of(const struct loop *loop, uint64_t wanted, uint64_t spare)
{
    uint64_t most = COPIED_MAX / loop->size, by_room = spare / loop->words;
    most = most < COPIES_MAX ? most : COPIES_MAX;
    most = most < by_room ? most : by_room;
    return (unsigned)(wanted < most ? wanted : most);
}

/* A loop without others in it, if its rounds are short; or the look of each round. */
static bool place_in_loop(struct copy *c, struct loop *loop)
{
    enum { COST_WEIGHT = 25, COST_MAX = 80 };
    bool copied = loop->innermost && loop->round <= INSIDE_ROUNDS;
    struct path rounds;
    bool enough = make_rounds(c, loop, &rounds);
    if (enough) {
        struct look look =
            cheapest(c, &rounds, copied, loop->round > INSIDE_ROUNDS ? INSIDE_LATE : 0);
        uint64_t cost = look.cost < COST_MAX ? look.cost : COST_MAX;
        uint64_t wanted = (INSIDE_ROUNDS + COST_WEIGHT * cost) / loop->round, later = 0;
        /* It tests some rounds later, when what it has sent for is there. */
        if (look.send == look.test)
            later = INSIDE_SCALAR * (c->waves > 2 ? c->waves / 2 : 1) / loop->round + 1;
        if (copied)
            loop->copies = copies_of(loop, wanted > later ? wanted - later : 1, c->spare);
        c->spare -= loop->copies * loop->words;
        loop->test_copy = later > 0 && later < loop->copies ? (unsigned)later : loop->copies;
        loop->nest = loop->copies > 0 ? loop : NULL;
        inside_mark(loop->copies > 0 ? c->last : c->look, &rounds, &look);
    }
    inside_free_path(&rounds);
    return enough;
}

/* --- loops in loops --- */

static bool is_in(const struct loop *inner, const struct loop *nest)
{
    return inner == nest || (nest->body[inner->head] && inner->head != nest->head);
}

/* Whether a look in each round of a loop around others costs too much: more than a fiftieth. */
static bool is_costly(const struct copy *c, const struct loop *loop, bool *enough)
{
    struct path rounds;
    bool costly = false;
    *enough = make_rounds(c, loop, &rounds);
    if (*enough) {
        struct look look = cheapest(c, &rounds, false, 0);
        costly = look.cost * 50 > inside_time_of(c, &rounds, 0, rounds.count / 3, NULL);
    }
    inside_free_path(&rounds);
    return costly;
}

/* A loop with those in it, if they are short: the shortest round leads one copy further. All ways
 * to the last copy look (inside.c). They test there as well, what was sent for the last time, for
 * which copies come between depends. */
static bool place_in_nest(struct copy *c, struct loop *nest)
{
    uint64_t unit = UINT64_MAX;
    for (unsigned n = 0; n < c->loops; n++)
        if (is_in(&c->loop[n], nest) && c->loop[n].round < unit)
            unit = c->loop[n].round;
    unsigned copies = copies_of(nest, INSIDE_ROUNDS * 3 / 4 / unit, c->spare);
    bool enough = true;
    if (nest->innermost || copies < 3 || copies * unit < INSIDE_ROUNDS / 3 ||
        !is_costly(c, nest, &enough))
        return enough;
    for (unsigned n = 0; n < c->loops; n++) {
        struct loop *loop = &c->loop[n];
        if (!is_in(loop, nest))
            continue;
        loop->nest = nest;
        loop->advance = (unsigned)((loop->round + unit / 2) / unit);
    }
    nest->copies = copies;
    c->spare -= copies * nest->words;
    return true;
}

bool inside_place_in_loops(struct copy *c)
{
    uint64_t *longest = malloc(c->count * sizeof(*longest));
    bool enough = longest != NULL;
    for (unsigned n = 0; n < c->loops && enough; n++)
        c->loop[n].round = longest_round(c, &c->loop[n], longest);
    free(longest);
    /* The largest first: so that of several loops around each other the outermost one that can have
     * copies has them. */
    for (unsigned size = c->count; size > 0 && enough; size--)
        for (unsigned n = 0; n < c->loops && enough; n++)
            if (c->loop[n].size == size && !c->loop[n].nest)
                enough = place_in_nest(c, &c->loop[n]);
    for (unsigned n = 0; n < c->loops && enough; n++)
        if (!c->loop[n].nest)
            enough = place_in_loop(c, &c->loop[n]);
    return enough;
}
