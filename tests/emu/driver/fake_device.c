// SPDX-License-Identifier: Apache-2.0
/*
 * The back half of the driver as the unit tests of the front half need it: one device in plain
 * memory, with one process in slot 0, a second one that holds device memory, and no engine.
 */
#include "fake_device.h"

#include <unistd.h>

struct emu_device fake_device;
unsigned fake_quiesces;

void fake_device_reset(uint64_t memory_bytes)
{
    fake_device = (struct emu_device){0};
    fake_device.profile.memory_bytes = memory_bytes;
    fake_device.processes[0].pid = getpid();
    fake_quiesces = 0;
}

struct emu_device *emu_segment_lock(void)
{
    return &fake_device;
}

void emu_segment_unlock(void) {}

int emu_segment_process(void)
{
    return 0;
}

void emu_engine_quiesce(void (*run)(void *arg), void *arg)
{
    fake_quiesces++;
    run(arg);
}
