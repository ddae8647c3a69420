// SPDX-License-Identifier: Apache-2.0
/*
 * What a wave needs of its surroundings: scalar operands that are no registers, device memory
 * through the thread's range cache, and the recording of faults.
 */
#include "wave.h"

#include <stdlib.h>

struct gcn_thread *gcn_thread_create(void)
{
    return calloc(1, sizeof(struct gcn_thread));
}

void gcn_thread_destroy(struct gcn_thread *thread)
{
    free(thread);
}

uint64_t gcn_thread_instructions(const struct gcn_thread *thread)
{
    return thread->instructions;
}

/* The 64-bit value of an aperture operand. The limits are the last byte of 4 GiB apertures. */
static bool aperture(unsigned code, uint64_t *value)
{
    switch (code) {
    case GCN_SRC_SHARED_BASE:
        *value = GCN_SHARED_APERTURE;
        return true;
    case GCN_SRC_SHARED_LIMIT:
        *value = GCN_SHARED_APERTURE + 0xffffffffu;
        return true;
    case GCN_SRC_PRIVATE_BASE:
        *value = GCN_PRIVATE_APERTURE;
        return true;
    case GCN_SRC_PRIVATE_LIMIT:
        *value = GCN_PRIVATE_APERTURE + 0xffffffffu;
        return true;
    default:
        return false;
    }
}

uint32_t gcn_scalar32_slow(const struct gcn_wave *w, const struct gcn_inst *inst, unsigned code)
{
    switch (code) {
    case GCN_SRC_VCCZ:
        return gcn_sgpr64(w, GCN_VCC) == 0;
    case GCN_SRC_EXECZ:
        return gcn_exec(w) == 0;
    case GCN_SRC_SCC:
        return w->scc;
    case GCN_SRC_LITERAL:
        return inst->literal;
    default: /* LDS direct: not of compute */
        gcn_fault_illegal((struct gcn_wave *)w, inst);
        return 0;
    }
}

uint64_t gcn_scalar64(const struct gcn_wave *w, const struct gcn_inst *inst, unsigned code)
{
    static const double reals[] = {0.5, -0.5, 1.0, -1.0, 2.0, -2.0, 4.0, -4.0};
    uint64_t value;

    if (code < GCN_CONSTANTS)
        return gcn_sgpr64(w, code);
    if (code <= 208) /* integer constants */
        return (uint64_t)(int64_t)(int32_t)w->sgpr[code];
    if (code >= 240 && code < 248) {
        memcpy(&value, &reals[code - 240], sizeof(value));
        return value;
    }
    if (code == 248) /* 1 / (2 pi) */
        return 0x3fc45f306dc9c882;
    if (aperture(code, &value))
        return value;
    return gcn_scalar32(w, inst, code);
}

void gcn_fault_raise(struct gcn_wave *w, enum gcn_fault_kind kind, uint64_t va)
{
    if (w->fault.kind == GCN_FAULT_NONE) {
        w->fault.kind = kind;
        w->fault.va = va;
    }
    gcn_leave(w);
}

void *gcn_translate_slow(struct gcn_wave *w, uint64_t va, uint32_t size, bool write)
{
    struct gcn_memory *memory = w->dispatch->memory;
    struct gcn_thread *thread = w->thread;
    struct gcn_range found;
    unsigned at;

    for (at = 1; at < GCN_RANGES; at++) {
        found = thread->range[at];
        if (va - found.start < found.end - found.start)
            break;
    }
    if (at == GCN_RANGES) {
        if (!memory->find(memory, va, &found)) {
            gcn_fault_raise(w, GCN_FAULT_UNMAPPED, va);
            return NULL;
        }
        at--;
    }
    memmove(&thread->range[1], &thread->range[0], at * sizeof(found));
    thread->range[0] = found;
    if (write && !found.writable) {
        gcn_fault_raise(w, GCN_FAULT_READ_ONLY, va);
        return NULL;
    }
    if (found.end - va < size) {
        gcn_fault_raise(w, GCN_FAULT_UNMAPPED, found.end);
        return NULL;
    }
    return found.host + (va - found.start);
}
