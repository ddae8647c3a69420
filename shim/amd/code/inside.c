// SPDX-License-Identifier: Apache-2.0
/* Guards inside of kernels. See inside.h. Encodings: "Vega" ISA, chapter 13; checked against
 * llvm-mc in a test. */
#include "shim/amd/code/inside.h"

#include <stdlib.h>
#include <string.h>

#include "shim/amd/code/guard.h"
#include "shim/amd/code/inside_copy.h"

/* BRANCH_WORDS: a branch's reach; LOOK_WORDS: what looks and the rest may take. */
enum { BYTES_MAX = 100 << 10, SGPRS_MAX = 102, BRANCH_WORDS = 32767, LOOK_WORDS = 6000 };

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
static bool copies(const struct copy *c)
{
    for (unsigned i = 0; i < c->count; i++) {
        const struct isa_inst *inst = &c->inst[i];
        if (isa_id(inst->op) == ISA_ID_s_getpc_b64)
            return false;
        if (inside_is_branch(inst) && (inst->format != ISA_SOPP || c->next[i][1] < 0))
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

/* --- instructions --- */

enum { S_CSELECT = 10, S_AND = 12, S_OR = 14, S_OR_64 = 15 }; /* SOP2 */

static uint32_t sop2(unsigned op, unsigned d, unsigned a, unsigned b)
{
    return 0x80000000u | op << 23 | d << 16 | b << 8 | a;
}

static const uint32_t S_BRANCH = 0xbf820000u, S_CBRANCH_SCC1 = 0xbf850000u,
                      S_WAIT_SCALAR = 0xbf8cc07fu; /* s_waitcnt lgkmcnt(0) */

/* s_load_dword or s_load_dwordx2, glc. Two must not overwrite their own address: see guard.c. */
static void s_load(struct copy *c, bool two, unsigned d, unsigned base, unsigned offset)
{
    inside_emit(c, 0xc0030000u | (unsigned)two << 18 | d << 6 | base >> 1);
    inside_emit(c, offset);
}

/* s_cmp_eq_u32 or s_cmp_lg_u32 with 0 */
static uint32_t s_cmp_0(bool equal, unsigned s)
{
    return (equal ? 0xbf060000u : 0xbf070000u) | 128 << 8 | s;
}

static void save_scc(struct copy *c, bool keep)
{
    if (keep)
        inside_emit(c, sop2(S_CSELECT, c->s + REEF_INSIDE_SAVED, 129, 128)); /* saved, 1, 0 */
}

static void restore_scc(struct copy *c, bool keep)
{
    if (keep)
        inside_emit(c, s_cmp_0(false, c->s + REEF_INSIDE_SAVED));
}

/* From a replica's address to the queue's line. */
static void to_line(struct copy *c, unsigned d)
{
    inside_emit(c, sop2(S_AND, d, c->s + REEF_INSIDE_POLL, 255));
    inside_emit(c, ~(uint32_t)(REEF_LINE_BYTES - 1));
}

/* --- looks --- */

/* What of a look stands before instruction @i. */
static void write_look(struct copy *c, unsigned i, unsigned what, unsigned end)
{
    unsigned word = c->s + REEF_INSIDE_WORD;
    if (what & INSIDE_TEST) {
        save_scc(c, c->scc[i]);
        if (what & INSIDE_WAIT)
            inside_emit(c, S_WAIT_SCALAR);
        inside_emit(c, s_cmp_0(false, word));
        inside_branch(c, S_CBRANCH_SCC1, end);
        restore_scc(c, c->scc[i]);
    }
    if (what & INSIDE_SEND)
        s_load(c, false, word, c->s + REEF_INSIDE_POLL, REEF_GUARD_REPLICA);
}

/* As guard.c ends a wavefront: chain, then record. EXEC may be anything, so it is set; and VGPRs
 * may be indexed. */
static void write_end(struct copy *c)
{
    unsigned poll = c->s + REEF_INSIDE_POLL, record = c->s + REEF_INSIDE_RECORD;
    inside_emit(c, 0xbf9c0000u); /* s_set_gpr_idx_off */
    inside_emit(c, 0xbefe0181u); /* s_mov_b64 exec, 1 */
    inside_emit(c, 0x7e000280u); /* v_mov_b32 v0, 0 */
    inside_emit(c, 0x7e020281u); /* v_mov_b32 v1, 1 */
    to_line(c, poll);
    inside_emit(c, 0xdc708000u | REEF_GUARD_CHAIN); /* global_store_dword v0, v1, poll */
    inside_emit(c, 1 << 8 | poll << 16);
    inside_emit(c, 0xdc708000u); /* global_store_dword v0, v1, record */
    inside_emit(c, 1 << 8 | record << 16);
    inside_emit(c, 0xbf8c0f70u); /* s_waitcnt vmcnt(0) */
    inside_emit(c, 0xbf810000u); /* s_endpgm */
}

/* --- the first look --- */

static bool writes_scalar(const struct isa_inst *inst, unsigned first, unsigned count)
{
    for (unsigned n = 0; n < inst->operands; n++) {
        const struct isa_operand *o = &inst->operand[n];
        if (o->kind == ISA_KIND_SGPR && o->access & ISA_WRITE && o->reg < first + count &&
            first < (unsigned)o->reg + o->dwords)
            return true;
    }
    return false;
}

/*
 * Before which instruction the first look stands: behind the first wait for scalar loads, or, with
 * a wait of its own, where there is a branch or what a branch leads to, a store or the end. So all
 * before it is run once and in order, and does nothing that counts.
 */
static unsigned first_look(const struct copy *c, bool *waits)
{
    unsigned i = 0;
    *waits = true;
    for (; i < c->count; i++) {
        const struct isa_inst *inst = &c->inst[i];
        if (inside_is_branch(inst) || inst->op->flags & (ISA_END | ISA_BARRIER | ISA_MESSAGE) ||
            (inst->memory.access != ISA_ACCESS_NONE && inst->memory.access != ISA_ACCESS_LOAD))
            return i;
        if (c->target[i])
            return i;
        *waits = !inside_waits_for_scalar(inst);
        if (!*waits)
            return i + 1;
    }
    return i;
}

/* Goes on at @back but in the first work-group: ids of 0 in as many dimensions as the kernel has
 * them (COMPUTE_PGM_RSRC2's bits 7, 8 and 9; they stand behind the user SGPRs). False: there is no
 * telling, for it has none, or the @before first instructions lose them. */
static bool write_is_first(struct copy *c, uint32_t rsrc2, unsigned before, unsigned back)
{
    unsigned id = rsrc2 >> 1 & 31, ids = (unsigned)__builtin_popcount(rsrc2 >> 7 & 7);
    unsigned any = c->s + REEF_INSIDE_SAVED;
    bool lost = ids == 0;
    for (unsigned i = 0; i < before; i++)
        lost = lost || writes_scalar(&c->inst[i], id, ids);
    if (lost)
        return false;
    inside_emit(c, 0xbe800000u | any << 16 | id); /* s_mov_b32 */
    for (unsigned n = 1; n < ids; n++)
        inside_emit(c, sop2(S_OR, any, any, id + n));
    inside_emit(c, s_cmp_0(false, any));
    inside_branch(c, S_CBRANCH_SCC1, back);
    return true;
}

/* What the first work-group does: if the board's word is up, raises the flag and its replicas, and
 * ends; else goes on at @back. It leaves 0 in the word. */
static void write_relay(struct copy *c, unsigned back, unsigned end)
{
    unsigned poll = c->s + REEF_INSIDE_POLL, word = c->s + REEF_INSIDE_WORD;
    unsigned line = word + 2;
    to_line(c, line);
    inside_emit(c, 0xbe800000u | (line + 1) << 16 | (poll + 1)); /* s_mov_b32 */
    s_load(c, true, word, line, REEF_GUARD_BOARD);
    inside_emit(c, S_WAIT_SCALAR);
    inside_emit(c, 0xbf120000u | 128 << 8 | word); /* s_cmp_eq_u64 word, 0 */
    inside_branch(c, S_CBRANCH_SCC1, back);
    s_load(c, false, word, word, 0);
    inside_emit(c, S_WAIT_SCALAR);
    inside_emit(c, s_cmp_0(true, word));
    inside_branch(c, S_CBRANCH_SCC1, back);
    inside_emit(c, 0xbefe0181u); /* s_mov_b64 exec, 1 */
    inside_emit(c, 0x7e000280u); /* v_mov_b32 v0, 0 */
    inside_emit(c, 0x7e020281u); /* v_mov_b32 v1, 1 */
    to_line(c, poll);
    for (unsigned i = 0; i <= REEF_INSIDE_REPLICAS; i++) {
        inside_emit(c, 0xdc708000u | (i ? i * REEF_GUARD_REPLICA : REEF_GUARD_FLAG));
        inside_emit(c, 1 << 8 | poll << 16); /* global_store_dword v0, v1, poll */
    }
    inside_branch(c, S_BRANCH, end);
}

/*
 * Tests the beginning of the queue's line, which the guard in front has sent for: flag, chain,
 * whether to look at the board, 0. If all is 0, as commonly, it goes on. Where SCC matters nobody
 * looks at the board.
 */
static void write_first_look(struct copy *c, unsigned at, bool waits, unsigned seldom, unsigned end)
{
    unsigned word = c->s + REEF_INSIDE_WORD;
    bool keep = at >= c->count || c->scc[at];
    if (waits)
        inside_emit(c, S_WAIT_SCALAR);
    save_scc(c, keep);
    if (keep)
        inside_emit(c, sop2(S_OR, word, word, word + 1)); /* sets SCC */
    else
        inside_emit(c, sop2(S_OR_64, word + 2, word, word + 2)); /* sets SCC */
    inside_branch(c, S_CBRANCH_SCC1, keep ? end : seldom);
    restore_scc(c, keep);
}

static void write_seldom(struct copy *c, uint32_t rsrc2, unsigned at, unsigned back, unsigned end)
{
    unsigned word = c->s + REEF_INSIDE_WORD;
    inside_emit(c, sop2(S_OR, word, word, word + 1)); /* sets SCC */
    inside_branch(c, S_CBRANCH_SCC1, end);
    if (write_is_first(c, rsrc2, at, back))
        write_relay(c, back, end);
    else
        inside_branch(c, S_BRANCH, back);
}

/* --- the copy --- */

/* As many of the instructions before @at as the guard has room for. */
static void take_prologue(struct reef_inside *out, const struct copy *c, unsigned at)
{
    for (unsigned i = 0; i < at; i++) {
        unsigned words = c->inst[i].bytes / 4;
        if (out->prologue_words + words > REEF_INSIDE_PROLOGUE)
            return;
        memcpy(&out->prologue[out->prologue_words],
               c->original + (c->inst[i].address - c->inst[0].address), c->inst[i].bytes);
        out->prologue_words += words;
    }
}

static void write_main_text(struct reef_inside *out, struct copy *c, uint32_t rsrc2, unsigned end)
{
    unsigned seldom = inside_labels(c, 2), back = seldom + 1;
    bool waits;
    unsigned at = first_look(c, &waits);
    take_prologue(out, c, waits ? at : at - 1);
    for (unsigned i = 0; i < c->count; i++) {
        if (i == at) {
            write_first_look(c, at, waits, seldom, end);
            inside_label_here(c, back);
        }
        inside_label_here(c, i);
        write_look(c, i, c->look[i], end);
        out->looks += (c->look[i] & INSIDE_SEND) != 0;
        inside_put(c, i, NULL, 0, (int32_t)i + 1);
    }
    inside_label_here(c, seldom);
    write_seldom(c, rsrc2, at, back, end);
}

/* In the order of the main text, but from the head on; and then the next one. @members: the
 * instructions of its body. */
static void write_copy(struct copy *c, const struct loop *loop, const unsigned *members,
                       unsigned nth, unsigned end)
{
    unsigned base = loop->label + (nth - 1) * loop->size, at = loop->body[loop->head] - 1;
    bool last = nth == loop->copies;
    unsigned what =
        (last ? INSIDE_SEND : 0) | (nth == loop->test_copy ? INSIDE_TEST | INSIDE_WAIT : 0);
    for (unsigned left = loop->size; left > 0; left--) {
        unsigned i = members[at], after = at + 1 < loop->size ? at + 1 : 0;
        inside_label_here(c, base + at);
        write_look(c, i, c->last[i] & what, end);
        inside_put(c, i, loop, nth,
                   left > 1 ? (int32_t)(base + after)
                   : last   ? -1
                            : (int32_t)(base + loop->size + loop->body[loop->head] - 1));
        at = after;
    }
}

static void write_copies(struct copy *c, const struct loop *loop, unsigned end)
{
    unsigned *members = malloc(loop->size * sizeof(*members)), count = 0;
    for (unsigned i = 0; i < c->count && members; i++)
        if (loop->body[i])
            members[count++] = i;
    for (unsigned nth = 1; nth <= loop->copies && members; nth++)
        write_copy(c, loop, members, nth, end);
    c->failed = c->failed || !members;
    free(members);
}

/* The looks on the ways back to the last copy, if several loops lead there. */
static void write_looks_of_nest(struct copy *c, const struct loop *nest, unsigned end)
{
    for (unsigned n = 0; n < c->loops && !nest->innermost; n++) {
        const struct loop *loop = &c->loop[n];
        if (loop->nest != nest)
            continue;
        inside_label_here(c, loop->look);
        write_look(c, loop->head, INSIDE_SEND | INSIDE_TEST | INSIDE_WAIT, end);
        inside_branch(c, S_BRANCH,
                      nest->label + (nest->copies - 1) * nest->size + nest->body[loop->head] - 1);
    }
}

static bool write_all(struct reef_inside *out, struct copy *c, uint32_t rsrc2)
{
    inside_labels(c, c->count); /* the instructions' own */
    unsigned end = inside_labels(c, 1);
    for (unsigned n = 0; n < c->loops; n++) {
        c->loop[n].label = inside_labels(c, c->loop[n].copies * c->loop[n].size);
        c->loop[n].look = inside_labels(c, 1);
    }
    write_main_text(out, c, rsrc2, end);
    for (unsigned n = 0; n < c->loops; n++) {
        if (c->loop[n].copies > 0) {
            write_copies(c, &c->loop[n], end);
            write_looks_of_nest(c, &c->loop[n], end);
        }
        out->looks += c->loop[n].copies > 0;
    }
    out->loops = c->loops;
    inside_label_here(c, end);
    write_end(c);
    for (unsigned i = 0; i < 64; i++)
        inside_emit(c, 0xbf800000u); /* s_nop 0: the instruction fetch reads ahead */
    return inside_resolve(c);
}

/* --- registers --- */

/* Wavefronts a SIMD may hold: 256 VGPRs in fours, 800 SGPRs in sixteens, 10 at most (gfx9). */
static unsigned waves(const uint8_t *descriptor, unsigned sgprs)
{
    uint32_t rsrc1;
    memcpy(&rsrc1, descriptor + REEF_KD_RSRC1, sizeof(rsrc1));
    unsigned vgprs = ((rsrc1 & 63) + 1) * 4, before = ((rsrc1 >> 6 & 15) / 2 + 1) * 16;
    unsigned after = sgprs ? (sgprs + 6 + 15) / 16 * 16 : before;
    unsigned by_vgprs = 256 / vgprs, by_sgprs = 800 / (after > before ? after : before);
    unsigned both = by_vgprs < by_sgprs ? by_vgprs : by_sgprs;
    return both < 10 ? both : 10;
}

static bool make(struct reef_inside *out, struct copy *c, const struct reef_object *object,
                 const struct reef_object_kernel *kernel)
{
    struct reef_guard_registers registers;
    c->original = reef_object_at(object, kernel->entry_va, kernel->code_bytes);
    if (!c->original || kernel->code_bytes == 0 || kernel->code_bytes > BYTES_MAX ||
        !reef_guard_registers(object->target, kernel->descriptor, &registers) ||
        !decode(c, c->original, kernel->code_bytes, kernel->entry_va))
        return true;
    if (!inside_find_ways(c))
        return false;
    if (!copies(c))
        return true;
    unsigned used = sgprs_used(c);
    uint32_t rsrc2;
    memcpy(&rsrc2, kernel->descriptor + REEF_KD_RSRC2, sizeof(rsrc2));
    c->s = ((used > registers.sgpr + 2 ? used : registers.sgpr + 2) + 3) & ~3u;
    c->waves = waves(kernel->descriptor, 0);
    c->spare = BRANCH_WORDS - LOOK_WORDS - kernel->code_bytes / 4;
    if (c->s + REEF_INSIDE_SGPRS > SGPRS_MAX ||
        waves(kernel->descriptor, c->s + REEF_INSIDE_SGPRS) < c->waves)
        return true;
    if (!inside_find_loops(c) || !inside_choose_places(c))
        return false;
    if (!write_all(out, c, rsrc2))
        return !c->failed;
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
    free(c.next);
    free(c.order);
    free(c.loop);
    free(c.bodies);
    free(c.target);
    free(c.scc);
    free(c.look);
    free(c.last);
    free(c.words);
    free(c.references);
    free(c.labels);
    return enough;
}
