// SPDX-License-Identifier: Apache-2.0
/*
 * The engine of one process: its device thread carries out what is dated, polls what only memory
 * tells (doorbells, signals), and says how far things have been worked out. See engine.h for the
 * whole.
 *
 * Doorbells are plain stores by the program and wake nobody, hence the polling. It is quick while
 * queues are in use and the clock runs; while the clock stands for the sake of an interpreter,
 * looking late costs no device time.
 */
#include "engine.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <unistd.h>

#include "../common/segment.h"
#include "gcn/uncached.h"

/* Wall times. */
#define POLL_BUSY_NS      30000ull
#define POLL_STANDING_NS  150000ull
#define POLL_LONG_IDLE_NS 2000000ull
#define POLL_NO_QUEUE_NS  20000000ull
#define LATELY_NS         5000000ull
#define LONG_NS           2000000000ull

struct emu_engine emu_engine;

/* ---- lock ---- */

static bool is_device_thread(void)
{
    return pthread_equal(pthread_self(), emu_engine.device_thread);
}

bool emu_engine_enter(void)
{
    if (emu_engine.pid != getpid())
        return false;
    pthread_mutex_lock(&emu_engine.lock);
    while (emu_engine.busy)
        pthread_cond_wait(&emu_engine.settled, &emu_engine.lock);
    if (!emu_engine.stopping)
        return true;
    pthread_mutex_unlock(&emu_engine.lock);
    return false;
}

void emu_engine_leave(void)
{
    pthread_mutex_unlock(&emu_engine.lock);
}

static bool slices_of(const struct emu_queue *queue)
{
    for (unsigned i = 0; i < emu_engine.threads; i++) {
        const struct emu_work *work = emu_engine.slice[i];

        if (work && (!queue || work->dispatch->queue == queue))
            return true;
    }
    return false;
}

void emu_engine_settle(const struct emu_queue *queue)
{
    while (slices_of(queue) || (emu_engine.busy && !is_device_thread()))
        pthread_cond_wait(&emu_engine.settled, &emu_engine.lock);
}

/* Where a slice is cut has no influence on device time. */
static void cut_slices(const struct emu_queue *queue)
{
    for (unsigned i = 0; i < emu_engine.threads; i++) {
        const struct emu_work *work = emu_engine.slice[i];

        if (work && (!queue || work->dispatch->queue == queue))
            atomic_store(&emu_engine.cut[i], 1);
    }
}

void emu_engine_stop_queue(struct emu_queue *queue)
{
    queue->stopping++;
    cut_slices(queue);
    emu_engine_settle(queue);
}

void emu_engine_pause(void)
{
    emu_engine.quiesced++;
    cut_slices(NULL);
    emu_engine_settle(NULL);
}

void emu_engine_unpause(void)
{
    emu_engine.quiesced--;
    pthread_cond_broadcast(&emu_engine.settled);
    pthread_cond_broadcast(&emu_engine.work_cond);
}

void emu_engine_quiesce(void (*run)(void *arg), void *arg)
{
    if (emu_engine.pid != getpid()) {
        run(arg);
        return;
    }
    pthread_mutex_lock(&emu_engine.lock);
    emu_engine_pause();
    run(arg);
    gcn_code_invalidate(emu_engine.code);
    emu_engine_unpause();
    pthread_mutex_unlock(&emu_engine.lock);
}

/* ---- horizon ---- */

uint64_t emu_engine_hold(void)
{
    struct emu_device *dev = emu_segment_lock();
    int me = emu_segment_process();
    uint64_t wall = emu_wall_ns();
    uint64_t now = emu_device_now(dev, wall), delay_ns;

    emu_device_set_horizon(dev, me, now, wall);
    if (dev->processes[me].absent) {
        /* We had been stopped, and the others went on without us. */
        emu_work_catch_up(now);
        emu_device_set_absent(dev, me, false, wall);
    }
    emu_engine.pin_ns = emu_engine.published_ns = now;
    if (emu_device_unmaps(dev, me, &delay_ns))
        emu_unmapped(delay_ns, now);
    emu_segment_unlock();
    return now;
}

