// SPDX-License-Identifier: Apache-2.0
/*
 * reef doctor: will work of this program, on this machine, be scheduled, and by which means? Each
 * finding is a line "ok: ...", "warn: ..." or "no: ..."; a single "no" makes the exit status 1.
 * This file: the options, libreef itself and the board. doctor_device.c looks at the GPU,
 * doctor_means.c at the means, doctor_program.c at the program and the libraries it would load,
 * doctor_isa.c at its instructions. Nothing is changed and no GPU call is made.
 */
#include <dirent.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "shim/preload/config.h"
#include "tools/doctor.h"

static void report(const char *verdict, const char *format, va_list args)
{
    printf("%s: ", verdict);
    vprintf(format, args);
    putchar('\n');
}

void doctor_ok(struct doctor *d, const char *format, ...)
{
    va_list args;

    (void)d;
    va_start(args, format);
    report("ok", format, args);
    va_end(args);
}

void doctor_warn(struct doctor *d, const char *format, ...)
{
    va_list args;

    (void)d;
    va_start(args, format);
    report("warn", format, args);
    va_end(args);
}

void doctor_no(struct doctor *d, const char *format, ...)
{
    va_list args;

    d->failed = true;
    va_start(args, format);
    report("no", format, args);
    va_end(args);
}

static void warn_option(void *arg, const char *line)
{
    doctor_warn(arg, "%s", line);
}

static void check_libreef(struct doctor *d)
{
    char path[PATH_MAX];
    int error;

    if (!reef_find_shim(path)) {
        doctor_no(d, "libreef.so is missing: not at %s, nor beside this command", path);
        return;
    }
    error = reef_elf_read(path, &d->libreef);
    if (error || !d->libreef.elf)
        doctor_no(d, "%s: %s", path, error ? strerror(-error) : "not an ELF file");
    else
        doctor_ok(d, "libreef.so is %s", path);
}

/* The board is made by the first scheduled program; its folder must let us. */
static void check_board(struct doctor *d)
{
    const char *dir = d->config.board_dir;

    if (!dir)
        dir = getenv("XDG_RUNTIME_DIR");
    if (!dir || !*dir)
        dir = "/dev/shm";
    if (access(dir, W_OK | X_OK) == 0)
        doctor_ok(d, "programs that share a GPU meet in %s", dir);
    else
        doctor_no(d, "programs that share a GPU cannot meet in %s: %s (set REEF_BOARD_DIR)", dir,
                  strerror(errno));
}

static void check_class(struct doctor *d, const char *option)
{
    static const char *const meaning[] = {
        [REEF_PRIORITY_RT] =
            "rt: its work is passed through, and best-effort work makes room for it",
        [REEF_PRIORITY_BE] = "be: its work is held and preempted while real-time work exists",
    };
    const char *set = option ? option : getenv("REEF_PRIORITY");

    if (d->config.disable) {
        doctor_no(d, "REEF_DISABLE=1: libreef does nothing");
    } else if (!set || !*set) {
        doctor_warn(d, "no class is given yet: nothing is scheduled without REEF_PRIORITY=rt or be "
                       "(reef run --priority)");
        d->class_open = true;
    } else if (d->config.priority == REEF_PRIORITY_OFF) {
        doctor_no(d, "REEF_PRIORITY=off: everything is passed through");
    } else {
        doctor_ok(d, "class %s", meaning[d->config.priority]);
    }
}

static bool read_options(struct doctor *d, const struct reef_options *options)
{
    char profile[PATH_MAX];

    if (options->priority && setenv("REEF_PRIORITY", options->priority, 1) != 0)
        return false;
    reef_config_parse(&d->config, environ, warn_option, d);
    if (!options->emulate)
        return true;
    if (!reef_find_emulator(d->emulator))
        doctor_no(d, "the emulated GPU's library is missing: not at %s, nor beside this command",
                  d->emulator);
    else if (!reef_find_profile(d->emulator, options->emulate, profile))
        doctor_no(d, "there is no device profile '%s' (looked for %s)", options->emulate, profile);
    else
        d->emulated = true;
    return true;
}

FILE *doctor_open_json(const char *json)
{
    if (strcmp(json, "-") != 0)
        return fopen(json, "we");
    int kept = dup(STDOUT_FILENO);
    if (kept < 0)
        return NULL;
    return freopen("/dev/null", "w", stdout) ? fdopen(kept, "w") : NULL;
}

/* "doctor --kernels FILE [--json [FILE]]". */
static int list_kernels(int argc, char **argv)
{
    bool json = argc > 3 && strcmp(argv[3], "--json") == 0;

    if (argc < 3 || argc > (json ? 5 : 3)) {
        reef_say("usage: reef doctor --kernels FILE [--json [FILE]]");
        return REEF_EXIT_USAGE;
    }
    return doctor_kernels(argv[2], argc == 5 ? argv[4] : json ? "-" : NULL);
}

/* A file of device code: nothing can be said of it but what it holds. */
static bool is_code_object(const char *path)
{
    enum { MACHINE_AMDGPU = 224 };
    struct reef_elf elf;

    return reef_elf_read(path, &elf) == 0 && elf.elf && elf.machine == MACHINE_AMDGPU;
}

int reef_doctor(int argc, char **argv)
{
    static struct doctor d;
    struct reef_options options;

    if (argc > 1 && strcmp(argv[1], "--kernels") == 0)
        return list_kernels(argc, argv);
    int first = reef_options_parse(&options, argc, argv);

    if (first < 0 || argc - first > 1) {
        if (first >= 0)
            reef_say("doctor: one program at most (see reef doctor --help)");
        return REEF_EXIT_USAGE;
    }
    if (options.json && (!options.emulate || first == argc)) {
        reef_say(
            "doctor: --json lists what an emulated GPU lacks for a program: it needs --emulate "
            "and the program");
        return REEF_EXIT_USAGE;
    }
    d.profile = options.emulate;
    if (!read_options(&d, &options)) {
        reef_say("doctor: %s", strerror(errno));
        return 1;
    }
    if (d.emulated && first < argc && is_code_object(argv[first])) {
        doctor_check_instructions(&d, argv[first], options.json);
        return d.failed ? 1 : 0;
    }
    check_libreef(&d);
    if (!options.emulate || d.emulated)
        doctor_check_device(&d);
    doctor_check_program(&d, first < argc ? argv[first] : NULL);
    if (d.emulated && first < argc)
        doctor_check_instructions(&d, argv[first], options.json);
    check_board(&d);
    check_class(&d, options.priority);
    doctor_check_means(&d);

    const char *what = first < argc ? argv[first] : d.cuda ? "a CUDA program" : "a program of ROCm";
    if (d.failed)
        doctor_no(&d, "%s will not be scheduled here", what);
    else
        doctor_ok(&d, "%s will be scheduled here%s", what,
                  d.class_open ? ", once it has a class" : "");
    return d.failed ? 1 : 0;
}
