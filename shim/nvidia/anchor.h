// SPDX-License-Identifier: Apache-2.0
/* One context's anchor (anchor_kernel.c), and what the program's calls mean for one
 * (anchor_calls.c), for anchor.c, which decides when there is to be one. */
#pragma once

#include "shim/nvidia/nvidia.h"

enum {
    ANCHOR_LIMIT_NS = 4000000, /* it ends by itself; renewed at half of it as long as work comes */
    ANCHOR_STREAMS = 32,       /* more with work: cuCtxSynchronize is the driver's */
};

/** Of one context. Never freed: another thread may be looking at it. */
struct reef_anchor {
    pthread_mutex_t lock;
    cu_word stream, function;
    _Atomic uint32_t *words; /* registered with the driver; ours */
    cu_word words_at;        /* as the device sees them */
    _Atomic uint32_t number; /* of the last one */
    _Atomic uint64_t placed_ns;
    _Atomic bool up;
    cu_word events[ANCHOR_STREAMS]; /* lock held */
};

/** In the calling thread's context; takes milliseconds. NULL: it cannot be made. */
struct reef_anchor *anchor_new(void);

enum anchor_put { ANCHOR_PUT, ANCHOR_STAYS, ANCHOR_REFUSED };
/** Puts it down, or a fresh one in its place; one that is fresh stays. Its context is current. */
enum anchor_put anchor_put_down(struct reef_anchor *anchor, uint64_t now_ns);
/** Tells it to end. False: it was not down. */
bool anchor_take_up(struct reef_anchor *anchor);
/** Whether it has ended by itself. */
bool anchor_gave_up(const struct reef_anchor *anchor);
/** Whether it is down, and will be for a while. */
bool anchor_is_fresh(const struct reef_anchor *anchor, uint64_t now_ns);

/** Functions and graphs that were launched before, each in the one place where it can be. */
enum { ANCHOR_LAUNCHED = 4096 };
extern _Atomic cu_word anchor_launched[ANCHOR_LAUNCHED];
static inline _Atomic cu_word *anchor_slot(cu_word launched)
{
    return &anchor_launched[(launched * 0x9e3779b97f4a7c15ull >> 48) % ANCHOR_LAUNCHED];
}
static inline bool anchor_is_known(cu_word launched)
{
    return atomic_load_explicit(anchor_slot(launched), memory_order_relaxed) == launched;
}

/** Whether the call waits for nothing but the program's own work. */
bool anchor_stays_for(const struct cu_api *api, const cu_word *a);
/** What is launched may mean something else from this call on. */
void anchor_forget_launched(const struct cu_api *api, const cu_word *a);
/** Whether it launches blocks that all have to be resident together. */
bool anchor_is_cooperative(const struct cu_api *api, const cu_word *a);
/** Whether it waits for the program's work. */
static inline bool anchor_waits_for_work(const struct cu_api *api)
{
    return api->kind == CU_KIND_SYNC_STREAM || api->kind == CU_KIND_EVENT_SYNC ||
           api->kind == CU_KIND_SYNC_ALL || api->kind == CU_KIND_SYNC_COPY;
}

static inline struct reef_anchor *anchor_of(const struct reef_context *context)
{
    return context ? atomic_load_explicit(&context->anchor, memory_order_acquire) : NULL;
}
