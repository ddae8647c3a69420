// SPDX-License-Identifier: Apache-2.0
/*
 * reef: runs programs under libreef.so, says whether they would be scheduled, shows the options.
 * This file: the table of subcommands, help and version.
 */
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#include "tools/reef.h"

static const struct command {
    const char *name;
    reef_command_fn *run;
    const char *arguments;
    const char *summary;
} commands[] = {
    {"run", reef_run, "[--priority rt|be|off] [--emulate PROFILE] [--] PROGRAM [ARGUMENT...]",
     "run a program under libreef.so"},
    {"doctor", reef_doctor,
     "[--priority rt|be|off] [--emulate PROFILE] [--json FILE] [PROGRAM] | "
     "--kernels FILE [--json [FILE]]",
     "say whether this machine and a program will be scheduled, and how"},
    {"config", reef_config_command, "", "show every option, its value and where that comes from"},
    {"stats", reef_stats, "[--dir DIR] [--json]",
     "show what the processes that share a GPU have done"},
    {"bench", reef_bench, "launch|emu|preempt [--emulate PROFILE] [--rounds N] [--json FILE]",
     "measure what libreef adds to a launch, the speed of the emulated GPU, or preemption"},
    {"replay", reef_replay,
     "--suite disb [--quick] | WORKLOAD|TRACE... [--policy P] [--json FILE] [--plot FILE]",
     "run a workload or a recorded trace under a policy, in virtual time"},
    {"trace", reef_trace, "FILE [--chrome OUT.json]",
     "say what a recorded trace holds, or write it for Perfetto and Chrome"},
};
enum { COMMANDS = sizeof(commands) / sizeof(commands[0]) };

void reef_say(const char *format, ...)
{
    va_list args;

    va_start(args, format);
    fputs("reef: ", stderr);
    vfprintf(stderr, format, args);
    fputc('\n', stderr);
    va_end(args);
}

static void print_help(FILE *out)
{
    fputs("Usage: reef COMMAND [ARGUMENT...]\n\nCommands:\n", out);
    for (int i = 0; i < COMMANDS; i++)
        fprintf(out, "  reef %s %s\n      %s\n", commands[i].name, commands[i].arguments,
                commands[i].summary);
    fputs("  reef help | --version\n\nSee reef(1).\n", out);
}

static bool wants_help(const char *word)
{
    return strcmp(word, "help") == 0 || strcmp(word, "--help") == 0 || strcmp(word, "-h") == 0;
}

int main(int argc, char **argv)
{
    if (argc < 2) {
        print_help(stderr);
        return REEF_EXIT_USAGE;
    }
    if (wants_help(argv[1])) {
        print_help(stdout);
        return 0;
    }
    if (strcmp(argv[1], "--version") == 0) {
        puts("reef " REEF_VERSION);
        return 0;
    }
    for (int i = 0; i < COMMANDS; i++) {
        const struct command *c = &commands[i];

        if (strcmp(argv[1], c->name) != 0)
            continue;
        if (argc > 2 && wants_help(argv[2]) && strcmp(argv[2], "help") != 0) {
            printf("Usage: reef %s %s\n  %s\n", c->name, c->arguments, c->summary);
            return 0;
        }
        return c->run(argc - 1, argv + 1);
    }
    reef_say("unknown command '%s' (see reef help)", argv[1]);
    return REEF_EXIT_USAGE;
}
