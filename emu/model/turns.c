// SPDX-License-Identifier: Apache-2.0
/*
 * Turns of processes: as on NVIDIA hardware without MPS, where the channel groups of different
 * processes' contexts share the compute engine by time slices, and one of them has all of it while
 * it runs. A turn goes to the next process that has kernels when the present one has none any more,
 * or when its slice is over and somebody waits. The slice begins when the first other process
 * begins to wait (or the turn itself, if that is later); going from one to the next costs the
 * profile's switch time. Both figures and this rule: measured, see docs/emulator.md.
 *
 * At the end of a slice nobody comes whose own slice is shorter than the switch, unless the present
 * one's is too. That is not how anyone describes the hardware, but what was measured on an H100:
 * work of 5 ms, with slices of 1024 us, is not interrupted by a process whose slices are 1 us long;
 * two such processes interrupt each other all the time.
 *
 * And a turn ends early when one of the process's kernels ends and no launch of it waits behind
 * those that still run. Measured on an H200: a kernel that spins does not keep its context on the
 * GPU while the program pauses between others, two of which the second waits for the first do.
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

static bool slice_is_short(const struct emu_device *dev, int process)
{
    return dev->processes[process].slice_us < dev->profile.context_switch_us;
}

/* The next that wants the turn, or -1. @interrupting: that gets it from @after although that one
 * has kernels. */
static int next_of(const struct emu_device *dev, int after, bool interrupting)
{
    for (int i = 1; i <= EMU_MAX_PROCESSES; i++) {
        int p = (after + i + EMU_MAX_PROCESSES) % EMU_MAX_PROCESSES;

        if (p != after && dev->processes[p].pid != 0 && dev->processes[p].wants &&
            !dev->processes[p].absent &&
            (!interrupting || !slice_is_short(dev, p) || slice_is_short(dev, after)))
            return p;
    }
    return -1;
}

static int next_wanting(const struct emu_device *dev, int after)
{
    return next_of(dev, after, false);
}

static int next_interrupting(const struct emu_device *dev, int owner)
{
    return next_of(dev, owner, true);
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
    if (next_interrupting(dev, process) >= 0)
        turn->end_ns = turn->since_ns + dev->processes[process].slice_us * 1000ull;
    tell(dev, process, turn->since_ns);
    set_end(dev);
}

/* Whoever waits may be one who interrupts now, or none any more. */
static void look_again(struct emu_device *dev, uint64_t at_ns)
{
    struct emu_turn *turn = &dev->turn_of;

    if (turn->owner < 0 || !dev->processes[turn->owner].wants)
        return;
    if (next_interrupting(dev, turn->owner) < 0) {
        turn->end_ns = EMU_NEVER;
    } else if (turn->end_ns == EMU_NEVER) {
        turn->end_ns = (at_ns > turn->since_ns ? at_ns : turn->since_ns) +
                       dev->processes[turn->owner].slice_us * 1000ull;
        set_end(dev);
    }
}

void emu_device_turn_slice(struct emu_device *dev, int process, uint32_t slice_us, uint64_t at_ns)
{
    dev->processes[process].slice_us = slice_us;
    if (has_turns(dev))
        look_again(dev, at_ns);
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
    } else if (!wants && turn->owner == process) {
        turn->end_ns = EMU_NEVER;
        next = next_wanting(dev, process);
        if (next >= 0)
            give(dev, next, at_ns);
    } else {
        look_again(dev, at_ns);
    }
}

void emu_device_turn_yield(struct emu_device *dev, int process, uint64_t at_ns)
{
    struct emu_turn *turn = &dev->turn_of;
    int next = has_turns(dev) && turn->owner == process ? next_wanting(dev, process) : -1;

    if (next < 0 || at_ns < turn->since_ns)
        return;
    turn->end_ns = EMU_NEVER;
    tell(dev, process, at_ns);
    give(dev, next, at_ns);
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
    next = next_interrupting(dev, old);
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
