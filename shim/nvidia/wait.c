// SPDX-License-Identifier: Apache-2.0
/*
 * How a thread of the program waits for its turn: until what was called before its call has been
 * given to the driver, and BE is not held. Whoever issues something, or releases BE, wakes it.
 */
#include <time.h>

#include "shim/nvidia/nvidia.h"

/* Whether something called before @seq that matters to @stream (NULL: everything does) is held. */
static bool behind(const struct reef_stream *stream, uint64_t seq)
{
    const struct reef_cuda *cuda = &reef_cuda;
    if (!cuda->first || cuda->first->seq >= seq)
        return false;
    if (!stream || stream->legacy || cuda->fences > 0)
        return true;
    return stream->head && stream->head->seq < seq;
}

/* Waits until something changes. @for_work: the call would wait for the work's end in any case. The
 * timeout is for what nobody rings for: a lease that ends. */
void cu_wait_locked(bool for_work)
{
    struct timespec until;
    clock_gettime(CLOCK_REALTIME, &until);
    until.tv_nsec += 20000000;
    if (until.tv_nsec >= 1000000000) {
        until.tv_nsec -= 1000000000;
        until.tv_sec++;
    }
    reef_cuda.waiters++;
    reef_cuda.turn_waiters += !for_work;
    cu_notify_agent();
    pthread_cond_timedwait(&reef_cuda.turn, &reef_cuda.lock, &until);
    reef_cuda.turn_waiters -= !for_work;
    reef_cuda.waiters--;
}

static void take_turn(struct reef_stream *stream, bool work, bool for_work)
{
    struct reef_cuda *cuda = &reef_cuda;
    if (!cuda->core)
        return;
    if (atomic_load_explicit(&cuda->pending, memory_order_acquire) == 0 &&
        (!work || (!cuda->was_held && !cu_board_active(0))))
        return;
    pthread_mutex_lock(&cuda->lock);
    uint64_t seq = cuda->next_seq;
    while ((behind(stream, seq) || (work && cu_held_locked(0))) &&
           !atomic_load_explicit(&reef_state.forked, memory_order_relaxed))
        cu_wait_locked(for_work);
    pthread_mutex_unlock(&cuda->lock);
}

void cu_take_turn(struct reef_stream *stream, bool work)
{
    take_turn(stream, work, false);
}

void cu_take_turn_to_wait(struct reef_stream *stream)
{
    take_turn(stream, false, true);
}

static void take_turn_behind(cu_word handle, bool records_only, bool for_work)
{
    struct reef_cuda *cuda = &reef_cuda;
    if (atomic_load_explicit(&cuda->pending, memory_order_acquire) == 0)
        return;
    pthread_mutex_lock(&cuda->lock);
    for (;;) {
        struct reef_object *o = cu_object_locked(handle, false);
        if (!o || (records_only ? o->records : o->pending) == 0)
            break;
        cu_wait_locked(for_work);
    }
    pthread_mutex_unlock(&cuda->lock);
}

void cu_take_turn_behind(cu_word handle, bool records_only)
{
    take_turn_behind(handle, records_only, false);
}

void cu_take_turn_to_wait_for(cu_word event)
{
    take_turn_behind(event, true, true);
}
