// SPDX-License-Identifier: Apache-2.0
/*
 * Vector memory engine and the opcode table of the memory families.
 *
 * The range that the last translation of this thread found is kept in a window (start, count,
 * host): one comparison per lane decides whether an address lies in it. 64 active lanes at
 * consecutive dwords, the usual case, are one copy. Plain loads and stores of an aligned dword or
 * pair do not tear on the hosts we run on, which is what the hardware promises other waves.
 */
#include "ops_mem.h"
#include "uncached.h"

struct mem_window {
    uint64_t start, count; /* an access may begin in [start, start + count) */
    char *host;            /* borrowed: of @start */
};

MEM_INLINE struct mem_window window_open(const struct gcn_wave *w, uint32_t size, bool write)
{
    const struct gcn_range *r = &w->thread->range[0];
    struct mem_window win = {.start = r->start, .host = r->host};

    if (r->end - r->start >= size && (r->writable || !write))
        win.count = r->end - r->start - size + 1;
    return win;
}

MEM_INLINE char *window_at(const struct mem_window *win, uint64_t va)
{
    uint64_t at = va - win->start;

    return __builtin_expect(at < win->count, 1) ? win->host + at : NULL;
}

/** Touches the lines of a row of 256 bytes and counts them. */
static inline int row_lines(struct gcn_wave *w, uint64_t va)
{
    uint64_t line = va >> 6, last = (va + 255) >> 6;
    int lines = (int)(last - line) + 1;

    for (; line <= last; line++)
        gcn_touch(w, line);
    return lines;
}

/** What a walk over the lanes keeps. */
struct mem_walk {
    struct mem_window win;
    uint64_t line;
    int lines;
};

MEM_INLINE void walk_line(struct gcn_wave *w, uint64_t line, struct mem_walk *walk)
{
    if (line == walk->line)
        return;
    walk->line = line;
    walk->lines++;
    gcn_touch(w, line);
}

MEM_INLINE bool load_lane(struct gcn_wave *w, enum mem_kind kind, uint32_t (*reg)[64], uint64_t va,
                          unsigned lane, struct mem_walk *walk)
{
    const char *p = window_at(&walk->win, va);

    if (!p) {
        p = gcn_translate(w, va, mem_bytes(kind), false);
        if (!p)
            return false;
        walk->win = window_open(w, mem_bytes(kind), false);
    }
    mem_put(reg, lane, kind, p);
    walk_line(w, va >> 6, walk);
    return true;
}

MEM_INLINE int load(struct gcn_wave *w, enum mem_kind kind, unsigned dst, const uint64_t addr[64],
                    uint64_t mask)
{
    struct mem_walk walk = {.win = window_open(w, mem_bytes(kind), false), .line = ~0ull};
    uint32_t(*reg)[64] = &w->vgpr[dst];
    unsigned lane;

    if (mask == ~0ull) {
        for (lane = 0; lane < 64; lane++)
            if (!load_lane(w, kind, reg, addr[lane], lane, &walk))
                return -1;
    } else {
        MEM_FOR_LANES(lane, mask)
        if (!load_lane(w, kind, reg, addr[lane], lane, &walk))
            return -1;
    }
    return walk.lines;
}

MEM_INLINE bool store_lane(struct gcn_wave *w, enum mem_kind kind, uint32_t (*reg)[64], uint64_t va,
                           unsigned lane, struct mem_walk *walk)
{
    char *p = window_at(&walk->win, va);

    if (!p) {
        p = gcn_translate(w, va, mem_bytes(kind), true);
        if (!p)
            return false;
        walk->win = window_open(w, mem_bytes(kind), true);
    }
    mem_get(reg, lane, kind, p);
    if (kind == MEM_B32 && __builtin_expect(gcn_uncached_late, 0))
        gcn_uncached_stored((const uint32_t *)p);
    walk_line(w, va >> 6, walk);
    return true;
}

MEM_INLINE int store(struct gcn_wave *w, enum mem_kind kind, unsigned data, const uint64_t addr[64],
                     uint64_t mask)
{
    struct mem_walk walk = {.win = window_open(w, mem_bytes(kind), true), .line = ~0ull};
    uint32_t(*reg)[64] = &w->vgpr[data];
    unsigned lane;

    if (mask == ~0ull) {
        for (lane = 0; lane < 64; lane++)
            if (!store_lane(w, kind, reg, addr[lane], lane, &walk))
                return -1;
    } else {
        MEM_FOR_LANES(lane, mask)
        if (!store_lane(w, kind, reg, addr[lane], lane, &walk))
            return -1;
    }
    return walk.lines;
}

