// SPDX-License-Identifier: Apache-2.0
/* Finding the driver's functions that libreef itself calls. See driver.h. */
#include "shim/nvidia/driver.h"

struct cu_driver cu;

bool cu_driver_load(const char **missing)
{
    bool complete = true;
#define X(symbol, needed, arguments)                                                               \
    cu.symbol = (CU_TYPE_##arguments)cu_real_by_name(#symbol);                                     \
    if ((needed) && !cu.symbol) {                                                                  \
        *missing = #symbol;                                                                        \
        complete = false;                                                                          \
    }
    CU_OWN_FUNCTIONS(X)
#undef X
    return complete;
}
