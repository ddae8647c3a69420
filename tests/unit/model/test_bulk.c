// SPDX-License-Identifier: Apache-2.0
/* The device in bulk: who goes where, how long it takes, and random kernels of which nothing may be
 * lost. */
#include "tests/unit/model/model_test.h"

#include "emu/model/bulk.h"

static const uint32_t curve[] = {1000, 1500, 2000, 4000};
static const struct emu_shape four_waves = {.waves = 4, .vgprs = 32, .sgprs = 32};

static struct emu_bulk_kernel prepare(const struct emu_shape *shape, const uint32_t *curve_ns,
                                      uint32_t length)
{
    struct emu_bulk_kernel kernel;

    assert_int_equal(emu_bulk_prepare(&mi50, shape, curve_ns, length, &kernel), 0);
    return kernel;
}

static int begin(struct emu_bulk *bulk, const struct emu_bulk_kernel *kernel, uint32_t groups,
                 uint32_t stream, uint64_t now_ns)
{
    struct emu_bulk_launch launch = {.kernel = kernel,
                                     .groups = groups,
                                     .stretch_milli = 1000,
                                     .stream = stream,
                                     .cus = EMU_BULK_ALL_CUS};
    int number = emu_bulk_start(bulk, &launch, now_ns);

    assert_true(number >= 0);
    return number;
}

static void groups_go_round_the_units(void **state)
{
    struct emu_bulk *bulk = emu_bulk_create(&mi50, 0);
    struct emu_bulk_kernel k = prepare(&four_waves, curve, 4);
    int a = begin(bulk, &k, 70, 1, 0);

    (void)state;
    assert_int_equal(emu_bulk_on_cu(bulk, a, 0), 2);
    assert_int_equal(emu_bulk_on_cu(bulk, a, 9), 2);
    assert_int_equal(emu_bulk_on_cu(bulk, a, 10), 1);
    assert_int_equal(emu_bulk_on_cu(bulk, a, 59), 1);
    assert_int_equal(emu_bulk_busy_cus(bulk, UINT32_MAX), 60);
    assert_int_equal(emu_bulk_next(bulk), 1000);
    assert_int_equal(emu_bulk_advance(bulk, 1000), 0);
    assert_int_equal(emu_bulk_busy_cus(bulk, UINT32_MAX), 10);
    assert_int_equal(emu_bulk_advance(bulk, 1500), 1u << a);
    assert_int_equal(emu_bulk_done(bulk, a), 70);
    assert_int_equal(emu_bulk_next(bulk), EMU_NEVER);
    assert_int_equal(emu_bulk_busy_ns(bulk, 2000), 60 * 1000 + 10 * 500);
    emu_bulk_destroy(bulk);
}

static void what_does_not_fit_waits(void **state)
{
    struct emu_bulk *bulk = emu_bulk_create(&mi50, 0);
    struct emu_bulk_kernel k = prepare(&four_waves, curve, 4);
    int a = begin(bulk, &k, 60 * 4 + 30, 1, 0); /* 4 on each, by the curve's length */

    (void)state;
    assert_int_equal(emu_bulk_on_cu(bulk, a, 59), 4);
    assert_int_equal(emu_bulk_advance(bulk, 4000), 0);
    assert_int_equal(emu_bulk_on_cu(bulk, a, 29), 1);
    assert_int_equal(emu_bulk_on_cu(bulk, a, 30), 0);
    assert_int_equal(emu_bulk_advance(bulk, 5000), 1u << a);
    assert_int_equal(emu_bulk_alone_ns(&mi50, &k, 60 * 4 + 30), 5000);
    emu_bulk_destroy(bulk);
}

static void neighbours_slow_down(void **state)
{
    struct emu_bulk *bulk = emu_bulk_create(&mi50, 100);
    struct emu_bulk_kernel k = prepare(&four_waves, curve, 4);

    (void)state;
    begin(bulk, &k, 60, 1, 0);
    begin(bulk, &k, 60, 2, 0); /* beside one other: 1500, and a tenth for another stream */
    assert_int_equal(emu_bulk_next(bulk), 1000);
    emu_bulk_advance(bulk, 1000);
    assert_int_equal(emu_bulk_next(bulk), 1650);
    emu_bulk_destroy(bulk);
}

static void a_kernel_keeps_to_its_units(void **state)
{
    struct emu_bulk *bulk = emu_bulk_create(&mi50, 100);
    struct emu_bulk_kernel k = prepare(&four_waves, curve, 4);
    struct emu_bulk_launch launch = {.kernel = &k,
                                     .groups = 40,
                                     .stretch_milli = 1008,
                                     .stream = 1,
                                     .cus = 0xfull << 56,
                                     .each = 2};
    int a = emu_bulk_start(bulk, &launch, 0);

    (void)state;
    for (uint32_t cu = 0; cu < 60; cu++)
        assert_int_equal(emu_bulk_on_cu(bulk, a, cu), cu >= 56 ? 2 : 0);
    for (uint64_t ns = 1512; ns <= 5 * 1512; ns += 1512) /* 5 rounds of 8 */
        assert_int_equal(emu_bulk_advance(bulk, ns), ns == 5 * 1512 ? 1u << a : 0);
    emu_bulk_destroy(bulk);
}

