// SPDX-License-Identifier: Apache-2.0
/*
 * The engine of a process that uses the GPU, as its files share it. Private to emu/amd/.
 *
 *   engine.c     the device thread; holding and publishing the horizon; start, stop, quiesce
 *   calendar.c   dated events
 *   work.c       resident work-groups: taken over from the device, ended, killed, parked
 *   slices.c     interpreter threads
 *   queue.c      hardware queues: create, update, destroy, polling
 *   unmap.c      queues leaving the hardware and coming back, and what that costs
 *   doorbell.c   what the program rang
 *   aql.c        the packet processor of AQL queues
 *   prefetch.c   packets copied before their turn
 *   inject.c     faults on order
 *   dispatch.c   kernel dispatches: checks, scratch, completion
 *   footprint.c  how much memory a dispatch works on
 *   signal.c     HSA signals
 *   dma.c        the copy engine's queues (its packets are sdma.c's)
 *
 * Everything here is guarded by engine.lock, except what a slice in progress uses. The device
 * thread drops the lock in the middle of its work only with engine.busy set; whoever wants to
 * change queues or stop interpretation waits until it is clear (emu_engine_enter).
 *
 * Time. While the engine handles something it holds the clock: its horizon is pinned to the present
 * moment (emu_engine_hold), so that everything it causes is dated exactly that moment.
 * Interpretation is cut into epochs. What a wave's issue costs depends on how many waves share its
 * SIMD, what memory costs it on how many share its unit and how many units have work; these numbers
 * are sampled when the work-group is placed and at each beginning of an epoch, for use in the epoch
 * after: so interpreters may run one to two epochs ahead of the clock, on any number of threads,
 * and yet always use the same numbers.
 *
 * Where a kernel's duration is given (REEF_EMU_DURATIONS), a work-group first waits it out, epoch
 * by epoch and by the company it has, and then is interpreted in next to no device time.
 */
#pragma once

#include <pthread.h>
#include <stdatomic.h>
#include <sys/types.h>

#include <hsa/amd_hsa_queue.h>
#include <hsa/amd_hsa_signal.h>
#include <hsa/hsa.h>
#include <hsa/hsa_ext_amd.h>

#include "../common/calendar.h"
#include "driver.h"
#include "../model/curve.h"
#include "../model/durations.h"
#include "../model/memory.h"

enum {
    EMU_MAX_THREADS = 64,
    EMU_MAX_DISPATCHES = 8192,
    EMU_SCRATCH_SLOTS = 4096, /* COMPUTE_TMPRING_SIZE.WAVES has 12 bits */
};

enum emu_work_state {
    EMU_WORK_NONE,
    EMU_WORK_SCRATCH, /* waits for a scratch slot of its queue */
    EMU_WORK_READY,   /* in the run heap */
    EMU_WORK_RUNNING, /* a thread interprets it */
    EMU_WORK_STOPPED, /* left its slice because its queue is stopping */
    EMU_WORK_PARKED,  /* its queue is suspended, or it waits for a place since then */
    EMU_WORK_ENDED,   /* its end or fault is in the calendar */
};

/** A resident work-group as this process works it out. Index in engine.work = resident index. */
struct emu_work {
    enum emu_work_state state;
    uint32_t resident;
    uint32_t workgroup;            /* linear index in the grid */
    struct emu_dispatch *dispatch; /* borrowed */
    struct gcn_workgroup *wg;      /* owned; NULL before its first slice */
    int scratch_slot;              /* -1: has none */
    uint64_t base_ns, cycles;      /* local time is base_ns + cycles */
    uint64_t local_ns;
    /* In this epoch and in the next, see above. */
    struct emu_work_cost {
        uint32_t scale;       /* of issues; where the duration is given: the whole time in ns */
        struct gcn_pace pace; /* of memory accesses */
    } cost[2];
    uint64_t left_q32; /* where the duration is given: what is left of it, 1 << 32: all */
    uint64_t lead_ns;  /* parked: how far it had been worked out ahead of the clock */
    bool through;      /* parked: at the end of the lead it has ended */
    size_t heap_at;
    struct emu_work *next;  /* in the queue's list of those that wait for scratch */
    enum gcn_status status; /* of an ended one: GCN_DONE or GCN_FAULT */
    struct gcn_fault fault;
};

