// SPDX-License-Identifier: Apache-2.0
/*
 * The options of libreef.so as a struct, made from config.def, and the parser of the environment.
 * The parser is pure (no log, no getenv): it reads an environment block it is given and hands its
 * warnings to a callback, so that `reef config`, the unit tests and the library share it.
 */
#pragma once

#include <stddef.h>
#include <stdint.h>

struct reef_config {
#define OPT_ENUM(field, name, def, choices, doc)        uint64_t field;
#define OPT_UINT(field, name, def, min, max, unit, doc) uint64_t field;
#define OPT_STR(field, name, def, doc)                  const char *field;
#include "config.def"
#undef OPT_ENUM
#undef OPT_UINT
#undef OPT_STR
};

/* The values of the OPT_ENUM options, in the order of their choices in config.def. */
enum { REEF_PRIORITY_RT, REEF_PRIORITY_BE, REEF_PRIORITY_OFF };
enum { REEF_LOG_ERROR, REEF_LOG_WARN, REEF_LOG_INFO, REEF_LOG_DEBUG, REEF_LOG_TRACE };
enum { REEF_RESET_AUTO, REEF_RESET_GUARD, REEF_RESET_QUEUE, REEF_RESET_SUSPEND, REEF_RESET_DRAIN };

enum { REEF_PADDING_OFF, REEF_PADDING_CU };
enum { REEF_GUARD_OFF, REEF_GUARD_PTX };
enum { REEF_ANCHOR_AUTO, REEF_ANCHOR_OFF, REEF_ANCHOR_ON };
enum { REEF_FAST_PATH_AUTO, REEF_FAST_PATH_OFF };
enum { REEF_AHEAD_AUTO, REEF_AHEAD_OFF, REEF_AHEAD_ALWAYS };

/** One row of config.def. */
struct reef_option {
    enum { REEF_OPTION_ENUM, REEF_OPTION_UINT, REEF_OPTION_STR } kind;
    const char *name;
    const char *choices;     /* ENUM: "a|b|c" */
    const char *unit;        /* UINT */
    const char *default_str; /* STR */
    const char *doc;
    uint64_t default_value; /* ENUM: index, UINT: value */
    uint64_t min, max;      /* UINT */
    size_t offset;          /* in struct reef_config */
};
extern const struct reef_option reef_config_options[];
extern const size_t reef_config_option_count;

typedef void reef_config_warn_fn(void *arg, const char *line);

/**
 * Fills @config from the NAME=value strings of @environment (as environ; NULL: defaults only).
 * A value that is not valid, and a name that begins with REEF_ (but not REEF_EMU_) and is not an
 * option, give one line each to @warn (NULL: none); the default stays. An empty value counts as not
 * set. Strings in @config point into @environment.
 */
void reef_config_parse(struct reef_config *config, char *const *environment,
                       reef_config_warn_fn *warn, void *arg);

/** What the option REEF_RESTARTABLE says. Compares strings: not for hot paths. */
enum reef_config_restartable {
    REEF_RESTARTABLE_NEVER,
    REEF_RESTARTABLE_ASSUME,
    REEF_RESTARTABLE_ANALYZE,
    REEF_RESTARTABLE_FILE, /* the value is a path */
};
enum reef_config_restartable reef_config_restartable(const struct reef_config *config);

/** The option whose name is nearest to @name, or NULL if none is near. */
const struct reef_option *reef_config_nearest(const char *name, size_t length);
