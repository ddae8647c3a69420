// SPDX-License-Identifier: Apache-2.0
/* What the user says of kernels by name (REEF_RESTARTABLE). Any thread. */
#pragma once

#include "shim/preload/rules.h"

/** @name need not be terminated. Reads the user's file when first called. */
enum reef_rule reef_restartable_word(const char *name, size_t length);
