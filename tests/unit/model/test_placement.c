// SPDX-License-Identifier: Apache-2.0
/* Occupancy limits, and who gets a place when. */
#include "model_test.h"

#include <errno.h>

static void test_occupancy(void **state)
{
    static const struct {
        struct emu_shape shape; /* waves, vgprs, sgprs, lds */
        uint32_t groups;
    } table[] = {
        {{1, 24, 80, 0}, 40}, /* every wave slot */
        {{1, 25, 80, 0}, 36}, /* 28 registers: 9 a SIMD */
        {{1, 32, 80, 0}, 32},
        {{1, 64, 32, 0}, 16},
        {{1, 84, 32, 0}, 12},
        {{1, 128, 32, 0}, 8},
        {{1, 129, 32, 0}, 4},
        {{1, 256, 32, 0}, 4},
        {{1, 257, 32, 0}, 0},  /* does not exist on the chip */
        {{1, 24, 81, 0}, 32},  /* 96 scalar registers: 8 a SIMD */
        {{1, 24, 102, 0}, 28}, /* 112: 7 a SIMD */
        {{1, 0, 0, 0}, 40},
        {{1, 24, 16, 1}, 40}, /* 512 B granule: LDS allows 128 */
        {{1, 24, 16, 4096}, 16},
        {{1, 24, 16, 4097}, 14}, /* rounded to 4608 */
        {{4, 24, 16, 32768}, 2},
        {{4, 24, 16, 32769}, 1},
        {{4, 24, 16, 65536}, 1},
        {{4, 24, 16, 65537}, 0},
        {{2, 24, 16, 0}, 16}, /* barriers, before the 40 wave slots */
        {{4, 24, 16, 0}, 10},
        {{16, 24, 16, 0}, 2}, /* 1024 work-items: 32 of 40 slots */
        {{16, 64, 16, 0}, 1},
        {{16, 65, 16, 0}, 0}, /* 3 waves a SIMD, 4 needed */
        {{16, 84, 16, 0}, 0},
        {{40, 24, 16, 0}, 1},
        {{41, 24, 16, 0}, 0},
        {{3, 128, 16, 0}, 2}, /* 8 waves fit, in threes */
        {{UINT32_MAX, UINT32_MAX, UINT32_MAX, UINT32_MAX}, 0},
    };

    for (unsigned i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
        uint32_t groups = emu_occupancy(&mi50, &table[i].shape);

        if (groups != table[i].groups)
            fail_msg("row %u: %u work-groups, expected %u", i, groups, table[i].groups);
    }
}

static unsigned take_all(struct emu_device *dev, int process, int *list, unsigned max)
{
    unsigned count = 0;
    int r;

    while ((r = emu_device_take_placed(dev, process)) >= 0) {
        assert_true(count < max);
        list[count++] = r;
    }
    assert_true(emu_device_valid(dev));
    return count;
}

static const struct emu_shape whole_cu = {.waves = 4, .vgprs = 64, .sgprs = 16, .lds_bytes = 65536};
static const struct emu_shape wave = {.waves = 1, .vgprs = 24, .sgprs = 16};

static void test_fills_device(void **state)
{
    struct emu_device *dev = new_device(1000, 100);
    int p = emu_device_attach(dev, 10, 1);
    int q = emu_device_queue_open(dev, p, 7);
    int list[EMU_MAX_RESIDENTS];

    assert_int_equal(emu_device_dispatch(dev, q, 5, &wave, 3000, 100), 0);
    assert_int_equal(take_all(dev, p, list, EMU_MAX_RESIDENTS), 2400);
    for (int i = 0; i < 2400; i++) {
        assert_int_equal(dev->residents[list[i]].workgroup, i);
        assert_int_equal(dev->residents[list[i]].dispatch, 5);
        assert_int_equal(dev->residents[list[i]].placed_ns, 100);
        assert_int_equal(emu_device_waves_beside(dev, list[i]), 10);
    }
    assert_int_equal(dev->queues[q].next_workgroup, 2400);
    assert_int_equal(emu_device_dispatch(dev, q, 6, &wave, 1, 100), -EBUSY);
    emu_device_release(dev, list[17], 250);
    assert_int_equal(take_all(dev, p, list, 1), 1);
    assert_int_equal(dev->residents[list[0]].workgroup, 2400);
    assert_int_equal(dev->residents[list[0]].placed_ns,
                     250); /* at the very moment of the release */
    assert_int_equal(emu_device_withdraw(dev, q), 599);
    assert_int_equal(emu_device_dispatch(dev, q, 6, &whole_cu, 1, 250), 0);
    free(dev);
}

