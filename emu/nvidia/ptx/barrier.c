// SPDX-License-Identifier: Apache-2.0
/*
 * Barriers of a block, counted in threads: one is complete when as many have arrived as were named,
 * or all that have not exited. All that waited go on at the latest arrival's time.
 */
#include "exec.h"

static uint32_t lane_value(const struct ptx_warp *w, uint32_t place, uint32_t mask)
{
    return ptx_u32(w, place)[__builtin_ctz(mask)];
}

/* bar.red: the result goes to every thread that took part. */
static void give_result(struct ptx_warp *w, struct ptx_group *group,
                        const struct ptx_barrier *barrier)
{
    const struct ptx_insn *in = &group->frame->function->body->code[group->pc - 1];
    uint8_t *regs = group->frame->regs;
    uint32_t count = barrier->count_true, *d;

    if (in->kind != PTX_BARRIER || !(in->aux & PTX_BAR_REDUCE))
        return;
    d = (uint32_t *)(regs + (in->d & PTX_OFFSET_MASK));
    if (in->aux >> PTX_BAR_OP_SHIFT == 0) {
        PTX_EACH(group->mask, d[l] = count;);
    } else {
        bool result = in->aux >> PTX_BAR_OP_SHIFT == 1 ? count == barrier->arrived : count > 0;

        *d = (*d & ~group->mask) | (result ? group->mask : 0);
    }
}

static void release(struct ptx_block *block, unsigned number)
{
    struct ptx_barrier *barrier = &block->barriers[number];
    uint64_t latest = 0;

    for (unsigned pass = 0; pass < 2; pass++) {
        for (uint32_t i = 0; i < block->warps; i++) {
            struct ptx_warp *w = &block->warp[i];
            bool waited = false;

            for (uint32_t g = 0; g < w->group_count; g++) {
                struct ptx_group *group = &w->groups[g];

                if (group->state != PTX_GROUP_BARRIER || group->barrier != number)
                    continue;
                waited = true;
                if (pass == 1) {
                    give_result(w, group, barrier);
                    group->state = PTX_GROUP_RUNS;
                }
            }
            if (waited && pass == 0 && w->cycles > latest)
                latest = w->cycles;
            if (waited && pass == 1 && w->cycles < latest)
                w->cycles = latest;
        }
    }
    *barrier = (struct ptx_barrier){0};
}

static void check(struct ptx_block *block, unsigned number)
{
    struct ptx_barrier *barrier = &block->barriers[number];
    uint32_t expected = barrier->expected ? barrier->expected : block->alive;

    if (barrier->arrived > 0 && barrier->arrived >= expected)
        release(block, number);
}

void ptx_barriers_check(struct ptx_block *block)
{
    for (unsigned i = 0; i < PTX_BARRIERS; i++)
        check(block, i);
}

void ptx_barrier_arrive(struct ptx_warp *w, const struct ptx_insn *in, uint32_t mask)
{
    uint32_t number = lane_value(w, in->a, mask);
    struct ptx_barrier *barrier;
    struct ptx_group *me;
    int32_t pc = w->groups[w->present].pc;
    uint32_t truth;

    if (number >= PTX_BARRIERS) {
        ptx_fault(w, in, PTX_FAULT_TRAP, 0, "there are 16 barriers");
        return;
    }
    barrier = &w->block->barriers[number];
    if (in->aux & PTX_BAR_COUNTED)
        barrier->expected = lane_value(w, in->b, mask);
    if (in->aux & PTX_BAR_REDUCE) {
        truth = ptx_pred(w, in->c);
        truth = (in->aux & PTX_BAR_NOT ? ~truth : truth) & mask;
        barrier->count_true += (uint32_t)__builtin_popcount(truth);
    }
    barrier->arrived += (uint32_t)__builtin_popcount(mask);
    me = &w->groups[w->present];
    if (me->mask != mask) { /* the predicate kept some lanes from it: they go on behind it */
        uint32_t rest = me->mask & ~mask;

        ptx_group_split(w, rest, pc + 1, me->frame);
        me = &w->groups[w->present];
    }
    me->pc = pc + 1;
    if (!(in->aux & PTX_BAR_ARRIVE)) {
        me->state = PTX_GROUP_BARRIER;
        me->barrier = (uint8_t)number;
    }
    check(w->block, number);
}
