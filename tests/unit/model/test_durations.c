// SPDX-License-Identifier: Apache-2.0
/* Kernel durations: the file, and curves read between and beyond their points. */
#include "model_test.h"

#include <errno.h>
#include <stdio.h>
#include <unistd.h>

#include "emu/model/curve.h"
#include "emu/model/durations.h"

static int load_text(const char *text, struct emu_durations **durations, char *err)
{
    char path[] = "/tmp/model-durations-XXXXXX";
    int fd = mkstemp(path);
    int ret;

    assert_true(fd >= 0);
    assert_int_equal(write(fd, text, strlen(text)), strlen(text));
    close(fd);
    ret = emu_durations_load(durations, path, err, 256);
    unlink(path);
    return ret;
}

static void test_file(void **state)
{
    struct emu_durations *durations = NULL;
    uint32_t length = 0;
    char err[256] = "";
    const uint32_t *curve;

    assert_int_equal(
        load_text("# times\n\n conv 10 12.5 0.001 # three\n_Z*dense* 7\ncon* 1\n", &durations, err),
        0);
    curve = emu_durations_find(durations, "conv", &length);
    assert_non_null(curve);
    assert_int_equal(length, 3);
    assert_int_equal(curve[0], 10000);
    assert_int_equal(curve[1], 12500);
    assert_int_equal(curve[2], 1);
    curve = emu_durations_find(durations, "_Z9dense_addPf", &length);
    assert_non_null(curve);
    assert_int_equal(length, 1);
    assert_non_null(emu_durations_find(durations, "concat", &length));
    assert_null(emu_durations_find(durations, "pool", &length));
    emu_durations_free(durations);

    assert_int_equal(load_text("", &durations, err), 0);
    assert_null(emu_durations_find(durations, "x", &length));
    emu_durations_free(durations);
}

static void test_bad_file(void **state)
{
    static const struct {
        const char *text, *message;
    } bad[] = {
        {"a 1\nb\n", ":2: no duration"},
        {"a -1\n", ":1: a duration is not a number"},
        {"a 1 x\n", ":1: a duration is not a number"},
        {"a nan\n", ":1: a duration is not a number"},
        {"a 0\n", ":1: a duration is not a number"},
        {"a 1e9\n", ":1: a duration is not a number"},
        {"a 1 1 1 1 1 1 1 1 1 1 1 1 1 1 1 1 1 1 1 1 1 1 1 1 1 1 1 1 1 1 1 1 1 1 1 1 1 1 1 1 1\n",
         ":1: too many durations"},
    };
    struct emu_durations *durations = NULL;
    char err[256];

    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        assert_int_equal(load_text(bad[i].text, &durations, err), -EINVAL);
        assert_non_null(strstr(err, bad[i].message));
        assert_null(durations);
    }
    assert_int_equal(emu_durations_load(&durations, "/no/such/file", err, sizeof(err)), -ENOENT);
    assert_string_equal(err, "/no/such/file: No such file or directory");
}

static void test_curve(void **state)
{
    static const uint32_t curve[] = {100, 140, 200};

    assert_int_equal(emu_curve_at(curve, 3, 4, 4), 100);
    assert_int_equal(emu_curve_at(curve, 3, 4, 5), 110); /* a wave of another kernel beside it */
    assert_int_equal(emu_curve_at(curve, 3, 4, 8), 140);
    assert_int_equal(emu_curve_at(curve, 3, 4, 12), 200);
    assert_int_equal(emu_curve_at(curve, 3, 4, 24), 400);
    assert_int_equal(emu_curve_at(curve, 1, 1, 40), 4000);
}

static void test_from_one(void **state)
{
    uint32_t curve[10];

    emu_curve_from_one(100, 4, 4, 10, curve); /* a wave on each SIMD per work-group */
    for (unsigned i = 0; i < 4; i++)
        assert_int_equal(curve[i], 100);
    assert_int_equal(curve[4], 125);
    assert_int_equal(curve[9], 250);
    emu_curve_from_one(100, 32, 4, 2, curve); /* eight of its own on each SIMD */
    assert_int_equal(curve[0], 100);
    assert_int_equal(curve[1], 200);
    emu_curve_from_one(UINT32_MAX, 4, 4, 10, curve);
    assert_int_equal(curve[9], UINT32_MAX);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_file),
        cmocka_unit_test(test_bad_file),
        cmocka_unit_test(test_curve),
        cmocka_unit_test(test_from_one),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
