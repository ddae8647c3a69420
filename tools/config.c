// SPDX-License-Identifier: Apache-2.0
/*
 * reef config: every option of config.def with its value and where that comes from, what the
 * emulator was told, and the REEF_* variables nobody knows. Exit status 1 if a variable is unknown
 * or has a bad value, so that a script can check its environment.
 */
#include <inttypes.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "shim/preload/config.h"
#include "tools/reef.h"

static void format_value(const struct reef_config *config, const struct reef_option *option,
                         char *text, size_t size)
{
    const char *at = (const char *)config + option->offset;
    const char *choice = option->choices;
    uint64_t number;

    if (option->kind == REEF_OPTION_STR) {
        const char *string = *(const char *const *)at;

        snprintf(text, size, "%s", string ? string : "(not set)");
        return;
    }
    number = *(const uint64_t *)at;
    if (option->kind == REEF_OPTION_UINT) {
        snprintf(text, size, "%" PRIu64 "%s%s", number, option->unit[0] ? " " : "", option->unit);
        return;
    }
    while (number--)
        choice += strcspn(choice, "|") + 1;
    snprintf(text, size, "%.*s", (int)strcspn(choice, "|"), choice);
}

/* A value that the parser took; one it did not take is told by its warning. */
static const char *origin_of(const struct reef_option *option, const char *warnings)
{
    const char *value = getenv(option->name);
    size_t length = strlen(option->name);

    if (!value || !*value)
        return "default";
    for (const char *line = warnings; *line; line += strcspn(line, "\n") + 1)
        if (strncmp(line, option->name, length) == 0 && line[length] == '=')
            return "default (the environment's value is not valid)";
    return "environment";
}

struct warning_list {
    size_t used;
    char text[8192]; /* lines, each ended by a newline; one that does not fit is cut */
};

static void keep_warning(void *arg, const char *line)
{
    struct warning_list *list = arg;
    size_t left = sizeof(list->text) - list->used;
    int length;

    if (left < 2)
        return;
    length = snprintf(list->text + list->used, left, "%s\n", line);
    if ((size_t)length >= left) {
        length = (int)left - 1;
        list->text[sizeof(list->text) - 2] = '\n';
    }
    list->used += (size_t)length;
}

int reef_config_command(int argc, char **argv)
{
    static struct warning_list warnings;
    struct reef_config config;

    (void)argv;
    if (argc > 1) {
        reef_say("config takes no arguments");
        return REEF_EXIT_USAGE;
    }
    reef_config_parse(&config, environ, keep_warning, &warnings);
    for (size_t i = 0; i < reef_config_option_count; i++) {
        const struct reef_option *option = &reef_config_options[i];
        char value[PATH_MAX];

        format_value(&config, option, value, sizeof(value));
        printf("%-20s %-12s %s\n", option->name, value, origin_of(option, warnings.text));
    }
    for (char **e = environ; *e; e++) {
        size_t length = strcspn(*e, "=");

        if (strncmp(*e, "REEF_EMU_", 9) == 0 && (*e)[length])
            printf("%-20.*s %-12s environment (of the emulated GPU)\n", (int)length, *e,
                   *e + length + 1);
    }
    fflush(stdout);
    for (char *line = warnings.text; *line;) {
        size_t length = strcspn(line, "\n");

        reef_say("%.*s", (int)length, line);
        line += length + 1;
    }
    return warnings.used ? 1 : 0;
}
