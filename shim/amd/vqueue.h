// SPDX-License-Identifier: Apache-2.0
/*
 * Virtual AQL queues: the hsa_queue_t an application holds, the hardware queue behind it, and the
 * GPU both belong to.
 *
 * A virtual queue has its own packet ring and indices (amd_queue_t's own fields, so that code which
 * reads them without a call finds them) and a doorbell signal that nothing but our hooks watches.
 *  - class BE: packets stay in the virtual ring until they are complete. reef_core decides which of
 *    them are copied to the device queue (the real hsa_queue_t), each with a completion signal of
 * ours in place of the application's. A killed packet is copied again. The agent passes completion
 * on.
 *  - class RT: the ringing thread copies each packet at once, unchanged.
 *  - *watched*: a queue of an RT process, which is RT for as long as it exists. The application
 * gets the hardware queue itself, and only its doorbell is seen (watch.c).
 *
 * Locks, in the order they are taken:
 *  1. reef_complete_lock  held while completion is passed to the application's signals
 *  2. gpu->lock           the core, the BE state of all queues, the list of queues
 *  3. queue->direct_lock  the RT state of one queue
 * No ROCr call that may wait for ROCr's own threads (queue create, inactivate, destroy) is made
 * under 2 or 3: those threads run the application's callbacks, which run our hooks. A queue is
 * *pinned* instead.
 */
#pragma once

#include <pthread.h>

#include "sched/core.h"
#include "sched/need.h"
#include "shim/agent/agent.h"
#include "shim/amd/guards.h"
#include "shim/amd/hsa.h"

struct reef_gpu;

/** Where the completion of one packet in the device queue is recorded. */
struct reef_slot {
    hsa_signal_t signal; /* owned; 1: free or in flight, less: complete */
    uint64_t index;      /* of the packet in the virtual queue */
    bool guarded;        /* the packet names a guard: its record says whether it was evicted */
    bool evictable;      /* and may be evicted itself */
    bool paused;         /* was suspended meanwhile: that time lies between its time stamps */
    bool killed;         /* by a request after which its completion says nothing (kill.c) */
    bool seen;           /* reef_complete_reap: the signal has fired */
    bool first;          /* that was submitted when RT work was over */
};

/** A completion that is to be passed on to the application's signal. */
struct reef_delivery {
    hsa_signal_t signal;
    uint64_t start_ts, end_ts; /* GPU ticks; 0: not known */
};
enum { REEF_PADDING_CUS_MAX = 1024 };
enum { REEF_DELIVERIES = 1024 }; /* all that one queue may have in flight */

enum reef_record_state { REEF_RECORD_QUEUED, REEF_RECORD_IN_FLIGHT, REEF_RECORD_DONE };

/** What it takes to make a hardware queue again. */
struct reef_queue_attributes {
    uint32_t size, private_segment_size, group_segment_size;
    hsa_queue_type32_t type;
    void (*callback)(hsa_status_t status, hsa_queue_t *source, void *data); /* may be NULL */
    void *data;
    hsa_amd_queue_priority_t priority;
    uint32_t *cu_mask; /* owned; may be NULL: never set */
    uint32_t cu_mask_bits;
};

enum reef_class { REEF_CLASS_RT, REEF_CLASS_BE };

/** A hardware queue and how far we have written to it. */
struct reef_device_queue {
    hsa_queue_t *queue; /* NULL: none */
    union reef_packet *ring;
    uint32_t mask;
    uint64_t write, read_seen;
};

struct reef_vqueue {
    amd_queue_t pub; /* what the application holds; first: its address is the queue's */
    struct reef_gpu *gpu;
    struct reef_vqueue *next;
    struct reef_queue_attributes attributes;
    uint64_t doorbell;        /* handle of the signal that the application rings */
    bool watched;             /* of what follows only `real` and "RT" are used */
    bool tells;               /* watched: what is launched is looked at (need.c) */
    _Atomic int class;        /* enum reef_class */
    _Atomic int wanted_class; /* taken on when the queue is empty */
    _Atomic bool failed;      /* the device reported an error, or the application inactivated it */

