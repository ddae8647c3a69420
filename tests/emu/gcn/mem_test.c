// SPDX-License-Identifier: Apache-2.0
/* Values of the memory instructions: see mem_fixture.h. */
#include "mem_fixture.h"

int main(void)
{
    int failed = ds_tests() + flat_tests() + buffer_tests() + cost_tests() + texel_tests();

    return failed ? 1 : 0;
}
