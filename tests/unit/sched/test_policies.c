// SPDX-License-Identifier: Apache-2.0
/* One test per rule of what the policies beside "reef" do: eviction, whole tasks, no BE at all; and
 * of the adaptive linger. */
#include "tests/unit/sched/sched_test.h"

#include "sched/linger.h"

enum { R = REEF_COMMAND_RESTARTABLE, LAST = REEF_COMMAND_RESTARTABLE | REEF_COMMAND_TASK_END };

static struct rig rig_of(const char *policy)
{
    struct reef_core_config config = default_config();
    config.policy = policy;
    config.evict = true;
    config.linger_ns = 0;
    return rig_with(&config);
}

static void expect_evict(struct rig *rig, uint32_t queue)
{
    expect_action(rig, REEF_ACTION_EVICT, queue, 0, 0);
}

/* --- reef-n --- */

static void evicted_commands_come_back_in_order(void **state)
{
    (void)state;
    struct rig rig = rig_of("reef-n");
    uint32_t q = open_queue(&rig);
    kernels(&rig, q, 1, 4);
    expect_submit(&rig, q, 0, 3);
    assert_false(reef_core_clear(rig.core));
    rt(&rig, true);
    expect_evict(&rig, q);
    expect_nothing(&rig);
    expect_state(&rig, q, REEF_QUEUE_EVICTING);
    done(&rig, q, 0); /* it ran, and was waited for */
    assert_false(reef_core_clear(rig.core));
    stopped(&rig, q);
    expect_state(&rig, q, REEF_QUEUE_HELD);
    assert_true(reef_core_clear(rig.core));
    rt(&rig, false);
    expect_resubmit(&rig, q, 1, 2);
    expect_submit(&rig, q, 3, 1);
    struct reef_core_stats stats = stats_of(&rig);
    assert_int_equal(stats.evictions, 1);
    assert_int_equal(stats.resets + stats.drains + stats.killed, 0);
    assert_int_equal(stats.resubmitted, 2);
    reef_core_destroy(rig.core);
}

static void eviction_spends_no_kernel(void **state)
{
    (void)state;
    struct rig rig = rig_of("reef-n");
    uint32_t q = open_queue(&rig);
    kernels(&rig, q, 1, 1);
    expect_submit(&rig, q, 0, 1);
    for (int i = 0; i < 3 * KILL_LIMIT; i++) {
        rt(&rig, true);
        expect_evict(&rig, q);
        stopped(&rig, q);
        rt(&rig, false);
        expect_resubmit(&rig, q, 0, 1);
    }
    assert_int_equal(stats_of(&rig).drains, 0);
    reef_core_destroy(rig.core);
}

static void what_may_not_be_evicted_is_drained(void **state)
{
    (void)state;
    struct rig rig = rig_of("reef-n");
    uint32_t q = open_queue(&rig);
    kernels(&rig, q, 1, 1);
    put(&rig, q, 1, 0); /* not restartable */
    expect_submit(&rig, q, 0, 2);
    rt(&rig, true);
    expect_nothing(&rig);
    expect_state(&rig, q, REEF_QUEUE_DRAINING);
    reef_core_destroy(rig.core);
}

static void a_failed_eviction_drains(void **state)
{
    (void)state;
    struct rig rig = rig_of("reef-n");
    uint32_t q = open_queue(&rig);
    kernels(&rig, q, 1, 1);
    expect_submit(&rig, q, 0, 1);
    rt(&rig, true);
    expect_evict(&rig, q);
    reef_core_reset_failed(rig.core, q, rig.now_ns);
    expect_state(&rig, q, REEF_QUEUE_DRAINING);
    done(&rig, q, 0);
    expect_state(&rig, q, REEF_QUEUE_HELD);
    reef_core_destroy(rig.core);
}

static void nopad_resets(void **state)
{
    (void)state;
    struct rig rig = rig_of("reef-nopad");
    uint32_t q = open_queue(&rig);
    kernels(&rig, q, 1, 1);
    expect_submit(&rig, q, 0, 1);
    rt(&rig, true);
    expect_reset(&rig, q);
    reef_core_destroy(rig.core);
}

/* --- sequential --- */

static void one_task_at_a_time(void **state)
{
    (void)state;
    struct rig rig = rig_of("sequential");
    uint32_t a = open_queue(&rig), b = open_queue(&rig);
    put(&rig, a, 1, R);
    put(&rig, a, 1, LAST);
    put(&rig, a, 1, LAST); /* another task of the same queue */
    put(&rig, b, 1, LAST);
    expect_submit(&rig, a, 0, 2);
    expect_nothing(&rig);
    assert_false(reef_core_would_submit(rig.core, b, 1));
    done(&rig, a, 0);
    expect_nothing(&rig);
    done(&rig, a, 1);
    expect_submit(&rig, b, 0, 1); /* they take turns */
    expect_nothing(&rig);
    done(&rig, b, 0);
    expect_submit(&rig, a, 2, 1);
    reef_core_destroy(rig.core);
}

