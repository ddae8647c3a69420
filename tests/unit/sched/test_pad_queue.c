// SPDX-License-Identifier: Apache-2.0
/*
 * The padding queue: what of a held queue runs beside RT work and when, how it ends, and a random
 * run against a device with two hardware queues whose guards behave as in test_guards.c. Whatever
 * happens, nothing is ever in both, every command takes effect once, in order, and beside RT work
 * runs only what may.
 */
#include "sched_test.h"

enum {
    PLAIN = REEF_COMMAND_RESTARTABLE,
    GUARDED = REEF_COMMAND_GUARDED,
    EVICTABLE = REEF_COMMAND_RESTARTABLE | REEF_COMMAND_GUARDED | REEF_COMMAND_EVICTABLE,
    PADDABLE = EVICTABLE | REEF_COMMAND_PADDABLE,
    WAITS = REEF_COMMAND_RESTARTABLE | REEF_COMMAND_WAITS,
    PATIENCE_NS = 500 * US,
    CUS = 60,
    PAD_CUS = 20,
    KERNEL_NS = 50 * US, /* of the kernels here, with all units */
};

static struct rig rig_pads(bool suspend)
{
    struct reef_core_config config = default_config();
    config.evict = true;
    config.suspend = suspend;
    config.evict_patience_ns = PATIENCE_NS;
    config.depth_ns = 1000000 * US;
    config.device.cus = CUS;
    return rig_with(&config);
}

static void room(struct rig *rig, uint32_t cus)
{
    reef_core_room(rig->core, cus, rig->now_ns);
}

static void evicted(struct rig *rig, uint32_t queue, uint64_t seq)
{
    reef_core_evicted(rig->core, queue, seq, rig->now_ns);
}

static void expect(struct rig *rig, enum reef_action_type type, uint32_t queue)
{
    expect_action(rig, type, queue, 0, 0);
}

/* Takes timers, and there must be nothing else. */
static void forget_timers(struct rig *rig)
{
    struct reef_action action;
    while (reef_core_next(rig->core, &action))
        assert_int_equal(action.type, REEF_ACTION_ARM_TIMER);
}

/* A queue with a padding queue, in which one kernel of each of the keys 1 to 3 has run. */
static uint32_t open_padded(struct rig *rig)
{
    uint32_t q = open_queue(rig);
    reef_core_padding_queue(rig->core, q, PAD_CUS, rig->now_ns);
    for (uint64_t key = 1; key <= 3; key++) {
        uint64_t seq = put(rig, q, key, PADDABLE);
        expect_submit(rig, q, seq, 1);
        done_after(rig, q, seq, KERNEL_NS);
    }
    return q;
}

static void held_work_goes_on_beside_and_then_back(void **state)
{
    (void)state;
    struct rig rig = rig_pads(false);
    uint32_t q = open_padded(&rig);
    put(&rig, q, 1, PADDABLE);
    put(&rig, q, 2, PADDABLE);
    put(&rig, q, 0, PLAIN);
    expect_submit(&rig, q, 3, 3);
    room(&rig, 30);
    rt(&rig, true);
    expect(&rig, REEF_ACTION_EVICT, q);
    forget_timers(&rig);
    evicted(&rig, q, 3);
    evicted(&rig, q, 4);
    expect_state(&rig, q, REEF_QUEUE_EVICTING);
    evicted(&rig, q, 5);
    expect_state(&rig, q, REEF_QUEUE_PADDING);
    expect(&rig, REEF_ACTION_ALLOW, q);
    expect(&rig, REEF_ACTION_PAD, q);
    expect_resubmit(&rig, q, 3, 3);
    done_after(&rig, q, 3, 3 * KERNEL_NS);
    done_after(&rig, q, 4, 3 * KERNEL_NS);
    done(&rig, q, 5);
    assert_int_equal(stats_of(&rig).padded, 2);
    put(&rig, q, 3, PADDABLE); /* what comes later, too */
    expect_submit(&rig, q, 6, 1);
    rt(&rig, false);
    forget_timers(&rig);
    pass(&rig, LINGER_NS);
    expect(&rig, REEF_ACTION_EVICT, q);
    forget_timers(&rig);
    evicted(&rig, q, 6);
    expect_state(&rig, q, REEF_QUEUE_OPEN);
    expect(&rig, REEF_ACTION_UNPAD, q);
    expect(&rig, REEF_ACTION_ALLOW, q);
    expect_resubmit(&rig, q, 6, 1);
    done_after(&rig, q, 6, KERNEL_NS);
    assert_int_equal(stats_of(&rig).padded, 2);
    reef_core_destroy(rig.core);
}

