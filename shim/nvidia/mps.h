// SPDX-License-Identifier: Apache-2.0
#pragma once

#include <stdbool.h>

/** Whether a control daemon of MPS runs where this process would look for it (CUDA MPS, "Environment
 * variables"). Reads the environment. */
bool reef_mps_runs(void);
