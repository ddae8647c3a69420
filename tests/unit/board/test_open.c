// SPDX-License-Identifier: Apache-2.0
/* Opening a board: who may, what is refused, what is replaced, and that all agree on one file. */
#include "tests/unit/board/board_test.h"

#include <sys/file.h>
#include <sys/mman.h>

static int try_open(const char *dir, const char *gpu)
{
    struct reef_board *board = (void *)1;
    why[0] = '\0';
    int error = reef_board_open(&board, dir, gpu, why, sizeof(why));
    if (error == 0) {
        reef_board_close(board);
        return 0;
    }
    assert_true(error < 0);
    assert_null(board);
    assert_true(why[0] != '\0');
    assert_null(strchr(why, '\n'));
    return error;
}

static void overwrite(off_t at, const void *bytes, size_t size)
{
    int fd = open(board_path(), O_WRONLY);
    assert_true(fd >= 0);
    assert_int_equal(pwrite(fd, bytes, size, at), (ssize_t)size);
    close(fd);
}

static void file_is_private(void **state)
{
    (void)state;
    struct stat st;
    struct reef_board *board = open_board();
    assert_int_equal(stat(board_path(), &st), 0);
    assert_int_equal(st.st_mode & 07777, 0600);
    assert_int_equal(st.st_uid, geteuid());
    reef_board_close(board);
    reef_board_close(NULL);
    reef_board_abandon(NULL);
}

static void the_name_must_be_a_file_name(void **state)
{
    (void)state;
    char name[400];
    memset(name, 'x', sizeof(name));
    name[sizeof(name) - 1] = '\0';
    assert_int_equal(try_open(test_dir, ""), -EINVAL);
    assert_int_equal(try_open(test_dir, "../x"), -EINVAL);
    assert_int_equal(try_open(test_dir, "a/b"), -EINVAL);
    assert_true(try_open(test_dir, name) < 0);
}

static void unusable_directories_are_refused(void **state)
{
    (void)state;
    char path[128];
    snprintf(path, sizeof(path), "%s/file", test_dir);
    close(open(path, O_CREAT | O_WRONLY, 0600));
    assert_int_equal(try_open(path, GPU), -ENOTDIR);
    snprintf(path, sizeof(path), "%s/none", test_dir);
    assert_int_equal(try_open(path, GPU), -ENOENT);
    assert_true(try_open("/proc/self", GPU) < 0); /* unwritable for root too */
    if (geteuid() != 0) {
        chmod(test_dir, 0500);
        assert_int_equal(try_open(test_dir, GPU), -EACCES);
        chmod(test_dir, 0700);
    }
}

static void a_symlink_is_not_followed(void **state)
{
    (void)state;
    char target[128], link[512];
    const char text[] = "precious";
    char now[sizeof(text)] = "";
    struct reef_board *board = open_board();
    snprintf(link, sizeof(link), "%s", board_path());
    reef_board_close(board);
    assert_int_equal(unlink(link), 0);

    snprintf(target, sizeof(target), "%s/target", test_dir);
    int fd = open(target, O_CREAT | O_RDWR, 0600);
    assert_int_equal(write(fd, text, sizeof(text)), sizeof(text));
    assert_int_equal(symlink(target, link), 0);
    assert_true(try_open(test_dir, GPU) < 0);
    assert_int_equal(pread(fd, now, sizeof(now), 0), sizeof(now));
    assert_string_equal(now, text);
    close(fd);
}

static void a_corrupt_file_nobody_uses_is_replaced(void **state)
{
    (void)state;
    static const uint64_t garbage = 0x5a5a5a5a5a5a5a5aull;
    struct stat before, old;
    reef_board_close(open_board());
    int fd = open(board_path(), O_RDONLY);
    assert_int_equal(fstat(fd, &before), 0);
    overwrite(0, &garbage, sizeof(garbage));
    struct reef_board *board = open_board();
    /* A new file took the name: whoever mapped the old one keeps it whole. */
    assert_int_equal(fstat(fd, &old), 0);
    assert_int_equal(old.st_nlink, 0);
    assert_int_equal(old.st_size, before.st_size);
    close(fd);
    reef_board_rt_raise(board);
    assert_true(active_by_self(board));
    reef_board_close(board);
}

static void a_truncated_file_nobody_uses_is_replaced(void **state)
{
    (void)state;
    static const off_t sizes[] = {0, 1, 8, 100, 4096};
    for (unsigned i = 0; i < sizeof(sizes) / sizeof(sizes[0]); i++) {
        reef_board_close(open_board());
        assert_int_equal(truncate(board_path(), sizes[i]), 0);
        struct reef_board *board = open_board();
        reef_board_rt_raise(board);
        assert_true(active_by_self(board));
        reef_board_close(board);
    }
}