    /* The virtual ring. [0, retired) complete, [retired, taken) known to the core. */
    union reef_packet *ring; /* owned */
    uint32_t mask;
    uint64_t taken, retired;
    uint8_t *records; /* owned; enum reef_record_state by index & mask */

    /* The device queue; only we write to it. */
    hsa_queue_t *real; /* NULL: killed, and no successor could be made yet */
    union reef_packet *real_ring;
    uint32_t real_mask;
    uint64_t real_write;
    bool doorbell_due;

    /* BE */
    _Atomic bool backlog; /* packets wait: the agent will take what comes, see feed.c */
    int core_queue;
    uint64_t core_base;      /* command 0 of the core is this virtual index */
    struct reef_slot *slots; /* owned */
    uint16_t *live, *free;   /* slot numbers, live ones in order of submission; owned */
    uint32_t slot_count, live_count, free_count;
    hsa_queue_t *spare;   /* may be NULL */
    hsa_queue_t *dead;    /* killed, to be destroyed; may be NULL */
    uint64_t progress_ns; /* agent: when a packet completed last, or was first seen in flight */
    bool killable;        /* the hardware queue can be replaced */
    bool assume;          /* kernels that are not known may be run again */
    bool reset_due, closing;
    bool off, wanted_off; /* the hardware queue is suspended; or is to be */
    bool off_asked;       /* the core waits for the answer to its SUSPEND */
    bool emptied;         /* RT work is over, and nothing was submitted since; for the log */
    unsigned pins;
    int line;          /* of the evict flag (guards.h); -1: the queue's kernels are not guarded */
    bool evicting;     /* something in the device queue was evicted: what is behind it is as well */
    bool after_follow; /* the last kernel submitted must not be joined by another one */
    uint64_t last_end; /* of what was evicted, in GPU ticks */
    uint32_t evictable_live; /* slots in use whose packets may be evicted */
    bool padded;             /* `real` is the padding queue, and the queue's own is aside; */
    bool pad_failed;
    uint32_t pad_cus;               /* units of the padding queue; 0: there is none to be used */
    struct reef_device_queue aside; /* else that is. Empty and idle */

    /* RT */
    pthread_mutex_t direct_lock;
    uint64_t *virtual_of; /* owned; virtual index by real index & real_mask */
    uint64_t real_read_seen;
    uint64_t last_read, last_move_ns; /* agent: progress */
    uint64_t probed;                  /* agent: real_write after the last probe */
    uint64_t write_seen;              /* agent: the application's write index when it looked */
    hsa_signal_t probe;               /* owned; 0: the queue was never RT */
    uint64_t probes;                  /* watched: packets of ours among the application's */
    uint64_t launches;                /* kernels, for the statistics */
    _Atomic uint64_t need_looked;     /* need.c: index behind the packets looked at */
    _Atomic uint32_t need_window, need_told;
    struct reef_need need; /* agent */
};

struct reef_gpu {
    struct reef_gpu *next;
    hsa_agent_t hsa_agent;
    struct reef_board *board;   /* owned */
    struct reef_core *core;     /* owned */
    struct reef_guards *guards; /* borrowed; NULL: none */
    struct reef_agent agent;
    pthread_mutex_t lock;
    pthread_cond_t unpinned;
    struct reef_vqueue *queues;
    struct reef_vqueue **by_core; /* owned; by number of the core's queue */
    unsigned by_core_count;
    uint32_t depth;
    unsigned doorbells_due;
    uint64_t timer_ns;            /* 0: not armed */
    _Atomic bool maintain_wanted; /* spares are to be made, or killed queues to be destroyed */
    uint64_t maintain_after_ns;   /* the last attempt failed: not before this time */
    struct reef_kernel_cache kernels;
    uint64_t looked_ns;     /* when the agent looked last */
    uint64_t fed_late_ns;   /* the last doorbell that was rung although RT work had just come */
    uint64_t be_busy_ns;    /* agent: when BE work was last seen on the device */
    uint64_t peers_seen_ns; /* agent: when it looked for real-time processes */
    bool agent_idle; /* the agent saw no BE work at all: it looks again only when it is woken */
    bool rt_seen;    /* what the core was told last, */
    bool rt_to_log;  /* agent: that was not logged yet, */
    uint64_t rt_looked_ns; /* and when that was */
    double ns_per_tick;    /* of the GPU's timestamps; 0: not known yet */
    uint64_t calibrated_ticks;
    _Atomic bool stopped;                             /* hsa_shut_down */
    struct reef_delivery deliveries[REEF_DELIVERIES]; /* reef_complete_lock */
    unsigned delivery_count;
    uint64_t closed_launches[2]; /* of destroyed queues, by class */
    uint64_t done_ns, wasted_ns; /* device time of BE kernels: complete; to be repeated */

