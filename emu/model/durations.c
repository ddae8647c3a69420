// SPDX-License-Identifier: Apache-2.0
/* Kernel durations from a file. See durations.h. */
#include "emu/model/durations.h"

#include <errno.h>
#include <fnmatch.h>
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* A kernel of a work-group's time below a nanosecond or above four seconds is a slip of the pen. */
#define LEAST_US 0.001
#define MOST_US  4e6

struct entry {
    char *pattern; /* owned */
    uint32_t length;
    uint32_t curve_ns[EMU_DURATION_POINTS];
};

struct emu_durations {
    struct entry *entries; /* owned */
    size_t count;
};

/* NULL, or what is wrong with the line. */
static const char *parse_values(struct entry *entry, char *text)
{
    char *save = NULL;

    for (char *word; (word = strtok_r(text, " \t\r\n", &save)); text = NULL) {
        char *end;
        double us = strtod(word, &end);

        if (end == word || *end || !(us >= LEAST_US && us <= MOST_US))
            return "a duration is not a number of microseconds from 0.001 to 4000000";
        if (entry->length == EMU_DURATION_POINTS)
            return "too many durations";
        entry->curve_ns[entry->length++] = (uint32_t)llround(us * 1000);
    }
    return entry->length == 0 ? "no duration" : NULL;
}

static const char *parse_line(struct emu_durations *durations, char *line)
{
    char *hash = strchr(line, '#'), *name, *rest;
    struct entry *grown, entry = {0};
    const char *problem;

    if (hash)
        *hash = '\0';
    name = line + strspn(line, " \t\r\n");
    if (!*name)
        return NULL;
    rest = name + strcspn(name, " \t\r\n");
    if (*rest)
        *rest++ = '\0';
    problem = parse_values(&entry, rest);
    if (problem)
        return problem;
    grown = realloc(durations->entries, (durations->count + 1) * sizeof(entry));
    if (!grown)
        return "out of memory";
    durations->entries = grown;
    entry.pattern = strdup(name);
    if (!entry.pattern)
        return "out of memory";
    durations->entries[durations->count++] = entry;
    return NULL;
}

static int read_all(struct emu_durations *durations, FILE *file, const char *path, char *err,
                    size_t err_size)
{
    const char *problem = NULL;
    unsigned number = 0;
    char *line = NULL;
    size_t size = 0;

    while (!problem && getline(&line, &size, file) >= 0) {
        number++;
        problem = parse_line(durations, line);
    }
    free(line);
    if (!problem && !ferror(file))
        return 0;
    snprintf(err, err_size, "%s:%u: %s", path, number, problem ? problem : "cannot be read");
    return -EINVAL;
}

int emu_durations_load(struct emu_durations **durations, const char *path, char *err,
                       size_t err_size)
{
    FILE *file = fopen(path, "re");
    struct emu_durations *loaded = file ? calloc(1, sizeof(*loaded)) : NULL;
    int error = !file ? -errno : !loaded ? -ENOMEM : 0;

    if (error)
        snprintf(err, err_size, "%s: %s", path, strerror(-error));
    else
        error = read_all(loaded, file, path, err, err_size);
    if (file)
        fclose(file);
    if (error) {
        emu_durations_free(loaded);
        return error;
    }
    *durations = loaded;
    return 0;
}

void emu_durations_free(struct emu_durations *durations)
{
    if (!durations)
        return;
    for (size_t i = 0; i < durations->count; i++)
        free(durations->entries[i].pattern);
    free(durations->entries);
    free(durations);
}

const uint32_t *emu_durations_find(const struct emu_durations *durations, const char *name,
                                   uint32_t *length)
{
    for (size_t i = 0; i < durations->count; i++) {
        const struct entry *entry = &durations->entries[i];

        if (fnmatch(entry->pattern, name, 0) != 0)
            continue;
        *length = entry->length;
        return entry->curve_ns;
    }
    return NULL;
}
