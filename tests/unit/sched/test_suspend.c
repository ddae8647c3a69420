// SPDX-License-Identifier: Apache-2.0
/*
 * Suspending: when it is chosen, that what was suspended goes on and nothing overtakes it, that the
 * time for which it was away is not learned; and the rule on kernels that take longer than the gaps
 * between RT work. In virtual time. A random run with suspensions is in test_guards.c.
 */
#include "sched/gaps.h"
#include "sched_test.h"

enum {
    PLAIN = REEF_COMMAND_RESTARTABLE,
    GUARDED = REEF_COMMAND_GUARDED,
    EVICTABLE = REEF_COMMAND_RESTARTABLE | REEF_COMMAND_GUARDED | REEF_COMMAND_EVICTABLE,
    NEVER = 0,
    WORTH_NS = 100 * US,
    PATIENCE_NS = 500 * US,
    LONG_NS = 5000 * US,
};

static struct reef_core_config suspending(void)
{
    struct reef_core_config config = default_config();
    config.evict = config.suspend = true;
    config.suspend_worth_ns = WORTH_NS;
    config.evict_patience_ns = PATIENCE_NS;
    config.depth_ns = 1000000 * US;
    return config;
}

static struct rig rig_suspending(void)
{
    struct reef_core_config config = suspending();
    return rig_with(&config);
}

static void expect_suspend(struct rig *rig, uint32_t queue)
{
    expect_action(rig, REEF_ACTION_SUSPEND, queue, 0, 0);
    expect_nothing(rig);
    expect_state(rig, queue, REEF_QUEUE_SUSPENDED);
}

static void drop_actions(struct rig *rig)
{
    struct reef_action action;
    while (reef_core_next(rig->core, &action))
        ;
}

/* Teaches the core that a kernel takes @ns. */
static void teach(struct rig *rig, uint32_t queue, uint64_t key, uint64_t ns)
{
    uint64_t seq = put(rig, queue, key, NEVER);
    drop_actions(rig);
    done_after(rig, queue, seq, ns);
    drop_actions(rig);
}

static void what_may_not_be_killed_is_suspended_and_goes_on(void **state)
{
    (void)state;
    struct rig rig = rig_suspending();
    uint32_t q = open_queue(&rig);
    put(&rig, q, 1, NEVER);
    put(&rig, q, 2, PLAIN);
    expect_submit(&rig, q, 0, 2);
    rt(&rig, true);
    expect_suspend(&rig, q);
    assert_false(reef_core_clear(rig.core));
    stopped(&rig, q);
    expect_state(&rig, q, REEF_QUEUE_SUSPENDED);
    assert_true(reef_core_clear(rig.core));
    assert_int_equal(reef_core_in_flight(rig.core, q), 2);
    put(&rig, q, 3, NEVER);
    expect_nothing(&rig);
    rt_over(&rig);
    expect_action(&rig, REEF_ACTION_RESUME, q, 0, 0);
    expect_submit(&rig, q, 2, 1);
    expect_state(&rig, q, REEF_QUEUE_OPEN);
    assert_false(reef_core_clear(rig.core));
    for (uint64_t seq = 0; seq < 3; seq++)
        done(&rig, q, seq);
    assert_true(reef_core_clear(rig.core));
    struct reef_core_stats stats = stats_of(&rig);
    assert_int_equal(stats.suspensions, 1);
    assert_int_equal(stats.drains + stats.killed + stats.resubmitted, 0);
    reef_core_destroy(rig.core);
}

static void what_ends_soon_is_waited_for_until_patience_ends(void **state)
{
    (void)state;
    struct rig rig = rig_suspending();
    uint32_t q = open_queue(&rig);
    teach(&rig, q, 1, WORTH_NS - 1);
    put(&rig, q, 1, NEVER);
    expect_submit(&rig, q, 1, 1);
    rt(&rig, true);
    expect_state(&rig, q, REEF_QUEUE_DRAINING);
    expect_timer(&rig, rig.now_ns + PATIENCE_NS);
    pass(&rig, PATIENCE_NS);
    expect_suspend(&rig, q); /* it did not */
    stopped(&rig, q);
    done(&rig, q, 1); /* it had ended just before */
    expect_state(&rig, q, REEF_QUEUE_SUSPENDED);
    rt_over(&rig);
    expect_action(&rig, REEF_ACTION_RESUME, q, 0, 0); /* the hardware's queue is off still */
    expect_state(&rig, q, REEF_QUEUE_OPEN);
    reef_core_destroy(rig.core);
}

