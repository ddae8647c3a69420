// SPDX-License-Identifier: Apache-2.0
/*
 * cuCtxSynchronize beside an anchor. The driver's own would wait for the anchor, or the anchor
 * would have to go, and with it the turn. So the streams that have work are waited for one by one;
 * it is what programs pause with. Where that does not do, the driver is called: there is work that
 * only it knows of (reef_cuda.unseen), or another context has work, which may count too (a green
 * one's, or a graph's node).
 *
 * An event of ours in each, not cuStreamSynchronize: a program may destroy a stream while it is
 * waited for. But never one in the legacy stream: that would be a barrier, so what another thread
 * puts into a blocking stream would wait for what this thread waits for, which may need just that.
 * cuStreamSynchronize puts nothing there; it waits for the legacy stream and the blocking ones,
 * which are to be waited for in any case.
 *
 * cuCtxSynchronize also shows what kernels have printed, whether there is still work or not. So do
 * cuEventSynchronize and cuStreamSynchronize (CUDA C++ Programming Guide, "Formatted Output"); a
 * query does not.
 */
#include "shim/nvidia/anchor.h"

enum {
    NO_TIMING = 2,   /* CU_EVENT_DISABLE_TIMING */
    SLEEPS = 1,      /* CU_EVENT_BLOCKING_SYNC */
    HOW_TO_WAIT = 7, /* CU_CTX_SCHED_MASK */
    BY_SLEEPING = 4, /* CU_CTX_SCHED_BLOCKING_SYNC */
};

/* What is to be waited for. */
struct all_work {
    struct reef_stream *streams[ANCHOR_STREAMS];
    unsigned count;
    bool legacy;
};

/* The streams of @context that may have work; they are not destroyed before done_with(). False: it
 * is not for us. */
static bool find(struct all_work *all, const struct reef_context *context)
{
    struct reef_cuda *cuda = &reef_cuda;
    *all = (struct all_work){0};
    pthread_mutex_lock(&cuda->lock);
    bool may = atomic_load(&cuda->captures) == 0 &&
               atomic_load(&cuda->unseen) == atomic_load(&context->unseen_over);
    for (struct reef_stream *s = cuda->streams; s && may; s = s->all_next) {
        if (!s->key || atomic_load(&s->arrivals) == s->idle_at)
            continue;
        may = s->context == context;
        if (s->legacy) {
            all->legacy = true;
            continue;
        }
        may = may && all->count < ANCHOR_STREAMS && cu_stream_ask_locked(s);
        if (may)
            all->streams[all->count++] = s;
    }
    cuda->asking += all->count;
    pthread_mutex_unlock(&cuda->lock);
    return may;
}

static void done_with(const struct all_work *all)
{
    pthread_mutex_lock(&reef_cuda.lock);
    for (unsigned i = 0; i < all->count; i++)
        cu_stream_asked_locked(all->streams[i]);
    reef_cuda.asking -= all->count;
    pthread_mutex_unlock(&reef_cuda.lock);
}

/* The thread is to wait as the program has chosen for the context. */
static bool make_event(cu_word *event)
{
    unsigned flags = 0;
    if (*event)
        return true;
    bool sleeps = cu.cuCtxGetFlags && cu.cuCtxGetFlags(cu_out(flags)) == CUDA_SUCCESS &&
                  (flags & HOW_TO_WAIT) == BY_SLEEPING;
    return cu.cuEventCreate(cu_out(*event), NO_TIMING | (sleeps ? SLEEPS : 0)) == CUDA_SUCCESS;
}

/* An event in each stream. */
static bool record(struct reef_anchor *anchor, const struct all_work *all)
{
    bool may = true;
    for (unsigned i = 0; i < all->count && may; i++)
        may = make_event(&anchor->events[i]) &&
              cu.cuEventRecord(anchor->events[i], all->streams[i]->handle) == CUDA_SUCCESS;
    return may;
}

/* The anchor's lock is held. False: it cannot be done; nothing was. */
static bool wait_for_all(struct reef_anchor *anchor, const struct reef_context *context,
                         cu_result *result)
{
    struct all_work all;
    bool may = find(&all, context) && record(anchor, &all);
    done_with(&all);
    /* First, for it breaks the capture of a blocking stream, which may begin while we wait. With
     * nothing to wait for an error may have to be told, or what was printed. */
    if (may && (all.legacy || all.count == 0))
        may = cu.cuStreamSynchronize(0) == CUDA_SUCCESS;
    *result = CUDA_SUCCESS;
    for (unsigned i = 0; i < all.count && may && *result == CUDA_SUCCESS; i++)
        *result = cu.cuEventSynchronize(anchor->events[i]);
    return may;
}

bool cu_anchor_wait_for_all(const struct cu_api *api, const cu_word *a, cu_result *result)
{
    struct reef_context *context = cu_context();
    struct reef_anchor *anchor = anchor_of(context);
    if (api != &cu_api[CU_cuCtxSynchronize] &&
        (api != &cu_api[CU_cuCtxSynchronize_v2] || !context ||
         a[0] != __atomic_load_n(&context->handle, __ATOMIC_ACQUIRE)))
        return false;
    if (!anchor || !atomic_load(&anchor->up) || !cu.cuEventSynchronize || !cu.cuStreamSynchronize ||
        pthread_mutex_trylock(&anchor->lock) != 0)
        return false;
    struct cu_rt_wait wait;
    cu_rt_wait_begin(&wait, NULL, context);
    bool waited = wait_for_all(anchor, context, result);
    cu_rt_wait_end(&wait, waited ? *result : CUDA_ERROR_NOT_READY);
    pthread_mutex_unlock(&anchor->lock);
    return waited;
}
