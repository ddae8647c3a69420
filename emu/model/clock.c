// SPDX-License-Identifier: Apache-2.0
/*
 * The device clock. It is a straight line through an anchor (wall, device), cut off at the least
 * horizon. Whenever a change of the horizon would bend the line, the anchor is moved to the present
 * point: wall time during which the clock stood is thereby forgotten.
 */
#include "internal.h"

/* Device time by the line alone. */
static uint64_t free_running(const struct emu_clock *clock, uint64_t wall_ns)
{
    unsigned __int128 passed;

    if (wall_ns <= clock->anchor_wall_ns)
        return clock->anchor_device_ns;
    passed = (unsigned __int128)(wall_ns - clock->anchor_wall_ns) * 1000 / clock->timescale_milli;
    if (passed >= EMU_NEVER - clock->anchor_device_ns)
        return EMU_NEVER - 1;
    return clock->anchor_device_ns + (uint64_t)passed;
}

uint64_t emu_clock_now(const struct emu_clock *clock, uint64_t wall_ns)
{
    uint64_t now = free_running(clock, wall_ns);

    if (now > clock->horizon_ns)
        now = clock->horizon_ns;
    return now > clock->anchor_device_ns ? now : clock->anchor_device_ns;
}

uint64_t emu_clock_wall_of(const struct emu_clock *clock, uint64_t device_ns)
{
    unsigned __int128 ahead;

    if (device_ns <= clock->anchor_device_ns)
        return clock->anchor_wall_ns;
    if (device_ns > clock->horizon_ns)
        return EMU_NEVER;
    ahead = (unsigned __int128)(device_ns - clock->anchor_device_ns) * clock->timescale_milli;
    ahead = (ahead + 999) / 1000;
    if (ahead >= EMU_NEVER - clock->anchor_wall_ns)
        return EMU_NEVER;
    return clock->anchor_wall_ns + (uint64_t)ahead;
}

static struct emu_clock clock_of(const struct emu_device *dev)
{
    return (struct emu_clock){dev->timescale_milli, dev->anchor_wall_ns, dev->anchor_device_ns,
                              dev->horizon_ns};
}

uint64_t emu_device_now(const struct emu_device *dev, uint64_t wall_ns)
{
    struct emu_clock clock = clock_of(dev);

    return emu_clock_now(&clock, wall_ns);
}

uint64_t emu_device_wall_of(const struct emu_device *dev, uint64_t device_ns)
{
    struct emu_clock clock = clock_of(dev);

    return emu_clock_wall_of(&clock, device_ns);
}

uint64_t emu_device_least_horizon(const struct emu_device *dev)
{
    uint64_t least = dev->turn_of.end_ns;

    for (unsigned p = 0; p < EMU_MAX_PROCESSES; p++) {
        const struct emu_device_process *process = &dev->processes[p];

        if (process->pid != 0 && !process->absent && process->horizon_ns < least)
            least = process->horizon_ns;
    }
    return least;
}

/* Whoever waits for the clock to reach a date can work out anew when that will be. */
static void wake_waiting(struct emu_device *dev)
{
    for (unsigned p = 0; p < EMU_MAX_PROCESSES; p++) {
        if (dev->processes[p].pid != 0 && dev->processes[p].horizon_ns != EMU_NEVER)
            dev->processes[p].wake++;
    }
}

/* Puts a new least horizon into force at @wall_ns. */
static void move_horizon(struct emu_device *dev, uint64_t horizon_ns, uint64_t wall_ns)
{
    struct emu_clock clock = clock_of(dev);
    uint64_t line = free_running(&clock, wall_ns);

    if (line > dev->horizon_ns || line > horizon_ns) {
        dev->anchor_device_ns = emu_device_now(dev, wall_ns);
        if (wall_ns > dev->anchor_wall_ns)
            dev->anchor_wall_ns = wall_ns;
    }
    if (horizon_ns > dev->horizon_ns)
        wake_waiting(dev);
    dev->horizon_ns = horizon_ns;
}

void emu_device_set_horizon(struct emu_device *dev, int process, uint64_t horizon_ns,
                            uint64_t wall_ns)
{
    int32_t untaken = dev->processes[process].placed;

    /* It cannot have worked out what it has not even looked at. */
    if (untaken >= 0 && dev->residents[untaken].placed_ns < horizon_ns)
        horizon_ns = dev->residents[untaken].placed_ns;
    if (dev->processes[process].turn_news && dev->processes[process].news_at_ns < horizon_ns)
        horizon_ns = dev->processes[process].news_at_ns;
    dev->processes[process].horizon_ns = horizon_ns;
    move_horizon(dev, emu_device_least_horizon(dev), wall_ns);
}

void emu_device_set_absent(struct emu_device *dev, int process, bool absent, uint64_t wall_ns)
{
    dev->processes[process].absent = absent;
    move_horizon(dev, emu_device_least_horizon(dev), wall_ns);
}

void emu_device_lower_horizon(struct emu_device *dev, int process, uint64_t at_ns)
{
    struct emu_device_process *p = &dev->processes[process];

    /* No anchor moves: by the rule on dates in device.h the clock has not passed @at_ns. */
    if (at_ns < p->horizon_ns)
        p->horizon_ns = at_ns;
    p->wake++;
    if (!p->absent && at_ns < dev->horizon_ns)
        dev->horizon_ns = at_ns;
}
