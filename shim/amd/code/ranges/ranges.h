// SPDX-License-Identifier: Apache-2.0
/*
 * Which bytes a launch reads and writes through each kernel argument: at the code object's load the
 * analysis makes expressions of the addresses (builder.h), at a launch they are evaluated to
 * intervals, with the launch's arguments and sizes. Programs that divide one allocation among many
 * buffers are told apart by this; without it whole allocations are compared. Pure; evaluation
 * changes nothing and allocates nothing: any thread.
 *
 * What an expression stands for: a value that a register held at some time, in some lane. Its
 * interval holds all values that it can have in any lane at any time of the launch. Where a branch
 * has compared it with something, the interval is cut to what the compare lets through.
 */
#pragma once

#include <stdbool.h>
#include <stdint.h>

struct reef_ranges; /* of one kernel */

/** What an address can depend on. */
struct reef_launch {
    const void *arguments; /* the kernarg segment: as many bytes as reef_ranges_argument_bytes */
    uint32_t grid[3];      /* work-items */
    uint32_t group[3];     /* work-items of a work-group; not 0 */
};

struct reef_span {
    uint64_t begin, end; /* of addresses; end is behind the last byte */
};

void reef_ranges_free(struct reef_ranges *ranges);
/** How much of the kernarg segment is read by reef_ranges_evaluate. */
uint32_t reef_ranges_argument_bytes(const struct reef_ranges *ranges);
/** For each slot of @slots what its reads and its writes can touch: spans of 32 slots each, where
 *  begin = 0, end = UINT64_MAX says that it is not known. At most some microseconds. */
void reef_ranges_evaluate(const struct reef_ranges *ranges, const struct reef_launch *launch,
                          struct reef_span *reads, struct reef_span *writes);
