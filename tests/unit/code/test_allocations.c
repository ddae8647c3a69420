// SPDX-License-Identifier: Apache-2.0
/* The table of allocations that a launch is checked against. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "shim/amd/allocations.h"

static void allocations_are_found_by_any_address(void **state)
{
    struct reef_allocation at;
    (void)state;
    reef_allocations_add((void *)0x20000, 0x1000, false);
    reef_allocations_add((void *)0x10000, 0x800, true);
    assert_true(reef_allocations_find(0x10000, &at));
    assert_int_equal(at.base, 0x10000);
    assert_true(at.host);
    assert_true(reef_allocations_find(0x20fff, &at));
    assert_int_equal(at.bytes, 0x1000);
    assert_false(reef_allocations_find(0x21000, &at));
    assert_false(reef_allocations_find(0x10800, &at));
    assert_false(reef_allocations_find(0xffff, &at));
    reef_allocations_remove((void *)0x20000);
    assert_false(reef_allocations_find(0x20000, &at));
    reef_allocations_remove((void *)0x12345); /* nobody's */
    reef_allocations_remove((void *)0x10000);
}

/* What overlaps other memory is as good as unknown: both of them. */
static void overlapping_allocations_are_not_found(void **state)
{
    struct reef_allocation at;
    (void)state;
    reef_allocations_add((void *)0x40000, 0x4000, false);
    reef_allocations_add((void *)0x50000, 0x1000, false);
    reef_allocations_add((void *)0x41000, 0x1000, false);
    assert_false(reef_allocations_find(0x40000, &at));
    assert_false(reef_allocations_find(0x41800, &at));
    assert_true(reef_allocations_find(0x50000, &at));
    /* A long one over several. */
    reef_allocations_add((void *)0x48000, 0x100000, false);
    assert_false(reef_allocations_find(0x50000, &at));
    assert_false(reef_allocations_find(0x100000, &at));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(allocations_are_found_by_any_address),
        cmocka_unit_test(overlapping_allocations_are_not_found),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
