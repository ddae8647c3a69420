// SPDX-License-Identifier: Apache-2.0
/*
 * Writes a kernel's copy: its instructions in their order, others between them, and several copies
 * of a short loop's body, so that a look at the flag serves many rounds. Branches lead to labels,
 * which get their places at the end. Pure.
 *
 * Why a copied body is right whatever the code is: each copy of an instruction leads to some copy
 * of each of its successors, so every way through what is written is a way through the original.
 */
#include <stdlib.h>
#include <string.h>

#include "shim/amd/code/inside_copy.h"

static const uint32_t S_BRANCH = 0xbf820000u;

/* Room for one more of @size bytes, or failed. */
static bool grow(struct copy *c, void **array, size_t count, size_t *room, size_t size)
{
    if (c->failed)
        return false;
    if (count < *room)
        return true;
    size_t more = *room ? 2 * *room : 256;
    void *grown = realloc(*array, more * size);
    c->failed = grown == NULL;
    if (c->failed)
        return false;
    *array = grown;
    *room = more;
    return true;
}

unsigned inside_labels(struct copy *c, unsigned count)
{
    unsigned first = c->label_count;
    size_t *grown = realloc(c->labels, (first + (size_t)count) * sizeof(*grown));
    if (!grown) {
        c->failed = true;
        return first;
    }
    c->labels = grown;
    for (unsigned i = first; i < first + count; i++)
        grown[i] = SIZE_MAX;
    c->label_count += count;
    return first;
}

void inside_label_here(struct copy *c, unsigned label)
{
    if (label < c->label_count)
        c->labels[label] = c->used;
}

void inside_emit(struct copy *c, uint32_t word)
{
    void *words = c->words;
    if (!grow(c, &words, c->used, &c->room, sizeof(*c->words)))
        return;
    c->words = words;
    c->words[c->used++] = word;
}

void inside_branch(struct copy *c, uint32_t word, unsigned label)
{
    void *references = c->references;
    if (!grow(c, &references, c->reference_count, &c->reference_room, sizeof(*c->references)))
        return;
    c->references = references;
    c->references[c->reference_count++] = (struct reference){.at = c->used, .label = label};
    inside_emit(c, word & 0xffff0000u);
}

/* Where the way from @from in that copy to @to leads. The main text's label of an instruction is
 * its number. A way back leads some copies further, but not past the last one, from there to the
 * first ones. */
static unsigned destination(const struct copy *c, unsigned from, unsigned to,
                            const struct loop *loop, unsigned nth)
{
    const struct loop *back = inside_loop_of(c, from, to), *nest = back ? back->nest : loop;
    if (!nest || !nest->body[to])
        return to;
    unsigned copy = nest == loop ? nth : 0;
    if (back)
        copy = (copy < nest->copies ? copy : 0) + back->advance;
    copy = copy < nest->copies ? copy : nest->copies;
    if (back && copy == nest->copies && !nest->innermost)
        return back->look;
    return nest->label + (copy - 1) * nest->size + nest->body[to] - 1;
}

void inside_put(struct copy *c, unsigned i, const struct loop *loop, unsigned nth, int32_t behind)
{
    const struct isa_inst *inst = &c->inst[i];
    uint64_t at = inst->address - c->inst[0].address;
    uint32_t words[3];
    memcpy(words, c->original + at, inst->bytes);
    if (inside_is_branch(inst)) {
        unsigned label = destination(c, i, (unsigned)c->next[i][1], loop, nth);
        if (inst->op->flags & ISA_CONDITIONAL || behind < 0 || label != (unsigned)behind)
            inside_branch(c, words[0], label);
    } else {
        for (unsigned n = 0; n < inst->bytes / 4; n++)
            inside_emit(c, words[n]);
    }
    if (c->next[i][0] < 0)
        return;
    unsigned label = destination(c, i, (unsigned)c->next[i][0], loop, nth);
    if (behind < 0 || label != (unsigned)behind)
        inside_branch(c, S_BRANCH, label);
}

bool inside_resolve(struct copy *c)
{
    for (size_t i = 0; i < c->reference_count && !c->failed; i++) {
        size_t at = c->references[i].at, to = c->labels[c->references[i].label];
        int64_t distance = (int64_t)to - (int64_t)(at + 1);
        if (to == SIZE_MAX || distance < INT16_MIN || distance > INT16_MAX)
            return false;
        c->words[at] |= (uint16_t)distance;
    }
    return !c->failed;
}
