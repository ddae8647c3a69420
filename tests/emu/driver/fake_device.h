// SPDX-License-Identifier: Apache-2.0
/* See fake_device.c. Not thread-safe. */
#pragma once

#include "emu/amd/driver.h"

extern struct emu_device fake_device;
extern unsigned fake_quiesces; /* calls of emu_engine_quiesce */

/** An idle device with @memory_bytes of memory, this process in slot 0. */
void fake_device_reset(uint64_t memory_bytes);