/** A kernel dispatch from its packet's launch to its completion. */
struct emu_dispatch {
    struct gcn_dispatch gcn; /* what the interpreter sees */
    struct emu_queue *queue; /* borrowed */
    uint32_t id;             /* the device's name for it: index in engine.dispatches */
    uint64_t packet;         /* index in the queue */
    uint64_t completion_va;  /* signal, 0: none */
    struct emu_shape shape;
    uint32_t workgroups, ended;
    bool in_l2; /* what it works on fits into that cache */
    uint32_t curve_length; /* of the given durations; 0: time follows from the instructions */
    uint32_t curve_ns[EMU_DURATION_POINTS];
    uint64_t start_ns; /* placement of the first work-group; EMU_NEVER before it */
};

enum emu_cp_state {
    EMU_CP_FETCH,   /* waits for a doorbell and a valid packet (polled) */
    EMU_CP_DECODE,  /* event pending */
    EMU_CP_BARRIER, /* waits for the earlier packets of its queue */
    EMU_CP_SIGNALS, /* a barrier packet's dependencies (polled) */
    EMU_CP_HEAD,    /* needs scratch, and to be the oldest packet for asking */
    EMU_CP_SCRATCH, /* waits for the runtime's answer (polled) */
    EMU_CP_LAUNCH,  /* event pending */
    EMU_CP_PLACE,   /* work-groups wait for places */
    EMU_CP_RECLAIM, /* waits until the runtime took the scratch back (polled) */
    EMU_CP_STOPPED, /* after an error, for good */
    EMU_CP_RETIRE,  /* event pending at its late completion */
    EMU_CP_COPY,    /* SDMA: event pending at the end of the packet */
};

struct emu_queue {
    struct emu_queue_args args;
    uint32_t id;
    int device_queue; /* AQL only, else -1 */
    bool suspended;
    unsigned stopping; /* its work-groups are not run: they are being killed or parked */
    enum emu_cp_state state;
    bool event;              /* one is pending in the calendar */
    uint64_t frozen_ns;      /* suspended: what was left of it */
    bool saving;             /* suspended: its waves are not saved yet */
    uint64_t fetch, retired; /* packet indices; SDMA: bytes consumed in fetch */
    uint64_t decoded_ns;     /* the present packet */
    /* doorbell.c: the value in force, the one on its way to that, the greatest one seen */
    uint64_t rung, ring_value, ring_seen;
    bool ringing;
    uint64_t hidden_since_ns; /* wall time: a packet is there and was not rung for */
    unsigned in_flight;       /* dispatches */
    /* AQL */
    uint64_t queue_va;                   /* amd_queue_t */
    uint8_t *done;                       /* owned; per ring slot: complete, not yet retired */
    hsa_kernel_dispatch_packet_t packet; /* the present one, a copy */
    hsa_kernel_dispatch_packet_t ahead[EMU_MAX_PREFETCH]; /* by index; up to @copied */
    uint64_t copied;
    struct emu_dispatch *launching; /* owned until it is in flight */
    uint64_t scratch_used[EMU_SCRATCH_SLOTS / 64];
    struct emu_work *scratch_waiters; /* in order */
    bool reclaim;        /* the runtime wants its scratch back after what is in flight */
    struct gcn_gws *gws; /* owned; global wave sync, if it ever had it */
    bool has_gws;
    /* SDMA */
    struct emu_sdma_step step;
};

