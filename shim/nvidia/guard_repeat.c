// SPDX-License-Identifier: Apache-2.0
/*
 * Guarded launches that wait for something that the program does only in a later call (a stream
 * waits for a value, a host function for the program, a kernel for a word of memory). As long as it
 * is not known what became of a guarded launch, libreef keeps back what comes behind it in the
 * order of calls. If that is what the launch waits for, neither would ever come: nothing moves any
 * more (stall.c). Then what becomes of the launches in flight is left to the device.
 *
 * Each of them is launched once more, behind all of them in their stream: its guarded twin again,
 * whose chain is the first launch's record. So the *repetition* does nothing if the first launch
 * ran to its end, and runs if that was ended or did not begin (ptx/rewrite.h). It never looks at
 * flags that rise. Hence, whatever the first launches do, and whenever flags go up or down:
 *   - each launch takes effect once, whole, and in the order of its stream. A repetition begins
 * when all the first launches are over, so their records do not change any more. What a first
 * launch did before it was ended is done again, which is allowed: only what may be run again is
 * ended. What did not begin because of the chain did nothing, and is repeated behind what was
 * ended.
 *   - everything given to the driver later, in this stream or in others that wait for it, is
 * ordered by the driver behind the repetitions as behind any launch. Therefore the launches are
 * over for libreef, and nothing waits for them: not the order of calls, not the core, not a thread
 * of the program. What is known to have been ended already, before others that are in flight, is
 * simply launched again in its place among the repetitions.
 *
 * Until an event behind the repetitions is over (the stream is *left*), the device looks at the
 * line and the records. So meanwhile the chain is not lowered, the records are not used again, and
 * nothing else of the stream gets guards, as it would look at a chain that may be up. Flags are not
 * raised for it: the repetition would only begin the sooner.
 */
#include "shim/nvidia/guard.h"

#include "shim/preload/log.h"

enum { DISABLE_TIMING = 2 };

/* The last of the stream's launches in flight, or NULL. What is before it is in flight as well, or
 * was ended. */
static struct reef_op *last_in_flight(const struct reef_stream *s)
{
    struct reef_op *last = NULL;
    unsigned left = s->in_flight;
    for (struct reef_op *op = s->head; op && left > 0; op = op->next)
        if (op->in_flight) {
            last = op;
            left--;
        }
    return last;
}

/* Gives the launches up to @last to the driver once more. False: the process ends. */
static bool repeat(struct reef_stream *s, const struct reef_op *last)
{
    struct reef_mark_plan none = {0};
    struct reef_op *op = s->head;
    for (bool more = true; more;) {
        pthread_mutex_lock(&reef_cuda.lock);
        bool dropped = op->seq == UINT64_MAX;
        if (op->in_flight)
            cu_guard_arm_repeat(op);
        else
            cu_guard_disarm(op);
        pthread_mutex_unlock(&reef_cuda.lock);
        if (dropped)
            return false;
        cu_issue_op(op, &none);
        pthread_mutex_lock(&reef_cuda.lock);
        more = op != last;
        op = op->next;
        pthread_mutex_unlock(&reef_cuda.lock);
    }
    return true;
}

/* Without an event the stream is asked instead (cu_guard_look). */
static void record_event(struct reef_stream *s)
{
    cu_word event = s->left_event;
    cu_make_current(s->context->handle);
    bool ok = (event || cu.cuEventCreate(cu_out(event), DISABLE_TIMING) == CUDA_SUCCESS) &&
              cu.cuEventRecord(event, s->handle) == CUDA_SUCCESS;
    if (!ok && event)
        cu.cuEventDestroy_v2(event);
    pthread_mutex_lock(&reef_cuda.lock);
    s->left_event = ok ? event : 0;
    pthread_mutex_unlock(&reef_cuda.lock);
}

static void let_go_locked(struct reef_stream *s, const struct reef_op *last)
{
    struct reef_cuda *cuda = &reef_cuda;
    uint64_t end = last->command + 1;
    for (bool more = true; more;) {
        struct reef_op *op = s->head;
        more = op != last;
        cuda->left += op->in_flight;
        cuda->left_ended += !op->in_flight;
        if (op->in_flight) {
            cu_guard_keep_locked(s, op->guard->record);
            op->in_flight = false;
            s->in_flight--;
            cuda->in_flight--;
        }
        cu_unlink_locked(op);
    }
    /* How long they took is not known: the marks are of the first launches. */
    for (unsigned i = 0; i < REEF_MARKS; i++)
        s->marks[i].timed = false;
    s->chain_is_up = true; /* as far as is known */
    s->uncounted = true;
    for (; s->done < end; s->done++)
        reef_core_completed(cuda->core, (uint32_t)s->core_queue, s->done, 0, 0);
    if (s->resolved < end)
        s->resolved = end;
    cu_actions_locked();
    if (cuda->waiters > 0)
        pthread_cond_broadcast(&cuda->turn);
}

void cu_guard_repeat(struct reef_stream *s)
{
    struct reef_cuda *cuda = &reef_cuda;
    pthread_mutex_lock(&cuda->lock);
    struct reef_op *last = s->key && !cu_held_locked(0) ? last_in_flight(s) : NULL;
    s->left = s->left || last;
    pthread_mutex_unlock(&cuda->lock);
    if (!last)
        return;
    reef_debug("nothing moves: what becomes of launches in stream %llx is left to the device",
               (unsigned long long)s->handle);
    if (!repeat(s, last))
        return;
    record_event(s);
    pthread_mutex_lock(&cuda->lock);
    if (last->seq != UINT64_MAX)
        let_go_locked(s, last);
    pthread_mutex_unlock(&cuda->lock);
}

void cu_guard_look(struct reef_stream *s)
{
    struct reef_cuda *cuda = &reef_cuda;
    pthread_mutex_lock(&cuda->lock);
    bool left = s->key && s->left;
    cu_word event = left ? s->left_event : 0;
    bool asking = event && cu_stream_ask_locked(s);
    pthread_mutex_unlock(&cuda->lock);
    if (!left || (event && !asking))
        return;
    bool over = event ? cu.cuEventQuery(event) != CUDA_ERROR_NOT_READY : cu_stream_is_idle(s);
    pthread_mutex_lock(&cuda->lock);
    if (asking)
        cu_stream_asked_locked(s);
    if (over && s->left) {
        s->left = false;
        cu_guard_give_kept_locked(s);
    }
    pthread_mutex_unlock(&cuda->lock);
}
