// SPDX-License-Identifier: Apache-2.0
/*
 * What the analysis knows of one 32-bit register: a set of what it may hold. Private to analysis/.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

enum {
    /* What it may hold. None of them: nothing ever wrote it on any path seen so far. */
    V_NUMBER = 1 << 0,  /* a number that no pointer is in */
    V_ZERO = 1 << 1,    /* 0 */
    V_POINTER = 1 << 2, /* half of a kernel argument, or of that plus numbers: see lo, hi */
    V_KERNARG = 1 << 3, /* half of the address of the kernel arguments, plus `offset` */
    V_HOST = 1 << 4,    /* half of an address of what the host keeps: packet, queue */
    V_SCRATCH = 1 << 5, /* part of the resource of private memory */
    V_CODE = 1 << 6,    /* half of an address in the code object */
    V_WHAT = V_NUMBER | V_ZERO | V_POINTER | V_KERNARG | V_HOST | V_SCRATCH | V_CODE,
    /* What had an influence on it. */
    V_LOADED = 1 << 7, /* something from memory */
    V_LOCAL = 1 << 8,  /* something from LDS */
    V_TAINTS = V_LOADED | V_LOCAL,
};

/* Masks of lanes, for EXEC (levels.h). */
enum mask {
    MASK_NONE,  /* of lanes that were active when `level` levels were entered */
    MASK_SAVED, /* EXEC as it was when level `level` + 1 was entered */
    MASK_REST,  /* the same, without the lanes that level `level` + 1 was entered with */
};

struct value {
    uint32_t lo, hi; /* V_POINTER: slots whose lower and upper half may be in it. V_KERNARG alone:
                        lo is the offset */
    uint16_t kinds;
    uint8_t mask, level;
    uint32_t number; /* the expression that it is (ranges/builder.h); 0: not known */
};

static inline struct value value_of(unsigned kinds)
{
    return (struct value){.kinds = (uint16_t)kinds};
}

static inline bool value_is(struct value v, unsigned kind)
{
    return (v.kinds & V_WHAT) == kind;
}

/** By field, for values that are still in registers of the processor. */
static inline bool value_same(struct value a, struct value b)
{
    return ((a.lo ^ b.lo) | (a.hi ^ b.hi) | (a.number ^ b.number) | (uint32_t)(a.kinds ^ b.kinds) |
            (uint32_t)(a.mask ^ b.mask) | (uint32_t)(a.level ^ b.level)) == 0;
}

/** What may be in a register that holds @a on one path and @b on another. */
static inline struct value value_join(struct value a, struct value b)
{
    struct value v = {.kinds = a.kinds | b.kinds, .lo = a.lo | b.lo, .hi = a.hi | b.hi};
    if (a.kinds == 0)
        return b;
    if (b.kinds == 0)
        return a;
    if ((a.kinds | b.kinds) & V_KERNARG &&
        (a.lo != b.lo || !value_is(a, V_KERNARG) || !value_is(b, V_KERNARG))) {
        v.kinds = (uint16_t)((v.kinds & ~V_KERNARG) | V_NUMBER | V_LOADED);
        v.lo = v.hi = 0; /* an address that is not known */
    } else if (a.kinds & V_KERNARG) {
        v.lo = a.lo;
    }
    if (a.mask == b.mask && a.level == b.level)
        v.mask = a.mask;
    v.level = a.level < b.level ? a.level : b.level;
    v.number = a.number == b.number ? a.number : 0;
    return v;
}

/** The result of an operation that leaves no pointer a pointer. */
static inline struct value value_mixed(struct value a, struct value b)
{
    return value_of(V_NUMBER | ((a.kinds | b.kinds) & V_TAINTS));
}

/** a + b, or what is as good for an address. */
static inline struct value value_sum(struct value a, struct value b)
{
    enum { BASES = V_POINTER | V_HOST | V_SCRATCH | V_CODE, PLAIN = V_NUMBER | V_ZERO };
    unsigned kinds = (a.kinds | b.kinds) & V_TAINTS;
    if (!(a.kinds & V_WHAT) || !(b.kinds & V_WHAT))
        return value_mixed(a, b); /* not written: no program that makes sense */
    if ((a.kinds | b.kinds) & V_KERNARG)
        return value_mixed(a, b); /* but for constants: see transfer.c */
    kinds |= (a.kinds | b.kinds) & BASES;
    if (a.kinds & PLAIN && b.kinds & PLAIN)
        kinds |= V_NUMBER;
    /* Different sorts of bases in one sum, or one of them twice: whose address is it? */
    unsigned sorts = (a.kinds | b.kinds) & BASES;
    if (sorts & (sorts - 1))
        kinds |= V_NUMBER;
    if (a.kinds & b.kinds & (V_HOST | V_SCRATCH | V_CODE))
        kinds |= V_NUMBER;
    return (struct value){.kinds = (uint16_t)kinds, .lo = a.lo | b.lo, .hi = a.hi | b.hi};
}

/** a - b. */
static inline struct value value_difference(struct value a, struct value b)
{
    if (b.kinds & V_WHAT & ~(V_NUMBER | V_ZERO))
        return value_mixed(a, b);
    return value_sum(a, b);
}
