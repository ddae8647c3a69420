// SPDX-License-Identifier: Apache-2.0
/*
 * Guards, instruction by instruction. See guard.h. Encodings: "Vega" Instruction Set Architecture,
 * chapter 13; a test compares them with llvm-mc.
 */
#include "shim/amd/code/guard.h"

#include <string.h>

#include "shim/amd/code/inside.h"

/* --- encodings --- */

enum { LITERAL = 255, INLINE_0 = 128, VGPR_0 = 256 };

struct code {
    uint32_t words[REEF_GUARD_CODE_BYTES / 4];
    unsigned count;
};

static void emit(struct code *code, uint32_t word)
{
    if (code->count < sizeof(code->words) / sizeof(code->words[0]))
        code->words[code->count] = word;
    code->count++;
}

static void s_mov_literal(struct code *code, unsigned d, uint32_t value)
{
    emit(code, 0xbe800000u | d << 16 | LITERAL);
    emit(code, value);
}

static void s_mov_address(struct code *code, unsigned d, uint64_t value)
{
    s_mov_literal(code, d, (uint32_t)value);
    s_mov_literal(code, d + 1, (uint32_t)(value >> 32));
}

static void v_mov_number(struct code *code, unsigned d, unsigned value)
{
    emit(code, 0x7e000200u | d << 17 | (INLINE_0 + value));
}

/* global_store_dword, the VGPR @data to the address in an SGPR pair; the VGPR @zero is an offset.
 */
static void store(struct code *code, unsigned zero, unsigned data, unsigned base, unsigned offset)
{
    emit(code, 0xdc708000u | offset);
    emit(code, zero | data << 8 | base << 16);
}

enum { LOAD_DWORD = 0, LOAD_DWORDX2 = 1, LOAD_DWORDX4 = 2 };

/* s_load_dword, s_load_dwordx2 or s_load_dwordx4 from the address in an SGPR pair, glc. The address
 * must stay as it is: on xnack+ a load of more than one dword may be done in part, and then again
 * from its beginning (LLVM: SMInstructions.td, "early clobber"). */
static void s_load(struct code *code, unsigned op, unsigned d, unsigned base, unsigned offset)
{
    emit(code, 0xc0030000u | op << 18 | d << 6 | base >> 1);
    emit(code, offset);
}

/* --- the guard --- */

/* Waits for the flag. Returns the number of the branch to the end, to be resolved. */
static unsigned test_flag(struct code *code, enum reef_guard guard, unsigned s, uint64_t line)
{
    unsigned flag = s + 2, chain = s + 3;
    s_mov_address(code, s, line);
    if (guard == REEF_GUARD_EVICT)
        s_load(code, LOAD_DWORDX2, flag, s, REEF_GUARD_FLAG);
    else
        s_load(code, LOAD_DWORD, chain, s, REEF_GUARD_CHAIN);
    emit(code, 0xbf8cc07fu); /* s_waitcnt lgkmcnt(0) */
    if (guard == REEF_GUARD_EVICT)
        emit(code, 0x87000000u | flag << 16 | chain << 8 | flag); /* s_or_b32: sets SCC */
    else
        emit(code, 0xbf070000u | INLINE_0 << 8 | chain); /* s_cmp_lg_u32 chain, 0 */
    emit(code, 0xbf850000u);                             /* s_cbranch_scc1 */
    return code->count - 1;
}

/* What looks inside the copy want (inside.h): the line, and with @s its part for the compute unit.
 * HW_ID's bits 11:8 are the number of that. */
static void choose_replica(struct code *code, unsigned s, unsigned poll)
{
    emit(code, 0xb8800000u | s << 16 | 3 << 11 | 8 << 6 | 4);    /* s_getreg_b32 s, HW_ID 8, 4 */
    emit(code, 0x8e000000u | s << 16 | (INLINE_0 + 7) << 8 | s); /* s_lshl_b32 s, s, 7 */
    emit(code, 0x80000000u | poll << 16 | s << 8 | poll); /* s_add_u32: within the line, no carry */
}

