// SPDX-License-Identifier: Apache-2.0
/* The log of libreef.so. See log.h. */
#include "shim/preload/log.h"
#include "shim/preload/state.h"

#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <unistd.h>

_Atomic int reef_log_level = -1;
static int log_fd = STDERR_FILENO;

void reef_log_open(int level, const char *file)
{
    if (file) {
        int fd = open(file, O_WRONLY | O_CREAT | O_APPEND | O_CLOEXEC, 0600);
        if (fd >= 0)
            log_fd = fd;
    }
    atomic_store(&reef_log_level, level);
    if (file && log_fd == STDERR_FILENO)
        reef_warn("cannot open REEF_LOG_FILE %s: logging to stderr", file);
}

void reef_log_write(int level, const char *format, ...)
{
    static const char *const names[] = {"error", "warning", "info", "debug", "trace"};
    int saved_errno = errno;
    char line[512];
    int n = snprintf(line, sizeof(line), "reef[%d] ", (int)getpid());
    if (atomic_load_explicit(&reef_log_level, memory_order_relaxed) >= REEF_LOG_DEBUG) {
        uint64_t us = reef_now_ns() / 1000; /* the same clock in all processes */
        n += snprintf(line + n, sizeof(line) - (size_t)n, "%llu.%06llu ",
                      (unsigned long long)(us / 1000000), (unsigned long long)(us % 1000000));
    }
    n += snprintf(line + n, sizeof(line) - (size_t)n, "%s: ", names[level]);
    va_list args;
    va_start(args, format);
    int m = vsnprintf(line + n, sizeof(line) - (size_t)n - 1, format, args);
    va_end(args);
    size_t length = (size_t)n + (m > 0 ? (size_t)m : 0);
    if (length > sizeof(line) - 2)
        length = sizeof(line) - 2;
    line[length++] = '\n';
    if (write(log_fd, line, length) < 0) {
        /* nothing can be done about a log that cannot be written */
    }
    errno = saved_errno;
}
