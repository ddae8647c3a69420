// SPDX-License-Identifier: Apache-2.0
/* What instructions do to registers, and what follows for the kernel. See analysis.h. */
#include <stdlib.h>
#include <string.h>

#include "shim/nvidia/ptx/state.h"

void ptx_analysis_fail(struct analysis *a, const char *reason)
{
    if (a->failed)
        return;
    a->failed = true;
    a->out->reason = reason;
    a->out->line = a->inst ? a->inst->line : 0;
}

/* --- values --- */

static struct value join(struct value x, struct value y)
{
    return (struct value){.kinds = x.kinds | y.kinds, .slots = x.slots | y.slots};
}

static struct value mixed(struct value x, struct value y)
{
    return value_of(V_NUMBER | ((x.kinds | y.kinds) & V_TAINTS));
}

/* x + y, or what is as good for an address. */
static struct value sum(struct value x, struct value y)
{
    uint32_t bases = (x.kinds | y.kinds) & V_BASES;
    if (x.kinds == 0 || y.kinds == 0)
        return value_of(0); /* not known yet */
    struct value v = {.kinds = bases | ((x.kinds | y.kinds) & V_TAINTS),
                      .slots = x.slots | y.slots};
    /* Two numbers; or different sorts of bases, or one of them twice: whose address is it? */
    if ((x.kinds & V_PLAIN && y.kinds & V_PLAIN) || (bases & (bases - 1)) != 0 ||
        (x.kinds & y.kinds & V_BASES & ~(uint32_t)V_POINTER))
        v.kinds |= V_NUMBER;
    return v;
}

static struct value difference(struct value x, struct value y)
{
    return y.kinds & V_BASES ? mixed(x, y) : sum(x, y);
}

/* --- operands --- */

struct value ptx_name_value(struct analysis *a, uint32_t number)
{
    static const uint32_t kinds[] = {
        [REEF_PTX_SPECIAL] = V_NUMBER,  [REEF_PTX_CHANGING] = V_NUMBER,
        [REEF_PTX_PARAM] = V_PARAM,     [REEF_PTX_ARGUMENT] = V_NUMBER,
        [REEF_PTX_LOCAL] = V_LOCAL,     [REEF_PTX_SHARED] = V_SHARED,
        [REEF_PTX_GLOBAL] = V_VARIABLE, [REEF_PTX_CONST] = V_VARIABLE,
        [REEF_PTX_FUNCTION] = V_NUMBER, [REEF_PTX_LABEL] = V_NUMBER,
    };
    enum reef_ptx_name_kind kind = a->body->names.name[number].kind;
    if (kind == REEF_PTX_CHANGING && !a->changing && a->inst) {
        a->changing = true;
        a->changing_line = a->inst->line;
    }
    return kind == REEF_PTX_REGISTER ? a->values[number] : value_of(kinds[kind]);
}

struct value ptx_operand_value(struct analysis *a, const struct reef_ptx_operand *o)
{
    if (o->name == REEF_PTX_NONE)
        return value_of(o->value == 0 ? V_ZERO : V_NUMBER);
    return ptx_name_value(a, o->name);
}

/* All of operand @group (a vector may be one). */
static struct value group_value(struct analysis *a, unsigned group)
{
    struct value v = value_of(0);
    unsigned parts = 0;
    for (unsigned i = 0; i < a->inst->operands; i++) {
        const struct reef_ptx_operand *o = operand_at(a, i);
        if (o->group != group)
            continue;
        v = join(v, ptx_operand_value(a, o));
        parts += o->vector;
    }
    return parts > 1 ? mixed(v, v) : v;
}

/* What all operands behind the first have an influence with. */
static struct value all_sources(struct analysis *a)
{
    struct value v = value_of(0);
    for (unsigned i = 0; i < a->inst->operands; i++)
        if (operand_at(a, i)->group > 0)
            v = join(v, ptx_operand_value(a, operand_at(a, i)));
    return v;
}

void ptx_write_operand(struct analysis *a, const struct reef_ptx_operand *o, struct value v)
{
    if (o->name == REEF_PTX_NONE || v.kinds == 0)
        return;
    if (a->body->names.name[o->name].kind != REEF_PTX_REGISTER) {
        ptx_analysis_fail(a, "writes something that is no register");
        return;
    }
    if (a->inst->predicate != REEF_PTX_NONE) /* which of two values it is, depends on that */
        v.kinds |= ptx_name_value(a, a->inst->predicate).kinds & V_TAINTS;
    struct value *to = &a->values[o->name], joined = join(*to, v);
    if (joined.kinds != to->kinds || joined.slots != to->slots) {
        *to = joined;
        a->changed = true;
    }
}

