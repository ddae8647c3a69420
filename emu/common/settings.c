// SPDX-License-Identifier: Apache-2.0
/*
 * The REEF_EMU_* variables, read once, at the first use of the device. A bad value or an unknown
 * name gets one warning; the default is used. docs/emulator.md describes them.
 */
#include "common.h"

#include <dlfcn.h>
#include <fcntl.h>
#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define PREFIX "REEF_EMU_"

static struct emu_settings settings;
static bool loud; /* say what is wrong */

#define complain(...)                                                                              \
    do {                                                                                           \
        if (loud)                                                                                  \
            emu_report(__VA_ARGS__);                                                               \
    } while (0)

static const char *const names[] = {"PROFILE", "DIR",   "TIMESCALE", "QUANTUM_US",
                                    "THREADS", "TRACE", "STATS",     "DURATIONS"};

extern char **environ;

static void warn_unknown(void)
{
    for (char **e = environ; e && *e; e++) {
        size_t prefix = sizeof(PREFIX) - 1;
        size_t length;
        bool known = false;

        if (strncmp(*e, PREFIX, prefix) != 0)
            continue;
        length = strcspn(*e + prefix, "=");
        for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
            known |= strlen(names[i]) == length && memcmp(names[i], *e + prefix, length) == 0;
        if (!known)
            complain("%.*s is not a setting of the emulator; ignored", (int)(prefix + length), *e);
    }
}

/** Value of @name as a number between @least and @most, else @fallback. */
static double number(const char *name, double least, double most, double fallback)
{
    const char *text = getenv(name);
    char *end;
    double value;

    if (!text || !*text)
        return fallback;
    value = strtod(text, &end);
    if (end == text || *end || !(value >= least && value <= most)) {
        complain("%s=%s is not a number from %g to %g; using %g", name, text, least, most,
                 fallback);
        return fallback;
    }
    return value;
}

/* The value of @name, a path; empty if there is none. */
static void path(char *to, size_t size, const char *name)
{
    const char *text = getenv(name);

    if (snprintf(to, size, "%s", text ? text : "") < (int)size)
        return;
    complain("%s: path too long", name);
    *to = '\0';
}

static void find_profile(struct emu_settings *s, const char *name)
{
    char *path = s->profile_path;
    size_t size = sizeof(s->profile_path);
    Dl_info self;

    if (strchr(name, '/')) {
        if ((size_t)snprintf(path, size, "%s", name) >= size)
            complain("REEF_EMU_PROFILE: path too long");
        return;
    }
    /* In the build tree the profiles lie beside this library's folder. */
    if (dladdr((void *)find_profile, &self) && self.dli_fname) {
        const char *slash = strrchr(self.dli_fname, '/');

        snprintf(path, size, "%.*s/../profiles/%s.conf", slash ? (int)(slash - self.dli_fname) : 1,
                 slash ? self.dli_fname : ".", name);
        if (faccessat(AT_FDCWD, path, R_OK, 0) == 0)
            return;
    }
    snprintf(path, size, EMU_PROFILE_DIR "/%s.conf", name);
}

static unsigned default_threads(void)
{
    cpu_set_t set;
    int cores = 2;

    CPU_ZERO(&set);
    if (sched_getaffinity(0, sizeof(set), &set) == 0)
        cores = CPU_COUNT(&set);
    return cores < 2 ? 1 : 2;
}

static void read_settings(struct emu_settings *s)
{
    const char *profile = getenv("REEF_EMU_PROFILE");
    const char *dir = getenv("REEF_EMU_DIR");

    warn_unknown();
    find_profile(s, profile && *profile ? profile : emu_default_profile);
    snprintf(s->dir, sizeof(s->dir), "/dev/shm");
    if (dir && *dir) {
        if (*dir == '/' && strlen(dir) < sizeof(s->dir))
            snprintf(s->dir, sizeof(s->dir), "%s", dir);
        else
            complain("REEF_EMU_DIR=%s is not an absolute path of at most %zu characters; using %s",
                     dir, sizeof(s->dir) - 1, s->dir);
    }
    s->timescale = number("REEF_EMU_TIMESCALE", 0.001, 1e6, 20);
    s->quantum_ns = (uint64_t)(number("REEF_EMU_QUANTUM_US", 0.1, 1e6, 50) * 1000);
    s->threads = (unsigned)number("REEF_EMU_THREADS", 1, 256, default_threads());
    path(s->durations, sizeof(s->durations), "REEF_EMU_DURATIONS");
    path(s->stats, sizeof(s->stats), "REEF_EMU_STATS");
    s->trace = number("REEF_EMU_TRACE", 0, 1, 0) != 0;
}

static pthread_once_t once = PTHREAD_ONCE_INIT;

static void read_once(void)
{
    read_settings(&settings);
}

const struct emu_settings *emu_settings(void)
{
    pthread_once(&once, read_once);
    return &settings;
}

void emu_settings_check(void)
{
    struct emu_settings again;

    loud = true;
    read_settings(&again);
    loud = false;
}
