// SPDX-License-Identifier: Apache-2.0
/*
 * The analysis of a kernel: what is known where each of its basic blocks begins, by iteration until
 * nothing changes. Values only grow, and each can grow a bounded number of times, so it ends. See
 * analysis.h and state.h.
 */
#include "shim/amd/code/analysis/program.h"

enum { STATE_BYTES_MAX = 256 << 20, VISITS_MAX = 200 };

void analysis_fail(struct analysis *a, const char *reason)
{
    if (a->failed)
        return;
    a->failed = true;
    a->out->reason = reason;
    a->out->where = a->inst ? a->inst->address : 0;
}

/* --- one instruction --- */

/* What an acquire at device or system scope ends with (llvm.org/docs/AMDGPUUsage.html, memory model
 * gfx6-gfx9); at work-group scope there is none of it. */
static bool is_fence(enum isa_id id)
{
    return id == ISA_ID_buffer_wbinvl1 || id == ISA_ID_buffer_wbinvl1_vol;
}

static void check_effects(struct analysis *a)
{
    const struct isa_inst *inst = a->inst;
    uint32_t flags = inst->op->flags;
    enum isa_id id = isa_id(inst->op);
    if (flags & ISA_MESSAGE)
        analysis_fail(a, "sends a message to the host");
    if (id == ISA_ID_s_memtime || id == ISA_ID_s_memrealtime)
        analysis_fail(a, "reads a clock");
    if (id == ISA_ID_s_getreg_b32)
        analysis_fail(a, "reads a hardware register");
    if (inst->op->format == ISA_DS && strncmp(inst->op->name, "ds_gws_", 7) == 0)
        analysis_fail(a, "waits for other work-groups (GWS)");
    if (is_fence(id))
        analysis_fail(a, "a fence: exchanges data with others while it runs");
    if (flags & ISA_BARRIER)
        a->barrier = true;
    /* A way that data of LDS decides. Branches on EXEC: see exec.c. */
    if (flags & ISA_CONDITIONAL &&
        ((a->now->scalar[S_SCC].kinds | a->now->scalar[ISA_VCC].kinds) & V_LOCAL)) {
        if (id == ISA_ID_s_cbranch_scc0 || id == ISA_ID_s_cbranch_scc1)
            a->local_matters |= (a->now->scalar[S_SCC].kinds & V_LOCAL) != 0;
        else if (id != ISA_ID_s_cbranch_execz && id != ISA_ID_s_cbranch_execnz)
            a->local_matters |= (a->now->scalar[ISA_VCC].kinds & V_LOCAL) != 0;
    }
}

static bool writes_exec(const struct isa_inst *inst)
{
    if (inst->implicit & ISA_EXEC_W)
        return true;
    for (unsigned i = 0; i < inst->operands; i++)
        if (inst->operand[i].kind == ISA_KIND_EXEC && inst->operand[i].access & ISA_WRITE)
            return true;
    return false;
}

/* Registers found by a number in M0: not followed. */
static bool is_indirect(enum isa_id id)
{
    switch (id) {
    case ISA_ID_s_movrels_b32:
    case ISA_ID_s_movrels_b64:
    case ISA_ID_s_movreld_b32:
    case ISA_ID_s_movreld_b64:
    case ISA_ID_s_set_gpr_idx_on:
    case ISA_ID_s_set_gpr_idx_idx:
        return true;
    default:
        return false;
    }
}

static void transfer(struct analysis *a)
{
    check_effects(a);
    if (is_indirect(isa_id(a->inst->op)))
        analysis_fail(a, "registers are chosen at run time");
    if (a->failed)
        return;
    if (writes_exec(a->inst))
        exec_transfer(a);
    else if (a->inst->memory.access != ISA_ACCESS_NONE)
        access_transfer(a);
    else
        register_transfer(a);
}

/* --- iteration --- */

/* What way @n out of a block says: it branches on SCC, or does not. */
static unsigned fact_of(const struct analysis *a, int n)
{
    enum isa_id id = isa_id(a->inst->op);
    unsigned condition = a->now->scalar[S_SCC].number;
    bool is_1 = id == ISA_ID_s_cbranch_scc1;
    if ((!is_1 && id != ISA_ID_s_cbranch_scc0) ||
        !range_is_condition(a->numbers->node[condition].op))
        return 0;
    return is_1 == (n == 1) ? condition : range_negation(a->numbers, condition);
}

/* What is known at the end of one block is known at the beginning of the next. */
static void go_on(struct analysis *a, struct program *p, const struct block *block, int n,
                  struct state *work)
{
    int32_t next = block->next[n];
    uint16_t facts[FACTS];
    if (next < 0 || a->failed)
        return;
    struct edge edge = {.to = &p->blocks[next],
                        .number = (uint32_t)next,
                        .from = 2 * (int32_t)(block - p->blocks) + n};
    memcpy(facts, work->fact, sizeof(facts));
    if (a->numbers) {
        symbolic_add_fact(work, fact_of(a, n));
        symbolic_conditions(work, true, &edge.of_lanes);
        symbolic_conditions(work, false, &edge.of_wavefront);
    }
    if (state_meet(a, &edge, work))
        p->blocks[next].queued = true;
    memcpy(work->fact, facts, sizeof(facts));
}

