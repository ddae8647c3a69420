// SPDX-License-Identifier: Apache-2.0
/* The table of policies, and the reader of costs. See policy.h. */
#include "replay/policy.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "replay/text.h"

enum { DEPTH = 4, UNBOUNDED = 1024 }; /* commands; REEF, section 7.5: 4 */

static const struct replay_policy policies[] = {
    {
        .name = "rt-only",
        .core = "rt-only",
        .summary = "no BE work at all",
        .rt_waits = true,
        .depth_count = UNBOUNDED,
    },
    {
        .name = "sequential",
        .core = "sequential",
        .summary = "one task at a time, RT first, nothing preempted",
        .rt_waits = true,
        .depth_count = UNBOUNDED,
    },
    {
        .name = "streams",
        .core = "streams",
        .summary = "all at the same time, no control",
        .rt_concurrent = true,
        .depth_count = UNBOUNDED,
    },
    {
        .name = "wait",
        .core = "wait",
        .summary = "hold, and wait for what is in the device queue",
        .rt_waits = true,
        .depth_count = DEPTH,
    },
    {
        .name = "reef-n",
        .core = "reef-n",
        .summary = "hold, evict what is queued, wait for what runs",
        .rt_waits = true,
        .depth_count = DEPTH,
    },
    {
        .name = "reef-nopad",
        .core = "reef-nopad",
        .summary = "reset; no padding",
        .rt_waits = true,
        .depth_count = DEPTH,
        .kill_limit = 8,
        .linger_us = 200,
    },
    {
        .name = "reef-published",
        .core = "reef",
        .summary = "REEF as published: inexact restart, first fit, one BE kernel",
        .rt_waits = true,
        .depth_count = DEPTH,
        .inexact = true,
        .whole_rest = true,
        .padding = {.kernels = 1, .first_fit = true, .profiled = true, .launch_ns = 2000},
    },
    {
        .name = "reef",
        .core = "reef",
        .summary = "reset and padding, with exact progress, several BE kernels, adaptive linger",
        .rt_waits = true,
        .depth_count = DEPTH,
        .kill_limit = 8,
        .linger_us = 200,
        .padding = {.kernels = 5,
                    .merge_milli = 8,
                    .allowance_milli = 18,
                    .finish_ns = 60000,
                    .worth = 30},
    },
};

const struct replay_policy *replay_policy_at(size_t index)
{
    return index < sizeof(policies) / sizeof(policies[0]) ? &policies[index] : NULL;
}

const struct replay_policy *replay_policy_find(const char *name)
{
    const struct replay_policy *policy;

    for (size_t i = 0; (policy = replay_policy_at(i)); i++)
        if (strcmp(policy->name, name) == 0)
            return policy;
    return NULL;
}

static const struct {
    const char *name;
    size_t offset;
} costs_keys[] = {
#define REPLAY_COST_KEY(field, doc) {#field, offsetof(struct replay_costs, field)},
    REPLAY_COSTS(REPLAY_COST_KEY)
#undef REPLAY_COST_KEY
};
enum { KEYS = sizeof(costs_keys) / sizeof(costs_keys[0]) };

static bool read_line(struct replay_text *text, struct replay_costs *costs, uint32_t *seen)
{
    char *name = replay_text_word(text), *is, *number;
    uint64_t value;
    size_t i = 0;

    if (!name)
        return true;
    is = replay_text_word(text);
    number = is ? replay_text_word(text) : NULL;
    if (!number || strcmp(is, "=") != 0 || replay_text_word(text))
        return replay_text_fail(text, "expected \"key = number\"");
    while (i < KEYS && strcmp(costs_keys[i].name, name) != 0)
        i++;
    if (i == KEYS || (*seen >> i & 1))
        return replay_text_fail(text, "unknown key, or there twice: %s", name);
    if (!replay_text_uint(number, 1000000000, &value))
        return replay_text_fail(text, "%s: 0 to 1000000000", name);
    uint32_t narrow = (uint32_t)value;
    memcpy((char *)costs + costs_keys[i].offset, &narrow, sizeof(narrow));
    *seen |= 1u << i;
    return true;
}

int replay_costs_parse(struct replay_costs *costs, const char *text, size_t size, char *err,
                       size_t err_size)
{
    struct replay_costs read = {0};
    struct replay_text lines;
    uint32_t seen = 0;

    replay_text_init(&lines, text, size, err, err_size);
    while (replay_text_line(&lines))
        if (!read_line(&lines, &read, &seen))
            return -EINVAL;
    if (lines.failed)
        return -EINVAL;
    for (size_t i = 0; i < KEYS; i++)
        if (!(seen >> i & 1)) {
            snprintf(err, err_size, "key %s is missing", costs_keys[i].name);
            return -EINVAL;
        }
    if (read.proxy_milli < 1000) {
        snprintf(err, err_size, "proxy_milli is less than 1000");
        return -EINVAL;
    }
    *costs = read;
    return 0;
}
