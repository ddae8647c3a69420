// SPDX-License-Identifier: Apache-2.0
/* What the files of the device model share among themselves. */
#pragma once

#include "device.h"

/* device.c */
/** Recomputes the device's horizon from those of the present processes. */
uint64_t emu_device_least_horizon(const struct emu_device *dev);
/** Moves a process's horizon down to @at_ns if it was later, and wakes the process. */
void emu_device_lower_horizon(struct emu_device *dev, int process, uint64_t at_ns);

/* placement.c */
void emu_cu_init(const struct emu_profile *profile, struct emu_cu *cu);
struct emu_shape emu_shape_round(const struct emu_profile *profile, const struct emu_shape *shape);
/** Takes a resident's resources from (+1) or gives them back to (-1) its compute unit. */
void emu_cu_charge(struct emu_cu *cu, const struct emu_resident *resident, int sign);
/** Gives the resident's resources back and frees its entry; places nobody. */
void emu_resident_free(struct emu_device *dev, int resident);
/** Takes a resident off its compute unit, to be placed again later; places nobody. */
void emu_resident_away(struct emu_device *dev, int resident);
/** Places whoever fits, at @at_ns, until nobody does. */
void emu_device_place(struct emu_device *dev, uint64_t at_ns);
