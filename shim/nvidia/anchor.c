// SPDX-License-Identifier: Apache-2.0
/*
 * Anchors: a real-time program keeps its context on the GPU while it pauses.
 *
 * Where contexts take turns, a program that waits for its work and then brings more has lost its
 * turn in between: two changes of context, some 285 us on an H200, for every wait. A program that
 * waits after each of ten kernels of 100 us took 3.9 ms instead of 1.1 ms beside a best-effort one,
 * although that one had the shortest timeslice (docs/measurements/h200-2026-11-26.md).
 *
 * An anchor (anchor_kernel.c) is two kernels of one thread in a stream of ours: the first runs,
 * asleep most of the time, until it is told to end; the second waits behind it in its channel, and
 * that is what keeps the context on the GPU. One kernel that runs does not, nor does a wait for a
 * value: both were tried. It is put down after the program's first work and taken up when the agent
 * finds that real-time work is over.
 *
 * Only for programs that pause: three waits within one burst of work, while best-effort programs
 * are there (REEF_ANCHOR=auto). The anchor must not be in the program's way:
 *  - making one (code is loaded) took 10 ms once: the agent does it ahead of need, when the program
 *    makes its context known or has had nothing to do for a while, and only beside a best-effort
 *    program;
 *  - it is taken up before every call that may wait for all work of the context, and before code
 *    that was not launched before, which may be loaded lazily; only cuCtxSynchronize is done by
 *    waiting for the streams that have work, since it is what programs pause with;
 *  - it is not there together with cooperative kernels, nor under MPS, where contexts do not take
 *    turns and it would only take room on a multiprocessor;
 *  - it ends by itself after ANCHOR_LIMIT_NS. If something was waiting for it just then (streams
 * may share a channel), and three times, there are no more anchors in this process.
 *
 * A program whose requests are regular gets one before the next request begins (ahead.c), put down
 * by the agent while the program's threads may call anything. So calls that it would be in the way
 * of are counted: they count themselves and then look for anchors, whoever puts one down does it
 * the other way round.
 *
 * Threads: any; an anchor's lock is only tried. Taking one up is a store. On the way of a launch
 * stands one load (due) while an anchor is down, and one look at the functions seen before.
 */
#include <sched.h>

#include "shim/nvidia/anchor.h"
#include "shim/preload/log.h"

enum {
    LINGER_NS = 200000,    /* the program's pauses are thought to be shorter than that */
    WINDOW_NS = 10000000,  /* pauses are counted in a burst of work, or in this time of it */
    PAUSES = 3,            /* waits in a window that make a program one that pauses */
    WINDOWS_KEPT = 16,     /* as long as it is one after the last such window */
    QUIET_NS = 1000000,    /* after so long without work an anchor is made, */
    HURRY_NS = 1000000000, /* or after so long at the next moment without work */
    SUSPECT_NS = 300000,   /* what ends so soon after an anchor ended by itself waited for it */
    SUSPECTS = 3,
    END_NS = 100000000, /* so long a process that ends waits for one to be made: code is loaded */
};

static _Atomic bool wanted, broken;
static _Atomic bool opened;  /* a context: its program only begins */
static _Atomic bool put_off; /* a cooperative kernel: not again before this work is over */
static _Atomic unsigned waits, suspects, placed;
static _Atomic unsigned putting; /* threads that just put one down */
static _Atomic bool making;
static _Atomic unsigned in_the_way; /* calls under way that may wait for all work */
static uint64_t ahead_until_ns;     /* agent: one that was put down ahead stays so long, */
static _Atomic bool ahead;          /* or until the whole request is there */

/* Whether work that comes now is to have one. */
static bool is_wanted(void)
{
    return atomic_load(&wanted) ||
           (reef_state.config.anchor == REEF_ANCHOR_ON && !atomic_load(&broken));
}

