// SPDX-License-Identifier: Apache-2.0
/*
 * The `reef` command: what its parts share. One file per subcommand; main.c has the table.
 * Standard output carries data, standard error what is said about it.
 */
#pragma once

#include <limits.h>
#include <stdbool.h>
#include <stddef.h>

/* Exit statuses besides 0 and 1; 126 and 127 as a shell uses them. */
enum { REEF_EXIT_USAGE = 2, REEF_EXIT_NOT_EXECUTABLE = 126, REEF_EXIT_NOT_FOUND = 127 };

/** A subcommand. @argv[0] is its name. Returns the exit status. */
typedef int reef_command_fn(int argc, char **argv);

reef_command_fn reef_run, reef_doctor, reef_config_command, reef_stats, reef_bench, reef_replay, reef_trace;

/** "reef: " and a line on standard error. */
__attribute__((format(printf, 1, 2))) void reef_say(const char *format, ...);

/* ---- options that several subcommands take (options.c) ---- */
struct reef_options {
    const char *priority; /* --priority; NULL: not given */
    const char *emulate;  /* --emulate; NULL: not given */
    const char *json;     /* --json, of `reef doctor`; NULL: not given */
};
/** Parses the options before the first other argument. Returns the index of that argument (after
 * "--" if there is one), or -1 after saying what is wrong. */
int reef_options_parse(struct reef_options *options, int argc, char **argv);

/* ---- where things are (paths.c) ---- */
/** Fills @path with the libreef.so that belongs to this command: that of its build tree, else the
 *  installed one. On failure @path names where it was last looked for. */
bool reef_find_shim(char path[PATH_MAX]);
/** The same for the emulated AMD GPU's library. */
bool reef_find_emulator(char path[PATH_MAX]);
/** The emulated libcuda, which goes on the library path. */
bool reef_find_nvidia_emulator(char path[PATH_MAX]);
/** Whether the profile at @path is of an NVIDIA device. */
bool reef_profile_is_nvidia(const char *path);
/** The device profile @name (or a path, if it has a slash) of the emulator at @emulator. */
bool reef_find_profile(const char *emulator, const char *name, char path[PATH_MAX]);
/** The folder of the workloads and models that ship with reef. */
bool reef_find_workloads(char path[PATH_MAX]);
/** The device profile @name (or a path, if it has a slash), without an emulator. */
bool reef_find_device(const char *name, char path[PATH_MAX]);
/** The program @name of tests/apps (build tree) or of libexec (installed). */
bool reef_find_app(const char *name, char path[PATH_MAX]);
/** What execvp(3) would run for @program. False if there is no such file; errno says why. */
bool reef_find_program(const char *program, char path[PATH_MAX]);

/** Appends the libraries of @add (NULL-terminated) to the LD_PRELOAD list @old (may be NULL),
 * leaving out of @old what has the same file name as one of them. Returns an allocated string, or
 * NULL after saying why there is none (a path that LD_PRELOAD cannot express, or no memory). */
char *reef_preload_join(const char *old, const char *const *add);

/* ---- ELF files (elf.c) ---- */
struct reef_elf {
    bool elf;                   /* an ELF file at all */
    bool script;                /* begins with #!; @interpreter is what it names */
    int class_, machine;        /* EI_CLASS, e_machine */
    bool dynamic;               /* has a dynamic section */
    char interpreter[PATH_MAX]; /* PT_INTERP; empty: none */
};
/** Reads the head of the file. Returns 0 or a negative errno. */
int reef_elf_read(const char *path, struct reef_elf *elf);
