// SPDX-License-Identifier: Apache-2.0
/*
 * The analysis of a kernel: its instructions, its basic blocks, and what is known where each
 * begins, by iteration until nothing changes. Values only grow, and each can grow a bounded number
 * of times, so it ends. See analysis.h and state.h.
 */
#include <errno.h>

#include "shim/amd/code/analysis/state.h"

enum { INSTRUCTIONS_MAX = 1 << 16, STATE_BYTES_MAX = 256 << 20, VISITS_MAX = 200 };

struct block {
    uint32_t first, count; /* instructions */
    int32_t next[2];       /* blocks; -1: none */
    uint32_t visits;
    bool queued;
    bool loop; /* a way leads back here */
    struct state in;
    struct range_edges of_lanes, of_wavefront; /* that came so far, with what held on them */
};

struct program {
    struct isa_inst *inst;
    uint32_t count;
    uint32_t *block_of; /* by instruction: the block that begins there + 1 */
    struct block *blocks;
    uint32_t block_count;
};

void analysis_fail(struct analysis *a, const char *reason)
{
    if (a->failed)
        return;
    a->failed = true;
    a->out->reason = reason;
    a->out->where = a->inst ? a->inst->address : 0;
}

/* --- instructions --- */

static bool grow(struct program *p, uint32_t *capacity)
{
    if (p->count < *capacity)
        return true;
    *capacity = *capacity ? 2 * *capacity : 256;
    void *grown = realloc(p->inst, *capacity * sizeof(*p->inst));
    if (grown)
        p->inst = grown;
    return grown != NULL;
}

/* Up to the end of the function, or without its size up to the last s_endpgm that is not jumped
 * over. */
static bool decode(struct analysis *a, struct program *p, const uint8_t *code, uint64_t bytes,
                   bool exact, uint64_t address)
{
    uint32_t capacity = 0;
    uint64_t furthest = address; /* target of a branch */
    for (uint64_t at = 0; at + 4 <= bytes;) {
        uint32_t words[3] = {0};
        uint64_t left = bytes - at;
        memcpy(words, code + at, left < sizeof(words) ? left : sizeof(words));
        if (p->count == INSTRUCTIONS_MAX || !grow(p, &capacity)) {
            analysis_fail(a, "too long");
            return false;
        }
        struct isa_inst *inst = &p->inst[p->count];
        a->inst = NULL;
        if (isa_decode(words, left / 4 < 3 ? left / 4 : 3, address + at, inst) != ISA_OK) {
            a->out->where = address + at;
            a->failed = true;
            a->out->reason = "an instruction that is not known";
            return false;
        }
        p->count++;
        at += inst->bytes;
        if (inst->op->flags & ISA_BRANCH && isa_target(inst) > furthest &&
            isa_target(inst) < address + bytes)
            furthest = isa_target(inst);
        if (!exact && inst->op->flags & ISA_END && address + at > furthest)
            return true;
    }
    return p->count > 0;
}

static int32_t find_instruction(const struct program *p, uint64_t address)
{
    uint32_t low = 0, high = p->count;
    while (low < high) {
        uint32_t middle = (low + high) / 2;
        if (p->inst[middle].address < address)
            low = middle + 1;
        else
            high = middle;
    }
    return low < p->count && p->inst[low].address == address ? (int32_t)low : -1;
}

/* --- blocks --- */

static bool has_target(const struct isa_inst *inst)
{
    return inst->op->flags & ISA_BRANCH && inst->operands > 0 &&
           inst->operand[inst->operands - 1].kind == ISA_KIND_TARGET;
}

/* Whether the instruction is the last of its block. */
static bool ends_block(const struct isa_inst *inst)
{
    return (inst->op->flags & (ISA_BRANCH | ISA_END)) != 0;
}

/* False: something is not understood. */
static bool mark_leaders(struct analysis *a, struct program *p)
{
    p->block_of = calloc(p->count + 1, sizeof(*p->block_of));
    if (!p->block_of)
        return false;
    p->block_of[0] = 1;
    for (uint32_t i = 0; i < p->count; i++) {
        const struct isa_inst *inst = &p->inst[i];
        a->inst = inst;
        if (ends_block(inst))
            p->block_of[i + 1] = 1;
        if (!(inst->op->flags & ISA_BRANCH))
            continue;
        if (inst->op->flags & ISA_CALL || !has_target(inst)) {
            analysis_fail(a, "a call, or a jump to what a register holds");
            return false;
        }
        int32_t target = find_instruction(p, isa_target(inst));
        if (target < 0) {
            analysis_fail(a, "a jump out of the kernel");
            return false;
        }
        p->block_of[target] = 1;
    }
    return true;
}

