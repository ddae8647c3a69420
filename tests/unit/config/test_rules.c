// SPDX-License-Identifier: Apache-2.0
/* The file of REEF_RESTARTABLE. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "shim/preload/rules.h"

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

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(the_first_line_that_matches_counts),
        cmocka_unit_test(nonsense_is_reported),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
