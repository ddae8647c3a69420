// SPDX-License-Identifier: Apache-2.0
/* How a hook of libhsa-runtime64 is written: for the files that have some. */
#pragma once

#include "shim/amd/hsa.h"
#include "shim/preload/hooks.h"

#define HOOK(result, name) REEF_EXPORT result name
#define REAL(name)         reef_hsa.name

/* Only reached by calling a hook without the library it belongs to in the process. */
#define REQUIRE(otherwise)                                                                         \
    do {                                                                                           \
        if (reef_unlikely(!reef_hsa_ready()))                                                      \
            return otherwise;                                                                      \
    } while (0)
