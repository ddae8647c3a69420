// SPDX-License-Identifier: Apache-2.0
/*
 * Global wave sync: barriers among the work-groups of a cooperative dispatch (ds_gws_init and
 * ds_gws_barrier; the ROCm device libraries' grid sync). The state machine is that of the Vega ISA
 * guide, "DS_GWS_INIT" and "DS_GWS_BARRIER": a barrier set to n lets go the waves of the (n + 1)th
 * that comes, which also brings the next n. The semaphores are not implemented.
 *
 * The waves may be interpreted by several threads. One that waits looks again every few cycles.
 */
#include "ops_mem.h"

enum { RESOURCES = 64, LOOK_AGAIN = 512 /* cycles */ };

static void lock(struct gcn_gws *gws)
{
    while (atomic_flag_test_and_set_explicit(&gws->lock, memory_order_acquire))
        ;
}

static void unlock(struct gcn_gws *gws)
{
    atomic_flag_clear_explicit(&gws->lock, memory_order_release);
}

/* NULL with the fault set if the queue has none. */
static struct gcn_gws_resource *resource(struct gcn_wave *w, const struct gcn_inst *inst)
{
    if (!w->dispatch->gws) {
        gcn_fault_illegal(w, inst);
        return NULL;
    }
    return &w->dispatch->gws
                ->resource[((w->sgpr[GCN_M0] >> 16 & 63) + (uint32_t)inst->imm) % RESOURCES];
}

static uint32_t value(const struct gcn_wave *w, const struct gcn_inst *inst)
{
    uint64_t exec = gcn_exec(w);

    return w->vgpr[inst->src[0]][exec ? __builtin_ctzll(exec) : 0];
}

void mem_gws_init(struct gcn_wave *w, const struct gcn_inst *inst)
{
    struct gcn_gws_resource *r = resource(w, inst);

    if (!r)
        return;
    lock(w->dispatch->gws);
    r->counter = value(w, inst);
    unlock(w->dispatch->gws);
    gcn_issue_lgkm(w, w->cycle + w->dispatch->lds_latency);
}

void mem_gws_barrier(struct gcn_wave *w, const struct gcn_inst *inst)
{
    struct gcn_gws_resource *r = resource(w, inst);
    bool released;

    if (!r)
        return;
    lock(w->dispatch->gws);
    if (!w->gws_waits) {
        w->gws_waits = true;
        w->gws_phase = r->phase;
        if (r->counter == 0) {
            r->counter = value(w, inst);
            r->phase++;
        } else {
            r->counter--;
        }
    }
    released = r->phase != w->gws_phase;
    unlock(w->dispatch->gws);
    if (released) {
        w->gws_waits = false;
        gcn_issue_lgkm(w, w->cycle + w->dispatch->lds_latency);
        return;
    }
    w->pc -= inst->size * 4u;
    w->cycle += LOOK_AGAIN;
}
