// SPDX-License-Identifier: Apache-2.0
/* One test per rule of preemption: hold, reset, drain, linger, restore, the limit on kills. */
#include "tests/unit/sched/sched_test.h"

enum { R = REEF_COMMAND_RESTARTABLE };

/* Three kernels (300 us each) in the DQ, one waiting. */
static uint32_t busy_queue(struct rig *rig)
{
    uint32_t q = open_queue(rig);
    kernels(rig, q, 1, 4);
    expect_submit(rig, q, 0, 3);
    return q;
}

static void rt_holds_an_empty_queue(void **state)
{
    (void)state;
    struct rig rig = rig_default();
    uint32_t q = open_queue(&rig);
    rt(&rig, true);
    rt(&rig, true); /* repeating is harmless */
    expect_nothing(&rig);
    expect_state(&rig, q, REEF_QUEUE_HELD);
    kernels(&rig, q, 1, 2);
    expect_nothing(&rig);
    assert_false(reef_core_would_submit(rig.core, q, 1));
    uint32_t late = open_queue(&rig);
    expect_state(&rig, late, REEF_QUEUE_HELD);
    rt_over(&rig);
    expect_submit(&rig, q, 0, 2);
    expect_state(&rig, q, REEF_QUEUE_OPEN);
    expect_state(&rig, late, REEF_QUEUE_OPEN);
    assert_int_equal(stats_of(&rig).preemptions, 0); /* found nothing */
    reef_core_destroy(rig.core);
}

static void reset_and_restore_in_order(void **state)
{
    (void)state;
    struct rig rig = rig_default();
    uint32_t q = busy_queue(&rig);
    rt(&rig, true);
    expect_reset(&rig, q);
    expect_nothing(&rig);
    expect_state(&rig, q, REEF_QUEUE_RESETTING);
    done(&rig, q, 0); /* was complete before it could be killed */
    stopped(&rig, q);
    expect_state(&rig, q, REEF_QUEUE_HELD);
    assert_int_equal(reef_core_in_flight(rig.core, q), 0);
    assert_int_equal(reef_core_backlog_ns(rig.core, q), 0);
    rt_over(&rig);
    expect_resubmit(&rig, q, 1, 2);
    expect_submit(&rig, q, 3, 1);
    expect_nothing(&rig);
    expect_state(&rig, q, REEF_QUEUE_OPEN);

    struct reef_core_stats stats = stats_of(&rig);
    assert_int_equal(stats.preemptions, 1);
    assert_int_equal(stats.resets, 1);
    assert_int_equal(stats.killed, 2);
    assert_int_equal(stats.resubmitted, 2);
    assert_int_equal(stats.drains, 0);
    reef_core_destroy(rig.core);
}

static void complete_commands_are_not_restored(void **state)
{
    (void)state;
    struct rig rig = rig_default();
    uint32_t q = busy_queue(&rig);
    assert_int_equal(reef_core_waiting(rig.core, q), 1);
    done(&rig, q, 1); /* out of order; command 3 enters */
    assert_int_equal(reef_core_waiting(rig.core, q), 0);
    expect_submit(&rig, q, 3, 1);
    rt(&rig, true);
    expect_reset(&rig, q);
    stopped(&rig, q);
    assert_int_equal(reef_core_waiting(rig.core, q), 4); /* with the one that is complete */
    assert_int_equal(stats_of(&rig).killed, 3);
    rt_over(&rig);
    expect_resubmit(&rig, q, 0, 4); /* the caller leaves out 1 */
    expect_nothing(&rig);
    assert_int_equal(reef_core_in_flight(rig.core, q), 3);
    assert_int_equal(stats_of(&rig).resubmitted, 3);
    reef_core_destroy(rig.core);
}

static void a_late_completion_is_not_restored(void **state)
{
    (void)state;
    struct rig rig = rig_default();
    uint32_t q = busy_queue(&rig);
    rt(&rig, true);
    expect_reset(&rig, q);
    stopped(&rig, q);
    done(&rig, q, 0);
    done(&rig, q, 2);
    rt_over(&rig);
    expect_resubmit(&rig, q, 1, 1);
    expect_submit(&rig, q, 3, 1);
    expect_nothing(&rig);
    reef_core_destroy(rig.core);
}