bool cu_anchor_release(void)
{
    bool any = false;
    for (struct reef_context *c = __atomic_load_n(&reef_cuda.contexts, __ATOMIC_ACQUIRE); c;
         c = c->next)
        any = (anchor_of(c) && anchor_take_up(anchor_of(c))) || any;
    if (any && is_wanted())
        atomic_store(&reef_cuda.anchor_due, true);
    return any;
}

static void give_up(const char *why)
{
    if (!atomic_exchange(&broken, true))
        reef_info("no more anchors: %s", why);
    atomic_store(&wanted, false);
    cu_anchor_release();
    atomic_store(&reef_cuda.anchor_due, false);
}

void cu_anchor_no_more(const char *why)
{
    give_up(why);
    while (atomic_load(&putting) > 0) /* two launches */
        sched_yield();
}

void cu_anchor_end(void)
{
    uint64_t until_ns = reef_now_ns() + END_NS;
    cu_anchor_release();
    while (atomic_load(&making) && reef_now_ns() < until_ns)
        sched_yield();
}

/* @context is current in this thread. */
static void make_for(struct reef_context *context)
{
    static pthread_mutex_t make_lock = PTHREAD_MUTEX_INITIALIZER;
    pthread_mutex_lock(&make_lock);
    atomic_store(&making, true);
    if (!anchor_of(context) && !atomic_load(&broken) && !atomic_load(&reef_cuda.exiting)) {
        struct reef_anchor *anchor = anchor_new();
        if (anchor) {
            atomic_store(&reef_cuda.anchors, true);
            atomic_store_explicit(&context->anchor, anchor, memory_order_release);
        } else {
            give_up("they cannot be made");
        }
    }
    atomic_store(&making, false);
    pthread_mutex_unlock(&make_lock);
}

/* @context is current in this thread, and held. False: it has none. */
static bool put_down(struct reef_context *context, uint64_t now_ns)
{
    atomic_fetch_add(&putting, 1);
    /* Not before: the record may have been another context's, with another one. */
    struct reef_anchor *anchor = anchor_of(context);
    enum anchor_put put = ANCHOR_STAYS;
    if (anchor && !atomic_load(&broken))
        put = anchor_put_down(anchor, now_ns);
    atomic_fetch_sub(&putting, 1);
    if (put == ANCHOR_PUT)
        atomic_fetch_add(&placed, 1);
    else if (put == ANCHOR_REFUSED)
        give_up("the driver refuses them");
    /* Whoever came since has counted itself before it looked for anchors; and has said before it
     * went that there are to be none beside it. */
    if (atomic_load(&in_the_way) > 0 || atomic_load(&put_off))
        cu_anchor_release();
    return anchor != NULL;
}

static void place(struct reef_context *context)
{
    atomic_store(&reef_cuda.anchor_due, false);
    if (!context || !cu_context_hold(context))
        return;
    if (!anchor_of(context) && reef_state.config.anchor == REEF_ANCHOR_ON) {
        /* By whoever comes first: for tests, and for who asks for it. Another thread may begin a
         * capture just now, which must not break. */
        cu_word mode = CU_CAPTURE_MODE_RELAXED;
        bool exempt = cu.cuThreadExchangeStreamCaptureMode &&
                      cu.cuThreadExchangeStreamCaptureMode(cu_out(mode)) == CUDA_SUCCESS;
        make_for(context);
        if (exempt)
            cu.cuThreadExchangeStreamCaptureMode(cu_out(mode));
    }
    put_down(context, reef_now_ns());
    cu_context_leave(context);
}

/* --- the program's calls --- */

bool cu_anchor_before(const struct cu_api *api, const cu_word *a)
{
    if (reef_likely(api->kind == CU_KIND_LAUNCH && anchor_is_known(a[0])) ||
        anchor_stays_for(api, a))
        return false;
    atomic_fetch_add(&in_the_way, 1);
    if (cu_anchor_release())
        reef_debug("anchor taken up for %s", api->symbol);
    if (anchor_is_cooperative(api, a))
        atomic_store(&put_off, true);
    anchor_forget_launched(api, a);
    return true;
}

