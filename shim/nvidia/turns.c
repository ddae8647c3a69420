// SPDX-License-Identifier: Apache-2.0
/*
 * Turns of best-effort CUDA programs while a real-time one is there: the agent steps sched/turns.h
 * with what it sees of the board and of this process, and does what it says. While it is not this
 * process's turn, `closed` keeps all of its work back, as a hold does.
 *
 * Not with several GPUs: the whole process is held and released together, and would need the turns
 * of all of them at once.
 */
#include "sched/turns.h"
#include "shim/nvidia/nvidia.h"
#include "shim/preload/log.h"

enum { PATIENCE_TURNS = 5, PATIENCE_LEAST_NS = 20000000, TRIES = 4 };

static struct reef_turns turns;
static _Atomic bool started;
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER; /* the agent's, but at the end */

static void start(void)
{
    uint64_t turn_ns = reef_state.config.be_turn_us * 1000;
    uint64_t patience_ns = turn_ns * PATIENCE_TURNS;
    const struct reef_turns_config config = {
        .turn_ns = turn_ns,
        .patience_ns = patience_ns > PATIENCE_LEAST_NS ? patience_ns : PATIENCE_LEAST_NS,
        .lease_ns = REEF_BOARD_LEASE_NS,
    };
    reef_turns_init(&turns, &config);
    started = true;
}

static void look_at_self(struct reef_turns_view *view)
{
    struct reef_cuda *cuda = &reef_cuda;
    pthread_mutex_lock(&cuda->lock);
    view->waiting = cuda->first != NULL || cuda->waiters > 0;
    for (struct reef_stream *s = cuda->streams; s && !view->busy; s = s->all_next)
        view->busy =
            s->key && s->core_queue >= 0 && (s->uncounted || s->done < cu_issued_locked(s));
    pthread_mutex_unlock(&cuda->lock);
    view->rt = atomic_load(&cuda->rt_seen);
}

static void open_or_close(bool open)
{
    struct reef_cuda *cuda = &reef_cuda;
    if (atomic_exchange(&cuda->closed, !open) == !open)
        return;
    reef_debug("best-effort turn %s", open ? "begins" : "ends");
    pthread_mutex_lock(&cuda->lock);
    pthread_cond_broadcast(&cuda->turn);
    pthread_mutex_unlock(&cuda->lock);
}

/* Whether the token was changed: then there is more to do. */
static bool carry_out(struct reef_board *board, const struct reef_turns_view *view,
                      const struct reef_turns_step *step)
{
    struct reef_cuda *cuda = &reef_cuda;
    int next = reef_turns_holder(step->new_token);
    if (step->renew)
        reef_board_turn_renew(board, view->now_ns);
    if (step->forget)
        reef_board_turn_forget(board, step->forget);
    /* Closed before the token goes to another. */
    open_or_close(step->open);
    if (step->wait != atomic_load(&cuda->turn_asked) ||
        step->wait != (view->waiters >> view->self & 1))
        reef_board_turn_wait(board, step->wait, reef_turns_holder(view->token));
    atomic_store(&cuda->turn_asked, step->wait);
    atomic_store(&cuda->long_slices, step->long_slices);
    return step->change && reef_board_turn_change(board, view->token, step->new_token, next);
}

static uint64_t step_locked(uint64_t now_ns)
{
    struct reef_cuda *cuda = &reef_cuda;
    if (!cuda->core || reef_state.config.be_turn_us == 0 || atomic_load(&cuda->gpu_count) == 0)
        return UINT64_MAX;
    if (!started)
        start();
    struct reef_board *board = cuda->gpus[0].board;
    struct reef_turns_step step;
    for (int i = 0; i < TRIES; i++) {
        struct reef_board_turn turn;
        reef_board_turn_read(board, &turn);
        struct reef_turns_view view = {
            .now_ns = now_ns,
            .in_force = cuda->peers_rt && cuda->peers_be && !reef_disabled() &&
                        atomic_load(&cuda->gpu_count) == 1 && !atomic_load(&cuda->exiting),
            .self = reef_board_slot(board),
            .token = turn.token,
            .waiters = turn.waiters,
            .renewed_ns = turn.renewed_ns,
        };
        if (!view.in_force && !turns.mine && !atomic_load(&cuda->closed) &&
            reef_turns_holder(turn.token) != (int)view.self) {
            atomic_store(&cuda->long_slices, true);
            return UINT64_MAX;
        }
        uint64_t others = turn.waiters & ~(1ull << view.self);
        if (view.in_force && (turns.passing || !turns.settled || others))
            cu_look_at_all();
        look_at_self(&view);
        step = reef_turns_step(&turns, &view);
        if (!carry_out(board, &view, &step) && !step.change)
            break;
    }
    return step.again_ns;
}

uint64_t cu_turns_step(uint64_t now_ns)
{
    pthread_mutex_lock(&lock);
    uint64_t again_ns = step_locked(now_ns);
    pthread_mutex_unlock(&lock);
    return again_ns;
}

bool cu_turns_unasked(void)
{
    return atomic_load_explicit(&reef_cuda.closed, memory_order_relaxed) &&
           !atomic_load_explicit(&reef_cuda.turn_asked, memory_order_relaxed);
}

void cu_turns_end(void)
{
    pthread_mutex_lock(&lock);
    if (started && atomic_load(&reef_cuda.gpu_count) > 0)
        step_locked(reef_now_ns());
    pthread_mutex_unlock(&lock);
}