static void what_can_be_evicted_or_killed_is(void **state)
{
    (void)state;
    struct rig rig = rig_suspending();
    uint32_t evicts = open_queue(&rig), resets = open_queue(&rig), mixed = open_queue(&rig);
    put(&rig, evicts, 1, EVICTABLE);
    put(&rig, evicts, 2, GUARDED); /* does not begin */
    put(&rig, resets, 1, PLAIN);
    put(&rig, mixed, 2, GUARDED); /* runs, whatever the flag says */
    put(&rig, mixed, 1, EVICTABLE);
    drop_actions(&rig);
    rt(&rig, true);
    expect_state(&rig, evicts, REEF_QUEUE_EVICTING);
    expect_state(&rig, resets, REEF_QUEUE_RESETTING);
    expect_state(&rig, mixed, REEF_QUEUE_SUSPENDED);
    reef_core_destroy(rig.core);
}

static void what_was_evicted_waits_behind_what_was_suspended(void **state)
{
    (void)state;
    struct rig rig = rig_suspending();
    uint32_t q = open_queue(&rig);
    teach(&rig, q, 1, 10 * US);
    put(&rig, q, 1, GUARDED); /* short: it is waited for, in vain */
    put(&rig, q, 2, EVICTABLE);
    expect_submit(&rig, q, 1, 2);
    rt(&rig, true);
    expect_action(&rig, REEF_ACTION_EVICT, q, 0, 0);
    expect_timer(&rig, rig.now_ns + PATIENCE_NS);
    reef_core_evicted(rig.core, q, 2, rig.now_ns); /* it was beside the first */
    pass(&rig, PATIENCE_NS);
    expect_suspend(&rig, q);
    stopped(&rig, q);
    for (int i = 0; i < 3; i++) { /* RT work comes and goes */
        rt_over(&rig);
        expect_action(&rig, REEF_ACTION_RESUME, q, 0, 0);
        expect_nothing(&rig); /* the flag stays up, nothing overtakes */
        expect_state(&rig, q, REEF_QUEUE_EVICTING);
        rt(&rig, true);
        expect_timer(&rig, rig.now_ns + PATIENCE_NS);
        pass(&rig, PATIENCE_NS);
        expect_suspend(&rig, q);
        stopped(&rig, q);
    }
    rt_over(&rig);
    expect_action(&rig, REEF_ACTION_RESUME, q, 0, 0);
    done(&rig, q, 1);
    expect_action(&rig, REEF_ACTION_ALLOW, q, 0, 0);
    expect_resubmit(&rig, q, 2, 1);
    expect_state(&rig, q, REEF_QUEUE_OPEN);
    reef_core_destroy(rig.core);
}

static void time_away_is_not_learned(void **state)
{
    (void)state;
    struct rig rig = rig_suspending();
    uint32_t q = open_queue(&rig);
    teach(&rig, q, 1, 200 * US);
    uint64_t seq = put(&rig, q, 1, NEVER);
    drop_actions(&rig);
    rt(&rig, true);
    expect_suspend(&rig, q);
    stopped(&rig, q);
    rig.now_ns += 89900 * US;
    rt_over(&rig);
    drop_actions(&rig);
    done_after(&rig, q, seq, 90000 * US);
    put(&rig, q, 1, NEVER);
    assert_int_equal(reef_core_backlog_ns(rig.core, q), 200 * US);
    reef_core_destroy(rig.core);
}

