// SPDX-License-Identifier: Apache-2.0
/*
 * The words that guards look at (guard.h). Each context has, once code with guards was loaded in
 * it: lines in the GPU's memory, one for each stream that launches guarded kernels, with the chain
 * and the flags; line 0, whose flags are never raised, for kernels that only follow; records in
 * pinned memory, which the host reads without a call, two words for each launch: its own, and one
 * for its repetition; and a stream of its own with the highest priority, in which the lines are
 * written by the device's front end (cuStreamBatchMemOp): that needs no free multiprocessor.
 *
 * Only the agent writes lines. A stream's flags are up between the core's EVICT and ALLOW; they and
 * the chain are lowered before anything guarded is issued again, the chain only when nothing
 * guarded of the stream is in flight or left to the device (guard_repeat.c): who stands behind
 * something that was ended must find it.
 */
#include "shim/nvidia/guard.h"

#include <stddef.h>
#include <stdlib.h>
#include <string.h>

#include "shim/preload/log.h"

enum {
    LINES = 64,
    LINE_FLAGS = 128, /* the chain before them */
    LINE_BYTES = LINE_FLAGS + REEF_PTX_FLAGS * REEF_PTX_FLAG_STRIDE,
    RECORDS = 8192,
    HOST_PORTABLE_MAPPED = 3, /* CU_MEMHOSTALLOC_PORTABLE | _DEVICEMAP */
    WRITE_VALUE_32 = 2,       /* CU_STREAM_MEM_OP_WRITE_VALUE_32 */
    NONBLOCKING = 1,
    CHANGES = 256, /* of lines in one step; the rest in the next one */
};

/* CUstreamBatchMemOpParams, a union of 48 bytes: its writeValue. */
struct memop {
    uint32_t operation, pad;
    uint64_t address;
    uint32_t value, pad2;
    uint32_t flags, pad3;
    uint64_t alias, pad4;
};
_Static_assert(sizeof(struct memop) == 48, "CUstreamBatchMemOpParams");

/* Of a launch: not 0 unless it was ended (ptx/rewrite.h). Number 0 is of none. */
struct record {
    uint32_t whole, repeated;
};

struct reef_guards {
    cu_word control;                 /* CUstream, owned */
    uint64_t area;                   /* device memory, owned: LINES lines */
    volatile struct record *records; /* pinned memory, owned */
    uint64_t records_at;             /* as the device sees it */
    uint64_t lines_used;             /* bits */
    uint32_t *next_record;           /* of the list that a record is in, 0: the last; owned */
    uint32_t free_record;            /* the first of those that are free; 0: none */
};

static uint64_t line_at(const struct reef_guards *g, int line)
{
    return g->area + (uint64_t)line * LINE_BYTES;
}

/* --- of a context --- */

static uint64_t record_at(const struct reef_guards *g, uint32_t record)
{
    return g->records_at + record * sizeof(struct record);
}

static bool make(struct reef_guards *g, int greatest_priority)
{
    void *records = NULL;
    g->next_record = calloc(RECORDS, sizeof(*g->next_record));
    if (!g->next_record ||
        cu.cuMemAlloc_v2(cu_out(g->area), (cu_word)LINES * LINE_BYTES) != CUDA_SUCCESS ||
        cu.cuMemHostAlloc(cu_out(records), RECORDS * sizeof(struct record), HOST_PORTABLE_MAPPED) !=
            CUDA_SUCCESS)
        return false;
    g->records = records;
    if (cu.cuMemHostGetDevicePointer_v2(cu_out(g->records_at), (cu_word)(uintptr_t)records, 0) !=
            CUDA_SUCCESS ||
        cu.cuStreamCreateWithPriority(cu_out(g->control), NONBLOCKING,
                                      (cu_word)(int64_t)greatest_priority) != CUDA_SUCCESS ||
        cu.cuMemsetD32Async(g->area, 0, (cu_word)LINES * LINE_BYTES / 4, g->control) !=
            CUDA_SUCCESS ||
        cu.cuStreamSynchronize(g->control) != CUDA_SUCCESS)
        return false;
    for (uint32_t i = 1; i < RECORDS; i++) { /* a chain's mark is never 0 (rewrite.h) */
        if ((uint32_t)record_at(g, i) == 0)
            continue;
        g->next_record[i] = g->free_record;
        g->free_record = i;
    }
    g->lines_used = 1;
    return true;
}

