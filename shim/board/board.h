// SPDX-License-Identifier: Apache-2.0
/*
 * The board: one shared mapping per physical GPU through which processes tell each other that RT
 * work exists, and where a monitor reads statistics. DESIGN section 5.
 *
 * Nobody holds a lock and nobody waits for another without a bound. A process owns the slot it took
 * and writes only there; the RT bitmap is the one word all write (atomically). Every value read
 * from the board is validated or harmless: the file may be corrupt, foreign or hostile.
 *
 * RT activity is a *lease*: the bit of a slot counts only while the slot's owner lives (pid and
 * start time) and has renewed it within REEF_BOARD_LEASE_NS. So neither kill -9 nor SIGSTOP of an
 * RT process holds BE work longer than that.
 */
#pragma once

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

enum {
    REEF_BOARD_SLOTS = 64, /* one bit each in the RT bitmap */
    REEF_BOARD_VERSION = 5,
    REEF_BOARD_NAME = 64, /* bytes of a GPU's identity, with its end */
};
#define REEF_BOARD_MAGIC    0x3144524f42464552ull /* "REFBORD1" */
#define REEF_BOARD_LEASE_NS 50000000ull

/** Counters of one process; written by their owner only, read by anyone. Append only. */
struct reef_board_stats {
    _Atomic uint64_t launches_rt, launches_be;
    _Atomic uint64_t preemptions, resets, drains, killed, reexecuted;
    _Atomic uint64_t be_completed;
    _Atomic uint64_t evictions, evicted; /* queues, and commands of them */
    _Atomic uint64_t guarded, unguarded; /* kernels with guards, and without */
    _Atomic uint64_t done_ns, wasted_ns; /* device time of kernels: complete; to be repeated */
    _Atomic uint64_t suspensions;        /* queues */
    _Atomic uint64_t padded;             /* kernels that ran beside RT work */
};

struct reef_board;

enum reef_board_class { REEF_BOARD_OFF, REEF_BOARD_RT, REEF_BOARD_BE };

/**
 * Opens (and if need be makes) the board of GPU @gpu (a file-name-safe identity, e.g. a PCI
 * address) in directory @dir (NULL: XDG_RUNTIME_DIR, else /dev/shm), mode 0600, and takes a slot. A
 * board of another version or with a wrong size or magic is refused if a live process uses it, else
 * replaced. Returns 0 or a negative errno; on error *board is NULL and @why receives one line.
 */
int reef_board_open(struct reef_board **board, const char *dir, const char *gpu, char *why,
                    unsigned why_size);
/** Gives the slot back. NULL is fine. */
void reef_board_close(struct reef_board *board);
/** In a forked child: forgets the mapping without touching the parent's slot. */
void reef_board_abandon(struct reef_board *board);

/* --- RT side. Any thread. --- */
/** RT work arrived: sets the bit if it is clear and wakes the sleeping agents. One load when set
 *  already. Never blocks. */
void reef_board_rt_raise(struct reef_board *board);
/** Renews the lease (RT agent, at least every REEF_BOARD_LEASE_NS / 4 while RT work exists). */
void reef_board_rt_renew(struct reef_board *board, uint64_t now_ns);
/** No more RT work here. */
void reef_board_rt_clear(struct reef_board *board);
/**
 * A word that is not 0 while RT work exists: raised by an RT process with one store, for the GPU to
 * look at. It lies in the board's first page. A hint: it may be wrong for a moment either way; an
 * RT process whose lease has run out does not keep it up for longer than until a BE process looks.
 */
const void *reef_board_evict_word(const struct reef_board *board);

/**
 * This process's RT work needs @cus compute units from now on (0, as at first: all). If that is
 * more than before, the sleeping agents are woken.
 */
void reef_board_rt_needs(struct reef_board *board, uint32_t cus);

/* --- BE side --- */
/** How many of @cus compute units are left by all RT work there is and by RT programs that are
 * there and have said what they need. */
uint32_t reef_board_room(const struct reef_board *board, uint32_t cus, uint64_t now_ns);
/** Forgets what the dead have said. Reads /proc: for agents, now and then. */
void reef_board_room_take_back(struct reef_board *board);
/** Changes whenever reef_board_room() may. One load. */
uint32_t reef_board_room_changes(const struct reef_board *board);
/** Whether RT work exists in any process. Takes back the bits of the dead and ignores expired
 * leases. One load when the bitmap is zero. */
bool reef_board_rt_active(struct reef_board *board, uint64_t now_ns);
/** Whether any bit is set, also one that does not count (any more). One load: for launch paths. */
bool reef_board_rt_any(const struct reef_board *board);
/** When the first of the bits that are set was raised; 0: none is. For the log. */
uint64_t reef_board_rt_since(const struct reef_board *board);
/** Whether another process of this class uses this GPU. Reads /proc: for agents. */
bool reef_board_has_peers(const struct reef_board *board, enum reef_board_class cls);
/** The word all agents sleep on; it changes whenever the bitmap does, or one of them is rung. */
uint32_t reef_board_bell(const struct reef_board *board);
/** Sleeps until the bell differs from @seen or @timeout_ns passed, or reef_board_ring_self() was
 * called. Spurious returns are fine. */
void reef_board_sleep(struct reef_board *board, uint32_t seen, uint64_t timeout_ns);
/** Wakes this process's own agent (from a launching thread). Cheap when the agent is awake. */
void reef_board_ring_self(struct reef_board *board);

/* --- turns of BE programs (sched/turns.h). Agents only. --- */
struct reef_board_turn {
    uint64_t token;      /* sched/turns.h says what it means; here it is only a word */
    uint64_t waiters;    /* bit n: slot n waits */
    uint64_t renewed_ns; /* the holder's lease */
};
void reef_board_turn_read(const struct reef_board *board, struct reef_board_turn *turn);
/** Puts @token in place of @seen, if that is still there, and rings slot @ring (-1: all that wait).
 */
bool reef_board_turn_change(struct reef_board *board, uint64_t seen, uint64_t token, int ring);
void reef_board_turn_renew(struct reef_board *board, uint64_t now_ns);
/** This process waits from now on, or no longer. If that is new the token's holder is rung (-1:
 * nobody). */
void reef_board_turn_wait(struct reef_board *board, bool wait, int holder);
/** Slots in @waiters do not wait any more. */
void reef_board_turn_forget(struct reef_board *board, uint64_t waiters);
/** The number of this process's slot. */
unsigned reef_board_slot(const struct reef_board *board);

/* --- statistics --- */
/** Rings the agents of the others: BE ones may want to keep less work in flight, RT ones to prepare
 * for it. */
void reef_board_set_class(struct reef_board *board, enum reef_board_class cls);
struct reef_board_stats *reef_board_stats(struct reef_board *board); /* own slot */

struct reef_board_peer {
    int32_t pid;
    char command[16];
    enum reef_board_class cls;
    bool alive, rt_active;
    struct reef_board_stats stats; /* a copy */
};
/** Reads the board for a monitor without taking a slot. Returns how many peers were written, or a
 *  negative errno. */
int reef_board_read(const char *dir, const char *gpu, struct reef_board_peer *peers,
                    unsigned count);
/** The identities of the GPUs that have a board in @dir. Returns how many were written, or a
 * negative errno. */
int reef_board_list(const char *dir, char names[][REEF_BOARD_NAME], unsigned count);
