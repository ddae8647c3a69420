// SPDX-License-Identifier: Apache-2.0
/* Code objects with guards. See rewrite.h. */
#include "shim/amd/code/rewrite.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "shim/amd/code/inside.h"

/* Objects beyond these sizes are left alone: a wrong size must not make us ask for all memory. */
enum { PAGE = 4096, KERNELS_MAX = 1 << 16, ADDED_BYTES_MAX = 256 << 20 };

static uint64_t align(uint64_t value)
{
    return (value + PAGE - 1) & ~(uint64_t)(PAGE - 1);
}

/*
 * Whether no instruction of the kernel can be a barrier, a call, or a jump by register. Looks at
 * every word, literals and second halves of instructions included: so it may say no where yes were
 * right, never the other way round.
 */
static bool waves_alone(const struct reef_object *object, const struct reef_object_kernel *kernel)
{
    const uint8_t *code = reef_object_at(object, kernel->entry_va, kernel->code_bytes);
    if (!code || kernel->code_bytes == 0)
        return false;
    for (uint64_t at = 0; at + 4 <= kernel->code_bytes; at += 4) {
        uint32_t word;
        memcpy(&word, code + at, sizeof(word));
        uint32_t sop1 = word & 0xff80ff00u;
        bool barrier = (word & 0xffff0000u) == 0xbf8a0000u;                      /* s_barrier */
        bool jumps = sop1 == 0xbe801d00u || sop1 == 0xbe801e00u ||               /* setpc, swappc */
                     sop1 == 0xbe801f00u || (word & 0xff800000u) == 0xba800000u; /* rfe, call */
        if (barrier || jumps)
            return false;
    }
    return true;
}

/* What is made of one kernel. */
struct plan {
    struct reef_object_kernel kernel;
    struct reef_inside inside; /* owned code */
    bool guardable;
    uint64_t bytes; /* in the new segment */
};

struct plans {
    struct plan *plan; /* owned; one for each of out->kernels */
    unsigned capacity;
};

static bool grow(struct reef_rewritten *out, struct plans *plans)
{
    if (out->count < plans->capacity)
        return true;
    plans->capacity = plans->capacity ? 2 * plans->capacity : 16;
    void *kernels = realloc(out->kernels, plans->capacity * sizeof(*out->kernels));
    if (kernels)
        out->kernels = kernels;
    void *plan = realloc(plans->plan, plans->capacity * sizeof(*plans->plan));
    if (plan)
        plans->plan = plan;
    return kernels && plan;
}

static int plan_kernel(struct plan *plan, struct reef_guarded_kernel *known,
                       const struct reef_object *object, const struct reef_rewrite_config *config)
{
    struct reef_guard_registers registers;
    const struct reef_object_kernel *kernel = &plan->kernel;
    plan->guardable = reef_guard_registers(object->target, kernel->descriptor, &registers);
    known->descriptor_va = kernel->descriptor_va;
    known->alone = waves_alone(object, kernel);
    reef_analyse(&known->analysis, object, kernel);
    bool may_end = known->analysis.restart != REEF_RESTART_NEVER && known->analysis.independent;
    if (!plan->guardable)
        return 0;
    if (may_end && !reef_inside_make(&plan->inside, object, kernel))
        return -ENOMEM;
    known->loops = plan->inside.loops;
    plan->bytes = 2ull * config->tickets * REEF_GUARD_BLOCK_BYTES +
                  ((plan->inside.bytes + REEF_GUARD_BLOCK_BYTES - 1) &
                   ~(uint64_t)(REEF_GUARD_BLOCK_BYTES - 1));
    return 0;
}

static int list_kernels(struct reef_rewritten *out, struct plans *plans,
                        const struct reef_object *object, const struct reef_rewrite_config *config)
{
    struct reef_object_kernel kernel;
    for (uint64_t at = 0; reef_object_next_kernel(object, &at, &kernel, &out->broken);) {
        if (out->count == KERNELS_MAX)
            return -ENOEXEC;
        if (!grow(out, plans))
            return -ENOMEM;
        struct plan *plan = &plans->plan[out->count];
        *plan = (struct plan){.kernel = kernel};
        out->kernels[out->count] = (struct reef_guarded_kernel){0};
        int error = plan_kernel(plan, &out->kernels[out->count++], object, config);
        if (error)
            return error;
        out->guarded += plan->guardable;
    }
    return 0;
}

