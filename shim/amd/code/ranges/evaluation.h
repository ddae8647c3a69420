// SPDX-License-Identifier: Apache-2.0
/* One evaluation of a kernel's expressions at a launch. Private to ranges/. */
#pragma once

#include "shim/amd/code/ranges/interval.h"
#include "shim/amd/code/ranges/nodes.h"

/* A launch is asked for some microseconds at most: this many evaluations of a node, and then
 * nothing more is known. */
enum { EVALUATIONS_MAX = 500, PHIS_MAX = 64, DEPTH_MAX = 64 };

struct evaluation {
    const struct reef_ranges *ranges;
    const struct reef_launch *launch;
    const struct range_conditions *under; /* what holds for what is being evaluated */
    unsigned left, depth;
    /* What was found without conditions, and last under some. */
    struct interval known[2][RANGE_KEPT_MAX];
    const struct range_conditions *known_under[2][RANGE_KEPT_MAX]; /* NULL: not evaluated */
    struct interval phi[PHIS_MAX];
    uint8_t phi_state[PHIS_MAX]; /* enum phi_state */
};

enum phi_state { PHI_NEW, PHI_BUSY, PHI_DONE };

/** evaluate.c: the interval of a node, under what holds (evaluation.under). */
struct interval range_evaluate(struct evaluation *e, unsigned node);
struct interval range_evaluate_under(struct evaluation *e, unsigned node,
                                     const struct range_conditions *under);
/** Of @x, the interval of @node, what the conditions let through. Empty: what asks is never
 *  executed. */
struct interval range_cut(struct evaluation *e, unsigned node, struct interval x);

/** circles.c: the interval of a PHI or PHI64. */
struct interval range_evaluate_phi(struct evaluation *e, const struct range_node *node);
