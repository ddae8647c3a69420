// SPDX-License-Identifier: Apache-2.0
/* RT activity between processes: raised, cleared, renewed, and given up by the dead and the
 * stopped; and what a monitor sees. */
#include "tests/unit/board/board_test.h"

#include <pthread.h>
#include <sched.h>

#include <sys/mount.h>

static void another_process_raises_and_clears(void **state)
{
    (void)state;
    struct reef_board *board = open_board();
    struct child child = start_peer();
    assert_false(reef_board_rt_active(board, now_ns()));
    for (unsigned i = 0; i < 100; i++) {
        uint32_t bell = reef_board_bell(board);
        order(&child, 'r');
        assert_true(active_by(board, &child));
        assert_true(reef_board_bell(board) != bell);
        bell = reef_board_bell(board);
        order(&child, 'c');
        assert_false(reef_board_rt_active(board, now_ns()));
        assert_true(reef_board_bell(board) != bell);
    }
    order(&child, 'q');
    assert_int_equal(end_child(&child), 0);
    reef_board_close(board);
}

static void raising_again_changes_nothing(void **state)
{
    (void)state;
    struct reef_board *board = open_board();
    reef_board_rt_raise(board);
    uint32_t bell = reef_board_bell(board);
    for (unsigned i = 0; i < 1000; i++)
        reef_board_rt_raise(board);
    assert_int_equal(reef_board_bell(board), bell);
    reef_board_rt_clear(board);
    bell = reef_board_bell(board);
    reef_board_rt_clear(board);
    assert_int_equal(reef_board_bell(board), bell);
    reef_board_close(board);
}

static uint32_t evict_word(const struct reef_board *board)
{
    return *(const volatile uint32_t *)reef_board_evict_word(board);
}

static void the_word_for_the_gpu_follows(void **state)
{
    (void)state;
    struct reef_board *board = open_board();
    struct child other = start_peer();
    assert_int_equal(evict_word(board), 0);
    for (unsigned i = 0; i < 100; i++) {
        order(&other, 'r');
        assert_int_equal(evict_word(board), 1);
        reef_board_rt_raise(board);
        order(&other, 'c');
        assert_int_equal(evict_word(board), 1);
        reef_board_rt_clear(board);
        assert_int_equal(evict_word(board), 0);
    }
    /* RT work that does not count does not keep it up; and has it up again when it does count. */
    reef_board_rt_raise(board);
    uint64_t late_ns = now_ns() + 2 * REEF_BOARD_LEASE_NS;
    assert_false(reef_board_rt_active(board, late_ns));
    assert_int_equal(evict_word(board), 0);
    reef_board_rt_renew(board, now_ns());
    assert_int_equal(evict_word(board), 1);
    reef_board_rt_clear(board);
    reef_board_rt_renew(board, now_ns());
    assert_int_equal(evict_word(board), 0);
    order(&other, 'q');
    assert_int_equal(end_child(&other), 0);
    reef_board_close(board);
}

static void since_the_first_of_those_that_are_up(void **state)
{
    (void)state;
    struct reef_board *board = open_board();
    struct child other = start_peer();
    assert_int_equal(reef_board_rt_since(board), 0);
    uint64_t before_ns = now_ns();
    order(&other, 'r');
    uint64_t since_ns = reef_board_rt_since(board), after_ns = now_ns();
    assert_in_range(since_ns, before_ns, after_ns);
    reef_board_rt_raise(board);
    assert_int_equal(reef_board_rt_since(board), since_ns);
    order(&other, 'c');
    assert_in_range(reef_board_rt_since(board), after_ns, now_ns());
    reef_board_rt_clear(board);
    assert_int_equal(reef_board_rt_since(board), 0);
    order(&other, 'q');
    assert_int_equal(end_child(&other), 0);
    reef_board_close(board);
}

static void two_raise_and_one_clears(void **state)
{
    (void)state;
    struct reef_board *board = open_board();
    struct child a = start_peer(), b = start_peer();
    order(&a, 'r');
    order(&b, 'r');
    order(&a, 'c');
    assert_true(active_by(board, &b));
    order(&b, 'q'); /* closing clears too */
    assert_false(reef_board_rt_active(board, now_ns()));
    order(&a, 'q');
    end_child(&a);
    end_child(&b);
    reef_board_close(board);
}

/* --- the lease, in the caller's time: nothing waits --- */

