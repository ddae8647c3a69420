// SPDX-License-Identifier: Apache-2.0
/*
 * Turns of processes: as on NVIDIA hardware without MPS, where the channel groups of different
 * processes' contexts share the compute engine by time slices, and one of them has all of it while
 * it runs. A turn goes to the next process that has kernels when the present one has none any more,
 * or when its slice is over and somebody waits. The slice begins when the first other process
 * begins to wait (or the turn itself, if that is later); going from one to the next costs the
 * profile's switch time. Both figures and this rule: measured, see docs/emulator.md.
 *
 * The end of a turn is part of the device's horizon, so the clock stands at it until somebody has
 * called emu_device_turn_over; the old and the new owner's horizons stand at the date that concerns
 * them until they have looked. So each finds it at exactly its date.
 */
#include "internal.h"

static bool has_turns(const struct emu_device *dev)
{
    return dev->profile.timeslice_us > 0;
}

static int next_wanting(const struct emu_device *dev, int after)
{
    for (int i = 1; i <= EMU_MAX_PROCESSES; i++) {
        int p = (after + i + EMU_MAX_PROCESSES) % EMU_MAX_PROCESSES;

        if (p != after && dev->processes[p].pid != 0 && dev->processes[p].wants &&
            !dev->processes[p].absent)
            return p;
    }
    return -1;
}

static void tell(struct emu_device *dev, int process, uint64_t at_ns)
{
    struct emu_device_process *p = &dev->processes[process];

    p->turn_news = 1;
    p->news_at_ns = at_ns;
    emu_device_lower_horizon(dev, process, at_ns);
}

static void set_end(struct emu_device *dev)
{
    struct emu_turn *turn = &dev->turn_of;

    if (turn->end_ns < dev->horizon_ns)
        dev->horizon_ns = turn->end_ns;
    /* Whoever sleeps until a later date has to look again: the end may be its to notice. */
    for (unsigned p = 0; p < EMU_MAX_PROCESSES; p++)
        dev->processes[p].wake += dev->processes[p].pid != 0;
}

static void give(struct emu_device *dev, int process, uint64_t at_ns)
{
    struct emu_turn *turn = &dev->turn_of;
    bool loaded = turn->owner == process || turn->owner < 0;

    turn->owner = process;
    turn->since_ns = at_ns + (loaded ? 0 : dev->profile.context_switch_us * 1000ull);
    turn->end_ns = EMU_NEVER;
    if (next_wanting(dev, process) >= 0)
        turn->end_ns = turn->since_ns + dev->processes[process].slice_us * 1000ull;
    tell(dev, process, turn->since_ns);
    set_end(dev);
}

void emu_device_turn_want(struct emu_device *dev, int process, bool wants, uint64_t at_ns)
{
    struct emu_turn *turn = &dev->turn_of;
    int next;

    if (!has_turns(dev) || dev->processes[process].wants == wants)
        return;
    dev->processes[process].wants = wants;
    if (wants && (turn->owner < 0 || !dev->processes[turn->owner].wants)) {
        give(dev, process, at_ns);
    } else if (wants && turn->owner == process) {
        give(dev, process, at_ns);
    } else if (wants && turn->end_ns == EMU_NEVER) {
        turn->end_ns = (at_ns > turn->since_ns ? at_ns : turn->since_ns) +
                       dev->processes[turn->owner].slice_us * 1000ull;
        set_end(dev);
    } else if (!wants && turn->owner == process) {
        turn->end_ns = EMU_NEVER;
        next = next_wanting(dev, process);
        if (next >= 0)
            give(dev, next, at_ns);
    } else if (!wants && next_wanting(dev, turn->owner) < 0) {
        turn->end_ns = EMU_NEVER; /* nobody waits any more */
    }
}

void emu_device_turn_over(struct emu_device *dev, uint64_t now_ns)
{
    struct emu_turn *turn = &dev->turn_of;
    int old = turn->owner;
    int next;

    if (!has_turns(dev) || now_ns < turn->end_ns)
        return;
    now_ns = turn->end_ns;
    turn->end_ns = EMU_NEVER;
    next = next_wanting(dev, old);
    if (next < 0)
        return;
    if (dev->processes[old].pid != 0)
        tell(dev, old, now_ns);
    give(dev, next, now_ns);
}

uint64_t emu_device_turn_look(struct emu_device *dev, int process)
{
    if (!has_turns(dev))
        return 0;
    dev->processes[process].turn_news = 0;
    return dev->turn_of.owner == process ? dev->turn_of.since_ns : EMU_NEVER;
}
