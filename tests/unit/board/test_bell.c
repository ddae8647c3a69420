// SPDX-License-Identifier: Apache-2.0
/*
 * No wake-up is lost. The sleeper asks for a sleep far longer than the test may take, so a lost
 * wake-up is a test that does not end (the alarm ends it), not one that is slow. Run under TSan as
 * well.
 */
#include "tests/unit/board/sleeper.h"

enum { ROUNDS = 20000 };
#define FOREVER_NS 600000000000ull

struct race {
    struct reef_board *sleeper, *ringer; /* two boards on one file, or the same one */
    _Atomic uint32_t published, seen;
    _Atomic bool stop;
};

/* As the agent does: read the bell, look at the world, sleep on that bell. */
static void *sleeper_main(void *arg)
{
    struct race *race = arg;
    while (!atomic_load(&race->stop)) {
        uint32_t bell = reef_board_bell(race->sleeper);
        uint32_t published = atomic_load(&race->published);
        atomic_store(&race->seen, published);
        if (published == ROUNDS)
            break;
        reef_board_sleep(race->sleeper, bell, FOREVER_NS);
    }
    return NULL;
}

/* One round: publish, ring, and wait until the sleeper has looked. */
static void run_race(struct race *race, void (*ring)(struct reef_board *board, uint32_t round))
{
    pthread_t thread;
    alarm(120);
    assert_int_equal(pthread_create(&thread, NULL, sleeper_main, race), 0);
    for (uint32_t round = 1; round <= ROUNDS; round++) {
        atomic_store(&race->published, round);
        ring(race->ringer, round);
        while (atomic_load(&race->seen) != round)
            sched_yield();
        /* From here the sleeper is somewhere on its way to sleep. The next ring falls at another
         * place in it each round. */
        for (volatile unsigned spin = 0; spin < round % 512; spin++)
            ;
    }
    pthread_join(thread, NULL);
    alarm(0);
}

static void ring_by_rt(struct reef_board *board, uint32_t round)
{
    if (round % 2)
        reef_board_rt_raise(board);
    else
        reef_board_rt_clear(board);
}

static void ring_own(struct reef_board *board, uint32_t round)
{
    (void)round;
    reef_board_ring_self(board);
}

static void no_change_of_the_bitmap_is_slept_through(void **state)
{
    (void)state;
    struct race race = {.sleeper = open_board(), .ringer = open_board()};
    run_race(&race, ring_by_rt);
    reef_board_close(race.sleeper);
    reef_board_close(race.ringer);
}

static void own_rt_work_wakes_the_own_agent(void **state)
{
    (void)state;
    struct reef_board *board = open_board();
    struct race race = {.sleeper = board, .ringer = board};
    run_race(&race, ring_by_rt);
    reef_board_close(board);
}

static void no_ring_of_oneself_is_slept_through(void **state)
{
    (void)state;
    struct reef_board *board = open_board();
    struct race race = {.sleeper = board, .ringer = board};
    run_race(&race, ring_own);
    reef_board_close(board);
}

static void ringing_oneself_wakes_no_other(void **state)
{
    (void)state;
    struct reef_board *a = open_board(), *b = open_board();
    struct sleeper one, other;
    alarm(60);
    sleeper_start(&one, a);
    sleeper_start(&other, b);
    for (unsigned i = 1; i <= 100; i++) {
        reef_board_ring_self(a);
        sleeper_await(&one, i);
    }
    assert_int_equal(sleeper_settled(&other), 0);
    sleeper_end(&one);
    sleeper_end(&other);
    alarm(0);
    reef_board_close(a);
    reef_board_close(b);
}

static void a_raise_wakes_all_that_sleep(void **state)
{
    enum { SLEEPERS = 40 }; /* some of them share a bit of the futex */
    (void)state;
    struct reef_board *rt = open_board(), *board[SLEEPERS];
    struct sleeper sleeper[SLEEPERS];
    alarm(60);
    for (unsigned i = 0; i < SLEEPERS; i++)
        sleeper_start(&sleeper[i], board[i] = open_board());
    reef_board_rt_raise(rt);
    for (unsigned i = 0; i < SLEEPERS; i++)
        sleeper_await(&sleeper[i], 1);
    reef_board_rt_clear(rt);
    for (unsigned i = 0; i < SLEEPERS; i++)
        sleeper_await(&sleeper[i], 2);
    for (unsigned i = 0; i < SLEEPERS; i++) {
        sleeper_end(&sleeper[i]);
        reef_board_close(board[i]);
    }
    alarm(0);
    reef_board_close(rt);
}

