// SPDX-License-Identifier: Apache-2.0
/*
 * How a program under test asks to be held at a certain place: the first bytes of a file that it
 * and tests/gpu/hold.c map.
 */
#pragma once

#include <stdatomic.h>
#include <stdint.h>

struct hold_page {
    _Atomic uint32_t wanted; /* grows by one each time: odd: hold, even: end it */
    _Atomic uint32_t done;   /* the latest that the holder has followed */
};
