// SPDX-License-Identifier: Apache-2.0
/*
 * Liveness: libreef keeps back work that a bare driver would have been given, and what is on the
 * device may be waiting for just that. So when nothing has moved for much longer than the work on
 * the device should take, more is given to the driver. There are two reasons why it was kept back:
 *
 *  - the depth. The oldest commands of a full device queue are no longer counted, each time twice
 * as many as before.
 *  - guarded launches of which it is not known whether they were ended. What becomes of them is
 * left to the device (guard_repeat.c), if something else than their own stream waits for them.
 *
 * Time for which BE is held does not count. All that moves counts, in whatever stream; but while
 * the program waits for something to be given to the driver, each stream is looked at alone: others
 * may go on for ever meanwhile.
 *
 * The agent's, but for cu_moved_locked().
 */
#include "shim/nvidia/guard.h"
#include "shim/preload/log.h"

enum {
    STALL_NS = 20000000,
    STALL_FACTOR = 4,
    STALL_AGAIN_NS = 2000000, /* after the first time less patience is shown */
    ALONE_FACTOR = 10,
    ELSEWHERE_FACTOR = 10,
    STALLED_MOST = 12,
};

void cu_moved_locked(struct reef_stream *s, uint64_t now_ns)
{
    if (s) {
        s->moved_ns = now_ns;
        s->stalled = 0;
    }
    reef_cuda.moved_ns = now_ns;
}

static uint64_t later(uint64_t since_ns, uint64_t by_ns, uint64_t now_ns)
{
    return since_ns + by_ns < now_ns ? since_ns + by_ns : now_ns;
}

void cu_stall_held_locked(bool held, uint64_t now_ns)
{
    struct reef_cuda *cuda = &reef_cuda;
    if (held) {
        cuda->held_ns = now_ns;
        return;
    }
    uint64_t for_ns = now_ns - cuda->held_ns;
    cuda->moved_ns = later(cuda->moved_ns, for_ns, now_ns);
    for (struct reef_stream *s = cuda->streams; s; s = s->all_next)
        s->moved_ns = later(s->moved_ns, for_ns, now_ns);
}

/* Whether the program waits for something to be given to the driver, as far as we know: a thread
 * stands in a call, or asks again and again. */
static bool program_waits_locked(uint64_t now_ns)
{
    return reef_cuda.turn_waiters > 0 || now_ns < reef_cuda.asked_ns + STALL_NS;
}

/* A thread that held the first operation may have set the time after the agent read the clock. */
static uint64_t since(uint64_t then_ns, uint64_t now_ns)
{
    return now_ns > then_ns ? now_ns - then_ns : 0;
}

/* Whether nothing has moved for too long; or not in this stream, for much longer. */
static bool stalled_locked(const struct reef_stream *s, uint64_t now_ns)
{
    uint64_t alone_ns = since(s->moved_ns, now_ns), all_ns = since(reef_cuda.moved_ns, now_ns);
    uint64_t backlog_ns = reef_core_backlog_ns(reef_cuda.core, (uint32_t)s->core_queue);
    uint64_t patience_ns = s->stalled ? STALL_AGAIN_NS : STALL_NS + STALL_FACTOR * backlog_ns;
    /* It may stand behind work that is not counted, or others have the GPU. */
    bool elsewhere = s->uncounted || atomic_load(&reef_cuda.peers_be);
    uint64_t all_patience_ns = elsewhere ? ELSEWHERE_FACTOR * patience_ns : patience_ns;
    if (alone_ns > all_patience_ns && all_ns > all_patience_ns)
        return true;
    return program_waits_locked(now_ns) && alone_ns > ALONE_FACTOR * patience_ns;
}

/* Whether something else than the stream itself waits for its launches in flight. */
static bool is_waited_for_locked(const struct reef_stream *s, uint64_t now_ns)
{
    if (program_waits_locked(now_ns))
        return true;
    for (const struct reef_op *op = reef_cuda.first; op; op = op->call_next)
        if (op->stream != s && !op->in_flight)
            return true;
    return false;
}

static void go_beyond_depth_locked(struct reef_stream *s, uint64_t now_ns)
{
    struct reef_cuda *cuda = &reef_cuda;
    for (unsigned n = 0; n < 1u << s->stalled && s->done < s->waiting->command; n++)
        reef_core_completed(cuda->core, (uint32_t)s->core_queue, s->done++, 0, now_ns);
    if (s->resolved < s->done)
        s->resolved = s->done;
    cu_actions_locked();
    reef_debug("nothing moves: going beyond the depth");
}

/* Returns whether launches of the stream are to be left to the device. */
static bool unstall_locked(struct reef_stream *s, uint64_t now_ns)
{
    bool flies = s->in_flight > 0;
    bool waits = flies ? is_waited_for_locked(s, now_ns) : s->waiting && s->waiting->announced;
    if (!s->key || s->core_queue < 0 || !waits || !stalled_locked(s, now_ns))
        return false;
    if (!flies)
        go_beyond_depth_locked(s, now_ns);
    s->stalled += s->stalled < STALLED_MOST;
    s->moved_ns = now_ns;
    return flies;
}

void cu_unstall(uint64_t now_ns)
{
    struct reef_cuda *cuda = &reef_cuda;
    for (struct reef_stream *s = __atomic_load_n(&cuda->streams, __ATOMIC_ACQUIRE); s;
         s = s->all_next) {
        pthread_mutex_lock(&cuda->lock);
        bool repeat = unstall_locked(s, now_ns);
        pthread_mutex_unlock(&cuda->lock);
        if (repeat)
            cu_guard_repeat(s);
    }
}
