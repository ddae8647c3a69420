// SPDX-License-Identifier: Apache-2.0
/*
 * Making expressions while a kernel is analysed: equal expressions are one node. Whatever there is
 * no room or no rule for is 0, "not known". Not thread-safe; one builder an analysis.
 *
 * What may be taken for the same value. Nodes without RANGE_VARIES are: they stand for one number
 * a lane for the whole launch. A PHI stands for the value at the last time that its block was
 * entered, a SELECT for the last time that its instruction ran: no register holds an expression of
 * an earlier time, because a register that is passed around a loop is given a PHI at the loop's
 * head. Lanes that were set aside would hold such; so exec.c makes what they hold unknown.
 */
#pragma once

#include "shim/amd/code/ranges/nodes.h"

enum { RANGE_NODES_MAX = 8192, RANGE_PHIS_MAX = 1024, RANGE_ACCESSES_MAX = 512 };

struct range_builder {
    struct range_node node[RANGE_NODES_MAX];
    uint16_t low[RANGE_NODES_MAX]; /* the lower half of one of 64 bits */
    uint16_t hash[2 * RANGE_NODES_MAX];
    unsigned nodes;
    unsigned passes; /* over the kernel, so far */
    enum range_stage { RANGE_LOOPS, RANGE_MERGES, RANGE_COPIES } stage;
    unsigned phis_before; /* the present pass */
    struct range_phi phi[RANGE_PHIS_MAX];
    unsigned phis;
    struct range_access access[RANGE_ACCESSES_MAX];
    unsigned accesses;
    bool lost; /* an access that there was no room for */
};

struct range_builder *range_builder_make(void);

/** 32 bits. */
unsigned range_number(struct range_builder *b, int32_t value);
unsigned range_leaf(struct range_builder *b, enum range_op op, int64_t value, unsigned flags);
unsigned range_binary(struct range_builder *b, enum range_op op, unsigned x, unsigned y);
unsigned range_select(struct range_builder *b, uint64_t where, unsigned x, unsigned y);

/** 64 bits. */
unsigned range_pair(struct range_builder *b, unsigned low, unsigned high);
unsigned range_binary64(struct range_builder *b, enum range_op op, unsigned x, unsigned y);
unsigned range_wide_leaf(struct range_builder *b, enum range_op op, int64_t value);
unsigned range_low(const struct range_builder *b, unsigned wide);
unsigned range_high(struct range_builder *b, unsigned wide);

/** Conditions: @x or @y may be 0 for BOTH and EITHER. */
unsigned range_condition(struct range_builder *b, enum range_op op, unsigned x, unsigned y);
unsigned range_negation(struct range_builder *b, unsigned condition);

/** From where others came to a block before, and what held on these ways. */
struct range_edges {
    unsigned count;
    int32_t from[RANGE_WAYS];
    struct range_conditions conditions[RANGE_WAYS];
};
/** What register @slot holds at the beginning of @block, where it may hold @held by what is known,
 *  and @comes on way @from. Returns @held, a PHI, or 0. @loop: a way leads back to the block. */
unsigned range_meet(struct range_builder *b, uint32_t block, bool loop, uint32_t slot,
                    unsigned family, const struct range_edges *before, unsigned held, int32_t from,
                    unsigned comes, const struct range_conditions *conditions);

/**
 * Between passes over a kernel; false: no other one is needed. Which registers change in a loop is
 * found out only after its body has been looked at with what they held before. So the first passes
 * find these, and make PHIs of no others, until there are no more. In the next one whatever differs
 * where ways meet gets one, too. Those that turn out to be copies are left out in a last one.
 * Registers that are known to need a PHI have it from a pass's beginning (range_enter).
 */
bool range_begin_again(struct range_builder *b);
/** The same as range_meet, for the first that comes to the block: @phi is a real one of it. */
unsigned range_enter(struct range_builder *b, struct range_phi *phi, int32_t from, unsigned comes,
                     const struct range_conditions *conditions);

/** Notes an access; the last of one instruction counts. */
void range_note(struct range_builder *b, const struct range_access *access);

/** What is needed of it, for launches; NULL: nothing is known, or no memory. */
struct reef_ranges *range_finish(struct range_builder *b);

static inline unsigned range_flags(const struct range_builder *b, unsigned node)
{
    return b ? b->node[node].flags : 0;
}
