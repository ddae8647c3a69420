// SPDX-License-Identifier: Apache-2.0
/*
 * The bytes of the board, fixed. Append only: a change of meaning or place raises REEF_BOARD_VERSION.
 * Every word is naturally aligned and written atomically, so a reader needs no lock and a half-written board
 * does not exist; what a reader cannot trust it checks against limits.
 */
#pragma once

#include <assert.h>
#include <stddef.h>

#include "shim/board/board.h"

struct reef_board_slot {
    /* pid << 32 | low half of the start time (/proc/PID/stat field 22): taken and freed by one CAS. 0: free */
    _Atomic uint64_t owner;
    _Atomic uint64_t renewed_ns;  /* CLOCK_MONOTONIC of the last renewal of the RT lease */
    _Atomic uint32_t asleep;      /* non-zero: the owner's agent may be in futex_wait */
    _Atomic uint32_t cls;         /* enum reef_board_class */
    _Atomic uint32_t pid_namespace; /* inode of the owner's /proc/self/ns/pid; 0: not known */
    _Atomic uint32_t rt_cus;      /* compute units that its real-time work needs; 0: it did not say, all */
    char command[16];
    struct reef_board_stats stats;
    _Atomic uint64_t raised_ns;   /* CLOCK_MONOTONIC just before the owner set its RT bit last */
    char pad[192 - 184];
};

struct reef_board_layout {
    uint64_t magic;
    uint32_t version;
    uint32_t bytes;
    char pad[48];
    _Atomic uint64_t rt;          /* bit n: slot n has real-time work. On a line of its own */
    _Atomic uint64_t turn, turn_renewed_ns, turn_waiters;
    /* Not 0: RT work exists. What guards on the GPU look at (reef_board_evict_word). */
    _Atomic uint32_t evict;
    /* The futex word that all agents sleep on: one call wakes them all. One is woken by its bit, 1 << slot % 32. */
    _Atomic uint32_t bell;
    _Atomic uint32_t room_changes; /* counts changes of any slot's rt_cus, and of rt */
    char pad2[20];
    struct reef_board_slot slots[REEF_BOARD_SLOTS];
};

static_assert(sizeof(struct reef_board_stats) == 128, "the board's layout is fixed");
static_assert(sizeof(struct reef_board_slot) == 192, "the board's layout is fixed");
static_assert(offsetof(struct reef_board_layout, rt) == 64, "the board's layout is fixed");
static_assert(offsetof(struct reef_board_layout, slots) == 128, "the board's layout is fixed");
static_assert(REEF_BOARD_SLOTS == 64, "one bit a slot");
static_assert(sizeof(atomic_uint_fast64_t) == 8 && ATOMIC_LLONG_LOCK_FREE == 2, "shared memory needs it");

struct reef_board {
    struct reef_board_layout *map; /* owned mapping */
    unsigned slot;
    int32_t pid;                   /* of the process that opened it: a forked child is another */
    int fd;                        /* holds a shared flock: this version is in use */
    _Atomic uint64_t looked_ns;    /* when owners of expired leases were last looked up in /proc */
};

/** Wakes the agents of all processes, this one's last. */
void reef_board_ring_all(struct reef_board *board);
/** Wakes the agent of slot @slot, or has it look before it sleeps. */
void reef_board_ring(struct reef_board *board, unsigned slot);
/** Start time of @pid, or 0 if there is no such process (or it is a zombie: it will do nothing more). */
uint64_t reef_board_start_time(int32_t pid);
/** True unless the owner word names a process that is gone. 0 is nobody: false. */
bool reef_board_owner_lives(uint64_t owner);
/** As above for @owner of @slot; one of another pid namespace is not judged: it lives. */
bool reef_board_slot_lives(const struct reef_board_slot *slot, uint64_t owner);
/** Of this process; 0 if not known. */
uint32_t reef_board_pid_namespace(void);
static inline int32_t reef_board_owner_pid(uint64_t owner)
{
    return (int32_t)(owner >> 32);
}
/** Writes the board's path. Returns 0, -ENAMETOOLONG or -EINVAL (a @gpu that is no plain file name). */
int reef_board_path(char *path, size_t size, const char *dir, const char *gpu);
/** Whether a lease renewed at @renewed_ns counts at @now_ns. Signed: the renewal may be a moment younger
 *  than @now_ns; one from further in the future is a lie. */
static inline bool reef_board_lease_holds(uint64_t renewed_ns, uint64_t now_ns)
{
    int64_t age = (int64_t)(now_ns - renewed_ns);
    return age < (int64_t)REEF_BOARD_LEASE_NS && age > -1000000000ll;
}
/** True if what is mapped is a board of this version. */
static inline bool reef_board_is_ours(const struct reef_board_layout *map)
{
    return map->magic == REEF_BOARD_MAGIC && map->version == REEF_BOARD_VERSION &&
           map->bytes == sizeof(*map);
}