    /* RT work of this process (rt.c) */
    _Atomic bool rt_raised;       /* our bit on the board is set */
    _Atomic uint64_t rt_arrivals; /* how often a launching thread has wanted to set it, */
    _Atomic unsigned rt_raising;  /* and how many are about to */
    uint64_t rt_arrivals_seen;    /* agent: those whose packets have come, or that had none */
    uint64_t rt_launch_ns;        /* agent: when it began to wait for one; 0: it does not */
    bool rt_watching;             /* the agent polls RT queues */
    uint64_t rt_since_ns;         /* since when */

    /* Padding: off, or on (REEF_PADDING=cu), then what RT work of this process needs (need.c). */
    bool pads;
    uint32_t cus, cu_granule;  /* of the GPU; units of a mask come in so many */
    uint32_t room_changes;     /* of the board, when it was added up last, */
    uint64_t room_looked_ns;   /* and when that was */
    uint32_t pad_wanted;       /* units that padding queues are to have; 0: not known, or none */
    unsigned padded_count;     /* queues */
    _Atomic uint32_t need_sum; /* units, over the queues */
    _Atomic bool need_known;   /* the board knows it */
    uint64_t need_closed_ns;   /* agent: the last window */
};

extern pthread_mutex_t reef_complete_lock;

/** NULL if @queue is not one of ours. No call, no lock. */
static inline struct reef_vqueue *reef_vqueue_from(const hsa_queue_t *queue);
/** The virtual queue whose doorbell @signal is, or NULL. */
static inline struct reef_vqueue *reef_vqueue_of_doorbell(hsa_signal_t signal);

/* --- gpu.c --- */
/** The GPU of @agent, opened if need be (board, core, agent thread); NULL if it is no GPU or that
 *  failed. */
struct reef_gpu *reef_gpu_get(hsa_agent_t agent);
/** The first opened GPU, or NULL. */
struct reef_gpu *reef_gpu_first(void);
/** The GPU of an RT process that has just one; NULL otherwise. For HIP's launch calls, where it is
 *  not known yet which GPU a launch is for. */
extern _Atomic(struct reef_gpu *) reef_gpu_of_rt;
/** Takes gpu->lock for the agent, without sleeping on it: so a launching thread, which holds it for
 * a fraction of a microsecond, never has to wake the agent when it lets go (a syscall, and the
 * place where the system takes its CPU away just when it has rung the hardware's doorbell). */
void reef_gpu_agent_lock(struct reef_gpu *gpu);
/** Before the last hsa_shut_down: no agent touches ROCr after this. */
void reef_gpu_stop_all(void);

/* --- vqueue.c --- */
hsa_status_t reef_vqueue_create(struct reef_gpu *gpu,
                                const struct reef_queue_attributes *attributes,
                                enum reef_class class, hsa_queue_t **queue);
hsa_status_t reef_vqueue_destroy(struct reef_vqueue *q);
hsa_status_t reef_vqueue_inactivate(struct reef_vqueue *q);
hsa_status_t reef_vqueue_set_priority(struct reef_vqueue *q, hsa_amd_queue_priority_t priority);
hsa_status_t reef_vqueue_set_cu_mask(struct reef_vqueue *q, uint32_t bits, const uint32_t *mask);
hsa_status_t reef_vqueue_get_cu_mask(struct reef_vqueue *q, uint32_t bits, uint32_t *mask);
hsa_status_t reef_vqueue_set_profiling(struct reef_vqueue *q, int enable);
hsa_status_t reef_vqueue_get_info(struct reef_vqueue *q, unsigned attribute, void *value);
/** Completion records for @count more packets in flight. gpu->lock held, or the queue is not linked
 * yet. */