/* The result: all of the first operand. */
void ptx_write_result(struct analysis *a, struct value v)
{
    for (unsigned i = 0; i < a->inst->operands; i++)
        if (operand_at(a, i)->group == 0)
            ptx_write_operand(a, operand_at(a, i), v);
}

/* --- instructions --- */

static void barrier(struct analysis *a)
{
    if (reef_ptx_op_has(a->inst, "warp")) {
        a->shared_read = true;
        return;
    }
    if (reef_ptx_op_has(a->inst, "cluster"))
        ptx_analysis_fail(a, "an instruction that is not known");
    a->barriers = true;
    if (reef_ptx_op_has(a->inst, "red")) {
        ptx_write_result(a, value_of(V_NUMBER | V_OTHERS));
        a->odd_barriers =
            a->odd_barriers || a->inst->operands != 3 || operand_at(a, 1)->name != REEF_PTX_NONE;
    } else if (!reef_ptx_is_plain_barrier(a->body, a->inst)) {
        a->odd_barriers = true;
    }
}

bool reef_ptx_is_plain_barrier(const struct reef_ptx_body *body, const struct reef_ptx_inst *inst)
{
    const struct reef_ptx_operand *o = &body->operand[inst->operand];
    bool named = reef_ptx_op_is(inst, "bar") || reef_ptx_op_is(inst, "barrier");
    return named && reef_ptx_op_has(inst, "sync") && !reef_ptx_op_has(inst, "warp") &&
           !reef_ptx_op_has(inst, "cluster") && inst->predicate == REEF_PTX_NONE &&
           inst->operands == 1 && o->name == REEF_PTX_NONE && o->value >= 0 && o->value < 16;
}

static bool result_is_vector(const struct analysis *a)
{
    return a->inst->operands > 0 && operand_at(a, 0)->vector;
}

static void move(struct analysis *a)
{
    struct value v = group_value(a, 1);
    ptx_write_result(a, result_is_vector(a) ? mixed(v, v) : v);
}

/* cvt.u64.u64 and the like leave what they were given; all others make numbers. */
static void convert(struct analysis *a)
{
    static const char same[] = ".u64.u64";
    size_t length = strlen(same);
    struct reef_ptx_span op = a->inst->op;
    bool kept = op.length > length && memcmp(op.text + op.length - length, same, length) == 0;
    struct value v = group_value(a, 1);
    ptx_write_result(a, kept ? v : mixed(v, v));
}

static void multiply_add(struct analysis *a)
{
    struct value x = group_value(a, 1), y = group_value(a, 2), z = group_value(a, 3);
    if (x.kinds && y.kinds)
        ptx_write_result(a, sum(mixed(x, y), z));
}

static void select_one(struct analysis *a)
{
    struct value v = join(group_value(a, 1), group_value(a, 2));
    v.kinds |= group_value(a, 3).kinds & V_TAINTS;
    ptx_write_result(a, v);
}

static void arithmetic(struct analysis *a)
{
    struct value v = all_sources(a);
    ptx_write_result(a, mixed(v, v));
}

static void transfer(struct analysis *a, enum class class)
{
    switch (class) {
    case OP_MOVE:
        move(a);
        break;
    case OP_CONVERT:
        convert(a);
        break;
    case OP_ADD:
        ptx_write_result(a, sum(group_value(a, 1), group_value(a, 2)));
        break;
    case OP_SUB:
        ptx_write_result(a, difference(group_value(a, 1), group_value(a, 2)));
        break;
    case OP_MAD:
        multiply_add(a);
        break;
    case OP_SELECT:
        select_one(a);
        break;
    case OP_PLAIN:
        arithmetic(a);
        break;
    case OP_WARP:
        ptx_write_result(a, value_of(V_NUMBER | V_OTHERS | (all_sources(a).kinds & V_TAINTS)));
        a->shared_read = true;
        break;
    case OP_MATRIX_LOAD:
        ptx_matrix_load(a);
        break;
    case OP_LOAD:
        ptx_load(a);
        break;
    case OP_STORE:
        ptx_store(a);
        break;
    case OP_ATOMIC:
        ptx_atomic(a);
        break;
    case OP_COPY:
        ptx_copy_async(a);
        break;
    case OP_BARRIER:
        barrier(a);
        break;
    case OP_FENCE:
        if (!reef_ptx_op_has(a->inst, "cta"))
            ptx_analysis_fail(a, "a fence beyond the block: others may look at what it wrote");
        break;
    case OP_FLOW:
    case OP_NOTHING:
        break;
    case OP_CALL:
        ptx_analysis_fail(a, "calls a function");
        break;
    default:
        ptx_analysis_fail(a, "an instruction that is not known");
    }
}

