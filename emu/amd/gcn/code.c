// SPDX-License-Identifier: Apache-2.0
/*
 * Decoded-instruction cache of one address space: for every 4 KiB page of device code that was run,
 * an array with a slot per dword. A slot that was not reached yet has no handler. Slots are filled
 * under a lock and published by their handler pointer (release), pages by the bucket's pointer;
 * both stay until gcn_code_invalidate.
 */
#include "code.h"

#include <pthread.h>
#include <stdlib.h>

enum { BUCKETS = 1024 };

struct gcn_code {
    struct gcn_memory *memory; /* borrowed */
    pthread_mutex_t lock;      /* protects: filling of slots, insertion of pages */
    _Atomic(struct gcn_code_page *) bucket[BUCKETS];
};

struct gcn_code *gcn_code_create(struct gcn_memory *memory)
{
    struct gcn_code *code = calloc(1, sizeof(*code));

    if (!code)
        return NULL;
    code->memory = memory;
    pthread_mutex_init(&code->lock, NULL);
    return code;
}

void gcn_code_invalidate(struct gcn_code *code)
{
    pthread_mutex_lock(&code->lock);
    for (unsigned i = 0; i < BUCKETS; i++) {
        struct gcn_code_page *page = atomic_exchange(&code->bucket[i], NULL), *next;

        for (; page; page = next) {
            next = page->next;
            free(page);
        }
    }
    pthread_mutex_unlock(&code->lock);
}

void gcn_code_destroy(struct gcn_code *code)
{
    if (!code)
        return;
    gcn_code_invalidate(code);
    pthread_mutex_destroy(&code->lock);
    free(code);
}

/* For a slot that stays empty, so that pc is still its address. */
static void unmapped(struct gcn_wave *w, const struct gcn_inst *inst)
{
    gcn_fault_raise(w, GCN_FAULT_UNMAPPED, w->pc);
    strcpy(w->fault.text, "instruction fetch");
}

/* Addresses may be anything, up to the last one. */
static bool has_word(const struct gcn_range *range, uint64_t va)
{
    uint64_t offset = va - range->start, size = range->end - range->start;

    return offset < size && size - offset >= 4;
}

/* Decodes what stands at @va. What is no instruction gets a handler that says so; false: the end of
 * mapped memory is in the way, which may change. */
static bool decode_at(struct gcn_memory *memory, uint64_t va, struct gcn_inst *inst)
{
    struct gcn_range range;
    uint32_t words[3];
    unsigned count = 0;

    /* An instruction may lie across two ranges: ask for every word that is not in the last one. */
    range.start = range.end = 0;
    for (; count < 3; count++) {
        uint64_t at = va + count * 4;

        if (!has_word(&range, at) && (!memory->find(memory, at, &range) || !has_word(&range, at)))
            break;
        memcpy(&words[count], range.host + (at - range.start), 4);
    }
    if (count > 0 && gcn_decode(words, count, inst) != 0)
        return true;
    if (count < 3)
        return false;
    inst->size = 1;
    inst->handler = gcn_fault_illegal;
    return true;
}

gcn_handler gcn_code_fill(struct gcn_code *code, const struct gcn_inst *inst, uint64_t pc)
{
    struct gcn_inst *slot = (struct gcn_inst *)inst, decoded;
    gcn_handler handler;

    pthread_mutex_lock(&code->lock);
    handler = slot->handler;
    if (!handler && !decode_at(code->memory, pc, &decoded)) {
        handler = unmapped;
    } else if (!handler) {
        handler = decoded.handler;
        memcpy((char *)slot + sizeof(handler), (char *)&decoded + sizeof(handler),
               sizeof(decoded) - sizeof(handler));
        __atomic_store_n(&slot->handler, handler, __ATOMIC_RELEASE);
    }
    pthread_mutex_unlock(&code->lock);
    return handler;
}

static struct gcn_code_page *find(struct gcn_code_page *page, uint64_t va)
{
    while (page && page->va != va)
        page = page->next;
    return page;
}

const struct gcn_code_page *gcn_code_page(struct gcn_code *code, uint64_t va)
{
    _Atomic(struct gcn_code_page *) *bucket = &code->bucket[va / GCN_CODE_PAGE % BUCKETS];
    struct gcn_code_page *page;

    va &= ~(uint64_t)(GCN_CODE_PAGE - 1);
    page = find(atomic_load_explicit(bucket, memory_order_acquire), va);
    if (page)
        return page;
    pthread_mutex_lock(&code->lock);
    page = find(atomic_load(bucket), va);
    if (!page) {
        page = aligned_alloc(64, sizeof(*page));
        if (page) {
            memset(page, 0, sizeof(*page));
            page->va = va;
            page->next = atomic_load(bucket);
            atomic_store_explicit(bucket, page, memory_order_release);
        }
    }
    pthread_mutex_unlock(&code->lock);
    return page;
}
