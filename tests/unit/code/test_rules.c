// SPDX-License-Identifier: Apache-2.0
/* The file of REEF_RESTARTABLE, and the table of allocations that a launch is checked against. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "shim/amd/allocations.h"
#include "shim/amd/code/rules.h"

static void note(void *arg, unsigned line)
{
    *(unsigned *)arg = *(unsigned *)arg * 10 + line;
}

static enum reef_rule find(const struct reef_rules *rules, const char *name)
{
    return reef_rules_find(rules, name, strlen(name));
}

static void the_first_line_that_matches_counts(void **state)
{
    static const char text[] = "# comment\n"
                               "never  _Z6updatePf   # this one\n"
                               "\n"
                               "  assume\ttvm_*\r\n"
                               "never tvm_special\n"
                               "assume";
    unsigned bad = 0;
    (void)state;
    struct reef_rules *rules = reef_rules_parse(text, sizeof(text) - 1, note, &bad);
    assert_non_null(rules);
    assert_int_equal(bad, 6); /* a word without a pattern */
    assert_int_equal(find(rules, "_Z6updatePf"), REEF_RULE_NEVER);
    assert_int_equal(find(rules, "_Z6updatePfi"), REEF_RULE_ANALYZE);
    assert_int_equal(find(rules, "tvm_dense"), REEF_RULE_ASSUME);
    assert_int_equal(find(rules, "tvm_special"), REEF_RULE_ASSUME);
    assert_int_equal(find(NULL, "tvm_dense"), REEF_RULE_ANALYZE);
    reef_rules_free(rules);
}

static void nonsense_is_reported(void **state)
{
    static const char text[] = "sometimes x\nassume a b\nnever\0x y\n";
    unsigned bad = 0;
    (void)state;
    struct reef_rules *rules = reef_rules_parse(text, sizeof(text) - 1, note, &bad);
    assert_int_equal(bad, 123);
    assert_int_equal(find(rules, "x"), REEF_RULE_ANALYZE);
    reef_rules_free(rules);
}

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
        cmocka_unit_test(the_first_line_that_matches_counts),
        cmocka_unit_test(nonsense_is_reported),
        cmocka_unit_test(allocations_are_found_by_any_address),
        cmocka_unit_test(overlapping_allocations_are_not_found),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
