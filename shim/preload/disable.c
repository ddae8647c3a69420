// SPDX-License-Identifier: Apache-2.0
/* reef_disable: the one way out when something of ours fails. See state.h. */
#include "shim/preload/log.h"
#include "shim/preload/state.h"

static _Atomic bool disabled;

void reef_disable(const char *reason)
{
    if (atomic_exchange(&disabled, true))
        return;
    atomic_store(&reef_state.passive, true);
    reef_warn("disabled: %s. GPU calls pass through from now on.", reason);
}

bool reef_disabled(void)
{
    return atomic_load_explicit(&disabled, memory_order_relaxed);
}
