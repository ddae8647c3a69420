// SPDX-License-Identifier: Apache-2.0
/* What the user says of kernels by name. See restartable.h. */
#include "shim/preload/restartable.h"

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "shim/preload/log.h"
#include "shim/preload/state.h"

static struct reef_rules *rules;

static void warn_line(void *arg, unsigned line)
{
    reef_warn("%s: line %u is not understood", (const char *)arg, line);
}

static void read_rules(void)
{
    enum { BYTES_MAX = 1 << 20 };
    const char *path = reef_state.config.restartable;
    if (reef_config_restartable(&reef_state.config) != REEF_RESTARTABLE_FILE)
        return;
    FILE *file = fopen(path, "re");
    char *text = file ? malloc(BYTES_MAX) : NULL;
    if (text)
        rules = reef_rules_parse(text, fread(text, 1, BYTES_MAX, file), warn_line, (void *)path);
    else
        reef_warn("REEF_RESTARTABLE=%s is none of analyze, assume, never, and no file that can be "
                  "read: %s; using analyze",
                  path, strerror(errno));
    free(text);
    if (file)
        fclose(file);
}

enum reef_rule reef_restartable_word(const char *name, size_t length)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    int how = (int)reef_config_restartable(&reef_state.config);
    pthread_once(&once, read_rules);
    if (how == REEF_RESTARTABLE_ASSUME || how == REEF_RESTARTABLE_NEVER)
        return how == REEF_RESTARTABLE_ASSUME ? REEF_RULE_ASSUME : REEF_RULE_NEVER;
    return reef_rules_find(rules, name, length);
}