static void link_block(struct program *p, struct block *block)
{
    const struct isa_inst *last = &p->inst[block->first + block->count - 1];
    uint32_t behind = block->first + block->count;
    block->next[0] = block->next[1] = -1;
    if (last->op->flags & ISA_END)
        return;
    if (last->op->flags & ISA_BRANCH) {
        int32_t target = find_instruction(p, isa_target(last));
        block->next[1] = (int32_t)p->block_of[target] - 1;
        if (!(last->op->flags & ISA_CONDITIONAL))
            return;
    }
    if (behind < p->count)
        block->next[0] = (int32_t)p->block_of[behind] - 1;
    else
        block->next[0] = -2; /* runs out of the kernel */
}

/* Blocks that a way from themselves leads to: in order of depth, those that are still being looked
 * at when a way to them is found. */
static bool find_loops(struct program *p)
{
    enum { NEW, OPEN, DONE };
    uint32_t *stack = malloc(p->block_count * sizeof(*stack)), depth = 1;
    uint8_t *state = calloc(p->block_count, 2), *looked_at = state + p->block_count;
    if (stack && state) {
        stack[0] = 0;
        state[0] = OPEN;
    }
    while (stack && state && depth > 0) {
        uint32_t block = stack[depth - 1];
        if (looked_at[block] == 2) {
            state[block] = DONE;
            depth--;
            continue;
        }
        int32_t next = p->blocks[block].next[looked_at[block]++];
        if (next < 0 || state[next] == DONE)
            continue;
        p->blocks[next].loop |= state[next] == OPEN;
        if (state[next] == NEW) {
            state[next] = OPEN;
            stack[depth++] = (uint32_t)next;
        }
    }
    bool ok = stack && state;
    free(stack);
    free(state);
    return ok;
}

static bool make_blocks(struct analysis *a, struct program *p)
{
    if (!mark_leaders(a, p))
        return false;
    for (uint32_t i = 0; i < p->count; i++)
        p->block_count += p->block_of[i] != 0;
    p->blocks = calloc(p->block_count, sizeof(*p->blocks));
    if (!p->blocks)
        return false;
    struct block *block = p->blocks - 1;
    for (uint32_t i = 0; i < p->count; i++) {
        if (p->block_of[i]) {
            block++;
            block->first = i;
            p->block_of[i] = (uint32_t)(block - p->blocks) + 1;
        }
        block->count++;
    }
    for (uint32_t i = 0; i < p->block_count; i++) {
        link_block(p, &p->blocks[i]);
        a->inst = &p->inst[p->blocks[i].first];
        if (p->blocks[i].next[0] == -2) {
            analysis_fail(a, "code that runs out of the kernel");
            return false;
        }
    }
    return find_loops(p);
}

/* --- states --- */

static size_t vector_count(const struct analysis *a)
{
    return (size_t)SETS * a->vgprs;
}

static bool state_make(const struct analysis *a, struct state *s)
{
    s->scalar = calloc(SCALAR_SLOTS + vector_count(a), sizeof(struct value));
    s->vector = s->scalar ? s->scalar + SCALAR_SLOTS : NULL;
    memset(s->loop_mask, -1, sizeof(s->loop_mask));
    return s->scalar != NULL;
}

static void state_copy(const struct analysis *a, struct state *to, const struct state *from)
{
    struct value *scalar = to->scalar, *vector = to->vector;
    *to = *from;
    to->scalar = scalar;
    to->vector = vector;
    memcpy(scalar, from->scalar, (SCALAR_SLOTS + vector_count(a)) * sizeof(struct value));
}

/* A way from one block to another. */
struct edge {
    struct block *to;
    uint32_t number; /* of the block it goes to */
    int32_t from;    /* its own name */
    struct range_conditions of_lanes, of_wavefront;
};

static bool join_one(struct value *to, struct value from)
{
    struct value joined = value_join(*to, from);
    bool changed = memcmp(&joined, to, sizeof(joined)) != 0;
    *to = joined;
    return changed;
}

