// SPDX-License-Identifier: Apache-2.0
/*
 * Guards: which commands may stand behind which, what is reported evicted comes back in its place,
 * and a random run against a device that behaves as guards do (shim/amd/code/guard.h): a kernel
 * that is evictable ends, at a moment of its own, while the flag is up; what is guarded does not
 * begin once something before it was evicted; what is not guarded always runs; and in half of the
 * runs the device can also suspend. Whatever happens, every kernel takes effect once, in order.
 */
#include "sched_test.h"

enum {
    PLAIN = REEF_COMMAND_RESTARTABLE,
    GUARDED = REEF_COMMAND_GUARDED,
    EVICTABLE = REEF_COMMAND_RESTARTABLE | REEF_COMMAND_GUARDED | REEF_COMMAND_EVICTABLE,
    WAITS = REEF_COMMAND_RESTARTABLE | REEF_COMMAND_WAITS,
    PATIENCE_NS = 500 * US,
};

static struct rig rig_guards(void)
{
    struct reef_core_config config = default_config();
    config.evict = true;
    config.evict_patience_ns = PATIENCE_NS;
    config.depth_ns = 1000000 * US;
    return rig_with(&config);
}

/* The same with the means to suspend, with or without the means to kill. */
static struct rig rig_suspend(uint64_t worth_ns, bool reset)
{
    struct reef_core_config config = default_config();
    config.reset = reset;
    config.evict = true;
    config.suspend = true;
    config.suspend_worth_ns = worth_ns;
    config.evict_patience_ns = PATIENCE_NS;
    config.depth_ns = 1000000 * US;
    return rig_with(&config);
}

static void evicted(struct rig *rig, uint32_t queue, uint64_t seq)
{
    reef_core_evicted(rig->core, queue, seq, rig->now_ns);
}

static void expect_evict(struct rig *rig, uint32_t queue)
{
    expect_action(rig, REEF_ACTION_EVICT, queue, 0, 0);
}

static void expect_allow(struct rig *rig, uint32_t queue)
{
    expect_action(rig, REEF_ACTION_ALLOW, queue, 0, 0);
}

static void what_was_evicted_comes_back_in_its_place(void **state)
{
    (void)state;
    struct rig rig = rig_guards();
    uint32_t q = open_queue(&rig);
    for (int i = 0; i < 3; i++)
        put(&rig, q, 7, EVICTABLE);
    expect_submit(&rig, q, 0, 3);
    rt(&rig, true);
    expect_evict(&rig, q);
    expect_timer(&rig, rig.now_ns + PATIENCE_NS);
    expect_state(&rig, q, REEF_QUEUE_EVICTING);
    done(&rig, q, 0); /* it reached its end after all */
    evicted(&rig, q, 1);
    expect_state(&rig, q, REEF_QUEUE_EVICTING);
    evicted(&rig, q, 2);
    expect_state(&rig, q, REEF_QUEUE_HELD);
    expect_nothing(&rig);
    rt(&rig, false);
    struct reef_action action;
    while (reef_core_next(rig.core, &action)) /* timers */
        assert_int_equal(action.type, REEF_ACTION_ARM_TIMER);
    pass(&rig, PATIENCE_NS);
    expect_allow(&rig, q);
    expect_resubmit(&rig, q, 1, 2);
    expect_state(&rig, q, REEF_QUEUE_OPEN);
    struct reef_core_stats stats = stats_of(&rig);
    assert_int_equal(stats.evicted, 2);
    assert_int_equal(stats.evictions, 1);
    assert_int_equal(stats.killed, 0);
    reef_core_destroy(rig.core);
}

