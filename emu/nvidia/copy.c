// SPDX-License-Identifier: Apache-2.0
/*
 * Copies and fills as operations: how long they take and what they do. Addresses are translated
 * when they are carried out, with the table of allocations held.
 */
#include "driver.h"

#include <string.h>

static uint64_t transfer_ns(uint64_t bytes, uint64_t bytes_per_us)
{
    return bytes * 1000 / bytes_per_us;
}

static bool on_device(const struct nv_place *place)
{
    const struct nv_memory *memory = place->host ? NULL : nv_memory_find(place->va);

    return memory && memory->kind == NV_MEMORY_DEVICE;
}

/* Between two places of the device memory at its own speed, each byte read and written. */
uint64_t nv_copy_ns(const struct nv_copy *copy)
{
    uint64_t bytes = (uint64_t)copy->width * copy->height * copy->depth;
    uint64_t fast = nv_profile.memory_bytes_per_us / 2;

    if (fast && on_device(&copy->from) && on_device(&copy->to))
        return transfer_ns(bytes, fast);
    return transfer_ns(bytes, nv_profile.copy_bytes_per_us);
}

uint64_t nv_fill_ns(const struct nv_fill *fill)
{
    uint64_t bytes = (uint64_t)fill->width * fill->height * fill->bytes;

    return transfer_ns(bytes, nv_profile.memory_bytes_per_us ? nv_profile.memory_bytes_per_us
                                                             : nv_profile.copy_bytes_per_us);
}

/* Where a row lies. NULL: the memory is gone (a program's error). */
static uint8_t *row(const struct nv_place *place, size_t y, size_t z, size_t width)
{
    size_t offset = (z * place->height + y) * place->pitch;

    if (place->host)
        return place->host + offset;
    return nv_memory_host(place->va + offset, width);
}

bool nv_copy_carry_out(const struct nv_copy *copy)
{
    bool there = true;

    nv_memory_lock_read();
    for (size_t z = 0; z < copy->depth; z++) {
        for (size_t y = 0; y < copy->height; y++) {
            uint8_t *to = row(&copy->to, y, z, copy->width);
            const uint8_t *from = row(&copy->from, y, z, copy->width);

            if (to && from)
                memmove(to, from, copy->width);
            else
                there = false;
        }
    }
    nv_memory_unlock();
    return there;
}

static void fill_row(uint8_t *at, const struct nv_fill *fill)
{
    switch (fill->bytes) {
    case 1:
        memset(at, (int)(fill->value & 0xff), fill->width);
        break;
    case 2:
        for (size_t i = 0; i < fill->width; i++)
            memcpy(at + 2 * i, &fill->value, 2);
        break;
    default:
        for (size_t i = 0; i < fill->width; i++)
            memcpy(at + 4 * i, &fill->value, 4);
        break;
    }
}

bool nv_fill_carry_out(const struct nv_fill *fill)
{
    bool there = true;

    nv_memory_lock_read();
    for (size_t y = 0; y < fill->height; y++) {
        uint8_t *at = nv_memory_host(fill->va + y * fill->pitch, fill->width * fill->bytes);

        if (at)
            fill_row(at, fill);
        else
            there = false;
    }
    nv_memory_unlock();
    return there;
}