/* Between reading the bell and sleeping, deterministically. */
static void a_ring_before_the_sleep_is_kept(void **state)
{
    (void)state;
    struct reef_board *board = open_board(), *other = open_board();
    alarm(30);
    uint32_t bell = reef_board_bell(board);
    reef_board_ring_self(board);
    reef_board_sleep(board, bell, FOREVER_NS);
    bell = reef_board_bell(board);
    reef_board_rt_raise(other);
    reef_board_sleep(board, bell, FOREVER_NS);
    bell = reef_board_bell(board);
    reef_board_rt_clear(other);
    reef_board_sleep(board, bell, FOREVER_NS);
    alarm(0);
    reef_board_close(board);
    reef_board_close(other);
}

static void a_sleep_ends_by_itself(void **state)
{
    (void)state;
    struct reef_board *board = open_board();
    uint64_t start_ns = now_ns();
    while (now_ns() - start_ns < 20000000) /* spurious returns are fine */
        reef_board_sleep(board, reef_board_bell(board), 20000000);
    assert_true(now_ns() - start_ns < 5000000000ull);
    reef_board_close(board);
}

/* --- many threads of one process on one slot --- */

struct crowd {
    struct reef_board *board;
    _Atomic bool stop;
    _Atomic uint64_t sleeps;
};

static void *crowd_raise(void *arg)
{
    struct crowd *crowd = arg;
    for (unsigned i = 0; i < 20000; i++)
        reef_board_rt_raise(crowd->board);
    return NULL;
}

static void *crowd_clear(void *arg)
{
    struct crowd *crowd = arg;
    for (unsigned i = 0; i < 5000; i++) {
        reef_board_rt_clear(crowd->board);
        reef_board_rt_renew(crowd->board, now_ns());
        reef_board_rt_active(crowd->board, now_ns());
    }
    return NULL;
}

static void *crowd_sleep(void *arg)
{
    struct crowd *crowd = arg;
    while (!atomic_load(&crowd->stop)) {
        uint32_t bell = reef_board_bell(crowd->board);
        if (!atomic_load(&crowd->stop))
            reef_board_sleep(crowd->board, bell, FOREVER_NS);
        atomic_fetch_add(&crowd->sleeps, 1);
    }
    return NULL;
}

static void many_threads_share_a_slot(void **state)
{
    (void)state;
    struct crowd crowd = {.board = open_board()};
    pthread_t sleeper, threads[4];
    alarm(120);
    pthread_create(&sleeper, NULL, crowd_sleep, &crowd);
    for (unsigned i = 0; i < 4; i++)
        pthread_create(&threads[i], NULL, i < 3 ? crowd_raise : crowd_clear, &crowd);
    for (unsigned i = 0; i < 4; i++)
        pthread_join(threads[i], NULL);
    atomic_store(&crowd.stop, true);
    reef_board_ring_self(crowd.board);
    pthread_join(sleeper, NULL);
    alarm(0);
    /* Whatever the order was, the bit can be set and cleared afterwards. */
    reef_board_rt_raise(crowd.board);
    assert_true(active_by_self(crowd.board));
    reef_board_rt_clear(crowd.board);
    assert_false(reef_board_rt_active(crowd.board, now_ns()));
    reef_board_close(crowd.board);
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, make_dir, remove_dir)
    const struct CMUnitTest tests[] = {
        TEST(no_change_of_the_bitmap_is_slept_through),
        TEST(own_rt_work_wakes_the_own_agent),
        TEST(no_ring_of_oneself_is_slept_through),
        TEST(ringing_oneself_wakes_no_other),
        TEST(a_raise_wakes_all_that_sleep),
        TEST(a_ring_before_the_sleep_is_kept),
        TEST(a_sleep_ends_by_itself),
        TEST(many_threads_share_a_slot),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