/* The places of late completions in the window are taken by new commands before the restore. */
static void late_completions_make_room_at_once(void **state)
{
    (void)state;
    struct reef_core_config config = default_config();
    struct rig rig = rig_with(&config);
    uint32_t q = (uint32_t)reef_core_queue_open(rig.core, 2);
    kernels(&rig, q, 1, 2);
    expect_submit(&rig, q, 0, 2);
    rt(&rig, true);
    expect_reset(&rig, q);
    stopped(&rig, q);
    done(&rig, q, 1);
    done(&rig, q, 0);
    kernels(&rig, q, 1, 2);
    rt_over(&rig);
    expect_submit(&rig, q, 2, 2);
    expect_nothing(&rig);
    reef_core_destroy(rig.core);
}

/* Restoring obeys the depth, and nothing new passes what is restored. */
static void restoring_keeps_the_depth(void **state)
{
    (void)state;
    struct reef_core_config config = default_config();
    struct rig rig = rig_with(&config);
    uint32_t q = busy_queue(&rig);
    rt(&rig, true);
    expect_reset(&rig, q);
    done_after(&rig, q, 0, 600 * US); /* it turns out that they take 600 us: one fits */
    stopped(&rig, q);
    rt_over(&rig);
    expect_resubmit(&rig, q, 1, 1);
    expect_nothing(&rig);
    expect_state(&rig, q, REEF_QUEUE_RESTORING);
    barriers(&rig, q, 1);
    expect_nothing(&rig);
    done(&rig, q, 1);
    expect_resubmit(&rig, q, 2, 1);
    expect_nothing(&rig);
    expect_state(&rig, q, REEF_QUEUE_OPEN);
    done(&rig, q, 2);
    expect_submit(&rig, q, 3, 2);
    reef_core_destroy(rig.core);
}

static void rt_comes_back_while_restoring(void **state)
{
    (void)state;
    struct rig rig = rig_default();
    uint32_t q = busy_queue(&rig);
    rt(&rig, true);
    expect_reset(&rig, q);
    done_after(&rig, q, 0, 600 * US);
    stopped(&rig, q);
    rt_over(&rig);
    expect_resubmit(&rig, q, 1, 1);
    rt(&rig, true);
    expect_reset(&rig, q);
    stopped(&rig, q);
    expect_state(&rig, q, REEF_QUEUE_HELD);
    rt_over(&rig);
    expect_resubmit(&rig, q, 1, 1);
    expect_nothing(&rig);
    expect_state(&rig, q, REEF_QUEUE_RESTORING);
    assert_int_equal(stats_of(&rig).preemptions, 2);
    assert_int_equal(stats_of(&rig).killed, 3);
    reef_core_destroy(rig.core);
}

/* --- drain --- */

static void what_may_not_be_run_again_is_drained(void **state)
{
    (void)state;
    static const struct reef_command odd[] = {{.key = 2, .flags = 0}, {.key = 0, .flags = 0}};
    for (unsigned i = 0; i < 2; i++) {
        struct rig rig = rig_default();
        uint32_t q = open_queue(&rig);
        kernels(&rig, q, 1, 1);
        put(&rig, q, odd[i].key, odd[i].flags);
        expect_submit(&rig, q, 0, 2);
        rt(&rig, true);
        expect_nothing(&rig);
        expect_state(&rig, q, REEF_QUEUE_DRAINING);
        kernels(&rig, q, 1, 1);
        done(&rig, q, 0);
        expect_nothing(&rig);
        expect_state(&rig, q, REEF_QUEUE_DRAINING);
        done(&rig, q, 1);
        expect_nothing(&rig);
        expect_state(&rig, q, REEF_QUEUE_HELD);
        rt_over(&rig);
        expect_submit(&rig, q, 2, 1);
        assert_int_equal(stats_of(&rig).drains, 1);
        assert_int_equal(stats_of(&rig).resets, 0);
        reef_core_destroy(rig.core);
    }
}

