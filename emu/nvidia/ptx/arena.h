// SPDX-License-Identifier: Apache-2.0
/* Memory that is given back all at once: what a module consists of. Not thread-safe. */
#pragma once

#include <stddef.h>

struct ptx_arena;
struct ptx_arena *ptx_arena_create(void);
void ptx_arena_free(struct ptx_arena *arena);
/** Zeroed, aligned to 64 bytes from 64 bytes on, else to 16. NULL: no memory. */
void *ptx_arena_take(struct ptx_arena *arena, size_t bytes);
char *ptx_arena_text(struct ptx_arena *arena, const char *text, size_t length);
