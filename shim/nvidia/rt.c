// SPDX-License-Identifier: Apache-2.0
/*
 * The RT side: when this process's bit on the board is set and cleared.
 *
 * Set: by the thread that makes a call which puts work on a stream, before the driver gets it: one
 * atomic addition and one load when it is set already. Cleared: by the agent, which now and then
 * asks the driver whether the streams that had work are idle (cuStreamQuery; nothing is put into
 * the program's streams), but for those that a thread of the program waits for: that thread will
 * tell, and asking would only keep it waiting. Between clearing and looking again the order of
 * stores makes sure that an arrival is not lost: the thread adds to arrivals before it looks at
 * rt_raised, the agent the other way round. While a stream of the process is captured the driver
 * must not be asked; then RT work counts as running.
 *
 * RT work that makes no progress does not hold BE for ever: after STALL_NS without an arrival or a
 * stream that became idle, it no longer counts until the next arrival.
 *
 * While no best-effort program is there nobody minds the bit. Then it stays until nothing has come
 * for ALONE_LINGER_NS, the driver is not asked, and launches are not looked at (fast.c).
 */
#include "shim/nvidia/nvidia.h"
#include "shim/preload/log.h"
#include "shim/trace/trace.h"

enum {
    POLL_MIN_NS = 100000,
    POLL_MAX_NS = 1000000,
    ALONE_POLL_NS = 10000000, /* less than a quarter of the lease */
    ALONE_LINGER_NS = 50000000,
};
#define STALL_NS 10000000000u

uint64_t cu_rt_arrive(struct reef_stream *s)
{
    struct reef_cuda *cuda = &reef_cuda;
    if (reef_unlikely(!s))
        return 0;
    uint64_t before = atomic_fetch_add_explicit(&s->arrivals, 1, memory_order_relaxed);
    uint64_t number = atomic_fetch_add_explicit(&cuda->arrivals, 1, memory_order_seq_cst);
    atomic_store_explicit(&s->last, number, memory_order_relaxed);
    struct reef_cuda_gpu *gpu = &cuda->gpus[s->context->gpu];
    if (reef_likely(atomic_load_explicit(&gpu->rt_raised, memory_order_seq_cst)) ||
        reef_unlikely(atomic_load_explicit(&cuda->gpu_count, memory_order_relaxed) == 0))
        return before;
    atomic_store(&cuda->rt_context, s->context);
    atomic_store(&cuda->rt_began_ns, reef_now_ns());
    if (!atomic_exchange(&gpu->rt_raised, true)) {
        REEF_TRACE_EVENT(REEF_TRACE_RT_BEGIN, 0, 0, 0, 0, 0);
        reef_board_rt_raise(gpu->board); /* rings our own agent too: it watches from now on */
    }
    return before;
}

/* --- what the program waits for --- */

/* Whether no call is under way that brings work to the stream. Under the lock. */
static bool rests(const struct reef_stream *s)
{
    uint64_t returned = atomic_load(&s->returned); /* before it: never more than it */
    return returned == atomic_load(&s->arrivals);
}

static bool concerns(const struct cu_rt_wait *wait, const struct reef_stream *s)
{
    return s->key != 0 && (wait->stream ? s == wait->stream : s->context == wait->context);
}

static void count_waiting(const struct cu_rt_wait *wait, int more)
{
    if (wait->stream)
        wait->stream->waited += (unsigned)more;
    else
        wait->context->waited += (unsigned)more;
}

void cu_rt_wait_begin(struct cu_rt_wait *wait, struct reef_stream *s, struct reef_context *context)
{
    struct reef_cuda *cuda = &reef_cuda;
    *wait = (struct cu_rt_wait){.stream = s, .context = s ? NULL : context};
    if (!s && !context)
        return;
    bool all_rest = true;
    pthread_mutex_lock(&cuda->lock);
    wait->arrivals = atomic_load(&cuda->arrivals); /* first: what is later is not waited for */
    wait->fast_ends = cuda->fast_ends;
    for (struct reef_stream *of = cuda->streams; of; of = of->all_next)
        all_rest = all_rest && (!concerns(wait, of) || rests(of));
    if (all_rest)
        count_waiting(wait, 1);
    else
        *wait = (struct cu_rt_wait){0};
    pthread_mutex_unlock(&cuda->lock);
}

void cu_rt_wait_end(const struct cu_rt_wait *wait, cu_result result)
{
    struct reef_cuda *cuda = &reef_cuda;
    if (!wait->stream && !wait->context)
        return;
    pthread_mutex_lock(&cuda->lock);
    count_waiting(wait, -1);
    bool known =
        result == CUDA_SUCCESS && !atomic_load(&cuda->fast) && wait->fast_ends == cuda->fast_ends;
    for (struct reef_stream *s = cuda->streams; s && known; s = s->all_next)
        if (concerns(wait, s) && rests(s) && atomic_load(&s->last) < wait->arrivals)
            s->idle_at = atomic_load(&s->returned);
    pthread_mutex_unlock(&cuda->lock);
}

/* --- the agent --- */

