// SPDX-License-Identifier: Apache-2.0
/* What segment.c offers to the engine beyond driver.h. Private to emu/amd/. */
#pragma once

#include "driver.h"

/** Gives everything this process holds back to the device. Nothing of it may be running any more.
 */
void emu_segment_detach(void);
