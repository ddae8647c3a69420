// SPDX-License-Identifier: Apache-2.0
/* Turns of processes: whose they are, when they end, what they cost; and that nobody misses a date.
 */
#include "model_test.h"

enum { SLICE = 1024000, SWITCH = 180000 };

static struct emu_device *device_with_turns(int *a, int *b)
{
    struct emu_device *dev = new_device(1000, 0);

    dev->profile.timeslice_us = 1024;
    dev->profile.context_switch_us = 180;
    for (unsigned p = 1; p < EMU_MAX_PROCESSES; p++)
        memcpy(dev->cus[p], dev->cus[0], sizeof(dev->cus[0]));
    *a = emu_device_attach(dev, 1, 1);
    *b = emu_device_attach(dev, 2, 1);
    return dev;
}

static void test_alone(void **state)
{
    int a, b;
    struct emu_device *dev = device_with_turns(&a, &b);

    emu_device_turn_want(dev, a, true, 50);
    assert_int_equal(emu_device_turn_look(dev, a), 50);
    assert_true(emu_device_turn_look(dev, b) == EMU_NEVER);
    assert_true(dev->turn_of.end_ns == EMU_NEVER);
    /* Back at once: its context is still loaded. */
    emu_device_turn_want(dev, a, false, 70);
    emu_device_turn_want(dev, a, true, 90);
    assert_int_equal(emu_device_turn_look(dev, a), 90);
    free(dev);
}

static void test_slice(void **state)
{
    int a, b;
    struct emu_device *dev = device_with_turns(&a, &b);

    emu_device_turn_want(dev, a, true, 0);
    emu_device_turn_look(dev, a);
    /* The slice begins when somebody begins to wait. */
    emu_device_turn_want(dev, b, true, 5000);
    assert_int_equal(dev->turn_of.end_ns, 5000 + SLICE);
    assert_true(dev->horizon_ns <= 5000 + SLICE);
    emu_device_turn_over(dev, 5000 + SLICE - 1);
    assert_int_equal(dev->turn_of.owner, a);
    emu_device_turn_over(dev, 5000 + SLICE);
    assert_int_equal(dev->turn_of.owner, b);
    /* Both have to look before the clock goes on. */
    emu_device_set_horizon(dev, a, EMU_NEVER, 0);
    assert_int_equal(dev->processes[a].horizon_ns, 5000 + SLICE);
    assert_true(emu_device_turn_look(dev, a) == EMU_NEVER);
    assert_int_equal(emu_device_turn_look(dev, b), 5000 + SLICE + SWITCH);
    assert_int_equal(dev->turn_of.end_ns, 5000 + SLICE + SWITCH + SLICE);
    free(dev);
}

static void test_yield(void **state)
{
    int a, b;
    struct emu_device *dev = device_with_turns(&a, &b);

    emu_device_turn_want(dev, a, true, 0);
    emu_device_turn_want(dev, b, true, 100);
    emu_device_turn_want(dev, a, false, 300);
    assert_int_equal(dev->turn_of.owner, b);
    assert_int_equal(emu_device_turn_look(dev, b), 300 + SWITCH);
    assert_true(dev->turn_of.end_ns == EMU_NEVER); /* nobody waits */
    free(dev);
}

static void test_death(void **state)
{
    int a, b;
    struct emu_device *dev = device_with_turns(&a, &b);

    emu_device_turn_want(dev, a, true, 0);
    emu_device_turn_want(dev, b, true, 100);
    emu_device_detach(dev, a, 200);
    assert_int_equal(dev->turn_of.owner, b);
    emu_device_detach(dev, b, 400000);
    assert_int_equal(dev->turn_of.owner, -1);
    free(dev);
}

/* A process with slices shorter than the switch takes no turn from one with longer ones that goes
 * on; it gets it when that one has nothing to do. Two of them take it from each other. */
