// SPDX-License-Identifier: Apache-2.0
/* What the fake kernel driver of NVIDIA saw. */
#pragma once

#include <stdint.h>

struct fake_nvidiactl {
    _Atomic unsigned groups; /* alive */
    _Atomic unsigned sets;   /* timeslices set */
    _Atomic unsigned
        wrong; /* calls that no driver would accept, or that touch what they must not */
    _Atomic uint64_t timeslice_us; /* the last one */
    _Atomic uint32_t object;       /* of which group */
    _Atomic int answer;            /* the status it gives for SET_TIMESLICE */
    _Atomic int working;           /* a set before this is one too early */
};
extern struct fake_nvidiactl fake_nvidiactl;
