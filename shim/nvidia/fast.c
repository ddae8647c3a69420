// SPDX-License-Identifier: Apache-2.0
/*
 * The fast path of a launch (hooks.c): to the driver at once, without a look at its stream. And of
 * cuKernelGetFunction, which cuDNN calls before its launches.
 *
 * While no program of the other class uses the GPU a best-effort program is not held, and nobody
 * has to be told of a real-time program's work. So a launch only counts itself. Accounts are still
 * cheap by their instructions, but not by the lines of the cache that they touch, which the
 * program's own work has taken since the last launch: an eager ResNet-50 lost 2.3 % as be and 4.2 %
 * as rt by them (docs/measurements/gpu-2026-11-26.md).
 *
 * What was not accounted must not be missed afterwards. So whoever ends the fast path, which is
 * whoever makes one of its conditions false, marks all streams as if they had work; and a launch
 * that comes back from the driver and finds it ended accounts itself, before its thread can wait
 * for it or have another thread do so. One that was launched before it ended is among those marked,
 * for every stream has a record by then: hooks make them with the stream, and those of legacy
 * streams are made when the fast path begins.
 *
 * Only calls that were made before count: whether a launch is looked at that another thread makes
 * at the same time as something is held is as if it came sooner or later.
 */
#include "shim/nvidia/anchor.h"
#include "shim/nvidia/trace.h"
#include "shim/preload/log.h"

static bool any_anchor_up(void)
{
    bool up = false;
    for (struct reef_context *c = __atomic_load_n(&reef_cuda.contexts, __ATOMIC_ACQUIRE); c;
         c = c->next)
        up = up || (anchor_of(c) && atomic_load(&anchor_of(c)->up));
    return up;
}

/* The bit of a real-time program is set, and nobody minds it. */
static bool may_rt(void)
{
    struct reef_cuda *cuda = &reef_cuda;
    const struct reef_config *config = &reef_state.config;
    return atomic_load(&cuda->gpu_count) == 1 && atomic_load(&cuda->gpus[0].rt_raised) &&
           !atomic_load(&cuda->peers_be) && config->anchor != REEF_ANCHOR_ON &&
           config->ahead != REEF_AHEAD_ALWAYS && !atomic_load(&cuda->anchor_due) &&
           !any_anchor_up();
}

static bool may_be(void)
{
    struct reef_cuda *cuda = &reef_cuda;
    return cuda->core && !atomic_load(&cuda->bounded) && !atomic_load(&cuda->closed) &&
           !atomic_load(&cuda->was_held) && atomic_load(&cuda->pending) == 0 &&
           !atomic_load(&cuda->timeslice_wanted);
}

static bool may_begin(void)
{
    return reef_state.config.fast_path == REEF_FAST_PATH_AUTO && !atomic_load(&reef_cuda.exiting) &&
           !reef_disabled() && !cu_tracing() && (cu_is_rt() ? may_rt() : may_be());
}

bool cu_fast_step(void)
{
    struct reef_cuda *cuda = &reef_cuda;
    bool guards = reef_state.config.guard != REEF_GUARD_OFF;
    if (!may_begin()) {
        cu_fast_end();
        return false;
    }
    if (atomic_load(&cuda->fast))
        return true;
    for (struct reef_context *c = __atomic_load_n(&cuda->contexts, __ATOMIC_ACQUIRE); c;
         c = c->next)
        if (cu_context_hold(c)) {
            cu_stream_legacy(c);
            cu_context_leave(c);
        }
    /* With the lock: who has made a condition false meanwhile, and ended nothing, is seen here; who
     * does later waits to end it. */
    pthread_mutex_lock(&cuda->lock);
    bool may = may_begin();
    if (may)
        atomic_store(&cuda->fast, REEF_FAST_LAUNCH | (guards ? 0 : REEF_FAST_CODE));
    pthread_mutex_unlock(&cuda->lock);
    return may;
}

void cu_fast_end_locked(void)
{
    struct reef_cuda *cuda = &reef_cuda;
    bool rt = cu_is_rt();
    if (reef_likely(!atomic_load(&cuda->fast)))
        return;
    atomic_store(&cuda->fast, 0);
    cuda->fast_ends++;
    for (struct reef_stream *s = cuda->streams; s; s = s->all_next)
        if (s->key && rt)
            s->idle_at = UINT64_MAX;
        else if (s->key)
            s->uncounted = true;
    atomic_fetch_add(&cuda->unseen, rt);
}

void cu_fast_end(void)
{
    pthread_mutex_lock(&reef_cuda.lock);
    cu_fast_end_locked();
    pthread_mutex_unlock(&reef_cuda.lock);
}

/* As the hook would have done, had it known. */
static void account(cu_word handle)
{
    struct reef_stream *s = cu_stream(handle);
    if (cu_is_rt()) {
        atomic_fetch_sub(&reef_cuda.arrivals, s != NULL); /* it has counted itself already */
        cu_rt_arrive(s);
        cu_rt_returned(s);
        return;
    }
    if (!s)
        return;
    pthread_mutex_lock(&reef_cuda.lock);
    s->uncounted = true;
    pthread_mutex_unlock(&reef_cuda.lock);
}

cu_result cu_fast_returned(cu_word handle, cu_result result)
{
    cu_inside = true;
    if (!atomic_load(&reef_cuda.fast) && cu_active())
        account(handle);
    if (reef_unlikely(cu_is_sticky(result)))
        cu_note_broken(result);
    cu_inside = false;
    return result;
}