#define FOR_KINDS(X)                                                                               \
    X(MEM_U8)                                                                                      \
    X(MEM_I8)                                                                                      \
    X(MEM_U16)                                                                                     \
    X(MEM_I16)                                                                                     \
    X(MEM_U8_D16)                                                                                  \
    X(MEM_U8_D16_HI)                                                                               \
    X(MEM_I8_D16)                                                                                  \
    X(MEM_I8_D16_HI) X(MEM_U16_D16) X(MEM_U16_D16_HI) X(MEM_B32) X(MEM_B64) X(MEM_B96) X(MEM_B128)

int gcn_mem_load(struct gcn_wave *w, enum mem_kind kind, unsigned dst, const uint64_t addr[64],
                 uint64_t mask)
{
    switch (kind) {
#define CASE(K)                                                                                    \
    case K:                                                                                        \
        return load(w, K, dst, addr, mask);
        FOR_KINDS(CASE)
#undef CASE
    case MEM_KINDS:
        break;
    }
    return -1;
}

int gcn_mem_store(struct gcn_wave *w, enum mem_kind kind, unsigned data, const uint64_t addr[64],
                  uint64_t mask)
{
    switch (kind) {
#define CASE(K)                                                                                    \
    case K:                                                                                        \
        return store(w, K, data, addr, mask);
        FOR_KINDS(CASE)
#undef CASE
    case MEM_KINDS:
        break;
    }
    return -1;
}

/** A row whose 256 bytes do not all lie in the present range. */
static int row_by_lanes(struct gcn_wave *w, unsigned reg, uint64_t va, uint64_t mask, bool write)
{
    uint64_t addr[64];

    for (unsigned lane = 0; lane < 64; lane++)
        addr[lane] = va + 4 * lane;
    return write ? store(w, MEM_B32, reg, addr, mask) : load(w, MEM_B32, reg, addr, mask);
}

int gcn_mem_load_rows(struct gcn_wave *w, unsigned dwords, unsigned dst, uint64_t va, uint64_t mask)
{
    int lines = 0;

    for (unsigned n = 0; n < dwords; n++, va += 256) {
        struct mem_window win = window_open(w, 256, false);
        const char *p = window_at(&win, va);
        int more;
        unsigned lane;

        more = p ? row_lines(w, va) : row_by_lanes(w, dst + n, va, mask, false);
        if (p && mask == ~0ull)
            memcpy(w->vgpr[dst + n], p, 256);
        else if (p)
            MEM_FOR_LANES(lane, mask)
        w->vgpr[dst + n][lane] = mem_read32(p + 4 * lane);
        if (more < 0)
            return -1;
        lines += more;
    }
    return lines;
}

int gcn_mem_store_rows(struct gcn_wave *w, unsigned dwords, unsigned data, uint64_t va,
                       uint64_t mask)
{
    int lines = 0;

    for (unsigned n = 0; n < dwords; n++, va += 256) {
        struct mem_window win = window_open(w, 256, true);
        char *p = window_at(&win, va);
        int more;
        unsigned lane;

        more = p ? row_lines(w, va) : row_by_lanes(w, data + n, va, mask, true);
        if (p && mask == ~0ull)
            memcpy(p, w->vgpr[data + n], 256);
        else if (p)
            MEM_FOR_LANES(lane, mask)
        memcpy(p + 4 * lane, &w->vgpr[data + n][lane], 4);
        if (p && __builtin_expect(gcn_uncached_late, 0))
            MEM_FOR_LANES(lane, mask)
        gcn_uncached_stored((const uint32_t *)(p + 4 * lane));
        if (more < 0)
            return -1;
        lines += more;
    }
    return lines;
}

uint32_t gcn_mem_rmw32(uint32_t *p, enum mem_atomic op, uint32_t a, uint32_t b)
{
    uint32_t old;

    switch (op) {
    case MEM_ADD:
        return __atomic_fetch_add(p, a, __ATOMIC_SEQ_CST);
    case MEM_SUB:
        return __atomic_fetch_sub(p, a, __ATOMIC_SEQ_CST);
    case MEM_SWAP:
        return __atomic_exchange_n(p, a, __ATOMIC_SEQ_CST);
    default:
        old = __atomic_load_n(p, __ATOMIC_RELAXED);
        while (!__atomic_compare_exchange_n(p, &old, mem_compute32(op, old, a, b), false,
                                            __ATOMIC_SEQ_CST, __ATOMIC_RELAXED))
            ;
        return old;
    }
}

