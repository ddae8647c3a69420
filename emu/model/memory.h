// SPDX-License-Identifier: Apache-2.0
/*
 * What a wave's memory accesses cost beside others: its share of what memory, caches and local
 * memory deliver. The device's bandwidth is divided equally among the compute units that have work,
 * and what a unit gets, and what its own cache and local memory deliver, equally among the waves on
 * it. So the waves of a memory-bound kernel together take the time that its bytes take, and a lone
 * work-group is bounded by what its unit can draw.
 *
 * Equal shares are what a full load of one kernel gives. Beside waves that leave their share
 * unused a wave gets too little; that is the price of a share that does not depend on what others
 * will yet do, which could not be worked out independently of the order of interpretation.
 *
 * Pure: integer arithmetic, no state.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

#include "profile.h"

enum { EMU_LINE_BYTES = 64 }; /* of a GCN cache */

/** Shader cycles that one wave's 64 bytes take, in units of 1/256; 0: none. */
struct emu_memory_share {
    uint32_t line_q8; /* through the unit's vector cache */
    uint32_t fill_q8; /* from behind it; at least @line_q8 */
    uint32_t lds_q8;  /* from or to local memory */
};

/** The share of each of @waves waves on a unit while @units units have work. @in_l2: what the
 * kernel works on fits into the second-level cache. */
struct emu_memory_share emu_memory_share(const struct emu_profile *profile, uint32_t waves,
                                         uint32_t units, bool in_l2);
