// SPDX-License-Identifier: Apache-2.0
/*
 * The options that `reef run` and `reef doctor` have in common. "--name VALUE" and "--name=VALUE"
 * are the same. Options end at "--" or at the first argument that does not begin with '-'.
 */
#include <string.h>

#include "tools/reef.h"

/* The value of option @name at argv[*i], moving *i to the last word used; NULL: another option. An
 * option without a value gives "". */
static const char *value_of(const char *name, int argc, char **argv, int *i)
{
    size_t length = strlen(name);
    const char *word = argv[*i];

    if (strncmp(word, name, length) != 0)
        return NULL;
    if (word[length] == '=')
        return word + length + 1;
    if (word[length])
        return NULL;
    return *i + 1 < argc ? argv[++*i] : "";
}

static bool is_priority(const char *text)
{
    return strcmp(text, "rt") == 0 || strcmp(text, "be") == 0 || strcmp(text, "off") == 0;
}

int reef_options_parse(struct reef_options *options, int argc, char **argv)
{
    int i;

    *options = (struct reef_options){0};
    for (i = 1; i < argc && argv[i][0] == '-'; i++) {
        const char *word = argv[i], *value;

        if (strcmp(word, "--") == 0)
            return i + 1;
        if ((value = value_of("--priority", argc, argv, &i))) {
            options->priority = value;
            if (is_priority(value))
                continue;
            reef_say("--priority is rt, be or off, not '%s'", value);
            return -1;
        }
        if ((value = value_of("--emulate", argc, argv, &i))) {
            options->emulate = value;
            if (value[0])
                continue;
            reef_say("--emulate needs the name of a device profile, such as mi50");
            return -1;
        }
        if (strcmp(argv[0], "doctor") == 0 && (value = value_of("--json", argc, argv, &i))) {
            options->json = value;
            if (value[0])
                continue;
            reef_say("--json needs the name of a file");
            return -1;
        }
        reef_say("%s: unknown option '%s'", argv[0], word);
        return -1;
    }
    return i;
}
