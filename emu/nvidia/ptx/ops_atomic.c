// SPDX-License-Identifier: Apache-2.0
/*
 * Atomics, of all spaces and also against the host: every one is an atomic operation of the host's
 * processor or a loop around its compare-and-swap.
 */
#include "number.h"
#include "ops_memory.h"
#include "types.h"
#include "warp.h"

enum atomic_op { OP_ADD, OP_MIN, OP_MAX, OP_INC, OP_DEC, OP_AND, OP_OR, OP_XOR, OP_EXCH, OP_CAS };

static uint64_t add_floats(enum ptx_type type, uint64_t old, uint64_t b)
{
    switch (type) {
    case PTX_T_f32:
        return ptx_f32_result(ptx_as_f32((uint32_t)old) + ptx_as_f32((uint32_t)b));
    case PTX_T_f64:
        return ptx_f64_bits(ptx_as_f64(old) + ptx_as_f64(b));
    case PTX_T_f16:
        return ptx_half_from((double)ptx_half_to_f32((uint16_t)old) + ptx_half_to_f32((uint16_t)b),
                             PTX_RN);
    default: /* f16x2 */
        return add_floats(PTX_T_f16, old & 0xffff, b & 0xffff) |
               add_floats(PTX_T_f16, old >> 16 & 0xffff, b >> 16 & 0xffff) << 16;
    }
}

/* What replaces @old. */
static uint64_t apply(enum atomic_op op, enum ptx_type type, uint64_t old, uint64_t b, uint64_t c)
{
    bool is_signed = ptx_types[type].kind == 's';
    bool less = !is_signed                   ? old < b
                : ptx_types[type].bytes == 8 ? (int64_t)old < (int64_t)b
                                             : (int32_t)old < (int32_t)b;

    switch (op) {
    case OP_ADD:
        return ptx_types[type].kind == 'f' ? add_floats(type, old, b) : old + b;
    case OP_MIN:
        return less ? old : b;
    case OP_MAX:
        return less ? b : old;
    case OP_INC:
        return (uint32_t)old >= (uint32_t)b ? 0 : old + 1;
    case OP_DEC:
        return old == 0 || (uint32_t)old > (uint32_t)b ? b : old - 1;
    case OP_AND:
        return old & b;
    case OP_OR:
        return old | b;
    case OP_XOR:
        return old ^ b;
    case OP_EXCH:
        return b;
    default:
        return old == b ? c : old;
    }
}

#define UPDATE(bits)                                                                               \
    static uint64_t update_##bits(uint##bits##_t *at, enum atomic_op op, enum ptx_type type,       \
                                  uint64_t b, uint64_t c)                                          \
    {                                                                                              \
        uint##bits##_t old = __atomic_load_n(at, __ATOMIC_RELAXED);                                \
        while (!__atomic_compare_exchange_n(at, &old, (uint##bits##_t)apply(op, type, old, b, c),  \
                                            false, __ATOMIC_SEQ_CST, __ATOMIC_RELAXED)) {          \
        }                                                                                          \
        return old;                                                                                \
    }
UPDATE(16)
UPDATE(32)
UPDATE(64)

static void atomic(struct ptx_warp *w, const struct ptx_insn *in, uint32_t mask, enum atomic_op op)
{
    enum ptx_type type = (enum ptx_type)(in->aux >> PTX_MEM_TYPE_SHIFT & 31);
    enum ptx_space space = (enum ptx_space)(in->aux >> PTX_MEM_SPACE_SHIFT & 15);
    unsigned bytes = ptx_types[type].bytes;
    const struct ptx_launch *launch = w->block->launch;
    unsigned count = 0;

    for (uint32_t left = mask; left; left &= left - 1, count++) {
        unsigned l = (unsigned)__builtin_ctz(left);
        uint64_t va = in->aux & PTX_MEM_ADDRESS32 ? ptx_u32(w, in->a)[l] : ptx_u64(w, in->a)[l];
        uint64_t b = bytes == 8 ? ptx_u64(w, in->b)[l] : ptx_u32(w, in->b)[l];
        uint64_t c = bytes == 8 ? ptx_u64(w, in->c)[l] : ptx_u32(w, in->c)[l];
        uint64_t old;
        void *at = ptx_resolve(w, in, space, va + (uint64_t)(int64_t)in->imm, bytes, l, true);

        if (!at)
            return;
        old = bytes == 8   ? update_64(at, op, type, b, c)
              : bytes == 4 ? update_32(at, op, type, b, c)
                           : update_16(at, op, type, b, c);
        if (in->d == PTX_NO_PLACE)
            continue;
        if (bytes == 8)
            ptx_u64(w, in->d)[l] = old;
        else
            ptx_u32(w, in->d)[l] = (uint32_t)old;
    }
    /* Lanes one after another at the memory. */
    w->extra += 2 * count;
    if (in->d != PTX_NO_PLACE) {
        uint64_t there = w->cycles + (space == PTX_SPACE_SHARED ? launch->shared_latency
                                                                : launch->global_latency);

        if (there > w->memory_at)
            w->memory_at = there;
    }
}

#define ATOMIC(name, op)                                                                           \
    static void atom_##name(struct ptx_warp *w, const struct ptx_insn *in, uint32_t mask)          \
    {                                                                                              \
        atomic(w, in, mask, op);                                                                   \
    }
#define ATOMICS(X)                                                                                 \
    X(add, OP_ADD)                                                                                 \
    X(min, OP_MIN)                                                                                 \
    X(max, OP_MAX)                                                                                 \
    X(inc, OP_INC)                                                                                 \
    X(dec, OP_DEC)                                                                                 \
    X(and, OP_AND)                                                                                 \
    X(or, OP_OR)                                                                                   \
    X(xor, OP_XOR)                                                                                 \
    X(exch, OP_EXCH)                                                                               \
    X(cas, OP_CAS)
ATOMICS(ATOMIC)

const struct ptx_opcode ptx_ops_atomic[] = {
#define ROW(name, op) {"atom." #name, atom_##name, 8, PTX_MEMORY},
    ATOMICS(ROW)
#undef ROW
        {NULL},
};
