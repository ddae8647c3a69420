// SPDX-License-Identifier: Apache-2.0
/*
 * The process's turns on the device (emu/model/turns.c): when it wants one, when it has nothing
 * waiting any more and so loses it, and what its kernels do meanwhile. Device thread only, with the
 * driver's lock.
 */
#include "engine.h"

enum { FAR_BEHIND = 16 };

/* Whether a launch waits behind @command for kernels and what a channel does by itself. */
static bool launch_behind(const struct nv_command *command, unsigned far)
{
    for (const struct nv_edge *edge = command->followers; edge; edge = edge->next) {
        switch (edge->to->op.kind) {
        case NV_OP_KERNEL:
        case NV_OP_GRAPH:
            return true;
        case NV_OP_EMPTY:
        case NV_OP_RECORD:
        case NV_OP_WAIT_EVENT:
        case NV_OP_WRITE_VALUE:
            if (far > 0 && launch_behind(edge->to, far - 1))
                return true;
            break;
        default:
            break;
        }
    }
    return command->parent && launch_behind(command->parent, far);
}

void nv_turn_kernel_ends(const struct nv_run *ending)
{
    bool waits = nv_engine.kernels < 2 || nv_engine.unbegun > 0 ||
                 launch_behind(ending->command, FAR_BEHIND);

    for (unsigned i = 0; i < NV_MAX_RUNS && !waits; i++)
        waits = nv_engine.runs[i] && launch_behind(nv_engine.runs[i]->command, FAR_BEHIND);
    nv_engine.yields = !waits;
}

void nv_turn_look(uint64_t now)
{
    struct emu_device *dev = emu_segment_lock();
    uint64_t from;

    emu_device_turn_over(dev, now);
    from = emu_device_turn_look(dev, emu_segment_process());
    emu_segment_unlock();
    if (from > now)
        nv_work_park(now);
    else
        nv_work_resume(now);
    if (from > now && from != EMU_NEVER && from != nv_engine.resume_ns)
        nv_schedule(from, EMU_DUE_QUEUE, NULL); /* only to be here again then */
    nv_engine.resume_ns = from;
}

void nv_turn_want(uint64_t now)
{
    bool wanted = nv_engine.kernels > 0, yields = nv_engine.yields && wanted;
    struct emu_device *dev;

    nv_engine.yields = false;
    if (wanted == nv_engine.wanted && !yields)
        return;
    nv_engine.wanted = wanted;
    dev = emu_segment_lock();
    emu_device_turn_want(dev, emu_segment_process(), wanted, now);
    if (yields)
        emu_device_turn_yield(dev, emu_segment_process(), now);
    emu_segment_unlock();
    nv_turn_look(now);
}