struct emu_engine {
    pid_t pid; /* of the process it belongs to; 0: none */
    pthread_mutex_t calls; /* one driver call on a queue at a time (amdkfd: the process's mutex);
                              taken before @lock */
    pthread_mutex_t lock;
    pthread_cond_t work_cond; /* for interpreters: something to run, or to stop for */
    pthread_cond_t settled;   /* a slice ended, or the device thread is through */
    bool stopping;
    bool busy;         /* the device thread is at work and may have dropped the lock */
    unsigned quiesced; /* no slice may begin */
    unsigned running;  /* slices in progress */
    pthread_t device_thread, thread[EMU_MAX_THREADS];
    unsigned threads;
    struct emu_profile profile;
    struct gcn_code *code;           /* owned */
    struct emu_durations *durations; /* owned; may be NULL */
    struct emu_calendar calendar;
    uint64_t pin_ns; /* EMU_NEVER: not pinned */
    uint64_t published_ns;
    uint64_t epoch_ns, epoch; /* length, number of the present one */
    uint64_t run_until_ns;    /* slices begin before this */
    bool ticking;
    unsigned unmapped;  /* reasons why no queue is on the hardware */
    uint64_t mapped_ns; /* when all are back */
    size_t heap_used;
    struct emu_work *heap[EMU_MAX_RESIDENTS]; /* runnable, by local time */
    struct emu_work *slice[EMU_MAX_THREADS];  /* being run; NULL: idle thread */
    atomic_uint cut[EMU_MAX_THREADS];         /* that thread's slice is to end soon */
    uint64_t live[EMU_MAX_RESIDENTS / 64];    /* which of the following are in use */
    struct emu_work work[EMU_MAX_RESIDENTS];
    struct emu_dispatch *dispatches[EMU_MAX_DISPATCHES];
    uint32_t next_dispatch;
    struct emu_queue *queues[EMU_MAX_QUEUES]; /* owned; by id */
    unsigned queue_count;
    uint64_t instructions, interpreter_ns; /* of interpreter threads that have ended; CPU time */
};

extern struct emu_engine emu_engine;

/* ---- engine.c ---- */
/** Takes the lock when nothing is half done. False if this process has no engine (any more). */
bool emu_engine_enter(void);
void emu_engine_leave(void);
/** Pins this process's horizon to the present moment and returns it. */
uint64_t emu_engine_hold(void);
/** Ends that: publishes how far things have been worked out. */
void emu_engine_go_on(void);
/** The same, and waits until the clock has reached @at_ns, dropping the lock meanwhile. */
void emu_engine_go_on_to(uint64_t at_ns);
/** Publishes the horizon if it has moved. */
void emu_engine_publish(void);
/** Waits until no slice of @queue (NULL: none at all) is in progress. Drops the lock meanwhile. */
void emu_engine_settle(const struct emu_queue *queue);
/** Has the queue's slices in progress end early, and none begin; waits for it (drops the lock). */
void emu_engine_stop_queue(struct emu_queue *queue);
/** The same for all queues, until emu_engine_unpause. */
void emu_engine_pause(void);
void emu_engine_unpause(void);
/** Wakes the device thread: it may be asleep for long, having had nothing to poll. */
void emu_engine_wake(void);
/** Enters an event; without memory for it the process cannot go on. */
void emu_engine_schedule(uint64_t at_ns, enum emu_due_kind kind, void *what);

/* ---- work.c ---- */
/** Takes over what the device has placed for this process. The segment is locked. */
void emu_work_adopt(struct emu_device *dev, uint64_t now);
/** The ends dated now. */
void emu_work_ended(struct emu_work **list, unsigned count, uint64_t now);
/** Ends all work-groups of a queue and forgets its dispatches; nothing completes. */
void emu_work_kill(struct emu_queue *queue, uint64_t now);
/** Stops all work-groups of a queue. Returns true if it had any. */
bool emu_work_park(struct emu_queue *queue, uint64_t now);
bool emu_work_any(const struct emu_queue *queue);
/** Ends all work-groups on the device as if they were through. No slice may be in progress. */
void emu_work_end_all(uint64_t now);
/** All work-groups that are being worked out lose this much time. */
void emu_work_delay(uint64_t delay_ns);
/** Lets those parked work-groups go on, at @at_ns, that still have a place; emu_work_adopt does so
 *  with the others when they have one again. */
