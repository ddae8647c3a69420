// SPDX-License-Identifier: Apache-2.0
/* Code objects with guards. See rewrite.h. */
#include "shim/amd/code/rewrite.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

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

/* Lists the kernels. @out->kernels has blocks_va 1 for those that get guards. */
static int list_kernels(struct reef_rewritten *out, const struct reef_object *object)
{
    struct reef_object_kernel kernel;
    struct reef_guard_registers registers;
    unsigned broken = 0, capacity = 0;
    for (uint64_t at = 0; reef_object_next_kernel(object, &at, &kernel, &broken);) {
        if (out->count == KERNELS_MAX)
            return -ENOEXEC;
        if (out->count == capacity) {
            capacity = capacity ? 2 * capacity : 16;
            void *grown = realloc(out->kernels, capacity * sizeof(*out->kernels));
            if (!grown)
                return -ENOMEM;
            out->kernels = grown;
        }
        bool guardable = reef_guard_registers(object->target, kernel.descriptor, &registers);
        out->kernels[out->count++] = (struct reef_guarded_kernel){
            .descriptor_va = kernel.descriptor_va,
            .blocks_va = guardable,
            .alone = waves_alone(object, &kernel),
        };
        out->guarded += guardable;
    }
    out->broken = broken;
    return 0;
}

static void write_blocks(uint8_t *segment, uint64_t segment_va, const struct reef_object *object,
                         const struct reef_object_kernel *kernel, uint64_t blocks_va,
                         const struct reef_rewrite_config *config)
{
    struct reef_guard_registers registers;
    reef_guard_registers(object->target, kernel->descriptor, &registers);
    for (unsigned guard = REEF_GUARD_EVICT; guard <= REEF_GUARD_FOLLOW; guard++) {
        for (unsigned ticket = 0; ticket < config->tickets; ticket++) {
            uint64_t block = reef_guard_block((enum reef_guard)guard, ticket, config->tickets);
            uint64_t queue = ticket >> config->per_queue_shift;
            struct reef_guard_place place = {
                .block_va = blocks_va + block * REEF_GUARD_BLOCK_BYTES,
                .entry_va = kernel->entry_va,
                .line = config->lines + queue * REEF_LINE_BYTES,
                .record = config->records + (uint64_t)ticket * REEF_RECORD_BYTES,
            };
            reef_guard_write(segment + (place.block_va - segment_va), (enum reef_guard)guard,
                             object->target, kernel->descriptor, &registers, &place);
        }
    }
}

/* The old bytes, the new program header, the blocks. */
static int assemble(struct reef_rewritten *out, const struct reef_object *object,
                    const struct reef_rewrite_config *config)
{
    struct reef_object_kernel kernel;
    uint64_t per_kernel = 2ull * config->tickets * REEF_GUARD_BLOCK_BYTES;
    uint64_t added = per_kernel * out->guarded;
    uint64_t offset = align(object->size), va = align(object->vaddr_end);
    unsigned broken = 0, i = 0;
    if (added > ADDED_BYTES_MAX)
        return -ENOEXEC;
    out->size = offset + added;
    out->bytes = malloc(out->size);
    if (!out->bytes)
        return -ENOMEM;
    memcpy(out->bytes, object->bytes, object->size);
    memset(out->bytes + object->size, 0, offset - object->size);
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
    uint64_t next_va = va;
    for (uint64_t at = 0; reef_object_next_kernel(object, &at, &kernel, &broken); i++) {
        if (out->kernels[i].blocks_va == 0)
            continue;
        out->kernels[i].blocks_va = next_va;
        write_blocks(out->bytes + offset, va, object, &kernel, next_va, config);
        next_va += per_kernel;
    }
    return 0;
}

int reef_rewrite(struct reef_rewritten *out, const void *bytes, size_t size,
                 const struct reef_rewrite_config *config)
{
    struct reef_object object;
    memset(out, 0, sizeof(*out));
    if (config->tickets == 0 || config->tickets > REEF_TICKETS_MAX || config->per_queue_shift > 31)
        return -ENOEXEC;
    int error = reef_object_open(&object, bytes, size);
    if (error)
        return error;
    if (!object.target)
        return -ENOTSUP;
    if (object.spare < 0)
        return -ENOEXEC;
    error = list_kernels(out, &object);
    if (!error && out->guarded > 0)
        error = assemble(out, &object, config);
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
