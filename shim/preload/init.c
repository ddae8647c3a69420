// SPDX-License-Identifier: Apache-2.0
/*
 * Start-up: once, in the first GPU call of the process. There is no constructor: a program that
 * never calls the GPU pays for the mapping of this library and nothing else.
 */
#include <pthread.h>
#include <unistd.h>

#include "shim/preload/log.h"
#include "shim/preload/state.h"
#include "shim/trace/trace.h"

struct reef_state reef_state;

struct warnings {
    unsigned count;
    char lines[8][256];
};

static void keep_warning(void *arg, const char *line)
{
    struct warnings *w = arg;
    if (w->count < sizeof(w->lines) / sizeof(w->lines[0])) {
        char *to = w->lines[w->count++];
        unsigned i = 0;
        for (; line[i] && i < sizeof(w->lines[0]) - 1; i++)
            to[i] = line[i];
        to[i] = '\0';
    }
}

static void start(void)
{
    static const char *const classes[] = {"rt", "be", "off"};
    struct warnings warnings = {0};
    struct reef_config *config = &reef_state.config;
    reef_config_parse(config, environ, keep_warning, &warnings);
    /* The warnings come before the level they are filtered by is known, so they were kept. */
    reef_log_open((int)config->log, config->log_file);
    if (config->disable || config->priority == REEF_PRIORITY_OFF)
        atomic_store(&reef_state.passive, true);
    if (config->disable)
        return;
    for (unsigned i = 0; i < warnings.count; i++)
        reef_warn("%s", warnings.lines[i]);
    reef_fork_register();
    if (config->trace && config->priority != REEF_PRIORITY_OFF)
        reef_trace_open(config->trace, config->priority == REEF_PRIORITY_BE);
    reef_debug("started: REEF_PRIORITY=%s", classes[config->priority]);
}

void reef_start(void)
{
    static pthread_once_t once = PTHREAD_ONCE_INIT;
    pthread_once(&once, start);
}