/* Whether what an instruction does, or whether it does, depends on another thread's values in a way
 * that matters: they may be wrong once a thread of the block was ended. */
static void note_influence(struct analysis *a, enum class class)
{
    bool moves_data = class != OP_FLOW && class != OP_STORE && class != OP_LOAD &&
                      class != OP_ATOMIC && class != OP_COPY && class != OP_BARRIER &&
                      class != OP_WARP && class != OP_MATRIX_LOAD;
    if (moves_data)
        return;
    if (a->inst->predicate != REEF_PTX_NONE &&
        ptx_name_value(a, a->inst->predicate).kinds & V_OTHERS)
        a->others_matter = true;
    if (class == OP_FLOW)
        for (unsigned i = 0; i < a->inst->operands; i++)
            if (ptx_operand_value(a, operand_at(a, i)).kinds & V_OTHERS)
                a->others_matter = true;
}

static void pass(struct analysis *a)
{
    a->changed = false;
    for (uint32_t i = 0; i < a->body->insts && !a->failed; i++) {
        a->inst = &a->body->inst[i];
        transfer(a, a->classes[i]);
        note_influence(a, a->classes[i]);
    }
    a->inst = NULL;
}

static enum class classify(const struct reef_ptx_inst *inst) {
    static const struct {const char * name; enum class class;}
table[] = {
#define OP(name, class) {#name, OP_##class},
#include "shim/nvidia/ptx/ops.def"
};
for (unsigned i = 0; i < sizeof(table) / sizeof(table[0]); i++)
    if (reef_ptx_op_is(inst, table[i].name))
        return inst->complex && table[i].class != OP_CALL ? OP_UNKNOWN : table[i].class;
return OP_UNKNOWN;
}

/* --- the verdict --- */

static void decide(struct analysis *a)
{
    struct reef_ptx_analysis *out = a->out;
    if (a->failed)
        return;
    if (a->changing) {
        ptx_analysis_fail(a, "reads a clock, or where it runs");
        out->line = a->changing_line;
    } else if (a->shared_atomics && a->others_matter) {
        ptx_analysis_fail(a, "the order of atomic operations may decide what it does");
    } else if (out->writes && a->reads_unknown) {
        ptx_analysis_fail(a, "loads from memory that cannot be traced to a kernel parameter");
        out->line = a->reads_unknown_line;
    } else if (out->writes & out->reads) {
        ptx_analysis_fail(a, "reads what it writes");
    } else if (out->writes && (out->reads || out->variables)) {
        out->restart = REEF_PTX_IF_DISJOINT;
        out->reason = "if what it writes is not what it reads";
    } else {
        out->restart = REEF_PTX_ALWAYS;
        out->reason = "reads nothing that it writes";
    }
    out->style = !a->barriers && !a->others_matter ? REEF_PTX_THREADS
                 : a->barriers && !a->odd_barriers ? REEF_PTX_BARRIERS
                                                   : REEF_PTX_ENTRY;
}

void reef_ptx_analyse(struct reef_ptx_analysis *out, const struct reef_ptx_body *body)
{
    enum { PASSES_MAX = 256 };
    struct analysis a = {.out = out, .body = body};
    *out = (struct reef_ptx_analysis){.style = REEF_PTX_ENTRY, .reason = "no memory"};
    if (body->entry->cluster) {
        out->reason = "made for clusters of blocks";
        return;
    }
    a.values = calloc(body->names.count + 1, sizeof(*a.values));
    a.classes = malloc(body->insts + 1);
    if (a.values && a.classes) {
        for (uint32_t i = 0; i < body->insts; i++)
            a.classes[i] = (uint8_t)classify(&body->inst[i]);
        unsigned passes = 0;
        do
            pass(&a);
        while (a.changed && !a.failed && ++passes < PASSES_MAX);
        if (a.changed && !a.failed)
            ptx_analysis_fail(&a, "too long");
        a.last = true;
        pass(&a);
        decide(&a);
    }
    free(a.values);
    free(a.classes);
}