static void what_has_no_guard_waits_for_what_may_be_evicted(void **state)
{
    (void)state;
    struct rig rig = rig_guards();
    uint32_t q = open_queue(&rig);
    put(&rig, q, 1, EVICTABLE);
    put(&rig, q, 2, GUARDED);
    put(&rig, q, 3, PLAIN);
    put(&rig, q, 4, EVICTABLE);
    expect_submit(&rig, q, 0, 2);
    expect_nothing(&rig);
    done(&rig, q, 0);
    expect_submit(&rig, q, 2, 2); /* what is guarded only is no reason to wait */
    reef_core_destroy(rig.core);
}

static void what_lost_its_guard_is_followed_by_anything(void **state)
{
    (void)state;
    struct rig rig = rig_guards();
    uint32_t q = open_queue(&rig);
    put(&rig, q, 1, EVICTABLE);
    put(&rig, q, 2, EVICTABLE);
    put(&rig, q, 3, PLAIN);
    expect_submit(&rig, q, 0, 2);
    reef_core_unguarded(rig.core, q, 0);
    expect_nothing(&rig);                /* the other one may be evicted */
    reef_core_unguarded(rig.core, q, 2); /* not in the DQ: nothing happens */
    expect_nothing(&rig);
    assert_true(reef_core_evictable(rig.core, q, 1));
    reef_core_unguarded(rig.core, q, 1);
    assert_false(reef_core_evictable(rig.core, q, 1));
    expect_submit(&rig, q, 2, 1);
    rt(&rig, true); /* there is nothing to evict, and nothing that may be reset */
    expect_state(&rig, q, REEF_QUEUE_DRAINING);
    for (uint64_t i = 0; i < 3; i++)
        done(&rig, q, i);
    expect_state(&rig, q, REEF_QUEUE_HELD);
    reef_core_destroy(rig.core);
}

/* While its flag is up: the queue is waited for, and goes on when RT work is over. */
static void what_loses_its_guard_while_it_is_evicted_is_waited_for(void **state)
{
    (void)state;
    struct rig rig = rig_guards();
    uint32_t q = open_queue(&rig);
    put(&rig, q, 1, EVICTABLE);
    put(&rig, q, 2, EVICTABLE);
    expect_submit(&rig, q, 0, 2);
    rt(&rig, true);
    expect_evict(&rig, q);
    expect_timer(&rig, rig.now_ns + PATIENCE_NS);
    reef_core_unguarded(rig.core, q, 0);
    done(&rig, q, 0);
    evicted(&rig, q, 1);
    expect_state(&rig, q, REEF_QUEUE_HELD);
    rt(&rig, false);
    pass(&rig, LINGER_NS);
    expect_allow(&rig, q);
    expect_resubmit(&rig, q, 1, 1);
    expect_state(&rig, q, REEF_QUEUE_OPEN);
    reef_core_destroy(rig.core);
}

/* What will be made up for on the device, in its place, is as good as complete: evicted or not. */
static void what_is_left_to_the_device_does_not_come_back(void **state)
{
    (void)state;
    struct rig rig = rig_guards();
    uint32_t q = open_queue(&rig);
    for (int i = 0; i < 3; i++)
        put(&rig, q, 7, EVICTABLE);
    put(&rig, q, 8, PLAIN);
    expect_submit(&rig, q, 0, 3);
    rt(&rig, true);
    expect_evict(&rig, q);
    expect_timer(&rig, rig.now_ns + PATIENCE_NS);
    rt(&rig, false);
    pass(&rig, LINGER_NS); /* nothing was reported: it goes on as it is */
    expect_state(&rig, q, REEF_QUEUE_OPEN);
    struct reef_action action;
    while (reef_core_next(rig.core, &action)) /* ALLOW, timers */
        ;
    evicted(&rig, q, 0); /* and now something is: the others are waited for */
    expect_evict(&rig, q);
    expect_state(&rig, q, REEF_QUEUE_EVICTING);
    for (uint64_t i = 0; i < 3; i++)
        done(&rig, q, i);
    expect_allow(&rig, q);
    expect_submit(&rig, q, 3, 1);
    expect_state(&rig, q, REEF_QUEUE_OPEN);
    assert_int_equal(stats_of(&rig).resubmitted, 0);
    reef_core_destroy(rig.core);
}

