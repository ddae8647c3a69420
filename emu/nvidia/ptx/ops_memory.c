// SPDX-License-Identifier: Apache-2.0
/*
 * Loads and stores. A warp pays an issue slot for each line of 128 bytes that its lanes touch; what
 * it loads is there after the latency of the memory, which the first reader waits for (the decoder
 * marks it).
 */
#include "ops_memory.h"

#include "warp.h"

enum { LINE_SHIFT = 7, LINE_CYCLES = 4 };

static inline unsigned element_bytes(const struct ptx_insn *in)
{
    return in->aux & PTX_MEM_BYTES;
}
static inline unsigned element_count(const struct ptx_insn *in)
{
    return in->aux >> PTX_MEM_COUNT_SHIFT & 15;
}
static inline enum ptx_space space_of(const struct ptx_insn *in)
{
    return (enum ptx_space)(in->aux >> PTX_MEM_SPACE_SHIFT & 15);
}
static inline uint64_t address(const struct ptx_warp *w, const struct ptx_insn *in, unsigned l)
{
    uint64_t base = in->aux & PTX_MEM_ADDRESS32 ? ptx_u32(w, in->a)[l] : ptx_u64(w, in->a)[l];

    return base + (uint64_t)(int64_t)in->imm;
}
static const uint32_t *list_of(const struct ptx_warp *w, uint32_t index)
{
    return w->block->launch->image->module->pool->lists + index;
}

static uint64_t load_element(const void *from, unsigned bytes)
{
    switch (bytes) {
    case 1:
        return __atomic_load_n((const uint8_t *)from, __ATOMIC_RELAXED);
    case 2:
        return __atomic_load_n((const uint16_t *)from, __ATOMIC_RELAXED);
    case 4:
        return __atomic_load_n((const uint32_t *)from, __ATOMIC_RELAXED);
    default:
        return __atomic_load_n((const uint64_t *)from, __ATOMIC_RELAXED);
    }
}

static void store_element(void *to, unsigned bytes, uint64_t value)
{
    switch (bytes) {
    case 1:
        __atomic_store_n((uint8_t *)to, (uint8_t)value, __ATOMIC_RELAXED);
        break;
    case 2:
        __atomic_store_n((uint16_t *)to, (uint16_t)value, __ATOMIC_RELAXED);
        break;
    case 4:
        __atomic_store_n((uint32_t *)to, (uint32_t)value, __ATOMIC_RELAXED);
        break;
    default:
        __atomic_store_n((uint64_t *)to, value, __ATOMIC_RELAXED);
        break;
    }
}

/* To the register's width; registers of 1 and 2 bytes live in lanes of 4. */
static void put_register(const struct ptx_warp *w, const struct ptx_insn *in, uint32_t place,
                         unsigned l, uint64_t value)
{
    unsigned bytes = element_bytes(in), wide = in->aux >> PTX_MEM_REGISTER_SHIFT & 15;

    if (place == PTX_NO_PLACE)
        return;
    if ((in->aux & PTX_MEM_SIGNED) && bytes < wide) {
        unsigned shift = 64 - 8 * bytes;

        value = (uint64_t)((int64_t)(value << shift) >> shift);
    }
    if (wide == 8)
        ptx_u64(w, place)[l] = value;
    else
        ptx_u32(w, place)[l] =
            wide == 4 ? (uint32_t)value : (uint32_t)value & ((1u << 8 * wide) - 1);
}

static uint64_t get_register(const struct ptx_warp *w, const struct ptx_insn *in, uint32_t place,
                             unsigned l)
{
    return (in->aux >> PTX_MEM_REGISTER_SHIFT & 15) == 8 ? ptx_u64(w, place)[l]
                                                         : ptx_u32(w, place)[l];
}

/* What an access costs: @lines of memory were touched. */
static void charge(struct ptx_warp *w, const struct ptx_insn *in, unsigned lines, bool load)
{
    const struct ptx_launch *launch = w->block->launch;
    enum ptx_space space = space_of(in);
    uint64_t at;

    if (space == PTX_SPACE_SHARED) {
        at = w->cycles + launch->shared_latency;
    } else if (space == PTX_SPACE_CONST) {
        at = w->cycles + launch->const_latency;
    } else {
        w->extra += lines > 1 ? (lines - 1) * LINE_CYCLES : 0;
        at = w->cycles + launch->global_latency;
    }
    if (load && at > w->memory_at)
        w->memory_at = at;
}

static void load_any(struct ptx_warp *w, const struct ptx_insn *in, uint32_t mask)
{
    unsigned bytes = element_bytes(in), count = element_count(in), lines = 0;
    const uint32_t *list = count > 1 ? list_of(w, in->d) : &in->d;
    uint64_t last = UINT64_MAX;

    for (uint32_t left = mask; left; left &= left - 1) {
        unsigned l = (unsigned)__builtin_ctz(left);
        uint64_t va = address(w, in, l);
        const uint8_t *from = ptx_resolve(w, in, space_of(in), va, bytes * count, l, false);

        if (!from)
            return;
        lines += va >> LINE_SHIFT != last;
        last = va >> LINE_SHIFT;
        for (unsigned i = 0; i < count; i++)
            put_register(w, in, list[i], l, load_element(from + i * bytes, bytes));
    }
    if (in->aux & PTX_MEM_FENCE)
        __atomic_thread_fence(__ATOMIC_ACQUIRE);
    charge(w, in, lines, true);
}

