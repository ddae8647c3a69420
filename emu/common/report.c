// SPDX-License-Identifier: Apache-2.0
/*
 * What the emulator tells its user: one line per report on stderr, written with one write(2), so
 * that lines of several threads and processes stay whole. Things that a program asked for and that
 * the emulator lacks are remembered and listed when the process exits.
 *
 * Threading: any thread, also under the driver's locks; errno is kept.
 */
#include "common.h"

#include <stdarg.h>

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { LINE_BYTES = 400, MISSING_LINES = 64 };

struct missing {
    char text[160];
    unsigned count;
};

/* protects: missing, missing_used, missing_dropped */
static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct missing missing[MISSING_LINES];
static unsigned missing_used, missing_dropped;
static pid_t missing_owner; /* a forked child does not repeat its parent's list */

static void write_line(const char *format, va_list args)
{
    static const char prefix[] = "reef-emu: ";
    int error = errno;
    char line[LINE_BYTES];
    size_t used = sizeof(prefix) - 1;
    int length;

    memcpy(line, prefix, used);
    length = vsnprintf(line + used, sizeof(line) - used - 1, format, args);
    if (length > 0)
        used += (size_t)length < sizeof(line) - used - 1 ? (size_t)length : sizeof(line) - used - 2;
    line[used++] = '\n';
    if (write(STDERR_FILENO, line, used) < 0) {
        /* stderr is closed: nobody to tell. */
    }
    errno = error;
}

void emu_report(const char *format, ...)
{
    va_list args;

    va_start(args, format);
    write_line(format, args);
    va_end(args);
}

static void list_missing(void)
{
    if (getpid() != missing_owner)
        return;
    pthread_mutex_lock(&lock);
    emu_report("%u thing%s missing:", missing_used + missing_dropped,
               missing_used + missing_dropped == 1 ? " was" : "s were");
    for (unsigned i = 0; i < missing_used; i++)
        emu_report("  %s (%u time%s)", missing[i].text, missing[i].count,
                   missing[i].count == 1 ? "" : "s");
    pthread_mutex_unlock(&lock);
}

/** Counts the line; true if it is new. */
static bool remember(const char *text)
{
    static bool registered;

    if (missing_owner != getpid()) {
        missing_owner = getpid();
        missing_used = missing_dropped = 0;
        if (!registered)
            registered = atexit(list_missing) == 0;
    }
    for (unsigned i = 0; i < missing_used; i++) {
        if (strcmp(missing[i].text, text) == 0) {
            missing[i].count++;
            return false;
        }
    }
    if (missing_used == MISSING_LINES) {
        missing_dropped++;
        return true;
    }
    snprintf(missing[missing_used].text, sizeof(missing[0].text), "%s", text);
    missing[missing_used++].count = 1;
    return true;
}

void emu_missing(const char *format, ...)
{
    char text[sizeof(missing[0].text)];
    va_list args;
    bool is_new;

    va_start(args, format);
    vsnprintf(text, sizeof(text), format, args);
    va_end(args);
    pthread_mutex_lock(&lock);
    is_new = remember(text);
    pthread_mutex_unlock(&lock);
    if (is_new)
        emu_report("missing: %s", text);
}