static void what_runs_beside_ends_when_rt_work_needs_the_units(void **state)
{
    (void)state;
    struct rig rig = rig_pads(true); /* not suspended, though it could be */
    uint32_t q = open_padded(&rig);
    room(&rig, PAD_CUS);
    rt(&rig, true);
    put(&rig, q, 1, PADDABLE);
    expect(&rig, REEF_ACTION_PAD, q);
    expect_submit(&rig, q, 3, 1);
    room(&rig, PAD_CUS - 1);
    expect_state(&rig, q, REEF_QUEUE_EVICTING);
    expect(&rig, REEF_ACTION_EVICT, q);
    expect_timer(&rig, rig.now_ns + PATIENCE_NS);
    evicted(&rig, q, 3);
    expect_state(&rig, q, REEF_QUEUE_HELD);
    put(&rig, q, 1, PADDABLE);
    expect_nothing(&rig);
    room(&rig, CUS);
    expect(&rig, REEF_ACTION_ALLOW, q); /* still in its padding queue */
    expect_resubmit(&rig, q, 3, 1);
    expect_submit(&rig, q, 4, 1);
    room(&rig, 0);
    expect(&rig, REEF_ACTION_EVICT, q);
    forget_timers(&rig);
    pass(&rig, PATIENCE_NS); /* it does not end: its hardware queue is killed */
    expect_reset(&rig, q);
    reef_core_padding_queue(rig.core, q, 0, rig.now_ns);
    stopped(&rig, q);
    expect(&rig, REEF_ACTION_UNPAD, q);
    expect_state(&rig, q, REEF_QUEUE_HELD);
    room(&rig, CUS); /* it has none any more */
    expect_nothing(&rig);
    rt_over(&rig);
    expect(&rig, REEF_ACTION_ALLOW, q);
    expect_resubmit(&rig, q, 3, 2);
    /* Nothing of that counts as a kill. */
    for (int i = 0; i < KILL_LIMIT; i++) {
        assert_true(reef_core_evictable(rig.core, q, 3));
        rig.now_ns += 1000 * US;
        rt(&rig, true);
        expect(&rig, REEF_ACTION_EVICT, q);
        forget_timers(&rig);
        evicted(&rig, q, 3);
        evicted(&rig, q, 4);
        rt(&rig, false);
        forget_timers(&rig);
        pass(&rig, LINGER_NS + PATIENCE_NS);
        expect(&rig, REEF_ACTION_ALLOW, q);
        expect_resubmit(&rig, q, 3, i + 1 < KILL_LIMIT ? 2 : 1);
    }
    assert_false(reef_core_evictable(rig.core, q, 3));
    reef_core_destroy(rig.core);
}