static void store_any(struct ptx_warp *w, const struct ptx_insn *in, uint32_t mask)
{
    unsigned bytes = element_bytes(in), count = element_count(in), lines = 0;
    const uint32_t *list = count > 1 ? list_of(w, in->d) : &in->d;
    uint64_t last = UINT64_MAX;

    if (in->aux & PTX_MEM_FENCE)
        __atomic_thread_fence(__ATOMIC_RELEASE);
    for (uint32_t left = mask; left; left &= left - 1) {
        unsigned l = (unsigned)__builtin_ctz(left);
        uint64_t va = address(w, in, l);
        uint8_t *to = ptx_resolve(w, in, space_of(in), va, bytes * count, l, true);

        if (!to)
            return;
        lines += va >> LINE_SHIFT != last;
        last = va >> LINE_SHIFT;
        for (unsigned i = 0; i < count; i++)
            store_element(to + i * bytes, bytes, get_register(w, in, list[i], l));
    }
    charge(w, in, lines, false);
}

/* The range found lately that holds @va, or any. */
static inline const struct ptx_range *range_of(const struct ptx_warp *w, uint64_t va)
{
    for (unsigned i = 0; i + 1 < PTX_RANGES; i++) {
        if (va - w->ranges[i].base < w->ranges[i].size)
            return &w->ranges[i];
    }
    return &w->ranges[PTX_RANGES - 1];
}

