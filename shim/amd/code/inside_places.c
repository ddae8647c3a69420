// SPDX-License-Identifier: Apache-2.0
/*
 * Where a kernel's copy looks at the flag: in every loop, and in long code without loops, so often
 * that a wavefront ends in time, and so seldom that it costs little. See inside.h. Pure.
 *
 * A loop whose rounds are short gets copies of its body, one of which looks. A loop around others
 * is not copied, and looks in each round. Elsewhere an account is kept, along all ways, of how long
 * it may be since the last look. Where a look costs least is found by trying (inside_times.c).
 */
#include <stdlib.h>
#include <string.h>

#include "shim/amd/code/inside_copy.h"

/* Cycles by inside_step() on a unit that is full, where a wavefront waits for its turns; alone it
 * takes about half as long. After DISTANCE without a look there is one; a copied loop looks every
 * ROUNDS, and less often if that costs much. What is left of 5 us (8625 cycles on an MI50) is for
 * the time from sending to testing, and for ending. */
enum { DISTANCE = 8000, ROUNDS = 4000 };

enum { COPIES_MAX = 32, COPIED_MAX = 1024 /* instructions */, LOOKS_MAX = 256 };
enum { COST_WEIGHT = 25, COST_MAX = 80 };

/* Instructions in the order in which they are about to be run. */
struct path {
    unsigned *inst; /* owned */
    uint8_t *often; /* owned; whether that place is not passed by on another way */
    unsigned count;
};

static bool make_path(struct path *path, size_t room)
{
    *path = (struct path){.inst = malloc(room * sizeof(*path->inst)), .often = malloc(room)};
    return path->inst && path->often;
}

static void free_path(struct path *path)
{
    free(path->inst);
    free(path->often);
}

static void append(struct path *path, unsigned i, bool often)
{
    path->inst[path->count] = i;
    path->often[path->count++] = often;
}

/* --- what a look costs --- */

/* Before which places of a path it sends for the flag and tests it; in one place it tests what was
 * sent for the last time. */
struct look {
    unsigned send, test;
    bool waits;    /* before the test */
    uint64_t cost; /* cycles */
};

/* The cycles of a part of the path; @look may be NULL. */
static uint64_t time_of(const struct copy *c, const struct path *path, unsigned from, unsigned to,
                        const struct look *look)
{
    struct timeline t = {0};
    for (unsigned n = from; n < to; n++) {
        if (look && n == look->test)
            inside_step_test(&t, look->waits, c->scc[path->inst[n]]);
        if (look && n == look->send)
            inside_step_send(&t);
        inside_step(&t, &c->inst[path->inst[n]]);
    }
    return t.now;
}

/* Places before and behind branches, and what sends for memory or waits for it. */
static bool worth_a_try(const struct copy *c, const struct path *path, unsigned n)
{
    for (unsigned i = n > 0 ? n - 1 : n; i <= n; i++) {
        const struct isa_inst *inst = &c->inst[path->inst[i]];
        if (inst->memory.segment != ISA_SEGMENT_NONE || inst->op->flags & (ISA_WAIT | ISA_BRANCH))
            return true;
    }
    return false;
}

/*
 * The cheapest look that sends before place @n, as far as the neighbours show it. It tests further
 * on, before place @last, where every way leads that has passed @n: so the test is late enough not
 * to wait, or comes where the kernel has waited itself; and the wavefront ends soon after the flag
 * is seen, which is worth some cycles.
 */
static struct look look_from(const struct copy *c, const struct path *path, unsigned n,
                             unsigned last)
{
    enum { BEFORE = 48, BEHIND = 96, TEST = 40, LATE = 100 };
    unsigned from = n > BEFORE ? n - BEFORE : 0;
    unsigned to = n + BEHIND < path->count ? n + BEHIND : path->count;
    uint64_t without = time_of(c, path, from, to, NULL);
    struct look best = {.cost = UINT64_MAX};
    bool straight = true;
    for (unsigned m = n; m < to && m < last && m <= n + TEST; m++) {
        unsigned i = path->inst[m], before = m > n ? path->inst[m - 1] : i;
        straight = straight && (m == n || (i == before + 1 && !inside_is_branch(&c->inst[before])));
        if (m > n &&
            (!worth_a_try(c, path, m) || (!straight && (!path->often[n] || !path->often[m]))))
            continue;
        struct look look = {.send = n, .test = m};
        look.waits =
            m == n || c->target[i] || i != before + 1 || !inside_waits_for_scalar(&c->inst[before]);
        look.cost = time_of(c, path, from, to, &look) - without + (m == n ? LATE : 0);
        if (look.cost < best.cost)
            best = look;
    }
    return best;
}

/* --- loops --- */

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
        append(round, (unsigned)i, false);
        i = choose_way(c, loop, (unsigned)i, seen);
    }
    for (unsigned n = 0; enough && n < round->count && count < LOOKED_INTO; n++) {
        if (n > 0 && !worth_a_try(c, round, n))
            continue;
        round->often[n] = !belongs_to_inner(c, loop, round->inst[n]) &&
                          in_every_round(c, loop, round->inst[n], seen, open);
        count++;
    }
    free(seen);
    free(open);
    return enough;
}

/* The cycles of a round that does all that is in it, but for inner loops: what a second one adds,
 * so that it is no matter where in the text the round begins. */
