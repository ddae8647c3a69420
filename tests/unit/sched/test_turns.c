// SPDX-License-Identifier: Apache-2.0
/* Turns of best-effort programs (sched/turns.h), several of them on one board, in virtual time. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>

#include <cmocka.h>

#include "sched/turns.h"

enum { PROCESSES = 4, US = 1000, TURN_US = 4000, PATIENCE_US = 20000, LEASE_US = 50000 };

/* A program that keeps some kernels in its device queue while it may. */
struct program {
    struct reef_turns turns;
    unsigned slot;
    bool alive, closed_loop;
    bool gated;         /* what it has on the device is over as soon as it may put more there */
    unsigned todo;      /* kernels it wants to run; closed_loop: for ever */
    uint64_t kernel_us; /* of each */
    uint64_t left_us;   /* of the one on the device; 0: none */
    uint64_t done, next_us;
    struct reef_turns_step step;
};

static struct board {
    uint64_t token, waiters, renewed_ns, now_us;
    bool in_force, rt;
    struct program p[PROCESSES];
    uint64_t together_us; /* two had work on the device though slices were short */
} b;

static void add(unsigned i, unsigned slot, uint64_t kernel_us)
{
    static const struct reef_turns_config config = {
        (uint64_t)TURN_US * US, (uint64_t)PATIENCE_US * US, (uint64_t)LEASE_US * US};
    b.p[i] =
        (struct program){.slot = slot, .alive = true, .closed_loop = true, .kernel_us = kernel_us};
    reef_turns_init(&b.p[i].turns, &config);
}

static void reset(void)
{
    b = (struct board){.in_force = true, .now_us = 1000000};
}

static bool wants(const struct program *p)
{
    return p->closed_loop || p->todo > 0;
}

static void step(struct program *p)
{
    for (int i = 0; i < 4; i++) {
        const struct reef_turns_view view = {
            .now_ns = b.now_us * US,
            .in_force = b.in_force,
            .busy = p->left_us > 0,
            .waiting = wants(p) && (p->left_us == 0 || !p->step.open),
            .rt = b.rt,
            .self = p->slot,
            .token = b.token,
            .waiters = b.waiters,
            .renewed_ns = b.renewed_ns,
        };
        p->step = reef_turns_step(&p->turns, &view);
        uint64_t bit = 1ull << p->slot;
        bool ring = p->step.change || (p->step.wait && !(b.waiters & bit));
        b.waiters = (p->step.wait ? b.waiters | bit : b.waiters & ~bit) & ~p->step.forget;
        if (p->step.renew)
            b.renewed_ns = b.now_us * US;
        for (unsigned k = 0; k < PROCESSES && ring; k++)
            b.p[k].next_us = b.now_us;
        if (!p->step.change)
            break;
        b.token = p->step.new_token;
    }
    p->next_us = p->step.again_ns == UINT64_MAX ? UINT64_MAX : b.now_us + p->step.again_ns / US + 1;
}

/* One microsecond of the device: who has work there shares it. */
static void run_device(void)
{
    unsigned busy = 0, short_slices = 0;
    for (unsigned i = 0; i < PROCESSES; i++) {
        busy += b.p[i].left_us > 0;
        short_slices += b.p[i].left_us > 0 && !b.p[i].step.long_slices;
    }
    b.together_us += busy > 1 && short_slices > 1;
    if (b.rt || busy == 0)
        return;
    unsigned turn = (unsigned)(b.now_us % busy);
    for (unsigned i = 0; i < PROCESSES; i++) {
        struct program *p = &b.p[i];
        if (p->left_us == 0 || turn-- != 0 || --p->left_us > 0)
            continue;
        p->done++;
        p->todo -= p->todo > 0;
        p->next_us = b.now_us;
    }
}

static void run(uint64_t us)
{
    for (uint64_t end = b.now_us + us; b.now_us < end; b.now_us++) {
        for (unsigned i = 0; i < PROCESSES; i++) {
            struct program *p = &b.p[i];
            bool news = wants(p) && p->left_us == 0;
            if (p->alive && p->kernel_us && (news || b.now_us >= p->next_us))
                step(p);
            if (p->alive && p->kernel_us && p->step.open && wants(p) && p->left_us == 0)
                p->left_us = p->kernel_us;
            if (p->gated && p->step.open)
                p->left_us = 1;
        }
        run_device();
    }
}

