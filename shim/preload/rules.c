// SPDX-License-Identifier: Apache-2.0
/* What the user says of kernels by name. See rules.h. */
#include "shim/preload/rules.h"

#include <fnmatch.h>
#include <stdlib.h>
#include <string.h>

struct rule {
    struct rule *next;
    enum reef_rule what;
    char pattern[];
};

struct reef_rules {
    struct rule *first, **last;
};

static const char *const words[] = {
    [REEF_RULE_ANALYZE] = "analyze",
    [REEF_RULE_ASSUME] = "assume",
    [REEF_RULE_NEVER] = "never",
};

static bool is_space(char c)
{
    return c == ' ' || c == '\t' || c == '\r';
}

/* The next word of the line, or one of length 0. */
static const char *next_word(const char **at, const char *end, size_t *length)
{
    while (*at < end && is_space(**at))
        ++*at;
    const char *word = *at;
    while (*at < end && !is_space(**at) && **at != '#')
        ++*at;
    *length = (size_t)(*at - word);
    return word;
}

/* 1: a rule or nothing; 0: not understood; -1: no memory. */
static int parse_line(struct reef_rules *rules, const char *at, const char *end)
{
    size_t length, pattern_length, rest;
    const char *word = next_word(&at, end, &length);
    if (length == 0)
        return 1;
    const char *pattern = next_word(&at, end, &pattern_length);
    if (at < end && *at != '#') {
        next_word(&at, end, &rest);
        if (rest > 0)
            return 0;
    }
    for (unsigned i = 0; i < sizeof(words) / sizeof(words[0]); i++) {
        if (strlen(words[i]) != length || memcmp(word, words[i], length) != 0)
            continue;
        if (pattern_length == 0 || memchr(pattern, '\0', pattern_length))
            return 0;
        struct rule *rule = malloc(sizeof(*rule) + pattern_length + 1);
        if (!rule)
            return -1;
        rule->next = NULL;
        rule->what = (enum reef_rule)i;
        memcpy(rule->pattern, pattern, pattern_length);
        rule->pattern[pattern_length] = '\0';
        *rules->last = rule;
        rules->last = &rule->next;
        return 1;
    }
    return 0;
}

struct reef_rules *reef_rules_parse(const char *text, size_t size,
                                    void (*warn)(void *arg, unsigned line), void *arg)
{
    struct reef_rules *rules = calloc(1, sizeof(*rules));
    const char *end = text + size;
    if (!rules)
        return NULL;
    rules->last = &rules->first;
    for (unsigned line = 1; text < end; line++) {
        const char *newline = memchr(text, '\n', (size_t)(end - text));
        const char *line_end = newline ? newline : end;
        int parsed = parse_line(rules, text, line_end);
        if (parsed < 0) {
            reef_rules_free(rules);
            return NULL;
        }
        if (parsed == 0 && warn)
            warn(arg, line);
        text = newline ? newline + 1 : end;
    }
    return rules;
}

void reef_rules_free(struct reef_rules *rules)
{
    if (!rules)
        return;
    while (rules->first) {
        struct rule *next = rules->first->next;
        free(rules->first);
        rules->first = next;
    }
    free(rules);
}

enum reef_rule reef_rules_find(const struct reef_rules *rules, const char *name, size_t length)
{
    char text[1024];
    if (!rules || length >= sizeof(text))
        return REEF_RULE_ANALYZE;
    memcpy(text, name, length);
    text[length] = '\0';
    for (const struct rule *rule = rules->first; rule; rule = rule->next)
        if (fnmatch(rule->pattern, text, 0) == 0)
            return rule->what;
    return REEF_RULE_ANALYZE;
}
