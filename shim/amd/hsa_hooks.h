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

/*
 * For hooks on the way of every launch. FIRST() is what the hook does when it is called before the
 * real functions are known: with that in a function of its own the hook is a few instructions that
 * save no register. Before the hook; in it: `if (UNKNOWN()) return FIRST_CALL(name)(...);`
 */
#define FIRST(result, name, otherwise, parameters, ...)                                            \
    __attribute__((noinline, cold)) static result first_##name parameters                          \
    {                                                                                              \
        if (!reef_hsa_load())                                                                      \
            return otherwise;                                                                      \
        return name(__VA_ARGS__);                                                                  \
    }
#define FIRST_CALL(name) first_##name
#define UNKNOWN()        reef_unlikely(!reef_hsa_loaded())