static void one_alone_has_all(void **state)
{
    reset();
    add(0, 5, 100);
    run(100000);
    assert_true(b.p[0].done > 980);
}

static void two_share_and_never_meet(void **state)
{
    reset();
    add(0, 3, 100);
    add(1, 9, 1000);
    run(1000000);
    uint64_t first_us = b.p[0].done * 100, second_us = b.p[1].done * 1000;
    assert_true(first_us > 400000 && second_us > 400000);
    assert_true(first_us + second_us > 950000);
    assert_int_equal(b.together_us, 0);
}

static void four_share(void **state)
{
    reset();
    for (unsigned i = 0; i < 4; i++)
        add(i, 63 - 7 * i, 300 + 100 * i);
    run(1000000);
    for (unsigned i = 0; i < 4; i++)
        assert_true(b.p[i].done * b.p[i].kernel_us > 180000);
    assert_int_equal(b.together_us, 0);
}

/* A kernel longer than a turn: it is waited for, the others get theirs. */
static void a_long_kernel(void **state)
{
    reset();
    add(0, 0, 15000);
    add(1, 1, 100);
    run(1000000);
    assert_true(b.p[0].done * 15000 > 500000 && b.p[1].done * 100 > 150000);
    assert_int_equal(b.together_us, 0);
}

/* One that is longer than the patience: everybody runs. */
static void a_kernel_without_end(void **state)
{
    reset();
    add(0, 0, 100000000);
    add(1, 1, 100);
    run(1000000);
    assert_true(b.p[1].done * 100 > 400000);
    assert_int_equal(b.together_us, 0);
}

/* The device queue of one gets empty only when another has run: it is not waited for for ever. */
static void one_waits_for_another(void **state)
{
    reset();
    add(0, 0, 100);
    add(1, 1, 100);
    run(10000);
    b.p[0].left_us = UINT64_MAX / 2; /* a wait for what the other will do */
    uint64_t before = b.p[1].done;
    run(100000);
    assert_true(b.p[1].done > before + 300);
    b.p[0].left_us = 1;
    run(100000);
    assert_true(b.p[0].done > 300 && b.p[1].done > 300);
}

/* It gets empty only by work of its own program that is kept back; and real-time work comes and
 * goes meanwhile, faster than the patience. */
static void one_waits_for_itself(void **state)
{
    reset();
    add(0, 0, 100);
    add(1, 1, 100);
    run(10000);
    b.p[0].left_us = UINT64_MAX / 2;
    for (int i = 0; i < 1000 && b.p[0].step.open; i++)
        run(10);
    assert_false(b.p[0].step.open);
    b.p[0].gated = true;
    for (int i = 0; i < 200 && b.p[0].gated; i++) {
        b.rt = i % 2 == 0;
        run(1000);
        b.p[0].gated = b.p[0].left_us > 1000;
    }
    assert_false(b.p[0].gated);
    b.rt = false;
    uint64_t before = b.p[0].done;
    run(100000);
    assert_true(b.p[0].done > before + 300 && b.p[1].done > 300);
}

static void the_dead_are_not_waited_for(void **state)
{
    reset();
    add(0, 0, 100);
    add(1, 1, 100);
    add(2, 2, 100);
    run(50000);
    b.p[0].alive = false; /* whether it has the token, or waits for it */
    b.p[0].left_us = 0;
    uint64_t before = b.p[1].done + b.p[2].done;
    run(1000000);
    assert_true((b.p[1].done + b.p[2].done - before) * 100 > 850000);
    assert_false(b.waiters & 1);
}

static void an_idle_one_passes_at_once(void **state)
{
    reset();
    add(0, 0, 100);
    b.p[0].closed_loop = false;
    b.p[0].todo = 10;
    run(5000);
    assert_int_equal(b.p[0].done, 10);
    assert_int_equal(reef_turns_holder(b.token), 0); /* it keeps it */
    add(1, 1, 100);
    run(5000);
    assert_true(b.p[1].done > 40);
}

