// SPDX-License-Identifier: Apache-2.0
/*
 * The device thread: starts commands that are ready, carries out what is dated, looks at memory for
 * stream waits, and says how far things have been worked out. See engine.h.
 */
#include "engine.h"

#include <signal.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

/* Wall times. */
#define POLL_VALUE_NS    50000ull   /* a stream waits for a word of memory */
#define POLL_STANDING_NS 2000000ull /* the clock stands: somebody interprets */
#define POLL_IDLE_NS     20000000ull

struct nv_engine nv_engine;
pthread_mutex_t nv_mutex = PTHREAD_MUTEX_INITIALIZER;

void nv_lock(void)
{
    pthread_mutex_lock(&nv_mutex);
}

void nv_unlock(void)
{
    pthread_mutex_unlock(&nv_mutex);
}

bool nv_engine_is_device_thread(void)
{
    return nv_engine.pid && pthread_equal(pthread_self(), nv_engine.device_thread);
}

void nv_schedule(uint64_t at_ns, enum emu_due_kind kind, void *what)
{
    if (emu_calendar_add(&nv_engine.calendar, at_ns, kind, what))
        return;
    emu_report("out of memory");
    abort();
}

void nv_engine_kick(void)
{
    struct emu_device *dev;

    if (!nv_engine.sleeping)
        return;
    nv_engine.sleeping = false;
    dev = emu_segment_lock();
    dev->processes[emu_segment_process()].wake++;
    emu_segment_unlock();
}

void nv_engine_ready(struct nv_command *command)
{
    command->ready = true;
    command->next = NULL;
    if (nv_engine.ready)
        nv_engine.ready_last->next = command;
    else
        nv_engine.ready = command;
    nv_engine.ready_last = command;
    nv_engine_kick();
}

void nv_engine_wait(void)
{
    pthread_cond_wait(&nv_engine.completed, &nv_mutex);
}

void nv_engine_completed(void)
{
    pthread_cond_broadcast(&nv_engine.completed);
}

/* ---- horizon ---- */

static uint64_t hold(void)
{
    struct emu_device *dev = emu_segment_lock();
    int me = emu_segment_process();
    uint64_t wall = emu_wall_ns();
    uint64_t now = emu_device_now(dev, wall);

    emu_device_set_horizon(dev, me, now, wall);
    if (dev->processes[me].absent) {
        /* We had been stopped, and the others went on without us. */
        nv_work_catch_up(now);
        emu_device_set_absent(dev, me, false, wall);
    }
    nv_engine.pin_ns = nv_engine.published_ns = now;
    emu_segment_unlock();
    return now;
}

/* Returns by how much it has raised this process's own wake word. */
static uint32_t publish(void)
{
    uint64_t least = emu_calendar_next(&nv_engine.calendar), local = nv_work_least_local();
    struct emu_device_process *me;
    struct emu_device *dev;
    uint32_t before, after;

    least = local < least ? local : least;
    least = nv_engine.pin_ns < least ? nv_engine.pin_ns : least;
    if (least == nv_engine.published_ns)
        return 0;
    dev = emu_segment_lock();
    me = &dev->processes[emu_segment_process()];
    before = me->wake;
    if (!me->absent) {
        emu_device_set_horizon(dev, emu_segment_process(), least, emu_wall_ns());
        nv_engine.published_ns = me->horizon_ns;
    }
    after = me->wake;
    emu_segment_unlock();
    return after - before;
}

void nv_publish(void)
{
    publish();
}

/* ---- starting ---- */

static void poll_later(struct nv_command *command)
{
    command->next = nv_engine.polled;
    nv_engine.polled = command;
}

/* A batch of memory operations goes on until one of its waits is not satisfied. */
static bool run_batch(struct nv_command *command)
{
    for (; command->step < command->op.batch.count; command->step++) {
        const struct nv_memop *op = &command->op.batch.ops[command->step];

        if (op->wait && !nv_memop_ready(op))
            return false;
        if (!op->wait)
            nv_memop_write(op);
    }
    return true;
}

static bool run_semaphores(struct nv_command *command)
{
    while (command->step < command->op.semaphores.count &&
           nv_semaphore_run(&command->op.semaphores.ops[command->step]))
        command->step++;
    return command->step == command->op.semaphores.count;
}

/* What looks at words of memory. False: it waits, and is to be asked again. */
static bool run_memop(struct nv_command *command)
{
    switch (command->op.kind) {
    case NV_OP_BATCH:
        return run_batch(command);
    case NV_OP_SEMAPHORES:
        return run_semaphores(command);
    case NV_OP_WAIT_SHARED:
        return nv_shared_ready(command->op.record.event->shared, command->op.record.version);
    case NV_OP_WAIT_VALUE:
        return nv_memop_ready(&command->op.memop);
    default:
        nv_memop_write(&command->op.memop);
        return true;
    }
}

