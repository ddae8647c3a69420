// SPDX-License-Identifier: Apache-2.0
/* How many compute units RT programs leave: what they said, what they did not say, and what of the
 * dead and the stopped. */
#include "tests/unit/board/board_test.h"

enum { CUS = 60 };

/* With a lease that was just renewed, whatever the load. */
static uint32_t room_beside(struct reef_board *board, const struct child *active)
{
    uint32_t most = 0;
    if (!active)
        return reef_board_room(board, CUS, now_ns());
    for (unsigned i = 0; i < 50; i++) {
        order(active, 'n');
        uint64_t at_ns = now_ns();
        uint32_t room = reef_board_room(board, CUS, at_ns);
        if (reef_board_rt_active(board, at_ns))
            return room;
        most = room;
    }
    return most;
}

static void rt_work_that_says_nothing_leaves_nothing(void **state)
{
    (void)state;
    struct reef_board *board = open_board();
    struct child other = start_peer();
    assert_int_equal(room_beside(board, NULL), CUS);
    order(&other, 'r');
    assert_int_equal(room_beside(board, &other), 0);
    order(&other, 'c');
    assert_int_equal(room_beside(board, NULL), CUS);
    order(&other, 'q');
    end_child(&other);
    reef_board_close(board);
}

static void what_programs_said_adds_up(void **state)
{
    (void)state;
    struct reef_board *board = open_board();
    struct child one = start_peer(), two = start_peer();
    order(&one, 'r');
    order(&one, '2');
    assert_int_equal(room_beside(board, &one), 40);
    order(&two, '3'); /* it may come at any moment */
    assert_int_equal(room_beside(board, &one), 10);
    order(&two, 'r');
    assert_int_equal(room_beside(board, &one), 10);
    order(&two, '9');
    assert_int_equal(room_beside(board, &one), 0);
    order(&two, 'c');
    order(&two, '0'); /* says nothing any more */
    assert_int_equal(room_beside(board, &one), 40);
    order(&one, 'c');
    assert_int_equal(room_beside(board, NULL), 40);
    order(&one, 'q');
    end_child(&one);
    assert_int_equal(room_beside(board, NULL), CUS);
    order(&two, 'q');
    end_child(&two);
    reef_board_close(board);
}

/* One load tells whether it still holds; who needs more wakes the agents. */
static void every_change_is_counted(void **state)
{
    (void)state;
    static const struct {
        char order;
        bool changes, rings;
    } steps[] = {{'2', true, false},  {'2', false, false}, {'3', true, true},  {'1', true, false},
                 {'r', true, true},   {'r', false, false}, {'0', true, true},  {'4', true, false},
                 {'n', false, false}, {'c', true, true},   {'c', false, false}};
    struct reef_board *board = open_board();
    struct child other = start_peer();
    for (unsigned i = 0; i < sizeof(steps) / sizeof(steps[0]); i++) {
        uint32_t bell = reef_board_bell(board), changes = reef_board_room_changes(board);
        order(&other, steps[i].order);
        if ((reef_board_room_changes(board) != changes) != steps[i].changes ||
            (reef_board_bell(board) != bell) != steps[i].rings)
            fail_msg("step %u", i);
    }
    order(&other, 'q');
    end_child(&other);
    reef_board_close(board);
}

static void the_dead_need_nothing(void **state)
{
    (void)state;
    struct reef_board *board = open_board();
    struct child said = start_peer(), silent = start_peer();
    order(&said, '2');
    order(&said, 'r');
    order(&silent, 'r');
    assert_int_equal(room_beside(board, &silent), 0);
    kill(silent.pid, SIGKILL);
    end_child(&silent);
    uint64_t later_ns = now_ns() + 2 * REEF_BOARD_LEASE_NS; /* both leases are over */
    reef_board_room_take_back(board);
    assert_int_equal(reef_board_room(board, CUS, later_ns), 40);
    kill(said.pid, SIGKILL);
    end_child(&said);
    uint32_t changes = reef_board_room_changes(board);
    assert_int_equal(reef_board_room(board, CUS, later_ns), 40);
    reef_board_room_take_back(board);
    assert_int_equal(reef_board_room(board, CUS, later_ns), CUS);
    assert_true(reef_board_room_changes(board) != changes);
    struct child heir = start_peer(); /* of a slot */
    order(&heir, 'r');
    assert_int_equal(room_beside(board, &heir), 0);
    order(&heir, 'q');
    end_child(&heir);
    reef_board_close(board);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test_setup_teardown(rt_work_that_says_nothing_leaves_nothing, make_dir,
                                        remove_dir),
        cmocka_unit_test_setup_teardown(what_programs_said_adds_up, make_dir, remove_dir),
        cmocka_unit_test_setup_teardown(every_change_is_counted, make_dir, remove_dir),
        cmocka_unit_test_setup_teardown(the_dead_need_nothing, make_dir, remove_dir),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