bool reef_vqueue_more_slots(struct reef_vqueue *q, uint32_t count);
/** A hardware queue with the queue's attributes, or NULL. May wait for ROCr. */
hsa_queue_t *reef_vqueue_make_real(struct reef_vqueue *q);
/** One for padding, of low priority and without a mask, or NULL. May wait for ROCr. */
hsa_queue_t *reef_vqueue_make_padding(struct reef_vqueue *q);
/** Kernels that were put into the queue (watched: packets). Any thread; gpu->lock held. */
uint64_t reef_vqueue_launches(const struct reef_vqueue *q);
/** Takes @q out of its GPU's list. gpu->lock held. */
void reef_vqueue_unlink(struct reef_vqueue *q);
/** Puts @real (new, empty) behind @q. gpu->lock held. */
void reef_vqueue_install(struct reef_vqueue *q, hsa_queue_t *real);

/** Whether packets wait in the virtual ring that were not taken over yet. */
static inline bool reef_vqueue_has_new(const struct reef_vqueue *q);
/** A pinned queue's hardware queue may be in a ROCr call without gpu->lock. gpu->lock held (the
 * first lets go of it while it waits). */
void reef_vqueue_wait_unpinned(struct reef_vqueue *q);
void reef_vqueue_unpin(struct reef_vqueue *q);

/** Makes the slot's signal ready for the next packet. */
static inline void reef_slot_arm(struct reef_slot *slot);

/* --- feed.c --- */
/** The application rang the queue's doorbell. */
void reef_feed_doorbell(struct reef_vqueue *q);
/**
 * Between these two calls of a thread, the doorbells it rings are put off to the end, at most until
 * it waits for something. ROCclr 5.2 sets up the time stamps of an event only after it has rung the
 * doorbell of the event's packet (VirtualGPU::profilingEnd after dispatchBarrierPacket); if the
 * packet completes before, because the thread lost its CPU just then, the event gets the host's
 * time instead.
 */
void reef_feed_put_off(void);
void reef_feed_catch_up(void);
extern _Thread_local struct reef_put_off {
    bool active;
    struct reef_vqueue *queue; /* whose doorbell is to be rung, or NULL */
    hsa_signal_value_t value;  /* with what, if it is watched */
} reef_put_off __attribute__((tls_model("initial-exec")));
void reef_feed_ring_put_off(struct reef_vqueue *q);
/** Rings what was put off. */
static inline void reef_feed_flush(void);
/** Whether there is RT work that the core was not told of yet: nothing is given to the device then,
 *  and the agent has to know soon, which waits for gpu->lock. One load if there is none. */
bool reef_feed_rt_has_come(struct reef_gpu *gpu);
/** Hands new packets of a BE queue to the core and carries out what it says; none, or no more, once
 * RT work has come. gpu->lock held. */
void reef_feed_take(struct reef_vqueue *q, uint64_t now_ns);
/** What packets have waited for (prepare.h) is there. No lock held. */
void reef_feed_resume(struct reef_gpu *gpu);
/** Carries out the core's actions. gpu->lock held. */
void reef_feed_actions(struct reef_gpu *gpu);
/** Whether more of @q may be handed to the core now; the rest stays in the virtual ring. gpu->lock
 *  held. */
bool reef_feed_wants_more(const struct reef_vqueue *q);
/** Notes whether threads may leave what they put into @q to the agent; true if they may no longer.
 *  gpu->lock held; @q was fed as far as the core allows. */
bool reef_feed_note_backlog(struct reef_vqueue *q);
/** Rings the doorbells that are due. gpu->lock held. Nothing may be submitted later under the same
 * hold of the lock without calling it again. */
void reef_feed_ring(struct reef_gpu *gpu);
/** The queue's doorbell is due once more. gpu->lock held. */
void reef_feed_ring_again(struct reef_vqueue *q);
/** Copies new packets of an RT queue to the hardware queue. direct_lock held. */
void reef_feed_direct(struct reef_vqueue *q);
/** Takes on the wanted class if the queue is empty. gpu->lock held. */
void reef_feed_switch_class(struct reef_vqueue *q);
/** The virtual read index. Any thread. */
uint64_t reef_feed_read_index(struct reef_vqueue *q);

