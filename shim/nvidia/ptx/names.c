// SPDX-License-Identifier: Apache-2.0
/* Names by text, in an open hash table; and words of opcodes. See scan.h. */
#include "shim/nvidia/ptx/scan.h"

#include <stdlib.h>
#include <string.h>

bool reef_ptx_grow(void **array, uint32_t count, uint32_t *size, size_t element)
{
    enum { MOST = 1 << 24 };
    if (count < *size)
        return true;
    uint32_t grown_size = *size ? 2 * *size : 16;
    void *grown = grown_size <= MOST ? realloc(*array, grown_size * element) : NULL;
    if (!grown)
        return false;
    *array = grown;
    *size = grown_size;
    return true;
}

static uint64_t hash(struct reef_ptx_span span)
{
    uint64_t h = 14695981039346656037u; /* FNV-1a */
    for (size_t i = 0; i < span.length; i++)
        h = (h ^ (unsigned char)span.text[i]) * 1099511628211u;
    return h ^ h >> 32;
}

static bool same(struct reef_ptx_span a, struct reef_ptx_span b)
{
    return a.length == b.length && memcmp(a.text, b.text, a.length) == 0;
}

/* The slot that @span is in, or would be put into. */
static uint32_t *slot_of(const struct reef_ptx_names *names, struct reef_ptx_span span)
{
    uint32_t at = (uint32_t)hash(span) & (names->slots - 1);
    while (names->slot[at] && !same(names->name[names->slot[at] - 1].span, span))
        at = (at + 1) & (names->slots - 1);
    return &names->slot[at];
}

static bool rehash(struct reef_ptx_names *names)
{
    uint32_t slots = names->slots ? 2 * names->slots : 64;
    uint32_t *slot = calloc(slots, sizeof(*slot));
    if (!slot)
        return false;
    free(names->slot);
    names->slot = slot;
    names->slots = slots;
    for (uint32_t i = 0; i < names->count; i++)
        *slot_of(names, names->name[i].span) = i + 1;
    return true;
}

uint32_t reef_ptx_names_find(const struct reef_ptx_names *names, struct reef_ptx_span span)
{
    uint32_t *slot = names->slots ? slot_of(names, span) : NULL;
    return slot && *slot ? *slot - 1 : REEF_PTX_NONE;
}

uint32_t reef_ptx_names_add(struct reef_ptx_names *names, struct reef_ptx_span span)
{
    if (2 * names->count >= names->slots && !rehash(names))
        return REEF_PTX_NONE;
    uint32_t *slot = slot_of(names, span);
    if (*slot)
        return *slot - 1;
    if (!reef_ptx_grow((void **)&names->name, names->count, &names->size, sizeof(*names->name)))
        return REEF_PTX_NONE;
    names->name[names->count] = (struct reef_ptx_name){.span = span};
    *slot = ++names->count;
    return names->count - 1;
}

void reef_ptx_names_free(struct reef_ptx_names *names)
{
    free(names->name);
    free(names->slot);
    *names = (struct reef_ptx_names){0};
}

/* --- words --- */

bool reef_ptx_span_is(struct reef_ptx_span span, const char *text)
{
    return span.length == strlen(text) && memcmp(span.text, text, span.length) == 0;
}

/* The word of @op at *at, and moves behind it and its dot. Sub-qualifiers (.shared::cta) belong to
 * it. */
static struct reef_ptx_span next_word(struct reef_ptx_span op, size_t *at)
{
    struct reef_ptx_span word = {op.text + *at, 0};
    while (*at + word.length < op.length && word.text[word.length] != '.')
        word.length++;
    *at += word.length + 1;
    return word;
}

bool reef_ptx_op_is(const struct reef_ptx_inst *inst, const char *base)
{
    size_t at = 0;
    return reef_ptx_span_is(next_word(inst->op, &at), base);
}

bool reef_ptx_op_has(const struct reef_ptx_inst *inst, const char *modifier)
{
    size_t at = 0;
    next_word(inst->op, &at);
    while (at < inst->op.length)
        if (reef_ptx_span_is(next_word(inst->op, &at), modifier))
            return true;
    return false;
}