static void a_waiting_barrier_stands_behind_nothing_evictable(void **state)
{
    (void)state;
    struct rig rig = rig_guards();
    uint32_t q = open_queue(&rig);
    put(&rig, q, 1, EVICTABLE);
    put(&rig, q, 0, PLAIN); /* a barrier that waits for nothing */
    put(&rig, q, 0, WAITS);
    put(&rig, q, 2, EVICTABLE);
    expect_submit(&rig, q, 0, 2);
    expect_nothing(&rig);
    done(&rig, q, 0);
    done(&rig, q, 1);
    expect_submit(&rig, q, 2, 2);
    /* Held while it waits: nothing can be evicted, and it goes on as it is. */
    rt(&rig, true);
    expect_evict(&rig, q);
    expect_timer(&rig, rig.now_ns + PATIENCE_NS);
    rt(&rig, false);
    pass(&rig, LINGER_NS);
    expect_allow(&rig, q);
    expect_state(&rig, q, REEF_QUEUE_OPEN);
    reef_core_destroy(rig.core);
}

static void a_flag_raised_by_the_device_counts_as_an_arrival(void **state)
{
    (void)state;
    struct rig rig = rig_guards();
    uint32_t q = open_queue(&rig);
    put(&rig, q, 1, EVICTABLE);
    put(&rig, q, 1, EVICTABLE);
    expect_submit(&rig, q, 0, 2);
    evicted(&rig, q, 0);
    expect_evict(&rig, q);
    expect_state(&rig, q, REEF_QUEUE_EVICTING);
    evicted(&rig, q, 1); /* nothing holds it: it comes back at once */
    expect_allow(&rig, q);
    expect_resubmit(&rig, q, 0, 2);
    reef_core_destroy(rig.core);
}

static void a_kernel_evicted_too_often_is_guarded_only(void **state)
{
    (void)state;
    struct rig rig = rig_guards();
    uint32_t q = open_queue(&rig);
    put(&rig, q, 1, EVICTABLE);
    struct reef_action action;
    for (int i = 0; i < KILL_LIMIT; i++) {
        while (reef_core_next(rig.core, &action))
            ;
        assert_true(reef_core_evictable(rig.core, q, 0));
        rt(&rig, true);
        evicted(&rig, q, 0);
        rt(&rig, false);
        pass(&rig, PATIENCE_NS + LINGER_NS);
    }
    while (reef_core_next(rig.core, &action))
        ;
    assert_int_equal(reef_core_in_flight(rig.core, q), 1);
    assert_false(reef_core_evictable(rig.core, q, 0));
    rt(&rig, true);
    expect_state(&rig, q, REEF_QUEUE_DRAINING);
    done(&rig, q, 0);
    expect_state(&rig, q, REEF_QUEUE_HELD);
    reef_core_destroy(rig.core);
}

static void impatience_resets_what_may_be_reset(void **state)
{
    (void)state;
    struct rig rig = rig_guards();
    uint32_t q = open_queue(&rig), careful = open_queue(&rig);
    put(&rig, q, 1, EVICTABLE);
    put(&rig, careful, 1, EVICTABLE);
    put(&rig, careful, 2, GUARDED);
    expect_submit(&rig, q, 0, 1);
    expect_submit(&rig, careful, 0, 2);
    rt(&rig, true);
    expect_evict(&rig, q);
    expect_evict(&rig, careful);
    expect_timer(&rig, rig.now_ns + PATIENCE_NS);
    pass(&rig, PATIENCE_NS);
    expect_reset(&rig, q);
    expect_nothing(&rig);
    expect_state(&rig, careful, REEF_QUEUE_EVICTING);
    reef_core_reset_failed(rig.core, q, rig.now_ns);
    evicted(&rig, q, 0);
    expect_state(&rig, q, REEF_QUEUE_HELD);
    reef_core_destroy(rig.core);
}