static void run_block(struct analysis *a, struct program *p, struct block *block,
                      struct state *work)
{
    state_copy(a, work, &block->in);
    a->now = work;
    a->both = false;
    memset(a->unless, 0, sizeof(a->unless));
    for (uint32_t i = 0; i < block->count && !a->failed; i++) {
        a->inst = &p->inst[block->first + i];
        transfer(a);
    }
    if (a->both)
        analysis_fail(a, "EXEC is used in a way that is not understood");
    /* The way that is taken with EXEC 0 comes last: no lane is active on it. */
    enum isa_id last = isa_id(a->inst->op);
    int without = last == ISA_ID_s_cbranch_execz ? 1 : last == ISA_ID_s_cbranch_execnz ? 0 : -1;
    for (int n = 0; n < 2; n++)
        if (n != without)
            go_on(a, p, block, n, work);
    if (without >= 0) {
        memset(&work->vector[SET_ACTIVE * a->vgprs], 0, a->vgprs * sizeof(struct value));
        go_on(a, p, block, without, work);
    }
}

static void iterate(struct analysis *a, struct program *p, struct state *work)
{
    bool any = true;
    p->blocks[0].queued = true;
    while (any && !a->failed) {
        any = false;
        for (uint32_t i = 0; i < p->block_count && !a->failed; i++) {
            struct block *block = &p->blocks[i];
            if (!block->queued)
                continue;
            block->queued = false;
            any = true;
            if (++block->visits > VISITS_MAX) {
                analysis_fail(a, "too involved");
                return;
            }
            run_block(a, p, block, work);
        }
    }
}

static void run(struct analysis *a, struct program *p, const uint8_t *descriptor)
{
    struct state work = {0};
    size_t bytes = (SCALAR_SLOTS + vector_count(a)) * sizeof(struct value);
    bool enough = bytes * p->block_count <= STATE_BYTES_MAX && state_make(a, &work);
    for (uint32_t i = 0; i < p->block_count && enough; i++)
        enough = state_make(a, &p->blocks[i].in);
    if (enough) {
        state_at_entry(a, &p->blocks[0].in, descriptor);
        iterate(a, p, &work);
        while (!a->failed && a->numbers && range_begin_again(a->numbers)) {
            for (uint32_t i = 0; i < p->block_count; i++)
                state_forget(a, &p->blocks[i]);
            state_at_entry(a, &p->blocks[0].in, descriptor);
            iterate(a, p, &work);
        }
    } else {
        a->inst = NULL;
        analysis_fail(a, "too long");
    }
    free(work.scalar);
}

static void conclude(struct analysis *a)
{
    struct reef_analysis *out = a->out;
    a->inst = NULL;
    bool writes = out->writes != 0;
    if (!a->failed && writes && a->reads_unknown) {
        analysis_fail(a, "loads from memory that cannot be traced to a kernel argument");
        out->where = a->reads_unknown_at;
    }
    if (!a->failed && (out->reads & out->writes))
        analysis_fail(a, "reads and writes through one argument");
    if (a->failed) {
        out->restart = REEF_RESTART_NEVER;
        out->independent = false;
        return;
    }
    out->independent = !a->barrier || !a->local_matters;
    if (!writes || (out->reads == 0 && !a->code_read)) {
        out->restart = REEF_RESTART_ALWAYS;
        out->reason = writes ? "reads no memory that it could write" : "writes no memory";
        return;
    }
    out->restart = REEF_RESTART_IF_DISJOINT;
    out->reason = "if what it writes does not overlap what it reads";
}

static void analyse(struct reef_analysis *out, const struct reef_object *object,
                    const struct reef_object_kernel *kernel, struct range_builder *numbers)
{
    enum { GFX906 = 0x2f };
    struct analysis a = {.out = out, .numbers = numbers};
    struct program p = {0};
    uint64_t bytes = 0;
    uint32_t rsrc1;
    memset(out, 0, sizeof(*out));
    out->reason = "not analysed";
    const uint8_t *code = reef_object_code(object, kernel->entry_va, &bytes);
    memcpy(&rsrc1, kernel->descriptor + REEF_KD_RSRC1, sizeof(rsrc1));
    a.vgprs = ((rsrc1 & 63) + 1) * 4;
    if (!code || !object->target || object->target->mach != GFX906) {
        out->reason = "code for a GPU whose instructions are not known";
        return;
    }
    if (kernel->code_bytes)
        bytes = kernel->code_bytes;
    if (program_read(&a, &p, code, bytes, kernel->code_bytes != 0, kernel->entry_va))
        run(&a, &p, kernel->descriptor);
    else
        analysis_fail(&a, "too long");
    conclude(&a);
    program_free(&p);
}

void reef_analyse(struct reef_analysis *out, const struct reef_object *object,
                  const struct reef_object_kernel *kernel)
{
    analyse(out, object, kernel, NULL);
}

struct reef_ranges *reef_analyse_ranges(const struct reef_object *object,
                                        const struct reef_object_kernel *kernel)
{
    struct reef_analysis out;
    struct range_builder *numbers = range_builder_make();
    if (!numbers)
        return NULL;
    analyse(&out, object, kernel, numbers);
    struct reef_ranges *ranges =
        out.restart == REEF_RESTART_IF_DISJOINT ? range_finish(numbers) : NULL;
    free(numbers);
    return ranges;
}