/* --- complete.c --- */
/** Takes completed packets out of the device queues of @gpu and tells the core and the application.
 *  Takes reef_complete_lock and gpu->lock. Returns after how many ns to look again. */
uint64_t reef_complete_poll(struct reef_gpu *gpu, uint64_t now_ns);
/** As above for one queue, without passing it on: what completed before a reset. Both locks held.
 *  The completions are passed on by reef_complete_deliver. */
void reef_complete_reap(struct reef_vqueue *q, uint64_t now_ns);
/** Passes kept completions on. reef_complete_lock held, gpu->lock not. */
void reef_complete_deliver(struct reef_gpu *gpu);

/* --- reset.c --- */
/** Tells the core whether RT work exists, if that has changed. Agent only, gpu->lock held. */
void reef_reset_look(struct reef_gpu *gpu, uint64_t now_ns);
/**
 * Logs what was seen then, for reef bench preempt: nothing more was given to the device since the
 * bit was set, or since the last doorbell of a thread that had looked just before. Agent, when all
 * that is urgent has been done; no lock held.
 */
void reef_reset_log(struct reef_gpu *gpu);
/** Kills the device queues that the core wants reset. No lock held. */
void reef_reset_run(struct reef_gpu *gpu);
/** Destroys killed hardware queues and makes new spares, until RT work arrives. No lock held. */
void reef_reset_maintain(struct reef_gpu *gpu);

/* --- kill.c --- */
/** Ends what is in the device queues of @due (pinned) with a request of the driver, if there is one
 *  and that hits nothing else; nothing runs then, and nothing counts as complete that was not
 *  reaped. No lock held. */
bool reef_kill_run(struct reef_gpu *gpu, struct reef_vqueue *const *due, unsigned count);

/* --- suspend.c --- */
/** Suspends and continues the hardware queues that the core wants so. No lock held. */
void reef_suspend_run(struct reef_gpu *gpu);
/** Whether reef_suspend_run has something to do for @q. gpu->lock held. */
static inline bool reef_suspend_due(const struct reef_vqueue *q)
{
    return q->off_asked || q->off != q->wanted_off;
}

/* --- watch.c --- */
/** A hardware queue for the application itself, watched. RT processes only. */
hsa_status_t reef_watch_create(struct reef_gpu *gpu, const struct reef_queue_attributes *attributes,
                               hsa_queue_t **queue);
/** The watched queue that the application knows as @queue, or NULL. */
struct reef_vqueue *reef_watch_find(const hsa_queue_t *queue);
hsa_status_t reef_watch_destroy(struct reef_vqueue *q);
/** Whether ringing the doorbell of @q is all there is to do: the bit is set. Hot path. */
static inline bool reef_watch_is_plain(const struct reef_vqueue *q);
/** The application rings the doorbell of @q with @store. */
void reef_watch_doorbell(struct reef_vqueue *q, hsa_signal_value_t value,
                         void (*store)(hsa_signal_t signal, hsa_signal_value_t value));
/** As rt.c's probe(), among the application's own packets. Agent only, gpu->lock held. */
void reef_watch_probe(struct reef_vqueue *q);
/** Rings once more if our barrier is what the device should take next: @read is the read index. */
void reef_watch_ring_again(struct reef_vqueue *q, uint64_t read);

/* --- rt.c --- */
/**
 * RT work is about to be submitted. Any thread, no lock needed. One load if the bit is set already.
 *
 * So that no arrival is lost, a thread that has put packets into a queue calls it once after it has
 * moved the queue's write index, with a full fence in between (an atomic read-modify-write is one
 * on x86-64): then either it sees that the bit is gone, or the agent, which clears the bit and then
 * looks at the write indices once more, sees the new one. Earlier calls only speed things up.
 */
static inline void reef_rt_arrive(struct reef_gpu *gpu);
void reef_rt_raise(struct reef_gpu *gpu);
/** Watches the RT queues of @gpu; returns after how many ns to be called again. Agent only. */
uint64_t reef_rt_step(struct reef_gpu *gpu, uint64_t now_ns);

