// SPDX-License-Identifier: Apache-2.0
/* One test per rule of normal mode: depth, order, completion, capacity, the list of actions, queues
 * that come and go, policies. Preemption is in test_preemption.c. */
#include "tests/unit/sched/sched_test.h"

#include <errno.h>

#include "sched/policy.h"

enum { R = REEF_COMMAND_RESTARTABLE };

/* --- depth --- */

static void submits_at_once_within_depth(void **state)
{
    (void)state;
    struct rig rig = rig_default();
    uint32_t q = open_queue(&rig);
    assert_true(reef_core_would_submit(rig.core, q, 1));
    kernels(&rig, q, 1, 1);
    expect_submit(&rig, q, 0, 1);
    expect_nothing(&rig);
    assert_int_equal(reef_core_in_flight(rig.core, q), 1);
    assert_int_equal(reef_core_backlog_ns(rig.core, q), UNKNOWN_NS);
    reef_core_destroy(rig.core);
}

/* 300 us each, 1000 us fit: three. */
static void time_bounds_the_device_queue(void **state)
{
    (void)state;
    struct rig rig = rig_default();
    uint32_t q = open_queue(&rig);
    kernels(&rig, q, 1, 6);
    expect_submit(&rig, q, 0, 3);
    expect_nothing(&rig);
    assert_false(reef_core_would_submit(rig.core, q, 1));
    done(&rig, q, 0);
    expect_submit(&rig, q, 3, 1);
    expect_nothing(&rig);
    reef_core_destroy(rig.core);
}

static void count_bounds_the_device_queue(void **state)
{
    (void)state;
    struct rig rig = rig_default();
    uint32_t q = open_queue(&rig);
    kernels(&rig, q, 1, 1);
    expect_submit(&rig, q, 0, 1);
    done_after(&rig, q, 0, 10 * US); /* now known to be short */
    kernels(&rig, q, 1, 9);
    expect_submit(&rig, q, 1, DEPTH);
    expect_nothing(&rig);
    reef_core_destroy(rig.core);
}

static void a_kernel_longer_than_the_depth_runs_alone(void **state)
{
    (void)state;
    struct rig rig = rig_default();
    uint32_t q = open_queue(&rig);
    kernels(&rig, q, 1, 1);
    expect_submit(&rig, q, 0, 1);
    done_after(&rig, q, 0, 5 * DEPTH_NS);
    kernels(&rig, q, 1, 2);
    expect_submit(&rig, q, 1, 1);
    expect_nothing(&rig);
    done(&rig, q, 1);
    expect_submit(&rig, q, 2, 1);
    reef_core_destroy(rig.core);
}

static void barriers_pass_a_long_kernel_but_count(void **state)
{
    (void)state;
    struct rig rig = rig_default();
    uint32_t q = open_queue(&rig);
    kernels(&rig, q, 1, 1);
    expect_submit(&rig, q, 0, 1);
    done_after(&rig, q, 0, 5 * DEPTH_NS);
    barriers(&rig, q, 1);
    kernels(&rig, q, 1, 1); /* longer than the depth, and a barrier is before it */
    barriers(&rig, q, 1);
    expect_submit(&rig, q, 1, 3);
    barriers(&rig, q, 2);
    expect_submit(&rig, q, 4, 1); /* the fourth */
    expect_nothing(&rig);
    reef_core_destroy(rig.core);
}

static void a_long_run_of_barriers_flows(void **state)
{
    (void)state;
    struct rig rig = rig_default();
    uint32_t q = open_queue(&rig);
    barriers(&rig, q, 40);
    kernels(&rig, q, 1, 1);
    for (uint64_t seq = 0; seq < 41; seq++) {
        assert_in_range(reef_core_in_flight(rig.core, q), 1, DEPTH);
        done(&rig, q, seq);
    }
    assert_int_equal(stats_of(&rig).completed, 41);
    reef_core_destroy(rig.core);
}

static void learned_durations_deepen_the_queue(void **state)
{
    (void)state;
    struct rig rig = rig_default();
    uint32_t q = open_queue(&rig);
    kernels(&rig, q, 1, 8);
    expect_submit(&rig, q, 0, 3);
    done_after(&rig, q, 0, 10 * US);
    expect_submit(&rig, q, 3, 2); /* the two in the DQ count as they did when they entered */
    done_after(&rig, q, 1, 10 * US);
    done_after(&rig, q, 2, 10 * US);
    expect_submit(&rig, q, 5, 2);
    assert_int_equal(reef_core_in_flight(rig.core, q), 4);
    assert_int_equal(reef_core_backlog_ns(rig.core, q), 40 * US);
    reef_core_destroy(rig.core);
}