static void test_spreads(void **state)
{
    struct emu_device *dev = new_device(1000, 0);
    int p = emu_device_attach(dev, 10, 1);
    int q = emu_device_queue_open(dev, p, 7);
    bool seen[60] = {false};
    int list[240];

    assert_int_equal(emu_device_dispatch(dev, q, 1, &wave, 60, 0), 0);
    assert_int_equal(take_all(dev, p, list, 60), 60);
    for (int i = 0; i < 60; i++) {
        assert_false(seen[dev->residents[list[i]].cu]);
        seen[dev->residents[list[i]].cu] = true;
        assert_int_equal(emu_device_waves_beside(dev, list[i]), 1);
    }
    /* Four waves a unit: one on each SIMD, still alone. */
    assert_int_equal(emu_device_dispatch(dev, q, 2, &wave, 180, 0), 0);
    assert_int_equal(take_all(dev, p, list, 180), 180);
    assert_int_equal(emu_device_waves_beside(dev, list[179]), 1);
    assert_int_equal(emu_device_dispatch(dev, q, 3, &wave, 1, 0), 0);
    assert_int_equal(take_all(dev, p, list, 1), 1);
    assert_int_equal(emu_device_waves_beside(dev, list[0]), 2);
    free(dev);
}

static void test_refuses(void **state)
{
    struct emu_device *dev = new_device(1000, 0);
    int p = emu_device_attach(dev, 10, 1);
    int q = emu_device_queue_open(dev, p, 7);
    struct emu_shape huge = {.waves = 4, .lds_bytes = 65537};

    assert_int_equal(emu_device_dispatch(dev, q, 1, &huge, 1, 0), -ENOSPC);
    assert_int_equal(emu_device_dispatch(dev, q, 1, &wave, 0, 0), -EINVAL);
    emu_device_queue_close(dev, q);
    assert_int_equal(emu_device_dispatch(dev, q, 1, &wave, 1, 0), -EINVAL);
    free(dev);
}

/* Two processes that each want more than the device: half each, whoever came first. */
static void test_turns(void **state)
{
    struct emu_device *dev = new_device(1000, 0);
    int a = emu_device_attach(dev, 10, 1), b = emu_device_attach(dev, 11, 1);
    int qa = emu_device_queue_open(dev, a, 7), qb = emu_device_queue_open(dev, b, 7);
    int list[60], other[60];

    assert_int_equal(emu_device_dispatch(dev, qa, 1, &whole_cu, 1000, 0), 0);
    assert_int_equal(emu_device_dispatch(dev, qb, 1, &whole_cu, 1000, 0), 0);
    assert_int_equal(take_all(dev, a, list, 60), 60);
    assert_int_equal(take_all(dev, b, other, 60), 0);
    emu_device_release_many(dev, list, 60, 1000);
    assert_int_equal(take_all(dev, a, list, 60), 30);
    assert_int_equal(take_all(dev, b, other, 60), 30);
    /* One at a time they alternate. */
    for (int i = 0; i < 10; i++) {
        int got_a[1], got_b[1];
        unsigned count_a, count_b;

        emu_device_release(dev, list[i], 2000);
        count_a = take_all(dev, a, got_a, 1);
        count_b = take_all(dev, b, got_b, 1);
        assert_int_equal(count_a, i % 2);
        assert_int_equal(count_b, 1 - i % 2);
    }
    free(dev);
}

/* A queue whose work-group does not fit does not stand in the way of its equals ... */
static void test_passed_over(void **state)
{
    struct emu_device *dev = new_device(1000, 0);
    int p = emu_device_attach(dev, 10, 1);
    int big = emu_device_queue_open(dev, p, 7), small = emu_device_queue_open(dev, p, 7);
    struct emu_shape half = whole_cu;
    int list[EMU_MAX_RESIDENTS];

    half.lds_bytes = 40000;
    assert_int_equal(emu_device_dispatch(dev, big, 1, &half, 100, 0), 0);
    assert_int_equal(take_all(dev, p, list, 100), 60);
    assert_int_equal(emu_device_dispatch(dev, small, 1, &wave, 5, 0), 0);
    assert_int_equal(take_all(dev, p, list, 100), 5);
    free(dev);
}