void cu_anchor_passed(void)
{
    atomic_fetch_sub(&in_the_way, 1);
}

/* An anchor has ended by itself, and what was called came back right then. (If another thread has
 * put a fresh one down since, that goes too: nobody would know of it.) */
static void look_for_harm(struct reef_anchor *anchor)
{
    if (!atomic_load(&anchor->up) || !anchor_gave_up(anchor) || !anchor_take_up(anchor))
        return;
    uint64_t age_ns = reef_now_ns() - atomic_load(&anchor->placed_ns);
    bool late = age_ns >= ANCHOR_LIMIT_NS && age_ns < ANCHOR_LIMIT_NS + SUSPECT_NS;
    atomic_store(&reef_cuda.anchor_due, is_wanted());
    if (late && atomic_fetch_add(&suspects, 1) + 1 >= SUSPECTS)
        give_up("work waited for them");
}

/* One that was put down ahead has done its part: what keeps the context on the GPU from now on is
 * the request. It goes, for it takes room: kernels that need all of a multiprocessor find one less.
 */
static void request_is_there(void)
{
    if (reef_unlikely(atomic_load_explicit(&ahead, memory_order_relaxed)) &&
        atomic_exchange(&ahead, false) && !is_wanted())
        cu_anchor_release();
}

void cu_anchor_waits(const struct cu_api *api)
{
    if (anchor_waits_for_work(api))
        request_is_there();
}

void cu_anchor_after(const struct cu_api *api, cu_result result)
{
    if (anchor_waits_for_work(api) && atomic_load(&reef_cuda.gpus[0].rt_raised))
        atomic_fetch_add_explicit(&waits, 1, memory_order_relaxed);
    if (!api->work || api->kind == CU_KIND_SYNC_COPY) {
        struct reef_anchor *anchor = atomic_load_explicit(&reef_cuda.anchors, memory_order_relaxed)
                                         ? anchor_of(cu_context())
                                         : NULL;
        if (anchor)
            look_for_harm(anchor);
    }
    if (api->kind == CU_KIND_GRAPH_LAUNCH)
        request_is_there();
    if (reef_unlikely(atomic_load_explicit(&reef_cuda.anchor_due, memory_order_relaxed)) &&
        api->work && result == CUDA_SUCCESS && !atomic_load(&put_off) &&
        atomic_load(&reef_cuda.captures) == 0)
        place(cu_context());
}

/* --- the agent --- */

static bool best_effort_seen(uint64_t now_ns, bool at_once)
{
    cu_peers_look(now_ns, at_once);
    return atomic_load(&reef_cuda.peers_be);
}

/* Whether the program is one that pauses. */
static bool pauses(uint64_t now_ns, bool over)
{
    static uint64_t since_ns;
    static unsigned waits_before, keep;
    if (!over && now_ns - since_ns < WINDOW_NS)
        return keep > 0;
    unsigned now = atomic_load(&waits), count = now - waits_before;
    waits_before = now;
    since_ns = now_ns;
    if (count >= PAUSES)
        keep = WINDOWS_KEPT;
    else if (keep > 0)
        keep--;
    return keep > 0;
}

/* Whether an anchor that is there is to be put down, or renewed. */
static bool any_stale(uint64_t now_ns)
{
    bool any = false;
    for (struct reef_context *c = __atomic_load_n(&reef_cuda.contexts, __ATOMIC_ACQUIRE); c;
         c = c->next)
        any = any || (anchor_of(c) && !anchor_is_fresh(anchor_of(c), now_ns));
    return any;
}