/* The common case: one element as wide as its register, in a range of memory found before. */
#define QUICK(bits)                                                                                \
    static void load_##bits(struct ptx_warp *w, const struct ptx_insn *in, uint32_t mask)          \
    {                                                                                              \
        uint##bits##_t *d = ptx_at(w, in->d);                                                      \
        const uint64_t *a = ptx_u64(w, in->a);                                                     \
        const struct ptx_range *r =                                                                \
            range_of(w, a[__builtin_ctz(mask)] + (uint64_t)(int64_t)in->imm);                      \
        uint64_t last = UINT64_MAX;                                                                \
        unsigned lines = 0;                                                                        \
        if (r->size < bits / 8) {                                                                  \
            load_any(w, in, mask);                                                                 \
            return;                                                                                \
        }                                                                                          \
        for (uint32_t left = mask; left; left &= left - 1) {                                       \
            unsigned l = (unsigned)__builtin_ctz(left);                                            \
            uint64_t va = a[l] + (uint64_t)(int64_t)in->imm;                                       \
            if (va - r->base > r->size - bits / 8 || (va & (bits / 8 - 1))) {                      \
                load_any(w, in, left);                                                             \
                return;                                                                            \
            }                                                                                      \
            d[l] = __atomic_load_n((const uint##bits##_t *)(uintptr_t)(va + (uint64_t)r->delta),   \
                                   __ATOMIC_RELAXED);                                              \
            lines += va >> LINE_SHIFT != last;                                                     \
            last = va >> LINE_SHIFT;                                                               \
        }                                                                                          \
        charge(w, in, lines, true);                                                                \
    }                                                                                              \
    static void store_##bits(struct ptx_warp *w, const struct ptx_insn *in, uint32_t mask)         \
    {                                                                                              \
        const uint##bits##_t *d = ptx_at(w, in->d);                                                \
        const uint64_t *a = ptx_u64(w, in->a);                                                     \
        const struct ptx_range *r =                                                                \
            range_of(w, a[__builtin_ctz(mask)] + (uint64_t)(int64_t)in->imm);                      \
        uint64_t last = UINT64_MAX;                                                                \
        unsigned lines = 0;                                                                        \
        if (r->size < bits / 8 || !r->writable) {                                                  \
            store_any(w, in, mask);                                                                \
            return;                                                                                \
        }                                                                                          \
        for (uint32_t left = mask; left; left &= left - 1) {                                       \
            unsigned l = (unsigned)__builtin_ctz(left);                                            \
            uint64_t va = a[l] + (uint64_t)(int64_t)in->imm;                                       \
            if (va - r->base > r->size - bits / 8 || (va & (bits / 8 - 1))) {                      \
                store_any(w, in, left);                                                            \
                return;                                                                            \
            }                                                                                      \
            __atomic_store_n((uint##bits##_t *)(uintptr_t)(va + (uint64_t)r->delta), d[l],         \
                             __ATOMIC_RELAXED);                                                    \
            lines += va >> LINE_SHIFT != last;                                                     \
            last = va >> LINE_SHIFT;                                                               \
        }                                                                                          \
        charge(w, in, lines, false);                                                               \
    }
QUICK(32)
QUICK(64)

/* The same in shared memory. */
#define QUICK_SHARED(bits)                                                                         \
    static void load_shared_##bits(struct ptx_warp *w, const struct ptx_insn *in, uint32_t mask)   \
    {                                                                                              \
        uint##bits##_t *d = ptx_at(w, in->d);                                                      \
        const struct ptx_block *block = w->block;                                                  \
        for (uint32_t left = mask; left; left &= left - 1) {                                       \
            unsigned l = (unsigned)__builtin_ctz(left);                                            \
            uint64_t at = address(w, in, l);                                                       \
            if (at + bits / 8 > block->shared_bytes || at > block->shared_bytes ||                 \
                (at & (bits / 8 - 1))) {                                                           \
                load_any(w, in, left);                                                             \
                return;                                                                            \
            }                                                                                      \
            d[l] =                                                                                 \
                __atomic_load_n((const uint##bits##_t *)(block->shared + at), __ATOMIC_RELAXED);   \
        }                                                                                          \
        charge(w, in, 1, true);                                                                    \
    }                                                                                              \
    static void store_shared_##bits(struct ptx_warp *w, const struct ptx_insn *in, uint32_t mask)  \
    {                                                                                              \
        const uint##bits##_t *d = ptx_at(w, in->d);                                                \
        const struct ptx_block *block = w->block;                                                  \
        for (uint32_t left = mask; left; left &= left - 1) {                                       \
            unsigned l = (unsigned)__builtin_ctz(left);                                            \
            uint64_t at = address(w, in, l);                                                       \
            if (at + bits / 8 > block->shared_bytes || at > block->shared_bytes ||                 \
                (at & (bits / 8 - 1))) {                                                           \
                store_any(w, in, left);                                                            \
                return;                                                                            \
            }                                                                                      \
            __atomic_store_n((uint##bits##_t *)(block->shared + at), d[l], __ATOMIC_RELAXED);      \
        }                                                                                          \
    }
QUICK_SHARED(32)
QUICK_SHARED(64)

/* ---- parameters ---- */

/* Of the kernel: the same for all lanes, at imm. */
static void load_param(struct ptx_warp *w, const struct ptx_insn *in, uint32_t mask)
{
    unsigned bytes = element_bytes(in), count = element_count(in);
    const uint32_t *list = count > 1 ? list_of(w, in->d) : &in->d;
    const uint8_t *from = w->block->launch->params + in->imm;

    for (unsigned i = 0; i < count; i++) {
        uint64_t value = load_element(from + i * bytes, bytes);

        PTX_EACH(mask, put_register(w, in, list[i], l, value););
    }
}

/* Of a function or of a call to one: in the frame, lane by lane. b is the place of lane 0, c the
 * bytes from lane to lane. */
static void load_frame(struct ptx_warp *w, const struct ptx_insn *in, uint32_t mask)
{
    unsigned bytes = element_bytes(in), count = element_count(in);
    const uint32_t *list = count > 1 ? list_of(w, in->d) : &in->d;
    const uint8_t *from = ptx_at(w, in->b);

    PTX_EACH(
        mask, for (unsigned i = 0; i < count; i++) {
            uint64_t value = 0;
            memcpy(&value, from + (size_t)l * in->c + i * bytes, bytes);
            put_register(w, in, list[i], l, value);
        });
}
static void store_frame(struct ptx_warp *w, const struct ptx_insn *in, uint32_t mask)
{
    unsigned bytes = element_bytes(in), count = element_count(in);
    const uint32_t *list = count > 1 ? list_of(w, in->d) : &in->d;
    uint8_t *to = ptx_at(w, in->b);

    PTX_EACH(
        mask, for (unsigned i = 0; i < count; i++) {
            uint64_t value = get_register(w, in, list[i], l);
            memcpy(to + (size_t)l * in->c + i * bytes, &value, bytes);
        });
}

static void fence(struct ptx_warp *w, const struct ptx_insn *in, uint32_t mask)
{
    __atomic_thread_fence(__ATOMIC_SEQ_CST);
}

#define ROW(text, fn, cost) {text, fn, cost, PTX_MEMORY},
const struct ptx_opcode ptx_ops_memory[] = {
    /* clang-format off */
    ROW("ld", load_any, 4) ROW("st", store_any, 4)
    ROW("ld.32", load_32, 4) ROW("ld.64", load_64, 4)
    ROW("ld.shared.32", load_shared_32, 4) ROW("ld.shared.64", load_shared_64, 4)
    ROW("st.shared.32", store_shared_32, 4) ROW("st.shared.64", store_shared_64, 4)
    ROW("st.32", store_32, 4) ROW("st.64", store_64, 4)
    {"ld.param", load_param, 4, PTX_PLAIN}, {"ld.frame", load_frame, 4, PTX_PLAIN},
    {"st.frame", store_frame, 4, PTX_PLAIN}, {"fence", fence, 8, PTX_PLAIN},
    /* clang-format on */
    {NULL},
};
