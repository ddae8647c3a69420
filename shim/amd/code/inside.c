// SPDX-License-Identifier: Apache-2.0
/* Guards inside of kernels. See inside.h. Encodings: "Vega" ISA, chapter 13; checked against
 * llvm-mc in a test. */
#include "shim/amd/code/inside.h"

#include <stdlib.h>
#include <string.h>

#include "shim/amd/code/guard.h"
#include "shim/amd/code/inside_copy.h"

enum { BYTES_MAX = 100 << 10, STUB_WORDS = 32, END_WORDS = 16, RELAY_WORDS = 80, SGPRS_MAX = 102 };

/* --- reading --- */

static bool decode(struct copy *c, const uint8_t *code, uint64_t bytes, uint64_t address)
{
    for (uint64_t at = 0; at + 4 <= bytes;) {
        uint32_t words[3] = {0};
        uint64_t left = bytes - at;
        if (c->count == c->capacity) {
            c->capacity = c->capacity ? 2 * c->capacity : 256;
            void *grown = realloc(c->inst, c->capacity * sizeof(*c->inst));
            if (!grown)
                return false;
            c->inst = grown;
        }
        memcpy(words, code + at, left < sizeof(words) ? left : sizeof(words));
        if (isa_decode(words, left / 4 < 3 ? left / 4 : 3, address + at, &c->inst[c->count]) !=
            ISA_OK)
            return false;
        at += c->inst[c->count++].bytes;
    }
    return c->count > 0;
}

/* Jumps and addresses that would not be the same in a copy. */
static bool copies(const struct copy *c, uint64_t begin, uint64_t end)
{
    for (unsigned i = 0; i < c->count; i++) {
        const struct isa_inst *inst = &c->inst[i];
        if (isa_id(inst->op) == ISA_ID_s_getpc_b64)
            return false;
        if (!inside_is_branch(inst))
            continue;
        if (inst->op->flags & ISA_CALL || inst->operands == 0 ||
            inst->operand[inst->operands - 1].kind != ISA_KIND_TARGET || isa_target(inst) < begin ||
            isa_target(inst) >= end)
            return false;
    }
    return true;
}

static unsigned sgprs_used(const struct copy *c)
{
    unsigned used = 0;
    for (unsigned i = 0; i < c->count; i++) {
        for (unsigned n = 0; n < c->inst[i].operands; n++) {
            const struct isa_operand *o = &c->inst[i].operand[n];
            if (o->kind == ISA_KIND_SGPR && o->reg + o->dwords > used)
                used = o->reg + o->dwords;
        }
    }
    return used;
}

/* --- writing --- */

static void emit(struct copy *c, uint32_t word)
{
    if (c->used < c->room)
        c->words[c->used] = word;
    c->used++;
}

static uint32_t sop2(unsigned op, unsigned d, unsigned a, unsigned b)
{
    return 0x80000000u | op << 23 | d << 16 | b << 8 | a;
}

/* s_branch, s_cbranch_...: from the word that is emitted next to @target (in words). */
static void branch(struct copy *c, uint32_t op, size_t target)
{
    int64_t distance = (int64_t)target - (int64_t)(c->used + 1);
    emit(c, 0xbf800000u | op << 16 | (uint16_t)distance);
}

enum {
    S_BRANCH = 2,
    S_CBRANCH_SCC0 = 4,
    S_CBRANCH_SCC1 = 5,
    S_ADD = 0,
    S_SUB = 1,
    S_CSELECT = 10,
    S_AND = 12,
    S_OR = 14
};

static void restore_scc(struct copy *c, enum scc scc)
{
    unsigned saved = c->s + REEF_INSIDE_SAVED;
    if (scc == SCC_UNKNOWN)
        emit(c, 0xbf070000u | 128 << 8 | saved); /* s_cmp_lg_u32 saved, 0 */
    else if (scc == SCC_1)
        emit(c, 0xbf060000u | saved << 8 | saved); /* s_cmp_eq_u32: a register is itself */
    else if (scc == SCC_0)
        emit(c, 0xbf070000u | saved << 8 | saved); /* s_cmp_lg_u32 */
}

/* Leads the branch at @at (in words) to @target. False: too far. */
static bool retarget(struct copy *c, size_t at, size_t target)
{
    int64_t distance = (int64_t)target - (int64_t)(at + 1);
    if (distance > INT16_MAX)
        return false;
    c->words[at] = (c->words[at] & 0xffff0000u) | (uint16_t)distance;
    return true;
}

