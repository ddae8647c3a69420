// SPDX-License-Identifier: Apache-2.0
/*
 * Turns of best-effort programs on one GPU. Where the hardware changes between contexts slowly
 * (NVIDIA: some 170 us), a BE context keeps the shortest timeslice, so that real-time work need not
 * wait for the rest of a long one; but several such contexts with work on the device would do
 * nothing but change (measured: docs/measurements/h100-2026-11-25.md). So one at a time has work
 * there, and they hand the turn on: a token on the board (a word, a bit for each process that
 * waits).
 *
 * Each process steps its own struct reef_turns with what it sees, and does what it says. The one
 * whose turn is over stops feeding its device queue and passes the token when that is empty. Nobody
 * waits for one who does not come:
 *  - who has work on the device from before the turns began waits for its end first: whoever had the
 *    turn would get next to nothing beside it. But not for ever;
 *  - who has no work passes as soon as another waits;
 *  - a holder that does not renew its lease (dead, stopped) loses the token;
 *  - if the device queue does not get empty within the patience (a long kernel, or one that waits
 * for another program, or for work of its own that is kept back), the token is marked *overrun*,
 * and until it is passed everybody runs, with longer timeslices, as if there were no turns; the
 * holder every other time as long as the patience, so that its device queue may get empty after
 * all.
 *
 * Pure: no clock, no shared memory. Words of the board are values here, and may be anything.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

enum { REEF_TURNS_SLOTS = 64 };

struct reef_turns_config {
    uint64_t turn_ns;     /* how long a turn is while others wait */
    uint64_t patience_ns; /* for the device queue to get empty at its end */
    uint64_t lease_ns;    /* of the holder */
};

/** One process. */
struct reef_turns {
    struct reef_turns_config config;
    bool mine, passing;
    bool settled; /* nothing from before the turns began is on the device any more */
    uint64_t since_ns;
    uint64_t drained_ns, drain_seen_ns; /* for how long it has waited for its device queue */
    uint64_t settling_ns, settle_seen_ns; /* and for that to get empty before its first turn */
};

/** What a process sees. */
struct reef_turns_view {
    uint64_t now_ns;
    bool in_force;       /* several BE programs, and a real-time one */
    bool busy;           /* its device queue is not empty */
    bool waiting;        /* work is kept back */
    bool rt;             /* real-time work runs: the device queue cannot get empty */
    unsigned self;       /* its slot */
    uint64_t token;      /* the board's word */
    uint64_t waiters;    /* bit n: slot n waits for a turn */
    uint64_t renewed_ns; /* the holder's lease */
};

/** What it does. */
struct reef_turns_step {
    bool open;        /* it may feed its device queue */
    bool long_slices; /* several have work on the device: no short timeslices now */
    bool wait;        /* its bit among the waiters */
    bool renew;       /* the lease, now */
    bool
        change; /* the token is to become new_token if it is still what was seen; then step again */
    uint64_t new_token;
    uint64_t forget;   /* bits of waiters that do not come: to be cleared */
    uint64_t again_ns; /* after how long to step again at the latest; UINT64_MAX: when something
                          happens */
};

void reef_turns_init(struct reef_turns *turns, const struct reef_turns_config *config);
struct reef_turns_step reef_turns_step(struct reef_turns *turns,
                                       const struct reef_turns_view *view);
/** The slot of the token's holder, or -1. */
int reef_turns_holder(uint64_t token);
