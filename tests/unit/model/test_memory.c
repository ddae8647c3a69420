// SPDX-License-Identifier: Apache-2.0
/* Shares of memory bandwidth. */
#include "model_test.h"

#include "emu/model/memory.h"

/* Bytes that all waves get together in a microsecond, at @q8 / 256 cycles a line each. */
static double together(uint32_t waves, uint32_t units, uint32_t q8)
{
    return 64.0 * waves * units * mi50.clock_mhz * 256 / q8;
}

static void assert_about(double value, double wanted)
{
    assert_true(value > 0.995 * wanted && value < 1.005 * wanted);
}

/* However many share it, together they get what there is. */
static void test_memory(void **state)
{
    static const struct {
        uint32_t waves, units;
    } cases[] = {{40, 60}, {4, 60}, {1, 60}, {40, 8}, {16, 30}};

    for (unsigned i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        uint32_t waves = cases[i].waves, units = cases[i].units;
        struct emu_memory_share far = emu_memory_share(&mi50, waves, units, false);
        struct emu_memory_share near = emu_memory_share(&mi50, waves, units, true);

        assert_about(together(waves, units, far.fill_q8), mi50.memory_bytes_per_us);
        if (units > 16)
            assert_about(together(waves, units, near.fill_q8),
                         mi50.l2_bytes_per_cycle * mi50.clock_mhz);
        assert_about(together(waves, 1, far.line_q8), 64 * mi50.clock_mhz);
        assert_about(together(waves, 1, far.lds_q8), 128 * mi50.clock_mhz);
        assert_int_equal(near.line_q8, far.line_q8);
    }
}

/* Few units are bounded by what each can draw. */
static void test_unit(void **state)
{
    for (uint32_t units = 1; units <= 7; units++) {
        struct emu_memory_share share = emu_memory_share(&mi50, 12, units, false);

        assert_int_equal(share.fill_q8, share.line_q8);
        assert_int_equal(share.line_q8, 12 * 256);
    }
    assert_true(emu_memory_share(&mi50, 12, 8, false).fill_q8 > 12 * 256);
}

static void test_no_limits(void **state)
{
    struct emu_profile profile = mi50;
    struct emu_memory_share share;

    profile.memory_bytes_per_us = profile.l1_bytes_per_cycle = profile.l2_bytes_per_cycle = 0;
    profile.lds_bytes_per_cycle = 0;
    share = emu_memory_share(&profile, 40, 60, false);
    assert_int_equal(share.line_q8 + share.fill_q8 + share.lds_q8, 0);
    profile.memory_bytes_per_us = 1; /* as slow as can be said */
    profile.clock_mhz = 100000;
    assert_int_equal(emu_memory_share(&profile, 256, 160, false).fill_q8, UINT32_MAX);
}

static void test_units_in_use(void **state)
{
    struct emu_device *dev = new_device(1000, 0);
    const struct emu_shape shape = {.waves = 4, .vgprs = 24, .sgprs = 16};
    int p = emu_device_attach(dev, 10, 1), q = emu_device_queue_open(dev, p, 7), r;

    assert_int_equal(emu_device_units_in_use(dev, p), 0);
    assert_int_equal(emu_device_dispatch(dev, q, 1, &shape, 7, 0), 0);
    assert_int_equal(emu_device_units_in_use(dev, p), 7);
    for (int i = 0; i < 7; i++) {
        r = emu_device_take_placed(dev, p);
        emu_device_release(dev, r, 0);
    }
    assert_int_equal(emu_device_units_in_use(dev, p), 0);
    assert_int_equal(emu_device_dispatch(dev, q, 2, &shape, 1000, 0), 0);
    assert_int_equal(emu_device_units_in_use(dev, p), 60);
    free(dev);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_memory),
        cmocka_unit_test(test_unit),
        cmocka_unit_test(test_no_limits),
        cmocka_unit_test(test_units_in_use),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
