// SPDX-License-Identifier: Apache-2.0
/*
 * Interpreter threads. Each takes the work-group that is furthest behind, runs it to the end of its
 * epoch and puts it back; what has ended gets a date in the calendar. They run at a low priority,
 * so that the program's own threads, on whose quickness its scheduling rests, go first.
 */
#include "engine.h"

#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

enum { NICE = 10 };

/* ---- run heap: by local time, then by index, so that the order repeats ---- */

static bool before(const struct emu_work *a, const struct emu_work *b)
{
    return a->local_ns != b->local_ns ? a->local_ns < b->local_ns : a->resident < b->resident;
}

static void heap_set(size_t i, struct emu_work *work)
{
    emu_engine.heap[i] = work;
    work->heap_at = i;
}

static size_t sift_up(size_t i, struct emu_work *work)
{
    for (; i > 0 && before(work, emu_engine.heap[(i - 1) / 2]); i = (i - 1) / 2)
        heap_set(i, emu_engine.heap[(i - 1) / 2]);
    heap_set(i, work);
    return i;
}

static void sift_down(size_t i, struct emu_work *work)
{
    for (;;) {
        size_t child = 2 * i + 1;

        if (child + 1 < emu_engine.heap_used &&
            before(emu_engine.heap[child + 1], emu_engine.heap[child]))
            child++;
        if (child >= emu_engine.heap_used || !before(emu_engine.heap[child], work))
            break;
        heap_set(i, emu_engine.heap[child]);
        i = child;
    }
    heap_set(i, work);
}

void emu_heap_push(struct emu_work *work)
{
    work->state = EMU_WORK_READY;
    sift_up(emu_engine.heap_used++, work);
    if (work->local_ns < emu_engine.run_until_ns)
        pthread_cond_signal(&emu_engine.work_cond);
}

void emu_heap_remove(struct emu_work *work)
{
    size_t i = work->heap_at;
    struct emu_work *last = emu_engine.heap[--emu_engine.heap_used];

    if (last != work)
        sift_down(sift_up(i, last), last);
}

/* ---- a slice ---- */

/* Device time in shader cycles. */
static uint64_t cycles_of(uint64_t ns)
{
    uint64_t mhz = emu_engine.profile.clock_mhz;

    return ns / 1000 * mhz + ns % 1000 * mhz / 1000;
}

static struct emu_work *next_work(void)
{
    struct emu_work *work = emu_engine.heap_used ? emu_engine.heap[0] : NULL;

    return work && work->local_ns < emu_engine.run_until_ns && !emu_engine.quiesced ? work : NULL;
}

/* Where the duration is given, interpreting takes next to no device time: but some, or a work-group
 * that waits for another one would never come to an end of its slice. */
static uint64_t cycles_per_cycle(const struct emu_work *work)
{
    return work->dispatch->curve_length ? 4096 : 1;
}

static void put_back(struct emu_work *work)
{
    if (work->dispatch->queue->stopping)
        work->state = EMU_WORK_STOPPED;
    else
        emu_heap_push(work);
}

/* One epoch of waiting out a given duration, or what is left of it. */
static void wait_out(struct emu_work *work)
{
    uint64_t epoch = work->local_ns / emu_engine.epoch_ns;
    uint64_t step = (epoch + 1) * emu_engine.epoch_ns - work->local_ns;
    uint64_t whole = work->cost[epoch > emu_engine.epoch].scale;
    uint64_t need = (uint64_t)((unsigned __int128)work->left_q32 * whole >> 32);

    if (need <= step) {
        step = need;
        work->left_q32 = 0;
    } else {
        work->left_q32 -= (step << 32) / whole;
    }
    work->base_ns += step;
    work->local_ns += step;
    put_back(work);
}

