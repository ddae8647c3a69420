// SPDX-License-Identifier: Apache-2.0
/* The device clock: pace, horizons, absence. */
#include "model_test.h"

static void test_pace(void **state)
{
    struct emu_device *dev = new_device(20000, 5000);

    assert_int_equal(emu_device_now(dev, 5000), 5000);
    assert_int_equal(emu_device_now(dev, 5019), 5000);
    assert_int_equal(emu_device_now(dev, 5020), 5001);
    assert_int_equal(emu_device_now(dev, 25000), 6000);
    assert_int_equal(emu_device_now(dev, 4000), 5000); /* read before the anchor was set */
    assert_int_equal(emu_device_wall_of(dev, 6000), 25000);
    assert_int_equal(emu_device_wall_of(dev, 1), 5000);
    free(dev);
}

static void test_stands_and_forgets(void **state)
{
    struct emu_device *dev = new_device(1000, 0);
    int a = emu_device_attach(dev, 10, 1), b = emu_device_attach(dev, 11, 1);

    emu_device_set_horizon(dev, a, 100, 0);
    emu_device_set_horizon(dev, b, 70, 0);
    assert_int_equal(emu_device_now(dev, 60), 60);
    assert_int_equal(emu_device_now(dev, 5000), 70);
    assert_int_equal(emu_device_wall_of(dev, 70), 70);
    assert_int_equal(emu_device_wall_of(dev, 71), EMU_NEVER);
    /* What passed meanwhile is lost: from here the clock goes on at its pace. */
    emu_device_set_horizon(dev, b, EMU_NEVER, 5000);
    assert_int_equal(emu_device_now(dev, 5000), 70);
    assert_int_equal(emu_device_now(dev, 5010), 80);
    assert_int_equal(emu_device_now(dev, 9999), 100);
    assert_true(emu_device_valid(dev));
    free(dev);
}

/* A horizon that changes while the clock runs freely below it costs nothing, not even rounding. */
static void test_no_drift(void **state)
{
    struct emu_device *dev = new_device(20000, 0);
    int a = emu_device_attach(dev, 10, 1);

    for (uint64_t wall = 1; wall < 200000; wall += 7) {
        emu_device_set_horizon(dev, a, emu_device_now(dev, wall) + 1000, wall);
        assert_int_equal(emu_device_now(dev, wall), wall / 20);
    }
    free(dev);
}

static void test_lower_keeps_clock(void **state)
{
    struct emu_device *dev = new_device(1000, 0);
    int a = emu_device_attach(dev, 10, 1);

    emu_device_set_horizon(dev, a, 500, 0);
    assert_int_equal(emu_device_now(dev, 300), 300);
    emu_device_set_horizon(dev, a, 200, 300); /* cannot be honoured: the clock has passed it */
    assert_int_equal(emu_device_now(dev, 400), 300);
    emu_device_set_horizon(dev, a, 350, 400);
    assert_int_equal(emu_device_now(dev, 420), 320);
    assert_int_equal(emu_device_now(dev, 500), 350);
    free(dev);
}

static void test_absent(void **state)
{
    struct emu_device *dev = new_device(1000, 0);
    int a = emu_device_attach(dev, 10, 1), b = emu_device_attach(dev, 11, 1);

    emu_device_set_horizon(dev, a, 100, 0);
    emu_device_set_horizon(dev, b, 1000, 0);
    assert_int_equal(emu_device_now(dev, 400), 100);
    emu_device_set_absent(dev, a, true, 400);
    assert_int_equal(emu_device_now(dev, 450), 150);
    emu_device_set_horizon(dev, a, 120, 450); /* has no say */
    assert_int_equal(emu_device_now(dev, 500), 200);
    emu_device_set_horizon(dev, a, 200, 500);
    emu_device_set_absent(dev, a, false, 500);
    assert_int_equal(emu_device_now(dev, 900), 200);
    assert_true(emu_device_valid(dev));
    free(dev);
}

static void test_wakes(void **state)
{
    struct emu_device *dev = new_device(1000, 0);
    int a = emu_device_attach(dev, 10, 1), b = emu_device_attach(dev, 11, 1);
    uint32_t wake_a, wake_b;

    emu_device_set_horizon(dev, a, 100, 0);
    emu_device_set_horizon(dev, b, 200, 0);
    wake_a = dev->processes[a].wake;
    wake_b = dev->processes[b].wake;
    emu_device_set_horizon(dev, b, 300, 0); /* not the least: nobody gains */
    assert_int_equal(dev->processes[a].wake, wake_a);
    emu_device_set_horizon(dev, a, 150, 0);
    assert_int_not_equal(dev->processes[a].wake, wake_a);
    assert_int_not_equal(dev->processes[b].wake, wake_b);
    free(dev);
}

/* Placing a work-group for another process holds the clock until that process has seen it. */
static void test_placement_holds_clock(void **state)
{
    struct emu_device *dev = new_device(1000, 0);
    int a = emu_device_attach(dev, 10, 1), b = emu_device_attach(dev, 11, 1);
    int qa = emu_device_queue_open(dev, a, 7), qb = emu_device_queue_open(dev, b, 7);
    struct emu_shape whole = {.waves = 4, .lds_bytes = 65536};
    int first, r;
    uint32_t wake;

    assert_int_equal(emu_device_dispatch(dev, qa, 1, &whole, 60, 0), 0);
    assert_int_equal(emu_device_dispatch(dev, qb, 1, &whole, 1, 0), 0);
    for (first = r = emu_device_take_placed(dev, a); r >= 0;)
        r = emu_device_take_placed(dev, a);
    assert_int_equal(dev->processes[b].horizon_ns, EMU_NEVER);
    emu_device_set_horizon(dev, a, 80, 10);
    assert_int_equal(emu_device_now(dev, 95), 80);
    wake = dev->processes[b].wake;
    emu_device_release(dev, first, 80);
    assert_int_not_equal(dev->processes[b].wake, wake);
    assert_int_equal(dev->processes[b].horizon_ns, 80);
    emu_device_set_horizon(dev, a, EMU_NEVER, 95);
    assert_int_equal(emu_device_now(dev, 1000), 80);
    emu_device_set_horizon(dev, b, EMU_NEVER, 1000); /* not before it has taken it */
    assert_int_equal(emu_device_now(dev, 2000), 80);
    assert_true(emu_device_take_placed(dev, b) >= 0);
    emu_device_set_horizon(dev, b, EMU_NEVER, 2000);
    assert_int_equal(emu_device_now(dev, 2010), 90);
    free(dev);
}

static void test_extremes(void **state)
{
    struct emu_device *dev = new_device(1, 0);

    assert_true(emu_device_now(dev, EMU_NEVER - 1) < EMU_NEVER);
    emu_device_init(dev, &mi50, UINT32_MAX, 0);
    assert_int_equal(emu_device_wall_of(dev, EMU_NEVER - 1), EMU_NEVER);
    emu_device_init(dev, &mi50, 0, 0); /* a scale of nothing would be a division by zero */
    assert_true(emu_device_valid(dev));
    free(dev);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_pace),
        cmocka_unit_test(test_stands_and_forgets),
        cmocka_unit_test(test_no_drift),
        cmocka_unit_test(test_lower_keeps_clock),
        cmocka_unit_test(test_absent),
        cmocka_unit_test(test_wakes),
        cmocka_unit_test(test_placement_holds_clock),
        cmocka_unit_test(test_extremes),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