uint64_t gcn_mem_rmw64(uint64_t *p, enum mem_atomic op, uint64_t a, uint64_t b)
{
    uint64_t old;

    switch (op) {
    case MEM_ADD:
        return __atomic_fetch_add(p, a, __ATOMIC_SEQ_CST);
    case MEM_SUB:
        return __atomic_fetch_sub(p, a, __ATOMIC_SEQ_CST);
    case MEM_SWAP:
        return __atomic_exchange_n(p, a, __ATOMIC_SEQ_CST);
    default:
        old = __atomic_load_n(p, __ATOMIC_RELAXED);
        while (!__atomic_compare_exchange_n(p, &old, mem_compute64(op, old, a, b), false,
                                            __ATOMIC_SEQ_CST, __ATOMIC_RELAXED))
            ;
        return old;
    }
}

int gcn_mem_atomic(struct gcn_wave *w, enum mem_atomic op, unsigned bits, int dst, unsigned data,
                   const uint64_t addr[64], uint64_t mask)
{
    uint32_t(*reg)[64] = &w->vgpr[data];
    uint32_t size = bits / 8;
    struct mem_window win = window_open(w, size, true);
    uint64_t line = ~0ull;
    int lines = 0;
    unsigned lane;

    MEM_FOR_LANES(lane, mask)
    {
        uint64_t va = addr[lane], old;
        char *p = window_at(&win, va);

        if (__builtin_expect(va & (size - 1), 0)) {
            gcn_fault_raise(w, GCN_FAULT_UNMAPPED, va);
            return -1;
        }
        if (!p) {
            p = gcn_translate(w, va, size, true);
            if (!p)
                return -1;
            win = window_open(w, size, true);
        }
        if (bits == 32)
            old = gcn_mem_rmw32((uint32_t *)p, op, reg[0][lane], reg[1][lane]);
        else
            old =
                gcn_mem_rmw64((uint64_t *)p, op, mem_lane64(reg, lane), mem_lane64(reg + 2, lane));
        if (dst >= 0) {
            w->vgpr[dst][lane] = (uint32_t)old;
            if (bits == 64)
                w->vgpr[dst + 1][lane] = (uint32_t)(old >> 32);
        }
        lines += va >> 6 != line;
        line = va >> 6;
    }
    w->fills += (unsigned)lines; /* carried out behind the unit's cache, whatever that holds */
    return lines;
}

/* ---- swizzled memory ---- */

/** True if no active lane's dword or smaller piece crosses a dword boundary. */
static bool swizzle_aligned(enum mem_kind kind, const uint64_t addr[64], uint64_t mask)
{
    uint32_t piece = mem_bytes(kind) < 4 ? mem_bytes(kind) : 4;
    unsigned lane, crossing = 0;
    uint64_t low = 0;

    for (lane = 0; lane < 64; lane++)
        low |= addr[lane];
    if (!(low & 3) || piece == 1)
        return true;
    MEM_FOR_LANES(lane, mask)
    crossing |= (addr[lane] & 3) + piece > 4;
    return !crossing;
}

/** Moves @size bytes of one lane between swizzled memory and @buffer, byte by byte. */
static bool swizzle_bytes(struct gcn_wave *w, uint64_t va, uint32_t step, uint8_t *buffer,
                          uint32_t size, bool write)
{
    for (uint32_t n = 0; n < size; n++) {
        uint64_t at = (va & 3) + n;
        uint8_t *p = gcn_translate(w, (va & ~3ull) + (at >> 2) * step + (at & 3), 1, write);

        if (!p)
            return false;
        if (write)
            *p = buffer[n];
        else
            buffer[n] = *p;
    }
    return true;
}

int gcn_mem_load_swizzled(struct gcn_wave *w, enum mem_kind kind, unsigned dst,
                          const uint64_t addr[64], uint32_t step, uint64_t mask)
{
    uint32_t size = mem_bytes(kind);
    uint64_t at[64];
    uint8_t buffer[16];
    int lines = 0;
    unsigned lane;

    if (!swizzle_aligned(kind, addr, mask)) {
        MEM_FOR_LANES(lane, mask)
        {
            if (!swizzle_bytes(w, addr[lane], step, buffer, size, false))
                return -1;
            for (unsigned i = 0; i < (size + 3) / 4; i++)
                mem_put(&w->vgpr[dst + i], lane, size > 4 ? MEM_B32 : kind, buffer + 4 * i);
        }
        return __builtin_popcountll(mask);
    }
    if (size <= 4)
        return gcn_mem_load(w, kind, dst, addr, mask);
    for (unsigned i = 0; i < size / 4; i++) {
        for (lane = 0; lane < 64; lane++)
            at[lane] = addr[lane] + i * step;
        int more = gcn_mem_load(w, MEM_B32, dst + i, at, mask);

        if (more < 0)
            return -1;
        lines += more;
    }
    return lines;
}