static void destroy(struct reef_guards *g)
{
    if (g->control)
        cu.cuStreamDestroy_v2(g->control);
    if (g->records)
        cu.cuMemFreeHost((cu_word)(uintptr_t)g->records);
    if (g->area)
        cu.cuMemFree_v2(g->area);
    free(g->next_record);
    free(g);
}

void cu_guards_open(struct reef_context *context)
{
    static pthread_mutex_t open_lock = PTHREAD_MUTEX_INITIALIZER;
    pthread_mutex_lock(&open_lock);
    if (!context->guards && !context->no_guards) {
        struct reef_guards *g = calloc(1, sizeof(*g));
        if (g && !make(g, context->greatest_priority)) {
            destroy(g);
            g = NULL;
        }
        context->no_guards = !g;
        if (!g)
            reef_warn("no memory for guards: kernels are not evicted");
        pthread_mutex_lock(&reef_cuda.lock);
        context->guards = g;
        pthread_mutex_unlock(&reef_cuda.lock);
    }
    pthread_mutex_unlock(&open_lock);
}

/* The context is gone, and with it what is the driver's. The rest is kept: the agent may look at
 * it. */
void cu_guards_forget(struct reef_context *context)
{
    pthread_mutex_lock(&reef_cuda.lock);
    context->guards = NULL;
    context->no_guards = false;
    pthread_mutex_unlock(&reef_cuda.lock);
}

/* --- of a stream and a launch --- */

bool cu_guard_take_locked(struct reef_stream *s, uint32_t *record)
{
    struct reef_guards *g = s->context->guards;
    if (!g || g->free_record == 0)
        return false;
    if (s->line == 0) {
        if (~g->lines_used == 0)
            return false;
        s->line = __builtin_ctzll(~g->lines_used);
        g->lines_used |= 1ull << s->line;
        s->guards = g;
    }
    *record = g->free_record;
    g->free_record = g->next_record[*record];
    g->records[*record].whole = g->records[*record].repeated = 1;
    return true;
}

static void put_first(struct reef_guards *g, uint32_t *list, uint32_t record)
{
    g->next_record[record] = *list;
    *list = record;
}

void cu_guard_give_locked(struct reef_stream *s, uint32_t record)
{
    put_first(s->guards, &s->guards->free_record, record);
}

void cu_guard_keep_locked(struct reef_stream *s, uint32_t record)
{
    put_first(s->guards, &s->kept_record, record);
}

void cu_guard_give_kept_locked(struct reef_stream *s)
{
    for (uint32_t record; (record = s->kept_record) != 0;) {
        s->kept_record = s->guards->next_record[record];
        cu_guard_give_locked(s, record);
    }
}

bool cu_guard_ended(const struct reef_stream *s, uint32_t record)
{
    return s->guards->records[record].whole == 0;
}

void cu_guard_words(const struct reef_stream *s, uint32_t record, bool evictable, uint64_t *words)
{
    const struct reef_guards *g = s->guards;
    words[0] = line_at(g, s->line);
    words[1] = line_at(g, evictable ? s->line : 0) + LINE_FLAGS;
    words[2] = record_at(g, record) + offsetof(struct record, whole);
}

void cu_guard_repeat_words(const struct reef_stream *s, uint32_t record, uint64_t *words)
{
    const struct reef_guards *g = s->guards;
    words[0] = record_at(g, record) + offsetof(struct record, whole);
    words[1] = line_at(g, 0) + LINE_FLAGS;
    words[2] = record_at(g, record) + offsetof(struct record, repeated);
}

