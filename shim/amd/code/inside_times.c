// SPDX-License-Identifier: Apache-2.0
/*
 * What instructions of a wavefront take, about: each is issued, results of memory come some time
 * later, and waits wait for them. By this looks are put where they cost least: a look's scalar load
 * is no delay where the wavefront waits for something else as long. Pure.
 *
 * The figures are those of the emulated MI50 (emu/profiles/mi50.conf says where they are from), but
 * that scalar loads are taken to be slower, as those of looks go past the cache. Only their
 * proportions matter here.
 */
#include "shim/amd/code/inside_copy.h"

enum { ISSUE = 4, BRANCH = 8, SLEEP = 64, VECTOR = 400, LOCAL = 64 };

/* Until no more than @left are on the way. */
static void wait(struct timeline *t, struct results *results, unsigned left)
{
    unsigned gone = results->count > left ? results->count - left : 0;
    for (unsigned i = 0; i < gone; i++)
        if (results->ready[i] > t->now)
            t->now = results->ready[i];
    results->count -= gone;
    for (unsigned i = 0; i < results->count && gone > 0; i++)
        results->ready[i] = results->ready[i + gone];
}

static void send(struct timeline *t, struct results *results, unsigned latency)
{
    if (results->count == INSIDE_RESULTS)
        wait(t, results, INSIDE_RESULTS - 1);
    results->ready[results->count++] = t->now + latency;
}

/* Turns of four cycles: 32-bit products and transcendental functions take four. */
static unsigned turns(const struct isa_inst *inst)
{
    switch (isa_id(inst->op)) {
    case ISA_ID_v_mul_lo_u32:
    case ISA_ID_v_mul_hi_u32:
    case ISA_ID_v_mul_hi_i32:
    case ISA_ID_v_mad_u64_u32:
    case ISA_ID_v_mad_i64_i32:
    case ISA_ID_v_rcp_f32:
    case ISA_ID_v_rcp_iflag_f32:
    case ISA_ID_v_rsq_f32:
    case ISA_ID_v_sqrt_f32:
    case ISA_ID_v_exp_f32:
    case ISA_ID_v_log_f32:
    case ISA_ID_v_sin_f32:
    case ISA_ID_v_cos_f32:
        return 4;
    default:
        return inside_is_branch(inst) ? 2 : 1;
    }
}

static void issue(struct timeline *t, unsigned cycles)
{
    t->now += t->waves > 2 ? cycles * t->waves / 2 : cycles;
}

/* s_waitcnt: vmcnt in bits 3:0 and 15:14, lgkmcnt in 11:8 (gfx9). */
void inside_step(struct timeline *t, const struct isa_inst *inst)
{
    unsigned counts = (unsigned)inst->fields.imm;
    if (inst->op->flags & ISA_WAIT) {
        wait(t, &t->vector, (counts & 15) | (counts >> 10 & 48));
        wait(t, &t->local, counts >> 8 & 15);
    } else if (inst->memory.segment == ISA_SEGMENT_SCALAR) {
        send(t, &t->local, INSIDE_SCALAR);
    } else if (inst->memory.segment == ISA_SEGMENT_LDS || inst->memory.segment == ISA_SEGMENT_GDS) {
        send(t, &t->local, LOCAL);
    } else if (inst->memory.segment != ISA_SEGMENT_NONE) {
        send(t, &t->vector, VECTOR);
    } else if (isa_id(inst->op) == ISA_ID_s_sleep) {
        t->now += (counts & 127) * SLEEP;
    }
    issue(t, turns(inst) * ISSUE);
}

/* inside.c's write_test() and write_send() */
void inside_step_test(struct timeline *t, bool waits, bool keep_scc)
{
    if (waits) {
        wait(t, &t->local, 0);
        issue(t, ISSUE);
    }
    issue(t, ISSUE + BRANCH + (keep_scc ? 2 * ISSUE : 0));
}

void inside_step_send(struct timeline *t)
{
    send(t, &t->local, INSIDE_SCALAR);
    issue(t, ISSUE);
}

bool inside_waits_for_scalar(const struct isa_inst *inst)
{
    return isa_id(inst->op) == ISA_ID_s_waitcnt && (inst->fields.imm >> 8 & 15) == 0;
}