/* --- random runs --- */

enum { COMMANDS = 300, RUNS = 400 };

struct device_command {
    uint32_t flags, key;
    bool in_dq, done, evictable;
};

struct device {
    struct rig rig;
    uint32_t queue;
    uint64_t seed;
    bool flag, chain, reset_due, suspend_due, off;
    unsigned enqueued, count; /* commands told to the core, and all there will be */
    struct device_command commands[COMMANDS];
};

static unsigned chance(struct device *d, unsigned below)
{
    d->seed = d->seed * 6364136223846793005u + 1442695040888963407u;
    return (unsigned)(d->seed >> 33) % below;
}

static void take(struct device *d)
{
    struct reef_action action;
    while (reef_core_next(d->rig.core, &action)) {
        bool empty = true;
        for (uint64_t i = action.first; i < action.first + action.count; i++) {
            struct device_command *c = &d->commands[i];
            if (c->done)
                continue;
            assert_false(c->in_dq);
            for (unsigned before = 0; before < i; before++)
                assert_true(d->commands[before].done || d->commands[before].in_dq);
            c->in_dq = true;
            c->evictable = reef_core_evictable(d->rig.core, d->queue, i);
            assert_false(d->chain); /* it was lowered when the DQ was empty */
        }
        if (action.type == REEF_ACTION_EVICT)
            d->flag = true;
        if (action.type == REEF_ACTION_ALLOW) {
            d->flag = false;
            for (unsigned i = 0; i < d->enqueued; i++)
                empty = empty && !d->commands[i].in_dq;
            d->chain = d->chain && !empty;
        }
        if (action.type == REEF_ACTION_RESET)
            d->reset_due = true;
        if (action.type == REEF_ACTION_SUSPEND) {
            assert_false(d->suspend_due || d->off);
            d->suspend_due = true;
        }
        if (action.type == REEF_ACTION_RESUME) {
            assert_true(d->off);
            d->off = false;
        }
    }
}

/* The oldest command in the DQ comes to its end, one way or the other. */
static void device_step(struct device *d)
{
    unsigned i = 0;
    while (i < d->enqueued && !d->commands[i].in_dq)
        i++;
    if (i == d->enqueued || d->off)
        return;
    struct device_command *c = &d->commands[i];
    bool barrier = c->key == 0;
    bool ends = c->evictable && (d->chain || (d->flag && chance(d, 100) < 70));
    bool follows = d->chain && (barrier || c->flags & REEF_COMMAND_GUARDED);
    if (!ends && !follows) {
        /* Every command before it took effect: nothing that was evicted is overtaken. */
        for (unsigned before = 0; before < i; before++)
            assert_true(d->commands[before].done);
        c->in_dq = false;
        c->done = true;
        reef_core_completed(d->rig.core, d->queue, i, 1000, d->rig.now_ns);
    } else {
        assert_true(barrier || c->flags & REEF_COMMAND_GUARDED);
        d->chain = true;
        c->in_dq = false;
        reef_core_evicted(d->rig.core, d->queue, i, d->rig.now_ns);
    }
    take(d);
}

static void device_suspend(struct device *d)
{
    d->suspend_due = false;
    d->off = chance(d, 5) > 0;
    if (d->off)
        reef_core_stopped(d->rig.core, d->queue, d->rig.now_ns);
    else
        reef_core_reset_failed(d->rig.core, d->queue, d->rig.now_ns);
    take(d);
}

static void device_reset(struct device *d)
{
    d->reset_due = false;
    if (chance(d, 4) == 0) {
        reef_core_reset_failed(d->rig.core, d->queue, d->rig.now_ns);
    } else {
        for (unsigned i = 0; i < d->enqueued; i++)
            d->commands[i].in_dq = false;
        reef_core_stopped(d->rig.core, d->queue, d->rig.now_ns);
    }
    take(d);
}

