// SPDX-License-Identifier: Apache-2.0
/*
 * Calls. Each call of a group of lanes gets a frame of its own; frames are kept in a list of the
 * warp and used again. Arguments and results are copied lane by lane between the caller's and the
 * callee's places, which are registers or .param variables of the frames.
 */
#include "exec.h"

#include <stdlib.h>

static struct ptx_frame *take_frame(struct ptx_warp *w, uint32_t bytes)
{
    struct ptx_frame *frame = w->free_frames;

    if (frame) {
        w->free_frames = frame->free_next;
    } else {
        frame = calloc(1, sizeof(*frame));
        if (!frame)
            return NULL;
    }
    if (frame->regs_size < bytes) {
        free(frame->regs);
        frame->regs_size = 0;
        frame->regs = aligned_alloc(64, (bytes + 63) / 64 * 64);
        if (!frame->regs) {
            free(frame);
            return NULL;
        }
        frame->regs_size = bytes;
    }
    memset(frame->regs, 0, bytes);
    return frame;
}

static void give_frame(struct ptx_warp *w, struct ptx_frame *frame)
{
    frame->free_next = w->free_frames;
    w->free_frames = frame;
}

struct ptx_frame *ptx_frame_enter(struct ptx_warp *w, const struct ptx_function *function,
                                  struct ptx_frame *parent, uint32_t lanes)
{
    struct ptx_frame *frame = take_frame(w, function->body->frame_bytes);

    if (!frame)
        return NULL;
    frame->function = function;
    frame->parent = parent;
    frame->lanes = lanes;
    frame->depth = parent ? parent->depth + 1 : 0;
    frame->local_base =
        parent ? parent->local_base + ((parent->function->body->local_bytes + 15) & ~15u) : 0;
    return frame;
}

/* Host address of a value's lane: in a frame (or the constants). */
static uint8_t *value_at(const struct ptx_warp *w, const struct ptx_frame *frame,
                         const struct ptx_call_value *value, unsigned lane)
{
    uint8_t *base = value->place >> PTX_WHERE_SHIFT == PTX_FRAME
                        ? frame->regs
                        : w->base[value->place >> PTX_WHERE_SHIFT];
    uint32_t stride = value->in_memory ? value->bytes : value->bytes == 8 ? 8 : 4;

    return base + (value->place & PTX_OFFSET_MASK) + (size_t)lane * stride;
}

/* What one side has too little of stays 0. */
static void copy_value(const struct ptx_warp *w, const struct ptx_frame *to,
                       const struct ptx_call_value *d, const struct ptx_frame *from,
                       const struct ptx_call_value *s, uint32_t mask)
{
    uint32_t bytes = d->bytes < s->bytes ? d->bytes : s->bytes;

    if (d->place == PTX_NO_PLACE || s->place == PTX_NO_PLACE)
        return;
    for (uint32_t left = mask; left; left &= left - 1) {
        unsigned l = (unsigned)__builtin_ctz(left);

        memcpy(value_at(w, to, d, l), value_at(w, from, s, l), bytes);
    }
}

static const struct ptx_function *callee_of(struct ptx_warp *w, const struct ptx_insn *in,
                                            const struct ptx_call *call, uint32_t *mask)
{
    const struct ptx_module *module = w->block->launch->image->module;
    uint64_t address, index;

    if (call->function != PTX_NO_PLACE)
        return &module->functions[call->function];
    address = ptx_u64(w, call->pointer)[__builtin_ctz(*mask)];
    for (uint32_t left = *mask; left; left &= left - 1) {
        unsigned l = (unsigned)__builtin_ctz(left);

        if (ptx_u64(w, call->pointer)[l] != address)
            *mask &= ~(1u << l); /* those call another function, next time round */
    }
    index = (address - PTX_WINDOW_CODE) / 16 - 1;
    if (address <= PTX_WINDOW_CODE || address % 16 || index >= module->function_count ||
        module->functions[index].entry) {
        ptx_fault(w, in, PTX_FAULT_PC, address, "call through a bad function pointer");
        return NULL;
    }
    return &module->functions[index];
}

void ptx_call(struct ptx_warp *w, const struct ptx_insn *in, uint32_t mask)
{
    const struct ptx_call *call = &w->block->launch->image->module->pool->calls[in->aux];
    const struct ptx_function *callee = callee_of(w, in, call, &mask);
    struct ptx_group *me = &w->groups[w->present];
    int32_t pc = me->pc;
    struct ptx_frame *caller = me->frame, *frame;

    if (!callee)
        return;
    if (!callee->defined) {
        if (!ptx_builtin_exists(callee->name)) {
            ptx_fault(w, in, PTX_FAULT_MISSING, 0, callee->name);
            return;
        }
        ptx_builtin(w, in, callee->name, call, mask);
        if (!w->faulted)
            ptx_group_split(w, mask, pc + 1, caller);
        return;
    }
    if (callee->missing) {
        ptx_fault(w, in, PTX_FAULT_MISSING, 0, callee->missing);
        return;
    }
    frame = ptx_frame_enter(w, callee, caller, mask);
    if (!frame || frame->local_base + callee->body->local_bytes > w->block->local_stride ||
        frame->depth > 65536) {
        ptx_fault(w, in, PTX_FAULT_STACK, 0, "stack overflow");
        return;
    }
    frame->return_pc = pc;
    for (uint32_t i = 0; i < call->argument_count && i < callee->body->argument_count; i++)
        copy_value(w, frame, &callee->body->arguments[i], caller, &call->arguments[i], mask);
    ptx_group_split(w, mask, 0, frame);
}

void ptx_exit(struct ptx_warp *w, uint32_t mask)
{
    struct ptx_group *me = &w->groups[w->present];

    for (struct ptx_frame *frame = me->frame; frame;) {
        struct ptx_frame *parent = frame->parent;

        frame->lanes &= ~mask;
        if (frame->lanes == 0)
            give_frame(w, frame);
        frame = parent;
    }
    w->alive &= ~mask;
    w->block->alive -= (uint32_t)__builtin_popcount(mask);
    ptx_group_leave(w, mask);
    ptx_barriers_check(w->block);
}

void ptx_return(struct ptx_warp *w, uint32_t mask)
{
    struct ptx_group *me = &w->groups[w->present];
    struct ptx_frame *frame = me->frame, *parent = frame->parent;
    const struct ptx_insn *in;
    const struct ptx_call *call;
    const struct ptx_body *body = frame->function->body;
    int32_t pc = frame->return_pc;

    if (!parent) {
        ptx_exit(w, mask);
        return;
    }
    in = &parent->function->body->code[pc];
    call = &w->block->launch->image->module->pool->calls[in->aux];
    for (uint32_t i = 0; i < call->result_count && i < body->result_count; i++)
        copy_value(w, parent, &call->results[i], frame, &body->results[i], mask);
    ptx_group_split(w, mask, pc + 1, parent);
    frame->lanes &= ~mask;
    if (frame->lanes == 0)
        give_frame(w, frame);
}
