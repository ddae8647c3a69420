// SPDX-License-Identifier: Apache-2.0
/* Whether a launch may be run again. See restart.h. */
#include "shim/amd/restart.h"

#include "shim/amd/allocations.h"
#include "shim/preload/log.h"
#include "shim/preload/restartable.h"

bool reef_restart_wanted(void)
{
    const struct reef_config *config = &reef_state.config;
    return !atomic_load(&reef_state.passive) && config->priority == REEF_PRIORITY_BE &&
           config->reset != REEF_RESET_DRAIN && config->reset != REEF_RESET_SUSPEND &&
           reef_config_restartable(config) != REEF_RESTARTABLE_NEVER;
}

struct reef_restart_rule reef_restart_rule_for(const struct reef_object_kernel *kernel,
                                               const struct reef_analysis *analysis, bool alone)
{
    static const char *const what[] = {
        [REEF_RULE_ANALYZE] = "",
        [REEF_RULE_ASSUME] = "assumed to be restartable; ",
        [REEF_RULE_NEVER] = "not to be run again; ",
    };
    enum reef_rule word = reef_restartable_word(kernel->name, kernel->name_length);
    reef_debug("kernel %.*s: %s%s", (int)kernel->name_length, kernel->name, what[word],
               analysis->reason);
    if (word == REEF_RULE_NEVER)
        return (struct reef_restart_rule){.restart = REEF_RESTART_NEVER};
    struct reef_restart_rule rule = {
        .reads = analysis->reads,
        .writes = analysis->writes,
        .mixed = analysis->mixed,
        .restart = (uint8_t)analysis->restart,
        .independent = analysis->independent || alone,
    };
    if (word == REEF_RULE_ASSUME) {
        rule.restart = REEF_RESTART_ALWAYS;
        rule.reads = rule.writes = 0; /* nothing to be asked of a launch */
    }
    return rule;
}

/* --- a launch --- */

/* The kernel's arguments, if they can be read as far as @slots goes. */
static const uint64_t *arguments(const hsa_kernel_dispatch_packet_t *packet, uint32_t slots)
{
    struct reef_allocation where;
    uint64_t at = (uint64_t)(uintptr_t)packet->kernarg_address;
    uint64_t bytes = 8 * (32 - (uint64_t)__builtin_clz(slots));
    if (at % 8 != 0 || !reef_allocations_find(at, &where) || !where.host ||
        bytes > where.base + where.bytes - at)
        return NULL;
    return packet->kernarg_address;
}

static bool disjoint(const struct reef_allocation *a, const struct reef_allocation *b)
{
    return a->base + a->bytes <= b->base || b->base + b->bytes <= a->base;
}

bool reef_restart_allowed(const struct reef_restart_rule *rule,
                          const hsa_kernel_dispatch_packet_t *packet)
{
    struct reef_allocation read[REEF_SLOTS], written[REEF_SLOTS];
    unsigned reads = 0, writes = 0;
    uint32_t slots = rule->reads | rule->writes;
    if (rule->restart == REEF_RESTART_NEVER)
        return false;
    if (rule->restart == REEF_RESTART_ALWAYS && rule->writes == 0)
        return true;
    const uint64_t *values = slots ? arguments(packet, slots) : NULL;
    if (!values)
        return false;
    for (uint32_t left = slots; left; left &= left - 1) {
        unsigned slot = (unsigned)__builtin_ctz(left);
        struct reef_allocation at;
        uint64_t value = __atomic_load_n(&values[slot], __ATOMIC_RELAXED);
        if (value == 0 && !(rule->mixed >> slot & 1))
            continue; /* nobody can have gone through it */
        if (!reef_allocations_find(value, &at))
            return false;
        /* The host may see a store and answer before the second run repeats it: a program that
         * waits for a flag and clears it would find it set again. */
        if (rule->writes >> slot & 1 && at.host)
            return false;
        if (rule->writes >> slot & 1)
            written[writes++] = at;
        else
            read[reads++] = at;
    }
    for (unsigned w = 0; w < writes; w++)
        for (unsigned r = 0; r < reads; r++)
            if (!disjoint(&written[w], &read[r]))
                return false;
    return true;
}