static uint64_t longest_round(const struct copy *c, const struct loop *loop)
{
    struct timeline t = {.waves = c->waves};
    uint64_t first = 0;
    for (unsigned pass = 0; pass < 2; pass++) {
        first = t.now;
        for (unsigned i = 0; i < c->count; i++)
            if (loop->body[i] && !belongs_to_inner(c, loop, i))
                inside_step(&t, &c->inst[i]);
    }
    return t.now - first;
}

/* Looks between two other rounds. The head is in every round. In a loop that is not copied it may
 * test in the next round. */
static struct look cheapest(const struct copy *c, struct path *rounds, bool copied)
{
    enum { TRIES = 64 };
    unsigned count = rounds->count, tries = 0;
    struct look best = {.cost = UINT64_MAX};
    for (unsigned round = 1; round < 3; round++)
        for (unsigned n = 0; n < count; n++)
            append(rounds, rounds->inst[n], rounds->often[n]);
    for (unsigned n = count; n < 2 * count && tries < TRIES; n++) {
        if (n > count && (!rounds->often[n] || !worth_a_try(c, rounds, n)))
            continue;
        struct look look = look_from(c, rounds, n, (copied ? 2 : 3) * count);
        if (look.cost < best.cost)
            best = look;
        tries++;
    }
    return best;
}

static void look_in_text(struct copy *c, const struct path *path, const struct look *look)
{
    c->look[path->inst[look->send]] |= INSIDE_SEND;
    c->look[path->inst[look->test]] |= INSIDE_TEST | (look->waits ? INSIDE_WAIT : 0);
}

static bool place_in_loop(struct copy *c, struct loop *loop)
{
    struct path rounds;
    bool enough = make_path(&rounds, 3 * (size_t)loop->size) && follow_round(c, loop, &rounds);
    if (enough) {
        uint64_t cycles = longest_round(c, loop);
        struct look look = cheapest(c, &rounds, loop->innermost && cycles <= ROUNDS);
        uint64_t cost = look.cost < COST_MAX ? look.cost : COST_MAX;
        if (loop->innermost)
            loop->copies = (unsigned)((ROUNDS + COST_WEIGHT * cost) / cycles);
        if (loop->copies > COPIES_MAX)
            loop->copies = COPIES_MAX;
        if (loop->copies * loop->size > COPIED_MAX)
            loop->copies = COPIED_MAX / loop->size;
        loop->send = rounds.inst[look.send];
        loop->test = rounds.inst[look.test];
        loop->waits = look.waits;
        if (loop->copies == 0)
            look_in_text(c, &rounds, &look);
    }
    free_path(&rounds);
    return enough;
}

/* --- long code --- */

static const struct loop *copied_loop(const struct copy *c, unsigned i)
{
    for (unsigned n = 0; n < c->loops; n++)
        if (c->loop[n].copies > 0 && c->loop[n].body[i])
            return &c->loop[n];
    return NULL;
}

/* All code in order, and how long a wavefront may have gone without a look. */
struct account {
    struct path all;
    unsigned *place;        /* owned; by instruction: where in the order it is */
    uint64_t *ahead, *back; /* owned; by instruction: when it comes from what is before that in the
                               order, or from what is behind */
    uint64_t *since;        /* owned; by place */
    unsigned *passed;       /* owned; by place: how far jumps over it lead */
};

static bool make_account(const struct copy *c, struct account *a)
{
    a->place = calloc(c->count, sizeof(*a->place));
    a->ahead = calloc(c->count, sizeof(*a->ahead));
    a->back = calloc(c->count, sizeof(*a->back));
    a->since = calloc(c->count, sizeof(*a->since));
    a->passed = calloc(c->count, sizeof(*a->passed));
    if (!make_path(&a->all, c->count) || !a->place || !a->ahead || !a->back || !a->since ||
        !a->passed)
        return false;
    for (unsigned n = 0; n < c->order_count; n++) {
        append(&a->all, c->order[n], false);
        a->place[c->order[n]] = n;
    }
    return true;
}

static void free_account(struct account *a)
{
    free_path(&a->all);
    free(a->place);
    free(a->ahead);
    free(a->back);
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
    enum { ROUNDS_THERE = 2 }; /* of copied loops, which may look after these or not at all */
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
        if (since >= DISTANCE && !copied_loop(c, i))
            return n;
        inside_step(&t, &c->inst[i]);
        since += (t.now - before) * (copied_loop(c, i) ? ROUNDS_THERE : 1);
        arrive(a, n, c->next[i][0], since);
        arrive(a, n, to, since);
        if (to >= 0 && since >= DISTANCE / 4 && a->place[to] > passed)
            passed = a->place[to];
    }
    return a->all.count;
}

/* The cheapest look on the last stretch before place @n. Where a jump passes by it serves less. */
static struct look look_before(const struct copy *c, const struct account *a, unsigned n)
{
    enum { PASSED_BY = 200 };
    struct look best = look_from(c, &a->all, n, a->all.count);
    for (unsigned m = n; m-- > 0 && a->since[m] >= DISTANCE / 2;) {
        if (!worth_a_try(c, &a->all, m) || copied_loop(c, a->all.inst[m]))
            continue;
        struct look look = look_from(c, &a->all, m, a->all.count);
        look.cost += m < a->passed[m] ? PASSED_BY : 0;
        if (look.cost <= best.cost)
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
        look_in_text(c, &a.all, &look);
    }
    free_account(&a);
    return enough;
}

bool inside_choose_places(struct copy *c)
{
    c->look = calloc(c->count, 1);
    bool enough = c->look != NULL;
    for (unsigned n = 0; enough && n < c->loops; n++)
        enough = place_in_loop(c, &c->loop[n]);
    return enough && place_in_text(c);
}