void cu_anchor_step(uint64_t now_ns, bool over)
{
    bool use = reef_state.config.anchor == REEF_ANCHOR_ON ||
               (reef_state.config.anchor == REEF_ANCHOR_AUTO && pauses(now_ns, over) &&
                best_effort_seen(now_ns, false));
    use = use && !atomic_load(&broken) && !reef_disabled();
    atomic_store(&wanted, use);
    if (over || (!use && now_ns >= ahead_until_ns)) {
        ahead_until_ns = 0;
        cu_anchor_release();
        atomic_store(&put_off, false);
    }
    if (!use)
        atomic_store(&reef_cuda.anchor_due, false);
    else if (any_stale(now_ns))
        atomic_store(&reef_cuda.anchor_due, true);
}

/* A context that has none, or NULL. */
static struct reef_context *without(struct reef_context *c)
{
    while (c && (!__atomic_load_n(&c->handle, __ATOMIC_ACQUIRE) || anchor_of(c)))
        c = c->next;
    return c;
}

bool cu_anchor_begins(void)
{
    return atomic_load_explicit(&opened, memory_order_relaxed);
}

uint64_t cu_anchor_prepare(uint64_t now_ns)
{
    bool at_start = atomic_exchange(&opened, false);
    static uint64_t since_ns; /* when it was found that one is to be made; 0: none */
    struct reef_context *c = without(__atomic_load_n(&reef_cuda.contexts, __ATOMIC_ACQUIRE));
    if (!c || reef_state.config.anchor != REEF_ANCHOR_AUTO || reef_cuda.mps ||
        atomic_load(&broken) || reef_disabled() || !best_effort_seen(now_ns, true)) {
        since_ns = 0;
        return UINT64_MAX;
    }
    if (!since_ns)
        since_ns = now_ns;
    uint64_t quiet_ns = now_ns - reef_cuda.rt_idle_ns;
    if (!at_start && quiet_ns < QUIET_NS && now_ns - since_ns < HURRY_NS)
        return QUIET_NS - quiet_ns;
    if (atomic_load(&reef_cuda.captures) != 0)
        return QUIET_NS;
    for (; c; c = without(c->next))
        if (cu_context_enter(c)) {
            make_for(c);
            cu_context_leave(c);
        }
    return UINT64_MAX;
}

void cu_anchor_ahead(struct reef_context *context, uint64_t now_ns, uint64_t until_ns)
{
    if (!context || reef_state.config.anchor == REEF_ANCHOR_OFF || atomic_load(&put_off) ||
        atomic_load(&reef_cuda.captures) != 0 || atomic_load(&in_the_way) > 0 ||
        !cu_context_enter(context))
        return;
    atomic_store(&ahead, true); /* first: from then on it may be the request's */
    if (put_down(context, now_ns))
        ahead_until_ns = until_ns;
    cu_context_leave(context);
}

void cu_anchor_opened(void)
{
    if (reef_state.config.anchor == REEF_ANCHOR_ON)
        atomic_store(&reef_cuda.anchor_due, true);
    if (reef_state.config.anchor != REEF_ANCHOR_AUTO)
        return;
    atomic_store(&opened, true);
    reef_board_ring_self(reef_cuda.agent.board);
}

bool cu_anchor_lingers(uint64_t now_ns, uint64_t idle_since_ns)
{
    bool up = false;
    for (struct reef_context *c = __atomic_load_n(&reef_cuda.contexts, __ATOMIC_ACQUIRE); c;
         c = c->next)
        up = up || (anchor_of(c) && atomic_load(&anchor_of(c)->up));
    return up && (is_wanted() || now_ns < ahead_until_ns) && now_ns - idle_since_ns < LINGER_NS;
}

unsigned cu_anchor_count(void)
{
    return atomic_load(&placed);
}

/* The context is gone, and with it what is the driver's; the words are ours, and stay. */
void cu_anchor_forget(struct reef_context *context)
{
    atomic_store(&context->anchor, NULL);
}

void cu_anchor_forked(void)
{
    atomic_store(&reef_cuda.anchors, false);
    atomic_store(&reef_cuda.anchor_due, false);
}