/* One that is suspended each time it runs is known by what is left of its time. */
static void what_is_always_suspended_is_found_to_be_long(void **state)
{
    (void)state;
    struct rig rig = rig_suspending();
    uint32_t q = open_queue(&rig);
    teach(&rig, q, 1, 200 * US); /* it took that when it had little to do */
    for (unsigned run = 0; run < 100; run++) {
        uint64_t seq = put(&rig, q, 1, NEVER);
        drop_actions(&rig);
        for (unsigned n = 0; n < 2; n++) {
            rt(&rig, true);
            expect_suspend(&rig, q);
            stopped(&rig, q);
            rig.now_ns += 700 * US;
            rt_over(&rig);
            drop_actions(&rig);
        }
        done_after(&rig, q, seq, 1400 * US + LONG_NS);
        drop_actions(&rig);
    }
    put(&rig, q, 1, NEVER);
    assert_in_range(reef_core_backlog_ns(rig.core, q), LONG_NS * 9 / 10, LONG_NS);
    reef_core_destroy(rig.core);
}

static void a_failure_drains(void **state)
{
    (void)state;
    struct rig rig = rig_suspending();
    uint32_t q = open_queue(&rig);
    put(&rig, q, 1, NEVER);
    drop_actions(&rig);
    rt(&rig, true);
    expect_suspend(&rig, q);
    reef_core_reset_failed(rig.core, q, rig.now_ns);
    expect_state(&rig, q, REEF_QUEUE_DRAINING);
    pass(&rig, 2 * PATIENCE_NS);
    expect_nothing(&rig); /* and it is not tried again */
    done(&rig, q, 0);
    expect_state(&rig, q, REEF_QUEUE_HELD);
    reef_core_destroy(rig.core);
}

static void an_answer_may_come_when_rt_work_is_gone(void **state)
{
    (void)state;
    struct rig rig = rig_suspending();
    uint32_t q = open_queue(&rig), untaken = open_queue(&rig);
    put(&rig, q, 1, NEVER);
    put(&rig, untaken, 1, NEVER);
    expect_submit(&rig, q, 0, 1);
    expect_submit(&rig, untaken, 0, 1);
    rt(&rig, true);
    expect_action(&rig, REEF_ACTION_SUSPEND, q, 0, 0);
    rt(&rig, false);
    pass(&rig, LINGER_NS); /* the other's SUSPEND was not taken: it never happens */
    expect_state(&rig, untaken, REEF_QUEUE_OPEN);
    expect_nothing(&rig);
    stopped(&rig, q);
    expect_action(&rig, REEF_ACTION_RESUME, q, 0, 0);
    expect_state(&rig, q, REEF_QUEUE_OPEN);
    reef_core_destroy(rig.core);
}

static void nothing_is_saved_where_nothing_runs(void **state)
{
    (void)state;
    struct rig rig = rig_suspending();
    uint32_t q = open_queue(&rig);
    put(&rig, q, 0, NEVER); /* a packet of an unknown kind */
    drop_actions(&rig);
    rt(&rig, true);
    pass(&rig, PATIENCE_NS);
    expect_state(&rig, q, REEF_QUEUE_DRAINING);
    reef_core_destroy(rig.core);
}

static void a_closed_queue_is_forgotten(void **state)
{
    (void)state;
    struct rig rig = rig_suspending();
    uint32_t q = open_queue(&rig), other = open_queue(&rig);
    put(&rig, q, 1, NEVER);
    put(&rig, other, 1, NEVER);
    drop_actions(&rig);
    rt(&rig, true);
    drop_actions(&rig);
    stopped(&rig, q);
    reef_core_queue_close(rig.core, q);
    assert_false(reef_core_clear(rig.core)); /* the other is still on its way */
    stopped(&rig, other);
    assert_true(reef_core_clear(rig.core));
    reef_core_destroy(rig.core);
}

/* --- kernels longer than the gaps --- */

/* BE runs for @ns, then RT work comes. */
static void gap(struct rig *rig, uint64_t ns)
{
    rt(rig, false);
    pass(rig, LINGER_NS);
    drop_actions(rig);
    rig->now_ns += ns;
    rt(rig, true);
}

/* A kernel of LONG_NS, EVICTABLE, always beginning anew when it is killed, while BE is let run for
 * @gap_ns at a time. Returns how often it was killed until it was through. */
