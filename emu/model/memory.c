// SPDX-License-Identifier: Apache-2.0
/* Shares of memory bandwidth. See memory.h. */
#include "memory.h"

/* Time of a line, in 1/256 cycles, when @of share @per bytes a cycle; 0 if there is no limit. */
static uint32_t line_q8(uint64_t of, uint64_t per)
{
    uint64_t q8 = per ? (256ull * EMU_LINE_BYTES * of + per / 2) / per : 0;

    return q8 < UINT32_MAX ? (uint32_t)q8 : UINT32_MAX;
}

struct emu_memory_share emu_memory_share(const struct emu_profile *profile, uint32_t waves,
                                         uint32_t units, bool in_l2)
{
    struct emu_memory_share share = {
        .line_q8 = line_q8(waves, profile->l1_bytes_per_cycle),
        .lds_q8 = line_q8(waves, profile->lds_bytes_per_cycle),
    };
    uint64_t all = (uint64_t)waves * units;

    if (in_l2)
        share.fill_q8 = line_q8(all, profile->l2_bytes_per_cycle);
    else /* bytes/us and cycles/us */
        share.fill_q8 = line_q8(all * profile->clock_mhz, profile->memory_bytes_per_us);
    if (share.fill_q8 < share.line_q8)
        share.fill_q8 = share.line_q8;
    return share;
}