static void real_time_work_is_no_fault(void **state)
{
    reset();
    add(0, 0, 1000);
    add(1, 1, 1000);
    run(10000);
    b.rt = true;
    run(1000000);
    b.rt = false;
    for (unsigned i = 0; i < 2; i++)
        assert_false(b.token & 0x100);
    run(100000);
    assert_true(b.p[0].done > 30 && b.p[1].done > 30);
    assert_int_equal(b.together_us, 0);
}

/* What runs when turns begin is over before slices get short. */
static void begin_and_end(void **state)
{
    reset();
    b.in_force = false;
    add(0, 0, 5000);
    add(1, 1, 5000);
    run(50000);
    assert_true(b.p[0].step.open && b.p[1].step.open && b.p[0].step.long_slices);
    b.in_force = true;
    run(100000);
    assert_int_equal(b.together_us, 0);
    b.in_force = false;
    run(1000);
    assert_true(b.p[0].step.open && b.p[1].step.open);
    assert_int_equal(reef_turns_holder(b.token), -1);
}

/* Nobody has a turn beside what others have from before: its slices would be short, theirs long.
 * So the turns begin with what is there, without one that takes too long. */
static void what_is_there_comes_first(void **state)
{
    reset();
    b.in_force = false;
    for (unsigned i = 0; i < 4; i++)
        add(i, i, 16000);
    run(100);
    b.in_force = true;
    for (unsigned i = 0; i < 4; i++)
        b.p[i].next_us = b.now_us; /* they notice */
    unsigned overruns = 0, beside = 0;
    for (unsigned us = 0; us < 62000; us++) {
        run(1);
        overruns += (b.token & 0x100) != 0;
        int holder = reef_turns_holder(b.token);
        beside += holder >= 0 && b.p[holder].done == 0;
    }
    for (unsigned i = 0; i < 4; i++)
        b.p[i].kernel_us = 300;
    run(500000);
    assert_int_equal(overruns, 0);
    assert_int_equal(beside, 0);
    assert_false(b.token & 0x100);
    for (unsigned i = 0; i < 4; i++)
        assert_true(b.p[i].done > 300);
}

/* But what never ends is not waited for for ever. */
static void what_is_there_does_not_end(void **state)
{
    reset();
    b.in_force = false;
    add(0, 0, 100);
    add(1, 1, 100);
    run(1000);
    b.in_force = true;
    for (unsigned i = 0; i < 2; i++) {
        b.p[i].left_us = UINT64_MAX / 2;
        b.p[i].gated = true; /* until it may go on */
        b.p[i].next_us = b.now_us;
    }
    run(1000000);
    assert_true(b.p[0].done > 10 && b.p[1].done > 10);
}

/* Whatever is on the board, a program that waits gets to run. */
static void any_words(void **state)
{
    srand(7);
    for (int i = 0; i < 40; i++) {
        reset();
        b.token = (uint64_t)rand() << 33 ^ (uint64_t)rand();
        b.waiters = 1ull << rand() % 64 | 1ull << rand() % 64 | 1ull << rand() % 64;
        b.renewed_ns = rand() % 3 == 0 ? UINT64_MAX - (uint64_t)rand() : (uint64_t)rand() * 1000;
        add(0, (unsigned)rand() % 64, 100);
        run(300000);
        assert_true(b.p[0].done > 100);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(one_alone_has_all),
        cmocka_unit_test(two_share_and_never_meet),
        cmocka_unit_test(four_share),
        cmocka_unit_test(a_long_kernel),
        cmocka_unit_test(a_kernel_without_end),
        cmocka_unit_test(one_waits_for_another),
        cmocka_unit_test(one_waits_for_itself),
        cmocka_unit_test(the_dead_are_not_waited_for),
        cmocka_unit_test(an_idle_one_passes_at_once),
        cmocka_unit_test(real_time_work_is_no_fault),
        cmocka_unit_test(begin_and_end),
        cmocka_unit_test(what_is_there_comes_first),
        cmocka_unit_test(what_is_there_does_not_end),
        cmocka_unit_test(any_words),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
