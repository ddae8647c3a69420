// SPDX-License-Identifier: Apache-2.0
/*
 * Global wave sync: barriers among the work-groups of a cooperative dispatch (ds_gws_init and
 * ds_gws_barrier; the ROCm device libraries' grid sync), and semaphores. The state machine is that
 * of the Vega ISA guide, "DS_GWS_INIT" and following: a barrier set to n lets go the waves of the
 * (n + 1)th that comes, which also brings the next n. A semaphore counts what v and br have given;
 * p takes one or waits for it; release_all gives as many as there are waves that wait.
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

static void done(struct gcn_wave *w)
{
    unlock(w->dispatch->gws);
    gcn_issue_lgkm(w, w->cycle + w->dispatch->lds_latency);
}

/* The instruction will be executed again. */
static void look_again(struct gcn_wave *w, const struct gcn_inst *inst)
{
    unlock(w->dispatch->gws);
    w->pc -= inst->size * 4u;
    w->cycle += LOOK_AGAIN;
}

void mem_gws_init(struct gcn_wave *w, const struct gcn_inst *inst)
{
    struct gcn_gws_resource *r = resource(w, inst);

    if (!r)
        return;
    lock(w->dispatch->gws);
    r->counter = value(w, inst);
    done(w);
}

void mem_gws_barrier(struct gcn_wave *w, const struct gcn_inst *inst)
{
    struct gcn_gws_resource *r = resource(w, inst);

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
    if (r->phase == w->gws_phase) {
        look_again(w, inst);
        return;
    }
    w->gws_waits = false;
    done(w);
}

static void give(struct gcn_wave *w, const struct gcn_inst *inst, uint32_t count)
{
    struct gcn_gws_resource *r = resource(w, inst);

    if (!r)
        return;
    lock(w->dispatch->gws);
    r->counter += count;
    done(w);
}

void mem_gws_v(struct gcn_wave *w, const struct gcn_inst *inst)
{
    give(w, inst, 1);
}

void mem_gws_br(struct gcn_wave *w, const struct gcn_inst *inst)
{
    give(w, inst, value(w, inst));
}

void mem_gws_release_all(struct gcn_wave *w, const struct gcn_inst *inst)
{
    struct gcn_gws_resource *r = resource(w, inst);

    if (!r)
        return;
    lock(w->dispatch->gws);
    r->counter = r->waiting;
    done(w);
}

void mem_gws_p(struct gcn_wave *w, const struct gcn_inst *inst)
{
    struct gcn_gws_resource *r = resource(w, inst);

    if (!r)
        return;
    lock(w->dispatch->gws);
    if (r->counter == 0) {
        r->waiting += !w->gws_waits;
        w->gws_waits = true;
        look_again(w, inst);
        return;
    }
    r->counter--;
    r->waiting -= w->gws_waits;
    w->gws_waits = false;
    done(w);
}
