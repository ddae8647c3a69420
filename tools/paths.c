// SPDX-License-Identifier: Apache-2.0
/*
 * Where the libraries, profiles and programs are. The command finds its own libraries relative to
 * its own binary, so that a build tree and a moved installation both work: build tree
 * DIR/tools/reef  ->  DIR/shim/libreef.so, DIR/emu/amd/libreef-emu-amd.so installed    BINDIR/reef
 * ->  BINDIR/<relative LIBDIR>/..., else the LIBDIR that was configured
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "tools/reef.h"

/* The folder this binary lies in. */
static bool own_folder(char path[PATH_MAX])
{
    ssize_t length = readlink("/proc/self/exe", path, PATH_MAX - 1);
    char *slash;

    if (length <= 0)
        return false;
    path[length] = '\0';
    slash = strrchr(path, '/');
    if (!slash)
        return false;
    *slash = '\0';
    return true;
}

/* Makes @path canonical if it is a file. */
static bool settle(char path[PATH_MAX])
{
    char real[PATH_MAX];

    if (!realpath(path, real))
        return false;
    memcpy(path, real, strlen(real) + 1);
    return true;
}

static bool find_library(char path[PATH_MAX], const char *in_build, const char *name)
{
    char own[PATH_MAX];

    if (own_folder(own)) {
        if (snprintf(path, PATH_MAX, "%s/../%s/%s", own, in_build, name) < PATH_MAX && settle(path))
            return true;
        if (snprintf(path, PATH_MAX, "%s/%s/%s", own, REEF_LIBDIR_FROM_BINDIR, name) < PATH_MAX &&
            settle(path))
            return true;
    }
    snprintf(path, PATH_MAX, "%s/%s", REEF_LIBDIR, name);
    return settle(path);
}

bool reef_find_shim(char path[PATH_MAX])
{
    return find_library(path, "shim", "libreef.so");
}

bool reef_find_emulator(char path[PATH_MAX])
{
    return find_library(path, "emu/amd", "libreef-emu-amd.so");
}

bool reef_find_nvidia_emulator(char path[PATH_MAX])
{
    return find_library(path, "emu/nvidia", "libcuda.so.1") ||
           find_library(path, "emu/nvidia", "reef/nvidia/libcuda.so.1");
}

bool reef_profile_is_nvidia(const char *path)
{
    FILE *file = fopen(path, "re");
    char line[512];
    bool found = false;

    while (file && !found && fgets(line, sizeof(line), file))
        found = strncmp(line, "compute_capability", 18) == 0;
    if (file)
        fclose(file);
    return found;
}

bool reef_find_profile(const char *emulator, const char *name, char path[PATH_MAX])
{
    const char *slash = strrchr(emulator, '/');
    int folder = slash ? (int)(slash - emulator) : 0;

    if (strchr(name, '/')) {
        snprintf(path, PATH_MAX, "%s", name);
        return settle(path);
    }
    if (snprintf(path, PATH_MAX, "%.*s/../profiles/%s.conf", folder, emulator, name) < PATH_MAX &&
        settle(path))
        return true;
    snprintf(path, PATH_MAX, "%s/%s.conf", REEF_PROFILE_DIR, name);
    return settle(path);
}

static bool settle_folder_or_file(char path[PATH_MAX], const char *in_build, const char *installed)
{
    char own[PATH_MAX];

    if (own_folder(own) && snprintf(path, PATH_MAX, "%s/../%s", own, in_build) < PATH_MAX &&
        settle(path))
        return true;
    snprintf(path, PATH_MAX, "%s", installed);
    return settle(path);
}

bool reef_find_workloads(char path[PATH_MAX])
{
    return settle_folder_or_file(path, "workloads", REEF_WORKLOAD_DIR);
}

bool reef_find_device(const char *name, char path[PATH_MAX])
{
    char in_build[PATH_MAX], installed[PATH_MAX];

    if (strchr(name, '/')) {
        snprintf(path, PATH_MAX, "%s", name);
        return settle(path);
    }
    if (snprintf(in_build, PATH_MAX, "emu/profiles/%s.conf", name) >= PATH_MAX ||
        snprintf(installed, PATH_MAX, "%s/%s.conf", REEF_PROFILE_DIR, name) >= PATH_MAX)
        return false;
    return settle_folder_or_file(path, in_build, installed);
}

bool reef_find_app(const char *name, char path[PATH_MAX])
{
    char own[PATH_MAX];

    if (own_folder(own) && snprintf(path, PATH_MAX, "%s/../tests/apps/%s", own, name) < PATH_MAX &&
        settle(path))
        return true;
    snprintf(path, PATH_MAX, "%s/%s", REEF_LIBEXECDIR, name);
    return settle(path);
}

static bool is_file(const char *path)
{
    struct stat st;

    if (stat(path, &st) != 0)
        return false;
    if (!S_ISDIR(st.st_mode))
        return true;
    errno = EISDIR;
    return false;
}

bool reef_find_program(const char *program, char path[PATH_MAX])
{
    const char *dir = getenv("PATH");

    if (strchr(program, '/')) {
        snprintf(path, PATH_MAX, "%s", program);
        return is_file(path);
    }
    if (!dir)
        dir = "/bin:/usr/bin";
    for (; *program; dir++) {
        int length = (int)strcspn(dir, ":");

        if (snprintf(path, PATH_MAX, "%.*s%s%s", length, dir, length ? "/" : "", program) <
                PATH_MAX &&
            is_file(path) && access(path, X_OK) == 0)
            return true;
        dir += length;
        if (!*dir)
            break;
    }
    errno = ENOENT;
    return false;
}

static const char *file_name(const char *path, size_t length)
{
    const char *slash = memrchr(path, '/', length);

    return slash ? slash + 1 : path;
}

static bool same_file_name(const char *path, size_t length, const char *const *libraries)
{
    const char *name = file_name(path, length);
    size_t name_length = (size_t)(path + length - name);

    for (; *libraries; libraries++) {
        const char *other = file_name(*libraries, strlen(*libraries));

        if (strlen(other) == name_length && memcmp(other, name, name_length) == 0)
            return true;
    }
    return false;
}

static void append(char *list, const char *path, size_t length)
{
    char *end = list + strlen(list);

    if (end > list)
        *end++ = ':';
    memcpy(end, path, length);
    end[length] = '\0';
}

char *reef_preload_join(const char *old, const char *const *add)
{
    static const char separators[] =
        ": "; /* ld.so(8): both separate entries, neither can be quoted */
    size_t size = (old ? strlen(old) : 0) + 1;
    char *list;

    for (const char *const *a = add; *a; a++) {
        if (strpbrk(*a, separators)) {
            reef_say("LD_PRELOAD cannot name a path with a space or colon: %s", *a);
            return NULL;
        }
        size += strlen(*a) + 1;
    }
    list = calloc(1, size);
    if (!list) {
        reef_say("out of memory");
        return NULL;
    }
    /* What was there stays in front: a sanitizer's runtime, for one, must come first. */
    while (old && *old) {
        size_t length = strcspn(old, separators);

        if (length && !same_file_name(old, length, add))
            append(list, old, length);
        old += length + strspn(old + length, separators);
    }
    for (; *add; add++)
        append(list, *add, strlen(*add));
    return list;
}