static void start(struct nv_command *command, uint64_t now)
{
    command->started = true;
    command->failed = command->op.ctx->sticky != CUDA_SUCCESS;
    if (command->failed && command->op.kind != NV_OP_CALLBACK && !command->event_steps) {
        nv_command_done(command, now);
        return;
    }
    switch (command->op.kind) {
    case NV_OP_KERNEL:
        nv_kernel_start(command, now);
        break;
    case NV_OP_COPY:
        nv_schedule(now + nv_profile.packet_ns + nv_copy_ns(&command->op.copy), EMU_DUE_QUEUE,
                    command);
        break;
    case NV_OP_FILL:
        nv_schedule(now + nv_profile.packet_ns + nv_fill_ns(&command->op.fill), EMU_DUE_QUEUE,
                    command);
        break;
    case NV_OP_HOST:
    case NV_OP_CALLBACK:
        nv_host_enqueue(command);
        break;
    case NV_OP_WAIT_VALUE:
    case NV_OP_WRITE_VALUE:
    case NV_OP_WAIT_SHARED:
    case NV_OP_BATCH:
    case NV_OP_SEMAPHORES:
        if (run_memop(command))
            nv_schedule(now + HANDOVER_NS, EMU_DUE_QUEUE, command);
        else
            poll_later(command);
        break;
    case NV_OP_GRAPH:
        nv_exec_start(command, now);
        break;
    case NV_OP_CONDITION:
        nv_condition_start(command, now);
        break;
    case NV_OP_RECORD:
        command->op.record.event->time_ns = now;
        command->op.record.event->timed = true;
        nv_command_done(command, now);
        break;
    case NV_OP_FREE:
        nv_pool_carry_out_free(command->op.free_va);
        nv_command_done(command, now);
        break;
    default:
        nv_command_done(command, now);
        break;
    }
}

static void start_ready(uint64_t now)
{
    struct nv_command *command;

    while ((command = nv_engine.ready)) {
        nv_engine.ready = command->next;
        command->next = NULL;
        command->ready = false;
        start(command, now);
    }
}

/* ---- what is dated ---- */

static void timed_op(struct nv_command *command, uint64_t now)
{
    if (command->op.kind == NV_OP_KERNEL) {
        nv_kernel_dispatch(command, now);
        return;
    }
    if (command->op.ctx->sticky == CUDA_SUCCESS) {
        if (command->op.kind == NV_OP_CONDITION) {
            nv_condition_start(command, now);
            return;
        }
        /* Unmapped meanwhile: driver 580 answers so. */
        if (command->op.kind == NV_OP_COPY && !nv_copy_carry_out(&command->op.copy))
            nv_context_break(command->op.ctx, CUDA_ERROR_ILLEGAL_ADDRESS);
        else if (command->op.kind == NV_OP_FILL && !nv_fill_carry_out(&command->op.fill))
            nv_context_break(command->op.ctx, CUDA_ERROR_LAUNCH_FAILED);
    }
    nv_command_done(command, now);
}

static void run_due(uint64_t now)
{
    static struct nv_work *ended[EMU_MAX_RESIDENTS];
    struct emu_calendar *calendar = &nv_engine.calendar;
    unsigned count = 0;

    while (emu_calendar_next(calendar) <= now || count > 0) {
        struct emu_due due = {0};
        enum emu_due_kind kind = EMU_DUE_TICK;
        bool any = emu_calendar_next(calendar) <= now;

        if (any) {
            due = emu_calendar_take(calendar);
            kind = emu_due_kind(&due);
            if (kind == EMU_DUE_WORK_END) {
                ended[count++] = due.what;
                continue;
            }
        }
        if (count > 0) {
            unsigned ends = count;

            /* Put back: they may cause more of the same moment that comes first. */
            if (any)
                nv_schedule(due.at_ns, kind, due.what);
            count = 0;
            nv_work_ended(ended, ends, now);
            continue;
        }
        if (kind == EMU_DUE_COMPLETION)
            nv_kernel_complete(due.what, now);
        else if (kind == EMU_DUE_TICK)
            nv_work_tick(now);
        else if (due.what)
            timed_op(due.what, now);
    }
}

/* ---- device thread ---- */

static bool poll_memory(void)
{
    struct nv_command **link = &nv_engine.polled, *command;
    bool any = false;

    while ((command = *link)) {
        if (command->op.ctx->sticky == CUDA_SUCCESS && !run_memop(command)) {
            link = &command->next;
            continue;
        }
        *link = command->next;
        command->next = nv_engine.finished;
        nv_engine.finished = command;
        any = true;
    }
    return any;
}

static void finish(uint64_t now)
{
    struct nv_command *command;

    while ((command = nv_engine.finished)) {
        nv_engine.finished = command->next;
        command->next = NULL;
        nv_command_done(command, now);
    }
}

static void adopt(uint64_t now)
{
    struct emu_device *dev = emu_segment_lock();

    nv_work_adopt(dev, now);
    emu_segment_unlock();
}