static void slice_begin(struct emu_work *work, unsigned self, struct gcn_slice *slice)
{
    uint64_t epoch = work->local_ns / emu_engine.epoch_ns;
    uint64_t end = (epoch + 1) * emu_engine.epoch_ns;
    const struct emu_work_cost *cost = &work->cost[epoch > emu_engine.epoch];

    atomic_store(&emu_engine.cut[self], work->dispatch->queue->stopping > 0);
    *slice = (struct gcn_slice){
        .budget_cycles =
            (end - work->local_ns) * emu_engine.profile.clock_mhz / 1000 * cycles_per_cycle(work) +
            1,
        .start_cycle = cycles_of(work->local_ns),
        .issue_scale_q8 = cost->scale,
        .pace = cost->pace,
        .stop = &emu_engine.cut[self],
    };
}

static void slice_end(struct emu_work *work, const struct gcn_slice *slice, enum gcn_status status)
{
    work->cycles += slice->used_cycles;
    work->local_ns =
        work->base_ns + work->cycles * 1000 / emu_engine.profile.clock_mhz / cycles_per_cycle(work);
    if (status == GCN_RUNNING || status == GCN_STOPPED) {
        put_back(work);
    } else {
        work->state = EMU_WORK_ENDED;
        work->status = status;
        work->fault = slice->fault;
        emu_engine_schedule(work->local_ns, EMU_DUE_WORK_END, work);
    }
}

/* Interprets without the lock. The work-group is made here, in its interpreter's thread. */
static enum gcn_status run_slice(struct emu_work *work, struct gcn_thread *thread,
                                 struct gcn_slice *slice)
{
    enum gcn_status status;

    if (!work->wg) {
        int slot = work->scratch_slot < 0 ? 0 : work->scratch_slot;

        work->wg = gcn_workgroup_create(&work->dispatch->gcn, work->workgroup, (uint32_t)slot);
        if (!work->wg) {
            emu_report("out of memory for a work-group");
            slice->fault.kind = GCN_FAULT_NONE;
            return GCN_FAULT;
        }
    }
    status = gcn_workgroup_run(work->wg, thread, slice);
    if (status == GCN_DONE || status == GCN_FAULT) {
        gcn_workgroup_destroy(work->wg);
        work->wg = NULL;
    }
    return status;
}

/* What the thread has done in its life, for the statistics. */
static void account(const struct gcn_thread *thread)
{
    struct timespec cpu;

    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &cpu);
    emu_engine.instructions += gcn_thread_instructions(thread);
    emu_engine.interpreter_ns += (uint64_t)cpu.tv_sec * 1000000000u + (uint64_t)cpu.tv_nsec;
}

void *emu_slices_thread(void *index)
{
    unsigned self = (unsigned)(uintptr_t)index;
    struct gcn_thread *thread = gcn_thread_create();

    prctl(PR_SET_NAME, "reef-emu-waves");
    setpriority(PRIO_PROCESS, (id_t)syscall(SYS_gettid), NICE);
    if (!thread)
        emu_report("out of memory for an interpreter");
    pthread_mutex_lock(&emu_engine.lock);
    while (thread && !emu_engine.stopping) {
        struct emu_work *work = next_work();
        struct gcn_slice slice;
        enum gcn_status status;

        if (!work) {
            pthread_cond_wait(&emu_engine.work_cond, &emu_engine.lock);
            continue;
        }
        emu_heap_remove(work);
        if (work->left_q32 > 0) {
            wait_out(work);
            emu_engine_publish();
            continue;
        }
        work->state = EMU_WORK_RUNNING;
        emu_engine.slice[self] = work;
        slice_begin(work, self, &slice);
        pthread_mutex_unlock(&emu_engine.lock);
        status = run_slice(work, thread, &slice);
        pthread_mutex_lock(&emu_engine.lock);
        emu_engine.slice[self] = NULL;
        slice_end(work, &slice, status);
        emu_engine_publish();
        if (emu_engine.quiesced || work->dispatch->queue->stopping)
            pthread_cond_broadcast(&emu_engine.settled);
    }
    if (thread)
        account(thread);
    pthread_mutex_unlock(&emu_engine.lock);
    gcn_thread_destroy(thread);
    return NULL;
}