/* ... but one of a higher priority keeps lower ones from taking what it waits for. */
static void test_priority(void **state)
{
    struct emu_device *dev = new_device(1000, 0);
    int a = emu_device_attach(dev, 10, 1), b = emu_device_attach(dev, 11, 1);
    int low = emu_device_queue_open(dev, a, 3), high = emu_device_queue_open(dev, b, 11);
    int list[EMU_MAX_RESIDENTS], got[EMU_MAX_RESIDENTS];
    unsigned released = 0;

    assert_int_equal(emu_device_dispatch(dev, low, 1, &wave, 100000, 0), 0);
    assert_int_equal(take_all(dev, a, list, EMU_MAX_RESIDENTS), 2400);
    assert_int_equal(emu_device_dispatch(dev, high, 1, &whole_cu, 1, 10), 0);
    assert_int_equal(take_all(dev, b, got, 1), 0);
    for (unsigned i = 0; i < 2400 && released < 4; i++) {
        if (dev->residents[list[i]].cu != 0)
            continue;
        emu_device_release(dev, list[i], 20);
        released++;
        assert_int_equal(take_all(dev, a, got, 1), 0);
    }
    /* It needs 64 registers on each SIMD; two waves of 24 fewer on each make room. */
    for (unsigned i = 0; i < 2400 && dev->processes[b].placed < 0; i++) {
        if (dev->residents[list[i]].cu == 0 && dev->residents[list[i]].used)
            emu_device_release(dev, list[i], 30);
    }
    assert_int_equal(take_all(dev, b, got, 1), 1);
    assert_int_equal(dev->residents[got[0]].cu, 0);
    assert_int_equal(take_all(dev, a, got, 1), 0); /* it took all registers there */
    for (unsigned i = 0; i < 2400; i++) {
        if (dev->residents[list[i]].cu != 1)
            continue;
        emu_device_release(dev, list[i], 40);
        break;
    }
    assert_int_equal(take_all(dev, a, got, 1), 1); /* and then the rest goes on */
    free(dev);
}

static void test_suspend(void **state)
{
    struct emu_device *dev = new_device(1000, 0);
    int p = emu_device_attach(dev, 10, 1);
    int q = emu_device_queue_open(dev, p, 7);
    int list[60];

    emu_device_queue_suspend(dev, q, true, 0);
    assert_int_equal(emu_device_dispatch(dev, q, 1, &whole_cu, 3, 0), 0);
    assert_int_equal(take_all(dev, p, list, 60), 0);
    emu_device_queue_suspend(dev, q, false, 500);
    assert_int_equal(take_all(dev, p, list, 60), 3);
    assert_int_equal(dev->residents[list[0]].placed_ns, 500);
    free(dev);
}

/* Saved waves leave their places to others, also of other processes; and come back, before anything
 * new of their queue, as there is room. */
static void test_save(void **state)
{
    struct emu_device *dev = new_device(1000, 0);
    int a = emu_device_attach(dev, 10, 1), b = emu_device_attach(dev, 11, 1);
    int qa = emu_device_queue_open(dev, a, 7), qb = emu_device_queue_open(dev, b, 7);
    int of_a[64], of_b[60], again[60];

    assert_int_equal(emu_device_dispatch(dev, qa, 1, &whole_cu, 62, 0), 0);
    assert_int_equal(take_all(dev, a, of_a, 60), 60);
    assert_int_equal(emu_device_dispatch(dev, qb, 2, &whole_cu, 59, 0), 0);
    assert_int_equal(take_all(dev, b, of_b, 60), 0);

    emu_device_queue_suspend(dev, qa, true, 0);
    assert_int_equal(take_all(dev, b, of_b, 60), 0); /* not saved yet */
    emu_device_set_horizon(dev, a, EMU_NEVER, 0);
    emu_device_set_horizon(dev, b, EMU_NEVER, 0);
    emu_device_queue_save(dev, qa, 300);
    assert_true(emu_device_valid(dev));
    assert_int_equal(take_all(dev, b, of_b, 60), 59);
    assert_int_equal(dev->residents[of_b[0]].placed_ns, 300);
    assert_int_equal(take_all(dev, a, again, 60), 0);
    assert_int_equal(dev->residents[of_a[7]].used, EMU_RESIDENT_AWAY);

    emu_device_queue_suspend(dev, qa, false, 500); /* one unit is free */
    assert_int_equal(take_all(dev, a, again, 60), 1);
    assert_int_equal(dev->residents[again[0]].placed_ns, 500);
    emu_device_release_many(dev, of_b, 59, 700);
    assert_int_equal(take_all(dev, a, again, 60), 59); /* and nothing new */
    for (int i = 0; i < 59; i++)
        assert_true(dev->residents[again[i]].workgroup < 60);
    assert_int_equal(dev->queues[qa].next_workgroup, 60);
    emu_device_release_many(dev, of_a, 60, 900);
    assert_int_equal(take_all(dev, a, again, 60), 2);
    assert_int_equal(dev->residents[again[0]].workgroup, 60);
    assert_true(emu_device_valid(dev));
    free(dev);
}