static void only_the_queue_that_must_drain_drains(void **state)
{
    (void)state;
    struct rig rig = rig_default();
    uint32_t a = open_queue(&rig), b = open_queue(&rig), c = open_queue(&rig);
    kernels(&rig, a, 1, 1);
    put(&rig, b, 2, 0);
    expect_submit(&rig, a, 0, 1);
    expect_submit(&rig, b, 0, 1);
    rt(&rig, true);
    expect_reset(&rig, a);
    expect_nothing(&rig);
    expect_state(&rig, b, REEF_QUEUE_DRAINING);
    expect_state(&rig, c, REEF_QUEUE_HELD);
    reef_core_destroy(rig.core);
}

static void barriers_alone_are_reset(void **state)
{
    (void)state;
    struct rig rig = rig_default();
    uint32_t q = open_queue(&rig);
    barriers(&rig, q, 2);
    expect_submit(&rig, q, 0, 2);
    for (unsigned i = 0; i < 2 * KILL_LIMIT; i++) { /* and are never "killed too often" */
        rt(&rig, true);
        expect_reset(&rig, q);
        stopped(&rig, q);
        rt_over(&rig);
        expect_resubmit(&rig, q, 0, 2);
    }
    reef_core_destroy(rig.core);
}

static void without_the_means_it_drains(void **state)
{
    (void)state;
    struct reef_core_config config = default_config();
    config.reset = false;
    struct rig rig = rig_with(&config);
    uint32_t q = busy_queue(&rig);
    rt(&rig, true);
    expect_nothing(&rig);
    expect_state(&rig, q, REEF_QUEUE_DRAINING);
    reef_core_destroy(rig.core);
}

static void draining_reopens_when_rt_is_over(void **state)
{
    (void)state;
    struct rig rig = rig_default();
    uint32_t q = open_queue(&rig);
    put(&rig, q, 2, 0);
    expect_submit(&rig, q, 0, 1);
    rt(&rig, true);
    kernels(&rig, q, 1, 3);
    rt_over(&rig);
    expect_submit(&rig, q, 1, 2); /* behind the one that is still there */
    expect_nothing(&rig);
    expect_state(&rig, q, REEF_QUEUE_OPEN);
    reef_core_destroy(rig.core);
}

static void a_failed_reset_drains(void **state)
{
    (void)state;
    struct rig rig = rig_default();
    uint32_t q = busy_queue(&rig);
    rt(&rig, true);
    expect_reset(&rig, q);
    reef_core_reset_failed(rig.core, q, rig.now_ns);
    expect_state(&rig, q, REEF_QUEUE_DRAINING);
    reef_core_stopped(rig.core, q, rig.now_ns); /* nobody asked any more */
    expect_state(&rig, q, REEF_QUEUE_DRAINING);
    for (uint64_t seq = 0; seq < 3; seq++)
        done(&rig, q, seq);
    expect_state(&rig, q, REEF_QUEUE_HELD);
    assert_int_equal(stats_of(&rig).resets, 0);
    assert_int_equal(stats_of(&rig).drains, 1);

    kernels(&rig, q, 1, 1);
    rt_over(&rig);
    expect_submit(&rig, q, 3, 2);
    rt(&rig, true);
    expect_reset(&rig, q);
    rt_over(&rig);
    reef_core_reset_failed(rig.core, q, rig.now_ns); /* when nobody holds any more: goes on */
    expect_state(&rig, q, REEF_QUEUE_OPEN);
    expect_nothing(&rig);
    reef_core_destroy(rig.core);
}

/* --- linger --- */

static void linger_keeps_the_hold(void **state)
{
    (void)state;
    struct rig rig = rig_default();
    uint32_t q = busy_queue(&rig);
    rt(&rig, true);
    expect_reset(&rig, q);
    stopped(&rig, q);
    rt(&rig, false);
    expect_timer(&rig, rig.now_ns + LINGER_NS);
    kernels(&rig, q, 1, 1);
    expect_nothing(&rig);
    pass(&rig, LINGER_NS - 1); /* too early: armed again */
    expect_timer(&rig, rig.now_ns + 1);
    expect_nothing(&rig);
    expect_state(&rig, q, REEF_QUEUE_HELD);
    pass(&rig, 1);
    expect_resubmit(&rig, q, 0, 3);
    reef_core_destroy(rig.core);
}

