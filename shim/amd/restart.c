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
                                               const struct reef_analysis *analysis,
                                               const struct reef_ranges *ranges, bool alone)
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
        .ranges = ranges,
    };
    if (word == REEF_RULE_ASSUME) {
        rule.restart = REEF_RESTART_ALWAYS;
        rule.reads = rule.writes = 0; /* nothing to be asked of a launch */
    }
    return rule;
}

/* --- a launch --- */

/* The kernel's arguments, if @bytes of them can be read. */
static const uint64_t *arguments(const hsa_kernel_dispatch_packet_t *packet, uint64_t bytes)
{
    struct reef_allocation where;
    uint64_t at = (uint64_t)(uintptr_t)packet->kernarg_address;
    if (at % 8 != 0 || !reef_allocations_find(at, &where) || !where.host ||
        bytes > where.base + where.bytes - at)
        return NULL;
    return packet->kernarg_address;
}

/* What a launch touches through one argument: all of the allocation, until more is known. */
struct touched {
    unsigned slot;
    struct reef_span span;
};

struct touches {
    struct touched read[REEF_SLOTS], written[REEF_SLOTS];
    unsigned reads, writes;
};

static bool overlap(const struct touches *t)
{
    for (unsigned w = 0; w < t->writes; w++)
        for (unsigned r = 0; r < t->reads; r++)
            if (t->written[w].span.begin < t->read[r].span.end &&
                t->read[r].span.begin < t->written[w].span.end)
                return true;
    return false;
}

static void narrow(struct touched *touched, unsigned count, const struct reef_span *spans)
{
    for (unsigned i = 0; i < count; i++) {
        struct reef_span *all = &touched[i].span, span = spans[touched[i].slot];
        span.begin = span.begin > all->begin ? span.begin : all->begin;
        span.end = span.end < all->end ? span.end : all->end;
        if (span.begin < span.end) /* else it is not understood */
            *all = span;
    }
}

/* The same, where expressions of the addresses are known. */
static bool overlap_in_ranges(const struct reef_ranges *ranges, struct touches *t,
                              const hsa_kernel_dispatch_packet_t *packet)
{
    struct reef_span reads[REEF_SLOTS], writes[REEF_SLOTS];
    struct reef_launch launch = {
        .arguments = arguments(packet, reef_ranges_argument_bytes(ranges)),
        .grid = {packet->grid_size_x, packet->grid_size_y, packet->grid_size_z},
        .group = {packet->workgroup_size_x, packet->workgroup_size_y, packet->workgroup_size_z},
    };
    if (!launch.arguments || !launch.group[0] || !launch.group[1] || !launch.group[2])
        return true;
    reef_ranges_evaluate(ranges, &launch, reads, writes);
    narrow(t->read, t->reads, reads);
    narrow(t->written, t->writes, writes);
    return overlap(t);
}

/* False: it is not known what memory some argument leads to, or the host may see what is written.
 */
static bool list_touches(const struct reef_restart_rule *rule, const uint64_t *values,
                         struct touches *t)
{
    for (uint32_t left = rule->reads | rule->writes; left; left &= left - 1) {
        unsigned slot = (unsigned)__builtin_ctz(left);
        struct reef_allocation at;
        uint64_t value = __atomic_load_n(&values[slot], __ATOMIC_RELAXED);
        if (value == 0 && !(rule->mixed >> slot & 1))
            continue; /* nobody can have gone through it */
        if (!reef_allocations_find(value, &at))
            return false;
        struct touched touched = {.slot = slot, .span = {at.base, at.base + at.bytes}};
        /* The host may see a store and answer before the second run repeats it: a program that
         * waits for a flag and clears it would find it set again. */
        if (rule->writes >> slot & 1 && at.host)
            return false;
        if (rule->writes >> slot & 1)
            t->written[t->writes++] = touched;
        else
            t->read[t->reads++] = touched;
    }
    return true;
}

bool reef_restart_allowed(const struct reef_restart_rule *rule,
                          const hsa_kernel_dispatch_packet_t *packet)
{
    struct touches touches;
    uint32_t slots = rule->reads | rule->writes;
    if (rule->restart == REEF_RESTART_NEVER)
        return false;
    if (rule->restart == REEF_RESTART_ALWAYS && rule->writes == 0)
        return true;
    const uint64_t *values =
        slots ? arguments(packet, 8 * (32 - (uint64_t)__builtin_clz(slots))) : NULL;
    touches.reads = touches.writes = 0;
    if (!values || !list_touches(rule, values, &touches))
        return false;
    return !overlap(&touches) ||
           (rule->ranges && !overlap_in_ranges(rule->ranges, &touches, packet));
}
