// SPDX-License-Identifier: Apache-2.0
/*
 * Where an address of a lane lies. Every access is checked: against the block's shared memory, the
 * thread's local memory, or the allocations of the context (ptx_launch.find_range).
 */
#include "warp.h"

#include <stdio.h>

void ptx_fault(struct ptx_warp *w, const struct ptx_insn *in, enum ptx_fault_kind kind, uint64_t va,
               const char *text)
{
    if (w->faulted)
        return;
    w->faulted = true;
    w->fault.kind = kind;
    w->fault.va = va;
    w->fault.line = in ? in->line : 0;
    snprintf(w->fault.text, sizeof(w->fault.text), "%s", text);
}

static void *global_address(struct ptx_warp *w, const struct ptx_insn *in, uint64_t va,
                            uint32_t bytes, bool write)
{
    struct ptx_range *range = NULL;

    for (unsigned i = 0; i < PTX_RANGES && !range; i++) {
        if (va - w->ranges[i].base < w->ranges[i].size)
            range = &w->ranges[i];
    }
    if (!range) {
        const struct ptx_launch *launch = w->block->launch;

        range = &w->ranges[w->next_range++ % PTX_RANGES];
        if (!launch->find_range(launch->context, va, range)) {
            *range = (struct ptx_range){0};
            ptx_fault(w, in, PTX_FAULT_ADDRESS, va, "address is not mapped");
            return NULL;
        }
    }
    if (range->size - (va - range->base) < bytes) {
        ptx_fault(w, in, PTX_FAULT_ADDRESS, va, "access goes beyond its allocation");
        return NULL;
    }
    if (write && !range->writable) {
        ptx_fault(w, in, PTX_FAULT_ADDRESS, va, "address is read-only");
        return NULL;
    }
    return (void *)(uintptr_t)(va + (uint64_t)range->delta);
}

static void *inside(struct ptx_warp *w, const struct ptx_insn *in, uint8_t *base, uint64_t size,
                    uint64_t at, uint32_t bytes, const char *text)
{
    if (at > size || size - at < bytes) {
        ptx_fault(w, in, PTX_FAULT_ADDRESS, at, text);
        return NULL;
    }
    return base + at;
}

void *ptx_resolve(struct ptx_warp *w, const struct ptx_insn *in, enum ptx_space space, uint64_t va,
                  uint32_t bytes, unsigned lane, bool write)
{
    const struct ptx_block *block = w->block;

    if (va & (bytes - 1)) {
        ptx_fault(w, in, PTX_FAULT_MISALIGNED, va, "misaligned address");
        return NULL;
    }
    if (space == PTX_SPACE_NONE) {
        uint64_t window = va >> 56 << 56;

        space = window == PTX_WINDOW_SHARED  ? PTX_SPACE_SHARED
                : window == PTX_WINDOW_LOCAL ? PTX_SPACE_LOCAL
                : window == PTX_WINDOW_PARAM ? PTX_SPACE_PARAM
                                             : PTX_SPACE_GLOBAL;
        if (space != PTX_SPACE_GLOBAL)
            va -= window;
    }
    switch (space) {
    case PTX_SPACE_SHARED:
        return inside(w, in, block->shared, block->shared_bytes, va, bytes,
                      "address is outside of shared memory");
    case PTX_SPACE_LOCAL:
        return inside(w, in, w->local + (size_t)lane * block->local_stride, block->local_stride, va,
                      bytes, "address is outside of local memory");
    case PTX_SPACE_PARAM:
        if (write) {
            ptx_fault(w, in, PTX_FAULT_SPACE, va, "parameters are read-only");
            return NULL;
        }
        return inside(w, in, (uint8_t *)block->launch->params, block->launch->entry->param_bytes,
                      va, bytes, "address is outside of the parameters");
    default:
        return global_address(w, in, va, bytes, write);
    }
}