/* In words, of an s_branch at @from to what is @to bytes behind the block's beginning. */
static int64_t distance(unsigned from, uint64_t to)
{
    return (int64_t)(to - (from + 1) * 4) / 4;
}

static bool in_reach(unsigned from, uint64_t to)
{
    return distance(from, to) >= INT16_MIN && distance(from, to) <= INT16_MAX;
}

/* With @s, an SGPR pair, if it is far. */
static void jump_within(struct code *code, unsigned s, uint64_t to)
{
    if (in_reach(code->count, to)) {
        emit(code, 0xbf820000u | (uint16_t)distance(code->count, to)); /* s_branch */
        return;
    }
    emit(code, 0xbe801c00u | s << 16); /* s_getpc_b64: the address of the next instruction */
    uint64_t bytes = to - code->count * 4;
    emit(code, 0x80000000u | s << 16 | LITERAL << 8 | s); /* s_add_u32 */
    emit(code, (uint32_t)bytes);
    emit(code, 0x82000000u | (s + 1) << 16 | LITERAL << 8 | (s + 1)); /* s_addc_u32 */
    emit(code, (uint32_t)(bytes >> 32));
    emit(code, 0xbe801d00u | s); /* s_setpc_b64 */
}

static void jump_to(struct code *code, unsigned s, uint64_t address)
{
    s_mov_address(code, s, address);
    emit(code, 0xbe801d00u | s); /* s_setpc_b64 */
}

/* The chain first, then the record. */
static void end_wavefront(struct code *code, enum reef_guard guard, unsigned s, unsigned v,
                          const struct reef_guard_place *place)
{
    v_mov_number(code, v, 0);
    v_mov_number(code, v + 1, 1);
    if (guard == REEF_GUARD_EVICT) {
        s_mov_address(code, s, place->line);
        store(code, v, v + 1, s, REEF_GUARD_CHAIN);
    }
    s_mov_address(code, s, place->record);
    store(code, v, v + 1, s, 0);
    emit(code, 0xbf8c0f70u); /* s_waitcnt vmcnt(0) */
    emit(code, 0xbf810000u); /* s_endpgm */
}

/* --- registers --- */

static uint32_t read32(const uint8_t *descriptor, unsigned offset)
{
    uint32_t value;
    memcpy(&value, descriptor + offset, sizeof(value));
    return value;
}

/* How many SGPRs are set up at entry: COMPUTE_PGM_RSRC2's user SGPRs (bits 5:1), one each for the
 * work-group ids (7, 8, 9) and the work-group information (10), and the scratch offset (0). */
static unsigned sgprs_at_entry(const struct reef_target *target, uint32_t rsrc2)
{
    unsigned count = rsrc2 >> 1 & 31;
    count += (unsigned)__builtin_popcount(rsrc2 >> 7 & 15);
    return count + (rsrc2 & 1 && !target->flat_scratch ? 1 : 0);
}

bool reef_guard_registers(const struct reef_target *target, const uint8_t *descriptor,
                          struct reef_guard_registers *registers)
{
    enum { USER_SGPRS_MAX = 16 };
    uint32_t rsrc2 = read32(descriptor, REEF_KD_RSRC2);
    uint16_t preload;
    memcpy(&preload, descriptor + REEF_KD_PRELOAD, sizeof(preload));
    /* Preloaded arguments also change where a kernel begins. */
    if (preload != 0 || (rsrc2 >> 1 & 31) > USER_SGPRS_MAX || (rsrc2 >> 11 & 3) == 3)
        return false;
    unsigned ids = target->packed_ids ? 1 : (rsrc2 >> 11 & 3) + 1;
    registers->sgpr = (sgprs_at_entry(target, rsrc2) + 1) & ~1u;
    registers->vgpr = (ids + 1) & ~1u;
    if (target->vgpr_granule == 8) {
        /* gfx90a and later: the accumulation registers begin at 4 * (this + 1). */
        unsigned plain = ((read32(descriptor, REEF_KD_RSRC3) & 63) + 1) * 4;
        return registers->vgpr + 2 <= plain;
    }
    return true;
}