/* The same of a register, slot @slot, which may get an expression of its own here. */
static bool join_slot(struct analysis *a, const struct edge *edge, uint32_t slot, unsigned family,
                      struct value *to, struct value from)
{
    struct value joined = value_join(*to, from);
    if (a->numbers && to->kinds && from.kinds)
        joined.number =
            range_meet(a->numbers, edge->number, edge->to->loop, slot, family,
                       family ? &edge->to->of_lanes : &edge->to->of_wavefront, to->number,
                       edge->from, from.number, family ? &edge->of_lanes : &edge->of_wavefront);
    bool changed = memcmp(&joined, to, sizeof(joined)) != 0;
    *to = joined;
    return changed;
}

/* Joins set @from of one state to set @to of another. */
static bool join_vector(const struct analysis *a, struct state *s, unsigned to,
                        const struct state *other, unsigned from)
{
    bool changed = false;
    for (unsigned i = 0; i < a->vgprs; i++)
        changed |= join_one(&s->vector[to * a->vgprs + i], other->vector[from * a->vgprs + i]);
    return changed;
}

/* The same set of two states. Lanes of one set step together (ranges/nodes.h: family). */
static bool join_set(struct analysis *a, const struct edge *edge, struct state *to,
                     const struct state *from, unsigned set)
{
    bool changed = false;
    for (uint32_t i = set * a->vgprs; i < (set + 1) * a->vgprs; i++)
        changed |= join_slot(a, edge, SCALAR_SLOTS + i, set + 1, &to->vector[i], from->vector[i]);
    return changed;
}

static void note_edge(struct range_edges *edges, int32_t from,
                      const struct range_conditions *conditions)
{
    unsigned n = 0;
    while (n < edges->count && n < RANGE_WAYS && edges->from[n] != from)
        n++;
    if (n >= RANGE_WAYS) {
        edges->count = RANGE_WAYS + 1; /* too many */
        return;
    }
    edges->from[n] = from;
    edges->conditions[n] = *conditions;
    edges->count += n == edges->count;
}

/* The loops of @from are found or put among those of @to; if there is no room, their lanes may come
 * back at any time. */
static bool join_loops(const struct analysis *a, struct state *to, const struct state *from)
{
    bool changed = false;
    for (unsigned i = 0; i < LOOPS; i++) {
        int found = -1;
        if (from->loop_mask[i] < 0)
            continue;
        for (int j = LOOPS - 1; j >= 0; j--)
            if (to->loop_mask[j] == from->loop_mask[i] || (to->loop_mask[j] < 0 && found < 0))
                found = j;
        for (int j = 0; j < LOOPS; j++)
            if (to->loop_mask[j] == from->loop_mask[i])
                found = j;
        if (found < 0) {
            changed |= join_vector(a, to, SET_LOST, from, SET_LOOP + i);
            continue;
        }
        if (to->loop_mask[found] != from->loop_mask[i] ||
            to->loop_depth[found] < from->loop_depth[i]) {
            to->loop_mask[found] = from->loop_mask[i];
            to->loop_depth[found] = from->loop_depth[i];
            changed = true;
        }
        changed |= join_vector(a, to, SET_LOOP + (unsigned)found, from, SET_LOOP + i);
    }
    return changed;
}

/* The first state that comes to a block, where it is known which registers get expressions of
 * their own there. */
static void enter(struct analysis *a, const struct edge *edge)
{
    struct state *s = &edge->to->in;
    for (unsigned i = 0; a->numbers && i < a->numbers->phis; i++) {
        struct range_phi *phi = &a->numbers->phi[i];
        if (!phi->real || phi->block != edge->number)
            continue;
        struct value *value =
            phi->slot < SCALAR_SLOTS ? &s->scalar[phi->slot] : &s->vector[phi->slot - SCALAR_SLOTS];
        if (value->kinds)
            value->number = range_enter(a->numbers, phi, edge->from, value->number,
                                        phi->family ? &edge->of_lanes : &edge->of_wavefront);
    }
}

static bool state_join(struct analysis *a, const struct edge *edge, const struct state *from)
{
    struct state *to = &edge->to->in;
    bool changed = false;
    if (!to->reached) {
        state_copy(a, to, from);
        enter(a, edge);
        return true;
    }
    if (to->depth != from->depth) {
        analysis_fail(a, "ways meet that are not nested alike");
        return false;
    }
    for (unsigned i = 0; i < SCALAR_SLOTS; i++)
        changed |= join_slot(a, edge, i, 0, &to->scalar[i], from->scalar[i]);
    for (unsigned i = 0; i < SET_LOOP; i++)
        changed |= join_set(a, edge, to, from, i);
    changed |= join_loops(a, to, from);
    changed |= join_vector(a, to, SET_LOST, from, SET_LOST);
    changed |= symbolic_join_conditions(to, from);
    return changed;
}