static uint64_t horizon(void)
{
    uint64_t least = emu_calendar_next(&emu_engine.calendar);
    uint64_t local = emu_work_least_local();

    if (local < least)
        least = local;
    return emu_engine.pin_ns < least ? emu_engine.pin_ns : least;
}

/* Returns by how much it has raised this process's own wake word. */
static uint32_t publish(void)
{
    uint64_t least = horizon();
    struct emu_device_process *me;
    struct emu_device *dev;
    uint32_t before, after;

    if (least == emu_engine.published_ns)
        return 0;
    dev = emu_segment_lock();
    me = &dev->processes[emu_segment_process()];
    before = me->wake;
    if (!me->absent && !me->unmaps) {
        emu_device_set_horizon(dev, emu_segment_process(), least, emu_wall_ns());
        emu_engine.published_ns = me->horizon_ns;
    }
    after = me->wake;
    emu_segment_unlock();
    return after - before;
}

void emu_engine_publish(void)
{
    publish();
}

void emu_engine_go_on(void)
{
    emu_engine.pin_ns = EMU_NEVER;
    emu_engine_publish();
}

void emu_engine_wake(void)
{
    struct emu_device *dev = emu_segment_lock();

    dev->processes[emu_segment_process()].wake++;
    emu_segment_unlock();
}

void emu_engine_schedule(uint64_t at_ns, enum emu_due_kind kind, void *what)
{
    if (emu_calendar_add(&emu_engine.calendar, at_ns, kind, what))
        return;
    emu_report("out of memory");
    abort();
}

void emu_engine_go_on_to(uint64_t at_ns)
{
    bool rung = at_ns <= emu_engine.pin_ns;

    if (!rung)
        emu_engine_schedule(at_ns, EMU_DUE_ALARM, &rung);
    emu_engine_go_on();
    if (rung)
        return;
    emu_engine_wake();
    while ((!rung || emu_engine.busy) && !emu_engine.stopping)
        pthread_cond_wait(&emu_engine.settled, &emu_engine.lock);
    if (!rung)
        emu_calendar_drop(&emu_engine.calendar, EMU_DUE_ALARM, &rung);
}

/* ---- device thread ---- */

static void carry_out(enum emu_due_kind kind, void *what, uint64_t now)
{
    switch (kind) {
    case EMU_DUE_WORK_END: /* not one by one: run_due */
        break;
    case EMU_DUE_COMPLETION:
        emu_dispatch_complete(what, now);
        break;
    case EMU_DUE_DOORBELL:
        emu_doorbell_event(what);
        break;
    case EMU_DUE_QUEUE:
        emu_queue_event(what, now);
        break;
    case EMU_DUE_SAVED:
        emu_queue_saved(what, now);
        break;
    case EMU_DUE_MAP:
        emu_engine.unmapped--;
        break;
    case EMU_DUE_ALARM:
        *(bool *)what = true;
        break;
    case EMU_DUE_TICK:
        emu_work_tick(now);
        break;
    }
}

/* Carries out what is dated now: the ends of work-groups together, the rest one by one. */
static void run_due(uint64_t now)
{
    static struct emu_work *ended[EMU_MAX_RESIDENTS];
    struct emu_calendar *calendar = &emu_engine.calendar;
    unsigned count = 0;

    while (emu_calendar_next(calendar) <= now) {
        struct emu_due due = emu_calendar_take(calendar);
        enum emu_due_kind kind = emu_due_kind(&due);

        if (kind == EMU_DUE_WORK_END) {
            ended[count++] = due.what;
            continue;
        }
        if (count > 0) {
            /* Put back: they may cause more of the same moment that comes first. */
            emu_engine_schedule(due.at_ns, kind, due.what);
            emu_work_ended(ended, count, now);
            count = 0;
            continue;
        }
        carry_out(kind, due.what, now);
    }
    if (count > 0)
        emu_work_ended(ended, count, now);
}

