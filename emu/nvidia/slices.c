// SPDX-License-Identifier: Apache-2.0
/*
 * Interpreter threads. Each takes the block that is furthest behind, runs it to the end of its
 * epoch and puts it back; what has ended gets a date in the calendar. They run at a low priority,
 * so that the program's own threads go first.
 */
#include "engine.h"

#include <stdatomic.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

enum { NICE = 10 };

/* ---- heap: by local time, then by index, so that the order repeats ---- */

static bool before(const struct nv_work *a, const struct nv_work *b)
{
    return a->local_ns != b->local_ns ? a->local_ns < b->local_ns : a->resident < b->resident;
}

static void heap_set(size_t i, struct nv_work *work)
{
    nv_engine.heap[i] = work;
    work->heap_at = i;
}

static size_t sift_up(size_t i, struct nv_work *work)
{
    for (; i > 0 && before(work, nv_engine.heap[(i - 1) / 2]); i = (i - 1) / 2)
        heap_set(i, nv_engine.heap[(i - 1) / 2]);
    heap_set(i, work);
    return i;
}

static void sift_down(size_t i, struct nv_work *work)
{
    for (;;) {
        size_t child = 2 * i + 1;

        if (child + 1 < nv_engine.heap_used &&
            before(nv_engine.heap[child + 1], nv_engine.heap[child]))
            child++;
        if (child >= nv_engine.heap_used || !before(nv_engine.heap[child], work))
            break;
        heap_set(i, nv_engine.heap[child]);
        i = child;
    }
    heap_set(i, work);
}

void nv_heap_push(struct nv_work *work)
{
    work->state = NV_WORK_READY;
    sift_up(nv_engine.heap_used++, work);
    if (work->local_ns < nv_engine.run_until_ns)
        pthread_cond_signal(&nv_engine.work_cond);
}

void nv_heap_remove(struct nv_work *work)
{
    size_t i = work->heap_at;
    struct nv_work *last = nv_engine.heap[--nv_engine.heap_used];

    if (last != work)
        sift_down(sift_up(i, last), last);
}

/* ---- slices ---- */

static bool concerns(unsigned i, const struct nv_context *ctx)
{
    const struct nv_work *work = nv_engine.slice[i];

    return work && (!ctx || work->run->command->op.ctx == ctx);
}

extern pthread_mutex_t nv_mutex;

void nv_slices_settle(const struct nv_context *ctx)
{
    for (unsigned i = 0; i < nv_engine.threads; i++) {
        while (concerns(i, ctx)) {
            atomic_store(&nv_engine.cut[i], 1);
            pthread_cond_wait(&nv_engine.settled, &nv_mutex);
        }
    }
}

static uint64_t cycles_of(uint64_t ns)
{
    return ns / 1000 * nv_profile.clock_mhz + ns % 1000 * nv_profile.clock_mhz / 1000;
}

static struct nv_work *next_work(void)
{
    struct nv_work *work = nv_engine.heap_used ? nv_engine.heap[0] : NULL;

    return work && work->local_ns < nv_engine.run_until_ns && !nv_engine.parked ? work : NULL;
}

static void slice_begin(struct nv_work *work, unsigned self, struct ptx_slice *slice)
{
    uint64_t epoch = work->local_ns / nv_engine.epoch_ns;
    uint64_t end = (epoch + 1) * nv_engine.epoch_ns;

    atomic_store(&nv_engine.cut[self], work->run->dying);
    *slice = (struct ptx_slice){
        .budget_cycles = (end - work->local_ns) * nv_profile.clock_mhz / 1000 + 1,
        .start_cycle = cycles_of(work->local_ns),
        .start_ns = work->local_ns,
        .issue_scale_q8 = work->scale[epoch > nv_engine.epoch],
        .stop = &nv_engine.cut[self],
    };
}

static void slice_end(struct nv_work *work, const struct ptx_slice *slice, enum ptx_status status)
{
    work->cycles += slice->used_cycles;
    work->local_ns = work->base_ns + work->cycles * 1000 / nv_profile.clock_mhz;
    if (status == PTX_RUNNING || status == PTX_STOPPED) {
        nv_heap_push(work);
        return;
    }
    work->state = NV_WORK_ENDED;
    work->status = status;
    work->fault = slice->fault;
    nv_schedule(work->local_ns, EMU_DUE_WORK_END, work);
}

/* Interprets without the driver's lock. The block is made here, in its interpreter's thread. */
static enum ptx_status run_slice(struct nv_work *work, struct ptx_slice *slice)
{
    enum ptx_status status;

    if (!work->block)
        work->block = ptx_block_create(&work->run->launch, work->index, work->unit);
    if (!work->block) {
        slice->fault.kind = PTX_FAULT_STACK;
        snprintf(slice->fault.text, sizeof(slice->fault.text), "out of memory for a block");
        return PTX_FAULT;
    }
    nv_memory_lock_read();
    status = ptx_block_run(work->block, slice);
    nv_memory_unlock();
    if (status == PTX_DONE || status == PTX_FAULT) {
        ptx_block_destroy(work->block);
        work->block = NULL;
    }
    return status;
}

void *nv_slices_thread(void *index)
{
    unsigned self = (unsigned)(uintptr_t)index;

    prctl(PR_SET_NAME, "reef-emu-warps");
    setpriority(PRIO_PROCESS, (id_t)syscall(SYS_gettid), NICE);
    nv_lock();
    while (!nv_engine.stopping) {
        struct nv_work *work = next_work();
        struct ptx_slice slice;
        enum ptx_status status;

        if (!work) {
            pthread_cond_wait(&nv_engine.work_cond, &nv_mutex);
            continue;
        }
        nv_heap_remove(work);
        work->state = NV_WORK_RUNNING;
        nv_engine.slice[self] = work;
        slice_begin(work, self, &slice);
        nv_unlock();
        status = run_slice(work, &slice);
        nv_lock();
        nv_engine.slice[self] = NULL;
        slice_end(work, &slice, status);
        nv_publish();
        pthread_cond_broadcast(&nv_engine.settled);
    }
    nv_unlock();
    return NULL;
}