static void put_random(struct device *d)
{
    static const uint32_t kinds[] = {EVICTABLE,       EVICTABLE, EVICTABLE, GUARDED,
                                     GUARDED | PLAIN, PLAIN,     0};
    if (d->enqueued == COMMANDS)
        return;
    struct device_command *c = &d->commands[d->enqueued];
    c->key = chance(d, 5);
    c->flags = c->key ? kinds[chance(d, 7)] : (uint32_t[]){PLAIN, PLAIN, WAITS}[chance(d, 3)];
    if (put(&d->rig, d->queue, c->key, c->flags) != REEF_CORE_FULL)
        d->enqueued++;
    take(d);
}

/* The device will run the oldest of what is evictable to its end whatever happens: nothing before
 * it was evicted. */
static void lose_guard(struct device *d)
{
    unsigned i = 0;
    while (i < d->enqueued && !(d->commands[i].in_dq && d->commands[i].evictable))
        i++;
    if (i == d->enqueued || d->chain || d->reset_due)
        return;
    d->commands[i].evictable = false;
    d->commands[i].flags = 0;
    reef_core_unguarded(d->rig.core, d->queue, i);
    take(d);
}

static void step(struct device *d)
{
    switch (chance(d, 10)) {
    case 0:
        rt(&d->rig, chance(d, 2));
        take(d);
        break;
    case 1:
        pass(&d->rig, chance(d, 600) * US);
        take(d);
        break;
    case 2:
    case 3:
    case 4:
        put_random(d);
        break;
    case 5:
        lose_guard(d);
        break;
    default:
        if (d->reset_due && chance(d, 2))
            device_reset(d);
        else if (d->suspend_due && chance(d, 2))
            device_suspend(d);
        else
            device_step(d);
    }
}

static void everything_takes_effect_in_order(void **state)
{
    static struct device d;
    uint64_t suspensions = 0;
    (void)state;
    for (unsigned run = 0; run < RUNS; run++) {
        memset(&d, 0, sizeof(d));
        d.seed = 77 + run;
        d.rig = run % 2 ? rig_suspend((run & 2) * 300 * US, (run & 4) > 0) : rig_guards();
        d.queue = open_queue(&d.rig);
        for (unsigned i = 0; i < 1500; i++)
            step(&d);
        rt(&d.rig, false);
        take(&d);
        for (unsigned i = 0; i < 3 * COMMANDS; i++) {
            pass(&d.rig, PATIENCE_NS);
            take(&d);
            if (d.reset_due)
                device_reset(&d);
            if (d.suspend_due)
                device_suspend(&d);
            device_step(&d);
        }
        suspensions += stats_of(&d.rig).suspensions;
        for (unsigned i = 0; i < d.enqueued; i++)
            assert_true(d.commands[i].done);
        expect_state(&d.rig, d.queue, REEF_QUEUE_OPEN);
        assert_false(d.flag || d.chain || d.off);
        assert_true(reef_core_clear(d.rig.core));
        reef_core_destroy(d.rig.core);
    }
    assert_true(suspensions > 1000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(what_was_evicted_comes_back_in_its_place),
        cmocka_unit_test(what_has_no_guard_waits_for_what_may_be_evicted),
        cmocka_unit_test(what_lost_its_guard_is_followed_by_anything),
        cmocka_unit_test(what_loses_its_guard_while_it_is_evicted_is_waited_for),
        cmocka_unit_test(what_is_left_to_the_device_does_not_come_back),
        cmocka_unit_test(a_waiting_barrier_stands_behind_nothing_evictable),
        cmocka_unit_test(a_flag_raised_by_the_device_counts_as_an_arrival),
        cmocka_unit_test(a_kernel_evicted_too_often_is_guarded_only),
        cmocka_unit_test(impatience_resets_what_may_be_reset),
        cmocka_unit_test(everything_takes_effect_in_order),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
