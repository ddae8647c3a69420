// SPDX-License-Identifier: Apache-2.0
/* What a look at the flag costs, and where it costs least. See inside_copy.h. Pure. */
#include <stdlib.h>

#include "shim/amd/code/inside_copy.h"

bool inside_make_path(struct path *path, size_t room)
{
    *path = (struct path){.inst = malloc(room * sizeof(*path->inst)), .often = malloc(room)};
    return path->inst && path->often;
}

void inside_free_path(struct path *path)
{
    free(path->inst);
    free(path->often);
}

void inside_append(struct path *path, unsigned i, bool often)
{
    path->inst[path->count] = i;
    path->often[path->count++] = often;
}

uint64_t inside_time_of(const struct copy *c, const struct path *path, unsigned from, unsigned to,
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

bool inside_worth_a_try(const struct copy *c, const struct path *path, unsigned n)
{
    for (unsigned i = n > 0 ? n - 1 : n; i <= n; i++) {
        const struct isa_inst *inst = &c->inst[path->inst[i]];
        if (inst->memory.segment != ISA_SEGMENT_NONE || inst->op->flags & (ISA_WAIT | ISA_BRANCH))
            return true;
    }
    return false;
}

struct look inside_look_from(const struct copy *c, const struct path *path, unsigned n,
                             unsigned last, unsigned late)
{
    enum { BEFORE = 48, BEHIND = 96, TEST = 40 };
    unsigned from = n > BEFORE ? n - BEFORE : 0;
    unsigned to = n + BEHIND < path->count ? n + BEHIND : path->count;
    uint64_t without = inside_time_of(c, path, from, to, NULL);
    struct look best = {.cost = UINT64_MAX};
    bool straight = true;
    for (unsigned m = n; m < to && m < last && m <= n + TEST; m++) {
        unsigned i = path->inst[m], before = m > n ? path->inst[m - 1] : i;
        straight = straight && (m == n || (i == before + 1 && !inside_is_branch(&c->inst[before])));
        if (m > n && ((!inside_worth_a_try(c, path, m) && m != n + TEST) ||
                      (!straight && (!path->often[n] || !path->often[m]))))
            continue;
        struct look look = {.send = n, .test = m};
        look.waits =
            m == n || c->target[i] || i != before + 1 || !inside_waits_for_scalar(&c->inst[before]);
        look.cost = inside_time_of(c, path, from, to, &look) - without + (m == n ? late : 0);
        if (look.cost < best.cost)
            best = look;
    }
    return best;
}

void inside_mark(uint8_t *looks, const struct path *path, const struct look *look)
{
    looks[path->inst[look->send]] |= INSIDE_SEND;
    looks[path->inst[look->test]] |= INSIDE_TEST | (look->waits ? INSIDE_WAIT : 0);
}