/* Back into the loop. */
static void go_on(struct copy *c, const struct loop *loop, uint64_t begin)
{
    const struct isa_inst *head = &c->inst[loop->head];
    size_t at = (head->address - begin) / 4;
    if (loop->falls) { /* the instruction that had to make room */
        memcpy(&c->words[c->used], &c->original[at], head->bytes);
        c->used += head->bytes / 4;
        at += head->bytes / 4;
    }
    branch(c, S_BRANCH, at);
}

static void send_for_flag(struct copy *c)
{
    emit(c, 0xc0030000u | (c->s + REEF_INSIDE_WORD) << 6 | (c->s + REEF_INSIDE_POLL) >> 1);
    emit(c, REEF_GUARD_REPLICA); /* s_load_dword word, poll, ... glc */
}

/* The flag is sent for at one look and tested at the next, so that nobody waits for it; but the
 * next look of a long round is far. */
static void write_stub(struct copy *c, const struct loop *loop, uint64_t begin, size_t end_code)
{
    unsigned count = c->s + REEF_INSIDE_COUNT, word = c->s + REEF_INSIDE_WORD;
    uint32_t round = loop->round;
    enum scc scc = inside_scc(c, loop);
    if (scc == SCC_UNKNOWN)
        emit(c, sop2(S_CSELECT, c->s + REEF_INSIDE_SAVED, 129, 128)); /* saved, 1, 0 */
    emit(c, sop2(S_SUB, count, count, 255));                          /* SCC is the borrow */
    emit(c, round);
    if (!loop->falls && (scc == SCC_DEAD || scc == SCC_0)) { /* no borrow: SCC is 0 */
        branch(c, S_CBRANCH_SCC0, (c->inst[loop->head].address - begin) / 4);
    } else {
        size_t look = c->used;
        branch(c, S_CBRANCH_SCC1, look);
        restore_scc(c, scc);
        go_on(c, loop, begin);
        retarget(c, look, c->used);
    }
    if (round == REEF_INSIDE_LONG)
        send_for_flag(c);
    emit(c, 0xbf8cc07fu);                   /* s_waitcnt lgkmcnt(0) */
    emit(c, 0xbf070000u | 128 << 8 | word); /* s_cmp_lg_u32 word, 0 */
    branch(c, S_CBRANCH_SCC1, end_code);
    if (round < REEF_INSIDE_LONG)
        send_for_flag(c);
    emit(c, 0xb0000000u | count << 16 | REEF_INSIDE_CYCLES); /* s_movk_i32 count, ... */
    restore_scc(c, scc);
    go_on(c, loop, begin);
}

/* As guard.c ends a wavefront: chain, then record. EXEC may be anything, so it is set. */
static void write_end(struct copy *c)
{
    unsigned poll = c->s + REEF_INSIDE_POLL, record = c->s + REEF_INSIDE_RECORD;
    emit(c, 0xbefe0181u);                  /* s_mov_b64 exec, 1 */
    emit(c, 0x7e000280u);                  /* v_mov_b32 v0, 0 */
    emit(c, 0x7e020281u);                  /* v_mov_b32 v1, 1 */
    emit(c, sop2(S_AND, poll, poll, 255)); /* from the replica to the queue's line */
    emit(c, ~(uint32_t)(REEF_LINE_BYTES - 1));
    emit(c, 0xdc708000u | REEF_GUARD_CHAIN); /* global_store_dword v0, v1, poll */
    emit(c, 1 << 8 | poll << 16);
    emit(c, 0xdc708000u); /* global_store_dword v0, v1, record */
    emit(c, 1 << 8 | record << 16);
    emit(c, 0xbf8c0f70u); /* s_waitcnt vmcnt(0) */
    emit(c, 0xbf810000u); /* s_endpgm */
}

/* The first wait for scalar loads, if all that comes before it is run once and in order; or NULL.
 */
