// SPDX-License-Identifier: Apache-2.0
/* See arena.h. */
#include "arena.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

enum { CHUNK_BYTES = 65536 };

struct chunk {
    struct chunk *next;
    size_t used, size;
};

struct ptx_arena {
    struct chunk *chunks;
};

struct ptx_arena *ptx_arena_create(void)
{
    return calloc(1, sizeof(struct ptx_arena));
}

void ptx_arena_free(struct ptx_arena *arena)
{
    if (!arena)
        return;
    while (arena->chunks) {
        struct chunk *next = arena->chunks->next;

        free(arena->chunks);
        arena->chunks = next;
    }
    free(arena);
}

static size_t place(const struct chunk *chunk, size_t align)
{
    uintptr_t at = ((uintptr_t)chunk + chunk->used + align - 1) & ~(uintptr_t)(align - 1);

    return at - (uintptr_t)chunk;
}

void *ptx_arena_take(struct ptx_arena *arena, size_t bytes)
{
    size_t align = bytes >= 64 ? 64 : 16;
    struct chunk *chunk = arena->chunks;
    size_t at = chunk ? place(chunk, align) : 0;

    if (bytes > SIZE_MAX / 4)
        return NULL;
    if (!chunk || at + bytes > chunk->size) {
        size_t size = sizeof(*chunk) + bytes + align;

        if (size < CHUNK_BYTES)
            size = CHUNK_BYTES;
        chunk = calloc(1, size);
        if (!chunk)
            return NULL;
        chunk->size = size;
        chunk->used = sizeof(*chunk);
        chunk->next = arena->chunks;
        arena->chunks = chunk;
        at = place(chunk, align);
    }
    chunk->used = at + bytes;
    return (char *)chunk + at;
}

char *ptx_arena_text(struct ptx_arena *arena, const char *text, size_t length)
{
    char *copy = ptx_arena_take(arena, length + 1);

    if (copy)
        memcpy(copy, text, length);
    return copy;
}