/* The same as expressions: the packet's address, work-group ids behind the user SGPRs, and
 * work-item ids. */
static void number_entry(const struct analysis *a, struct state *s, const uint8_t *descriptor,
                         uint16_t properties)
{
    uint32_t rsrc2;
    memcpy(&rsrc2, descriptor + REEF_KD_RSRC2, sizeof(rsrc2));
    unsigned next = rsrc2 >> 1 & 31, packet = properties & 1 ? 4 : 0;
    for (unsigned part = 0; part < 2 && properties & 2; part++)
        s->scalar[packet + part].number = range_leaf(a->numbers, RANGE_DISPATCH, part, 0);
    for (unsigned i = 0; i < 3; i++) {
        if (rsrc2 >> (7 + i) & 1)
            s->scalar[next++].number = range_leaf(a->numbers, RANGE_GROUP, i, 0);
        if (i <= (rsrc2 >> 11 & 3) && i < a->vgprs)
            s->vector[i].number = range_leaf(a->numbers, RANGE_ITEM, i, RANGE_LANES);
    }
}

/* What the hardware sets up (LLVM AMDGPU usage guide, "Initial Kernel Execution State"): user SGPRs
 * in the order of the bits of kernel_code_properties. The rest are numbers. */
static void state_at_entry(const struct analysis *a, struct state *s, const uint8_t *descriptor)
{
    static const struct {
        uint8_t count;
        uint16_t kind;
    } user[] = {{4, V_SCRATCH}, {2, V_HOST},   {2, V_HOST},  {2, V_KERNARG},
                {2, V_NUMBER},  {2, V_NUMBER}, {1, V_NUMBER}};
    uint16_t properties;
    unsigned next = 0;
    memcpy(&properties, descriptor + REEF_KD_PROPERTIES, sizeof(properties));
    for (unsigned i = 0; i < SCALAR_SLOTS; i++)
        s->scalar[i] = value_of(V_NUMBER);
    for (unsigned i = 0; i < a->vgprs; i++)
        s->vector[i] = value_of(V_NUMBER);
    for (unsigned i = 0; i < sizeof(user) / sizeof(user[0]); i++)
        for (unsigned part = 0; properties >> i & 1 && part < user[i].count; part++)
            s->scalar[next++] = value_of(user[i].kind);
    s->reached = true;
    if (a->numbers)
        number_entry(a, s, descriptor, properties);
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
    if (strncmp(inst->op->name, "ds_gws_", 7) == 0)
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
    if (state_join(a, &edge, work))
        p->blocks[next].queued = true;
    note_edge(&edge.to->of_lanes, edge.from, &edge.of_lanes);
    note_edge(&edge.to->of_wavefront, edge.from, &edge.of_wavefront);
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

static void forget_states(const struct analysis *a, struct program *p)
{
    for (uint32_t i = 0; i < p->block_count; i++) {
        struct block *block = &p->blocks[i];
        struct state *s = &block->in;
        struct value *scalar = s->scalar, *vector = s->vector;
        memset(scalar, 0, (SCALAR_SLOTS + vector_count(a)) * sizeof(*scalar));
        memset(s, 0, sizeof(*s));
        s->scalar = scalar;
        s->vector = vector;
        memset(s->loop_mask, -1, sizeof(s->loop_mask));
        memset(&block->of_lanes, 0, sizeof(block->of_lanes));
        memset(&block->of_wavefront, 0, sizeof(block->of_wavefront));
        block->visits = 0;
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
            forget_states(a, p);
            state_at_entry(a, &p->blocks[0].in, descriptor);
            iterate(a, p, &work);
        }
    } else {
        a->inst = NULL;
        analysis_fail(a, "too long");
    }
    free(work.scalar);
}

static void program_free(struct program *p)
{
    for (uint32_t i = 0; p->blocks && i < p->block_count; i++)
        free(p->blocks[i].in.scalar);
    free(p->blocks);
    free(p->block_of);
    free(p->inst);
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
    if (decode(&a, &p, code, bytes, kernel->code_bytes != 0, kernel->entry_va) &&
        make_blocks(&a, &p))
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
