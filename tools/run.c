// SPDX-License-Identifier: Apache-2.0
/*
 * reef run: sets the environment for libreef.so (and the emulated GPU) and becomes the program.
 * What the user had in LD_PRELOAD stays. Nothing of this process remains afterwards: signals,
 * terminal and exit status are the program's own.
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "tools/reef.h"

static bool set_variable(const char *name, const char *value)
{
    if (setenv(name, value, 1) == 0)
        return true;
    reef_say("cannot set %s: %s", name, strerror(errno));
    return false;
}

static bool set_preload(const char *const *libraries)
{
    char *list = reef_preload_join(getenv("LD_PRELOAD"), libraries);
    bool done = list && set_variable("LD_PRELOAD", list);

    free(list);
    return done;
}

/* The folder of the emulated libcuda goes before everything else on the library path. */
static bool set_library_path(const char *library)
{
    const char *old = getenv("LD_LIBRARY_PATH"), *slash = strrchr(library, '/');
    char path[2 * PATH_MAX];
    int length = snprintf(path, sizeof(path), "%.*s%s%s", (int)(slash - library), library,
                          old && *old ? ":" : "", old && *old ? old : "");

    if (length >= (int)sizeof(path)) {
        reef_say("LD_LIBRARY_PATH is too long");
        return false;
    }
    return set_variable("LD_LIBRARY_PATH", path);
}

/* "auto" sets timeslices where it knows the kernel driver by its version. The emulated libcuda has
 * no version, but takes the call: so here the number is given that auto stands for. */
static bool set_timeslice(const char *name, const char *value)
{
    const char *given = getenv(name);

    return (given && *given && strcmp(given, "auto") != 0) || set_variable(name, value);
}

/* @emulator is to be preloaded; *nvidia: it belongs on the library path too. The emulated libcuda
 * is preloaded because it answers ioctls (emu/nvidia/channel.c), behind libreef.so. */
static bool find_libraries(const struct reef_options *options, char shim[PATH_MAX],
                           char emulator[PATH_MAX], bool *nvidia)
{
    char profile[PATH_MAX];

    *nvidia = false;

    if (!reef_find_shim(shim)) {
        reef_say("libreef.so is missing: not at %s, nor beside this command", shim);
        return false;
    }
    if (!options->emulate)
        return true;
    if (!reef_find_emulator(emulator)) {
        reef_say("--emulate: libreef-emu-amd.so is missing: not at %s, nor beside this command",
                 emulator);
        return false;
    }
    if (!reef_find_profile(emulator, options->emulate, profile)) {
        reef_say("--emulate: no device profile '%s' (looked for %s)", options->emulate, profile);
        return false;
    }
    *nvidia = reef_profile_is_nvidia(profile);
    if (*nvidia && !reef_find_nvidia_emulator(emulator)) {
        reef_say("--emulate %s: the emulated libcuda.so.1 is missing (it is built where NVIDIA's "
                 "cuda.h is): not at %s, nor beside this command",
                 options->emulate, emulator);
        return false;
    }
    return true;
}

static int explain_exec(const char *program, int error)
{
    char path[PATH_MAX];

    if (error == ENOENT && reef_find_program(program, path)) {
        /* The file is there, so what is missing is what it asks to be run by. */
        reef_say("%s: its interpreter is missing", path);
        return REEF_EXIT_NOT_EXECUTABLE;
    }
    if (error == ENOENT || error == ENOTDIR) {
        reef_say("%s: program not found", program);
        return REEF_EXIT_NOT_FOUND;
    }
    reef_say("%s: cannot be run: %s", program, strerror(error));
    return REEF_EXIT_NOT_EXECUTABLE;
}

int reef_run(int argc, char **argv)
{
    char shim[PATH_MAX], emulator[PATH_MAX];
    struct reef_options options;
    int first = reef_options_parse(&options, argc, argv);
    const char *priority = getenv("REEF_PRIORITY");
    bool nvidia;

    if (first < 0)
        return REEF_EXIT_USAGE;
    if (first >= argc) {
        reef_say("run: which program? (see reef run --help)");
        return REEF_EXIT_USAGE;
    }
    if (!find_libraries(&options, shim, emulator, &nvidia))
        return 1;
    if (!options.priority && !(priority && *priority))
        reef_say(
            "run: neither --priority nor REEF_PRIORITY is given: the program is not scheduled");

    const char *libraries[] = {shim, options.emulate ? emulator : NULL, NULL};
    if (!set_preload(libraries))
        return 1;
    if (nvidia && (!set_library_path(emulator) || !set_timeslice("REEF_TIMESLICE", "1") ||
                   !set_timeslice("REEF_RT_TIMESLICE", "10000")))
        return 1;
    if (options.priority && !set_variable("REEF_PRIORITY", options.priority))
        return 1;
    if (options.emulate && !set_variable("REEF_EMU_PROFILE", options.emulate))
        return 1;
    execvp(argv[first], argv + first);
    return explain_exec(argv[first], errno);
}
