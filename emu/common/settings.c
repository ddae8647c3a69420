// SPDX-License-Identifier: Apache-2.0
/*
 * The REEF_EMU_* variables, read once, at the first use of the device. A bad value or an unknown
 * name gets one warning; the default is used. docs/configuration.md describes them.
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

/* name, field, least, most, default, what one of the variable's units is in the field's */
#define NUMBERS(X)                                                                                 \
    X(TIMESCALE, timescale, 0.001, 1e6, 20, 1)                                                     \
    X(QUANTUM_US, quantum_ns, 0.1, 1e6, 50, 1000)                                                  \
    X(THREADS, threads, 1, 256, default_threads(), 1)                                              \
    X(TRACE, trace, 0, 1, 0, 1)                                                                    \
    X(POLL_US, poll_ns, 1, 1e6, 500, 1000)                                                         \
    X(PREFETCH, prefetch_packets, 0, EMU_MAX_PREFETCH, 0, 1)                                       \
    X(DOORBELL_DELAY_US, doorbell_delay_ns, 0, 1e6, 0, 1000)                                       \
    X(COMPLETION_DELAY_US, completion_delay_ns, 0, 1e6, 0, 1000)                                   \
    X(SAVE_US, save_ns, 0, 1e6, 0, 1000)                                                           \
    X(RESTORE_US, restore_ns, 0, 1e6, 0, 1000)                                                     \
    X(FLAG_DELAY_US, flag_delay_ns, 0, 1e6, 0, 1000)                                               \
    X(UNMAP_ALL, unmap_all, 0, 1, 0, 1)                                                            \
    X(COUNT, count_only, 0, 1, 0, 1)                                                               \
    X(MPS, mps, 0, 1, 0, 1)                                                                        \
    X(REUSE_HANDLES, reuse_handles, 0, 1, 0, 1)                                                    \
    X(STRICT, strict, 0, 1, 0, 1)                                                                  \
    X(TIMESLICE_US, timeslice_us, 0, 1e6, 0, 1)

#define NAME(name, ...) #name,
static const char *const names[] = {NUMBERS(NAME) "PROFILE",
                                    "DIR",
                                    "STATS",
                                    "DURATIONS",
                                    "READ_INDEX",
                                    "DRIVER",
                                    "FAIL_IOCTL",
                                    "FAIL_PACKET"};
#undef NAME

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

static void read_paths(struct emu_settings *s)
{
    const char *profile = getenv("REEF_EMU_PROFILE");
    const char *dir = getenv("REEF_EMU_DIR");

    find_profile(s, profile && *profile ? profile : emu_default_profile);
    snprintf(s->dir, sizeof(s->dir), "/dev/shm");
    if (dir && *dir) {
        if (*dir == '/' && strlen(dir) < sizeof(s->dir))
            snprintf(s->dir, sizeof(s->dir), "%s", dir);
        else
            complain("REEF_EMU_DIR=%s is not an absolute path of at most %zu characters; using %s",
                     dir, sizeof(s->dir) - 1, s->dir);
    }
    path(s->durations, sizeof(s->durations), "REEF_EMU_DURATIONS");
    path(s->stats, sizeof(s->stats), "REEF_EMU_STATS");
}

static void read_read_index(struct emu_settings *s)
{
    const char *text = getenv("REEF_EMU_READ_INDEX");

    s->read_index_at_launch = text && strcmp(text, "launch") == 0;
    if (text && *text && !s->read_index_at_launch && strcmp(text, "completion") != 0)
        complain("REEF_EMU_READ_INDEX=%s is neither completion nor launch; using completion", text);
}

static void read_driver(struct emu_settings *s)
{
    static const char *const drivers[] = {"stock", "reef", "pc-sampling"};
    const char *text = getenv("REEF_EMU_DRIVER");

    s->driver = EMU_DRIVER_STOCK;
    if (!text || !*text)
        return;
    for (unsigned i = 0; i < 3; i++) {
        if (strcmp(text, drivers[i]) == 0) {
            s->driver = (enum emu_driver)i;
            return;
        }
    }
    complain("REEF_EMU_DRIVER=%s is none of stock, reef, pc-sampling; using stock", text);
}

/* A list of request number, count and errno: "0x02:3:12,0x16:1:12". */
static void read_fail_ioctl(struct emu_settings *s)
{
    const char *text = getenv("REEF_EMU_FAIL_IOCTL"), *at = text;

    memset(s->fail_ioctl, 0, sizeof(s->fail_ioctl));
    for (unsigned i = 0; at && *at; i++) {
        struct emu_fail_ioctl *rule = &s->fail_ioctl[i];
        int length = 0;

        if (i < EMU_MAX_FAIL_IOCTLS &&
            sscanf(at, "%i:%i:%i%n", &rule->number, &rule->nth, &rule->error, &length) == 3 &&
            rule->number >= 0 && rule->number <= 0xff && rule->nth > 0 && rule->error > 0 &&
            rule->error < 4096 && (at[length] == '\0' || at[length] == ',')) {
            at += length + (at[length] == ',');
            continue;
        }
        complain("REEF_EMU_FAIL_IOCTL=%s is not a list of at most %d NUMBER:COUNT:ERRNO; ignored",
                 text, EMU_MAX_FAIL_IOCTLS);
        memset(s->fail_ioctl, 0, sizeof(s->fail_ioctl));
        return;
    }
}

/* "7:hang" */
static void read_fail_packet(struct emu_settings *s)
{
    static const char *const kinds[] = {
        [EMU_FAIL_ERROR] = "error", [EMU_FAIL_MEMORY] = "memory", [EMU_FAIL_HANG] = "hang"};
    const char *text = getenv("REEF_EMU_FAIL_PACKET");
    char kind[16], rest;
    int nth;

    s->fail_packet_nth = 0;
    s->fail_packet = EMU_FAIL_NONE;
    if (!text || !*text)
        return;
    if (sscanf(text, "%i:%15s%c", &nth, kind, &rest) == 2 && nth > 0) {
        for (unsigned i = EMU_FAIL_ERROR; i < sizeof(kinds) / sizeof(kinds[0]); i++) {
            if (strcmp(kind, kinds[i]) != 0)
                continue;
            s->fail_packet_nth = nth;
            s->fail_packet = (enum emu_fail_packet)i;
            return;
        }
    }
    complain("REEF_EMU_FAIL_PACKET=%s is not COUNT:error, COUNT:memory or COUNT:hang; ignored",
             text);
}

static void read_settings(struct emu_settings *s)
{
    double value;

    warn_unknown();
    read_paths(s);
#define READ(name, field, least, most, fallback, unit)                                             \
    value = number("REEF_EMU_" #name, least, most, fallback) * (unit);                             \
    s->field = (__typeof__(s->field))value;
    NUMBERS(READ)
#undef READ
    read_read_index(s);
    read_driver(s);
    read_fail_ioctl(s);
    read_fail_packet(s);
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
