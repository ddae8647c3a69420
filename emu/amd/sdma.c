// SPDX-License-Identifier: Apache-2.0
/*
 * The copy engine: carries out one SDMA 4 (Vega) packet at a time.
 *
 * Packet layouts: ROCr src/core/inc/sdma_registers.h (what ROCr builds) and Linux
 * drivers/gpu/drm/amd/amdgpu/vega10_sdma_pkt_open.h (field positions). Counts are "minus one" on
 * this generation. A packet has exactly the length its opcode says; what ROCr pads its commands
 * with reads as NOPs. What is not known here is a fault with a report, never skipped.
 *
 * The caller gives the words up to the write pointer; a packet that they cut off is a fault, and
 * nothing behind them is read. Device addresses may be unmapped, misaligned or overlap: each
 * stretch is translated before it is touched, at most a page at a time where one translation does
 * not do. No state: several queues may be run by several threads at once.
 */
#include "driver.h"

#include <string.h>

enum sdma_opcode {
    SDMA_NOP = 0,
    SDMA_COPY = 1,
    SDMA_WRITE = 2,
    SDMA_FENCE = 5,
    SDMA_TRAP = 6,
    SDMA_POLL_REGMEM = 8,
    SDMA_ATOMIC = EMU_SDMA_ATOMIC,
    SDMA_CONST_FILL = 11,
    SDMA_TIMESTAMP = 13,
};

enum sdma_sub_opcode {
    SDMA_COPY_LINEAR = 0,
    SDMA_COPY_SUB_WINDOW = 4,
    SDMA_WRITE_LINEAR = 0,
    SDMA_TIMESTAMP_GET_LOCAL = 1,
    SDMA_TIMESTAMP_GET_GLOBAL = 2,
};

enum { SDMA_PAGE = 4096 };

/* A packet being carried out. */
struct sdma_packet {
    const uint32_t *words; /* borrowed */
    size_t available;      /* words */
    size_t length;         /* words; set by the handler */
    uint64_t device_ns;
    struct emu_sdma_step step;
};

static uint32_t field(uint32_t word, unsigned low, unsigned bits)
{
    return word >> low & (uint32_t)((1ull << bits) - 1);
}

static uint64_t address(const struct sdma_packet *p, unsigned word)
{
    return p->words[word] | (uint64_t)p->words[word + 1] << 32;
}

/** Refuses a packet that is not known here. */
static void refuse(struct sdma_packet *p, const char *why)
{
    emu_missing("SDMA packet 0x%08x (op %u, sub-op %u): %s", p->words[0], p->words[0] & 0xff,
                p->words[0] >> 8 & 0xff, why);
    p->step.fault = true;
}

/** A packet that no engine would carry out. */
static void malformed(struct sdma_packet *p, const char *why)
{
    emu_report("SDMA packet 0x%08x (op %u): %s", p->words[0], p->words[0] & 0xff, why);
    p->step.fault = true;
}

/** True if all of the packet's @length words are there; a fault otherwise. */
static bool have(struct sdma_packet *p, size_t length)
{
    p->length = length;
    if (length <= p->available)
        return true;
    malformed(p, "cut off by the write pointer");
    return false;
}

/** Host address of @size bytes at @va; NULL with the fault set. */
static void *host(struct sdma_packet *p, uint64_t va, size_t size)
{
    void *at = emu_vm_host(va, size);

    if (!at) {
        emu_report("copy engine: no memory at device address 0x%llx", (unsigned long long)va);
        p->step.fault = true;
        p->step.fault_va = va;
    }
    return at;
}

/** Like host(), for a naturally aligned word. */
static void *host_word(struct sdma_packet *p, uint64_t va, size_t size)
{
    if (va & (size - 1)) {
        malformed(p, "misaligned address");
        return NULL;
    }
    return host(p, va, size);
}

/** Bytes from @va to the end of its page, at most @bytes. */
static size_t page_rest(uint64_t va, size_t bytes)
{
    size_t rest = SDMA_PAGE - va % SDMA_PAGE;

    return rest < bytes ? rest : bytes;
}

static bool copy(struct sdma_packet *p, uint64_t dst, uint64_t src, size_t bytes)
{
    const void *from = emu_vm_host(src, bytes);
    void *to = emu_vm_host(dst, bytes);

    if (from && to) {
        memmove(to, from, bytes);
        p->step.copied_bytes += bytes;
        return true;
    }
    while (bytes) { /* several ranges: by pieces that lie in one page of both */
        size_t piece = page_rest(src, page_rest(dst, bytes));

        from = host(p, src, piece);
        to = from ? host(p, dst, piece) : NULL;
        if (!to)
            return false;
        memmove(to, from, piece);
        p->step.copied_bytes += piece;
        src += piece;
        dst += piece;
        bytes -= piece;
    }
    return true;
}

static void nop(struct sdma_packet *p)
{
    have(p, 1 + field(p->words[0], 16, 14));
}

