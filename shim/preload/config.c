// SPDX-License-Identifier: Apache-2.0
/*
 * The parser of REEF_* variables. Pure; see config.h. It allocates nothing: it runs inside an
 * application's first GPU call.
 */
#include "shim/preload/config.h"

#include <ctype.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

const struct reef_option reef_config_options[] = {
#define OPT_ENUM(field, env, def, list, text)                                                      \
    {.kind = REEF_OPTION_ENUM,                                                                     \
     .name = #env,                                                                                 \
     .choices = list,                                                                              \
     .doc = text,                                                                                  \
     .default_value = def,                                                                         \
     .offset = offsetof(struct reef_config, field)},
#define OPT_UINT(field, env, def, least, most, suffix, text)                                       \
    {.kind = REEF_OPTION_UINT,                                                                     \
     .name = #env,                                                                                 \
     .unit = suffix,                                                                               \
     .doc = text,                                                                                  \
     .default_value = def,                                                                         \
     .min = least,                                                                                 \
     .max = most,                                                                                  \
     .offset = offsetof(struct reef_config, field)},
#define OPT_STR(field, env, def, text)                                                             \
    {.kind = REEF_OPTION_STR,                                                                      \
     .name = #env,                                                                                 \
     .default_str = def,                                                                           \
     .doc = text,                                                                                  \
     .offset = offsetof(struct reef_config, field)},
#include "shim/preload/config.def"
#undef OPT_ENUM
#undef OPT_UINT
#undef OPT_STR
};
const size_t reef_config_option_count =
    sizeof(reef_config_options) / sizeof(reef_config_options[0]);

enum { NAME_MAX_LENGTH = 48 };

static uint64_t *number_at(struct reef_config *config, const struct reef_option *option)
{
    return (uint64_t *)((char *)config + option->offset);
}

static const char **string_at(struct reef_config *config, const struct reef_option *option)
{
    return (const char **)((char *)config + option->offset);
}

static void set_default(struct reef_config *config, const struct reef_option *option)
{
    if (option->kind == REEF_OPTION_STR)
        *string_at(config, option) = option->default_str[0] ? option->default_str : NULL;
    else
        *number_at(config, option) = option->default_value;
}

/* The index of @value in "a|b|c", or -1. */
static int choice_index(const char *choices, const char *value)
{
    size_t length = strlen(value);
    for (int i = 0;; i++) {
        size_t n = strcspn(choices, "|");
        if (n == length && strncmp(choices, value, n) == 0)
            return i;
        if (choices[n] == '\0')
            return -1;
        choices += n + 1;
    }
}

/* Decimal digits only: strtoul would take "-1", " 1" and "0x1". */
static bool parse_uint(const char *text, uint64_t *out)
{
    uint64_t value = 0;
    if (*text == '\0')
        return false;
    for (; *text; text++) {
        if (!isdigit((unsigned char)*text) || value > (UINT64_MAX - 9) / 10)
            return false;
        value = value * 10 + (uint64_t)(*text - '0');
    }
    *out = value;
    return true;
}

static void warn_value(const struct reef_option *option, const char *value,
                       reef_config_warn_fn *warn, void *arg)
{
    char line[256], shown[64];
    if (!warn)
        return;
    snprintf(shown, sizeof(shown), "%s", value);
    if (option->kind == REEF_OPTION_ENUM)
        snprintf(line, sizeof(line), "%s=%s is not one of %s: using the default", option->name,
                 shown, option->choices);
    else
        snprintf(line, sizeof(line), "%s=%s is not a number from %llu to %llu%s%s: using %llu",
                 option->name, shown, (unsigned long long)option->min,
                 (unsigned long long)option->max, option->unit[0] ? " " : "", option->unit,
                 (unsigned long long)option->default_value);
    warn(arg, line);
}

