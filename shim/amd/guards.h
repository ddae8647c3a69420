// SPDX-License-Identifier: Apache-2.0
/*
 * Guards at work: the memory they test and report to, and what is known of each kernel. One set per
 * GPU, made with its first queue, and kept. What a guard is: code/guard.h; when kernels get them:
 * prepare.h.
 *
 * Evict flags lie in the GPU's memory, a line for each guarded queue, and are written by the host
 * through the PCIe aperture; records lie in the host's coherent memory, one for each ticket (a
 * packet in flight). Without a large aperture there are no guards.
 *
 * Any thread, except where it says gpu->lock.
 */
#pragma once

#include "shim/amd/code/guarded.h"
#include "shim/amd/hsa.h"
#include "shim/amd/restart.h"

struct reef_guards {
    struct reef_guards *next;
    hsa_agent_t agent;
    volatile uint32_t *lines;   /* in the GPU's memory; 2 words at each REEF_LINE_BYTES */
    volatile uint32_t *records; /* at each REEF_RECORD_BYTES */
    struct reef_guard_layout layout;
    _Atomic bool looks;     /* at the board's word, */
    _Atomic uint64_t blind; /* but for these lines */
    void *board_page;       /* locked for the GPU; NULL: none */
    unsigned queues;
    _Atomic uint64_t queues_used; /* bit n: line n belongs to a queue */
};

/** What is known of a kernel object. */
struct reef_kernel {
    uint64_t blocks; /* address of its guards (code/guarded.h); 0: it has none */
    bool pending;    /* all else is not known: it was not launched so far (prepare.h) */
    struct reef_restart_rule rule;
};

struct reef_guard_counts {
    uint64_t kernels;   /* launched that have guards */
    uint64_t unguarded; /* that have none, although there was reason to guard them */
};

/** Whether this process's kernels are to be guarded at all, by its options. */
bool reef_guards_wanted(void);
/** The guards of @agent; NULL if they cannot be had. */
struct reef_guards *reef_guards_get(hsa_agent_t agent);

/** The runtime is shut down: its memory and its kernels are gone. */
void reef_guards_forget(void);

/** The handles of the pools of host memory; zeroes behind them. */
void reef_guards_list_host_pools(_Atomic uint64_t *pools, unsigned count);

/** A line for a queue, cleared; -1 if there is none left. */
int reef_guards_take_line(struct reef_guards *guards);
void reef_guards_give_line(struct reef_guards *guards, int line);
static inline unsigned reef_guards_per_queue(const struct reef_guards *guards)
{
    return 1u << guards->layout.per_queue_shift;
}

/* --- kernels --- */
/** @kernel_object is in the GPU's memory now (@add), or no longer. */
void reef_guards_add_kernel(uint64_t kernel_object, const struct reef_kernel *kernel);
void reef_guards_remove_kernel(uint64_t kernel_object);
/** It will not be prepared: if it is still pending, nothing is known of it from now on. */
void reef_guards_give_up_kernel(uint64_t kernel_object);
/** False if it is not known. A lock held for some dozen instructions. */
bool reef_guards_find(uint64_t kernel_object, struct reef_kernel *kernel);

/** What a launching path has found before; zeroed at first, and used by one thread at a time. */
struct reef_kernel_cache {
    struct reef_cached_kernel {
        uint64_t kernel_object; /* 0: none */
        uint64_t version;       /* of the table */
        bool known;
        struct reef_kernel kernel;
    } entries[32];
};
/** As reef_guards_find(), without the lock for what was found lately: NULL if it is not known, else
 *  valid until the next call. Hot path. */
const struct reef_kernel *reef_guards_find_cached(struct reef_kernel_cache *cache,
                                                  uint64_t kernel_object);
void reef_guards_count(unsigned guarded, unsigned unguarded);
struct reef_guard_counts reef_guards_counts(void);

/** Whether they are to look there. Agent. */
void reef_guards_look_at_board(struct reef_guards *guards, bool look);
/** Whether those of a line are, if any are. gpu->lock held. */
void reef_guards_look_from(struct reef_guards *guards, int line, bool look);
/**
 * The guards of the first work-groups can look at @word as well, which lies on a page of memory
 * that the GPU can be given (tmpfs). NULL: no more. If it cannot be given they do not.
 */
void reef_guards_set_board(struct reef_guards *guards, const void *word);

/* --- one queue's line; gpu->lock held --- */
/** Raises the evict flag. */
void reef_guards_raise(struct reef_guards *guards, int line);
/** Lowers it. @empty: nothing of the queue is on the device, so the chain ends as well. */
void reef_guards_lower(struct reef_guards *guards, int line, bool empty);

/** Whether the flag is up. The read goes to the GPU's memory and pushes the store ahead of it. */
static inline bool reef_guards_is_raised(const struct reef_guards *guards, int line)
{
    return guards->lines[(size_t)line * (REEF_LINE_BYTES / 4) + REEF_GUARD_FLAG / 4] != 0;
}

static inline unsigned reef_guards_ticket(const struct reef_guards *guards, int line, unsigned slot)
{
    return ((unsigned)line << guards->layout.per_queue_shift) + slot;
}

static inline volatile uint32_t *reef_guards_record(const struct reef_guards *guards,
                                                    unsigned ticket)
{
    return guards->records + (size_t)ticket * (REEF_RECORD_BYTES / 4);
}

/** The descriptor that a packet with @ticket names. */
static inline uint64_t reef_kernel_guard(const struct reef_kernel *kernel, enum reef_guard guard,
                                         unsigned ticket, const struct reef_guard_layout *layout)
{
    return kernel->blocks + reef_guarded_descriptor(guard, ticket, layout->tickets);
}
