// SPDX-License-Identifier: Apache-2.0
/*
 * Kernel durations from a file, by kernel name: what an emulated GPU uses instead of working the
 * time of a work-group out from its instructions. Lines "PATTERN us [us ...]", '#' comments: how
 * long a work-group takes, in microseconds, with 1, 2, 3, ... of the kernel's work-groups on a
 * compute unit. PATTERN is matched against the kernel's symbol (mangled; fnmatch(3)); the first
 * line that matches counts. With one value the rest is made by emu_curve_from_one().
 *
 * Pure: reads a file when asked to. Immutable once loaded, so any thread may ask.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

enum { EMU_DURATION_POINTS = 40 }; /* a unit has 40 wave slots, so no more work-groups */

struct emu_durations;

/** Returns 0; or a negative errno after writing one line that names file, line and what is wrong to
 *  @err. A file without entries is fine. */
int emu_durations_load(struct emu_durations **durations, const char *path, char *err,
                       size_t err_size);
void emu_durations_free(struct emu_durations *durations); /* NULL is fine */
/** The curve of the kernel called @name, of *@length points; NULL if no line matches. Owned by
 *  @durations. */
const uint32_t *emu_durations_find(const struct emu_durations *durations, const char *name,
                                   uint32_t *length);