static void adopt(uint64_t now)
{
    struct emu_device *dev = emu_segment_lock();

    emu_work_adopt(dev, now);
    emu_segment_unlock();
}

/* One look around. Returns true if there was something to do; @seen is the wake word from before.
 */
static bool step(uint32_t *seen)
{
    bool again = emu_queue_look_all(), polled = emu_queue_poll();
    struct emu_segment_view view;
    bool due;
    uint64_t now;

    emu_segment_view(&view);
    *seen = view.wake;
    due = emu_calendar_next(&emu_engine.calendar) <= emu_clock_now(&view.clock, emu_wall_ns());
    if (!polled && !due && !view.called)
        return again;
    emu_engine.busy = true;
    now = emu_engine_hold();
    adopt(now);
    do {
        run_due(now);
        emu_queue_look_all();
        emu_queue_run_all(now);
    } while (emu_calendar_next(&emu_engine.calendar) <= now);
    emu_engine.busy = false;
    pthread_cond_broadcast(&emu_engine.settled);
    return true;
}

/* Publishes, and says for how long nothing can happen that we would have to look for. Our own
 * raising of the horizon is no reason to wake up: @seen is corrected for it. */
static uint64_t conclude(uint32_t *seen, uint64_t idle_ns)
{
    uint64_t next = emu_calendar_next(&emu_engine.calendar), timeout, wall, due;
    struct emu_segment_view view;

    emu_engine.pin_ns = EMU_NEVER;
    *seen += publish();
    emu_segment_view(&view);
    wall = emu_wall_ns();
    if (emu_engine.queue_count == 0)
        timeout = POLL_NO_QUEUE_NS;
    else if (emu_clock_now(&view.clock, wall) == view.clock.horizon_ns)
        timeout = POLL_STANDING_NS;
    else if (idle_ns < LATELY_NS)
        timeout = POLL_BUSY_NS;
    else
        timeout = idle_ns < LONG_NS ? emu_settings()->poll_ns : POLL_LONG_IDLE_NS;
    due = next == EMU_NEVER ? EMU_NEVER : emu_clock_wall_of(&view.clock, next);
    if (due != EMU_NEVER && due < wall + timeout)
        timeout = due > wall ? due - wall : 0;
    return timeout;
}

static void *device_thread(void *unused)
{
    uint64_t last_busy = emu_wall_ns();

    prctl(PR_SET_NAME, "reef-emu-device");
    prctl(PR_SET_TIMERSLACK, 1000ul);
    pthread_mutex_lock(&emu_engine.lock);
    while (!emu_engine.stopping) {
        uint64_t timeout;
        uint32_t seen;

        if (emu_engine.quiesced) {
            pthread_cond_wait(&emu_engine.settled, &emu_engine.lock);
            continue;
        }
        if (step(&seen))
            last_busy = emu_wall_ns();
        timeout = conclude(&seen, emu_wall_ns() - last_busy);
        pthread_mutex_unlock(&emu_engine.lock);
        emu_segment_check_peers();
        if (timeout > 0)
            emu_segment_wait(seen, timeout);
        pthread_mutex_lock(&emu_engine.lock);
    }
    pthread_mutex_unlock(&emu_engine.lock);
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
    return -rc;
}

/* Epochs: an interpreter may begin a slice up to two of them ahead, and no more than the setting.
 */
static uint64_t epoch_length(void)
{
    uint64_t length = emu_settings()->quantum_ns / 4;

    return length < 1000 ? 1000 : length;
}

/* One request of 64 bytes a cycle is what one of the 16 channels of the cache takes (the profile
 * has all together). */