void emu_work_resume(struct emu_queue *queue, uint64_t now, uint64_t at_ns);
/** A new epoch begins. */
void emu_work_tick(uint64_t now);
/** After an absence: whatever lags behind goes on from @now. */
void emu_work_catch_up(uint64_t now);
/** Least local time of the work-groups still being worked out. */
uint64_t emu_work_least_local(void);

/* ---- slices.c ---- */
void emu_heap_push(struct emu_work *work);
void emu_heap_remove(struct emu_work *work);
void *emu_slices_thread(void *index);

/* ---- queue.c ---- */
/** True if a queue that waits for memory to change could go on now. Reads memory only. */
bool emu_queue_poll(void);
/** Lets every queue go on that can. */
void emu_queue_run_all(uint64_t now);
void emu_queue_event(struct emu_queue *queue, uint64_t now);
/** Looks at the doorbells, and copies packets ahead. True: look again soon. */
bool emu_queue_look_all(void);

/* ---- unmap.c ---- */
/** Takes the queue off the hardware, waves and all, and brings it back. Both drop the lock. */
void emu_queue_suspend(struct emu_queue *queue);
void emu_queue_resume(struct emu_queue *queue);
/** The suspended queue's waves are saved. */
void emu_queue_saved(struct emu_queue *queue, uint64_t now);
/** If that is how the device is: takes all queues of all processes off, for as long as saving and
 * restoring takes; the waves of @leaving (NULL: none) are not restored. Returns how long saving
 * takes. */
uint64_t emu_unmap_all(uint64_t now, const struct emu_queue *leaving);
/** This process's queues were unmapped at @now and will be back @delay_ns later. */
void emu_unmapped(uint64_t delay_ns, uint64_t now);

/* ---- doorbell.c ---- */
/** The value in force. */
uint64_t emu_doorbell(const struct emu_queue *queue);
void emu_doorbell_reset(struct emu_queue *queue);
/** Of an AQL queue: keeps what is to be kept of the present value. True if a packet is there that
 * nobody has rung for yet: look again soon. */
bool emu_doorbell_look(struct emu_queue *queue, uint64_t wall_ns);
/** True if a value was stored that is not on its way yet. */
bool emu_doorbell_rings(const struct emu_queue *queue);
void emu_doorbell_notice(struct emu_queue *queue, uint64_t now);
void emu_doorbell_event(struct emu_queue *queue);

/* ---- prefetch.c ---- */
/** Copies what may be copied. */
void emu_prefetch(struct emu_queue *queue);
/** True if the next packet was. */
bool emu_prefetched(const struct emu_queue *queue);
/** Makes the next packet the present one. False: the ring is not mapped. */
bool emu_prefetch_take(struct emu_queue *queue);
void emu_prefetch_drop(struct emu_queue *queue);

/* ---- aql.c ---- */
int emu_aql_open(struct emu_queue *queue);
bool emu_aql_ready(const struct emu_queue *queue);
void emu_aql_run(struct emu_queue *queue, uint64_t now);
void emu_aql_event(struct emu_queue *queue, uint64_t now);
/** Host address of the packet's slot, or NULL. */
void *emu_aql_slot(const struct emu_queue *queue, uint64_t packet);
/** True if the packet's header is valid (or its ring is gone). */
bool emu_aql_valid(const struct emu_queue *queue, uint64_t packet);
/** True if the packet is there: rung for, and its header is valid (or its ring is gone). */
bool emu_aql_written(const struct emu_queue *queue, uint64_t packet);
/** The queue leaves the hardware: what was fetched and has had no effect is forgotten, and will be
 * fetched again. */
