// SPDX-License-Identifier: Apache-2.0
/* What instructions do to memory: through which kernel parameter they read and write. See state.h.
 */
#include <string.h>

#include "shim/nvidia/ptx/state.h"

/* Bytes of the last type among the modifiers, e.g. 8 for .u64; 0: there is none. */
static unsigned type_bytes(const struct reef_ptx_inst *inst)
{
    unsigned bits = 0;
    for (size_t i = 1; i < inst->op.length; i++) {
        const char *at = inst->op.text + i;
        unsigned n = 0;
        if (at[-1] != '.' || !strchr("busf", at[0]))
            continue;
        for (size_t k = 1; i + k < inst->op.length && at[k] >= '0' && at[k] <= '9' && n < 1000; k++)
            n = n * 10 + (unsigned)(at[k] - '0');
        bits = n ? n : bits;
    }
    return bits / 8;
}

enum space { SPACE_GENERIC, SPACE_GLOBAL, SPACE_SHARED, SPACE_LOCAL, SPACE_CONST, SPACE_PARAM };

static enum space space_of(const struct reef_ptx_inst *inst)
{
    static const struct {
        const char *modifier;
        enum space space;
    } spaces[] = {
        {"global", SPACE_GLOBAL},      {"shared", SPACE_SHARED}, {"shared::cta", SPACE_SHARED},
        {"local", SPACE_LOCAL},        {"const", SPACE_CONST},   {"param", SPACE_PARAM},
        {"param::entry", SPACE_PARAM},
    };
    for (unsigned i = 0; i < sizeof(spaces) / sizeof(spaces[0]); i++)
        if (reef_ptx_op_has(inst, spaces[i].modifier))
            return spaces[i].space;
    return SPACE_GENERIC;
}

static const struct reef_ptx_operand *address_operand(const struct analysis *a, unsigned nth)
{
    for (unsigned i = 0; i < a->inst->operands; i++)
        if (operand_at(a, i)->memory && nth-- == 0)
            return operand_at(a, i);
    return NULL;
}

/* Where an access leads: V_* of bases, V_NUMBER: not known. */
static struct value address_of(struct analysis *a, const struct reef_ptx_operand *o,
                               enum space space)
{
    struct value v = o ? ptx_operand_value(a, o) : value_of(V_NUMBER);
    uint32_t taints = v.kinds & V_TAINTS;
    bool absolute = v.kinds & V_ZERO && o && o->name != REEF_PTX_NONE && o->value != 0;
    if ((a->last && !(v.kinds & (V_BASES | V_PLAIN))) || absolute)
        v.kinds |= V_NUMBER;
    if (taints & V_OTHERS)
        a->others_matter = true;
    if (space == SPACE_SHARED || space == SPACE_LOCAL)
        return value_of(taints | (space == SPACE_SHARED ? V_SHARED : V_LOCAL));
    if (space == SPACE_CONST)
        return value_of(taints | V_VARIABLE);
    if (space == SPACE_PARAM)
        return v.kinds & ~(V_TAINTS | V_PARAM) ? value_of(V_NUMBER) : v;
    return v;
}

static void note_read(struct analysis *a, struct value at)
{
    if (at.kinds & V_NUMBER) {
        a->reads_unknown_line = a->reads_unknown ? a->reads_unknown_line : a->inst->line;
        a->reads_unknown = true;
    }
    if (at.kinds & V_POINTER) {
        a->out->reads |= at.slots;
        if (at.kinds & V_LOADED)
            a->out->mixed |= at.slots;
    }
    a->out->variables = a->out->variables || at.kinds & V_VARIABLE;
    a->shared_read = a->shared_read || at.kinds & V_SHARED;
}

static void note_write(struct analysis *a, struct value at)
{
    if (at.kinds & V_NUMBER)
        ptx_analysis_fail(a, "stores to memory that cannot be traced to a kernel parameter");
    if (at.kinds & (V_VARIABLE | V_PARAM))
        ptx_analysis_fail(a, "stores to a variable of its module");
    if (at.kinds & V_POINTER) {
        a->out->writes |= at.slots;
        if (at.kinds & V_LOADED)
            a->out->mixed |= at.slots;
    }
}

