// SPDX-License-Identifier: Apache-2.0
/*
 * reef doctor, the program: can a library be preloaded into it, which HIP and HSA runtimes would it
 * load, and do those have the functions that libreef stands in front of? Which library a name
 * stands for is asked of the program's own dynamic linker (ld.so --list), which runs nothing of the
 * program.
 */
#include <dlfcn.h>
#include <elf.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <sys/xattr.h>
#include <unistd.h>

#include "tools/doctor.h"

static const char *const hsa_symbols[] = {
#define HSA_HOOK(name) #name,
#define HSA_REAL(name) #name,
#include "shim/amd/hooks.def"
};
static const char *const hip_symbols[] = {
#define HIP_HOOK(name) #name,
#include "shim/amd/hooks.def"
};

struct runtime {
    const char *soname; /* that libreef knows */
    const char *stem;   /* of any version */
    const char *tested; /* the version it was tested with */
    const char *const *symbols;
    size_t symbol_count;
    char path[PATH_MAX]; /* where the linker found it; empty: not wanted */
    bool other_version;
};

static struct runtime hsa = {
    .soname = "libhsa-runtime64.so.1",
    .stem = "libhsa-runtime64.so",
    .tested = "libhsa-runtime64.so.1.5.0",
    .symbols = hsa_symbols,
    .symbol_count = sizeof(hsa_symbols) / sizeof(hsa_symbols[0]),
};
static struct runtime hip = {
    .soname = "libamdhip64.so.5",
    .stem = "libamdhip64.so",
    .tested = "libamdhip64.so.5.2.21153",
    .symbols = hip_symbols,
    .symbol_count = sizeof(hip_symbols) / sizeof(hip_symbols[0]),
};

/* Notes @line of ld.so's list, "  NAME => PATH (ADDRESS)", if it names @runtime. */
static void note_library(struct runtime *runtime, const char *line)
{
    const char *name = line + strspn(line, " \t"), *arrow = strstr(line, " => ");

    if (strncmp(name, runtime->stem, strlen(runtime->stem)) != 0 || !arrow)
        return;
    arrow += 4;
    snprintf(runtime->path, sizeof(runtime->path), "%.*s", (int)strcspn(arrow, "(\n") - 1, arrow);
    runtime->other_version = strncmp(name, runtime->soname, strlen(runtime->soname)) != 0;
}

/* Asks the dynamic linker @interpreter what @program would load. */
static bool list_libraries(struct doctor *d, const char *interpreter, const char *program)
{
    int ends[2], status = -1;
    char line[2 * PATH_MAX];
    bool complete = true;
    pid_t child;
    FILE *out;

    if (pipe(ends) != 0)
        return false;
    child = fork();
    if (child == 0) {
        dup2(ends[1], STDOUT_FILENO);
        dup2(ends[1], STDERR_FILENO);
        close(ends[0]);
        close(ends[1]);
        unsetenv("LD_PRELOAD");
        execl(interpreter, interpreter, "--list", program, NULL);
        _exit(127);
    }
    close(ends[1]);
    out = fdopen(ends[0], "r");
    if (!out)
        close(ends[0]);
    while (out && fgets(line, sizeof(line), out)) {
        if (strstr(line, "=> not found")) {
            doctor_no(d, "%s needs a library that is not there: %.*s", program,
                      (int)strcspn(line + 1, " "), line + 1);
            complete = false;
            continue;
        }
        note_library(&hsa, line);
        note_library(&hip, line);
    }
    if (out)
        fclose(out);
    if (child > 0)
        waitpid(child, &status, 0);
    if (child < 0 || !WIFEXITED(status) || WEXITSTATUS(status) != 0) {
        if (complete)
            doctor_no(d, "%s: its dynamic linker %s cannot load it", program, interpreter);
        return false;
    }
    return complete;
}

static void check_runtime(struct doctor *d, struct runtime *runtime)
{
    void *handle = dlopen(runtime->path, RTLD_LAZY | RTLD_LOCAL);
    char real[PATH_MAX];
    const char *version = realpath(runtime->path, real) ? strrchr(real, '/') + 1 : runtime->path;
    unsigned missing = 0;
    const char *first = NULL;

    if (!handle) {
        doctor_no(d, "%s", dlerror());
        return;
    }
    for (size_t i = 0; i < runtime->symbol_count; i++)
        if (!dlsym(handle, runtime->symbols[i]) && missing++ == 0)
            first = runtime->symbols[i];
    if (missing)
        doctor_no(d, "%s lacks %u of the %zu functions that libreef needs, such as %s",
                  runtime->path, missing, runtime->symbol_count, first);
    else
        doctor_ok(d, "%s has all %zu functions that libreef needs", runtime->path,
                  runtime->symbol_count);
    if (strcmp(version, runtime->tested) != 0)
        doctor_warn(d, "%s is not the version libreef was tested with (%s)", version,
                    runtime->tested);
}