static void kill_and_withdraw(void **state)
{
    struct emu_bulk *bulk = emu_bulk_create(&mi50, 0);
    struct emu_bulk_kernel k = prepare(&four_waves, curve, 4);
    int a = begin(bulk, &k, 1000, 1, 0);

    (void)state;
    assert_false(emu_bulk_withdraw(bulk, a, 100));
    assert_int_equal(emu_bulk_advance(bulk, 4000), 1u << a);
    assert_int_equal(emu_bulk_done(bulk, a), 240); /* what had begun */
    emu_bulk_free(bulk, a);
    a = begin(bulk, &k, 1000, 1, 5000);
    int b = begin(bulk, &k, 10, 2, 5000);
    emu_bulk_kill(bulk, a, 5500);
    assert_true(emu_bulk_busy_cus(bulk, 1u << b) > 0);
    emu_bulk_free(bulk, a);
    while (emu_bulk_next(bulk) != EMU_NEVER)
        emu_bulk_advance(bulk, emu_bulk_next(bulk));
    assert_int_equal(emu_bulk_done(bulk, b), 10);
    assert_int_equal(emu_bulk_busy_cus(bulk, UINT32_MAX), 0);
    emu_bulk_destroy(bulk);
}

static void what_fits_no_unit_is_refused(void **state)
{
    struct emu_bulk_kernel k;
    struct emu_shape wide = {.waves = 41}, deep = {.waves = 1, .lds_bytes = 70000};
    const uint32_t zero[] = {0};

    (void)state;
    assert_int_equal(emu_bulk_prepare(&mi50, &wide, curve, 4, &k), -22);
    assert_int_equal(emu_bulk_prepare(&mi50, &deep, curve, 4, &k), -22);
    assert_int_equal(emu_bulk_prepare(&mi50, &four_waves, curve, 0, &k), -22);
    assert_int_equal(emu_bulk_prepare(&mi50, &four_waves, zero, 1, &k), -22);
}

/* --- random --- */

static uint64_t seed = 7;

static uint64_t below(uint64_t n)
{
    seed ^= seed >> 12;
    seed ^= seed << 25;
    seed ^= seed >> 27;
    return ((seed * 0x2545f4914f6cdd1dull) >> 32) % n;
}

/* No unit holds more waves or LDS than it has. */
static void check_units(const struct emu_bulk *bulk, const struct emu_bulk_kernel *kernels,
                        const int *kernel_of)
{
    for (uint32_t cu = 0; cu < 60; cu++) {
        uint32_t waves = 0, lds_bytes = 0;

        for (int n = 0; n < EMU_BULK_KERNELS; n++) {
            uint32_t groups = kernel_of[n] < 0 ? 0 : emu_bulk_on_cu(bulk, n, cu);

            if (groups == 0)
                continue;
            waves += groups * kernels[kernel_of[n]].waves;
            lds_bytes += groups * kernels[kernel_of[n]].lds_bytes;
            assert_true(groups <= kernels[kernel_of[n]].occupancy);
        }
        assert_true(waves <= 40 && lds_bytes <= 65536);
    }
}

static void nothing_is_lost(void **state)
{
    enum { KERNELS = 8 };
    struct emu_bulk_kernel kernels[KERNELS];
    uint32_t curves[KERNELS][8];
    int kernel_of[EMU_BULK_KERNELS];
    uint32_t asked[EMU_BULK_KERNELS];
    struct emu_bulk *bulk = emu_bulk_create(&mi50, 335);
    uint64_t now_ns = 0, started = 0, ended = 0;

    (void)state;
    for (int i = 0; i < KERNELS; i++) {
        struct emu_shape shape = {.waves = (uint32_t)below(8) + 1,
                                  .vgprs = (uint32_t)below(80),
                                  .lds_bytes = (uint32_t)below(30000)};

        for (int n = 0; n < 8; n++)
            curves[i][n] = (uint32_t)(below(100000) + 1);
        kernels[i] = prepare(&shape, curves[i], 8);
    }
    memset(kernel_of, 0xff, sizeof(kernel_of));
    for (int step = 0; step < 30000; step++) {
        if (below(3) == 0) {
            int k = (int)below(KERNELS);
            struct emu_bulk_launch launch = {.kernel = &kernels[k],
                                             .groups = (uint32_t)below(500) + 1,
                                             .stretch_milli = 1000,
                                             .stream = (uint32_t)below(4),
                                             .cus =
                                                 below(2) ? EMU_BULK_ALL_CUS : 1 + below(1 << 30)};
            int number = emu_bulk_start(bulk, &launch, now_ns);

            if (number < 0)
                continue;
            kernel_of[number] = k;
            asked[number] = launch.groups;
            started++;
        } else if (emu_bulk_next(bulk) != EMU_NEVER) {
            now_ns = emu_bulk_next(bulk);
            for (uint32_t over = emu_bulk_advance(bulk, now_ns); over; over &= over - 1) {
                int number = __builtin_ctz(over);

                assert_int_equal(emu_bulk_done(bulk, number), asked[number]);
                emu_bulk_free(bulk, number);
                kernel_of[number] = -1;
                ended++;
            }
        }
        if (step % 50 == 0)
            check_units(bulk, kernels, kernel_of);
        int victim = (int)below(EMU_BULK_KERNELS);
        if (kernel_of[victim] >= 0 && below(40) == 0) {
            emu_bulk_kill(bulk, victim, now_ns);
            emu_bulk_free(bulk, victim);
            kernel_of[victim] = -1;
            ended++;
        }
    }
    while (emu_bulk_next(bulk) != EMU_NEVER)
        ended += (uint64_t)__builtin_popcount(emu_bulk_advance(bulk, emu_bulk_next(bulk)));
    assert_int_equal(started, ended);
    assert_int_equal(emu_bulk_busy_cus(bulk, UINT32_MAX), 0);
    emu_bulk_destroy(bulk);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(groups_go_round_the_units), cmocka_unit_test(what_does_not_fit_waits),
        cmocka_unit_test(neighbours_slow_down),      cmocka_unit_test(a_kernel_keeps_to_its_units),
        cmocka_unit_test(kill_and_withdraw),         cmocka_unit_test(what_fits_no_unit_is_refused),
        cmocka_unit_test(nothing_is_lost),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