/* Work-groups that are away may end there (a kill), and go with their process. */
static void test_save_and_release(void **state)
{
    struct emu_device *dev = new_device(1000, 0);
    int p = emu_device_attach(dev, 10, 1);
    int q = emu_device_queue_open(dev, p, 7);
    int list[60], again[60];

    assert_int_equal(emu_device_dispatch(dev, q, 1, &whole_cu, 10, 0), 0);
    assert_int_equal(take_all(dev, p, list, 60), 10);
    emu_device_queue_suspend(dev, q, true, 0);
    emu_device_queue_save(dev, q, 0);
    emu_device_release(dev, list[0], 0);
    emu_device_release(dev, list[9], 0);
    emu_device_release(dev, list[4], 0);
    assert_true(emu_device_valid(dev));
    emu_device_queue_suspend(dev, q, false, 0);
    assert_int_equal(take_all(dev, p, again, 60), 7);
    emu_device_queue_suspend(dev, q, true, 0);
    emu_device_queue_save(dev, q, 0);
    emu_device_queue_save(dev, q, 0); /* nothing more to save */
    assert_true(emu_device_valid(dev));
    emu_device_detach(dev, p, 0);
    assert_true(emu_device_valid(dev));
    for (int i = 0; i < 10; i++)
        assert_int_equal(dev->residents[list[i]].used, EMU_RESIDENT_FREE);
    free(dev);
}

static void test_detach_frees(void **state)
{
    struct emu_device *dev = new_device(1000, 0);
    int a = emu_device_attach(dev, 10, 1), b = emu_device_attach(dev, 11, 1);
    int qa = emu_device_queue_open(dev, a, 7), qb = emu_device_queue_open(dev, b, 7);
    int list[60];

    assert_int_equal(emu_device_dispatch(dev, qa, 1, &whole_cu, 1000, 0), 0);
    take_all(dev, a, list, 20 + 40);
    emu_device_set_horizon(dev, a, 40, 10);
    assert_int_equal(emu_device_dispatch(dev, qb, 1, &whole_cu, 70, 40), 0);
    assert_int_equal(take_all(dev, b, list, 60), 0);
    emu_device_detach(dev, a, 1000); /* the clock stands at 40 */
    assert_int_equal(take_all(dev, b, list, 60), 60);
    assert_int_equal(dev->residents[list[0]].placed_ns, 40);
    assert_int_equal(dev->processes[a].pid, 0);
    assert_false(dev->queues[qa].used);
    assert_int_equal(emu_device_attach(dev, 12, 1), a);
    assert_true(emu_device_valid(dev));
    free(dev);
}

static void test_tables_full(void **state)
{
    struct emu_device *dev = new_device(1000, 0);
    int p = 0;

    for (int i = 0; i < EMU_MAX_PROCESSES; i++)
        p = emu_device_attach(dev, 10 + i, 1);
    assert_int_equal(p, EMU_MAX_PROCESSES - 1);
    assert_int_equal(emu_device_attach(dev, 9999, 1), -ENOSPC);
    for (int i = 0; i < EMU_MAX_QUEUES; i++)
        assert_int_equal(emu_device_queue_open(dev, p, 7), i);
    assert_int_equal(emu_device_queue_open(dev, p, 7), -ENOSPC);
    emu_device_detach(dev, p, 10);
    assert_int_equal(emu_device_queue_open(dev, 0, 7), 0);
    free(dev);
}

/* Units @first to @end - 1. */
static struct emu_units units_between(unsigned first, unsigned end)
{
    struct emu_units units = {0};

    for (unsigned u = first; u < end; u++)
        units.word[u / 64] |= 1ull << u % 64;
    return units;
}