static void the_lease_ends_unless_renewed(void **state)
{
    (void)state;
    struct reef_board *board = open_board();
    uint64_t start_ns = now_ns();
    reef_board_rt_raise(board);
    reef_board_rt_renew(board, start_ns);
    assert_true(reef_board_rt_active(board, start_ns));
    assert_true(reef_board_rt_active(board, start_ns + REEF_BOARD_LEASE_NS - 1));
    assert_false(reef_board_rt_active(board, start_ns + REEF_BOARD_LEASE_NS + 1));
    reef_board_rt_renew(board, start_ns + REEF_BOARD_LEASE_NS);
    assert_true(reef_board_rt_active(board, start_ns + REEF_BOARD_LEASE_NS + 1));
    /* The reader's clock reading may be a moment older than the renewal. */
    assert_true(reef_board_rt_active(board, start_ns + REEF_BOARD_LEASE_NS - 1000));
    reef_board_close(board);
}

static void a_renewal_far_in_the_future_is_no_lease(void **state)
{
    (void)state;
    struct reef_board *board = open_board();
    uint64_t start_ns = now_ns();
    reef_board_rt_raise(board);
    reef_board_rt_renew(board, start_ns + 3600000000000ull);
    assert_false(reef_board_rt_active(board, start_ns));
    reef_board_rt_renew(board, UINT64_MAX);
    assert_false(reef_board_rt_active(board, start_ns));
    reef_board_close(board);
}

static void a_killed_owner_loses_the_bit(void **state)
{
    (void)state;
    struct reef_board *board = open_board();
    struct child child = start_peer();
    order(&child, 'r');
    assert_true(active_by(board, &child));
    uint64_t start_ns = now_ns();
    kill(child.pid, SIGKILL); /* and not waited for: it stays a zombie */
    assert_true(wait_until_active(board, false, 2 * REEF_BOARD_LEASE_NS));
    print_message("          after %.1f ms\n", (double)(now_ns() - start_ns) / 1e6);
    end_child(&child);
    reef_board_close(board);
}

static void a_stopped_owner_loses_the_lease_and_gets_it_back(void **state)
{
    (void)state;
    int status;
    struct reef_board *board = open_board();
    struct child child = start_peer();
    order(&child, 'r');
    assert_true(active_by(board, &child));
    kill(child.pid, SIGSTOP);
    assert_int_equal(waitpid(child.pid, &status, WUNTRACED), child.pid);
    assert_true(wait_until_active(board, false, 2 * REEF_BOARD_LEASE_NS));
    kill(child.pid, SIGCONT);
    assert_true(active_by(board, &child)); /* its agent renews: the bit was not taken from it */
    order(&child, 'q');
    end_child(&child);
    assert_false(reef_board_rt_active(board, now_ns()));
    reef_board_close(board);
}

/* --- who lives --- */

static void *run_peer(void *arg)
{
    int *fds = arg;
    peer(fds[0], fds[1]);
    _exit(0);
}

/* Its main thread ends, others go on: /proc shows the process as a zombie, but it is alive. */
static void headless(int in, int out)
{
    static int fds[2];
    pthread_t thread;
    fds[0] = in;
    fds[1] = out;
    pthread_create(&thread, NULL, run_peer, fds);
    pthread_exit(NULL);
}

static void a_process_without_main_thread_lives(void **state)
{
    (void)state;
    struct reef_board_peer peers[REEF_BOARD_SLOTS];
    struct child child = start_child(headless);
    assert_int_equal(hear(child.in), 'o');
    usleep(20000); /* the main thread has ended: only that the test means something hangs on it */
    struct reef_board *board = open_board(); /* takes a slot: not the living one's */
    assert_int_equal(reef_board_read(test_dir, GPU, peers, REEF_BOARD_SLOTS), 2);
    assert_true(peers[0].alive && peers[1].alive);
    order(&child, 'r');
    reef_board_rt_active(board,
                         now_ns() + 2 * REEF_BOARD_LEASE_NS); /* late: looks whether it lives */
    assert_true(active_by(board, &child));
    order(&child, 'q');
    end_child(&child);
    reef_board_close(board);
}

/* In a container of its own, whose pid means nothing (or another process) here. */
static void in_own_namespace(int in, int out)
{
    /* The mounts are this process's own and private before /proc is mounted over: nobody else sees
     * it. */
    if (unshare(CLONE_NEWPID | CLONE_NEWNS) != 0 ||
        mount("none", "/", NULL, MS_REC | MS_PRIVATE, NULL) != 0) {
        say(out, 's');
        return;
    }
    pid_t pid = fork();
    if (pid == 0) {
        prctl(PR_SET_PDEATHSIG, SIGKILL);
        if (mount("proc", "/proc", "proc", 0, NULL) != 0)
            say(out, 's');
        else
            peer(in, out);
        _exit(0);
    }
    waitpid(pid, NULL, 0);
}

