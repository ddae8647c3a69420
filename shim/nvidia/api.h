// SPDX-License-Identifier: Apache-2.0
/*
 * The table of the driver API's functions, made from api.def: what is hooked, how it is treated,
 * and where the real function is.
 */
#pragma once

#include <stdatomic.h>
#include <stdbool.h>

#include "shim/nvidia/abi.h"

enum cu_kind {
#define KIND(name, work, text) CU_KIND_##name,
#include "shim/nvidia/kinds.def"
};

/** The index of every hooked symbol in cu_api. */
enum cu_symbol {
#define HOOK(symbol, name, version, arguments, kind, stream) CU_##symbol,
#include "shim/nvidia/api.def"
    CU_SYMBOL_COUNT
};

enum { CU_ARGUMENTS_MAX = 11 };

struct cu_api {
    const char *symbol, *name;
    uint16_t version;
    uint8_t arguments;
    uint8_t kind; /* enum cu_kind */
    int8_t stream;
    bool per_thread; /* NULL means the per-thread default stream */
    bool work;       /* puts work on the GPU */
    bool floats;     /* two words and two floats, whatever it takes of these: cu_call_floats() */
    void *hook;
    _Atomic(void *) real; /* NULL: not looked up yet, or not in this driver */
};

extern struct cu_api cu_api[CU_SYMBOL_COUNT];

/** The driver's function behind row @api, or NULL. Any thread. */
void *cu_real(struct cu_api *api);
/** Another function of the driver by its exported name, or NULL. */
void *cu_real_by_name(const char *symbol);

/** Calls a driver function with the first @count words of @a. */
cu_result cu_call(void *function, const cu_word *a, unsigned count);

/** The same for one with floats: words are in @a[0] and @a[1], the bits of floats in @a[2] and
 * @a[3]. */
cu_result cu_call_floats(void *function, const cu_word *a);

/** A pointer or integer argument as the type it has. */
#define cu_pointer(word) ((void *)(uintptr_t)(word))
#define cu_u32(word)     ((uint32_t)(word))

/** What every hook but the launch's fast path comes to: enter.c. */
cu_result cu_enter(struct cu_api *api, cu_word *a);
/** The same for a function that makes something of another process's handle. */
cu_result cu_enter_handle(struct cu_api *api, cu_word out, const struct cu_ipc_handle *handle);
