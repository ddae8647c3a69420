// SPDX-License-Identifier: Apache-2.0
/*
 * What instructions do to memory: through which kernel argument they read and write, and what they
 * load into registers. See state.h.
 */
#include "shim/amd/code/analysis/state.h"

/* Where an address leads. */
enum place {
    PLACE_UNKNOWN,
    PLACE_SLOTS,   /* into the buffers of kernel arguments */
    PLACE_KERNARG, /* the kernel arguments, at a known offset if there is no further one */
    PLACE_HOST,    /* packet, queue */
    PLACE_SOME_ARGUMENT,
    PLACE_CODE,
    PLACE_SCRATCH,
};

struct address {
    enum place place;
    uint32_t slots;
    uint32_t offset; /* PLACE_KERNARG */
    bool mixed;      /* something loaded is in it */
    bool local;      /* something from LDS is in it */
};

static struct address address_of(struct value lo, struct value hi)
{
    struct address at = {.mixed = ((lo.kinds | hi.kinds) & V_LOADED) != 0,
                         .local = ((lo.kinds | hi.kinds) & V_LOCAL) != 0};
    unsigned what_lo = lo.kinds & V_WHAT & ~V_ZERO, what_hi = hi.kinds & V_WHAT & ~V_ZERO;
    if (what_lo != what_hi)
        return at;
    switch (what_lo) {
    case V_POINTER:
        at.slots = lo.lo & hi.hi;
        at.place = at.slots ? PLACE_SLOTS : PLACE_UNKNOWN;
        break;
    case V_KERNARG:
        at.place = PLACE_KERNARG;
        at.offset = lo.lo;
        break;
    case V_HOST:
        at.place = PLACE_HOST;
        break;
    case V_CODE:
        at.place = PLACE_CODE;
        break;
    default:
        break;
    }
    return at;
}

static struct value value_at(struct analysis *a, int operand, unsigned part)
{
    return operand < 0 ? value_of(V_ZERO) : operand_value(a, (unsigned)operand, part);
}

/* Adds an offset's influence. */
static void add_offset(struct address *at, struct value offset)
{
    at->mixed = at->mixed || (offset.kinds & V_LOADED) != 0;
    at->local = at->local || (offset.kinds & V_LOCAL) != 0;
}

/* MUBUF and MTBUF: private memory, if all of the resource is the one that was set up at entry. */
static struct address buffer_address(struct analysis *a)
{
    const struct isa_memory *m = &a->inst->memory;
    struct address at = {.place = m->base >= 0 ? PLACE_SCRATCH : PLACE_UNKNOWN};
    for (unsigned part = 0; part < 4 && m->base >= 0; part++)
        if (!value_is(value_at(a, m->base, part), V_SCRATCH))
            at.place = PLACE_UNKNOWN;
    return at;
}

static struct address find_address(struct analysis *a)
{
    const struct isa_memory *m = &a->inst->memory;
    struct address at = {.place = PLACE_UNKNOWN};
    switch (m->segment) {
    case ISA_SEGMENT_SCALAR:
        /* s_buffer_load has a resource in its four registers: nobody makes one from an argument. */
        if (m->base < 0 || a->inst->operand[m->base].dwords != 2)
            break;
        at = address_of(value_at(a, m->base, 0), value_at(a, m->base, 1));
        if (m->soffset >= 0) {
            add_offset(&at, value_at(a, m->soffset, 0));
            if (at.place == PLACE_KERNARG)
                at.place = PLACE_SOME_ARGUMENT;
        }
        break;
    case ISA_SEGMENT_GLOBAL:
    case ISA_SEGMENT_FLAT:
        if (m->base >= 0 && a->inst->operand[m->base].kind != ISA_KIND_OFF) {
            at = address_of(value_at(a, m->base, 0), value_at(a, m->base, 1));
            add_offset(&at, value_at(a, m->address, 0));
        } else if (m->address >= 0) {
            at = address_of(value_at(a, m->address, 0), value_at(a, m->address, 1));
        }
        if (at.place == PLACE_KERNARG)
            at.place = PLACE_SOME_ARGUMENT;
        break;
    case ISA_SEGMENT_SCRATCH:
        at.place = PLACE_SCRATCH;
        break;
    case ISA_SEGMENT_BUFFER:
        at = buffer_address(a);
        break;
    default:
        break;
    }
    return at;
}

static void note_read(struct analysis *a, const struct address *at)
{
    switch (at->place) {
    case PLACE_SLOTS:
        a->out->reads |= at->slots;
        break;
    case PLACE_CODE:
        a->code_read = true;
        break;
    case PLACE_UNKNOWN:
        a->reads_unknown_at = a->reads_unknown ? a->reads_unknown_at : a->inst->address;
        a->reads_unknown = true;
        break;
    default: /* nobody writes these while a kernel runs, or they are the wavefront's own */
        break;
    }
}

static void note_write(struct analysis *a, const struct address *at)
{
    switch (at->place) {
    case PLACE_SLOTS:
        a->out->writes |= at->slots;
        break;
    case PLACE_SCRATCH:
        break;
    default:
        analysis_fail(a, "stores to memory that cannot be traced to a kernel argument");
    }
}