static void a_task_is_finished_before_rt(void **state)
{
    (void)state;
    struct rig rig = rig_of("sequential");
    uint32_t a = open_queue(&rig), b = open_queue(&rig);
    for (int i = 0; i < 5; i++)
        put(&rig, a, 1, R);
    put(&rig, a, 1, LAST);
    put(&rig, b, 1, LAST);
    expect_submit(&rig, a, 0, 3);
    rt(&rig, true);
    expect_nothing(&rig);
    expect_state(&rig, a, REEF_QUEUE_FINISHING);
    expect_state(&rig, b, REEF_QUEUE_HELD);
    for (uint64_t seq = 0; seq < 3; seq++) { /* goes on under RT */
        done(&rig, a, seq);
        expect_submit(&rig, a, seq + 3, 1);
    }
    assert_false(reef_core_clear(rig.core));
    for (uint64_t seq = 3; seq < 6; seq++)
        done(&rig, a, seq);
    expect_nothing(&rig);
    expect_state(&rig, a, REEF_QUEUE_HELD);
    assert_true(reef_core_clear(rig.core));
    rt(&rig, false);
    expect_submit(&rig, b, 0, 1);
    expect_nothing(&rig);
    reef_core_destroy(rig.core);
}

static void rt_over_within_a_task_changes_nothing(void **state)
{
    (void)state;
    struct rig rig = rig_of("sequential");
    uint32_t a = open_queue(&rig), b = open_queue(&rig);
    put(&rig, a, 1, R);
    put(&rig, b, 1, LAST);
    expect_submit(&rig, a, 0, 1);
    rt(&rig, true);
    rt(&rig, false);
    expect_nothing(&rig);
    put(&rig, a, 1, LAST);
    expect_submit(&rig, a, 1, 1);
    done(&rig, a, 0);
    done(&rig, a, 1);
    expect_submit(&rig, b, 0, 1);
    reef_core_destroy(rig.core);
}

static void a_closed_queue_passes_its_turn(void **state)
{
    (void)state;
    struct rig rig = rig_of("sequential");
    uint32_t a = open_queue(&rig), b = open_queue(&rig);
    put(&rig, a, 1, R);
    put(&rig, b, 1, LAST);
    expect_submit(&rig, a, 0, 1);
    reef_core_queue_close(rig.core, a);
    expect_submit(&rig, b, 0, 1);
    reef_core_destroy(rig.core);
}

/* A program that marks no tasks: what it has enqueued is its task. */
static void without_marks_an_empty_queue_ends_the_task(void **state)
{
    (void)state;
    struct rig rig = rig_of("sequential");
    uint32_t a = open_queue(&rig), b = open_queue(&rig);
    put(&rig, a, 1, R);
    put(&rig, b, 1, R);
    expect_submit(&rig, a, 0, 1);
    done(&rig, a, 0);
    expect_submit(&rig, b, 0, 1);
    reef_core_destroy(rig.core);
}

/* --- rt-only --- */

static void rt_only_runs_nothing(void **state)
{
    (void)state;
    struct rig rig = rig_of("rt-only");
    uint32_t q = open_queue(&rig);
    kernels(&rig, q, 1, 2);
    expect_nothing(&rig);
    rt(&rig, true);
    rt(&rig, false);
    expect_nothing(&rig);
    expect_state(&rig, q, REEF_QUEUE_HELD);
    reef_core_destroy(rig.core);
}

/* --- linger --- */

static uint64_t gap(struct reef_linger *linger, uint64_t *now_ns, uint64_t ns)
{
    *now_ns += 1000 * US; /* RT work */
    uint64_t linger_ns = reef_linger_idle(linger, *now_ns);
    *now_ns += ns;
    reef_linger_arrived(linger, *now_ns);
    return linger_ns;
}

static void short_gaps_are_lingered_through(void **state)
{
    (void)state;
    struct reef_linger linger;
    uint64_t now_ns = 1;
    reef_linger_init(&linger, 200 * US, 100 * US);
    reef_linger_arrived(&linger, now_ns);
    assert_int_equal(gap(&linger, &now_ns, 50 * US), 0); /* nothing learned yet */
    for (int i = 0; i < 10; i++)
        assert_int_equal(gap(&linger, &now_ns, 50 * US), 200 * US);
    for (int i = 0; i < 10; i++) /* long ones now: forgotten soon */
        gap(&linger, &now_ns, 5000 * US);
    assert_int_equal(gap(&linger, &now_ns, 5000 * US), 0);
}

static void without_a_restore_cost_it_always_lingers(void **state)
{
    (void)state;
    struct reef_linger linger;
    uint64_t now_ns = 1;
    reef_linger_init(&linger, 200 * US, 0);
    for (int i = 0; i < 10; i++)
        assert_int_equal(gap(&linger, &now_ns, 5000 * US), 200 * US);
}

static void lingering_is_bounded_and_does_not_overflow(void **state)
{
    (void)state;
    struct reef_linger linger;
    reef_linger_init(&linger, UINT64_MAX, UINT64_MAX);
    uint64_t now_ns = 5;
    for (int i = 0; i < 1000; i++)
        gap(&linger, &now_ns, 50 * US);
    assert_true(linger.gain_ns > 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(evicted_commands_come_back_in_order),
        cmocka_unit_test(eviction_spends_no_kernel),
        cmocka_unit_test(what_may_not_be_evicted_is_drained),
        cmocka_unit_test(a_failed_eviction_drains),
        cmocka_unit_test(nopad_resets),
        cmocka_unit_test(one_task_at_a_time),
        cmocka_unit_test(a_task_is_finished_before_rt),
        cmocka_unit_test(rt_over_within_a_task_changes_nothing),
        cmocka_unit_test(a_closed_queue_passes_its_turn),
        cmocka_unit_test(without_marks_an_empty_queue_ends_the_task),
        cmocka_unit_test(rt_only_runs_nothing),
        cmocka_unit_test(short_gaps_are_lingered_through),
        cmocka_unit_test(without_a_restore_cost_it_always_lingers),
        cmocka_unit_test(lingering_is_bounded_and_does_not_overflow),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
