// SPDX-License-Identifier: Apache-2.0
/* Runs PTX without a driver: device addresses are host addresses. */
#pragma once

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "emu/nvidia/ptx/ptx.h"

struct run {
    enum ptx_status status;
    struct ptx_fault fault;
    uint64_t cycles, instructions;
};

/** Parses the text and runs kernel @name with @params (its parameter buffer). The first word of the
 *  program's memory that may be accessed is @memory, @bytes long; the rest faults. */
struct run rig_run(const char *text, const char *name, unsigned blocks, unsigned threads,
                   const void *params, void *memory, size_t bytes);
/** For fuzzing: parses, and if that goes well runs every kernel for a while on scratch memory. */
void rig_try(const char *text, size_t size);