/* --- padding.c --- */
/** Whether this process pads, and what it must know of the GPU for that. */
void reef_padding_open(struct reef_gpu *gpu);
/** Tells the core how many units RT work leaves, if that may have changed. @rt: there is some.
 * Agent only, gpu->lock held. */
void reef_padding_look(struct reef_gpu *gpu, bool rt, uint64_t now_ns);
/** Whether that may have changed since the agent looked: what is given to padding queues waits. */
static inline bool reef_padding_is_stale(const struct reef_gpu *gpu)
{
    return reef_unlikely(gpu->padded_count > 0) &&
           reef_board_room_changes(gpu->board) != gpu->room_changes;
}
/** The core's PAD and UNPAD. gpu->lock held. */
void reef_padding_begin(struct reef_vqueue *q);
void reef_padding_end(struct reef_vqueue *q);
/** The padding queue is not used any more until it is made anew. gpu->lock held. */
void reef_padding_stop(struct reef_vqueue *q);
/** The padding queue, which is in use, was killed: the queue's own is back. Returns the killed one.
 * gpu->lock held. */
hsa_queue_t *reef_padding_lose(struct reef_vqueue *q, uint64_t now_ns);
/** Whether @q is to get a padding queue, or other units for it. gpu->lock held. */
bool reef_padding_due(const struct reef_vqueue *q);
/** Makes it, if that is so still. @q is pinned; no lock held. */
void reef_padding_make(struct reef_vqueue *q);
/** The queue's own hardware queue. gpu->lock held. */
static inline hsa_queue_t *reef_padding_own(const struct reef_vqueue *q)
{
    return q->padded ? q->aside.queue : q->real;
}

/* --- need.c --- */
/** Looks at the kernels up to packet @last of a watched queue, whose doorbell is about to be rung.
 */
void reef_need_look(struct reef_vqueue *q, uint64_t last);
/** A kernel is about to be given to the device, by a packet with this @head. Hot path. */
static inline void reef_need_note(struct reef_vqueue *q, const hsa_kernel_dispatch_packet_t *packet,
                                  uint32_t head);
void reef_need_note_larger(struct reef_vqueue *q, const hsa_kernel_dispatch_packet_t *packet,
                           bool alone);
/** Ends the present window if it is time, or RT work is @over. Agent only, gpu->lock held. */
void reef_need_close(struct reef_gpu *gpu, uint64_t now_ns, bool over);
/** @q is gone. gpu->lock held. */
void reef_need_forget(struct reef_vqueue *q);

/* --- kernel_names.c --- */
void reef_kernel_name_add(uint64_t kernel_object, hsa_executable_symbol_t symbol);
/** Copies the name, or "?", to @name. */
void reef_kernel_name_get(uint64_t kernel_object, char *name, unsigned size);

/*
 * How a queue and a doorbell are recognised: both carry a mark in words that their ABI reserves. A
 * queue's mark holds its address, so that a copy of the structure (ROCr's intercept queues make
 * one) is not taken for it. A doorbell's leads to the queue, which knows its doorbell's handle.
 */
#define REEF_VQUEUE_MAGIC 0x5645554551464552ull /* "REFQUEUEV" */

struct reef_mark {
    uint64_t magic;
    struct reef_vqueue *queue;
};
_Static_assert(sizeof(((amd_queue_t *)0)->reserved4) >= sizeof(struct reef_mark), "no room");
_Static_assert(sizeof(((amd_signal_t *)0)->reserved3) == 8, "no room");

/* A doorbell's mark: the queue's address, which has no more than 48 bits, below a tag. */
#define REEF_DOORBELL_TAG      (0x5246ull << REEF_DOORBELL_TAG_BITS)
#define REEF_DOORBELL_TAG_BITS 48

static inline struct reef_vqueue *reef_vqueue_from(const hsa_queue_t *queue)
{
    struct reef_mark mark;
    if (reef_unlikely(!queue))
        return NULL;
    __builtin_memcpy(&mark, ((const amd_queue_t *)queue)->reserved4, sizeof(mark));
    return mark.magic == REEF_VQUEUE_MAGIC && (const void *)mark.queue == (const void *)queue
               ? mark.queue
               : NULL;
}