static void rt_within_linger_cancels_it(void **state)
{
    (void)state;
    struct rig rig = rig_default();
    uint32_t q = busy_queue(&rig);
    rt(&rig, true);
    expect_reset(&rig, q);
    stopped(&rig, q);
    rt(&rig, false);
    expect_timer(&rig, rig.now_ns + LINGER_NS);
    rig.now_ns += LINGER_NS / 2;
    rt(&rig, true);
    pass(&rig, LINGER_NS); /* the old timer */
    expect_nothing(&rig);
    expect_state(&rig, q, REEF_QUEUE_HELD);
    rt(&rig, false);
    rig.now_ns += US;
    rt(&rig, false); /* repeating does not push it back */
    expect_timer(&rig, rig.now_ns - US + LINGER_NS);
    pass(&rig, LINGER_NS - US);
    expect_resubmit(&rig, q, 0, 3);
    assert_int_equal(stats_of(&rig).preemptions, 2); /* the second found held work */
    reef_core_destroy(rig.core);
}

static void without_linger_be_is_back_at_once(void **state)
{
    (void)state;
    struct reef_core_config config = default_config();
    config.linger_ns = 0;
    struct rig rig = rig_with(&config);
    uint32_t q = busy_queue(&rig);
    rt(&rig, true);
    expect_reset(&rig, q);
    stopped(&rig, q);
    rt(&rig, false);
    expect_resubmit(&rig, q, 0, 3);
    expect_nothing(&rig);
    reef_core_destroy(rig.core);
}

static void a_reset_is_finished_before_restoring(void **state)
{
    (void)state;
    struct rig rig = rig_default();
    uint32_t q = busy_queue(&rig);
    rt(&rig, true);
    expect_reset(&rig, q);
    rt_over(&rig);
    expect_nothing(&rig);
    expect_state(&rig, q, REEF_QUEUE_RESETTING);
    stopped(&rig, q);
    expect_resubmit(&rig, q, 0, 3);
    expect_nothing(&rig);

    rt(&rig, true); /* and the same with RT back before the reset is done */
    expect_reset(&rig, q);
    rt_over(&rig);
    rt(&rig, true);
    expect_nothing(&rig);
    stopped(&rig, q);
    expect_nothing(&rig);
    expect_state(&rig, q, REEF_QUEUE_HELD);
    reef_core_destroy(rig.core);
}

/* --- kills --- */

static void kill(struct rig *rig, uint32_t q)
{
    rt(rig, true);
    expect_reset(rig, q);
    stopped(rig, q);
    rt_over(rig);
}

static void a_kernel_killed_too_often_is_drained_alone(void **state)
{
    (void)state;
    struct rig rig = rig_default();
    uint32_t q = busy_queue(&rig);
    for (unsigned i = 0; i < KILL_LIMIT - 1; i++) {
        kill(&rig, q);
        expect_resubmit(&rig, q, 0, 3);
        expect_nothing(&rig);
    }
    kill(&rig, q);
    expect_resubmit(&rig, q, 0, 1); /* nothing behind it that RT would wait for too */
    expect_nothing(&rig);
    assert_false(reef_core_would_submit(rig.core, q, 0));
    rt(&rig, true);
    expect_nothing(&rig);
    expect_state(&rig, q, REEF_QUEUE_DRAINING);
    done(&rig, q, 0);
    expect_state(&rig, q, REEF_QUEUE_HELD);
    rt_over(&rig);
    expect_resubmit(&rig, q, 1, 2);
    expect_submit(&rig, q, 3, 1);
    expect_nothing(&rig);
    rt(&rig, true);
    expect_reset(&rig, q); /* the next ones were merely queued: not counted */
    reef_core_destroy(rig.core);
}

static void a_spent_kernel_waits_for_those_before_it(void **state)
{
    (void)state;
    struct rig rig = rig_default();
    uint32_t q = open_queue(&rig);
    kernels(&rig, q, 1, 2);
    expect_submit(&rig, q, 0, 2);
    for (unsigned i = 0; i < KILL_LIMIT; i++) {
        rt(&rig, true);
        expect_reset(&rig, q);
        stopped(&rig, q);
        if (i == KILL_LIMIT - 1)
            barriers(&rig, q, 2);
        rt_over(&rig);
        expect_resubmit(&rig, q, 0, i == KILL_LIMIT - 1 ? 1 : 2);
    }
    done(&rig, q, 0);
    expect_resubmit(&rig, q, 1, 1);
    expect_submit(&rig, q, 2, 2);
    reef_core_destroy(rig.core);
}

