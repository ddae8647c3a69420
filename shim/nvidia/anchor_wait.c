// SPDX-License-Identifier: Apache-2.0
/*
 * cuCtxSynchronize beside an anchor. The driver's own would wait for the anchor, or the anchor
 * would have to go, and with it the turn. So the streams that have work are waited for one by one,
 * by an event in each; it is what programs pause with. Where that does not do, the driver is
 * called.
 */
#include "shim/nvidia/anchor.h"

enum { NO_TIMING = 2 /* CU_EVENT_DISABLE_TIMING */ };

/* Records an event of ours in every stream of @context that may have work. Returns how many, or -1.
 * The anchor's lock is held. */
static int record_all(struct reef_anchor *anchor, const struct reef_context *context)
{
    struct reef_cuda *cuda = &reef_cuda;
    struct reef_stream *streams[ANCHOR_STREAMS];
    int count = 0, recorded = 0;
    pthread_mutex_lock(&cuda->lock);
    bool may = atomic_load(&cuda->captures) == 0 &&
               atomic_load(&context->left) == atomic_load(&context->left_over);
    for (struct reef_stream *s = cuda->streams; s && may; s = s->all_next) {
        if (!s->key || atomic_load(&s->arrivals) == s->idle_at)
            continue;
        /* Another context's may count too (a green one's), which only the driver knows. */
        may = s->context == context && count < ANCHOR_STREAMS && cu_stream_ask_locked(s);
        if (may)
            streams[count++] = s;
    }
    cuda->asking += (unsigned)count;
    pthread_mutex_unlock(&cuda->lock);
    for (int i = 0; i < count && may; i++, recorded += may)
        may = (anchor->events[i] ||
               cu.cuEventCreate(cu_out(anchor->events[i]), NO_TIMING) == CUDA_SUCCESS) &&
              cu.cuEventRecord(anchor->events[i], streams[i]->handle) == CUDA_SUCCESS;
    pthread_mutex_lock(&cuda->lock);
    for (int i = 0; i < count; i++)
        cu_stream_asked_locked(streams[i]);
    cuda->asking -= (unsigned)count;
    pthread_mutex_unlock(&cuda->lock);
    return may ? recorded : -1;
}

bool cu_anchor_wait_for_all(const struct cu_api *api, const cu_word *a, cu_result *result)
{
    struct reef_context *context = cu_context();
    struct reef_anchor *anchor = anchor_of(context);
    if (api != &cu_api[CU_cuCtxSynchronize] &&
        (api != &cu_api[CU_cuCtxSynchronize_v2] || !context ||
         a[0] != __atomic_load_n(&context->handle, __ATOMIC_ACQUIRE)))
        return false;
    if (!anchor || !atomic_load(&anchor->up) || pthread_mutex_trylock(&anchor->lock) != 0)
        return false;
    int count = cu.cuEventSynchronize ? record_all(anchor, context) : -1;
    *result = CUDA_SUCCESS;
    for (int i = 0; i < count && *result == CUDA_SUCCESS; i++)
        *result = cu.cuEventSynchronize(anchor->events[i]);
    pthread_mutex_unlock(&anchor->lock);
    if (count == 0) /* nothing to wait for, but an error may have to be told */
        *result = cu.cuStreamQuery(0);
    return count > 0 || (count == 0 && *result == CUDA_SUCCESS);
}
