// SPDX-License-Identifier: Apache-2.0
/*
 * One guarded launch (guard.h): whether it may be run again, which is asked of its arguments and of
 * the driver, who knows what memory they point to; and how it is made the launch of the kernel's
 * guarded twin.
 */
#include "shim/nvidia/guard.h"

#include <string.h>

struct allocation {
    uint64_t base, bytes;
};

/*
 * The memory behind @address, if it is the process's own on the device and has no other address:
 * allocated by cuMemAlloc and the like, and neither mapped, imported, managed, of a pool, nor a
 * variable's. Memory of the host is not: the host may see a store and answer before the second run
 * repeats it.
 */
static bool find(uint64_t address, struct allocation *found)
{
    uint32_t type = 0, plain = 0, managed = 1;
    int which[] = {CU_POINTER_MEMORY_TYPE, CU_POINTER_RANGE_START, CU_POINTER_RANGE_SIZE,
                   CU_POINTER_MANAGED, CU_POINTER_IS_PLAIN};
    *found = (struct allocation){0};
    void *to[] = {&type, &found->base, &found->bytes, &managed, &plain};
    return cu.cuPointerGetAttributes(sizeof(which) / sizeof(which[0]), (cu_word)(uintptr_t)which,
                                     (cu_word)(uintptr_t)to, address) == CUDA_SUCCESS &&
           type == CU_MEMORY_DEVICE && plain != 0 && managed == 0 && found->bytes > 0;
}

static bool disjoint(const struct allocation *a, const struct allocation *b)
{
    return a->base + a->bytes <= b->base || b->base + b->bytes <= a->base;
}

bool cu_guard_restartable(const struct reef_guarded *g, void **parameters, const char *buffer)
{
    struct allocation at[REEF_PTX_SLOTS];
    bool known[REEF_PTX_SLOTS] = {false};
    if (g->restart == REEF_PTX_NEVER)
        return false;
    if (g->writes == 0)
        return true;
    for (unsigned i = 0; i < g->slots; i++) {
        const struct reef_guard_slot *slot = &g->slot[i];
        uint64_t value;
        const char *from =
            buffer ? buffer + 8 * slot->slot : (const char *)parameters[slot->param] + slot->offset;
        memcpy(&value, from, sizeof(value));
        if (value == 0 && !(g->mixed >> slot->slot & 1))
            continue; /* nobody can have gone through it */
        if (!find(value, &at[i]))
            return false;
        known[i] = true;
    }
    for (unsigned w = 0; w < g->slots; w++)
        for (unsigned r = 0; r < g->slots; r++)
            if (known[w] && known[r] && g->writes >> g->slot[w].slot & 1 &&
                g->reads >> g->slot[r].slot & 1 && !disjoint(&at[w], &at[r]))
                return false;
    return true;
}

static void use_twin(struct reef_op_guard *guard)
{
    *guard->function = guard->of.twin;
    if (guard->size)
        *guard->size = ((guard->of.param_bytes + 7u) & ~7u) + REEF_PTX_EXTRA_BYTES;
}

void cu_guard_arm(struct reef_op *op, bool evictable)
{
    use_twin(op->guard);
    cu_guard_words(op->stream, op->guard->record, evictable, op->guard->words);
}

void cu_guard_arm_repeat(struct reef_op *op)
{
    use_twin(op->guard);
    cu_guard_repeat_words(op->stream, op->guard->record, op->guard->words);
}

void cu_guard_disarm(struct reef_op *op)
{
    struct reef_op_guard *guard = op->guard;
    *guard->function = guard->of.handle;
    if (guard->size)
        *guard->size = guard->plain_bytes;
}
