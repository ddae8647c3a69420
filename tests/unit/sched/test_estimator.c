// SPDX-License-Identifier: Apache-2.0
/* The duration estimator: what it says of a new kernel, how it follows, what it forgets. */
#include "tests/unit/sched/sched_test.h"

#include "sched/estimator.h"

static struct reef_estimator estimator;

static struct reef_estimate get(uint64_t key)
{
    return reef_estimator_get(&estimator, key);
}

static int fresh(void **state)
{
    (void)state;
    reef_estimator_init(&estimator, 500);
    return 0;
}

static void unknown_kernel_has_the_default(void **state)
{
    (void)state;
    assert_int_equal(get(7).bound_ns, 500);
    assert_int_equal(get(7).typical_ns, 500);
}

static void barrier_takes_no_time(void **state)
{
    (void)state;
    reef_estimator_learn(&estimator, 0, 1000);
    assert_int_equal(get(0).bound_ns, 0);
    assert_int_equal(estimator.learned, 0);
}

static void first_run_is_believed(void **state)
{
    (void)state;
    reef_estimator_learn(&estimator, 7, 90000);
    assert_int_equal(get(7).bound_ns, 90000);
    assert_int_equal(get(7).typical_ns, 90000);
    assert_int_equal(get(8).bound_ns, 500);
}

static void unknown_duration_teaches_nothing(void **state)
{
    (void)state;
    reef_estimator_learn(&estimator, 7, 90000);
    reef_estimator_learn(&estimator, 7, 0);
    assert_int_equal(get(7).typical_ns, 90000);
}

static void a_slow_run_raises_the_bound_at_once_and_is_forgotten(void **state)
{
    (void)state;
    for (int i = 0; i < 50; i++)
        reef_estimator_learn(&estimator, 7, 10000);
    reef_estimator_learn(&estimator, 7, 1000000);
    assert_int_equal(get(7).bound_ns, 1000000);
    assert_in_range(get(7).typical_ns, 100000, 200000);
    for (int i = 0; i < 32; i++)
        reef_estimator_learn(&estimator, 7, 10000);
    assert_in_range(get(7).bound_ns, 100000, 500000);
    for (int i = 0; i < 300; i++)
        reef_estimator_learn(&estimator, 7, 10000);
    assert_in_range(get(7).bound_ns, 10000, 10100);
    assert_in_range(get(7).typical_ns, 10000, 10010);
}

static void the_bound_is_never_below_the_mean(void **state)
{
    (void)state;
    uint64_t random = 1;
    for (int i = 0; i < 100000; i++) {
        random = random * 6364136223846793005u + 1442695040888963407u;
        reef_estimator_learn(&estimator, 3, (random >> 40) % 1000000 + 1);
        assert_true(get(3).bound_ns >= get(3).typical_ns);
    }
}

static void broken_durations_do_not_overflow(void **state)
{
    (void)state;
    reef_estimator_learn(&estimator, 7, UINT64_MAX);
    assert_true(get(7).bound_ns == REEF_ESTIMATE_MAX_NS);
    reef_estimator_learn(&estimator, 7, 1);
    reef_estimator_learn(&estimator, 7, UINT64_MAX);
    assert_true(get(7).typical_ns <= REEF_ESTIMATE_MAX_NS);
}

/* Far more kernels than entries: bounded, no endless search, and what is in use is kept. */
static void a_full_table_forgets_what_is_not_used(void **state)
{
    (void)state;
    uint64_t kept = 0;
    for (uint64_t key = 1; key <= 20 * REEF_ESTIMATOR_SIZE; key++) {
        reef_estimator_learn(&estimator, key * 256, 1000 + key);
        reef_estimator_learn(&estimator, 0xdead00, 77);
    }
    assert_int_equal(get(0xdead00).bound_ns, 77);
    for (uint64_t key = 1; key <= 20 * REEF_ESTIMATOR_SIZE; key++)
        kept += get(key * 256).bound_ns == 1000 + key;
    assert_in_range(kept, REEF_ESTIMATOR_SIZE * 9 / 10, REEF_ESTIMATOR_SIZE);
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup(f, fresh)
    const struct CMUnitTest tests[] = {
        TEST(unknown_kernel_has_the_default),
        TEST(barrier_takes_no_time),
        TEST(first_run_is_believed),
        TEST(unknown_duration_teaches_nothing),
        TEST(a_slow_run_raises_the_bound_at_once_and_is_forgotten),
        TEST(the_bound_is_never_below_the_mean),
        TEST(broken_durations_do_not_overflow),
        TEST(a_full_table_forgets_what_is_not_used),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
