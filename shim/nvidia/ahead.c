// SPDX-License-Identifier: Apache-2.0
/*
 * Ahead: a real-time program whose requests come at regular times finds the GPU ready.
 *
 * Where contexts take turns, the first launch of a request waits for a change of context, some 165
 * us on an H200: for a request of a millisecond that is more than all else that libreef leaves.
 * When it began is known of the last requests, so it is known when the next one is due
 * (sched/rhythm.h); LEAD_NS before, the program's bit on the board is set, so that best-effort
 * programs hold, and an anchor (anchor.c) brings the context onto the GPU. Ahead by 600 us a
 * request of 1034 us took 1033 instead of 1206 us beside best-effort work, and that got 2 % less (a
 * request every 10 ms, docs/measurements/h100-2026-11-26.md). If the request does not come, all of
 * it is taken back.
 *
 * Only while best-effort programs are there, for one GPU, and if it costs at most a sixteenth of
 * the time (REEF_AHEAD=auto). Always (REEF_AHEAD=always) is for tests: whatever the program calls,
 * something may just be made ready or taken back.
 *
 * The program's threads have no part in it but to note when work begins. The bit on the board is
 * set here and cleared here, or with that of the request that came: the thread that brings it sets
 * rt_raised and then looks at the board, here it is the other way round.
 *
 * Agent of a real-time process only, but for cu_ahead_end().
 */
#include "sched/rhythm.h"
#include "shim/nvidia/nvidia.h"
#include "shim/preload/log.h"

enum {
    LEAD_NS = 500000,  /* wakes, the anchor's launches, the change of context; measured */
    MOST_NS = 1250000, /* an anchor ends by itself after 4 ms: it is down for twice this at most, */
    STAYS_NS = 1000000, /* and so long beside a request that does not wait for its work */
    POLL_NS = 100000,
    PAUSE_NS = 2000000, /* what comes sooner after other work belongs to the same request */
};

static struct reef_rhythm rhythm;
static struct reef_beat beat; /* the one that all is ready for */
static _Atomic bool ready;
static _Atomic unsigned met, in_vain;

void cu_ahead_began(uint64_t idle_ns)
{
    uint64_t began_ns = atomic_load(&reef_cuda.rt_began_ns);
    met += atomic_exchange(&ready, false);
    if (began_ns > idle_ns + PAUSE_NS)
        reef_rhythm_begins(&rhythm, began_ns);
}

/* Clears the bit, unless it is the request's by now. That thread may have found it set, before it
 * is cleared here: so rt_raised is looked at afterwards. */
static void clear(void)
{
    struct reef_cuda_gpu *gpu = &reef_cuda.gpus[0];
    reef_board_rt_clear(gpu->board);
    if (atomic_load_explicit(&gpu->rt_raised, memory_order_seq_cst))
        reef_board_rt_raise(gpu->board);
    else
        cu_anchor_release();
}

static void take_back(void)
{
    if (atomic_exchange(&ready, false))
        clear();
}

static void get_ready(uint64_t now_ns)
{
    struct reef_context *context = atomic_load(&reef_cuda.rt_context);
    atomic_store(&ready, true);
    reef_board_rt_raise(reef_cuda.gpus[0].board);
    reef_board_rt_renew(reef_cuda.gpus[0].board, now_ns);
    cu_anchor_ahead(context, now_ns, beat.until_ns + STAYS_NS);
    if (atomic_load(&reef_cuda.exiting)) /* cu_ahead_end() may have been in the middle of it */
        clear();
}

/* Whether being ready ahead makes sense at all. */
static bool is_wanted(uint64_t now_ns)
{
    struct reef_cuda *cuda = &reef_cuda;
    if (reef_state.config.ahead == REEF_AHEAD_OFF || reef_disabled() ||
        atomic_load(&cuda->exiting) || atomic_load(&cuda->gpu_count) != 1)
        return false;
    if (reef_state.config.ahead == REEF_AHEAD_ALWAYS)
        return true;
    cu_peers_look(now_ns, false);
    return atomic_load(&cuda->peers_be);
}

static bool next_beat(uint64_t now_ns)
{
    if (reef_state.config.ahead == REEF_AHEAD_ALWAYS)
        beat = (struct reef_beat){.from_ns = now_ns, .until_ns = now_ns + PAUSE_NS};
    return reef_state.config.ahead == REEF_AHEAD_ALWAYS ||
           reef_rhythm_next(&rhythm, LEAD_NS, MOST_NS, &beat);
}

uint64_t cu_ahead_step(uint64_t now_ns)
{
    if (atomic_load(&ready)) {
        if (now_ns < beat.until_ns)
            return beat.until_ns - now_ns < POLL_NS ? beat.until_ns - now_ns : POLL_NS;
        take_back();
        in_vain++;
        reef_rhythm_missed(&rhythm);
    }
    while (is_wanted(now_ns) && next_beat(now_ns)) {
        if (now_ns < beat.from_ns)
            return beat.from_ns - now_ns;
        if (now_ns < beat.until_ns) {
            get_ready(now_ns);
            return POLL_NS;
        }
        reef_rhythm_missed(&rhythm);
    }
    return UINT64_MAX;
}

void cu_ahead_end(void)
{
    take_back();
    if (met + in_vain > 0)
        reef_info("%u requests found the GPU ready, %u times in vain", met, in_vain);
}