static const struct isa_inst *first_wait(const struct copy *c)
{
    for (unsigned i = 0; i < c->count; i++) {
        const struct isa_inst *inst = &c->inst[i];
        if (inside_is_branch(inst) || inst->op->flags & ISA_END)
            return NULL;
        for (unsigned n = 0; n < c->count; n++)
            if (inside_is_branch(&c->inst[n]) && isa_target(&c->inst[n]) == inst->address)
                return NULL;
        if (isa_id(inst->op) == ISA_ID_s_waitcnt && (inst->fields.imm >> 8 & 15) == 0)
            return inst;
    }
    return NULL;
}

/* s_load_dword or s_load_dwordx2 of the pair, from the address in it, glc. */
static void load_from_itself(struct copy *c, unsigned pair, bool two, unsigned offset)
{
    emit(c, 0xc0030000u | (unsigned)two << 18 | pair << 6 | pair >> 1);
    emit(c, offset);
    emit(c, 0xbf8cc07fu); /* s_waitcnt lgkmcnt(0) */
}

/* What the first work-group does: if the board's word is up, raises the flag and its replicas, and
 * ends; else goes back to @back. It may change SCC, and leaves 0 in the word. */
static void write_relay(struct copy *c, size_t back, size_t end_code)
{
    unsigned poll = c->s + REEF_INSIDE_POLL, word = c->s + REEF_INSIDE_WORD;
    emit(c, sop2(S_AND, word, poll, 255)); /* from the replica to the queue's line */
    emit(c, ~(uint32_t)(REEF_LINE_BYTES - 1));
    emit(c, 0xbe800000u | (word + 1) << 16 | (poll + 1)); /* s_mov_b32 */
    load_from_itself(c, word, true, REEF_GUARD_BOARD);
    emit(c, 0xbf120000u | 128 << 8 | word); /* s_cmp_eq_u64 word, 0 */
    branch(c, S_CBRANCH_SCC1, back);
    load_from_itself(c, word, false, 0);
    emit(c, 0xbf060000u | 128 << 8 | word); /* s_cmp_eq_u32 word, 0 */
    branch(c, S_CBRANCH_SCC1, back);
    emit(c, 0xbefe0181u); /* s_mov_b64 exec, 1 */
    emit(c, 0x7e000280u); /* v_mov_b32 v0, 0 */
    emit(c, 0x7e020281u); /* v_mov_b32 v1, 1 */
    emit(c, sop2(S_AND, poll, poll, 255));
    emit(c, ~(uint32_t)(REEF_LINE_BYTES - 1));
    for (unsigned i = 0; i <= REEF_INSIDE_REPLICAS; i++) {
        emit(c, 0xdc708000u | (i ? i * REEF_GUARD_REPLICA : REEF_GUARD_FLAG));
        emit(c, 1 << 8 | poll << 16); /* global_store_dword v0, v1, poll */
    }
    branch(c, S_BRANCH, end_code);
}

/* In place of the wait: waits, tests flag and chain, goes on behind it. What the guard in front has
 * put into the counter says whether to look at the board; then it begins as a counter. Where SCC
 * matters there is no register to keep it in meanwhile, and nobody looks. */
static bool write_late(struct copy *c, const struct isa_inst *wait, bool counts, uint64_t begin,
                       size_t end_code)
{
    size_t at = (wait->address - begin) / 4, stub = c->used, first = 0;
    unsigned word = c->s + REEF_INSIDE_WORD, count = c->s + REEF_INSIDE_COUNT;
    unsigned saved = c->s + REEF_INSIDE_SAVED;
    bool keep = inside_scc_matters(c, (unsigned)(wait - c->inst) + 1);
    emit(c, 0xbf8c0000u | (uint16_t)wait->fields.imm);
    if (keep)
        emit(c, sop2(S_CSELECT, saved, 129, 128));
    emit(c, sop2(S_OR, word, word, word + 1)); /* sets SCC */
    branch(c, S_CBRANCH_SCC1, end_code);
    if (!keep)
        emit(c, sop2(S_OR, saved, saved, count));
    if (counts)
        emit(c, 0xb0000000u | count << 16 | REEF_INSIDE_CYCLES); /* s_movk_i32 count, ... */
    if (keep) {
        restore_scc(c, SCC_UNKNOWN);
    } else {
        first = c->used;
        branch(c, S_CBRANCH_SCC0, first);
    }
    size_t back = c->used;
    branch(c, S_BRANCH, at + 1);
    if (first) {
        if (!retarget(c, first, c->used))
            return false;
        write_relay(c, back, end_code);
    }
    c->words[at] = 0xbf820000u; /* s_branch */
    return retarget(c, at, stub);
}

