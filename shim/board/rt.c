// SPDX-License-Identifier: Apache-2.0
/*
 * The RT bitmap, its leases, and the bell.
 *
 * Ordering. raise() sets its bit and then changes the bell; an agent that wants to sleep has read
 * the bell before it looked at the bitmap, and the futex lets it sleep only while the bell is the
 * same. So a raise is never slept through. All agents sleep on one word, so waking them takes two
 * system calls of the launching thread, however many there are; they are made without looking who
 * sleeps, for its own agent does.
 *
 * Who rings a single agent looks whether that sleeps: the agent says so (asleep) and then looks at
 * the bell; the other side changes the bell and then looks at asleep; all sequentially consistent.
 * Others that are about to sleep just then find the bell changed, and look once more.
 */
#include <linux/futex.h>
#include <limits.h>
#include <sys/syscall.h>
#include <time.h>
#include <unistd.h>

#include "shim/board/layout.h"

static uint64_t monotonic_ns(void)
{
    struct timespec ts;

    clock_gettime(CLOCK_MONOTONIC, &ts);
    return (uint64_t)ts.tv_sec * 1000000000u + (uint64_t)ts.tv_nsec;
}

static uint32_t wake_bit(unsigned slot)
{
    return 1u << slot % 32;
}

static void wake(struct reef_board *board, uint32_t bits)
{
    syscall(SYS_futex, &board->map->bell, FUTEX_WAKE_BITSET, INT_MAX, NULL, NULL, bits);
}

void reef_board_ring(struct reef_board *board, unsigned slot)
{
    atomic_fetch_add(&board->map->bell, 1);
    if (atomic_load(&board->map->slots[slot].asleep))
        wake(board, wake_bit(slot));
}

/* The bitmap changed: whoever sleeps must look. This process's own agent last: nothing it does is
 * urgent, and who is woken first gets the idle processor. */
void reef_board_ring_all(struct reef_board *board)
{
    uint32_t own = wake_bit(board->slot);

    atomic_fetch_add(&board->map->bell, 1);
    wake(board, ~own);
    wake(board, own);
}

void reef_board_rt_raise(struct reef_board *board)
{
    const uint64_t bit = 1ull << board->slot;

    if (atomic_load(&board->map->rt) & bit)
        return;
    uint64_t now_ns = monotonic_ns();
    reef_board_rt_renew(board, now_ns);
    atomic_store_explicit(&board->map->slots[board->slot].raised_ns, now_ns, memory_order_relaxed);
    if (!(atomic_fetch_or(&board->map->rt, bit) & bit)) {
        atomic_store(&board->map->evict, 1);
        atomic_fetch_add(&board->map->room_changes, 1);
        reef_board_ring_all(board); /* this process too: it may have BE queues */
    }
}

void reef_board_rt_renew(struct reef_board *board, uint64_t now_ns)
{
    atomic_store_explicit(&board->map->slots[board->slot].renewed_ns, now_ns, memory_order_relaxed);
    /* It may have been taken for gone: lowered below. */
    if (atomic_load(&board->map->rt) >> board->slot & 1 && !atomic_load(&board->map->evict))
        atomic_store(&board->map->evict, 1);
}

/* Nobody's RT work counts any more, by the bitmap @seen. Whoever comes just now raises the word
 * before this or sees to it that the bitmap is another. */
static void lower_evict(struct reef_board *board, uint64_t seen)
{
    if (!atomic_load(&board->map->evict))
        return;
    atomic_store(&board->map->evict, 0);
    if (atomic_load(&board->map->rt) & ~seen)
        atomic_store(&board->map->evict, 1);
}

const void *reef_board_evict_word(const struct reef_board *board)
{
    return &board->map->evict;
}

void reef_board_rt_clear(struct reef_board *board)
{
    const uint64_t bit = 1ull << board->slot;

    uint64_t before = atomic_fetch_and(&board->map->rt, ~bit);

    if (before == bit)
        lower_evict(board, 0);
    if (before & bit) {
        atomic_fetch_add(&board->map->room_changes, 1);
        reef_board_ring_all(board);
    }
}

