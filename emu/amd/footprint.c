// SPDX-License-Identifier: Apache-2.0
/*
 * How much memory a dispatch works on: the allocations that its arguments point into. Whether that
 * fits into the second-level cache decides at which bandwidth its lines come (docs/emulator.md,
 * "Memory"). Pointers that lie elsewhere than in the arguments are not seen; an allocation counts
 * whole, however little of it is touched.
 */
#include "engine.h"

#include <string.h>

enum {
    MAX_ALLOCATIONS = 64,
    MAX_BYTES = 4096, /* of arguments that are looked at; compilers allow about as many */
    FIRST_PAGE = 4096,
};

uint64_t emu_footprint(uint64_t kernarg_va, uint32_t kernarg_bytes)
{
    struct gcn_memory *memory = emu_vm_memory();
    uint64_t seen[MAX_ALLOCATIONS], bytes = 0;
    const char *arguments;
    unsigned count = 0;

    if (kernarg_bytes > MAX_BYTES)
        kernarg_bytes = MAX_BYTES;
    arguments = emu_vm_host(kernarg_va, kernarg_bytes);
    if (!arguments)
        return 0;
    for (uint32_t at = 0; at + 8 <= kernarg_bytes && count < MAX_ALLOCATIONS; at += 8) {
        struct gcn_range range;
        unsigned known = 0;
        uint64_t word;

        memcpy(&word, arguments + at, sizeof(word));
        if (word < FIRST_PAGE || !memory->find(memory, word, &range))
            continue;
        while (known < count && seen[known] != range.start)
            known++;
        if (known < count)
            continue;
        seen[count++] = range.start;
        bytes += range.end - range.start;
    }
    return bytes;
}