static void only_what_may_runs_beside_in_order(void **state)
{
    (void)state;
    static const struct {
        uint64_t key;
        uint32_t flags;
    } stops[] = {{1, EVICTABLE}, {1, GUARDED | PLAIN}, {1, PLAIN}, {1, 0}, {0, WAITS}, {0, 0}};
    for (unsigned i = 0; i < sizeof(stops) / sizeof(stops[0]); i++) {
        struct rig rig = rig_pads(false);
        uint32_t q = open_padded(&rig);
        room(&rig, 30);
        rt(&rig, true);
        expect(&rig, REEF_ACTION_PAD, q);
        put(&rig, q, 0, PLAIN);
        put(&rig, q, 1, PADDABLE);
        put(&rig, q, stops[i].key, stops[i].flags);
        put(&rig, q, 1, PADDABLE);
        expect_submit(&rig, q, 3, 2);
        done(&rig, q, 3);
        done_after(&rig, q, 4, KERNEL_NS);
        expect_nothing(&rig);
        rt(&rig, false);
        forget_timers(&rig);
        pass(&rig, LINGER_NS);
        expect(&rig, REEF_ACTION_UNPAD, q);
        assert_true(reef_core_in_flight(rig.core, q) > 0);
        reef_core_destroy(rig.core);
    }
}

/* Fewer units take longer, which is learned for itself; and nothing begins that will not end. */
static void what_takes_longer_than_rt_work_does_not_run_beside(void **state)
{
    (void)state;
    struct rig rig = rig_pads(false);
    uint32_t q = open_padded(&rig);
    for (int i = 0; i < 2; i++) { /* RT work of 100 us, with what BE lingers */
        room(&rig, 0);
        rt(&rig, true);
        pass(&rig, 100 * US - LINGER_NS % (100 * US));
        rt_over(&rig);
        forget_timers(&rig);
        pass(&rig, 1000 * US);
    }
    /* So BE was held for 300 us. Three kernels of 50 us take 450 on a third of the units. */
    room(&rig, 30);
    rt(&rig, true);
    for (uint64_t key = 1; key <= 3; key++)
        put(&rig, q, key, PADDABLE);
    expect(&rig, REEF_ACTION_PAD, q);
    expect_submit(&rig, q, 3, 2);
    expect_nothing(&rig);
    done_after(&rig, q, 3, 60 * US); /* it was not as bad as that */
    expect_nothing(&rig);
    put(&rig, q, 1, PADDABLE);
    done_after(&rig, q, 4, 60 * US); /* 180 left: enough for 150, and 60 are known by now */
    expect_submit(&rig, q, 5, 1);
    forget_timers(&rig);
    done_after(&rig, q, 5, 100 * US);
    expect_submit(&rig, q, 6, 1);
    done_after(&rig, q, 6, 60 * US);
    pass(&rig, 10000 * US); /* RT work goes on and on, so there is time again */
    for (uint64_t key = 1; key <= 3; key++)
        put(&rig, q, key, PADDABLE);
    assert_int_equal(reef_core_in_flight(rig.core, q), 3);
    for (uint64_t seq = 7; seq < 10; seq++)
        done_after(&rig, q, seq, 60 * US);
    rt(&rig, false);
    struct reef_action action;
    while (reef_core_next(rig.core, &action))
        ;
    pass(&rig, LINGER_NS);
    while (reef_core_next(rig.core, &action))
        ;
    /* With all units it still takes what it took. */
    put(&rig, q, 1, PADDABLE);
    assert_int_equal(reef_core_oldest_ns(rig.core, q), KERNEL_NS);
    reef_core_destroy(rig.core);
}

static void a_kernel_that_is_not_known_goes_alone(void **state)
{
    (void)state;
    struct rig rig = rig_pads(false);
    uint32_t q = open_padded(&rig);
    room(&rig, 30);
    rt(&rig, true);
    for (int i = 0; i < 3; i++)
        put(&rig, q, 99, PADDABLE);
    assert_int_equal(reef_core_in_flight(rig.core, q), 1);
    done_after(&rig, q, 3, KERNEL_NS);
    assert_int_equal(reef_core_in_flight(rig.core, q), 2);
    reef_core_destroy(rig.core);
}

static void policies_without_padding_do_not_pad(void **state)
{
    (void)state;
    static const char *const policies[] = {"reef-nopad", "reef-n", "wait"};
    for (unsigned i = 0; i < 3; i++) {
        struct reef_core_config config = default_config();
        config.policy = policies[i];
        config.evict = true;
        struct rig rig = rig_with(&config);
        uint32_t q = open_padded(&rig);
        room(&rig, CUS);
        rt(&rig, true);
        put(&rig, q, 1, PADDABLE);
        expect_nothing(&rig);
        expect_state(&rig, q, REEF_QUEUE_HELD);
        reef_core_destroy(rig.core);
    }
}

