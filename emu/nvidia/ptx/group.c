// SPDX-License-Identifier: Apache-2.0
/*
 * Lanes that diverged. The deepest call goes first, in it the least pc: so lanes that took the
 * longer way catch up with those that wait where the ways join. A group that was passed over for
 * long goes first for once: two lanes of a warp that wait for each other both make progress.
 */
#include "exec.h"

enum { PATIENCE = 64 };

static bool goes_before(const struct ptx_group *a, const struct ptx_group *b)
{
    if (a->frame->depth != b->frame->depth)
        return a->frame->depth > b->frame->depth;
    return a->pc < b->pc;
}

static void remove_group(struct ptx_warp *w, uint32_t index)
{
    w->groups[index] = w->groups[--w->group_count];
}

/* Groups at the same place become one. One that waits for the others of its warp to come looks
 * anew. */
static void merge(struct ptx_warp *w)
{
    for (uint32_t i = 0; i < w->group_count; i++) {
        for (uint32_t j = w->group_count; --j > i;) {
            struct ptx_group *a = &w->groups[i], *b = &w->groups[j];

            if (a->pc != b->pc || a->frame != b->frame || a->state == PTX_GROUP_BARRIER ||
                b->state == PTX_GROUP_BARRIER)
                continue;
            a->mask |= b->mask;
            a->state = PTX_GROUP_RUNS;
            remove_group(w, j);
        }
    }
}

bool ptx_group_pick(struct ptx_warp *w)
{
    uint32_t best = UINT32_MAX, oldest = UINT32_MAX;

    if (w->group_count > 1)
        merge(w);
    for (uint32_t i = 0; i < w->group_count; i++) {
        struct ptx_group *group = &w->groups[i];

        if (group->state != PTX_GROUP_RUNS)
            continue;
        if (best == UINT32_MAX || goes_before(group, &w->groups[best]))
            best = i;
        if (++group->passed_over > PATIENCE &&
            (oldest == UINT32_MAX || group->passed_over > w->groups[oldest].passed_over))
            oldest = i;
    }
    if (best == UINT32_MAX)
        return false;
    if (oldest != UINT32_MAX)
        best = oldest;
    w->groups[best].passed_over = 0;
    w->present = best;
    w->frame = w->groups[best].frame;
    w->base[PTX_FRAME] = w->frame->regs;
    return true;
}

int32_t ptx_group_meeting(const struct ptx_warp *w)
{
    const struct ptx_group *me = &w->groups[w->present];
    int32_t at = INT32_MAX;

    for (uint32_t i = 0; i < w->group_count; i++) {
        const struct ptx_group *other = &w->groups[i];

        if (i != w->present && other->frame == me->frame && other->pc > me->pc && other->pc < at &&
            other->state != PTX_GROUP_BARRIER)
            at = other->pc;
    }
    return at;
}

void ptx_group_split(struct ptx_warp *w, uint32_t mask, int32_t pc, struct ptx_frame *frame)
{
    struct ptx_group *me = &w->groups[w->present];

    if (mask == me->mask) {
        me->pc = pc;
        me->frame = frame;
        return;
    }
    me->mask &= ~mask;
    w->groups[w->group_count++] = (struct ptx_group){.mask = mask, .pc = pc, .frame = frame};
}

void ptx_group_leave(struct ptx_warp *w, uint32_t mask)
{
    struct ptx_group *me = &w->groups[w->present];

    me->mask &= ~mask;
    if (me->mask == 0)
        remove_group(w, w->present);
}
