// SPDX-License-Identifier: Apache-2.0
/* The words by which best-effort programs take turns: who may change them, who is rung. Several
 * boards opened by one process stand for several processes. */
#include "tests/unit/board/sleeper.h"

static struct reef_board_turn seen(const struct reef_board *board)
{
    struct reef_board_turn turn;
    reef_board_turn_read(board, &turn);
    return turn;
}

static void one_of_two_gets_the_token(void **state)
{
    struct reef_board *a = open_board(), *b = open_board();
    assert_int_not_equal(reef_board_slot(a), reef_board_slot(b));
    assert_int_equal(seen(a).token, 0);
    assert_true(reef_board_turn_change(a, 0, 7, -1));
    assert_false(reef_board_turn_change(b, 0, 8, -1));
    assert_int_equal(seen(b).token, 7);
    reef_board_turn_renew(a, 12345);
    assert_int_equal(seen(b).renewed_ns, 12345);
    reef_board_close(a);
    reef_board_close(b);
}

static void who_waits_rings_the_holder(void **state)
{
    struct reef_board *a = open_board(), *b = open_board();
    struct sleeper holder, waiter;
    alarm(60);
    sleeper_start(&holder, a);
    sleeper_start(&waiter, b);
    reef_board_turn_wait(b, true, (int)reef_board_slot(a));
    sleeper_await(&holder, 1);
    assert_int_equal(sleeper_settled(&waiter), 0);
    assert_int_equal(seen(a).waiters, 1ull << reef_board_slot(b));
    uint32_t bell = reef_board_bell(a);
    reef_board_turn_wait(b, true, (int)reef_board_slot(a)); /* nothing new */
    assert_int_equal(reef_board_bell(a), bell);
    reef_board_turn_wait(b, false, (int)reef_board_slot(a));
    assert_int_equal(seen(a).waiters, 0);
    reef_board_turn_wait(b, true, -1);
    assert_int_equal(reef_board_bell(a), bell);
    sleeper_end(&holder);
    sleeper_end(&waiter);
    alarm(0);
    reef_board_close(a);
    reef_board_close(b);
}

static void the_next_is_rung(void **state)
{
    struct reef_board *a = open_board(), *b = open_board(), *c = open_board();
    struct sleeper other, next;
    alarm(60);
    sleeper_start(&other, b);
    sleeper_start(&next, c);
    reef_board_turn_wait(b, true, -1);
    reef_board_turn_wait(c, true, -1);
    assert_true(reef_board_turn_change(a, 0, 1, (int)reef_board_slot(c)));
    sleeper_await(&next, 1);
    assert_int_equal(sleeper_settled(&other), 0);
    assert_true(reef_board_turn_change(a, 1, 0, -1)); /* free: all that wait */
    sleeper_await(&next, 2);
    sleeper_await(&other, 1);
    reef_board_turn_forget(a, 1ull << reef_board_slot(b));
    assert_int_equal(seen(a).waiters, 1ull << reef_board_slot(c));
    sleeper_end(&other);
    sleeper_end(&next);
    alarm(0);
    reef_board_close(a);
    reef_board_close(b);
    reef_board_close(c);
}

static void who_leaves_waits_no_more(void **state)
{
    struct reef_board *a = open_board(), *b = open_board();
    reef_board_turn_wait(b, true, -1);
    reef_board_close(b);
    assert_int_equal(seen(a).waiters, 0);
    reef_board_close(a);
}

static void any_holder_is_harmless(void **state)
{
    struct reef_board *a = open_board();
    for (int slot = -1; slot < 300; slot++) {
        reef_board_turn_wait(a, true, slot);
        assert_true(reef_board_turn_change(a, seen(a).token, seen(a).token + 1, slot));
        reef_board_turn_wait(a, false, slot);
    }
    reef_board_close(a);
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, make_dir, remove_dir)
    const struct CMUnitTest tests[] = {
        TEST(one_of_two_gets_the_token), TEST(who_waits_rings_the_holder), TEST(the_next_is_rung),
        TEST(who_leaves_waits_no_more),  TEST(any_holder_is_harmless),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
