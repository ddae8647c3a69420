// SPDX-License-Identifier: Apache-2.0
/*
 * The log of libreef.so: one write(2) per line, to stderr or to REEF_LOG_FILE. No stdio, so that a
 * host program's locks and buffers are not touched; errno is kept. Nothing is logged before
 * reef_log_open, and a program that never uses a GPU never opens it.
 */
#pragma once

#include <stdatomic.h>

#include "shim/preload/config.h"

extern _Atomic int reef_log_level; /* -1 until opened */

void reef_log_open(int level, const char *file);
__attribute__((format(printf, 2, 3))) void reef_log_write(int level, const char *format, ...);

/** The arguments are evaluated only if @level is logged. */
#define reef_log(level, ...)                                                                       \
    do {                                                                                           \
        if (__builtin_expect(                                                                      \
                (level) <= atomic_load_explicit(&reef_log_level, memory_order_relaxed), 0))        \
            reef_log_write((level), __VA_ARGS__);                                                  \
    } while (0)
#define reef_error(...) reef_log(REEF_LOG_ERROR, __VA_ARGS__)
#define reef_warn(...)  reef_log(REEF_LOG_WARN, __VA_ARGS__)
#define reef_info(...)  reef_log(REEF_LOG_INFO, __VA_ARGS__)
#define reef_debug(...) reef_log(REEF_LOG_DEBUG, __VA_ARGS__)
#define reef_trace(...) reef_log(REEF_LOG_TRACE, __VA_ARGS__)