static void copy_linear(struct sdma_packet *p)
{
    if (!have(p, 7))
        return;
    if (p->words[0] >> 16 || p->words[2] & 0x03030000)
        refuse(p, "broadcast, encrypted, backwards and byte-swapped copies are not implemented");
    else
        copy(p, address(p, 5), address(p, 3), (size_t)field(p->words[1], 0, 22) + 1);
}

/** A box within pitched memory. Everything is in elements of 1 << log2_element bytes. */
struct sdma_window {
    uint64_t base;
    uint64_t x, y, z, pitch, slice;
    unsigned log2_element;
};

static struct sdma_window window(const struct sdma_packet *p, unsigned word, unsigned log2_element)
{
    const uint32_t *w = p->words + word;

    return (struct sdma_window){
        .base = address(p, word),
        .x = field(w[2], 0, 14),
        .y = field(w[2], 16, 14),
        .z = field(w[3], 0, 11),
        .pitch = (uint64_t)field(w[3], 13, 19) + 1,
        .slice = (uint64_t)field(w[4], 0, 28) + 1,
        .log2_element = log2_element,
    };
}

static uint64_t window_row(const struct sdma_window *w, uint64_t y, uint64_t z)
{
    uint64_t elements = w->x + (w->y + y) * w->pitch + (w->z + z) * w->slice;

    return w->base + (elements << w->log2_element);
}

static void copy_sub_window(struct sdma_packet *p)
{
    unsigned log2_element = field(p->words[0], 29, 3);
    struct sdma_window src, dst;
    uint64_t columns, rows, slices;

    if (!have(p, 13))
        return;
    if (log2_element > 4 || field(p->words[0], 16, 13) || p->words[12] & 0x03030000) {
        refuse(p, "element size or byte swap is not implemented");
        return;
    }
    src = window(p, 1, log2_element);
    dst = window(p, 6, log2_element);
    columns = (uint64_t)field(p->words[11], 0, 14) + 1;
    rows = (uint64_t)field(p->words[11], 16, 14) + 1;
    slices = (uint64_t)field(p->words[12], 0, 11) + 1;
    for (uint64_t z = 0; z < slices; z++)
        for (uint64_t y = 0; y < rows; y++)
            if (!copy(p, window_row(&dst, y, z), window_row(&src, y, z), columns << log2_element))
                return;
}

static void copy_any(struct sdma_packet *p)
{
    switch (field(p->words[0], 8, 8)) {
    case SDMA_COPY_LINEAR:
        copy_linear(p);
        break;
    case SDMA_COPY_SUB_WINDOW:
        copy_sub_window(p);
        break;
    default:
        refuse(p, "this kind of copy is not implemented");
    }
}

static void write_data(struct sdma_packet *p)
{
    size_t words;
    uint64_t va;

    if (field(p->words[0], 8, 8) != SDMA_WRITE_LINEAR || p->words[0] >> 16) {
        refuse(p, "this kind of write is not implemented");
        return;
    }
    if (!have(p, 4))
        return;
    words = (size_t)field(p->words[3], 0, 20) + 1;
    va = address(p, 1);
    if (!have(p, 4 + words))
        return;
    for (size_t done = 0; done < words * 4;) {
        size_t piece = page_rest(va + done, words * 4 - done);
        void *to = host(p, va + done, piece);

        if (!to)
            return;
        memcpy(to, (const char *)(p->words + 4) + done, piece);
        done += piece;
    }
    p->step.copied_bytes += words * 4;
}

static void fence(struct sdma_packet *p)
{
    uint32_t *to;

    if (!have(p, 4))
        return;
    to = host_word(p, address(p, 1), sizeof(*to));
    if (to)
        __atomic_store_n(to, p->words[3], __ATOMIC_SEQ_CST);
}

static void trap(struct sdma_packet *p)
{
    if (!have(p, 2))
        return;
    p->step.trap = true;
    p->step.trap_event = field(p->words[1], 0, 28);
}

/** Is a poll's condition met? @function: header bits 30:28. */
static bool poll_met(unsigned function, uint32_t value, uint32_t reference)
{
    switch (function) {
    case 0:
        return true;
    case 1:
        return value < reference;
    case 2:
        return value <= reference;
    case 3:
        return value == reference;
    case 4:
        return value != reference;
    case 5:
        return value >= reference;
    default:
        return value > reference;
    }
}

static void poll(struct sdma_packet *p)
{
    /* What ROCr writes to flush the host data path, which does not exist here. */
    static const uint32_t hdp_flush[6] = {SDMA_POLL_REGMEM, 0, 0x80000000};
    unsigned function = field(p->words[0], 28, 3);
    const uint32_t *at;

    if (!have(p, 6) || !memcmp(p->words, hdp_flush, sizeof(hdp_flush)))
        return;
    if (!field(p->words[0], 31, 1) || field(p->words[0], 8, 19) || function == 7) {
        refuse(p, "polling of registers is not implemented");
        return;
    }
    at = host_word(p, address(p, 1), sizeof(*at));
    if (at)
        p->step.again =
            !poll_met(function, __atomic_load_n(at, __ATOMIC_SEQ_CST) & p->words[4], p->words[3]);
}