static void a_process_of_another_pid_namespace_is_not_judged(void **state)
{
    (void)state;
    struct child child = start_child(in_own_namespace);
    char said = hear(child.in);
    if (said != 'o') {
        end_child(&child);
        print_message("          skipped: no right to make a pid namespace\n");
        skip();
    }
    struct reef_board *board = open_board();
    struct reef_board_peer peers[REEF_BOARD_SLOTS];
    assert_int_equal(reef_board_read(test_dir, GPU, peers, REEF_BOARD_SLOTS), 2);
    order(&child, 'r');
    reef_board_rt_active(board, now_ns() + 2 * REEF_BOARD_LEASE_NS);
    assert_true(active_by(board, &child)); /* the lease alone decides */
    order(&child, 'q');
    end_child(&child);
    assert_false(reef_board_rt_active(board, now_ns()));
    reef_board_close(board);
}

/* --- monitor --- */

static void a_monitor_reads_without_a_slot(void **state)
{
    (void)state;
    struct reef_board_peer peers[REEF_BOARD_SLOTS];
    assert_int_equal(reef_board_read(test_dir, GPU, peers, REEF_BOARD_SLOTS), -ENOENT);
    struct reef_board *board = open_board();
    reef_board_set_class(board, REEF_BOARD_BE);
    atomic_store(&reef_board_stats(board)->preemptions, 41);
    atomic_store(&reef_board_stats(board)->be_completed, 43);
    struct child child = start_peer();
    order(&child, 'r');
    assert_int_equal(reef_board_read(test_dir, GPU, peers, 1), 1);
    assert_int_equal(reef_board_read(test_dir, GPU, peers, REEF_BOARD_SLOTS), 2);
    unsigned me = peers[0].pid == getpid() ? 0 : 1;
    assert_int_equal(peers[me].pid, getpid());
    assert_int_equal(peers[me].cls, REEF_BOARD_BE);
    assert_true(peers[me].alive);
    assert_false(peers[me].rt_active);
    assert_int_equal(peers[me].stats.preemptions, 41);
    assert_int_equal(peers[me].stats.be_completed, 43);
    assert_memory_equal(peers[me].command, "test_board_rt", 13);
    assert_int_equal(peers[!me].pid, child.pid);
    assert_true(peers[!me].alive);
    for (unsigned i = 0; i < 50 && !peers[!me].rt_active; i++) {
        order(&child, 'n');
        reef_board_read(test_dir, GPU, peers, REEF_BOARD_SLOTS);
    }
    assert_true(peers[!me].rt_active);
    kill(child.pid, SIGKILL);
    usleep(1000 * (REEF_BOARD_LEASE_NS / 1000000 + 5));
    int count = reef_board_read(test_dir, GPU, peers, REEF_BOARD_SLOTS);
    for (int i = 0; i < count; i++)
        if (peers[i].pid == child.pid)
            assert_false(peers[i].alive ||
                         peers[i].rt_active); /* an expired lease is not activity */
    end_child(&child);
    reef_board_close(board);
}

static void a_new_owner_starts_from_zero(void **state)
{
    (void)state;
    struct reef_board *board = open_board();
    reef_board_set_class(board, REEF_BOARD_RT);
    atomic_store(&reef_board_stats(board)->launches_rt, 9);
    reef_board_rt_raise(board);
    reef_board_close(board);
    board = open_board();
    assert_int_equal(atomic_load(&reef_board_stats(board)->launches_rt), 0);
    assert_false(reef_board_rt_active(board, now_ns()));
    reef_board_close(board);
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, make_dir, remove_dir)
    const struct CMUnitTest tests[] = {
        TEST(another_process_raises_and_clears),
        TEST(raising_again_changes_nothing),
        TEST(the_word_for_the_gpu_follows),
        TEST(since_the_first_of_those_that_are_up),
        TEST(two_raise_and_one_clears),
        TEST(the_lease_ends_unless_renewed),
        TEST(a_renewal_far_in_the_future_is_no_lease),
        TEST(a_killed_owner_loses_the_bit),
        TEST(a_stopped_owner_loses_the_lease_and_gets_it_back),
        TEST(a_process_without_main_thread_lives),
        TEST(a_process_of_another_pid_namespace_is_not_judged),
        TEST(a_monitor_reads_without_a_slot),
        TEST(a_new_owner_starts_from_zero),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
