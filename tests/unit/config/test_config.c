// SPDX-License-Identifier: Apache-2.0
/* The parser of REEF_* variables. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "shim/preload/config.h"

struct heard {
    unsigned count;
    char last[300];
};

static void hear(void *arg, const char *line)
{
    struct heard *heard = arg;
    heard->count++;
    snprintf(heard->last, sizeof(heard->last), "%s", line);
}

static struct reef_config parse(const char *variable, struct heard *heard)
{
    struct reef_config config;
    char text[256];
    char *environment[] = {(char *)"PATH=/bin", text, (char *)"REEFLESS=1", NULL};
    snprintf(text, sizeof(text), "%s", variable);
    *heard = (struct heard){0};
    reef_config_parse(&config, environment, hear, heard);
    return config;
}

static void test_defaults(void **state)
{
    struct reef_config config;
    reef_config_parse(&config, NULL, NULL, NULL);
    assert_int_equal(config.priority, REEF_PRIORITY_OFF);
    assert_int_equal(reef_config_restartable(&config), REEF_RESTARTABLE_ANALYZE);
    assert_int_equal(config.reset, REEF_RESET_AUTO);
    assert_int_equal(config.log, REEF_LOG_WARN);
    assert_int_equal(config.disable, 0);
    assert_null(config.board_dir);
    assert_true(config.depth >= 1 && config.depth_us >= 1);
}

static void test_values(void **state)
{
    struct heard heard;
    assert_int_equal(parse("REEF_PRIORITY=be", &heard).priority, REEF_PRIORITY_BE);
    assert_int_equal(parse("REEF_PRIORITY=rt", &heard).priority, REEF_PRIORITY_RT);
    assert_int_equal(parse("REEF_LOG=trace", &heard).log, REEF_LOG_TRACE);
    assert_int_equal(parse("REEF_DEPTH=1024", &heard).depth, 1024);
    assert_int_equal(parse("REEF_DEPTH=1", &heard).depth, 1);
    static const struct {
        const char *text;
        enum reef_config_restartable what;
    } rows[] = {{"REEF_RESTARTABLE=assume", REEF_RESTARTABLE_ASSUME},
                {"REEF_RESTARTABLE=never", REEF_RESTARTABLE_NEVER},
                {"REEF_RESTARTABLE=", REEF_RESTARTABLE_ANALYZE},
                {"REEF_RESTARTABLE=/etc/rules", REEF_RESTARTABLE_FILE}};
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct reef_config config = parse(rows[i].text, &heard);
        assert_int_equal(reef_config_restartable(&config), rows[i].what);
    }
    assert_int_equal(heard.count, 0);
    assert_int_equal(parse("REEF_PRIORITY=", &heard).priority, REEF_PRIORITY_OFF);
    assert_int_equal(heard.count, 0);
}

static void test_string(void **state)
{
    struct reef_config config;
    char *environment[] = {(char *)"REEF_BOARD_DIR=/some/where", NULL};
    reef_config_parse(&config, environment, NULL, NULL);
    assert_string_equal(config.board_dir, "/some/where");
}

static void test_bad_values(void **state)
{
    static const char *const bad[] = {
        "REEF_PRIORITY=r",
        "REEF_PRIORITY=rtx",
        "REEF_PRIORITY=RT",
        "REEF_PRIORITY=rt|be",
        "REEF_PRIORITY=|",
        "REEF_DEPTH=0",
        "REEF_DEPTH=1025",
        "REEF_DEPTH=-1",
        "REEF_DEPTH= 4",
        "REEF_DEPTH=4x",
        "REEF_DEPTH=0x4",
        "REEF_DEPTH=99999999999999999999999",
        "REEF_DEPTH=18446744073709551617",
        "REEF_DISABLE=2",
    };
    struct reef_config defaults;
    reef_config_parse(&defaults, NULL, NULL, NULL);
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        struct heard heard;
        struct reef_config config = parse(bad[i], &heard);
        if (heard.count != 1)
            print_error("%s\n", bad[i]);
        assert_int_equal(heard.count, 1);
        assert_memory_equal(&config, &defaults, sizeof(config));
    }
}

static void test_warning_text(void **state)
{
    struct heard heard;
    parse("REEF_PRIORITY=high", &heard);
    assert_non_null(strstr(heard.last, "REEF_PRIORITY=high"));
    assert_non_null(strstr(heard.last, "rt|be|off"));
    parse("REEF_DEPTH=5000", &heard);
    assert_non_null(strstr(heard.last, "1024"));
}

static void test_unknown_names(void **state)
{
    static const struct {
        const char *variable, *meant; /* NULL: nothing near */
    } rows[] = {
        {"REEF_PRIORTY=rt", "REEF_PRIORITY"},
        {"REEF_DEPHT=4", "REEF_DEPTH"},
        {"REEF_RESTARTABEL=assume", "REEF_RESTARTABLE"},
        {"REEF_priority=rt", "REEF_PRIORITY"},
        {"REEF_SOMETHING_QUITE_DIFFERENT=1", NULL},
    };
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct heard heard;
        parse(rows[i].variable, &heard);
        assert_int_equal(heard.count, 1);
        assert_non_null(strstr(heard.last, "unknown option REEF_"));
        if (rows[i].meant)
            assert_non_null(strstr(heard.last, rows[i].meant));
        else
            assert_null(strstr(heard.last, "did you mean"));
    }
}

static void test_not_ours(void **state)
{
    struct heard heard;
    parse("REEF_EMU_TIMESCALE=3", &heard);
    assert_int_equal(heard.count, 0);
    parse("REEF_NO_VALUE", &heard);
    assert_int_equal(heard.count, 0);
}

/* A name far longer than any buffer of the parser. */
static void test_long_name(void **state)
{
    static char name[5000];
    struct heard heard = {0};
    struct reef_config config;
    memset(name, 'X', sizeof(name) - 1);
    memcpy(name, "REEF_", 5);
    name[4000] = '=';
    char *environment[] = {name, NULL};
    reef_config_parse(&config, environment, hear, &heard);
    assert_int_equal(heard.count, 1);
    assert_true(strlen(heard.last) < 256);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_defaults),     cmocka_unit_test(test_values),
        cmocka_unit_test(test_string),       cmocka_unit_test(test_bad_values),
        cmocka_unit_test(test_warning_text), cmocka_unit_test(test_unknown_names),
        cmocka_unit_test(test_not_ours),     cmocka_unit_test(test_long_name),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