/* One look around. @seen is the wake word from before. */
static void step(uint32_t *seen)
{
    bool polled = poll_memory();
    struct emu_segment_view view;
    uint64_t now;

    emu_segment_view(&view);
    *seen = view.wake;
    now = emu_clock_now(&view.clock, emu_wall_ns());
    if (!polled && !view.called && !nv_engine.ready && !nv_engine.finished &&
        emu_calendar_next(&nv_engine.calendar) > now && view.turn_end_ns > now)
        return;
    now = hold();
    nv_turn_look(now);
    adopt(now);
    do {
        finish(now);
        run_due(now);
        start_ready(now);
        nv_turn_want(now);
    } while (nv_engine.ready || nv_engine.finished ||
             emu_calendar_next(&nv_engine.calendar) <= now);
}

/* Publishes, and says for how long nothing can happen that we would have to look for. */
static uint64_t conclude(uint32_t *seen)
{
    uint64_t next = emu_calendar_next(&nv_engine.calendar), timeout = POLL_IDLE_NS, wall, due;
    struct emu_segment_view view;

    nv_engine.pin_ns = EMU_NEVER;
    *seen += publish();
    emu_segment_view(&view);
    wall = emu_wall_ns();
    next = view.turn_end_ns < next ? view.turn_end_ns : next;
    if (emu_clock_now(&view.clock, wall) == view.clock.horizon_ns)
        timeout = POLL_STANDING_NS;
    if (nv_engine.polled)
        timeout = POLL_VALUE_NS;
    due = next == EMU_NEVER ? EMU_NEVER : emu_clock_wall_of(&view.clock, next);
    if (due != EMU_NEVER && due < wall + timeout)
        timeout = due > wall ? due - wall : 0;
    return timeout;
}

static void *device_thread(void *unused)
{
    prctl(PR_SET_NAME, "reef-emu-device");
    prctl(PR_SET_TIMERSLACK, 1000ul);
    nv_lock();
    while (!nv_engine.stopping) {
        uint64_t timeout;
        uint32_t seen;

        step(&seen);
        timeout = conclude(&seen);
        nv_engine.sleeping = timeout > 0 && !nv_engine.ready && !nv_engine.finished;
        if (!nv_engine.sleeping)
            timeout = 0;
        nv_unlock();
        emu_segment_check_peers();
        if (timeout > 0)
            emu_segment_wait(seen, timeout);
        nv_lock();
        nv_engine.sleeping = false;
    }
    nv_unlock();
    return NULL;
}

/* ---- start and stop ---- */

/* A thread that takes none of the program's signals. */
static int start_thread(pthread_t *thread, void *(*run)(void *), void *arg)
{
    sigset_t all, old;
    int rc;

    sigfillset(&all);
    pthread_sigmask(SIG_SETMASK, &all, &old);
    rc = pthread_create(thread, NULL, run, arg);
    pthread_sigmask(SIG_SETMASK, &old, NULL);
    return rc;
}

CUresult nv_engine_start(void)
{
    uint64_t epoch = emu_settings()->quantum_ns / 4;
    unsigned wanted = emu_settings()->threads;
    int rc;

    nv_lock();
    pthread_cond_init(&nv_engine.work_cond, NULL);
    pthread_cond_init(&nv_engine.settled, NULL);
    pthread_cond_init(&nv_engine.completed, NULL);
    nv_engine.pin_ns = nv_engine.published_ns = EMU_NEVER;
    nv_engine.resume_ns = 0;
    nv_engine.epoch_ns = epoch < 1000 ? 1000 : epoch;
    nv_engine.pid = getpid();
    rc = start_thread(&nv_engine.device_thread, device_thread, NULL);
    while (rc == 0 && nv_engine.threads < wanted && nv_engine.threads < NV_MAX_THREADS) {
        if (start_thread(&nv_engine.thread[nv_engine.threads], nv_slices_thread,
                         (void *)(uintptr_t)nv_engine.threads) != 0)
            break;
        nv_engine.threads++;
    }
    nv_unlock();
    return rc == 0 && nv_engine.threads ? CUDA_SUCCESS : CUDA_ERROR_OUT_OF_MEMORY;
}

/* At exit: what runs is abandoned, and the device gets everything back. */
void nv_engine_stop(void)
{
    if (nv_engine.pid != getpid())
        return;
    nv_lock();
    nv_engine.stopping = true;
    for (unsigned i = 0; i < nv_engine.threads; i++)
        nv_engine.cut[i] = 1;
    pthread_cond_broadcast(&nv_engine.work_cond);
    nv_engine.sleeping = true;
    nv_engine_kick();
    nv_unlock();
    pthread_join(nv_engine.device_thread, NULL);
    for (unsigned i = 0; i < nv_engine.threads; i++)
        pthread_join(nv_engine.thread[i], NULL);
    emu_segment_detach();
    nv_engine.pid = 0;
}