static void garbage_behind_the_header_is_harmless(void **state)
{
    (void)state;
    struct stat st;
    reef_board_close(open_board());
    assert_int_equal(stat(board_path(), &st), 0);
    for (unsigned seed = 1; seed <= 200; seed++) {
        char bytes[4096];
        srandom(seed);
        for (off_t at = 64; at < st.st_size; at += (off_t)sizeof(bytes)) {
            size_t size = sizeof(bytes);
            if (at + (off_t)size > st.st_size)
                size = (size_t)(st.st_size - at);
            for (size_t i = 0; i < size; i++)
                bytes[i] = (char)(seed % 3 == 0 ? 0xff : random());
            overwrite(at, bytes, size);
        }
        struct reef_board_peer peers[REEF_BOARD_SLOTS];
        assert_in_range(reef_board_read(test_dir, GPU, peers, REEF_BOARD_SLOTS), 0,
                        REEF_BOARD_SLOTS);
        struct reef_board *board;
        if (reef_board_open(&board, test_dir, GPU, why, sizeof(why)) != 0)
            continue; /* all slots may seem to be taken */
        reef_board_rt_active(board, now_ns());
        reef_board_rt_raise(board);
        assert_true(active_by_self(board));
        reef_board_sleep(board, reef_board_bell(board), 1);
        reef_board_rt_clear(board);
        reef_board_close(board);
    }
}

/* Another version's file: the same magic, a version and a size of its own. */
static void make_foreign(uint32_t version)
{
    reef_board_close(open_board());
    overwrite(8, &version, sizeof(version));
}

static void a_foreign_version_nobody_uses_is_replaced(void **state)
{
    (void)state;
    make_foreign(99);
    reef_board_close(open_board());
}

/* All that is known of another version's process: it has the file mapped and holds a shared flock
 * on it. */