static void parse_value(struct reef_config *config, const struct reef_option *option,
                        const char *value, reef_config_warn_fn *warn, void *arg)
{
    uint64_t number;
    int index;
    switch (option->kind) {
    case REEF_OPTION_STR:
        *string_at(config, option) = value;
        return;
    case REEF_OPTION_ENUM:
        index = choice_index(option->choices, value);
        if (index >= 0)
            *number_at(config, option) = (uint64_t)index;
        else
            warn_value(option, value, warn, arg);
        return;
    case REEF_OPTION_UINT:
        if (parse_uint(value, &number) && number >= option->min && number <= option->max)
            *number_at(config, option) = number;
        else
            warn_value(option, value, warn, arg);
        return;
    }
}

static const struct reef_option *find_option(const char *name, size_t length)
{
    for (size_t i = 0; i < reef_config_option_count; i++) {
        const struct reef_option *option = &reef_config_options[i];
        if (strlen(option->name) == length && strncmp(option->name, name, length) == 0)
            return option;
    }
    return NULL;
}

/* Levenshtein distance, without regard to case. Names longer than the buffer are far from all. */
static unsigned distance(const char *a, size_t a_length, const char *b)
{
    unsigned row[NAME_MAX_LENGTH + 1];
    size_t b_length = strlen(b);
    if (a_length > NAME_MAX_LENGTH || b_length > NAME_MAX_LENGTH)
        return NAME_MAX_LENGTH;
    for (size_t j = 0; j <= b_length; j++)
        row[j] = (unsigned)j;
    for (size_t i = 1; i <= a_length; i++) {
        unsigned diagonal = row[0];
        row[0] = (unsigned)i;
        for (size_t j = 1; j <= b_length; j++) {
            bool same = toupper((unsigned char)a[i - 1]) == toupper((unsigned char)b[j - 1]);
            unsigned best = diagonal + (same ? 0 : 1);
            if (row[j] + 1 < best)
                best = row[j] + 1;
            if (row[j - 1] + 1 < best)
                best = row[j - 1] + 1;
            diagonal = row[j];
            row[j] = best;
        }
    }
    return row[b_length];
}

const struct reef_option *reef_config_nearest(const char *name, size_t length)
{
    const struct reef_option *nearest = NULL;
    unsigned least = 5; /* further than this is no typing error */
    for (size_t i = 0; i < reef_config_option_count; i++) {
        unsigned d = distance(name, length, reef_config_options[i].name);
        if (d < least) {
            least = d;
            nearest = &reef_config_options[i];
        }
    }
    return nearest;
}

static void warn_unknown(const char *name, size_t length, reef_config_warn_fn *warn, void *arg)
{
    char line[256];
    const struct reef_option *nearest = reef_config_nearest(name, length);
    int shown = length > 64 ? 64 : (int)length;
    if (!warn)
        return;
    if (nearest)
        snprintf(line, sizeof(line), "unknown option %.*s (did you mean %s?)", shown, name,
                 nearest->name);
    else
        snprintf(line, sizeof(line), "unknown option %.*s", shown, name);
    warn(arg, line);
}

void reef_config_parse(struct reef_config *config, char *const *environment,
                       reef_config_warn_fn *warn, void *arg)
{
    for (size_t i = 0; i < reef_config_option_count; i++)
        set_default(config, &reef_config_options[i]);
    for (; environment && *environment; environment++) {
        const char *name = *environment;
        const char *equals = strchr(name, '=');
        if (strncmp(name, "REEF_", 5) != 0 || !equals || strncmp(name, "REEF_EMU_", 9) == 0)
            continue;
        size_t length = (size_t)(equals - name);
        const struct reef_option *option = find_option(name, length);
        if (!option)
            warn_unknown(name, length, warn, arg);
        else if (equals[1] != '\0')
            parse_value(config, option, equals + 1, warn, arg);
    }
}

enum reef_config_restartable reef_config_restartable(const struct reef_config *config)
{
    const char *value = config->restartable;
    if (!value || strcmp(value, "analyze") == 0)
        return REEF_RESTARTABLE_ANALYZE;
    if (strcmp(value, "assume") == 0)
        return REEF_RESTARTABLE_ASSUME;
    return strcmp(value, "never") == 0 ? REEF_RESTARTABLE_NEVER : REEF_RESTARTABLE_FILE;
}