/* What a load brings. */
static struct value loaded(const struct analysis *a, struct value at)
{
    uint32_t taints = at.kinds & V_OTHERS;
    if (at.kinds & V_SHARED || (at.kinds & V_LOCAL && a->shared_read))
        taints |= V_OTHERS;
    return value_of(V_NUMBER | V_LOADED | taints);
}

/* ld.param: a parameter, if the address says which. */
static void load_parameter(struct analysis *a, const struct reef_ptx_operand *from)
{
    const struct reef_ptx_body *b = a->body;
    unsigned bytes = type_bytes(a->inst), part = 0;
    bool named = from->name != REEF_PTX_NONE && b->names.name[from->name].kind == REEF_PTX_PARAM;
    for (unsigned i = 0; i < a->inst->operands; i++) {
        const struct reef_ptx_operand *to = operand_at(a, i);
        struct value v = value_of(V_NUMBER | (named ? 0 : V_LOADED));
        if (to->group != 0)
            continue;
        if (named && bytes == 8) {
            uint64_t at =
                b->param[b->names.name[from->name].where].offset + (uint64_t)from->value + 8 * part;
            v = value_of(V_NUMBER | V_LOADED);
            if (at % 8 == 0 && at / 8 < REEF_PTX_SLOTS)
                v = (struct value){.kinds = V_POINTER, .slots = 1ull << at / 8};
        }
        ptx_write_operand(a, to, v);
        part++;
    }
}

static bool is_communication(const struct reef_ptx_inst *inst)
{
    return reef_ptx_op_has(inst, "volatile") || reef_ptx_op_has(inst, "acquire") ||
           reef_ptx_op_has(inst, "release") || reef_ptx_op_has(inst, "relaxed") ||
           reef_ptx_op_has(inst, "mmio");
}

void ptx_load(struct analysis *a)
{
    enum space space = space_of(a->inst);
    const struct reef_ptx_operand *from = address_operand(a, 0);
    struct value at = address_of(a, from, space);
    if (!from)
        ptx_analysis_fail(a, "an instruction that is not understood");
    else if (space == SPACE_PARAM && !(at.kinds & V_NUMBER))
        load_parameter(a, from);
    else if (at.kinds != 0) {
        if (is_communication(a->inst) && at.kinds & ~(uint32_t)(V_SHARED | V_LOCAL | V_TAINTS))
            ptx_analysis_fail(a, "waits for, or tells, others through memory");
        note_read(a, at);
        ptx_write_result(a, loaded(a, at));
    }
}

void ptx_store(struct analysis *a)
{
    struct value at = address_of(a, address_operand(a, 0), space_of(a->inst));
    if (!a->last)
        return;
    if (is_communication(a->inst) && at.kinds & ~(uint32_t)(V_SHARED | V_LOCAL | V_TAINTS))
        ptx_analysis_fail(a, "waits for, or tells, others through memory");
    note_write(a, at);
}

void ptx_atomic(struct analysis *a)
{
    struct value at = address_of(a, address_operand(a, 0), space_of(a->inst));
    if (a->last && (at.kinds & ~(uint32_t)V_TAINTS) != V_SHARED)
        ptx_analysis_fail(a, "atomic operation on memory");
    a->shared_atomics = a->shared_read = true;
    if (reef_ptx_op_is(a->inst, "atom"))
        ptx_write_result(a, value_of(V_NUMBER | V_LOADED | V_OTHERS));
}

/* cp.async.ca.shared.global [to], [from], bytes; what is bulk or a tensor is not understood. */
void ptx_copy_async(struct analysis *a)
{
    if (reef_ptx_op_has(a->inst, "commit_group") || reef_ptx_op_has(a->inst, "wait_group") ||
        reef_ptx_op_has(a->inst, "wait_all"))
        return;
    if (!reef_ptx_op_has(a->inst, "global") || reef_ptx_op_has(a->inst, "bulk") ||
        reef_ptx_op_has(a->inst, "mbarrier") || !address_operand(a, 1)) {
        ptx_analysis_fail(a, "an instruction that is not known");
        return;
    }
    address_of(a, address_operand(a, 0), SPACE_SHARED);
    struct value from = address_of(a, address_operand(a, 1), SPACE_GLOBAL);
    if (a->last)
        note_read(a, from);
}

void ptx_matrix_load(struct analysis *a)
{
    note_read(a, address_of(a, address_operand(a, 0), SPACE_SHARED));
    ptx_write_result(a, value_of(V_NUMBER | V_LOADED | V_OTHERS));
}