static void foreign_user(int in, int out)
{
    int fd = open(board_path(), O_RDWR);
    void *map = mmap(NULL, 4096, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    flock(fd, LOCK_SH);
    say(out, map == MAP_FAILED ? 'x' : 'm');
    hear(in);
}

static void a_foreign_version_in_use_is_refused(void **state)
{
    (void)state;
    struct stat before, after;
    make_foreign(99);
    assert_int_equal(stat(board_path(), &before), 0);
    struct child user = start_child(foreign_user);
    assert_int_equal(hear(user.in), 'm');
    assert_true(try_open(test_dir, GPU) < 0);
    print_message("          why: %s\n", why);
    assert_int_equal(stat(board_path(), &after), 0);
    assert_true(before.st_ino == after.st_ino && before.st_size == after.st_size);
    end_child(&user);
    reef_board_close(open_board()); /* now nobody uses it */
}

/* --- slots --- */

static void slots_run_out_and_come_back(void **state)
{
    (void)state;
    struct reef_board *boards[REEF_BOARD_SLOTS];
    for (unsigned i = 0; i < REEF_BOARD_SLOTS; i++)
        boards[i] = open_board();
    assert_true(try_open(test_dir, GPU) < 0);
    print_message("          why: %s\n", why);
    reef_board_close(boards[17]);
    boards[17] = open_board();
    for (unsigned i = 0; i < REEF_BOARD_SLOTS; i++)
        reef_board_close(boards[i]);
}

static void slots_of_the_dead_come_back(void **state)
{
    (void)state;
    for (unsigned i = 0; i < 2 * REEF_BOARD_SLOTS; i++) {
        struct child child = start_peer();
        if (i % 2)
            order(&child, 'r');
        kill(child.pid, SIGKILL);
        end_child(&child);
    }
    struct reef_board *board = open_board();
    assert_true(wait_until_active(board, false, 2 * REEF_BOARD_LEASE_NS));
    reef_board_close(board);
}

/* exec: the same pid and start time, but the program that took the slot is gone. */
static void exec_gives_the_slot_back(int in, int out)
{
    char *args[] = {(char *)"/bin/sleep", (char *)"60", NULL};
    struct reef_board *board;
    (void)in;
    for (unsigned i = 0; i < 8; i++)
        if (reef_board_open(&board, test_dir, GPU, why, sizeof(why)) != 0)
            _exit(2);
    reef_board_rt_raise(board);
    say(out, 'e');
    execv(args[0], args);
    _exit(3);
}

static void an_execed_rt_process_holds_nobody(void **state)
{
    (void)state;
    struct child child = start_child(exec_gives_the_slot_back);
    assert_int_equal(hear(child.in), 'e');
    struct reef_board *board = open_board();
    assert_true(wait_until_active(board, false, 2 * REEF_BOARD_LEASE_NS));
    reef_board_close(board);
    kill(child.pid, SIGKILL);
    end_child(&child);
}

static void a_forked_child_leaves_the_slot_alone(void **state)
{
    (void)state;
    struct reef_board *board = open_board();
    reef_board_rt_raise(board);
    pid_t pid = fork();
    if (pid == 0) {
        reef_board_abandon(board);
        _exit(0);
    }
    waitpid(pid, NULL, 0);
    assert_true(active_by_self(board));
    struct reef_board_peer peers[REEF_BOARD_SLOTS];
    assert_int_equal(reef_board_read(test_dir, GPU, peers, REEF_BOARD_SLOTS), 1);
    assert_int_equal(peers[0].pid, getpid());
    reef_board_close(board);
}

/* --- many at once --- */

static void open_at_once(int in, int out)
{
    struct reef_board *board;
    hear(in);
    if (reef_board_open(&board, test_dir, GPU, why, sizeof(why)) != 0) {
        say(out, 'x');
        _exit(2);
    }
    say(out, 'o');
    hear(in);
    reef_board_rt_raise(board);
    say(out, 'r');
    hear(in);
    reef_board_close(board);
}

static void sixteen_open_at_once(void **state)
{
    (void)state;
    enum { N = 16, ROUNDS = 10 };
    for (unsigned round = 0; round < ROUNDS; round++) {
        struct child children[N];
        struct reef_board_peer peers[REEF_BOARD_SLOTS];
        if (round % 2) { /* and a corrupt file is there, which one of them must replace */
            uint64_t garbage = round;
            overwrite(0, &garbage, sizeof(garbage));
        }
        for (unsigned i = 0; i < N; i++)
            children[i] = start_child(open_at_once);
        for (unsigned i = 0; i < N; i++)
            say(children[i].out, 'g');
        for (unsigned i = 0; i < N; i++)
            assert_int_equal(hear(children[i].in), 'o');
        board_path(); /* one file */
        assert_int_equal(reef_board_read(test_dir, GPU, peers, REEF_BOARD_SLOTS), N);
        for (unsigned i = 0; i < N; i++)
            order(&children[i], 'r');
        assert_int_equal(reef_board_read(test_dir, GPU, peers, REEF_BOARD_SLOTS), N);
        for (unsigned i = 0; i < N; i++)
            assert_true(peers[i].alive);
        for (unsigned i = 0; i < N; i++) {
            say(children[i].out, 'q');
            assert_int_equal(end_child(&children[i]), 0);
        }
        assert_int_equal(reef_board_read(test_dir, GPU, peers, REEF_BOARD_SLOTS), 0);
    }
}

/* "No process waits for another without a bound": one that is stopped while it opens must not stop
 * the others' opening for ever. It is caught at the lock by holding every lock there is from
 * outside. */
static void hold_all_locks(int in, int out)
{
    DIR *dir = opendir(test_dir);
    for (struct dirent *entry; dir && (entry = readdir(dir));) {
        int fd = openat(dirfd(dir), entry->d_name, O_RDWR);
        if (fd >= 0)
            flock(fd, LOCK_EX);
    }
    say(out, 'h');
    hear(in);
}

static void opening_is_bounded(void **state)
{
    (void)state;
    reef_board_close(open_board());
    struct child holder = start_child(hold_all_locks);
    assert_int_equal(hear(holder.in), 'h');
    pid_t pid = fork();
    if (pid == 0) {
        alarm(5); /* kills it if it waits without a bound */
        struct reef_board *board;
        reef_board_open(&board, test_dir, GPU, why, sizeof(why));
        _exit(0);
    }
    int status;
    waitpid(pid, &status, 0);
    end_child(&holder);
    if (!WIFEXITED(status))
        fail_msg("reef_board_open waited for a lock without a bound");
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, make_dir, remove_dir)
    const struct CMUnitTest tests[] = {
        TEST(file_is_private),
        TEST(the_name_must_be_a_file_name),
        TEST(unusable_directories_are_refused),
        TEST(a_symlink_is_not_followed),
        TEST(a_corrupt_file_nobody_uses_is_replaced),
        TEST(a_truncated_file_nobody_uses_is_replaced),
        TEST(garbage_behind_the_header_is_harmless),
        TEST(a_foreign_version_nobody_uses_is_replaced),
        TEST(a_foreign_version_in_use_is_refused),
        TEST(slots_run_out_and_come_back),
        TEST(slots_of_the_dead_come_back),
        TEST(an_execed_rt_process_holds_nobody),
        TEST(a_forked_child_leaves_the_slot_alone),
        TEST(sixteen_open_at_once),
        TEST(opening_is_bounded),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