/* Operations of the cache that the engine can ask for (Linux drivers/gpu/drm/amd/include/
 * vega10_enum.h, TC_OP_ATOMIC_*_RTN_*): bit 5 is the width, bit 6 "do not return the old value",
 * which goes nowhere here anyhow. */
enum {
    TC_ATOMIC_SWAP = 7,
    TC_ATOMIC_ADD = 15,
    TC_ATOMIC_SUB = 16,
    TC_ATOMIC_AND = 21,
    TC_ATOMIC_OR = 22,
    TC_ATOMIC_XOR = 23,
    TC_ATOMIC_64 = 32,
};

static void atomic(struct sdma_packet *p)
{
    unsigned operation = field(p->words[0], 25, 6);
    uint64_t va, operand;
    bool wide = operation & TC_ATOMIC_64;
    void *at;

    if (!have(p, 8))
        return;
    if (field(p->words[0], 8, 17)) {
        refuse(p, "looping atomics are not implemented");
        return;
    }
    va = address(p, 1);
    operand = address(p, 3);
    at = host_word(p, va, wide ? 8 : 4);
    if (!at)
        return;
    switch (operation) {
#define CASE(name, function)                                                                       \
    case TC_ATOMIC_##name:                                                                         \
        function((uint32_t *)at, (uint32_t)operand, __ATOMIC_SEQ_CST);                             \
        break;                                                                                     \
    case TC_ATOMIC_##name + TC_ATOMIC_64:                                                          \
        function((uint64_t *)at, operand, __ATOMIC_SEQ_CST);                                       \
        break;
        CASE(SWAP, __atomic_store_n)
        CASE(ADD, __atomic_fetch_add)
        CASE(SUB, __atomic_fetch_sub)
        CASE(AND, __atomic_fetch_and)
        CASE(OR, __atomic_fetch_or)
        CASE(XOR, __atomic_fetch_xor)
#undef CASE
    default:
        refuse(p, "this atomic operation is not implemented");
    }
}

static void fill_piece(void *to, uint32_t value, size_t bytes)
{
    uint32_t *words = to;

    for (size_t i = 0; i < bytes / 4; i++)
        words[i] = value;
}

static void const_fill(struct sdma_packet *p)
{
    uint64_t va, bytes;

    if (!have(p, 5))
        return;
    if (field(p->words[0], 8, 22) || field(p->words[0], 30, 2) != 2) {
        refuse(p, "only fills with 32-bit words are implemented");
        return;
    }
    va = address(p, 1);
    if (va & 3) {
        malformed(p, "misaligned address");
        return;
    }
    /* ROCr writes (words - 1) * 4, Linux writes bytes - 1: the low two bits are not looked at. */
    bytes = (field(p->words[4], 0, 22) & ~3ull) + 4;
    p->step.copied_bytes = bytes;
    while (bytes) {
        size_t piece = page_rest(va, bytes);
        void *to = host(p, va, piece);

        if (!to)
            return;
        fill_piece(to, p->words[3], piece);
        va += piece;
        bytes -= piece;
    }
}

static void timestamp(struct sdma_packet *p)
{
    unsigned kind = field(p->words[0], 8, 8);
    uint64_t *to;

    if (kind != SDMA_TIMESTAMP_GET_LOCAL && kind != SDMA_TIMESTAMP_GET_GLOBAL) {
        refuse(p, "setting the clock is not implemented");
        return;
    }
    if (!have(p, 3))
        return;
    to = host_word(p, address(p, 1), sizeof(*to));
    if (to)
        __atomic_store_n(to, p->device_ns, __ATOMIC_SEQ_CST);
}

struct emu_sdma_step emu_sdma_run(const uint32_t *words, size_t available_bytes, uint64_t device_ns)
{
    static void (*const handlers[])(struct sdma_packet *) = {
        [SDMA_NOP] = nop,
        [SDMA_COPY] = copy_any,
        [SDMA_WRITE] = write_data,
        [SDMA_FENCE] = fence,
        [SDMA_TRAP] = trap,
        [SDMA_POLL_REGMEM] = poll,
        [SDMA_ATOMIC] = atomic,
        [SDMA_CONST_FILL] = const_fill,
        [SDMA_TIMESTAMP] = timestamp,
    };
    struct sdma_packet p = {
        .words = words,
        .available = available_bytes / 4,
        .device_ns = device_ns,
    };
    unsigned opcode;

    if (!p.available) {
        emu_report("SDMA packet: %zu bytes are no packet", available_bytes);
        p.step.fault = true;
        return p.step;
    }
    opcode = words[0] & 0xff;
    if (opcode < sizeof(handlers) / sizeof(handlers[0]) && handlers[opcode])
        handlers[opcode](&p);
    else
        refuse(&p, "this operation is not implemented");
    if (!p.step.fault && !p.step.again)
        p.step.consumed_bytes = (uint32_t)p.length * 4;
    return p.step;
}