/* Owners of the bits in @late are dead, stopped, or only slow. Takes the bits back from the dead
 * alone. This is also called on launches and reads /proc, so it does so once in a lease. */
static void take_back(struct reef_board *board, uint64_t late, uint64_t now_ns)
{
    uint64_t looked = atomic_load_explicit(&board->looked_ns, memory_order_relaxed);

    if (now_ns - looked < REEF_BOARD_LEASE_NS ||
        !atomic_compare_exchange_strong(&board->looked_ns, &looked, now_ns))
        return;
    for (; late; late &= late - 1) {
        unsigned i = (unsigned)__builtin_ctzll(late);
        struct reef_board_slot *slot = &board->map->slots[i];
        uint64_t owner = atomic_load(&slot->owner);

        if (!reef_board_slot_lives(slot, owner) && atomic_load(&slot->owner) == owner)
            atomic_fetch_and(&board->map->rt, ~(1ull << i));
    }
}

bool reef_board_rt_active(struct reef_board *board, uint64_t now_ns)
{
    uint64_t rt = atomic_load(&board->map->rt);
    uint64_t late = 0;
    bool active = false;

    for (; rt; rt &= rt - 1) {
        unsigned i = (unsigned)__builtin_ctzll(rt);
        struct reef_board_slot *slot = &board->map->slots[i];
        uint64_t renewed = atomic_load_explicit(&slot->renewed_ns, memory_order_relaxed);
        if (reef_board_lease_holds(renewed, now_ns))
            active = true;
        else
            late |= 1ull << i;
    }
    if (late)
        take_back(board, late, now_ns);
    if (!active)
        lower_evict(board, late);
    return active;
}

bool reef_board_rt_any(const struct reef_board *board)
{
    return atomic_load(&board->map->rt) != 0;
}

uint64_t reef_board_rt_since(const struct reef_board *board)
{
    uint64_t since_ns = 0;

    for (uint64_t rt = atomic_load(&board->map->rt); rt; rt &= rt - 1) {
        const struct reef_board_slot *slot = &board->map->slots[__builtin_ctzll(rt)];
        uint64_t raised_ns = atomic_load_explicit(&slot->raised_ns, memory_order_relaxed);
        if (since_ns == 0 || raised_ns < since_ns)
            since_ns = raised_ns;
    }
    return since_ns;
}

bool reef_board_has_peers(const struct reef_board *board, enum reef_board_class cls)
{
    for (unsigned i = 0; i < REEF_BOARD_SLOTS; i++) {
        const struct reef_board_slot *slot = &board->map->slots[i];
        uint64_t owner = atomic_load(&slot->owner);
        if (i != board->slot && owner && atomic_load(&slot->cls) == cls &&
            reef_board_slot_lives(slot, owner))
            return true;
    }
    return false;
}

void reef_board_set_class(struct reef_board *board, enum reef_board_class cls)
{
    atomic_store(&board->map->slots[board->slot].cls, cls);
    if (cls != REEF_BOARD_OFF)
        reef_board_ring_all(board);
}

uint32_t reef_board_bell(const struct reef_board *board)
{
    return atomic_load(&board->map->bell);
}

void reef_board_sleep(struct reef_board *board, uint32_t seen, uint64_t timeout_ns)
{
    struct reef_board_slot *slot = &board->map->slots[board->slot];
    struct timespec until;

    if (timeout_ns != UINT64_MAX) { /* of this operation: absolute, CLOCK_MONOTONIC */
        uint64_t until_ns = monotonic_ns() + timeout_ns;
        until.tv_sec = (time_t)(until_ns / 1000000000u);
        until.tv_nsec = (long)(until_ns % 1000000000u);
    }
    atomic_store(&slot->asleep, 1);
    if (atomic_load(&board->map->bell) == seen)
        syscall(SYS_futex, &board->map->bell, FUTEX_WAIT_BITSET, seen,
                timeout_ns == UINT64_MAX ? NULL : &until, NULL, wake_bit(board->slot));
    atomic_store(&slot->asleep, 0);
}

void reef_board_ring_self(struct reef_board *board)
{
    reef_board_ring(board, board->slot);
}