/* --- random runs --- */

enum { COMMANDS = 300, RUNS = 600 };

struct device_command {
    uint32_t flags, key;
    bool in_dq, done, evictable;
};

struct device {
    struct rig rig;
    uint32_t queue;
    uint64_t seed;
    bool flag, chain, reset_due, suspend_due, off;
    bool held, beside; /* BE is; the DQ is the padding queue */
    uint32_t room, pad_cus;
    unsigned enqueued; /* commands told to the core */
    struct device_command commands[COMMANDS];
};

static unsigned chance(struct device *d, unsigned below)
{
    d->seed = d->seed * 6364136223846793005u + 1442695040888963407u;
    return (unsigned)(d->seed >> 33) % below;
}

static bool is_empty(const struct device *d)
{
    bool empty = true;
    for (unsigned i = 0; i < d->enqueued; i++)
        empty = empty && !d->commands[i].in_dq;
    return empty;
}

static void submit(struct device *d, uint64_t i)
{
    struct device_command *c = &d->commands[i];
    if (c->done)
        return;
    assert_false(c->in_dq);
    for (unsigned before = 0; before < i; before++)
        assert_true(d->commands[before].done || d->commands[before].in_dq);
    c->in_dq = true;
    c->evictable = reef_core_evictable(d->rig.core, d->queue, i);
    assert_false(d->chain); /* it was lowered when the DQ was empty */
    assert_true(d->beside == d->held);
    if (!d->beside)
        return;
    assert_true(d->room >= d->pad_cus && d->pad_cus > 0);
    assert_true(c->key ? (c->flags & PADDABLE) == PADDABLE && c->evictable : c->flags == PLAIN);
}

static void act(struct device *d, const struct reef_action *action)
{
    switch (action->type) {
    case REEF_ACTION_SUBMIT:
    case REEF_ACTION_RESUBMIT:
        for (uint64_t i = action->first; i < action->first + action->count; i++)
            submit(d, i);
        break;
    case REEF_ACTION_EVICT:
        d->flag = true;
        break;
    case REEF_ACTION_ALLOW:
        d->flag = false;
        d->chain = d->chain && !is_empty(d);
        break;
    case REEF_ACTION_RESET:
        d->reset_due = true;
        break;
    case REEF_ACTION_SUSPEND:
        assert_false(d->suspend_due || d->off || d->beside);
        d->suspend_due = true;
        break;
    case REEF_ACTION_RESUME:
        assert_true(d->off);
        d->off = false;
        break;
    case REEF_ACTION_PAD:
        assert_true(is_empty(d) && !d->beside && d->pad_cus > 0);
        d->beside = true;
        break;
    case REEF_ACTION_UNPAD:
        assert_true(is_empty(d) && d->beside);
        d->beside = false;
        break;
    case REEF_ACTION_ARM_TIMER:
        break;
    }
}

static void take(struct device *d)
{
    struct reef_action action;
    while (reef_core_next(d->rig.core, &action))
        act(d, &action);
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
    c->in_dq = false;
    if (!ends && !follows) {
        for (unsigned before = 0; before < i; before++) /* nothing is overtaken */
            assert_true(d->commands[before].done);
        c->done = true;
        reef_core_completed(d->rig.core, d->queue, i, (1 + chance(d, 40)) * 10 * US, d->rig.now_ns);
    } else {
        assert_true(barrier || c->flags & REEF_COMMAND_GUARDED);
        d->chain = true;
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
        if (d->beside)
            reef_core_padding_queue(d->rig.core, d->queue, d->pad_cus = 0, d->rig.now_ns);
        reef_core_stopped(d->rig.core, d->queue, d->rig.now_ns);
    }
    take(d);
}