static bool write_all(struct reef_inside *out, struct copy *c, unsigned stubs, uint64_t begin)
{
    size_t end_code = c->used;
    const struct isa_inst *wait = first_wait(c);
    write_end(c);
    if (wait && write_late(c, wait, stubs > 0, begin, end_code))
        out->late = true;
    else if (wait)
        return false;
    for (unsigned i = 0; i < c->loops; i++) {
        const struct loop *loop = &c->loop[i];
        if (!inside_wants_stub(c, loop))
            continue;
        size_t stub = c->used;
        size_t from = (c->inst[loop->falls ? loop->head : loop->tail].address - begin) / 4;
        if (c->used + STUB_WORDS + 64 > c->room)
            return false;
        write_stub(c, loop, begin, end_code);
        if (loop->falls)
            c->words[from] = 0xbf820000u; /* s_branch */
        if (!retarget(c, from, stub))
            return false;
        out->loops++;
    }
    for (unsigned i = 0; i < 64; i++)
        emit(c, 0xbf800000u); /* s_nop 0: the instruction fetch reads ahead */
    return true;
}

/* --- registers --- */

/* Wavefronts a SIMD may hold: 256 VGPRs in fours, 800 SGPRs in sixteens, 10 at most (gfx9). */
static bool costs_nothing(const uint8_t *descriptor, unsigned sgprs)
{
    uint32_t rsrc1;
    memcpy(&rsrc1, descriptor + REEF_KD_RSRC1, sizeof(rsrc1));
    unsigned vgprs = ((rsrc1 & 63) + 1) * 4, before = ((rsrc1 >> 6 & 15) / 2 + 1) * 16;
    unsigned after = (sgprs + 6 + 15) / 16 * 16;
    unsigned waves = 256 / vgprs < 10 ? 256 / vgprs : 10;
    unsigned then = 800 / before < waves ? 800 / before : waves;
    return after <= before || 800 / after >= then;
}

static bool make(struct reef_inside *out, struct copy *c, const struct reef_object *object,
                 const struct reef_object_kernel *kernel)
{
    struct reef_guard_registers registers;
    const uint8_t *code = reef_object_at(object, kernel->entry_va, kernel->code_bytes);
    uint64_t begin = kernel->entry_va, end = begin + kernel->code_bytes;
    if (!code || kernel->code_bytes == 0 || kernel->code_bytes > BYTES_MAX ||
        !reef_guard_registers(object->target, kernel->descriptor, &registers) ||
        !decode(c, code, kernel->code_bytes, begin) || !copies(c, begin, end))
        return true;
    if (!inside_find_loops(c))
        return false;
    unsigned stubs = 0, used = sgprs_used(c);
    for (unsigned i = 0; i < c->loops; i++)
        stubs += inside_wants_stub(c, &c->loop[i]);
    c->s = ((used > registers.sgpr + 2 ? used : registers.sgpr + 2) + 1) & ~1u;
    if ((stubs == 0 && !first_wait(c)) || c->s + REEF_INSIDE_SGPRS > SGPRS_MAX ||
        !costs_nothing(kernel->descriptor, c->s + REEF_INSIDE_SGPRS))
        return true;
    c->room = kernel->code_bytes / 4 + stubs * STUB_WORDS + END_WORDS + RELAY_WORDS + 128;
    c->words = malloc(c->room * 4);
    c->original = malloc(kernel->code_bytes);
    if (!c->words || !c->original)
        return false;
    memcpy(c->original, code, kernel->code_bytes);
    memcpy(c->words, code, kernel->code_bytes);
    c->used = kernel->code_bytes / 4;
    if (!write_all(out, c, stubs, begin))
        return true;
    out->code = (uint8_t *)c->words;
    out->bytes = c->used * 4;
    out->sgpr = c->s;
    c->words = NULL;
    return true;
}

bool reef_inside_make(struct reef_inside *out, const struct reef_object *object,
                      const struct reef_object_kernel *kernel)
{
    struct copy c = {0};
    memset(out, 0, sizeof(*out));
    bool enough = make(out, &c, object, kernel);
    if (!out->code)
        *out = (struct reef_inside){0};
    free(c.inst);
    free(c.loop);
    free(c.bodies);
    free(c.words);
    free(c.original);
    return enough;
}