int gcn_mem_store_swizzled(struct gcn_wave *w, enum mem_kind kind, unsigned data,
                           const uint64_t addr[64], uint32_t step, uint64_t mask)
{
    uint32_t size = mem_bytes(kind);
    uint64_t at[64];
    uint8_t buffer[16];
    int lines = 0;
    unsigned lane;

    if (!swizzle_aligned(kind, addr, mask)) {
        MEM_FOR_LANES(lane, mask)
        {
            for (unsigned i = 0; i < (size + 3) / 4; i++)
                mem_get(&w->vgpr[data + i], lane, size > 4 ? MEM_B32 : kind, buffer + 4 * i);
            if (!swizzle_bytes(w, addr[lane], step, buffer, size, true))
                return -1;
        }
        return __builtin_popcountll(mask);
    }
    if (size <= 4)
        return gcn_mem_store(w, kind, data, addr, mask);
    for (unsigned i = 0; i < size / 4; i++) {
        for (lane = 0; lane < 64; lane++)
            at[lane] = addr[lane] + i * step;
        int more = gcn_mem_store(w, MEM_B32, data + i, at, mask);

        if (more < 0)
            return -1;
        lines += more;
    }
    return lines;
}

int gcn_mem_atomic_swizzled(struct gcn_wave *w, enum mem_atomic op, unsigned bits, int dst,
                            unsigned data, const uint64_t addr[64], uint32_t step, uint64_t mask)
{
    uint32_t(*reg)[64] = &w->vgpr[data];
    unsigned lane;

    /* Swizzled memory is private to a lane: nobody sees the two halves of the operation. */
    MEM_FOR_LANES(lane, mask)
    {
        uint64_t old = 0, new;

        if (!swizzle_bytes(w, addr[lane], step, (uint8_t *)&old, bits / 8, false))
            return -1;
        if (bits == 32)
            new = mem_compute32(op, (uint32_t)old, reg[0][lane], reg[1][lane]);
        else
            new = mem_compute64(op, old, mem_lane64(reg, lane), mem_lane64(reg + 2, lane));
        if (!swizzle_bytes(w, addr[lane], step, (uint8_t *)&new, bits / 8, true))
            return -1;
        if (dst >= 0) {
            w->vgpr[dst][lane] = (uint32_t)old;
            if (bits == 64)
                w->vgpr[dst + 1][lane] = (uint32_t)(old >> 32);
        }
    }
    return __builtin_popcountll(mask);
}

void gcn_mem_load_zero(struct gcn_wave *w, enum mem_kind kind, unsigned dst, uint64_t mask)
{
    static const uint8_t zero[16];
    uint32_t size = mem_bytes(kind);
    unsigned lane;

    MEM_FOR_LANES(lane, mask)
    for (unsigned i = 0; i < (size + 3) / 4; i++)
        mem_put(&w->vgpr[dst + i], lane, size > 4 ? MEM_B32 : kind, zero);
}

const struct mem_direction gcn_mem_loads = {
    .linear = gcn_mem_load,
    .swizzled = gcn_mem_load_swizzled,
    .rows = gcn_mem_load_rows,
    .lds = gcn_lds_load,
};
const struct mem_direction gcn_mem_stores = {
    .linear = gcn_mem_store,
    .swizzled = gcn_mem_store_swizzled,
    .rows = gcn_mem_store_rows,
    .lds = gcn_lds_store,
    .write = true,
};

#define DS(number, name, D, A, B, access, bytes, flags, cycles, ...)                               \
    {ISA_ID_##name, cycles, gcn_##name},
#define FLAT(format, number, name, D, A, access, bytes, flags, cycles, ...)                        \
    {ISA_ID_##name, cycles, gcn_##name},
#define BUFFER(format, number, name, D, access, bytes, flags, cycles, ...)                         \
    {ISA_ID_##name, cycles, gcn_##name},
#define REFUSED(...)
const struct gcn_semantics gcn_ops_mem[] = {
#include "isa/gcn/ops_ds.def"
#include "isa/gcn/ops_flat.def"
#include "isa/gcn/ops_buffer.def"
};
const unsigned gcn_ops_mem_count = sizeof(gcn_ops_mem) / sizeof(gcn_ops_mem[0]);
