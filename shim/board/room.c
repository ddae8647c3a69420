// SPDX-License-Identifier: Apache-2.0
/*
 * How many compute units RT programs need, and so how many they leave (docs/padding.md). Each writes its own
 * need into its slot; a counter changes with every one of them, and with the RT bitmap, so that who has added
 * them up once sees with one load whether that still holds.
 */
#include "shim/board/layout.h"

/* 0 is written by who never says anything. */
static uint32_t meaning(uint32_t told)
{
    return told ? told : UINT32_MAX;
}

void reef_board_rt_needs(struct reef_board *board, uint32_t cus)
{
    uint32_t before = atomic_exchange(&board->map->slots[board->slot].rt_cus, cus);

    if (before == cus)
        return;
    atomic_fetch_add(&board->map->room_changes, 1);
    if (meaning(cus) > meaning(before))
        reef_board_ring_all(board);
}

uint32_t reef_board_room_changes(const struct reef_board *board)
{
    return atomic_load(&board->map->room_changes);
}

void reef_board_room_take_back(struct reef_board *board)
{
    for (unsigned i = 0; i < REEF_BOARD_SLOTS; i++) {
        struct reef_board_slot *slot = &board->map->slots[i];
        uint32_t told = atomic_load(&slot->rt_cus);

        if (i == board->slot || !told || reef_board_slot_lives(slot, atomic_load(&slot->owner)))
            continue;
        if (atomic_compare_exchange_strong(&slot->rt_cus, &told, 0))
            atomic_fetch_add(&board->map->room_changes, 1);
    }
}

uint32_t reef_board_room(const struct reef_board *board, uint32_t cus, uint64_t now_ns)
{
    uint64_t rt = atomic_load(&board->map->rt);

    for (unsigned i = 0; i < REEF_BOARD_SLOTS; i++) {
        const struct reef_board_slot *slot = &board->map->slots[i];
        uint64_t owner = atomic_load(&slot->owner);
        uint32_t told = atomic_load(&slot->rt_cus);
        bool active = rt >> i & 1 && reef_board_lease_holds(atomic_load(&slot->renewed_ns), now_ns);

        if (!owner || (!active && !told))
            continue;
        cus = meaning(told) < cus ? cus - told : 0;
    }
    return cus;
}