static void would_submit_agrees_with_enqueued(void **state)
{
    (void)state;
    struct rig rig = rig_default();
    uint32_t q = open_queue(&rig);
    for (unsigned i = 0; i < 6; i++) {
        struct reef_action action;
        bool would = reef_core_would_submit(rig.core, q, 1);
        kernels(&rig, q, 1, 1);
        assert_int_equal(reef_core_next(rig.core, &action), would);
    }
    assert_false(reef_core_would_submit(rig.core, q, 0)); /* something waits before it */
    reef_core_destroy(rig.core);
}

/* --- completion --- */

static void out_of_order_completion_retires_in_order(void **state)
{
    (void)state;
    struct reef_core_config config = default_config();
    struct rig rig = rig_with(&config);
    int opened = reef_core_queue_open(rig.core, 3);
    uint32_t q = (uint32_t)opened;
    kernels(&rig, q, 1, 3);
    assert_true(put(&rig, q, 1, R) == REEF_CORE_FULL);
    done(&rig, q, 2);
    done(&rig, q, 1);
    assert_true(put(&rig, q, 1, R) == REEF_CORE_FULL); /* command 0 holds the window */
    assert_int_equal(reef_core_in_flight(rig.core, q), 1);
    done(&rig, q, 0);
    assert_int_equal(put(&rig, q, 1, R), 3);
    assert_int_equal(stats_of(&rig).enqueued, 4);
    reef_core_destroy(rig.core);
}

static void completion_counts_once(void **state)
{
    (void)state;
    struct rig rig = rig_default();
    uint32_t q = open_queue(&rig);
    kernels(&rig, q, 1, 4);
    expect_submit(&rig, q, 0, 3);
    done(&rig, q, 1);
    done(&rig, q, 1);
    done(&rig, q, 77); /* never enqueued */
    assert_int_equal(stats_of(&rig).completed, 1);
    expect_submit(&rig, q, 3, 1);
    expect_nothing(&rig);
    done(&rig, 9, 0); /* no such queue */
    assert_int_equal(stats_of(&rig).completed, 1);
    reef_core_destroy(rig.core);
}

/* --- the list of actions --- */

static void consecutive_submissions_merge(void **state)
{
    (void)state;
    struct rig rig = rig_default();
    uint32_t a = open_queue(&rig), b = open_queue(&rig);
    for (unsigned i = 0; i < 3; i++) {
        kernels(&rig, a, 1, 1);
        kernels(&rig, b, 2, 1);
    }
    expect_submit(&rig, a, 0, 3);
    expect_submit(&rig, b, 0, 3);
    expect_nothing(&rig);
    reef_core_destroy(rig.core);
}

static void events_may_come_from_within_the_loop(void **state)
{
    (void)state;
    struct rig rig = rig_default();
    uint32_t a = open_queue(&rig), b = open_queue(&rig);
    kernels(&rig, a, 1, 1);
    kernels(&rig, b, 1, 1);
    expect_submit(&rig, a, 0, 1);
    kernels(&rig, a, 1, 1);
    done(&rig, a, 0);
    expect_submit(&rig, b, 0, 1);
    expect_submit(&rig, a, 1, 1);
    expect_nothing(&rig);
    reef_core_destroy(rig.core);
}

/* --- queues --- */

static void queues_are_numbered_from_the_lowest_free(void **state)
{
    (void)state;
    struct rig rig = rig_default();
    for (uint32_t i = 0; i < 100; i++)
        assert_int_equal(open_queue(&rig), i);
    reef_core_queue_close(rig.core, 17);
    reef_core_queue_close(rig.core, 17);
    reef_core_queue_close(rig.core, 5000);
    assert_int_equal(open_queue(&rig), 17);
    assert_int_equal(open_queue(&rig), 100);
    reef_core_destroy(rig.core);
}

static void closing_drops_the_actions_of_the_queue(void **state)
{
    (void)state;
    struct rig rig = rig_default();
    uint32_t a = open_queue(&rig), b = open_queue(&rig), c = open_queue(&rig);
    kernels(&rig, a, 1, 2);
    kernels(&rig, b, 1, 2);
    kernels(&rig, c, 1, 2);
    reef_core_queue_close(rig.core, c); /* the last of the list */
    reef_core_queue_close(rig.core, a); /* the first */
    assert_int_equal(open_queue(&rig), a);
    expect_submit(&rig, b, 0, 2);
    expect_nothing(&rig);
    kernels(&rig, a, 1, 1);
    expect_submit(&rig, a, 0, 1); /* numbered from 0 again */
    expect_nothing(&rig);
    reef_core_destroy(rig.core);
}