static void put_random(struct device *d)
{
    static const uint32_t kinds[] = {PADDABLE, PADDABLE, PADDABLE,        PADDABLE,  PADDABLE,
                                     PADDABLE, PADDABLE, GUARDED | PLAIN, EVICTABLE, 0};
    if (d->enqueued == COMMANDS)
        return;
    struct device_command *c = &d->commands[d->enqueued];
    c->key = chance(d, 5);
    c->flags = c->key ? kinds[chance(d, 10)] : (uint32_t[]){PLAIN, PLAIN, WAITS}[chance(d, 3)];
    d->enqueued++; /* it may be submitted at once */
    if (put(&d->rig, d->queue, c->key, c->flags) == REEF_CORE_FULL)
        d->enqueued--;
    take(d);
}

static void change_room(struct device *d)
{
    static const uint32_t rooms[] = {0, PAD_CUS - 1, PAD_CUS, CUS};
    if (!d->beside && chance(d, 3) == 0) { /* maintenance makes it, or another one */
        d->pad_cus = PAD_CUS - chance(d, 2);
        reef_core_padding_queue(d->rig.core, d->queue, d->pad_cus, d->rig.now_ns);
    } else {
        d->room = rooms[chance(d, 4)];
        reef_core_room(d->rig.core, d->room, d->rig.now_ns);
    }
    take(d);
}

/* Whether BE is held is for the core to say: the state of a second queue without work does. */
static void note_held(struct device *d)
{
    d->held = reef_core_queue_state(d->rig.core, d->queue + 1) == REEF_QUEUE_HELD;
}

static void step(struct device *d)
{
    switch (chance(d, 12)) {
    case 0:
        reef_core_rt(d->rig.core, chance(d, 2), d->rig.now_ns);
        note_held(d);
        take(d);
        break;
    case 1:
        pass(&d->rig, chance(d, 600) * US);
        note_held(d);
        take(d);
        break;
    case 2:
        change_room(d);
        break;
    case 3:
    case 4:
    case 5:
        put_random(d);
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

static void finish(struct device *d)
{
    rt(&d->rig, false);
    note_held(d);
    take(d);
    for (unsigned i = 0; i < 3 * COMMANDS; i++) {
        pass(&d->rig, PATIENCE_NS);
        note_held(d);
        take(d);
        if (d->reset_due)
            device_reset(d);
        if (d->suspend_due)
            device_suspend(d);
        device_step(d);
    }
    for (unsigned i = 0; i < d->enqueued; i++)
        assert_true(d->commands[i].done);
    expect_state(&d->rig, d->queue, REEF_QUEUE_OPEN);
    assert_false(d->flag || d->chain || d->off || d->beside);
    assert_true(reef_core_clear(d->rig.core));
}

static void everything_takes_effect_in_order(void **state)
{
    static struct device d;
    uint64_t padded = 0, resets = 0;
    (void)state;
    for (unsigned run = 0; run < RUNS; run++) {
        memset(&d, 0, sizeof(d));
        d.seed = 4711 + run;
        d.rig = rig_pads(run % 2);
        d.queue = open_queue(&d.rig);
        assert_int_equal(open_queue(&d.rig), d.queue + 1);
        for (unsigned i = 0; i < 1500; i++)
            step(&d);
        finish(&d);
        padded += stats_of(&d.rig).padded;
        resets += stats_of(&d.rig).resets;
        reef_core_destroy(d.rig.core);
    }
    assert_true(padded > 10000);
    assert_true(resets > 100);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(held_work_goes_on_beside_and_then_back),
        cmocka_unit_test(what_runs_beside_ends_when_rt_work_needs_the_units),
        cmocka_unit_test(only_what_may_runs_beside_in_order),
        cmocka_unit_test(what_takes_longer_than_rt_work_does_not_run_beside),
        cmocka_unit_test(a_kernel_that_is_not_known_goes_alone),
        cmocka_unit_test(policies_without_padding_do_not_pad),
        cmocka_unit_test(everything_takes_effect_in_order),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