/* COMPUTE_PGM_RSRC1: VGPRs in bits 5:0, SGPRs in 9:6. On gfx9 SGPRs come in sixteens, the field
 * counts eights, and six above the last one used are taken for VCC, FLAT_SCRATCH and XNACK_MASK. */
static uint32_t raise_counts(const struct reef_target *target, uint32_t rsrc1,
                             const struct reef_guard_registers *registers, unsigned inside_sgpr)
{
    enum { EXTRA_SGPRS = 6, SGPR_GRANULE = 16 };
    uint32_t used = inside_sgpr ? inside_sgpr + REEF_INSIDE_SGPRS : registers->sgpr + 4;
    uint32_t vgprs = (registers->vgpr + 2 + target->vgpr_granule - 1) / target->vgpr_granule - 1;
    uint32_t sgprs = 2 * ((used + EXTRA_SGPRS + SGPR_GRANULE - 1) / SGPR_GRANULE - 1);
    if ((rsrc1 & 63) < vgprs)
        rsrc1 = (rsrc1 & ~63u) | vgprs;
    if ((rsrc1 >> 6 & 15) < sgprs)
        rsrc1 = (rsrc1 & ~(15u << 6)) | sgprs << 6;
    return rsrc1;
}

/* Sent for now, tested where the kernel waits for its arguments. What it does before that comes
 * next, if the rest of the copy is near; all else while the loads are under way. */
static void send_for_flag(struct code *code, const struct reef_inside *inside, unsigned s,
                          const struct reef_guard_place *place)
{
    unsigned poll = inside->sgpr + REEF_INSIDE_POLL, record = inside->sgpr + REEF_INSIDE_RECORD;
    uint64_t behind = place->copy + inside->prologue_words * 4;
    bool near = in_reach(0, behind) && in_reach(REEF_GUARD_CODE_BYTES / 4, behind);
    s_mov_address(code, poll, place->line);
    s_load(code, LOAD_DWORDX4, inside->sgpr + REEF_INSIDE_WORD, poll, REEF_GUARD_FLAG);
    for (unsigned i = 0; near && i < inside->prologue_words; i++)
        emit(code, inside->prologue[i]);
    if (inside->looks > 0)
        choose_replica(code, record, poll);
    s_mov_address(code, record, place->record);
    jump_within(code, s, near ? behind : place->copy);
}

static void test_first(struct code *code, enum reef_guard guard, unsigned s, unsigned v,
                       const struct reef_guard_place *place)
{
    unsigned branch = test_flag(code, guard, s, place->line);
    jump_to(code, s, place->entry);
    code->words[branch] |= code->count - branch - 1;
    end_wavefront(code, guard, s, v, place);
}

void reef_guard_write(uint8_t *block, enum reef_guard guard, const struct reef_target *target,
                      const uint8_t *descriptor, const struct reef_guard_registers *registers,
                      const struct reef_guard_place *place)
{
    struct code code = {.count = 0};
    unsigned s = registers->sgpr, v = registers->vgpr;
    if (place->inside)
        send_for_flag(&code, place->inside, s, place);
    else
        test_first(&code, guard, s, v, place);
    while (code.count < sizeof(code.words) / sizeof(code.words[0]))
        emit(&code, 0xbf800000u); /* s_nop 0: the instruction fetch reads ahead */
    memcpy(block, code.words, sizeof(code.words));

    uint8_t *own = block + REEF_GUARD_CODE_BYTES;
    int64_t entry = -REEF_GUARD_CODE_BYTES;
    uint32_t rsrc1 = raise_counts(target, read32(descriptor, REEF_KD_RSRC1), registers,
                                  place->inside ? place->inside->sgpr : 0);
    memcpy(own, descriptor, REEF_DESCRIPTOR_BYTES);
    memcpy(own + REEF_KD_ENTRY, &entry, sizeof(entry));
    memcpy(own + REEF_KD_RSRC1, &rsrc1, sizeof(rsrc1));
}
