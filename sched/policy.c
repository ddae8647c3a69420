// SPDX-License-Identifier: Apache-2.0
/* The list of policies. See policy.h. */
#include "sched/policy.h"

#include <stddef.h>
#include <string.h>

static const struct reef_policy_ops *const policies[] = {
#define REEF_POLICY_ROW(name) &reef_policy_##name,
    REEF_POLICIES(REEF_POLICY_ROW)
#undef REEF_POLICY_ROW
};

const struct reef_policy_ops *reef_policy_find(const char *name)
{
    for (size_t i = 0; name && i < sizeof(policies) / sizeof(policies[0]); i++)
        if (strcmp(policies[i]->name, name) == 0)
            return policies[i];
    return NULL;
}