/* False if there is no room for the mark. */
static inline bool reef_vqueue_mark_doorbell(struct reef_vqueue *q, hsa_signal_t doorbell)
{
    uint64_t mark = (uint64_t)(uintptr_t)q;
    if (mark >> REEF_DOORBELL_TAG_BITS)
        return false;
    mark |= REEF_DOORBELL_TAG;
    q->doorbell = doorbell.handle;
    __builtin_memcpy(reef_signal(doorbell)->reserved3, &mark, sizeof(mark));
    return true;
}

static inline void reef_vqueue_unmark_doorbell(hsa_signal_t doorbell)
{
    __builtin_memset(reef_signal(doorbell)->reserved3, 0, sizeof(reef_signal(doorbell)->reserved3));
}

static inline struct reef_vqueue *reef_vqueue_of_doorbell(hsa_signal_t signal)
{
    const amd_signal_t *s = reef_signal(signal);
    uint64_t mark;
    if (reef_unlikely(!s))
        return NULL;
    __builtin_memcpy(&mark, s->reserved3, sizeof(mark));
    if (reef_likely(mark >> REEF_DOORBELL_TAG_BITS != REEF_DOORBELL_TAG >> REEF_DOORBELL_TAG_BITS))
        return NULL;
    struct reef_vqueue *q = (struct reef_vqueue *)(uintptr_t)(mark & ~REEF_DOORBELL_TAG);
    return q->doorbell == signal.handle ? q : NULL;
}

static inline union reef_packet *reef_packet_at(const struct reef_vqueue *q, uint64_t index)
{
    return &q->ring[index & q->mask];
}

static inline uint64_t reef_vqueue_write_index(const struct reef_vqueue *q)
{
    return __atomic_load_n(&q->pub.write_dispatch_id, __ATOMIC_ACQUIRE);
}

static inline bool reef_vqueue_has_new(const struct reef_vqueue *q)
{
    return reef_vqueue_write_index(q) != q->taken &&
           reef_packet_type(atomic_load_explicit(&reef_packet_at(q, q->taken)->head,
                                                 memory_order_acquire)) != HSA_PACKET_TYPE_INVALID;
}

static inline void reef_slot_arm(struct reef_slot *slot)
{
    amd_signal_t *signal = reef_signal(slot->signal);
    signal->start_ts = signal->end_ts = 0;
    __atomic_store_n(&signal->value, 1, __ATOMIC_RELAXED);
}

static inline void reef_rt_arrive(struct reef_gpu *gpu)
{
#ifndef __x86_64__ /* where moving the write index is no fence */
    atomic_thread_fence(memory_order_seq_cst);
#endif
    if (reef_unlikely(!atomic_load_explicit(&gpu->rt_raised, memory_order_relaxed)))
        reef_rt_raise(gpu);
}

static inline bool reef_watch_is_plain(const struct reef_vqueue *q)
{
#ifdef __x86_64__ /* see reef_rt_arrive */
    return reef_likely(atomic_load_explicit(&q->gpu->rt_raised, memory_order_relaxed) &&
                       !reef_put_off.active && !q->tells);
#else
    return false;
#endif
}

/* One without the barrier bit may run beside those before it, so there is no telling. */
static inline void reef_need_note(struct reef_vqueue *q, const hsa_kernel_dispatch_packet_t *packet,
                                  uint32_t head)
{
    uint64_t window = atomic_load_explicit(&q->need_window, memory_order_relaxed);
    bool alone = head >> HSA_PACKET_HEADER_BARRIER & 1;
    if (reef_likely(alone && packet->grid_size_y == 1 && packet->grid_size_z == 1 &&
                    packet->grid_size_x <= window * packet->workgroup_size_x))
        return;
    reef_need_note_larger(q, packet, alone);
}

static inline void reef_feed_flush(void)
{
    struct reef_vqueue *q = reef_put_off.queue;
    if (reef_unlikely(q != NULL))
        reef_feed_ring_put_off(q);
}