static unsigned kills_until_through(const struct reef_core_config *config, uint64_t gap_ns,
                                    uint64_t *wait_ns)
{
    struct rig rig = rig_with(config);
    uint32_t q = open_queue(&rig);
    uint64_t ran_ns = 0;
    unsigned kills = 0;
    teach(&rig, q, 1, LONG_NS);
    for (int i = 0; i < 3; i++)
        gap(&rig, gap_ns);
    uint64_t seq = put(&rig, q, 1, EVICTABLE);
    *wait_ns = 0;
    for (int i = 0; i < 100; i++) {
        gap(&rig, gap_ns);
        ran_ns += gap_ns;
        enum reef_queue_state now = reef_core_queue_state(rig.core, q);
        drop_actions(&rig);
        if (ran_ns >= LONG_NS || now == REEF_QUEUE_DRAINING) {
            *wait_ns = ran_ns < LONG_NS ? LONG_NS - ran_ns : 0;
            done(&rig, q, seq);
            reef_core_destroy(rig.core);
            return kills;
        }
        if (now == REEF_QUEUE_EVICTING) {
            reef_core_evicted(rig.core, q, seq, rig.now_ns);
            ran_ns = 0;
            kills++;
        } else {
            assert_int_equal(now, REEF_QUEUE_SUSPENDED);
            stopped(&rig, q);
        }
    }
    fail_msg("no progress");
    return 0;
}

static void longer_than_the_gaps(void **state)
{
    (void)state;
    struct reef_core_config with = suspending(), without = suspending();
    without.suspend = false;
    uint64_t wait_ns;
    /* Fits a gap: may be killed, and is through when it is not. */
    assert_int_equal(kills_until_through(&without, LONG_NS + US, &wait_ns), 0);
    assert_int_equal(wait_ns, 0);
    /* Does not: it is never killed where it can be suspended, and RT work never waits for it; */
    assert_int_equal(kills_until_through(&with, LONG_NS / 3, &wait_ns), 0);
    assert_int_equal(wait_ns, 0);
    /* else it is killed once, not three times, and then waited for. */
    assert_int_equal(kills_until_through(&without, LONG_NS / 3, &wait_ns), 1);
    assert_true(wait_ns > 0);
}

static void a_longer_gap_is_remembered_for_a_while(void **state)
{
    (void)state;
    struct reef_gaps gaps = {0};
    reef_gaps_end(&gaps, 5); /* RT work before BE was ever let go */
    assert_true(reef_gaps_longest(&gaps) == UINT64_MAX);
    for (uint64_t i = 0; i < 2; i++) {
        reef_gaps_begin(&gaps, 1000 * i);
        reef_gaps_end(&gaps, 1000 * i + 100 + i);
    }
    assert_int_equal(reef_gaps_longest(&gaps), 101);
    for (uint64_t i = 0; i < REEF_GAPS - 1; i++) {
        reef_gaps_begin(&gaps, 1000);
        reef_gaps_end(&gaps, 1007);
    }
    assert_int_equal(reef_gaps_longest(&gaps), 101);
    reef_gaps_begin(&gaps, 1000);
    reef_gaps_end(&gaps, 999); /* a clock that is read on another CPU */
    assert_int_equal(reef_gaps_longest(&gaps), 7);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_may_not_be_killed_is_suspended_and_goes_on),
        cmocka_unit_test(what_ends_soon_is_waited_for_until_patience_ends),
        cmocka_unit_test(what_can_be_evicted_or_killed_is),
        cmocka_unit_test(what_was_evicted_waits_behind_what_was_suspended),
        cmocka_unit_test(time_away_is_not_learned),
        cmocka_unit_test(what_is_always_suspended_is_found_to_be_long),
        cmocka_unit_test(a_failure_drains),
        cmocka_unit_test(an_answer_may_come_when_rt_work_is_gone),
        cmocka_unit_test(nothing_is_saved_where_nothing_runs),
        cmocka_unit_test(a_closed_queue_is_forgotten),
        cmocka_unit_test(longer_than_the_gaps),
        cmocka_unit_test(a_longer_gap_is_remembered_for_a_while),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
