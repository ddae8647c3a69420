// SPDX-License-Identifier: Apache-2.0
/* A kernel's instructions, its basic blocks, and which of these begin loops. See program.h. */
#include "shim/amd/code/analysis/program.h"

enum { INSTRUCTIONS_MAX = 1 << 16 };

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

bool program_read(struct analysis *a, struct program *p, const uint8_t *code, uint64_t bytes,
                  bool exact, uint64_t address)
{
    return decode(a, p, code, bytes, exact, address) && make_blocks(a, p);
}

void program_free(struct program *p)
{
    for (uint32_t i = 0; p->blocks && i < p->block_count; i++)
        free(p->blocks[i].in.scalar);
    free(p->blocks);
    free(p->block_of);
    free(p->inst);
}