static void kill_limit_0_never_kills(void **state)
{
    (void)state;
    struct reef_core_config config = default_config();
    config.kill_limit = 0;
    struct rig rig = rig_with(&config);
    uint32_t q = busy_queue(&rig); /* and the depth is as usual */
    rt(&rig, true);
    expect_nothing(&rig);
    expect_state(&rig, q, REEF_QUEUE_DRAINING);
    reef_core_destroy(rig.core);
}

/* --- several queues --- */

static void queues_hold_and_release_together(void **state)
{
    (void)state;
    struct rig rig = rig_default();
    uint32_t q[40];
    for (unsigned i = 0; i < 40; i++) {
        q[i] = open_queue(&rig);
        kernels(&rig, q[i], 1, 1);
        expect_submit(&rig, q[i], 0, 1);
    }
    rt(&rig, true);
    for (unsigned i = 0; i < 40; i++)
        expect_reset(&rig, q[i]);
    for (unsigned i = 0; i < 40; i++)
        stopped(&rig, q[i]);
    rt_over(&rig);
    for (unsigned i = 0; i < 40; i++)
        expect_resubmit(&rig, q[i], 0, 1);
    expect_nothing(&rig);
    assert_int_equal(stats_of(&rig).preemptions, 1);
    assert_int_equal(stats_of(&rig).resets, 40);
    reef_core_destroy(rig.core);
}

static void queues_close_in_any_state(void **state)
{
    (void)state;
    struct rig rig = rig_default();
    uint32_t resetting = busy_queue(&rig), asked = busy_queue(&rig), draining = open_queue(&rig),
             held = open_queue(&rig), restoring = busy_queue(&rig);
    put(&rig, draining, 2, 0);
    expect_submit(&rig, draining, 0, 1);
    rt(&rig, true);
    expect_reset(&rig, resetting);
    reef_core_queue_close(rig.core, asked); /* its RESET was not taken yet */
    expect_reset(&rig, restoring);
    expect_nothing(&rig);
    reef_core_queue_close(rig.core, resetting);
    reef_core_queue_close(rig.core, draining);
    reef_core_queue_close(rig.core, held);
    stopped(&rig, resetting);
    done(&rig, draining, 0);
    done_after(&rig, restoring, 0, 600 * US);
    stopped(&rig, restoring);
    rt_over(&rig);
    expect_resubmit(&rig, restoring, 1, 1);
    expect_state(&rig, restoring, REEF_QUEUE_RESTORING);
    reef_core_queue_close(rig.core, restoring);
    expect_nothing(&rig);
    rt(&rig, true);
    assert_int_equal(stats_of(&rig).preemptions, 1); /* nothing is left */
    reef_core_destroy(rig.core);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(rt_holds_an_empty_queue),
        cmocka_unit_test(reset_and_restore_in_order),
        cmocka_unit_test(complete_commands_are_not_restored),
        cmocka_unit_test(a_late_completion_is_not_restored),
        cmocka_unit_test(late_completions_make_room_at_once),
        cmocka_unit_test(restoring_keeps_the_depth),
        cmocka_unit_test(rt_comes_back_while_restoring),
        cmocka_unit_test(what_may_not_be_run_again_is_drained),
        cmocka_unit_test(only_the_queue_that_must_drain_drains),
        cmocka_unit_test(barriers_alone_are_reset),
        cmocka_unit_test(without_the_means_it_drains),
        cmocka_unit_test(draining_reopens_when_rt_is_over),
        cmocka_unit_test(a_failed_reset_drains),
        cmocka_unit_test(linger_keeps_the_hold),
        cmocka_unit_test(rt_within_linger_cancels_it),
        cmocka_unit_test(without_linger_be_is_back_at_once),
        cmocka_unit_test(a_reset_is_finished_before_restoring),
        cmocka_unit_test(a_kernel_killed_too_often_is_drained_alone),
        cmocka_unit_test(a_spent_kernel_waits_for_those_before_it),
        cmocka_unit_test(kill_limit_0_never_kills),
        cmocka_unit_test(queues_hold_and_release_together),
        cmocka_unit_test(queues_close_in_any_state),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