void emu_aql_unmap(struct emu_queue *queue);
/** A dispatch has been launched, is complete: retires it and what is through behind it, if it is
 * the moment for that (REEF_EMU_READ_INDEX). */
void emu_aql_launched(struct emu_queue *queue, uint64_t packet);
void emu_aql_complete(struct emu_queue *queue, uint64_t packet);
/** Stops the queue: tells the runtime @code (enum emu_queue_error) and ends its work-groups. */
void emu_aql_error(struct emu_queue *queue, uint64_t code, uint64_t now);
amd_queue_t *emu_aql_queue(const struct emu_queue *queue);

/* Bits of queue_inactive_signal, as ROCr 5.2 reads them (amd_aql_queue.cpp, DynamicScratchHandler).
 */
enum emu_queue_error {
    EMU_QUEUE_NEEDS_SCRATCH = 1,
    EMU_QUEUE_INVALID_DIM = 2,
    EMU_QUEUE_INVALID_GROUP_MEMORY = 4,
    EMU_QUEUE_INVALID_CODE = 8,
    EMU_QUEUE_INVALID_PACKET = 32,
    EMU_QUEUE_GROUP_TOO_LARGE = 64,
    EMU_QUEUE_OUT_OF_REGISTERS = 128,
    EMU_QUEUE_INVALID_VENDOR_PACKET = 256,
    EMU_QUEUE_RECLAIM_SCRATCH = 512,
    EMU_QUEUE_ILLEGAL_INSTRUCTION = 0x40000000,
};
#define EMU_QUEUE_TRAP 0x80000000ull

/* ---- dispatch.c ---- */
enum emu_prepared { EMU_PREPARED, EMU_NEEDS_SCRATCH, EMU_REFUSED };
/** Checks the present packet and makes its dispatch (queue->launching). EMU_REFUSED: reported, and
 * the queue is stopped. */
enum emu_prepared emu_dispatch_prepare(struct emu_queue *queue, uint64_t now);
/** Offers the launching dispatch's work-groups to the device. */
void emu_dispatch_launch(struct emu_queue *queue, uint64_t now);
void emu_dispatch_complete(struct emu_dispatch *dispatch, uint64_t now);
void emu_dispatch_free(struct emu_dispatch *dispatch);
/** Takes scratch slots for the work-group, if its dispatch uses scratch. False: all are taken. */
bool emu_scratch_take(struct emu_work *work);
void emu_scratch_give(struct emu_work *work);

/* ---- footprint.c ---- */
/** Bytes of the allocations that the kernel's arguments point into, each counted once. */
uint64_t emu_footprint(uint64_t kernarg_va, uint32_t kernarg_bytes);

/* ---- names.c ---- */
/** Copies the name of the kernel with this descriptor. False: not known, or longer than @size. */
bool emu_kernel_name(uint64_t kernel_object, char *name, size_t size);

/* ---- signal.c ---- */
/** False: @va is no signal that the GPU can reach. */
bool emu_signal_load(uint64_t va, int64_t *value);
/** Stores the value and raises the signal's event. */
void emu_signal_store(uint64_t va, int64_t value);
/** Completion: time stamps, one less, event. */
void emu_signal_complete(uint64_t va, uint64_t start_ns, uint64_t end_ns);

/* ---- dma.c ---- */
bool emu_dma_ready(const struct emu_queue *queue);
void emu_dma_run(struct emu_queue *queue, uint64_t now);
void emu_dma_event(struct emu_queue *queue, uint64_t now);

#define emu_trace(...)                                                                             \
    do {                                                                                           \
        if (emu_settings()->trace)                                                                 \
            emu_report(__VA_ARGS__);                                                               \
    } while (0)
