// SPDX-License-Identifier: Apache-2.0
/*
 * What lanes of a warp do together. By the time these run, all lanes that the membership mask names
 * (and that live) are there: the executor sees to that (PTX_WARP_SYNC).
 */
#include "warp.h"

/* shfl: aux: 0 up, 1 down, 2 bfly, 3 idx; a value, b lane or delta, c clamp and segment mask; imm
 * the place of a predicate or -1. Source: PTX ISA, "shfl.sync". */
static void shfl(struct ptx_warp *w, const struct ptx_insn *in, uint32_t mask)
{
    const uint32_t *a = ptx_u32(w, in->a), *b = ptx_u32(w, in->b), *c = ptx_u32(w, in->c);
    uint32_t *d = in->d == PTX_NO_PLACE ? NULL : ptx_u32(w, in->d);
    uint32_t out[PTX_LANES], valid = 0;

    for (uint32_t left = mask; left; left &= left - 1) {
        unsigned l = (unsigned)__builtin_ctz(left);
        int lane = (int)l, by = (int)(b[l] & 31), clamp = (int)(c[l] & 31),
            segment = (int)(c[l] >> 8 & 31);
        int most = (lane & segment) | (clamp & ~segment), least = lane & segment, from;
        bool in_range;

        switch (in->aux) {
        case 0:
            from = lane - by;
            in_range = from >= most;
            break;
        case 1:
            from = lane + by;
            in_range = from <= most;
            break;
        case 2:
            from = lane ^ by;
            in_range = from <= most;
            break;
        default:
            from = least | (by & ~segment);
            in_range = from <= most;
            break;
        }
        if (!in_range)
            from = lane;
        /* A lane that is not there has no value to give; the own one is as good as any. */
        out[l] = a[mask >> from & 1 ? from : lane];
        valid |= (uint32_t)in_range << l;
    }
    if (d)
        PTX_EACH(mask, d[l] = out[l];);
    if (in->imm != -1)
        ptx_set_pred(w, (uint32_t)in->imm, valid, mask);
}

/* aux: 0 all, 1 any, 2 uni, 3 ballot; bit 2: the predicate is negated */
static void vote(struct ptx_warp *w, const struct ptx_insn *in, uint32_t mask)
{
    uint32_t p = ptx_pred(w, in->a), result;

    if (in->aux & 4)
        p = ~p;
    p &= mask;
    switch (in->aux & 3) {
    case 0:
        result = p == mask ? UINT32_MAX : 0;
        break;
    case 1:
        result = p ? UINT32_MAX : 0;
        break;
    case 2:
        result = p == mask || p == 0 ? UINT32_MAX : 0;
        break;
    default: {
        uint32_t *d = ptx_u32(w, in->d);

        PTX_EACH(mask, d[l] = p;);
        return;
    }
    }
    ptx_set_pred(w, in->d, result, mask);
}

static void activemask(struct ptx_warp *w, const struct ptx_insn *in, uint32_t mask)
{
    uint32_t *d = ptx_u32(w, in->d);

    PTX_EACH(mask, d[l] = mask;);
}

/* aux: bit 0: all (with predicate imm), bit 1: 64 bits */
static void match(struct ptx_warp *w, const struct ptx_insn *in, uint32_t mask)
{
    uint32_t *d = in->d == PTX_NO_PLACE ? NULL : ptx_u32(w, in->d), same[PTX_LANES], all = mask;

    for (uint32_t left = mask; left; left &= left - 1) {
        unsigned l = (unsigned)__builtin_ctz(left);

        same[l] = 0;
        for (uint32_t others = mask; others; others &= others - 1) {
            unsigned o = (unsigned)__builtin_ctz(others);
            bool equal = in->aux & 2 ? ptx_u64(w, in->a)[o] == ptx_u64(w, in->a)[l]
                                     : ptx_u32(w, in->a)[o] == ptx_u32(w, in->a)[l];

            same[l] |= (uint32_t)equal << o;
        }
        if (same[l] != mask)
            all = 0;
    }
    if (d)
        PTX_EACH(mask, d[l] = in->aux & 1 ? all : same[l];);
    if ((in->aux & 1) && in->imm != -1)
        ptx_set_pred(w, (uint32_t)in->imm, all ? UINT32_MAX : 0, mask);
}

enum {
    REDUX_ADD,
    REDUX_MIN_U,
    REDUX_MAX_U,
    REDUX_MIN_S,
    REDUX_MAX_S,
    REDUX_AND,
    REDUX_OR,
    REDUX_XOR
};

static uint32_t reduce(unsigned op, uint32_t x, uint32_t y)
{
    switch (op) {
    case REDUX_ADD:
        return x + y;
    case REDUX_MIN_U:
        return x < y ? x : y;
    case REDUX_MAX_U:
        return x > y ? x : y;
    case REDUX_MIN_S:
        return (int32_t)x < (int32_t)y ? x : y;
    case REDUX_MAX_S:
        return (int32_t)x > (int32_t)y ? x : y;
    case REDUX_AND:
        return x & y;
    case REDUX_OR:
        return x | y;
    default:
        return x ^ y;
    }
}

static void redux(struct ptx_warp *w, const struct ptx_insn *in, uint32_t mask)
{
    const uint32_t *a = ptx_u32(w, in->a);
    uint32_t *d = ptx_u32(w, in->d), result = a[__builtin_ctz(mask)];

    for (uint32_t left = mask & (mask - 1); left; left &= left - 1)
        result = reduce(in->aux, result, a[__builtin_ctz(left)]);
    PTX_EACH(mask, d[l] = result;);
}

static void warp_sync(struct ptx_warp *w, const struct ptx_insn *in, uint32_t mask) {}

/* As long as the longest of its lanes asks for. */
static void nanosleep(struct ptx_warp *w, const struct ptx_insn *in, uint32_t mask)
{
    const uint32_t *a = ptx_u32(w, in->a);
    uint64_t most = 0;

    PTX_EACH(mask, if (a[l] > most) most = a[l];);
    if (most > 1000000)
        most = 1000000; /* the ISA's bound */
    w->extra += most * w->block->launch->clock_mhz / 1000;
}

const struct ptx_opcode ptx_ops_warp[] = {
    {"shfl", shfl, 8, PTX_WARP_SYNC},           {"vote", vote, 4, PTX_WARP_SYNC},
    {"match", match, 16, PTX_WARP_SYNC},        {"redux", redux, 8, PTX_WARP_SYNC},
    {"warp.sync", warp_sync, 4, PTX_WARP_SYNC}, {"activemask", activemask, 4, PTX_PLAIN},
    {"nanosleep", nanosleep, 4, PTX_PLAIN},     {NULL},
};