static void test_short(void **state)
{
    int a, b;
    struct emu_device *dev = device_with_turns(&a, &b);
    int c = emu_device_attach(dev, 3, 1);

    dev->processes[b].slice_us = dev->processes[c].slice_us = 1;
    emu_device_turn_want(dev, b, true, 0);
    emu_device_turn_want(dev, a, true, 5000);
    assert_int_equal(dev->turn_of.end_ns, 5000 + 1000);
    emu_device_turn_over(dev, 6000);
    assert_int_equal(dev->turn_of.owner, a);
    assert_true(dev->turn_of.end_ns == EMU_NEVER);
    emu_device_turn_want(dev, c, true, 7000);
    assert_true(dev->turn_of.end_ns == EMU_NEVER);
    emu_device_turn_want(dev, a, false, 5000000);
    assert_int_equal(dev->turn_of.owner, b);
    assert_int_equal(dev->turn_of.end_ns, 5000000 + SWITCH + 1000);
    emu_device_turn_over(dev, 5000000 + SWITCH + 1000);
    assert_int_equal(dev->turn_of.owner, c);
    /* One with longer slices is among those that wait: then the next is that one. */
    emu_device_turn_want(dev, a, true, 5300000);
    dev->processes[b].slice_us = 1024;
    emu_device_turn_want(dev, c, false, 5400000);
    assert_int_equal(dev->turn_of.owner, a);
    assert_int_equal(dev->turn_of.end_ns, 5400000 + SWITCH + SLICE);
    free(dev);
}

/* Slices are made longer and shorter while others wait. */
static void test_slice_changes(void **state)
{
    int a, b;
    struct emu_device *dev = device_with_turns(&a, &b);

    emu_device_turn_slice(dev, b, 1, 0);
    emu_device_turn_want(dev, a, true, 0);
    emu_device_turn_want(dev, b, true, 5000);
    assert_true(dev->turn_of.end_ns == EMU_NEVER);
    emu_device_turn_slice(dev, b, 1000, 7000);
    assert_int_equal(dev->turn_of.end_ns, 7000 + SLICE);
    emu_device_turn_slice(dev, b, 1, 8000);
    assert_true(dev->turn_of.end_ns == EMU_NEVER);
    /* Both short: they interrupt each other. */
    emu_device_turn_slice(dev, a, 1, 9000);
    assert_int_equal(dev->turn_of.end_ns, 9000 + 1000);
    emu_device_turn_over(dev, 10000);
    assert_int_equal(dev->turn_of.owner, b);
    free(dev);
}

/* Kernels of the owner run, but none waits: who wants the turn gets it, and gives it back. */
static void test_nothing_waits(void **state)
{
    int a, b;
    struct emu_device *dev = device_with_turns(&a, &b);

    emu_device_turn_want(dev, a, true, 0);
    emu_device_turn_yield(dev, a, 100); /* nobody else wants it */
    assert_int_equal(dev->turn_of.owner, a);
    emu_device_turn_slice(dev, b, 1, 200);
    emu_device_turn_want(dev, b, true, 200);
    emu_device_turn_yield(dev, b, 300); /* it has none */
    assert_int_equal(dev->turn_of.owner, a);
    emu_device_turn_yield(dev, a, 1000);
    assert_int_equal(dev->turn_of.owner, b);
    assert_true(emu_device_turn_look(dev, a) == EMU_NEVER);
    assert_int_equal(emu_device_turn_look(dev, b), 1000 + SWITCH);
    /* The other one still wants it. */
    assert_int_equal(dev->turn_of.end_ns, 1000 + SWITCH + 1000);
    emu_device_turn_yield(dev, b, 2000); /* its turn has not begun */
    assert_int_equal(dev->turn_of.owner, b);
    emu_device_turn_over(dev, 1000 + SWITCH + 1000);
    assert_int_equal(dev->turn_of.owner, a);
    assert_int_equal(emu_device_turn_look(dev, a), 1000 + SWITCH + 1000 + SWITCH);
    free(dev);
}

/* Who has the turn has the device to itself: the other's work-groups take no room from it. */
static void test_room(void **state)
{
    int a, b, qa, qb;
    struct emu_device *dev = device_with_turns(&a, &b);
    struct emu_shape shape = {.waves = 4, .vgprs = 64, .lds_bytes = 0};

    qa = emu_device_queue_open(dev, a, 7);
    qb = emu_device_queue_open(dev, b, 7);
    assert_int_equal(emu_device_dispatch(dev, qa, 1, &shape, 10000, 0), 0);
    assert_int_equal(emu_device_dispatch(dev, qb, 1, &shape, 10000, 0), 0);
    assert_int_equal(dev->queues[qa].next_workgroup, dev->queues[qb].next_workgroup);
    assert_true(emu_device_valid(dev));
    free(dev);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_alone), cmocka_unit_test(test_slice),
        cmocka_unit_test(test_yield), cmocka_unit_test(test_death),
        cmocka_unit_test(test_short), cmocka_unit_test(test_slice_changes),
        cmocka_unit_test(test_room),  cmocka_unit_test(test_nothing_waits),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
