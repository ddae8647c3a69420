// SPDX-License-Identifier: Apache-2.0
/*
 * Handles. A program may hand us any pointer, also one of an object that is gone, so handles point
 * into one table that is never unmapped, and are looked up there. Freed entries are used again as
 * late as possible; with REEF_EMU_REUSE_HANDLES=1 at once, so that who keeps a handle for too long
 * is found out, or with REEF_EMU_STRICT=1.
 *
 * The driver's lock guards it.
 */
#include "driver.h"

#include <sys/mman.h>

enum { ENTRIES = 1 << 20 };

struct entry {
    uint32_t kind;
    uint32_t next; /* in the list of free ones */
    void *object;
};

static struct entry *entries; /* ENTRIES of them; 0 is never used, so no handle is a small number */
static uint32_t used = 1, first_free, last_free;

void *nv_handle_new(enum nv_kind kind, void *object)
{
    bool reuse = emu_settings()->reuse_handles && first_free;
    struct entry *entry;

    if (!entries) {
        void *map = mmap(NULL, ENTRIES * sizeof(*entries), PROT_READ | PROT_WRITE,
                         MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);

        if (map == MAP_FAILED)
            return NULL;
        entries = map;
    }
    if (!reuse && used < ENTRIES && (used < 4096 || !first_free)) {
        entry = &entries[used++];
    } else if (first_free) {
        entry = &entries[first_free];
        first_free = entry->next;
        if (!first_free)
            last_free = 0;
    } else {
        return NULL;
    }
    *entry = (struct entry){kind, 0, object};
    return entry;
}

void *nv_object(const void *handle, enum nv_kind kind)
{
    uintptr_t offset = (uintptr_t)handle - (uintptr_t)entries;
    const struct entry *entry = handle;

    if (!entries || (uintptr_t)handle < (uintptr_t)entries ||
        offset >= used * sizeof(struct entry) || offset % sizeof(struct entry))
        return NULL;
    if (entry->kind == NV_FREE && emu_settings()->strict) {
        emu_report("a handle is used of an object that is gone");
        abort();
    }
    if (entry->kind != (uint32_t)kind)
        return NULL;
    return entry->object;
}

void nv_handle_free(void *handle)
{
    struct entry *entry = handle;
    uint32_t index = (uint32_t)(entry - entries);

    if (!handle)
        return;
    *entry = (struct entry){NV_FREE, 0, NULL};
    if (emu_settings()->reuse_handles) {
        entry->next = first_free;
        first_free = index;
        return;
    }
    if (last_free)
        entries[last_free].next = index;
    else
        first_free = index;
    last_free = index;
}

/* Where the object keeps its handle, if it goes with the context; else NULL. */
static void **handle_within(const struct entry *entry, const struct nv_context *ctx)
{
    struct nv_function *function = entry->object;
    struct nv_stream *stream = entry->object;
    struct nv_module *module = entry->object;
    struct nv_event *event = entry->object;

    switch (entry->kind) {
    case NV_STREAM:
        return stream->ctx == ctx ? &stream->handle : NULL;
    case NV_EVENT:
        return event->ctx == ctx ? &event->handle : NULL;
    case NV_TEXREF:
        return nv_texref_handle(entry->object, ctx);
    case NV_MODULE:
        return module->ctx == ctx ? &module->handle : NULL;
    case NV_FUNCTION:
        return function->module->ctx == ctx ? &function->handle : NULL;
    default:
        return NULL;
    }
}

void nv_handles_drop(struct nv_context *ctx)
{
    for (uint32_t i = 1; i < used; i++) {
        void **handle = handle_within(&entries[i], ctx);

        if (!handle)
            continue;
        nv_handle_free(*handle);
        *handle = NULL;
    }
    nv_handle_free(ctx->handle);
    ctx->handle = NULL;
}