/* What is loaded. A kernel argument, if the address says which; else something from memory. */
static struct value loaded(struct analysis *a, const struct address *at, unsigned part)
{
    unsigned taints = at->local || (at->place == PLACE_SCRATCH && a->local_read) ? V_LOCAL : 0;
    if (at->place == PLACE_HOST) {
        /* Sizes; nothing that could make an address of a null pointer (reef_analysis.mixed). */
        struct value v = value_of(V_NUMBER);
        v.number = symbolic_packet(a, part);
        return v;
    }
    if (at->place == PLACE_KERNARG) {
        uint32_t offset = at->offset + (uint32_t)a->inst->memory.offset[0] + 4 * part;
        if (offset % 4 == 0 && offset < 8 * REEF_SLOTS) {
            uint32_t slot = 1u << offset / 8;
            return (struct value){
                .kinds = V_POINTER,
                .lo = offset % 8 == 0 ? slot : 0,
                .hi = offset % 8 == 4 ? slot : 0,
                .number = a->numbers ? range_leaf(a->numbers, RANGE_ARGUMENT, offset / 4, 0) : 0};
        }
    }
    return value_of(V_NUMBER | V_LOADED | taints);
}

/* For ranges: the bytes of an access through arguments. */
static void note_range(struct analysis *a, const struct address *at)
{
    const struct isa_memory *m = &a->inst->memory;
    unsigned result = m->result >= 0 ? 4u * a->inst->operand[m->result].dwords : 0;
    bool scalar = m->segment == ISA_SEGMENT_SCALAR;
    struct range_access access = {
        .where = a->inst->address,
        .slots = at->slots,
        .offset = m->offset[0],
        .bytes = (uint8_t)(m->bytes > result ? m->bytes : result),
        .store = m->access == ISA_ACCESS_STORE,
        .scalar = scalar,
    };
    if (!a->numbers || at->place != PLACE_SLOTS)
        return;
    access.address = (uint16_t)symbolic_address(a);
    symbolic_conditions(a->now, !scalar, &access.conditions);
    range_note(a->numbers, &access);
}

static void load_registers(struct analysis *a, const struct address *at)
{
    const struct isa_memory *m = &a->inst->memory;
    if (m->result < 0)
        return;
    const struct isa_operand *o = &a->inst->operand[m->result];
    for (unsigned part = 0; part < o->dwords; part++) {
        struct value value = loaded(a, at, part);
        bool whole = m->bytes >= 4 && !(o->access & ISA_READ);
        write_register(a, o, part,
                       whole ? value : value_of(V_NUMBER | V_LOADED | (value.kinds & V_TAINTS)));
    }
}

static void local_transfer(struct analysis *a)
{
    const struct isa_memory *m = &a->inst->memory;
    /* A value of another lane of the same wavefront (ds_bpermute_b32 and the like) is none of LDS,
     * and has no access. */
    a->local_read = true;
    for (unsigned i = 0; i < a->inst->operands; i++) {
        const struct isa_operand *o = &a->inst->operand[i];
        for (unsigned part = 0; o->access & ISA_WRITE && part < o->dwords; part++)
            write_register(a, o, part, value_of(V_NUMBER | V_LOADED | V_LOCAL));
    }
    (void)m;
}

/* On a way that is only taken when no lane is active the lanes' registers hold nothing, and a
 * vector instruction accesses nothing. */
static bool no_lane(struct analysis *a)
{
    int address = a->inst->memory.address;
    return address >= 0 && a->inst->operand[address].kind == ISA_KIND_VGPR &&
           operand_value(a, (unsigned)address, 0).kinds == 0;
}

void access_transfer(struct analysis *a)
{
    const struct isa_memory *m = &a->inst->memory;
    if (m->segment == ISA_SEGMENT_GDS) {
        analysis_fail(a, "uses memory that all work-groups share (GDS)");
        return;
    }
    if (m->segment == ISA_SEGMENT_LDS) {
        local_transfer(a);
        return;
    }
    if (m->access == ISA_ACCESS_ATOMIC) {
        analysis_fail(a, "atomic operation on memory");
        return;
    }
    if (m->lds_dma) {
        analysis_fail(a, "loads from memory into LDS");
        return;
    }
    if (no_lane(a)) {
        load_registers(a, &(struct address){.place = PLACE_UNKNOWN});
        return;
    }
    struct address at = find_address(a);
    if (at.local && at.place != PLACE_SCRATCH)
        a->local_matters = true;
    if (at.mixed)
        a->out->mixed |= at.slots;
    if (a->inst->fields.mods & ISA_MOD_GLC && at.place != PLACE_SCRATCH)
        analysis_fail(a, "a volatile or atomic access: others may write there while it runs");
    note_range(a, &at);
    if (m->access == ISA_ACCESS_STORE) {
        note_write(a, &at);
        return;
    }
    note_read(a, &at);
    load_registers(a, &at);
}