static void limits_are_refused(void **state)
{
    (void)state;
    struct reef_core_config config = default_config();
    config.policy = "none such";
    assert_null(reef_core_create(&config));
    config.policy = NULL;
    assert_null(reef_core_create(&config));
    config = default_config();
    config.depth_count = 0;
    assert_null(reef_core_create(&config));
    reef_core_destroy(NULL);

    struct rig rig = rig_default();
    struct reef_command command = {.key = 1};
    assert_int_equal(reef_core_queue_open(rig.core, 0), -EINVAL);
    assert_int_equal(reef_core_queue_open(rig.core, UINT32_MAX), -EINVAL);
    assert_true(reef_core_enqueued(rig.core, 0, &command, 0) == REEF_CORE_FULL);
    assert_false(reef_core_would_submit(rig.core, 0, 1));
    assert_int_equal(reef_core_queue_state(rig.core, 0), REEF_QUEUE_HELD);
    for (int i = 0; i < 1024; i++)
        assert_int_equal(reef_core_queue_open(rig.core, 1), i);
    assert_int_equal(reef_core_queue_open(rig.core, 1), -ENOSPC);
    reef_core_destroy(rig.core);
}

/* --- policies --- */

static void policies_are_found_by_name(void **state)
{
    (void)state;
    static const char *const names[] = {"reef", "wait", "streams"};
    for (unsigned i = 0; i < 3; i++)
        assert_string_equal(reef_policy_find(names[i])->name, names[i]);
    assert_null(reef_policy_find("REEF"));
    assert_null(reef_policy_find(NULL));
}

static void streams_never_holds(void **state)
{
    (void)state;
    struct reef_core_config config = default_config();
    config.policy = "streams";
    struct rig rig = rig_with(&config);
    uint32_t q = open_queue(&rig);
    kernels(&rig, q, 1, 2);
    expect_submit(&rig, q, 0, 2);
    rt(&rig, true);
    expect_nothing(&rig);
    expect_state(&rig, q, REEF_QUEUE_OPEN);
    kernels(&rig, q, 1, 4);
    expect_submit(&rig, q, 2, 2); /* time does not bound it, the count does */
    expect_nothing(&rig);
    uint32_t late = open_queue(&rig);
    expect_state(&rig, late, REEF_QUEUE_OPEN);
    rt(&rig, false);
    expect_nothing(&rig);
    assert_int_equal(stats_of(&rig).preemptions, 0);
    reef_core_destroy(rig.core);
}

static void wait_drains_what_reef_would_reset(void **state)
{
    (void)state;
    struct reef_core_config config = default_config();
    config.policy = "wait";
    struct rig rig = rig_with(&config);
    uint32_t q = open_queue(&rig);
    kernels(&rig, q, 1, 2);
    expect_submit(&rig, q, 0, 2);
    rt(&rig, true);
    expect_nothing(&rig);
    expect_state(&rig, q, REEF_QUEUE_DRAINING);
    assert_int_equal(stats_of(&rig).drains, 1);
    reef_core_destroy(rig.core);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(submits_at_once_within_depth),
        cmocka_unit_test(time_bounds_the_device_queue),
        cmocka_unit_test(count_bounds_the_device_queue),
        cmocka_unit_test(a_kernel_longer_than_the_depth_runs_alone),
        cmocka_unit_test(barriers_pass_a_long_kernel_but_count),
        cmocka_unit_test(a_long_run_of_barriers_flows),
        cmocka_unit_test(learned_durations_deepen_the_queue),
        cmocka_unit_test(would_submit_agrees_with_enqueued),
        cmocka_unit_test(out_of_order_completion_retires_in_order),
        cmocka_unit_test(completion_counts_once),
        cmocka_unit_test(consecutive_submissions_merge),
        cmocka_unit_test(events_may_come_from_within_the_loop),
        cmocka_unit_test(queues_are_numbered_from_the_lowest_free),
        cmocka_unit_test(closing_drops_the_actions_of_the_queue),
        cmocka_unit_test(limits_are_refused),
        cmocka_unit_test(policies_are_found_by_name),
        cmocka_unit_test(streams_never_holds),
        cmocka_unit_test(wait_drains_what_reef_would_reset),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
