// SPDX-License-Identifier: Apache-2.0
/*
 * The engine: kernels on the device, the device thread and the interpreter threads, as their files
 * share them. Private to emu/nvidia/. See emu/model/device.h for time, and the engine of emu/amd
 * for the same ideas: events with dates in a calendar, interpretation ahead of the clock by at most
 * two epochs, the horizon that keeps the clock from running past what is not worked out yet.
 *
 * The driver's lock guards everything here, except what a slice in progress uses.
 */
#pragma once

#include "../common/calendar.h"
#include "../common/segment.h"
#include "driver.h"

#define HANDOVER_NS 500ull /* device time from one of a stream's small operations to the next */

enum { NV_MAX_THREADS = 64, NV_MAX_RUNS = 128, NV_MAX_CLAIMED = EMU_MAX_RESIDENTS };

enum nv_work_state {
    NV_WORK_NONE,
    NV_WORK_READY,   /* in the heap */
    NV_WORK_RUNNING, /* a thread interprets it */
    NV_WORK_PARKED,  /* it is not this process's turn */
    NV_WORK_ENDED,   /* its end is in the calendar */
};

/** A resident block. Index in nv_engine.work = resident index on the device. */
struct nv_work {
    enum nv_work_state state;
    uint32_t resident, index, unit;
    struct nv_run *run;
    struct ptx_block *block; /* owned; NULL before its first slice */
    uint64_t base_ns, cycles, local_ns;
    uint32_t scale[2]; /* issue cost in this epoch and in the next */
    size_t heap_at;
    enum ptx_status status; /* of an ended one */
    struct ptx_fault fault;
};

/** A kernel from its launch to its completion. */
struct nv_run {
    struct nv_command *command; /* retained */
    struct ptx_launch launch;
    struct nv_module *module; /* retained: it may be unloaded meanwhile */
    struct emu_shape shape;
    uint32_t id, blocks, ended;
    int device_queue; /* -1: none yet */
    uint64_t start_ns;
    bool dying;
    struct nv_run *next_waiting;
};

struct nv_engine {
    _Atomic pid_t pid; /* 0: none */
    pthread_cond_t work_cond, settled, completed;
    bool stopping, sleeping, parked;
    pthread_t device_thread, thread[NV_MAX_THREADS];
    unsigned threads;
    struct emu_calendar calendar;
    uint64_t pin_ns, published_ns;
    uint64_t epoch_ns, epoch, run_until_ns;
    bool ticking, wanted, yields;
    uint64_t parked_ns, resume_ns;
    struct nv_command *ready, *ready_last; /* may start */
    struct nv_command *polled;             /* waits of memory operations */
    struct nv_command *finished;           /* host functions that returned */
    struct nv_run *runs[NV_MAX_RUNS], *waiting, *waiting_last;
    unsigned kernels; /* from the front of their streams to their completion: they want the turn */
    unsigned unbegun; /* of them: no block has had a place yet */
    size_t heap_used;
    struct nv_work *heap[EMU_MAX_RESIDENTS];
    struct nv_work *slice[NV_MAX_THREADS];
    _Atomic unsigned cut[NV_MAX_THREADS];
    struct nv_work work[EMU_MAX_RESIDENTS];
};
extern struct nv_engine nv_engine;

/* ---- engine.c ---- */
void nv_schedule(uint64_t at_ns, enum emu_due_kind kind, void *what);
void nv_publish(void);

/* ---- kernel.c ---- */
/** The command's kernel comes to the device at @now. */
void nv_kernel_start(struct nv_command *command, uint64_t now);
/** Its first block may go. */
void nv_kernel_dispatch(struct nv_command *command, uint64_t now);
void nv_kernel_complete(struct nv_run *run, uint64_t now);
void nv_work_adopt(struct emu_device *dev, uint64_t now);
void nv_work_ended(struct nv_work **list, unsigned count, uint64_t now);
void nv_work_tick(uint64_t now);
void nv_work_catch_up(uint64_t now);
uint64_t nv_work_least_local(void);
void nv_work_park(uint64_t now);
void nv_work_resume(uint64_t now);
/** Ends all kernels of a context where they are. Drops the lock meanwhile. */
void nv_kernels_kill(struct nv_context *ctx, uint64_t now);

/* ---- turn.c ---- */
/** Looks whether it is this process's turn; parks or resumes its kernels. */
void nv_turn_look(uint64_t now);
/** Says whether there are kernels that want the turn. */
void nv_turn_want(uint64_t now);
/** The kernel is complete; what follows it has not been started yet. */
void nv_turn_kernel_ends(const struct nv_run *ending);

/* ---- slices.c ---- */
void nv_heap_push(struct nv_work *work);
void nv_heap_remove(struct nv_work *work);
/** Has the slices in progress (of @ctx, or all) end early, and waits for it. Drops the lock. */
void nv_slices_settle(const struct nv_context *ctx);
void *nv_slices_thread(void *index);
