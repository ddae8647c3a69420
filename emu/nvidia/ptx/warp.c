// SPDX-License-Identifier: Apache-2.0
/* Running a warp: the loop over instructions, and what control flow does to its groups. */
#include "exec.h"

#include <stdatomic.h>

enum { BACK_JUMPS = 64 }; /* of a group, until others of its warp are looked at */

static void branch(struct ptx_warp *w, uint32_t taken, int32_t target)
{
    struct ptx_group *me = &w->groups[w->present];
    struct ptx_frame *frame = me->frame;

    if (taken != me->mask) {
        me->pc++;
        ptx_group_split(w, taken, target, frame);
    } else {
        me->pc = target;
    }
}

static void branch_indexed(struct ptx_warp *w, const struct ptx_insn *in, uint32_t mask)
{
    const uint32_t *targets = w->block->launch->image->module->pool->lists + in->b;
    uint32_t index = ptx_u32(w, in->a)[__builtin_ctz(mask)], same = 0;

    for (uint32_t left = mask; left; left &= left - 1) {
        unsigned l = (unsigned)__builtin_ctz(left);

        same |= (uint32_t)(ptx_u32(w, in->a)[l] == index) << l;
    }
    if (index >= in->c) {
        ptx_fault(w, in, PTX_FAULT_PC, index, "branch index out of range");
        return;
    }
    /* The others stay at this instruction and take their own targets next time. */
    ptx_group_split(w, same, (int32_t)targets[index], w->frame);
}

/* True if all lanes that the instruction names are here; else the group waits for them. */
static bool together(const struct ptx_warp *w, const struct ptx_insn *in, uint32_t mask)
{
    uint32_t members;

    if (in->members == PTX_NO_PLACE)
        return true;
    members = ptx_u32(w, in->members)[__builtin_ctz(mask)];
    return (members & w->alive & ~mask) == 0;
}

/* Control flow. True if the present group may have changed. */
static bool control(struct ptx_warp *w, const struct ptx_insn *in, uint32_t mask)
{
    struct ptx_group *me = &w->groups[w->present];

    if (mask == 0) {
        me->pc++;
        return false;
    }
    switch ((enum ptx_kind)in->kind) {
    case PTX_BRANCH:
        branch(w, mask, in->imm);
        return true;
    case PTX_BRANCH_INDEXED:
        branch_indexed(w, in, mask);
        return true;
    case PTX_CALL:
        ptx_call(w, in, mask);
        return true;
    case PTX_RETURN:
    case PTX_EXIT: {
        uint32_t rest = me->mask & ~mask;

        if (rest) {
            int32_t pc = me->pc;

            ptx_group_split(w, rest, pc + 1, me->frame);
        }
        if (in->kind == PTX_EXIT)
            ptx_exit(w, mask);
        else
            ptx_return(w, mask);
        return true;
    }
    case PTX_TRAP:
        ptx_fault(w, in, PTX_FAULT_TRAP, 0, "trap");
        return true;
    case PTX_BARRIER:
        ptx_barrier_arrive(w, in, mask);
        return true;
    case PTX_WARP_SYNC:
        if (!together(w, in, mask)) {
            me->state = PTX_GROUP_SYNC;
            return true;
        }
        in->fn(w, in, mask);
        me->pc++;
        return false;
    default:
        me->pc++;
        return false;
    }
}

static inline uint32_t guard_mask(const struct ptx_warp *w, const struct ptx_insn *in,
                                  uint32_t mask)
{
    uint32_t p = ptx_pred(w, in->guard);

    return mask & (in->guarded == 1 ? p : ~p);
}

static inline void charge(struct ptx_warp *w, const struct ptx_insn *in, uint32_t scale_q8)
{
    if (in->waits && w->memory_at > w->cycles)
        w->cycles = w->memory_at;
    w->cycles += ((uint64_t)in->cost * scale_q8) >> 8;
}

/* Runs the present group until another may have to go on, or the time is up. */
static void run_group(struct ptx_warp *w, uint64_t limit, uint32_t scale_q8)
{
    struct ptx_group *me = &w->groups[w->present];
    const struct ptx_insn *code = me->frame->function->body->code;
    int32_t meeting = w->group_count > 1 ? ptx_group_meeting(w) : INT32_MAX;
    uint32_t lanes = (uint32_t)__builtin_popcount(me->mask);

    while (w->cycles < limit) {
        const struct ptx_insn *in = &code[me->pc];
        uint32_t mask = me->mask;

        charge(w, in, scale_q8);
        w->instructions += lanes;
        if (in->guarded)
            mask = guard_mask(w, in, mask);
        if (in->kind <= PTX_MEMORY) {
            if (mask)
                in->fn(w, in, mask);
            if (w->extra) {
                w->cycles += w->extra;
                w->extra = 0;
            }
            if (in->kind == PTX_MEMORY && w->faulted)
                return;
            me->pc++;
        } else {
            if (in->kind == PTX_BRANCH && mask == me->mask) { /* nobody diverges */
                bool back = in->imm <= me->pc;

                me->pc = in->imm;
                if (w->group_count == 1)
                    continue;
                if (back && ++w->back_jumps % BACK_JUMPS == 0)
                    return;
                if (back)
                    meeting = ptx_group_meeting(w);
            } else if (control(w, in, mask)) {
                return;
            }
            if (w->extra) {
                w->cycles += w->extra;
                w->extra = 0;
            }
        }
        if (me->pc >= meeting)
            return;
    }
}

/* Lanes wait for others of the warp, of which none can come: not even one that waits at a barrier.
 */
static bool stuck(const struct ptx_warp *w)
{
    bool sync = false;

    for (uint32_t i = 0; i < w->group_count; i++) {
        sync |= w->groups[i].state == PTX_GROUP_SYNC;
        if (w->groups[i].state == PTX_GROUP_BARRIER)
            return false;
    }
    return sync;
}

static const struct ptx_insn *waiting_at(const struct ptx_warp *w)
{
    return &w->groups[0].frame->function->body->code[w->groups[0].pc];
}

enum ptx_warp_state ptx_warp_run(struct ptx_warp *w, uint64_t limit, uint32_t scale_q8,
                                 const _Atomic unsigned *stop)
{
    for (;;) {
        if (w->alive == 0)
            return PTX_WARP_ENDED;
        if (!ptx_group_pick(w)) {
            if (!stuck(w))
                return PTX_WARP_WAITS;
            ptx_fault(w, waiting_at(w), PTX_FAULT_HANG, 0,
                      "lanes named by a membership mask never come");
            return PTX_WARP_FAULT;
        }
        run_group(w, limit, scale_q8);
        if (w->faulted)
            return PTX_WARP_FAULT;
        if (w->cycles >= limit || (stop && atomic_load_explicit(stop, memory_order_relaxed)))
            return w->alive ? PTX_WARP_READY : PTX_WARP_ENDED;
    }
}
