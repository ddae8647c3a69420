// SPDX-License-Identifier: Apache-2.0
/*
 * Whether one launch may be run again from its start: what the analysis says of the kernel, or the
 * user, and the launch's arguments.
 */
#pragma once

#include "shim/amd/code/analysis/analysis.h"
#include "shim/amd/hsa.h"

/** What is kept of a kernel's analysis. */
struct reef_restart_rule {
    uint32_t reads, writes, mixed;    /* as in reef_analysis */
    uint8_t restart;                  /* enum reef_restart; the user's word included */
    bool independent;                 /* its wavefronts may end one by one */
    const struct reef_ranges *ranges; /* what a launch touches, as long as it is loaded; or NULL */
};

/** Whether any kernel of this process may be run again, by its options. */
bool reef_restart_wanted(void);
/** The rule for a kernel: by its name, or what the analysis says. @alone: no wavefront of it can
 * wait for another. @ranges may be NULL. */
struct reef_restart_rule reef_restart_rule_for(const struct reef_object_kernel *kernel,
                                               const struct reef_analysis *analysis,
                                               const struct reef_ranges *ranges, bool alone);
/** Hot path: a few microseconds at most. */
bool reef_restart_allowed(const struct reef_restart_rule *rule,
                          const hsa_kernel_dispatch_packet_t *packet);
