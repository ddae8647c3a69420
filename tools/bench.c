// SPDX-License-Identifier: Apache-2.0
/*
 * reef bench: the table of benchmarks and what they share.
 */
#include "tools/bench.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

static const struct bench {
    const char *name;
    reef_bench_fn *run;
} benches[] = {
    {"launch", reef_bench_launch},
    {"emu", reef_bench_emu},
    {"preempt", reef_bench_preempt},
};
enum { BENCHES = sizeof(benches) / sizeof(benches[0]) };

bool reef_bench_find(const struct reef_bench_options *options,
                     struct reef_bench_libraries *libraries)
{
    libraries->profile = options->profile;
    if (!reef_find_shim(libraries->shim)) {
        reef_say("bench: libreef.so is missing: not at %s", libraries->shim);
        return false;
    }
    char file[PATH_MAX];
    libraries->nvidia = libraries->profile && reef_find_device(libraries->profile, file) &&
                        reef_profile_is_nvidia(file);
    bool found =
        !libraries->profile || (libraries->nvidia ? reef_find_nvidia_emulator(libraries->emulator)
                                                  : reef_find_emulator(libraries->emulator));
    if (!found)
        reef_say("bench: the emulated GPU is missing: not at %s", libraries->emulator);
    return found;
}

bool reef_bench_find_app(const char *name, char path[PATH_MAX])
{
    if (reef_find_app(name, path))
        return true;
    reef_say("bench: the program %s is missing: not at %s", name, path);
    return false;
}

/* In the child: false if the environment cannot be made. */
static bool enter(const struct reef_bench_libraries *libraries, const char *priority)
{
    const char *list[3] = {NULL};
    int count = 0;

    if (priority) {
        list[count++] = libraries->shim;
        setenv("REEF_PRIORITY", priority, 1);
    }
    if (libraries->profile) {
        list[count++] = libraries->emulator;
        setenv("REEF_EMU_PROFILE", libraries->profile, 1);
    }
    char *preload = reef_preload_join(getenv("LD_PRELOAD"), list);
    if (!preload)
        return false;
    if (*preload)
        setenv("LD_PRELOAD", preload, 1);
    return true;
}

pid_t reef_bench_spawn(const struct reef_bench_libraries *libraries, const char *priority,
                       char *const *argv, int in, int out)
{
    pid_t child = fork();
    if (child == 0) {
        int nowhere = out < 0 ? open("/dev/null", O_WRONLY) : out;

        if (in >= 0)
            dup2(in, STDIN_FILENO);
        dup2(nowhere, STDOUT_FILENO);
        if (enter(libraries, priority))
            execv(argv[0], argv);
        _exit(REEF_EXIT_NOT_EXECUTABLE);
    }
    return child;
}

bool reef_bench_run(const struct reef_bench_libraries *libraries, const char *priority,
                    char *const *argv, char *line, int size)
{
    int out[2], status;

    *line = '\0';
    if (pipe(out) != 0) {
        reef_say("bench: %s", strerror(errno));
        return false;
    }
    pid_t child = fork();
    if (child == 0) {
        dup2(out[1], STDOUT_FILENO);
        close(out[0]);
        close(out[1]);
        if (enter(libraries, priority))
            execv(argv[0], argv);
        _exit(REEF_EXIT_NOT_EXECUTABLE);
    }
    close(out[1]);
    FILE *stream = fdopen(out[0], "r");
    if (stream && !fgets(line, size, stream))
        *line = '\0';
    if (stream)
        fclose(stream);
    if (child >= 0 && waitpid(child, &status, 0) == child && WIFEXITED(status) &&
        WEXITSTATUS(status) == 0)
        return true;
    reef_say("bench: %s failed (%s)", argv[0], priority ? priority : "without libreef");
    return false;
}

FILE *reef_bench_json(const struct reef_bench_options *options)
{
    if (!options->json)
        return NULL;
    FILE *file = fopen(options->json, "w");
    if (!file)
        reef_say("bench: %s: %s", options->json, strerror(errno));
    return file;
}

static int compare(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;

    return (x > y) - (x < y);
}

double reef_bench_median(double *values, int count)
{
    qsort(values, (size_t)count, sizeof(*values), compare);
    return values[count / 2];
}

static int say_which(void)
{
    char names[256] = "";

    for (int i = 0; i < BENCHES; i++) {
        strcat(names, i ? ", " : "");
        strcat(names, benches[i].name);
    }
    reef_say("bench: what? (%s)", names);
    return REEF_EXIT_USAGE;
}

int reef_bench(int argc, char **argv)
{
    struct reef_bench_options options = {0};
    const struct bench *bench = NULL;
    int i = 2;

    for (int b = 0; argc > 1 && b < BENCHES; b++)
        if (strcmp(argv[1], benches[b].name) == 0)
            bench = &benches[b];
    if (!bench)
        return say_which();
    bool rounds_given = false;
    for (; i + 1 < argc; i += 2) {
        if (strcmp(argv[i], "--json") == 0) {
            options.json = argv[i + 1];
        } else if (strcmp(argv[i], "--emulate") == 0) {
            options.profile = argv[i + 1];
        } else if (strcmp(argv[i], "--rounds") == 0) {
            options.rounds = atoi(argv[i + 1]);
            rounds_given = true;
        } else {
            break;
        }
    }
    if (i < argc ||
        (rounds_given && (options.rounds < 1 || options.rounds > REEF_BENCH_MAX_ROUNDS))) {
        reef_say("usage: reef bench %s [--emulate PROFILE] [--rounds 1..%d] [--json FILE]",
                 bench->name, REEF_BENCH_MAX_ROUNDS);
        return REEF_EXIT_USAGE;
    }
    /* Without a GPU there is still the emulated one, and the report says so. */
    if (!options.profile && access("/dev/kfd", F_OK) != 0)
        options.profile = "mi50";
    return bench->run(&options);
}