/* The stream is no more. What is not lowered, or may yet be looked at by its kernels, is never used
 * again. */
void cu_guard_close_line_locked(struct reef_stream *s)
{
    if (s->line && !s->flags_are_up && !s->chain_is_up && !s->left && s->resolved >= s->enqueued)
        s->guards->lines_used &= ~(1ull << s->line);
    s->line = 0;
    s->left = false;
    s->kept_record = 0;
    s->guards = NULL;
}

/* --- the agent --- */

static cu_result write_line(const struct reef_guards *g, int line, bool flags, bool chain,
                            uint32_t value)
{
    struct memop ops[REEF_PTX_FLAGS + 1];
    unsigned count = 0;
    memset(ops, 0, sizeof(ops));
    for (int i = 0; i < REEF_PTX_FLAGS && flags; i++)
        ops[count++].address = line_at(g, line) + LINE_FLAGS + (uint64_t)i * REEF_PTX_FLAG_STRIDE;
    if (chain)
        ops[count++].address = line_at(g, line);
    for (unsigned i = 0; i < count; i++) {
        ops[i].operation = WRITE_VALUE_32;
        ops[i].value = value;
    }
    return cu.cuStreamBatchMemOp_v2(g->control, count, (cu_word)(uintptr_t)ops, 0);
}

struct change {
    struct reef_guards *guards;
    struct reef_context *context;
    int line;
    bool raise, flags, chain;
};

static bool wanted_locked(struct reef_stream *s, struct change *c)
{
    bool raise = s->flags_wanted && !s->left;
    bool lower_chain = s->chain_is_up && s->in_flight == 0 && !s->flags_wanted && !s->left;
    if (s->line == 0 || s->context->paused || (raise == s->flags_are_up && !lower_chain))
        return false;
    s->context->asking++; /* until it is done: the context is not destroyed meanwhile */
    *c = (struct change){
        .guards = s->guards,
        .context = s->context,
        .line = s->line,
        .raise = raise,
        .flags = raise != s->flags_are_up,
        .chain = lower_chain,
    };
    s->flags_are_up = raise;
    s->chain_is_up = s->chain_is_up && !lower_chain;
    return true;
}

void cu_guards_step(void)
{
    struct reef_cuda *cuda = &reef_cuda;
    struct reef_guards *waits[8] = {0};
    unsigned waiting = 0, changes = 0;
    struct reef_context *of[CHANGES];
    for (struct reef_stream *s = __atomic_load_n(&cuda->streams, __ATOMIC_ACQUIRE); s;
         s = s->all_next) {
        struct change c;
        pthread_mutex_lock(&cuda->lock);
        bool any = s->key && changes < CHANGES && wanted_locked(s, &c);
        pthread_mutex_unlock(&cuda->lock);
        if (!any)
            continue;
        of[changes++] = c.context;
        cu_make_current(c.context->handle);
        cu_result result = write_line(c.guards, c.line, c.flags, c.chain, c.raise);
        reef_debug("%s flags of stream %llx: %d", c.raise ? "raised" : "lowered",
                   (unsigned long long)s->handle, result);
        if (c.raise)
            continue;
        /* It must be so on the device before anything guarded is issued. */
        bool known = false;
        for (unsigned i = 0; i < waiting; i++)
            known = known || waits[i] == c.guards;
        if (!known && waiting < 8)
            waits[waiting++] = c.guards;
        else if (!known)
            cu.cuStreamSynchronize(c.guards->control);
    }
    for (unsigned i = 0; i < waiting; i++)
        cu.cuStreamSynchronize(waits[i]->control);
    pthread_mutex_lock(&cuda->lock);
    for (unsigned i = 0; i < changes; i++)
        of[i]->asking--;
    pthread_mutex_unlock(&cuda->lock);
}