static void configure_uncached(void)
{
    const struct emu_profile *p = &emu_engine.profile;
    const struct gcn_uncached config = {
        .epoch_ns = emu_engine.epoch_ns,
        .clock_mhz = p->clock_mhz,
        .word_cycles = 1,
        .host_cycles = 64 * p->clock_mhz / p->copy_bytes_per_us,
        .host_latency = p->pcie_latency ? p->pcie_latency : p->smem_latency,
        .late_cycles = emu_settings()->flag_delay_ns * p->clock_mhz / 1000,
    };

    gcn_uncached_configure(&config);
}

static void load_durations(void)
{
    const char *path = emu_settings()->durations;
    char err[512];

    if (*path && emu_durations_load(&emu_engine.durations, path, err, sizeof(err)) != 0)
        emu_report("REEF_EMU_DURATIONS: %s; not used", err);
}

int emu_engine_start(void)
{
    struct emu_device *dev;
    unsigned wanted = emu_settings()->threads;
    int rc;

    memset(&emu_engine, 0, sizeof(emu_engine)); /* a forked child inherits its parent's, useless */
    pthread_mutex_init(&emu_engine.calls, NULL);
    pthread_mutex_init(&emu_engine.lock, NULL);
    pthread_cond_init(&emu_engine.work_cond, NULL);
    pthread_cond_init(&emu_engine.settled, NULL);
    emu_engine.pin_ns = EMU_NEVER;
    emu_engine.published_ns = EMU_NEVER;
    emu_engine.epoch_ns = epoch_length();
    dev = emu_segment_lock();
    emu_engine.profile = dev->profile;
    emu_segment_unlock();
    load_durations();
    configure_uncached();
    emu_engine.code = gcn_code_create(emu_vm_memory());
    if (!emu_engine.code)
        return -ENOMEM;
    emu_engine.pid = getpid();
    pthread_mutex_lock(&emu_engine.lock);
    rc = start_thread(&emu_engine.device_thread, device_thread, NULL);
    if (rc != 0)
        emu_engine.pid = 0;
    while (rc == 0 && emu_engine.threads < wanted && emu_engine.threads < EMU_MAX_THREADS) {
        unsigned i = emu_engine.threads;

        if (start_thread(&emu_engine.thread[i], emu_slices_thread, (void *)(uintptr_t)i) != 0)
            break;
        emu_engine.threads++;
    }
    if (rc == 0 && emu_engine.threads == 0) {
        emu_engine.stopping = true;
        emu_engine.pid = 0;
        rc = -EAGAIN;
    }
    pthread_mutex_unlock(&emu_engine.lock);
    return rc;
}

/* One line of JSON; several processes that are given one file leave a line each. */
static void write_statistics(void)
{
    char line[128];
    int fd, length;

    if (!emu_settings()->stats[0])
        return;
    length = snprintf(
        line, sizeof(line), "{\"wave_instructions\": %llu, \"interpreter_cpu_ns\": %llu}\n",
        (unsigned long long)emu_engine.instructions, (unsigned long long)emu_engine.interpreter_ns);
    fd = emu_real_open(emu_settings()->stats, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0666);
    if (fd < 0 || write(fd, line, (size_t)length) != length)
        emu_report("REEF_EMU_STATS=%s: %s", emu_settings()->stats, strerror(errno));
    if (fd >= 0)
        close(fd);
}

void emu_engine_stop(void)
{
    struct emu_device *dev;

    if (!emu_engine_enter())
        return;
    emu_engine.stopping = true;
    cut_slices(NULL);
    pthread_cond_broadcast(&emu_engine.work_cond);
    pthread_cond_broadcast(&emu_engine.settled);
    dev = emu_segment_lock();
    dev->processes[emu_segment_process()].wake++;
    emu_segment_unlock();
    pthread_mutex_unlock(&emu_engine.lock);
    pthread_join(emu_engine.device_thread, NULL);
    for (unsigned i = 0; i < emu_engine.threads; i++)
        pthread_join(emu_engine.thread[i], NULL);
    write_statistics();
    emu_segment_detach();
    /* Queues, work-groups and code stay as they are: the process is about to end. */
}