/* The guards of one kernel, then its copy. */
static void write_kernel(uint8_t *to, uint64_t va, const struct plan *plan,
                         const struct reef_object *object, const struct reef_rewrite_config *config)
{
    struct reef_guard_registers registers;
    const uint8_t *descriptor = plan->kernel.descriptor;
    uint64_t guards = 2ull * config->tickets * REEF_GUARD_BLOCK_BYTES;
    reef_guard_registers(object->target, descriptor, &registers);
    for (unsigned guard = REEF_GUARD_EVICT; guard <= REEF_GUARD_FOLLOW; guard++) {
        for (unsigned ticket = 0; ticket < config->tickets; ticket++) {
            uint64_t offset = reef_guard_block((enum reef_guard)guard, ticket, config->tickets) *
                              REEF_GUARD_BLOCK_BYTES;
            bool copied = guard == REEF_GUARD_EVICT && plan->inside.code;
            uint64_t queue = ticket >> config->per_queue_shift;
            struct reef_guard_place place = {
                .block_va = va + offset,
                .entry_va = copied ? va + guards : plan->kernel.entry_va,
                .inside = copied ? &plan->inside : NULL,
                .line = config->lines + queue * REEF_LINE_BYTES,
                .record = config->records + (uint64_t)ticket * REEF_RECORD_BYTES,
            };
            reef_guard_write(to + offset, (enum reef_guard)guard, object->target, descriptor,
                             &registers, &place);
        }
    }
    if (plan->inside.code)
        memcpy(to + guards, plan->inside.code, plan->inside.bytes);
}

/* The old bytes, the new program header, the new segment. */
static int assemble(struct reef_rewritten *out, const struct plans *plans,
                    const struct reef_object *object, const struct reef_rewrite_config *config)
{
    uint64_t added = 0, offset = align(object->size), va = align(object->vaddr_end);
    for (unsigned i = 0; i < out->count; i++)
        added += plans->plan[i].bytes;
    if (added > ADDED_BYTES_MAX)
        return -ENOEXEC;
    out->size = offset + added;
    out->bytes = calloc(1, out->size);
    if (!out->bytes)
        return -ENOMEM;
    memcpy(out->bytes, object->bytes, object->size);
    Elf64_Phdr segment = {
        .p_type = PT_LOAD,
        .p_flags = PF_R | PF_X,
        .p_offset = offset,
        .p_vaddr = va,
        .p_paddr = va,
        .p_filesz = added,
        .p_memsz = added,
        .p_align = PAGE,
    };
    memcpy(out->bytes + object->header.e_phoff + sizeof(segment) * (unsigned)object->spare,
           &segment, sizeof(segment));
    for (unsigned i = 0; i < out->count; i++) {
        if (!plans->plan[i].guardable)
            continue;
        out->kernels[i].blocks_va = va;
        write_kernel(out->bytes + offset, va, &plans->plan[i], object, config);
        offset += plans->plan[i].bytes;
        va += plans->plan[i].bytes;
    }
    return 0;
}

int reef_rewrite(struct reef_rewritten *out, const void *bytes, size_t size,
                 const struct reef_rewrite_config *config)
{
    struct reef_object object;
    memset(out, 0, sizeof(*out));
    if (config->tickets == 0 || config->tickets > REEF_TICKETS_MAX ||
        config->per_queue_shift > 31 || config->lines % REEF_LINE_BYTES != 0)
        return -ENOEXEC;
    int error = reef_object_open(&object, bytes, size);
    if (error)
        return error;
    if (!object.target)
        return -ENOTSUP;
    if (object.spare < 0)
        return -ENOEXEC;
    struct plans plans = {0};
    error = list_kernels(out, &plans, &object, config);
    if (!error && out->guarded > 0)
        error = assemble(out, &plans, &object, config);
    for (unsigned i = 0; i < out->count && plans.plan; i++)
        free(plans.plan[i].inside.code);
    free(plans.plan);
    if (error)
        reef_rewritten_free(out);
    return error;
}

void reef_rewritten_free(struct reef_rewritten *out)
{
    free(out->bytes);
    free(out->kernels);
    memset(out, 0, sizeof(*out));
}
