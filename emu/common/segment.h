// SPDX-License-Identifier: Apache-2.0
/* What segment.c offers to the engines beyond common.h. */
#pragma once

#include "common.h"

/** Gives everything this process holds back to the device. Nothing of it may be running any more.
 */
void emu_segment_detach(void);

/** The device as the device thread sees it in passing. */
struct emu_segment_view {
    struct emu_clock clock;
    uint32_t wake; /* this process's wake word */
    uint64_t turn_end_ns; /* of the present turn, whoever has it */
    /* There is something for this process: a placed work-group, it was absent, all was unmapped. */
    bool called;
};
/** Reads that, without the lock if it can. */
void emu_segment_view(struct emu_segment_view *view);