/* The runtimes of the system: what a program would find that loads them at run time. */
static void find_system_runtime(struct runtime *runtime)
{
    void *handle = dlopen(runtime->soname, RTLD_LAZY | RTLD_LOCAL);
    const char *symbol = runtime->symbols[0];
    Dl_info info;
    void *address;

    if (!handle)
        return;
    address = dlsym(handle, symbol);
    if (address && dladdr(address, &info) && info.dli_fname)
        snprintf(runtime->path, sizeof(runtime->path), "%s", info.dli_fname);
}

static void check_runtimes(struct doctor *d, const char *program)
{
    bool linked = hsa.path[0] || hip.path[0];

    if (!linked) {
        find_system_runtime(&hsa);
        find_system_runtime(&hip);
        if (program)
            doctor_warn(d,
                        "%s is not linked with ROCm; what it loads at run time is scheduled too, "
                        "unless it asks for RTLD_DEEPBIND",
                        program);
    }
    if (!hsa.path[0]) {
        doctor_no(
            d,
            linked
                ? "the HIP runtime here brings its own HSA runtime: libreef cannot see its queues"
                : "%s is not installed",
            hsa.soname);
        return;
    }
    check_runtime(d, &hsa);
    if (hip.path[0])
        check_runtime(d, &hip);
    else
        doctor_warn(d,
                    "%s: no HIP; queues of other HSA programs are scheduled, kernels have no names",
                    linked ? program : "this machine");
}

/* A program that runs with more rights than its user ignores LD_PRELOAD (ld.so(8), secure
 * execution). */
static bool gains_rights(const char *path)
{
    struct stat st;

    if (stat(path, &st) != 0)
        return false;
    if ((st.st_mode & S_ISUID && st.st_uid != geteuid()) ||
        (st.st_mode & S_ISGID && st.st_gid != getegid()))
        return true;
    return getxattr(path, "security.capability", NULL, 0) > 0;
}

static bool check_file(struct doctor *d, const char *path, struct reef_elf *elf)
{
    int error = reef_elf_read(path, elf);

    if (error || access(path, X_OK) != 0) {
        doctor_no(d, "%s: %s", path, strerror(error ? -error : errno));
    } else if (!elf->elf && !elf->script) {
        doctor_no(d, "%s is neither an ELF program nor a script with a #! line", path);
    } else if (elf->elf && d->libreef.elf &&
               (elf->class_ != d->libreef.class_ || elf->machine != d->libreef.machine)) {
        doctor_no(d, "%s is for another architecture (ELF machine %d, %d bits) than libreef.so",
                  path, elf->machine, elf->class_ == ELFCLASS32 ? 32 : 64);
    } else if (elf->elf && !elf->interpreter[0]) {
        doctor_no(d, "%s is linked statically: nothing can be preloaded into it", path);
    } else if (elf->elf && gains_rights(path)) {
        doctor_no(
            d,
            "%s gains rights when it is run (setuid, setgid or file capabilities): LD_PRELOAD is "
            "ignored",
            path);
    } else {
        return true;
    }
    return false;
}

/* A file may name anything as its dynamic linker; only the one that runs this command is run. */
static bool trusted_linker(const char *interpreter)
{
    struct reef_elf own;

    return reef_elf_read("/proc/self/exe", &own) == 0 && strcmp(own.interpreter, interpreter) == 0;
}

static bool check_executable(struct doctor *d, const char *program)
{
    char path[PATH_MAX], script[PATH_MAX];
    struct reef_elf elf;

    if (!reef_find_program(program, path)) {
        doctor_no(d, "%s: %s", program, strerror(errno));
        return false;
    }
    if (!check_file(d, path, &elf))
        return false;
    if (elf.script) {
        memcpy(script, path, sizeof(script));
        if (!reef_find_program(elf.interpreter, path)) {
            doctor_no(d, "%s: its interpreter %s: %s", script, elf.interpreter, strerror(errno));
            return false;
        }
        if (!check_file(d, path, &elf))
            return false;
        doctor_ok(d, "%s is a script, run by %s", script, path);
    }
    if (!elf.elf)
        return true; /* a script run by a script: nothing to be known before it runs */
    if (!trusted_linker(elf.interpreter))
        doctor_warn(d, "%s brings its own dynamic linker, %s: its libraries were not looked at",
                    path, elf.interpreter);
    else if (!list_libraries(d, elf.interpreter, path))
        return false;
    doctor_ok(d, "%s takes preloaded libraries", path);
    return true;
}

void doctor_check_program(struct doctor *d, const char *program)
{
    if (program && !check_executable(d, program))
        return;
    check_runtimes(d, program);
}
