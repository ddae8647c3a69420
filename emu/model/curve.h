// SPDX-License-Identifier: Apache-2.0
/*
 * How long a work-group takes beside others on its compute unit: a *curve*, the time with 1, 2,
 * 3, ... work-groups of the kernel there. REEF's kernel profiles are of this form (one value per
 * occupancy).
 *
 * Pure: integer arithmetic, no state.
 */
#pragma once

#include <stdint.h>

/** The time with @waves waves on the unit, of which a work-group of the kernel is @each. Others
 * count by their waves, so the curve is read between its points; beyond its end it grows in
 * proportion. @length > 0, @waves >= @each > 0. */
uint64_t emu_curve_at(const uint32_t *curve_ns, uint32_t length, uint32_t each, uint32_t waves);

/** Makes a curve of @length points from its first alone. A SIMD of GCN has one issue slot in four
 * cycles, and the waves of the published MI50 profiles leave some three of four unused: up to four
 * waves on a SIMD run beside each other at full speed, more share it (docs/emulator.md says how
 * well that fits). */
void emu_curve_from_one(uint32_t one_ns, uint32_t each, uint32_t simds, uint32_t length,
                        uint32_t *curve_ns);
