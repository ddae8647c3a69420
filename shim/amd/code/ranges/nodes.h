// SPDX-License-Identifier: Apache-2.0
/*
 * Expressions: nodes of a graph without circles but for those through a PHI, which is what a
 * register may hold where ways meet. Node 0 is "not known". Private to ranges/.
 *
 * Numbers of 32 bits wrap around. Pairs of registers are expressions of 64 bits as soon as it is
 * seen that they belong together: a pair is then the lower half and HI of the same node.
 */
#pragma once

#include "shim/amd/code/ranges/ranges.h"

enum range_op {
    RANGE_UNKNOWN,
    /* 32 bits */
    RANGE_CONST,    /* value */
    RANGE_ARGUMENT, /* dword `value` of the kernarg segment */
    RANGE_PACKET,   /* dword `value` of the dispatch packet */
    RANGE_ITEM,     /* work-item id in dimension `value` */
    RANGE_GROUP,    /* work-group id */
    RANGE_DISPATCH, /* half `value` of the packet's address */
    RANGE_ADD,
    RANGE_SUB,
    RANGE_MUL,
    RANGE_MUL_HIGH_U,
    RANGE_MUL_HIGH_I,
    RANGE_MUL_I24,
    RANGE_SHL,
    RANGE_LSHR,
    RANGE_ASHR,
    RANGE_AND,
    RANGE_OR,
    RANGE_MIN_U,
    RANGE_MAX_U,
    RANGE_MIN_I,
    RANGE_MAX_I,
    RANGE_SELECT, /* a or b, chosen by the instruction at `value` */
    RANGE_PHI,    /* `value`: which; see struct range_phi */
    RANGE_HIGH,   /* upper half of a */
    RANGE_CARRY,  /* of a + b: only to be recognised */
    /* 64 bits */
    RANGE_CONST64,
    RANGE_ARGUMENT64, /* dwords `value` and the next one */
    RANGE_ZERO_EXTEND,
    RANGE_SIGN_EXTEND,
    RANGE_ADD64,
    RANGE_SHL64,
    RANGE_MUL64_U,  /* of two of 32 bits */
    RANGE_MUL64_IU, /* the first is signed */
    RANGE_MUL64_I,
    RANGE_OR64,  /* b has 32 bits */
    RANGE_PHI64, /* of the PHIs a and b; `value`: which */
    /* conditions */
    RANGE_LESS_I,
    RANGE_LESS_U,
    RANGE_LESS_EQUAL_I,
    RANGE_LESS_EQUAL_U,
    RANGE_EQUAL,
    RANGE_NOT_EQUAL,
    RANGE_BOTH, /* of conditions; one of them may be unknown */
    RANGE_EITHER,
};

enum {
    RANGE_VARIES = 1,  /* depends on a PHI or SELECT: is not the same at all times */
    RANGE_LANES = 2,   /* may differ by lane */
    RANGE_SUBJECT = 4, /* in reef_ranges: conditions are about it */
};

struct range_node {
    uint8_t op, flags;
    uint16_t a, b;
    int64_t value;
    /* In reef_ranges: which of the nodes that conditions are about it is, or depends on; a bit may
     * stand for several. */
    uint64_t subjects;
};

static inline bool range_is_condition(uint8_t op)
{
    return op >= RANGE_LESS_I;
}
static inline bool range_is_wide(uint8_t op)
{
    return op >= RANGE_CONST64 && op <= RANGE_PHI64;
}

enum { RANGE_CONDITIONS = 8, RANGE_WAYS = 4 };

/* Conditions that hold together; 0s behind them. */
struct range_conditions {
    uint16_t of[RANGE_CONDITIONS];
    uint64_t subjects; /* in reef_ranges: of all of them */
};

enum range_way {
    RANGE_WAY_OTHER,  /* not understood */
    RANGE_WAY_BEGINS, /* the value does not depend on the PHI itself */
    RANGE_WAY_STEPS,  /* the PHI with `step` added */
    RANGE_WAY_SAME,   /* the PHI as it was */
};

/* A PHI: one value for each way into the block. */
struct range_phi {
    uint32_t block;
    uint32_t slot;  /* which register of the analysis' state */
    uint16_t node;  /* its own */
    uint8_t family; /* lanes for which PHIs of a block step together; 0: all (an SGPR) */
    uint8_t ways;
    bool real; /* builder.h: found by the first of two passes */
    struct {
        int32_t from; /* block */
        uint16_t value, step;
        uint8_t kind; /* enum range_way */
        struct range_conditions conditions;
    } way[RANGE_WAYS];
};

/* One instruction that reads or writes memory through an argument. */
struct range_access {
    uint64_t where; /* the instruction */
    uint32_t slots;
    int32_t offset;
    uint16_t address; /* node */
    uint8_t bytes;
    bool store;
    bool scalar;    /* the lowest two bits of the address do not count */
    uint16_t under; /* in reef_ranges: the first access with the same conditions */
    struct range_conditions conditions;
};

enum { RANGE_KEPT_MAX = 512 }; /* nodes of a kernel: evaluation has them on its stack */

struct reef_ranges {
    uint32_t argument_bytes;
    uint16_t nodes, phis, accesses;
    struct range_node *node; /* owned, like the others */
    struct range_phi *phi;
    struct range_access *access;
};