/* Whether work of the stream is (or may be) running. */
static bool runs(struct reef_stream *s)
{
    struct reef_cuda *cuda = &reef_cuda;
    pthread_mutex_lock(&cuda->lock);
    uint64_t returned = atomic_load(&s->returned); /* before it: never more than it */
    uint64_t arrivals = atomic_load(&s->arrivals);
    bool has_work = s->key != 0 && arrivals != s->idle_at;
    /* In the middle of a call the stream may look idle, and be busy the next moment. Until it was
     * asked it is not destroyed, and no capture begins. */
    bool may_ask = has_work && returned == arrivals && s->waited == 0 && s->context->waited == 0 &&
                   atomic_load(&cuda->captures) == 0 && cu_stream_ask_locked(s);
    cu_word handle = s->handle;
    cu_word context = s->legacy ? __atomic_load_n(&s->context->handle, __ATOMIC_ACQUIRE) : 0;
    cuda->asking += may_ask;
    pthread_mutex_unlock(&cuda->lock);
    if (!may_ask)
        return has_work;
    if (context)
        cu_make_current(context);
    bool idle = cu.cuStreamQuery(handle) != CUDA_ERROR_NOT_READY;
    pthread_mutex_lock(&cuda->lock);
    cu_stream_asked_locked(s);
    cuda->asking--;
    if (idle)
        s->idle_at = arrivals;
    pthread_mutex_unlock(&cuda->lock);
    return !idle;
}

static void lower(uint64_t arrivals)
{
    struct reef_cuda *cuda = &reef_cuda;
    int count = atomic_load(&cuda->gpu_count);
    for (int i = 0; i < count; i++)
        if (atomic_exchange_explicit(&cuda->gpus[i].rt_raised, false, memory_order_seq_cst))
            reef_board_rt_clear(cuda->gpus[i].board);
    reef_debug("rt work is over");
    REEF_TRACE_EVENT(REEF_TRACE_RT_END, 0, 0, 0, 0, 0);
    if (atomic_load_explicit(&cuda->arrivals, memory_order_seq_cst) == arrivals)
        return;
    /* Something came meanwhile, and its thread may have seen the bit still set. */
    REEF_TRACE_EVENT(REEF_TRACE_RT_BEGIN, 0, 0, 0, 0, 0);
    for (int i = 0; i < count; i++) {
        atomic_store(&cuda->gpus[i].rt_raised, true);
        reef_board_rt_raise(cuda->gpus[i].board);
    }
}

/* While there is no work. */
static uint64_t rest(uint64_t now_ns)
{
    uint64_t prepare_ns = cu_anchor_prepare(now_ns), ahead_ns = cu_ahead_step(now_ns);
    return prepare_ns < ahead_ns ? prepare_ns : ahead_ns;
}

/* Whether launches are not looked at now. */
static bool nobody_minds(uint64_t now_ns)
{
    struct reef_cuda *cuda = &reef_cuda;
    cu_peers_look(now_ns, !atomic_load(&cuda->peers_be));
    if (now_ns - cuda->rt_moved_ns < ALONE_LINGER_NS)
        return cu_fast_step();
    cu_fast_end();
    return false;
}

uint64_t cu_rt_step(uint64_t now_ns)
{
    struct reef_cuda *cuda = &reef_cuda;
    int count = atomic_load(&cuda->gpu_count);
    bool raised = false, running = false;
    for (int i = 0; i < count; i++)
        raised = raised || atomic_load(&cuda->gpus[i].rt_raised);
    if (!raised) {
        cuda->rt_watching = false;
        return rest(now_ns);
    }
    if (cu_anchor_begins())
        cu_anchor_prepare(now_ns);
    uint64_t arrivals = atomic_load(&cuda->arrivals);
    if (!cuda->rt_watching || arrivals != cuda->rt_arrivals_seen) {
        if (!cuda->rt_watching) {
            cuda->rt_since_ns = now_ns;
            cu_ahead_began(cuda->rt_idle_ns);
        }
        cuda->rt_moved_ns = now_ns;
        cuda->rt_arrivals_seen = arrivals;
    }
    cuda->rt_watching = true;
    for (int i = 0; i < count; i++)
        reef_board_rt_renew(cuda->gpus[i].board, now_ns);
    if (count > 0)
        atomic_store(&reef_board_stats(cuda->gpus[0].board)->launches_rt, arrivals);
    if (nobody_minds(now_ns))
        return ALONE_POLL_NS;
    for (struct reef_stream *s = __atomic_load_n(&cuda->streams, __ATOMIC_ACQUIRE); s;
         s = s->all_next)
        running = runs(s) || running;
    bool stalled = now_ns - cuda->rt_moved_ns > STALL_NS;
    if (running || cuda->rt_idle_ns < cuda->rt_moved_ns)
        cuda->rt_idle_ns = now_ns;
    bool over = !running && !cu_anchor_lingers(now_ns, cuda->rt_idle_ns);
    cu_anchor_step(now_ns, over || stalled);
    if (!running && !over)
        return POLL_MIN_NS;
    if (running && !stalled) {
        uint64_t poll_ns = (now_ns - cuda->rt_since_ns) / 8;
        return poll_ns < POLL_MIN_NS ? POLL_MIN_NS : poll_ns > POLL_MAX_NS ? POLL_MAX_NS : poll_ns;
    }
    cuda->rt_watching = false;
    lower(arrivals);
    for (int i = 0; i < count; i++)
        if (atomic_load(&cuda->gpus[i].rt_raised))
            return POLL_MIN_NS;
    return rest(now_ns);
}

void cu_rt_end(void)
{
    struct reef_cuda *cuda = &reef_cuda;
    int count = atomic_load(&cuda->gpu_count);
    cu_ahead_end();
    cu_anchor_end();
    for (int i = 0; i < count; i++)
        if (atomic_exchange(&cuda->gpus[i].rt_raised, false)) {
            REEF_TRACE_EVENT(REEF_TRACE_RT_END, 0, 0, 0, 0, 0);
            reef_board_rt_clear(cuda->gpus[i].board);
        }
}
