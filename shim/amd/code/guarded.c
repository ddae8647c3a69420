// SPDX-License-Identifier: Apache-2.0
/* A kernel with guards. See guarded.h. */
#include "shim/amd/code/guarded.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

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

static uint64_t blocks_bytes(const struct reef_guard_layout *layout)
{
    return 2ull * layout->tickets * REEF_GUARD_BLOCK_BYTES;
}

int reef_guarded_make(struct reef_guarded *out, const struct reef_object *object,
                      const struct reef_object_kernel *kernel,
                      const struct reef_guard_layout *layout)
{
    memset(out, 0, sizeof(*out));
    reef_analyse(&out->analysis, object, kernel);
    if (!layout || !object->target ||
        !reef_guard_registers(object->target, kernel->descriptor, &out->registers))
        return 0;
    bool may_end = out->analysis.restart != REEF_RESTART_NEVER && out->analysis.independent;
    if (may_end && !reef_inside_make(&out->inside, object, kernel))
        return -ENOMEM;
    out->alone = waves_alone(object, kernel);
    out->target = object->target;
    memcpy(out->descriptor, kernel->descriptor, sizeof(out->descriptor));
    out->bytes = blocks_bytes(layout) + out->inside.bytes;
    return 0;
}

void reef_guarded_write(const struct reef_guarded *guarded, uint8_t *to, uint64_t entry,
                        const struct reef_guard_layout *layout)
{
    uint64_t copy = blocks_bytes(layout);
    for (unsigned guard = REEF_GUARD_EVICT; guard <= REEF_GUARD_FOLLOW; guard++) {
        for (unsigned ticket = 0; ticket < layout->tickets; ticket++) {
            uint64_t block =
                reef_guarded_descriptor((enum reef_guard)guard, ticket, layout->tickets) -
                REEF_GUARD_CODE_BYTES;
            bool copied = guard == REEF_GUARD_EVICT && guarded->inside.code;
            uint64_t queue = ticket >> layout->per_queue_shift;
            struct reef_guard_place place = {
                .inside = copied ? &guarded->inside : NULL,
                .copy = copy - block,
                .entry = entry,
                .line = layout->lines + queue * REEF_LINE_BYTES,
                .record = layout->records + (uint64_t)ticket * REEF_RECORD_BYTES,
            };
            reef_guard_write(to + block, (enum reef_guard)guard, guarded->target,
                             guarded->descriptor, &guarded->registers, &place);
        }
    }
    if (guarded->inside.code)
        memcpy(to + copy, guarded->inside.code, guarded->inside.bytes);
}

void reef_guarded_free(struct reef_guarded *guarded)
{
    free(guarded->inside.code);
    guarded->inside.code = NULL;
}