/* A mask bounds where a queue's work-groups go and so how many there are at a time; others use the
 * rest, and the masked ones' units as well if they are no fuller. */
static void test_units(void **state)
{
    struct emu_device *dev = new_device(1000, 0);
    int p1 = emu_device_attach(dev, 10, 1), p2 = emu_device_attach(dev, 11, 1);
    int masked = emu_device_queue_open(dev, p1, 7), open = emu_device_queue_open(dev, p2, 7);
    struct emu_units last20 = units_between(40, 60);
    int list[60];

    emu_device_queue_set_units(dev, masked, &last20);
    assert_int_equal(emu_device_dispatch(dev, masked, 1, &whole_cu, 50, 0), 0);
    assert_int_equal(take_all(dev, p1, list, 60), 20);
    for (int i = 0; i < 20; i++)
        assert_in_range(dev->residents[list[i]].cu, 40, 59);
    int first = list[0];

    assert_int_equal(emu_device_dispatch(dev, open, 2, &whole_cu, 50, 0), 0);
    assert_int_equal(take_all(dev, p2, list, 60), 40);
    for (int i = 0; i < 40; i++)
        assert_in_range(dev->residents[list[i]].cu, 0, 39);
    /* A unit outside the mask is nothing to the masked queue. */
    emu_device_release(dev, list[0], 10);
    assert_int_equal(take_all(dev, p1, list, 60), 0);
    assert_int_equal(take_all(dev, p2, list, 60), 1);
    /* One inside is for both, in turn: it is the masked one's now. */
    emu_device_release(dev, first, 20);
    assert_int_equal(take_all(dev, p1, list, 60), 1);
    assert_int_equal(take_all(dev, p2, list, 60), 0);
    free(dev);
}

/* Whoever is not masked keeps clear of the units that others have filled, while there are more. */
static void test_units_beside(void **state)
{
    struct emu_device *dev = new_device(1000, 0);
    int p1 = emu_device_attach(dev, 10, 1), p2 = emu_device_attach(dev, 11, 1);
    int masked = emu_device_queue_open(dev, p1, 7), open = emu_device_queue_open(dev, p2, 7);
    struct emu_units last40 = units_between(20, 60);
    int list[400];

    emu_device_queue_set_units(dev, masked, &last40);
    assert_int_equal(emu_device_dispatch(dev, masked, 1, &wave, 400, 0), 0);
    assert_int_equal(take_all(dev, p1, list, 400), 400);
    assert_int_equal(emu_device_dispatch(dev, open, 2, &wave, 20, 0), 0);
    assert_int_equal(take_all(dev, p2, list, 60), 20);
    for (int i = 0; i < 20; i++)
        assert_in_range(dev->residents[list[i]].cu, 0, 19);
    free(dev);
}

/* What was saved comes back within the mask that holds then. */
static void test_units_after_save(void **state)
{
    struct emu_device *dev = new_device(1000, 0);
    int p = emu_device_attach(dev, 10, 1), q = emu_device_queue_open(dev, p, 7);
    struct emu_units first10 = units_between(0, 10);
    int list[60];

    assert_int_equal(emu_device_dispatch(dev, q, 1, &whole_cu, 30, 0), 0);
    assert_int_equal(take_all(dev, p, list, 60), 30);
    emu_device_queue_suspend(dev, q, true, 10);
    emu_device_queue_save(dev, q, 10);
    emu_device_queue_set_units(dev, q, &first10);
    emu_device_queue_suspend(dev, q, false, 20);
    assert_int_equal(take_all(dev, p, list, 60), 10);
    for (int i = 0; i < 10; i++)
        assert_in_range(dev->residents[list[i]].cu, 0, 9);
    free(dev);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_occupancy),
        cmocka_unit_test(test_fills_device),
        cmocka_unit_test(test_spreads),
        cmocka_unit_test(test_refuses),
        cmocka_unit_test(test_turns),
        cmocka_unit_test(test_passed_over),
        cmocka_unit_test(test_priority),
        cmocka_unit_test(test_suspend),
        cmocka_unit_test(test_save),
        cmocka_unit_test(test_save_and_release),
        cmocka_unit_test(test_detach_frees),
        cmocka_unit_test(test_tables_full),
        cmocka_unit_test(test_units),
        cmocka_unit_test(test_units_beside),
        cmocka_unit_test(test_units_after_save),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
