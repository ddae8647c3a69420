// SPDX-License-Identifier: Apache-2.0
/* Reading device profiles: the shipped ones, and every way a file can be wrong. */
#include "model_test.h"

#include <errno.h>
#include <stdio.h>
#include <unistd.h>

static const char *profiles_dir;

static const char good[] = "compute_units = 2\nsimds_per_cu=4\n  waves_per_simd = 10 # ten\n"
                           "vgprs_per_simd = 256\nvgpr_granule = 4\nsgprs_per_simd = 800\n"
                           "sgpr_granule = 16\nlds_bytes_per_cu = 0x10000\nlds_granule = 512\n"
                           "workgroups_per_cu = 16\nclock_mhz = 1000\nmemory_bytes = 1073741824\n"
                           "\n# latencies\nvmem_latency = 1\nlds_latency = 2\nsmem_latency = 3\n"
                           "packet_ns = 4\ndispatch_ns = 5\ncompletion_ns = 6\n";
static const char last[] = "copy_bytes_per_us = 7\n";

static int load_text(const char *a, const char *b, struct emu_profile *profile, char *err)
{
    char path[] = "/tmp/model-profile-XXXXXX";
    int fd = mkstemp(path);
    int ret;

    assert_true(fd >= 0);
    assert_int_equal(write(fd, a, strlen(a)), strlen(a));
    assert_int_equal(write(fd, b, strlen(b)), strlen(b));
    close(fd);
    ret = emu_profile_load(profile, path, err, 256);
    unlink(path);
    return ret;
}

static void test_shipped(void **state)
{
    struct emu_profile profile;
    char path[4096], err[256] = "";

    snprintf(path, sizeof(path), "%s/mi50.conf", profiles_dir);
    assert_int_equal(emu_profile_load(&profile, path, err, sizeof(err)), 0);
    assert_memory_equal(&profile, &mi50, sizeof(profile));
}

static void test_good(void **state)
{
    struct emu_profile profile;
    char err[256] = "";

    assert_int_equal(load_text(good, last, &profile, err), 0);
    assert_int_equal(profile.compute_units, 2);
    assert_int_equal(profile.lds_bytes_per_cu, 65536);
    assert_int_equal(profile.memory_bytes, 1073741824);
    assert_int_equal(profile.copy_bytes_per_us, 7);
    assert_int_equal(strncmp(profile.name, "model-profile-", 14), 0);
}

static void test_bad(void **state)
{
    static const struct {
        const char *line, *message;
    } cases[] = {
        {"", "key copy_bytes_per_us is missing"},
        {"copy_bytes_per_us = 7\ncopy_bytes_per_us = 7\n", "key given twice"},
        {"copy_bytes_per_us = 7\nspeed = 7\n", "unknown key"},
        {"copy_bytes_per_us = fast\n", "value is not a number"},
        {"copy_bytes_per_us = -1\n", "value is not a number"},
        {"copy_bytes_per_us = 7 8\n", "value is not a number"},
        {"copy_bytes_per_us =\n", "value is not a number"},
        {"copy_bytes_per_us = 0\n", "value out of range"},
        {"copy_bytes_per_us = 99999999999999999999999\n", "value is not a number"},
        {"copy_bytes_per_us\n", "expected \"key = value\""},
    };

    for (unsigned i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct emu_profile profile = {.compute_units = 12345};
        char err[256] = "";

        assert_int_equal(load_text(good, cases[i].line, &profile, err), -EINVAL);
        assert_non_null(strstr(err, cases[i].message));
        assert_int_equal(profile.compute_units, 12345);
    }
}

static void test_line_number(void **state)
{
    struct emu_profile profile;
    char err[256] = "";

    assert_int_equal(load_text("# one\n\nwaves = 3\n", "", &profile, err), -EINVAL);
    assert_non_null(strstr(err, ":3: unknown key"));
}

static void test_absent(void **state)
{
    struct emu_profile profile;
    char err[256] = "";

    assert_int_equal(emu_profile_load(&profile, "/nonexistent/x.conf", err, sizeof(err)), -ENOENT);
    assert_non_null(strstr(err, "/nonexistent/x.conf"));
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_shipped), cmocka_unit_test(test_good),
        cmocka_unit_test(test_bad),     cmocka_unit_test(test_line_number),
        cmocka_unit_test(test_absent),
    };

    if (argc < 2)
        return 1;
    profiles_dir = argv[1];
    return cmocka_run_group_tests(tests, NULL, NULL);
}
